"""One expired token means one renewal, however many threads or tasks meet it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import httpx
import pytest
from faces import Connect, methods
from scripted import ID, PERSON, RECORD, RawServer, Script, answer, framed

import caibo
from caibo._wire.waiting import Threads
from caibo.testing import FakeCaibo, FakeServer, Request

MANY = 12
BACKENDS = ["asyncio", "trio"]
TOKEN = b'{"accessToken":"t0ken","expireDate":"2026-01-01T01:00:00.0000000Z"}'
NOON = "Thu, 01 Jan 2026 00:00:00 GMT"


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer()


@pytest.fixture
def login(fake: FakeCaibo) -> caibo.Login:
    return caibo.Login(fake.email, fake.password)


def in_threads(work: Callable[[], Any]) -> list[Any]:
    """Run the same work in many threads; return results and exceptions."""

    def one(_: int) -> Any:
        try:
            return work()
        except caibo.CaiboError as error:
            return error

    with ThreadPoolExecutor(MANY) as pool:
        return list(pool.map(one, range(MANY)))


def in_tasks(
    backend: str, options: dict[str, Any], work: Callable[[caibo.AsyncCaibo], Any]
) -> list[Any]:
    """Run the same work in many tasks of one client; return results and exceptions."""
    results: list[Any] = []

    async def one(client: caibo.AsyncCaibo) -> None:
        try:
            results.append(await work(client))
        except caibo.CaiboError as error:
            results.append(error)

    async def main() -> None:
        async with caibo.AsyncCaibo(**options) as client, anyio.create_task_group() as tasks:
            for _ in range(MANY):
                tasks.start_soon(one, client)

    anyio.run(main, backend=backend)
    return results


class TestSingleFlight:
    def test_many_threads_meet_one_expired_token(
        self, fake: FakeCaibo, server: FakeServer, id: int, login: caibo.Login
    ) -> None:
        """All of them are refused first, and one of them logs in for all."""
        together = threading.Barrier(MANY)
        with caibo.Caibo(auth=login, base_url=server.base_url) as client:
            client.customers.get(id)
            spent = fake.requests[-1].headers["Authorization"]
            fake.expire_tokens()

            def wait_for_all(request: Request) -> None:
                if request.headers.get("Authorization") == spent:
                    together.wait()

            fake.on_request = wait_for_all
            results = in_threads(lambda: client.customers.get(id))

        assert [customer.id for customer in results] == [id] * MANY
        assert fake.logins == 2
        assert methods(fake).count("GET") == 1 + 2 * MANY

    def test_many_threads_start_without_a_token(
        self, fake: FakeCaibo, server: FakeServer, id: int, login: caibo.Login
    ) -> None:
        """One logs in, nobody sends a request that must fail."""
        with caibo.Caibo(auth=login, base_url=server.base_url) as client:
            in_threads(lambda: client.customers.get(id))

        assert fake.logins == 1
        assert methods(fake).count("GET") == MANY

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_many_tasks_meet_one_expired_token(
        self, fake: FakeCaibo, id: int, login: caibo.Login, backend: str
    ) -> None:
        """Each request is sent again once."""
        arrived: list[None] = []

        def expire_after_the_first(request: Request) -> None:
            if request.method == "GET" and not arrived:
                fake.expire_tokens()
                arrived.append(None)

        fake.on_request = expire_after_the_first
        options = {"auth": login, "base_url": fake.base_url, "transport": fake.transport}

        results = in_tasks(backend, options, lambda client: client.customers.get(id))

        assert [customer.id for customer in results] == [id] * MANY
        assert fake.logins == 2
        assert methods(fake).count("GET") == 2 * MANY

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_many_tasks_over_a_socket(
        self, fake: FakeCaibo, server: FakeServer, id: int, login: caibo.Login, backend: str
    ) -> None:
        """The same on real connections."""
        options = {"auth": login, "base_url": server.base_url}

        results = in_tasks(backend, options, lambda client: client.customers.get(id))

        assert [customer.id for customer in results] == [id] * MANY
        assert fake.logins == 1

    def test_two_clients_may_share_one_login(
        self, connect: Connect, fake: FakeCaibo, id: int, login: caibo.Login
    ) -> None:
        """The token belongs to the auth object."""
        connect(auth=login).get(id)
        connect(auth=login).get(id)

        assert fake.logins == 1


class TestSecond401:
    def test_it_is_final_and_says_what_to_check(self, connect: Connect) -> None:
        """A token that is refused right after the login will not get better."""
        script = Script(answer(200, TOKEN), answer(401), answer(200, TOKEN), answer(401))

        with pytest.raises(caibo.AuthenticationError, match="Check that the access token"):
            connect(auth=caibo.Login("e@example.com", "pass"), **script.options).get(ID)

        assert [r.method for r in script.requests] == ["POST", "GET", "POST", "GET"]

    def test_a_write_is_replayed_with_its_body(
        self, connect: Connect, fake: FakeCaibo, id: int, login: caibo.Login
    ) -> None:
        """The gateway refused the first one, so nothing is written twice."""
        client = connect(auth=login)
        client.get(id)
        fake.expire_tokens()

        update = client.replace(id, PERSON)

        assert update.outcome == "accepted"
        assert fake.document(id)["phone"] == PERSON["phone"]
        assert fake.requests[-1].body == fake.requests[-3].body


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Put the clock forward."""
    real, ahead = time.monotonic, [0.0]
    monkeypatch.setattr("time.monotonic", lambda: real() + ahead[0])

    def forward(seconds: float) -> None:
        ahead[0] += seconds

    return forward


def token(expires: str, date: str = NOON) -> httpx.Response:
    body = b'{"accessToken":"t0ken","expireDate":%s}' % expires.encode()
    return answer(200, body, **({"Date": date} if date else {}))


class TestExpireDate:
    @pytest.mark.parametrize(("seconds", "logins"), [(3500.0, 1), (3580.0, 2), (9999.0, 2)])
    def test_the_token_is_renewed_before_it_ends(
        self, connect: Connect, later: Callable[[float], None], seconds: float, logins: int
    ) -> None:
        """Half a minute before, so that no request must fail first."""
        script = Script(token('"2026-01-01T01:00:00.0000000Z"'), answer(200, RECORD))
        script.answers[2:] = [token('"2026-01-01T01:00:00Z"'), answer(200, RECORD)]
        client = connect(auth=caibo.Login("e@example.com", "pass"), **script.options)
        client.get(ID)
        if logins == 1:
            del script.answers[2]
        later(seconds)

        client.get(ID)

        assert [r.method for r in script.requests].count("POST") == logins
        assert [r.method for r in script.requests].count("GET") == 2

    @pytest.mark.parametrize(
        ("expires", "date"),
        [
            ('"2026-01-01T01:00:00"', NOON),  # no offset: taken for UTC
            ('"2026-01-01T03:00:00+02:00"', NOON),
            ('"2026-01-01T01:00:00Z"', "Thu, 01 Jan 2026 00:00:00 -0000"),
            ('"2026-01-01T01:00:00Z"', ""),
            ('"2026-01-01T01:00:00Z"', "yesterday"),
            ('"2026-01-01T01:00:00Z"', "Thu, 01 Jan 2026 00:00:00 +99999999999999999999"),
            ('"2025-01-01T01:00:00Z"', NOON),  # in the past: what a 401 says is truer
            ('"soon"', NOON),
            ("null", NOON),
            ("1767229200", NOON),
            ("{}", NOON),
        ],
    )
    def test_however_it_is_spelt_the_token_is_used(
        self, connect: Connect, expires: str, date: str
    ) -> None:
        """An unreadable one is no reason to log in again with every request."""
        script = Script(token(expires, date), answer(200, RECORD))
        client = connect(auth=caibo.Login("e@example.com", "pass"), **script.options)

        client.get(ID)
        client.get(ID)

        assert [r.method for r in script.requests] == ["POST", "GET", "GET"]

    def test_a_member_that_is_missing_does_no_harm(self, connect: Connect) -> None:
        """Only the token is needed."""
        script = Script(answer(200, b'{"accessToken":"t0ken"}'), answer(200, RECORD))

        connect(auth=caibo.Login("e@example.com", "pass"), **script.options).get(ID)

        assert script.requests[1].headers["Authorization"] == "Bearer t0ken"


BAD_LOGINS: dict[str, tuple[Any, str]] = {
    "wrong password": (answer(401), "Check the e-mail address and the password"),
    "refused": (answer(400), "Check the e-mail address and the password"),
    "not there": (answer(404), "Is there a POST /auth/login"),
    "server error": (answer(500), "500 Internal Server Error"),
    "busy": (answer(429, Retry_After="99"), "Try again after 99 seconds"),
    "redirect": (
        answer(302, Location="https://other.example/"),
        "redirects to https://other.example/",
    ),
    "no JSON": (answer(200, b"<html>"), "without a usable accessToken"),
    "empty": (answer(200), "without a usable accessToken"),
    "an array": (answer(200, b"[]"), "without a usable accessToken"),
    "no token": (answer(200, b"{}"), "without a usable accessToken"),
    "a null token": (answer(200, b'{"accessToken":null}'), "without a usable accessToken"),
    "a bad token": (answer(200, b'{"accessToken":"a\\nb"}'), "without a usable accessToken"),
    "gzip garbage": (answer(200), "Content-Encoding"),
    "too large": (answer(200, b" " * 2_000_000), "larger than 1 MiB"),
    "lost": (httpx.ReadError("reset"), "no usable answer (ReadError)"),
    "no connection": (httpx.ConnectError("refused"), "no connection"),
}
BAD_LOGINS["gzip garbage"] = (
    lambda _: httpx.Response(
        200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b"junk")
    ),
    "Content-Encoding",
)


class TestFailedRenewal:
    @pytest.mark.parametrize("bad", BAD_LOGINS)
    def test_it_is_its_own_error(self, connect: Connect, bad: str) -> None:
        """It names the login, and is no word on the write that needed the token."""
        reply, words = BAD_LOGINS[bad]
        script = Script(reply)

        auth = caibo.Login("ops@example.com", "pass")

        with pytest.raises(caibo.RenewalError) as caught:
            connect(auth=auth, max_retries=0, **script.options).replace(ID, PERSON)

        assert "no access token could be got: POST /auth/login" in str(caught.value)
        assert words in str(caught.value)
        assert "read the record" not in str(caught.value)
        assert isinstance(caught.value.__cause__, caibo.CaiboError)
        assert [r.method for r in script.requests] == ["POST"]

    @pytest.mark.parametrize("bad", ["server error", "no JSON", "lost", "no connection"])
    def test_one_that_may_pass_is_tried_again_for_a_write_too(
        self, connect: Connect, bad: str
    ) -> None:
        """The write itself has not been sent."""
        script = Script(BAD_LOGINS[bad][0], answer(200, TOKEN), answer(200))

        update = connect(auth=caibo.Login("e@example.com", "p"), **script.options).replace(
            ID, PERSON
        )

        assert update.outcome == "accepted"
        assert [r.method for r in script.requests] == ["POST", "POST", "PUT"]

    def test_a_busy_login_is_not_hammered(self, connect: Connect) -> None:
        """Its Retry-After counts like that of any other answer."""
        script = Script(answer(429, Retry_After="31"))

        with pytest.raises(caibo.RenewalError, match="Try again after 31 seconds"):
            connect(auth=caibo.Login("e@example.com", "p"), **script.options).get(ID)

        assert len(script.requests) == 1

    def test_a_wrong_password_is_tried_once(self, connect: Connect, fake: FakeCaibo) -> None:
        """Trying it again might lock the account."""
        with pytest.raises(caibo.RenewalError, match="401 Unauthorized"):
            connect(auth=caibo.Login(fake.email, "wrong")).get(ID)

        assert methods(fake) == ["POST"]

    def test_the_next_call_tries_again(
        self, connect: Connect, fake: FakeCaibo, id: int, login: caibo.Login
    ) -> None:
        """A refusal is not kept for ever: the gateway may have been repaired."""
        client = connect(auth=login)
        fake.fail_next(403, method="POST")
        with pytest.raises(caibo.RenewalError):
            client.get(id)

        customer = client.get(id)

        assert customer.id == id

    def test_a_connection_lost_in_the_login_is_not_an_unknown_outcome(
        self, connect: Connect, fake: FakeCaibo, server: FakeServer, id: int, login: caibo.Login
    ) -> None:
        """On a socket: the PUT was never sent."""
        fake.lose_response("POST", times=3)

        with pytest.raises(caibo.RenewalError, match="POST /auth/login"):
            connect(auth=login, base_url=server.base_url, transport=None).replace(id, PERSON)

        assert methods(fake) == ["POST", "POST", "POST"]

    def test_an_answer_that_does_not_end_is_cut(self, connect: Connect) -> None:
        """One mebibyte is far more than a token; on a socket."""
        gateway = RawServer(framed(b" " * 2_000_000))

        auth = caibo.Login("e@example.com", "p")

        with gateway.serve() as link, pytest.raises(caibo.RenewalError, match="1 MiB"):
            connect(auth=auth, max_retries=0, **link).replace(ID, PERSON)


class TestSharedRefusal:
    def test_one_wrong_password_answers_all_waiting_threads(
        self, fake: FakeCaibo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each gets an exception of its own, as each adds its own traceback."""
        auth = caibo.Login(fake.email, "wrong")
        waiting = threading.Semaphore(0)

        class Counted(Threads.Gate):
            def wait(self, seconds: float) -> None:
                waiting.release()
                super().wait(seconds)

        monkeypatch.setattr(Threads, "Gate", Counted)
        fake.on_request = lambda _: [waiting.acquire(timeout=30) for _ in range(MANY - 1)]

        with caibo.Caibo(auth=auth, base_url=fake.base_url, transport=fake.transport) as client:
            results = in_threads(lambda: client.customers.get(ID))

        assert {type(error) for error in results} == {caibo.RenewalError}
        assert len({str(error) for error in results}) == 1
        assert len(set(map(builtin_id, results))) == MANY
        assert methods(fake) == ["POST"]

    @pytest.mark.parametrize("backend", BACKENDS)
    def test_one_wrong_password_answers_all_waiting_tasks(self, backend: str) -> None:
        """Also where the callable is what fails."""
        calls: list[None] = []

        async def provider() -> str:
            calls.append(None)
            await anyio.wait_all_tasks_blocked()
            raise PermissionError

        options = {"access_token": provider, **Script(answer(200, RECORD)).options}

        results = in_tasks(backend, options, lambda client: client.customers.get(ID))

        assert {type(error) for error in results} == {caibo.RenewalError}
        assert len(results) == MANY
        assert len(calls) == 1


def builtin_id(value: object) -> int:
    return value.__hash__()


class TestCancelling:
    @pytest.mark.parametrize("backend", BACKENDS)
    def test_a_cancelled_renewal_leaves_no_lock_behind(
        self, fake: FakeCaibo, id: int, backend: str
    ) -> None:
        """Who waited renews, and so does who comes later."""
        calls: list[None] = []
        names: list[str] = []

        async def provider() -> str:
            calls.append(None)
            if len(calls) == 1:
                await anyio.sleep_forever()
            return fake.issue_token()

        async def main() -> None:
            async with (
                caibo.AsyncCaibo(
                    access_token=provider, base_url=fake.base_url, transport=fake.transport
                ) as client,
                anyio.create_task_group() as tasks,
            ):

                async def read(scope: anyio.CancelScope) -> None:
                    with scope:
                        names.append((await client.customers.get(id)).name)

                first = anyio.CancelScope()
                tasks.start_soon(read, first)
                await anyio.wait_all_tasks_blocked()
                tasks.start_soon(read, anyio.CancelScope())
                await anyio.wait_all_tasks_blocked()
                first.cancel()
                await anyio.wait_all_tasks_blocked()
                await read(anyio.CancelScope())

        anyio.run(main, backend=backend)

        assert len(names) == 2
        assert len(calls) == 2


class TestDeadline:
    def test_a_thread_waits_for_the_renewal_of_another_until_its_deadline(
        self, fake: FakeCaibo, id: int, login: caibo.Login
    ) -> None:
        """And nothing of its write was sent."""
        logging_in, go_on = threading.Event(), threading.Event()

        def hold(_: Request) -> None:
            fake.on_request = None
            logging_in.set()
            go_on.wait(30)

        fake.on_request = hold
        options: Any = {"auth": login, "base_url": fake.base_url, "transport": fake.transport}
        with (
            caibo.Caibo(**options) as patient,
            caibo.Caibo(**options, deadline=0.05) as hasty,
            ThreadPoolExecutor(1) as pool,
        ):
            first = pool.submit(patient.customers.get, id)
            logging_in.wait(30)
            with pytest.raises(caibo.DeadlineExceededError, match="nothing was sent") as caught:
                hasty.customers.replace(id, PERSON)
            go_on.set()

        assert caught.value.request_sent == "no"
        assert first.result().id == id

    @pytest.mark.parametrize("connect", BACKENDS, indirect=True)
    def test_a_task_waits_for_a_token_until_its_deadline(self, connect: Connect) -> None:
        """And nothing of its write was sent."""
        script = Script(answer(200))

        async def provider() -> str:
            await anyio.sleep_forever()
            raise AssertionError

        with pytest.raises(caibo.DeadlineExceededError, match="nothing was sent") as caught:
            connect(access_token=provider, deadline=0.05, **script.options).replace(ID, PERSON)

        assert caught.value.request_sent == "no"
        assert script.requests == []

    def test_a_login_that_drips_ends_at_the_deadline(self, connect: Connect) -> None:
        """On a socket, byte by byte, and no word on the write."""
        gateway = RawServer()

        def drip(connection: Any) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not gateway.closing.wait(0.01):
                connection.sendall(b" ")

        gateway.replies.append(drip)
        auth = caibo.Login("e@example.com", "p")

        with (
            gateway.serve() as link,
            pytest.raises((caibo.RenewalError, caibo.DeadlineExceededError)) as caught,
        ):
            connect(auth=auth, deadline=0.2, **link).replace(ID, PERSON)

        assert "`deadline` passed" in str(caught.value)
        assert [head.split()[0] for head in gateway.requests] == [b"POST"]
