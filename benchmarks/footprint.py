"""What is paid before the first update and beside all of them: imports, clients, memory.

Each figure is taken in a fresh interpreter.  Of memory there are two: what Python gave
out (`tracemalloc`), and what the process grew by, which is whole pages and includes
what OpenSSL keeps for each client's certificates.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from benchmarks.measuring import Ratio, compare
from benchmarks.ways import (
    IN_FLIGHT,
    KEPT,
    KEY,
    by_hand,
    by_hand_async,
    facade,
    facade_async,
    httpx_options,
)

import caibo

# httpx imports httpcore with its first client only.
BARE = "import httpx, httpcore"
OURS = "import caibo; caibo.Caibo"
IMPORTS = (OURS, BARE, "import caibo", "import httpx", "import caibo_api")
# What is installed is compiled; a checkout whose bytecode may not be kept seems dear.
COMPILED = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
REMOTE = "https://gateway.example"
CLIENTS = 50


def report_imports(rounds: int) -> Ratio:
    """Print the CPU that imports take, and return ours as a multiple of httpx's."""
    taken: dict[str, list[float]] = {statement: [] for statement in IMPORTS}
    for turn in range(rounds + 1):
        for statement, times in taken.items():
            program = (
                f"import time; t = time.process_time(); {statement}; print(time.process_time()-t)"
            )
            output = subprocess.check_output([sys.executable, "-c", program], env=COMPILED)
            if turn:  # the first one compiles, perhaps
                times.append(float(output) * 1e3)
    print(f"\n{'imports':<36} CPU ms, ratio: least median")
    for statement, times in taken.items():
        print(
            f"  {statement:<34} {min(times):6.1f} {median(times):6.1f}"
            f"  {compare(times, taken[BARE])}"
        )
    return compare(taken[OURS], taken[BARE])


def report_construction(runs: int) -> None:
    """Print what one more client costs, of a gateway that is reached with TLS.

    The first of ours loads the certificates, which httpx does for each of its own.
    """
    print(f"\n{'one more client':<36} wall ms: first  least median of the others")
    makers: dict[str, Callable[[], object]] = {
        "caibo.Caibo": lambda: caibo.Caibo(api_key=KEY, base_url=REMOTE),
        "caibo.AsyncCaibo": lambda: caibo.AsyncCaibo(api_key=KEY, base_url=REMOTE),
        "httpx.Client": lambda: httpx.Client(base_url=REMOTE),
    }
    for name, make in makers.items():
        taken = []
        for _ in range(runs):
            start = time.perf_counter()
            make()
            taken.append((time.perf_counter() - start) * 1e3)
        first, *others = taken
        print(f"  {name:<34}        {first:7.2f} {min(others):6.3f} {median(others):6.3f}")


def report_memory(base_url: str) -> None:
    """Print what clients keep, in KiB: idle, used once, and with 64 updates under way."""
    print(f"\n{'memory':<36} KiB: Python's, ratio   the process's, ratio")
    for work, title in (
        ("made", "a client of a gateway with TLS"),
        ("used", "a client that keeps one connection"),
        ("crowd", f"{IN_FLIGHT} updates in flight, at most"),
    ):
        found = {whose: _memory(work, whose, base_url) for whose in ("facade", "plain")}
        print(f"  {title}")
        for whose, name in (("facade", "facade"), ("plain", "plain httpx")):
            (traced, grown), (plain_traced, plain_grown) = found[whose], found["plain"]
            print(
                f"    {name:<34}    {traced:8.1f} {traced / plain_traced:6.2f}"
                f"        {grown:8.1f} {grown / plain_grown:6.2f}"
            )


def _memory(work: str, whose: str, base_url: str) -> tuple[float, float]:
    found = []
    for how in ("traced", "grown"):
        command = [sys.executable, "-m", "benchmarks.footprint", work, whose, how, base_url]
        found.append(min(json.loads(subprocess.check_output(command)) for _ in range(3)))
    return found[0], found[1]


def _python() -> int:
    return tracemalloc.get_traced_memory()[0]


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


def _peak() -> int:
    if tracemalloc.is_tracing():
        return tracemalloc.get_traced_memory()[1]
    # Not `ru_maxrss`: a child inherits its parent's.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def _each(make: Callable[[], object], measure: Callable[[], int]) -> float:
    kept = [make() for _ in range(10)]  # imports and caches
    gc.collect()
    before = measure()
    kept += [make() for _ in range(CLIENTS)]
    gc.collect()
    return (measure() - before) / CLIENTS


def _makers(base_url: str, stack: ExitStack) -> dict[tuple[str, str], Callable[[], object]]:
    ids = count(1)

    def used_facade() -> object:
        client = stack.enter_context(caibo.Caibo(api_key=KEY, base_url=base_url))
        facade(client)(next(ids))
        return client

    def used_plain() -> object:
        client = stack.enter_context(httpx.Client(**httpx_options(base_url)))
        by_hand(client)(next(ids))
        return client

    return {
        ("made", "facade"): lambda: caibo.Caibo(api_key=KEY, base_url=REMOTE),
        ("made", "plain"): lambda: httpx.Client(base_url=REMOTE),
        ("used", "facade"): used_facade,
        ("used", "plain"): used_plain,
    }


async def _crowd(whose: str, base_url: str, measure: Callable[[], int]) -> float:
    client: Any
    if whose == "facade":
        client = caibo.AsyncCaibo(api_key=KEY, base_url=base_url)
        update = facade_async(client)
    else:
        client = httpx.AsyncClient(**httpx_options(base_url), limits=KEPT)
        update = by_hand_async(client)

    async def again(id: int) -> None:
        for _ in range(4):
            await update(id)

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(client)
        await update(1)
        gc.collect()
        before = measure()
        if tracemalloc.is_tracing():
            tracemalloc.reset_peak()
        await asyncio.gather(*map(again, range(2, 2 + IN_FLIGHT)))
        return _peak() - before


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one figure in KiB."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("work", choices=["made", "used", "crowd"])
    parser.add_argument("whose", choices=["facade", "plain"])
    parser.add_argument("how", choices=["traced", "grown"])
    parser.add_argument("base_url")
    asked = parser.parse_args(arguments)
    measure = _resident
    if asked.how == "traced":
        tracemalloc.start()
        measure = _python
    if asked.work == "crowd":
        taken = asyncio.run(_crowd(asked.whose, asked.base_url, measure))
    else:
        with ExitStack() as stack:
            taken = _each(_makers(asked.base_url, stack)[asked.work, asked.whose], measure)
    print(taken / 1024)


if __name__ == "__main__":
    main()
