"""An entity tag on the read makes the write conditional, with nothing to configure."""

from __future__ import annotations

from typing import Any

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


def test_each_of_many_writes_has_its_own(client: Face, fake: FakeCaibo, id: int) -> None:
    """However many there were, and in whatever order."""
    updates = [client.update(id, phone=f"+{n}") for n in range(20)]

    sent = [r.headers["If-Match"] for r in fake.requests if r.method == "PUT"]
    assert sent == [f'"v{n}"' for n in range(1, 21)]
    assert {update.protection for update in updates} == {"if-match"}


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


class TestReplacing:
    """`replace` reads nothing, so the caller says which record is meant."""

    def test_a_record_knows_the_tag_it_was_read_with(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """Also one that comes with a result; one that was only sent has none."""
        written = client.update(id, phone="+1")
        confirmed = client.update(id, phone="+2", confirm=True)
        unchanged = client.update(id, phone="+2")

        tags = [u.customer.etag for u in (written, confirmed, unchanged)]
        assert tags == [None, '"v3"', '"v3"']
        assert client.get(id).etag == '"v3"'
        assert caibo.Customer(fake.document(id)).etag is None
        assert client.get(id) == caibo.Customer(fake.document(id))

    def test_it_replaces_that_record(self, wire: Face, fake: FakeCaibo, id: int) -> None:
        """And says what protected it."""
        customer = wire.get(id)

        update = wire.replace(id, customer, if_match=customer.etag)

        assert fake.requests[-1].headers["If-Match"] == '"v1"'
        assert (update.outcome, update.protection) == ("accepted", "if-match")

    def test_it_replaces_no_other(self, wire: Face, fake: FakeCaibo, id: int) -> None:
        """412: the other's change stands."""
        customer = wire.get(id)
        fake.change(id, address="1 Other Street")

        with pytest.raises(caibo.APIError, match="another entity tag by now") as caught:
            wire.replace(id, customer, if_match=customer.etag)

        assert (caught.value.status, methods(fake)) == (412, ["GET", "PUT"])
        assert fake.document(id)["address"] == "1 Other Street"

    def test_it_is_conditional_once_a_stale_tag_was_refused(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """By whichever write of this client."""
        fake.change_before_write(id, address="1 Other Street")
        client.update(id, phone=None)
        customer = client.get(id)

        update = client.replace(id, customer, if_match=customer.etag)

        assert update.protection == "conditional"

    @pytest.mark.parametrize("tag", ['W/"v1"', "v1", "*", "", '"v1"\r\nX: 1', b'"v1"', 7])
    def test_what_is_no_strong_tag_is_refused(
        self, client: Face, fake: FakeCaibo, id: int, tag: Any
    ) -> None:
        """Before anything is sent."""
        with pytest.raises(caibo.InvalidChangesError, match="no strong entity tag"):
            client.replace(id, {"name": "A", "email": "a@b.c"}, if_match=tag)

        assert fake.requests == []

    def test_a_gateway_that_asks_for_one_is_answered(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """428 (RFC 6585): the hint says how."""
        fake.fail_next(428, method="PUT")

        with pytest.raises(caibo.APIError, match=r"if_match=customer\.etag"):
            client.replace(id, {"name": "A", "email": "a@b.c"})
