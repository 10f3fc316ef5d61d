"""The deadline holds for the whole call, however the gateway takes its time."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import trustme
from faces import Connect, methods
from scripted import ID, KEY, PERSON, RECORD, RawServer, Script, answer

import caibo
from caibo.testing import Clock, FakeCaibo, FakeServer


def dripping(start: bytes, drop: bytes) -> RawServer:
    """Make a server that begins its answer and then sends a little now and then."""
    gateway = RawServer()

    def drip(connection: socket.socket) -> None:
        connection.sendall(start)
        while not gateway.closing.wait(0.01):
            connection.sendall(drop)

    gateway.replies.append(drip)
    return gateway


DRIPS = {
    "nothing": (b"", b""),
    "a status line": (b"HTTP/1.1 200 ", b"x"),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "informational answers": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "a body": (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b" "),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "an endless body": (b"HTTP/1.1 200 OK\r\n\r\n", b" "),
}


class TestDripping:
    @pytest.mark.parametrize("drip", DRIPS)
    def test_a_read_ends(self, connect: Connect, drip: str) -> None:
        """Though every single wait is far shorter than the timeout."""
        gateway = dripping(*DRIPS[drip])

        with (
            gateway.serve() as link,
            pytest.raises(caibo.DeadlineExceededError, match=f"GET /customers/{ID}") as caught,
        ):
            connect(deadline=0.15, **link).get(ID)

        assert "`deadline` passed" in str(caught.value)
        assert len(gateway.requests) == 1

    @pytest.mark.parametrize("drip", ["headers", "a body"])
    def test_a_write_has_an_unknown_outcome(self, connect: Connect, drip: str) -> None:
        """The gateway has it, and did not finish saying what became of it."""
        gateway = dripping(*DRIPS[drip])

        with gateway.serve() as link, pytest.raises(caibo.UnknownOutcomeError) as caught:
            connect(deadline=0.15, **link).replace(ID, PERSON)

        assert isinstance(caught.value.__cause__, caibo.DeadlineExceededError)
        assert caught.value.__cause__.request_sent == "maybe"

    def test_the_client_is_usable_afterwards(self, connect: Connect, fake: FakeCaibo) -> None:
        """The connection that was cut is not used again."""
        id = fake.add_customer()
        fake.delay(30, "GET")
        with fake.serve() as server:
            client = connect(base_url=server.base_url, transport=None, deadline=1.0, max_retries=0)
            with pytest.raises(caibo.DeadlineExceededError):
                client.get(id)

            customer = client.get(id)

        assert customer.id == id


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
FLOODS = {
    "chunks of one byte": (CHUNKED, b"1\r\n \r\n" * 10_000),
    "chunks with extensions": (CHUNKED, b"1;a=b\r\n \r\n" * 6_000),
    "informational answers": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 2_300),
    "informational answers with headers": (
        b"",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n" * 1_100,
    ),
    "a failure in chunks of one byte": (
        CHUNKED.replace(b"200", b"500"),
        b"1\r\n \r\n" * 10_000,
    ),
}
TOO_MUCH = {
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 8_000),
    "one header": (b"HTTP/1.1 200 OK\r\nX-A: ", b"b" * 64_000),
    "a status line": (b"HTTP/1.1 200 ", b"x" * 64_000),
    "trailers": (CHUNKED + b"0\r\n", b"X-A: b\r\n" * 8_000),
    "a chunk's extension": (CHUNKED + b"1;a=", b"b" * 64_000),
    "blank lines": (b"", b"\r\n" * 32_000),
    "a body": (b"HTTP/1.1 200 OK\r\n\r\n", b" " * 64_000),
}


def flooding(start: bytes, flood: bytes) -> RawServer:
    """Make a server that sends as much as is taken, for ever."""
    gateway = RawServer()

    def pour(connection: socket.socket) -> None:
        connection.sendall(start)
        while not gateway.closing.is_set():
            connection.sendall(flood)

    gateway.replies.append(pour)
    return gateway


@pytest.fixture(params=["plain", "TLS"])
def secured(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[RawServer], RawServer]:
    """Let a server speak TLS, or leave it as it is."""
    if request.param == "plain":
        return lambda gateway: gateway
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))

    def secure(gateway: RawServer) -> RawServer:
        gateway.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(gateway.tls)
        return gateway

    return secure


class TestFloods:
    @pytest.mark.parametrize("flood", FLOODS)
    def test_one_that_could_go_on_for_ever_ends_at_the_deadline(
        self, connect: Connect, secured: Callable[[RawServer], RawServer], flood: str
    ) -> None:
        """There is always something to read, so nothing ever waits."""
        gateway = secured(flooding(*FLOODS[flood]))
        # A refusal's status stands where the deadline has cut its explanation.
        refused = flood.startswith("a failure")
        ended = (caibo.DeadlineExceededError, *[caibo.ServerError] * refused)

        with gateway.serve() as link, pytest.raises(ended):
            connect(deadline=0.15, max_retries=0, **link).get(ID)

    @pytest.mark.parametrize("flood", TOO_MUCH)
    def test_one_that_is_too_large_ends_before(self, connect: Connect, flood: str) -> None:
        """A record is small, and so are the headers of any answer."""
        gateway = flooding(*TOO_MUCH[flood])

        with (
            gateway.serve() as link,
            pytest.raises((caibo.TransportError, caibo.MalformedResponseError)) as caught,
        ):
            connect(max_retries=0, **link).get(ID)

        assert not isinstance(caught.value, caibo.DeadlineExceededError)

    @pytest.mark.parametrize("drip", ["headers", "informational answers", "a body", "chunks"])
    def test_drips_under_tls_end_as_well(
        self, connect: Connect, secured: Callable[[RawServer], RawServer], drip: str
    ) -> None:
        """Where a read of the plain text may take many of the socket."""
        gateway = secured(dripping(*DRIPS[drip]))

        with gateway.serve() as link, pytest.raises(caibo.DeadlineExceededError):
            connect(deadline=0.15, **link).get(ID)


class TestReadingBack:
    @pytest.mark.parametrize(
        ("deadline", "longest"), [(40, 38), (8, 6), (4, 3), (1, 0.75), (0.1, 0.075)]
    )
    def test_a_write_leaves_time_for_it(
        self, connect: Connect, deadline: float, longest: float
    ) -> None:
        """The smaller of two seconds and a quarter of what is left; a read has it all."""
        script = Script(answer(200, RECORD), answer(200))

        with Clock():
            connect(timeout=50, deadline=deadline, **script.options).update(
                ID, phone="+12025550100"
            )

        read, write = (r.extensions["timeout"]["read"] for r in script.requests)
        assert (read, write) == (pytest.approx(deadline), pytest.approx(longest))

    def test_a_write_that_was_not_answered_is_read_back(
        self, connect: Connect, fake: FakeCaibo, server: FakeServer
    ) -> None:
        """Within the deadline, and shows that it was applied: on a socket."""
        id = fake.add_customer()
        fake.delay(30, "PUT")
        client = connect(base_url=server.base_url, transport=None, timeout=30, deadline=1.5)

        update = client.update(id, phone="+12025550100")

        assert update.outcome == "confirmed"
        assert methods(fake) == ["GET", "PUT", "GET"]


class TestTimeouts:
    def test_a_silent_gateway_ends_at_the_timeout(
        self, connect: Connect, fake: FakeCaibo, server: FakeServer
    ) -> None:
        """That is a transport error and no deadline."""
        fake.delay(30, times=9)

        with pytest.raises(caibo.TransportError, match="ReadTimeout") as caught:
            connect(base_url=server.base_url, transport=None, timeout=0.05, max_retries=0).get(ID)

        assert type(caught.value) is caibo.TransportError
        assert caught.value.request_sent == "maybe"

    @pytest.mark.parametrize("timeout", [0.5, 7])
    def test_every_request_has_them(self, connect: Connect, timeout: float) -> None:
        """All four, the login's too; the generated client alone would wait for ever."""
        script = Script(answer(200, b'{"accessToken":"t"}'), answer(200, RECORD), answer(200))

        auth = caibo.Login("e@example.com", "p")
        connect(auth=auth, timeout=timeout, **script.options).update(ID, phone="+12025550100")

        assert [r.method for r in script.requests] == ["POST", "GET", "PUT"]
        for request in script.requests:
            assert request.extensions["timeout"] == dict.fromkeys(
                ("connect", "read", "write", "pool"), timeout
            )

    def test_none_goes_beyond_the_deadline(self, connect: Connect) -> None:
        """A wait that could not be used would only hide the deadline."""
        script = Script(answer(200, RECORD))

        connect(timeout=50, deadline=9, **script.options).get(ID)

        assert all(8 < t <= 9 for t in script.requests[0].extensions["timeout"].values())


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Put the clock forward."""
    real, ahead = time.monotonic, [0.0]
    monkeypatch.setattr("time.monotonic", lambda: real() + ahead[0])

    def forward(seconds: float) -> None:
        ahead[0] += seconds

    return forward


class TestWholeCall:
    def test_both_requests_of_an_update_share_it(
        self, connect: Connect, later: Callable[[float], None]
    ) -> None:
        """What the read took is missing for the write, which is then not sent."""

        def slow(_: httpx.Request) -> httpx.Response:
            later(61)
            return answer(200, RECORD)

        script = Script(slow, answer(200))

        with pytest.raises(caibo.DeadlineExceededError) as caught:
            connect(**script.options).update(ID, phone="+12025550100")

        assert caught.value.request_sent == "no"
        assert [r.method for r in script.requests] == ["GET"]

    def test_a_timeout_past_it_is_the_deadline(
        self, connect: Connect, later: Callable[[float], None]
    ) -> None:
        """The reader changes `deadline`, not `timeout`."""

        def slow(request: httpx.Request) -> httpx.Response:
            later(61)
            raise httpx.ReadTimeout("slow", request=request)

        with pytest.raises(caibo.DeadlineExceededError) as caught:
            connect(**Script(slow).options).get(ID)

        assert caught.value.request_sent == "maybe"

    def test_a_connection_that_takes_too_long_sent_nothing(
        self, connect: Connect, later: Callable[[float], None]
    ) -> None:
        """So a write keeps its clear outcome."""

        def slow(request: httpx.Request) -> httpx.Response:
            later(61)
            raise httpx.ConnectTimeout("slow", request=request)

        with pytest.raises(caibo.DeadlineExceededError, match="nothing was sent") as caught:
            connect(**Script(slow).options).replace(ID, PERSON)

        assert caught.value.request_sent == "no"

    def test_retries_share_it(self, connect: Connect, later: Callable[[float], None]) -> None:
        """The pause before one that cannot begin is not made."""

        def slow(_: httpx.Request) -> httpx.Response:
            later(20)
            return answer(429, Retry_After="0")

        script = Script(slow)

        with pytest.raises(caibo.RateLimitedError) as caught:
            connect(max_retries=10, deadline=50, **script.options).get(ID)

        assert len(script.requests) == 3
        assert caught.value.attempts == 3

    @pytest.mark.parametrize("connect", ["sync"], indirect=True)
    def test_a_transport_that_ignores_timeouts_is_cut_at_its_next_bytes(
        self, connect: Connect, later: Callable[[float], None]
    ) -> None:
        """All that can be done for one that somebody else wrote."""

        class Slow(httpx.SyncByteStream):
            def __iter__(self) -> Any:
                later(61)
                yield b"{"
                raise AssertionError("read on")

        class Transport(httpx.BaseTransport):
            def handle_request(self, request: httpx.Request) -> httpx.Response:
                return httpx.Response(200, stream=Slow())

        with pytest.raises(caibo.DeadlineExceededError):
            connect(transport=Transport()).get(ID)

    def test_each_call_has_its_own(self, connect: Connect, later: Callable[[float], None]) -> None:
        """It is no lifetime of the client."""
        client = connect(**Script(answer(200, RECORD)).options)
        client.get(ID)
        later(61)

        customer = client.get(ID)

        assert customer.id == ID


class TestCancelling:
    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    def test_a_cancelled_call_leaves_the_client_usable(self, fake: FakeCaibo, backend: str) -> None:
        """On a socket: its half-read connection is closed, and the next call gets a new one."""
        id = fake.add_customer()
        fake.delay(30, "GET")

        async def main(base_url: str) -> caibo.Customer:
            async with caibo.AsyncCaibo(api_key=fake.api_key, base_url=base_url) as client:
                with anyio.move_on_after(0.1) as scope:
                    await client.customers.get(id)
                assert scope.cancelled_caught
                return await client.customers.get(id)

        with fake.serve() as server:
            customer = anyio.run(main, server.base_url, backend=backend)

        assert customer.id == id

    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    def test_a_cancelled_call_is_not_a_deadline(self, backend: str) -> None:
        """The cancellation goes on to whoever asked for it."""

        async def wait(_: httpx.Request) -> httpx.Response:
            await anyio.sleep_forever()
            raise AssertionError

        async def main() -> bool:
            transport = httpx.MockTransport(wait)
            async with caibo.AsyncCaibo(api_key=KEY, transport=transport) as client:
                with anyio.move_on_after(0.01) as scope:
                    await client.customers.get(ID)
                return scope.cancelled_caught

        cancelled = anyio.run(main, backend=backend)

        assert cancelled
