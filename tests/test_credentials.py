"""Which credential is sent, where it comes from, and which ones are refused."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from faces import Connect
from scripted import ID, KEY, RECORD, Script, answer

import caibo
from caibo.testing import FakeCaibo, FakeServer


def sent(script: Script) -> tuple[str | None, str | None]:
    headers = script.requests[-1].headers
    return headers.get("X-API-Key"), headers.get("Authorization")


@pytest.fixture
def script() -> Script:
    return Script(answer(200, RECORD))


class TestApiKey:
    def test_it_goes_into_its_own_header(self, connect: Connect, script: Script) -> None:
        """The vendor's Authentication page names X-API-Key."""
        connect(api_key=KEY, **script.options).get(ID)

        assert sent(script) == (KEY, None)

    def test_a_real_server_accepts_it(
        self, connect: Connect, fake: FakeCaibo, server: FakeServer
    ) -> None:
        """The header arrives on a socket as it was given."""
        id = fake.add_customer()

        customer = connect(base_url=server.base_url, transport=None).get(id)

        assert customer.id == id
        assert fake.requests[0].headers["X-API-Key"] == fake.api_key

    @pytest.mark.parametrize(
        ("key", "mode"),
        [
            ("caibo_test_sk_1", "test"),
            ("caibo_live_sk_1", "live"),
            ("sk_1", "unknown"),
            ("x_caibo_live_sk_1", "unknown"),
        ],
    )
    def test_its_prefix_tells_the_mode(self, connect: Connect, key: str, mode: str) -> None:
        """Test and live share one host, so the prefix is all there is."""
        client = connect(api_key=key)

        assert client.caibo.mode == mode

    def test_a_wrong_one_says_what_to_check(self, connect: Connect, fake: FakeCaibo) -> None:
        """A key is never renewed: one request, and a hint about keys."""
        with pytest.raises(caibo.AuthenticationError, match="Check that the API key") as caught:
            connect(api_key=KEY).get(ID)

        assert len(fake.requests) == 1
        assert caught.value.attempts == 1


class TestAccessToken:
    def test_a_string_is_sent_as_a_bearer_token(self, connect: Connect, fake: FakeCaibo) -> None:
        """And the mode of a token is not known."""
        id = fake.add_customer()
        client = connect(access_token=fake.issue_token())

        client.get(id)

        assert fake.requests[0].headers["Authorization"].startswith("Bearer ")
        assert client.caibo.mode == "unknown"

    def test_a_string_is_not_sent_twice_after_a_401(
        self, connect: Connect, fake: FakeCaibo
    ) -> None:
        """Nothing could be different the second time."""
        with pytest.raises(caibo.AuthenticationError, match="Check that the access token"):
            connect(access_token="spent").get(ID)

        assert len(fake.requests) == 1

    def test_a_callable_is_asked_once_and_again_after_a_401(
        self, connect: Connect, fake: FakeCaibo, server: FakeServer
    ) -> None:
        """What it returned is kept between."""
        id = fake.add_customer()
        tokens: list[str] = []

        def provider() -> str:
            tokens.append(fake.issue_token())
            return tokens[-1]

        client = connect(access_token=provider, base_url=server.base_url, transport=None)
        client.get(id)
        client.get(id)
        fake.expire_tokens()
        client.get(id)

        assert len(tokens) == 2
        assert len(fake.requests) == 4

    @pytest.mark.parametrize("connect", ["asyncio", "trio"], indirect=True)
    def test_an_async_callable_is_awaited(self, connect: Connect, fake: FakeCaibo) -> None:
        """Under the event loop of the call."""
        id = fake.add_customer()

        async def provider() -> str:
            return fake.issue_token()

        customer = connect(access_token=provider).get(id)

        assert customer.id == id

    @pytest.mark.parametrize("connect", ["asyncio", "trio"], indirect=True)
    def test_an_object_with_an_async_call_is_awaited(
        self, connect: Connect, fake: FakeCaibo
    ) -> None:
        """Such as a token cache of a cloud library."""

        class Cache:
            async def __call__(self) -> str:
                return fake.issue_token()

        customer = connect(access_token=Cache()).get(fake.add_customer())

        assert customer.name

    @pytest.mark.parametrize("connect", ["sync"], indirect=True)
    def test_an_async_callable_in_the_sync_client_is_a_clear_error(self, connect: Connect) -> None:
        """And leaves no coroutine behind that was never awaited."""

        async def provider() -> str:
            return "never"

        with pytest.raises(caibo.RenewalError, match="async; use it with AsyncCaibo"):
            connect(access_token=provider).get(ID)

    def test_a_fixed_one_serves_an_httpx_client_too(self, script: Script) -> None:
        """One that has to be renewed needs a client of ours for that."""
        with httpx.Client(auth=caibo.BearerToken("token"), **script.options) as client:
            client.get("/")
            with pytest.raises(caibo.ConfigurationError, match="only inside a caibo client"):
                client.get("/", auth=caibo.BearerToken(lambda: "token"))

        assert [r.headers["Authorization"] for r in script.requests] == ["Bearer token"]

    @pytest.mark.parametrize("connect", ["sync"], indirect=True)
    def test_a_future_in_the_sync_client_is_a_clear_error(self, connect: Connect) -> None:
        """Whatever is awaitable is refused, not only coroutines."""
        loop = asyncio.new_event_loop()

        with pytest.raises(caibo.RenewalError, match="async; use it with AsyncCaibo"):
            connect(access_token=loop.create_future).get(ID)

        loop.close()

    @pytest.mark.parametrize("connect", ["asyncio", "trio"], indirect=True)
    def test_a_plain_callable_does_not_hold_up_the_event_loop(
        self, connect: Connect, fake: FakeCaibo
    ) -> None:
        """It may ask the network, so it runs in a thread."""
        import threading

        id = fake.add_customer()
        threads: list[threading.Thread] = []

        def provider() -> str:
            threads.append(threading.current_thread())
            return fake.issue_token()

        client = connect(access_token=provider)
        client.get(id)

        assert threads != [client.wait(threading.current_thread)]

    @pytest.mark.parametrize("failure", [KeyError("vault"), OSError("disk")])
    def test_a_callable_that_raises_is_a_renewal_error(
        self, connect: Connect, fake: FakeCaibo, failure: Exception
    ) -> None:
        """The reason is its cause; nothing was sent, and nothing is tried again."""
        calls: list[int] = []

        def provider() -> str:
            calls.append(1)
            raise failure

        with pytest.raises(caibo.RenewalError, match="no access token could be got") as caught:
            connect(access_token=provider).get(ID)

        assert type(failure).__name__ in str(caught.value)
        assert (len(calls), len(fake.requests)) == (1, 0)

    @pytest.mark.parametrize("token", [None, "", 7, b"bytes", "line\nbreak", "späce"])
    def test_a_callable_that_returns_no_token_is_a_clear_error(
        self, connect: Connect, fake: FakeCaibo, token: Any
    ) -> None:
        """Before anything is sent, and without the value."""
        with pytest.raises(caibo.RenewalError, match="the access token") as caught:
            connect(access_token=lambda: token).get(ID)

        assert fake.requests == []
        assert not token or str(token) not in str(caught.value)


class TestAuth:
    def test_login_gets_a_token(
        self, connect: Connect, fake: FakeCaibo, server: FakeServer
    ) -> None:
        """One login, then the request, with the token as bearer."""
        id = fake.add_customer()
        auth = caibo.Login(fake.email, fake.password)

        connect(auth=auth, base_url=server.base_url, transport=None).get(id)

        assert [request.method for request in fake.requests] == ["POST", "GET"]
        assert fake.requests[0].headers["Content-Type"] == "application/json"
        assert "Authorization" not in fake.requests[0].headers

    def test_any_auth_of_httpx_works(self, connect: Connect, script: Script) -> None:
        """Such as one for a proxy that adds the key."""
        connect(auth=httpx.BasicAuth("user", "pass"), **script.options).get(ID)

        assert (sent(script)[1] or "").startswith("Basic ")

    def test_login_outside_our_client_is_a_clear_error(self) -> None:
        """It takes the base URL from the client."""
        with (
            httpx.Client(auth=caibo.Login("a@example.com", "p")) as client,
            pytest.raises(caibo.ConfigurationError, match="inside a caibo client"),
        ):
            client.get("https://gateway.test/")

    @pytest.mark.parametrize("auth", [("user", "pass"), "token", KEY, object()])
    def test_anything_else_is_refused(self, connect: Connect, auth: Any) -> None:
        """The value does not show."""
        with pytest.raises(caibo.ConfigurationError, match=r"must be an httpx\.Auth") as caught:
            connect(auth=auth)

        assert KEY not in str(caught.value)


class TestWhereItComesFrom:
    def test_the_environment_gives_the_key(
        self, connect: Connect, script: Script, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """CAIBO_API_KEY goes before CAIBO_ACCESS_TOKEN."""
        monkeypatch.setenv("CAIBO_API_KEY", KEY)
        monkeypatch.setenv("CAIBO_ACCESS_TOKEN", "token")

        connect(api_key=None, **script.options).get(ID)

        assert sent(script) == (KEY, None)

    def test_the_environment_gives_the_token(
        self, connect: Connect, script: Script, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An empty CAIBO_API_KEY is one that is not set."""
        monkeypatch.setenv("CAIBO_API_KEY", "")
        monkeypatch.setenv("CAIBO_ACCESS_TOKEN", "token")

        connect(api_key=None, **script.options).get(ID)

        assert sent(script) == (None, "Bearer token")

    @pytest.mark.parametrize(
        "explicit",
        [{"api_key": "mine"}, {"access_token": "mine"}, {"auth": httpx.BasicAuth("u", "p")}],
    )
    def test_an_explicit_one_wins(
        self,
        connect: Connect,
        script: Script,
        monkeypatch: pytest.MonkeyPatch,
        explicit: dict[str, Any],
    ) -> None:
        """Neither variable is looked at then."""
        monkeypatch.setenv("CAIBO_API_KEY", "from-outside")
        monkeypatch.setenv("CAIBO_ACCESS_TOKEN", "from-outside")

        connect(**explicit, **script.options).get(ID)

        assert "from-outside" not in str(sent(script))

    @pytest.mark.parametrize(
        "given",
        [
            {"api_key": KEY, "access_token": "t0ken"},
            {"api_key": KEY, "auth": httpx.BasicAuth("u", "p")},
            {"access_token": "t0ken", "auth": httpx.BasicAuth("u", "p")},
        ],
    )
    def test_two_are_refused(self, connect: Connect, given: dict[str, Any]) -> None:
        """The message names both, and shows neither."""
        with pytest.raises(caibo.ConfigurationError, match="give one credential") as caught:
            connect(**given)

        assert all(name in str(caught.value) for name in given)
        assert KEY not in str(caught.value)
        assert "t0ken" not in str(caught.value)

    def test_none_is_refused_with_the_remedy(self, connect: Connect) -> None:
        """All five ways stand in the message."""
        ways = ["api_key=", "access_token=", "auth=", "CAIBO_API_KEY", "CAIBO_ACCESS_TOKEN"]

        with pytest.raises(caibo.ConfigurationError, match="no credential") as caught:
            connect(api_key=None)

        assert all(way in str(caught.value) for way in ways)


ILLEGAL = ["", " ", "{}\n", "\r\nX-Other: {}", "{} ", "{}é", "{}\x00", "{}\u2028", "{}\x7f"]


class TestIllegalValues:
    @pytest.mark.parametrize("value", [*ILLEGAL, 7, b"bytes", True])
    @pytest.mark.parametrize("option", ["api_key", "access_token"])
    def test_what_no_header_can_carry_is_refused_unseen(
        self, connect: Connect, option: str, value: Any
    ) -> None:
        """A line break at the end of a file is the usual one."""
        value = value.format("s3cret") if isinstance(value, str) else value

        with pytest.raises(caibo.ConfigurationError, match=option) as caught:
            connect(**{option: value})

        assert "s3cret" not in repr(caught.value) + str(caught.value)

    def test_one_from_the_environment_is_named_so(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The reader looks where the value came from."""
        monkeypatch.setenv("CAIBO_API_KEY", "s3cret\n")

        with pytest.raises(caibo.ConfigurationError, match="CAIBO_API_KEY") as caught:
            connect(api_key=None)

        assert "s3cret" not in str(caught.value)

    @pytest.mark.parametrize(("email", "password"), [("", "p"), ("e", ""), (None, "p"), ("e", 7)])
    def test_a_login_needs_both_as_text(self, email: Any, password: Any) -> None:
        """Checked when it is made, not when it is used."""
        with pytest.raises(caibo.ConfigurationError, match="must be a non-empty string"):
            caibo.Login(email, password)

    def test_a_login_that_no_json_can_carry_is_refused(self) -> None:
        """Half of a surrogate pair comes from a badly decoded environment."""
        with pytest.raises(caibo.ConfigurationError, match="password"):
            caibo.Login("ops@example.com", "p\udc80")
