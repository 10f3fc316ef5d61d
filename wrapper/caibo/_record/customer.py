"""What callers hold of a customer: the record as read, and the changes they address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from caibo import _tests_only
from caibo._errors import MalformedResponseError
from caibo._record.contract import by_wire_name, fields
from caibo._record.customer_fields import CustomerFields
from caibo._record.document import Document
from caibo._record.masking import mask
from caibo._record.schema import json_type
from caibo._record.spelling import find, fold, spelling
from caibo._record.values import integer, read, wanted


class Customer(CustomerFields):
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

    def _read(self, wire: str) -> Any:
        field, value = by_wire_name()[fold(wire)], find(self._document, wire)
        if value is None and field.required and not field.schema.nullable:
            self._unfit(wire, wanted(field.schema))
        try:
            return read(field.schema, value)
        except ValueError as error:
            said = str(error)
        self._unfit(wire, said)

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
