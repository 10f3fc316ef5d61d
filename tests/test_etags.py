"""An entity tag on the read makes the write conditional, with nothing to configure."""

from __future__ import annotations

import pytest
from faces import Connect, Face, methods
from scripted import ID, RECORD, Script, answer

import caibo
from caibo.testing import FakeCaibo, Request


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    fake.etags = True
    return fake.add_customer(phone="+12025550143")


def test_the_tag_goes_with_the_write(wire: Face, fake: FakeCaibo, id: int) -> None:
    """And the update says that it was asked for."""
    update = wire.update(id, phone=None)

    assert fake.requests[-1].headers["If-Match"] == '"v1"'
    assert (update.outcome, update.protection) == ("accepted", "if-match")


def test_without_a_tag_nothing_is_claimed(client: Face, fake: FakeCaibo, id: int) -> None:
    """Nor sent."""
    fake.etags = False

    update = client.update(id, phone=None)

    assert "If-Match" not in fake.requests[-1].headers
    assert update.protection == "local-lock"


@pytest.mark.parametrize("tag", ['W/"v1"', "v1", '"a b"', '"v1', ""])
def test_a_tag_that_if_match_cannot_carry_is_left_out(connect: Connect, tag: str) -> None:
    """A weak one never matches, and the write would fail for ever."""
    script = Script(answer(200, RECORD, ETag=tag), answer(200))

    update = connect(**script.options).update(ID, phone="+1")

    assert "If-Match" not in script.requests[-1].headers
    assert update.protection == "local-lock"


def test_a_change_between_read_and_write_is_merged(client: Face, fake: FakeCaibo, id: int) -> None:
    """412: nothing was written, so the record is read anew, and both changes stand."""
    fake.change_before_write(id, address="1 Other Street")

    update = client.update(id, phone=None)

    assert methods(fake) == ["GET", "PUT", "GET", "PUT"]
    assert (update.attempts, update.protection) == (2, "conditional")
    assert fake.document(id)["address"] == "1 Other Street"
    assert fake.document(id)["phone"] is None


def test_a_writer_that_never_gives_way_is_a_conflict(
    connect: Connect, fake: FakeCaibo, id: int
) -> None:
    """Nothing was written, and the message says how often it was tried."""
    numbers = iter(range(100))

    def change(request: Request) -> None:
        if request.method == "PUT":
            fake.change(id, address=str(next(numbers)))

    fake.on_request = change

    with pytest.raises(caibo.ConflictError, match=r"tries: 3\); nothing was written") as caught:
        connect(max_retries=2).update(id, phone=None)

    assert methods(fake) == ["GET", "PUT"] * 3
    assert caught.value.conflicts == {}
    assert fake.document(id)["phone"] == "+12025550143"


def test_412_without_a_condition_is_the_gateways_own_refusal(
    client: Face, fake: FakeCaibo, id: int
) -> None:
    """There is nothing to read anew for."""
    fake.etags = False
    fake.fail_next(412, method="PUT")

    with pytest.raises(caibo.APIError) as caught:
        client.update(id, phone=None)

    assert (caught.value.status, methods(fake)) == (412, ["GET", "PUT"])


def test_a_lost_answer_is_still_looked_up(client: Face, fake: FakeCaibo, id: int) -> None:
    """A tag tells that the record changed, and not who changed it."""
    fake.lose_response("PUT")

    update = client.update(id, phone=None)

    assert methods(fake) == ["GET", "PUT", "GET"]
    assert update.outcome == "confirmed"


@pytest.mark.usefixtures("pauses")
def test_after_a_lost_answer_nobody_says_that_nothing_was_written(
    connect: Connect, fake: FakeCaibo, id: int
) -> None:
    """The lost write arrives after we looked, and is what changes the tag under the second."""
    fake.lose_response("PUT", applied=False)

    def arrive(_: Request) -> None:
        if methods(fake) == ["GET", "PUT", "GET", "PUT"]:
            fake.handle(fake.requests[1])
            fake.change(id, phone="+1")

    fake.on_request = arrive

    with pytest.raises(caibo.UnknownOutcomeError, match="may or may not") as caught:
        connect(max_retries=1).update(id, phone=None)

    assert isinstance(caught.value.__cause__, caibo.APIError)
    assert caught.value.__cause__.status == 412


@pytest.mark.usefixtures("pauses")
def test_after_a_5xx_nobody_says_that_nothing_was_sent(
    connect: Connect, fake: FakeCaibo, id: int
) -> None:
    """It was applied, the read after it lagged, and the second write found no connection."""
    fake.etags = False
    fake.fail_next(500, method="PUT", after_applying=True)

    def after(_: Request) -> None:
        if methods(fake) == ["GET", "PUT", "GET"]:
            fake.stale_reads()
            fake.refuse_connection(3)

    fake.on_request = after

    with pytest.raises(caibo.UnknownOutcomeError, match="with TransportError"):
        connect().update(id, phone=None)

    assert fake.document(id)["phone"] is None


def test_a_plan_keeps_the_tag(connect: Connect, fake: FakeCaibo, id: int) -> None:
    """Applied at once it needs no second read, and is conditional all the same."""
    client = connect(max_base_age=60)
    plan = client.plan(id, phone=None)
    fake.change(id, address="1 Other Street")

    update = client.apply(plan)

    assert methods(fake) == ["GET", "PUT", "GET", "PUT"]
    assert (update.protection, fake.document(id)["address"]) == ("conditional", "1 Other Street")
    assert caibo.Plan.from_json(plan.to_json()).etag == '"v1"'
