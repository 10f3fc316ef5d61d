# Generated from openapi.yaml and codegen/overlay.yaml by `nox -s generate`.
# Do not edit: the next run replaces this file.
"""The fields of a customer as editors and type checkers know them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypedDict


class CustomerChanges(TypedDict, total=False):
    """The fields that a caller may change: absent keeps, `None` clears, a value sets."""

    name: str
    email: str
    address: str | None
    phone: str | None
    member_id: str | None


class CustomerFields:
    """Read the members that the contract names; `Customer` says how."""

    __slots__ = ()

    def _read(self, wire: str) -> Any:
        raise NotImplementedError

    @property
    def id(self) -> int | None:
        """The customer id, an int64; real ones have 17 digits; set by the gateway (assumption)."""
        value: int | None = self._read("id")
        return value

    @property
    def owner_id(self) -> int | None:
        """The owner's id; set by the gateway (assumption)."""
        value: int | None = self._read("ownerId")
        return value

    @property
    def user_id(self) -> int | None:
        """The user's id; set by the gateway (assumption)."""
        value: int | None = self._read("userId")
        return value

    @property
    def owner_name(self) -> str | None:
        """The owner's name; set by the gateway (assumption)."""
        value: str | None = self._read("ownerName")
        return value

    @property
    def name(self) -> str:
        """The customer's name; the contract requires it."""
        value: str = self._read("name")
        return value

    @property
    def email(self) -> str:
        """The e-mail address; the contract requires it."""
        value: str = self._read("email")
        return value

    @property
    def address(self) -> str | None:
        """The postal address, one string."""
        value: str | None = self._read("address")
        return value

    @property
    def phone(self) -> str | None:
        """The phone number as the gateway spells it."""
        value: str | None = self._read("phone")
        return value

    @property
    def member_id(self) -> str | None:
        """The caller's own reference for this customer."""
        value: str | None = self._read("memberId")
        return value

    @property
    def has_payment_requests(self) -> bool | None:
        """Whether payment requests exist; set by the gateway (assumption)."""
        value: bool | None = self._read("hasPaymentRequests")
        return value

    @property
    def total_deposits(self) -> Decimal | None:
        """The sum of deposits, every digit kept; set by the gateway (assumption)."""
        value: Decimal | None = self._read("totalDeposits")
        return value

    @property
    def create_date(self) -> datetime | None:
        """When the record was created; set by the gateway (assumption).

        Fractions of a second beyond microseconds are cut here and kept in
        ``document``.  Without an offset in the record, there is none here.
        """
        value: datetime | None = self._read("createDate")
        return value


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
