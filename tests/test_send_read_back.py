"""What was left out of a write is looked for until it is known to stay."""

from __future__ import annotations

from typing import Any

import pytest
from faces import Connect, methods
from sending import OWNED, add

import caibo
from caibo.testing import FakeCaibo


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return add(fake)


class TestReadingBack:
    def test_a_write_is_read_back_until_it_is_known_what_stays(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """Once is enough."""
        fake.keeps_omitted = True
        client = connect(send="changes")

        outcomes = [client.update(id, phone=phone).outcome for phone in ("+1", "+2", "+3")]

        assert outcomes == ["confirmed", "accepted", "accepted"]
        assert methods(fake) == ["GET", "PUT", "GET"] + ["GET", "PUT"] * 2

    def test_each_kind_of_member_is_learnt_by_itself(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """A gateway may keep what it owns and nothing else."""
        fake.keeps_omitted = True
        client = connect(send="writable")
        outcomes = [client.update(id, phone="+1").outcome]
        for send in ("writable", "contract", "contract", "changes", "changes"):
            light = client.caibo.with_options(send=send)
            phone = f"+{len(fake.requests)}"
            outcomes.append(client.wait(light.customers.update, id, phone=phone).outcome)

        assert outcomes == [*("confirmed", "accepted"), *("confirmed", "accepted") * 2]

    def test_what_had_no_value_proves_nothing(self, connect: Connect, fake: FakeCaibo) -> None:
        """Nor has it anything to lose."""
        client = connect(send="changes")
        blank = dict.fromkeys(OWNED - {"id"}, None)
        id = fake.add_document({**blank, "name": "A", "email": "a@b.c", "address": "", "tags": []})

        outcomes = [client.update(id, phone=phone).outcome for phone in ("+1", "+2")]
        fake.change(id, address="here")
        with pytest.raises(caibo.OverwrittenError):
            client.update(id, phone="+3")

        assert outcomes == ["accepted", "accepted"]

    def test_what_has_another_value_proves_nothing(self, connect: Connect, fake: FakeCaibo) -> None:
        """A gateway may give a default to what is left out."""
        id = fake.add_customer(tier="gold", total_deposits=None, create_date=None)
        fake.keeps_omitted = True
        client = connect(send="contract")

        outcomes = []
        for phone in ("+1", "+2", "+3", "+4"):
            if phone < "+3":
                fake.change_after_write(id, tier=f"new {phone}")
            outcomes.append(client.update(id, phone=phone).outcome)

        assert outcomes == ["confirmed", "confirmed", "confirmed", "accepted"]

    def test_the_id_proves_nothing(self, connect: Connect, fake: FakeCaibo) -> None:
        """It is in the path, so every gateway keeps it."""
        bare = dict.fromkeys(OWNED - {"id"}) | {"name": "A", "email": "a@b.c"}
        ids = [
            fake.add_document({**bare, "id": 1}),
            fake.add_document({**bare, "id": 2, "userId": 7}),
        ]
        client = connect(send="writable")

        outcomes = [client.update(id, phone="+1").outcome for id in ids]

        assert outcomes == ["accepted", "confirmed"]

    def test_a_write_that_is_not_seen_to_land_proves_nothing(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """What a lagging read shows has not been written yet."""
        client = connect(send="changes")
        fake.stale_reads(after=1)

        with pytest.raises(caibo.OverwrittenError) as caught:
            client.update(id, phone="+1")
        assert (caught.value.reverted, caught.value.plan) == (("phone",), None)
        fake.change(id, address="1 Road", phone="+2")
        with pytest.raises(caibo.OverwrittenError) as caught:
            client.update(id, phone="+3")

        assert "address" in caught.value.also_changed

    def test_a_read_that_may_be_an_old_one_proves_nothing(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """The value differs in its spelling only, so nobody can tell."""
        client = connect(send="contract")
        fake.stale_reads(after=1)
        assert client.update(id, phone="+1 202 555 0143").outcome == "normalised"
        fake.change(id, preferences={"currency": "EUR"})

        with pytest.raises(caibo.OverwrittenError):
            client.update(id, phone="+1")

    @pytest.mark.usefixtures("pauses")
    def test_a_write_whose_answer_was_lost_proves_nothing(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """Somebody else may have written the same."""
        fake.keeps_omitted = True
        fake.lose_response("PUT")
        client = connect(send="changes")

        outcomes = [client.update(id, phone=phone).outcome for phone in ("+1", "+2", "+3")]

        assert outcomes == ["confirmed", "confirmed", "accepted"]

    def test_a_loss_is_unlearnt(self, connect: Connect, fake: FakeCaibo, id: int) -> None:
        """After an upgrade of the gateway, say; here it is seen by `confirm=`."""
        fake.keeps_omitted = True
        client = connect(send="changes")
        client.update(id, phone="+1")
        fake.keeps_omitted = False
        with pytest.raises(caibo.OverwrittenError) as caught:
            client.update(id, phone="+2", confirm=True)
        fake.keeps_omitted = True
        assert caught.value.plan is not None
        client.apply(caught.value.plan)

        assert client.update(id, phone="+3").outcome == "confirmed"

    def test_a_write_that_cannot_be_read_back_is_unknown(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """Its plan sees to what it left out before it says that all is well."""
        before = fake.document(id)
        client = connect(send="changes", max_retries=0)
        fake.fail_next(500, method="GET", after=1)
        with pytest.raises(caibo.UnknownOutcomeError, match="was accepted") as caught:
            client.update(id, phone="+1")
        assert caught.value.plan is not None
        plan = caibo.Plan.from_json(caught.value.plan.to_json())

        with pytest.raises(caibo.OverwrittenError, match="may have been applied") as lost:
            client.apply(plan)
        assert lost.value.plan is not None
        client.apply(lost.value.plan)

        assert client.apply(plan).outcome == "already-applied"
        assert fake.document(id) == {**before, "phone": "+1"}

    @pytest.mark.parametrize("kept", [True, False])
    @pytest.mark.parametrize(
        "shown",
        [
            lambda record: {n: v for n, v in record.items() if n != "preferences"},
            lambda record: {n: record[n] for n in ("id", "name", "email")} | {"memberId": None},
        ],
        ids=["whole but for one", "a part"],
    )
    def test_an_answer_that_shows_a_loss_is_read_back(
        self, connect: Connect, fake: FakeCaibo, id: int, kept: bool, shown: Any
    ) -> None:
        """However often what was left out has stayed; it may still be there."""
        fake.keeps_omitted = True
        client = connect(send="changes")
        client.update(id, phone="+1")
        fake.keeps_omitted = kept
        fake.answer_next(shown, method="PUT")

        if kept:
            assert client.update(id, phone="+2").outcome == "confirmed"
        else:
            with pytest.raises(caibo.OverwrittenError):
                client.update(id, phone="+2")

        assert methods(fake)[-3:] == ["GET", "PUT", "GET"]

    def test_an_answer_that_says_nothing_of_it_is_taken(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """A part of the record, or what was sent."""
        fake.keeps_omitted = True
        client = connect(send="changes")
        client.update(id, phone="+1")
        fake.answer_next(lambda r: {n: r[n] for n in ("name", "email", "phone")}, method="PUT")

        assert client.update(id, phone="+2").outcome == "accepted"


class TestLostAnswers:
    def test_a_write_that_landed_and_lost_something_is_told(
        self, connect: Connect, fake: FakeCaibo, id: int, pauses: list[float]
    ) -> None:
        """It was applied, so nothing is sent again."""
        before = fake.document(id)
        fake.lose_response("PUT")
        client = connect(send="changes")

        with pytest.raises(caibo.OverwrittenError, match="may have been applied") as caught:
            client.update(id, phone="+1")

        assert methods(fake) == ["GET", "PUT", "GET"]
        assert caught.value.plan is not None
        client.apply(caught.value.plan)
        assert fake.document(id) == {**before, "phone": "+1"}
        assert pauses

    @pytest.mark.usefixtures("pauses")
    def test_a_loss_is_seen_where_the_values_do_not_tell(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """The gateway keeps the old spelling, so the record looks untouched but for the loss."""
        fake.normalise("phone", lambda _: "+12025550143")
        fake.lose_response("PUT")

        with pytest.raises(caibo.OverwrittenError) as caught:
            connect(send="contract").update(id, phone="+1 202 555 0143")

        assert list(caught.value.also_changed) == ["preferences"]
        assert methods(fake) == ["GET", "PUT", "GET"]

    @pytest.mark.usefixtures("pauses")
    def test_a_write_that_did_not_arrive_is_sent_again(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """And read back after that, as nothing was learnt."""
        fake.keeps_omitted = True
        fake.lose_response("PUT", applied=False)

        update = connect(send="changes").update(id, phone="+1")

        assert (update.outcome, update.attempts) == ("confirmed", 2)
        assert methods(fake) == ["GET", "PUT", "GET", "PUT", "GET"]

    @pytest.mark.usefixtures("pauses")
    def test_a_write_that_arrives_late_is_seen_to(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """Here while the one after it is refused for now."""
        fake.lose_response("PUT", applied=False)
        fake.fail_next(429, method="PUT", after=1, headers={"Retry-After": "1"})
        fake.on_request = lambda _: (
            fake.handle(fake.requests[1]) if len(fake.requests) == 4 else None
        )

        with pytest.raises(caibo.OverwrittenError) as caught:
            connect(send="changes").update(id, phone="+1")

        assert "preferences" in caught.value.also_changed
        assert fake.document(id)["phone"] == "+1"
