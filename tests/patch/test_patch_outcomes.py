"""What becomes of a `PATCH`, once a ruling takes it up: what a `PUT`'s outcomes are."""

from __future__ import annotations

from typing import Any

import pytest
from audit_log import records
from faces import Connect, Face, methods
from patching import MODULE, patches
from scripted import ID, RECORD, Script, answer

import caibo
from caibo.testing import Clock, FakeCaibo


class TestLearning:
    def test_the_second_write_is_not_read_back(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """What was left out has been seen to stay."""
        client.update(id, phone="+1")
        client.update(id, phone="+2")

        assert methods(fake) == ["GET", "PATCH", "GET", "GET", "PATCH"]

    def test_what_a_patch_keeps_a_put_may_lose(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """So each is learnt by itself."""
        client = connect(send="changes")
        light = client.caibo.with_options(send="contract")
        client.update(id, phone="+1")

        with pytest.raises(caibo.OverwrittenError) as caught:
            client.wait(light.customers.update, id, phone="+2")

        assert "preferences" in caught.value.also_changed

    @pytest.mark.parametrize(
        ("lost", "send"), [("member_id", "contract"), ("name", "contract"), ("x", "writable")]
    )
    def test_a_loss_is_told_and_given_back_by_a_put(
        self, client: Face, fake: FakeCaibo, lost: str, send: str
    ) -> None:
        """Of the narrowest mode that carries it, which for required members is no `PATCH`."""
        id = fake.add_customer(phone="1", member_id="M-1", x="y")
        before = fake.document(id)
        fake.change_after_write(id, **{lost: None})

        with pytest.raises(caibo.OverwrittenError, match=rf"^PATCH /customers/{id} was") as caught:
            client.update(id, phone="+1")

        assert caught.value.plan is not None
        assert caught.value.plan.send == send
        fake.keeps_omitted = True
        client.apply(caught.value.plan)
        assert fake.document(id) == {**before, "phone": "+1"}


class TestWhatMayHappen:
    @pytest.mark.parametrize("applied", [True, False])
    def test_a_lost_answer_is_settled(
        self, client: Face, fake: FakeCaibo, id: int, pauses: list[float], applied: bool
    ) -> None:
        """By reading back: it stands, or it is sent once more."""
        fake.lose_response("PATCH", applied=applied)

        update = client.update(id, phone="+1")

        assert methods(fake) == ["GET", "PATCH", "GET", *([] if applied else ["PATCH", "GET"])]
        assert (update.outcome, fake.document(id)["phone"]) == ("confirmed", "+1")

    def test_one_that_stays_unknown_names_what_was_sent(
        self, connect: Connect, fake: FakeCaibo, id: int, pauses: list[float]
    ) -> None:
        """And its plan goes on with the same."""
        client = connect(send="changes", max_retries=0)
        fake.lose_response("PATCH", applied=False)

        with pytest.raises(caibo.UnknownOutcomeError, match=f"PATCH /customers/{id}") as caught:
            client.update(id, phone="+1")

        assert caught.value.plan is not None
        client.apply(caught.value.plan)
        assert patches(fake) == [{"phone": "+1"}] * 2

    @pytest.mark.parametrize(("status", "says"), [(405, "no PATCH"), (415, "no PATCH")])
    def test_a_deployment_without_it_names_the_other_modes(
        self, client: Face, fake: FakeCaibo, id: int, status: int, says: str
    ) -> None:
        """Nothing is sent in another way unasked: a `PUT` would carry more."""
        if status == 405:
            fake.has_patch = False
        else:
            fake.fail_next(415, method="PATCH")

        with pytest.raises(caibo.APIError) as caught:
            client.update(id, phone="+1")

        assert says in caught.value.hint
        assert methods(fake) == ["GET", "PATCH"]

    @pytest.mark.parametrize(
        ("status", "body", "says"),
        [
            (404, b"", "Check the customer id"),
            (500, b"", "may have been applied"),
            (502, b"<p>", "may have been applied"),
        ],
    )
    def test_a_hint_says_of_it_what_it_says_of_a_put(
        self, client: Face, fake: FakeCaibo, status: int, body: bytes, says: str
    ) -> None:
        """Also where it was sent by `client.api`."""
        fake.answer_next(body, status=status, method="PATCH", times=9, applied=False)
        is_async = isinstance(client.caibo, caibo.AsyncCaibo)
        api: Any = client.caibo.api
        http = api.get_async_httpx_client() if is_async else api.get_httpx_client()

        with pytest.raises(caibo.APIError) as caught:
            client.wait(http.patch, "/customers/1", json={})

        assert says in caught.value.hint

    def test_time_is_left_to_read_back(self, connect: Connect) -> None:
        """A quarter of what is left, as with a `PUT`."""
        stored = RECORD.replace(b"null", b'"+1"')
        script = Script(answer(200, RECORD), answer(200), answer(200, stored))
        client = connect(send="changes", deadline=4, timeout=9, **script.options)

        with Clock():
            client.update(ID, phone="+1")

        waits = [request.extensions["timeout"]["read"] for request in script.requests]
        assert waits == [pytest.approx(4), pytest.approx(3), pytest.approx(4)]

    def test_what_it_needs_is_loaded_with_the_client(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A call needs nothing from the disk any more."""
        loaded: list[str] = []
        monkeypatch.setattr("caibo._wire.loaded.import_module", loaded.append)

        connect()

        assert MODULE in loaded

    def test_the_tag_of_the_record_goes_along(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """A 412 leads to a new read, as ever."""
        fake.etags = True
        fake.change_before_write(id, name="Theirs")

        update = client.update(id, phone="+1")

        assert update.protection == "conditional"
        assert (fake.document(id)["name"], fake.document(id)["phone"]) == ("Theirs", "+1")

    def test_nobody_elses_field_is_overwritten(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """Not a required one either, which a `PUT` has to carry."""
        fake.change_before_write(id, email="theirs@example.com")

        client.update(id, phone="+1")

        assert fake.document(id)["email"] == "theirs@example.com"

    def test_a_pause_that_is_asked_for_is_made(
        self, client: Face, fake: FakeCaibo, id: int, pauses: list[float]
    ) -> None:
        """After it the record is read anew, as it is old by then."""
        fake.fail_next(429, method="PATCH", headers={"Retry-After": "3"})

        client.update(id, phone="+1")

        assert methods(fake) == ["GET", "PATCH", "GET", "PATCH", "GET"]
        assert max(pauses) >= 3

    def test_an_answer_that_is_none_is_told_of_it(
        self, client: Face, fake: FakeCaibo, id: int, pauses: list[float]
    ) -> None:
        """A portal's page leaves open what became of it."""
        page = {"Content-Type": "text/html"}
        fake.answer_next(b"<p>", headers=page, method="PATCH", times=9, applied=False)

        with pytest.raises(caibo.CaiboError, match=f"PATCH /customers/{id}: 200 with a web page"):
            client.update(id, phone="+1")

    @pytest.mark.parametrize("connect", ["sync"], indirect=True)
    def test_one_that_is_cut_short_is_unknown(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """As the gateway may have it."""
        events: list[Any] = []
        client = connect(send="changes", observers=[events.append])

        def interrupt(request: Any) -> None:
            if request.method == "PATCH":
                raise KeyboardInterrupt

        fake.on_request = interrupt
        with pytest.raises(KeyboardInterrupt):
            client.update(id, phone="+1")

        assert events[-1].outcome == "unknown"
        assert f"PATCH /customers/{id} may have reached" in str(events[-1].error)

    def test_the_audit_has_what_was_left_out(
        self, connect: Connect, fake: FakeCaibo, id: int, log: Any, audit: caibo.JsonLinesAudit
    ) -> None:
        """Its name for the mode is `send=`'s."""
        connect(send="changes", observers=[audit]).update(id, phone="+1")

        intent, outcome = records(log)

        assert intent["send"] == "changes"
        assert {"name", "email"} < set(intent["left_out"])
        assert outcome["outcome"] == "confirmed"
