"""Read values in the forms in which gateways send them, and people write them into files."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from caibo._record import formats
from caibo._record.contract import field_of, fields
from caibo._record.json_text import decode
from caibo._record.schema import Schema, is_of

#: What a record should have where a value of a type is.
_WORDS = {
    "array": "an array",
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "object": "an object",
    "string": "a string",
}
#: How it is written where there is only text.
_SPELT = {
    "array": ' as JSON, such as ["a"]',
    "boolean": " in small letters",
    "integer": " with all of its digits, such as 12",
    "number": " as in JSON, such as 1234.5",
    "object": ' as JSON, such as {"a": 1}',
}
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
    try:
        return value if field is None else read(field.schema, value)
    except ValueError:
        return value


def from_text(name: str, text: str) -> object:
    """Return what a text says where nothing but text can be given: in a cell, in an argument.

    A field that takes strings has the text as it is, and so has a name that is no
    field; what any other is to say is written as JSON has it.

    Raises:
        ValueError: it is not of the field's type; says how to write it.
    """
    field = fields().get(name)
    types = () if field is None else field.schema.types
    if not types or "string" in types:
        return text
    try:
        value = decode(text)
    except ValueError:
        value = None
    # A spreadsheet writes 1.67727E+16 for 17 digits, and that would be an integer, too.
    rounded = "number" not in types and isinstance(value, Decimal)
    if rounded or not any(is_of(value, name) for name in types):
        raise ValueError(f"expected {' or '.join(_WORDS[one] + _SPELT[one] for one in types)}")
    return value


def read(schema: Schema, value: object) -> object:
    """Return the value of a member as Python has it; null is `None`.

    Raises:
        ValueError: the schema has none such; it says what should be there.
    """
    if value is None:
        return None
    if not of_type(schema, value):
        raise ValueError(wanted(schema))
    number = _number(schema, value)
    if number is not None:
        return number
    if isinstance(value, str) and list(schema.types) == ["string"]:
        try:
            return formats.read(schema.format, value)
        except ValueError:
            raise ValueError(formats.WORDS[str(schema.format)]) from None
    return value


def of_type(schema: Schema, value: object) -> bool:
    """Tell whether a value has the type that a schema wants, a number also as a string."""
    if value is None:
        return schema.nullable
    if not schema.types or _number(schema, value) is not None:
        return True
    return any(is_of(value, name) for name in schema.types)


def wanted(schema: Schema) -> str:
    """Say what should be where a value has not the type that a schema wants."""
    return " or ".join(_WORDS[name] for name in schema.types) or "a value"


def _number(schema: Schema, value: object) -> int | Decimal | None:
    """Return a number, also one that came as a string where nothing but a number should."""
    types = [name for name in schema.types if not isinstance(value, str) or len(schema.types) == 1]
    if "integer" in types and (whole := integer(value)) is not None:
        return whole
    return decimal(value) if "number" in types else None
