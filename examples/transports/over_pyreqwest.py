"""Send with reqwest instead of httpcore: copy this file, it needs pyreqwest 0.15.

    client = caibo.Caibo(transport=OverPyreqwest())
    client = caibo.AsyncCaibo(transport=AsyncOverPyreqwest())

The transports of pyreqwest as they come must not carry a write: they call a lost
answer a `ConnectError`, and one that is late a `ConnectTimeout`, which both say that
nothing was sent.  They follow redirects, with the API key, to any host; send what is
meant for loopback to HTTP_PROXY; add up the four timeouts of httpx; and let a
`CancelledError` out of a scope of anyio that cancels them.  See `docs/transports.md`.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TypeVar, cast

import anyio.lowlevel
import httpx
from pyreqwest.client import ClientBuilder, SyncClientBuilder
from pyreqwest.compatibility.httpx import HttpxTransport, SyncHttpxTransport
from pyreqwest.exceptions import DetailedPyreqwestError

Builder = TypeVar("Builder", ClientBuilder, SyncClientBuilder)

CONNECT_TIMEOUT = timedelta(seconds=5)


class OverPyreqwest(SyncHttpxTransport):
    """A `transport=` for `Caibo`."""

    def __init__(self) -> None:
        super().__init__(_settled(SyncClientBuilder()).build())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send within one timeout, and tell truly what became of it."""
        try:
            return super().handle_request(_timed(request))
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _true(error) from None


class AsyncOverPyreqwest(HttpxTransport):
    """A `transport=` for `AsyncCaibo` under asyncio."""

    def __init__(self) -> None:
        super().__init__(_settled(ClientBuilder()).build())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send within one timeout, and tell truly what became of it."""
        try:
            response = await super().handle_async_request(_timed(request))
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _true(error) from None
        except asyncio.CancelledError:
            await anyio.lowlevel.checkpoint()
            raise
        response.stream = _Body(cast("httpx.AsyncByteStream", response.stream))
        return response


class _Body(httpx.AsyncByteStream):
    """Let anyio cancel what waits for a body.

    pyreqwest raises a `CancelledError` of its own, which no scope of anyio takes for
    the one that it sent; at the next checkpoint it sends another.
    """

    def __init__(self, inner: httpx.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._inner:
                yield chunk
        except asyncio.CancelledError:
            await anyio.lowlevel.checkpoint()
            raise

    async def aclose(self) -> None:
        await self._inner.aclose()


def _settled(builder: Builder) -> Builder:
    """Leave redirects and packed bodies to caibo, which refuses and bounds them."""
    builder = builder.follow_redirects(enable=False).connect_timeout(CONNECT_TIMEOUT)
    # HTTP_PROXY would get what is meant for loopback; `proxy(ProxyBuilder.https(…))` takes one.
    builder = builder.no_proxy()
    return builder.gzip(enable=False).brotli(enable=False).deflate(enable=False).zstd(enable=False)


def _timed(request: httpx.Request) -> httpx.Request:
    """Let the whole request take as long as httpx gives each of its parts."""
    timeouts = request.extensions.get("timeout", {})
    shortest = min((each for each in timeouts.values() if each is not None), default=None)
    timed = copy.copy(request)
    timed.extensions = {**request.extensions, "timeout": {"read": shortest}}
    return timed


def _true(error: httpx.TransportError) -> httpx.TransportError:
    """Believe that nothing was sent only where reqwest was connecting, as its causes say."""
    found = error.__cause__
    causes = found.details["causes"] if isinstance(found, DetailedPyreqwestError) else None
    said = [cause["message"] for cause in causes or ()]
    if any("(Connect)" in text for text in said):
        return type(error)(said[-1], request=error.request)
    lost = httpx.ReadTimeout if isinstance(error, httpx.TimeoutException) else httpx.ReadError
    return lost(str(error), request=error.request)
