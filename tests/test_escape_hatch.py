"""`client.api`: the generated client, over the same credential, connections and errors."""

from __future__ import annotations

import gc
import inspect
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from caibo_api.api.customers import get_customer
from faces import Connect, Face, methods
from scripted import ID, KEY, RECORD, RawServer, Script, answer, framed, read_request

import caibo
from caibo.testing import FakeCaibo, FakeServer


def http(client: Face) -> Any:
    """Return the client of httpx that generated functions use."""
    is_async = isinstance(client.caibo, caibo.AsyncCaibo)
    api = client.caibo.api
    return api.get_async_httpx_client() if is_async else api.get_httpx_client()


def request(client: Face, method: str, url: str, **options: Any) -> httpx.Response:
    response: httpx.Response = client.wait(http(client).request, method, url, **options)
    return response


class Zeros:
    """A body that comes by hand, as some do from C."""

    def __init__(self, length: int) -> None:
        self._left = length

    def __aiter__(self) -> Zeros:
        return self

    async def __anext__(self) -> bytes:
        self._left -= 2**16
        if self._left < 0:
            raise StopAsyncIteration
        return bytes(2**16)


def unfinished() -> list[Any]:
    """Find the async generators that have begun and not ended."""
    return [o for o in gc.get_objects() if inspect.isasyncgen(o) and o.ag_frame is not None]


class TestItsCalls:
    def test_generated_functions_share_credential_and_errors(
        self, client: Face, fake: FakeCaibo
    ) -> None:
        """What they parse is the generator's matter."""
        api = client.caibo.api
        id = fake.add_customer()
        is_async = isinstance(client.caibo, caibo.AsyncCaibo)
        read = get_customer.asyncio if is_async else get_customer.sync

        customer = client.wait(read, id, client=api)

        assert customer.email == "ada@example.com"
        assert fake.requests[-1].headers["X-API-Key"] == fake.api_key
        with pytest.raises(caibo.NotFoundError):
            client.wait(read, 1, client=api)
        assert client.caibo.api is api

    def test_they_go_over_the_same_connection(self, connect: Connect) -> None:
        """On a socket, after a call of ours."""

        def twice(connection: socket.socket) -> None:
            connection.sendall(framed(RECORD))
            assert read_request(connection)
            connection.sendall(framed(RECORD))

        gateway = RawServer(twice)
        with gateway.serve() as link:
            client = connect(**link)
            client.get(ID)
            response = request(client, "GET", f"/customers/{ID}")

        assert response.json()["id"] == ID
        assert response.elapsed.total_seconds() > 0
        assert len(gateway.requests) == 1

    def test_an_answer_can_be_streamed(self, client: Face, fake: FakeCaibo) -> None:
        """It is there by then, so streaming saves nothing and works all the same."""
        id = fake.add_customer()
        built = http(client).build_request("GET", f"/customers/{id}")

        response = client.wait(http(client).send, built, stream=True)

        is_async = isinstance(client.caibo, caibo.AsyncCaibo)
        read = response.aread if is_async else response.read
        assert str(id).encode() in client.wait(read)

    def test_a_failure_that_may_pass_is_tried_again(
        self, client: Face, fake: FakeCaibo, pauses: list[float]
    ) -> None:
        """With the rules of our own calls."""
        fake.fail_next(503, times=2)
        id = fake.add_customer()

        response = request(client, "GET", f"/customers/{id}")

        assert response.status_code == 200
        assert len(pauses) == 2

    @pytest.mark.parametrize(
        ("failure", "kind"),
        [
            (answer(404), caibo.NotFoundError),
            (answer(302, Location="https://other.test/"), caibo.APIError),
            (httpx.ReadError("s3cret"), caibo.TransportError),
            (httpx.ConnectTimeout("s3cret"), caibo.TransportError),
            (answer(200, b"x" * 1_100_000), caibo.MalformedResponseError),
            (RuntimeError("s3cret"), caibo.TransportError),
        ],
        ids=repr,
    )
    def test_errors_are_ours(self, connect: Connect, failure: Any, kind: type[Exception]) -> None:
        """None of httpx's comes through it, nor a text of one."""
        client = connect(max_retries=0, **Script(failure).options)

        with pytest.raises(kind) as caught:
            request(client, "GET", "/customers/1")

        assert "s3cret" not in str(caught.value)

    def test_a_closed_client_says_so(self, client: Face, fake: FakeCaibo) -> None:
        """Also one whose `api` was taken before."""
        api = http(client)
        client.close()

        with pytest.raises(caibo.ConfigurationError, match="closed"):
            client.wait(api.get, "/customers/1")

        assert fake.requests == []

    @pytest.mark.parametrize("connect", ["sync"], indirect=True)
    def test_threads_may_share_it(
        self, connect: Connect, fake: FakeCaibo, server: FakeServer
    ) -> None:
        """From its first use on."""
        client = connect(base_url=server.base_url, transport=None)
        ids = [fake.add_customer() for _ in range(24)]

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda n: request(client, "GET", f"/customers/{n}"), ids))

        assert [a.json()["id"] for a in answers] == ids


ELSEWHERE = [
    "https://other.test/customers/1",
    "http://gateway.test/customers/1",
    "https://gateway.test:8443/customers/1",
    "https://gateway.test.:443/customers/1",
    "https://gateway.test@other.test/customers/1",
    "https://other.test@gateway.test/customers/1",
    "https://user:s3cret@gateway.test/customers/1",
    "https://gateway.test\\@other.test/customers/1",
    "https://gateway.test%2eother.test/customers/1",
    "https://gateway.test%2f.other.test/customers/1",
    "https://gäteway.test/customers/1",
    "https://127.0.0.1/customers/1",
    "https://xn--gteway-cua.test/customers/1",
]


class TestElsewhere:
    @pytest.mark.parametrize("url", ELSEWHERE)
    def test_nothing_is_sent_to_another_origin(self, connect: Connect, url: str) -> None:
        """The credential is for one: scheme, host and port."""
        script = Script(answer(200, RECORD))

        with pytest.raises(caibo.ConfigurationError, match=r"https://gateway\.test only") as caught:
            request(connect(**script.options), "GET", url)

        assert script.requests == []
        assert "s3cret" not in str(caught.value)

    @pytest.mark.parametrize("name", ["other.test", "gateway.test:8443", "gateway.test, other"])
    def test_nothing_is_sent_in_the_name_of_another_host(self, connect: Connect, name: str) -> None:
        """Where many hosts share an address, Host decides whose the credential becomes."""
        script = Script(answer(200, RECORD))

        with pytest.raises(caibo.ConfigurationError, match="Host header"):
            request(connect(**script.options), "GET", "/customers/1", headers={"host": name})

        assert script.requests == []

    @pytest.mark.parametrize(
        "url",
        [
            "/customers/1",
            "customers/1",
            "https://gateway.test/customers/1",
            "https://gateway.test:443/customers/1",
            "HTTPS://GATEWAY.TEST/customers/1",
            "//other.test/customers/1",  # httpx takes it for a path below `base_url`
        ],
    )
    def test_the_same_origin_is_reached_however_it_is_spelt(
        self, connect: Connect, url: str
    ) -> None:
        """And an address without one is below `base_url`."""
        script = Script(answer(200, RECORD))

        request(connect(**script.options), "GET", url, headers={"Host": "Gateway.Test"})

        assert [r.url.host for r in script.requests] == ["gateway.test"]

    def test_an_address_of_version_6_is_an_origin_too(self, connect: Connect) -> None:
        """With its brackets in Host, and without them in the URL."""
        script = Script(answer(200, RECORD))
        client = connect(**{**script.options, "base_url": "https://[2001:db8::1]:8443/api"})

        request(client, "GET", "/customers/1")
        with pytest.raises(caibo.ConfigurationError, match="other"):
            request(client, "GET", "https://[2001:db8::2]:8443/api/customers/1")

        assert [str(r.url) for r in script.requests] == [
            "https://[2001:db8::1]:8443/api/customers/1"
        ]

    @pytest.mark.parametrize("follow", [False, True])
    def test_a_redirect_is_not_followed(self, connect: Connect, follow: bool) -> None:
        """On two sockets, also where httpx is told to: it never sees it."""
        elsewhere = RawServer(framed(RECORD))
        with elsewhere.serve() as link:
            moved = RawServer(framed(b"", 302, b"Location: %s/" % link["base_url"].encode()))
            with moved.serve() as here, pytest.raises(caibo.APIError, match="do not follow"):
                request(connect(**here), "GET", "/customers/1", follow_redirects=follow)

        assert elsewhere.requests == []


class TestCookies:
    def test_they_are_not_kept(self, client: Face, fake: FakeCaibo) -> None:
        """One of a load balancer's would bind every later request."""
        fake.fail_next(200, headers={"Set-Cookie": "s=1; Path=/"})

        request(client, "GET", "/customers/1")
        request(client, "GET", f"/customers/{fake.add_customer()}")

        assert [r.headers.get("Cookie") for r in fake.requests] == [None, None]

    def test_one_that_is_given_is_sent(self, client: Face, fake: FakeCaibo) -> None:
        """With that request."""
        request(client, "GET", f"/customers/{fake.add_customer()}", headers={"Cookie": "s=1"})

        assert fake.requests[-1].headers["Cookie"] == "s=1"


BODY = [b'{"name":"N",', b'"email":"n@example.com"}']


def pieces(client: Face, *more: Callable[[], bytes]) -> Any:
    """Stream a body in the way of a face; what comes after it may raise."""
    made = [*(lambda piece=piece: piece for piece in BODY), *more]

    def plain() -> Iterator[bytes]:
        for make in made:
            yield make()

    async def awaited() -> AsyncIterator[bytes]:
        for make in made:
            yield make()

    return awaited() if isinstance(client.caibo, caibo.AsyncCaibo) else plain()


class TestUploads:
    def test_a_stream_can_be_sent_again(
        self, client: Face, fake: FakeCaibo, pauses: list[float]
    ) -> None:
        """It is read once, and before anything is sent."""
        id = fake.add_customer()
        fake.fail_next(429, times=2)
        headers = {"Content-Type": "application/json"}

        request(client, "PUT", f"/customers/{id}", content=pieces(client), headers=headers)

        assert methods(fake) == ["PUT"] * 3
        assert {r.body for r in fake.requests} == {b"".join(BODY)}

    def test_a_stream_that_fails_sends_nothing(self, client: Face, fake: FakeCaibo) -> None:
        """The reason is the cause, and not in the text."""

        def fail() -> bytes:
            raise OSError("s3cret")

        with pytest.raises(caibo.ConfigurationError, match="body raised OSError") as caught:
            request(client, "PUT", "/customers/1", content=pieces(client, fail))

        assert isinstance(caught.value.__cause__, OSError)
        assert "s3cret" not in str(caught.value)
        assert fake.requests == []

    @pytest.mark.parametrize("connect", ["asyncio", "trio"], indirect=True)
    def test_a_stream_that_does_not_end_is_cut(self, connect: Connect, fake: FakeCaibo) -> None:
        """At the deadline, as everything that a task waits for."""
        import anyio

        async def endless() -> AsyncIterator[bytes]:
            yield b"{"
            await anyio.sleep_forever()

        with pytest.raises(caibo.DeadlineExceededError, match="nothing was sent"):
            request(connect(deadline=0.05), "PUT", "/customers/1", content=endless())

        assert fake.requests == []

    @pytest.mark.parametrize("connect", ["asyncio", "trio"], indirect=True)
    @pytest.mark.parametrize("kind", [bytes, Zeros])
    def test_one_that_could_not_be_sent_leaves_nothing_unfinished(
        self, connect: Connect, kind: Callable[[int], Any]
    ) -> None:
        """The garbage collector would find it, and trio warn of it."""
        before = unfinished()

        # Who accepts no connection takes no more than fits into its buffers.
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            client = connect(base_url=url, transport=None, timeout=0.05, max_retries=0)
            with pytest.raises(caibo.TransportError):
                request(client, "PUT", "/customers/1", content=kind(2**24))

        assert unfinished() == before

    def test_a_lost_write_is_not_sent_again(self, connect: Connect) -> None:
        """Nobody reads back here, so the error says that it may have arrived."""
        script = Script(httpx.ReadError(""))

        with pytest.raises(caibo.TransportError) as caught:
            request(connect(**script.options), "PUT", f"/customers/{ID}", json={})

        assert caught.value.request_sent == "maybe"
        assert len(script.requests) == 1


def test_the_key_of_the_client_wins(connect: Connect) -> None:
    """A request cannot bring another."""
    script = Script(answer(200, RECORD))

    request(connect(api_key=KEY, **script.options), "GET", "/x", headers={"X-API-Key": "other"})

    assert script.requests[0].headers.get_list("X-API-Key") == [KEY]
