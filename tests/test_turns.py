"""Writers of one customer in one process, whichever clients they use: they take turns."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import anyio
import httpx
import pytest
from faces import Connect, Face, methods

import caibo
from caibo.testing import FakeCaibo, FakeServer

pytestmark = pytest.mark.long

CLIENTS, UPDATES = 8, 30
Submit = Callable[..., "Future[Any]"]


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(phone="old", address="old")


@pytest.fixture
def submit() -> Iterator[Submit]:
    with ThreadPoolExecutor(CLIENTS) as pool:
        yield pool.submit


class TestNoneIsLost:
    """Each update sets a member of its own; the record has all of them afterwards."""

    def expect_all(self, fake: FakeCaibo, id: int) -> None:
        wanted = {f"m{n}-{k}" for n in range(CLIENTS) for k in range(UPDATES)}
        assert wanted <= fake.document(id).keys()

    def test_by_threads(self, fake: FakeCaibo, server: FakeServer, id: int) -> None:
        """Each with a client of its own."""
        told = set[str]()

        def work(n: int) -> None:
            with caibo.Caibo(api_key=fake.api_key, base_url=server.base_url) as client:
                for k in range(UPDATES):
                    update = client.customers.update(id, extra={f"m{n}-{k}": k})
                    told.add(update.protection)

        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(work, range(CLIENTS)))

        assert told == {"local-lock"}
        self.expect_all(fake, id)

    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    def test_by_tasks(self, fake: FakeCaibo, server: FakeServer, id: int, backend: str) -> None:
        """The same, in one loop."""

        async def work(n: int) -> None:
            async with caibo.AsyncCaibo(api_key=fake.api_key, base_url=server.base_url) as client:
                for k in range(UPDATES):
                    await client.customers.update(id, extra={f"m{n}-{k}": k})

        async def main() -> None:
            async with anyio.create_task_group() as tasks:
                for n in range(CLIENTS):
                    tasks.start_soon(work, n)

        anyio.run(main, backend=backend)

        self.expect_all(fake, id)

    def test_by_clients_whose_key_comes_late(
        self, fake: FakeCaibo, server: FakeServer, id: int
    ) -> None:
        """Which data a key changes is known only when it is there; each one asks at first."""
        together = threading.Barrier(CLIENTS, timeout=30)

        def work(n: int) -> None:
            key: Any = fake.api_key if n % 2 else lambda: fake.api_key
            together.wait()
            for k in range(UPDATES):
                with caibo.Caibo(api_key=key, base_url=server.base_url) as client:
                    client.customers.update(id, extra={f"m{n}-{k}": k})

        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(work, range(CLIENTS)))

        self.expect_all(fake, id)


class Holding:
    """An observer that keeps a customer's turn until it is told to go on."""

    def __init__(self) -> None:
        self.has_it = threading.Event()
        self.over = threading.Event()

    def __call__(self, event: caibo.Event) -> None:
        if isinstance(event, caibo.WriteIntended):
            self.has_it.set()
            assert self.over.wait(30)


@pytest.fixture
def holding() -> Iterator[Holding]:
    one = Holding()
    yield one
    one.over.set()


class TestWhoShares:
    """Whether the second client waits for the first."""

    def waits(self, first: Any, second: Any, holding: Holding, submit: Submit, id: int) -> bool:
        held = submit(first.customers.update, id, phone="first")
        assert holding.has_it.wait(30)
        try:
            second.customers.update(id, phone="second")
        except caibo.DeadlineExceededError as error:
            return "held its turn" in str(error)
        except caibo.CaiboError:
            return False
        else:
            return False
        finally:
            holding.over.set()
            held.result()

    @pytest.mark.parametrize("spelt", ["{}", "{}/", "{}//", "upper"])
    def test_one_gateway_has_one_queue(
        self,
        fake: FakeCaibo,
        server: FakeServer,
        id: int,
        holding: Holding,
        submit: Submit,
        spelt: str,
    ) -> None:
        """However its address is written."""
        url = server.base_url.rstrip("/")
        other = url.replace("http", "HTTP") if spelt == "upper" else spelt.format(url)
        key: Any = {"api_key": fake.api_key}
        first = caibo.Caibo(base_url=url, observers=[holding], **key)
        second = caibo.Caibo(base_url=other, deadline=0.3, **key)

        with first, second:
            assert self.waits(first, second, holding, submit, id)

    @pytest.mark.parametrize(
        "other", ["https://API.Example.com/v1", "https://api.example.com:443/v1/"]
    )
    def test_the_default_port_is_none(self, other: str) -> None:
        """And the case of a host is none; without a socket, as it takes port 443."""
        first = caibo.Caibo(api_key="caibo_test_sk_0", base_url="https://api.example.com/v1")
        second = caibo.Caibo(api_key="caibo_test_sk_1", base_url=other)
        third = caibo.Caibo(api_key="caibo_test_sk_1", base_url="https://api.example.com/v2")

        with first, second, third:
            assert first._gateway._scope is second._gateway._scope
            assert first._gateway._scope is not third._gateway._scope

    def test_another_mode_is_other_data(
        self, fake: FakeCaibo, id: int, holding: Holding, submit: Submit
    ) -> None:
        """A live key does not wait for a test key."""
        reached: Any = {"base_url": fake.base_url, "transport": fake.transport}
        first = caibo.Caibo(api_key=fake.api_key, observers=[holding], **reached)
        second = caibo.Caibo(api_key="caibo_live_sk_0", deadline=0.3, **reached)

        assert not self.waits(first, second, holding, submit, id)

    def test_a_copy_shares(
        self, fake: FakeCaibo, id: int, holding: Holding, submit: Submit
    ) -> None:
        """As in all else."""
        reached: Any = {"base_url": fake.base_url, "transport": fake.transport}
        client = caibo.Caibo(api_key=fake.api_key, **reached)
        first, second = client.with_options(observers=[holding]), client.with_options(deadline=0.3)

        assert self.waits(first, second, holding, submit, id)

    def test_another_transport_is_another_gateway(
        self, fake: FakeCaibo, id: int, holding: Holding, submit: Submit
    ) -> None:
        """Of equal ones as well, and of those that cannot be looked up by what they are."""

        @dataclasses.dataclass
        class Passing(httpx.BaseTransport):
            length: int = 0

            def __len__(self) -> int:
                return self.length

            def handle_request(self, request: httpx.Request) -> httpx.Response:
                return fake.transport.handle_request(request)

        key: Any = {"api_key": fake.api_key, "base_url": fake.base_url}
        shared = Passing()
        first = caibo.Caibo(transport=shared, observers=[holding], **key)
        second = caibo.Caibo(transport=Passing(), deadline=0.3, **key)
        third = caibo.Caibo(transport=shared, **key)

        assert not self.waits(first, second, holding, submit, id)
        assert first._gateway._scope is third._gateway._scope

    def test_tasks_do_not_wait_for_threads(
        self, fake: FakeCaibo, id: int, holding: Holding, submit: Submit
    ) -> None:
        """Nor threads for tasks: `protection` speaks of its own kind."""
        reached: Any = {"api_key": fake.api_key, "base_url": fake.base_url}
        first = caibo.Caibo(transport=fake.transport, observers=[holding], **reached)
        held = submit(first.customers.update, id, phone="first")
        assert holding.has_it.wait(30)

        async def main() -> str:
            async with caibo.AsyncCaibo(transport=fake.transport, **reached) as client:
                return (await client.customers.update(id, phone="second")).protection

        assert anyio.run(main) == "local-lock"
        holding.over.set()
        held.result()


class TestWhoIsWaitedFor:
    @pytest.mark.parametrize(
        ("verb", "options", "said"),
        [
            ("update", {"phone": "new"}, r"`update` has had it for 0\.\d seconds\)"),
            ("replace", None, r"`replace` has had it for 0\.\d seconds\)"),
        ],
    )
    def test_the_error_says_who(
        self,
        fake: FakeCaibo,
        server: FakeServer,
        id: int,
        holding: Holding,
        submit: Submit,
        verb: str,
        options: Any,
        said: str,
    ) -> None:
        """Which verb, and for how long."""
        reached: Any = {"api_key": fake.api_key, "base_url": server.base_url}
        with (
            caibo.Caibo(observers=[holding], **reached) as first,
            caibo.Caibo(deadline=0.2, **reached) as second,
        ):
            if options is None:
                held = submit(first.customers.replace, id, {"name": "A", "email": "a@b.c"})
            else:
                held = submit(first.customers.update, id, **options)
            assert holding.has_it.wait(30)

            with pytest.raises(caibo.DeadlineExceededError, match=said) as caught:
                second.customers.update(id, phone="second")
            holding.over.set()
            held.result()

        assert caught.value.request_sent == "no"
        assert str(caught.value).startswith(
            f"customer {id}: `deadline` passed while others of this process held its turn ("
        )

    def test_it_says_of_a_write_that_is_settling(
        self, fake: FakeCaibo, id: int, submit: Submit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is done, and waits for `confirm=`."""
        settling, over = threading.Event(), threading.Event()

        def sleep(_: float) -> None:
            settling.set()
            assert over.wait(30)

        monkeypatch.setattr("caibo._wire.clock.sleep", sleep)
        reached: Any = {"base_url": fake.base_url, "transport": fake.transport}
        client = caibo.Caibo(api_key=fake.api_key, **reached)
        held = submit(client.customers.update, id, phone="first", confirm=5)
        assert settling.wait(30)

        with pytest.raises(caibo.DeadlineExceededError, match=r"waiting to read back \(`confirm=`"):
            client.with_options(deadline=0.2).customers.update(id, phone="second")
        over.set()

        assert held.result().outcome == "confirmed"
        assert fake.document(id)["phone"] == "first"


class TestAcrossClients:
    def test_an_edit_reads_again_where_another_client_wrote(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """However young its record is."""
        client, other = connect(max_base_age=60), connect()

        with client.edit(id) as draft:
            draft.phone = "mine"
            other.update(id, address="other")

        assert methods(fake) == ["GET", "GET", "PUT", "GET", "PUT"]
        assert fake.document(id)["address"] == "other"

    def test_a_plan_reads_again_where_another_client_wrote(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """One that is closed and gone by then."""
        client = connect(max_base_age=60)
        plan = client.plan(id, phone="mine")
        connect().update(id, address="other")

        client.apply(plan)

        assert fake.document(id)["phone"] == "mine"
        assert fake.document(id)["address"] == "other"

    def test_an_observer_must_not_write_it_by_another_client(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """It would wait for its own caller."""
        other = connect()

        def write(event: caibo.Event) -> Any:
            if isinstance(event, caibo.WriteIntended):
                return other.caibo.customers.update(id, phone="again")
            return None

        with pytest.raises(caibo.ConfigurationError, match="by this very caller"):
            connect(observers=[write]).update(id, phone="new")

        assert methods(fake) == ["GET"]

    def test_a_key_that_cannot_be_got_is_told_by_the_request(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """Not by the queue, which only wanted to know of which data it is."""
        asked: list[int] = []

        def key() -> str:
            asked.append(1)
            if len(asked) > 1:
                return fake.api_key
            raise OSError("the vault is sealed")

        client: Face = connect(api_key=key, transport=fake.transport)

        assert client.update(id, phone="new").outcome == "accepted"
        assert len(asked) == 2
