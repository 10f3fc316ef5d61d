"""The formats of the contract for which Python has values of its own.

Dates and times are those of https://www.rfc-editor.org/rfc/rfc3339#section-5.6.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

_DATE = r"(?a)(\d{4})-(0[1-9]|1[0-2])-(\d\d)"
_DATE_TIME = (
    _DATE + r"[Tt ](?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?"  # 60 is a leap second
    # .NET writes times without an offset, too, and what it sends has to go back.
    r"(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)?"
)
_UUID = r"(?ai)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
#: What a record should have where a text of a format is.
WORDS = {
    "date": "an ISO 8601 date",
    "date-time": "an ISO 8601 date and time",
    "uuid": "a UUID",
}


def written(value: object, formats: Collection[str | None]) -> object:
    """Return the text of a date, a time or a UUID where one of the formats has it.

    Raises:
        ValueError: nobody can tell what is meant by it.
    """
    match value:
        case datetime() if "date-time" in formats:
            return _moment(value)
        case datetime() if "date" in formats:
            raise ValueError("is a date with a time, and the contract has a date; use .date()")
        case date() if "date" in formats:
            return value.isoformat()
        case date() if "date-time" in formats:
            raise ValueError(
                "is a date, and the contract has a date and a time; use datetime(…, tzinfo=UTC)"
            )
        case _ if "uuid" in formats:
            from uuid import UUID

            return str(value) if isinstance(value, UUID) else value
        case _:
            return value


def read(format: str | None, text: str) -> str | date | UUID:
    """Return a text as Python has it, and as it is where its format has no value there.

    Raises:
        ValueError: it is not of this format.
    """
    match format:
        case "date":
            return date.fromisoformat(text)
        case "date-time":
            return datetime.fromisoformat(text)
        case "uuid":
            from uuid import UUID

            return UUID(text)
        case _:
            return text


def unlike(format: object, text: str) -> str | None:
    """Say what is wanted instead of a text that is not of a format."""
    match format:
        case "email" if text.count("@") != 1 or text.startswith("@") or text.endswith("@"):
            return "expected an e-mail address, with one @ inside"
        case "date" if not _is_date(re.fullmatch(_DATE, text)):
            return "expected a date, as datetime.date or as text such as 2026-01-31 (RFC 3339)"
        case "date-time" if not _is_date(re.fullmatch(_DATE_TIME, text)):
            return (
                "expected a date and a time, as datetime with a tzinfo or as text such as "
                "2026-01-31T09:30:00Z (RFC 3339)"
            )
        case "uuid" if not re.fullmatch(_UUID, text):
            return "expected a UUID, as uuid.UUID or as text of 8-4-4-4-12 hexadecimal digits"
        case _:
            return None


def _moment(value: datetime) -> str:
    try:
        offset = value.utcoffset()
        if offset is not None and offset % timedelta(minutes=1):  # RFC 3339 has none such
            value = value.astimezone(UTC)
        text = value.isoformat()
    except Exception:  # at the ends of time, or of a tzinfo of the caller's
        raise ValueError("cannot be written with its offset from UTC") from None
    if offset is None:
        raise ValueError(
            "has no offset from UTC, so nobody can tell which moment is meant; give it a tzinfo, "
            "such as datetime.UTC"
        )
    return text.replace("+00:00", "Z")


def _is_date(found: re.Match[str] | None) -> bool:
    if found is None:
        return False
    year, month, day = map(int, found.groups())
    try:
        date(2000 + year % 400, month, day)  # there is no year 0 in Python
    except ValueError:
        return False
    return True
