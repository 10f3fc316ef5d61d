"""The gateway in memory, behind httpx's own transport interface."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import httpx
from anyio.lowlevel import checkpoint  # httpx brings anyio

from caibo.testing._messages import Headers, Request, Response

if TYPE_CHECKING:
    from caibo.testing._gateway import FakeCaibo


class FakeTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Carry requests of sync and async httpx clients to a `FakeCaibo`, without a socket.

    An async request gives way to other tasks once before it arrives and once
    after it was carried out, as one on a socket does.
    """

    def __init__(self, gateway: FakeCaibo) -> None:
        self._gateway = gateway

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request of a sync client."""
        return self._carry(request, request.read())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request of an async client."""
        body = await request.aread()
        await checkpoint()
        response = self._carry(request, body)
        await checkpoint()
        return response

    def _carry(self, request: httpx.Request, body: bytes) -> httpx.Response:
        if self._gateway.take_refusal():
            raise httpx.ConnectError("Connection refused", request=request)
        headers = Headers(request.headers.multi_items())
        target = request.url.raw_path.decode("ascii")
        reply = self._gateway.handle(Request(request.method, target, headers, body))
        _lose(reply, request)
        reply = reply.with_default("Content-Length", str(len(reply.body)))
        declared = Headers(reply.headers.items())["Content-Length"]
        stream = _Body(reply.body, declared, request)
        return httpx.Response(reply.status, headers=reply.headers, stream=stream)


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


def _lose(reply: Response, request: httpx.Request) -> None:
    """Raise what httpx would, if this reply never arrives."""
    if reply.lost == "reset":
        raise httpx.ReadError("Connection reset by peer", request=request)
    if reply.lost == "closed":
        message = "Server disconnected without sending a response."
        raise httpx.RemoteProtocolError(message, request=request)
    patience = request.extensions.get("timeout", {}).get("read")
    if patience is not None and reply.delay > patience:
        raise httpx.ReadTimeout("The read operation timed out", request=request)
