"""The other door to the same flow: a transport that httpx clients can be put around."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from caibo._errors import CaiboError, ConfigurationError
from caibo._wire import clock
from caibo._wire.answers import line
from caibo._wire.exchange import Wire
from caibo._wire.refusals import deadline_exceeded
from caibo._wire.waiting import Ask, Flow, LateError, Tasks, Threads


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
    _refuse_elsewhere(request, wire.gateway.base_url)
    failed: CaiboError | None = None
    try:  # it may have to be sent again
        read = request.read if wire.face is Threads else request.aread
        yield Ask(read, seconds=wire.ends - clock.now())
    except LateError:
        failed = deadline_exceeded(request, sent=False)
    except Exception as error:
        what = type(error).__name__
        failed = ConfigurationError(f"{line(request)}: reading its body raised {what}; not sent")
        failed.__cause__ = error
    if failed is not None:
        raise failed
    answer = yield from wire.exchange(request, reserve=False)
    return answer.as_response(_Unread(answer.content))


def _refuse_elsewhere(request: httpx.Request, ours: httpx.URL) -> None:
    """Keep the credential from every other origin, also from one that only Host names."""
    url, host = request.url, ours.netloc.decode()
    named = request.headers.get("host", host).lower()
    if (url.scheme, url.netloc, url.userinfo, named) != (ours.scheme, ours.netloc, b"", host):
        raise ConfigurationError(
            f"client.api sends to {ours.scheme}://{host} only, as the credential is for it; "
            "give a path, no other scheme, host, port, user or Host header, or make another client"
        )


class _Unread(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that httpx reads and closes as one from the network, and so measures."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


def no_cookies() -> CookieJar:
    """Make a jar that keeps nothing: nothing here would send a cookie."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=[]))
