"""What updates cost through each transport, many at once, beside plain httpx.

Async updates of distinct customers, so many in flight, over httpcore, aiohttp and
reqwest: through the facade, and with plain httpx over the same transport.  All of
them take turns in one run, and the ratios are those to plain httpx over httpcore.
CPU is the client's alone, its threads included; the gateway is another process and
has a processor for itself where there is one.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from statistics import median

import httpx
from benchmarks.gateway import gateway
from benchmarks.ways import KEY, NEW_PHONES, httpx_options

import caibo

sys.path.append(str(Path(__file__).parents[1] / "examples" / "transports"))
from over_aiohttp import OverAiohttp
from over_pyreqwest import AsyncOverPyreqwest

IDS = itertools.cycle(range(16772748432912191, 16772748432913191))
VERSIONS = ("httpx", "httpcore", "aiohttp", "httpx-aiohttp", "pyreqwest")
TRANSPORTS: dict[str, Callable[[], httpx.AsyncBaseTransport | None]] = {
    "httpcore": lambda: None,
    "aiohttp": OverAiohttp,
    "pyreqwest": AsyncOverPyreqwest,
}
PLAIN = "plain httpx, httpcore"


@dataclass
class Way:
    """One way to update, and what it cost in each round, in microseconds an update."""

    update: Callable[[int], Awaitable[object]]
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    async def measure(self, updates: int, in_flight: int) -> None:
        """Keep so many updates in flight until all are done."""
        left = iter(range(updates))

        async def work() -> None:
            for _ in left:
                await self.update(next(IDS))

        wall, cpu = time.perf_counter(), time.process_time()
        async with asyncio.TaskGroup() as group:
            for _ in range(in_flight):
                group.create_task(work())
        self.cpu.append((time.process_time() - cpu) / updates * 1e6)
        self.wall.append((time.perf_counter() - wall) / updates * 1e6)


async def ways(base_url: str, stack: AsyncExitStack) -> dict[str, Way]:
    """Make a client for each way to update."""
    found = {}
    for name, transport in TRANSPORTS.items():
        plain = await stack.enter_async_context(
            httpx.AsyncClient(transport=transport(), **httpx_options(base_url))
        )
        client = await stack.enter_async_context(
            caibo.AsyncCaibo(api_key=KEY, base_url=base_url, transport=transport())
        )

        async def by_hand(id: int, plain: httpx.AsyncClient = plain) -> None:
            record = (await plain.get(f"/customers/{id}")).raise_for_status().json()
            record["phone"] = next(NEW_PHONES)
            (await plain.put(f"/customers/{id}", json=record)).raise_for_status()

        async def facade(id: int, client: caibo.AsyncCaibo = client) -> None:
            await client.customers.update(id, phone=next(NEW_PHONES))

        found[f"plain httpx, {name}"] = Way(by_hand)
        found[f"caibo, {name}"] = Way(facade)
    return found


async def measure(base_url: str, rounds: int, updates: int, in_flight: int) -> dict[str, Way]:
    """Let the ways take turns, each round in another order."""
    async with AsyncExitStack() as stack:
        found = await ways(base_url, stack)
        turns = list(found.values())
        for way in turns:
            await way.measure(in_flight * 2, in_flight)
            way.cpu.clear()
            way.wall.clear()
        gc.collect()
        gc.freeze()
        for _ in range(rounds):
            for way in turns:
                await way.measure(updates, in_flight)
            turns.append(turns.pop(0))
        return found


def report(found: dict[str, Way]) -> None:
    """Print a table of medians, and of the ratios of each round."""
    plain = found[PLAIN]
    print(f"{'':<24} updates/s   CPU µs   CPU ratio  wall ratio")
    for name, way in found.items():
        cpu = median(a / b for a, b in zip(way.cpu, plain.cpu, strict=True))
        wall = median(a / b for a, b in zip(way.wall, plain.wall, strict=True))
        print(
            f"{name:<24} {1e6 / median(way.wall):9.0f}  {median(way.cpu):7.0f}"
            f"   {cpu:9.2f}  {wall:10.2f}"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15, help="(%(default)s)")
    parser.add_argument("--updates", type=int, default=400, help="a way and round (%(default)s)")
    parser.add_argument("--in-flight", type=int, default=64, help="at once (%(default)s)")
    options = parser.parse_args()

    versions = ", ".join(f"{name} {metadata.version(name)}" for name in VERSIONS)
    print(f"Python {sys.version.split()[0]}, {versions}")
    print(f"{options.rounds} × {options.updates} updates, {options.in_flight} in flight")
    with gateway() as base_url:
        report(asyncio.run(measure(base_url, options.rounds, options.updates, options.in_flight)))


if __name__ == "__main__":
    main()
