"""A clock that tests move, in the place of the one that `caibo` goes by."""

from __future__ import annotations

import math
import threading
import time
from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from types import TracebackType
from typing import Any, Self

import anyio
from anyio.lowlevel import checkpoint

from caibo._wire import clock

# So often gives a sleeping task way to others before the clock moves: for about one
# request in memory, so that what they do without waiting is done by then.
_ROUNDS = 20
_REPLACED = ("now", "sleep", "asleep")


@dataclass(order=True)
class _Sleeper:
    wakes: float
    ticket: int
    first: anyio.Event = field(compare=False)


class Clock:
    """Let the pauses of `caibo` cost no time while this context is entered.

    A pause of a thread moves the clock and is over.  Tasks that pause in one event
    loop wake in the order of time, and each moves the clock as far as it slept, so
    ten that sleep a second at once take one second.  What waits for a socket, a lock
    or a timeout of httpx still takes real time.

    Make and use the client inside the context; there is one clock for all clients
    of the process.

    Attributes:
        now: seconds, as `time.monotonic` counts them; whole when the clock is made.
        sleeps: the pauses so far, in seconds, the first one first.

    Example:
        >>> import caibo
        >>> from caibo.testing import Clock, FakeCaibo
        >>> fake = FakeCaibo()
        >>> id = fake.add_customer()
        >>> fake.fail_next(503, headers={"Retry-After": "20"})
        >>> with (
        ...     Clock() as clock,
        ...     caibo.Caibo(
        ...         api_key=fake.api_key, base_url=fake.base_url, transport=fake.transport
        ...     ) as client,
        ... ):
        ...     client.customers.get(id).name, clock.sleeps
        ('Ada Example', [20.0])
    """

    def __init__(self) -> None:
        self.now = self._start = float(math.ceil(clock.now()))
        self.sleeps: list[float] = []
        self._started = datetime.now(UTC)
        self._lock = threading.Lock()
        self._tickets = count()
        self._lines: dict[int, list[_Sleeper]] = {}  # one for each thread, so for each loop
        self._replaced: list[dict[str, Callable[..., Any]]] = []

    def __enter__(self) -> Self:
        self._replaced.append({name: getattr(clock, name) for name in _REPLACED})
        _install({"now": lambda: self.now, "sleep": self._sleep, "asleep": self._asleep})
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _install(self._replaced.pop())

    def advance(self, seconds: float) -> None:
        """Move the clock.

        Args:
            seconds: 0 or more; a clock is never set back.
        """
        if seconds < 0:
            raise ValueError(f"a clock is not set back, and {seconds} seconds would do that")
        with self._lock:
            self.now += seconds

    def utcnow(self) -> datetime:
        """Return the date, which moves as the clock does; for `FakeCaibo.now`."""
        return self._started + timedelta(seconds=self.now - self._start)

    async def elapse(self, seconds: float) -> None:
        """Let this task wait until the clock has moved so far; `sleeps` does not have it."""
        line = self._lines.setdefault(threading.get_ident(), [])
        sleeper = _Sleeper(self.now + seconds, next(self._tickets), anyio.Event())
        insort(line, sleeper)
        rounds = 0
        try:
            while rounds < _ROUNDS:
                if line[0] is sleeper:
                    rounds += 1
                    await checkpoint()
                else:
                    rounds = 0
                    sleeper.first = anyio.Event()
                    await sleeper.first.wait()
            with self._lock:
                self.now = max(self.now, sleeper.wakes)
        finally:
            line.remove(sleeper)
            if line:
                line[0].first.set()

    def _sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.advance(max(0.0, seconds))
        time.sleep(0)

    async def _asleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        await self.elapse(seconds)


def _install(functions: dict[str, Callable[..., Any]]) -> None:
    for name, function in functions.items():
        setattr(clock, name, function)
