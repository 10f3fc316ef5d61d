"""What callers hold of a customer: the record as read, and the changes they address."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NoReturn, TypedDict

from caibo import _tests_only
from caibo._errors import MalformedResponseError
from caibo._record.checks import json_type
from caibo._record.contract import fields
from caibo._record.document import Document
from caibo._record.masking import mask
from caibo._record.spelling import find, spelling
from caibo._record.values import decimal, integer


class CustomerChanges(TypedDict, total=False):
    """The fields that a caller may change: absent keeps, `None` clears, a value sets."""

    name: str
    email: str
    address: str | None
    phone: str | None
    member_id: str | None


class DraftFields:
    """Name the fields of a draft, which it reads and sets without them, for type checkers."""

    if TYPE_CHECKING:
        name: str
        email: str
        address: str | None
        phone: str | None
        member_id: str | None

        @property
        def id(self) -> int | None: ...
        @property
        def owner_id(self) -> int | None: ...
        @property
        def user_id(self) -> int | None: ...
        @property
        def owner_name(self) -> str | None: ...
        @property
        def has_payment_requests(self) -> bool | None: ...
        @property
        def total_deposits(self) -> Decimal | None: ...
        @property
        def create_date(self) -> datetime | None: ...


class Customer:
    """Read a customer record by this package's names.

    Absent and null both read as `None`.  Values are decoded when they are asked
    for, so a member that the gateway spells in an unexpected way spoils only
    itself: reading it raises `MalformedResponseError`, and
    ``customer.document`` still has it.  Names are found in any case, and numbers
    that came as strings are numbers.  The `repr` masks personal values.

    Example:
        >>> customer = Customer({"id": 7, "name": "Jo Li", "email": "jo@example.com"})
        >>> customer.email, customer.phone
        ('jo@example.com', None)
        >>> customer
        Customer(id=7, name='J…', email='j…@example.com', address=None, phone=None)
    """

    __slots__ = ("_document", "_etag")

    def __init__(self, document: Mapping[str, object], *, etag: str | None = None) -> None:
        self._document = document if isinstance(document, Document) else Document(document)
        self._etag = etag

    @property
    def etag(self) -> str | None:
        """The strong entity tag that the record was read with, for `replace`; `None` for none."""
        return self._etag

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
        value = find(self._document, "hasPaymentRequests")
        if value is None or isinstance(value, bool):
            return value
        self._unfit("hasPaymentRequests", "true or false")

    @property
    def total_deposits(self) -> Decimal | None:
        """The sum of deposits, every digit kept; set by the gateway (assumption)."""
        value = find(self._document, "totalDeposits")
        total = decimal(value)
        if total is None and value is not None:
            self._unfit("totalDeposits", "a number")
        return total

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

    def to_dict(self) -> dict[str, Any]:
        """Give the whole record by wire names, as Python values of one's own.

        Numbers are `int` or `Decimal`, with every digit; `json.dumps` takes no
        `Decimal`, so use `to_json` for JSON.

        Example:
            >>> Customer({"id": 7, "name": "Jo Li", "email": "jo@example.com"}).to_dict()
            {'id': 7, 'name': 'Jo Li', 'email': 'jo@example.com'}
        """
        return dict(self._document)

    def to_json(self) -> str:
        """Give the whole record as JSON text, by wire names, every member as it came.

        Example:
            >>> Customer(Document.parse('{"id": 7, "totalDeposits": 100.00}')).to_json()
            '{"id":7,"totalDeposits":100.00}'
        """
        return self._document.to_json()

    def __eq__(self, other: object) -> bool:
        return self._document == other._document if isinstance(other, Customer) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._document)

    def __repr__(self) -> str:
        if not hasattr(self, "_document"):  # it could not be made
            return "Customer()"
        if _tests_only.unmasked:
            return f"Customer({self.to_dict()!r})"
        shown = [f"id={self._shown_id()}"]
        shown += [
            f"{field.name}={mask(find(self._document, field.wire))}"
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
        value = find(self._document, wire)
        if value is None or isinstance(value, str):
            return value
        self._unfit(wire, "a string")

    def _integer(self, wire: str) -> int | None:
        value = find(self._document, wire)
        number = integer(value)
        if number is None and value is not None:
            self._unfit(wire, "an integer")
        return number

    def _unfit(self, wire: str, wanted: str) -> NoReturn:
        own = spelling(self._document, wire)
        found = json_type(self._document[own]) if own in self._document else "missing"
        error = MalformedResponseError(
            f"customer {self._shown_id()}: {wire} should be {wanted} (found: {found}); "
            f"customer.document[{own!r}] has it as it came"
        )
        error.customer_id = integer(find(self._document, "id"))
        raise error

    def _shown_id(self) -> str:
        id = find(self._document, "id")
        number = integer(id)
        return mask(id) if number is None else str(number)
