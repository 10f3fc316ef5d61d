"""`edit`: a customer to assign to, written when the block ends."""

from __future__ import annotations

from typing import Any

import pytest
from faces import Connect, Face, methods

import caibo
from caibo.testing import FakeCaibo


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(name="Ada Example", email="ada@example.com", phone="+12025550143")


class TestWriting:
    def test_what_was_assigned_is_written_at_the_end(
        self, wire: Face, fake: FakeCaibo, id: int
    ) -> None:
        """And not before."""
        with wire.edit(id) as draft:
            draft.phone = None
            draft.name = draft.name.upper()
            before = methods(fake)

        assert (before, methods(fake)) == (["GET"], ["GET", "PUT"])
        assert (fake.document(id)["name"], fake.document(id)["phone"]) == ("ADA EXAMPLE", None)
        assert list(draft.update.changes) == ["phone", "name"]
        assert draft.update.outcome == "accepted"

    def test_an_exception_writes_nothing(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """It comes out as it is."""
        with pytest.raises(ZeroDivisionError), client.edit(id) as draft:
            draft.phone = None
            draft.name = str(1 / 0)

        assert methods(fake) == ["GET"]
        with pytest.raises(caibo.ConfigurationError, match="nothing was written"):
            _ = draft.update

    @pytest.mark.parametrize("assign", [False, True])
    def test_nothing_that_differs_is_no_request(
        self, client: Face, fake: FakeCaibo, id: int, assign: bool
    ) -> None:
        """Assigning what is there already is no change, however the record changes meanwhile."""
        with client.edit(id) as draft:
            if assign:
                draft.phone = "+1"
                draft.phone = "+12025550143"
            fake.change(id, phone="+2")

        assert methods(fake) == ["GET"]
        assert (draft.update.outcome, draft.update.changes) == ("unchanged", {})

    def test_members_outside_the_contract_go_into_extra(
        self, client: Face, fake: FakeCaibo
    ) -> None:
        """They are merged, as in `update`."""
        id = fake.add_customer(prefs={"a": 1, "b": 2})

        with client.edit(id) as draft:
            draft.extra["prefs"] = {"b": 3}

        assert fake.document(id)["prefs"] == {"a": 1, "b": 3}

    def test_a_wrong_extra_writes_nothing(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """It is seen at the end of the block."""
        match = "pass phone= instead"

        with pytest.raises(caibo.InvalidChangesError, match=match), client.edit(id) as draft:
            draft.extra["phone"] = "+1"

        assert methods(fake) == ["GET"]

    def test_it_may_be_confirmed(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """As in `update`."""
        with client.edit(id, confirm=True) as draft:
            draft.phone = None

        assert draft.update.outcome == "confirmed"


class TestMeanwhile:
    def test_an_old_draft_is_merged_onto_what_is_there(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """What others changed during the block stays."""
        with connect(max_base_age=0).edit(id) as draft:
            draft.phone = None
            fake.change(id, address="1 Other Street")

        assert methods(fake) == ["GET", "GET", "PUT"]
        assert fake.document(id)["address"] == "1 Other Street"

    def test_the_same_field_is_a_conflict(self, connect: Connect, fake: FakeCaibo, id: int) -> None:
        """With all three values aside."""
        client = connect(max_base_age=0)

        with pytest.raises(caibo.ConflictError) as caught, client.edit(id) as draft:
            draft.phone = "+1"
            fake.change(id, phone="+2")

        assert caught.value.conflicts == {"phone": ("+12025550143", "+2", "+1")}
        assert fake.document(id)["phone"] == "+2"

    def test_the_caller_may_decide_beforehand(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """As in `apply`."""
        with connect(max_base_age=0).edit(id, on_conflict="ours") as draft:
            draft.phone = "+1"
            fake.change(id, phone="+2")

        assert fake.document(id)["phone"] == "+1"

    @pytest.mark.parametrize("options", [{"confirm": -1}, {"on_conflict": "mine"}])
    def test_a_wrong_option_is_refused_before_the_block(
        self, client: Face, fake: FakeCaibo, id: int, options: Any
    ) -> None:
        """Not when its work is done."""
        with pytest.raises(caibo.ConfigurationError), client.edit(id, **options):
            pytest.fail("the block was entered")

        assert fake.requests == []


class TestDraft:
    def test_it_reads_as_a_customer_with_what_was_assigned(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """Server-owned fields and the document included."""
        with client.edit(id) as draft:
            draft.phone = "+1"
            seen = (draft.id, draft.phone, draft.document["phone"], draft.has_payment_requests)

        assert seen == (id, "+1", "+1", True)

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("emial", "x", "did you mean `email`"),
            ("id", 7, "is set by the gateway"),
            ("total_deposits", 7, "is set by the gateway"),
            ("update", 7, "is no field"),
            ("email", "no address", "expected an e-mail address"),
            ("name", None, "cannot be cleared"),
        ],
    )
    def test_a_wrong_assignment_is_refused_at_once(
        self, client: Face, fake: FakeCaibo, id: int, name: str, value: object, message: str
    ) -> None:
        """On its own line, and nothing is written."""
        with pytest.raises(caibo.InvalidChangesError, match=message), client.edit(id) as draft:
            draft.phone = None
            setattr(draft, name, value)

        assert methods(fake) == ["GET"]

    def test_a_name_that_is_none_is_an_attribute_error(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """Reading one is a mistake in the Python call."""
        with client.edit(id) as draft, pytest.raises(AttributeError, match="emial"):
            draft.emial  # type: ignore[attr-defined]  # noqa: B018

    def test_after_the_block_it_takes_nothing(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """It would never be written."""
        with client.edit(id) as draft:
            draft.phone = None

        with pytest.raises(caibo.ConfigurationError, match="this draft was written"):
            draft.phone = "+1"

    def test_it_shows_no_values(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """As a customer does not."""
        with client.edit(id) as draft:
            draft.phone = "+19995550100"

            assert repr(draft).startswith(f"Draft of Customer(id={id}, name='A…'")
            assert "555" not in repr(draft)
