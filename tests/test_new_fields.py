"""A field that the vendor adds is known and checked without a line of ours."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import contracts
import pytest

import caibo
from caibo.testing import FakeCaibo

NEW_FIELDS = {
    "loyaltyPoints": {"type": "integer", "format": "int64", "readOnly": False},
    "creditLimit": {"type": "number", "readOnly": False},
    "isBusiness": {"type": "boolean", "readOnly": False},
}


@pytest.fixture
def update(fake: FakeCaibo) -> Iterator[Any]:
    """Update a customer under a contract with more fields; no checker knows their names."""
    with contracts.packaged(contracts.more(NEW_FIELDS)):
        id = fake.add_customer(is_business=False)
        with caibo.Caibo(api_key=fake.api_key, transport=fake.transport) as client:
            untyped: Any = client.customers.update
            yield lambda **changes: untyped(id, **changes)


def test_it_is_written_under_its_wire_name(update: Any, fake: FakeCaibo) -> None:
    """Python's name is derived from it."""
    done = update(loyalty_points=3, credit_limit=Decimal("100.00"), is_business=True)

    sent = fake.requests[-1].json
    assert (sent["loyaltyPoints"], sent["creditLimit"], sent["isBusiness"]) == (3, 100, True)
    assert done.changes.keys() == {"loyalty_points", "credit_limit", "is_business"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loyalty_points": "3"}, "expected integer, not string"),
        ({"loyalty_points": True}, "expected integer, not boolean"),
        ({"loyalty_points": 1.5}, "expected integer, not number with a fraction"),
        ({"loyalty_points": 2**63}, "at most 64 bits"),
        ({"credit_limit": "1"}, "expected number, not string"),
        ({"is_business": 1}, "expected boolean, not number"),
    ],
)
def test_it_is_held_against_its_type(
    update: Any, fake: FakeCaibo, changes: dict[str, Any], message: str
) -> None:
    """Before any request."""
    with pytest.raises(caibo.InvalidChangesError, match=message):
        update(**changes)

    assert fake.requests == []


def test_a_whole_number_may_be_spelt_with_a_fraction(update: Any, fake: FakeCaibo) -> None:
    """JSON Schema counts 3.0 as an integer, so it is not refused here."""
    update(loyalty_points=Decimal("3.0"))

    assert b'"loyaltyPoints":3.0' in fake.requests[-1].body
