"""What a gateway says to a write with a 2xx counts, and is not told as accepted unread."""

from __future__ import annotations

import logging
import time
from decimal import Decimal
from typing import Any

import httpx
import pytest
from faces import Connect, Face, methods
from scripted import ID, RECORD, Script, answer

import caibo
from caibo.testing import FakeCaibo

#: Answers that do not tell that a write was accepted.
NO_ANSWERS: dict[str, dict[str, Any]] = {
    "a web page": {"body": b"<!DOCTYPE html><title>Maintenance</title>"},
    "a problem document": {"body": b'{"Title":"Not stored","Status":409}'},
    "`success: false`": {"body": b'{"success":false,"message":"Ada Example is locked"}'},
    "several outcomes in it": {"status": 207, "body": b"<multistatus/>"},
}


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(
        name="Ada Example", email="ada@example.com", phone="+12025550143", tier="gold"
    )


def says(fake: FakeCaibo, *, applied: bool, status: int = 200, body: bytes = b"") -> None:
    """Let the next write get this answer."""
    fake.fail_next(status, body=body, method="PUT", after_applying=applied)


def record(fake: FakeCaibo, id: int, **members: object) -> bytes:
    return str(caibo.Document({**fake.document(id), **members})).encode()


class TestNoAnswer:
    @pytest.mark.parametrize("what", NO_ANSWERS)
    def test_a_write_that_never_arrived_is_sent_again(
        self, client: Face, fake: FakeCaibo, id: int, what: str
    ) -> None:
        """Read back, the record is as it was; so it is merged anew."""
        says(fake, applied=False, **NO_ANSWERS[what])

        update = client.update(id, phone="+1")

        assert methods(fake) == ["GET", "PUT", "GET", "PUT"]
        assert (update.outcome, update.attempts) == ("accepted", 2)
        assert fake.document(id)["phone"] == "+1"

    @pytest.mark.parametrize("what", NO_ANSWERS)
    def test_a_write_that_landed_is_seen(
        self, client: Face, fake: FakeCaibo, id: int, what: str
    ) -> None:
        """Whatever was said to it."""
        says(fake, applied=True, **NO_ANSWERS[what])

        update = client.update(id, phone="+1")

        assert methods(fake) == ["GET", "PUT", "GET"]
        assert (update.outcome, update.attempts) == ("confirmed", 1)

    @pytest.mark.parametrize("what", NO_ANSWERS)
    def test_where_it_cannot_be_sent_again_it_is_unknown(
        self, connect: Connect, fake: FakeCaibo, id: int, what: str
    ) -> None:
        """The message names the kind of answer and quotes nothing of it."""
        says(fake, applied=False, **NO_ANSWERS[what])

        with pytest.raises(caibo.UnknownOutcomeError, match="may still arrive") as caught:
            connect(max_retries=0).update(id, phone="+1")

        assert f"with {what} is no answer to a write" in str(caught.value)
        assert "Ada" not in str(caught.value)
        assert isinstance(caught.value.__cause__, caibo.MalformedResponseError)
        assert caught.value.__cause__.request_id == "fake-000002"

    @pytest.mark.parametrize("applied", [True, False])
    def test_a_replacement_is_looked_for(
        self, client: Face, fake: FakeCaibo, id: int, applied: bool
    ) -> None:
        """It is not sent again, as after every lost answer."""
        whole = {**fake.document(id), "phone": "+1"}
        says(fake, applied=applied, **NO_ANSWERS["a web page"])

        if applied:
            assert client.replace(id, whole).outcome == "confirmed"
        else:
            with pytest.raises(caibo.UnknownOutcomeError, match="with a web page"):
                client.replace(id, whole)

        assert methods(fake) == ["PUT", "GET"]

    @pytest.mark.parametrize(
        "body", [b"", b"OK", b"null", b"[]", b'{"message":"ok"}', b'{"success":true}', b'{"id":1}']
    )
    @pytest.mark.parametrize("status", [200, 202, 204])
    def test_what_refuses_nothing_is_accepted(
        self, client: Face, fake: FakeCaibo, id: int, status: int, body: bytes
    ) -> None:
        """At no extra request."""
        says(fake, applied=True, status=status, body=body)

        update = client.update(id, phone="+1")

        assert (update.outcome, update.also_changed) == ("accepted", None)
        assert methods(fake) == ["GET", "PUT"]


class TestContradictions:
    @pytest.mark.parametrize("phone", ["+12025550143", "+19995550100", None])
    def test_a_record_that_says_otherwise_is_read_back(
        self, client: Face, fake: FakeCaibo, id: int, phone: str | None
    ) -> None:
        """Some gateways answer with the record as it was before the write."""
        says(fake, applied=True, body=record(fake, id, phone=phone))

        update = client.update(id, phone="+1")

        assert methods(fake) == ["GET", "PUT", "GET"]
        assert (update.outcome, update.customer.phone) == ("confirmed", "+1")
        assert update.request_id == "fake-000002"

    def test_if_it_was_right_that_is_told(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """The write is not sent again: the gateway had it, and chose to keep the old value."""
        says(fake, applied=False, body=record(fake, id))

        with pytest.raises(caibo.OverwrittenError) as caught:
            client.update(id, phone="+1")

        assert caught.value.reverted == ("phone",)
        assert methods(fake) == ["GET", "PUT", "GET"]

    def test_the_record_of_another_customer_is_read_back(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """Whatever went wrong there, it is not what was written."""
        other = fake.add_customer(name="Someone Else")
        says(fake, applied=True, body=fake.raw(other))

        update = client.update(id, phone="+1")

        assert (update.outcome, update.customer.name) == ("confirmed", "Ada Example")
        assert methods(fake) == ["GET", "PUT", "GET"]

    def test_what_cannot_be_read_back_is_unknown(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """Without a read endpoint, `apply` cannot look either, and is not advised."""
        given = fake.document(id)
        fake.has_read = False
        says(fake, applied=True, body=record(fake, id))

        with pytest.raises(caibo.UnknownOutcomeError, match="by other means") as caught:
            connect().update(id, current=given, phone="+1")

        assert "apply" not in str(caught.value)
        assert methods(fake) == ["PUT", "GET"]

    def test_a_part_speaks_for_itself(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """What it does not have it does not deny."""
        part = b'{"name":"Ada Example","email":"ada@example.com"}'

        says(fake, applied=True, body=part)
        first = client.update(id, phone="+1")
        says(fake, applied=True, body=part)
        second = client.update(id, name="Ada Lovelace")

        assert (first.outcome, second.outcome) == ("accepted", "confirmed")
        assert methods(fake) == ["GET", "PUT", "GET", "PUT", "GET"]

    @pytest.mark.parametrize("applied", [True, False])
    def test_a_replacement_is_read_back_as_well(
        self, client: Face, fake: FakeCaibo, id: int, applied: bool
    ) -> None:
        """Only fields of the contract are held against the answer."""
        whole = {**fake.document(id), "phone": "+1"}
        says(fake, applied=applied, body=record(fake, id))

        if applied:
            assert client.replace(id, whole).outcome == "confirmed"
        else:
            with pytest.raises(caibo.OverwrittenError, match="was accepted") as caught:
                client.replace(id, whole)
            assert caught.value.conflicts == {"phone": (None, "+12025550143", "+1")}

        assert methods(fake) == ["PUT", "GET"]

    def test_a_replacement_that_cannot_be_read_back_was_accepted(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """And the message says so."""
        whole = {**fake.document(id), "phone": "+1"}
        fake.has_read = False
        says(fake, applied=True, body=record(fake, id))

        with pytest.raises(caibo.UnknownOutcomeError, match=r"was accepted\. Reading back"):
            connect().replace(id, whole)


class TestAlsoChanged:
    @pytest.mark.parametrize("confirm", [True, False])
    def test_it_tells_what_nobody_addressed(
        self, client: Face, fake: FakeCaibo, id: int, confirm: bool
    ) -> None:
        """From the answer or from the record read back, at no extra request."""
        fake.returns_record = not confirm
        fake.normalise("address", str.upper)
        fake.change(id, updatedAt="monday", prefs={"a": 1, "b": 1})
        fake.normalise("updatedAt", lambda _: "tuesday")
        fake.normalise("prefs", lambda prefs: {**prefs, "b": 2})
        address = fake.document(id)["address"]

        update = client.update(id, phone="+1", extra={"prefs": {"a": 2}}, confirm=confirm)

        assert update.also_changed == {
            "address": caibo.Change(address, address.upper()),
            "updatedAt": caibo.Change("monday", "tuesday"),
            "prefs.b": caibo.Change(1, 2),
        }
        assert list(update.changes) == ["phone", "prefs"]
        assert methods(fake) == ["GET", "PUT", "GET"][: 2 + confirm]

    @pytest.mark.parametrize("confirm", [True, False])
    def test_a_member_that_was_dropped_was_not_carried(
        self,
        client: Face,
        fake: FakeCaibo,
        id: int,
        confirm: bool,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """A server that ignores what it does not know loses it; that is worth a warning."""
        fake.returns_record = not confirm
        fake.change(id, more=Decimal("1.10"))
        fake.drop_members("tier")

        with caplog.at_level(logging.WARNING, "caibo"):
            update = client.update(id, phone="+1", confirm=confirm)

        assert update.also_changed == {"tier": caibo.Change("gold", None)}
        assert update.carried == ("more",)
        assert "tier" not in update.customer.document
        assert [r.message for r in caplog.records] == [f"customer {id}: sent along and gone: tier"]

    def test_where_nothing_was_seen_nothing_is_told(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """An empty answer shows no record; and nothing written is nothing to look at."""
        assert client.update(id, phone="+1").also_changed is None
        assert client.update(id, phone="+1").also_changed is None
        assert client.update(id, phone="+2", confirm=True).also_changed == {}

    def test_a_time_stamp_in_a_replacement_may_move_on(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """The record was read, changed and written back as a whole."""
        fake.returns_record = True
        fake.change(id, updatedAt="monday")
        fake.normalise("updatedAt", lambda _: "tuesday")

        update = client.replace(id, fake.document(id))

        assert (update.outcome, methods(fake)) == ("accepted", ["PUT"])
        assert update.also_changed == {"updatedAt": caibo.Change("monday", "tuesday")}


class TestEntityTags:
    def test_a_tag_is_only_asked_for_until_a_stale_one_was_refused(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """A framework may send tags and ignore If-Match; each client finds out for itself."""
        fake.etags = True

        before = client.update(id, phone="+1").protection
        fake.change_before_write(id, address="1 Other Street")
        during = client.update(id, phone="+2").protection
        after = client.update(id, phone="+3").protection

        assert (before, during, after) == ("if-match", "conditional", "conditional")

    def test_a_tag_that_was_refused_and_still_stands_proves_nothing(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """A cache may give out an old one."""
        fake.etags = True
        fake.fail_next(412, method="PUT")

        update = client.update(id, phone="+1")

        assert (update.attempts, update.protection) == (2, "if-match")

    def test_if_it_goes_on_so_nobody_is_blamed(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """It is the gateway's own refusal, and nothing changed each time."""
        fake.etags = True
        fake.fail_next(412, method="PUT", times=5)

        with pytest.raises(caibo.APIError, match="still had the tag that was refused") as caught:
            client.update(id, phone="+1")

        assert caught.value.status == 412
        assert not isinstance(caught.value, caibo.ConflictError)


def test_the_race_window_ends_with_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway may apply a write just before it answers, and a proxy may send it again."""
    now = [1000.0]

    def take(seconds: float, *, body: bytes = b"") -> Any:
        def later(_: httpx.Request) -> httpx.Response:
            now[0] += seconds
            return answer(200, body)

        return later

    script = Script(take(0.25, body=RECORD), take(1.5))
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with caibo.Caibo(api_key="caibo_test_sk_0123456789", **script.options) as client:
        update = client.customers.update(ID, phone="+1")

    assert update.race_window == 1.75
