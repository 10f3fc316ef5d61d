"""What became of a write, said of plain values: no flow, no client, no gateway."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import caibo
from caibo import Document
from caibo._record.compare import Grade
from caibo._write import verdict

RECORD = Document({"id": 7, "name": "Ada", "email": "ada@example.com", "phone": "+1"})
NONE = Document()

grades = st.lists(
    st.sampled_from(["confirmed", "normalised", "undecided", "reverted", "other"]), min_size=1
)


@given(grades)
def test_a_lost_write_landed_whole_or_not_at_all(found: list[Grade]) -> None:
    """One value that says so is enough, and two that disagree say nothing."""
    by_path: verdict.Grades = {(str(number),): grade for number, grade in enumerate(found)}

    fate = verdict.fate(by_path)

    said = {
        {"confirmed": "landed", "normalised": "landed", "reverted": "untouched"}.get(grade, grade)
        for grade in found
    } - {"undecided"}
    assert fate == ("undecided" if not said else said.pop() if len(said) == 1 else "other")
    assert verdict.landed(by_path) == (fate in ("landed", "undecided"))
    assert (verdict.outcome(by_path) == "confirmed") == (set(found) == {"confirmed"})


def test_only_what_was_changed_is_graded() -> None:
    """What was sent as it was before may be anything by now."""
    tried = Document({"phone": "+2", "name": "Ada", "x": {"y": 1, "z": 2}})
    before = RECORD.merge({"x": {"z": 2}})
    found = before.merge({"phone": "+2", "name": "Bob", "x": {"y": 3}})

    assert verdict.graded(tried, before, found) == {("phone",): "confirmed", ("x", "y"): "other"}


def test_a_whole_record_is_graded_without_what_the_gateway_owns() -> None:
    """It keeps its own values; and nobody knows what there was before."""
    sent = Document({"id": 8, "name": " ada", "email": "x", "address": None})

    assert verdict.graded_whole(sent, RECORD) == {
        ("name",): "normalised",
        ("email",): "other",
        ("address",): "confirmed",
    }


@pytest.mark.parametrize(
    ("error", "may_have_been_applied"),
    [
        (caibo.TransportError("x", request_sent="maybe"), True),
        (caibo.TransportError("x", request_sent="no"), False),
        (caibo.MalformedResponseError("x"), True),
        (caibo.ServerError(status=500, request="r", summary="s"), True),
        (caibo.ServerError(status=503, request="r", summary="s"), True),
        (caibo.ServerError(status=503, request="r", summary="s", retry_after=1.0), False),
        (caibo.BadRequestError(status=400, request="r", summary="s"), False),
        (caibo.WriteStoppedError("x"), False),
    ],
)
def test_an_error_tells_whether_the_write_may_stand(
    error: caibo.CaiboError, may_have_been_applied: bool
) -> None:
    """A 503 that asks to come again says that it did nothing."""
    assert verdict.lost(error) == may_have_been_applied


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ('{"id":7,"name":"Ada","email":"ada@example.com","phone":"1","more":1}', True),
        ('{"ID":"7","NAME":"Ada","EMAIL":"ada@example.com","PHONE":"1"}', True),
        ('{"id":7,"name":"Ada","email":"ada@example.com"}', False),
        ('{"id":8,"name":"Ada","email":"ada@example.com","phone":"1"}', False),
        ('{"id":7,"name":null,"email":"ada@example.com","phone":"1"}', False),
        ('{"id":7,"name":"Ada","email":"ada@example.com","phone":"1","Phone":"2"}', False),
        ("[]", False),
        ("", False),
    ],
)
def test_an_answer_is_taken_where_it_is_the_whole_record(said: str, taken: bool) -> None:
    """Anything else leaves what was sent."""
    document = verdict.answered(said.encode(), 7, RECORD)

    assert (document is not RECORD) == taken
    assert not taken or str(document) == said


def test_what_stands_may_be_spelt_otherwise() -> None:
    """Inside an object only what is addressed is looked at."""
    found = RECORD.merge({"Prefs": {"a": "X", "b": 2}})

    assert verdict.stands(Document({"phone": "1", "prefs": {"a": " x"}}), found)
    assert not verdict.stands(Document({"phone": "2"}), found)


def test_what_was_overwritten_is_named_with_its_values_aside() -> None:
    """By this package's names; what stands is left out."""
    tried = Document({"phone": "+2", "name": "Bob", "memberId": "M"})
    found = RECORD.merge({"name": "Cid", "memberId": "m"})

    error = verdict.overwritten(7, tried, RECORD, found, answered=True)

    assert (error.reverted, error.replaced) == (("phone",), ("name",))
    assert error.conflicts == {"phone": ("+1", "+1", "+2"), "name": ("Ada", "Cid", "Bob")}
    assert "was accepted, and read back" in str(error)
    assert not [value for value in ("Cid", "Ada", "+2") if value in str(error)]


def test_a_record_is_held_against_what_is_needed_of_it() -> None:
    """It passes, or the error says that nothing was written."""
    verdict.check_fit(7, RECORD, NONE, NONE)
    verdict.check_expected(7, RECORD, Document({"phone": "+1", "gone": None}), NONE)

    with pytest.raises(caibo.MalformedResponseError, match=r"name must be .* nothing was written"):
        verdict.check_fit(7, RECORD.merge({"name": None}), NONE, NONE)
    with pytest.raises(caibo.ConflictError, match="asks for: phone; nothing") as caught:
        verdict.check_expected(7, RECORD, Document({"phone": "+2"}), Document({"phone": "+3"}))
    assert caught.value.conflicts == {"phone": ("+2", "+1", "+3")}


def test_an_unknown_outcome_says_what_to_do_next() -> None:
    """With a plan to resume by, or by hand."""
    lost = caibo.TransportError("PUT: lost", request_sent="maybe")

    assert verdict.unknown(7, "Why.", after=lost, resumable=True) == (
        "PUT: lost\n  The write may or may not have been applied. Why.\n"
        "  customers.apply(error.plan) looks again, and writes only what is missing."
    )
    assert verdict.unknown(7, "was accepted.", after=None, resumable=False) == (
        "PUT /customers/7 was accepted.\n  Read customer 7 before trying again."
    )
