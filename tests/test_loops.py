"""One `AsyncCaibo` in one event loop after another, and in two at the same time."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import anyio
import pytest
from forked import KEY, Apart, Authority

import caibo

BACKENDS = ["asyncio", "trio"]
ID, OTHER = 2, 4


@pytest.fixture
def gateway(gateway: Apart) -> Apart:
    gateway("delay", 0)
    return gateway


@pytest.fixture
def client(gateway: Apart) -> caibo.AsyncCaibo:
    # A try that fails must not be covered up by the next.
    return caibo.AsyncCaibo(api_key=KEY, base_url=gateway.base_url, max_retries=0)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Let what was left open warn at the end of the test that left it; a warning is an error."""
    yield
    gc.collect()


def requests(gateway: Apart) -> list[list[str]]:
    """Return the methods that arrived on each connection."""
    return [[method for method, _ in link.requests] for link in gateway.links()]


class TestOneAfterAnother:
    @pytest.mark.parametrize("second", BACKENDS)
    @pytest.mark.parametrize("first", BACKENDS)
    def test_works_at_once(
        self, gateway: Apart, client: caibo.AsyncCaibo, first: str, second: str
    ) -> None:
        """Each loop has a connection of its own, and no try fails."""

        async def update(*, last: bool) -> str:
            told = await client.customers.update(ID, phone=f"+{last}")
            if last:
                await client.close()
            return told.outcome

        before = anyio.run(partial(update, last=False), backend=first)
        after = anyio.run(partial(update, last=True), backend=second)

        assert (before, after) == ("accepted", "accepted")
        assert requests(gateway) == [["GET", "PUT"]] * 2
        gateway("open", 0)

    def test_many_leave_no_connection_each(self, gateway: Apart, client: caibo.AsyncCaibo) -> None:
        """As where every task of a queue has a loop of its own."""
        for n in range(20):
            asyncio.run(client.customers.update(ID, phone=f"+{n}"))

        gateway("open", 1)
        asyncio.run(client.close())
        gateway("open", 0)
        assert requests(gateway) == [["GET", "PUT"]] * 20

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_several_connections_are_left_behind(
        self, gateway: Apart, client: caibo.AsyncCaibo, backend: str
    ) -> None:
        """All of them are closed, and none is an error."""

        async def crowd() -> None:
            async with anyio.create_task_group() as tasks:
                for id in range(0, 20, 2):
                    tasks.start_soon(client.customers.get, id)

        async def last() -> None:
            async with client:
                await client.customers.get(ID)

        anyio.run(crowd, backend=backend)
        anyio.run(last, backend=backend)

        gateway("open", 0)

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_closing_in_another_loop_than_that_which_was_used(
        self, gateway: Apart, client: caibo.AsyncCaibo, backend: str
    ) -> None:
        """Its connections end, and nothing is awaited that can no longer answer."""
        anyio.run(client.customers.get, ID, backend=backend)
        anyio.run(client.close, backend=backend)

        gateway("open", 0)

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_a_client_that_is_forgotten(
        self, gateway: Apart, authority: Authority, backend: str
    ) -> None:
        """Nobody closed it, and of the loops before the last nothing is left that could warn."""
        client = caibo.AsyncCaibo(api_key=KEY, base_url=gateway.base_url)
        anyio.run(client.customers.get, ID, backend=backend)
        anyio.run(client.customers.get, ID, backend=backend)
        gateway("open", 1)
        anyio.run(client.close, backend=backend)

    def test_two_that_take_turns(self, gateway: Apart, client: caibo.AsyncCaibo) -> None:
        """None of them is closed between; each works at once, as often as it is its turn."""
        loops = [asyncio.new_event_loop() for _ in range(2)]

        told = [
            loop.run_until_complete(client.customers.update(ID, phone=f"+{n}")).outcome
            for n, loop in enumerate(loops * 3)
        ]
        loops[1].run_until_complete(client.close())
        for loop in loops:
            loop.close()

        assert told == ["accepted"] * 6
        assert sum(map(len, requests(gateway))) == 12
        gateway("open", 0)

    @pytest.mark.parametrize("where", ["answer", "body"])
    @pytest.mark.parametrize("method", ["GET", "PUT"])
    def test_after_a_loop_that_cancelled_its_tasks(
        self, gateway: Apart, client: caibo.AsyncCaibo, method: str, where: str
    ) -> None:
        """`asyncio.run` does so at its end; the customer's turn is free again."""
        gateway.hold(f"{method} {ID}", where)

        async def leave() -> None:
            task = asyncio.ensure_future(client.customers.update(ID, phone="+1"))
            await asyncio.to_thread(gateway, "holding", 1)
            assert not task.done()

        asyncio.run(leave())
        gateway.release()
        update = asyncio.run(client.customers.update(ID, phone="+2"))

        assert update.outcome == "accepted"
        asyncio.run(client.close())
        gateway("open", 0)

    def test_after_a_loop_that_was_stopped_in_the_middle(
        self, gateway: Apart, client: caibo.AsyncCaibo
    ) -> None:
        """Its task neither ends nor is cancelled, and the next loop does not wait for it."""
        gateway.hold(ID)
        loop = asyncio.new_event_loop()
        task = loop.create_task(client.customers.update(ID, phone="+1"))
        loop.run_until_complete(asyncio.to_thread(gateway, "holding", 1))

        update = asyncio.run(client.customers.update(ID, phone="+2"))
        gateway.release()

        assert update.outcome == "accepted"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()
        asyncio.run(client.close())

    @pytest.mark.parametrize("second", BACKENDS)
    @pytest.mark.parametrize("first", BACKENDS)
    def test_a_login_that_the_first_has_made(self, gateway: Apart, first: str, second: str) -> None:
        """Its token is used in the second, and renewed there when it is spent."""
        login = caibo.Login("ops@example.com", "pass")
        client = caibo.AsyncCaibo(auth=login, base_url=gateway.base_url, max_retries=0)

        async def crowd(*, last: bool) -> None:
            async with anyio.create_task_group() as tasks:
                for _ in range(5):
                    tasks.start_soon(client.customers.get, ID)
            if last:
                await client.close()

        anyio.run(partial(crowd, last=False), backend=first)
        gateway("expire")
        anyio.run(partial(crowd, last=True), backend=second)

        assert gateway("report")["logins"] == 2

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_waiting_for_a_place_in_each(self, gateway: Apart, backend: str) -> None:
        """With one place there are waiters in every loop; none is left over for the next."""
        client = caibo.AsyncCaibo(
            api_key=KEY, base_url=gateway.base_url, max_retries=0, max_connections=1
        )

        async def crowd(*, last: bool) -> None:
            async with anyio.create_task_group() as tasks:
                for id in range(0, 20, 2):
                    tasks.start_soon(client.customers.get, id)
            if last:
                await client.close()

        anyio.run(partial(crowd, last=False), backend=backend)
        anyio.run(partial(crowd, last=True), backend=backend)

        assert requests(gateway) == [["GET"] * 10] * 2


class TestAtTheSameTime:
    """It works, or it is refused at once: it never waits for the deadline.

    The deadline is a minute, and no test waits for half as long.
    """

    def _start(
        self, pool: ThreadPoolExecutor, backend: str, function: Callable[..., Any], *args: Any
    ) -> Future[Any]:
        def run() -> Any:
            try:
                return anyio.run(function, *args, backend=backend)
            except caibo.ConfigurationError as error:
                assert "loop" in str(error)  # noqa: PT017
                return error

        return pool.submit(run)

    @pytest.fixture
    def pool(self, gateway: Apart) -> Iterator[ThreadPoolExecutor]:
        with ThreadPoolExecutor(8) as pool:
            yield pool
            gateway.release()

    @pytest.mark.parametrize("second", BACKENDS)
    @pytest.mark.parametrize("first", BACKENDS)
    def test_while_the_other_is_in_a_request(
        self,
        gateway: Apart,
        client: caibo.AsyncCaibo,
        pool: ThreadPoolExecutor,
        first: str,
        second: str,
    ) -> None:
        """The first, which was there before, is not disturbed."""
        gateway.hold(ID)
        held = self._start(pool, first, client.customers.get, ID)
        gateway.arrived(ID)

        other = self._start(pool, second, client.customers.get, OTHER).result(30)
        gateway.release()

        assert held.result(30).id == ID
        assert isinstance(other, caibo.ConfigurationError) or other.id == OTHER
        asyncio.run(client.close())

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_while_the_other_writes_the_same_customer(
        self, gateway: Apart, client: caibo.AsyncCaibo, pool: ThreadPoolExecutor, backend: str
    ) -> None:
        """Whether it waits for its turn, does not, or is refused: it does not stay there."""
        gateway.hold(ID)
        held = self._start(pool, backend, partial(client.customers.update, ID, phone="+1"))
        gateway.arrived(ID)

        waiting = self._start(pool, backend, partial(client.customers.update, ID, phone="+2"))
        gateway.release()
        other = waiting.result(30)

        assert held.result(30).outcome == "accepted"
        assert isinstance(other, caibo.ConfigurationError) or other.outcome == "accepted"
        asyncio.run(client.close())

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_while_the_other_logs_in(
        self, gateway: Apart, pool: ThreadPoolExecutor, backend: str
    ) -> None:
        """Both need the token that the first is getting."""
        login = caibo.Login("ops@example.com", "pass")
        client = caibo.AsyncCaibo(auth=login, base_url=gateway.base_url, max_retries=0)
        gateway.hold("login")
        held = self._start(pool, backend, client.customers.get, ID)
        gateway.arrived("login")

        waiting = self._start(pool, backend, client.customers.get, OTHER)
        gateway.release()
        other = waiting.result(30)

        assert held.result(30).id == ID
        assert isinstance(other, caibo.ConfigurationError) or other.id == OTHER
        asyncio.run(client.close())

    @pytest.mark.parametrize("backend", BACKENDS)
    @pytest.mark.parametrize("places", [2, 100])
    def test_many_loops_that_all_write(
        self, gateway: Apart, pool: ThreadPoolExecutor, backend: str, places: int
    ) -> None:
        """Every call ends, in each of them, and the client is as good as before."""
        client = caibo.AsyncCaibo(
            api_key=KEY, base_url=gateway.base_url, max_retries=0, max_connections=places
        )
        together = threading.Barrier(8, timeout=30)

        async def crowd(first: int) -> list[str]:
            told: list[str] = []

            async def one(id: int) -> None:
                try:
                    told.append((await client.customers.update(id, phone="+1")).outcome)
                except caibo.ConfigurationError as error:
                    told.append(type(error).__name__)

            together.wait()
            async with anyio.create_task_group() as tasks:
                for n in range(5):
                    tasks.start_soon(one, first + 2 * n)
            return told

        loops = [self._start(pool, backend, crowd, 100 * n) for n in range(8)]
        told = [outcome for loop in loops for outcome in loop.result(30)]

        assert len(told) == 40
        assert set(told) <= {"accepted", "ConfigurationError"}
        assert anyio.run(client.customers.get, ID, backend=backend).id == ID
        anyio.run(client.close, backend=backend)
