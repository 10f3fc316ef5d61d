"""Which proxy the environment names, and which mistakes in it are told."""

from __future__ import annotations

import sys
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from proxying import ENVIRONMENT, everything
from scripted import KEY

import caibo
from caibo._wire.proxies import proxy_for

URL = httpx.URL("https://api.example.com/v1")
SECRET = "p4ss-w0rd"
LOGIN = f"ada:{SECRET}"


@pytest.fixture(autouse=True)
def no_network_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)


class TestChoice:
    @pytest.mark.parametrize(
        ("settings", "address"),
        [
            ({}, None),
            ({"HTTP_PROXY": "http://no:1"}, None),
            ({"HTTPS_PROXY": "http://p:3128"}, "p:3128"),
            ({"https_proxy": "http://p:3128"}, "p:3128"),
            ({"ALL_PROXY": "http://p:3128"}, "p:3128"),
            ({"ALL_PROXY": "socks9://no:1", "HTTPS_PROXY": "http://p:3128"}, "p:3128"),
            ({"HTTPS_PROXY": "http://no:1", "https_proxy": "http://p:3128"}, "p:3128"),
            ({"HTTPS_PROXY": "http://no:1", "https_proxy": ""}, None),
            ({"HTTPS_PROXY": "  "}, None),
            ({"HTTPS_PROXY": " http://p:3128/\r\n"}, "p:3128"),
            ({"HTTPS_PROXY": "p:3128"}, "p:3128"),
            ({"HTTPS_PROXY": f"{LOGIN}@p:3128"}, "p:3128"),
            ({"HTTPS_PROXY": "HTTP://P:3128"}, "p:3128"),
            ({"HTTPS_PROXY": "http://p"}, "p:80"),
            ({"HTTPS_PROXY": "http://p:"}, "p:80"),
            ({"HTTPS_PROXY": "https://p"}, "p:443"),
            ({"HTTPS_PROXY": "socks5://p"}, "p:1080"),
            ({"HTTPS_PROXY": "socks5h://p"}, "p:1080"),
            ({"HTTPS_PROXY": "http://[::1]:3128"}, "[::1]:3128"),
        ],
    )
    def test_the_environment_names_it(
        self, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], address: str | None
    ) -> None:
        """HTTPS_PROXY before ALL_PROXY, and lower case before upper."""
        for name, value in settings.items():
            monkeypatch.setenv(name, value)

        proxy = proxy_for(URL)

        assert (proxy and proxy.address) == address

    @pytest.mark.parametrize(
        ("login", "auth"),
        [
            ("ada:p%2Fs%40s", (b"ada", b"p/s@s")),
            ("ada:p@ss", (b"ada", b"p@ss")),
            ("ada:100%", (b"ada", b"100%")),
            ("ada:ß", (b"ada", "ß".encode())),
            ("ada", (b"ada", b"")),
            (":pass", (b"", b"pass")),
        ],
    )
    def test_user_and_password_are_taken_as_written(
        self, monkeypatch: pytest.MonkeyPatch, login: str, auth: tuple[bytes, bytes]
    ) -> None:
        """They are escaped as in any URL."""
        monkeypatch.setenv("HTTPS_PROXY", f"http://{login}@p:3128")

        proxy = proxy_for(URL)

        assert proxy is not None
        assert proxy.raw_auth == auth

    @pytest.mark.parametrize(
        ("no_proxy", "url"),
        [
            ("*", "https://api.example.com"),
            ("other.test, *", "https://api.example.com"),
            ("api.example.com", "https://api.example.com"),
            ("API.Example.COM", "https://api.example.com"),
            ("api.example.com.", "https://api.example.com"),
            ("api.example.com", "https://api.example.com."),
            ("example.com", "https://api.example.com"),
            (".example.com", "https://api.example.com"),
            ("*.example.com", "https://api.example.com"),
            ("*example.com", "https://api.example.com"),
            ("a.test,example.com", "https://api.example.com"),
            ("a.test  example.com", "https://api.example.com"),
            ("example.com:443", "https://api.example.com"),
            ("api.example.com:8443", "https://api.example.com:8443"),
            ("*:8443", "https://api.example.com:8443"),
            ("https://api.example.com/", "https://api.example.com"),
            ("all://*.example.com", "https://api.example.com"),
            ("localhost", "https://localhost:8443"),
            ("127.0.0.1", "https://127.0.0.1"),
            ("127.0.0.1:443", "https://127.0.0.1"),
            ("10.0.0.0/8", "https://10.1.2.3"),
            ("10.1.2.3/8", "https://10.1.2.3"),
            ("::1", "https://[::1]:8443"),
            ("[::1]", "https://[::1]:8443"),
            ("[::1]:8443", "https://[::1]:8443"),
            ("0:0::1", "https://[::1]"),
            ("fd00::/8", "https://[fd12::3]"),
            ("[fd00::]/8", "https://[fd12::3]"),
            ("bücher.example", "https://bücher.example"),
            ("xn--bcher-kva.example", "https://www.bücher.example"),
        ],
    )
    def test_no_proxy_exempts_a_gateway(
        self, monkeypatch: pytest.MonkeyPatch, no_proxy: str, url: str
    ) -> None:
        """By host, suffix, port, address, network or altogether."""
        monkeypatch.setenv("HTTPS_PROXY", "http://p:3128")
        monkeypatch.setenv("NO_PROXY", no_proxy)

        assert proxy_for(httpx.URL(url)) is None

    @pytest.mark.parametrize(
        ("no_proxy", "url"),
        [
            ("", "https://api.example.com"),
            (",, ,", "https://api.example.com"),
            ("ample.com", "https://api.example.com"),
            ("com.", "https://api.example.org"),
            (".example.com", "https://example.com"),
            ("*.example.com", "https://example.com"),
            ("www.api.example.com", "https://api.example.com"),
            ("api.example.com:80", "https://api.example.com"),
            ("api.example.com:443", "https://api.example.com:8443"),
            ("*:80", "https://api.example.com"),
            ("http://api.example.com", "https://api.example.com"),
            (".", "https://api.example.com"),
            ("*.", "https://api.example.com"),
            ("0.0.1", "https://127.0.0.1"),
            ("10.0.0.0/8", "https://11.1.2.3"),
            ("10.0.0.0/8", "https://fd12.example"),
            ("fd00::/8", "https://10.1.2.3"),
            ("::1", "https://127.0.0.1"),
            ("[::1]:80", "https://[::1]"),
        ],
    )
    def test_no_proxy_exempts_nothing_else(
        self, monkeypatch: pytest.MonkeyPatch, no_proxy: str, url: str
    ) -> None:
        """What looks nearly like the gateway is not it."""
        monkeypatch.setenv("HTTPS_PROXY", "http://p:3128")
        monkeypatch.setenv("NO_PROXY", no_proxy)

        assert proxy_for(httpx.URL(url)) is not None

    @given(
        entry=st.text(st.characters(exclude_characters="\0", codec="utf-8"))
        | st.text("0123456789:.[]/*%-ax ,"),
        host=st.sampled_from(["api.example.com", "127.0.0.1", "[::1]", "[fe80::1%25eth0]"]),
    )
    def test_no_entry_keeps_a_client_from_being_made(self, entry: str, host: str) -> None:
        """Whatever else reads the variable may know forms that we do not."""
        url = httpx.URL(f"https://{host}:8443")

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HTTPS_PROXY", "http://p:3128")
            patch.setenv("NO_PROXY", f"other.test,{entry}")
            proxy = proxy_for(url)

        assert proxy is None or proxy.address == "p:3128"

    def test_plain_http_goes_through_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It stays on this machine, also where the variables are wrong."""
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, "socks9://p")

        assert proxy_for(httpx.URL("http://127.0.0.1:8080")) is None


class TestMistakes:
    @pytest.mark.parametrize(
        ("value", "kind"),
        [
            (f"htp://{LOGIN}@proxy", "scheme is not one of http, https, socks5, socks5h"),
            (f"socks://{LOGIN}@proxy:1080", "scheme is not one of"),
            (f"socks4://{LOGIN}@proxy:1080", "scheme is not one of"),
            (f"http:/{LOGIN}@proxy", "goes on after scheme://user:password@host:port"),
            (f"://{LOGIN}@proxy", "scheme is not one of"),
            ("http://", "not of the form"),
            (f"http://{LOGIN}@", "not of the form"),
            (f"http://{LOGIN}@:3128", "not of the form"),
            (f"http://{LOGIN}@::1:3128", "not of the form"),
            (f"http://{LOGIN}@[::1", "not of the form"),
            (f"http://proxy:{SECRET}", "port is not a number from 1 to 65535"),
            (f"http://{LOGIN}@proxy:0", "port is not a number"),
            (f"http://{LOGIN}@proxy:65536", "port is not a number"),
            (f"http://{LOGIN}@proxy:３", "port is not a number"),
            (f"http://ada:1/{SECRET}@proxy:3128", "goes on after .*%2F, %3F and %23"),
            (f"http://ada:1?{SECRET}@proxy:3128", "goes on after .*%2F, %3F and %23"),
            (f"http://ada:1#{SECRET}@proxy:3128", "goes on after .*%2F, %3F and %23"),
            (f"http://ada:/{SECRET}@proxy:3128", "goes on after .*%2F, %3F and %23"),
            (f"http://{LOGIN}@proxy:3128/path", "goes on after"),
            (f"http://{LOGIN}\x01@proxy", "characters that no URL may"),
            (f"http://{LOGIN}\udcff@proxy", "characters that no URL may"),
            (f"http://{LOGIN}@999.1.1.1:3", "its host cannot be one"),
            (f"http://{LOGIN}@[zz]:3", "its host cannot be one"),
            (f"http://{LOGIN}@xn--:3", "its host cannot be one"),
            (f"http://ada%3A{LOGIN}@proxy", "user with a colon"),
            (f"socks5://ada:{SECRET * 40}@proxy", "more than 255 bytes"),
        ],
    )
    @pytest.mark.parametrize("name", ["HTTPS_PROXY", "ALL_PROXY"])
    def test_what_cannot_be_used_is_named_unseen(
        self,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
        name: str,
        value: str,
        kind: str,
    ) -> None:
        """The message says which variable and what kind of mistake, and quotes nothing."""
        monkeypatch.setenv(name, value)

        with pytest.raises(caibo.ConfigurationError, match=f"^{name}: .*{kind}") as caught:
            proxy_for(URL)

        shown = everything(caught.value, caplog)
        assert SECRET not in shown
        assert "ada" not in str(caught.value)

    def test_socks_that_is_not_installed_says_how_to_install_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is an extra."""
        monkeypatch.setenv("ALL_PROXY", "socks5://p:1080")
        monkeypatch.setitem(sys.modules, "socksio", None)
        monkeypatch.setattr("caibo._wire.proxies.find_spec", lambda name: None)

        with pytest.raises(caibo.ConfigurationError, match=r'ALL_PROXY: .*"httpx\[socks\]"'):
            proxy_for(URL)

    @pytest.mark.parametrize("kind", [caibo.Caibo, caibo.AsyncCaibo])
    def test_no_client_is_made_of_it(self, monkeypatch: pytest.MonkeyPatch, kind: Any) -> None:
        """It is said where the client is built, and not at its first call."""
        monkeypatch.setenv("ALL_PROXY", f"socks9://{LOGIN}@p")

        with pytest.raises(caibo.ConfigurationError, match="ALL_PROXY: its scheme"):
            kind(api_key=KEY, base_url="https://gateway.test")

    def test_a_password_is_shown_nowhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Not by what a debugger prints, either."""
        monkeypatch.setenv("HTTPS_PROXY", f"http://{LOGIN}@p:3128")

        proxy = proxy_for(URL)

        assert proxy is not None
        assert SECRET not in f"{proxy!r}{proxy.raw_auth}{proxy.address}"
