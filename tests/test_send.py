"""What a write carries: `send=`, on clients, in plans, and for whoever watches."""

from __future__ import annotations

import json
from typing import Any

import pytest
from audit_log import records
from faces import Connect, Face, methods
from sending import NARROW, OWNED, WRITABLE, add, change_beside, sent

import caibo
from caibo.testing import FakeCaibo


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return add(fake)


class TestWhatIsCarried:
    @pytest.mark.parametrize(
        ("send", "carried"),
        [
            ("record", OWNED | WRITABLE | {"preferences"}),
            ("writable", WRITABLE | {"preferences"}),
            ("contract", WRITABLE),
            ("changes", {"name", "email", "phone"}),
        ],
    )
    def test_each_mode_carries_less(
        self, connect: Connect, fake: FakeCaibo, id: int, send: Any, carried: set[str]
    ) -> None:
        """What is addressed and what the contract requires is in all of them."""
        fake.keeps_omitted = True
        before = fake.document(id)

        update = connect(send=send).update(id, phone="+1")

        assert sent(fake).keys() == carried
        assert fake.document(id) == {**before, "phone": "+1"}
        assert update.send == send
        left_out = before.keys() - carried
        assert {name.replace("_", "") for name in update.left_out} == set(map(str.lower, left_out))
        assert update.carried == (() if "preferences" in left_out else ("preferences",))

    def test_required_members_go_as_they_were_read(self, connect: Connect, fake: FakeCaibo) -> None:
        """Token for token, in the record's own spelling and order."""
        fake.casing = "pascal"
        fake.keeps_omitted = True
        id = fake.add_document(b'{"Phone":"1","Email":"\\u0061@b.c","x":1.00,"Name":"A"}')

        connect(send="changes").update(id, phone="2")

        assert fake.requests[1].body == b'{"Phone":"2","Email":"\\u0061@b.c","Name":"A"}'

    def test_an_object_that_extra_reaches_into_goes_whole(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """A gateway that keeps members keeps none inside of them."""
        fake.keeps_omitted = True

        connect(send="changes").update(id, extra={"Preferences": {"currency": "USD"}})

        assert sent(fake)["preferences"] == {"currency": "USD", "theme": "dark"}
        assert sent(fake).keys() == {"name", "email", "preferences"}

    @pytest.mark.parametrize("send", NARROW)
    def test_what_is_as_it_should_be_needs_no_write(
        self, connect: Connect, fake: FakeCaibo, id: int, send: Any
    ) -> None:
        """The read stays, so that is known."""
        update = connect(send=send).update(id, phone="+12025550143")

        assert (update.outcome, update.left_out, methods(fake)) == ("unchanged", (), ["GET"])

    def test_replace_sends_exactly_the_record(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """It is the operation itself."""
        record = {**fake.document(id), "phone": None}

        update = connect(send="changes").replace(id, record)

        assert fake.requests[-1].body == str(caibo.Document(record)).encode()
        assert (update.send, update.left_out, methods(fake)) == ("record", (), ["PUT"])

    @pytest.mark.parametrize("verb", ["apply", "edit"])
    def test_the_other_verbs_carry_the_same(
        self, connect: Connect, fake: FakeCaibo, id: int, verb: str
    ) -> None:
        """Merged three ways or not."""
        fake.keeps_omitted = True
        client = connect(send="changes", max_base_age=0)

        change_beside(client, fake, id, verb)

        assert sent(fake).keys() == {"name", "email", "phone"}
        assert fake.document(id)["address"] == "theirs"

    def test_what_was_left_to_others_is_not_carried(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """It is theirs."""
        fake.keeps_omitted = True
        client = connect(send="changes", max_base_age=0)
        plan = client.plan(id, phone="+1", address="mine")
        fake.change(id, address="theirs")

        client.apply(plan, on_conflict="theirs")

        assert sent(fake).keys() == {"name", "email", "phone"}

    def test_nobody_elses_field_is_overwritten(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """Not even where somebody writes between our read and our write."""
        fake.keeps_omitted = True
        fake.change_before_write(id, address="theirs")

        update = connect(send="changes").update(id, phone="+1")

        assert (fake.document(id)["address"], fake.document(id)["phone"]) == ("theirs", "+1")
        assert update.also_changed is not None
        assert update.also_changed["address"].after == "theirs"


class TestOptions:
    @pytest.mark.parametrize("send", ["all", "", None, 1, ["record"], "Record"])
    def test_a_mode_that_is_none_is_refused(self, connect: Connect, send: Any) -> None:
        """The message names those that there are."""
        with pytest.raises(caibo.ConfigurationError, match="'record', 'writable', 'contract', 'c"):
            connect(send=send)
        if send is not None:
            with pytest.raises(caibo.ConfigurationError, match="send must be one of"):
                connect().caibo.with_options(send=send)

    def test_a_light_copy_may_carry_less(self, connect: Connect, fake: FakeCaibo, id: int) -> None:
        """And what it learns its client knows."""
        fake.keeps_omitted = True
        client = connect()
        light = client.caibo.with_options(send="changes")
        again = light.with_options(timeout=5)

        for one in (light, again, client.caibo):
            client.wait(one.customers.update, id, phone=f"+{len(fake.requests)}")

        assert methods(fake) == ["GET", "PUT", "GET", "GET", "PUT", "GET", "PUT"]
        assert sent(fake).keys() == fake.document(id).keys()

    @pytest.mark.parametrize("send", NARROW)
    def test_a_record_that_was_handed_over_is_written_whole_only(
        self, connect: Connect, fake: FakeCaibo, id: int, send: Any
    ) -> None:
        """As nothing is read, nobody would see what is lost."""
        with pytest.raises(caibo.ConfigurationError, match='send="record" only'):
            connect(send=send).update(id, phone="+1", current=fake.document(id))

        assert fake.requests == []

    def test_a_plan_on_such_a_record_is_read_before_it_is_written(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """So it may carry less."""
        fake.keeps_omitted = True
        client = connect(send="changes")

        client.apply(client.plan(id, phone="+1", current=fake.document(id)))

        assert methods(fake) == ["GET", "PUT", "GET"]


class TestRefusals:
    def refused(self, client: Face, id: int, **changes: Any) -> caibo.BadRequestError:
        with pytest.raises(caibo.BadRequestError) as caught:
            client.update(id, **changes)
        return caught.value

    def test_what_the_gateway_owns_names_the_mode(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """That leaves it out."""
        fake.refuses_read_only = True

        assert 'send="writable"' in self.refused(client, id, phone="+1").hint

    @pytest.mark.parametrize("send", ["record", "writable"])
    def test_what_is_outside_the_contract_names_the_mode(
        self, connect: Connect, fake: FakeCaibo, id: int, send: Any
    ) -> None:
        """That leaves it out as well."""
        fake.unknown_members = "kept"
        fake.strict = True

        hint = self.refused(connect(send=send), id, phone="+1").hint

        assert 'send="contract"' in hint
        assert "preferences" in hint
        assert connect(send="contract").update(id, phone="+1").outcome == "confirmed"

    def test_what_was_addressed_is_the_callers_own(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """No mode leaves that out."""
        fake.unknown_members = "kept"
        fake.strict = True

        assert "send=" not in self.refused(client, id, extra={"preferences": {"x": 1}}).hint


class TestTelling:
    def test_observers_hear_what_is_left_out(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """Before the write, and with its end."""
        fake.keeps_omitted = True
        events: list[Any] = []
        client = connect(send="contract", observers=[events.append])

        update = client.update(id, phone="+1")

        assert [event.send for event in events] == ["contract", "contract"]
        assert [event.left_out for event in events] == [update.left_out] * 2
        assert {"preferences", "owner_id"} < set(update.left_out)

    def test_the_audit_has_it(
        self, connect: Connect, fake: FakeCaibo, id: int, log: Any, audit: caibo.JsonLinesAudit
    ) -> None:
        """And a loss is an outcome."""
        client = connect(send="contract", observers=[audit])
        with pytest.raises(caibo.OverwrittenError):
            client.update(id, phone="+1")

        intent, outcome = records(log)

        assert intent["send"] == "contract"
        assert "preferences" in intent["left_out"]
        assert outcome["outcome"] == "overwritten"
        assert caibo.open_intents(log) == []

    def test_the_tag_of_the_record_goes_along(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """A 412 leads to a new read, as ever."""
        fake.etags = fake.keeps_omitted = True
        fake.change_before_write(id, name="Theirs")

        update = connect(send="changes").update(id, phone="+1")

        assert update.protection == "conditional"
        assert fake.document(id)["name"] == "Theirs"


class TestStoredPlans:
    @pytest.mark.parametrize(
        "broken", [{"send": "all"}, {"send": ["record"]}, {"leftOut": "phone"}, {"leftOut": [1]}]
    )
    def test_a_broken_one_is_refused(self, client: Face, id: int, broken: dict[str, Any]) -> None:
        """As any other text."""
        stored = json.loads(client.plan(id, phone="+1").to_json()) | broken

        with pytest.raises(caibo.InvalidChangesError, match=r"not what Plan\.to_json\(\) wrote"):
            caibo.Plan.from_json(json.dumps(stored))

    def test_one_of_before_has_neither(self, client: Face, id: int) -> None:
        """It is applied as the client does."""
        stored = json.loads(client.plan(id, phone="+1").to_json())
        del stored["send"], stored["leftOut"]

        plan = caibo.Plan.from_json(json.dumps(stored))

        assert (plan.send, plan.left_out) == (None, ())
        assert client.apply(plan).outcome == "accepted"
