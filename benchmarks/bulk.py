"""Rows a second and memory of `caibo.bulk`, beside a gather over plain httpx by hand.

Each figure comes from a process of its own, over a gateway in another one.  By hand is
what one would write first: `asyncio.gather` with a semaphore, a read and a write a row,
and nothing that is written down.  The runs keep a journal and a backup, on the disk before
each write, in the folder of temporary files.  Memory is what the process grew by at its
peak, after its imports.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
from benchmarks.gateway import gateway
from benchmarks.ways import KEPT, KEY, httpx_options

import caibo
from caibo import bulk

WORKERS = (1, 8, 64)
FIRST = 16772748432912191
NUMBERS = itertools.count()


def rows(count: int) -> Iterator[tuple[int, dict[str, str]]]:
    """Give customers a phone that were not there before."""
    for _ in range(count):
        number = next(NUMBERS)
        yield FIRST + number, {"phone": f"+1202{number:07}"}


def files(folder: Path) -> dict[str, Any]:
    """Name what a run keeps."""
    return {"journal": folder / "run.jsonl", "backup": folder / "before.jsonl"}


def in_threads(base_url: str, count: int, workers: int, folder: Path) -> None:
    """Run `bulk.update`."""
    with caibo.Caibo(api_key=KEY, base_url=base_url) as client:
        report = bulk.update(client, rows(count), workers=workers, **files(folder))
    check(report.outcomes == {"accepted": count})


def in_tasks(base_url: str, count: int, workers: int, folder: Path) -> None:
    """Run `bulk.aupdate`."""

    async def main() -> None:
        async with caibo.AsyncCaibo(api_key=KEY, base_url=base_url) as client:
            report = await bulk.aupdate(client, rows(count), workers=workers, **files(folder))
        check(report.outcomes == {"accepted": count})

    asyncio.run(main())


def by_hand(base_url: str, count: int, workers: int, _: Path) -> None:
    """Gather all rows behind a semaphore."""

    async def main() -> None:
        async with httpx.AsyncClient(**httpx_options(base_url), limits=KEPT) as client:
            places = asyncio.Semaphore(workers)

            async def write(id: int, changes: dict[str, str]) -> None:
                async with places:
                    read = (await client.get(f"/customers/{id}")).raise_for_status()
                    record = {**read.json(), **changes}
                    (await client.put(f"/customers/{id}", json=record)).raise_for_status()

            await asyncio.gather(*(write(*row) for row in rows(count)))

    asyncio.run(main())


WAYS: dict[str, Callable[[str, int, int, Path], None]] = {
    "bulk.update, threads": in_threads,
    "bulk.aupdate, tasks": in_tasks,
    "gather over plain httpx": by_hand,
}


def check(what: object) -> None:
    """Stop where the work was not done: it would seem fast."""
    if not what:
        raise SystemExit("not every row was written; nothing was measured")


def peak() -> int:
    """Return the most memory that this process has had, in KiB."""
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most // 1024 if sys.platform == "darwin" else most


def one(way: str, base_url: str, count: int, workers: int) -> None:
    """Measure one way in this process, and print what it took."""
    with tempfile.TemporaryDirectory() as folder:
        WAYS[way](base_url, 20, workers, Path(folder))  # imports, caches
    with tempfile.TemporaryDirectory() as folder:
        before, began, cpu = peak(), time.perf_counter(), time.process_time()
        WAYS[way](base_url, count, workers, Path(folder))
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(json.dumps({"rate": count / wall, "cpu": cpu / count * 1e6, "grew": peak() - before}))


def main() -> None:
    """Measure every way with every number of workers, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=5_000, help="a figure (%(default)s)")
    parser.add_argument("--one", nargs=3, metavar=("WAY", "URL", "WORKERS"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        way, base_url, workers = asked.one
        one(way, base_url, asked.rows, int(workers))
        return
    print(f"Python {sys.version.split()[0]}, httpx {httpx.__version__}, {asked.rows:,} rows\n")
    print(f"{'':<24} workers   rows/s  CPU µs a row  grew MiB")
    for way in WAYS:
        for workers in WORKERS:
            with gateway() as base_url:
                command = [sys.executable, "-m", "benchmarks.bulk", "--rows", str(asked.rows)]
                command += ["--one", way, base_url, str(workers)]
                said = json.loads(subprocess.check_output(command))
            print(
                f"{way:<24} {workers:7}  {said['rate']:7.0f}  {said['cpu']:12.0f}"
                f"  {said['grew'] / 1024:8.1f}"
            )


if __name__ == "__main__":
    main()
