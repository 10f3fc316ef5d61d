"""Small print of the wire that a whole call seldom shows: mutants that no other test saw."""

from __future__ import annotations

import asyncio
import shutil
import sys
import threading
from collections.abc import AsyncIterator, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, nullcontext
from math import inf
from pathlib import Path

import httpcore
import httpx
import pytest
from faces import Connect
from forked import Authority
from scripted import ID, KEY, RECORD, RawServer, Script, answer, framed

import caibo
from caibo._wire import answers
from caibo._wire.caches import kept_by
from caibo._wire.connections import Connections, Route
from caibo._wire.headers import of_the_caller
from caibo._wire.limit import Limit, Ticket
from caibo._wire.loaded import load
from caibo._wire.local import Local
from caibo._wire.proxies import proxy_for
from caibo._wire.refusals import error_from_exception, error_from_response
from caibo._wire.tls import ssl_context
from caibo._wire.turns import Place, Places
from caibo._wire.waiting import LateError, Send, Sent, Take, Tasks, Threads

GET = httpx.Request("GET", "https://gateway.test/customers/1")


def got(response: httpx.Response, body: bytes = b"") -> answers.Answer:
    return answers.answer(GET, Sent(response, body), 0.0, 1.0)


class TestWhatOthersSeeOfAnAnswer:
    def test_an_auth_sees_its_headers(self, connect: Connect) -> None:
        """Such as a challenge, which httpx's own Digest takes from there."""
        challenge = 'Digest realm="caibo", nonce="n", qop="auth", algorithm=MD5'
        script = Script(answer(401, WWW_Authenticate=challenge), answer(200, RECORD))

        connect(api_key=None, auth=httpx.DigestAuth("ada", "pw"), **script.options).get(ID)

        assert script.requests[1].headers["Authorization"].startswith('Digest username="ada"')

    def test_it_has_what_the_transport_said_beside(self) -> None:
        """Such as the connection, which instruments look at."""
        seen = got(httpx.Response(200, extensions={"by": "a mock"})).as_response()

        assert seen.extensions["by"] == "a mock"
        assert seen.request is GET

    def test_a_stream_stands_for_its_body(self) -> None:
        """It is read by whoever asked for it."""
        stream = httpx.ByteStream(b"later")

        assert got(httpx.Response(200), b"now").as_response(stream).read() == b"later"
        assert got(httpx.Response(200), b"now").as_response().content == b"now"


def test_each_origin_that_an_auth_asks_is_asked_itself(connect: Connect) -> None:
    """None gets what is meant for another."""
    one, other, gateway = (RawServer(framed(body)) for body in (b"1", b"2", RECORD))
    told: list[bytes] = []

    class Asking(httpx.Auth):
        requires_response_body = True

        def auth_flow(
            self, request: httpx.Request
        ) -> Generator[httpx.Request, httpx.Response, None]:
            for place in (one, other):
                answer = yield httpx.Request("POST", f"{place.base_url}/token")
                told.append(answer.content)
            yield request

    with one.serve(), other.serve(), gateway.serve() as options:
        connect(api_key=None, auth=Asking(), **options).get(ID)

    assert told == [b"1", b"2"]
    assert [len(server.requests) for server in (one, other, gateway)] == [1, 1, 1]


def test_what_an_auth_asks_of_the_gateway_counts_among_its_connections() -> None:
    """There are no more of them to one origin than `max_connections`."""
    url = httpx.URL("https://gateway.test/v1")
    connections = Connections(Threads, lambda url: Route(Threads, url, None, None), url, 1)
    first = Threads.run(connections.lease(None, inf))

    assert first is not None
    assert Threads.run(connections.lease(None, -inf, url.copy_with(path="/token"))) is None
    assert Threads.run(connections.lease(None, -inf, httpx.URL("https://else.test"))) is not None


def test_a_write_of_the_generated_client_has_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing reads it back, so nothing is kept for that."""
    monkeypatch.setattr("caibo._wire.clock.now", lambda: 100.0)
    script = Script(answer(200, RECORD))

    with caibo.Caibo(api_key=KEY, deadline=4, timeout=30, **script.options) as client:
        client.api.get_httpx_client().put(f"/customers/{ID}", content=RECORD)

    assert script.requests[0].extensions["timeout"]["read"] == 4


def test_an_event_loop_finds_its_own_state_again() -> None:
    """Also where threads have one: whoever waits in the one cannot be woken from the other."""
    made: Local[list[object]] = Local(list)
    threads, loop = made.at(None), made.at("a loop")

    assert loop is not threads
    assert made.at("a loop") is loop
    assert made.at(None) is threads


def test_what_follows_the_last_space_of_a_header_is_a_secret() -> None:
    """A gateway may quote a token without what says which kind it is."""
    headers = httpx.Headers({"X-Signed": "HMAC v1 5f2b9c1d"})

    assert "5f2b9c1d" in of_the_caller(headers)


def test_a_read_after_its_write_takes_one_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no other write that one has to be kept for."""
    now = 0.0
    monkeypatch.setattr("caibo._wire.clock.now", lambda: now)
    limit, ticket = Limit(2), Ticket()

    def turn(mine: Ticket) -> bool:
        return Threads.run(limit.turn(mine, Threads.Gate, now + 0.5, writes=mine is ticket))

    assert (turn(ticket), turn(ticket)) == (True, True)  # the read, and the write
    now = 1.0

    assert turn(ticket)
    assert turn(Ticket())


@pytest.mark.parametrize(("bytes_long", "taken"), [(255, True), (256, False)])
def test_socks_takes_logins_of_255_bytes(
    monkeypatch: pytest.MonkeyPatch, bytes_long: int, taken: bool
) -> None:
    """More do not fit: https://www.rfc-editor.org/rfc/rfc1929#section-2."""
    monkeypatch.setenv("HTTPS_PROXY", f"socks5://ada:{'p' * bytes_long}@proxy.test:1080")

    with nullcontext() if taken else pytest.raises(caibo.ConfigurationError, match="255 bytes"):
        assert proxy_for(httpx.URL("https://gateway.test")) is not None


def test_a_connection_that_is_refused_is_no_matter_of_certificates(connect: Connect) -> None:
    """So the advice is another one."""
    client = connect(max_retries=0, **Script(httpx.ConnectError("refused")).options)

    with pytest.raises(caibo.TransportError, match="Check `base_url`, the network") as caught:
        client.get(ID)

    assert "SSL_CERT_FILE" not in str(caught.value)


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_nobody_is_trusted_beside_those_that_are_named(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Not the authorities of the system either."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    folder = tmp_path / "authorities"
    folder.mkdir()
    shutil.copy(authority.ca, folder / "0123abcd.0")
    monkeypatch.setenv(name, str(authority.ca if name == "SSL_CERT_FILE" else folder))
    loaded: list[object] = []
    monkeypatch.setattr("ssl.SSLContext.load_default_certs", lambda *_: loaded.append(1))

    assert len(ssl_context().get_ca_certs()) == (name == "SSL_CERT_FILE")  # a folder waits
    assert loaded == []


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (503, {}, "may have been applied"),
        (503, {"Retry-After": "7"}, "Try again after 7 seconds"),
        (404, {"Retry-After": "7"}, "nothing was changed"),
        (429, {}, "Slow down"),
    ],
    ids=str,
)
def test_whoever_is_not_asked_to_wait_is_told_what_to_look_at(
    status: int, headers: dict[str, str], said: str
) -> None:
    """After a write that may have been applied, at the record."""
    put = httpx.Request("PUT", GET.url, content=b"{}")
    told = answers.answer(put, Sent(httpx.Response(status, headers=headers), b""), 0.0, 1.0)

    hint = error_from_response(put, told).hint

    assert said in hint
    assert "web page" not in hint


def test_a_page_where_nothing_was_found_may_be_another_host_s(connect: Connect) -> None:
    """And no write that may have been applied."""
    page = answer(404, b"<html><title>Portal</title></html>", Content_Type="text/html")

    with pytest.raises(caibo.NotFoundError) as caught:
        connect(**Script(page).options).get(ID)

    assert caught.value.hint.endswith("Is `base_url` right?")


def test_each_event_loop_renews_for_itself() -> None:
    """None of them can be woken from another, so nobody waits for the renewal of another."""
    both = threading.Barrier(2, timeout=5)

    def token() -> str:
        both.wait()
        return KEY

    client = caibo.AsyncCaibo(access_token=token, **Script(answer(200, RECORD)).options)
    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(asyncio.run, client.customers.get(ID)) for _ in range(2)]

    assert [one.result().id for one in found] == [ID, ID]


def test_nobody_is_given_a_place_before_those_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does anybody give up before the time is over."""
    monkeypatch.setattr("caibo._wire.clock.now", lambda: 10.0)
    places = Places(1)
    held = Threads.run(places.take(Threads.Gate, 10.5))
    first, second = (places.take(Threads.Gate, 10.5) for _ in range(2))

    assert isinstance(next(first), Take)
    assert held is not None
    held.give_back()
    assert isinstance(next(second), Take)
    with pytest.raises(StopIteration) as ended:
        first.send(None)
    assert isinstance(ended.value.value, Place)
    second.close()


def test_a_body_that_goes_on_after_the_end_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it comes so fast that nothing ever has to wait for it."""
    now = 0.0
    monkeypatch.setattr("caibo._wire.clock.now", lambda: now)

    class Busy(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            nonlocal now
            while not closed and now < 9:
                now += 1
                yield b" "

        async def aclose(self) -> None:
            closed.append(True)

    closed: list[bool] = []
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=Busy()))

    async def send() -> None:
        async with AsyncExitStack() as held:
            await Send(transport, GET, 3.0, cut=False).awaited(held)

    with pytest.raises(LateError):
        asyncio.run(send())
    assert now == 4


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[" * 5000 + b"]" * 5000, "400 Bad Request: [[["),
        (rb'"{\"message\": \"no such phone\"}"', "400 Bad Request: no such phone"),
        (b"\xef\xbb\xbfnot \xff text", "400 Bad Request: not \ufffd text"),
    ],
    ids=["nested without end", "encoded twice", "bytes that are no text"],
)
def test_whatever_a_refusal_says_it_is_told(connect: Connect, body: bytes, said: str) -> None:
    """As one of our errors."""
    script = Script(answer(400, body, Content_Type="application/json"))

    with pytest.raises(caibo.BadRequestError) as caught:
        connect(**script.options).get(ID)

    assert said in str(caught.value)


def test_a_library_of_event_loops_that_nobody_runs_is_not_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is no dependency: trio."""
    monkeypatch.delitem(sys.modules, "trio", raising=False)
    monkeypatch.setitem(sys.modules, "anyio._backends._trio", None)  # not to be imported

    load(Tasks)


def test_a_copy_that_was_asked_about_is_no_old_one() -> None:
    """Whatever a cache calls it."""
    assert kept_by({"x-cache": "TCP_REVALIDATED_HIT"}) is None
    assert kept_by({"x-cache": "TCP_MEM_HIT"})


@pytest.mark.parametrize(
    ("cause", "sent"),
    [(None, "no"), (httpcore.ConnectError(), "no"), (OSError(), "maybe")],
    ids=["itself", "httpcore", "another library"],
)
def test_httpx_and_httpcore_are_believed_that_nothing_was_sent(
    cause: Exception | None, sent: str
) -> None:
    """Others call a lost answer a failed connection."""
    error = httpx.ConnectError("refused")
    error.__cause__ = cause

    found = error_from_exception(GET, error, inf)

    assert isinstance(found, caibo.TransportError)
    assert found.request_sent == sent
