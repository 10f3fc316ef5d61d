"""What callers hold: a customer as read, the changes they address, and the update made of both."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, NoReturn, TypedDict, TypeGuard

from caibo._document import Document
from caibo._errors import MalformedResponseError
from caibo._masking import mask
from caibo._rules import by_wire_name, field_name, fields, json_type

Outcome = Literal["unchanged", "accepted", "confirmed", "normalised", "already-applied"]
Protection = Literal["none", "local-lock", "shared-lock", "conditional"]


class CustomerChanges(TypedDict, total=False):
    """The fields that a caller may change: absent keeps, `None` clears, a value sets."""

    name: str
    email: str
    address: str | None
    phone: str | None
    member_id: str | None


class Customer:
    """Read a customer record by this package's names.

    Absent and null both read as `None`.  Values are decoded when they are asked
    for, so a member that the gateway spells in an unexpected way spoils only
    itself: reading it raises `MalformedResponseError`, and
    ``customer.document`` still has it.  The `repr` masks personal values.

    Example:
        >>> customer = Customer({"id": 7, "name": "Jo Li", "email": "jo@example.com"})
        >>> customer.email, customer.phone
        ('jo@example.com', None)
        >>> customer
        Customer(id=7, name='J…', email='j…@example.com', address=None, phone=None)
    """

    __slots__ = ("_document",)

    def __init__(self, document: Mapping[str, object]) -> None:
        self._document = document if isinstance(document, Document) else Document(document)

    @property
    def document(self) -> Document:
        """Everything that the API sent, unknown members included."""
        return self._document

    @property
    def id(self) -> int | None:
        """The customer id, an int64; real ones have 17 digits."""
        return self._integer("id")

    @property
    def owner_id(self) -> int | None:
        """The owner's id; set by the gateway (assumption)."""
        return self._integer("ownerId")

    @property
    def user_id(self) -> int | None:
        """The user's id; set by the gateway (assumption)."""
        return self._integer("userId")

    @property
    def owner_name(self) -> str | None:
        """The owner's name; set by the gateway (assumption)."""
        return self._string("ownerName")

    @property
    def name(self) -> str:
        """The customer's name; the contract requires it."""
        return self._required("name")

    @property
    def email(self) -> str:
        """The e-mail address; the contract requires it."""
        return self._required("email")

    @property
    def address(self) -> str | None:
        """The postal address, one string."""
        return self._string("address")

    @property
    def phone(self) -> str | None:
        """The phone number as the gateway spells it."""
        return self._string("phone")

    @property
    def member_id(self) -> str | None:
        """The caller's own reference for this customer."""
        return self._string("memberId")

    @property
    def has_payment_requests(self) -> bool | None:
        """Whether payment requests exist; set by the gateway (assumption)."""
        value = self._document.get("hasPaymentRequests")
        if value is None or isinstance(value, bool):
            return value
        self._unfit("hasPaymentRequests", "true or false")

    @property
    def total_deposits(self) -> Decimal | None:
        """The sum of deposits, every digit kept; set by the gateway (assumption)."""
        value = self._document.get("totalDeposits")
        if value is None or isinstance(value, Decimal):
            return value
        if not _is_integer(value):
            self._unfit("totalDeposits", "a number")
        return Decimal(value)

    @property
    def create_date(self) -> datetime | None:
        """When the record was created; set by the gateway (assumption).

        Fractions of a second beyond microseconds are cut here and kept in
        ``document``.  Without an offset in the record, there is none here.
        """
        text = self._string("createDate")
        try:
            return None if text is None else datetime.fromisoformat(text)
        except ValueError:
            self._unfit("createDate", "an ISO 8601 date and time")

    def __eq__(self, other: object) -> bool:
        return self._document == other._document if isinstance(other, Customer) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._document)

    def __repr__(self) -> str:
        shown = [f"id={self._shown_id()}"]
        shown += [
            f"{field.name}={mask(self._document.get(field.wire))}"
            for field in fields().values()
            if field.name in ("name", "email", "address", "phone")
        ]
        return f"Customer({', '.join(shown)})"

    def _required(self, wire: str) -> str:
        value = self._string(wire)
        if value is None:
            self._unfit(wire, "a string")
        return value

    def _string(self, wire: str) -> str | None:
        value = self._document.get(wire)
        if value is None or isinstance(value, str):
            return value
        self._unfit(wire, "a string")

    def _integer(self, wire: str) -> int | None:
        value = self._document.get(wire)
        if value is None or _is_integer(value):
            return value
        self._unfit(wire, "an integer")

    def _unfit(self, wire: str, wanted: str) -> NoReturn:
        found = json_type(self._document[wire]) if wire in self._document else "missing"
        raise MalformedResponseError(
            f"customer {self._shown_id()}: {wire} should be {wanted} (found: {found}); "
            f"customer.document[{wire!r}] has it as it came"
        )

    def _shown_id(self) -> str:
        id = self._document.get("id")
        return str(id) if _is_integer(id) else mask(id)


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Change:
    """Hold one member before and after; the `repr` masks both."""

    before: Any
    after: Any

    def __repr__(self) -> str:
        return f"Change({mask(self.before)} → {mask(self.after)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Tell what one update did.

    Attributes:
        customer: the record after the update: as the gateway answered it where it
            answered with the record, else as it was sent.
        changes: what differed, by field name (`extra` members by wire name).
        outcome: "unchanged" (nothing differed, nothing was sent), "accepted" (the
            gateway said 2xx; nothing was read back), "confirmed" (read back, with
            the new values), "normalised" (read back; the gateway spells a value
            otherwise) or "already-applied" (a plan whose values the record has).
        protection: what kept other writers out since the record was read: "none"
            (nothing was written, or what was written was handed over by the caller),
            "local-lock" (others of this client waited), "shared-lock" (and others
            that take the same `lock=`) or "conditional" (the write carried
            If-Match, which a gateway that sends entity tags has to honour: RFC
            9110, section 13.1.1).
        race_window: seconds from asking for the record to sending the write, in
            which another writer's change would have been overwritten unseen; `None`
            where one of them did not happen, or the answer to the write was lost.
        attempts: how many times the write was sent; 0 when it was not.
        request_id: what to quote to the vendor, where the gateway sent one.
        carried: members outside the contract that were preserved.
    """

    customer: Customer
    changes: Mapping[str, Change]
    outcome: Outcome
    protection: Protection = "none"
    race_window: float | None = None
    attempts: int = 0
    request_id: str | None = None
    carried: tuple[str, ...] = ()


def differences(before: Document, after: Document, addressed: Iterable[str]) -> dict[str, Change]:
    """Return what an update changes, by field name."""
    changed = [wire for wire in addressed if before.text(wire) != after.text(wire)]
    return {field_name(wire): Change(before.get(wire), after.get(wire)) for wire in changed}


def carried(before: Document, addressed: Container[str]) -> tuple[str, ...]:
    """Name the members outside the contract that an update preserves."""
    known = by_wire_name()
    return tuple(name for name in before if name.lower() not in known and name not in addressed)
