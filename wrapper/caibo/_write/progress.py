"""How far one write got, and what its caller and the observers are told of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from caibo._errors import APIError, CaiboError
from caibo._record.customer import Customer
from caibo._record.document import Document
from caibo._record.masking import mask
from caibo._wire import clock
from caibo._wire.calls import Flow, Tell
from caibo._wire.refusals import request_id
from caibo._wire.retry import Attempted
from caibo._write import verdict
from caibo._write.events import Verb, WriteFailed, WriteFinished, WriteIntended
from caibo._write.plan import Plan, UnknownOutcomeError
from caibo._write.reading import Reading, doubt
from caibo._write.update import Change, Outcome, Protection, Update, carried, differences


@dataclass(slots=True, kw_only=True)
class Progress:
    """What one call has tried to write, on which record, and how often."""

    verb: Verb
    id: int
    addressed: Document = field(default_factory=Document)
    expect: Document = field(default_factory=Document)
    protection: Protection = "none"
    writes: int = 0
    attempts: int = 0
    changes: Mapping[str, Change] = field(default_factory=dict[str, Change])
    #: What the last write was to set, and on which record.
    tried: Document = field(default_factory=Document)
    before: Document = field(default_factory=Document)

    _operation: str = field(default_factory=lambda: uuid.uuid4().hex)
    _began: float = 0.0

    def watched(self, flow: Flow[Update]) -> Flow[Update]:
        """Tell the observers how it ended, if they were told that it began."""
        try:
            update = yield from flow
        except CaiboError as error:
            if self.writes:
                yield Tell(
                    WriteFailed(
                        operation=self._operation,
                        id=self.id,
                        verb=self.verb,
                        fields=tuple(self.changes),
                        error=error,
                        seconds=clock.now() - self._began,
                    )
                )
            raise
        if self.writes:
            yield Tell(
                WriteFinished(
                    operation=self._operation,
                    id=self.id,
                    verb=self.verb,
                    fields=tuple(update.changes),
                    outcome=update.outcome,
                    protection=update.protection,
                    attempts=update.attempts,
                    request_id=update.request_id,
                    seconds=clock.now() - self._began,
                )
            )
        return update

    def tries(self, mine: Document, before: Document, after: Document) -> Tell:
        """Note what is merged onto which record, and announce it."""
        self.tried, self.before = mine, before
        self.changes = differences(before, after, mine)
        return self.intends(before)

    def intends(self, before: Document | None) -> Tell:
        """Announce a write."""
        self._began = self._began or clock.now()
        self.writes += 1
        return Tell(
            WriteIntended(
                operation=self._operation,
                id=self.id,
                verb=self.verb,
                changes=dict(self.changes),
                before=before,
                attempt=self.writes,
            )
        )

    def count(self, error: CaiboError) -> None:
        """Count the attempts of a write that failed, and let its error tell those of the call."""
        doubt(error, self.id)
        if isinstance(error, Attempted):
            error.attempts = self.attempts = self.attempts + error.attempts

    def answered(self, written: httpx.Response, sent: Document) -> Customer:
        """Count the attempts of a write that was accepted, and return what it left."""
        self.attempts += written.extensions["attempts"]
        return Customer(verdict.answered(written.content, self.id, sent))

    def unknown(
        self,
        error: CaiboError | None,
        reason: str,
        *,
        seen: Reading | None = None,
        written: httpx.Response | None = None,
    ) -> UnknownOutcomeError:
        """Make the error that says why nobody can tell, with a plan to resume by."""
        if isinstance(error, APIError):
            error.hint = ""  # what to do next stands below
        plan = None
        if self.verb != "replace":
            plan = Plan(
                id=self.id,
                base=self.before,
                addressed=self.tried,
                expect=self.expect,
                read_at=datetime.now(UTC),
                reread=True,
            )
        return UnknownOutcomeError(
            verdict.unknown(self.id, reason, after=error, resumable=plan is not None),
            sent={name: mask(change.after) for name, change in self.changes.items()},
            last_seen=None if seen is None else Customer(seen.document),
            plan=plan,
            attempts=self.attempts,
            request_id=None if written is None else request_id(written),
        )

    def unchanged(self, reading: Reading, outcome: Outcome = "unchanged") -> Update:
        """Return the result of having nothing to write."""
        return Update(
            customer=Customer(reading.document),
            changes={},
            outcome=outcome,
            attempts=self.attempts,
            request_id=reading.request_id,
            carried=carried(reading.document, self.addressed),
        )

    def result(
        self,
        reading: Reading,
        outcome: Outcome,
        customer: Customer,
        written: httpx.Response | None = None,
        race_window: float | None = None,
    ) -> Update:
        """Return the result of having written."""
        return Update(
            customer=customer,
            changes=self.changes,
            outcome=outcome,
            protection=self.protection,
            race_window=race_window,
            attempts=self.attempts,
            request_id=reading.request_id if written is None else request_id(written),
            carried=carried(reading.document, self.addressed) if self.addressed else (),
        )
