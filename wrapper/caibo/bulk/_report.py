"""What a run tells: how far it is, what it came to, and why it ended before its rows did."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from caibo import BadRequestError, CaiboError, ConflictError, InvalidChangesError
from caibo._wire import clock

_TELL_EVERY = 0.25  # seconds


@dataclass(frozen=True, slots=True)
class Failure:
    """Tell of a row that did not come to what was wanted.

    Attributes:
        row: its number, counted from 1.
        id: the customer, `None` where the row does not say.
        field: which fields the error is about, in this package's names.
        error: the class of the error.
        message: what it says, without customer data.
        request_id: what to quote to the vendor, where the gateway sent one.
        again: whether the same row may go through another time.
        written: whether the gateway may have applied it: "no", "yes" (and the record
            said something else afterwards) or "unknown".
    """

    row: int
    id: int | None
    field: str
    error: str
    message: str
    request_id: str | None
    again: bool
    written: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Tell of a time in which no worker wrote, as the gateway was away or asked for it.

    Attributes:
        row: whose error it began with.
        error: the class of that error.
        seconds: how long it lasted.
    """

    row: int
    error: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Progress:
    """Tell how far a run is.

    Attributes:
        done: rows that are finished, those of earlier runs included.
        failed: how many of them failed.
        total: how many rows there are, where that is known.
        outcomes: rows by outcome, as in `Report`.
        rate: rows a second of this run so far.
        seconds_left: at that rate, where the total is known.
        pausing: whether the workers pause.
        checking: whether the rows of a file are still being looked at, before the first
            request; `done` counts those, and `failed` what is wrong with them.
    """

    done: int
    failed: int
    total: int | None
    outcomes: Mapping[str, int]
    rate: float
    seconds_left: float | None
    pausing: bool
    checking: bool = False


class Telling:
    """Tell how far it is, at most four times a second.

    Attributes:
        began: when this was made.
    """

    def __init__(self, told: Callable[[Progress], object] | None) -> None:
        self._told = told
        self.began = self._told_at = clock.now()

    def __call__(self, progress: Callable[[float], Progress], *, last: bool = False) -> None:
        """Tell what is made of the seconds since it began, if it is time to."""
        now = clock.now()
        if self._told is not None and (last or now - self._told_at >= _TELL_EVERY):
            self._told_at = now
            self._told(progress(now - self.began))


@dataclass(slots=True)
class Report:
    """Tell what a run came to.

    Attributes:
        outcomes: rows by outcome: those of `Update.outcome`, "would-change" of a dry
            run, "failed" (nothing was written), "unknown" (nobody can tell),
            "overwritten" (written, and the record said something else afterwards),
            "left" (of `undo`: someone else has changed it since) and "skipped"
            (finished by an earlier run).
        failures: the rows that failed.
        pauses: the times in which all workers waited.
        seconds: how long the run took.
    """

    outcomes: dict[str, int] = field(default_factory=dict[str, int])
    failures: list[Failure] = field(default_factory=list[Failure])
    pauses: list[Pause] = field(default_factory=list[Pause])
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """How many rows were finished, those of earlier runs included."""
        return sum(self.outcomes.values())

    @property
    def ok(self) -> bool:
        """Whether every row came to what was wanted."""
        return not self.failures

    def count(self, outcome: str) -> None:
        """Count a row."""
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1

    def write_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the failures as CSV, a line each and a heading.

        Example:
            >>> rows = [(404, {"phone": None})]
            >>> report = caibo.bulk.update(client, rows, journal="run.jsonl")
            >>> report.write_csv("failures.csv")
        """
        names = Failure.__slots__
        with Path(path).open("w", encoding="utf-8", newline="") as file:
            lines = csv.writer(file)
            lines.writerow(names)
            for failure in self.failures:
                lines.writerow([getattr(failure, name) for name in names])


class RunStoppedError(CaiboError):
    """A run ended before its rows did; the same call goes on where it ended.

    Attributes:
        report: what was done until then; left out of pickles.
    """

    _unpickled = ("report",)
    report: Report | None = None

    def __init__(self, message: str, *, report: Report) -> None:
        super().__init__(message)
        self.report = report


RunStoppedError.__module__ = "caibo.bulk"  # as callers write it


def failure_of(
    row: int, id: int | None, error: CaiboError, *, again: bool, written: str
) -> Failure:
    """Put an error into a line of the report."""
    match error:
        case InvalidChangesError():
            names = [problem.field for problem in error.problems]
        case BadRequestError():
            names = list(error.field_errors)
        case ConflictError():
            names = list(error.conflicts)
        case _:
            names = []
    request_id: str | None = getattr(error, "request_id", None)
    said = " ".join(str(error).split())
    return Failure(
        row, id, ", ".join(names), type(error).__name__, said, request_id, again, written
    )
