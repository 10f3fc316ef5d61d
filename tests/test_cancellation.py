"""A call that is cancelled or interrupted leaves nothing behind, and tells nothing false.

What its observers hear is in `test_last_word.py`.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from faces import methods

import caibo
from caibo.testing import FakeCaibo, FakeServer, Request

BACKENDS = ["asyncio", "trio"]
#: The requests that have arrived when the call is in that step.
STEPS = {"read": "GET", "write": "GET PUT", "read back": "GET PUT GET"}


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(phone="old")


class Gate:
    """Hold the gateway up at a request, until the test is through with it.

    Attributes:
        reached: set when that request has arrived.
    """

    def __init__(self, fake: FakeCaibo, at: str) -> None:
        self.reached = threading.Event()
        self._at = at
        self._fake = fake
        self._through = threading.Event()
        fake.on_request = self._stop

    def _stop(self, _: Request) -> None:
        if " ".join(methods(self._fake)) == self._at:
            self.reached.set()
            self._through.wait(30)

    async def wait(self) -> None:
        """Wait until the request is there."""
        assert await anyio.to_thread.run_sync(self.reached.wait, 30)

    def open(self) -> None:
        """Let it through, and all that follow."""
        self._fake.on_request = None
        self._through.set()


class Held:
    """A `lock=` for both faces that takes a while to be given back.

    Attributes:
        now: how many hold it.
        blocked: whether others have it for ever.
    """

    def __init__(self) -> None:
        self.now = 0
        self.blocked = False

    @asynccontextmanager
    async def awaited(self, _: int) -> AsyncIterator[None]:
        if self.blocked:
            await anyio.sleep_forever()
        self.now += 1
        yield
        await anyio.lowlevel.checkpoint()
        self.now -= 1

    @contextmanager
    def plain(self, _: int) -> Iterator[None]:
        self.now += 1
        yield
        self.now -= 1


class Scene:
    """A client over a socket, and what it told.

    Attributes:
        told: the events.
        lock: its shared lock.
    """

    def __init__(self, fake: FakeCaibo, server: FakeServer, id: int) -> None:
        self.fake = fake
        self.id = id
        self.told: list[caibo.Event] = []
        self.lock = Held()
        self.options: dict[str, Any] = {
            "api_key": fake.api_key,
            "base_url": server.base_url,
            "observers": [self.told.append],
        }

    def run(self, backend: str, main: Callable[[caibo.AsyncCaibo], Any]) -> None:
        """Run a test with a client, and then see that nothing is left of it."""

        async def whole() -> None:
            async with caibo.AsyncCaibo(
                lock=self.lock.awaited, confirm=True, **self.options
            ) as client:
                await main(client)
                await self.nothing_is_left(client)

        anyio.run(whole, backend=backend)
        gc.collect()  # what was left unfinished warns now, and a warning is an error

    async def nothing_is_left(self, client: caibo.AsyncCaibo) -> None:
        assert self.lock.now == 0
        assert not any(isinstance(e, caibo.WriteFinished) for e in self.told)
        update = await client.customers.update(self.id, phone="after")
        assert update.outcome == "confirmed"
        assert connections(client) == (1, 0)


def connections(client: caibo.Caibo | caibo.AsyncCaibo) -> tuple[int, int]:
    """Count the connections that are idle, and those that a request has."""
    found = client._gateway.connections
    assert found is not None
    stacks = found._stacks.each()
    return sum(len(s._idle) for s in stacks), sum(len(s._places.taken) for s in stacks)


@pytest.fixture
def scene(fake: FakeCaibo, server: FakeServer, id: int) -> Scene:
    return Scene(fake, server, id)


@pytest.mark.parametrize("backend", BACKENDS)
class TestCancelled:
    @pytest.mark.parametrize("step", STEPS)
    @pytest.mark.parametrize("verb", ["update", "apply", "edit"])
    def test_in_a_request(self, scene: Scene, backend: str, step: str, verb: str) -> None:
        """Its connection is closed, its locks are given back, and it did not finish."""

        async def main(client: caibo.AsyncCaibo) -> None:
            customers = client.customers
            plan = await customers.plan(scene.id, phone="new")

            async def call() -> None:
                if verb == "edit":
                    async with customers.edit(scene.id) as draft:
                        draft.phone = "new"
                elif verb == "apply":
                    await customers.apply(plan)
                else:
                    await customers.update(scene.id, phone="new")

            before = "GET " * (2 if verb == "edit" else 1)
            await cancelled(Gate(scene.fake, before + STEPS[step]), call)

        scene.run(backend, main)

        assert [type(event) for event in scene.told[:-2]] == (
            [] if step == "read" else [caibo.WriteIntended, caibo.WriteFailed]
        )

    def test_in_the_write_of_replace(self, scene: Scene, backend: str) -> None:
        """It makes no other request."""

        async def main(client: caibo.AsyncCaibo) -> None:
            async def call() -> None:
                await client.customers.replace(scene.id, scene.fake.document(scene.id))

            await cancelled(Gate(scene.fake, "PUT"), call)

        scene.run(backend, main)

    def test_waiting_for_the_local_lock(self, scene: Scene, backend: str) -> None:
        """It never had it, and who has it goes on."""

        async def main(client: caibo.AsyncCaibo) -> None:
            gate = Gate(scene.fake, "GET")
            outcomes: list[str] = []

            async def call(address: str) -> None:
                update = await client.customers.update(scene.id, address=address)
                outcomes.append(update.outcome)

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(call, "first")
                await gate.wait()
                with anyio.CancelScope() as scope:
                    async with anyio.create_task_group() as waiting:
                        waiting.start_soon(call, "second")
                        await anyio.wait_all_tasks_blocked()
                        scope.cancel()
                gate.open()

            assert outcomes == ["confirmed"]
            assert scene.fake.document(scene.id)["address"] == "first"
            scene.told.clear()

        scene.run(backend, main)

        assert methods(scene.fake).count("PUT") == 2

    def test_waiting_for_the_shared_lock(self, scene: Scene, backend: str) -> None:
        """The local one, which it had, is given back."""
        scene.lock.blocked = True

        async def main(client: caibo.AsyncCaibo) -> None:
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(partial(client.customers.update, scene.id, phone="new"))
                    await anyio.wait_all_tasks_blocked()
                    scope.cancel()
            scene.lock.blocked = False
            assert methods(scene.fake) == []

        scene.run(backend, main)

    def test_in_the_settle_time(
        self, scene: Scene, backend: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The write stands, and observers heard that nobody knows."""
        sleep = anyio.sleep

        async def main(client: caibo.AsyncCaibo) -> None:
            settling = anyio.Event()

            async def noted(seconds: float) -> None:
                settling.set()
                await sleep(seconds)

            monkeypatch.setattr("caibo._wire.clock.asleep", noted)
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as tasks:
                    call = partial(client.customers.update, scene.id, phone="new", confirm=50)
                    tasks.start_soon(call)
                    await settling.wait()
                    scope.cancel()
            assert scene.fake.document(scene.id)["phone"] == "new"

        scene.run(backend, main)

    def test_inside_an_edit(self, scene: Scene, backend: str) -> None:
        """Nothing is written."""

        async def main(client: caibo.AsyncCaibo) -> None:
            with anyio.CancelScope() as scope:
                async with client.customers.edit(scene.id) as draft:
                    draft.phone = "new"
                    scope.cancel()
                    await anyio.lowlevel.checkpoint()
            assert methods(scene.fake) == ["GET"]

        scene.run(backend, main)


async def cancelled(gate: Gate, call: Callable[[], Any]) -> None:
    """Cancel a call when it has reached a gate, and let the gateway go on."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
        await gate.wait()
        tasks.cancel_scope.cancel()
    gate.open()


@pytest.mark.parametrize("step", STEPS)
def test_a_task_that_asyncio_cancels(scene: Scene, step: str) -> None:
    """Once, and not again and again as anyio does."""

    async def main(client: caibo.AsyncCaibo) -> None:
        gate = Gate(scene.fake, STEPS[step])
        task = asyncio.ensure_future(client.customers.update(scene.id, phone="new"))
        await gate.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.open()

    scene.run("asyncio", main)


@pytest.mark.skipif(sys.platform == "win32", reason="a thread cannot send a signal there")
@pytest.mark.usefixtures("interruptible")
class TestInterrupted:
    """Ctrl-C in the sync client."""

    @pytest.mark.parametrize("step", STEPS)
    def test_in_a_request(self, scene: Scene, step: str) -> None:
        """As when a task is cancelled."""
        before = threading.enumerate()
        gate = Gate(scene.fake, STEPS[step])
        interrupt = threading.Thread(target=interrupt_at, args=(gate, threading.get_ident()))
        interrupt.start()

        with caibo.Caibo(lock=scene.lock.plain, confirm=True, **scene.options) as client:
            with pytest.raises(KeyboardInterrupt):
                client.customers.update(scene.id, phone="new")
            gate.open()
            for thread in set(threading.enumerate()) - set(before):
                thread.join()  # what was held is carried out now, not after the next write

            assert scene.lock.now == 0
            assert not any(isinstance(event, caibo.WriteFinished) for event in scene.told)
            assert connections(client) == (0, 0)
            assert client.customers.update(scene.id, phone="after").outcome == "confirmed"
            assert connections(client) == (1, 0)

    def test_in_the_settle_time(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        """The write stands, and observers heard that nobody knows."""

        def interrupted(_: float) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("caibo._wire.clock.sleep", interrupted)
        with caibo.Caibo(lock=scene.lock.plain, **scene.options) as client:
            with pytest.raises(KeyboardInterrupt):
                client.customers.update(scene.id, phone="new", confirm=True)

            assert scene.lock.now == 0
            assert [type(e) for e in scene.told] == [caibo.WriteIntended, caibo.WriteFailed]
            assert client.customers.update(scene.id, phone="after").outcome == "accepted"


def interrupt_at(gate: Gate, thread: int) -> None:
    gate.reached.wait(30)
    signal.pthread_kill(thread, signal.SIGINT)
