"""`auth=`: an `httpx.Auth` that somebody else wrote does here what it does in httpx."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import suppress
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest
from faces import Connect
from scripted import ID, PERSON, RECORD, RawServer, Script, answer, framed

import caibo
from caibo.testing import FakeCaibo

Steps = Generator[httpx.Request, httpx.Response, None]


class Auth(httpx.Auth):
    """Do what a test wants; `plain` is for both faces.

    Attributes:
        ended: how often its flow has come to an end, in whatever way.
    """

    def __init__(self, plain: Callable[[httpx.Request], Steps]) -> None:
        self.plain = plain
        self.ended = 0

    def auth_flow(self, request: httpx.Request) -> Steps:
        try:
            yield from self.plain(request)
        finally:
            self.ended += 1


class Awaiting(Auth):
    """The same, and wait before each step and at the end, as one with a lock does."""

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        steps = self.plain(request)
        try:
            wanted = next(steps)
            while True:
                await anyio.lowlevel.checkpoint()
                response = yield wanted
                wanted = steps.send(response)
        except StopIteration:
            pass
        finally:
            await anyio.lowlevel.checkpoint()
            self.ended += 1


def token_first(url: str) -> Callable[[httpx.Request], Steps]:
    """Get a token somewhere, and again after a 401."""

    def steps(request: httpx.Request) -> Steps:
        answer: httpx.Response | None = None
        while answer is None or answer.status_code == 401:
            token = yield httpx.Request("POST", url, content=b"grant")
            request.headers["Authorization"] = f"Bearer {token.json()['token']}"
            answer = yield request

    return steps


both = pytest.mark.parametrize("kind", [Auth, Awaiting])


class TestSeveralRequests:
    @both
    def test_it_may_send_as_many_as_it_likes(self, connect: Connect, kind: type[Auth]) -> None:
        """Each answer goes back to it, read."""
        shown: list[str] = []

        def refuse(request: httpx.Request) -> httpx.Response:
            shown.append(request.headers["Authorization"])
            return answer(401)

        def accept(request: httpx.Request) -> httpx.Response:
            shown.append(request.headers["Authorization"])
            return answer(200, RECORD)

        tokens = [answer(200, b'{"token":"a"}'), answer(200, b'{"token":"b"}')]
        script = Script(tokens[0], refuse, tokens[1], accept)
        auth = kind(token_first("https://gateway.test/token"))

        customer = connect(auth=auth, **script.options).get(ID)

        assert customer.id == ID
        assert shown == ["Bearer a", "Bearer b"]
        assert auth.ended == 1

    @both
    def test_one_may_go_to_another_host(self, connect: Connect, kind: type[Auth]) -> None:
        """On two sockets: the token server is hardly ever the gateway."""
        tokens = RawServer(framed(b'{"token":"t"}'))
        gateway = RawServer(framed(RECORD))
        with tokens.serve(), gateway.serve() as link:
            client = connect(auth=kind(token_first(f"{tokens.base_url}/token")), **link)
            first, second = client.get(ID), client.get(ID)
            client.close()

        assert first.id == second.id == ID
        assert [head.split(b" ")[0] for head in tokens.requests] == [b"POST"] * 2
        assert [b"Bearer t" in head for head in gateway.requests] == [True] * 2

    def test_a_token_server_that_is_not_there_is_a_failed_renewal(self, connect: Connect) -> None:
        """The write was not sent, and the message names the other host."""
        gateway = RawServer(framed(b""))
        with gateway.serve() as link, pytest.raises(caibo.RenewalError) as caught:
            auth = Auth(token_first("http://127.0.0.1:1/token"))
            connect(auth=auth, max_retries=0, **link).replace(ID, PERSON)

        assert isinstance(caught.value.__cause__, caibo.TransportError)
        assert gateway.requests == []

    @both
    def test_one_that_sends_a_copy_of_the_request_does_not_write_twice(
        self, connect: Connect, kind: type[Auth]
    ) -> None:
        """A signature may be put on a new request: a lost answer is one all the same."""

        def signed(request: httpx.Request) -> Steps:
            yield httpx.Request(request.method, request.url, content=request.content)

        script = Script(answer(200, RECORD), httpx.ReadError("lost"))

        with pytest.raises(caibo.UnknownOutcomeError):
            connect(auth=kind(signed), **script.options).update(ID, phone="+12025550100")

        assert [r.method for r in script.requests].count("PUT") == 1

    def test_one_that_fails_after_the_write_does_not_write_twice(self, connect: Connect) -> None:
        """Such as a logout that finds nobody: the write may well have been applied."""

        def leaving(request: httpx.Request) -> Steps:
            yield request
            yield httpx.Request("POST", "https://gateway.test/logout")

        script = Script(answer(200), httpx.ConnectError("gone"))

        with pytest.raises(caibo.UnknownOutcomeError):
            connect(auth=Auth(leaving), **script.options).replace(ID, PERSON)

        assert [r.method for r in script.requests].count("PUT") == 1


FAILURES = [
    *(KeyError("s3cret"), StopIteration("s3cret"), StopAsyncIteration("s3cret")),
    *(TimeoutError("s3cret"), httpx.ReadTimeout("s3cret"), RuntimeError("s3cret")),
]


class TestItsFailures:
    @both
    @pytest.mark.parametrize("failure", FAILURES, ids=repr)
    @pytest.mark.parametrize("after", [0, 1])
    def test_whatever_it_raises_is_one_of_ours(
        self, connect: Connect, kind: type[Auth], failure: Exception, after: int
    ) -> None:
        """Also what means an end, or a deadline, elsewhere; its text stays out."""

        def fail(request: httpx.Request) -> Steps:
            for _ in range(after):
                yield request
            if failure.args:  # always: this has to be a generator
                raise failure
            yield request

        script = Script(answer(401))

        with pytest.raises(caibo.TransportError) as caught:
            connect(auth=kind(fail), max_retries=0, **script.options).replace(ID, PERSON)

        assert type(caught.value) is caibo.TransportError
        assert caught.value.request_sent == "no"
        assert "s3cret" not in str(caught.value)

    @pytest.mark.parametrize("failure", FAILURES, ids=repr)
    def test_also_where_it_is_no_generator(self, connect: Connect, failure: Exception) -> None:
        """One that fails while it is called, or returns something else."""

        class Plain(httpx.Auth):
            def auth_flow(self, request: httpx.Request) -> Steps:
                raise failure

        with pytest.raises(caibo.CaiboError) as caught:
            connect(auth=Plain(), max_retries=0, **Script(answer(200)).options).get(ID)

        assert "s3cret" not in str(caught.value)

    def test_also_where_it_gives_no_flow(self, connect: Connect) -> None:
        """There is none to be ended then."""

        class Unfit(httpx.Auth):
            def sync_auth_flow(self, request: httpx.Request) -> Steps:
                raise KeyError("s3cret")

            def async_auth_flow(self, request: httpx.Request) -> Any:
                raise KeyError("s3cret")

        with pytest.raises(caibo.TransportError, match="KeyError") as caught:
            connect(auth=Unfit(), max_retries=0, **Script(answer(200)).options).get(ID)

        assert caught.value.request_sent == "no"
        assert "s3cret" not in str(caught.value)

    @both
    @pytest.mark.parametrize("made", [None, "x"])
    def test_one_that_sends_something_else_is_a_clear_error(
        self, connect: Connect, kind: type[Auth], made: Any
    ) -> None:
        """Its name is told."""

        def steps(_: httpx.Request) -> Steps:
            yield made

        auth = kind(steps)

        with pytest.raises(caibo.ConfigurationError, match=f"{kind.__name__} yields something"):
            connect(auth=auth, **Script(answer(200)).options).get(ID)

        assert auth.ended == 1

    def test_one_that_sends_nothing_is_a_clear_error(self, connect: Connect) -> None:
        """Its name is told."""

        class Nothing(httpx.Auth):
            def sync_auth_flow(self, request: httpx.Request) -> Steps:
                yield from ()

            async def async_auth_flow(
                self, request: httpx.Request
            ) -> AsyncGenerator[httpx.Request, httpx.Response]:
                for nothing in list[httpx.Request]():
                    yield nothing

        with pytest.raises(caibo.ConfigurationError, match="Nothing sends no request"):
            connect(auth=Nothing(), **Script(answer(200)).options).get(ID)

    @both
    def test_its_flow_is_ended_when_the_request_fails(
        self, connect: Connect, kind: type[Auth]
    ) -> None:
        """What it holds, such as a lock, is given back, before the next try."""
        ended: list[int] = []

        def steps(request: httpx.Request) -> Steps:
            ended.append(auth.ended)
            yield request

        auth = kind(steps)
        script = Script(httpx.ReadError(""), answer(200, RECORD))

        connect(auth=auth, **script.options).get(ID)

        assert ended == [0, 1]
        assert auth.ended == 2

    @pytest.mark.parametrize("connect", ["sync", "asyncio"], indirect=True)
    def test_one_that_does_not_end_changes_nothing(self, connect: Connect) -> None:
        """What went wrong before is told, and not that."""

        class Stubborn(httpx.Auth):
            def sync_auth_flow(self, request: httpx.Request) -> Steps:
                with suppress(GeneratorExit):
                    yield request
                yield request

            async def async_auth_flow(
                self, request: httpx.Request
            ) -> AsyncGenerator[httpx.Request, httpx.Response]:
                with suppress(GeneratorExit):
                    yield request
                yield request

        with pytest.raises(caibo.TransportError, match="ReadError"):
            connect(auth=Stubborn(), max_retries=0, **Script(httpx.ReadError("")).options).get(ID)

    @pytest.mark.parametrize("connect", ["asyncio", "trio"], indirect=True)
    def test_one_that_waits_for_ever_ends_at_the_deadline(self, connect: Connect) -> None:
        """Nothing was sent then."""

        class Slow(httpx.Auth):
            async def async_auth_flow(
                self, request: httpx.Request
            ) -> AsyncGenerator[httpx.Request, httpx.Response]:
                await anyio.sleep_forever()
                yield request

        script = Script(answer(200))

        with pytest.raises(caibo.DeadlineExceededError, match="nothing was sent"):
            connect(auth=Slow(), deadline=0.05, **script.options).replace(ID, PERSON)

        assert script.requests == []


class TestCancelling:
    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    @both
    def test_a_cancelled_call_ends_its_flow(
        self, fake: FakeCaibo, kind: type[Auth], backend: str
    ) -> None:
        """Also one that still has to wait at its end."""

        def steps(request: httpx.Request) -> Steps:
            yield request

        scopes: list[anyio.CancelScope] = []

        async def wait(_: httpx.Request) -> httpx.Response:
            scopes[0].cancel()
            await anyio.sleep_forever()
            raise AssertionError

        auth = kind(steps)

        async def main() -> bool:
            transport = httpx.MockTransport(wait)
            async with caibo.AsyncCaibo(auth=auth, transport=transport) as client:
                with anyio.CancelScope() as scope:
                    scopes.append(scope)
                    await client.customers.get(ID)
                return scope.cancelled_caught

        assert anyio.run(main, backend=backend)
        assert auth.ended == 1

    def test_a_call_that_is_closed_waits_for_nothing(self) -> None:
        """As a coroutine is that nobody goes on with: the next of its customer has its turn."""
        asked: list[str] = []

        async def wait(request: httpx.Request) -> httpx.Response:
            asked.append(request.method)
            if len(asked) == 1:
                await asyncio.get_running_loop().create_future()
            return answer(200, RECORD if request.method == "GET" else b"")

        def steps(request: httpx.Request) -> Steps:
            yield request

        async def main() -> str:
            transport = httpx.MockTransport(wait)
            async with caibo.AsyncCaibo(auth=Awaiting(steps), transport=transport) as client:
                call = client.customers.update(ID, phone="+1")
                while not asked:
                    call.send(None)
                call.close()
                return (await client.customers.update(ID, phone="+2")).outcome

        assert asyncio.run(main()) == "accepted"
        assert asked == ["GET", "GET", "PUT"]

    def test_a_cancellation_that_it_raises_itself_goes_on(self) -> None:
        """It is nobody's failure, and is not tried again."""

        def steps(request: httpx.Request) -> Steps:
            raise asyncio.CancelledError
            yield request

        async def main() -> None:
            transport = httpx.MockTransport(lambda _: answer(200))
            async with caibo.AsyncCaibo(auth=Auth(steps), transport=transport) as client:
                await client.customers.get(ID)

        with pytest.raises(asyncio.CancelledError):
            asyncio.run(main())

    @pytest.mark.parametrize("connect", ["sync"], indirect=True)
    def test_an_interrupt_in_it_goes_on(self, connect: Connect) -> None:
        """Ctrl-C, in a callable of the caller's."""

        def steps(request: httpx.Request) -> Steps:
            raise KeyboardInterrupt
            yield request

        auth = Auth(steps)

        with pytest.raises(KeyboardInterrupt):
            connect(auth=auth, **Script(answer(200)).options).get(ID)

        assert auth.ended == 1
