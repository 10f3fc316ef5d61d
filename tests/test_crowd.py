"""Many calls at a time, and many that are broken off: every place comes back."""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import h11
import pytest
from forked import KEY, Apart, Authority
from hypothesis import settings

import caibo

BACKENDS = ["asyncio", "trio"]
#: How tasks are broken off: natively, once, or by anyio, again and again; each over one scheme.
IN_TURN = pytest.mark.parametrize(
    ("crowd", "scheme"),
    [("asyncio task", "https"), ("asyncio scope", "http"), ("trio scope", "https")],
    indirect=["crowd"],
)
ID, OTHER = 2, 4
#: Tasks at a time, and how often: together more than there are places.
TASKS, ROUNDS = 40, 3
#: Of the steps of a call, one in so many is tried in a run; at night each.
STRIDE = 3 if settings().max_examples < 100 else 1
#: Seconds after which Ctrl-C comes again.
PRESSED_AGAIN = 1.0


@pytest.fixture
def scheme() -> str:
    return "http"


@pytest.fixture
def gateway(gateway: Apart) -> Apart:
    gateway("delay", 0)
    return gateway


def sync(gateway: Apart, **options: Any) -> caibo.Caibo:
    return caibo.Caibo(api_key=KEY, base_url=gateway.base_url, **{"max_retries": 0, **options})


def awaited(gateway: Apart, **options: Any) -> caibo.AsyncCaibo:
    return caibo.AsyncCaibo(api_key=KEY, base_url=gateway.base_url, **{"max_retries": 0, **options})


def descriptors() -> int:
    """Count what this process has open, where that can be seen."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


class Crowd:
    """Start tasks, and break all of them off when they are where a test wants them.

    Attributes:
        backend: where it runs.
    """

    def __init__(self, way: str) -> None:
        self.backend, self._how = way.split()

    async def broken_off(
        self,
        calls: Sequence[Callable[[], Coroutine[Any, Any, Any]]],
        when: Callable[[], Coroutine[Any, Any, Any]],
    ) -> None:
        """Run calls, and break them off after `when`."""
        if self._how == "task":
            tasks = [asyncio.ensure_future(call()) for call in calls]
            await when()
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert [e for e in ended if isinstance(e, Exception)] == []
        else:
            async with anyio.create_task_group() as group:
                for call in calls:
                    group.start_soon(call)
                await when()
                group.cancel_scope.cancel()


@pytest.fixture
def crowd(request: pytest.FixtureRequest) -> Crowd:
    return Crowd(request.param)


def ask(gateway: Apart, *command: object) -> Callable[[], Coroutine[Any, Any, Any]]:
    """Return a command for the gateway that does not keep the loop from running."""
    return partial(anyio.to_thread.run_sync, partial(gateway, *command))


@pytest.mark.long
class TestTasksThatAreBrokenOff:
    """Hundreds at a time, again and again; then the client is as good as new."""

    def _check(
        self,
        gateway: Apart,
        crowd: Crowd,
        client: caibo.AsyncCaibo,
        rounds: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        async def main() -> None:
            await client.customers.get(ID)
            before = descriptors()
            await rounds()
            gateway.release()
            async with anyio.create_task_group() as tasks:
                for id in range(0, 2 * TASKS, 2):
                    tasks.start_soon(partial(client.customers.update, id, phone="+after"))
            await client.close()
            await ask(gateway, "open", 0)()
            assert descriptors() < before

        anyio.run(main, backend=crowd.backend)
        gc.collect()

    @pytest.mark.parametrize(
        ("crowd", "scheme", "method", "where"),
        # Every pair of two of them.
        [
            ("asyncio task", "https", "GET", "answer"),
            ("asyncio task", "http", "PUT", "body"),
            ("asyncio scope", "http", "GET", "body"),
            ("asyncio scope", "https", "PUT", "answer"),
            ("trio scope", "https", "GET", "body"),
            ("trio scope", "http", "PUT", "answer"),
        ],
        indirect=["crowd"],
    )
    def test_waiting_for_an_answer(
        self, gateway: Apart, crowd: Crowd, method: str, where: str
    ) -> None:
        """The request is written; nothing of the answer is there, or half of its body."""
        client = awaited(gateway)

        async def rounds() -> None:
            for n in range(ROUNDS):
                ids = range(0, 2 * TASKS, 2)
                for id in ids:
                    gateway.hold(f"{method} {id}", where)
                calls = [partial(client.customers.update, id, phone=f"+{n}") for id in ids]
                await crowd.broken_off(calls, ask(gateway, "holding", TASKS))
                gateway.release()

        self._check(gateway, crowd, client, rounds)

    @pytest.mark.parametrize("scheme", ["https"])
    @pytest.mark.parametrize(
        "crowd", ["asyncio task", "asyncio scope", "trio scope"], indirect=True
    )
    def test_connecting(self, gateway: Apart, crowd: Crowd) -> None:
        """The gateway has taken the connection and does not say hello."""
        client = awaited(gateway)

        async def rounds() -> None:
            await client.customers.get(ID)
            for _ in range(ROUNDS):
                gateway.hold("handshake", times=TASKS)
                # Those that find the idle connection are through at once.
                calls = [partial(client.customers.get, id) for id in range(0, 4 * TASKS, 2)]
                await crowd.broken_off(calls, ask(gateway, "holding", TASKS - 1))
                gateway.release()

        self._check(gateway, crowd, client, rounds)

    @IN_TURN
    def test_waiting_for_a_place(self, gateway: Apart, crowd: Crowd) -> None:
        """Others have all of them; those get their answers, and the next their places."""
        client = awaited(gateway, max_connections=2)

        async def rounds() -> None:
            for _ in range(ROUNDS):
                gateway.hold(ID)
                gateway.hold(OTHER)
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(client.customers.get, ID)
                    tasks.start_soon(client.customers.get, OTHER)
                    await ask(gateway, "holding", 2)()
                    calls = [partial(client.customers.get, 100)] * (2 * TASKS)
                    await crowd.broken_off(calls, anyio.wait_all_tasks_blocked)
                    gateway.release()

        self._check(gateway, crowd, client, rounds)
        assert gateway("report")["most_open"] <= 2

    @IN_TURN
    def test_at_any_step(self, gateway: Apart, crowd: Crowd) -> None:
        """Each a step of the event loop later than the one before, through a whole update."""
        client = awaited(gateway, max_connections=1)

        async def rounds() -> None:
            for steps in range(300):
                for n in range(2):  # the second finds what the first has left
                    call = partial(client.customers.update, 2 * steps, phone=f"+{n}")
                    await crowd.broken_off([call], partial(step, steps))

        self._check(gateway, crowd, client, rounds)

    @IN_TURN
    def test_when_a_place_has_just_become_free(self, gateway: Apart, crowd: Crowd) -> None:
        """Whoever was about to get it is gone, so the next in the line gets it."""
        client = awaited(gateway, max_connections=1)

        async def rounds() -> None:
            for steps in range(100):
                gateway.hold(ID)
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(client.customers.get, ID)
                    await ask(gateway, "holding", 1)()

                    async def freed(steps: int = steps) -> None:
                        await anyio.wait_all_tasks_blocked()
                        tasks.start_soon(client.customers.get, OTHER)
                        gateway.release()
                        await step(steps)

                    await crowd.broken_off([partial(client.customers.get, 100)] * 3, freed)

        self._check(gateway, crowd, client, rounds)


async def step(steps: int) -> None:
    """Let the event loop go round so many times."""
    for _ in range(steps):
        await anyio.lowlevel.checkpoint()


@pytest.mark.long
class TestManyUpdates:
    @pytest.mark.parametrize(("backend", "scheme"), [("asyncio", "https"), ("trio", "http")])
    def test_none_of_two_thousand_fails(self, gateway: Apart, backend: str) -> None:
        """Gathered with the options as they are; a hundred connections are enough."""
        client = caibo.AsyncCaibo(api_key=KEY, base_url=gateway.base_url)
        told: list[str] = []

        async def one(id: int) -> None:
            told.append((await client.customers.update(id, phone="+1")).outcome)

        async def main() -> None:
            async with client, anyio.create_task_group() as tasks:
                for id in range(0, 4000, 2):
                    tasks.start_soon(one, id)

        anyio.run(main, backend=backend)

        assert told == ["accepted"] * 2000
        assert gateway("report")["most_open"] <= 100
        assert sum(len(link.requests) for link in gateway.links()) == 4000

    def test_of_two_hundred_threads_with_two_places(self, gateway: Apart) -> None:
        """All of them come through, over two connections."""
        together = threading.Barrier(200, timeout=60)

        with sync(gateway, max_connections=2) as client, ThreadPoolExecutor(200) as pool:

            def one(id: int) -> str:
                together.wait()
                return client.customers.update(id, phone="+1").outcome

            told = list(pool.map(one, range(0, 400, 2)))

        assert told == ["accepted"] * 200
        assert len(gateway.links()) == 2


class TestMaxConnections:
    @pytest.mark.parametrize("kind", [caibo.Caibo, caibo.AsyncCaibo])
    @pytest.mark.parametrize("value", [0, -1, 10_001, 1.0, 2.5, True, "3", None, float("nan")])
    def test_is_a_whole_number_from_one(self, kind: Any, value: object) -> None:
        """Anything else is refused when the client is made."""
        with pytest.raises(caibo.ConfigurationError, match="max_connections"):
            kind(api_key=KEY, max_connections=value)

    @pytest.mark.parametrize("kind", [caibo.Caibo, caibo.AsyncCaibo])
    @pytest.mark.parametrize("value", [1, 100, 10_000])
    def test_may_be_at_its_bounds(self, kind: Any, value: int) -> None:
        assert kind(api_key=KEY, max_connections=value)

    @pytest.mark.parametrize("scheme", ["http", "https"])
    @pytest.mark.parametrize("backend", ["sync", *BACKENDS])
    def test_is_never_exceeded(self, gateway: Apart, backend: str) -> None:
        """Though many call at once, and the gateway takes its time."""
        gateway("delay", 0.005)

        if backend == "sync":
            with sync(gateway, max_connections=3) as client, ThreadPoolExecutor(30) as pool:
                found = [c.id for c in pool.map(client.customers.get, range(60))]
        else:
            found = anyio.run(partial(self._gather, gateway), backend=backend)

        assert sorted(filter(None, found)) == list(range(1, 60))
        assert (gateway("report")["most_open"], len(gateway.links())) == (3, 3)

    async def _gather(self, gateway: Apart) -> list[int | None]:
        found: list[int | None] = []

        async def one(id: int) -> None:
            found.append((await client.customers.get(id)).id)

        client = awaited(gateway, max_connections=3)
        async with client, anyio.create_task_group() as tasks:
            for id in range(60):
                tasks.start_soon(one, id)
        return found

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_lets_tasks_in_as_they_came(self, gateway: Apart, backend: str) -> None:
        """Who has waited longest is next."""
        client = awaited(gateway, max_connections=1)
        gateway.hold(ID)

        async def main() -> None:
            async with client, anyio.create_task_group() as tasks:
                tasks.start_soon(client.customers.get, ID)
                await ask(gateway, "holding", 1)()
                for id in range(100, 130):
                    tasks.start_soon(client.customers.get, id)
                    await anyio.wait_all_tasks_blocked()
                gateway.release()

        anyio.run(main, backend=backend)

        assert [id for _, id in gateway.links()[0].requests] == [ID, *range(100, 130)]

    def test_lets_threads_in_as_they_came(self, gateway: Apart) -> None:
        """Who has waited longest is next."""
        gateway.hold(ID)
        with sync(gateway, max_connections=1) as client:
            threads = [threading.Thread(target=client.customers.get, args=(ID,))]
            threads[0].start()
            gateway("holding", 1)
            for id in range(100, 120):
                threads.append(threading.Thread(target=client.customers.get, args=(id,)))
                threads[-1].start()
                until_blocked(threads[-1])
            gateway.release()
            for thread in threads:
                thread.join(30)

        assert [id for _, id in gateway.links()[0].requests] == [ID, *range(100, 120)]

    @pytest.mark.parametrize("backend", ["sync", *BACKENDS])
    def test_is_waited_for_until_the_deadline(self, gateway: Apart, backend: str) -> None:
        """Nothing was sent then, and who has the place is not disturbed."""
        gateway.hold(ID)
        with pytest.raises(caibo.DeadlineExceededError) as caught:
            if backend == "sync":
                self._wait_in_a_thread(gateway)
            else:
                anyio.run(self._wait_in_a_task, gateway, backend=backend)

        assert caught.value.request_sent == "no"
        assert [link.requests for link in gateway.links()] == [[("GET", ID), ("GET", 100)]]

    def _wait_in_a_thread(self, gateway: Apart) -> None:
        with sync(gateway, max_connections=1) as client, ThreadPoolExecutor(1) as pool:
            held = pool.submit(client.customers.get, ID)
            gateway("holding", 1)
            try:
                client.with_options(deadline=0.05).customers.get(OTHER)
            finally:
                gateway.release()
                assert held.result(30).id == ID
                assert client.customers.get(100).id == 100

    async def _wait_in_a_task(self, gateway: Apart) -> None:
        failed: list[caibo.DeadlineExceededError] = []
        async with awaited(gateway, max_connections=1) as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.customers.get, ID)
                await ask(gateway, "holding", 1)()
                try:
                    await client.with_options(deadline=0.05).customers.get(OTHER)
                except caibo.DeadlineExceededError as error:
                    failed.append(error)
                gateway.release()
            assert (await client.customers.get(100)).id == 100
        raise failed[0]


def until_blocked(thread: threading.Thread) -> None:
    """Wait until a thread stands still inside the client."""
    same, last = 0, None
    end = time.monotonic() + 30
    while same < 20:
        assert time.monotonic() < end
        frame = sys._current_frames().get(thread.ident or 0)
        now = None if frame is None else (id(frame), frame.f_lasti, _inside(frame))
        same = same + 1 if now == last and now and now[-1] else 0
        last = now
        threading.Event().wait(0.001)


def _inside(frame: FrameType | None) -> bool:
    while frame is not None:
        if Path(frame.f_code.co_filename).parts[-2:-1] == ("_wire",):
            return True
        frame = frame.f_back
    return False


class Steps:
    """Interrupt a call at one step of the engine after the other.

    Attributes:
        next: which step is next.
        over: whether a call had no such step.
        where: where the last one was interrupted.
    """

    def __init__(self, gateway: Apart) -> None:
        self._gateway = gateway
        self._count = 0
        self.next = 1
        self.over = False
        self.where = ""

    def interrupt(self, call: Callable[[], object]) -> None:
        """Make a call, and interrupt it at the next step."""
        self._count = 0
        try:
            sys.setprofile(self._profile)
            try:
                call()
            finally:
                sys.setprofile(None)
            self.over = True
        except KeyboardInterrupt:
            self.next += STRIDE

    def _profile(self, frame: FrameType, event: str, arg: Any) -> None:
        path = Path(frame.f_code.co_filename)
        if path.parent.name != "_wire" and path.name != "contextlib.py":
            return
        if event == "c_call" and (frame.f_code.co_name, arg.__name__) == ("wait", "acquire"):
            self._gateway.release()  # it has queued, and would stand there until the deadline
        # These are where the interpreter looks for signals: as a function begins, after one in C.
        if event in ("call", "c_return"):
            self._count += 1
            if self._count == self.next:
                sys.setprofile(None)
                self.where = f"{path.name}:{frame.f_lineno}"
                raise KeyboardInterrupt


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers there")
# What the standard library was just making when it was interrupted warns that nobody closed it.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.long
@pytest.mark.untraced
@pytest.mark.usefixtures("alarm")
class TestInterruptedThreads:
    """Ctrl-C, by a timer that raises the same."""

    def _interrupted(self, after: float, call: Callable[[], object]) -> bool:
        """Press Ctrl-C, and again until it is heard: see docs/connections.md."""
        try:
            try:
                signal.setitimer(signal.ITIMER_REAL, after, PRESSED_AGAIN)
                call()
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt:
            return True
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        return False

    def test_waiting_for_a_place(self, gateway: Apart) -> None:
        """The others wait on, and none of them is overlooked."""
        gateway.hold(ID)
        with sync(gateway, max_connections=1) as client, ThreadPoolExecutor(8) as pool:
            held = pool.submit(client.customers.get, ID)
            gateway("holding", 1)
            before = [pool.submit(client.customers.get, 100) for _ in range(3)]

            interrupted = [
                self._interrupted(0.002 + n * 1e-5, partial(client.customers.get, OTHER))
                for n in range(50)
            ]
            after = [pool.submit(client.customers.get, 102) for _ in range(3)]
            gateway.release()

            assert interrupted == [True] * 50
            assert held.result(30).id == ID
            assert [one.result(30).id for one in before + after] == [100] * 3 + [102] * 3
        [link] = gateway.links()
        assert ("GET", OTHER) not in link.requests

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_waiting_for_an_answer(self, gateway: Apart) -> None:
        """Its connection is closed, as the answer could come yet."""
        with sync(gateway, max_connections=2) as client:
            for id in range(100, 200, 2):  # one each, as what was sent may arrive late
                gateway.hold(id)
                assert self._interrupted(0.02, partial(client.customers.update, id, phone="+1"))
                gateway.release()

            assert client.customers.update(ID, phone="+after").outcome == "accepted"
            gateway("open", 1)
        gateway("open", 0)

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_between_an_answer_and_the_next_request(
        self, gateway: Apart, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The answer is there, the connection half ready for the next: it is not used again."""
        ready = h11.Connection.start_next_cycle
        interrupts = [KeyboardInterrupt()]

        def interrupted(connection: h11.Connection) -> None:
            if interrupts:
                raise interrupts.pop()
            ready(connection)

        monkeypatch.setattr(h11.Connection, "start_next_cycle", interrupted)
        with sync(gateway, max_connections=1) as client:
            with pytest.raises(KeyboardInterrupt):
                client.customers.get(ID)

            assert client.customers.update(ID, phone="+after").outcome == "accepted"
            gateway("open", 1)
        gateway("open", 0)

    @pytest.mark.parametrize("waits", [False, True])
    def test_at_any_step(self, gateway: Apart, *, waits: bool) -> None:
        """Wherever the interpreter looks for signals, with a place that is free and without one."""
        steps = Steps(gateway)
        options: dict[str, Any] = {"max_connections": 1, "deadline": 5}
        with sync(gateway, **options) as client, ThreadPoolExecutor(1) as pool:
            while not steps.over:
                others = []
                if waits:
                    gateway.hold(OTHER)
                    others.append(pool.submit(client.customers.get, OTHER))
                    gateway("holding", 1)
                n = steps.next

                steps.interrupt(partial(client.customers.update, ID, phone=f"+{n}"))
                gateway.release()

                assert [other.result(30).id for other in others] == [OTHER] * waits
                gc.collect()  # a call that was broken off in its `finally` leaves a cycle
                again = client.customers.update(ID, phone=f"+again{n}")
                assert again.outcome == "accepted", steps.where
        assert steps.next > 100

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_anywhere_beside_others(self, gateway: Apart) -> None:
        """Each a little later than the one before, while other threads want the places."""
        over = threading.Event()

        def busy(id: int) -> int:
            done = 0
            while not over.is_set():
                client.customers.update(id, phone=f"+{done}")
                done += 1
            return done

        with sync(gateway, max_connections=2) as client, ThreadPoolExecutor(3) as pool:
            others = [pool.submit(busy, 100 + 2 * n) for n in range(3)]
            try:
                for n in range(400):
                    call = partial(client.customers.update, ID, phone=f"+{n}")
                    self._interrupted(2e-5 * (n + 1), call)
                assert client.customers.update(ID, phone="+after").outcome == "accepted"
            finally:
                over.set()

            assert all(other.result(30) for other in others)
            gc.collect()
            gateway("open", 2)
        gateway("open", 0)


#: A program whose threads are gevent's: `python -c PROGRAM port-of-the-gateway`.
GREENLETS = """
from gevent import monkey
monkey.patch_all()
import sys
import gevent, gevent.event
import httpx
import caibo

asked = gevent.event.Event()

class Noted(httpx.Auth):
    def auth_flow(self, request):
        request.headers["X-API-Key"] = "key"
        asked.set()
        yield request

def start(id):
    asked.clear()
    started = gevent.spawn(client.customers.get, id)
    asked.wait()
    for _ in range(20):
        gevent.sleep(0)
    return started

def command(text):
    print(text, flush=True)
    # Standard input is not gevent's: the other greenlets would stand still meanwhile.
    assert gevent.get_hub().threadpool.apply(sys.stdin.readline) == "true\\n"

client = caibo.Caibo(auth=Noted(), base_url=sys.argv[1], max_retries=0, max_connections=1)
for n in range(30):
    command('["hold", "2", "answer", 1]')
    held = start(2)
    command('["holding", 1]')
    waiting = [start(4) for _ in range(3)]
    gevent.killall(waiting, block=True)
    held.kill(block=True)
    command('["release"]')

    command('["hold", "2", "answer", 1]')
    held = start(2)
    command('["holding", 1]')
    first, second = start(4), start(6)
    with gevent.Timeout(0, False):
        client.customers.get(8)
    command('["release"]')
    for _ in range(n):
        gevent.sleep(0)
    first.kill(block=True)
    assert held.get(timeout=20).id == 2
    assert second.get(timeout=20).id == 6
    assert client.customers.update(10, phone=f"+{n}").outcome == "accepted"
client.close()
"""


@pytest.mark.skipif(importlib.util.find_spec("gevent") is None, reason="gevent is not installed")
@pytest.mark.long
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_greenlets_that_are_killed(gateway: Apart, authority: Authority) -> None:
    """Waiting for a place or for an answer, by `kill` or a timeout: their places come back."""
    environment = {n: v for n, v in os.environ.items() if n in ("PATH", "PYTHONPATH")}
    with subprocess.Popen(
        [sys.executable, "-c", GREENLETS, gateway.base_url],
        env={**environment, "SSL_CERT_FILE": str(authority.ca)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        limit = threading.Timer(60, process.kill)
        limit.start()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            for line in process.stdout:
                gateway.relay(line)
                process.stdin.write("true\n")
                process.stdin.flush()
            _, errors = process.communicate()
        finally:
            limit.cancel()
            process.kill()

    assert (process.returncode, errors) == (0, "")
