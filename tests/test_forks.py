"""A client that was made, and used, before its process forked.

The gateway takes 30 ms to answer, in a process of its own, and tells what arrived on
each connection: two processes on one connection would show there, whatever they were told.
"""

from __future__ import annotations

import gc
import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
from caibo_api.api.customers import get_customer
from faces import Face

import caibo

if sys.platform == "win32":
    pytest.skip("nothing forks there", allow_module_level=True)

from forked import A_PROCESS, BACKENDS, KEY, Apart, Authority, Child, face, make

pytestmark = [pytest.mark.long, pytest.mark.untraced]

CHILDREN = 4
THREADS = 3
#: Customers of the parent: one that is written, and another.
MINE, OTHER = 2, 4

Told = list[tuple[int, str]]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def client(gateway: Apart, backend: str) -> caibo.Caibo | caibo.AsyncCaibo:
    return make(backend, gateway.base_url)


@pytest.fixture
def parent(client: caibo.Caibo | caibo.AsyncCaibo, backend: str) -> Iterator[Face]:
    """Give a client that has a connection, on each face in turn."""
    with used(client, backend) as parent:
        yield parent


class used:  # noqa: N801
    """Call a client, once before the context is entered, and close it in the end."""

    def __init__(self, client: caibo.Caibo | caibo.AsyncCaibo, backend: str) -> None:
        self._stack = ExitStack()
        self._client = client
        self._backend = backend

    def __enter__(self) -> Face:
        parent = self._stack.enter_context(face(self._client, self._backend))
        self._stack.callback(parent.close)
        parent.get(MINE)
        return parent

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def tell(mine: Face, id: int) -> str:
    """Read and write a customer; say what was told of it."""
    customer = mine.get(id)
    if (customer.id, customer.name) != (id, f"Customer {id}"):
        return "read another's record"
    try:
        update = mine.update(id, phone=f"+{id}")
    except caibo.BadRequestError:
        return "refused"
    return update.outcome if update.customer.id == id else "wrote another's record"


def true_of(ids: range) -> Told:
    return [(id, "refused" if id % 2 else "accepted") for id in ids]


def of(process: int) -> range:
    """Return the customers of a process."""
    return range(process * A_PROCESS, process * A_PROCESS + 6)


def calls(client: Any, backend: str, process: int, threads: int = THREADS) -> Callable[[], Told]:
    """Return work for a child: call for its own customers, from some threads at once."""

    def work() -> Told:
        together = threading.Barrier(threads, timeout=20)

        def one(id: int) -> tuple[int, str]:
            if id % A_PROCESS < threads:
                together.wait()
            return id, tell(mine, id)

        with face(client, backend) as mine, ThreadPoolExecutor(threads) as pool:
            return list(pool.map(one, of(process)))

    return work


def separate(gateway: Apart, *parents: tuple[str, int | None]) -> None:
    """Check that no process came upon another's connection, and the parent's is as it was."""
    links = gateway.links()
    assert [link.owners for link in links if len(link.owners) > 1] == []
    assert [link.end for link in links if (link.end or "").startswith("error")] == []
    assert [link for link in links if link.owners == {0}] == [
        type(links[0])(requests=list(parents), end=None)
    ]


READ: tuple[str, int] = ("GET", MINE)
WRITE: tuple[str, int] = ("PUT", MINE)


class TestChildren:
    @pytest.mark.parametrize("way", ["os.fork", "multiprocessing"])
    def test_at_once_are_told_the_truth(
        self, gateway: Apart, client: Any, parent: Face, backend: str, way: str
    ) -> None:
        """Each gets its own answers on its own connections, beside a parent that goes on."""
        with ExitStack() as stack:
            children = [
                stack.enter_context(Child(calls(client, backend, process), way))
                for process in range(1, CHILDREN + 1)
            ]
            of_parent = tell(parent, MINE)
            told = [child.result() for child in children]

        assert told == [true_of(of(process)) for process in range(1, CHILDREN + 1)]
        assert of_parent == "accepted"
        assert parent.get(MINE).phone == f"+{MINE}"
        separate(gateway, READ, READ, READ, WRITE, READ)

    def test_of_a_child(self, gateway: Apart, client: Any, parent: Face, backend: str) -> None:
        """They are as much apart from it as it is from its parent."""

        def work() -> tuple[Told, Told]:
            with face(client, backend) as mine:
                before = [(id, tell(mine, id)) for id in of(1)[:2]]
                with Child(calls(client, backend, 2)) as grandchild:
                    after = [(id, tell(mine, id)) for id in of(1)[2:]]
                    return before + after, grandchild.result()

        with Child(work) as child:
            told, of_grandchild = child.result()

        assert told == true_of(of(1))
        assert of_grandchild == true_of(of(2))
        assert parent.get(MINE).id == MINE
        separate(gateway, READ, READ)
        assert sum(link.owners == {1} for link in gateway.links()) == 1

    def test_of_a_client_that_was_never_used(
        self, gateway: Apart, client: Any, backend: str
    ) -> None:
        """Nothing is shared that was not there yet."""
        with Child(calls(client, backend, 1)) as one, Child(calls(client, backend, 2)) as other:
            told = one.result() + other.result()

        assert told == true_of(of(1)) + true_of(of(2))
        assert [link.owners for link in gateway.links() if len(link.owners) > 1] == []

    def test_that_are_forked_by_a_thread(
        self, gateway: Apart, client: Any, parent: Face, backend: str
    ) -> None:
        """As by the main one."""

        def fork() -> Told:
            with Child(calls(client, backend, 1)) as child:
                told: Told = child.result()
                return told

        with ThreadPoolExecutor(1) as pool:
            told = pool.submit(fork).result(60)

        assert told == true_of(of(1))
        assert parent.get(MINE).id == MINE
        separate(gateway, READ, READ)

    def test_use_the_generated_client(
        self, gateway: Apart, client: Any, parent: Face, backend: str
    ) -> None:
        """`client.api` goes the same way."""
        read: Any = get_customer.sync if backend == "sync" else get_customer.asyncio
        parent.wait(read, MINE, client=client.api)

        def work(process: int) -> list[int]:
            with face(client, backend) as mine:
                return [mine.wait(read, id, client=client.api).id for id in of(process)]

        with Child(lambda: work(1)) as one, Child(lambda: work(2)) as other:
            told = one.result() + other.result()

        assert told == [*of(1), *of(2)]
        assert parent.wait(read, MINE, client=client.api).id == MINE
        separate(gateway, READ, READ, READ)

    def test_are_each_a_turn_of_the_rate_limit(self, gateway: Apart, backend: str) -> None:
        """It counts per process: a turn that the parent took is not missing in the child."""
        client = make(backend, gateway.base_url, rate_limit=0.001)

        def work() -> tuple[int | None, str]:
            with face(client, backend) as mine:
                id = mine.get(A_PROCESS).id
                with pytest.raises(caibo.DeadlineExceededError) as caught:
                    mine.get(A_PROCESS)
                return id, caught.value.request_sent

        with used(client, backend) as parent:
            with Child(work) as child:
                assert child.result() == (A_PROCESS, "no")
            with pytest.raises(caibo.DeadlineExceededError):
                parent.get(MINE)
        assert len(gateway.links()) == 2

    def test_renew_by_themselves(self, gateway: Apart, backend: str) -> None:
        """Each logs in once, however many of its threads meet the spent token."""
        client = make(backend, gateway.base_url, auth=caibo.Login("ops@example.com", "pass"))
        with used(client, backend) as parent, ExitStack() as stack:
            gateway("expire")
            children = [
                stack.enter_context(Child(calls(client, backend, process)))
                for process in range(1, CHILDREN + 1)
            ]
            told = [child.result() for child in children]

            assert told == [true_of(of(process)) for process in range(1, CHILDREN + 1)]
            assert gateway("report")["logins"] == 1 + CHILDREN
            assert parent.get(MINE).id == MINE


class TestTheParent:
    """What children do to its connection: nothing, as the gateway sees it."""

    @pytest.mark.parametrize("end", ["collects garbage", "closes the client", "just ends"])
    def test_does_not_notice_that_a_child(
        self, gateway: Apart, client: Any, parent: Face, backend: str, end: str
    ) -> None:
        """Not a byte, not an end of the connection; also none where TLS says good-bye."""

        def work() -> None:
            nonlocal client, parent
            with face(client, backend) as mine:
                mine.get(A_PROCESS)
                if end == "closes the client":
                    mine.close()
            del mine, client, parent
            gc.collect()

        with Child((lambda: None) if end == "just ends" else work) as child:
            child.result()

        assert parent.get(MINE).id == MINE
        separate(gateway, READ, READ)

    def test_does_not_notice_a_child_that_closes_what_it_never_used(
        self, gateway: Apart, client: Any, parent: Face, backend: str
    ) -> None:
        """As a `with` block does that both of them leave."""

        def work() -> None:
            with face(client, backend) as mine:
                mine.close()
                with pytest.raises(caibo.ConfigurationError, match="closed"):
                    mine.get(A_PROCESS)

        with Child(work) as child:
            child.result()

        assert parent.get(MINE).id == MINE
        separate(gateway, READ, READ)

    def test_can_close_its_connection_while_a_child_lives(
        self, gateway: Apart, client: Any, parent: Face, backend: str
    ) -> None:
        """The child, which has used the client since, holds no copy of it open."""
        waiting, go = os.pipe()

        def work() -> None:
            os.close(go)
            with face(client, backend) as mine:
                mine.get(A_PROCESS)
                mine.close()
                gateway_knows.wait(20)
                os.read(waiting, 1)

        gateway_knows = threading.Event()
        gateway_knows.set()
        with Child(work) as child:
            gateway.arrived(A_PROCESS)
            parent.close()
            gateway("open", 0)
            os.close(go)
            child.result()
        os.close(waiting)

    def test_in_the_middle_of_a_request_gets_its_answer(
        self, gateway: Apart, client: Any, parent: Face, backend: str
    ) -> None:
        """And the child is not kept from its own."""
        gateway.hold(MINE)
        with ThreadPoolExecutor(1) as pool:
            under_way = pool.submit(parent.get, MINE)
            gateway.arrived(MINE, 2)

            with Child(calls(client, backend, 1)) as child:
                told = child.result()
            gateway.release()

            assert under_way.result(30).id == MINE
        assert told == true_of(of(1))
        separate(gateway, READ, READ)

    def test_in_the_middle_of_a_body_gets_all_of_it(
        self, gateway: Apart, client: Any, parent: Face, backend: str
    ) -> None:
        """Half of it was there before the fork."""
        gateway.hold(MINE, "body")
        with ThreadPoolExecutor(1) as pool:
            under_way = pool.submit(parent.get, MINE)
            gateway("holding", 1)

            with Child(calls(client, backend, 1)) as child:
                told = child.result()
            gateway.release()

            assert under_way.result(30).id == MINE
        assert told == true_of(of(1))
        separate(gateway, READ, READ)


class TestALockThatAThreadOfTheParentHolds:
    """There is no such thread in the child, so nobody would ever give it back there."""

    def test_the_turn_of_a_customer(
        self, gateway: Apart, client: Any, parent: Face, backend: str
    ) -> None:
        """The child writes the same customer meanwhile."""
        gateway.hold(MINE)

        def work() -> str:
            with face(client, backend) as mine:
                return mine.update(MINE, phone="+1").outcome

        with ThreadPoolExecutor(1) as pool:
            under_way = pool.submit(parent.update, MINE, phone="+2")
            gateway.arrived(MINE, 2)

            with Child(work) as child:
                assert child.result() == "accepted"
            gateway.release()

            assert under_way.result(30).outcome == "accepted"
        assert [link.requests for link in gateway.links()] == [[READ, READ, WRITE], [READ, WRITE]]

    def test_the_turn_of_a_customer_that_the_forking_thread_holds_itself(
        self, gateway: Apart, client: Any, parent: Face, backend: str
    ) -> None:
        """A fork inside `edit`, as a task does that starts workers."""

        def work() -> str:
            with face(client, backend) as mine:
                return mine.update(MINE, phone="+1").outcome

        with parent.edit(MINE) as draft:
            with Child(work) as child:
                assert child.result() == "accepted"
            draft.address = "1 New Street"

        assert [link.requests for link in gateway.links()] == [[READ, READ, WRITE], [READ, WRITE]]

    @pytest.mark.parametrize("backend", ["sync"], indirect=True)
    def test_the_turn_that_a_child_gives_back_for_its_parent(
        self, gateway: Apart, client: caibo.Caibo, parent: Face
    ) -> None:
        """A fork inside `edit` that both processes leave: each writes on its own connection."""

        def leave(stack: ExitStack) -> str:
            stack.close()
            return client.customers.update(MINE, phone="+1").outcome

        with ExitStack() as stack:
            draft = stack.enter_context(client.customers.edit(MINE))
            draft.address = "1 New Street"
            with Child(lambda: leave(stack)) as child:
                told = child.result()

        assert told == "accepted"
        assert [link.requests for link in gateway.links()] == [
            [READ, READ, WRITE],
            [WRITE, READ, WRITE],
        ]

    def test_a_renewal(self, gateway: Apart, backend: str) -> None:
        """The parent is logging in; the child does not wait for that."""
        client = make(backend, gateway.base_url, auth=caibo.Login("ops@example.com", "pass"))
        gateway.hold("login")
        with face(client, backend) as parent, ThreadPoolExecutor(1) as pool:
            under_way = pool.submit(parent.get, MINE)
            gateway.arrived("login")

            with Child(calls(client, backend, 1)) as child:
                told = child.result()
            gateway.release()

            assert under_way.result(30).id == MINE
            assert told == true_of(of(1))
            separate(gateway, ("POST", None), READ)
            parent.close()

    @pytest.mark.parametrize("backend", ["sync", "asyncio"], indirect=True)
    def test_a_renewal_by_a_callable(self, gateway: Apart, backend: str) -> None:
        """Whoever asks the vault for a token is not there to tell the child."""
        asked, go_on = threading.Event(), threading.Event()
        me = os.getpid()

        def token() -> str:
            if os.getpid() == me:
                asked.set()
                go_on.wait(30)
            return "token1"

        log_in = make(backend, gateway.base_url, auth=caibo.Login("ops@example.com", "pass"))
        with used(log_in, backend):
            pass
        client = make(backend, gateway.base_url, access_token=token)
        with face(client, backend) as parent, ThreadPoolExecutor(1) as pool:
            under_way = pool.submit(parent.get, MINE)
            assert asked.wait(30)

            with Child(calls(client, backend, 1)) as child:
                told = child.result()
            go_on.set()

            assert under_way.result(30).id == MINE
            assert told == true_of(of(1))
            parent.close()

    def test_the_last_place(self, gateway: Apart, backend: str) -> None:
        """The parent has as many connections as it may, and others wait for one."""
        client = make(backend, gateway.base_url, max_connections=1)
        gateway.hold(OTHER)
        with used(client, backend) as parent, ThreadPoolExecutor(4) as pool:
            under_way = [pool.submit(parent.get, OTHER)]
            gateway.arrived(OTHER)
            under_way += [pool.submit(parent.get, MINE) for _ in range(3)]

            with Child(calls(client, backend, 1)) as child:
                told = child.result()
            gateway.release()

            assert [one.result(30).id for one in under_way] == [OTHER, MINE, MINE, MINE]
            assert told == true_of(of(1))
            separate(gateway, READ, ("GET", OTHER), *[READ] * 3)

    @pytest.mark.parametrize("scheme", ["http"])
    def test_whatever_they_are_just_doing(self, gateway: Apart) -> None:
        """Busy threads hold this and that when the fork comes; the child has to do with none."""
        gateway("delay", 0)
        auth = caibo.Login("ops@example.com", "pass")
        client = caibo.Caibo(auth=auth, base_url=gateway.base_url, rate_limit=1_000_000)
        over = threading.Event()

        def busy(id: int) -> None:
            for n in itertools.count():
                if over.is_set():
                    break
                client.customers.update(id, phone=f"+{n}")

        def work(n: int) -> str:
            return client.customers.update(A_PROCESS, phone=f"+{n}").outcome

        with ThreadPoolExecutor(4) as pool:
            under_way = [pool.submit(busy, 2 * n) for n in range(4)]
            try:
                told = []
                for n in range(40):
                    if n % 10 == 5:
                        gateway("expire")
                    with Child(partial(work, n)) as child:
                        told.append(child.result())
            finally:
                over.set()
            for one in under_way:
                one.result(30)

        client.close()
        assert told == ["accepted"] * 40
        assert [link.owners for link in gateway.links() if len(link.owners) > 1] == []


@pytest.mark.parametrize("backend", ["asyncio"])
def test_a_fork_inside_a_running_loop(gateway: Apart, client: Any, parent: Face) -> None:
    """The child starts a loop of its own; the parent's goes on to see what comes for it."""

    async def fork() -> Child:
        return Child(calls(client, "asyncio", 1))

    with parent.wait(fork) as child:
        told = child.result()

    assert told == true_of(of(1))
    assert parent.get(MINE).id == MINE
    separate(gateway, READ, READ)


@pytest.mark.parametrize("backend", ["asyncio", "trio"], indirect=True)
def test_a_fork_after_the_loop_has_ended(gateway: Apart, client: Any, backend: str) -> None:
    """What is left of it is neither used nor shut down in the child."""
    with face(client, backend) as before:
        before.get(MINE)

    with Child(calls(client, backend, 1)) as child:
        told = child.result()

    assert told == true_of(of(1))
    assert [link.owners for link in gateway.links() if len(link.owners) > 1] == []
    with face(client, backend) as after:
        assert after.get(MINE).id == MINE
        after.close()
    gc.collect()


#: A program that both processes run to its end: `python -c PROGRAM face base-url`.
PROGRAM = """
import os, sys, warnings
import anyio
import caibo

backend, base_url = sys.argv[1:]
kind = caibo.Caibo if backend == "sync" else caibo.AsyncCaibo
client = kind(api_key=os.environ["KEY"], base_url=base_url)

def get(id):
    if backend == "sync":
        client.customers.get(id)
    else:
        anyio.run(client.customers.get, id, backend=backend)

get(2)
child = os.fork()
if child:
    assert os.waitpid(child, 0)[1] == 0
    get(2)
    if backend == "sync":
        client.close()
    else:
        anyio.run(client.close, backend=backend)
else:
    get(1000)
"""


def test_a_child_that_runs_to_the_end_of_the_program(
    gateway: Apart, backend: str, authority: Authority
) -> None:
    """The interpreter ends there, and frees all that it has, which writes nothing."""
    named = ("PATH", "PYTHONPATH")
    environment = {name: value for name, value in os.environ.items() if name in named}

    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, backend, gateway.base_url],
        env={**environment, "KEY": KEY, "SSL_CERT_FILE": str(authority.ca)},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )

    assert (result.returncode, result.stderr) == (0, "")
    links = gateway.links()
    assert [link.owners for link in links if len(link.owners) > 1] == []
    assert [link.end for link in links if (link.end or "").startswith("error")] == []
    if backend == "sync":
        assert [link.requests for link in links] == [[READ] * 2, [("GET", A_PROCESS)]]
