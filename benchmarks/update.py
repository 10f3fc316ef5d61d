"""What one `customers.update` costs, beside the same two requests without the facade.

Three ways to change the phone number of a customer, sync and async: through the
facade, with plain httpx as one would write it by hand, and with the generated
functions alone.  They take turns in small batches, so that a machine which slows
down slows all of them.  A ratio is that of one round, and medians over the rounds
are shown.  CPU is the client's alone: the gateway is another process.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import IO, Any, cast

import caibo_api
import httpx
from caibo_api.api.customers import get_customer, replace_customer
from caibo_api.models import Customer

import caibo

# A customer each, so that nobody reads what another wrote.
FACADE, PLAIN, GENERATED = range(16772748432912191, 16772748432912194)
NAMES = {FACADE: "facade", PLAIN: "plain httpx", GENERATED: "generated alone"}
KEY = "caibo_test_sk_of_no_gateway"
BATCH = 20  # updates of one way before it is another's turn
# httpx imports httpcore with its first client only.
IMPORTS = (
    "import caibo",
    "import httpx",
    "import httpx, httpcore",
    "import caibo_api",
    "import caibo; caibo.Caibo",
)
NEW_PHONES = map("+1202555{:07}".format, itertools.count())  # an equal one would not be written

Batch = Callable[[], object]


@dataclass
class Way:
    """One way to update, and what it cost in each round, in microseconds an update."""

    run: Batch
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def measure(self) -> None:
        """Run one batch."""
        wall, cpu = time.perf_counter(), time.process_time()
        self.run()
        self.cpu.append((time.process_time() - cpu) / BATCH * 1e6)
        self.wall.append((time.perf_counter() - wall) / BATCH * 1e6)


@contextmanager
def gateway() -> Iterator[str]:
    """Start the gateway and give its base URL."""
    program = Path(__file__).with_name("gateway.py")
    with subprocess.Popen(
        [sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        # Leaving `Popen` closes its standard input, which ends it.
        port = cast(IO[str], process.stdout).readline().strip()
        if not port:
            sys.exit("the gateway of the benchmark does not start; its own words are above")
        yield f"http://127.0.0.1:{port}"


def httpx_options(base_url: str) -> dict[str, Any]:
    """Give what a client needs that is to do the facade's work by hand."""
    return {
        "base_url": base_url,
        "headers": {"X-API-Key": KEY},
        "timeout": 10.0,
        "trust_env": False,  # a proxy would be measured, too
    }


def sync_batches(base_url: str, stack: ExitStack) -> dict[int, Batch]:
    """Make the three ways to update, a batch each."""
    client = stack.enter_context(caibo.Caibo(api_key=KEY, base_url=base_url))
    plain = stack.enter_context(httpx.Client(**httpx_options(base_url)))
    other = stack.enter_context(httpx.Client(**httpx_options(base_url)))
    api = caibo_api.Client(base_url).set_httpx_client(other)

    def facade() -> None:
        for _ in range(BATCH):
            client.customers.update(FACADE, phone=next(NEW_PHONES))

    def by_hand() -> None:
        for _ in range(BATCH):
            read = plain.get(f"/customers/{PLAIN}").raise_for_status()
            record = read.json()
            record["phone"] = next(NEW_PHONES)
            plain.put(f"/customers/{PLAIN}", json=record).raise_for_status()

    def generated() -> None:
        for _ in range(BATCH):
            customer = cast(Customer, get_customer.sync_detailed(GENERATED, client=api).parsed)
            customer.phone = next(NEW_PHONES)
            replace_customer.sync_detailed(GENERATED, client=api, body=customer)

    return {FACADE: facade, PLAIN: by_hand, GENERATED: generated}


def async_batches(base_url: str, stack: ExitStack) -> dict[int, Batch]:
    """Make the same three ways, awaited; all of them share one event loop."""
    runner = stack.enter_context(asyncio.Runner())
    clients = AsyncExitStack()
    stack.callback(lambda: runner.run(clients.aclose()))

    client = caibo.AsyncCaibo(api_key=KEY, base_url=base_url)
    plain = httpx.AsyncClient(**httpx_options(base_url))
    other = httpx.AsyncClient(**httpx_options(base_url))
    api = caibo_api.Client(base_url).set_async_httpx_client(other)
    for opened in (client, plain, other):
        clients.push_async_exit(opened)

    async def facade() -> None:
        for _ in range(BATCH):
            await client.customers.update(FACADE, phone=next(NEW_PHONES))

    async def by_hand() -> None:
        for _ in range(BATCH):
            read = (await plain.get(f"/customers/{PLAIN}")).raise_for_status()
            record = read.json()
            record["phone"] = next(NEW_PHONES)
            (await plain.put(f"/customers/{PLAIN}", json=record)).raise_for_status()

    async def generated() -> None:
        for _ in range(BATCH):
            answer = await get_customer.asyncio_detailed(GENERATED, client=api)
            customer = cast(Customer, answer.parsed)
            customer.phone = next(NEW_PHONES)
            await replace_customer.asyncio_detailed(GENERATED, client=api, body=customer)

    def on_loop(batch: Callable[[], Coroutine[Any, Any, None]]) -> Batch:
        return lambda: runner.run(batch())

    return {FACADE: on_loop(facade), PLAIN: on_loop(by_hand), GENERATED: on_loop(generated)}


def measure(ways: dict[int, Way], base_url: str, rounds: int) -> None:
    """Let the ways take turns, each round in another order."""
    for way in ways.values():
        way.run()  # imports, caches and connections
    for id in ways:
        phone = httpx.get(f"{base_url}/customers/{id}", trust_env=False).json()["phone"]
        if phone == "+12025550143":
            raise SystemExit(f"{NAMES[id]} did not update its customer; nothing was measured")
    gc.collect()
    gc.freeze()  # what is there already is nobody's garbage
    turns = list(ways.values())
    for _ in range(rounds):
        for way in turns:
            way.measure()
        turns.append(turns.pop(0))


def ratios(one: list[float], other: list[float]) -> float:
    """Return the median of the ratios of each round."""
    return median(a / b for a, b in zip(one, other, strict=True))


def report_updates(face: str, ways: dict[int, Way]) -> float:
    """Print a table, and return what CPU the facade takes as a multiple of plain httpx."""
    print(f"\n{face:<16} CPU µs  wall µs   CPU ratio  wall ratio")
    plain = ways[PLAIN]
    for id, way in ways.items():
        cpu, wall = ratios(way.cpu, plain.cpu), ratios(way.wall, plain.wall)
        print(
            f"{NAMES[id]:<16} {median(way.cpu):6.0f}  {median(way.wall):7.0f}"
            f"   {cpu:9.3f}  {wall:10.3f}"
        )
    return ratios(ways[FACADE].cpu, plain.cpu)


def report_imports(runs: int) -> None:
    """Print the CPU that imports take, each in a fresh interpreter."""
    print(f"\n{'CPU ms, fresh interpreter':<29}   least   median")
    for statement in IMPORTS:
        program = f"import time; t = time.process_time(); {statement}; print(time.process_time()-t)"
        taken = [
            float(subprocess.check_output([sys.executable, "-c", program])) * 1e3
            for _ in range(runs)
        ]
        print(f"{statement:<29}  {min(taken):6.1f}   {median(taken):6.1f}")


def report_construction(runs: int) -> None:
    """Print what one more client costs, of a gateway that is reached with TLS.

    The first of ours imports the package and loads the certificates, which httpx does
    for each of its own.
    """
    print("\nwall ms for a client            first    least   median of the others")
    makers: dict[str, Callable[[], object]] = {
        "caibo.Caibo": lambda: caibo.Caibo(api_key=KEY, base_url="https://gateway.example"),
        "caibo.AsyncCaibo": lambda: caibo.AsyncCaibo(
            api_key=KEY, base_url="https://gateway.example"
        ),
        "httpx.Client": lambda: httpx.Client(base_url="https://gateway.example"),
    }
    for name, make in makers.items():
        taken = []
        for _ in range(runs):
            start = time.perf_counter()
            make()
            taken.append((time.perf_counter() - start) * 1e3)
        first, *others = taken
        print(f"{name:<29}  {first:7.2f}  {min(others):7.3f}  {median(others):7.3f}")


def main() -> None:
    """Measure, print, and fail where the facade costs more than the limit."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rounds", type=int, default=100, help=f"of {BATCH} updates a way (%(default)s)"
    )
    parser.add_argument("--quick", action="store_true", help="10 rounds, for a first look")
    parser.add_argument(
        "--limit",
        type=float,
        default=1.15,
        help="of the facade's CPU as a multiple of plain httpx; more is a failure (%(default)s)",
    )
    arguments = parser.parse_args()
    rounds = 10 if arguments.quick else arguments.rounds
    if rounds < 1:
        parser.error("--rounds counts from 1")

    found = {}
    print(f"Python {sys.version.split()[0]}, httpx {httpx.__version__}, {rounds} × {BATCH} updates")
    report_construction(5 if arguments.quick else 50)
    for face, make in (("sync", sync_batches), ("async", async_batches)):
        with gateway() as base_url, ExitStack() as stack:
            ways = {id: Way(run) for id, run in make(base_url, stack).items()}
            measure(ways, base_url, rounds)
            found[face] = report_updates(face, ways)
    report_imports(3 if arguments.quick else 15)
    for face, ratio in found.items():
        if ratio > arguments.limit:
            sys.exit(
                f"\n{face}: {ratio:.3f} times the CPU of plain httpx, more than {arguments.limit}"
            )


if __name__ == "__main__":
    main()
