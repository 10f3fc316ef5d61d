"""What is sent with every request: this client's own headers, and the caller's `headers=`."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from functools import cache
from typing import cast

import httpx

from caibo._errors import ConfigurationError
from caibo._version import __version__

#: What this client sets, or promises something about.
_OURS = (
    r"(?i)authorization|x-api-key|host|accept.*|content-.*|if-.*|cache-control|pragma|cookie"
    r"|connection|transfer-encoding|expect|range"
)
# RFC 9110, sections 5.1 and 5.5; beyond ASCII nobody agrees on what a byte means.
_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_VALUE = r"[!-~](?:[\t -~]*[!-~])?"
# About the one connection, which is not the caller's: RFC 9110, section 7.6.1.
_OF_THE_CONNECTION = frozenset(
    ["keep-alive", "proxy-connection", "proxy-authorization", "te", "trailer", "upgrade"]
)


class Sent(httpx.Headers):
    """Headers that show nothing, as reporters of errors show the locals of frames."""

    def __repr__(self) -> str:
        return "Headers(…)"


@cache
def fixed() -> httpx.Headers:
    """Return what this client sends of its own."""
    return httpx.Headers(
        {
            "Accept": "application/json, application/problem+json",
            # A record is small, and what is not packed cannot unpack to a flood.
            "Accept-Encoding": "identity",
            "User-Agent": _user_agent(),
        }
    )


def _user_agent() -> str:
    python = ".".join(map(str, sys.version_info[:3]))
    return f"caibo/{__version__} python/{python} httpx/{httpx.__version__}"


def merged(before: httpx.Headers, more: Mapping[str, str | None] | None) -> Sent | str:
    """Return headers with more of them set, or taken out with `None`; else what is wrong."""
    headers = Sent(before)
    if more is None:
        return headers
    if not isinstance(more, Mapping):
        return f"headers must be a mapping, not {type(more).__name__}"
    for name, value in more.items():
        if not isinstance(name, str) or not re.fullmatch(_NAME, name):
            return "headers: a name has characters that no header name has"
        if re.fullmatch(_OURS, name) or name.lower() in _OF_THE_CONNECTION:
            return (
                f"headers: {name} is set by this client, which relies on it; give credentials by "
                "api_key=, access_token= or auth="
            )
        if value is None:
            headers.pop(name, None)
        elif isinstance(value, str) and re.fullmatch(_VALUE, value):
            headers[name] = value
        else:
            return (
                f"headers: {name} must be a string of visible ASCII characters, without white "
                "space at its ends"
            )
    return headers


def usable(headers: Sent | str) -> Sent:
    """Raise what is wrong with headers.

    Raises:
        ConfigurationError: one is this client's own matter, or cannot be sent.
    """
    if isinstance(headers, str):
        raise ConfigurationError(headers)
    return headers


def of_the_caller(headers: httpx.Headers) -> list[str]:
    """Return the values that this client knows nothing about, and so treats as secrets."""
    values = [v for k, v in headers.multi_items() if k == "cookie" or not re.fullmatch(_OURS, k)]
    # The gateway may quote a token without its scheme.
    return [*values, *(value.rpartition(" ")[2] for value in values)]


def header_value(name: str, value: object) -> str:
    """Refuse here what httpx or h11 would refuse with the value in their message."""
    if wrong := unfit(name, value):
        del value  # error reporters show the locals of frames
        raise ConfigurationError(wrong)
    return cast(str, value)


def unfit(name: str, value: object) -> str | None:
    """Say why a secret cannot stand in a header, if so."""
    if not isinstance(value, str) or not value:
        return f"{name} must be a non-empty string"
    for position, character in enumerate(value):
        if not "!" <= character <= "~":
            return (
                f"{name} has a character at position {position} that cannot stand in a header "
                "(a space, a line break from a file, or beyond ASCII)"
            )
    return None
