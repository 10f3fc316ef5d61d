"""How a client is built, shown and closed, and what it does not let through."""

from __future__ import annotations

import pickle
import ssl
import time
from collections.abc import Generator
from typing import Any

import httpx
import pytest
import trustme
from faces import Connect, Face
from scripted import ID, KEY, RECORD, RawServer, Script, answer, framed

import caibo
from caibo._wire import tls
from caibo.testing import FakeCaibo

KINDS = [caibo.Caibo, caibo.AsyncCaibo]


class TestBaseURL:
    @pytest.mark.parametrize("prefix", ["", "/ipg/2.0.0", "/ipg/2.0.0/"])
    def test_it_may_have_a_path(self, connect: Connect, fake: FakeCaibo, prefix: str) -> None:
        """A sibling deployment of the gateway lives under one; the login is there, too."""
        fake.prefix = prefix.rstrip("/")
        id = fake.add_customer()
        auth = caibo.Login(fake.email, fake.password)

        with fake.serve() as server:
            url = server.base_url.removesuffix(fake.prefix) + prefix
            connect(base_url=url, transport=None, auth=auth).update(id, phone=None)

        assert [(r.method, r.path) for r in fake.requests] == [
            ("POST", f"{fake.prefix}/auth/login"),
            ("GET", f"{fake.prefix}/customers/{id}"),
            ("PUT", f"{fake.prefix}/customers/{id}"),
        ]

    def test_the_environment_gives_it(
        self, connect: Connect, fake: FakeCaibo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """CAIBO_BASE_URL, where none is given."""
        with fake.serve() as server:
            monkeypatch.setenv("CAIBO_BASE_URL", server.base_url)
            client = connect(base_url=None, transport=None)

            customer = client.get(fake.add_customer())

        assert customer.name == "Ada Example"

    @pytest.mark.parametrize("kind", KINDS)
    def test_without_one_it_is_the_contracts_server(self, kind: Any) -> None:
        """Test and live share it."""
        assert "https://apay.caibo.digital" in repr(kind(api_key=KEY))

    @pytest.mark.parametrize(
        "url", ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1", "HTTP://LOCALHOST"]
    )
    def test_plain_http_is_for_loopback(self, connect: Connect, url: str) -> None:
        """The fake gateway and a local proxy are reached that way."""
        assert url.lower() in repr(connect(base_url=url).caibo)

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("http://apay.caibo.digital", "plain http would send the credential readable"),
            ("http://localhost.example.com", "plain http"),
            ("http://10.0.0.1", "plain http"),
            ("ftp://apay.caibo.digital", "must start with https://"),
            ("apay.caibo.digital", "must start with https://"),
            ("127.0.0.1:8765", r"\(http:// on loopback\)"),
            ("https://", "must start with https://"),
            ("", "must start with https://"),
            ("https://user:s3cret@host", "no user, query or fragment"),
            ("https://host/?key=s3cret", "no user, query or fragment"),
            ("https://host/#s3cret", "no user, query or fragment"),
            ("https://host/s3cret?", "no user, query or fragment"),
            ("https://host/s3cret#", "no user, query or fragment"),
            (httpx.URL("https://host/s3cret?"), "no user, query or fragment"),
            ("https://host:s3cret", "is no URL"),
            ("https://host:99999", "must have a port from 1"),
            ("https://host:-1", "must have a port from 1"),
            ("https://host:0", "must have a port from 1"),
            ("https://xn--/", "is no URL"),
            ("https://xn--a.example", "is no URL"),
            ("http://xn--", "is no URL"),
            ("https://bü\u200dcher.example", "is no URL"),
            ("https://" + "ü" * 64, "is no URL"),
            ("https://[::1", "is no URL"),
            ("https://s3cret host", "name a host"),
            ("https://*", "name a host"),
            ("https://s3cret%2fhost", "name a host"),
            ("https://a..b", "name a host"),
            ("https://.", "name a host"),
            ("https://" + "a" * 64, "name a host"),
            ("https:host", "name a host"),
            (7, "is no URL"),
        ],
    )
    def test_any_other_is_refused(self, connect: Connect, url: Any, reason: str) -> None:
        """Before a credential could go there, and without showing what stands in it."""
        with pytest.raises(caibo.ConfigurationError, match=f"base_url.*{reason}") as caught:
            connect(base_url=url)

        assert "s3cret" not in str(caught.value)


class TestOptions:
    @pytest.mark.parametrize("name", ["timeout", "deadline"])
    @pytest.mark.parametrize(
        "value", [0, -1, float("nan"), float("inf"), 86_401, True, None, "10", 1j]
    )
    def test_a_time_is_a_positive_number_of_seconds(
        self, connect: Connect, name: str, value: Any
    ) -> None:
        """An infinite one would wait for ever."""
        with pytest.raises(caibo.ConfigurationError, match=f"{name} must be a positive number"):
            connect(**{name: value})

    @pytest.mark.parametrize("value", [-1, 11, 1.0, True, None, "2"])
    def test_the_number_of_retries_is_small(self, connect: Connect, value: Any) -> None:
        """More would be hammering."""
        with pytest.raises(caibo.ConfigurationError, match="whole number from 0 to 10"):
            connect(max_retries=value)

    @pytest.mark.parametrize("transport", [object(), httpx.Client, "https"])
    def test_a_transport_is_one_of_httpx(self, connect: Connect, transport: Any) -> None:
        """Anything else would fail at the first request."""
        with pytest.raises(caibo.ConfigurationError, match=r"transport: .* needs an httpx"):
            connect(transport=transport)

    @pytest.mark.parametrize(
        ("kind", "transport"),
        [(caibo.Caibo, httpx.AsyncHTTPTransport()), (caibo.AsyncCaibo, httpx.HTTPTransport())],
    )
    def test_a_transport_of_the_other_face_is_refused(self, kind: Any, transport: Any) -> None:
        """The message says which one is needed."""
        with pytest.raises(caibo.ConfigurationError, match=f"{kind.__name__} needs an httpx"):
            kind(api_key=KEY, transport=transport)

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("proxy", ["htp://proxy", "http://proxy:s3cret", "socks9://p"])
    def test_a_proxy_that_cannot_be_is_named_unseen(
        self, monkeypatch: pytest.MonkeyPatch, kind: Any, proxy: str
    ) -> None:
        """It comes from the environment, and may hold a password."""
        monkeypatch.setenv("HTTPS_PROXY", proxy)

        with pytest.raises(caibo.ConfigurationError, match="HTTPS_PROXY") as caught:
            kind(api_key=KEY)

        assert "s3cret" not in str(caught.value)

    def test_an_option_that_is_none_is_a_type_error(self, connect: Connect) -> None:
        """A mistake in the Python call itself stays what it is."""
        with pytest.raises(TypeError, match="retries"):
            connect(retries=3)


class TestShown:
    @pytest.mark.parametrize("kind", KINDS)
    def test_it_shows_where_it_writes_and_no_key(self, kind: Any) -> None:
        """The mode is what a person must see in a log."""
        client = kind(api_key=KEY, base_url="https://gateway.test/x")

        assert repr(client) == f"{kind.__name__}('https://gateway.test/x', mode='test')"

    @pytest.mark.parametrize(
        "auth",
        [caibo.ApiKey("s3cret"), caibo.BearerToken("s3cret"), caibo.Login("e@x.y", "s3cret")],
    )
    def test_a_credential_shows_its_kind_only(self, auth: httpx.Auth) -> None:
        """It is an attribute of things that are printed."""
        assert repr(auth) == f"{type(auth).__name__}(…)"

    @pytest.mark.parametrize(
        "secret",
        [
            caibo.ApiKey("s3cret"),
            caibo.BearerToken("s3cret"),
            caibo.Login("e@x.y", "s3cret"),
            caibo.Caibo(api_key="s3cret"),
            caibo.AsyncCaibo(api_key="s3cret"),
        ],
        ids=lambda secret: type(secret).__name__,
    )
    def test_what_holds_a_secret_is_not_pickled(self, secret: Any) -> None:
        """A pickle is a file that nobody guards."""
        with pytest.raises(TypeError, match="holds a secret"):
            pickle.dumps(secret)


class TestClosing:
    def test_a_closed_client_says_so(self, client: Face, fake: FakeCaibo) -> None:
        """Before anything is sent, and closing twice is fine."""
        client.close()
        client.close()

        with pytest.raises(caibo.ConfigurationError, match="this client is closed"):
            client.get(ID)

        assert fake.requests == []

    def test_it_says_so_before_it_waits_for_anything(self, connect: Connect) -> None:
        """Such as a lock; also at the beginning of a block."""

        def lock(_: int) -> Any:
            raise AssertionError("it was asked for a lock")

        client = connect(lock=lock, rate_limit=1)
        draft = client.edit(ID)
        client.close()

        with pytest.raises(caibo.ConfigurationError, match="this client is closed"):
            client.update(ID, phone=None)
        with pytest.raises(caibo.ConfigurationError, match="this client is closed"):
            client.replace(ID, {})
        with pytest.raises(caibo.ConfigurationError, match="closed"), draft:
            pass

    def test_a_context_manager_closes_it(self, fake: FakeCaibo) -> None:
        """At the end of the block."""
        with caibo.Caibo(api_key=fake.api_key, transport=fake.transport) as client:
            client.customers.get(fake.add_customer())

        with pytest.raises(caibo.ConfigurationError, match="closed"):
            client.customers.get(ID)


class TestWire:
    def test_every_request_says_who_asks_and_for_what(self, client: Face, fake: FakeCaibo) -> None:
        """The vendor can find our requests, and problem details are asked for by name."""
        client.update(fake.add_customer(), phone=None)

        for request in fake.requests:
            assert request.headers["User-Agent"].startswith(f"caibo/{caibo.__version__} python/3.")
            assert request.headers["Accept"] == "application/json, application/problem+json"

    def test_tls_is_spoken_and_certificates_are_checked(
        self,
        connect: Connect,
        monkeypatch: pytest.MonkeyPatch,
        authority: trustme.CA,
        tmp_path: Any,
    ) -> None:
        """On a real socket: an unknown authority is refused, a known one is not."""
        gateway = RawServer(framed(RECORD))
        gateway.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(gateway.tls)
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))

        with gateway.serve() as link:
            with pytest.raises(caibo.TransportError, match="CERTIFICATE_VERIFY_FAILED") as caught:
                connect(api_key=KEY, max_retries=0, **link).get(ID)
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
            customer = connect(api_key=KEY, max_retries=0, **link).get(ID)

        assert caught.value.request_sent == "no"
        assert customer.id == ID

    @pytest.fixture
    def authority(self) -> trustme.CA:
        return trustme.CA()

    def test_clients_share_what_is_slow_to_load(self) -> None:
        """The certificates are read once; a second client costs next to nothing."""
        caibo.Caibo(api_key=KEY)
        loaded = tls._context.cache_info().misses

        caibo.AsyncCaibo(api_key=KEY)

        assert tls._context.cache_info().misses == loaded


class Custom(httpx.Auth):
    """Do what a test wants in the auth flow."""

    def __init__(self, act: Any) -> None:
        self.act = act

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        self.act(request)
        yield request


class TestForeignAuth:
    def test_a_header_that_cannot_be_sent_is_not_shown(self, connect: Connect) -> None:
        """h11 would quote it."""

        def spoil(request: httpx.Request) -> None:
            request.headers["X-API-Key"] = "s3cret\n"

        gateway = RawServer(framed(RECORD))
        with (
            gateway.serve() as link,
            pytest.raises(caibo.ConfigurationError, match="cannot be put into HTTP") as caught,
        ):
            connect(auth=Custom(spoil), **link).get(ID)

        assert "s3cret" not in str(caught.value) + repr(caught.value.__cause__)

    def test_its_own_failure_is_a_transport_error(self, connect: Connect) -> None:
        """Whatever it raises, one of ours leaves."""

        def fail(request: httpx.Request) -> None:
            raise httpx.ReadError("s3cret")

        with pytest.raises(caibo.TransportError, match="ReadError") as caught:
            connect(auth=Custom(fail), max_retries=0, **Script(answer(200)).options).get(ID)

        assert "s3cret" not in str(caught.value)

    @pytest.mark.parametrize("connect", ["sync"], indirect=True)
    def test_a_deadline_that_passes_in_it_is_kept(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing can interrupt it in a thread, but no connection is opened afterwards."""
        now = time.monotonic

        def dawdle(request: httpx.Request) -> None:
            monkeypatch.setattr("time.monotonic", lambda: now() + 3600)

        with pytest.raises(caibo.DeadlineExceededError, match="nothing was sent") as caught:
            connect(auth=Custom(dawdle), base_url="http://127.0.0.1:1", transport=None).get(ID)

        assert caught.value.request_sent == "no"


class TestForeignTransport:
    def test_an_error_of_ours_goes_through(self, connect: Connect) -> None:
        """A transport around another may refuse to send."""
        script = Script(caibo.ConfigurationError("not on Sundays"))

        with pytest.raises(caibo.ConfigurationError, match="not on Sundays"):
            connect(**script.options).get(ID)

    def test_an_error_without_words_is_told_by_what_it_came_of(self, connect: Connect) -> None:
        """As some translate theirs."""
        wordless = httpx.ConnectError("")
        wordless.__context__ = OSError("no route")

        with pytest.raises(caibo.TransportError, match=r"\(ConnectError: no route\)"):
            connect(max_retries=0, **Script(wordless).options).get(ID)
