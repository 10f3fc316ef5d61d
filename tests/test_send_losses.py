"""What a write left out and the gateway lost is told and given back."""

from __future__ import annotations

import copy
import logging
import pickle
from typing import Any

import pytest
from faces import Connect, Face
from scripted import ID, RECORD, Script, answer
from sending import add

import caibo
from caibo.testing import FakeCaibo


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return add(fake)


class TestLosses:
    def lose(self, client: Face, id: int, **changes: Any) -> caibo.OverwrittenError:
        with pytest.raises(caibo.OverwrittenError) as caught:
            client.update(id, **changes)
        return caught.value

    @pytest.mark.parametrize(
        ("send", "lost", "carrier"),
        [
            ("contract", {"preferences"}, "writable"),
            ("changes", {"preferences", "member_id", "address"}, "writable"),
        ],
    )
    def test_what_is_gone_is_told_with_a_plan_to_restore_it(
        self, connect: Connect, fake: FakeCaibo, id: int, send: Any, lost: set[str], carrier: str
    ) -> None:
        """The plan carries what it has to, whatever the client does."""
        before = fake.document(id)
        client = connect(send=send)

        error = self.lose(client, id, phone="+1")

        assert error.also_changed.keys() == lost
        assert error.also_changed["preferences"].before == {"currency": "EUR", "theme": "dark"}
        assert error.also_changed["preferences"].after is None
        assert (error.reverted, error.replaced, error.conflicts) == ((), (), {})
        assert f'send="{carrier}"' in str(error)
        assert "preferences left out and gone" in str(error)
        assert error.plan is not None
        assert error.plan.send == carrier
        assert client.apply(error.plan).send == carrier
        assert fake.document(id) == {**before, "phone": "+1"}

    def test_the_plan_is_no_wider_than_needed(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """The gateway keeps and refuses what it does not know, and replaces the rest."""
        fake.unknown_members = "kept"
        fake.strict = fake.refuses_read_only = True
        before = fake.document(id)
        client = connect(send="changes")

        error = self.lose(client, id, phone="+1")

        assert error.plan is not None
        assert (error.plan.send, list(error.plan.addressed)) == (
            "contract",
            ["address", "memberId"],
        )
        client.apply(caibo.Plan.from_json(error.plan.to_json()))
        assert fake.document(id) == {**before, "phone": "+1"}

    @pytest.mark.parametrize(
        ("field", "nothing"),
        [
            ("owner_id", None),
            ("total_deposits", 0),
            ("has_payment_requests", False),
            ("owner_name", ""),
            ("create_date", "0001-01-01T00:00:00Z"),
            ("preferences", {}),
        ],
    )
    def test_a_default_is_a_loss(
        self, connect: Connect, fake: FakeCaibo, id: int, field: str, nothing: object
    ) -> None:
        """It is what frameworks make of a member that was not sent."""
        fake.change(id, owner_id=7, owner_name="Shop", has_payment_requests=True)
        fake.change_after_write(id, **{field: nothing})
        fake.keeps_omitted = True
        client = connect(send="contract")

        error = self.lose(client, id, phone="+1")

        assert error.also_changed.keys() == {field}
        assert error.also_changed[field].after == nothing
        assert error.plan is not None
        assert error.plan.send == ("writable" if field == "preferences" else "record")

    def test_a_member_of_the_gateways_own_is_restored_as_well(self, connect: Connect) -> None:
        """If the gateway takes it; what was lost is what it said itself."""
        emptied = RECORD.replace(b"null", b'"+1"')
        rich = RECORD.replace(b"null", b'null,"totalDeposits":100.00')
        script = Script(
            answer(200, rich), answer(200), answer(200, emptied),
            answer(200, emptied), answer(200),
        )  # fmt: skip
        client = connect(send="writable", **script.options)

        error = self.lose(client, ID, phone="+1")
        assert error.plan is not None
        client.apply(error.plan)

        assert script.requests[-1].content == emptied.replace(b"}", b',"totalDeposits":100.00}')

    def test_what_the_gateway_stored_is_held_against_no_limit(
        self, connect: Connect, fake: FakeCaibo
    ) -> None:
        """It may store more than its contract allows."""
        id = fake.add_customer(address="x" * 5000)
        client = connect(send="changes")
        error = self.lose(client, id, phone="+1")

        assert error.plan is not None
        with pytest.raises(caibo.BadRequestError):  # the gateway's own affair
            client.apply(error.plan)

    def test_what_json_cannot_carry_again_is_told_at_least(
        self, connect: Connect, fake: FakeCaibo
    ) -> None:
        """Half a character was in the record, or a number beyond any."""
        odd = '{"name":"A","email":"a@b.c","half":"\\ud800","n":{"x":1E9999999999999999999}}'
        id = fake.add_document(odd)

        error = self.lose(connect(send="changes"), id, phone="+1")

        assert error.also_changed.keys() == {"half", "n"}
        assert error.plan is None

    def test_what_is_restored_meanwhile_is_left_alone(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """And what somebody else has set is a conflict."""
        client = connect(send="contract")
        plans = [self.lose(client, id, phone="+1").plan]
        fake.change(id, preferences={"currency": "EUR", "theme": "dark"})
        plans.append(self.lose(client, id, phone="+2").plan)
        assert plans[0] is not None
        assert plans[1] is not None

        fake.change(id, preferences={"currency": "EUR", "theme": "dark"})
        assert client.apply(plans[0]).outcome == "already-applied"
        fake.change(id, preferences={"currency": "USD"})
        with pytest.raises(caibo.ConflictError, match="preferences"):
            client.apply(plans[1])

    def test_both_may_happen(self, connect: Connect, fake: FakeCaibo, id: int) -> None:
        """What was addressed is the caller's to decide; the plan is about the rest."""
        fake.normalise("phone", lambda _: "+9")

        error = self.lose(connect(send="contract"), id, phone="+1")

        assert (error.replaced, list(error.also_changed)) == (("phone",), ["preferences"])
        assert error.plan is not None
        assert list(error.plan.addressed) == ["preferences"]
        assert "Someone may have written after us" in str(error)

    def test_without_a_loss_there_is_no_plan(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """`also_changed` is there, as in an update."""
        fake.normalise("phone", lambda _: "+9")
        fake.change_after_write(id, address="theirs")

        error = self.lose(connect(confirm=True), id, phone="+1")

        assert error.plan is None
        assert list(error.also_changed) == ["address"]

    def test_it_is_an_error_of_replace_too(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """Where the answer is a record with other values."""
        fake.returns_record = True
        fake.normalise("phone", lambda _: "+9")
        record = {**fake.document(id), "phone": "+1"}
        fake.change_after_write(id, preferences="theirs")

        with pytest.raises(caibo.OverwrittenError) as caught:
            connect().replace(id, record)

        assert caught.value.also_changed["preferences"].after == "theirs"
        assert caught.value.plan is None

    def test_it_shows_no_value(
        self, connect: Connect, fake: FakeCaibo, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Nor does a pickle; a copy has everything."""
        caplog.set_level(logging.DEBUG)
        id = fake.add_customer(address="1 Secret Street", preferences={"pin": "4711"})
        error = self.lose(connect(send="changes"), id, phone="+1")

        again = pickle.loads(pickle.dumps(error))

        assert (again.also_changed, again.plan, str(again)) == ({}, None, str(error))
        assert copy.copy(error).plan is error.plan
        shown = f"{error} {error!r} {error.plan} {error.plan!r} {error.also_changed}"
        for text in (shown, caplog.text, pickle.dumps(error).decode("latin-1")):
            assert "Secret" not in text
            assert "4711" not in text
