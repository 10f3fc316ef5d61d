"""`customers.update`: what it sends, and what the `Update` tells."""

from __future__ import annotations

import pickle
from decimal import Decimal
from typing import Any

import pytest
from faces import Connect, Face, methods

import caibo
from caibo.testing import FakeCaibo, Request


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(name="Ada Example", email="ada@example.com", phone="+12025550143")


class TestRequests:
    def test_an_update_is_two_requests_on_one_connection(
        self, wire: Face, fake: FakeCaibo, id: int
    ) -> None:
        """The read and the write, and nothing else."""
        wire.update(id, email="new@example.com")

        assert [(r.method, r.path, r.connection) for r in fake.requests] == [
            ("GET", f"/customers/{id}", 1),
            ("PUT", f"/customers/{id}", 1),
        ]

    def test_several_updates_share_the_connection(
        self, wire: Face, fake: FakeCaibo, id: int
    ) -> None:
        """A client keeps it open."""
        wire.update(id, phone="1")
        wire.update(id, phone="2")

        assert [request.connection for request in fake.requests] == [1, 1, 1, 1]

    def test_an_id_of_17_digits_never_goes_through_a_float(
        self, wire: Face, fake: FakeCaibo
    ) -> None:
        """As one, this id would end in 192."""
        fake.add_customer(id=16772748432912191)

        update = wire.update(16772748432912191, phone=None)

        assert {r.path for r in fake.requests} == {"/customers/16772748432912191"}
        assert b'"id":16772748432912191,' in fake.requests[-1].body
        assert update.customer.id == 16772748432912191

    def test_the_body_is_sent_as_plain_json(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """Of the contract's four media types, the one that a plain object is."""
        client.update(id, phone=None)

        assert fake.requests[-1].headers["Content-Type"] == "application/json"


class TestNoDifference:
    @pytest.mark.parametrize(
        "changes",
        [{}, {"phone": "+12025550143"}, {"name": "Ada Example", "email": "ada@example.com"}],
    )
    def test_nothing_to_change_is_one_read(
        self, client: Face, fake: FakeCaibo, id: int, changes: Any
    ) -> None:
        """Values that the record has already are not written again."""
        update = client.update(id, **changes)

        assert methods(fake) == ["GET"]
        assert (update.outcome, update.changes, update.attempts) == ("unchanged", {}, 0)
        assert (update.race_window, update.request_id) == (None, "fake-000001")
        assert update.customer.phone == "+12025550143"

    def test_clearing_an_absent_member_writes_nothing(self, client: Face, fake: FakeCaibo) -> None:
        """Absent and null are the same to clear."""
        id = fake.add_document({"name": "A", "email": "a@b.c", "phone": None})

        update = client.update(id, phone=None, address=None, extra={"gone": None})

        assert (update.outcome, methods(fake)) == ("unchanged", ["GET"])

    @pytest.mark.parametrize(
        ("stored", "given"),
        [
            ("100.00", 100),
            ("1e2", Decimal(100)),
            ("-0", 0),
            ('"\\u00e9"', "é"),
            ("[1.0,{}]", (1, {})),
            ("true", True),
            ('{"a":1,"b":{"c":null}}', {"b": {"c": None, "d": None}}),
            ("9" * 5000, Decimal("9" * 5000)),
            ("1E400", Decimal("1E400")),
        ],
    )
    def test_an_equal_value_in_another_spelling_is_no_difference(
        self, client: Face, fake: FakeCaibo, stored: str, given: object
    ) -> None:
        """JSON knows one number under many spellings."""
        id = fake.add_document(f'{{"name":"A","email":"a@b.c","x":{stored}}}')

        update = client.update(id, extra={"x": given})

        assert (update.outcome, methods(fake)) == ("unchanged", ["GET"])

    @pytest.mark.parametrize(
        ("stored", "given"),
        [("1", True), ("true", 1), ("0", False), ('"1"', 1), ("[1,2]", [1]), ("{}", []),
         ("[]", {}), ("null", 0), ('{"a":1}', [1]), ("[{\"a\":1}]", [{"a": 2}])],
    )  # fmt: skip
    def test_a_value_of_another_kind_is_a_difference(
        self, client: Face, fake: FakeCaibo, stored: str, given: object
    ) -> None:
        """Python takes True for 1; JSON does not."""
        id = fake.add_document(f'{{"name":"A","email":"a@b.c","x":{stored}}}')

        update = client.update(id, extra={"x": given})

        assert update.outcome == "accepted"
        assert update.changes["x"].after == given


class TestClearing:
    def test_none_clears_and_absence_keeps(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """The cleared member goes as null, not as a gap, which might keep the old value."""
        client.update(id, phone=None)

        assert fake.requests[-1].json["phone"] is None
        assert fake.document(id)["address"] == "456 New Street, San Francisco, CA 94105, US"

    def test_an_empty_string_is_a_value(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """It is not null, and the contract allows it."""
        client.update(id, phone="")

        assert fake.document(id)["phone"] == ""


class TestResult:
    def test_it_tells_what_differed_by_our_names(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """Members of `extra` are named as on the wire; what did not differ is left out."""
        update = client.update(
            id, member_id="M-2", name="Ada Example", phone=None, extra={"newMember": [1]}
        )

        assert update.changes == {
            "member_id": caibo.Change("M-1001", "M-2"),
            "phone": caibo.Change("+12025550143", None),
            "newMember": caibo.Change(None, [1]),
        }

    def test_it_tells_how_it_went(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """One write, accepted, quoted by the id of its answer; others of this client waited."""
        update = client.update(id, phone=None)

        assert (update.outcome, update.attempts) == ("accepted", 1)
        assert update.protection == "local-lock"
        assert update.request_id == "fake-000002"
        assert update.race_window is not None
        assert update.race_window >= 0

    def test_it_counts_the_attempts_of_the_write(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """Here the gateway asked to come again, at once."""
        fake.fail_next(429, headers={"Retry-After": "0"}, method="PUT")

        update = client.update(id, phone=None)

        assert update.attempts == 2

    def test_it_names_what_it_carried(self, client: Face, fake: FakeCaibo) -> None:
        """Members outside the contract that nobody addressed."""
        document = {"name": "A", "email": "a@b.c", "tier": "gold", "tags": [], "prefs": {}}
        id = fake.add_document(document)

        carried = [
            client.update(id, phone="1", extra={"tags": [1]}).carried,
            client.update(id).carried,
        ]

        assert carried == [("tier", "prefs"), ("tier", "tags", "prefs")]

    def test_it_shows_no_customer_data(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """A result is printed and logged; shapes are enough there."""
        update = client.update(id, email="grace@example.com", phone=None, extra={"x": {"y": "z9"}})

        assert "'email': Change('a…@example.com' → 'g…@example.com')" in repr(update)
        assert "'phone': Change('+…' → None)" in repr(update)
        assert not [v for v in ("grace", "202555", "Ada Ex", "z9", "M-10") if v in repr(update)]

    def test_it_can_be_pickled(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """Results cross process borders, with the record inside."""
        update = client.update(id, phone=None)

        assert pickle.loads(pickle.dumps(update)) == update


class TestAnsweredRecord:
    def test_a_record_in_the_answer_is_the_customer(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """The gateway may have respelt a value, and it knows best."""
        fake.returns_record = True
        fake.normalise("phone", lambda phone: phone.replace(" ", ""))

        update = client.update(id, phone="+1 202 555 0199")

        assert update.customer.phone == "+12025550199"
        assert update.changes["phone"].after == "+1 202 555 0199"

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b'"done"',
            b"null",
            b"{}",
            b'{"name":"Ada Example","email":"ada@example.com"}',
            b"\xff\xfe",
        ],
    )
    def test_any_other_answer_leaves_what_was_sent(
        self, client: Face, fake: FakeCaibo, id: int, body: bytes
    ) -> None:
        """The contract declares no body for 200: an empty one, or part of a record."""
        fake.fail_next(200, body=body, method="PUT")

        update = client.update(id, phone="1")

        assert update.outcome == "accepted"
        assert bytes(update.customer.document) == fake.requests[-1].body


class TestLostAnswers:
    def test_a_write_that_landed_is_confirmed(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """Read back, the record has the new value; it is not sent again."""
        fake.lose_response("PUT")

        update = client.update(id, phone=None)

        assert methods(fake) == ["GET", "PUT", "GET"]
        assert (update.outcome, update.attempts, list(update.changes)) == (
            "confirmed",
            1,
            ["phone"],
        )

    def test_a_write_that_landed_respelt_is_normalised(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """It is the same number."""
        fake.normalise("phone", lambda phone: phone.replace(" ", ""))
        fake.lose_response("PUT")

        update = client.update(id, phone="+1 202 555 0199")

        assert (update.outcome, update.customer.phone) == ("normalised", "+12025550199")

    def test_a_write_that_did_not_land_is_merged_anew(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """Onto what is there by then: somebody else's new address survives."""
        fake.lose_response("PUT", applied=False)
        seen: list[str] = []

        def move(request: Request) -> None:
            seen.append(request.method)
            if seen == ["GET", "PUT"]:
                fake.change(id, address="1 Other Street")

        fake.on_request = move
        update = client.update(id, phone=None)

        assert methods(fake) == ["GET", "PUT", "GET", "PUT"]
        assert (update.outcome, update.attempts) == ("accepted", 2)
        assert fake.document(id)["address"] == "1 Other Street"

    def test_a_late_landing_is_seen_before_the_second_write(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """It may land between the read back and the next one: nothing is left to write then."""
        fake.fail_next(412, method="PUT")
        fake.etags = True
        fake.on_request = lambda r: fake.change(id, phone="1") if r.method == "PUT" else None

        update = client.update(id, phone="1")

        assert methods(fake) == ["GET", "PUT", "GET"]
        assert update.outcome == "confirmed"

    def test_someone_elses_value_leaves_the_outcome_unknown(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """Whether ours landed before theirs cannot be seen."""
        fake.lose_response("PUT")
        fake.change_after_write(id, phone="+19995550100")

        with pytest.raises(
            caibo.UnknownOutcomeError, match="neither the old nor the new"
        ) as caught:
            client.update(id, phone="+12025550199")

        assert methods(fake) == ["GET", "PUT", "GET"]
        assert caught.value.sent == {"phone": "'+…'"}
        assert caught.value.last_seen is not None
        assert caught.value.last_seen.phone == "+19995550100"
        assert "5550" not in str(caught.value) + repr(caught.value)
        assert isinstance(caught.value.__cause__, caibo.TransportError)

    def test_a_record_that_cannot_be_read_back_leaves_it_unknown_too(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """Such as at a deployment without a read endpoint; the plan says how to resume."""
        record = fake.document(id)
        fake.has_read = False
        fake.lose_response("PUT")
        client = connect()

        with pytest.raises(caibo.UnknownOutcomeError, match="Reading back failed") as caught:
            client.update(id, current=record, phone=None)

        assert methods(fake) == ["PUT", "GET"]
        fake.has_read = True
        assert caught.value.plan is not None
        assert client.apply(caught.value.plan).outcome == "already-applied"

    def test_a_failing_gateway_is_told_from_a_lost_answer(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """It answered each time, and the record is as before."""
        fake.fail_next(500, method="PUT", times=3)

        with pytest.raises(caibo.ServerError, match="nothing was written") as caught:
            connect(max_retries=2).update(id, phone=None)

        assert methods(fake) == ["GET", "PUT"] * 3 + ["GET"]
        assert caught.value.status == 500

    def test_an_answer_lost_each_time_stays_unknown(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """The record has the old value, and the last write may still arrive."""
        fake.lose_response("PUT", applied=False, times=2)

        with pytest.raises(caibo.UnknownOutcomeError, match="may still arrive") as caught:
            connect(max_retries=1).update(id, phone=None)

        assert (caught.value.attempts, fake.document(id)["phone"]) == (2, "+12025550143")

    def test_a_write_that_never_left_is_no_unknown_outcome(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """Nothing happened, and the error says so."""
        client = connect(max_retries=0)
        fake.on_request = lambda request: fake.refuse_connection()

        with pytest.raises(caibo.TransportError) as caught:
            client.update(id, phone=None)

        assert (caught.value.request_sent, methods(fake)) == ("no", ["GET"])

    def test_an_unknown_outcome_crosses_process_borders_without_the_customer(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """A pickle has the masked values only."""
        fake.lose_response("PUT")
        fake.change_after_write(id, phone="+19995550100")
        with pytest.raises(caibo.UnknownOutcomeError) as caught:
            connect().update(id, phone="+12025550199")

        stored = pickle.dumps(caught.value)

        assert b"555" not in stored
        again = pickle.loads(stored)
        assert (str(again), again.sent) == (str(caught.value), caught.value.sent)
        assert (again.last_seen, again.plan) == (None, None)


class TestRefusedForNow:
    def test_a_long_pause_is_followed_by_a_fresh_read(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """By then the merged record is old, and a change made meanwhile would be lost."""
        fake.fail_next(429, headers={"Retry-After": "1"}, method="PUT")
        puts: list[Request] = []

        def move(request: Request) -> None:
            if request.method == "PUT" and not puts:
                puts.append(request)
                fake.change(id, address="1 Other Street")

        fake.on_request = move
        update = connect(max_base_age=0.5).update(id, phone=None)

        assert methods(fake) == ["GET", "PUT", "GET", "PUT"]
        assert (update.attempts, fake.document(id)["address"]) == (2, "1 Other Street")

    def test_a_short_one_is_not(self, connect: Connect, fake: FakeCaibo, id: int) -> None:
        """The record is still as young as `max_base_age` asks for."""
        fake.fail_next(429, headers={"Retry-After": "0"}, method="PUT")

        update = connect(max_base_age=60).update(id, phone=None)

        assert (methods(fake), update.attempts) == (["GET", "PUT", "PUT"], 2)

    def test_a_record_that_was_handed_over_is_not_read(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """There may be nothing to read it from."""
        fake.fail_next(429, headers={"Retry-After": "0"}, method="PUT", times=2)

        with pytest.raises(caibo.RateLimitedError):
            connect(max_retries=1).update(id, current=fake.document(id), phone=None)

        assert methods(fake) == ["PUT", "PUT"]
