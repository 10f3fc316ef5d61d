"""`PATCH`, once a ruling takes it up: `send="changes"` through another method."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from faces import Connect, Face, methods
from hypothesis import example, given, settings
from hypothesis import strategies as st
from patching import MERGE_PATCH, patches, rule_patch_out
from sending import KINDS, change_beside

import caibo
from caibo.testing import FakeCaibo


class TestWhatGoes:
    def test_only_what_is_addressed(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """Not even the required members; all else is left out, and said to be."""
        before = fake.document(id)

        update = client.update(id, phone="+1")

        assert methods(fake) == ["GET", "PATCH", "GET"]
        assert fake.requests[1].headers["Content-Type"] == MERGE_PATCH
        assert fake.requests[1].body == b'{"phone":"+1"}'
        assert fake.document(id) == {**before, "phone": "+1"}
        assert (update.outcome, update.send) == ("confirmed", "changes")
        assert {"name", "email", "owner_id", "preferences"} < set(update.left_out)
        assert "phone" not in update.left_out
        assert update.carried == ()

    @pytest.mark.parametrize("drop_omitted", [False, True])
    def test_null_clears(self, client: Face, fake: FakeCaibo, id: int, drop_omitted: bool) -> None:
        """Whether the gateway takes it for null or for absent."""
        fake.drop_omitted = drop_omitted

        update = client.update(id, phone=None, extra={"preferences": None, "unknown": None})

        assert patches(fake) == [{"phone": None, "preferences": None}]
        assert update.outcome == "confirmed"
        assert update.customer.phone is None

    def test_a_required_member_goes_if_it_is_addressed(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """As any other."""
        client.update(id, email="new@example.com")

        assert patches(fake) == [{"email": "new@example.com"}]

    def test_what_is_as_it_should_be_needs_no_write(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """The read stays, so that is known."""
        update = client.update(id, phone="+12025550143", extra={"unknown": None})

        assert (update.outcome, methods(fake)) == ("unchanged", ["GET"])

    def test_names_and_numbers_are_the_records_and_the_callers(
        self, client: Face, fake: FakeCaibo
    ) -> None:
        """The spelling of a name that is there is kept; a number keeps its digits."""
        fake.casing = "pascal"
        id = fake.add_document(b'{"Phone":"1","Email":"a@b.c","Name":"A","rate":1.50}')

        client.update(id, phone="2", extra={"Rate": Decimal("1.5"), "limit": Decimal("1.00")})

        assert fake.requests[1].body == b'{"Phone":"2","Rate":1.50,"limit":1.00}'

    @pytest.mark.parametrize("verb", ["apply", "edit"])
    def test_the_other_verbs_send_the_same(
        self, connect: Connect, fake: FakeCaibo, id: int, verb: str
    ) -> None:
        """Merged three ways or not."""
        client = connect(send="changes", max_base_age=0)

        change_beside(client, fake, id, verb)

        assert patches(fake) == [{"phone": "+1"}]
        assert fake.document(id)["address"] == "theirs"

    @pytest.mark.parametrize("send", ["record", "writable", "contract"])
    def test_the_wider_modes_stay_a_put(
        self, connect: Connect, fake: FakeCaibo, id: int, send: Any
    ) -> None:
        """As does `replace`, which is the operation itself."""
        fake.keeps_omitted = True
        connect(send=send).update(id, phone="+1")
        connect(send="changes").replace(id, fake.document(id))

        assert patches(fake) == []

    def test_without_the_ruling_it_is_a_put(
        self, client: Face, fake: FakeCaibo, id: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also where the gateway has it; `x-use: api` is no ruling for the facade."""
        rule_patch_out(monkeypatch)
        fake.keeps_omitted = True

        client.update(id, phone="+1")

        assert methods(fake) == ["GET", "PUT", "GET"]


class TestObjects:
    def test_one_that_is_reached_into_is_a_merge_patch(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """What else is inside is not sent; a null inside removes that member."""
        extra = {"Preferences": {"currency": None, "more": {"a": [None]}}}

        update = client.update(id, extra=extra)

        assert patches(fake) == [{"preferences": extra["Preferences"]}]
        assert fake.document(id)["preferences"] == {"theme": "dark", "more": {"a": [None]}}
        assert update.outcome == "confirmed"

    def test_an_array_goes_whole(self, client: Face, fake: FakeCaibo) -> None:
        """RFC 7396 has no way into one."""
        id = fake.add_customer(tags=["a", {"b": None}])

        update = client.update(id, extra={"tags": ["c", {"b": None}]})

        assert fake.document(id)["tags"] == ["c", {"b": None}]
        assert update.outcome == "confirmed"

    def test_a_null_within_a_new_object_is_nothing(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """A merge patch cannot say it; that it is absent is another spelling of it."""
        update = client.update(id, extra={"limits": {"day": None, "week": 5}})

        assert fake.document(id)["limits"] == {"week": 5}
        assert update.outcome == "normalised"

    def test_what_a_gateway_loses_inside_is_told_each_time(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """Many merge one level deep; what was learnt of other members says nothing of that."""
        client.update(id, phone="+1")
        fake.change_after_write(id, preferences={"currency": "USD"})

        with pytest.raises(caibo.OverwrittenError, match="preferences left out and gone") as caught:
            client.update(id, extra={"preferences": {"currency": "USD"}})

        assert caught.value.also_changed["preferences.theme"].before == "dark"
        assert caught.value.plan is not None
        client.apply(caught.value.plan)
        assert fake.requests[-2].method == "PUT"
        assert fake.document(id)["preferences"] == {"currency": "USD", "theme": "dark"}

    def test_what_is_inside_deeper_is_looked_at(self, client: Face, fake: FakeCaibo) -> None:
        """And what had no value there is no loss."""
        id = fake.add_customer(a={"b": {"c": 1, "d": 2, "none": None}, "e": 3})
        client.update(id, extra={"a": {"b": {"c": 5}}})
        fake.change_after_write(id, a={"b": {"c": 6, "none": None}, "e": 3})

        with pytest.raises(caibo.OverwrittenError) as caught:
            client.update(id, extra={"a": {"b": {"c": 6}}})

        assert list(caught.value.also_changed) == ["a.b.d"]

    def test_one_that_is_gone_as_a_whole_is_told(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """With what was in it."""
        fake.change_after_write(id, preferences=None)

        with pytest.raises(caibo.OverwrittenError) as caught:
            client.update(id, extra={"preferences": {"currency": "USD"}})

        assert caught.value.plan is not None
        assert caught.value.plan.addressed["preferences"] == {"currency": "USD", "theme": "dark"}


text = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
inner = st.recursive(
    st.integers(0, 3) | st.none() | st.lists(st.integers(0, 3) | st.none(), max_size=2),
    lambda deeper: st.dictionaries(st.sampled_from("ab"), deeper, max_size=2),
    max_leaves=4,
)


def bare(value: Any) -> Any:
    """Take null for absent, everywhere but in arrays."""
    if isinstance(value, dict):
        return {k: bare(v) for k, v in value.items() if v is not None}
    return value


@settings(max_examples=25)
@given(
    kind=st.sampled_from(list(KINDS)),
    record=st.fixed_dictionaries({"member_id": text, "phone": text}, optional={"x": inner}),
    changes=st.fixed_dictionaries({}, optional={"phone": text, "x": inner}),
)
@example(
    kind="replaces",
    record={"phone": None, "member_id": None, "x": {"a": 1}},
    changes={"x": {"a": {}}},
)
def test_on_every_kind_of_gateway_the_record_is_what_was_meant(
    connect: Connect, kind: str, record: dict[str, Any], changes: dict[str, Any]
) -> None:
    """A merge patch of what is addressed, whatever a `PUT` would do there."""
    fake = FakeCaibo()
    for name, value in KINDS[kind].items():
        setattr(fake, name, value)
    fake.unknown_members, fake.strict = "stored", False
    id = fake.add_customer(**record)
    before = caibo.Document.parse(fake.raw(id))
    addressed = {"phone": changes["phone"]} if "phone" in changes else {}
    extra = {"x": changes["x"]} if "x" in changes else {}
    reached = {"base_url": fake.base_url, "transport": fake.transport, "api_key": fake.api_key}

    connect(send="changes", **reached).update(id, **addressed, extra=extra)

    meant = before.merge({**addressed, **extra})
    assert bare(fake.document(id)) == bare({name: meant[name] for name in meant})
    assert all(patch.keys() <= {"phone", "x"} for patch in patches(fake))
