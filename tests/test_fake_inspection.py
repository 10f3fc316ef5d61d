"""What a test asks a `FakeCaibo` about the writes of clients."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any, ClassVar

import httpx
import pytest
from faces import Face, methods
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import put

import caibo
from caibo.testing import FakeCaibo, Headers, Request


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(id=7, phone="+12025550143", preferences={"currency": "EUR"})


def told(fake: FakeCaibo, id: int, names: set[str]) -> list[str]:
    """Return the lines of a failed assertion."""
    with pytest.raises(AssertionError) as caught:
        fake.assert_only_changed(id, names)
    return str(caught.value).splitlines()


class TestWrites:
    def test_they_are_the_requests_that_were_to_change_a_customer(
        self, fake: FakeCaibo, client: Face, id: int
    ) -> None:
        """Of that customer, the oldest first; a read is none, and neither is a login."""
        other = fake.add_customer()
        client.update(id, phone=None)
        client.update(other, phone=None)
        client.update(id, name="Ada B. Example")
        client.get(id)

        writes = fake.writes(id)

        assert [write.json["name"] for write in writes] == ["Ada Example", "Ada B. Example"]
        assert [write.customer_id for write in fake.writes()] == [id, other, id]
        assert fake.writes(404) == []

    def test_an_id_that_is_text_is_not_one_that_nobody_wrote(
        self, fake: FakeCaibo, client: Face, id: int
    ) -> None:
        """`== []` would hold of it for ever."""
        text: Any = str(id)
        client.update(id, phone=None)

        with pytest.raises(TypeError, match="id is the number of a customer, not '7'"):
            fake.writes(text)

    def test_those_that_came_to_nothing_are_among_them(
        self, fake: FakeCaibo, client: Face, id: int
    ) -> None:
        """Refused, lost, or of a method that the gateway does not have."""
        fake.fail_next(400, method="PUT")
        with pytest.raises(caibo.BadRequestError):
            client.update(id, phone=None)
        with httpx.Client(transport=fake.transport, base_url=fake.base_url) as plain:
            plain.patch(f"customers/{id}", json={})
            plain.post("auth/login", json={})

        assert [write.method for write in fake.writes(id)] == ["PUT", "PATCH"]
        assert fake.writes() == fake.writes(id)

    def test_the_read_works_and_every_read_back_fails(
        self, fake: FakeCaibo, client: Face, id: int
    ) -> None:
        """One line plans it: the answer is lost, and nobody can look."""
        fake.lose_response("PUT")
        fake.fail_next(404, method="GET", after=1, times=float("inf"))

        with pytest.raises(caibo.UnknownOutcomeError):
            client.update(id, phone=None)

        assert methods(fake) == ["GET", "PUT", "GET"]


class TestOnlyChanged:
    def test_an_update_changes_what_it_names(self, fake: FakeCaibo, client: Face, id: int) -> None:
        """In snake_case, as on the wire, in any case, and members outside the contract."""
        client.update(id, phone=None, member_id="M-2", extra={"preferences": {"currency": "USD"}})

        fake.assert_only_changed(id, {"phone", "member_id", "preferences"})
        fake.assert_only_changed(id, ["Phone", "memberId", "preferences"])

    def test_what_else_changed_is_shown_with_both_values(
        self, fake: FakeCaibo, plain_client: httpx.Client, id: int
    ) -> None:
        """As from a client that sends what it knows: the rest is cleared, or gone."""
        put(plain_client, id, name="Ada Example", email="ada@example.com", phone="+12025550199")

        assert told(fake, id, {"phone"}) == [
            "customer 7: only phone should have changed (1 write)",
            "  address changed: '456 New Street, San Francisco, CA 94105, US' → None",
            "  memberId changed: 'M-1001' → None",
            "  preferences changed: {'currency': 'EUR'} → None (gone)",
        ]

    def test_what_did_not_change_is_shown(self, fake: FakeCaibo, client: Face, id: int) -> None:
        """The value was there already, or the name is no member's."""
        client.update(id, phone="+12025550143")

        assert told(fake, id, {"phone", "phnoe"}) == [
            "customer 7: only phnoe, phone should have changed (no writes)",
            "  phnoe did not change: None",
            "  phone did not change: '+12025550143'",
        ]

    def test_nothing_may_be_what_is_to_change(self, fake: FakeCaibo, client: Face, id: int) -> None:
        """With no name at all."""
        client.update(id, phone="+12025550143")
        fake.assert_only_changed(id, set())

        client.update(id, phone=None)
        client.update(id, address=None)

        assert told(fake, id, set())[0] == "customer 7: nothing should have changed (2 writes)"

    def test_what_the_test_changed_itself_does_not_count(
        self, fake: FakeCaibo, client: Face, id: int
    ) -> None:
        """Before, after, and between the writes."""
        fake.change(id, address=None)
        client.update(id, phone=None)
        fake.change_after_write(id, name="Somebody Else")
        client.update(id, phone="+12025550199")

        fake.assert_only_changed(id, {"phone"})

    def test_a_write_that_takes_back_what_somebody_changed_is_found(
        self, fake: FakeCaibo, client: Face, id: int
    ) -> None:
        """Before and after the test the address is the same; in between it was another one."""
        fake.change_before_write(id, address="2 Example Road")

        client.update(id, phone=None)

        [_, line] = told(fake, id, {"phone"})
        assert line.startswith("  address changed: '2 Example Road' → '456 New Street")

    def test_a_change_that_is_taken_back_is_one(
        self, fake: FakeCaibo, client: Face, id: int
    ) -> None:
        """Each write counts, not what they come to."""
        client.update(id, phone=None)
        client.update(id, phone="+12025550143")

        fake.assert_only_changed(id, {"phone"})

    def test_a_patch_is_a_write(self, fake: FakeCaibo, plain_client: httpx.Client, id: int) -> None:
        """Where the gateway has one."""
        fake.has_patch = True
        headers = {"Content-Type": "application/merge-patch+json"}

        plain_client.patch(f"customers/{id}", content=b'{"phone": null}', headers=headers)

        assert [write.method for write in fake.writes(id)] == ["PATCH"]
        fake.assert_only_changed(id, {"phone"})

    def test_every_write_counts(self, fake: FakeCaibo, client: Face, id: int) -> None:
        """The first as well as the last."""
        client.update(id, address=None)
        client.update(id, phone=None)

        fake.assert_only_changed(id, {"phone", "address"})

    def test_a_write_that_was_not_carried_out_changed_nothing(
        self, fake: FakeCaibo, plain_client: httpx.Client, id: int
    ) -> None:
        """Whatever its body says."""
        fake.fail_next(500, method="PUT")
        put(plain_client, id, phone=None)

        fake.assert_only_changed(id, set())

    @pytest.mark.parametrize(
        ("was", "is_now"),
        [
            ('{"id":7,"name":"Jo","email":"jo@x","sum":100.00}', b'"sum":1e2'),
            ('{"id":7,"name":"Jo","email":"jo@x","sum":"\\u00e9"}', '"sum":"é"'.encode()),
            ('{"id":7,"name":"Jo","email":"jo@x","sum":{"a":1,"b":2}}', b'"sum":{"b":2, "a":1}'),
        ],
        ids=["number", "escape", "order"],
    )
    def test_another_spelling_is_no_change(
        self, fake: FakeCaibo, plain_client: httpx.Client, was: str, is_now: bytes
    ) -> None:
        """What another JSON writer makes of the same values."""
        id = fake.add_document(was)
        body = b'{"name":"Jo","email":"jo@x","phone":null,' + is_now + b"}"
        headers = {"Content-Type": "application/json"}

        answer = plain_client.put(f"customers/{id}", content=body, headers=headers)

        assert answer.status_code == 200
        fake.assert_only_changed(id, set())

    def test_a_lost_digit_is_a_change(self, fake: FakeCaibo, plain_client: httpx.Client) -> None:
        """Values are compared with every digit, and true is not 1."""
        id = fake.add_customer(sum=Decimal("0.1000000000000000055511"), flag=True)

        put(plain_client, id, sum=0.1, flag=1)

        assert {"sum changed", "flag changed"} <= {
            line.strip().partition(":")[0] for line in told(fake, id, set())
        }

    def test_a_string_is_not_taken_for_a_set_of_names(self, fake: FakeCaibo, id: int) -> None:
        """Its letters would be the names."""
        with pytest.raises(TypeError, match=r"\{'phone'\}"):
            fake.assert_only_changed(id, "phone")

    def test_a_customer_that_is_not_there_is_a_mistake(self, fake: FakeCaibo) -> None:
        """Nothing changed of it, which would pass."""
        with pytest.raises(KeyError, match="no customer 404"):
            fake.assert_only_changed(404, set())

    @settings(max_examples=25)
    @given(data=st.data())
    def test_it_names_what_differs_and_nothing_else(self, data: st.DataObject) -> None:
        """Whatever two documents say."""
        values = st.dictionaries(
            st.sampled_from(["phone", "address", "a", "b"]), st.sampled_from([None, "1", "2"])
        )
        was, now = data.draw(values), data.draw(values)
        fake = FakeCaibo()
        required = {"name": "Jo", "email": "jo@example.com"}
        id = fake.add_document({"id": 7, **required, **was})
        headers = Headers({"X-API-Key": fake.api_key, "Content-Type": "application/json"}.items())
        body = json.dumps({**required, **now}).encode()

        answer = fake.handle(Request("PUT", f"/customers/{id}", headers, body))

        assert answer.status == 200
        fake.assert_only_changed(id, {n for n in {**was, **now} if was.get(n) != now.get(n)})


def test_threads_share_a_gateway(fake: FakeCaibo) -> None:
    """Every write is counted once, and each customer has its own."""
    ids = [fake.add_customer(phone=None) for _ in range(4)]

    def work(id: int) -> None:
        with caibo.Caibo(
            api_key=fake.api_key, base_url=fake.base_url, transport=fake.transport
        ) as client:
            for number in range(25):
                client.customers.update(id, phone=str(number))

    threads = [threading.Thread(target=work, args=(id,)) for id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [len(fake.writes(id)) for id in ids] == [25] * 4
    assert sorted(request.number for request in fake.requests) == list(range(1, 201))
    for id in ids:
        fake.assert_only_changed(id, {"phone"})


class TestFaults:
    """A fault that nobody meets has tested nothing."""

    PLANS: ClassVar[dict[str, Callable[[FakeCaibo], None]]] = {
        "fail_next(503): for any request": lambda fake: fake.fail_next(503),
        "answer_next: for GET": lambda fake: fake.answer_next({}, method="get"),
        "lose_response: for PUT": lambda fake: fake.lose_response(),
        "garble_next('gzip'): for any request": lambda fake: fake.garble_next(),
        "delay(3): for any request": lambda fake: fake.delay(3, chance=0.5),
        "refuse_connection: for any request": lambda fake: fake.refuse_connection(),
        "stale_reads: for GET": lambda fake: fake.stale_reads(),
    }

    @pytest.mark.parametrize("said", PLANS)
    def test_one_that_nobody_met_is_named(self, fake: FakeCaibo, said: str) -> None:
        """With what it waits for."""
        self.PLANS[said](fake)

        assert unmet(fake) == ["of 0 requests that arrived, none met", said]

    def test_the_message_says_whom_it_waits_for(
        self, fake: FakeCaibo, plain_client: httpx.Client, id: int
    ) -> None:
        """And how many more have to pass first."""
        fake.fail_next(503, method="PUT", id=id, after=2)
        fake.change_before_write(9, phone=None)
        fake.change_after_write(8, phone=None)

        put(plain_client, id, phone=None)

        assert unmet(fake) == [
            "of 1 request that arrived, none met",
            f"fail_next(503): for PUT of customer {id}, after 1 more",
            "change_before_write: for a write of customer 9",
            "change_after_write: for a write of customer 8",
        ]

    @pytest.mark.parametrize(
        "options",
        [{}, {"times": math.inf}, {"times": 2}, {"chance": 1e-9}],
        ids=["once", "always", "twice", "spared by chance"],
    )
    def test_one_request_is_enough(
        self, fake: FakeCaibo, plain_client: httpx.Client, id: int, options: dict[str, Any]
    ) -> None:
        """How often it would have happened is another question."""
        fake.fail_next(503, method="PUT", **options)
        put(plain_client, id, phone=None)
        put(plain_client, id, phone=None)

        fake.assert_faults_met()

    def test_one_behind_another_has_met_nobody(
        self, fake: FakeCaibo, plain_client: httpx.Client, id: int
    ) -> None:
        """A request meets one fault at most."""
        fake.fail_next(503, times=math.inf)
        fake.fail_next(504)
        put(plain_client, id, phone=None)

        assert unmet(fake)[1:] == ["fail_next(504): for any request"]


def unmet(fake: FakeCaibo) -> list[str]:
    """Return the lines that say which faults nobody met."""
    with pytest.raises(AssertionError) as failed:
        fake.assert_faults_met()
    return [line.strip() for line in str(failed.value).splitlines()]
