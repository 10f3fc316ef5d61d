"""What the operating system does with a name, a socket or a fork, step by step, in one process.

The same with real forks and interrupts is in `test_forks.py` and `test_crowd.py`, where
nothing is measured.
"""

from __future__ import annotations

import math
import os
import runpy
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import httpcore
import httpx
import pytest
from faces import Connect
from forked import KEY, Apart, Authority, make
from scripted import ID, RawServer

import caibo
from caibo._wire import clock, local
from caibo._wire.local import Local
from caibo._wire.network import Network
from caibo._wire.turns import Place, Places
from caibo._wire.waiting import Flow, Threads, Transmit
from caibo.testing import FakeCaibo, FakeServer

NAME = "localhost"
MINE, OTHER = 2, 4


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Give the addresses that a look-up of `NAME` finds from now on."""
    found: list[tuple[str, int]] = []
    look_up = socket.getaddrinfo

    def getaddrinfo(host: Any, *others: Any, **named: Any) -> list[Any]:
        numeric = socket.AI_NUMERICHOST in (*others[-1:], named.get("flags"))
        if numeric or host not in (NAME, NAME.encode()):
            return look_up(host, *others, **named)
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, address) for address in found]

    monkeypatch.setattr("socket.getaddrinfo", getaddrinfo)
    return found


def address_of(url: str) -> tuple[str, int]:
    host, _, port = url.rpartition("/")[2].partition(":")
    return host, int(port)


class TestNames:
    def test_the_next_address_is_tried(
        self,
        connect: Connect,
        fake: FakeCaibo,
        server: FakeServer,
        addresses: list[tuple[str, int]],
    ) -> None:
        """Where nobody listens at the one before, in the same call."""
        with fake.serve() as gone:
            pass
        addresses += [address_of(gone.base_url), address_of(server.base_url)]
        id = fake.add_customer()

        customer = connect(base_url=f"http://{NAME}:1", transport=None, max_retries=0).get(id)

        assert customer.id == id

    @pytest.mark.usefixtures("addresses")
    def test_one_without_an_address_is_a_failed_connection(self, connect: Connect) -> None:
        """Nothing can have been sent."""
        client = connect(base_url=f"http://{NAME}:1", transport=None, max_retries=0)

        with pytest.raises(caibo.TransportError, match="no connection") as caught:
            client.get(ID)

        assert caught.value.request_sent == "no"


def test_an_address_that_is_refused_before_anything_is_sent(connect: Connect) -> None:
    """TCP goes to one host, and the operating system says at once that this is not one."""
    with socket.socket() as plain:
        refused = plain.connect_ex(("255.255.255.255", 443))
    client = connect(base_url="https://255.255.255.255", transport=None, max_retries=0)

    with pytest.raises(caibo.TransportError, match="no connection") as caught:
        client.get(ID)

    assert os.strerror(refused) in str(caught.value)
    assert caught.value.request_sent == "no"


@pytest.mark.parametrize("connect", ["asyncio", "trio"], indirect=True)
def test_a_socket_that_is_not_ready_after_all(
    connect: Connect, fake: FakeCaibo, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is waited for again: https://man7.org/linux/man-pages/man2/select.2.html#BUGS."""
    id = fake.add_customer()
    refused: list[str] = []
    ours: set[Any] = set()
    send, recv = socket.socket.send, socket.socket.recv

    def stubborn_send(sock: socket.socket, data: Any, *flags: int) -> int:
        if bytes(data[:4]) == b"GET " and sock not in ours:
            ours.add(sock)
            refused.append("send")
            raise BlockingIOError
        return send(sock, data, *flags)

    def stubborn_recv(sock: socket.socket, size: int, *flags: int) -> bytes:
        if sock in ours and "recv" not in refused:
            refused.append("recv")
            raise BlockingIOError
        return recv(sock, size, *flags)

    monkeypatch.setattr("socket.socket.send", stubborn_send)
    monkeypatch.setattr("socket.socket.recv", stubborn_recv)

    customer = connect(base_url=server.base_url, transport=None, max_retries=0).get(id)

    assert (customer.id, refused) == (id, ["send", "recv"])


def test_what_goes_out_is_not_shown() -> None:
    """A traceback that shows the variables has the step, and it has the key."""
    with socket.socket() as unused:
        assert repr(Transmit(unused, b"X-API-Key: s3cret", 1.0)) == "Transmit(17 bytes)"


def test_a_gateway_that_says_good_bye_instead_of_an_answer(
    connect: Connect, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TLS has a word for it; the request may have arrived."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))

    def good_bye(peer: socket.socket) -> None:
        assert isinstance(peer, ssl.SSLSocket)
        peer.unwrap()

    gateway = RawServer(good_bye)
    gateway.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    gateway.tls.load_cert_chain(authority.certificate)

    with gateway.serve() as link, pytest.raises(caibo.TransportError) as caught:
        connect(api_key=KEY, max_retries=0, **link).get(ID)

    assert caught.value.request_sent == "maybe"


class TestInterrupted:
    def test_while_a_connection_is_made(
        self, fake: FakeCaibo, server: FakeServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The place that it was for goes to the next, though somebody keeps the traceback."""
        create = httpcore.ConnectionPool.create_connection
        interrupts = [KeyboardInterrupt()]

        def interrupted(pool: Any, origin: Any) -> Any:
            if interrupts:
                raise interrupts.pop()
            return create(pool, origin)

        monkeypatch.setattr("httpcore.ConnectionPool.create_connection", interrupted)
        id = fake.add_customer()
        options: dict[str, Any] = {"api_key": fake.api_key, "base_url": server.base_url}
        with caibo.Caibo(max_connections=1, deadline=1, **options) as client:
            with pytest.raises(KeyboardInterrupt) as kept:
                client.customers.get(id)

            assert client.customers.get(id).id == id
        assert kept.value.__traceback__ is not None


@pytest.fixture
def at_the_head(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Callable[[], object]]]:
    """Give what is done once when the head of an answer is there, and its body is not read."""
    acts: list[Callable[[], object]] = []
    handle = httpx.HTTPTransport.handle_request

    def handled(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        response = handle(transport, request)
        if acts:
            acts.pop()()
        return response

    monkeypatch.setattr("httpx.HTTPTransport.handle_request", handled)
    yield acts
    assert acts == []


class TestInUse:
    def test_a_client_that_is_closed(
        self, gateway: Apart, at_the_head: list[Callable[[], object]]
    ) -> None:
        """The call gets its answer, and its connection is closed when it comes back."""
        client = make("sync", gateway.base_url)
        assert isinstance(client, caibo.Caibo)
        at_the_head.append(client.close)

        assert client.customers.get(MINE).id == MINE

        gateway("open", 0)

    def test_a_process_that_starts_anew(
        self, gateway: Apart, at_the_head: list[Callable[[], object]]
    ) -> None:
        """As a child does: it lets go of the connection at once, and does not go on with it."""
        client = make("sync", gateway.base_url, max_connections=1)
        assert isinstance(client, caibo.Caibo)

        def start_anew() -> None:
            local._start_anew()
            gateway("open", 0)
            assert client.customers.get(OTHER).id == OTHER

        at_the_head.append(start_anew)
        client.customers.get(MINE)
        assert client.customers.get(OTHER).id == OTHER

        assert [link.requests for link in gateway.links()] == [
            [("GET", MINE)],
            [("GET", OTHER)] * 2,
        ]
        client.close()
        gateway("open", 0)

    def test_a_process_that_starts_anew_while_it_connects(
        self, gateway: Apart, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its parent has the place, and no connection yet that there was anything to do with."""
        create = httpcore.ConnectionPool.create_connection

        def anew(pool: Any, origin: Any) -> Any:
            local._start_anew()
            return create(pool, origin)

        monkeypatch.setattr("httpcore.ConnectionPool.create_connection", anew)
        client = make("sync", gateway.base_url, max_connections=1)
        assert isinstance(client, caibo.Caibo)

        assert [client.customers.get(id).id for id in (MINE, OTHER)] == [MINE, OTHER]

        client.close()
        gateway("open", 0)


class Loop:
    """Stand for an event loop that has ended."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self._meanwhile = [meanwhile]

    def is_closed(self) -> bool:
        if self._meanwhile:
            self._meanwhile.pop()()
        return True


def test_what_two_threads_find_left_behind_is_dropped_once() -> None:
    """One comes between two lines of the other."""
    dropped: list[object] = []
    states = Local(object, dropped.append)
    left = states.at(Loop(lambda: states.at("another thread")))

    states.at(None)

    assert dropped == [left]


def test_where_nothing_forks(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows: there is nobody to tell of a fork."""
    monkeypatch.delattr(os, "register_at_fork", raising=False)

    made = runpy.run_path(str(local.__file__))

    assert made["Local"](list).at(None) == []


def test_a_place_that_comes_back_while_somebody_queues_for_it() -> None:
    """Between two looks at it: there is nobody before, so it is theirs without a wait."""
    places = Places(1)
    held = result(places.take(Threads.Gate, 0.0))

    class Gate(Threads.Gate):
        def __init__(self) -> None:
            held.give_back()
            super().__init__()

    taken = result(places.take(Gate, 0.0))

    assert places.held() == [taken]


def test_a_place_that_is_given_back_twice_wakes_nobody_the_second_time() -> None:
    """Another has it by then, and whoever waits would look in vain."""
    places = Places(1)
    first = result(places.take(Threads.Gate, 0.0))
    first.give_back()
    second = result(places.take(Threads.Gate, 0.0))
    opened: list[Threads.Gate] = []

    class Gate(Threads.Gate):
        def open(self) -> None:
            opened.append(self)

    waiting = places.take(Gate, math.inf)
    next(waiting)

    first.give_back()
    assert not opened
    second.give_back()
    assert len(opened) == 1
    waiting.close()


def result(flow: Flow[Place | None]) -> Place:
    """Run a flow that need not wait."""
    with pytest.raises(StopIteration) as ended:
        next(flow)
    assert isinstance(ended.value.value, Place)
    return ended.value.value


class TestOneEnd:
    """A connection between two sockets of this process."""

    @pytest.fixture
    def pair(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Network, socket.socket]]:
        here, there = socket.socketpair()
        network = Network(layers=0, proxy=None)
        network.ready, network.timeout, network.ends = True, 5.0, clock.now() + 5
        monkeypatch.setattr(network, "_socket", here)
        with here, there:
            yield network, there

    def test_nobody_there_to_take_a_request_is_a_failed_write(
        self, pair: tuple[Network, socket.socket]
    ) -> None:
        """For httpcore, which reads on all the same: whoever hangs up may have said why."""
        network, there = pair
        network.keep(b"PUT")
        there.close()

        with pytest.raises(httpcore.WriteError):
            Threads.run(network.flush())

    def test_what_it_said_before_it_hung_up_is_read(
        self, pair: tuple[Network, socket.socket]
    ) -> None:
        """Though the request could not be sent any more."""
        network, there = pair
        network.keep(b"GET")
        there.send(b"HTTP/1.1 503")
        there.close()

        assert Threads.run(network.receive(None)) == b"HTTP/1.1 503"

    @pytest.mark.parametrize("polls", [True, False], ids=["poll", "select"])
    def test_what_came_unasked_is_seen(
        self, pair: tuple[Network, socket.socket], monkeypatch: pytest.MonkeyPatch, *, polls: bool
    ) -> None:
        """Also where the operating system has no `poll`."""
        network, there = pair
        if not polls:
            monkeypatch.setattr("caibo._wire.network._poll", None)

        before = network.info("is_readable")
        there.send(b"HTTP/1.1 408 Request Timeout\r\n\r\n")

        assert (before, network.info("is_readable")) == (False, True)
