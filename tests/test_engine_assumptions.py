"""What the engine takes for granted of httpx and httpcore, beyond what they document.

Each is named in docs/decisions.md.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httpcore
import httpx
import pytest

from caibo._wire.waiting import AsyncTransport, SyncTransport


class Pool:
    """Stand where httpx has a pool, and fail with an error of httpcore's."""

    def __init__(self) -> None:
        self.asked: list[httpcore.Request] = []

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        self.asked.append(request)
        raise httpcore.ReadTimeout("too late")

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        return self.handle_request(request)


class Transport(httpx.HTTPTransport):
    def __init__(self, pool: Pool) -> None:
        self._pool: Any = pool


class Async(httpx.AsyncHTTPTransport):
    def __init__(self, pool: Pool) -> None:
        self._pool: Any = pool


def request() -> httpx.Request:
    return httpx.Request("GET", "https://gateway.example/", extensions={"ours": "kept"})


def test_the_transport_of_httpx_asks_its_pool() -> None:
    """`_pool`, with the request's extensions; what that raises becomes httpx's own."""
    pool = Pool()

    with pytest.raises(httpx.ReadTimeout):
        Transport(pool).handle_request(request())

    assert [asked.extensions["ours"] for asked in pool.asked] == ["kept"]


def test_the_async_transport_of_httpx_asks_its_pool() -> None:
    """In the same way."""
    pool = Pool()

    with pytest.raises(httpx.ReadTimeout):
        asyncio.run(Async(pool).handle_async_request(request()))

    assert [asked.extensions["ours"] for asked in pool.asked] == ["kept"]


@pytest.mark.parametrize("transport", [SyncTransport(), AsyncTransport()])
def test_nothing_else_of_a_transport_is_ours(transport: object) -> None:
    """One private name, so that one test can tell when it goes."""
    assert list(vars(transport)) == ["_pool"]


@pytest.mark.parametrize(
    "pool", [httpcore.ConnectionPool, httpcore.AsyncConnectionPool], ids=["sync", "async"]
)
def test_a_pool_makes_a_connection_that_nobody_has_used(pool: Any) -> None:
    """Over the backend that it was given, and without keeping it: all of that is public."""
    origin = httpcore.Origin(b"https", b"gateway.example", 443)
    made = pool(network_backend=httpcore.MockBackend([]))

    connection = made.create_connection(origin)

    assert connection.can_handle_request(origin)
    assert not connection.is_closed()
    assert made.connections == []
