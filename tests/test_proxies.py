"""Calls through proxies, and what is said of one that is no good."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from faces import Connect
from proxying import (
    ENVIRONMENT,
    Blunt,
    Gateway,
    HTTPProxy,
    Proxy,
    SOCKSProxy,
    drip,
    everything,
    hang_up,
    refusal,
    silent,
    speaking,
    trust,
)
from scripted import ID, KEY, RECORD, RawServer, framed

import caibo

#: The gateway of these tests ends each connection after one answer, and says so.
ONCE = framed(RECORD, 200, b"Connection: close")
SECRET = "p4ss-w0rd"
LOGIN = f"ada:{SECRET}"


@pytest.fixture(autouse=True)
def no_network_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def gateway(
    authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Gateway]:
    """Give a gateway that is trusted, and that the proxies carry to."""
    trust(monkeypatch, tmp_path, authority)
    certificate = authority.issue_cert("127.0.0.1", "localhost", "gateway.test")
    gateway = Gateway(certificate, ONCE)
    with gateway.serve():
        yield gateway


SOUND: list[tuple[type[Proxy], str, str]] = [
    (HTTPProxy, "http", ""),
    (HTTPProxy, "http", LOGIN),
    (HTTPProxy, "https", LOGIN),
    (SOCKSProxy, "socks5", ""),
    (SOCKSProxy, "socks5", LOGIN),
    (SOCKSProxy, "socks5h", LOGIN),
]


class TestTunnels:
    @pytest.mark.parametrize(("kind", "scheme", "login"), SOUND)
    def test_a_call_goes_through_it(
        self,
        connect: Connect,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        authority: trustme.CA,
        gateway: Gateway,
        kind: type[Proxy],
        scheme: str,
        login: str,
    ) -> None:
        """Each side gets its own credential, and no log shows either."""
        caplog.set_level(logging.DEBUG)
        gateway.replies.append(framed(b""))
        proxy = kind(gateway, login=login)
        proxy.tls = speaking(authority.issue_cert("127.0.0.1")) if scheme == "https" else None
        with proxy.serve():
            monkeypatch.setenv("HTTPS_PROXY", proxy.url(scheme, login))
            client = connect(api_key=KEY, base_url="https://gateway.test", transport=None)

            update = client.update(ID, phone="+12025550143")

        assert update.customer.id == ID
        assert [head.split()[0] for head in gateway.requests] == [b"GET", b"PUT"]
        assert all(b"gateway.test" in request for request in proxy.requests)
        assert all(KEY.encode() in head for head in gateway.requests)
        assert KEY.encode() not in b"".join(proxy.requests)
        assert b"proxy-authorization" not in b"".join(gateway.requests).lower()
        assert proxy.logins == [LOGIN.encode()] * len(proxy.logins)
        assert not {SECRET, KEY, base64.b64encode(login.encode()).decode()} & set(
            caplog.text.replace("'", " ").split()
        )

    @pytest.mark.parametrize("no_proxy", ["127.0.0.1", "127.0.0.1:{port}", "10.0.0.1,127.0.0.0/8"])
    def test_an_exempt_gateway_is_reached_directly(
        self,
        connect: Connect,
        monkeypatch: pytest.MonkeyPatch,
        gateway: Gateway,
        no_proxy: str,
    ) -> None:
        """Though there is a proxy."""
        port = gateway.base_url.rpartition(":")[2]
        with HTTPProxy(reply=refusal(403)).serve() as link:
            monkeypatch.setenv("HTTPS_PROXY", link["base_url"])
            monkeypatch.setenv("NO_PROXY", no_proxy.format(port=port))

            customer = connect(api_key=KEY, base_url=gateway.base_url, transport=None).get(ID)

        assert customer.id == ID

    def test_plain_http_stays_on_this_machine(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It would leave it after all, readable."""
        gateway, proxy = RawServer(ONCE), HTTPProxy(reply=refusal(403))
        with gateway.serve() as link, proxy.serve():
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
                monkeypatch.setenv(name, proxy.url("http"))

            customer = connect(api_key=KEY, **link).get(ID)

        assert customer.id == ID
        assert proxy.requests == []


LATE = "it took longer than `timeout`"
STRANGE = "it hung up, or does not speak what its scheme says"
#: What is wrong with a proxy, how its variable begins, and what is said about it.
BAD: dict[str, tuple[Callable[[], Proxy], str, str]] = {
    "asks for a login": (lambda: HTTPProxy(login="else:where"), "http", "407 Proxy Auth"),
    "forbids": (lambda: HTTPProxy(reply=refusal(403)), "http", "403 Forbidden"),
    "finds no gateway": (lambda: HTTPProxy(reply=refusal(502)), "http", "502 Bad Gateway"),
    "redirects": (lambda: HTTPProxy(reply=refusal(302)), "http", "302 Found"),
    "invents a status": (lambda: HTTPProxy(reply=refusal(599)), "http", "(599)"),
    "hangs up": (lambda: HTTPProxy(reply=hang_up), "http", STRANGE),
    "is silent": (lambda: HTTPProxy(reply=silent), "http", LATE),
    "drips": (lambda: HTTPProxy(reply=drip), "http", LATE),
    "is no HTTP": (lambda: Blunt(b"SSH-2.0-OpenSSH_9.6\r\n"), "http", STRANGE),
    "is SOCKS": (SOCKSProxy, "http", STRANGE),
    "is TLS": (lambda: Blunt(b"\x15\x03\x01\0\2\2\x46"), "http", STRANGE),
    "is not TLS": (lambda: Blunt(refusal(400)), "https", "WRONG_VERSION_NUMBER"),
    "waits for more": (HTTPProxy, "https", LATE),
    "is HTTP": (HTTPProxy, "socks5", LATE),
    "is HTTP and says so": (lambda: Blunt(refusal(400)), "socks5", STRANGE),
    "is SOCKS 4": (lambda: Blunt(b"\0\x5b\0\0\0\0\0\0"), "socks5", STRANGE),
    "is SOCKS and hangs up": (lambda: Blunt(b""), "socks5h", STRANGE),
    "has no such login": (lambda: SOCKSProxy(login=LOGIN, method=1), "socks5", "NO ACCEPTABLE"),
    "refuses the login": (lambda: SOCKSProxy(login="else:where"), "socks5", "username/password"),
    "failed": (lambda: SOCKSProxy(login=LOGIN, code=1), "socks5", "General SOCKS server failure"),
    "has rules": (lambda: SOCKSProxy(login=LOGIN, code=2), "socks5", "not allowed by ruleset"),
    "has no network": (lambda: SOCKSProxy(login=LOGIN, code=3), "socks5", "Network unreachable"),
    "has no host": (lambda: SOCKSProxy(login=LOGIN, code=4), "socks5", "Host unreachable"),
    "is refused": (lambda: SOCKSProxy(login=LOGIN, code=5), "socks5", "Connection refused"),
    "gave up": (lambda: SOCKSProxy(login=LOGIN, code=6), "socks5", "TTL expired"),
    "cannot": (lambda: SOCKSProxy(login=LOGIN, code=7), "socks5", "Command not supported"),
    "knows no names": (lambda: SOCKSProxy(login=LOGIN, code=8), "socks5", "Address type"),
    "invents a code": (lambda: SOCKSProxy(login=LOGIN, code=9), "socks5", STRANGE),
    "replies in pieces": (lambda: SOCKSProxy(login=LOGIN, pieces=True), "socks5", STRANGE),
}


class TestFailures:
    @pytest.mark.parametrize("name", BAD)
    def test_a_proxy_that_fails_is_named_and_nothing_was_sent(
        self,
        connect: Connect,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        name: str,
    ) -> None:
        """With what it said, long before the deadline, and without its password."""
        caplog.set_level(logging.DEBUG)
        make, scheme, said = BAD[name]
        proxy = make()
        with proxy.serve():
            monkeypatch.setenv("HTTPS_PROXY", proxy.url(scheme, LOGIN))
            client = connect(
                api_key=KEY,
                base_url="https://gateway.test",
                transport=None,
                timeout=0.3,
                deadline=30,
                max_retries=0,
            )

            with pytest.raises(caibo.TransportError) as caught:
                client.update(ID, phone="+12025550143")

        error, text = caught.value, str(caught.value)
        shown = everything(error, caplog)
        assert not isinstance(error, caibo.DeadlineExceededError)
        assert error.request_sent == "no"
        assert f"proxy {proxy.address}" in text
        assert said in text
        assert "nothing was sent" in text
        assert "gateway.test" not in text
        assert SECRET not in shown
        assert base64.b64encode(LOGIN.encode()).decode() not in shown
        assert KEY not in shown
        assert KEY.encode() not in b"".join(proxy.requests)

    def test_a_proxy_is_not_quoted(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It may repeat what was wrong with the login."""
        proxy = HTTPProxy(reply=refusal(407, f"{SECRET} is not the password"))
        with proxy.serve():
            monkeypatch.setenv("HTTPS_PROXY", proxy.url("http", LOGIN))
            client = connect(
                api_key=KEY, base_url="https://gateway.test", transport=None, max_retries=0
            )

            with pytest.raises(caibo.TransportError, match=r"\(407 Proxy Authentic") as caught:
                client.get(ID)

        assert SECRET not in everything(caught.value, caplog)

    def test_a_proxy_that_is_not_there_is_named(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The gateway cannot be blamed."""
        proxy = HTTPProxy()
        with proxy.serve():
            pass
        monkeypatch.setenv("HTTPS_PROXY", proxy.url("http", LOGIN))
        client = connect(
            api_key=KEY, base_url="https://gateway.test", transport=None, max_retries=0
        )

        with pytest.raises(caibo.TransportError, match=f"proxy {proxy.address}") as caught:
            client.get(ID)

        assert caught.value.request_sent == "no"
        assert "gateway.test" not in str(caught.value)

    @pytest.mark.parametrize(("kind", "scheme"), [(HTTPProxy, "http"), (SOCKSProxy, "socks5")])
    def test_a_gateway_that_is_no_good_behind_it_is_named_itself(
        self,
        connect: Connect,
        monkeypatch: pytest.MonkeyPatch,
        kind: type[Proxy],
        scheme: str,
    ) -> None:
        """Its certificate is nothing that the proxy could help."""
        stranger = trustme.CA().issue_cert("gateway.test")
        gateway = Gateway(stranger, ONCE)
        with gateway.serve(), kind(gateway).serve() as link:
            address = link["base_url"].partition("://")[2]
            monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://{address}")
            client = connect(api_key=KEY, base_url="https://gateway.test", transport=None)

            with pytest.raises(caibo.TransportError, match=r"at gateway\.test: .*CERTIFICATE_"):
                client.get(ID)

        assert gateway.connections == 1
