"""One write, until it is known what became of it.  Nothing here waits.

read ─► merge ─► Tell(intended) ─► PUT ─┬─ 2xx ─► read back, if asked or contradicted ─► result
 ▲                                      ├─ 412 ─► read anew, merge again
 └──── untouched ──── read back ◄───────┴─ answer lost

What an answer or a record read back means is said by `caibo._write.verdict`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from caibo._errors import APIError, CaiboError, ServerError
from caibo._record.compare import OnConflict, leaves, three_way
from caibo._record.contract import field_name
from caibo._record.document import NOTHING, Document
from caibo._record.respelling import Path
from caibo._record.spelling import has
from caibo._wire.answers import Answer
from caibo._wire.calls import Call
from caibo._wire.exchange import Wire
from caibo._wire.hints import page_of
from caibo._wire.retry import retry_after, retryable
from caibo._wire.waiting import Flow
from caibo._write import verdict
from caibo._write.carrying import Send, carrier, carry, gone, stayed, unproven
from caibo._write.plan import OverwrittenError, UnknownOutcomeError
from caibo._write.progress import Progress
from caibo._write.reading import Reading, merged, read
from caibo._write.session import Learnt
from caibo._write.update import Outcome, Protection, Update


@dataclass(slots=True)
class Write:
    """Write what is addressed onto a record.

    With a `base` the merge is three-way: what differs between base and record is
    somebody else's change.
    """

    so_far: Progress
    settle: float | None = None
    base: Document | None = None
    on_conflict: OnConflict = "raise"
    max_age: float = 1.0
    learnt: Learnt = field(default_factory=Learnt)
    #: What a write whose fate is open left out of the base.
    left_out: tuple[str, ...] = ()

    _wire: Wire = field(init=False)
    _id: int = field(init=False)
    _addressed: Document = field(init=False)
    #: A tag was refused, and the record read after that still had it.
    _same_tag: bool = False
    #: A record, and what a write that may have been applied since left out of it.
    _at_risk: tuple[Document, tuple[str, ...]] = field(init=False)
    #: An answer was lost, so a later 412 may come of our own write.
    _unsure: bool = False
    #: Why a write may have been applied, or may still be, that was not seen to land.
    _doubt: CaiboError | None = None

    def __post_init__(self) -> None:
        self._wire = self.so_far.session.wire
        self._id, self._addressed = self.so_far.id, self.so_far.addressed
        self._at_risk = self.base or NOTHING, self.left_out

    def update(self, reading: Reading | None) -> Flow[Update]:
        """Merge onto a reading, or onto a fresh one, and write what differs."""
        return self.so_far.told(self._alone(reading))

    def _alone(self, reading: Reading | None) -> Flow[Update]:
        held = yield from self._wire.hold(self._id, self.so_far.verb)
        self.so_far.protection = "shared-lock" if held.shared else "local-lock"
        if reading is None or reading.asked_before(held.since) or reading.older_than(self.max_age):
            reading = yield from read(self._wire, self._id)
        if reading.asked_at is None:  # handed over: nobody was kept out since it was read
            self.so_far.protection = "none"
        return (yield from self.so_far.watched(self._doubting(self._merged(reading))))

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
            raise self.so_far.unknown(self._doubt, reason) from error
        if self._doubt is not None and update.outcome == "unchanged":
            reason = "Others have changed the same since."
            raise self.so_far.unknown(self._doubt, reason) from self._doubt
        return update

    def _merged(self, reading: Reading) -> Flow[Update]:
        so_far = self.so_far
        held = so_far.protection
        while True:
            before = reading.document
            self._check_left_out(before)
            verdict.check_fit(self._id, before, self._addressed, so_far.expect)
            mine = self._mine(before)
            after = merged(before, mine)
            settled = after is before and (self.base is not None or so_far.writes > 0)
            if not settled:
                verdict.check_expected(self._id, before, so_far.expect, self._addressed)
            if after is before:
                return (yield from self._nothing_to_write(reading, mine))
            carried = carry(self._id, so_far.send, after, mine)
            yield from so_far.tries(mine, before, after, carried)
            so_far.protection = self._protection(reading, held)
            try:
                written = yield from self._put(carried.call, reading)
            except CaiboError as error:
                outdated = _stale(error) if reading.etag else None
                if outdated and not self._unsure:
                    reading = yield from self._changed_under_us(outdated, reading)
                elif retryable(so_far.method, error):
                    reading = yield from self._refused_for_now(error, reading)
                elif outdated or verdict.lost(error):
                    self._unsure = True
                    self._at_risk = before, carried.left_out
                    found = yield from self._look(error, reading if outdated else None)
                    if isinstance(found, Update):
                        return found
                    reading = found
                else:
                    sent = (name for name in after if name not in carried.left_out)
                    verdict.advise(error, [name for name in sent if not has(mine, name)])
                    raise
            else:
                return (yield from self._accepted(written, reading, after))

    def _mine(self, before: Document) -> Document:
        if self.base is None:
            return self._addressed
        return Document(three_way(self.base, before, self._addressed, self.on_conflict))

    def _protection(self, reading: Reading, held: Protection) -> Protection:
        if reading.etag is None:
            return held
        return self.learnt.protection

    def _put(self, made: Call, reading: Reading) -> Flow[Answer]:
        fresh = None if reading.received_at is None else reading.received_at + self.max_age
        return self.so_far.sends(made, reading.etag, [reading.document], fresh)

    def _nothing_to_write(self, reading: Reading, mine: Document) -> Flow[Update]:
        # After a write that was refused, or whose answer was lost; a field that
        # `on_conflict` has left to others meanwhile is none of ours any more.
        so_far, ours = self.so_far, {field_name(wire) for wire in mine}
        so_far.changes = {name: c for name, c in so_far.changes.items() if name in ours}
        if so_far.changes:
            so_far.tried = mine
            return (yield from self._verified(reading))
        stands = verdict.stands(self._addressed, reading.document)
        applied = so_far.verb == "apply" and stands and len(self._addressed) > 0
        return so_far.unchanged(reading, "already-applied" if applied else "unchanged")

    def _changed_under_us(self, error: APIError, reading: Reading) -> Flow[Reading]:
        """Read anew after a 412: nothing was written, as the record had another entity tag."""
        if not (yield from self._wire.again(self.so_far.attempts, None)):
            if self._same_tag:
                error.hint = verdict.SAME_TAG
                raise error
            raise verdict.changed_each_time(self._id, self.so_far.writes) from error
        found = yield from self._read_again()
        self._learn(reading, found)
        return found

    def _read_again(self) -> Flow[Reading]:
        return read(self._wire, self._id, self.so_far.before, self.so_far.tried)

    def _learn(self, refused: Reading, found: Reading) -> None:
        """Note whether the tag that was refused was a stale one."""
        self._same_tag = found.etag == refused.etag
        if found.etag is not None and not self._same_tag:
            self.learnt.honours_tags = True
            self.so_far.protection = "conditional"

    def _refused_for_now(self, error: CaiboError, reading: Reading) -> Flow[Reading]:
        """Wait and read anew after a refusal that changed nothing: by then the record is old."""
        handed_over = reading.received_at is None
        if handed_over:
            raise error
        attempts, asked = self.so_far.attempts, retry_after(error)
        if not (yield from self._wire.again(attempts, error, asked=asked)):
            raise error
        return (yield from self._read_again())

    def _look(self, error: CaiboError, refused: Reading | None) -> Flow[Reading | Update]:
        """Read back after a lost answer: the result if it landed, what to merge onto if not."""
        so_far = self.so_far
        again = yield from self._wire.again(so_far.attempts, error)
        try:
            reading = yield from self._read_again()
        except CaiboError as unread:
            raise so_far.unknown(error, "", unread=unread) from error
        if refused is not None:
            self._learn(refused, reading)
        self._check_left_out(reading.document)
        grades = verdict.graded(so_far.tried, so_far.before, reading.document)
        fate = verdict.fate(grades)
        if fate == "landed":
            return (yield from self._verified(reading))
        if again and fate != "other":
            if self._doubt is None or isinstance(self._doubt, ServerError):
                self._doubt = error
            return reading
        if fate == "untouched" and isinstance(error, ServerError):
            error.hint = f"{page_of(error)} {verdict.UNTOUCHED}".lstrip()
            raise error
        raise so_far.unknown(error, verdict.REASONS[fate], seen=reading) from error

    def _accepted(self, written: Answer, reading: Reading, after: Document) -> Flow[Update]:
        so_far, window = self.so_far, _window(reading, written)
        said = so_far.said
        seen = said if said and verdict.whole(said, self._id, after) else None
        before, left_out = so_far.before, so_far.left_out
        doubted = False
        if said:
            grades = verdict.graded(so_far.tried, before, said)
            lost = gone(before, left_out, so_far.tried, said)
            doubted = verdict.contradicts(said, self._id, grades, lost) or bool(seen and lost)
        open = unproven(before, left_out, so_far.tried, self._stays)
        if self.settle is not None or doubted or open:
            return (yield from self._verified(None, written, window))
        return self._result("accepted", after, seen, written=written, race_window=window)

    def _verified(
        self,
        back: Reading | None,
        written: Answer | None = None,
        window: float | None = None,
    ) -> Flow[Update]:
        """Read back, unless that was done and need not settle, and say what is there."""
        so_far, answered = self.so_far, written is not None
        if back is None or self.settle:
            try:
                yield from self._wire.pause(self.settle or 0.0)
                back = yield from self._read_again()
            except CaiboError as unread:
                reason = f"{verdict.done(answered=answered)}."
                raise so_far.unknown(
                    None, reason, seen=back, written=written, unread=unread
                ) from unread
        tried, before, found = so_far.tried, so_far.before, back.document
        grades = verdict.graded(tried, before, found)
        lost = gone(before, so_far.left_out, tried, found)
        if lost or not verdict.landed(grades):
            raise self._overwritten(before, found, lost, verdict.done(answered=answered))
        if answered and verdict.fate(grades) == "landed":
            self._stays.update(stayed(before, so_far.left_out, found))
        outcome, sent = verdict.outcome(grades), merged(before, tried)
        return self._result(outcome, sent, found, written=written, back=back, race_window=window)

    def _check_left_out(self, found: Document) -> None:
        """See that a write that may have been applied took nothing away.

        Raises:
            OverwrittenError: it did.
        """
        was, names = self._at_risk
        if lost := gone(was, names, self.so_far.tried or self._addressed, found):
            raise self._overwritten(was, found, lost, "may have been applied")

    def _overwritten(
        self, before: Document, found: Document, lost: tuple[str, ...], done: str
    ) -> OverwrittenError:
        self._stays.difference_update(map(carrier, lost))
        tried = self.so_far.tried or self._addressed
        ours = [path for path, _ in leaves(tried, before)]
        return verdict.overwritten(
            self._id,
            tried,
            before,
            found,
            verdict.graded(tried, before, found),
            done=f"{self.so_far.line} {done}",
            also=verdict.beyond(merged(before, tried), found, ours),
            gone=lost,
        )

    @property
    def _stays(self) -> set[Send]:
        return self.learnt.stays[self.so_far.method]

    def _result(self, outcome: Outcome, sent: Document, seen: Document | None, **of: Any) -> Update:
        so_far = self.so_far
        ours = [] if seen is None else [path for path, _ in leaves(so_far.tried, so_far.before)]
        return so_far.result(outcome, sent, seen, ours, **of)


def write_whole(so_far: Progress, document: Document, etag: str | None) -> Flow[Update]:
    """Write exactly this record, where a tag is given onto the one that has it."""
    return so_far.told(_alone(so_far, document, etag))


def _alone(so_far: Progress, document: Document, etag: str | None) -> Flow[Update]:
    yield from so_far.session.wire.hold(so_far.id, so_far.verb)
    if etag is not None:
        so_far.protection = so_far.session.settings.learnt.protection
    return (yield from so_far.watched(_replaced(so_far, document, etag)))


def _replaced(so_far: Progress, document: Document, etag: str | None) -> Flow[Update]:
    yield from so_far.intends(None)
    whole = carry(so_far.id, "record", document, {})
    try:
        written = yield from so_far.sends(whole.call, etag)
    except CaiboError as error:
        if not verdict.lost(error):
            raise
        yield from so_far.session.wire.again(1, error)
        return (yield from _look_for(so_far, document, error))
    said = so_far.said
    grades = verdict.graded_whole(document, said or Document(), accepted=True)
    if said and verdict.contradicts(said, so_far.id, grades):
        return (yield from _look_for(so_far, document, written))
    seen = said if said and verdict.whole(said, so_far.id, document) else None
    return so_far.result("accepted", document, seen, _fields_of(document), written=written)


def _look_for(so_far: Progress, document: Document, after: CaiboError | Answer) -> Flow[Update]:
    """Read back after `replace`; without a base, only success can be seen."""
    error, written = (after, None) if isinstance(after, CaiboError) else (None, after)
    reason = "" if written is None else f"{verdict.done(answered=True)}."
    try:
        back = yield from read(so_far.session.wire, so_far.id, document)
    except CaiboError as unread:
        unknown = so_far.unknown(error, reason, written=written, unread=unread)
        raise unknown from (error or unread)
    found = back.document
    grades = verdict.graded_whole(document, found, accepted=error is None)
    if verdict.landed(grades):
        outcome, ours = verdict.outcome(grades), _fields_of(document)
        return so_far.result(outcome, document, found, ours, written=written, back=back)
    if error is None:
        also = verdict.beyond(document, found, _fields_of(document))
        done, nothing = f"{so_far.line} {verdict.done(answered=True)}", Document()
        raise verdict.overwritten(so_far.id, document, nothing, found, grades, done=done, also=also)
    reason = "Read back, the record is not what was sent."
    raise so_far.unknown(error, reason, seen=back) from error


def _fields_of(document: Document) -> list[Path]:
    return list(verdict.graded_whole(document, document, accepted=True))


def _stale(error: CaiboError) -> APIError | None:
    return error if isinstance(error, APIError) and error.status == 412 else None


def _window(reading: Reading, written: Answer) -> float | None:
    if reading.asked_at is None:
        return None
    return written.received_at - reading.asked_at
