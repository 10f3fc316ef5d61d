"""`client.with_options(…)`: other options for some calls, over the same connections."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import anyio
import httpx
import pytest
from faces import Connect, Face, methods
from scripted import ID, KEY, RECORD, RawServer, Script, answer, framed, read_request

import caibo
from caibo.testing import Clock, FakeCaibo


def light(client: Face, **options: Any) -> Face:
    """Return a light copy of a client on the same face."""
    return Face(client.caibo.with_options(**options), client._portal)


def through_api(client: Face, id: int) -> None:
    is_async = isinstance(client.caibo, caibo.AsyncCaibo)
    api = client.caibo.api
    http: Any = api.get_async_httpx_client() if is_async else api.get_httpx_client()
    client.wait(http.get, f"/customers/{id}")


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer()


class TestEachOption:
    def test_timeout(self, connect: Connect) -> None:
        """Of the copy's requests, and not of the others."""
        script = Script(answer(200, RECORD))
        client = connect(timeout=7, **script.options)

        light(client, timeout=0.5).get(ID)
        client.get(ID)

        assert [r.extensions["timeout"]["read"] for r in script.requests] == [0.5, 7]

    def test_deadline(self, connect: Connect) -> None:
        """Counted from the beginning of each of its calls."""
        busy = Script(answer(429, Retry_After="20"), answer(200, RECORD))
        client = connect(**busy.options)
        hasty = light(client, deadline=5)

        with Clock() as clock, pytest.raises(caibo.RateLimitedError):
            hasty.get(ID)
        busy.requests.clear()
        with Clock() as clock:
            client.get(ID)

        assert clock.sleeps == [20]

    def test_deadline_over_a_socket(self, connect: Connect) -> None:
        """A web handler bounds one call."""
        gateway = RawServer(lambda _: gateway.closing.wait(30))
        with gateway.serve() as link:
            client = connect(**link)

            with pytest.raises(caibo.DeadlineExceededError):
                light(client, deadline=0.05).get(ID)

    def test_max_retries(self, connect: Connect, pauses: list[float]) -> None:
        """None, where somebody waits for the answer."""
        script = Script(answer(429))
        client = connect(**script.options)

        with pytest.raises(caibo.RateLimitedError):
            light(client, max_retries=0).get(ID)
        alone = len(script.requests)
        with pytest.raises(caibo.RateLimitedError):
            client.get(ID)

        assert (alone, len(script.requests)) == (1, 4)

    def test_headers(self, connect: Connect, fake: FakeCaibo, id: int) -> None:
        """Besides the client's, whose names they replace in any case; `None` takes one out."""
        client = connect(headers={"X-Tenant": "a", "X-Team": "b"})

        light(client, headers={"X-Correlation-ID": "c-17", "x-team": "c"}).get(id)
        light(client, headers={"X-TENANT": None}).get(id)
        client.get(id)

        names = ("X-Tenant", "X-Team", "X-Correlation-ID")
        assert [tuple(r.headers.get(name) for name in names) for r in fake.requests] == [
            ("a", "c", "c-17"),
            (None, "b", None),
            ("a", "b", None),
        ]

    def test_headers_go_with_a_login(self, connect: Connect, fake: FakeCaibo, id: int) -> None:
        """With the one that its call needs."""
        client = connect(auth=caibo.Login(fake.email, fake.password))

        light(client, headers={"X-A": "b"}).get(id)
        client.get(id)

        assert methods(fake) == ["POST", "GET", "GET"]
        assert [r.headers.get("X-A") for r in fake.requests] == ["b", "b", None]

    def test_confirm(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """Read back after the copy's updates only, and `False` switches it off again."""
        reading = light(client, confirm=True)

        confirmed = reading.update(id, phone="+12025550100")
        accepted = light(reading, confirm=False).update(id, phone="+12025550101")

        assert (confirmed.outcome, accepted.outcome) == ("confirmed", "accepted")
        assert methods(fake) == ["GET", "PUT", "GET", "GET", "PUT"]

    def test_validate(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """Ask the gateway itself about one odd value, and hold the others against the contract."""
        with pytest.raises(caibo.InvalidChangesError):
            client.update(id, email="x" * 300)

        with pytest.raises(caibo.BadRequestError):
            light(client, validate=False).update(id, email="x" * 300)

        assert methods(fake)[-1] == "PUT"

    def test_observers_are_told_after_the_clients(self, connect: Connect, id: int) -> None:
        """Those of a copy of the copy last, and the client's calls tell its own only."""
        told: list[str] = []

        def named(name: str) -> Callable[[object], None]:
            return lambda event: told.append(f"{name} {type(event).__name__}")

        client = connect(observers=[named("client")])
        copy = light(light(client, observers=[named("copy")]), observers=[named("second")])

        copy.update(id, phone="+12025550100")
        client.update(id, phone="+12025550101")

        kinds = ("WriteIntended", "WriteFinished")
        names = ("client", "copy", "second")
        assert told == [f"{n} {k}" for k in kinds for n in names] + [f"client {k}" for k in kinds]

    def test_what_is_left_out_is_as_before(self, connect: Connect, fake: FakeCaibo) -> None:
        """Also in a copy of a copy, and `None` leaves it out as well."""
        script = Script(answer(200, RECORD))
        client = connect(timeout=7, headers={"X-A": "b"}, **script.options)
        nothing = dict.fromkeys(
            ("timeout", "deadline", "max_retries", "headers", "confirm", "validate")
        )

        light(light(client, **nothing), max_retries=0).get(ID)

        (sent,) = script.requests
        assert (sent.extensions["timeout"]["read"], sent.headers["X-A"]) == (7, "b")

    def test_the_escape_hatch_has_them(self, connect: Connect, pauses: list[float]) -> None:
        """`api` of a copy is another than that of its client, which stays."""
        script = Script(answer(429))
        client = connect(**script.options)
        before = client.caibo.api
        copy = light(client, max_retries=1, headers={"X-A": "b", "User-Agent": None}, timeout=3)

        with pytest.raises(caibo.RateLimitedError):
            through_api(copy, ID)

        assert len(script.requests) == 2
        assert {r.headers.get("X-A") for r in script.requests} == {"b"}
        assert {r.headers.get("User-Agent") for r in script.requests} == {None}
        assert {r.extensions["timeout"]["read"] for r in script.requests} == {3}
        assert client.caibo.api is before is not copy.caibo.api


IMPOSSIBLE = [
    ({"timeout": 0}, "timeout must be"),
    ({"deadline": -1}, "deadline must be"),
    ({"deadline": True}, "deadline must be"),
    ({"max_retries": 11}, "max_retries must be"),
    ({"headers": {"Accept": "text/html"}}, "Accept is set"),
    ({"headers": {"X-API-Key": "s3cret"}}, "X-API-Key is set"),
    ({"headers": {"X-A": "s3cret\n"}}, "X-A must be"),
    ({"headers": [("X-A", "s3cret")]}, "must be a mapping"),
    ({"confirm": "soon"}, "confirm must be"),
    ({"confirm": -1}, "confirm must be"),
    ({"confirm": 60}, "fewer than `deadline`"),
    ({"confirm": 5, "deadline": 5}, "fewer than `deadline`"),
    ({"observers": ["s3cret"]}, "observers must be callable"),
]


class TestRefused:
    @pytest.mark.parametrize(("options", "reason"), IMPOSSIBLE)
    def test_what_the_constructor_refuses(
        self, connect: Connect, options: dict[str, Any], reason: str
    ) -> None:
        """In the same words, and alone or together."""
        with pytest.raises(caibo.ConfigurationError, match=reason) as by_constructor:
            connect(**options)
        with pytest.raises(caibo.ConfigurationError, match=reason) as by_copy:
            light(connect(), **options)

        assert str(by_copy.value) == str(by_constructor.value)
        assert "s3cret" not in str(by_copy.value)

    def test_a_deadline_that_leaves_no_time_for_the_clients_confirm(self, connect: Connect) -> None:
        """Together they cannot be, wherever each of them came from."""
        client = connect(confirm=5)

        with pytest.raises(caibo.ConfigurationError, match="fewer than `deadline`"):
            light(client, deadline=5)
        with pytest.raises(caibo.ConfigurationError, match="fewer than `deadline`"):
            light(light(client, confirm=1, deadline=2), confirm=2)

        assert light(client, deadline=5, confirm=4.9).caibo is not client.caibo

    def test_a_method_is_held_to_the_copys_deadline(self, connect: Connect, id: int) -> None:
        """Its own `confirm` as well."""
        copy = light(connect(), deadline=5)

        with pytest.raises(caibo.ConfigurationError, match="fewer than `deadline`"):
            copy.update(id, phone=None, confirm=10)

    def test_an_option_of_the_whole_client(self, client: Face) -> None:
        """A copy cannot have another credential, gateway or limit."""
        for name in ("api_key", "base_url", "rate_limit", "lock", "transport", "max_connections"):
            with pytest.raises(TypeError, match=name):
                light(client, **{name: None})


class TestShared:
    def test_the_connection(self, connect: Connect) -> None:
        """On a socket: the copy's request goes over the one that is there."""

        def thrice(connection: socket.socket) -> None:
            connection.sendall(framed(RECORD))
            for _ in range(2):
                assert read_request(connection)
                connection.sendall(framed(RECORD))

        gateway = RawServer(thrice)
        with gateway.serve() as link:
            client = connect(**link)
            client.get(ID)
            light(client, timeout=3).get(ID)
            light(light(client), deadline=9).get(ID)

        assert len(gateway.requests) == 1

    def test_the_token(self, connect: Connect, fake: FakeCaibo, id: int) -> None:
        """Whoever logs in does it for all."""
        client = connect(auth=caibo.Login(fake.email, fake.password))

        light(client, timeout=3).get(id)
        client.get(id)
        light(client, timeout=4).get(id)

        assert methods(fake) == ["POST", "GET", "GET", "GET"]

    def test_the_lock(self, connect: Connect, fake: FakeCaibo, id: int) -> None:
        """Both `lock=`, and the turns of writers: an observer must not write the same customer."""
        entered: list[int] = []

        class Lock(nullcontext[None]):
            async def __aenter__(self) -> None: ...
            async def __aexit__(self, *_: object) -> None: ...

        def lock(id: int) -> AbstractContextManager[None]:
            entered.append(id)
            return Lock()

        client = connect(lock=lock)

        def write_again(event: object) -> Any:
            if isinstance(event, caibo.WriteIntended):
                return client.caibo.customers.update(id, phone=None)
            return None

        with pytest.raises(caibo.ConfigurationError, match="by this very caller"):
            light(client, observers=[write_again]).update(id, phone="+12025550100")

        assert entered == [id]

    def test_the_rate_limit(self, connect: Connect, id: int) -> None:
        """Their requests count together."""
        with Clock() as clock:
            client = connect(rate_limit=1)
            start = clock.now
            client.get(id)
            light(client, timeout=3).get(id)
            light(client, headers={"X-A": "b"}).get(id)

            assert clock.now - start == 2

    def test_the_budget_for_retries(self, connect: Connect, pauses: list[float]) -> None:
        """A gateway that fails is not hammered by many copies."""
        script = Script(answer(500))
        client = connect(max_retries=1, **script.options)
        for number in range(10):
            with pytest.raises(caibo.ServerError):
                light(client, timeout=1 + number).get(ID)
        before = len(script.requests)

        with pytest.raises(caibo.ServerError, match="Retries are suspended"):
            client.get(ID)

        assert (before, len(script.requests)) == (20, 21)

    def test_the_mode(self, connect: Connect) -> None:
        """And what it shows."""
        client = connect(api_key=KEY)

        copy = light(client, timeout=3).caibo

        assert copy.mode == "test"
        assert repr(copy) == repr(client.caibo)
        assert type(copy) is type(client.caibo)


class TestClosing:
    def test_closing_a_copy_closes_nothing(self, client: Face, id: int) -> None:
        """Neither the client, nor the copy itself, nor one of its copies."""
        copy = light(client, timeout=3)
        second = light(copy, timeout=4)

        copy.close()
        second.close()

        assert [face.get(id).id for face in (client, copy, second)] == [id] * 3

    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    def test_a_context_manager_closes_nothing(self, fake: FakeCaibo, id: int, backend: str) -> None:
        """In either face."""

        async def main() -> None:
            async with caibo.AsyncCaibo(api_key=KEY, transport=fake.transport) as client:
                async with client.with_options(timeout=3) as copy:
                    assert isinstance(copy, caibo.AsyncCaibo)
                with pytest.raises(caibo.AuthenticationError):
                    await client.customers.get(id)

        anyio.run(main, backend=backend)
        with (
            caibo.Caibo(api_key=KEY, transport=fake.transport) as client,
            client.with_options(timeout=3),
        ):
            pass
        with pytest.raises(caibo.ConfigurationError, match="closed"):
            client.customers.get(id)

    def test_closing_the_client_closes_it_for_its_copies(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """However far they are, and their escape hatch."""
        copies = [light(client, timeout=3), light(light(client), timeout=4)]
        client.close()

        for copy in copies:
            with pytest.raises(caibo.ConfigurationError, match="closed"):
                copy.get(id)
            with pytest.raises(caibo.ConfigurationError, match="closed"):
                through_api(copy, id)

        assert fake.requests == []

    def test_a_transport_is_closed_once(self, connect: Connect) -> None:
        """By the client that it was given to."""
        closed: list[int] = []

        class Transport(httpx.MockTransport):
            def close(self) -> None:
                closed.append(1)

            async def aclose(self) -> None:
                closed.append(1)

        client = connect(transport=Transport(lambda _: answer(200, RECORD)))
        light(client, timeout=3).close()
        before = list(closed)

        client.close()

        assert (before, closed) == ([], [1])


def test_a_copy_costs_little(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """One for each request of a web server: nothing is opened, read or looked up."""
    client = connect(base_url="https://gateway.test", transport=None)
    for name in ("caibo._client.ssl_context", "caibo._client.proxy_for", "builtins.open"):
        monkeypatch.setattr(name, None)

    copies = [light(client, headers={"X-Correlation-ID": f"c-{n}"}).caibo for n in range(100)]

    assert len({hash(repr(copy._gateway.connections)) for copy in copies}) == 1
