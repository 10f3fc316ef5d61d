"""What observers are told, what they can stop, and what the log has of it all."""

from __future__ import annotations

import dataclasses
import logging
import pickle
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from faces import Connect, Face
from scripted import AFTER, BEFORE

import caibo
from caibo.testing import FakeCaibo, Request

BACKENDS = ["asyncio", "trio"]


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(**BEFORE)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda *_: 0.0)


@pytest.fixture
def events() -> list[caibo.Event]:
    return []


@pytest.fixture
def observed(connect: Connect, events: list[caibo.Event]) -> Face:
    return connect(observers=[events.append])


def methods(fake: FakeCaibo) -> list[str]:
    return [request.method for request in fake.requests]


def kinds(events: list[caibo.Event]) -> list[type]:
    return [type(event) for event in events]


def raising(error: Exception, kind: type) -> caibo.Observer:
    """Make an observer that raises when it is told events of a kind."""

    def observer(event: caibo.Event) -> None:
        if isinstance(event, kind):
            raise error

    return observer


def when_written(act: Callable[[], object]) -> Callable[[Request], None]:
    """Make an `on_request` that acts when a write arrives."""

    def on_request(request: Request) -> None:
        if request.method == "PUT":
            act()

    return on_request


class TestOrder:
    def test_observers_are_told_in_their_order(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """Each event to all of them before anything else happens."""
        told: list[tuple[str, type, list[str]]] = []
        observers = [
            lambda event: told.append(("first", type(event), methods(fake))),
            lambda event: told.append(("second", type(event), methods(fake))),
        ]

        connect(observers=observers).update(id, phone=None)

        assert told == [
            ("first", caibo.WriteIntended, ["GET"]),
            ("second", caibo.WriteIntended, ["GET"]),
            ("first", caibo.WriteFinished, ["GET", "PUT"]),
            ("second", caibo.WriteFinished, ["GET", "PUT"]),
        ]

    def test_the_intention_tells_what_will_differ(
        self, observed: Face, events: list[Any], fake: FakeCaibo, id: int
    ) -> None:
        """And the record onto which it is merged, as it came."""
        raw = fake.raw(id)

        observed.update(id, phone=None, name=BEFORE["name"], extra={"tier": "gold"})

        told = events[0]
        assert (told.id, told.verb, told.attempt) == (id, "update", 1)
        assert told.changes == {
            "phone": caibo.Change(BEFORE["phone"], None),
            "tier": caibo.Change(None, "gold"),
        }
        assert bytes(told.before) == raw

    def test_the_end_tells_what_the_update_does(
        self, observed: Face, events: list[Any], fake: FakeCaibo, id: int
    ) -> None:
        """Of the same operation."""
        update = observed.update(id, phone=None, confirm=True)

        intended, told = events
        assert (told.operation, told.id, told.verb) == (intended.operation, id, "update")
        assert told.fields == tuple(update.changes) == ("phone",)
        assert (told.outcome, told.protection) == (update.outcome, update.protection)
        assert (told.attempts, told.request_id) == (update.attempts, update.request_id)
        assert told.outcome == "confirmed"
        assert told.seconds >= 0

    def test_no_two_calls_are_one_operation(
        self, observed: Face, events: list[Any], id: int
    ) -> None:
        """However alike they are."""
        observed.update(id, phone="1")
        observed.update(id, phone="2")

        operations = [event.operation for event in events]
        assert operations[0] == operations[1] != operations[2] == operations[3]

    def test_a_failure_tells_the_error_that_the_caller_gets(
        self, observed: Face, events: list[Any], fake: FakeCaibo, id: int
    ) -> None:
        """The very object."""
        fake.fail_next(400, method="PUT")

        with pytest.raises(caibo.BadRequestError) as caught:
            observed.update(id, phone=None)

        assert kinds(events) == [caibo.WriteIntended, caibo.WriteFailed]
        assert events[1].error is caught.value
        assert events[1].operation == events[0].operation
        assert (events[1].id, events[1].verb, events[1].fields) == (id, "update", ("phone",))
        assert events[1].seconds >= 0

    def test_an_unknown_outcome_is_told(
        self, observed: Face, events: list[Any], fake: FakeCaibo, id: int
    ) -> None:
        """Whoever keeps a copy knows that it may be wrong now."""
        fake.lose_response("PUT")
        fake.on_request = when_written(lambda: fake.fail_next(404, method="GET"))

        with pytest.raises(caibo.UnknownOutcomeError) as caught:
            observed.update(id, phone=None)

        assert kinds(events) == [caibo.WriteIntended, caibo.WriteFailed]
        assert events[1].error is caught.value

    def test_a_second_write_of_a_call_is_told_as_one(
        self, observed: Face, events: list[Any], fake: FakeCaibo, id: int
    ) -> None:
        """The answer to the first was lost, and read back it had not been applied."""
        fake.lose_response("PUT", applied=False)

        observed.update(id, phone=None)

        assert [getattr(event, "attempt", None) for event in events] == [1, 2, None]
        assert len({event.operation for event in events}) == 1
        assert (events[2].outcome, events[2].attempts) == ("accepted", 2)

    def test_a_lost_answer_that_is_found_is_told_once(
        self, observed: Face, events: list[Any], fake: FakeCaibo, id: int
    ) -> None:
        """It was applied, so there is no second write."""
        fake.lose_response("PUT", applied=True)

        observed.update(id, phone=None)

        assert kinds(events) == [caibo.WriteIntended, caibo.WriteFinished]
        assert (events[1].outcome, events[1].attempts) == ("confirmed", 1)

    def test_other_verbs_are_told_by_their_names(
        self, observed: Face, events: list[Any], id: int
    ) -> None:
        """`replace` reads nothing, so it has no changes to tell."""
        plan = observed.wait(observed.caibo.customers.plan, id, phone=None)
        observed.wait(observed.caibo.customers.apply, plan)
        observed.replace(id, {"name": "Ada", "email": "ada@example.com"})

        told = [(event.verb, type(event)) for event in events]
        assert told == [
            (verb, kind)
            for verb in ("apply", "replace")
            for kind in (caibo.WriteIntended, caibo.WriteFinished)
        ]
        assert (events[2].changes, events[2].before, events[3].fields) == ({}, None, ())


class TestSilence:
    def test_nothing_is_told_where_nothing_is_written(
        self, observed: Face, events: list[Any], fake: FakeCaibo, id: int
    ) -> None:
        """Reads, plans, updates that change nothing, and those that fail before the write."""
        observed.get(id)
        observed.update(id, phone=BEFORE["phone"])
        observed.wait(observed.caibo.customers.plan, id, phone=None)
        with pytest.raises(caibo.ConflictError):
            observed.update(id, phone=None, expect={"phone": "1"})
        with pytest.raises(caibo.InvalidChangesError):
            observed.update(id, fax="1")
        fake.fail_next(403, method="GET")
        with pytest.raises(caibo.PermissionDeniedError):
            observed.update(id, phone=None)

        assert events == []

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_a_cancelled_task_says_nothing_false(
        self, fake: FakeCaibo, events: list[Any], id: int, backend: str
    ) -> None:
        """Neither that the write happened nor that it did not: nobody knows."""
        options: Any = {"base_url": fake.base_url, "transport": fake.transport}

        async def main() -> bool:
            async with caibo.AsyncCaibo(
                api_key=fake.api_key, observers=[events.append], **options
            ) as client:
                with anyio.CancelScope() as scope:
                    fake.on_request = when_written(scope.cancel)
                    await client.customers.update(id, phone=None)
                fake.on_request = None
                await client.customers.update(id, phone="1")
                return scope.cancelled_caught

        cancelled = anyio.run(main, backend=backend)

        assert cancelled
        assert kinds(events) == [
            *(caibo.WriteIntended, caibo.WriteFailed),
            *(caibo.WriteIntended, caibo.WriteFinished),
        ]
        assert events[1].outcome == "unknown"
        assert events[0].operation == events[1].operation != events[2].operation

    def test_an_interrupted_thread_says_nothing_false(
        self, fake: FakeCaibo, events: list[Any], id: int
    ) -> None:
        """As when someone presses Ctrl-C while the write is under way."""

        def interrupt() -> None:
            fake.on_request = None
            raise KeyboardInterrupt

        options: Any = {"base_url": fake.base_url, "transport": fake.transport}
        with caibo.Caibo(api_key=fake.api_key, observers=[events.append], **options) as client:
            fake.on_request = when_written(interrupt)
            with pytest.raises(KeyboardInterrupt):
                client.customers.update(id, phone=None)
            client.customers.update(id, phone="1")

        assert kinds(events) == [
            *(caibo.WriteIntended, caibo.WriteFailed),
            *(caibo.WriteIntended, caibo.WriteFinished),
        ]
        assert events[1].outcome == "unknown"


class TestStopping:
    def test_an_observer_that_raises_stops_the_write(
        self, connect: Connect, fake: FakeCaibo, events: list[Any], id: int
    ) -> None:
        """Nothing is sent, the cause is kept, and later observers hear of the failure only."""
        cause = PermissionError(BEFORE["email"])
        observers = [raising(cause, caibo.WriteIntended), events.append]

        with pytest.raises(caibo.WriteStoppedError) as caught:
            connect(observers=observers).update(id, phone=None)

        assert caught.value.__cause__ is cause
        assert str(caught.value) == (
            f"customer {id}: an observer raised PermissionError; nothing was written"
        )
        assert methods(fake) == ["GET"]
        assert kinds(events) == [caibo.WriteFailed]

    def test_an_error_of_ours_passes_as_it_is(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """An observer may say itself what the matter is."""
        error = caibo.WriteStoppedError("not on a Sunday")
        client = connect(observers=[raising(error, caibo.WriteIntended)])

        with pytest.raises(caibo.WriteStoppedError) as caught:
            client.update(id, phone=None)

        assert caught.value is error
        assert methods(fake) == ["GET"]

    def test_a_second_write_can_be_stopped_too(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """But not the first, which may still arrive: so the outcome is unknown."""
        fake.lose_response("PUT", applied=False)

        def once(event: caibo.Event) -> None:
            if isinstance(event, caibo.WriteIntended) and event.attempt > 1:
                raise PermissionError

        with pytest.raises(caibo.UnknownOutcomeError) as caught:
            connect(observers=[once]).update(id, phone=None)

        assert isinstance(caught.value.__cause__, caibo.WriteStoppedError)
        assert methods(fake) == ["GET", "PUT", "GET"]

    def test_a_replacement_is_stopped_before_any_request(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """It reads nothing."""
        client = connect(observers=[raising(KeyError("x"), caibo.WriteIntended)])

        with pytest.raises(caibo.WriteStoppedError):
            client.replace(id, {"name": "Ada", "email": "ada@example.com"})

        assert methods(fake) == []


class TestAfterTheWrite:
    @pytest.mark.parametrize(
        "error", [ValueError(AFTER["email"]), caibo.WriteStoppedError("too late"), TimeoutError()]
    )
    def test_an_observer_that_raises_changes_no_outcome(
        self,
        connect: Connect,
        fake: FakeCaibo,
        events: list[Any],
        id: int,
        error: Exception,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """The others are told all the same, and the log names the class alone."""
        client = connect(observers=[raising(error, caibo.WriteFinished), events.append])

        update = client.update(id, email=AFTER["email"])

        [said] = [record for record in caplog.records if record.levelno >= logging.WARNING]
        assert (update.outcome, fake.document(id)["email"]) == ("accepted", AFTER["email"])
        assert kinds(events) == [caibo.WriteIntended, caibo.WriteFinished]
        assert (said.name, said.levelname, said.exc_info) == ("caibo", "ERROR", None)
        assert said.getMessage() == f"customer {id}: an observer raised {type(error).__name__}"

    def test_a_failure_stays_the_failure_that_it_was(
        self, connect: Connect, fake: FakeCaibo, id: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Whatever the observer makes of it."""
        fake.fail_next(400, method="PUT")
        client = connect(observers=[raising(ValueError("x"), caibo.WriteFailed)])

        with pytest.raises(caibo.BadRequestError) as caught:
            client.update(id, phone=None)

        assert caught.value.__context__ is None
        assert f"customer {id}: an observer raised ValueError" in caplog.text


class TestAsyncObservers:
    @pytest.mark.parametrize("backend", BACKENDS)
    def test_they_are_awaited(
        self, fake: FakeCaibo, events: list[Any], id: int, backend: str
    ) -> None:
        """The write waits for them; plain ones stand beside them."""
        told: list[tuple[type, list[str]]] = []

        async def observer(event: caibo.Event) -> None:
            await anyio.lowlevel.checkpoint()
            told.append((type(event), methods(fake)))

        options: Any = {"base_url": fake.base_url, "transport": fake.transport}

        async def main() -> None:
            async with caibo.AsyncCaibo(
                api_key=fake.api_key, observers=[observer, events.append], **options
            ) as client:
                await client.customers.update(id, phone=None)

        anyio.run(main, backend=backend)

        assert told == [(caibo.WriteIntended, ["GET"]), (caibo.WriteFinished, ["GET", "PUT"])]
        assert kinds(events) == [caibo.WriteIntended, caibo.WriteFinished]

    @pytest.mark.parametrize("backend", BACKENDS)
    @pytest.mark.parametrize(
        ("kind", "sent"),
        [(caibo.WriteIntended, ["GET"]), (caibo.WriteFinished, ["GET", "PUT"])],
    )
    def test_they_stop_a_write_and_nothing_later(
        self, fake: FakeCaibo, id: int, backend: str, kind: type, sent: list[str]
    ) -> None:
        """As plain ones do."""

        async def observer(event: caibo.Event) -> None:
            await anyio.lowlevel.checkpoint()
            raising(PermissionError("x"), kind)(event)

        options: Any = {"base_url": fake.base_url, "transport": fake.transport}

        async def main() -> str:
            async with caibo.AsyncCaibo(
                api_key=fake.api_key, observers=[observer], **options
            ) as client:
                try:
                    return (await client.customers.update(id, phone=None)).outcome
                except caibo.WriteStoppedError as error:
                    return type(error.__cause__).__name__

        outcome = anyio.run(main, backend=backend)

        assert outcome == ("PermissionError" if kind is caibo.WriteIntended else "accepted")
        assert methods(fake) == sent

    @pytest.mark.parametrize("coroutine", [True, False])
    def test_the_sync_client_refuses_them(
        self, fake: FakeCaibo, id: int, *, coroutine: bool
    ) -> None:
        """It could only drop what they would do; nothing is written."""

        async def observer(event: caibo.Event) -> None:
            raise AssertionError

        class Later:
            def __init__(self, event: caibo.Event) -> None:
                pass

            def __await__(self) -> Any:
                raise AssertionError

        options: Any = {"base_url": fake.base_url, "transport": fake.transport}
        one: caibo.Observer = observer if coroutine else Later

        with (
            caibo.Caibo(api_key=fake.api_key, observers=[one], **options) as client,
            pytest.raises(caibo.ConfigurationError, match="use it with AsyncCaibo"),
        ):
            client.customers.update(id, phone=None)

        assert methods(fake) == ["GET"]


class TestEvents:
    def test_they_are_frozen(
        self, observed: Face, events: list[Any], fake: FakeCaibo, id: int
    ) -> None:
        """No observer changes what the next one is told."""
        observed.update(id, phone="1")
        fake.fail_next(400, method="PUT")
        with pytest.raises(caibo.BadRequestError):
            observed.update(id, phone="2")

        assert len(set(kinds(events))) == 3
        for event in events:
            with pytest.raises(dataclasses.FrozenInstanceError):
                event.id = 1

    def test_what_an_observer_does_to_the_changes_is_its_own_affair(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """The `Update` tells what was written."""

        def vandal(event: Any) -> None:
            if isinstance(event, caibo.WriteIntended):
                event.changes.clear()  # type: ignore[attr-defined]

        update = connect(observers=[vandal]).update(id, phone="1")

        assert list(update.changes) == ["phone"]

    def test_they_show_no_customer_data(
        self, observed: Face, events: list[Any], fake: FakeCaibo, id: int
    ) -> None:
        """Neither what was there nor what is wanted, nor what the gateway quotes of it."""
        observed.update(id, **AFTER)
        fake.fail_next(400, body={"detail": f"{BEFORE['email']} is taken"}, method="PUT")
        with pytest.raises(caibo.BadRequestError):
            observed.update(id, **BEFORE)

        shown = repr(events) + "".join(map(str, events))
        assert len(set(kinds(events))) == 3
        assert not [value for value in (*BEFORE.values(), *AFTER.values()) if value in shown]

    def test_they_can_be_pickled(self, observed: Face, events: list[Any], id: int) -> None:
        """To be handed to another process."""
        observed.update(id, phone=None)

        assert pickle.loads(pickle.dumps(events)) == events
