"""The other door to the same flow: a transport that httpx clients can be put around."""

from __future__ import annotations

from collections.abc import Callable
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from caibo._errors import ConfigurationError
from caibo._wire.exchange import Wire
from caibo._wire.waiting import Ask, Flow, Tasks, Threads


class Door(httpx.BaseTransport):
    """Send what an httpx client has with credential, retries and our errors."""

    def __init__(self, wire: Callable[[], Wire]) -> None:
        self._wire = wire

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        wire = self._wire()
        return Threads.run(wire.whole(_through(wire, request)))


class AsyncDoor(httpx.AsyncBaseTransport):
    """Send what an async httpx client has, in the same way."""

    def __init__(self, wire: Callable[[], Wire]) -> None:
        self._wire = wire

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        wire = self._wire()
        return await Tasks.run(wire.whole(_through(wire, request)))


def _through(wire: Wire, request: httpx.Request) -> Flow[httpx.Response]:
    ours = wire.gateway.base_url
    if _origin(request.url) != _origin(ours):
        raise ConfigurationError(
            f"client.api sends to {ours.host} only, as the credential is for it, and not to "
            f"{request.url.host}; give a path, or another client"
        )
    # It may have to be sent again.
    yield Ask(request.read if wire.face is Threads else request.aread)
    answer = yield from wire.exchange(request, reserve=False)
    return answer.as_response()


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def no_cookies() -> CookieJar:
    """Make a jar that keeps nothing: nothing here would send a cookie."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))
