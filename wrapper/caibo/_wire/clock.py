"""The clock that everything here goes by; the test kit can put another in its place.

Called as `clock.now()`, and never imported by name, so that the replacement is seen.
"""

from __future__ import annotations

import time

import anyio


def now() -> float:
    """Return the seconds of a clock that is never set back, see `time.monotonic`."""
    return time.monotonic()


def sleep(seconds: float) -> None:
    """Let the thread wait."""
    time.sleep(seconds)


async def asleep(seconds: float) -> None:
    """Let the task wait."""
    await anyio.sleep(seconds)
