"""Updates of one customer queue within a client, and across processes with `lock=`."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Self

import anyio
import anyio.to_thread
import pytest
from faces import Connect, Face, meeting

import caibo
from caibo.testing import FakeCaibo, FakeServer

Submit = Callable[..., "Future[Any]"]


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(phone="old", address="old")


@pytest.fixture
def submit() -> Iterator[Submit]:
    """Start a call in a thread; of an async client, that is a task of its one loop."""
    with ThreadPoolExecutor(8) as pool:
        yield pool.submit


def methods(fake: FakeCaibo) -> str:
    """Name the requests by their first letters."""
    return "".join(request.method[0] for request in fake.requests)


def turns() -> int:
    """Count the local locks that exist in this process."""
    return sum(type(found).__qualname__ == "Turn" for found in gc.get_objects())


class TestOneClient:
    def test_updates_of_one_customer_queue(
        self, wire: Face, fake: FakeCaibo, id: int, submit: Submit
    ) -> None:
        """Though each write would have waited for the others, none is overtaken by one."""
        fake.on_request = meeting(4, 0.05)

        started = [submit(wire.update, id, extra={f"m{n}": n}) for n in range(4)]

        assert {update.result().protection for update in started} == {"local-lock"}
        assert methods(fake) == "GP" * 4
        assert fake.document(id).keys() >= {"m0", "m1", "m2", "m3"}

    def test_those_of_different_customers_run_in_parallel(
        self, wire: Face, fake: FakeCaibo, submit: Submit
    ) -> None:
        """All of their reads are under way at one time."""
        meet = threading.Barrier(4, timeout=30)
        fake.on_request = lambda request: meet.wait() if request.method == "GET" else None

        started = [submit(wire.update, fake.add_customer(), phone="new") for _ in range(4)]

        assert {update.result().outcome for update in started} == {"accepted"}

    def test_reads_do_not_queue(self, wire: Face, fake: FakeCaibo, id: int, submit: Submit) -> None:
        """They write nothing."""
        meet = threading.Barrier(3, timeout=30)
        fake.on_request = lambda request: meet.wait() if request.method == "GET" else None

        started = [submit(wire.get, id), submit(wire.plan, id), submit(wire.update, id, phone="n")]

        assert [call.result() is not None for call in started] == [True] * 3

    def test_locks_do_not_accumulate(self, client: Face, fake: FakeCaibo) -> None:
        """There is one for each customer that is being written, and none for the others."""
        gc.collect()
        before, during = turns(), set[int]()
        fake.on_request = lambda r: during.add(turns()) if r.method == "PUT" else None

        for _ in range(3):
            client.update(fake.add_customer(), phone="new")

        assert during == {before + 1}
        assert turns() == before

    def test_a_failure_gives_the_turn_back(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """The next one does not wait for it."""
        fake.fail_next(400, method="PUT")
        with pytest.raises(caibo.BadRequestError):
            client.update(id, phone="new")

        assert client.update(id, phone="new").outcome == "accepted"

    def test_who_waits_beyond_the_deadline_sent_nothing(
        self, connect: Connect, fake: FakeCaibo, id: int, submit: Submit
    ) -> None:
        """The error says so, and a later call gets its turn."""
        held, over = threading.Event(), threading.Event()

        def hold(event: caibo.Event) -> Any:
            if isinstance(event, caibo.WriteIntended) and not held.is_set():
                held.set()
                if isinstance(client.caibo, caibo.AsyncCaibo):
                    return anyio.to_thread.run_sync(over.wait)
                over.wait()
            return None

        client = connect(deadline=0.6, observers=[hold])
        first = submit(client.update, id, phone="first")
        held.wait()
        with pytest.raises(caibo.DeadlineExceededError, match="held its turn") as caught:
            client.update(id, phone="second")
        over.set()

        assert (caught.value.request_sent, caught.value.attempts) == ("no", 0)
        assert isinstance(first.exception(), caibo.DeadlineExceededError)
        assert methods(fake) == "G"
        assert client.update(id, phone="third").outcome == "accepted"

    def test_an_observer_that_writes_the_same_customer_is_told(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """It would wait for itself until the deadline."""

        def write(event: caibo.Event) -> Any:
            if isinstance(event, caibo.WriteIntended):
                return client.caibo.customers.update(id, phone="again")
            return None

        client = connect(observers=[write])

        with pytest.raises(caibo.ConfigurationError, match="by this very caller"):
            client.update(id, phone="new")

        assert methods(fake) == "G"


class TestWhatWasReadBefore:
    """`edit` and `apply` may have read before they hold the lock."""

    def test_an_edit_reads_again_where_this_client_wrote_meanwhile(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """Else it would put back what the other one changed, however young its record is."""
        with client.edit(id) as draft:
            draft.phone = "mine"
            client.update(id, address="other")

        assert methods(fake) == "GGPGP"
        assert fake.document(id)["phone"] == "mine"
        assert fake.document(id)["address"] == "other"

    def test_an_edit_alone_does_not(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """Updates of other customers are none of its business."""
        other = fake.add_customer()
        with client.edit(id) as draft:
            draft.phone = "mine"
            client.update(other, address="other")

        assert methods(fake) == "GGPP"

    def test_a_plan_reads_again_where_this_client_wrote_meanwhile(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """However young it is."""
        plan = client.plan(id, phone="mine")
        client.update(id, address="other")

        client.apply(plan)

        assert fake.document(id)["phone"] == "mine"
        assert fake.document(id)["address"] == "other"

    def test_a_plan_that_failed_reads_again(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """Its write may have been applied; through another client, too."""
        plan = connect().plan(id, phone="mine")
        fake.lose_response("PUT")
        fake.on_request = lambda r: fake.fail_next(404) if r.method == "PUT" else None
        with pytest.raises(caibo.UnknownOutcomeError):
            connect().apply(plan)
        fake.on_request = None

        update = connect().apply(plan)

        assert methods(fake) == "GPGG"
        assert update.outcome == "already-applied"


class Lock:
    """A `lock=` for both faces.

    Attributes:
        notes: "+" for each that was entered, "-" for each that was given back, among
            the first letters of the requests.
        ids: what it was called with.
    """

    def __init__(
        self, fake: FakeCaibo, *, enter: Exception | None = None, leave: BaseException | None = None
    ) -> None:
        self.notes = ""
        self.ids: list[int] = []
        self._enter = enter
        self._leave = leave
        fake.on_request = lambda request: self._note(request.method[0], None)

    def __call__(self, id: int) -> Self:
        self.ids.append(id)
        return self

    def _note(self, what: str, error: BaseException | None) -> None:
        self.notes += what
        if error is not None:
            raise error

    def __enter__(self) -> None:
        self._note("+", self._enter)

    def __exit__(self, *_: object) -> None:
        self._note("-", self._leave)

    async def __aenter__(self) -> None:
        self._note("+", self._enter)

    async def __aexit__(self, *_: object) -> None:
        self._note("-", self._leave)


class Killed(BaseException):
    """What no `except Exception` catches."""


class TestSharedLock:
    def test_it_is_held_around_read_and_write(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """And around the read back."""
        lock = Lock(fake)

        update = connect(lock=lock).update(id, phone="new", confirm=True)

        assert lock.notes == "+GPG-"
        assert update.protection == "shared-lock"

    def test_it_is_called_with_the_id(self, connect: Connect, fake: FakeCaibo, id: int) -> None:
        """One lock for all customers would work, slowly."""
        lock = Lock(fake)

        connect(lock=lock).update(id, phone="new")

        assert lock.ids == [id]

    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    def test_a_task_waits_for_it_no_longer_than_the_deadline(
        self, fake: FakeCaibo, id: int, backend: str
    ) -> None:
        """Whoever has it may never give it back."""

        class Taken(Lock):
            async def __aenter__(self) -> None:
                await anyio.sleep_forever()

        async def update() -> None:
            async with caibo.AsyncCaibo(
                api_key=fake.api_key,
                base_url=fake.base_url,
                transport=fake.transport,
                lock=Taken(fake),
                deadline=0.05,
            ) as client:
                await client.customers.update(id, phone="new")

        with pytest.raises(caibo.DeadlineExceededError, match="others held `lock=`; nothing was"):
            anyio.run(update, backend=backend)

        assert methods(fake) == ""

    def test_edit_and_apply_read_again_under_it(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """Others may have written since they read."""
        lock = Lock(fake)
        client = connect(lock=lock)

        client.apply(client.plan(id, phone="new"))
        with client.edit(id) as draft:
            draft.phone = "newer"

        assert lock.notes == "G+GP-" * 2

    def test_replace_takes_it_and_a_read_does_not(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """Nothing is held where nothing is written."""
        lock = Lock(fake)
        client = connect(lock=lock)

        client.replace(id, client.get(id))

        assert lock.notes == "G+P-"

    @pytest.mark.parametrize("status", [400, 500])
    def test_an_error_gives_it_back(
        self, connect: Connect, fake: FakeCaibo, id: int, status: int
    ) -> None:
        """Whatever becomes of the write."""
        lock = Lock(fake)
        fake.fail_next(status, method="PUT")

        with pytest.raises(caibo.APIError):
            connect(lock=lock, max_retries=0).update(id, phone="new")

        assert (lock.notes[0], lock.notes[-1]) == ("+", "-")

    def test_without_it_nothing_is_written(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """The next call does not find the customer locked."""
        lock = Lock(fake, enter=ValueError("a secret"))
        client = connect(lock=lock)

        for _ in range(2):
            with pytest.raises(caibo.LockError, match="raised ValueError; nothing was") as caught:
                client.update(id, phone="new")

        assert lock.notes == "++"
        assert isinstance(caught.value.__cause__, ValueError)
        assert "secret" not in str(caught.value)

    def test_an_error_of_ours_is_not_wrapped(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """A lock may say more exactly what is wrong."""
        lock = Lock(fake, enter=caibo.LockError("the lock server is down"))

        with pytest.raises(caibo.LockError, match=r"^the lock server is down$"):
            connect(lock=lock).update(id, phone="new")

    def test_that_it_cannot_be_given_back_is_logged(
        self, connect: Connect, fake: FakeCaibo, id: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The write is done by then."""
        lock = Lock(fake, leave=ValueError("a secret"))

        update = connect(lock=lock).update(id, phone="new")

        assert update.outcome == "accepted"
        assert f"customer {id}: lock= raised ValueError on release" in caplog.text
        assert "secret" not in caplog.text

    def test_what_ends_the_call_while_it_is_given_back_keeps_no_turn(
        self, fake: FakeCaibo, id: int
    ) -> None:
        """Such as gevent's kill; its traceback, which has the call's frames, lives on here."""
        lock = Lock(fake, leave=Killed())
        options: dict[str, Any] = {"api_key": fake.api_key, "transport": fake.transport}

        with caibo.Caibo(lock=lock, **options) as killed, caibo.Caibo(**options) as client:
            with pytest.raises(Killed) as caught:
                killed.customers.update(id, phone="new")
            update = client.customers.update(id, phone="newer")

        assert update.outcome == "accepted"
        assert lock.notes[-3:] == "-GP"
        del caught

    def test_giving_it_back_must_not_take_for_ever(
        self,
        fake: FakeCaibo,
        id: int,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """In the async client, where it can be ended."""
        monkeypatch.setattr("caibo._wire.waiting.LEAVE_WITHIN", 0.01)

        @asynccontextmanager
        async def lock(_: int) -> Any:
            yield
            await anyio.sleep_forever()

        async def main() -> caibo.Update:
            transport = fake.transport
            async with caibo.AsyncCaibo(
                api_key=fake.api_key, transport=transport, lock=lock
            ) as client:
                return await client.customers.update(id, phone="new")

        update = anyio.run(main)

        assert update.outcome == "accepted"
        assert "lock= raised TimeoutError on release" in caplog.text

    @pytest.mark.parametrize("given", ["nothing", "a function", "the other face's"])
    def test_what_is_no_context_manager_is_refused(
        self, connect: Connect, fake: FakeCaibo, id: int, given: str
    ) -> None:
        """With what is needed instead."""

        async def function(_: int) -> None:
            pass

        @asynccontextmanager
        async def awaited(_: int) -> Any:
            yield

        @contextmanager
        def held(_: int) -> Any:
            yield

        def other(_: int) -> Any:
            return held(0) if isinstance(client.caibo, caibo.AsyncCaibo) else awaited(0)

        lock = {"nothing": lambda _: None, "a function": function, "the other face's": other}[given]
        client = connect(lock=lock)

        with pytest.raises(caibo.LockError, match=r"must give an? (async )?context manager and"):
            client.update(id, phone="new")

        assert methods(fake) == ""

    @pytest.mark.parametrize("error", [AttributeError, TypeError, ConnectionError])
    def test_a_lock_server_that_is_down_is_named_as_that(
        self, connect: Connect, fake: FakeCaibo, id: int, error: type[Exception]
    ) -> None:
        """And not as something that is no lock, whatever its library raises."""

        class Down:
            def __enter__(self) -> None:
                raise error("redis.internal refused")

            async def __aenter__(self) -> None:
                raise error("redis.internal refused")

        with pytest.raises(caibo.LockError) as caught:
            connect(lock=lambda _: Down()).update(id, phone="new")

        told = f"customer {id}: lock= raised {error.__name__}; nothing was written"
        assert str(caught.value) == told
        assert methods(fake) == ""

    def test_what_is_no_function_is_refused_at_once(self, connect: Connect) -> None:
        """Such as one lock instead of a way to get one."""
        with pytest.raises(caibo.ConfigurationError, match="must be callable"):
            connect(lock="lock")

    def test_it_keeps_two_clients_apart(
        self, connect: Connect, fake: FakeCaibo, server: FakeServer, id: int, submit: Submit
    ) -> None:
        """They know nothing of each other, and lose nothing."""
        fake.on_request = meeting(2, 0.05)
        turn = threading.Lock()
        reached = {"base_url": server.base_url, "transport": None}
        clients = [connect(lock=lambda _: _Threaded(turn), **reached) for _ in range(2)]

        started = [submit(c.update, id, extra={f"m{n}": n}) for n, c in enumerate(clients)]

        assert {update.result().protection for update in started} == {"shared-lock"}
        assert fake.document(id).keys() >= {"m0", "m1"}

    def test_two_clients_of_one_process_need_none(
        self, connect: Connect, fake: FakeCaibo, server: FakeServer, id: int, submit: Submit
    ) -> None:
        """They write to the same gateway as the same, so they queue among themselves."""
        fake.on_request = meeting(2, 0.05)
        reached = {"base_url": server.base_url, "transport": None}

        for n in range(2):
            submit(connect(**reached).update, id, extra={f"m{n}": n})
        submit.__self__.shutdown()  # type: ignore[attr-defined]

        assert fake.document(id).keys() >= {"m0", "m1"}


class _Threaded:
    """Hold a lock of threads on both faces."""

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    async def __aenter__(self) -> None:
        await anyio.to_thread.run_sync(self._lock.acquire)

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()
