"""Read numbers in the forms in which gateways send them; frameworks choose strings for some."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from caibo._record.contract import field_of

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def number(text: str) -> Decimal | None:
    """Return the number that a string spells as JSON would, `None` for any other string."""
    try:
        return Decimal(text) if _NUMBER.fullmatch(text) else None
    except InvalidOperation:  # an exponent beyond what Decimal takes
        return None


def integer(value: object) -> int | None:
    """Return a whole number, also one that is spelt ``7.0`` or as a string of digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lstrip("-").isdigit():
        value = number(value)
    if isinstance(value, Decimal) and -(2**63) <= value < 2**63 and value == int(value):
        return int(value)
    return None


def decimal(value: object) -> Decimal | None:
    """Return a number with all of its digits, also one that is spelt as a string."""
    if isinstance(value, str):
        return number(value)
    if isinstance(value, Decimal):
        return value
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else None


def as_read(wire: str, value: object) -> object:
    """Return the value of a member as `Customer` gives it, as it came where that is unfit."""
    field = field_of(wire)
    match None if field is None else field.schema.get("type"):
        case "integer":
            read: int | Decimal | None = integer(value)
        case "number":
            read = decimal(value)
        case _:
            read = None
    return value if read is None else read
