"""What the options of a client may be."""

from __future__ import annotations

import ipaddress
import re

import httpx

from caibo._errors import ConfigurationError
from caibo._record.contract import contract

# An address, or labels as the name system has them (RFC 1035, section 2.3.4), underscores too.
_HOST = rb"[0-9a-f.]*:[0-9a-f:.]+|(?:[0-9a-z_-]{1,63}\.)*[0-9a-z_-]{1,63}\.?"
_A_DAY = 86_400  # sockets and locks refuse times of many years with errors of their own


def address(base_url: str) -> tuple[httpx.URL, str | None]:
    """Return the URL, and the host where it is plain http to another machine.

    Raises:
        ConfigurationError: it names no gateway, or more than that.
    """
    try:
        url = httpx.URL(base_url)
        host = url.host  # httpx decodes it only now, and may fail to
    except (httpx.InvalidURL, TypeError, ValueError):  # their texts quote it
        raise ConfigurationError("base_url is no URL; write it as https://host/prefix") from None
    if url.port is not None and not 0 < url.port < 65536:
        raise ConfigurationError("base_url must have a port from 1 to 65535, or none")
    if url.scheme not in ("http", "https") or not re.fullmatch(_HOST, url.raw_host):
        start = "https:// (http:// on loopback)"
        raise ConfigurationError(f"base_url must start with {start} and name a host")
    # An empty query or fragment is not seen in a parsed URL.
    if url.userinfo or set(str(base_url)) & set("?#"):
        raise ConfigurationError("base_url must have no user, query or fragment")
    return url, host if url.scheme == "http" and not _is_loopback(host) else None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def server() -> str:
    """Return the address that the contract names."""
    url: str = contract()["servers"][0]["url"]
    return url


def seconds(name: str, value: float) -> float:
    """Return a time, which must be more than none and at most a day."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _A_DAY:
        raise ConfigurationError(f"{name} must be a positive number of seconds, at most a day")
    return float(value)


def age(value: float) -> float:
    """Return the age that a record may have, which may be none."""
    return 0.0 if value == 0 and not isinstance(value, bool) else seconds("max_base_age", value)


def rate(value: float) -> float:
    """Return how many requests a second there may be, at least one a day."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 1 / _A_DAY <= value <= 1_000_000:
        raise ConfigurationError("rate_limit must be a positive number of requests a second")
    return float(value)


def count(name: str, value: int, least: int, most: int) -> int:
    """Return a whole number within its limits."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ConfigurationError(f"{name} must be a whole number from {least} to {most:,}")
    return value
