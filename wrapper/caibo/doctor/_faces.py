"""Make the calls of an examination: in the caller's thread, or awaited in its task."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import nullcontext
from inspect import GEN_CLOSED, getgeneratorstate
from typing import Any, TypeVar

import anyio

T = TypeVar("T")
#: Yields calls of the client, and gets what they return or raise.
Calls = Generator[Callable[[], Any], Any, T]

# Seconds that a call has once the caller's task was cancelled: what was changed is put back.
_LAST = 30.0


def run(calls: Calls[T]) -> T:
    """Make the calls; an interrupt is raised in the examination first, which restores."""
    value: Any = None
    failed: BaseException | None = None
    while True:
        try:
            call = calls.send(value) if failed is None else calls.throw(failed)
            failed = None
            value = call()
        except StopIteration as done:
            result: T = done.value
            return result
        except BaseException as error:
            if _ended(calls):
                raise
            failed = error


async def arun(calls: Calls[T]) -> T:
    """As `run`, awaited."""
    value: Any = None
    failed: BaseException | None = None
    broken = False
    while True:
        try:
            call = calls.send(value) if failed is None else calls.throw(failed)
            failed = None
            with anyio.fail_after(_LAST, shield=True) if broken else nullcontext():
                value = await call()
        except StopIteration as done:
            result: T = done.value
            return result
        except BaseException as error:
            if _ended(calls):
                raise
            failed = error
            broken = broken or not isinstance(error, Exception)


def _ended(calls: Calls[Any]) -> bool:
    return getgeneratorstate(calls) == GEN_CLOSED
