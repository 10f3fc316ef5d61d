"""`customers.replace`: exactly this record, nothing read, nothing merged."""

from __future__ import annotations

from typing import Any

import pytest
from faces import Connect, Face
from hypothesis import given
from hypothesis import strategies as st
from json_text import ID, members, records

import caibo
from caibo.testing import FakeCaibo

WHOLE = {"name": "A", "email": "a@b.c"}


class TestWriting:
    def test_exactly_this_body_is_sent(self, wire: Face, fake: FakeCaibo) -> None:
        """One request; an optional member that is left out is lost."""
        fake.add_customer(id=ID)

        update = wire.replace(ID, {**WHOLE, "class": [1]})

        assert [r.method for r in fake.requests] == ["PUT"]
        assert fake.requests[0].body == b'{"name":"A","email":"a@b.c","class":[1]}'
        assert fake.document(ID)["phone"] is None
        assert (update.outcome, update.changes, update.attempts) == ("accepted", {}, 1)
        assert (update.race_window, update.carried) == (None, ())
        assert (update.customer.name, update.request_id) == ("A", "fake-000001")

    @given(document=records(), kind=st.sampled_from([caibo.Customer, caibo.Document.parse]))
    def test_a_record_as_read_goes_back_token_for_token(
        self, wire: Face, fake: FakeCaibo, document: bytes, kind: Any
    ) -> None:
        """Such as one that was kept as a backup."""
        fake.add_document(document, id=ID)
        record = wire.get(ID)
        fake.fail_next(200, method="PUT")

        sent = record if kind is caibo.Customer else caibo.Document.parse(document)
        try:
            wire.replace(ID, sent)
        except caibo.InvalidChangesError:  # beyond the contract's limits
            fake.handle(fake.requests[-1])  # takes the planned answer away
            fake.take_fault("PUT")
        else:
            assert members(fake.requests[-1].body) == members(document)

    def test_a_record_in_the_answer_is_the_customer(self, client: Face, fake: FakeCaibo) -> None:
        """As after an update."""
        fake.returns_record = True
        fake.add_customer(id=ID, total_deposits=5)

        update = client.replace(ID, WHOLE)

        assert update.customer.total_deposits == 5

    def test_a_lost_answer_is_looked_up(self, client: Face, fake: FakeCaibo) -> None:
        """The record read back is what was sent, so it landed."""
        fake.add_customer(id=ID)
        fake.lose_response("PUT")

        update = client.replace(ID, WHOLE)

        assert [request.method for request in fake.requests] == ["PUT", "GET"]
        assert (update.outcome, update.customer.name) == ("confirmed", WHOLE["name"])

    def test_a_write_that_did_not_land_is_not_sent_again(
        self, client: Face, fake: FakeCaibo
    ) -> None:
        """Nobody knows what the record was before, so nobody can tell who changed it."""
        fake.add_customer(id=ID)
        fake.lose_response("PUT", applied=False)

        with pytest.raises(caibo.UnknownOutcomeError, match="is not what was sent") as caught:
            client.replace(ID, WHOLE)

        assert [request.method for request in fake.requests] == ["PUT", "GET"]
        assert (caught.value.plan, caught.value.sent) == (None, {})
        assert caught.value.last_seen is not None


class TestRefusals:
    @pytest.mark.parametrize(
        ("document", "reasons"),
        [
            ({}, ["name: name is required", "email: email is required"]),
            ({"name": "A"}, ["email: email is required in a whole record"]),
            ({**WHOLE, "name": None}, ["name: is required and cannot be cleared"]),
            ({**WHOLE, "phone": "0" * 21}, ["phone: has 21 characters"]),
            ({**WHOLE, "memberId": 7}, ["member_id: expected a string, not number"]),
            ({**WHOLE, "address": {"city": "X"}}, ["address: expected one string"]),
            ({**WHOLE, "member_id": "M"}, ["document['member_id']: is this package's name"]),
            ({**WHOLE, "x": object()}, ["document['x']: is of type object"]),
            (
                dict([*WHOLE.items(), (7, 1)]),
                ["document[7]: has a member name that is not a string"],
            ),
            ([WHOLE], ["document: expected a Customer or a mapping, not list"]),
            (None, ["document: expected a Customer or a mapping, not NoneType"]),
        ],
    )
    def test_what_is_no_whole_record_is_refused(
        self, client: Face, fake: FakeCaibo, document: Any, reasons: list[str]
    ) -> None:
        """Before any request, every problem at once."""
        with pytest.raises(caibo.InvalidChangesError) as caught:
            client.replace(ID, document)

        said = [f"{problem.field}: {problem.message}" for problem in caught.value.problems]
        assert [text.startswith(reason) for text, reason in zip(said, reasons, strict=True)]
        assert all(text.startswith(reason) for text, reason in zip(said, reasons, strict=True))
        assert fake.requests == []

    def test_what_the_gateway_owns_is_not_held_against_the_limits(
        self, client: Face, fake: FakeCaibo
    ) -> None:
        """It came from there, and a gateway takes or ignores its own values."""
        fake.add_customer(id=ID)

        update = client.replace(ID, {**WHOLE, "totalDeposits": "100.00", "createDate": None})

        assert update.outcome == "accepted"

    def test_without_validation_the_gateway_decides(
        self, connect: Connect, fake: FakeCaibo
    ) -> None:
        """An empty record, say."""
        fake.add_customer(id=ID)

        with pytest.raises(caibo.BadRequestError) as caught:
            connect(validate=False).replace(ID, {})

        assert list(caught.value.field_errors) == ["email", "name"]
