"""A write that was announced ends in exactly one last word, whatever ends the call."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpx
import pytest
from audit_log import KEY, intended, records

import caibo
from caibo._wire import waiting
from caibo.testing import FakeCaibo

Intended = caibo.WriteIntended
FACES = ["sync", "asyncio", "trio"]


class Cut(BaseException):
    """What ends a call from outside, and is no `Exception`."""


class CutStep:
    """A step that is interrupted, before it does anything or when it has done it all."""

    def __init__(self, step: Any, *, after: bool) -> None:
        self._step = step
        self._after = after

    def wait(self, held: Any) -> None:
        try:
            if self._after:
                self._step.wait(held)
        finally:
            raise Cut

    async def awaited(self, held: Any) -> None:
        try:
            if self._after:
                await self._step.awaited(held)
        finally:
            raise Cut


def cutting(flow: Any, at: int, *, after: bool) -> Generator[Any, Any, Any]:
    """Pass a flow on, with one of its steps cut."""
    gave: object = None
    failed: BaseException | None = None
    number = 0
    while True:
        try:
            step = flow.send(gave) if failed is None else flow.throw(failed)
        except StopIteration as done:
            return done.value
        number += 1
        gave = failed = None
        try:
            gave = yield CutStep(step, after=after) if number == at else step
        except BaseException as error:
            failed = error


class Scene:
    """A client in memory on one face, and what it told."""

    def __init__(self, fake: FakeCaibo, face: str) -> None:
        self.fake = fake
        self.face = face
        self.told: list[Any] = []

    def call(self, act: Callable[[Any], Any], **options: Any) -> Any:
        """Make a client, and one call of it; give what it gives, or raise what it raises."""
        options = {
            "api_key": self.fake.api_key,
            "base_url": self.fake.base_url,
            "transport": self.fake.transport,
            "observers": [self.told.append],
            **options,
        }
        if self.face == "sync":
            with caibo.Caibo(**options) as client:
                return act(client)

        async def main() -> Any:
            async with caibo.AsyncCaibo(**options) as client:
                return await act(client)

        return anyio.run(main, backend=self.face)

    @property
    def last(self) -> Any:
        """The one last word."""
        [event] = [e for e in self.told if not isinstance(e, caibo.WriteIntended)]
        return event


@pytest.fixture(params=FACES)
def scene(request: pytest.FixtureRequest, fake: FakeCaibo, pauses: list[float]) -> Scene:
    return Scene(fake, request.param)


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(name="A", email="a@b.c", phone="old")


#: What the gateway does to the first write.
FAULTS: dict[str, Callable[[FakeCaibo], object]] = {
    "nothing": lambda _: None,
    "loses the answer": lambda fake: fake.lose_response("PUT"),
    "loses the write": lambda fake: fake.lose_response("PUT", applied=False),
    "fails and has applied it": lambda fake: fake.fail_next(500, method="PUT", after_applying=True),
    "has no time": lambda fake: fake.fail_next(503, headers={"Retry-After": "1"}, method="PUT"),
    "is not there": lambda fake: fake.refuse_connection(),
    "refuses it": lambda fake: fake.fail_next(400, method="PUT"),
}
WHOLE = {"name": "A", "email": "a@b.c", "phone": "new"}
VERBS: dict[str, Callable[[Any, int], Any]] = {
    "update": lambda client, of: client.customers.update(of, phone="new", confirm=1),
    "replace": lambda client, of: client.customers.replace(of, WHOLE),
}


def ended_by_cut(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, call: Any, at: int, *, after: bool
) -> bool:
    """Make a call and cut it at a step; tell whether it had that many."""
    with monkeypatch.context() as patch:
        for name in ("_run", "_arun"):
            whole = getattr(waiting, name)
            run = partial(_cut_and_run, whole, at, after)
            patch.setattr(waiting, name, run)
        try:
            scene.call(call, observers=[scene.told.append, scene.told.append])
        except Cut:
            return True
        except caibo.CaiboError:
            pass
    return False


def _cut_and_run(whole: Any, at: int, after: bool, flow: Any, held: Any) -> Any:
    return whole(cutting(flow, at, after=after), held)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("verb", VERBS)
def test_wherever_a_call_is_cut(
    scene: Scene, id: int, monkeypatch: pytest.MonkeyPatch, verb: str, fault: str, after: bool
) -> None:
    """One last word follows an intention; it goes to all observers, and it is never false."""
    fake, at, cut = scene.fake, 0, True
    while cut:
        at += 1
        scene.told.clear()
        fake.change(id, phone="old")
        FAULTS[fault](fake)

        cut = ended_by_cut(
            scene, monkeypatch, lambda client: VERBS[verb](client, id), at, after=after
        )

        while fake.take_fault("PUT") or fake.take_fault("GET"):
            pass  # it came to none
        last = {event.outcome: event for event in scene.told if not isinstance(event, Intended)}
        assert len(last) == 1 or not any(isinstance(event, Intended) for event in scene.told)
        assert len({event.operation for event in scene.told}) <= 1
        for outcome, event in last.items():
            assert scene.told[-1] is event
            if outcome != "unknown":
                assert fake.document(id)["phone"] == ("old" if outcome == "not-written" else "new")
            elif cut:
                assert isinstance(event.error, caibo.UnknownOutcomeError)
                assert (event.error.plan is None) == (verb == "replace")
    assert at > 2


def test_its_plan_resumes(scene: Scene, id: int) -> None:
    """As that of an error which the caller gets."""

    def cut(request: Any) -> None:
        if request.method == "PUT":
            scene.fake.on_request = None
            raise Cut

    scene.fake.on_request = cut
    with pytest.raises(Cut):
        scene.call(lambda client: client.customers.update(id, phone="new"))
    error = scene.last.error

    update = scene.call(lambda client: client.customers.apply(error.plan), observers=[])

    assert (scene.last.outcome, scene.last.fields) == ("unknown", ("phone",))
    assert str(error) == (
        f"PUT /customers/{id} may have reached the gateway, and Cut ended the call.\n"
        "  customers.apply(error.plan) looks again, and writes only what is missing."
    )
    assert error.attempts == 1
    assert update.outcome == "accepted"


def test_the_log_has_it(scene: Scene, id: int, caplog: pytest.LogCaptureFixture) -> None:
    """Also where nobody observes."""
    caplog.set_level(logging.INFO, logger="caibo")

    def observe(event: caibo.Event) -> None:
        if isinstance(event, caibo.WriteIntended):
            raise Cut

    with pytest.raises(Cut):
        scene.call(lambda client: client.customers.update(id, phone="new"), observers=[observe])

    assert f"update of customer {id} failed: TransportError, not-written" in caplog.text


def test_an_error_of_ours_tells_its_outcome_as_well(scene: Scene, id: int) -> None:
    """`outcome` is there for every failure."""
    scene.fake.on_request = lambda r: (
        scene.fake.change(id, phone="theirs")
        if r.method == "GET" and any(q.method == "PUT" for q in scene.fake.requests)
        else None
    )
    with pytest.raises(caibo.OverwrittenError):
        scene.call(lambda client: client.customers.update(id, phone="new", confirm=True))
    overwritten = scene.last.outcome
    scene.told.clear()
    scene.fake.on_request = None
    scene.fake.fail_next(400, method="PUT")
    with pytest.raises(caibo.BadRequestError):
        scene.call(lambda client: client.customers.update(id, phone="new"))

    assert (overwritten, scene.last.outcome) == ("overwritten", "not-written")


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
class TestTasks:
    def test_async_observers_get_their_moment(self, fake: FakeCaibo, id: int, backend: str) -> None:
        """Each of them, though the task is being cancelled."""
        told: list[str] = []

        async def observe(event: caibo.Event) -> None:
            for _ in range(3):
                await anyio.lowlevel.checkpoint()
            told.append(type(event).__name__)

        async def main() -> bool:
            async with caibo.AsyncCaibo(
                api_key=fake.api_key, transport=fake.transport, observers=[observe, observe]
            ) as client:
                with anyio.CancelScope() as scope:
                    fake.on_request = lambda r: scope.cancel() if r.method == "PUT" else None
                    await client.customers.update(id, phone="new")
                return scope.cancelled_caught

        assert anyio.run(main, backend=backend)
        assert told == ["WriteIntended", "WriteIntended", "WriteFailed", "WriteFailed"]

    def test_one_that_takes_too_long_for_it_is_left(
        self,
        fake: FakeCaibo,
        id: int,
        backend: str,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """The others hear it, and the write is what it was."""
        monkeypatch.setattr("caibo._write.session.LEAVE_WITHIN", 0.01)
        told: list[caibo.Event] = []

        async def observe(event: caibo.Event) -> None:
            if isinstance(event, caibo.WriteFinished):
                await anyio.sleep_forever()

        async def main() -> caibo.Update:
            async with caibo.AsyncCaibo(
                api_key=fake.api_key, transport=fake.transport, observers=[observe, told.append]
            ) as client:
                return await client.customers.update(id, phone="new")

        assert anyio.run(main, backend=backend).outcome == "accepted"
        assert isinstance(told[-1], caibo.WriteFinished)
        assert f"customer {id}: an observer took longer than 0.01 seconds" in caplog.text

    def test_one_that_keeps_the_intention_ends_with_the_deadline(
        self, fake: FakeCaibo, id: int, backend: str
    ) -> None:
        """Nothing is written, and it hears that."""
        told: list[Any] = []

        async def observe(event: caibo.Event) -> None:
            told.append(event)
            if isinstance(event, caibo.WriteIntended):
                await anyio.sleep_forever()

        async def main() -> None:
            async with caibo.AsyncCaibo(
                api_key=fake.api_key, transport=fake.transport, deadline=0.2, observers=[observe]
            ) as client:
                await client.customers.update(id, phone="new")

        with pytest.raises(caibo.DeadlineExceededError, match="while an observer had") as caught:
            anyio.run(main, backend=backend)

        assert caught.value.request_sent == "no"
        assert told[-1].error is caught.value
        assert [r.method for r in fake.requests] == ["GET"]

    def test_before_anything_could_leave(self, fake: FakeCaibo, id: int, backend: str) -> None:
        """The gateway was still being greeted when the task was cancelled."""
        told: list[Any] = []
        greeted = threading.Event()
        server = socket.create_server(("127.0.0.1", 0))

        def greet() -> None:
            with server.accept()[0] as one:
                one.recv(1)
                greeted.set()
                one.recv(65536)

        thread = threading.Thread(target=greet)
        thread.start()

        async def main() -> None:
            async with (
                caibo.AsyncCaibo(
                    api_key=fake.api_key,
                    base_url=f"https://127.0.0.1:{server.getsockname()[1]}",
                    observers=[told.append],
                ) as client,
                anyio.create_task_group() as tasks,
            ):
                tasks.start_soon(client.customers.replace, id, {"name": "A", "email": "a@b.c"})
                assert await anyio.to_thread.run_sync(greeted.wait, 30)
                tasks.cancel_scope.cancel()

        anyio.run(main, backend=backend)
        thread.join(30)
        server.close()

        assert [type(event) for event in told] == [caibo.WriteIntended, caibo.WriteFailed]
        assert (told[-1].outcome, told[-1].error.request_sent) == ("not-written", "no")
        assert "ended the call before it was sent; nothing was written" in str(told[-1].error)


def test_a_task_that_is_cancelled_twice(fake: FakeCaibo, id: int) -> None:
    """The second time while it tells the first observer; the other hears it all the same."""
    told: list[caibo.Event] = []

    async def main() -> None:
        async def observe(event: caibo.Event) -> None:
            if isinstance(event, caibo.WriteFailed):
                task.cancel()
                await anyio.lowlevel.checkpoint()

        async with caibo.AsyncCaibo(
            api_key=fake.api_key, transport=fake.transport, observers=[observe, told.append]
        ) as client:
            task = asyncio.ensure_future(client.customers.update(id, phone="new"))
            fake.on_request = lambda r: task.cancel() if r.method == "PUT" else None
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())

    assert [type(event) for event in told] == [caibo.WriteIntended, caibo.WriteFailed]


@pytest.mark.parametrize(
    ("at", "heard", "logged"),
    [
        ("GET", [], None),
        ("PUT", ["WriteIntended"], "failed: UnknownOutcomeError, unknown"),
        ("the last word", ["WriteIntended", "WriteFinished"], "accepted; fields: phone"),
    ],
)
def test_a_coroutine_that_is_thrown_away(
    fake: FakeCaibo, id: int, caplog: pytest.LogCaptureFixture, at: str, heard: Any, logged: Any
) -> None:
    """Nobody can wait for observers any more, so the log alone has it."""
    caplog.set_level(logging.INFO, logger="caibo")
    told: list[str] = []

    class Never:
        def __await__(self) -> Generator[None]:
            yield

    class Stuck(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.method == at:
                await Never()
            return fake.transport.handle_request(request)

    async def observe(event: caibo.Event) -> None:
        told.append(type(event).__name__)
        if at == "the last word" and isinstance(event, caibo.WriteFinished):
            await Never()

    async def main() -> None:
        async with caibo.AsyncCaibo(
            api_key=fake.api_key, transport=Stuck(), observers=[observe, observe]
        ) as client:
            thrown = client.customers.update(id, phone="new")
            thrown.send(None)
            thrown.close()

    asyncio.run(main())

    assert list(dict.fromkeys(told)) == heard
    assert told.count("WriteFinished") <= 1
    assert caplog.text.count(f"update of customer {id}") == (logged is not None)
    assert (logged or "") in caplog.text


def test_an_interrupt_between_two_steps(
    fake: FakeCaibo, id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the lines that run flows, which are nobody's."""
    told: list[Any] = []
    whole = waiting._run

    class Between:
        """Interrupt where the loop has a step and has not begun it."""

        def __init__(self, step: Any) -> None:
            self._step = step

        @property
        def wait(self) -> Any:
            raise KeyboardInterrupt

    def run(flow: Any, held: Any) -> Any:
        def passed() -> Generator[Any, Any, Any]:
            step = next(flow)
            while True:
                try:
                    name = type(step).__name__
                    request = getattr(step, "request", None)
                    put = name == "Send" and request is not None and request.method == "PUT"
                    gave = yield Between(step) if put else step
                except BaseException as error:
                    step = flow.throw(error)
                else:
                    try:
                        step = flow.send(gave)
                    except StopIteration as done:
                        return done.value

        return whole(passed(), held)

    monkeypatch.setattr(waiting, "_run", run)
    with (
        caibo.Caibo(
            api_key=fake.api_key, transport=fake.transport, observers=[told.append]
        ) as client,
        pytest.raises(KeyboardInterrupt),
    ):
        client.customers.update(id, phone="new")

    assert [type(event) for event in told] == [caibo.WriteIntended, caibo.WriteFailed]


class TestAudit:
    def test_it_says_what_the_last_word_says(self, scene: Scene, id: int, log: Any) -> None:
        """So the intention of a call that was cut is open no more, and its outcome is unknown."""
        audit = caibo.JsonLinesAudit(log, key=KEY)

        def cut(request: Any) -> None:
            if request.method == "PUT":
                raise Cut

        scene.fake.on_request = cut
        with pytest.raises(Cut):
            scene.call(lambda client: client.customers.update(id, phone="new"), observers=[audit])

        assert [r.get("outcome") for r in records(log)] == [None, "unknown"]
        [left] = caibo.open_intents(log)
        assert (left.outcome, left.id, left.fields) == ("unknown", id, ("phone",))

    @pytest.mark.parametrize(
        ("fields", "verb", "outcome", "left"),
        [
            (("phone",), "update", "accepted", ("name",)),
            (("name", "phone"), "update", "confirmed", None),
            (("name", "phone", "email"), "apply", "normalised", None),
            ((), "replace", "accepted", None),
            (("name", "phone"), "update", "not-written", ("name", "phone")),
            (("name", "phone"), "update", "overwritten", ("name", "phone")),
            (("address",), "update", "accepted", ("name", "phone")),
        ],
    )
    def test_a_later_write_settles_what_it_sets(
        self, log: Any, fields: tuple[str, ...], verb: Any, outcome: str, left: Any
    ) -> None:
        """If it succeeded, and of that customer alone."""
        audit = caibo.JsonLinesAudit(log, key=KEY)
        unknown = ("name", "phone")
        changes = dict.fromkeys(unknown, caibo.Change("a", "b"))
        for id in (7, 8):
            audit(intended(operation=f"first {id}", id=id, changes=changes))
            audit(ended(f"first {id}", id, "update", unknown, "unknown"))
        audit(
            intended(operation="second", verb=verb, changes=dict.fromkeys(fields, changes["name"]))
        )
        audit(ended("second", 7, verb, fields, outcome))

        open_ones = {intent.id: intent.fields for intent in caibo.open_intents(log)}

        assert open_ones == {8: unknown} | ({} if left is None else {7: left})

    def test_nothing_but_a_replacement_settles_a_replacement(self, log: Any) -> None:
        """It was about all fields."""
        audit = caibo.JsonLinesAudit(log, key=KEY)
        audit(intended(verb="replace"))
        audit(ended("0", 7, "replace", (), "unknown"))
        audit(intended(operation="1", changes={"phone": caibo.Change("a", "b")}))
        audit(ended("1", 7, "update", ("phone",), "accepted"))

        assert [intent.verb for intent in caibo.open_intents(log)] == ["replace"]


def ended(operation: str, id: int, verb: Any, fields: tuple[str, ...], outcome: Any) -> Any:
    known: dict[str, Any] = {"operation": operation, "id": id, "verb": verb, "fields": fields}
    errors = {
        "unknown": caibo.UnknownOutcomeError("x"),
        "overwritten": caibo.OverwrittenError("x", conflicts={}),
        "not-written": caibo.WriteStoppedError("x"),
    }
    if outcome in errors:
        return caibo.WriteFailed(**known, error=errors[outcome], seconds=1.0)
    more: dict[str, Any] = {"protection": "none", "attempts": 1, "request_id": None}
    return caibo.WriteFinished(**known, outcome=outcome, seconds=1.0, **more)
