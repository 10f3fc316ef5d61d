"""Where a promise ends: one more, one later or one shorter would be wrong."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import anyio
import httpx
import pytest
from faces import Connect, Face, methods
from scripted import ID, KEY, RECORD, Script, answer

import caibo
from caibo._record.masking import Redactor
from caibo._wire import clock, exchange
from caibo._wire.network import Network
from caibo._wire.waiting import Connect as ConnectStep
from caibo._wire.waiting import Flow, Receive, Send, Transmit
from caibo.testing import Clock, FakeCaibo, FakeServer

LEFT = 0.25  # seconds


@contextmanager
def nobody_accepts() -> Iterator[str]:
    """Listen, and take nothing but what the operating system takes itself."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        # What would wait for ever gets another end.
        timer = threading.Timer(20, listener.close)
        timer.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        timer.cancel()


class TestAWriteThatLandedInPart:
    def test_it_is_not_sent_again(self, connect: Connect, fake: FakeCaibo) -> None:
        """Someone put one of two fields back before we looked; ours may still be on its way."""
        id = fake.add_customer(phone="old", address="old")
        fake.lose_response("PUT")
        fake.change_after_write(id, address="old")

        with pytest.raises(caibo.UnknownOutcomeError, match="neither the old nor the new"):
            connect().update(id, phone="new", address="new")

        assert methods(fake) == ["GET", "PUT", "GET"]


class TestTheEndOfACall:
    """It is that of each step below it, however long `timeout` is."""

    @pytest.fixture
    def now(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        now = [1000.0]
        monkeypatch.setattr(clock, "now", lambda: now[0])
        return now

    @pytest.fixture(params=["deadline", "timeout"])
    def network(self, request: pytest.FixtureRequest, now: list[float]) -> Iterator[Network]:
        """Give one whose time is bounded by the call's, or by that for the whole way."""
        network = Network(layers=1, proxy=None)
        timeout, left = (10.0, LEFT) if request.param == "deadline" else (LEFT, 10.0)
        network.timeout, network.ends = timeout, now[0] + left
        connecting = network.connect("127.0.0.1", 1)
        step = next(connecting)
        assert isinstance(step, ConnectStep)
        assert step.seconds == pytest.approx(LEFT)
        finish(connecting)
        yield network
        network.close()

    def test_of_a_tls_handshake(self, network: Network, now: list[float]) -> None:
        """Each of its steps, and none is begun after it."""
        handshake = network.secure(ssl.create_default_context(), "127.0.0.1")

        hello = next(handshake)
        assert isinstance(hello, Transmit)
        now[0] += 0.1
        waiting = handshake.send(len(hello.data))
        assert isinstance(waiting, Receive)
        now[0] += LEFT

        assert hello.seconds == pytest.approx(LEFT)
        assert waiting.seconds == pytest.approx(LEFT - 0.1)
        with pytest.raises(Exception, match="timed out"):
            handshake.send(b"\x16")

    def test_of_what_is_written_in_pieces(self, network: Network, now: list[float]) -> None:
        """Whoever takes a byte now and then gets no new time with each."""
        network.keep(b"0123456789")
        writing = network.receive(None)

        first = next(writing)
        now[0] += 0.1
        second = writing.send(3)
        now[0] += LEFT

        assert isinstance(first, Transmit)
        assert isinstance(second, Transmit)
        assert bytes(second.data) == b"3456789"
        assert [first.seconds, second.seconds] == pytest.approx([LEFT, LEFT - 0.1])
        with pytest.raises(Exception, match="timed out"):
            writing.send(3)

    def test_of_a_handshake_on_a_socket(self, connect: Connect) -> None:
        """Nothing was sent, and it was not `timeout` that ended it."""
        with nobody_accepts() as address, pytest.raises(caibo.DeadlineExceededError) as caught:
            connect(base_url=f"https://{address}", transport=None, deadline=0.1).get(ID)

        assert caught.value.request_sent == "no"

    @pytest.mark.parametrize("way", ["sync", "asyncio", "trio"])
    def test_of_a_write_on_a_socket(self, way: str) -> None:
        """Where somebody does not read, and the operating system takes no more."""
        ours, theirs = socket.socketpair()
        timer = threading.Timer(20, theirs.close)  # what would wait for ever gets another end
        timer.start()
        step = Transmit(ours, b"x" * 65536, 0.02)

        async def send() -> None:
            ours.setblocking(False)
            while True:
                await step.awaited(None)

        with ours, theirs, pytest.raises(TimeoutError):
            if way != "sync":
                anyio.run(send, backend=way)
            while True:
                step.wait(None)
        timer.cancel()

    @pytest.mark.parametrize("deadline", [0.1, 7.0])
    def test_of_a_transport_of_the_callers(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch, deadline: float
    ) -> None:
        """Within a tenth of a second of it."""
        ends: list[float] = []

        def send(transport: Any, request: Any, end: float, *, cut: bool) -> Send:
            ends.append(end)
            assert cut
            return Send(transport, request, end, cut)

        monkeypatch.setattr(exchange, "Send", send)
        with Clock():
            began = clock.now()
            connect(deadline=deadline, **Script(answer(200, RECORD)).options).get(ID)

        assert ends == [pytest.approx(began + deadline, abs=0.1)]

    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    def test_of_a_transport_that_never_answers(self, backend: str) -> None:
        """It is cancelled."""

        class Deaf(httpx.AsyncBaseTransport):
            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                await anyio.sleep(20)
                return httpx.Response(200, content=RECORD)

        async def call() -> None:
            url = "https://gateway.test"
            async with caibo.AsyncCaibo(
                api_key=KEY, base_url=url, deadline=0.1, transport=Deaf()
            ) as client:
                await client.customers.get(ID)

        with pytest.raises(caibo.DeadlineExceededError):
            anyio.run(call, backend=backend)


def finish(flow: Flow[None]) -> None:
    with pytest.raises(StopIteration):
        flow.send(None)


class TestLoopback:
    @pytest.mark.parametrize(
        "host",
        [
            "evillocalhost",
            "evil.localhost",
            "localhost.evil.test",
            "127.0.0.1.evil.test",
            "128.0.0.1",
        ],
    )
    @pytest.mark.parametrize("kind", [caibo.Caibo, caibo.AsyncCaibo])
    def test_no_other_host_is_it(self, kind: Any, host: str) -> None:
        """The key would go there in plain text."""
        with pytest.raises(caibo.ConfigurationError, match="plain http"):
            kind(api_key=KEY, base_url=f"http://{host}:8080")


class TestFresh:
    """A plan's record is written onto without another look only if it is known to be young."""

    @pytest.fixture
    def client(self, connect: Connect) -> Face:
        return connect(max_base_age=60)

    @pytest.fixture
    def id(self, fake: FakeCaibo) -> int:
        return fake.add_customer(phone="old", address="old")

    def test_not_after_it_failed(
        self, connect: Connect, server: FakeServer, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """What others have changed by then stays, also if another client takes it up."""
        plan = client.plan(id, phone="new")
        fake.fail_next(400, method="PUT")
        with pytest.raises(caibo.BadRequestError):
            client.apply(plan)
        fake.change(id, address="theirs")
        other = connect(base_url=server.base_url, transport=None, max_base_age=60)

        other.apply(plan)

        assert methods(fake) == ["GET", "PUT", "GET", "PUT"]
        assert fake.document(id)["address"] == "theirs"

    def test_not_from_the_future(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """A clock was set back since, so nobody knows how old it is."""
        plan = client.plan(id, phone="new")
        plan.read_at += timedelta(seconds=30)
        fake.change(id, address="theirs")

        client.apply(plan)

        assert methods(fake) == ["GET", "GET", "PUT"]
        assert fake.document(id)["address"] == "theirs"

    def test_what_was_handed_over_is_protected_by_nothing(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """A lock that was taken after its reading keeps nobody out."""
        update = client.update(id, current=fake.document(id), phone="new")

        assert update.protection == "none"


class TestMasking:
    def test_the_case_of_a_secret_does_not_matter(self) -> None:
        """Some gateways shout, and run it into other words."""
        redact = Redactor({}, ["OpaqueToken9"])

        assert redact("keyOPAQUETOKEN9key is wrong") == "key‹secret›key is wrong"
        assert redact.name("x_opaquetoken9_y") == "x_‹secret›_y"

    def test_the_case_of_odd_values_does_not_matter(self) -> None:
        """Those with more signs than letters."""
        assert redacted({"address": "-- ä --"}, "no -- Ä -- here") == "no ‹value› here"

    def test_the_longest_value_is_taken_first(self) -> None:
        """What is left of it would still be somebody's."""
        sent = {"name": "Anna", "address": "Anna Lane"}

        assert redacted(sent, "Anna Lane is no name") == "‹address› is no name"


def redacted(sent: dict[str, Any], text: str) -> str:
    return Redactor(sent)(text)


class TestTheRetryBudget:
    def test_a_success_gives_back_a_tenth(self, connect: Connect) -> None:
        """Nine of them are not enough for one retry more."""
        read = answer(200, RECORD)
        script = Script(*[answer(500)] * 20, *[read] * 9, answer(500), read)
        client = connect(max_retries=1, **script.options)
        for _ in range(10):
            with pytest.raises(caibo.ServerError):
                client.get(ID)
        for _ in range(9):
            client.get(ID)

        with pytest.raises(caibo.ServerError, match="Retries are suspended"):
            client.get(ID)


def nested(levels: int) -> Any:
    """Nest a value; a member of a record, it makes the record one level deeper."""
    return json.loads("[" * levels + "]" * levels)


class TestDepth:
    @pytest.mark.parametrize("more", ["", "]", '"[[[{{{"'], ids=["plain", "early", "strings"])
    def test_a_hundred_levels_are_read(self, connect: Connect, more: str) -> None:
        """The object itself is one of them; brackets within strings are none."""
        inner = "[" * 99 + more.strip("]") + "]" * 99
        record = RECORD[:-1] + f',"x":{inner}}}'.encode()

        found = connect(**Script(answer(200, record)).options).get(ID)

        assert found.document.text("x") == inner

    def test_one_more_is_none(self, connect: Connect) -> None:
        """It is said to be no record, and not quoted."""
        record = RECORD[:-1] + f',"x":{"[" * 100}{"]" * 100}}}'.encode()

        with pytest.raises(caibo.MalformedResponseError, match="nested too deeply"):
            connect(**Script(answer(200, record)).options).get(ID)

    @pytest.mark.parametrize("kind", ["lists", "objects"])
    def test_a_hundred_levels_are_written(
        self, connect: Connect, fake: FakeCaibo, kind: str
    ) -> None:
        """The record is one of them."""
        text = {"lists": ("[", "", "]"), "objects": ('{"a":', "1", "}")}[kind]
        first, middle, last = text
        id = fake.add_customer()

        connect().update(id, extra={"x": json.loads(first * 99 + middle + last * 99)})
        with pytest.raises(caibo.InvalidChangesError, match="nested too deeply"):
            connect().update(id, extra={"x": json.loads(first * 100 + middle + last * 100)})

        assert methods(fake) == ["GET", "PUT"]
