"""What users of `caibo` write: public names only, every attribute taken at its word.

The next release must still pass this file, so it quotes no message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from unittest.mock import create_autospec

import pytest

import caibo
from caibo.testing import Clock, FakeCaibo, Request, error, plain_http, unmasked


@pytest.fixture
def fake() -> FakeCaibo:
    return FakeCaibo()


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(name="Ada Example", email="ada@example.com", preferences={"a": 1})


def client_of(fake: FakeCaibo) -> caibo.Caibo:
    return caibo.Caibo(api_key=fake.api_key, base_url=fake.base_url, transport=fake.transport)


def async_client_of(fake: FakeCaibo) -> caibo.AsyncCaibo:
    return caibo.AsyncCaibo(api_key=fake.api_key, base_url=fake.base_url, transport=fake.transport)


def test_it_says_what_it_is() -> None:
    """The version and the contract are text to log."""
    version: str = caibo.__version__
    contract: str = caibo.contract_version

    assert version
    assert contract


def test_a_customer_has_typed_attributes(fake: FakeCaibo, id: int) -> None:
    """Each is assigned to the type that it is promised to have."""
    with client_of(fake) as client:
        customer: caibo.Customer = client.customers.get(id)

    number: int | None = customer.id
    owner: tuple[int | None, int | None] = (customer.owner_id, customer.user_id)
    owner_name: str | None = customer.owner_name
    required: tuple[str, str] = (customer.name, customer.email)
    optional: tuple[str | None, str | None, str | None]
    optional = (customer.address, customer.phone, customer.member_id)
    flag: bool | None = customer.has_payment_requests
    money: Decimal | None = customer.total_deposits
    created: datetime | None = customer.create_date
    members: Mapping[str, Any] = customer.document
    assert (number, required) == (id, ("Ada Example", "ada@example.com"))
    assert members["preferences"] == {"a": 1}
    assert all(value is None or isinstance(value, int) for value in owner)
    assert all(value is None or isinstance(value, str) for value in (owner_name, *optional))
    assert isinstance(flag, bool | None)
    assert isinstance(money, Decimal | None)
    assert isinstance(created, datetime | None)


def test_an_update_tells_what_it_did(fake: FakeCaibo, id: int) -> None:
    """Set, clear, keep; the result has attributes for each question."""
    changes: caibo.CustomerChanges = {"email": "new@example.com", "phone": None}
    with client_of(fake) as client:
        update: caibo.Update = client.customers.update(id, **changes)

    changed: Mapping[str, caibo.Change] = update.changes
    texts: tuple[str, str, str | None] = (update.outcome, update.protection, update.request_id)
    window: float | None = update.race_window
    attempts: int = update.attempts
    carried: tuple[str, ...] = update.carried
    assert changed["email"].before == "ada@example.com"
    assert changed["email"].after == update.customer.email == "new@example.com"
    assert (texts[0], attempts, carried) == ("accepted", 1, ("preferences",))
    assert window is not None
    assert fake.document(id)["phone"] is None


def test_the_awaited_face_does_the_same(fake: FakeCaibo, id: int) -> None:
    """The same names, awaited."""

    async def work() -> caibo.Update:
        async with async_client_of(fake) as client:
            customer: caibo.Customer = await client.customers.get(id)
            await client.customers.replace(id, customer)
            return await client.customers.update(id, member_id="M-1", extra={"tier": "gold"})

    update = asyncio.run(work())

    assert update.customer.member_id == "M-1"
    assert fake.document(id)["tier"] == "gold"


def test_a_plan_is_looked_at_stored_and_applied(fake: FakeCaibo, id: int) -> None:
    """Its JSON is text; applied again, it writes nothing."""
    with client_of(fake) as client:
        plan: caibo.Plan = client.customers.plan(id, phone=None, expect={"name": "Ada Example"})
        stored: str = plan.to_json()
        update: caibo.Update = client.customers.apply(caibo.Plan.from_json(stored))

    planned: Mapping[str, caibo.Change] = plan.changes
    assert list(planned) == list(update.changes) == ["phone"]


def test_an_edit_writes_what_was_assigned(fake: FakeCaibo, id: int) -> None:
    """On both faces."""

    async def work() -> None:
        async with async_client_of(fake) as client, client.customers.edit(id) as draft:
            draft.address = None

    with client_of(fake) as client, client.customers.edit(id) as draft:
        before: str = draft.name
        draft.name = f"{before} B."
    asyncio.run(work())

    assert draft.update is not None
    assert draft.update.outcome == "accepted"
    assert fake.document(id)["name"] == "Ada Example B."
    assert fake.document(id)["address"] is None


def test_what_others_changed_is_not_written_over(fake: FakeCaibo, id: int) -> None:
    """The conflict has all three values."""
    with client_of(fake) as client, pytest.raises(caibo.ConflictError) as caught:
        client.customers.update(id, phone="+12025550199", expect={"name": "Somebody else"})

    conflicts: Mapping[str, tuple[object, object, object]] = caught.value.conflicts
    assert list(conflicts) == ["name"]


def test_observers_hear_of_a_write(fake: FakeCaibo, id: int) -> None:
    """Before it and after it."""
    heard: list[caibo.Event] = []
    with caibo.Caibo(
        api_key=fake.api_key,
        base_url=fake.base_url,
        transport=fake.transport,
        observers=[heard.append],
        confirm=True,
    ) as client:
        update = client.customers.update(id, phone=None)

    assert update.outcome == "confirmed"
    assert [type(event) for event in heard] == [caibo.WriteIntended, caibo.WriteFinished]


def test_a_record_at_hand_needs_no_read(fake: FakeCaibo, id: int) -> None:
    """For gateways without a read, and `replace` for the whole record."""
    record: Mapping[str, object] = fake.document(id)
    with client_of(fake) as client:
        client.customers.update(id, current=record, name="Ada B. Example")
        client.customers.replace(id, {"name": "Ada", "email": "ada@example.com"})

    assert [request.method for request in fake.requests] == ["PUT", "PUT"]


def test_errors_say_what_to_do_next(fake: FakeCaibo) -> None:
    """One class a remedy, and the facts as attributes."""
    with client_of(fake) as client, pytest.raises(caibo.NotFoundError) as caught:
        client.customers.get(1)

    error: caibo.APIError = caught.value
    status: int = error.status
    texts: tuple[str, str, str | None] = (error.request, error.hint, error.request_id)
    problem: Mapping[str, Any] = error.problem
    fields: Mapping[str, tuple[str, ...]] = error.field_errors
    pause: float | None = error.retry_after
    attempts: int = error.attempts
    assert (status, attempts, problem["status"]) == (404, 1, 404)
    assert all(texts)
    assert (fields, pause) == ({}, None)


def test_changes_are_refused_before_anything_is_sent(fake: FakeCaibo, id: int) -> None:
    """With one problem a field."""
    with client_of(fake) as client, pytest.raises(caibo.InvalidChangesError) as caught:
        client.customers.update(id, name="x" * 101, phone="1" * 21)

    problems: tuple[caibo.Problem, ...] = caught.value.problems
    assert [problem.field for problem in problems] == ["name", "phone"]
    assert fake.requests == []


def test_one_class_catches_everything(fake: FakeCaibo) -> None:
    """Also what the network does, with what is known about the request."""
    fake.refuse_connection(times=9)
    with client_of(fake) as client, pytest.raises(caibo.CaiboError) as caught:
        client.customers.get(1)

    assert isinstance(caught.value, caibo.TransportError)
    assert caught.value.request_sent == "no"


@pytest.mark.parametrize(
    ("kind", "base"),
    [
        (caibo.ConfigurationError, caibo.CaiboError),
        (caibo.OverwrittenError, caibo.ConflictError),
        (caibo.UnknownOutcomeError, caibo.CaiboError),
        (caibo.DeadlineExceededError, caibo.TransportError),
        (caibo.RenewalError, caibo.CaiboError),
        (caibo.MalformedResponseError, caibo.CaiboError),
        (caibo.BadRequestError, caibo.APIError),
        (caibo.AuthenticationError, caibo.APIError),
        (caibo.PermissionDeniedError, caibo.APIError),
        (caibo.RateLimitedError, caibo.APIError),
        (caibo.ServerError, caibo.APIError),
    ],
)
def test_an_except_clause_keeps_what_it_catches(
    kind: type[caibo.CaiboError], base: type[caibo.CaiboError]
) -> None:
    """The tree of the errors is part of the promise."""
    assert issubclass(kind, base)


def test_credentials_are_values(fake: FakeCaibo, id: int) -> None:
    """Three kinds, one option."""
    credentials: list[caibo.ApiKey | caibo.BearerToken | caibo.Login] = [
        caibo.ApiKey(fake.api_key),
        caibo.BearerToken(fake.issue_token),
        caibo.Login(fake.email, fake.password),
    ]
    for auth in credentials:
        with caibo.Caibo(auth=auth, base_url=fake.base_url, transport=fake.transport) as client:
            assert client.customers.get(id).id == id


def test_what_was_written_is_told(fake: FakeCaibo, id: int) -> None:
    """By the gateway of the tests, in memory, whose pauses cost no time."""
    fake.fail_next(429, headers={"Retry-After": "9"}, chance=1.0)
    with Clock() as clock, client_of(fake) as client:
        client.customers.update(id, phone=None)

    writes: list[Request] = fake.writes(id)
    assert [write.json["phone"] for write in writes] == [None]
    assert clock.sleeps == [9.0]
    fake.assert_only_changed(id, {"phone"})


def test_a_stub_raises_what_a_client_does() -> None:
    """Each kind has a class of its own."""
    stub = create_autospec(caibo.Caibo, instance=True)
    lost: caibo.NotFoundError = error("not-found", id=7)
    unsure: caibo.UnknownOutcomeError = error("unknown-outcome", changes={"phone": None})
    stub.customers.get.side_effect = lost

    with pytest.raises(caibo.NotFoundError) as caught:
        stub.customers.get(7)

    plan: caibo.Plan | None = unsure.plan
    assert caught.value.customer_id == 7
    assert plan is not None


def test_tests_may_see_values_and_reach_containers(fake: FakeCaibo) -> None:
    """Each in a context of its own."""
    with unmasked(), plain_http("gateway"):
        client = caibo.Caibo(api_key=fake.api_key, base_url="http://gateway:8080")
        shown = repr(caibo.Customer({"id": 7, "name": "Jo Li"}))

    assert client.mode == "test"
    assert "Jo Li" in shown
