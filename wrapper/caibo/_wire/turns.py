"""Places that are given in order of arrival: connections, renewals, writers of a customer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary, ref

from caibo._wire import clock
from caibo._wire.local import Guard, Local
from caibo._wire.waiting import Flow, Gate, Take

_REMAINDERS = 1024
_LOOK_AGAIN, _LATER = 1.0, 15.0  # seconds


class Place:
    """One place, taken; it comes back when this is given back, or is nobody's any more."""

    __slots__ = ("__weakref__", "_mark", "_places", "holds")

    def __init__(self, places: Places) -> None:
        self._places = places
        #: What its holder has with it.
        self.holds: Any = None
        # The interpreter's own code calls this: no interrupt falls into it.
        self._mark: ref[Place] = ref(self, places.taken.discard)
        places.taken.add(self._mark)

    def give_back(self) -> None:
        """Let the longest waiter have it; a second time does nothing."""
        self._places.taken.discard(self._mark)
        self._places.wake()


class Places:
    """So many places; whoever has waited longest is given the next.

    Those that are taken are counted, not added and subtracted, so that none is
    lost whatever happens to its holder.

    Attributes:
        taken: a weak reference to each place that somebody holds.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # No `threading.Semaphore`: Ctrl-C between two of its lines would leave it locked.
        self._guard = Guard()
        self._queue: list[Gate] = []
        self.taken: set[ref[Place]] = set()

    def take(self, gate: Callable[[], Gate], ends: float) -> Flow[Place | None]:
        """Wait for a place; give `None` when the time is over before there is one."""
        with self._guard:
            if not self._queue and len(self.taken) < self._limit:
                return Place(self)
        mine = gate()
        try:
            with self._guard:
                self._queue.append(mine)
                if self._queue[0] is mine and len(self.taken) < self._limit:
                    return Place(self)
            while (left := ends - clock.now()) > 0:
                # Nobody is woken by a place that was dropped, so the first looks again; and
                # the others may have become it, where who should wake them was interrupted.
                pause = _LOOK_AGAIN if self._queue[0] is mine else _LATER
                yield Take(mine, min(left, pause))
                with self._guard:
                    if self._queue[0] is mine and len(self.taken) < self._limit:
                        return Place(self)
            return None
        finally:
            try:
                self._leave(mine)
            finally:  # again: Ctrl-C may have fallen into it, and all behind would wait on
                self._leave(mine)

    def _leave(self, mine: Gate) -> None:
        with self._guard:
            if mine in self._queue:
                self._queue.remove(mine)
            if self._queue:
                self._queue[0].open()

    def held(self) -> list[Place]:
        """Return the places that somebody holds."""
        return [place for mark in list(self.taken) if (place := mark()) is not None]

    def wake(self) -> None:
        """Let the longest waiter look whether there is a place."""
        if not self._queue:  # whoever queues up from here on finds it by looking
            return
        with self._guard:
            if self._queue and len(self.taken) < self._limit:
                self._queue[0].open()


class Holder:
    """Who writes a customer.

    Attributes:
        caller: the thread or task.
        verb: the method that was called.
        since: by the clock.
        settling: whether the write is done, and time passes before it is read back.
    """

    settling = False

    def __init__(self, caller: object, verb: str, since: float) -> None:
        self.caller = caller
        self.verb = verb
        self.since = since

    def __str__(self) -> str:
        waits = ", at present waiting to read back (`confirm=`)" if self.settling else ""
        return f"`{self.verb}` has had it for {clock.now() - self.since:.1f} seconds{waits}"


class Turn(Places):
    """The one place of those who write a customer.

    Attributes:
        holder: who has it.
    """

    holder: Holder | None = None

    def __init__(self) -> None:
        super().__init__(1)

    def held_by(self, caller: object) -> bool:
        return self.holder is not None and self.holder.caller == caller


class Turns:
    """One place for each id that somebody writes or waits for, and none for the others."""

    def __init__(self) -> None:
        # By the id's remainder, which does not grow; an id may find another's later time.
        self._ended = [-math.inf] * _REMAINDERS
        self._guard = Guard()
        self._turns: WeakValueDictionary[int, Turn] = WeakValueDictionary()

    def of(self, id: int) -> Turn:
        """Return the turn of a customer; it is there for as long as somebody has it."""
        with self._guard:
            turn = self._turns.get(id)
            if turn is None:
                turn = self._turns[id] = Turn()
            return turn

    def ended(self, id: int) -> float:
        """Return since when nobody has had the turn of a customer."""
        return self._ended[id % _REMAINDERS]

    def give_back(self, id: int, turn: Turn, place: Place) -> None:
        """Note that a write has ended, and let the next one in."""
        if turn.holder is place.holds:
            turn.holder = None
        self._ended[id % _REMAINDERS] = clock.now()
        place.give_back()


class Scope:
    """The turns of all clients of this process that write to one gateway as one.

    Attributes:
        turns: those of the threads, and of each event loop.
    """

    def __init__(self, owner: object) -> None:
        self._owner = owner  # kept, so that no other object gets its identity
        self.turns = Local(Turns)


_scopes: WeakValueDictionary[tuple[str | int, str], Scope] = WeakValueDictionary()
_guard = Local(Guard)


def scope(owner: object, mode: str) -> Scope:
    """Return what clients share that change the same data.

    Args:
        owner: the URL of their gateway, or the transport that they share.
        mode: which data of it, as far as that is known.
    """
    # A transport may compare as it likes, or not be hashable.
    key = (owner if isinstance(owner, str) else id(owner), mode)
    with _guard.at(None):
        found = _scopes.get(key)
        if found is None:
            found = _scopes[key] = Scope(owner)
        return found
