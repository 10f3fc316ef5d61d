"""`plan` and `apply`: an update to look at, to store, and to write later."""

from __future__ import annotations

import json
from typing import Any

import pytest
from faces import Connect, Face, methods
from hypothesis import given
from json_text import ID, members, records

import caibo
from caibo.testing import FakeCaibo


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(
        id=ID, name="Ada Example", email="ada@example.com", phone="+12025550143", tier="gold"
    )


def stored(plan: caibo.Plan) -> caibo.Plan:
    return caibo.Plan.from_json(plan.to_json())


class TestPlanning:
    def test_nothing_is_written(self, wire: Face, fake: FakeCaibo, id: int) -> None:
        """One read, and the plan says what would be."""
        plan = wire.plan(id, email="new@example.com", phone=None, name="Ada Example")

        assert methods(fake) == ["GET"]
        assert list(plan.changes) == ["email", "phone"]
        assert plan.changes["email"].after == "new@example.com"
        assert plan.document["email"] == "new@example.com"
        assert (plan.id, plan.carried, plan.applied) == (id, ("tier",), False)

    def test_a_record_that_was_handed_over_is_not_read(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """As in `update`."""
        plan = client.plan(id, current=fake.document(id), phone=None)

        assert (fake.requests, list(plan.changes)) == ([], ["phone"])

    def test_what_update_refuses_it_refuses(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """Names, limits, expectations and records that cannot be written back."""
        untyped: Any = client.plan
        with pytest.raises(caibo.InvalidChangesError, match="did you mean `email`"):
            untyped(id, emial="x")
        with pytest.raises(caibo.ConflictError):
            client.plan(id, expect={"phone": "+1"}, phone=None)
        fake.add_document(f'{{"id":{id},"name":null,"email":"a@b.c"}}')
        with pytest.raises(caibo.MalformedResponseError, match="cannot be written back"):
            client.plan(id, phone=None)

    def test_it_shows_a_table_without_values(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """Personal values by their shape; the whole ones only when asked for."""
        plan = client.plan(id, email="new@example.com", phone=None)

        lines = str(plan).splitlines()
        assert lines[0].startswith(f"customer {id}, read 20")
        assert [line.split() for line in lines[1:]] == [
            ["field", "before", "after"],
            ["email", "'a…@example.com'", "'n…@example.com'"],
            ["phone", "'+…'", "None"],
            ["carried", "over:", "tier"],
        ]
        whole = plan.table(masked=False).splitlines()[3]
        assert whole.split() == ["phone", '"+12025550143"', "null"]
        assert "5550143" not in str(plan) + repr(plan)
        assert repr(plan).startswith(f"Plan({id}, {{'email': Change(")

    def test_values_that_look_alike_are_said_to_differ(self, client: Face, fake: FakeCaibo) -> None:
        """Masked to one letter, or cut where a line ends; of neither more is shown."""
        id = fake.add_customer(phone="+1", size=1, note="x" * 500)

        plan = client.plan(id, phone="+23", extra={"note": "x" * 501, "size": 2})

        masked, whole = plan.table().splitlines(), plan.table(masked=False).splitlines()
        assert [line.split() for line in masked[2:5]] == [
            ["phone", "'+…'", "'+…'", "(they", "differ)"],
            ["note", "'x…'", "'x…'", "(they", "differ)"],
            ["size", "…", "…", "(they", "differ)"],
        ]
        assert [line.endswith("(they differ)") for line in whole[2:5]] == [False, True, False]
        assert repr(plan.changes["phone"]) == "Change('+…' → '+…' (they differ))"

    def test_a_table_of_nothing_says_so(self, client: Face, fake: FakeCaibo) -> None:
        """And one that was applied says that."""
        id = fake.add_customer(phone=None)
        plan = client.plan(id, phone=None)

        client.apply(plan)

        assert "nothing to change" in str(plan)
        assert "applied already" in str(plan)


class TestApplying:
    def test_a_young_plan_is_written_at_once(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """Its record is as fresh as `max_base_age` asks for."""
        client = connect(max_base_age=60)

        update = client.apply(client.plan(id, phone=None))

        assert methods(fake) == ["GET", "PUT"]
        assert (update.outcome, list(update.changes)) == ("accepted", ["phone"])
        assert update.race_window is not None
        assert update.race_window >= 0

    def test_an_old_one_is_merged_onto_what_is_there(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """What others changed meanwhile stays."""
        client = connect(max_base_age=0)
        plan = client.plan(id, phone=None, extra={"prefs": {"a": 1}})
        fake.change(id, address="1 Other Street")

        update = client.apply(plan)

        assert methods(fake) == ["GET", "GET", "PUT"]
        assert fake.document(id)["address"] == "1 Other Street"
        assert (update.customer.phone, fake.document(id)["prefs"]) == (None, {"a": 1})

    def test_a_stored_one_is_always_read_again(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """However young it says it is."""
        client = connect(max_base_age=60)

        client.apply(stored(client.plan(id, phone=None)), confirm=True)

        assert methods(fake) == ["GET", "GET", "PUT", "GET"]

    def test_one_on_a_record_that_was_handed_over_is_read(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """Nobody knows how old that record was."""
        plan = client.plan(id, current=client.get(id), phone=None)
        fake.change(id, address="1 Other Street")

        client.apply(plan)

        assert fake.document(id)["address"] == "1 Other Street"

    def test_it_is_not_written_twice(self, connect: Connect, fake: FakeCaibo, id: int) -> None:
        """Neither the plan itself, nor a copy of it from before or after."""
        client = connect()
        plan = client.plan(id, phone=None)
        before = stored(plan)
        client.apply(plan)
        after = stored(plan)

        outcomes = [client.apply(p).outcome for p in (plan, before, after)]

        assert outcomes == ["already-applied"] * 3
        assert methods(fake) == ["GET", "PUT", "GET", "GET", "GET"]

    @pytest.mark.parametrize("on_conflict", ["raise", "ours", "theirs"])
    @pytest.mark.parametrize("kept", [lambda plan: plan, stored], ids=["itself", "its JSON"])
    def test_what_it_wrote_may_have_been_changed_since(
        self, client: Face, fake: FakeCaibo, id: int, on_conflict: Any, kept: Any
    ) -> None:
        """Then it is a conflict, which no option decides: it had its turn."""
        plan = client.plan(id, phone=None, extra={"prefs": {"a": 1}})
        client.apply(plan)
        fake.change(id, phone="+1", prefs={"a": 2, "b": 3}, address="1 Other Street")

        with pytest.raises(caibo.ConflictError, match="applied before") as caught:
            client.apply(kept(plan), on_conflict=on_conflict)

        assert dict(caught.value.conflicts) == {
            "phone": ("+12025550143", "+1", None),
            "prefs.a": (None, 2, 1),
        }
        assert methods(fake).count("PUT") == 1

    def test_what_it_wrote_may_have_been_respelt_since(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """That is no change; and what others changed besides is in the result."""
        plan = client.plan(id, phone="+1 202 555 0199")
        client.apply(plan)
        fake.change(id, phone="+12025550199", address="1 Other Street")

        update = client.apply(stored(plan))

        assert (update.outcome, update.attempts) == ("already-applied", 0)
        assert update.customer.address == "1 Other Street"

    def test_a_plan_of_nothing_is_unchanged(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """There was nothing to apply."""
        update = client.apply(client.plan(id))

        assert update.outcome == "unchanged"

    def test_its_expectations_hold_when_it_is_applied(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """They travel with it."""
        client = connect(max_base_age=0)
        plan = stored(client.plan(id, expect={"email": "ada@example.com"}, phone=None))
        fake.change(id, email="new@example.com")

        with pytest.raises(caibo.ConflictError, match="email"):
            client.apply(plan)

        assert not plan.applied
        assert fake.document(id)["phone"] == "+12025550143"

    @pytest.mark.parametrize("plan", [None, "{}", {"phone": None}])
    def test_anything_else_is_refused(self, client: Face, fake: FakeCaibo, plan: Any) -> None:
        """Before any request."""
        with pytest.raises(caibo.ConfigurationError, match=r"apply takes a caibo\.Plan"):
            client.apply(plan)

        assert fake.requests == []


class TestConflicts:
    @pytest.fixture
    def plan(self, client: Face, fake: FakeCaibo, id: int) -> caibo.Plan:
        """Plan two changes; someone else then makes another of one of them."""
        plan = stored(client.plan(id, phone="+1", name="Mine"))
        fake.change(id, phone="+2", address="theirs")
        return plan

    def test_the_same_field_is_a_conflict(
        self, client: Face, fake: FakeCaibo, id: int, plan: caibo.Plan
    ) -> None:
        """With all three values aside, and nothing written."""
        with pytest.raises(caibo.ConflictError, match="phone as well; nothing") as caught:
            client.apply(plan)

        assert caught.value.conflicts == {"phone": ("+12025550143", "+2", "+1")}
        assert fake.document(id)["name"] == "Ada Example"
        assert not plan.applied

    @pytest.mark.parametrize(
        ("on_conflict", "phone"),
        [("ours", "+1"), ("theirs", "+2"), (lambda f, b, t, m: f"{t}{m}", "+2+1")],
        ids=["ours", "theirs", "function"],
    )
    def test_the_caller_may_decide_beforehand(
        self,
        client: Face,
        fake: FakeCaibo,
        id: int,
        plan: caibo.Plan,
        on_conflict: Any,
        phone: str,
    ) -> None:
        """The other changes go along."""
        client.apply(plan, on_conflict=on_conflict)

        document = fake.document(id)
        assert (document["phone"], document["name"]) == (phone, "Mine")
        assert document["address"] == "theirs"

    def test_what_was_left_to_others_was_not_applied(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """The record has their value, and nothing of ours was written."""
        plan = stored(client.plan(id, phone="+1"))
        fake.change(id, phone="+2")

        update = client.apply(plan, on_conflict="theirs")

        assert (update.outcome, update.changes) == ("unchanged", {})

    @pytest.mark.usefixtures("pauses")
    def test_what_was_left_to_others_meanwhile_is_not_confirmed(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """The first write is refused, and by the second reading others have changed both."""
        plan = stored(client.plan(id, phone="+1", address="mine"))
        fake.fail_next(429, method="PUT", headers={"Retry-After": "2"})
        fake.on_request = lambda request: (
            fake.change(id, phone="+2", address="mine") if request.method == "PUT" else None
        )

        update = client.apply(plan, on_conflict="theirs")

        assert (update.outcome, list(update.changes)) == ("confirmed", ["address"])

    @pytest.mark.usefixtures("pauses")
    def test_a_lost_write_leaves_in_doubt_what_was_left_to_others_since(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """It may still arrive, so that nothing was changed cannot be said."""
        plan = stored(client.plan(id, phone="+1"))
        fake.lose_response("PUT", applied=False)
        fake.fail_next(429, method="PUT", headers={"Retry-After": "2"})
        fake.on_request = lambda _: (
            fake.change(id, phone="+2") if methods(fake).count("PUT") == 2 else None
        )

        with pytest.raises(caibo.UnknownOutcomeError, match="Others have changed the same"):
            client.apply(plan, on_conflict="theirs")

    def test_resuming_does_not_undo_the_decision(
        self, client: Face, fake: FakeCaibo, id: int, plan: caibo.Plan
    ) -> None:
        """The plan of an unknown outcome has what was sent, not what was wanted at first."""
        fake.lose_response("PUT", applied=False)
        fake.on_request = lambda request: (
            fake.fail_next(403, method="GET") if request.method == "PUT" else None
        )

        with pytest.raises(caibo.UnknownOutcomeError) as caught:
            client.apply(plan, on_conflict="theirs")
        fake.on_request = None
        assert caught.value.plan is not None
        client.apply(caught.value.plan)

        assert (fake.document(id)["phone"], fake.document(id)["name"]) == ("+2", "Mine")

    def test_a_function_gets_the_field_and_the_three_values(
        self, client: Face, plan: caibo.Plan
    ) -> None:
        """In the order base, theirs, mine."""
        asked: list[tuple[object, ...]] = []

        def decide(*of: object) -> object:
            asked.append(of)
            return of[-1]

        client.apply(plan, on_conflict=decide)

        assert asked == [("phone", "+12025550143", "+2", "+1")]

    def test_a_function_that_gives_no_json_is_refused(
        self, client: Face, fake: FakeCaibo, id: int, plan: caibo.Plan
    ) -> None:
        """Before the write."""
        with pytest.raises(caibo.InvalidChangesError, match="on_conflict gave what is of type"):
            client.apply(plan, on_conflict=lambda *_: object())

        assert fake.document(id)["phone"] == "+2"

    @pytest.mark.parametrize("on_conflict", ["mine", None, 7])
    def test_any_other_decision_is_refused(
        self, client: Face, plan: caibo.Plan, on_conflict: Any
    ) -> None:
        """At once."""
        with pytest.raises(caibo.ConfigurationError, match="on_conflict must be"):
            client.apply(plan, on_conflict=on_conflict)

    def test_the_same_change_by_both_is_none(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """They agree."""
        plan = stored(client.plan(id, phone="+1", name="Mine"))
        fake.change(id, phone="+1")

        update = client.apply(plan)

        assert list(update.changes) == ["name"]

    def test_different_members_of_one_object_are_none(self, client: Face, fake: FakeCaibo) -> None:
        """Two writers of `preferences` meet only in the same member."""
        id = fake.add_customer(prefs={"a": 1, "b": 1, "c": {"d": 1}})
        plan = stored(client.plan(id, extra={"prefs": {"a": 2, "c": {"d": 2}}}))
        fake.change(id, prefs={"a": 1, "b": 3, "c": {"d": 1, "e": 4}})

        client.apply(plan)

        assert fake.document(id)["prefs"] == {"a": 2, "b": 3, "c": {"d": 2, "e": 4}}

    def test_the_same_member_of_one_object_is_one(self, client: Face, fake: FakeCaibo) -> None:
        """Named by its path."""
        id = fake.add_customer(prefs={"a": 1, "b": {"c": 1}})
        plan = stored(client.plan(id, extra={"prefs": {"a": 2, "b": {"c": 2}}}))
        fake.change(id, prefs=None)

        with pytest.raises(caibo.ConflictError) as caught:
            client.apply(plan)

        assert caught.value.conflicts == {"prefs.a": (1, None, 2), "prefs.b.c": (1, None, 2)}


class TestStoring:
    @given(document=records())
    def test_the_record_keeps_its_text(self, wire: Face, fake: FakeCaibo, document: bytes) -> None:
        """What is written from a stored plan is token for token what was read."""
        fake.add_document(document, id=ID)
        plan = stored(wire.plan(ID, extra={"caiboTest": 1}))
        fake.fail_next(200, method="PUT")

        wire.apply(plan)

        assert members(bytes(plan.base)) == members(document)
        assert members(fake.requests[-1].body)[:-1] == members(document)

    def test_it_holds_no_secret(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """Only the customer, and a version of its own."""
        text = client.plan(id, phone=None).to_json()

        assert fake.api_key not in text
        assert json.loads(text)["format"] == "caibo-plan/1"

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "is not what Plan.to_json"),
            ("[]", "is not what Plan.to_json"),
            ("{}", "is not what Plan.to_json"),
            (b"\xff", "is not what Plan.to_json"),
            (7, "is not what Plan.to_json"),
            ('{"format":"caibo-plan/2"}', "has not the format caibo-plan/1"),
        ],
    )
    def test_another_text_is_refused(self, text: Any, reason: str) -> None:
        """With the remedy, and without quoting it."""
        with pytest.raises(caibo.InvalidChangesError, match=reason):
            caibo.Plan.from_json(text)

    @pytest.mark.parametrize(
        ("member", "value"),
        [
            ("id", "7"),
            ("id", 7),  # the record in it is that of another customer
            ("id", True),
            ("base", []),
            ("set", None),
            ("readAt", "yesterday"),
            ("readAt", 7),
            ("applied", "no"),
            ("expect", 1),
        ],
    )
    def test_a_broken_one_is_refused(
        self, client: Face, fake: FakeCaibo, id: int, member: str, value: object
    ) -> None:
        """Somebody edited the file."""
        text = json.dumps({**json.loads(client.plan(id, phone=None).to_json()), member: value})

        with pytest.raises(caibo.InvalidChangesError, match=r"is not what Plan\.to_json"):
            caibo.Plan.from_json(text)

    @pytest.mark.parametrize(
        ("addressed", "message"),
        [
            ({"id": 7}, "is set by the gateway"),
            ({"phone": "0" * 21}, "has 21 characters"),
        ],
    )
    def test_an_edited_one_is_checked_again(
        self, client: Face, fake: FakeCaibo, id: int, addressed: object, message: str
    ) -> None:
        """A file is no way around the checks."""
        plan = json.loads(client.plan(id, phone=None).to_json())
        edited = caibo.Plan.from_json(json.dumps({**plan, "set": addressed}))

        with pytest.raises(caibo.InvalidChangesError, match=message):
            client.apply(edited)

        assert methods(fake) == ["GET"]
