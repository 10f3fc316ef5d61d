"""Put back what a run wrote, where it is still what it wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from caibo import (
    CaiboError,
    ConflictError,
    CustomerChanges,
    OverwrittenError,
    Plan,
    UnknownOutcomeError,
)
from caibo.bulk._backup import Backup
from caibo.bulk._journal import Journal
from caibo.bulk._work import Calls, Customers, Job, Result, failed, member

_FIELDS = CustomerChanges.__annotations__

Hmacs = dict[str, set[str | None]]


class Undoer:
    """Undo the writes of a journal, a customer at a time.

    Attributes:
        customers: how many there are.
    """

    def __init__(
        self, journal: Journal, backup: Backup, customers: Customers, *, dry_run: bool
    ) -> None:
        self._journal = journal
        self._backup = backup
        self._verbs = customers
        self._dry_run = dry_run
        self._places = backup.places()
        self._written = journal.written()
        self.customers = len(self._written)

    def items(self) -> Iterator[tuple[int, int]]:
        """Give row and customer of each last write."""
        for id, written in self._written.items():
            yield written.row, id

    def admit(self, number: int, item: Any) -> Calls[Job | None]:
        """Make a job of a customer."""
        yield from ()
        row, id = item
        return Job(row, id, {}, {}, kind="undo")

    def perform(self, job: Job) -> Calls[Result]:
        """Put a customer's fields back, and say what became of it."""
        try:
            return (yield from self._undone(job))
        except CaiboError as error:
            match error:
                case UnknownOutcomeError():
                    outcome = "unknown"
                case OverwrittenError():
                    outcome = "overwritten"
                case _:
                    outcome = "left" if isinstance(error, ConflictError) else "failed"
            return failed(job, outcome, error)

    def _undone(self, job: Job) -> Calls[Result]:
        customers, id, hmacs = self._verbs, job.id, self._written[job.id].after
        old = self._old(id)
        plan: Plan = yield lambda: customers.plan(id, **_arguments(old))
        now = {name: member(plan.base, name) for name in hmacs}
        signed = {name: self._journal.hmac(id, name, value) for name, value in now.items()}
        differ = [n for n in hmacs if signed[n] != self._journal.hmac(id, n, old[n])]
        ours = [name for name in differ if signed[name] in hmacs[name]]
        outcome = "unchanged"
        if ours and self._dry_run:
            outcome = "would-change"
        elif ours:
            back = {name: _exactly(old[name], now[name]) for name in ours}
            expect = {name: now[name] for name in ours}
            update = yield lambda: customers.update(id, expect=expect, **_arguments(back))
            outcome = update.outcome
        if theirs := {
            name: (old[name], now[name], old[name]) for name in differ if name not in ours
        }:
            raise ConflictError(
                f"customer {id}: {', '.join(theirs)} changed since by someone else, and left alone",
                conflicts=theirs,
            )
        return Result(job, outcome)

    def _old(self, id: int) -> dict[str, object]:
        """Return what the record said before; a backup may be that of other runs, too."""
        before = self._written[id].before
        found: dict[str, object] = {}
        for at in self._places.get(id, ()):
            record = self._backup.at(at)
            for name in before.keys() - found.keys():
                value = member(record, name)
                if self._journal.hmac(id, name, value) == before[name]:
                    found[name] = value
        if len(found) < len(before):
            raise ConflictError(
                f"the backup has no record of customer {id} from before this run; "
                "nothing was written",
                conflicts={},
            )
        return found


def _arguments(values: Mapping[str, object]) -> dict[str, object]:
    extra = {name: value for name, value in values.items() if name not in _FIELDS}
    return {"extra": extra, **{n: v for n, v in values.items() if n in _FIELDS}}


def _exactly(then: Any, now: Any) -> Any:
    """Return what to merge onto an object so that it says nothing that it did not say then."""
    was, found = cast("dict[str, Any]", then), cast("dict[str, Any]", now)
    if not isinstance(then, dict) or not isinstance(now, dict):
        return was
    return {name: _exactly(was.get(name), found.get(name)) for name in (*was, *found)}
