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
    """It keeps its own values; so it may outside the contract, which matters if it said 2xx."""
    sent = Document({"id": 8, "name": " ada", "email": "x", "address": None, "at": "today"})

    fields = {("name",): "normalised", ("email",): "other", ("address",): "confirmed"}
    assert verdict.graded_whole(sent, RECORD, accepted=True) == fields
    assert verdict.graded_whole(sent, RECORD, accepted=False) == {**fields, ("at",): "other"}


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
    ("said", "whole", "contradicts"),
    [
        ('{"id":7,"name":"Ada","email":"ada@example.com","phone":"+2","more":1}', True, False),
        ('{"ID":"7","NAME":"Ada","EMAIL":"ada@example.com","PHONE":"2"}', True, False),
        ('{"id":7,"name":"Ada","email":"ada@example.com","phone":"+1"}', True, True),
        ('{"id":7,"name":"Ada","email":"ada@example.com","phone":"+3"}', True, True),
        ('{"id":7,"name":"Bob","email":"ada@example.com","phone":"+2"}', True, False),
        ('{"id":7,"name":"Ada","email":"ada@example.com"}', False, False),
        ('{"id":8,"name":"Ada","email":"ada@example.com","phone":"+2"}', False, True),
        ('{"id":8,"name":"Ada"}', False, False),
        ('{"id":7,"name":null,"email":"ada@example.com","phone":"+2"}', False, False),
        ('{"id":7,"name":"Ada","email":"ada@example.com","phone":"+2","Phone":"3"}', False, False),
        ('{"message":"ok"}', False, False),
    ],
)
def test_an_answer_is_held_against_what_was_sent(said: str, whole: bool, contradicts: bool) -> None:
    """It may be the whole record, and it may say something else; a part speaks for itself."""
    answer, tried = Document.parse(said), Document({"phone": "+2"})

    grades = verdict.graded(tried, RECORD, answer)

    assert verdict.whole(answer, 7, RECORD) == whole
    assert verdict.contradicts(answer, 7, grades) == contradicts


@pytest.mark.parametrize(
    ("status", "media_type", "body", "why"),
    [
        (200, "text/html", b"<!DOCTYPE html><p>Log in", "a web page"),
        (200, "", b"\xef\xbb\xbf \n<html>", "a web page"),
        (200, "application/json", b'{"success":false}', "`success: false`"),
        (200, "application/json", b'{"Success":false,"Message":"no"}', "`success: false`"),
        (200, "application/json", b'{"succeeded":false,"errors":[]}', "`succeeded: false`"),
        (200, "application/json", b'{"errors":[{"code":7}],"data":null}', "errors in it"),
        (200, "application/json", b'{"Error":"no"}', "errors in it"),
        (200, "application/problem+json", b'{"type":"about:blank"}', "a problem document"),
        (200, "application/json", b'{"Title":"Bad","Status":400}', "a problem document"),
        (200, "application/json", b'{"detail":"No","status":"409"}', "a problem document"),
        (207, "application/xml", b"", "several outcomes in it"),
        (200, "text/html", b"OK", None),
        (200, "text/html", b"", None),
        (202, "", b"", None),
        (200, "application/json", b'{"success":true,"errors":[],"error":null}', None),
        (200, "application/json", b'{"message":"ok","status":"done"}', None),
        (200, "application/json", b'{"title":"Saved","status":200}', None),
        (200, "application/json", b'{"status":500}', None),
        (200, "application/json", b"null", None),
        (200, "application/json", b"\xff", None),
        (200, "", b'{"name":"A","email":"e","success":false,"status":400,"title":"Dr"}', None),
    ],
)
def test_what_says_2xx_may_be_no_answer(
    status: int, media_type: str, body: bytes, why: str | None
) -> None:
    """A record is one whatever else it has, and so is every other answer that refuses nothing."""
    assert verdict.no_answer(status, media_type, body, verdict.said(body), 7) == why


def test_what_changed_beyond_is_told_where_it_changed() -> None:
    """By our names, inside objects only beside what was addressed; null is as good as absent."""
    sent = Document(
        {"id": 7, "memberId": "M", "x": {"a": 1, "b": 2, "c": None}, "y": {"a": 1}, "gone": 1}
    )
    found = Document(
        {"ID": 7, "memberID": "N", "X": {"a": 9, "b": 3, "d": 4}, "y": {"a": 2}, "new": [0]}
    )

    assert verdict.beyond(sent, found, [("x", "a")]) == {
        "member_id": caibo.Change("M", "N"),
        "x.b": caibo.Change(2, 3),
        "x.d": caibo.Change(None, 4),
        "y": caibo.Change({"a": 1}, {"a": 2}),
        "gone": caibo.Change(1, None),
        "new": caibo.Change(None, [0]),
    }
    assert verdict.beyond(sent, sent, []) == {}


def test_what_stands_may_be_spelt_otherwise() -> None:
    """Inside an object only what is addressed is looked at."""
    found = RECORD.merge({"Prefs": {"a": "X", "b": 2}})

    assert verdict.stands(Document({"phone": "1", "prefs": {"a": " x"}}), found)
    assert not verdict.stands(Document({"phone": "2"}), found)


def test_what_was_overwritten_is_named_with_its_values_aside() -> None:
    """By this package's names; what stands is left out."""
    tried = Document({"phone": "+2", "name": "Bob", "memberId": "M"})
    found = RECORD.merge({"name": "Cid", "memberId": "m"})

    grades = verdict.graded(tried, RECORD, found)
    done = verdict.done(answered=True)
    error = verdict.overwritten(7, tried, RECORD, found, grades, done=done, also={})

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
    line = "PATCH /customers/7"

    assert verdict.unknown(7, line, "Why.", after=lost, resumable=True) == (
        "PUT: lost\n  The write may or may not have been applied. Why.\n"
        "  customers.apply(error.plan) looks again, and writes only what is missing."
    )
    assert verdict.unknown(7, line, "was accepted.", after=None, resumable=False) == (
        "PATCH /customers/7 was accepted.\n  Read customer 7 before trying again."
    )
    assert "apply" not in verdict.unknown(7, line, "", after=None, resumable=True, readable=False)
