"""The flow of each verb: what is checked before any request, and what is read first."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime

from caibo._errors import ConfigurationError, InvalidChangesError, Problem
from caibo._record.checks import check_changes, check_document, check_expectations
from caibo._record.compare import OnConflict
from caibo._record.contract import field_of
from caibo._record.customer import Customer
from caibo._record.document import Document
from caibo._record.shape import in_two_spellings, misfit, no_record
from caibo._wire import clock
from caibo._wire.refusals import entity_tag
from caibo._wire.waiting import Flow
from caibo._write.carrying import Send
from caibo._write.draft import Edit
from caibo._write.plan import Plan
from caibo._write.progress import Progress
from caibo._write.reading import Reading, merged, read
from caibo._write.rules import changes_by, record_by
from caibo._write.session import Confirm, Session, Settings
from caibo._write.update import Update
from caibo._write.verdict import check_expected, check_fit, check_stands
from caibo._write.write import Write, write_whole

Record = Customer | Mapping[str, object]


class Wanted:
    """The arguments that `update` and `plan` share."""

    def __init__(
        self,
        id: int,
        changes: Mapping[str, object],
        extra: Mapping[str, object] | None,
        expect: Mapping[str, object] | None,
        current: Record | None,
    ) -> None:
        self.id = id
        self.changes = changes
        self.extra = extra
        self.expect = expect
        self.current = current


def get(session: Session, id: int) -> Flow[Customer]:
    reading = yield from read(session.wire, session.about(id))
    return Customer(reading.document, etag=reading.etag)


def update(session: Session, wanted: Wanted, confirm: Confirm | None) -> Flow[Update]:
    id, addressed, expect, given = yield from _checked(session, wanted)
    send = session.settings.send
    if given is not None and send != "record":
        raise ConfigurationError(
            f'current= goes with send="record" only: nothing is read, so what send="{send}" leaves '
            'out could be lost unseen; nothing was sent. Use client.with_options(send="record").'
        )
    so_far = Progress(
        session=session, verb="update", id=id, addressed=addressed, expect=expect, send=send
    )
    write = Write(
        so_far,
        session.settings.settle(confirm),
        max_age=session.settings.max_base_age,
        learnt=session.settings.learnt,
    )
    return (yield from write.update(given))


def plan(session: Session, wanted: Wanted) -> Flow[Plan]:
    id, addressed, expect, given = yield from _checked(session, wanted)
    read_at = datetime.now(UTC)
    reading = given or (yield from read(session.wire, id))
    check_fit(id, reading.document, addressed, expect)
    check_expected(id, reading.document, expect, addressed)
    merged(reading.document, addressed)
    return Plan(
        id=id,
        base=reading.document,
        addressed=addressed,
        expect=expect,
        read_at=read_at,
        etag=reading.etag,
        reread=given is not None,
    )


def apply(
    session: Session, plan: Plan, confirm: Confirm | None, on_conflict: OnConflict
) -> Flow[Update]:
    if not isinstance(plan, Plan):
        raise ConfigurationError(f"apply takes a caibo.Plan, not {type(plan).__name__}")
    settle = session.settings.settle(confirm)
    send: Send = plan.send or session.settings.send
    on_conflict = _on_conflict(on_conflict)
    id, ours = session.about(plan.id), plan.addressed
    if plan.send is None:  # else its values are those of the gateway
        _check_stored(plan, session.settings)
        ours = yield from changes_by(session.settings.rules, session.wire, id, ours)
    so_far = Progress(
        session=session, verb="apply", id=id, addressed=ours, expect=plan.expect, send=send
    )
    if plan.applied:
        reading = yield from read(session.wire, id)
        check_stands(id, plan.base, ours, reading.document)
        return so_far.unchanged(reading, "already-applied")
    write = Write(
        so_far,
        settle,
        plan.base,
        on_conflict,
        session.settings.max_base_age,
        session.settings.learnt,
        plan.left_out,
    )
    age = (datetime.now(UTC) - plan.read_at).total_seconds()
    fresh = not plan.reread and 0 <= age <= session.settings.max_base_age
    read_at = clock.now() - age
    base = Reading(plan.base, read_at, read_at, plan.etag) if fresh else None
    plan.reread = True  # if this fails, nobody knows what the record is by then
    update = yield from write.update(base)
    plan.applied = True
    return update


def _check_stored(plan: Plan, settings: Settings) -> None:
    """Check a plan anew: it may have been edited, and other limits may hold by now."""
    known = {wire: field_of(wire) for wire in plan.addressed}
    changes = {f.name: plan.addressed[wire] for wire, f in known.items() if f is not None}
    extra = {wire: plan.addressed[wire] for wire, f in known.items() if f is None}
    check_changes(changes, extra, validate=settings.limits)


def begin_edit(
    session: Session, id: int, confirm: Confirm | None, on_conflict: OnConflict
) -> Flow[Edit]:
    id = session.about(id)
    # Not only when the block has done its work.
    session.settings.settle(confirm)
    _on_conflict(on_conflict)
    so_far = Progress(session=session, verb="edit", id=id)
    reading = yield from so_far.told(read(session.wire, id))
    return Edit(id, reading, session.settings.limits)


def end_edit(
    session: Session, edit: Edit, confirm: Confirm | None, on_conflict: OnConflict
) -> Flow[None]:
    """Write what was assigned, onto the record as it is now if the draft's own is not fresh."""
    session.about(edit.id)
    reading = edit.reading
    addressed = yield from changes_by(
        session.settings.rules, session.wire, edit.id, edit.addressed()
    )
    so_far = Progress(
        session=session,
        verb="edit",
        id=edit.id,
        addressed=addressed,
        send=session.settings.send,
    )
    if not so_far.addressed:
        edit.update = so_far.unchanged(reading)
        return
    write = Write(
        so_far,
        session.settings.settle(confirm),
        reading.document,
        _on_conflict(on_conflict),
        session.settings.max_base_age,
        session.settings.learnt,
    )
    edit.update = yield from write.update(reading)


def replace(session: Session, id: int, document: Record, if_match: str | None) -> Flow[Update]:
    id = session.about(id)
    if if_match is not None and (not isinstance(if_match, str) or not entity_tag(if_match)):
        message = (
            "is no strong entity tag, such as '\"33a64df5\"' with its quotes; "
            "customer.etag has that of a record that was read"
        )
        raise InvalidChangesError([Problem("if_match", message)])
    whole = check_document(_mapping(document), what="document", validate=session.settings.limits)
    del document  # error reporters show the locals of frames
    whole = yield from record_by(session.settings.rules, session.wire, id, whole)
    so_far = Progress(session=session, verb="replace", id=id)
    return (yield from write_whole(so_far, whole, if_match))


def _checked(
    session: Session, wanted: Wanted
) -> Flow[tuple[int, Document, Document, Reading | None]]:
    settings, id = session.settings, session.about(wanted.id)
    checked = check_changes(wanted.changes, wanted.extra, validate=settings.limits)
    expect = check_expectations(wanted.expect)
    addressed = yield from changes_by(settings.rules, session.wire, id, Document(checked))
    if wanted.current is None:
        return id, addressed, expect, None
    document = check_document(_mapping(wanted.current), what="current", validate=False)
    found = no_record(document, id) or misfit(document, addressed)
    if found := found or in_two_spellings(document, expect):
        raise InvalidChangesError([dataclasses.replace(found, field=f"current[{found.field!r}]")])
    return id, addressed, expect, Reading(document)


def _mapping(record: Record) -> Mapping[str, object]:
    return record.document if isinstance(record, Customer) else record


def _on_conflict(on_conflict: OnConflict) -> OnConflict:
    if callable(on_conflict) or on_conflict in ("raise", "ours", "theirs"):
        return on_conflict
    raise ConfigurationError('on_conflict must be "raise", "ours", "theirs" or a function')
