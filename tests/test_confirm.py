"""`confirm=`: what is read back after a write, and what that tells."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from faces import Connect, Face, methods

import caibo
from caibo.testing import FakeCaibo


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(name="Ada Example", email="ada@example.com", phone="+12025550143")


class TestConfirmed:
    def test_the_record_is_read_back(self, wire: Face, fake: FakeCaibo, id: int) -> None:
        """On the same connection, and what was read is the customer."""
        fake.normalise("name", str.strip)

        update = wire.update(id, phone=None, confirm=True)

        assert [(r.method, r.connection) for r in fake.requests] == [
            ("GET", 1),
            ("PUT", 1),
            ("GET", 1),
        ]
        assert (update.outcome, update.customer.phone) == ("confirmed", None)
        assert update.race_window is not None
        assert update.request_id == "fake-000002"

    @pytest.mark.parametrize(
        ("field", "sent", "stored"),
        [
            ("phone", "+1 (202) 555-0199", "+12025550199"),
            ("phone", "1.202.555/0199", "12025550199"),
            ("name", " Ada Lovelace ", "Ada Lovelace"),
            ("email", "Ada@Example.com", "ada@example.COM"),
            ("member_id", "m-1", "M-1"),
        ],
    )
    def test_a_value_may_come_back_respelt(
        self, client: Face, fake: FakeCaibo, id: int, field: str, sent: str, stored: str
    ) -> None:
        """Trimming, case and the punctuation of a phone number make no other value."""
        fake.normalise(field, lambda _: stored)

        update = client.update(id, confirm=True, **{field: sent})

        assert update.outcome == "normalised"
        assert getattr(update.customer, field) == stored

    @pytest.mark.parametrize(
        ("field", "sent", "stored"),
        [("name", "Ada-Example", "AdaExample"), ("phone", "12", "13"), ("address", "A", "")],
    )
    def test_no_other_difference_is_a_spelling(
        self, client: Face, fake: FakeCaibo, id: int, field: str, sent: str, stored: str
    ) -> None:
        """Punctuation means something everywhere but in a phone number."""
        fake.normalise(field, lambda _: stored)

        with pytest.raises(caibo.OverwrittenError):
            client.update(id, confirm=True, **{field: sent})

    def test_it_waits_as_long_as_asked(
        self, connect: Connect, fake: FakeCaibo, id: int, pauses: list[float]
    ) -> None:
        """Who overwrites us within that time is seen."""
        client = connect(confirm=2)

        client.update(id, phone="1")
        client.update(id, phone="2", confirm=0.5)
        client.update(id, phone="3", confirm=False)

        assert pauses == [2, 0.5]
        assert methods(fake) == ["GET", "PUT", "GET"] * 2 + ["GET", "PUT"]

    def test_nothing_is_read_back_where_nothing_was_written(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """The record was just read."""
        update = connect(confirm=True).update(id, phone="+12025550143")

        assert (update.outcome, methods(fake)) == ("unchanged", ["GET"])

    def test_a_write_whose_answer_was_lost_settles_too(
        self, connect: Connect, fake: FakeCaibo, id: int, pauses: list[float]
    ) -> None:
        """It is seen at once that it was applied, and only later whether it stays."""
        fake.lose_response("PUT")

        update = connect().update(id, phone=None, confirm=2)

        assert (update.outcome, update.attempts) == ("confirmed", 1)
        assert methods(fake) == ["GET", "PUT", "GET", "GET"]
        assert pauses[-1] == 2

    @pytest.mark.usefixtures("pauses")
    def test_a_write_that_was_seen_may_be_overwritten_while_it_settles(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """Here by someone who saves an old copy."""
        fake.lose_response("PUT")
        fake.on_request = lambda _: (
            fake.change(id, phone="+12025550143") if len(fake.requests) == 4 else None
        )

        with pytest.raises(caibo.OverwrittenError) as caught:
            connect().update(id, phone=None, confirm=2)

        assert caught.value.reverted == ("phone",)

    @pytest.mark.usefixtures("pauses")
    def test_what_was_seen_once_is_unknown_where_it_cannot_be_read_again(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """The error has what was seen."""
        fake.lose_response("PUT")
        fake.on_request = lambda _: (
            fake.fail_next(403) if len(fake.requests) == 3 else None  # for the one after that
        )

        with pytest.raises(caibo.UnknownOutcomeError, match="seen to have been applied") as caught:
            connect().update(id, phone=None, confirm=2)

        assert caught.value.last_seen is not None
        assert caught.value.last_seen.phone is None

    @pytest.mark.parametrize("confirm", [-1, 60, float("nan"), "yes", 1j])
    def test_a_time_that_cannot_be_is_refused(
        self, connect: Connect, fake: FakeCaibo, id: int, confirm: Any
    ) -> None:
        """Before the write, as it would make its outcome unknown."""
        with pytest.raises(caibo.ConfigurationError, match="confirm must be"):
            connect(deadline=60).update(id, phone=None, confirm=confirm)
        with pytest.raises(caibo.ConfigurationError, match="confirm must be"):
            connect(deadline=60, confirm=confirm)

        assert fake.requests == []


class TestOverwritten:
    def test_a_value_of_before_is_told_from_a_third_one(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """The first is what saving an old copy looks like."""
        fake.change_after_write(id, phone="+12025550143", name="Third")

        with pytest.raises(caibo.OverwrittenError, match="phone reverted") as caught:
            client.update(id, phone="+1", name="Ada", member_id="M-2", confirm=True)

        assert (caught.value.reverted, caught.value.replaced) == (("phone",), ("name",))
        assert caught.value.conflicts == {
            "phone": ("+12025550143", "+12025550143", "+1"),
            "name": ("Ada Example", "Third", "Ada"),
        }
        assert "name set to a third value" in str(caught.value)
        assert "Third" not in str(caught.value)

    def test_a_member_that_the_gateway_drops_is_found(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """It says 200 and does not store it."""
        fake.drop_members("preferences")

        with pytest.raises(caibo.OverwrittenError) as caught:
            client.update(id, extra={"preferences": {"currency": "EUR"}}, confirm=True)

        assert caught.value.reverted == ("preferences",)

    def test_others_inside_the_same_object_do_not_disturb(
        self, client: Face, fake: FakeCaibo
    ) -> None:
        """Only what was addressed is looked at."""
        id = fake.add_customer(preferences={"currency": "USD", "theme": "dark"})
        fake.change_after_write(id, preferences={"currency": "EUR", "theme": "light"})

        update = client.update(id, extra={"preferences": {"currency": "EUR"}}, confirm=True)

        assert update.outcome == "confirmed"

    def test_a_pickle_has_no_values(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """It crosses process borders without the customer."""
        fake.change_after_write(id, phone="+19995550100")
        with pytest.raises(caibo.OverwrittenError) as caught:
            client.update(id, phone="+1", confirm=True)

        again = pickle.loads(pickle.dumps(caught.value))

        assert (again.conflicts, again.replaced) == ({}, ("phone",))
        assert str(again) == str(caught.value)


class TestUnreadable:
    def test_a_write_that_cannot_be_read_back_is_unknown(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """It was accepted, and the message says so."""
        client = connect(max_retries=0)
        fake.fail_next(500, method="PUT", times=1, after_applying=True)
        fake.fail_next(500, method="GET")
        record = fake.document(id)

        with pytest.raises(caibo.UnknownOutcomeError, match="Reading back failed") as caught:
            client.update(id, phone=None, current=record, confirm=True)

        assert isinstance(caught.value.__cause__, caibo.ServerError)

    def test_an_accepted_write_says_that_it_was(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """Here the read endpoint is missing; the plan resumes where there is one."""
        record = fake.document(id)
        fake.has_read = False

        with pytest.raises(caibo.UnknownOutcomeError, match="was accepted") as caught:
            connect().update(id, phone=None, current=record, confirm=True)

        assert caught.value.request_id == "fake-000001"
        assert caught.value.plan is not None
        fake.has_read = True
        assert connect().apply(caught.value.plan).outcome == "already-applied"

    def test_a_settle_time_beyond_the_deadline_is_unknown(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """The rest of the deadline does not reach for it."""
        with pytest.raises(caibo.UnknownOutcomeError, match="leaves no 60 seconds"):
            connect(deadline=60).update(id, phone=None, confirm=59.999999)

        assert fake.document(id)["phone"] is None
