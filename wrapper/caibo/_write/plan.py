"""An update that is written down: to be looked at, stored, and applied later."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from caibo._errors import CaiboError, ConflictError, InvalidChangesError, Problem
from caibo._record.customer import Customer
from caibo._record.document import Document
from caibo._record.json_text import encode, is_array
from caibo._record.masking import DIFFER, mask, one_line
from caibo._record.shape import of_another
from caibo._record.spelling import doubled, merge
from caibo._wire.refusals import entity_tag
from caibo._write.carrying import SENDS, Send, narrowest
from caibo._write.update import Change, carried, differences

T = TypeVar("T")

_FORMAT = "caibo-plan/1"


class Plan:
    """Hold what an update would write, and the record that it was made for.

    ``print(plan)`` shows a table with masked values, ``plan.table(masked=False)``
    the whole ones.  A plan holds customer data and no credential: store its JSON
    as you store the customer.

    Attributes:
        id: the customer.
        base: the record as it was read.
        addressed: what the caller addresses, by wire name.
        expect: what the record has to say when the plan is applied, by wire name.
        read_at: when the record was read, by this machine's clock, in UTC.
        etag: the record's entity tag, where the gateway sent one.
        document: the record as it would be if nobody else changed it meanwhile.
        applied: whether this plan was applied; its JSON remembers it.
        reread: whether the record is read again however young the plan is: a plan
            that was stored, that was made on a record of `current=`, or that an
            error carries.
        send: how its write carries what it does not address, where the client's own
            `send` would lose that again: in the plan of an `OverwrittenError`, which
            is not held against the contract's limits either; else `None`.
        left_out: wire names that a write with these changes left out; whether it
            was applied, and whether they stayed, is open: in the plan of an
            `UnknownOutcomeError`.  `apply` looks at them before it does anything.

    Example:
        >>> plan = client.customers.plan(12345, phone=None)
        >>> stored = plan.to_json()
        >>> update = client.customers.apply(caibo.Plan.from_json(stored))
    """

    def __init__(
        self,
        *,
        id: int,
        base: Document,
        addressed: Document,
        expect: Document,
        read_at: datetime,
        etag: str | None = None,
        applied: bool = False,
        reread: bool = False,
        send: Send | None = None,
        left_out: tuple[str, ...] = (),
    ) -> None:
        self.id = id
        self.base = base
        self.addressed = addressed
        self.expect = expect
        self.read_at = read_at
        self.etag = etag
        self.document = merge(base, addressed)
        self.applied = applied
        self.reread = reread
        self.send: Send | None = send
        self.left_out = left_out

    @property
    def changes(self) -> Mapping[str, Change]:
        """What would differ, by field name (`extra` members by wire name)."""
        return differences(self.base, self.document, self.addressed)

    @property
    def carried(self) -> tuple[str, ...]:
        """Members outside the contract that would be preserved."""
        return carried(self.base, self.addressed)

    def __repr__(self) -> str:
        if not hasattr(self, "document"):  # it could not be made
            return "Plan()"
        return f"Plan({self.id}, {dict(self.changes)!r})"

    def __str__(self) -> str:
        return self.table()

    def table(self, *, masked: bool = True) -> str:
        """Show the differences as a table, a line each.

        Args:
            masked: show personal values by their shape only.
        """
        show = mask if masked else _whole
        shown = [(name, show(c.before), show(c.after)) for name, c in self.changes.items()]
        rows = [(name, was, now + DIFFER * (was == now)) for name, was, now in shown]
        rows = [("field", "before", "after"), *rows] if rows else [("nothing to change", "", "")]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [f"customer {self.id}, read {self.read_at:%Y-%m-%d %H:%M:%S} UTC"]
        lines += ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        lines += [f"carried over: {one_line(', '.join(self.carried))}"] if self.carried else []
        lines += ["applied already"] if self.applied else []
        return "\n  ".join(lines)

    def to_json(self) -> str:
        """Write the plan as JSON, the record in it token for token."""
        members = {
            "format": _FORMAT,
            "id": self.id,
            "readAt": self.read_at.isoformat(),
            "etag": self.etag,
            "base": _stored(self.base),
            "set": _stored(self.addressed),
            "expect": _stored(self.expect),
            "applied": self.applied,
            "send": self.send,
            "leftOut": list(self.left_out),
        }
        return str(Document(members))

    @classmethod
    def from_json(cls, text: str | bytes) -> Plan:
        """Read a plan that `to_json` wrote.

        Raises:
            InvalidChangesError: not such a plan, or of another format version.
        """
        try:
            stored = Document.parse(text)
            if stored["format"] != _FORMAT:
                raise InvalidChangesError(
                    [Problem("plan", f"has not the format {_FORMAT}: another caibo wrote it")]
                )
            id, base = _checked(stored["id"], int), _restored(stored, "base")
            addressed = _restored(stored, "set")
            if doubled(addressed) or of_another(base, id):
                raise ValueError("addressed twice, or made for another customer")
            return cls(
                id=id,
                base=base,
                addressed=addressed,
                expect=_restored(stored, "expect"),
                read_at=datetime.fromisoformat(_checked(stored["readAt"], str)).astimezone(UTC),
                etag=entity_tag(str(stored["etag"])),
                applied=_checked(stored["applied"], bool),
                reread=True,
                send=_send(stored.get("send")),
                left_out=_names(stored.get("leftOut", [])),
            )
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
            message = "is not what Plan.to_json() wrote; make a new one with customers.plan(…)"
            raise InvalidChangesError([Problem("plan", message)]) from None


def restoring(id: int, was: Document, found: Document, names: Iterable[str]) -> Plan | None:
    """Plan to give members their values of before again, as far as JSON can carry these."""
    names = [name for name in names if _carriable(was[name])]
    if not names:
        return None
    return Plan(
        id=id,
        base=found,
        addressed=was.only(names),
        expect=Document(),
        read_at=datetime.now(UTC),
        reread=True,
        # What else was left out has stayed, so it may be left out again.
        send=narrowest(names),
    )


class OverwrittenError(ConflictError):
    """The write was accepted, and the record read back says something else.

    Attributes:
        reverted: fields that have the value of before the write again: someone
            saved an older copy, the gateway did not store them, or the read came
            from a copy that lags behind.
        replaced: fields that have a third value: someone else set them after us.
        also_changed: what differs in the record beyond what was addressed, by field
            name: members that were left out (`send=`) and are gone, above all;
            customer data, so it is left out of pickles.
        plan: ``customers.apply(error.plan)`` gives those members their values
            again, on the record as it is by then.  `None` where none was lost;
            left out of pickles.
    """

    _unpickled = ("conflicts", "also_changed", "plan")
    also_changed: Mapping[str, Change] = {}
    plan: Plan | None = None

    def __init__(
        self,
        message: str,
        *,
        conflicts: Mapping[str, tuple[object, object, object]],
        reverted: tuple[str, ...] = (),
        replaced: tuple[str, ...] = (),
        also_changed: Mapping[str, Change] | None = None,
        plan: Plan | None = None,
    ) -> None:
        super().__init__(message, conflicts=conflicts)
        self.reverted = reverted
        self.replaced = replaced
        self.also_changed = dict(also_changed or {})
        self.plan = plan


class UnknownOutcomeError(CaiboError):
    """Nobody can tell whether the write stands: its answer was lost, or reading back failed.

    Attributes:
        sent: the new values by field name, masked; empty for `replace`.
        last_seen: the customer as last read after the write, or `None`; customer
            data, so it is left out of pickles.
        plan: how to resume: ``customers.apply(error.plan)`` reads again, does
            nothing where the values stand, writes them where the old ones do, and
            raises `ConflictError` otherwise.  `None` for `replace`; left out of
            pickles.
        attempts: how many times the write was sent.
        request_id: what to quote to the vendor, where the gateway sent one.
        status: of the answer to the write, where one came.
    """

    _unpickled = ("last_seen", "plan")
    last_seen: Customer | None = None
    plan: Plan | None = None

    def __init__(
        self,
        message: str,
        *,
        sent: Mapping[str, str] | None = None,
        last_seen: Customer | None = None,
        plan: Plan | None = None,
        attempts: int = 1,
        request_id: str | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.sent = dict(sent or {})
        self.last_seen = last_seen
        self.plan = plan
        self.attempts = attempts
        self.request_id = request_id
        self.status = status


def _send(value: Any) -> Send | None:
    return None if value is None else SENDS[SENDS.index(value)]


def _names(value: object) -> tuple[str, ...]:
    if not is_array(value):
        raise TypeError(type(value))
    return tuple(_checked(name, str) for name in value)


def _checked(value: object, kind: type[T]) -> T:
    if type(value) is not kind:
        raise TypeError(kind)
    return value


def _carriable(value: object) -> bool:
    try:
        encode(value)
    except ValueError:  # half a character, or a number beyond any
        return False
    return True


def _stored(document: Document) -> Document | str:
    """Write a record that is nested as deeply as one may be as a string: the plan adds a level."""
    try:
        encode(document)
    except ValueError:
        return str(document)
    return document


def _restored(stored: Document, name: str) -> Document:
    text = stored.text(name) or ""
    return Document.parse(stored[name] if text.startswith('"') else text)


def _whole(value: object) -> str:
    try:
        return one_line(encode(value))
    except ValueError:  # a record may hold half a character, or a number beyond any
        return one_line(json.dumps(value, default=str))
