"""A contract in which a ruling takes up `PATCH`, whatever the vendor's says by now."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pytest

from caibo._record.contract import contract
from caibo.testing import FakeCaibo

MODULE = "caibo_api.api.customers.patch_customer"
MERGE_PATCH = "application/merge-patch+json"
RULED = {"operationId": "patch_customer", "tags": ["Customers"], "x-use": "facade"}


def customer() -> dict[str, Any]:
    """Return what the contract says at the path of a customer."""
    path: dict[str, Any] = contract()["paths"]["/customers/{id}"]
    return path


def rule_patch_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the `PUT` as the only write."""
    monkeypatch.delitem(customer(), "patch", raising=False)


def rule_patch_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `PATCH` be ruled, with an operation as it is generated."""
    monkeypatch.setitem(customer(), "patch", RULED)
    made: Any = ModuleType(MODULE)
    made._get_kwargs = _get_kwargs
    monkeypatch.setitem(sys.modules, MODULE, made)


def _get_kwargs(id: int, *, body: Any) -> dict[str, Any]:
    return {
        "method": "patch",
        "url": f"/customers/{id}",
        "json": body.to_dict(),
        "headers": {"Content-Type": MERGE_PATCH},
    }


def patches(fake: FakeCaibo) -> list[Mapping[str, Any]]:
    """Return the merge patches that arrived."""
    return [json.loads(r.body) for r in fake.requests if r.method == "PATCH"]
