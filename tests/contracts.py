"""A contract that has more fields, where the packaged one stands."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import fields
import pytest

import caibo
from caibo._record import contract as rules
from caibo.bulk import _rows
from caibo.cli import _values
from caibo.testing import _contract as kit

Schemas = Mapping[str, Mapping[str, Any]]


def more(
    properties: Schemas, schemas: Schemas | None = None, *, required: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the packaged contract with more fields of a customer, and more schemas."""
    document = copy.deepcopy(rules.contract())
    document["components"]["schemas"].update(schemas or {})
    client = document["components"]["schemas"]["Client"]
    client["properties"].update(properties)
    client["required"] = [*client["required"], *required]
    return document


@contextmanager
def packaged(document: Mapping[str, Any]) -> Iterator[None]:
    """Let a contract be the packaged one, with the attributes that are generated from it."""
    made: dict[str, Any] = {}
    exec(fields.module(document, {}), made)  # noqa: S102
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "contract", lambda: document)
        for name, attribute in vars(made["CustomerFields"]).items():
            if isinstance(attribute, property):
                patch.setattr(caibo.Customer, name, attribute, raising=False)
                patch.setitem(_values.READ, _values.folded(name), name)
        for name in made["CustomerChanges"].__annotations__:
            patch.setitem(caibo.CustomerChanges.__annotations__, name, "object")
            patch.setitem(_values.CHANGED, _values.folded(name), name)
            patch.setitem(_rows._FIELDS, _values.folded(name), name)
        _forget()
        yield
    _forget()


def _forget() -> None:
    for cache in (rules.fields, rules.required, rules.by_wire_name, kit.contract):
        cache.cache_clear()
