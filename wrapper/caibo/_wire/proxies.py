"""Find the proxy on the way to the gateway, as the environment names it.

Plain http never goes through one: it is for loopback, and for the containers of tests.
"""

from __future__ import annotations

import ipaddress
import re
from importlib.util import find_spec
from urllib.request import getproxies

import httpx

from caibo._errors import ConfigurationError

_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_URL = (
    r"(?s)(?:(?P<login>[^/?#]*)@)?(?P<host>\[[^\]/?#]*\]|[^:/?#@\[]*)(?::(?P<port>[^/?#@]*))?"
    r"(?P<rest>[/?#].*)?"
)
_FORM = "scheme://user:password@host:port"
_ESCAPES = "(in user and password, /, ? and # are written as %2F, %3F and %23)"


class Proxy(httpx.Proxy):
    """A proxy that shows its password nowhere."""

    @property
    def raw_auth(self) -> tuple[bytes, bytes] | None:
        auth = super().raw_auth
        return None if auth is None else (_Hidden(auth[0]), _Hidden(auth[1]))

    @property
    def address(self) -> str:
        """Name it in a message: host and port, and nothing else of its URL."""
        host = f"[{self.url.host}]" if ":" in self.url.host else self.url.host
        return f"{host}:{self.url.port or _PORTS[self.url.scheme]}"


class _Hidden(bytes):
    """Bytes that are not shown: httpcore logs a SOCKS login with the `repr` of its parts."""

    def __repr__(self) -> str:
        return "‹secret›"


def proxy_for(url: httpx.URL) -> Proxy | None:
    """Return the proxy that requests to a URL go through, by HTTPS_PROXY, ALL_PROXY and NO_PROXY.

    Names of variables may be in lower case, which wins; where there are none,
    Windows and macOS are asked for the user's own settings.

    Raises:
        ConfigurationError: the proxy cannot be used.  The message names the variable
            and the kind of mistake, and shows nothing of the value.
    """
    if url.scheme != "https":
        return None
    named = {scheme: text.strip() for scheme, text in getproxies().items()}
    scheme = next((scheme for scheme in ("https", "all") if named.get(scheme)), None)
    if scheme is None or _exempt(url, named.get("no", "")):
        return None
    proxy = _proxy(named[scheme])
    if isinstance(proxy, str):
        raise ConfigurationError(f"{scheme.upper()}_PROXY: {proxy}")
    return proxy


def _proxy(text: str) -> Proxy | str:
    """Return the proxy that a variable names, or what is wrong with it."""
    scheme, rest = text.split("://", 1) if "://" in text else ("http", text)
    scheme = scheme.lower()
    parts = re.fullmatch(_URL, rest)
    if scheme not in _PORTS:
        return f"its scheme is not one of {', '.join(_PORTS)}"
    if parts is None or not parts["host"]:
        return f"it is not of the form {_FORM} {_ESCAPES}"
    port = parts["port"] or "1"
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        return f"its port is not a number from 1 to 65535 {_ESCAPES}"
    if parts["rest"] not in (None, "/"):
        return f"it goes on after {_FORM} {_ESCAPES}"
    # httpcore leaves the resolving of names to the proxy with either; old ones know only this.
    scheme = scheme.removesuffix("h")
    try:
        url = httpx.URL(f"{scheme}://{rest}")
        login = (url.username, url.password)
        _ = url.host  # httpx decodes it only now, and may fail to
    except (httpx.InvalidURL, ValueError):  # their texts quote it
        return "it holds characters that no URL may, or its host cannot be one"
    if scheme == "socks5" and max(len(part.encode()) for part in login) > 255:
        return "SOCKS takes no user or password of more than 255 bytes"
    if scheme != "socks5" and ":" in url.username:
        return "a user with a colon cannot be told from its password in HTTP"
    if scheme == "socks5" and find_spec("socksio") is None:
        return 'SOCKS is not supported as installed: pip install "httpx[socks]"'
    return Proxy(url)


def _exempt(url: httpx.URL, no_proxy: str) -> bool:
    """Tell whether NO_PROXY names a URL."""
    return any(_matches(entry, url) for entry in re.split(r"[,\s]+", no_proxy.lower()))


def _matches(entry: str, url: httpx.URL) -> bool:
    """Hold one entry against a URL; one that nobody understands matches nothing."""
    entry = re.sub(r"^(?:all|https)://([^/]*)/?$", r"\1", entry)
    if with_port := re.fullmatch(r"(\[.*\]|[^:]*):([0-9]{1,5})", entry):
        entry, port = with_port.groups()
        if int(port) != (url.port or 443):
            return False
    if entry == "*":
        return True
    try:
        address = ipaddress.ip_address(url.host)
    except ValueError:
        below = entry.startswith((".", "*."))
        entry = entry.lstrip("*").strip(".")
        names = [name.rstrip(".") for name in (url.host, url.raw_host.decode())]
        return any(name.endswith(f".{entry}") or (name == entry and not below) for name in names)
    try:
        return address in ipaddress.ip_network(re.sub(r"[\[\]]", "", entry), strict=False)
    except ValueError:
        return False
