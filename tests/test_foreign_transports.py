"""Transports of other libraries as `transport=`: what became of a request is told truly."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any
from unittest.mock import Mock

import anyio
import anyio.to_thread
import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from faces import Connect, Face, methods
from fault_grid import LATE, NEW, TIMES_AND_RETRIES, Grid
from httpx_aiohttp import AiohttpTransport
from over_aiohttp import OverAiohttp
from over_pyreqwest import AsyncOverPyreqwest, OverPyreqwest
from pyreqwest.compatibility.httpx import HttpxTransport, SyncHttpxTransport
from test_deadline import DRIPS, dripping

import caibo
from caibo.testing import FakeCaibo, FakeServer

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("pauses")]

Make = Callable[[], httpx.BaseTransport | httpx.AsyncBaseTransport]

#: As `docs/transports.md` says to use them; the async ones run under asyncio only.
USED: Mapping[str, Make] = {
    "aiohttp": OverAiohttp,
    "pyreqwest": AsyncOverPyreqwest,
    "pyreqwest, sync": OverPyreqwest,
}
ASYNC = ("aiohttp", "pyreqwest")
#: They differ in all that follows a fault.
VERBS = ("update, confirmed", "replace")


@pytest.fixture(params=USED)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def connect(kind: str, fake: FakeCaibo) -> Iterator[Connect]:
    """Give a function that makes a client which sends through one of the libraries."""
    faces: list[Face] = []
    with start_blocking_portal("asyncio") as portal:

        def connect(**options: Any) -> Face:
            client = caibo.AsyncCaibo if kind in ASYNC else caibo.Caibo
            given = {"api_key": fake.api_key, **options}
            if given.get("transport") is None:
                given["transport"] = USED[kind]()
            if given.get("timeout", 10) < 1:  # what is late is waited for
                given["timeout"] = 0.1
            faces.append(Face(client(**given), portal if kind in ASYNC else None))
            return faces[-1]

        yield connect
        for face in faces:
            face.close()


class TestEveryFaultAtEveryStep(Grid):
    """The grid of `test_faults`, with fewer verbs: none of its faults is left out."""

    def verbs(self, fault: str) -> Collection[str]:
        return VERBS[:1] if fault == LATE else VERBS

    def after_a_write(self, verbs: Collection[str]) -> Iterable[tuple[str, tuple[int, int]]]:
        return zip(verbs, TIMES_AND_RETRIES, strict=False)


LOST, SLOW, MOVED = "a lost answer", "a late answer", "a redirect"
#: What plain httpx tells of a PUT through each, and how many of it the gateway gets.
TOLD: Mapping[tuple[Make, str], tuple[str, int]] = {
    **{(make, LOST): ("ReadError", 1) for make in USED.values()},
    **{(make, SLOW): ("ReadTimeout", 1) for make in USED.values()},
    **{(make, MOVED): ("307", 1) for make in USED.values()},
    # As they come, and why they are not used so. A name that begins with "Connect" says that
    # nothing was sent, and then a write is sent again.
    (AiohttpTransport, LOST): ("ConnectTimeout", 2),
    (AiohttpTransport, SLOW): ("ReadTimeout", 1),
    (AiohttpTransport, MOVED): ("307", 1),
    **{(make, LOST): ("ConnectError", 1) for make in (HttpxTransport, SyncHttpxTransport)},
    **{(make, SLOW): ("ConnectTimeout", 1) for make in (HttpxTransport, SyncHttpxTransport)},
    **{(make, MOVED): ("200", 2) for make in (HttpxTransport, SyncHttpxTransport)},
}


class TestWhatALibraryTells:
    @pytest.mark.parametrize(("make", "wrong"), TOLD)
    def test_of_a_write(self, fake: FakeCaibo, server: FakeServer, make: Make, wrong: str) -> None:
        """Where this fails because a library tells the truth now, our part of it can go."""
        id = fake.add_customer()
        elsewhere = server.base_url.replace("127.0.0.1", "localhost")
        match wrong:
            case "a lost answer":
                fake.lose_response("PUT", times=9)
            case "a late answer":
                fake.delay(30, "PUT")
            case _:
                fake.fail_next(307, headers={"Location": f"{elsewhere}/customers/{id}"})

        told = put(
            make(),
            f"{server.base_url}/customers/{id}",
            headers={"X-API-Key": fake.api_key, "Content-Type": "application/json"},
            content=fake.raw(id),
            timeout=0.1 if wrong == SLOW else 10,
        )

        assert (told, len(fake.requests)) == TOLD[make, wrong]


def put(transport: Any, url: str, **options: Any) -> str:
    """Write with plain httpx; name the status or the exception."""

    async def awaited() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport) as client:
            return await client.put(url, **options)

    try:
        if isinstance(transport, httpx.AsyncBaseTransport):
            return str(asyncio.run(awaited()).status_code)
        with httpx.Client(transport=transport) as client:
            return str(client.put(url, **options).status_code)
    except httpx.HTTPError as error:
        return type(error).__name__


class TestPromises:
    def test_nothing_was_sent_where_nobody_listens(self, connect: Connect, fake: FakeCaibo) -> None:
        """The one failure that lets a write be sent again is still known."""
        with fake.serve() as gone:
            client = connect(base_url=gone.base_url)

        with pytest.raises(caibo.TransportError, match="nothing was sent") as caught:
            client.get(1)

        assert (caught.value.request_sent, caught.value.attempts) == ("no", 3)

    @pytest.mark.parametrize("drip", DRIPS)
    def test_the_deadline_holds_however_the_gateway_drips(
        self, connect: Connect, drip: str
    ) -> None:
        """In the sync client by the library's own timeout, as a thread cannot be cancelled."""
        gateway = dripping(*DRIPS[drip])

        with gateway.serve() as link, pytest.raises(caibo.DeadlineExceededError) as caught:
            connect(deadline=0.2, base_url=link["base_url"]).get(1)

        assert caught.value.request_sent == "maybe"
        assert len(gateway.requests) == 1

    def test_a_redirect_is_not_followed(
        self, connect: Connect, fake: FakeCaibo, server: FakeServer
    ) -> None:
        """The key stays with the gateway."""
        fake.fail_next(307, headers={"Location": f"{server.base_url}/elsewhere"})

        with pytest.raises(caibo.APIError, match="307"):
            connect(base_url=server.base_url).get(1)

        assert methods(fake) == ["GET"]

    def test_a_cookie_is_not_sent_back(
        self, connect: Connect, fake: FakeCaibo, server: FakeServer
    ) -> None:
        """Whatever the library does with cookies of its own accord."""
        url = server.base_url.replace("127.0.0.1", "localhost")  # an address has none
        id = fake.add_customer()
        fake.fail_next(503, headers={"Set-Cookie": "a=b; Path=/"}, method="GET")
        client = connect(base_url=url)

        client.get(id)

        assert methods(fake) == ["GET", "GET"]
        assert not any("Cookie" in request.headers for request in fake.requests)

    def test_no_proxy_gets_what_is_meant_for_loopback(
        self, connect: Connect, fake: FakeCaibo, server: FakeServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whatever the environment says: the key would go there readable."""
        with fake.serve() as gone:
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
                monkeypatch.setenv(name, gone.base_url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)

        customer = connect(base_url=server.base_url).get(fake.add_customer(name="Ada"))

        assert (customer.name, methods(fake)) == ("Ada", ["GET"])


class TestTheTransport:
    def test_is_left_as_it_was(
        self, connect: Connect, kind: str, fake: FakeCaibo, server: FakeServer
    ) -> None:
        """Only what the library itself does to it, which here makes its session late."""
        id = fake.add_customer(phone="old")
        transport = USED[kind]()
        before = dict(vars(transport))

        connect(transport=transport, base_url=server.base_url).update(id, phone=NEW)

        after = dict(vars(transport))
        if kind == "aiohttp":
            before["client"] = after["client"]
        assert list(after) == list(before)
        assert all(after[name] is before[name] for name in before)

    def test_is_closed_with_its_client(
        self, connect: Connect, kind: str, server: FakeServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As httpx does; a transport belongs to one client."""
        transport = USED[kind]()
        name = "aclose" if kind in ASYNC else "close"
        close = Mock(wraps=getattr(transport, name))
        monkeypatch.setattr(transport, name, close)
        client = connect(transport=transport, base_url=server.base_url)

        client.close()

        assert close.call_count == 1


class TestAsync:
    @pytest.mark.parametrize("kind", ASYNC)
    @pytest.mark.parametrize("by", ["the task", "a scope"])
    def test_a_cancelled_call_leaves_the_client_usable(
        self, fake: FakeCaibo, server: FakeServer, kind: str, by: str
    ) -> None:
        """And tells what cancelled it, be it asyncio or a scope of anyio."""
        id = fake.add_customer()
        arrived, through = threading.Event(), threading.Event()

        def stop(_: object) -> None:
            arrived.set()
            through.wait(30)

        async def main() -> caibo.Customer:
            async with caibo.AsyncCaibo(
                api_key=fake.api_key, base_url=server.base_url, transport=USED[kind]()
            ) as client:
                fake.on_request = stop
                if by == "a scope":
                    async with anyio.create_task_group() as group:
                        group.start_soon(client.customers.get, id)
                        assert await anyio.to_thread.run_sync(arrived.wait, 30)
                        group.cancel_scope.cancel()
                else:
                    task = asyncio.create_task(client.customers.get(id))
                    assert await anyio.to_thread.run_sync(arrived.wait, 30)
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
                fake.on_request = None
                through.set()
                return await client.customers.get(id)

        assert asyncio.run(main()).id == id

    @pytest.mark.parametrize("kind", ASYNC)
    def test_trio_is_answered_with_an_error_of_ours(
        self, fake: FakeCaibo, server: FakeServer, kind: str
    ) -> None:
        """They know asyncio only, and one of them notices when it has sent the request."""

        async def main() -> None:
            async with caibo.AsyncCaibo(
                api_key=fake.api_key, base_url=server.base_url, transport=USED[kind]()
            ) as client:
                with pytest.raises(caibo.CaiboError):
                    await client.customers.get(1)

        anyio.run(main, backend="trio")

    def test_pyreqwest_goes_from_one_event_loop_to_another(
        self, fake: FakeCaibo, server: FakeServer
    ) -> None:
        """Its connections belong to a thread of its own; aiohttp's session belongs to a loop."""
        id = fake.add_customer()
        client = caibo.AsyncCaibo(
            api_key=fake.api_key, base_url=server.base_url, transport=AsyncOverPyreqwest()
        )

        read = [asyncio.run(client.customers.get(id)) for _ in range(3)]
        asyncio.run(client.close())

        assert [customer.id for customer in read] == [id] * 3
        assert methods(fake) == ["GET"] * 3
