"""Play cases before one caller: ``python -m record.worker CALLER [FOLDER]``, JSON in lines.

It has a lying gateway of its own, and measures what each call leaves behind.
"""

from __future__ import annotations

import faulthandler
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import anyio
from record.callers import DEADLINE, Log, Told, async_update, by_hand, sync_update

#: Seconds after which a case that hangs ends the process, with its stack.
HANGS = 30
FDS = Path("/proc/self/fd")


class Gateway:
    """Command `liar.py`."""

    def __init__(self, folder: str | None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "record.liar", *([folder] if folder else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        assert self._process.stdout is not None
        port = int(self._process.stdout.readline())
        self.base_url = f"{'https' if folder else 'http'}://127.0.0.1:{port}"

    def __call__(self, command: object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


def descriptors() -> int:
    """Count what this process has open: sockets, files and pipes."""
    return sum(1 for _ in FDS.iterdir()) if FDS.exists() else 0


def cases() -> Iterator[dict[str, Any]]:
    """Yield what is to be played; the first one loads what is loaded when it is needed."""
    yield {}
    yield from map(json.loads, sys.stdin)


class Tasks(Protocol):
    def __call__(self) -> int: ...


def no_tasks() -> int:
    return 0


def tasks_of(backend: str) -> Tasks:
    """Return what counts the tasks of the event loop."""
    if backend == "asyncio":
        import asyncio

        return lambda: len(asyncio.all_tasks())
    import trio

    return lambda: trio.lowlevel.current_statistics().tasks_living


class Measure:
    """Compare what there is after a call with what there was before it."""

    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks
        self._before = self._now()
        self._idle = 0
        self._ended = 0.0
        self._began = time.monotonic()
        faulthandler.dump_traceback_later(HANGS, exit=True)

    def _now(self) -> tuple[int, int, int]:
        return descriptors(), threading.active_count(), self._tasks()

    def look(self) -> None:
        """Note how long the call took, and what the client keeps open after it."""
        self._ended = time.monotonic()
        self._idle = descriptors() - self._before[0]

    def told(self, told: Told) -> Told:
        faulthandler.cancel_dump_traceback_later()
        now = self._now()
        left = [after - before for before, after in zip(self._before, now, strict=True)]
        seconds = (self._ended or time.monotonic()) - self._began
        return {**told, "seconds": seconds, "idle": self._idle, "left": left}


def sync_worker(caller: str, gateway: Gateway) -> None:
    log = Log()
    for case in cases():
        confirm = case.pop("confirm", False)
        gateway(case)
        measure = Measure(no_tasks)
        if caller == "sync":
            told = sync_update(gateway.base_url, measure.look, confirm)
        else:
            told = by_hand(caller, gateway.base_url)
        finish(measure.told(told), log, gateway)


async def async_worker(backend: str, gateway: Gateway) -> None:
    log, tasks = Log(), tasks_of(backend)
    for case in cases():  # waiting for one blocks the loop, and nothing else runs there
        confirm = case.pop("confirm", False)
        gateway(case)
        measure = Measure(tasks)
        told = await async_update(gateway.base_url, measure.look, confirm)
        await anyio.wait_all_tasks_blocked()  # what only ends is not left
        finish(measure.told(told), log, gateway)


def finish(told: Told, log: Log, gateway: Gateway) -> None:
    said = {**told, **gateway("report")}
    said["beyond"] = max(0.0, said["seconds"] - DEADLINE)
    said["shown"] = sorted({*said["shown"], *log.take()})
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def main(caller: str, folder: str | None = None) -> None:
    gateway = Gateway(folder)
    try:
        if caller in ("asyncio", "trio"):
            anyio.run(async_worker, caller, gateway, backend=caller)
        else:
            sync_worker(caller, gateway)
    finally:
        gateway.end()


if __name__ == "__main__":
    main(*sys.argv[1:])
