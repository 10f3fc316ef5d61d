"""``FIELD=TEXT`` says what the field's schema takes, as a cell of a file for `bulk` does."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import contracts
import pytest
from field_kinds import KINDS, SCHEMAS
from shells import ID, Shell

from caibo._record.contract import field_name
from caibo.testing import FakeCaibo


@pytest.fixture(autouse=True)
def contract() -> Iterator[None]:
    """Rule that callers set a field of each kind."""
    ruled = {wire: {**kind.schema, "readOnly": False} for wire, kind in KINDS.items()}
    with contracts.packaged(contracts.more(ruled, SCHEMAS)):
        yield


@pytest.mark.parametrize("wire", sorted({*KINDS} - {"anything"}))
def test_what_get_prints_may_be_given_to_update(shell: Shell, fake: FakeCaibo, wire: str) -> None:
    """And to `--expect`; the record says it already."""
    name = field_name(wire)
    fake.change(ID, **{wire: KINDS[wire].json})
    printed = shell("get", "12345", "--field", name).out.removesuffix("\n")

    same = shell("update", "12345", f"{name}={printed}", "--expect", f"{wire}={printed}", "--yes")

    assert (same.status, same.out) == (0, "12345\tunchanged\t\n")
    assert {request.method for request in fake.requests} == {"GET"}


@pytest.mark.parametrize(
    ("item", "found"),
    [
        ("isBusiness=true", True),
        ("credit_limit= 12.50 ", Decimal("12.50")),
        ("nick_name=true", "true"),
        ("nick_name=00123", "00123"),
        ("anything=[1]", "[1]"),
        ("anything:=[1]", [1]),
        ("tags=@-", ["a"]),
    ],
)
def test_it_is_written_as_that(shell: Shell, fake: FakeCaibo, item: str, found: Any) -> None:
    """What takes a string gets the text."""
    ran = shell("update", "12345", item, "--yes", typed='["a"]\n')

    assert ran.status == 0
    name = item.partition("=")[0].rstrip(":")
    value = fake.document(ID)[next(wire for wire in KINDS if name in (wire, field_name(wire)))]
    assert (type(value), value) == (type(found), found)


def test_what_only_the_gateway_sets_may_be_expected(shell: Shell, fake: FakeCaibo) -> None:
    """A number is not its digits."""
    fake.change(ID, totalDeposits=100.5, hasPaymentRequests=False)
    expected = ["--expect=total_deposits=100.50", "--expect", "hasPaymentRequests=false"]

    assert shell("update", "12345", "phone=1", *expected, "--yes").status == 0


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("is_business=yes", "is_business: expected true or false in small letters"),
        ("loyaltyPoints=1e3", "loyaltyPoints: expected an integer with all of its digits"),
        ("shipping=Way 1", 'shipping: expected an object as JSON, such as {"a": 1}'),
        ("--expect=tags=a", 'tags: expected an array as JSON, such as ["a"]'),
    ],
)
def test_anything_else_is_told(shell: Shell, fake: FakeCaibo, item: str, said: str) -> None:
    """Before any request."""
    ran = shell("update", "12345", item, "phone=1", "--yes")

    assert (ran.status, fake.requests) == (2, [])
    assert said in ran.err
