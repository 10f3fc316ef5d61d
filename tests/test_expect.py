"""`expect=`: an update that is refused unless the record says what the caller thinks."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from faces import Face

import caibo
from caibo.testing import FakeCaibo


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(
        email="ada@example.com", phone=None, totalDeposits=Decimal("100.00"), tier={"level": 1}
    )


@pytest.mark.parametrize(
    "expect",
    [
        {},
        {"email": "ada@example.com"},
        {"email": "ada@example.com", "phone": None},
        {"total_deposits": 100},
        {"has_payment_requests": True},
        {"tier": {"level": 1}},
        {"gone": None},
    ],
)
def test_a_record_that_says_so_is_written(
    client: Face, fake: FakeCaibo, id: int, expect: Any
) -> None:
    """Fields by their names, members outside the contract by theirs; absent is null."""
    update = client.update(id, expect=expect, name="Ada")

    assert update.outcome == "accepted"


@pytest.mark.parametrize(
    "expect", [{"owner_id": 17}, {"total_deposits": Decimal("100.00")}, {"owner_id": "17"}]
)
def test_a_number_that_came_as_a_string_is_expected_as_it_reads(
    client: Face, fake: FakeCaibo, expect: Any
) -> None:
    """What `Customer` gives can be expected, and so can what the record says."""
    id = fake.add_customer(ownerId="17", totalDeposits="100.00")

    assert client.update(id, expect=expect, name="Ada").outcome == "accepted"
    with pytest.raises(caibo.ConflictError):
        client.update(id, expect=dict.fromkeys(expect, 18), name="Bob")


@pytest.mark.parametrize(
    ("expect", "field", "theirs"),
    [
        ({"email": "old@example.com"}, "email", "ada@example.com"),
        ({"phone": "+1"}, "phone", None),
        ({"has_payment_requests": 1}, "has_payment_requests", True),
        ({"tier": {"level": 2}}, "tier", {"level": 1}),
        ({"gone": 0}, "gone", None),
    ],
)
def test_a_record_that_says_otherwise_is_left_alone(
    client: Face, fake: FakeCaibo, id: int, expect: Any, field: str, theirs: object
) -> None:
    """The error names the field, and has the three values aside."""
    with pytest.raises(caibo.ConflictError, match=f"{field}; nothing was written") as caught:
        client.update(id, expect=expect, name="Ada")

    assert [request.method for request in fake.requests] == ["GET"]
    assert caught.value.conflicts == {field: (expect[field], theirs, expect[field])}
    assert "example.com" not in str(caught.value)


def test_what_was_to_be_set_is_mine(client: Face, fake: FakeCaibo, id: int) -> None:
    """Where the caller both expects and sets a field."""
    with pytest.raises(caibo.ConflictError) as caught:
        client.update(id, expect={"email": "old@x.y"}, email="new@x.y")

    assert caught.value.conflicts["email"] == ("old@x.y", "ada@example.com", "new@x.y")


def test_it_holds_for_a_record_that_was_handed_over(client: Face, fake: FakeCaibo, id: int) -> None:
    """Nothing is read for it."""
    with pytest.raises(caibo.ConflictError):
        client.update(id, current=fake.document(id), expect={"phone": "+1"}, name="Ada")

    assert fake.requests == []


def test_it_holds_again_before_a_second_write(client: Face, fake: FakeCaibo, id: int) -> None:
    """Someone changed what we expect; but the first, whose answer was lost, may still arrive."""
    fake.lose_response("PUT", applied=False)
    seen: list[str] = []

    def change(request: Any) -> None:
        seen.append(request.method)
        if seen == ["GET", "PUT"]:
            fake.change(id, email="new@example.com")

    fake.on_request = change

    with pytest.raises(caibo.UnknownOutcomeError, match="with ConflictError") as caught:
        client.update(id, expect={"email": "ada@example.com"}, phone="+1")

    assert isinstance(caught.value.__cause__, caibo.ConflictError)
    assert (seen, fake.document(id)["phone"]) == (["GET", "PUT", "GET"], None)


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        ({"memberId": "M"}, "expect['memberId']: is spelt 'member_id' here"),
        ({"phone": object()}, "expect['phone']: is of type object"),
        ({7: 1}, "expect[7]: has a member name that is not a string"),
        (["email"], "expect: expected a mapping of field names, not list"),
    ],
)
def test_what_cannot_be_expected_is_refused(
    client: Face, fake: FakeCaibo, id: int, expect: Any, message: str
) -> None:
    """Before any request."""
    with pytest.raises(caibo.InvalidChangesError) as caught:
        client.update(id, expect=expect, name="Ada")

    assert message in str(caught.value)
    assert fake.requests == []
