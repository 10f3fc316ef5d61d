"""The flow of each verb: what is checked before any request, and what is read first."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from caibo._errors import ConfigurationError, InvalidChangesError
from caibo._record.checks import check_changes, check_document, check_expectations, check_id, misfit
from caibo._record.compare import OnConflict
from caibo._record.contract import by_wire_name
from caibo._record.customer import Customer
from caibo._record.document import Document
from caibo._wire.calls import Flow
from caibo._write.draft import Edit
from caibo._write.plan import Plan
from caibo._write.reading import Reading, merge, read
from caibo._write.update import Update
from caibo._write.write import Write

Record = Customer | Mapping[str, object]
#: Whether to read back, or after how many seconds.
Confirm = bool | float


@dataclass(frozen=True, slots=True)
class Settings:
    """What a client decides for all of its updates."""

    validate: bool
    confirm: Confirm
    max_base_age: float
    deadline: float

    def settle(self, confirm: Confirm | None) -> float | None:
        """Return the seconds to wait before reading back; `None` for not at all."""
        asked = self.confirm if confirm is None else confirm
        if isinstance(asked, bool):
            return 0.0 if asked else None
        if not isinstance(asked, int | float) or not 0 <= asked < self.deadline:
            raise ConfigurationError(
                "confirm must be true, false, or seconds to wait, fewer than `deadline` has"
            )
        return float(asked)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The arguments that `update` and `plan` share."""

    id: int
    changes: Mapping[str, object] = field(repr=False)
    extra: Mapping[str, object] | None = field(repr=False)
    expect: Mapping[str, object] | None = field(repr=False)
    current: Record | None = field(repr=False)


def get(id: int) -> Flow[Customer]:
    reading = yield from read(check_id(id))
    return Customer(reading.document)


def update(wanted: Wanted, settings: Settings, confirm: Confirm | None) -> Flow[Update]:
    id, addressed, expect, given = _checked(wanted, settings)
    write = Write(
        verb="update",
        id=id,
        addressed=addressed,
        expect=expect,
        settle=settings.settle(confirm),
        max_age=settings.max_base_age,
    )
    return (yield from write.update(given))


def plan(wanted: Wanted, settings: Settings) -> Flow[Plan]:
    id, addressed, expect, given = _checked(wanted, settings)
    write = Write(verb="apply", id=id, addressed=addressed, expect=expect)
    read_at = datetime.now(UTC)
    reading = given or (yield from read(id))
    write.check(reading.document)
    write.check_expectations(reading.document)
    merge(reading.document, addressed)
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
    plan: Plan, settings: Settings, confirm: Confirm | None, on_conflict: OnConflict
) -> Flow[Update]:
    if not isinstance(plan, Plan):
        raise ConfigurationError(f"apply takes a caibo.Plan, not {type(plan).__name__}")
    settle = settings.settle(confirm)
    if plan.applied:
        return Update(customer=Customer(plan.document), changes={}, outcome="already-applied")
    _check_stored(plan, settings)
    write = Write(
        verb="apply",
        id=check_id(plan.id),
        addressed=plan.addressed,
        expect=plan.expect,
        settle=settle,
        base=plan.base,
        on_conflict=_on_conflict(on_conflict),
        max_age=settings.max_base_age,
    )
    age = (datetime.now(UTC) - plan.read_at).total_seconds()
    fresh = not plan.reread and 0 <= age <= settings.max_base_age
    read_at = time.monotonic() - age
    base = Reading(plan.base, read_at, read_at, plan.etag) if fresh else None
    plan.reread = True  # if this fails, nobody knows what the record is by then
    update = yield from write.update(base)
    plan.applied = True
    return update


def _check_stored(plan: Plan, settings: Settings) -> None:
    """Check a plan anew: it may have been edited, and other limits may hold by now."""
    known = {wire: by_wire_name().get(wire.lower()) for wire in plan.addressed}
    changes = {f.name: plan.addressed[wire] for wire, f in known.items() if f is not None}
    extra = {wire: plan.addressed[wire] for wire, f in known.items() if f is None}
    check_changes(changes, extra, validate=settings.validate)


def begin_edit(
    id: int, settings: Settings, confirm: Confirm | None, on_conflict: OnConflict
) -> Flow[Edit]:
    id = check_id(id)
    # Not only when the block has done its work.
    settings.settle(confirm)
    _on_conflict(on_conflict)
    return Edit(id, (yield from read(id)), settings.validate)


def end_edit(
    edit: Edit, settings: Settings, confirm: Confirm | None, on_conflict: OnConflict
) -> Flow[None]:
    """Write what was assigned, onto the record as it is now if the draft's own is not fresh."""
    reading = edit.reading
    write = Write(
        verb="edit",
        id=edit.id,
        addressed=edit.addressed(),
        settle=settings.settle(confirm),
        base=reading.document,
        on_conflict=_on_conflict(on_conflict),
        max_age=settings.max_base_age,
    )
    if not write.addressed:
        edit.update = write.unchanged(reading)
        return
    edit.update = yield from write.update(reading)


def replace(id: int, document: Record, settings: Settings) -> Flow[Update]:
    id = check_id(id)
    whole = check_document(_mapping(document), what="document", validate=settings.validate)
    del document  # error reporters show the locals of frames
    return (yield from Write(verb="replace", id=id, addressed=Document()).replace(whole))


def _checked(wanted: Wanted, settings: Settings) -> tuple[int, Document, Document, Reading | None]:
    id = check_id(wanted.id)
    checked = check_changes(wanted.changes, wanted.extra, validate=settings.validate)
    addressed, expect = Document(checked), check_expectations(wanted.expect)
    if wanted.current is None:
        return id, addressed, expect, None
    document = check_document(_mapping(wanted.current), what="current", validate=False)
    if found := misfit(document, id, addressed):
        raise InvalidChangesError([dataclasses.replace(found, field=f"current[{found.field!r}]")])
    return id, addressed, expect, Reading(document)


def _mapping(record: Record) -> Mapping[str, object]:
    return record.document if isinstance(record, Customer) else record


def _on_conflict(on_conflict: OnConflict) -> OnConflict:
    if callable(on_conflict) or on_conflict in ("raise", "ours", "theirs"):
        return on_conflict
    raise ConfigurationError('on_conflict must be "raise", "ours", "theirs" or a function')
