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
from typing import Any, NamedTuple

from caibo._record.spelling import fold


class Field(NamedTuple):
    """One property of the customer schema, as the packaged contract has it."""

    name: str
    wire: str
    schema: Mapping[str, Any]
    required: bool

    @property
    def writable(self) -> bool:
        return not self.schema.get("readOnly", False)

    @property
    def nullable(self) -> bool:
        return bool(self.schema.get("nullable", False))


@cache
def contract() -> dict[str, Any]:
    """Return the contract after the overlay, as packaged."""
    text = files("caibo_api").joinpath("openapi.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


@cache
def fields() -> Mapping[str, Field]:
    """Return the fields of a customer by this package's names."""
    schema = contract()["components"]["schemas"]["Client"]
    return {
        (name := snake_case(wire)): Field(name, wire, rule, wire in schema["required"])
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
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", wire).lower()


def server_owned(wire: str) -> bool:
    """Tell whether the gateway sets a member, which is an assumption of the overlay."""
    field = field_of(wire)
    return field is not None and not field.writable
