"""Let ways of doing the same take turns, and compare what they cost.

A machine that slows down slows all of them.  Two figures are told of each comparison:
the ratio of the least that either way ever took, which is what a quiet machine would
show, and the median of the ratios of each round.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple


class Ratio(NamedTuple):
    """What one way costs as a multiple of another."""

    least: float
    median: float

    def __str__(self) -> str:
        return f"{self.least:6.3f} {self.median:6.3f}"


@dataclass
class Way:
    """One way to do the work, and what it cost in each round, in microseconds an update."""

    name: str
    run: Callable[[], object]
    updates: int  # in one run
    customer: int  # one of those that it updates
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def measure(self) -> None:
        """Run once."""
        gc.collect()  # not at the expense of whoever comes next
        wall, cpu = time.perf_counter(), time.process_time()
        self.run()
        self.cpu.append((time.process_time() - cpu) / self.updates * 1e6)
        self.wall.append((time.perf_counter() - wall) / self.updates * 1e6)


def take_turns(ways: Sequence[Way], rounds: int) -> None:
    """Measure each way once a round, each round in another order."""
    gc.collect()
    gc.freeze()  # what is there already is nobody's garbage
    turns = list(ways)
    for _ in range(rounds):
        for way in turns:
            way.measure()
        turns.append(turns.pop(0))


def compare(one: Sequence[float], other: Sequence[float]) -> Ratio:
    """Compare what two ways took in the same rounds."""
    return Ratio(min(one) / min(other), median(a / b for a, b in zip(one, other, strict=True)))


def report(title: str, ways: Sequence[Way], plain: Way) -> None:
    """Print what each way took, and as a multiple of what `plain` did."""
    print(f"\n{title:<36} CPU µs, ratio: least median   wall µs, ratio: least median")
    for way in ways:
        cpu, wall = compare(way.cpu, plain.cpu), compare(way.wall, plain.wall)
        print(
            f"  {way.name:<34} {min(way.cpu):6.0f} {median(way.cpu):6.0f}  {cpu}"
            f"   {min(way.wall):6.0f} {median(way.wall):6.0f}  {wall}"
        )
