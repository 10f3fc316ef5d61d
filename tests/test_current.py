"""`current=`: an update onto a record that the caller has already, without a read."""

from __future__ import annotations

from typing import Any

import pytest
from faces import Connect, Face, methods

import caibo
from caibo.testing import FakeCaibo

TEXT = '{"id":16772748432912191,"name":"A","email":"a@b.c","phone":null,"class":[100.00,1E400]}'
ID = 16772748432912191


@pytest.fixture(params=["Customer", "Document", "dict"])
def current(request: pytest.FixtureRequest, fake: FakeCaibo) -> Any:
    """Give the record of a gateway without a read endpoint, in each form that is taken."""
    fake.add_document(TEXT)
    fake.has_read = False
    document = caibo.Document.parse(TEXT)
    return {"Customer": caibo.Customer(document), "Document": document, "dict": dict(document)}[
        request.param
    ]


class TestMerging:
    def test_nothing_is_read(self, client: Face, fake: FakeCaibo, current: Any) -> None:
        """One request, with every member of the record."""
        update = client.update(ID, current=current, phone="1")

        assert methods(fake) == ["PUT"]
        assert fake.requests[0].json == {**caibo.Document.parse(TEXT), "phone": "1"}
        assert (update.outcome, update.race_window, update.attempts) == ("accepted", None, 1)
        assert (update.customer.phone, update.carried) == ("1", ("class",))

    def test_nothing_to_change_is_no_request(
        self, client: Face, fake: FakeCaibo, current: Any
    ) -> None:
        """The caller's record says so already."""
        update = client.update(ID, current=current, email="a@b.c", phone=None)

        assert (update.outcome, update.request_id, methods(fake)) == ("unchanged", None, [])

    def test_extra_is_merged_onto_it(self, client: Face, fake: FakeCaibo, current: Any) -> None:
        """As onto one that was read."""
        client.update(ID, current=current, extra={"x": {"y": 1}})

        assert fake.requests[0].json["x"] == {"y": 1}

    def test_the_result_of_an_update_is_the_next_current(
        self, client: Face, fake: FakeCaibo, current: Any
    ) -> None:
        """A chain of updates without a single read."""
        first = client.update(ID, current=current, phone="1")

        client.update(ID, current=first.customer, phone="2")

        assert methods(fake) == ["PUT", "PUT"]
        assert fake.document(ID)["phone"] == "2"

    @pytest.mark.parametrize("text", ["1e99999999999999999999", "-0", '"\\ud800"', "9" * 5000])
    def test_a_record_as_read_keeps_its_text(
        self, client: Face, fake: FakeCaibo, text: str
    ) -> None:
        """Also what Python has no value for."""
        document = caibo.Document.parse(f'{{"name":"A","email":"a@b.c","x":{text}}}')
        fake.fail_next(200)

        client.update(ID, current=caibo.Customer(document), phone="1")

        assert fake.requests[0].body.endswith(f'"x":{text},"phone":"1"}}'.encode())


class TestRefusals:
    @pytest.mark.parametrize("kind", [caibo.Customer, caibo.Document, dict])
    @pytest.mark.parametrize(
        ("members", "field", "reason"),
        [
            ({"id": 1, "name": "A", "email": "a@b.c"}, "current['id']", "another customer"),
            ({"id": "1", "name": "A", "email": "a@b.c"}, "current['id']", "another customer"),
            ({"id": ID, "name": "A"}, "current['email']", "is missing; found: id, name"),
            ({"name": "A", "email": None}, "current['email']", "is null, and there is no id"),
            ({"id": ID, "name": "A", "email": None}, "current['email']", "is null; set email="),
            ({"data": {"id": ID, "name": "A", "email": "e"}}, "current['name']", "inside 'data'"),
            ({"name": "A", "email": "a@b.c", "Phone": "1", "phone": "2"}, "current['Phone']",
             "stands there in several spellings: Phone, phone"),
            ({"name": "A", "email": "a@b.c", "member_id": "M"}, "current['member_id']",
             "write 'memberId'"),
            ({"name": "A", "email": "a@b.c", "owner_id": 1}, "current['owner_id']",
             "write 'ownerId'"),
        ],
    )  # fmt: skip
    def test_a_record_that_cannot_be_written_is_refused(
        self, client: Face, fake: FakeCaibo, kind: Any, members: Any, field: str, reason: str
    ) -> None:
        """Before any request, with the member that is at fault."""
        with pytest.raises(caibo.InvalidChangesError, match=reason) as caught:
            client.update(ID, current=kind(members), phone="1")

        assert [problem.field for problem in caught.value.problems] == [field]
        assert fake.requests == []

    def test_a_change_may_heal_it(self, client: Face, fake: FakeCaibo) -> None:
        """But not make a record of what is none: the write would wipe the rest."""
        fake.add_customer(id=ID)
        broken = {"id": ID, "name": None, "email": "a@b.c"}

        client.update(ID, current=broken, name="A")
        with pytest.raises(caibo.InvalidChangesError, match="found: no members"):
            client.update(ID, current={}, name="A", email="a@b.c")

        assert [r.json for r in fake.requests] == [{**broken, "name": "A"}]

    @pytest.mark.parametrize(
        ("members", "field", "reason"),
        [
            ({"name": "A", "email": "a@b.c", "x": {1}}, "current['x']", "is of type set"),
            ({"name": "A", "email": "a@b.c", 7: 1}, "current[7]", "not a string"),
            ({"name": "A", "email": "a@b.c", "\ud800": 1}, r"current['\ud800']", "surrogate"),
        ],
    )
    def test_a_record_that_json_cannot_carry_is_refused(
        self, client: Face, fake: FakeCaibo, members: Any, field: str, reason: str
    ) -> None:
        """Names and values alike."""
        with pytest.raises(caibo.InvalidChangesError, match=reason) as caught:
            client.update(ID, current=members, phone="1")

        assert [problem.field for problem in caught.value.problems] == [field]
        assert fake.requests == []

    @pytest.mark.parametrize("current", [7, "text", [("name", "A")], TEXT.encode()])
    def test_it_is_a_customer_or_a_mapping(
        self, client: Face, fake: FakeCaibo, current: Any
    ) -> None:
        """Text is parsed by `Document.parse`, not by guessing."""
        with pytest.raises(caibo.InvalidChangesError, match="current: expected a Customer or a"):
            client.update(ID, current=current, phone="1")

        assert fake.requests == []

    def test_its_own_values_are_not_held_against_the_limits(
        self, connect: Connect, fake: FakeCaibo
    ) -> None:
        """The gateway has them already."""
        fake.fail_next(200)

        connect().update(ID, current={"name": "A" * 101, "email": "none"}, phone="1")

        assert len(fake.requests) == 1
