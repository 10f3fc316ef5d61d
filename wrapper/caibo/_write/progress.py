"""How far one write got, and what its caller and the observers are told of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from caibo._errors import (
    APIError,
    CaiboError,
    DeadlineExceededError,
    MalformedResponseError,
    TransportError,
)
from caibo._record.contract import field_name
from caibo._record.customer import Customer
from caibo._record.document import NOTHING, Document
from caibo._record.masking import mask, one_line
from caibo._record.respelling import Path
from caibo._wire import clock
from caibo._wire.answers import Answer
from caibo._wire.calls import Call
from caibo._wire.hints import page_of
from caibo._wire.log import log
from caibo._wire.refusals import request_id
from caibo._wire.retry import Attempted
from caibo._wire.waiting import Flow
from caibo._write import verdict
from caibo._write.carrying import Carried, Send
from caibo._write.events import Verb, WriteFailed, WriteFinished, WriteIntended
from caibo._write.plan import Plan, UnknownOutcomeError
from caibo._write.reading import Reading, doubt, no_read
from caibo._write.session import Session, log_failure, log_write
from caibo._write.update import Change, Outcome, Protection, Update, carried, differences

T = TypeVar("T")
_MAYBE = "may have reached the gateway"


@dataclass(slots=True, kw_only=True)
class Progress:
    """What one call has tried to write, on which record, and how often."""

    session: Session
    verb: Verb
    id: int
    addressed: Document = NOTHING
    expect: Document = NOTHING
    send: Send = "record"
    method: str = "PUT"
    protection: Protection = "none"
    writes: int = 0
    attempts: int = 0
    changes: Mapping[str, Change] = field(default_factory=dict[str, Change])
    #: What the last write was to set, and on which record.
    tried: Document = NOTHING
    before: Document = NOTHING
    #: What the last write did not carry, by wire name.
    left_out: tuple[str, ...] = ()
    #: What the gateway answered it with, where that is an object.
    said: Document | None = None

    _operation: str = ""
    _began: float = 0.0
    #: How far a write of this call got; empty where none can have been applied.
    _got: str = ""

    @property
    def line(self) -> str:
        return f"{self.method} /customers/{self.id}"

    def told(self, flow: Flow[T]) -> Flow[T]:
        """Log what fails before anything is written; `watched` tells of what comes after."""
        try:
            return (yield from flow)
        except CaiboError as error:
            if not self.writes:
                log_failure(self.verb, self.id, error)
            raise

    def watched(self, flow: Flow[Update]) -> Flow[Update]:
        """Tell the observers how it ended, if they were told that it began.

        Also where it is cut short: they hear an error made for them then, and the
        caller gets what cut it short.
        """
        try:
            update = yield from flow
        except GeneratorExit as error:  # nothing can be waited for any more
            log_write(self._failed(error))
            raise
        except BaseException as error:
            if self.writes:
                yield from self.session.last_word(self._failed(error))
            raise
        if self.writes and self.session.is_heard():
            yield from self.session.last_word(
                WriteFinished(
                    operation=self._id_of_operation(),
                    id=self.id,
                    verb=self.verb,
                    fields=tuple(update.changes),
                    outcome=update.outcome,
                    protection=update.protection,
                    attempts=update.attempts,
                    request_id=update.request_id,
                    seconds=clock.now() - self._began,
                    send=self.send,
                    left_out=update.left_out,
                )
            )
        return update

    def _failed(self, error: BaseException) -> WriteFailed:
        told = error if isinstance(error, CaiboError) else self._cut_short(error)
        self.session.concern(told)
        if isinstance(told, DeadlineExceededError):  # while something else was waited for, maybe
            told.attempts = told.attempts or self.attempts
        return WriteFailed(
            operation=self._id_of_operation(),
            id=self.id,
            verb=self.verb,
            fields=tuple(self.changes),
            error=told,
            seconds=clock.now() - self._began,
        )

    def _cut_short(self, by: BaseException) -> CaiboError:
        """Say how far the write got when something else than an error of ours ended the call."""
        name = type(by).__name__
        if self._got:
            return self.unknown(None, f"{self._got}, and {name} ended the call.")
        return TransportError(
            f"{self.line}: {name} ended the call before it was sent; nothing was written",
            request_sent="no",
            attempts=self.attempts,
        )

    def tries(
        self, mine: Document, before: Document, after: Document, carried: Carried
    ) -> Flow[None]:
        """Note what is merged onto which record, and announce it."""
        self.tried, self.before = mine, before
        self.method, self.left_out = carried.call.method, carried.left_out
        self.changes = differences(before, after, mine)
        yield from self.intends(before)

    def intends(self, before: Document | None) -> Flow[None]:
        """Announce a write."""
        self._began = self._began or clock.now()
        self.writes += 1
        if not self.session.observers:
            return
        yield from self.session.announce(
            WriteIntended(
                operation=self._id_of_operation(),
                id=self.id,
                verb=self.verb,
                changes=dict(self.changes),
                before=before,
                attempt=self.writes,
                send=self.send,
                left_out=self._left_out(),
            )
        )

    def _id_of_operation(self) -> str:
        self._operation = self._operation or os.urandom(16).hex()
        return self._operation

    def sends(
        self,
        write: Call,
        etag: str | None,
        known: Sequence[Document] = (),
        fresh_until: float | None = None,
    ) -> Flow[Answer]:
        """Send a write, and note how far it got, whatever ends that.

        Args:
            write: what is to be sent.
            etag: the one that the record must still have.
            known: as in `Wire.send`.
            fresh_until: as in `Wire.send`.

        Raises:
            CaiboError: it was not accepted.
        """
        wire = self.session.wire
        if etag:
            write.headers["If-Match"] = etag
        try:
            answer = yield from wire.send(write, known=known, fresh_until=fresh_until)
            return self._heard(answer)
        except CaiboError as error:
            self.count(error)
            if verdict.lost(error):
                self._got = _MAYBE
            raise
        except BaseException:
            if wire.may_have_left():
                self._got = _MAYBE
                self.attempts += 1
            raise

    def count(self, error: CaiboError) -> None:
        """Count the attempts of a write that failed, and let its error tell those of the call."""
        doubt(error, self.id)
        if isinstance(error, Attempted):
            error.attempts = self.attempts = self.attempts + error.attempts

    def _heard(self, written: Answer) -> Answer:
        """Count the attempts of a write that was accepted.

        Raises:
            MalformedResponseError: the answer does not tell that it was.
        """
        media_type = written.headers.get("content-type", "").partition(";")[0].strip().lower()
        status, body = written.status_code, written.content
        self.said = verdict.said(body)
        if what := verdict.no_answer(status, media_type, body, self.said, self.id):
            raise MalformedResponseError(
                f"{self.line}: {status} with {what} is no answer to a write",
                attempts=written.attempts,
                request_id=request_id(written),
            )
        self._got = verdict.done(answered=True)
        self.attempts += written.attempts
        return written

    def unknown(
        self,
        error: CaiboError | None,
        reason: str,
        *,
        seen: Reading | None = None,
        written: Answer | None = None,
        unread: CaiboError | None = None,
    ) -> UnknownOutcomeError:
        """Make the error that says why nobody can tell, with a plan to resume by."""
        if unread is not None:
            said = str(unread).replace("\n", "\n  ")  # its lines are about the read
            reason = f"{reason} Reading back failed: {said}".lstrip()
        if isinstance(error, APIError):
            # What to do next stands below; who may have answered stays.
            error.hint = page_of(error)
        quoted, plan = getattr(error, "request_id", None), None
        if self.verb != "replace":
            plan = Plan(
                id=self.id,
                base=self.before,
                addressed=self.tried,
                expect=self.expect,
                read_at=datetime.now(UTC),
                reread=True,
                left_out=self.left_out,
            )
        return UnknownOutcomeError(
            verdict.unknown(
                self.id,
                self.line,
                reason,
                after=error,
                resumable=plan is not None,
                readable=unread is None or not no_read(unread),
            ),
            sent={name: mask(change.after) for name, change in self.changes.items()},
            last_seen=None if seen is None else Customer(seen.document, etag=seen.etag),
            plan=plan,
            attempts=self.attempts,
            request_id=quoted if written is None else request_id(written),
            status=getattr(error, "status", None) if written is None else written.status_code,
        )

    def unchanged(self, reading: Reading, outcome: Outcome = "unchanged") -> Update:
        """Return the result of having nothing to write."""
        return Update(
            customer=Customer(reading.document, etag=reading.etag),
            changes={},
            outcome=outcome,
            attempts=self.attempts,
            request_id=reading.request_id,
            carried=carried(reading.document, self.addressed),
            send=self.send,
        )

    def result(
        self,
        outcome: Outcome,
        sent: Document,
        seen: Document | None,
        addressed: Collection[Path],
        *,
        written: Answer | None = None,
        back: Reading | None = None,
        race_window: float | None = None,
    ) -> Update:
        """Return the result of having written.

        Args:
            outcome: as in `Update`.
            sent: the record as it was to become.
            seen: the record as it was seen since, if it was.
            addressed: the paths in it that were ours to change.
            written: the answer to the write, unless it was lost.
            back: what was read back.
            race_window: as in `Update`.
        """
        also = None if seen is None else verdict.beyond(sent, seen, addressed)
        gone = [name for name, change in (also or {}).items() if change.after is None]
        if gone:
            shown = one_line(", ".join(gone))
            log(
                logging.WARNING,
                "customer %d: sent along and gone: %s",
                *(self.id, shown),
                customer_id=self.id,
                gone=shown,
            )
        quoted = None if back is None else back.request_id
        kept = carried(sent, self.addressed) if self.addressed else ()
        return Update(
            customer=Customer(
                sent if seen is None else seen, etag=None if back is None else back.etag
            ),
            changes=self.changes,
            outcome=outcome,
            protection=self.protection,
            race_window=race_window,
            attempts=self.attempts,
            request_id=quoted if written is None else request_id(written),
            carried=tuple(name for name in kept if name not in (*gone, *self.left_out)),
            also_changed=also,
            send=self.send,
            left_out=self._left_out(),
        )

    def _left_out(self) -> tuple[str, ...]:
        return tuple(map(field_name, self.left_out))
