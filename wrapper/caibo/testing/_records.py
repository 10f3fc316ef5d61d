"""One stored customer: its newest version, and the one before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import count
from typing import Any, NamedTuple

from caibo._record.json_text import Members, split
from caibo._record.schema import Schema

# Spelt as on the wire.  The phone number and the e-mail domain are reserved for examples.
SAMPLE: Mapping[str, object] = {
    "id": 16772748432912191,
    "ownerId": 16772748432900017,
    "userId": None,
    "ownerName": "Example Outfitters Ltd",
    "name": "Ada Example",
    "email": "ada@example.com",
    "address": "456 New Street, San Francisco, CA 94105, US",
    "phone": "+12025550143",
    "memberId": "M-1001",
    "hasPaymentRequests": True,
    "totalDeposits": Decimal("100.00"),
    "createDate": "2024-03-05T09:30:12.1234567Z",
}


_BY_FORMAT: Mapping[str | None, str] = {
    "date": "1990-02-03",
    "date-time": "2024-03-05T09:30:12Z",
    "email": "ada@example.com",
    "uri": "https://example.com/ada",
    "uuid": "123e4567-e89b-12d3-a456-426614174000",
}
_DEEPEST = 4


def sample(name: str, schema: Schema) -> object:
    """Return the sample value of a field: ours if its schema takes it, or else one that it takes.

    The values that a schema names go before usual ones.
    """
    if name in SAMPLE and not any(schema.faults(SAMPLE[name], whole=True)):
        return SAMPLE[name]
    return _made(schema, _DEEPEST)


def _made(schema: Schema, depth: int) -> object:
    if depth < -_DEEPEST:  # required in itself, so nothing can have it
        return None
    tried = (value for value in _tried(schema, depth) if value is not None)
    return next((value for value in tried if not any(schema.faults(value, whole=True))), None)


def _tried(schema: Schema, depth: int) -> Iterator[Any]:
    said: dict[str, Any] = {}
    for part in schema.parts:
        yield from (part[name] for name in ("example", "default", "const") if name in part)
        yield from (*part.get("examples", ()), *part.get("enum", ()))
        said = {**part, **said}
    if depth > 0:
        yield from (_made(one, depth - 1) for listed in schema.choices for one in listed)
    for type in schema.types:
        yield from _usual(schema, said, type, depth)


def _usual(schema: Schema, said: Mapping[str, Any], type: str, depth: int) -> Iterator[Any]:
    match type:
        case "integer" | "number":
            limits = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
            near = [1, *(said[name] for name in limits if name in said)]
            yield from (number + step for number in near for step in (0, 1, -1))
        case "object":
            names = said.get("properties" if depth > 0 else "required", ())
            members = {name: schema.member(name) for name in names}
            yield {name: _made(one, depth - 1) for name, one in members.items() if one}
        case "array":
            items, number = schema.items, said.get("minItems", 1 if depth > 0 else 0)
            yield [_made(items, depth - 1) if items else "Example" for _ in range(number)]
        case "string":
            text = _BY_FORMAT.get(schema.format, "Example")
            yield text.ljust(said.get("minLength", 0), "x")[: said.get("maxLength")]
        case _:
            yield True


class Version(NamedTuple):
    """What a customer was at one time: its text, and its entity tag."""

    text: str
    etag: str

    def members(self) -> Members:
        """Return the members, none if a test stored something else than an object."""
        try:
            return split(self.text)
        except ValueError:
            return {}


class Record:
    """Keep the newest version of a customer, the one before, and what clients wrote.

    Attributes:
        newest: what a read shows.
        previous: what a replica that lags shows.
        writes: each write of a client that was carried out, as the version that it
            found and the one that it left.
    """

    def __init__(self, text: str) -> None:
        self.newest = self.previous = Version(text, '"v1"')
        self.writes: list[tuple[Version, Version]] = []
        self._tags = count(2)

    def write(self, text: str, *, by_client: bool = True) -> None:
        """Make this text the newest version."""
        self.previous, self.newest = self.newest, Version(text, f'"v{next(self._tags)}"')
        if by_client:
            self.writes.append((self.previous, self.newest))

    def members(self) -> Members:
        """Return the members, none if a test stored something else than an object."""
        return self.newest.members()
