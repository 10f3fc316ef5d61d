"""A field of each kind that a contract may have, in OpenAPI 3.0 and 3.1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

ADDRESS = {
    "type": "object",
    "required": ["street"],
    "properties": {
        "street": {"type": "string", "maxLength": 9},
        "city": {"type": "string", "nullable": True},
        "since": {"type": "string", "format": "date"},
        "rooms": {"type": "array", "items": {"$ref": "#/components/schemas/Room"}},
    },
}
ROOM = {
    "type": "object",
    "required": ["number"],
    "properties": {"number": {"type": "integer", "minimum": 1}},
}
TIER = {"type": "string", "enum": ["gold", "silver"]}
SCHEMAS: dict[str, Any] = {"Address": ADDRESS, "Room": ROOM, "Tier": TIER}
NEWER_SCHEMAS = {**SCHEMAS, "Lists": {"$defs": {"Country": {"enum": ["FI", "SE"]}}}}
AN_ADDRESS = {"$ref": "#/components/schemas/Address"}


class Tier(Enum):
    GOLD = "gold"


@dataclass(frozen=True)
class Kind:
    """What a field is declared as, a value to write, and what is not taken."""

    schema: Mapping[str, Any]
    given: Any
    #: By JSON; where it is not what was given.
    sent: Any = None
    #: By `Customer`; where it is not what was sent.
    read: Any = None
    refused: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def json(self) -> Any:
        return self.given if self.sent is None else self.sent

    @property
    def value(self) -> Any:
        return self.json if self.read is None else self.read


#: By wire name; what is refused by the place that the problem names.
KINDS: dict[str, Kind] = {
    "nickName": Kind({"type": "string", "maxLength": 5}, "Ada", refused={"nick_name": "Ada Ex"}),
    "loyaltyPoints": Kind(
        {"type": "integer", "format": "int32"}, 3, refused={"loyalty_points": 2**31}
    ),
    "creditLimit": Kind(
        {"type": "number", "minimum": 0.1, "multipleOf": 0.01},
        0.1,
        Decimal("0.1"),
        refused={"credit_limit": Decimal("0.101")},
    ),
    "discount": Kind(
        {"type": "number", "maximum": 1, "exclusiveMaximum": True}, 0, refused={"discount": 1}
    ),
    "isBusiness": Kind({"type": "boolean"}, False, refused={"is_business": 0}),
    "tier": Kind(TIER, Tier.GOLD, "gold", refused={"tier": "Gold"}),
    "tags": Kind(
        {"type": "array", "maxItems": 2, "items": {"type": "string", "maxLength": 3}},
        ("a", "b"),
        ["a", "b"],
        refused={"tags": ["a"] * 3, "tags[1]": ["a", "long"]},
    ),
    "billing": Kind(ADDRESS, {"city": None}, refused={"billing.street": {"street": "x" * 10}}),
    "shipping": Kind(
        AN_ADDRESS,
        {"since": date(2026, 1, 31), "rooms": [{"number": 1}]},
        {"since": "2026-01-31", "rooms": [{"number": 1}]},
        refused={
            "shipping": None,
            "shipping.since": {"since": "31/01/2026"},
            "shipping.rooms[1].number": {"rooms": [{"number": 1}, {"number": 0}]},
            "shipping.rooms[0].number": {"rooms": [{}]},
        },
    ),
    "office": Kind({"allOf": [AN_ADDRESS]}, {"street": "Way 1"}, refused={"office": "Way 1"}),
    "pickup": Kind(
        {"allOf": [AN_ADDRESS], "nullable": True}, {"street": "Way 2"}, refused={"pickup": [1]}
    ),
    "contact": Kind(
        {"oneOf": [{"type": "string", "format": "email"}, AN_ADDRESS]},
        "ada@example.com",
        refused={"contact": True, "contact.street": {"street": 1}},
    ),
    "birthDate": Kind(
        {"type": "string", "format": "date"},
        date(1990, 2, 3),
        "1990-02-03",
        date(1990, 2, 3),
        refused={"birth_date": "03/02/1990"},
    ),
    "renewsAt": Kind(
        {"type": "string", "format": "date-time"},
        datetime(2026, 1, 31, 9, 30, tzinfo=timezone(timedelta(hours=2))),
        "2026-01-31T09:30:00+02:00",
        datetime(2026, 1, 31, 7, 30, tzinfo=UTC),
        refused={"renews_at": datetime(2026, 1, 31)},  # noqa: DTZ001 - it is refused
    ),
    "reference": Kind(
        {"type": "string", "format": "uuid"},
        UUID(int=7),
        str(UUID(int=7)),
        UUID(int=7),
        refused={"reference": "7"},
    ),
    "website": Kind({"type": "string", "format": "uri"}, "https://example.com/ada"),
    "anything": Kind({}, {"a": [1, None]}),
}
#: Of OpenAPI 3.1.
NEWER: dict[str, Kind] = {
    "nickName": Kind({"type": ["string", "null"]}, "Ada", refused={"nick_name": 7}),
    "discount": Kind({"type": "integer", "exclusiveMaximum": 100}, 99, refused={"discount": 100}),
    "country": Kind(
        {"$ref": "#/components/schemas/Lists/$defs/Country"}, "FI", refused={"country": "NO"}
    ),
    "pickup": Kind(
        {"anyOf": [AN_ADDRESS, {"type": "null"}]},
        {"street": "Way 2"},
        refused={"pickup": 3, "pickup.street": {"street": None}},
    ),
    "version": Kind({"const": 2}, 2, refused={"version": 1}),
    "label": Kind(
        {"type": ["string", "integer"], "examples": ["a", 1]}, 7, refused={"label": None}
    ),
}
CLEARED = ("pickup", "anything")
