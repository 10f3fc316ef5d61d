"""Hold every wait of the sync client to the deadline of its call.

httpcore's timeouts start anew with each read, so a gateway that sends a header
byte now and then could hold a thread for hours.  The async client needs nothing
of this: there the call is cancelled.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx

#: When the call under way in this thread must end, by `time.monotonic()`.
deadline: ContextVar[float] = ContextVar("caibo_deadline")


def bound(client: httpx.Client) -> None:
    """Wrap the network of a client's own transports, proxies included."""
    for transport in (client._transport, *client._mounts.values()):  # pyright: ignore[reportPrivateUsage]
        if isinstance(transport, httpx.HTTPTransport):
            # httpx has no way to hand a backend to httpcore, which takes one.
            pool = transport._pool  # pyright: ignore[reportPrivateUsage]
            pool._network_backend = _Backend(pool._network_backend)  # pyright: ignore[reportPrivateUsage]


def _clipped(timeout: float | None, failure: type[Exception]) -> float:
    left = deadline.get() - time.monotonic()
    if left <= 0:
        raise failure("the deadline of the call has passed")
    return left if timeout is None else min(timeout, left)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, inner: httpcore.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = _clipped(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.connect_tcp(host, port, left, local_address, socket_options))


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _clipped(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _clipped(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _clipped(timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
