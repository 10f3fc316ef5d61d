"""`error.customer_id`: whom an error concerns, on every error that concerns one customer."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from faces import Connect, Face
from scripted import BEFORE, Script, answer

import caibo
from caibo.testing import FakeCaibo


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(**BEFORE)


def edited(client: Face, id: int) -> None:
    with client.edit(id) as draft:
        draft.phone = None


VERBS: dict[str, Callable[[Face, int], object]] = {
    "get": Face.get,
    "update": lambda client, who: client.update(who, phone=None),
    "plan": lambda client, who: client.plan(who, phone=None),
    "edit": edited,
    "replace": lambda client, who: client.replace(who, {"name": "A", "email": "a@b.c"}),
}


@pytest.mark.parametrize("call", VERBS.values(), ids=VERBS)
@pytest.mark.parametrize("wrong", [{"status": 403}, {"status": 500, "times": 9}], ids=str)
def test_every_verb_tells(
    connect: Connect, fake: FakeCaibo, id: int, call: Any, wrong: Any
) -> None:
    """Also in a pickle and a copy."""
    fake.fail_next(**wrong)

    with pytest.raises(caibo.CaiboError) as caught:
        call(connect(max_retries=0), id)

    error = caught.value
    assert error.customer_id == id
    assert pickle.loads(pickle.dumps(error)).customer_id == copy.copy(error).customer_id == id


def test_an_applied_plan_tells(client: Face, fake: FakeCaibo, id: int) -> None:
    """With the id in it."""
    plan = client.plan(id, phone=None)
    fake.change(id, phone="1")
    stored = caibo.Plan.from_json(plan.to_json())

    with pytest.raises(caibo.ConflictError) as caught:
        client.apply(stored)

    assert caught.value.customer_id == id


REFUSED: dict[str, Callable[[Face, int], object]] = {
    "changes": lambda client, who: client.update(who, emial="x"),
    "expect": lambda client, who: client.update(who, expect={"phone": "1"}, phone=None),
    "current": lambda client, who: client.update(who, current={}, phone=None),
    "document": lambda client, who: client.replace(who, {}),
}


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
def test_what_is_refused_tells(client: Face, id: int, call: Any) -> None:
    """Before any request, and after the read."""
    with pytest.raises(caibo.CaiboError) as caught:
        call(client, id)

    assert caught.value.customer_id == id


def test_a_draft_tells(client: Face, id: int) -> None:
    """Where something is assigned to it."""
    with pytest.raises(caibo.InvalidChangesError) as caught, client.edit(id) as draft:
        draft.phone = "0" * 21

    assert caught.value.customer_id == id


def test_an_attribute_of_a_customer_tells(connect: Connect) -> None:
    """One that is not of its type."""
    record = b'{"id":"7","name":"A","email":"a@b.c","totalDeposits":[]}'
    customer = connect(**Script(answer(200, record)).options).get(7)

    with pytest.raises(caibo.MalformedResponseError) as caught:
        customer.total_deposits  # noqa: B018

    assert caught.value.customer_id == 7


def test_a_login_that_fails_tells_who_was_waiting(
    connect: Connect, fake: FakeCaibo, id: int
) -> None:
    """The error is of the call; what it came of concerns everybody."""
    client = connect(auth=caibo.Login(fake.email, "wrong"))

    with pytest.raises(caibo.RenewalError) as caught:
        client.get(id)

    cause: Any = caught.value.__cause__
    assert (caught.value.customer_id, cause.customer_id) == (id, None)


def test_observers_are_told(connect: Connect, fake: FakeCaibo, id: int) -> None:
    """The error that they hear of has it already."""
    heard: list[int | None] = []

    def hear(event: caibo.Event) -> None:
        if isinstance(event, caibo.WriteFailed):
            heard.append(event.error.customer_id)

    fake.fail_next(400, method="PUT")

    with pytest.raises(caibo.BadRequestError):
        connect(observers=[hear]).update(id, phone=None)

    assert heard == [id]


def test_the_error_of_a_call_inside_a_call_stays_its_own(
    connect: Connect, fake: FakeCaibo, id: int
) -> None:
    """A function of the caller's may have asked for another customer."""
    inner = caibo.ConfigurationError("not of this one")
    inner.customer_id = 404

    def look(_: caibo.Event) -> None:
        raise inner

    with pytest.raises(caibo.ConfigurationError) as caught:
        connect(observers=[look]).update(id, phone=None)

    assert caught.value.customer_id == 404


@pytest.mark.parametrize(
    "make", [lambda client: client.get("7"), lambda _: caibo.Caibo()], ids=["read", "made"]
)
def test_what_concerns_nobody_has_none(client: Face, make: Any) -> None:
    """An id that is refused, a client that cannot be made."""
    with pytest.raises(caibo.CaiboError) as caught:
        make(client)

    assert caught.value.customer_id is None
