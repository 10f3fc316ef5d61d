"""JSON without loss: objects as the texts of their members, numbers as they were written.

The standard library's scanner tells where a value ends, so the text between can
be kept; decoding and encoding again would turn ``100.00`` into ``100.0`` and
``1E400`` into infinity.  Errors never quote the text, which holds customer data.
"""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import partial
from typing import Any, NamedTuple, TypeGuard

# One bound, well below Python's for recursion, so that a record which can be read
# can also be merged; .NET takes 64 levels unless told otherwise.
_DEEPEST = 100


class Member(NamedTuple):
    """One member of an object: the JSON texts of its name and of its value."""

    name: str
    value: str

    def __repr__(self) -> str:  # it stands among the locals of a traceback
        return f"Member({self.name})"


# A call of Python's for each member would be a third of what reading a record takes.
_member: Callable[[tuple[str, str]], Member] = partial(
    tuple.__new__,  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    Member,
)
#: By decoded name: an object may spell a name with escapes and mean the same.
Members = dict[str, Member]


class Raw:
    """Mark a class whose `str()` is JSON text already."""

    __slots__ = ()


def join(members: Members) -> str:
    """Write an object from the texts of its members."""
    return "{" + ",".join([f"{name}:{value}" for name, value in members.values()]) + "}"


def is_object(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping)


def is_array(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)


def same(one: Any, other: Any) -> bool:
    """Tell whether two decoded values are the same JSON value; `True` is not 1 there."""
    if isinstance(one, str) or isinstance(other, str):  # most values are
        return bool(one == other)
    if is_object(one) and is_object(other):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if is_array(one) and is_array(other):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def encode(value: object) -> str:
    """Write a Python value as JSON text, `Decimal` as a number.

    Raises:
        ValueError: a type, number or string that JSON cannot carry.
    """
    if isinstance(value, str):  # most values are, and nothing is nested in them
        return _text(value)
    text = _encode(value, 2)
    if _too_deep("[" + text):  # one level for the record; a `Document` brings its own
        raise ValueError("is nested too deeply")
    return text


def encode_name(name: object) -> str:
    """Write the name of a member as JSON text.

    Raises:
        ValueError: no string, or one that JSON cannot carry.
    """
    if not isinstance(name, str):
        raise ValueError("has a member name that is not a string")
    return _text(name)


def _encode(value: object, level: int) -> str:
    if level > _DEEPEST + 1:  # what is no object or array is no level; the rest sees `_too_deep`
        raise ValueError("is nested too deeply, or holds itself")
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Raw):
        return str(value)
    if is_object(value):
        members = (f"{encode_name(k)}:{_encode(v, level + 1)}" for k, v in value.items())
        return "{" + ",".join(members) + "}"
    if is_array(value):
        return "[" + ",".join(_encode(item, level + 1) for item in value) + "]"
    if value is not None and not isinstance(value, int | float | Decimal):
        simple = plain(value)
        if simple is not value:
            return _encode(simple, level + 1)
        as_text = "; write it as text, such as .isoformat()" * hasattr(type(value), "isoformat")
        raise ValueError(f"is of type {type(value).__name__}, which JSON has no form for{as_text}")
    if isinstance(value, Decimal) and value.is_finite():  # `math` takes 1E400 for infinity
        return Decimal.__str__(value)  # a subclass may show a currency
    if isinstance(value, float | Decimal) and not math.isfinite(value):
        raise ValueError("is not a finite number")
    return json.dumps(value)


def plain(value: Any) -> Any:
    """Return the value of an enum's member, and another library's integer or truth as Python's."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str | int | float | Decimal) or value is None:
        return value
    if type(value).__module__ == "numpy" and type(value).__name__ in ("bool", "bool_"):
        return bool(value)
    try:
        return operator.index(value)
    except Exception:  # no integer, or whatever its own code raises
        return value


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half of a surrogate pair, which is not text") from None
    return _write_text(value)


def _too_deep(text: str, deepest: int = _DEEPEST) -> bool:
    if text.count("[") + text.count("{") <= deepest:
        return False
    level = 0
    for mark in re.findall(r"[][{}]", _string.sub("", text)):
        level += 1 if mark in "[{" else -1
        if level > deepest:
            return True
    return False


def decode(text: str) -> Any:
    """Read JSON text, numbers as `int` or `Decimal`.

    Raises:
        ValueError: not JSON, or nested too deeply.
    """
    text = text.strip(_BLANK)
    if _too_deep(text):
        raise ValueError("nested too deeply")
    value, end = _scan(text, 0)
    if end != len(text):
        raise ValueError(f"not JSON (character {end}: more after the value)")
    return value


def split(text: str, *, around: int = 0) -> Members:
    """Cut the text of an object into the texts of its members.

    With `around` so many levels may stand around what may itself be a whole record.

    Raises:
        ValueError: not JSON, not an object, a member twice, or nested too deeply.
    """
    if _too_deep(text, _DEEPEST + around):
        raise ValueError("nested too deeply")
    members: Members = {}
    position = _after(_opening, text, 0, "a JSON object")
    empty = _closing.match(text, position)
    mark = "," if empty is None else "}"
    while mark == ",":
        plain = _plain.match(text, position)  # most are, and a scanner takes three times as long
        if plain is not None:
            spelt, name, value, mark = plain.groups()
            if name in members:
                raise _twice(name)
            members[name] = _member((spelt, value))
            position = plain.end()
            continue
        name, end = _scan(text, position)
        if not isinstance(name, str):
            raise ValueError(f"not JSON (character {position}: no member name)")
        if name in members:
            raise _twice(name)
        start = _after(_colon, text, end, "JSON")
        _, stop = _scan(text, start)
        members[name] = Member(text[position:end], text[start:stop])
        position = _after(_separator, text, stop, "JSON")
        mark = text[stop:position].strip(_BLANK)
    position = position if empty is None else empty.end()
    if position != len(text):
        raise ValueError(f"not JSON (character {position}: more after the object)")
    return members


_string = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
# RFC 8259, section 2: these four, and no other white space.
_BLANK = " \t\n\r"
_opening = re.compile(rf"[{_BLANK}]*\{{[{_BLANK}]*")
_closing = re.compile(rf"\}}[{_BLANK}]*")
_colon = re.compile(rf"[{_BLANK}]*:[{_BLANK}]*")
_separator = re.compile(rf"[{_BLANK}]*[,}}][{_BLANK}]*")


# A member whose texts hold nothing that has to be looked at twice: no escapes, no nesting.
_plain = re.compile(
    rf'("([^"\\\x00-\x1f]*)")[{_BLANK}]*:[{_BLANK}]*'
    r'("[^"\\\x00-\x1f]*"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)'
    rf"[{_BLANK}]*([,}}])[{_BLANK}]*"
)


def _twice(name: str) -> ValueError:
    return ValueError(f"not one record: member {name[:40]!r} appears twice")


def _after(pattern: re.Pattern[str], text: str, position: int, wanted: str) -> int:
    match = pattern.match(text, position)
    if match is None:
        raise ValueError(f"not {wanted} (character {position})")
    return match.end()


def _scan(text: str, position: int) -> tuple[Any, int]:
    try:
        return _decoder.raw_decode(text, position)
    except json.JSONDecodeError as error:
        # Its `doc` would carry the whole record along.
        where = error.pos
    raise ValueError(f"not JSON (character {where})")


def _integer(digits: str) -> int | Decimal:
    try:
        return int(digits)
    except ValueError:  # more digits than sys.get_int_max_str_digits()
        return Decimal(digits)


def _number(digits: str) -> Decimal | float:
    try:
        return Decimal(digits)
    except InvalidOperation:  # an exponent beyond what Decimal takes
        return float(digits)


def _no_constant(name: str) -> None:
    raise ValueError(f"not JSON ({name})")


_write_text = json.JSONEncoder(ensure_ascii=False).encode
_decoder = json.JSONDecoder(parse_int=_integer, parse_float=_number, parse_constant=_no_constant)
