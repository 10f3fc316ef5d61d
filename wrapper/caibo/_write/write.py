"""One write, until it is known what became of it.  Nothing here waits.

read ─► merge ─► Tell(intended) ─► PUT ─┬─ 2xx ─► read back, if asked ─► result
 ▲                                      ├─ 412 ─► read anew, merge again
 └──── untouched ──── read back ◄───────┴─ answer lost
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import httpx
from caibo_api.api.customers import replace_customer

from caibo._errors import (
    APIError,
    CaiboError,
    ConflictError,
    MalformedResponseError,
    OverwrittenError,
    ServerError,
    TransportError,
)
from caibo._record.checks import misfit
from caibo._record.compare import Grade, OnConflict, Path, at, grade, label, leaves, three_way
from caibo._record.contract import field_name, server_owned
from caibo._record.customer import Customer
from caibo._record.document import Document
from caibo._record.json_text import same
from caibo._record.masking import mask
from caibo._wire.calls import Again, Call, Flow, Held, Hold, Pause, Tell, body, call
from caibo._wire.refusals import request_id
from caibo._wire.retry import Attempted, retry_after, retryable
from caibo._write.events import Verb, WriteFailed, WriteFinished, WriteIntended
from caibo._write.plan import Plan, UnknownOutcomeError
from caibo._write.reading import Reading, merge, read
from caibo._write.update import Change, Outcome, Protection, Update, carried, differences

_UNTOUCHED = (
    "Read back afterwards, the record has its old values: as far as can be seen, nothing was "
    "written."
)


@dataclass(slots=True, kw_only=True)
class Write:
    """What is to be written, and how far it got.

    With a `base` the merge is three-way: what differs between base and record is
    somebody else's change.
    """

    verb: Verb
    id: int
    addressed: Document
    expect: Document = field(default_factory=Document)
    settle: float | None = None
    base: Document | None = None
    on_conflict: OnConflict = "raise"
    max_age: float = 1.0

    _operation: str = field(default_factory=lambda: uuid.uuid4().hex)
    _protection: Protection = "none"
    _began: float = 0.0
    _writes: int = 0
    _attempts: int = 0
    _changes: Mapping[str, Change] = field(default_factory=dict[str, Change])
    #: What the last write was to set, and on which record.
    _tried: Document = field(default_factory=Document)
    _before: Document = field(default_factory=Document)
    #: An answer was lost, so a later 412 may come of our own write.
    _unsure: bool = False
    #: Why a write may have been applied, or may still be, that was not seen to land.
    _doubt: CaiboError | None = None

    def update(self, reading: Reading | None) -> Flow[Update]:
        """Merge onto a reading, or onto a fresh one, and write what differs."""
        held: Held = yield Hold(self.id)
        self._protection = held.protection
        if reading is None or reading.asked_before(held.since) or reading.older_than(self.max_age):
            reading = yield from read(self.id)
        if reading.asked_at is None:  # handed over: nobody was kept out since it was read
            self._protection = "none"
        return (yield from self._watched(self._doubting(self._merged(reading))))

    def replace(self, document: Document) -> Flow[Update]:
        """Write exactly this record."""
        yield Hold(self.id)
        return (yield from self._watched(self._replaced(document)))

    def _watched(self, flow: Flow[Update]) -> Flow[Update]:
        """Tell the observers how it ended, if they were told that it began."""
        try:
            update = yield from flow
        except CaiboError as error:
            if self._writes:
                yield Tell(
                    WriteFailed(
                        operation=self._operation,
                        id=self.id,
                        verb=self.verb,
                        fields=tuple(self._changes),
                        error=error,
                        seconds=time.monotonic() - self._began,
                    )
                )
            raise
        if self._writes:
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
                    seconds=time.monotonic() - self._began,
                )
            )
        return update

    def _doubting(self, flow: Flow[Update]) -> Flow[Update]:
        """Let nothing be said that an earlier write may still prove wrong."""
        try:
            update = yield from flow
        except (UnknownOutcomeError, OverwrittenError):
            raise
        except CaiboError as error:
            only_5xx = isinstance(error, ServerError) and isinstance(self._doubt, ServerError)
            if self._doubt is None or only_5xx:
                raise
            reason = f"The attempt after it ended with {type(error).__name__}."
            raise self._unknown(self._doubt, reason) from error
        if self._doubt is not None and update.outcome == "unchanged":
            reason = "Others have changed the same since."
            raise self._unknown(self._doubt, reason) from self._doubt
        return update

    def _merged(self, reading: Reading) -> Flow[Update]:
        held = self._protection
        while True:
            before = reading.document
            self.check(before)
            mine = self._mine(before)
            after = merge(before, mine)
            settled = after is before and (self.base is not None or self._writes > 0)
            if not settled:
                self.check_expectations(before)
            if after is before:
                return (yield from self._nothing_to_write(reading, mine))
            self._tried, self._before = mine, before
            self._changes = differences(before, after, mine)
            yield self._intention(before)
            self._protection = "conditional" if reading.etag else held
            try:
                written: httpx.Response = yield self._put(after, reading)
            except CaiboError as error:
                self._count(error)
                outdated = isinstance(error, APIError) and error.status == 412 and reading.etag
                if outdated and not self._unsure:
                    reading = yield from self._changed_under_us(error)
                elif retryable("PUT", error):
                    reading = yield from self._refused_for_now(error, reading)
                elif outdated or _lost(error):
                    self._unsure = True
                    found = yield from self._look(error)
                    if isinstance(found, Update):
                        return found
                    reading = found
                else:
                    raise
            else:
                self._attempts += written.extensions["attempts"]
                return (yield from self._accepted(written, reading, after))

    def _count(self, error: CaiboError) -> None:
        """Count the attempts of a write, and let its error tell those of the whole call."""
        if isinstance(error, Attempted):
            error.attempts = self._attempts = self._attempts + error.attempts

    def _mine(self, before: Document) -> Document:
        if self.base is None:
            return self.addressed
        return Document(three_way(self.base, before, self.addressed, self.on_conflict))

    def check(self, document: Document) -> None:
        if found := misfit(document, self.id, self.addressed):
            raise MalformedResponseError(
                f"the record of customer {self.id} cannot be written back: {found.field} "
                f"{found.message}; nothing was written"
            )

    def check_expectations(self, document: Document) -> None:
        conflicts = {
            field_name(wire): (wanted, document.get(wire), self.addressed.get(wire, wanted))
            for wire, wanted in self.expect.items()
            if not same(document.get(wire), wanted)
        }
        if conflicts:
            raise ConflictError(
                f"customer {self.id} does not say what `expect` asks for: "
                f"{', '.join(conflicts)}; nothing was written. `conflicts` has the values.",
                conflicts=conflicts,
            )

    def _put(self, document: Document, reading: Reading) -> Call:
        made = call(replace_customer, self.id, body=body(document))
        headers = {"If-Match": reading.etag} if reading.etag else {}
        fresh = None if reading.received_at is None else reading.received_at + self.max_age
        return replace(
            made,
            headers={**made.headers, **headers},
            fresh_until=fresh,
            known=reading.document,
        )

    def _intention(self, before: Document | None) -> Tell:
        self._began = self._began or time.monotonic()
        self._writes += 1
        return Tell(
            WriteIntended(
                operation=self._operation,
                id=self.id,
                verb=self.verb,
                changes=dict(self._changes),
                before=before,
                attempt=self._writes,
            )
        )

    def _nothing_to_write(self, reading: Reading, mine: Document) -> Flow[Update]:
        # After a write that was refused, or whose answer was lost; a field that
        # `on_conflict` has left to others meanwhile is none of ours any more.
        ours = {field_name(wire) for wire in mine}
        self._changes = {name: c for name, c in self._changes.items() if name in ours}
        if self._changes:
            self._tried = mine
            return (yield from self._verified(reading))
        stands = merge(reading.document, self.addressed) is reading.document
        applied = self.verb == "apply" and stands and len(self.addressed) > 0
        return self.unchanged(reading, "already-applied" if applied else "unchanged")

    def unchanged(self, reading: Reading, outcome: Outcome = "unchanged") -> Update:
        """Return the result of having nothing to write."""
        return Update(
            customer=Customer(reading.document),
            changes={},
            outcome=outcome,
            attempts=self._attempts,
            request_id=reading.request_id,
            carried=carried(reading.document, self.addressed),
        )

    def _changed_under_us(self, error: CaiboError) -> Flow[Reading]:
        """Read anew after a 412: nothing was written, as the record had another entity tag."""
        if not (yield Again(self._attempts, failing=False)):
            raise ConflictError(
                f"customer {self.id} changed between our read and our write each time "
                f"(tries: {self._writes}); nothing was written. Try again later.",
                conflicts={},
            ) from error
        return (yield from read(self.id))

    def _refused_for_now(self, error: CaiboError, reading: Reading) -> Flow[Reading]:
        """Wait and read anew after a refusal that changed nothing: by then the record is old."""
        if reading.received_at is None or not (yield Again(self._attempts, retry_after(error))):
            raise error
        return (yield from read(self.id))

    def _look(self, error: CaiboError) -> Flow[Reading | Update]:
        """Read back after a lost answer: the result if it landed, what to merge onto if not."""
        again: bool = yield Again(self._attempts)
        try:
            reading = yield from read(self.id)
        except CaiboError as unread:
            raise self._unknown(error, f"Reading back failed: {unread}") from error
        grades = self._graded(reading.document)
        if _landed(grades):
            return (yield from self._verified(reading))
        if set(grades.values()) != {"reverted"}:
            reason = "Read back, the record has neither the old nor the new values."
            raise self._unknown(error, reason, seen=reading) from error
        if again:
            if self._doubt is None or isinstance(self._doubt, ServerError):
                self._doubt = error
            return reading
        if isinstance(error, ServerError):
            error.hint = _UNTOUCHED
            raise error
        reason = "Read back, the record has its old values; the write may still arrive."
        raise self._unknown(error, reason, seen=reading) from error

    def _accepted(self, written: httpx.Response, reading: Reading, after: Document) -> Flow[Update]:
        window = _window(reading, written)
        if self.settle is None:
            customer = _answered(written, self.id, after)
            return self._result(reading, "accepted", customer, written, window)
        return (yield from self._verified(None, written, window))

    def _verified(
        self,
        back: Reading | None,
        written: httpx.Response | None = None,
        window: float | None = None,
    ) -> Flow[Update]:
        """Read back, unless that was done and need not settle, and say what is there."""
        if back is None or self.settle:
            try:
                yield Pause(self.settle or 0.0)
                back = yield from read(self.id)
            except CaiboError as unread:
                reason = f"{_done(written)}. Reading back failed: {unread}"
                raise self._unknown(None, reason, seen=back, written=written) from unread
        grades = self._graded(back.document)
        if not _landed(grades):
            raise self._overwritten(grades, back.document, written)
        return self._result(back, _outcome(grades), Customer(back.document), written, window)

    def _overwritten(
        self,
        grades: Mapping[Path, Grade],
        found: Document,
        written: httpx.Response | None,
    ) -> OverwrittenError:
        wanted = dict(leaves(self._tried, self._before))
        reverted = tuple(label(path) for path, what in grades.items() if what == "reverted")
        replaced = tuple(label(path) for path, what in grades.items() if what == "other")
        said = [f"{', '.join(reverted)} reverted to what was read before"] if reverted else []
        said += [f"{', '.join(replaced)} set to a third value"] if replaced else []
        return OverwrittenError(
            f"PUT /customers/{self.id} {_done(written)}, and read back, the record says something "
            f"else: {'; '.join(said)}. Someone may have written after us, or the gateway did not "
            "store it, or this read lags behind. `conflicts` has the values.",
            conflicts={
                label(path): (at(self._before, path), at(found, path), wanted[path])
                for path, what in grades.items()
                if what in ("reverted", "other")
            },
            reverted=reverted,
            replaced=replaced,
        )

    def _graded(self, found: Document) -> dict[Path, Grade]:
        """Grade what the last write really changed."""
        return {
            path: grade(path, at(self._before, path), wanted, at(found, path))
            for path, wanted in leaves(self._tried, self._before)
            if not same(at(self._before, path), wanted)
        }

    def _unknown(
        self,
        error: CaiboError | None,
        reason: str,
        *,
        seen: Reading | None = None,
        written: httpx.Response | None = None,
    ) -> UnknownOutcomeError:
        if isinstance(error, APIError):
            error.hint = ""  # what to do next stands below
        what = (
            f"PUT /customers/{self.id}"
            if error is None
            else f"{error}\n  The write may or may not have been applied."
        )
        plan, resume = None, f"Read customer {self.id} before trying again."
        if self.verb != "replace":
            plan = Plan(
                id=self.id,
                base=self._before,
                addressed=self._tried,
                expect=self.expect,
                read_at=datetime.now(UTC),
                reread=True,
            )
            resume = "customers.apply(error.plan) looks again, and writes only what is missing."
        return UnknownOutcomeError(
            f"{what} {reason}\n  {resume}",
            sent={name: mask(change.after) for name, change in self._changes.items()},
            last_seen=None if seen is None else Customer(seen.document),
            plan=plan,
            attempts=self._attempts,
            request_id=None if written is None else request_id(written),
        )

    def _replaced(self, document: Document) -> Flow[Update]:
        yield self._intention(None)
        try:
            written: httpx.Response = yield call(replace_customer, self.id, body=body(document))
        except CaiboError as error:
            self._count(error)
            if not _lost(error):
                raise
            yield Again(1)
            return (yield from self._look_for(document, error))
        self._attempts += written.extensions["attempts"]
        reading = Reading(document)
        return self._result(reading, "accepted", _answered(written, self.id, document), written)

    def _look_for(self, document: Document, error: CaiboError) -> Flow[Update]:
        """Read back after a lost answer to `replace`; without a base, only success can be seen."""
        try:
            back = yield from read(self.id)
        except CaiboError as unread:
            raise self._unknown(error, f"Reading back failed: {unread}") from error
        ours = (name for name in document if not server_owned(name))
        grades: dict[Path, Grade] = {
            (n,): grade((n,), _NOTHING, document[n], back.document.get(n)) for n in ours
        }
        if not _landed(grades):
            reason = "Read back, the record is not what was sent."
            raise self._unknown(error, reason, seen=back) from error
        return self._result(back, _outcome(grades), Customer(back.document))

    def _result(
        self,
        reading: Reading,
        outcome: Outcome,
        customer: Customer,
        written: httpx.Response | None = None,
        race_window: float | None = None,
    ) -> Update:
        return Update(
            customer=customer,
            changes=self._changes,
            outcome=outcome,
            protection=self._protection,
            race_window=race_window,
            attempts=self._attempts,
            request_id=reading.request_id if written is None else request_id(written),
            carried=carried(reading.document, self.addressed) if self.addressed else (),
        )


_NOTHING = object()  # is the same as no JSON value


def _lost(error: CaiboError) -> bool:
    """Tell whether the gateway may have applied the write that this came of."""
    match error:
        case TransportError():
            return error.request_sent == "maybe"
        case ServerError(status=503):  # with Retry-After it says that it did not
            return error.retry_after is None
        case _:
            return isinstance(error, ServerError | MalformedResponseError)


def _done(written: httpx.Response | None) -> str:
    """Say what a write came to before it was read back; without an answer the record told."""
    return "was seen to have been applied" if written is None else "was accepted"


def _landed(grades: Mapping[Path, Grade]) -> bool:
    return set(grades.values()) <= {"confirmed", "normalised"}


def _outcome(grades: Mapping[Path, Grade]) -> Outcome:
    return "normalised" if "normalised" in grades.values() else "confirmed"


def _answered(written: httpx.Response, id: int, sent: Document) -> Customer:
    """Take the gateway's word for the record where it gave the whole one.

    The contract declares no body for 200, so anything may stand there.
    """
    try:
        said = Document.parse(written.content)
    except ValueError:
        return Customer(sent)
    whole = said.keys() >= sent.keys() and misfit(said, id, {}) is None
    return Customer(said if whole else sent)


def _window(reading: Reading, written: httpx.Response) -> float | None:
    if reading.asked_at is None:
        return None
    sent: float = written.request.extensions["sent_at"]
    return sent - reading.asked_at
