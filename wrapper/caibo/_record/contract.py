"""What the packaged contract says of a customer: its fields, by either name.

It is read from ``caibo_api/openapi.json``, so a regenerated contract changes the
fields without a line of ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from keyword import iskeyword
from typing import Any, NamedTuple

from caibo._record.schema import Schema
from caibo._record.spelling import fold
from caibo._version import __version__

# What the verbs, `Customer` or `Draft` have under these names already.
_TAKEN = frozenset(
    ["confirm", "current", "document", "etag", "expect", "extra", "to_dict", "to_json", "update"]
)


class Field(NamedTuple):
    """One property of the customer schema, as the packaged contract has it."""

    name: str
    wire: str
    schema: Schema
    required: bool

    @property
    def writable(self) -> bool:
        return not self.schema.said.get("readOnly", False)

    @property
    def adopted(self) -> str | None:
        """The version that was current when what had been outside the contract became this."""
        return self.schema.said.get("x-adopted")

    @property
    def in_extra_until(self) -> str | None:
        """The version that `extra=` takes it no more in, `None` where it has not taken it since."""
        return None if self.adopted is None else until(self.adopted, __version__)


@cache
def contract() -> dict[str, Any]:
    """Return the contract after the overlay, as packaged."""
    text = files("caibo_api").joinpath("openapi.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


@cache
def fields() -> Mapping[str, Field]:
    """Return the fields of a customer by this package's names."""
    return fields_of(contract())


def fields_of(document: Mapping[str, Any]) -> dict[str, Field]:
    """Return the fields of a customer as a contract has them."""
    schema = document["components"]["schemas"]["Client"]
    needed = schema.get("required", ())
    return {
        (name := python_name(wire)): Field(name, wire, Schema(rule, document), wire in needed)
        for wire, rule in schema["properties"].items()
    }


@cache
def required() -> tuple[Field, ...]:
    """Return the fields that every record has."""
    return tuple(field for field in fields().values() if field.required)


@cache
def by_wire_name() -> Mapping[str, Field]:
    """Return the fields of a customer by their names on the wire, folded."""
    return {fold(field.wire): field for field in fields().values()}


def field_of(wire: str) -> Field | None:
    """Return the field that a member is, in whatever case it is spelt."""
    return by_wire_name().get(fold(wire))


def field_name(wire: str) -> str:
    """Return this package's name of a member, its own name where it is outside the contract."""
    field = field_of(wire)
    return wire if field is None else field.name


def patchable() -> bool:
    """Tell whether a ruling lets the facade change customers by `PATCH` (RFC 7396)."""
    operation = contract()["paths"]["/customers/{id}"].get("patch", {})
    return bool(operation.get("x-use") == "facade")


def snake_case(wire: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", wire).lower()


def python_name(wire: str) -> str:
    """Return the name that a field has as a keyword and as an attribute."""
    name = re.sub(r"\W", "_", snake_case(wire)).strip("_")
    if not name or name[0].isdigit():
        name = f"field_{name}"
    return f"{name}_" if iskeyword(name) or name in _TAKEN else name


def server_owned(wire: str) -> bool:
    """Tell whether the gateway sets a member, which is an assumption of the overlay."""
    field = field_of(wire)
    return field is not None and not field.writable


def until(adopted: str, version: str) -> str | None:
    """Return the version that ends the time of `extra=` for a field, `None` once it is over.

    It lasts through the minor version that brings the field at the latest, and the next.
    """
    first, now = (tuple(map(int, text.split(".")[:2])) for text in (adopted, version))
    if now <= (first[0], first[1] + 1):
        return f"{first[0]}.{first[1] + 2}"
    return f"{now[0]}.1" if now == (first[0] + 1, 0) else None
