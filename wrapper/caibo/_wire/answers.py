"""An answer, read whole: its status, its headers, and its body without any packing."""

from __future__ import annotations

import zlib
from typing import Any

import httpx

from caibo._errors import MalformedResponseError
from caibo._wire.waiting import LARGEST_BODY, Sent

_AS_IT_IS = frozenset(["", "identity"])
# zlib finds out which of its two it is; deflate without a head is what some servers mean.
_WINDOWS = {"gzip": (47,), "x-gzip": (47,), "deflate": (47, -15)}


class Answer:
    """What came of one request.

    Attributes:
        request: as it was sent.
        status_code: of HTTP.
        headers: by name in lower case; one that came twice has both values, with a comma.
        raw: the headers as they came.
        content: the body, unpacked.
        extensions: of the transport.
        attempts: how many times the request was sent.
        asked_at: when the last attempt began, by the clock.
        received_at: when its answer was there.
    """

    attempts = 1

    def __init__(
        self,
        *,
        request: httpx.Request,
        status_code: int,
        headers: dict[str, str],
        raw: list[tuple[bytes, bytes]],
        content: bytes,
        extensions: dict[str, object],
        asked_at: float,
        received_at: float,
    ) -> None:
        self.request = request
        self.status_code = status_code
        self.headers = headers
        self.raw = raw
        self.content = content
        self.extensions = extensions
        self.asked_at = asked_at
        self.received_at = received_at

    def __repr__(self) -> str:
        return f"Answer({self.status_code})"  # error reporters show the locals of frames

    @property
    def is_success(self) -> bool:
        return 200 <= self.status_code < 300

    def as_response(self, stream: Any = None) -> httpx.Response:
        """Give it to those who know httpx's kind only, its body read or as a stream."""
        unpacked = [(k, v) for k, v in self.raw if k.lower() not in _OF_THE_PACKED]
        return httpx.Response(
            self.status_code,
            headers=unpacked,
            content=self.content if stream is None else None,
            stream=stream,
            request=self.request,
            extensions=self.extensions,
        )


# The length is that of what was sent, and httpx would undo the encoding again.
_OF_THE_PACKED = frozenset([b"content-encoding", b"content-length", b"transfer-encoding"])


def answer(request: httpx.Request, sent: Sent, asked_at: float, now: float) -> Answer:
    """Make an answer of what a transport gave.

    Raises:
        httpx.HTTPError: the body of a 2xx broke off.
        MalformedResponseError: the body of a 2xx is too large, or cannot be unpacked.
    """
    response = sent.response
    raw = response.headers.raw
    headers: dict[str, str] = {}
    for name, value in raw:
        known = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        headers[known] = f"{headers[known]}, {text}" if known in headers else text
    try:
        content = _content(sent, headers.get("content-encoding", ""))
    except (httpx.HTTPError, MalformedResponseError):
        if response.is_success:
            raise
        # The status still stands where its explanation was lost.
        content = bytes(sent.body[:LARGEST_BODY])
    return Answer(
        request=request,
        status_code=response.status_code,
        headers=headers,
        raw=raw,
        content=content,
        extensions=response.extensions,
        asked_at=asked_at,
        received_at=now,
    )


def _content(sent: Sent, encoding: str) -> bytes:
    if len(sent.body) > LARGEST_BODY:
        raise MalformedResponseError("the answer is larger than 1 MiB")
    if sent.failure is not None:
        raise sent.failure
    encoding = encoding.strip().lower()
    if encoding in _AS_IT_IS or not sent.packed or not sent.body:
        return bytes(sent.body)
    return _unpacked(bytes(sent.body), encoding)


def _unpacked(body: bytes, encoding: str) -> bytes:
    """Undo an encoding that nobody asked for, within the bound of any other body.

    Two of them, one inside the other, can unpack a few bytes to gigabytes twice over,
    and no gateway has a reason for it.
    """
    for window in _WINDOWS.get(encoding, ()):
        unpacking = zlib.decompressobj(window)
        try:
            unpacked = unpacking.decompress(body, LARGEST_BODY + 1)
        except zlib.error:
            continue
        if len(unpacked) > LARGEST_BODY:
            raise MalformedResponseError("the answer is larger than 1 MiB")
        if unpacking.eof and not unpacking.unused_data:
            return unpacked
    raise MalformedResponseError("the body cannot be decoded as its Content-Encoding says")


def line(request: httpx.Request) -> str:
    """Name a request in a message: method and path, no query, no host."""
    return f"{request.method} {request.url.path}"
