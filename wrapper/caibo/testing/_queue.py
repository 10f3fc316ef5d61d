"""Which requests meet which fault: the one rule for everything that a test plans."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPMethod
from random import Random

from caibo.testing._messages import Request, Response


def check_id(id: object) -> None:
    """Refuse what no customer in a path is: it would find nothing, and say nothing.

    Raises:
        TypeError: it is neither a number nor None.
    """
    if not isinstance(id, int | None) or isinstance(id, bool):
        raise TypeError(f"id is the number of a customer, not {id!r}")


@dataclass(eq=False)
class Fault:
    """One thing that goes wrong with requests, and which ones it meets.

    Attributes:
        planned: how the test called for it, for a message.
        met: whether one of its requests came; one with a chance may have spared it.
    """

    planned: str
    method: str | None
    id: int | None
    after: int
    times: float
    applies: bool = True
    spoil: Callable[[Request, Response], Response] = lambda request, reply: reply
    body_read: float = 1.0
    chance: float = 1.0
    met: bool = False

    def __post_init__(self) -> None:
        if self.method is not None:  # one that no request has would let every test pass
            self.method = HTTPMethod(self.method.upper())
        check_id(self.id)
        if self.times < 1:
            raise ValueError(f"times counts requests from 1, not {self.times}")
        if self.after < 0:
            raise ValueError(f"after counts requests from 0, not {self.after}")
        if not 0 < self.chance <= 1:
            raise ValueError(f"chance is above 0 and at most 1, not {self.chance}")

    def meets(self, method: str, id: int | None) -> bool:
        """Tell whether it waits for requests like this one."""
        return self.method in (None, method) and self.id in (None, id)

    def __str__(self) -> str:
        whose = "" if self.id is None else f" of customer {self.id}"
        more = f", after {self.after} more" if self.after else ""
        return f"{self.planned}: for {self.method or 'any request'}{whose}{more}"


class Queue:
    """Hold faults until their requests come.

    Attributes:
        random: draws which requests a fault with a chance meets.
    """

    def __init__(self) -> None:
        self.random = Random(0)
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Put a fault behind the others."""
        with self._lock:
            self._faults.append(fault)

    def take(self, method: str, id: int | None) -> Fault | None:
        """Count this request for every fault that waits for its like, and take one that is due."""
        due: Fault | None = None
        with self._lock:
            for fault in [fault for fault in self._faults if fault.meets(method, id)]:
                if fault.after > 0:
                    fault.after -= 1
                elif due is None and self._strikes(fault):
                    due = fault
                    fault.times -= 1
                    if fault.times == 0:
                        self._faults.remove(fault)
        return due

    def unmet(self) -> list[Fault]:
        """Return those that have met no request yet."""
        with self._lock:
            return [fault for fault in self._faults if not fault.met]

    def _strikes(self, fault: Fault) -> bool:
        fault.met = True
        return fault.chance == 1 or self.random.random() < fault.chance
