"""One value in two spellings is told from two values, whoever spells it."""

from __future__ import annotations

import unicodedata
from decimal import Decimal
from typing import Any

import pytest
from faces import Connect, Face, methods
from hypothesis import given
from hypothesis import strategies as st

import caibo
from caibo._record.compare import grade
from caibo._record.respelling import respelt
from caibo.testing import FakeCaibo

TIER, PHONE = ("tier",), ("phone",)
SPELLINGS: list[tuple[tuple[str, ...], Any, Any]] = [
    (TIER, "", None),
    (TIER, " \n", None),
    (TIER, unicodedata.normalize("NFC", "Zoë"), unicodedata.normalize("NFD", "Zoë")),
    (TIER, "1 Street\r\nTown", "1 Street\nTown"),
    (TIER, "1  Street,\tTown ", "1 Street, Town"),
    (TIER, "a\u00a0b", "a b"),
    (TIER, "Ada@Example.com", "ada@example.com"),
    (TIER, "Straße", "STRASSE"),
    (PHONE, "+1 (202) 555-0143", "12025550143"),
    (PHONE, "+49 30 1234", "0049301234"),
    (PHONE, "tel:+49-30-1234", "+49301234"),
    (PHONE, "+1\u2011202\u00a0555", "+1202555"),
    (("Phone",), "+1 202", "+1202"),
    (TIER, "2024-03-05", "2024-03-05T00:00:00"),
    (TIER, "2024-03-05", "2024-03-05T00:00:00.000Z"),
    (TIER, "2024-03-05T09:30:00+00:00", "2024-03-05T09:30:00Z"),
    (TIER, "2024-03-05T09:30:12.1234567Z", "2024-03-05 15:00:12.123456+05:30"),
    (TIER, Decimal("0.1000000000000000055511151231257827"), Decimal("0.1")),
    (TIER, Decimal("79228162514264.3375935439"), Decimal("79228162514264.34")),
    (TIER, Decimal("10.10"), "10.10"),
    (TIER, 7, "7.0"),
    (TIER, {"a": "", "b": [" x"]}, {"b": ["X"], "c": None}),
]
OTHERS: list[tuple[tuple[str, ...], Any, Any]] = [
    (TIER, "A", None),
    (TIER, "", 0),
    (TIER, None, False),
    (TIER, None, {}),
    (TIER, {}, []),
    (TIER, "a b", "ab"),
    (TIER, "A-B", "AB"),
    (TIER, "+1 (202)", "+1202"),
    (TIER, "tel:1", "1"),
    (("prefs", "phone"), "+1 (202)", "+1202"),
    (PHONE, "+1 202 555 0143", "+1 202 555 0144"),
    (PHONE, "-", None),
    (TIER, "2024-03-05", "2024-03-06T00:00:00Z"),
    (TIER, "2024-03-05", "2024-03-05T09:30:00Z"),
    (TIER, "2024-03-05T09:30:00", "2024-03-05T09:30:00Z"),
    (TIER, "2024-13-05", "2024-13-05T00:00:00"),
    (TIER, "0001-01-01T00:00:00+05:00", "0001-01-01"),
    (TIER, 16772748432912191, 16772748432912192),
    (TIER, Decimal("16772748432912191.0"), Decimal("1.6772748432912192E16")),
    (TIER, Decimal("0.1"), Decimal("0.2")),
    (TIER, Decimal("1E400"), Decimal("1E401")),
    (TIER, Decimal(f"{'9' * 400}.5"), Decimal(f"{'8' * 400}.5")),
    (TIER, 1, True),
    (TIER, 1, "one"),
    (TIER, 7, "07"),
    (TIER, 7, f"1E{'9' * 30}"),
    (TIER, "1.0", "1.00"),
    (TIER, [1], [1, 2]),
    (TIER, {"a": 1}, {"a": 1, "b": 2}),
    (TIER, object(), "text"),
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text("aAéß \r\n+0", max_size=4) | st.sampled_from(["2024-03-05", "2024-03-05T00:00Z"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=4,
)  # fmt: skip
paths = st.sampled_from([TIER, PHONE, ("prefs", "phone")])


@pytest.mark.parametrize(("path", "one", "other"), SPELLINGS)
def test_these_are_spellings_of_one_value(path: tuple[str, ...], one: Any, other: Any) -> None:
    """Each is what some gateway makes of what it is sent."""
    assert respelt(path, one, other)
    assert respelt(path, other, one)
    assert grade(path, "before", one, other) == "normalised"


@pytest.mark.parametrize(("path", "one", "other"), OTHERS)
def test_these_are_two_values(path: tuple[str, ...], one: Any, other: Any) -> None:
    """A third value stays one."""
    assert not respelt(path, one, other)
    assert not respelt(path, other, one)
    assert grade(path, "before", one, other) == "other"


@given(path=paths, one=json_values, other=json_values)
def test_it_holds_both_ways(path: tuple[str, ...], one: Any, other: Any) -> None:
    """Every value is itself, and nobody comes first."""
    assert respelt(path, one, one)
    assert respelt(path, one, other) == respelt(path, other, one)


@given(path=paths, before=json_values, sent=json_values, found=json_values)
def test_each_value_gets_one_grade(
    path: tuple[str, ...], before: Any, sent: Any, found: Any
) -> None:
    """What was sent is confirmed whatever there was; what was read before is never confirmed."""
    graded = grade(path, before, sent, found)

    assert grade(path, before, sent, sent) == "confirmed"
    assert grade(path, before, sent, before) in ("confirmed", "undecided", "reverted")
    assert (graded in ("normalised", "undecided", "confirmed")) == respelt(path, found, sent)
    if graded == "reverted":
        assert grade(path, found, sent, before) == "reverted"


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(name="Ada Example", email="ada@example.com", phone="+12025550143")


class TestConfirming:
    @pytest.mark.parametrize(
        ("field", "sent", "stored"),
        [
            ("phone", "", None),
            ("phone", "0049 30 1234", "+49301234"),
            ("address", "1 Street\r\nTown", "1 Street\nTown"),
            ("name", "Zoe\u0308", "Zo\u00eb"),
        ],
    )
    def test_what_is_stored_respelt_is_normalised(
        self, client: Face, fake: FakeCaibo, id: int, field: str, sent: str, stored: str
    ) -> None:
        """Also where the answer was lost."""
        fake.normalise(field, lambda _: stored)

        first = client.update(id, confirm=True, **{field: sent})
        fake.change(id, **{field: "before"})
        fake.lose_response("PUT")
        second = client.update(id, **{field: sent})

        assert (first.outcome, second.outcome) == ("normalised", "normalised")

    def test_the_old_value_may_be_a_spelling_of_the_new_one(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """It was accepted, and this gateway writes e-mail addresses small."""
        fake.normalise("email", str.lower)

        update = client.update(id, email="Ada@example.com", confirm=True)

        assert (update.outcome, update.customer.email) == ("normalised", "ada@example.com")

    def test_another_spelling_is_among_the_causes(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """There are more than this client knows of."""
        fake.normalise("phone", lambda _: "US 202 555 0199")

        with pytest.raises(caibo.OverwrittenError, match="in a spelling that is not known here"):
            client.update(id, phone="+12025550199", confirm=True)

    def test_a_respelling_in_the_answer_is_accepted(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """At no extra read."""
        fake.returns_record = True
        fake.normalise("email", str.lower)

        update = client.update(id, email="Grace@example.com")

        assert (update.outcome, update.customer.email) == ("accepted", "grace@example.com")
        assert methods(fake) == ["GET", "PUT"]


class TestLostAnswers:
    def test_a_spelling_that_differs_is_sent_again(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """Whether the first one landed cannot be told, and the second does no harm."""
        fake.lose_response("PUT", applied=False)

        update = client.update(id, email="Ada@example.com")

        assert methods(fake) == ["GET", "PUT", "GET", "PUT"]
        assert (update.outcome, fake.document(id)["email"]) == ("accepted", "Ada@example.com")

    @pytest.mark.parametrize("status", [None, 500])
    def test_where_it_cannot_be_sent_again_it_is_unknown(
        self, connect: Connect, fake: FakeCaibo, id: int, status: int | None
    ) -> None:
        """Also after a 5xx, of which the old value would say that nothing was written."""
        fake.normalise("email", str.lower)
        if status is None:
            fake.lose_response("PUT")
        else:
            fake.fail_next(status, method="PUT", after_applying=True)

        with pytest.raises(caibo.UnknownOutcomeError, match="new ones but for their spelling"):
            connect(max_retries=0).update(id, email="Ada@example.com")

    def test_another_field_tells(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """A write lands whole or not at all."""
        fake.normalise("email", str.lower)
        fake.lose_response("PUT")

        update = client.update(id, email="Ada@example.com", phone=None)

        assert (update.outcome, methods(fake)) == ("normalised", ["GET", "PUT", "GET"])

    def test_resuming_finds_it_applied(self, connect: Connect, fake: FakeCaibo, id: int) -> None:
        """The respelt value is ours, and not somebody else's."""
        fake.normalise("phone", lambda phone: phone.replace(" ", ""))
        fake.lose_response("PUT")
        fake.on_request = lambda request: (
            fake.fail_next(403, method="GET") if request.method == "PUT" else None
        )
        with pytest.raises(caibo.UnknownOutcomeError) as caught:
            connect().update(id, phone="+1 202 555 0199")
        fake.on_request = None

        assert caught.value.plan is not None
        assert connect().apply(caught.value.plan).outcome == "already-applied"
        assert methods(fake).count("PUT") == 1


class TestMerging:
    def test_a_base_that_was_respelt_may_be_somebodys_change(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """Such as of a name's case, which is theirs and not to be lost."""
        plan = client.plan(id, name="Bob")
        fake.change(id, name="ADA EXAMPLE")

        with pytest.raises(caibo.ConflictError, match="someone else changed name"):
            client.apply(caibo.Plan.from_json(plan.to_json()))

        assert fake.document(id)["name"] == "ADA EXAMPLE"

    def test_a_change_of_the_spelling_is_a_change(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """Where nobody else has touched it."""
        update = client.apply(client.plan(id, name="ADA EXAMPLE"))

        assert (update.outcome, fake.document(id)["name"]) == ("accepted", "ADA EXAMPLE")
