"""The gateway in memory, behind httpx's own transport interface."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator

import httpx
from anyio.lowlevel import checkpoint  # httpx brings anyio

from caibo.testing._messages import Headers, Request, Response
from caibo.testing._service import Service


class FakeTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Carry requests of sync and async httpx clients to a `FakeCaibo`, without a socket.

    An async request gives way to other tasks once before it arrives and once
    after it was carried out, as one on a socket does.
    """

    def __init__(self, gateway: Service) -> None:
        self._gateway = gateway

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request of a sync client."""
        reply = self._ask(request, request.read())
        if self._gateway.clock is not None:
            self._gateway.clock.advance(min(reply.delay, _patience(request)))
        return _delivered(reply, request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request of an async client."""
        body = await request.aread()
        await checkpoint()
        reply = self._ask(request, body)
        await checkpoint()
        if self._gateway.clock is not None and reply.delay > 0:
            await self._gateway.clock.elapse(min(reply.delay, _patience(request)))
        return _delivered(reply, request)

    def _ask(self, request: httpx.Request, body: bytes) -> Response:
        headers = Headers(request.headers.multi_items())
        asked = Request(request.method, request.url.raw_path.decode("ascii"), headers, body)
        if self._gateway.take_refusal(asked.method, asked.customer_id):
            raise httpx.ConnectError("Connection refused", request=request)
        return self._gateway.handle(asked)


class _Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """Give out the body as far as its Content-Length lets a reader see it."""

    def __init__(self, body: bytes, declared: str, request: httpx.Request) -> None:
        if not declared.isdecimal():
            raise httpx.RemoteProtocolError("bad Content-Length", request=request)
        self._body = body
        self._declared = int(declared)
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        yield self._body[: self._declared]
        if len(self._body) < self._declared:
            message = (
                "peer closed connection without sending complete message body "
                f"(received {len(self._body)} bytes, expected {self._declared})"
            )
            raise httpx.RemoteProtocolError(message, request=self._request)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk


def _delivered(reply: Response, request: httpx.Request) -> httpx.Response:
    """Return what httpx would of this reply, or raise it."""
    if reply.lost == "reset":
        raise httpx.ReadError("Connection reset by peer", request=request)
    if reply.lost == "closed":
        message = "Server disconnected without sending a response."
        raise httpx.RemoteProtocolError(message, request=request)
    if reply.delay > _patience(request):
        raise httpx.ReadTimeout("The read operation timed out", request=request)
    reply = reply.with_default("Content-Length", str(len(reply.body)))
    declared = Headers(reply.headers.items())["Content-Length"]
    stream = _Body(reply.body, declared, request)
    return httpx.Response(reply.status, headers=reply.headers, stream=stream)


def _patience(request: httpx.Request) -> float:
    """Return how many seconds the client waits for a reply."""
    patience: float | None = request.extensions.get("timeout", {}).get("read")
    return math.inf if patience is None else patience
