"""What belongs to one process and to one event loop, and starts anew in another."""

from __future__ import annotations

import os
from _thread import RLock  # the interpreter's own, also where gevent replaces `threading`'s
from collections.abc import Callable
from typing import Any, Generic, TypeVar
from weakref import ref

S = TypeVar("S")


class Guard(RLock):  # type: ignore[misc]  # typeshed calls it final, the interpreter does not
    """A lock that Ctrl-C leaves free, wherever it falls; it is held by `with` only.

    Python 3.14 looks for signals between a lock's own `__enter__` and the `with`
    block. It does so after the end of no function of Python's, and leaving is the
    interpreter's own, in which no interrupt falls: https://bugs.python.org/issue29988
    """

    def __enter__(self) -> bool:  # type: ignore[override]  # without arguments, as `with` does
        try:
            self.acquire()
        except BaseException:
            try:  # noqa: SIM105 - into a function of Python's the next Ctrl-C would fall
                self.release()
            except RuntimeError:  # the interrupt came before it was ours
                pass
            raise
        return True


class Local(Generic[S]):
    """Keep a state for each event loop that is in use, and one for all threads.

    Locks and connections of one event loop are of no use in another, and what a
    process had in hand when it forked is its own: its child starts with nothing.
    """

    def __init__(self, make: Callable[[], S], drop: Callable[[S], object] = lambda _: None) -> None:
        self._make = make
        self._drop = drop
        self._states: dict[object, S] = {}
        # A `WeakSet` would drop Ctrl-C where it falls into its callback, as that is Python's.
        _everywhere.add(ref(self, _everywhere.discard))

    def at(self, here: object) -> S:
        """Return the state of an event loop, `None` standing for the threads."""
        state = self._states.get(here)
        if state is None:
            self._leave_ended()
            state = self._states.setdefault(here, self._make())
        return state

    def each(self) -> list[S]:
        """Return the states that there are."""
        return list(self._states.values())

    def start_anew(self) -> None:
        """Forget everything, in a child."""
        states, self._states = self._states, {}
        for state in states.values():
            self._drop(state)

    def _leave_ended(self) -> None:
        """Drop what belongs to event loops that have ended."""
        for here in list(self._states):
            if here is not None and _has_ended(here):
                state = self._states.pop(here, None)
                if state is not None:
                    self._drop(state)


def _has_ended(loop: Any) -> bool:
    if hasattr(loop, "is_closed"):
        return bool(loop.is_closed())
    try:
        loop.run_sync_soon(int)  # what a token of trio's has to tell by
    except RuntimeError:
        return True
    return False


_everywhere: set[ref[Local[Any]]] = set()


def _start_anew() -> None:
    for local in filter(None, [mark() for mark in list(_everywhere)]):
        local.start_anew()


# Not there on Windows, which does not fork.  Nothing is locked before a fork: a thread of
# the parent may hold any lock, and the child has new ones.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)
