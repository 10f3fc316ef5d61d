"""`rate_limit=`: so many requests in any second, and who has read writes before others read."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

from caibo._wire import clock
from caibo._wire.local import Guard
from caibo._wire.waiting import Flow, Gate, Sleep, Take

_LOOK_AGAIN = 1 / 16  # seconds


class Ticket:
    """What one call has of the limit.

    Attributes:
        begun: whether it has had a turn, so that what it read is getting old.
        spare: whether a turn is kept for its write.
        used: whether one was, and its write sent.
    """

    __slots__ = ("begun", "spare", "used")

    def __init__(self) -> None:
        self.begun = False
        self.spare = False
        self.used = False


class Limit:
    """Give each request its turn: so many in any second, in order of arrival.

    A call that has begun goes before those that have not: otherwise, of a thousand
    updates at once, each would write what it read seconds ago.  A call that will
    write begins only when there is a turn for its write as well, and keeps that.

    A burst goes at once.  Fewer than one a second are spread evenly; fractions
    above one are rounded down.
    """

    def __init__(self, rate: float) -> None:
        self._burst = max(1, int(rate))
        self._period = max(1.0, 1 / rate)
        #: From when each turn can be taken, the earliest first; those kept are not in it.
        self._free: deque[float] = deque([-math.inf] * self._burst)
        self._begun: deque[Gate] = deque()
        self._new: deque[Gate] = deque()
        self._guard = Guard()

    def turn(
        self, ticket: Ticket, gate: Callable[[], Gate], ends: float, *, writes: bool
    ) -> Flow[bool]:
        """Wait for a turn; give False, and take none, where it comes after the end.

        Args:
            ticket: of the call.
            gate: makes what its thread or task can wait at.
            ends: of the call, by the clock.
            writes: whether the call will write after it has read.
        """
        if ticket.spare:
            ticket.spare, ticket.used = False, True
            with self._guard:
                self._free.append(max(clock.now(), self._last()) + self._period)
            self._wake()
            return True
        wanted = min(self._burst, 1 + (writes and not ticket.used))
        mine = gate()
        queue = self._begun if ticket.begun else self._new
        try:
            with self._guard:
                queue.append(mine)
            while (at := self._at(mine, wanted)) < ends:
                if not self._can_go(mine, wanted):
                    yield Take(mine, min(ends - clock.now(), 1.0))
                    continue
                if (wait := at - clock.now()) > 0:
                    if wait > _LOOK_AGAIN and len(self._free) < self._burst:
                        # One that is kept for a write may come back, and is free at once then.
                        yield Sleep(_LOOK_AGAIN)
                        continue
                    yield Sleep(wait)
                if self._taken(mine, wanted, at):
                    ticket.begun, ticket.spare = True, wanted > 1
                    return True
            return False
        finally:
            try:
                self._leave(mine, queue)
            finally:  # again, as in `Places.take`
                self._leave(mine, queue)

    def _leave(self, mine: Gate, queue: deque[Gate]) -> None:
        with self._guard:
            if mine in queue:
                queue.remove(mine)
        self._wake()

    def give_back(self, ticket: Ticket) -> None:
        """Let others have the turn that was kept for a write which does not come, or not soon."""
        if ticket.spare:
            ticket.spare = False
            with self._guard:
                self._free.appendleft(-math.inf)
            self._wake()

    def _last(self) -> float:
        return self._free[-1] - self._period if self._free else -math.inf

    def _first(self) -> Gate | None:
        return next(iter(self._begun or self._new), None)

    def _at(self, mine: Gate, wanted: int) -> float:
        """Return when its turn comes at the earliest, as things stand."""
        with self._guard:
            # Whoever goes before takes one turn at the least.
            ahead = [*self._begun, *self._new].index(mine) + wanted - 1
            rounds, place = divmod(ahead, self._burst)
            free = self._free[place] if place < len(self._free) else -math.inf
            return max(clock.now(), free) + rounds * self._period

    def _can_go(self, mine: Gate, wanted: int) -> bool:
        """Tell whether nobody is before it, and enough turns are not kept."""
        return self._first() is mine and len(self._free) >= wanted

    def _taken(self, mine: Gate, wanted: int, at: float) -> bool:
        with self._guard:
            # It goes now, however long others have kept this one from waking up; and one that
            # had begun may have taken a turn meanwhile.
            at = max(at, clock.now())
            if not self._can_go(mine, wanted) or self._free[wanted - 1] > at:
                return False
            for _ in range(wanted):
                self._free.popleft()
            self._free.append(max(at, self._last()) + self._period)
            return True

    def _wake(self) -> None:
        with self._guard:
            first = self._first()
            if first is not None:
                first.open()
