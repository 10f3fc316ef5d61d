"""Pure decisions whose slips a whole call would cover up: mutmut made them."""

from __future__ import annotations

import copy
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import httpx
import pytest
from faces import Connect
from scripted import ID, RECORD, Script, answer

import caibo
from caibo._record.checks import check_changes
from caibo._record.compare import Grade, three_way
from caibo._record.contract import fields_of
from caibo._record.formats import written
from caibo._record.json_text import same
from caibo._record.masking import Redactor
from caibo._record.schema import Schema
from caibo._record.values import integer
from caibo._wire.retry import retryable
from caibo._write.draft import Edit, _over, _Shown
from caibo._write.reading import Reading
from caibo._write.verdict import check_stands, fate, landed, overwritten


class TestWhatNoCallShows:
    def test_the_same_by_both_in_another_spelling_is_no_conflict(self) -> None:
        """The gateway's spelling stays."""
        base, theirs = {"phone": "+12025550100"}, {"phone": "+12025550143"}

        merged = three_way(base, theirs, {"phone": "+1 202 555 0143"}, "raise")

        assert merged == theirs

    def test_what_was_applied_and_says_something_else_since(self) -> None:
        """The three values, in their order."""
        base, wanted, now = (caibo.Document({"phone": text}) for text in ("+1", "+2", "+3"))

        with pytest.raises(caibo.ConflictError, match="this plan was applied before") as caught:
            check_stands(ID, base, wanted, now)

        assert caught.value.conflicts == {"phone": ("+1", "+3", "+2")}

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_what_changes_nothing_is_sent_again(self, method: str) -> None:
        """Also by the functions of the generated client."""
        lost = caibo.TransportError("lost", request_sent="maybe")

        assert retryable(method, lost)
        assert not retryable("PUT", lost)

    def test_a_write_that_may_have_arrived_is_not_sent_again_for_its_cause(self) -> None:
        """As where an auth failed after it: what that asked for never left, and the write did."""
        error = caibo.TransportError("the auth failed", request_sent="maybe")
        error.__cause__ = caibo.TransportError("no connection", request_sent="no")

        assert not retryable("PUT", error)

    @pytest.mark.parametrize("reverted", [True, False])
    @pytest.mark.parametrize("replaced", [True, False])
    @pytest.mark.parametrize("gone", [True, False])
    def test_what_was_overwritten_is_told_in_parts(
        self, reverted: bool, replaced: bool, gone: bool
    ) -> None:
        """Each where there is something of it, with the advice that goes with it."""
        before = caibo.Document({"phone": "+1", "address": "a", "colour": "blue"})
        tried = caibo.Document({"phone": "+2", "address": "b"})
        found = caibo.Document({"phone": "+1", "address": "c"})
        grades: dict[tuple[str, ...], Grade] = {("phone",): "reverted"} if reverted else {}
        grades |= {("address",): "other"} if replaced else {}
        also = {"colour": caibo.Change("blue", None)}

        error = overwritten(
            ID,
            tried,
            before,
            found,
            grades,
            done="was accepted",
            also=also,
            gone=["colour"] * gone,
        )

        told = str(error)
        assert ("phone reverted to what was read before" in told) == reverted
        assert ("address set to a third value" in told) == replaced
        assert ("colour left out and gone" in told) == gone
        assert ("this read lags behind" in told) == (reverted or replaced)
        assert ('This gateway takes send="writable"' in told) == gone
        assert error.also_changed == also
        assert (error.plan is not None and error.plan.id == ID) == gone
        assert error.plan is None or error.plan.reread  # others may write before it is applied

    def test_a_write_may_have_landed_in_every_way_at_once(self) -> None:
        """One value as sent, one respelt, and one that was there before in another spelling."""
        ways: list[Grade] = ["confirmed", "normalised", "undecided"]

        assert landed({(way,): way for way in ways})
        assert fate({(way,): way for way in ways}) == "landed"
        assert not landed({("confirmed",): "confirmed", ("other",): "other"})


class TestWhatARecordIs:
    def test_truth_is_not_one_inside_an_object_either(self) -> None:
        """Else it would be no change, and nothing would be written."""
        assert not same({"sms": True}, {"sms": 1})

    def test_a_contract_need_not_require_anything(self) -> None:
        """As that of a gateway that stores what it gets."""
        schemas = {"Client": {"properties": {"phone": {"type": "string"}}}}

        found = fields_of({"components": {"schemas": schemas}})

        assert not found["phone"].required

    def test_a_customer_is_made_of_any_mapping(self) -> None:
        """And writes it as JSON."""
        assert caibo.Customer({"id": 7}).to_json() == '{"id":7}'

    def test_only_the_id_comes_first(self) -> None:
        """Other fields of the gateway's cannot be changed, and that is all."""
        for name, first in [("id", True), ("total_deposits", False)]:
            with pytest.raises(caibo.InvalidChangesError) as caught:
                check_changes({name: 1}, None, validate=True)

            assert ("comes first" in str(caught.value)) == first

    def test_the_problem_of_an_address_in_parts_says_how_long_it_may_be(self) -> None:
        """By the contract."""
        with pytest.raises(caibo.InvalidChangesError, match=r"at most \d+ characters"):
            check_changes({"address": {"city": "Oslo"}}, None, validate=True)

    def test_an_offset_of_any_whole_minutes_is_kept(self) -> None:
        """In Nepal they are an odd number of a quarter of an hour."""
        nepal = timezone(timedelta(hours=5, minutes=45))

        assert (
            written(datetime(2026, 1, 31, tzinfo=nepal), ["date-time"])
            == "2026-01-31T00:00:00+05:45"
        )

    def test_a_schema_that_says_nothing_hides_none_beside_it(self) -> None:
        """`true` is a schema, too."""
        assert [*Schema({"allOf": [True, {"maxLength": 1}]}, {}).faults("ab")]

    def test_a_member_is_not_given_in_two_spellings(self) -> None:
        """Nobody could tell which of them is meant."""
        with pytest.raises(caibo.InvalidChangesError, match="several spellings"):
            check_changes({}, {"Colour": "red", "colour": "blue"}, validate=True)

    def test_an_integer_has_64_bits(self) -> None:
        """However it is written."""
        least, most = -(2**63), 2**63 - 1

        assert [integer(Decimal(number)) for number in (least, most)] == [least, most]
        assert [integer(Decimal(number)) for number in (least - 1, most + 1)] == [None, None]


class TestWhatARedactorKnows:
    def test_a_value_is_hidden_whole_where_another_is_its_beginning(self) -> None:
        """The longest that fits is taken."""
        redact = Redactor({"city": "Oslo", "address": "Oslo, Kirkeveien"})

        assert redact("no such place: Oslo, Kirkeveien") == "no such place: ‹address›"

    def test_a_key_without_its_prefix_is_a_key(self) -> None:
        """A gateway may quote the rest of it."""
        redact = Redactor({}, ["caibo_test_sk_5f2b9c1d7e3a4860"])

        assert redact("no key 5f2b9c1d7e3a4860 here") == "no key ‹secret› here"

    def test_an_id_stands_in_every_message(self) -> None:
        """So it need not be hidden in one."""
        assert Redactor({"id": 1234567})("customer 1234567 is shut") == "customer 1234567 is shut"

    def test_the_name_of_a_member_may_hold_a_space(self) -> None:
        """It is known from the record, and is nobody's value."""
        assert Redactor({"shoe size": "43"}).name("shoe size") == "shoe size"


class TestWhatADraftHolds:
    def test_a_copy_of_an_array_has_its_values(self) -> None:
        """Those inside it, too."""
        tags = ["a", {"b": ["c"]}]

        assert copy.deepcopy(_Shown.of(caibo.Document({"tags": tags}))["tags"]) == tags

    def test_an_object_is_laid_over_another_as_deep_as_it_goes(self) -> None:
        """What was assigned before stays beside it."""
        over = _over({"a": {"b": {"c": 1}}}, {"a": {"b": {"d": 2}, "e": 3}})

        assert over == {"a": {"b": {"c": 1, "d": 2}, "e": 3}}

    def test_a_date_for_what_is_no_field_is_refused(self) -> None:
        """As any other value is."""
        edit = Edit(ID, Reading(caibo.Document({"id": ID})), validate=True)

        with pytest.raises(caibo.InvalidChangesError, match="is no field"):
            edit.assign("birthday_cake", date(2026, 1, 31))


def lost(_: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("late")


@pytest.fixture
def paid(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Note each time that the retry budget is asked, and have it pay."""
    noted: list[object] = []

    def spend(budget: object) -> bool:
        noted.append(budget)
        return True

    monkeypatch.setattr("caibo._wire.retry.Budget.spend", spend)
    return noted


class TestWhatIsToldOfALostAnswer:
    def test_a_record_that_was_seen_has_its_tag(self, connect: Connect) -> None:
        """To go on from it with `if_match=`."""
        seen = answer(200, RECORD.replace(b"null", b'"+9"'), ETag='"b"')
        script = Script(answer(200, RECORD, ETag='"a"'), lost, seen)

        with pytest.raises(caibo.UnknownOutcomeError) as caught:
            connect(max_retries=0, **script.options).update(ID, phone="+1")

        assert caught.value.last_seen is not None
        assert caught.value.last_seen.etag == '"b"'

    def test_a_write_that_landed_has_the_request_id_of_the_read_that_found_it(
        self, connect: Connect
    ) -> None:
        """There is no other answer to ask the gateway about."""
        found = answer(200, RECORD.replace(b"null", b'"+1"'), X_Request_ID="read-2")
        script = Script(answer(200, RECORD), lost, found)

        update = connect(max_retries=0, **script.options).update(ID, phone="+1")

        assert (update.outcome, update.request_id) == ("confirmed", "read-2")

    def test_a_problem_is_no_success_whatever_its_status(self, connect: Connect) -> None:
        """By its media type alone, if it has nothing else that tells."""
        problem = answer(200, b'{"title":"Busy"}', Content_Type="application/problem+json")
        script = Script(answer(200, RECORD), problem, answer(200, RECORD))

        with pytest.raises(caibo.UnknownOutcomeError, match="a problem document"):
            connect(max_retries=0, **script.options).update(ID, phone="+1")

    def test_the_read_that_looks_for_a_record_written_whole_is_paid_for(
        self, connect: Connect, pauses: list[float], paid: list[object]
    ) -> None:
        """As any other that a failure makes: of one budget, so that an outage is not fed."""
        script = Script(lost, answer(200, RECORD))

        connect(**script.options).replace(ID, caibo.Document.parse(RECORD))

        assert (len(paid), len(pauses), len(script.requests)) == (1, 1, 2)

    def test_so_is_the_read_that_looks_for_an_update(
        self, connect: Connect, pauses: list[float], paid: list[object]
    ) -> None:
        """Whatever it finds."""
        landed = answer(200, RECORD.replace(b"null", b'"+1"'))
        script = Script(answer(200, RECORD), lost, landed)

        connect(**script.options).update(ID, phone="+1")

        assert (len(paid), len(pauses), len(script.requests)) == (1, 1, 3)


class TestWhatIsExpected:
    def test_it_is_looked_at_where_nothing_has_to_be_written(self, connect: Connect) -> None:
        """The caller decided on it, whatever the record says of the rest."""
        client = connect(**Script(answer(200, RECORD)).options)

        with pytest.raises(caibo.ConflictError, match="does not say what `expect` asks for"):
            client.update(ID, phone=None, expect={"name": "Somebody else"})

    def test_an_update_of_nothing_says_what_it_would_have_carried(self, connect: Connect) -> None:
        """By the client's option."""
        client = connect(send="writable", **Script(answer(200, RECORD)).options)

        update = client.update(ID, phone=None)

        assert (update.outcome, update.send) == ("unchanged", "writable")


class TestWhatAReadingIs:
    def test_it_was_asked_for_past_every_cache_and_has_its_tag(self, connect: Connect) -> None:
        """One that is weak, or none, is no tag to write onto."""
        script = Script(answer(200, RECORD, ETag='"a"'), answer(200, RECORD, ETag='W/"b"'))
        client = connect(**script.options)

        assert [client.get(ID).etag, client.get(ID).etag] == ['"a"', None]
        assert script.requests[0].headers["Cache-Control"] == "no-cache"

    def test_one_that_was_asked_for_as_a_write_ended_may_be_older(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One that is exactly as old as it may be is not."""
        monkeypatch.setattr("caibo._wire.clock.now", lambda: 10.0)
        reading = Reading(caibo.Document({}), asked_at=9.0, received_at=10.0)

        assert reading.asked_before(9.0)
        assert not reading.older_than(0)
