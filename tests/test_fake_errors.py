"""`caibo.testing.error`: every error of the tree, as a client raises it."""

from __future__ import annotations

import logging
import pickle
import re
import threading
from typing import Any, get_args, get_overloads, get_type_hints
from unittest.mock import AsyncMock, create_autospec

import anyio
import pytest
from faces import Connect

import caibo
from caibo._wire import clock
from caibo.testing import Clock, FakeCaibo, _errors, error, unmasked

make: Any = error
KINDS = {
    re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name.removesuffix("Error")).lower(): cls
    for name in caibo.__all__
    if name.endswith("Error") and name != "CaiboError"
    for cls in [getattr(caibo, name)]
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_of_the_tree_can_be_made(kind: str) -> None:
    """Of that very class, about that customer, without a traceback, and it pickles."""
    made = make(kind, id=7)

    again = pickle.loads(pickle.dumps(made))
    assert type(made) is KINDS[kind]
    assert made.customer_id == (None if kind == "configuration" else 7)
    assert made.__traceback__ is None
    assert str(again) == str(made)
    assert str(made)


def test_a_type_checker_knows_every_kind() -> None:
    """Each has a line, with the class that comes of it."""
    names = {**vars(_errors), "caibo": caibo}
    hints = [get_type_hints(line, names) for line in get_overloads(error)]

    assert {get_args(hint["kind"])[0]: hint["return"] for hint in hints} == KINDS


@pytest.mark.parametrize("kind", ["bad-request", "conflict", "deadline-exceeded", "transport"])
def test_it_is_what_a_client_raises(fake: FakeCaibo, connect: Connect, kind: str) -> None:
    """The same message, and the same attributes, but for the values of the customer."""
    id = fake.add_customer(id=7, phone="+12025550143")
    client = connect(max_retries=0, max_base_age=0)
    raised: caibo.CaiboError | None = None

    try:
        if kind == "bad-request":
            fake.fail_next(400, body={"errors": {"Phone": ["is taken"]}}, method="PUT")
            client.update(id, phone="+12025550199")
        elif kind == "conflict":
            plan = client.plan(id, phone="+12025550199")
            fake.change(id, phone="Somebody Else")
            client.apply(plan)
        elif kind == "transport":
            fake.lose_response("GET")
            client.get(id)
        else:
            fake.delay(100)
            fake.on_request = lambda _: clock.sleep(60)
            with Clock():
                client.get(id)
    except caibo.CaiboError as found:
        raised = found

    details = {"body": {"errors": {"Phone": ["is taken"]}}} if kind == "bad-request" else {}
    made = make(kind, id=7, **details)
    assert raised is not None
    assert str(made) == str(raised)
    assert made.__dict__.keys() == raised.__dict__.keys()


class TestDetails:
    def test_an_answer_is_as_it_is_given(self) -> None:
        """Status, headers and body, with what a client makes of them."""
        slow = error("rate-limited", headers={"Retry-After": "9", "X-Request-Id": "r-1"})
        taken = error("bad-request", status=422, body={"errors": {"Email": ["is taken"]}})
        page = error("server", status=502, body=b"<h1>Bad gateway</h1>")

        assert (slow.retry_after, slow.request_id, slow.attempts) == (9.0, "r-1", 1)
        assert (taken.status, taken.field_errors) == (422, {"email": ("is taken",)})
        assert (page.status, page.body_text) == (502, "Bad gateway")

    def test_changes_are_those_of_the_caller(self) -> None:
        """Where an error is about a write."""
        conflict = error("conflict", changes={"email": "new@example.com", "address": None})
        invalid = error("invalid-changes", changes={"name": "x" * 101})
        refused = error("bad-request", changes={"address": "1 Example Road"})
        lost = error("unknown-outcome", changes={"member_id": "M-2"})

        assert {name: mine for name, (_, _, mine) in conflict.conflicts.items()} == {
            "email": "new@example.com",
            "address": None,
        }
        assert [problem.field for problem in invalid.problems] == ["name"]
        assert list(refused.field_errors) == ["address"]
        assert lost.plan is not None
        assert list(lost.plan.changes) == ["member_id"]

    @pytest.mark.parametrize("sent", ["no", "maybe"])
    @pytest.mark.parametrize("kind", ["transport", "deadline-exceeded"])
    def test_a_request_may_have_been_sent_or_not(self, kind: str, sent: str) -> None:
        """What to do next depends on it."""
        assert make(kind, request_sent=sent).request_sent == sent

    def test_a_late_answer_needs_a_request_that_was_sent(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Where making it takes longer than the deadline, there is more time at the next try."""
        calls = iter(range(10**6))
        monkeypatch.setattr(clock, "now", lambda: next(calls) * 0.004)

        assert error("deadline-exceeded").request_sent == "maybe"

    @pytest.mark.parametrize(
        ("kind", "details", "message"),
        [
            ("gone", {}, "there is no error 'gone', but api, authentication, "),
            ("server", {"status": 404}, "'server' is NotFoundError: status"),
            ("api", {"status": 404}, "'api' is NotFoundError: status"),
            ("conflict", {"changes": {}}, "'conflict' is no error: changes"),
        ],
    )
    def test_what_makes_another_error_is_a_mistake(
        self, kind: str, details: dict[str, Any], message: str
    ) -> None:
        """A stub that raises something else would test nothing."""
        with pytest.raises(ValueError, match=re.escape(message)):
            make(kind, **details)


class TestAround:
    def test_nothing_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        """Nothing of it happened; what a client does afterwards is logged again."""
        with caplog.at_level(logging.DEBUG):
            error("unknown-outcome")
            assert caplog.records == []

            logging.getLogger("caibo").warning("is heard")

        assert caplog.messages == ["is heard"]

    def test_what_others_log_meanwhile_is_heard(
        self, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Their calls are real."""
        warn = logging.getLogger("caibo").warning

        def handle(*_: object) -> None:
            thread = threading.Thread(target=warn, args=("is heard",))
            thread.start()
            thread.join()
            warn("is not")

        monkeypatch.setattr(FakeCaibo, "take_refusal", handle)
        error("not-found")

        assert caplog.messages == ["is heard"]

    @pytest.mark.parametrize("kind", KINDS)
    def test_it_is_made_under_a_clock_unmasked_and_in_an_event_loop(self, kind: str) -> None:
        """Wherever a test has got to."""

        async def inside() -> caibo.CaiboError:
            made: caibo.CaiboError = make(kind)
            return made

        with Clock() as clock, unmasked():
            made = anyio.run(inside)

        assert type(made) is KINDS[kind]
        assert sum(clock.sleeps) == 0


class TestStubs:
    def test_a_stub_has_the_verbs_with_their_signatures(self) -> None:
        """What `update` does not take, its stub does not."""
        client = create_autospec(caibo.Caibo, instance=True)
        client.customers.get.side_effect = error("not-found", id=7)

        client.customers.update(7, phone=None)

        with pytest.raises(caibo.NotFoundError):
            client.customers.get(7)
        with pytest.raises(TypeError, match="id"):
            client.customers.get()
        with pytest.raises(AttributeError, match="updat"):
            client.customers.updat(7)
        client.customers.update.assert_called_once_with(7, phone=None)
        assert isinstance(client.customers, caibo.Customers)

    def test_a_stub_of_the_async_face_is_awaited(self) -> None:
        """As the client is."""
        client = create_autospec(caibo.AsyncCaibo, instance=True)
        client.customers.update.side_effect = error("rate-limited", id=7)

        async def update() -> None:
            await client.customers.get(7)
            await client.customers.update(7, phone=None)

        with pytest.raises(caibo.RateLimitedError):
            anyio.run(update)
        assert isinstance(client.customers.update, AsyncMock)
        assert isinstance(client.customers, caibo.AsyncCustomers)

    def test_a_strict_stub_has_them_too(self) -> None:
        """`spec_set` keeps tests from inventing attributes."""
        client = create_autospec(caibo.Caibo, instance=True, spec_set=True)

        client.customers.update(7, phone=None)

        with pytest.raises(AttributeError):
            client.customer = None

    @pytest.mark.parametrize("client", [caibo.Caibo, caibo.AsyncCaibo])
    def test_the_verbs_of_the_class_do_nothing(self, client: Any) -> None:
        """Whoever forgot to make a client is told."""

        async def get() -> None:
            result = client.customers.get(7)
            await result

        with pytest.raises(caibo.ConfigurationError, match="make one first"):
            anyio.run(get)
