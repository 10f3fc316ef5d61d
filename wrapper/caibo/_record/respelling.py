"""Tell one value in two spellings from two values.

Gateways trim, fold case, normalise Unicode, store ``''`` as null, drop the
punctuation of phone numbers, move dates to UTC and keep numbers as doubles.  What
comes back so is what was sent, and nobody else's.
"""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from caibo._record.contract import field_name
from caibo._record.json_text import is_array, is_object, same
from caibo._record.values import is_number, number

Path = tuple[str, ...]

# "+" belongs to it: there are gateways that keep the digits only.
_PHONE_PUNCTUATION = r"[\s().\-/+\u2010-\u2015]"
_DATE = r"(?a)\d{4}-\d\d-\d\d(?:[t ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:z|[+-]\d\d:?\d\d)?)?"


def respelt(path: Path, one: Any, other: Any) -> bool:
    """Tell whether two values at a path are the same but for their spelling."""
    if same(one, other):
        return True
    if is_object(one) and is_object(other):
        names = one.keys() | other.keys()
        return all(respelt((*path, name), one.get(name), other.get(name)) for name in names)
    if is_array(one) and is_array(other):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(respelt((*path, ""), *pair) for pair in pairs)
    if is_number(one) or is_number(other):
        return _double(one) == _double(other)
    texts = (_text(path, one), _text(path, other))
    return None not in texts and texts[0] == texts[1]


def _text(path: Path, value: object) -> str | None:
    """Return what all spellings of a text have in common; null is empty."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return None
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFD", value).casefold())
    text = " ".join(text.split())
    if len(path) == 1 and field_name(path[0]) == "phone":
        return re.sub(_PHONE_PUNCTUATION, "", text.removeprefix("tel:")).removeprefix("00") or text
    return _instant(text) if re.fullmatch(_DATE, text) else text


def _instant(text: str) -> str:
    try:
        then = datetime.fromisoformat(text.upper())
        if then.tzinfo is not None:
            then = then.astimezone(UTC)
        elif then.time() == time.min:  # a date
            then = then.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return text
    return then.isoformat()


def _double(value: object) -> object:
    """Return the nearest double of a number with a fraction; a whole number has no other spelling.

    To a double, a customer id of 17 digits would be its neighbour's.
    """
    if isinstance(value, str):
        value = number(value)
    if not isinstance(value, Decimal) or value == value.to_integral_value():
        return value if is_number(value) else object()  # equal to nothing
    nearest = float(value)
    return nearest if math.isfinite(nearest) else value
