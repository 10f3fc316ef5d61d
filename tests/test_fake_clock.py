"""`caibo.testing.Clock`: pauses of the client that cost no time."""

from __future__ import annotations

import threading
from datetime import timedelta

import anyio
import httpx
import pytest
from faces import Connect

from caibo._wire import clock as wire_clock
from caibo.testing import Clock, FakeCaibo


class TestThreads:
    def test_a_pause_moves_the_clock(self) -> None:
        """At once, and as far as it would have taken."""
        with Clock() as clock:
            start = wire_clock.now()
            wire_clock.sleep(86_400)
            wire_clock.sleep(0.5)
            wire_clock.sleep(-1)

            assert wire_clock.now() - start == 86_400.5
        assert clock.sleeps == [86_400, 0.5, -1]

    def test_threads_pause_one_after_the_other(self) -> None:
        """Nobody can know whether they would have slept at once, so none is lost."""
        with Clock() as clock:
            start = clock.now
            threads = [threading.Thread(target=wire_clock.sleep, args=(2,)) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        assert (clock.now - start, clock.sleeps) == (16, [2] * 8)

    def test_a_test_moves_the_clock(self) -> None:
        """That is no pause of the client, and a clock is never set back."""
        with Clock() as clock:
            start = wire_clock.now()
            clock.advance(0)
            clock.advance(60)

            assert (wire_clock.now() - start, clock.sleeps) == (60, [])
        with pytest.raises(ValueError, match="not set back"):
            clock.advance(-0.1)

    def test_the_real_clock_comes_back(self) -> None:
        """Also after an error, and after a clock within the clock."""
        real = (wire_clock.now, wire_clock.sleep, wire_clock.asleep)

        with pytest.raises(ZeroDivisionError), Clock() as outer:
            with Clock() as inner, inner:
                wire_clock.sleep(1)
            wire_clock.sleep(2)
            raise ZeroDivisionError

        assert (wire_clock.now, wire_clock.sleep, wire_clock.asleep) == real
        assert (outer.sleeps, inner.sleeps) == ([2], [1])

    def test_it_starts_where_the_client_s_clock_is(self) -> None:
        """What was noted before does not lie in the future."""
        before = wire_clock.now()

        with Clock():
            assert wire_clock.now() >= before

    def test_the_date_moves_as_well(self, fake: FakeCaibo) -> None:
        """A gateway that goes by the clock lets its tokens expire by it."""
        clock = fake.clock = Clock()
        started = fake.now()
        headers = {"Authorization": f"Bearer {fake.issue_token()}"}

        with httpx.Client(transport=fake.transport, base_url=fake.base_url) as client:
            statuses = [client.get("customers/1", headers=headers).status_code]
            clock.advance(fake.token_lifetime)
            statuses += [client.get("customers/1", headers=headers).status_code]

        assert statuses == [404, 401]
        assert fake.now() - started == timedelta(seconds=fake.token_lifetime)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
class TestTasks:
    def test_a_pause_moves_the_clock(self, backend: str) -> None:
        """At once, and as far as it would have taken."""

        async def pause() -> None:
            for seconds in (86_400, 0.5, 0):
                await wire_clock.asleep(seconds)

        with Clock() as clock:
            start = clock.now
            anyio.run(pause, backend=backend)

        assert (clock.now - start, clock.sleeps) == (86_400.5, [86_400, 0.5, 0])

    def test_tasks_wake_in_the_order_of_time(self, backend: str) -> None:
        """Those that sleep at once share the time, and a nap within a sleep ends first."""
        woken: list[tuple[str, float]] = []

        async def pause(name: str, *naps: float) -> None:
            for nap in naps:
                await wire_clock.asleep(nap)
                woken.append((name, clock.now - start))

        async def many() -> None:
            async with anyio.create_task_group() as tasks:
                for name, naps in {"a": [5], "b": [2, 1, 4], "c": [5], "d": [9]}.items():
                    tasks.start_soon(pause, name, *naps)

        with Clock() as clock:
            start = clock.now
            anyio.run(many, backend=backend)

        assert woken[:2] == [("b", 2), ("b", 3)]
        assert sorted(woken[2:4]) == [("a", 5), ("c", 5)]
        assert woken[4:] == [("b", 7), ("d", 9)]

    def test_who_wakes_gets_on_before_the_clock_moves(self, backend: str) -> None:
        """A request in memory takes no time, so the next sleeper still sleeps when it is done."""
        fake = FakeCaibo()
        done: list[float] = []

        async def read(pause: float) -> None:
            await wire_clock.asleep(pause)
            async with httpx.AsyncClient(transport=fake.transport) as client:
                await client.get(f"{fake.base_url}/customers/1")
            done.append(clock.now - start)

        async def reads() -> None:
            async with anyio.create_task_group() as tasks:
                for pause in (3, 1, 2):
                    tasks.start_soon(read, pause)

        with Clock() as clock:
            start = clock.now
            anyio.run(reads, backend=backend)

        assert done == [1, 2, 3]

    def test_a_cancelled_pause_holds_nobody_up(self, backend: str) -> None:
        """The others go on, and the time that it did not sleep does not pass."""

        async def pause(scope: anyio.CancelScope) -> None:
            with scope:
                await wire_clock.asleep(1)

        async def some() -> None:
            scope = anyio.CancelScope()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(pause, scope)
                tasks.start_soon(wire_clock.asleep, 3)
                while len(clock.sleeps) < 2:
                    await anyio.lowlevel.checkpoint()
                scope.cancel()

        with Clock() as clock:
            start = clock.now
            anyio.run(some, backend=backend)

        assert (clock.now - start, sorted(clock.sleeps)) == (3, [1, 3])

    def test_a_test_moves_the_clock_past_a_sleeper(self, backend: str) -> None:
        """It wakes, and moves nothing further."""

        async def pause() -> None:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(wire_clock.asleep, 1)
                while not clock.sleeps:
                    await anyio.lowlevel.checkpoint()
                clock.advance(60)

        with Clock() as clock:
            start = clock.now
            anyio.run(pause, backend=backend)

        assert clock.now - start == 60

    def test_loops_of_two_threads_share_a_clock(self, backend: str) -> None:
        """Neither waits for the other's sleepers."""

        async def pause() -> None:
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(wire_clock.asleep, 1)

        with Clock() as clock:
            start = clock.now
            threads = [
                threading.Thread(target=anyio.run, args=(pause,), kwargs={"backend": backend})
                for _ in range(2)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        assert 1 <= clock.now - start <= 2
        assert clock.sleeps == [1] * 6


class TestDelays:
    @pytest.mark.parametrize(("delay", "passed"), [(4, 4), (3600, 5)])
    def test_a_delay_moves_the_gateway_s_clock(
        self, fake: FakeCaibo, delay: float, passed: float
    ) -> None:
        """Until the answer is there, or the client has waited long enough."""
        clock = fake.clock = Clock()
        start = clock.now
        fake.delay(delay)

        with httpx.Client(transport=fake.transport, timeout=5) as client:
            try:
                client.get(fake.base_url)
            except httpx.ReadTimeout:
                assert delay > 5

        assert (clock.now - start, clock.sleeps) == (passed, [])

    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    def test_delays_of_tasks_pass_at_once(self, fake: FakeCaibo, backend: str) -> None:
        """As they would for a server with a thread for each."""
        clock = fake.clock = Clock()
        start = clock.now
        fake.delay(4, times=3)

        async def ask() -> None:
            async with (
                httpx.AsyncClient(transport=fake.transport, timeout=5) as client,
                anyio.create_task_group() as tasks,
            ):
                for _ in range(4):
                    tasks.start_soon(client.get, fake.base_url)

        anyio.run(ask, backend=backend)

        assert clock.now - start == 4


class TestTheClient:
    def test_a_retry_after_costs_no_time(self, fake: FakeCaibo, connect: Connect) -> None:
        """However many seconds the gateway asks for."""
        id = fake.add_customer()
        fake.fail_next(503, headers={"Retry-After": "20"})

        with Clock() as clock:
            connect().get(id)

        assert clock.sleeps == [20]
