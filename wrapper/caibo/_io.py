"""The two HTTP clients: deadline, retries, bounds and our errors.

They raise our errors from `send`, outside httpx's auth flow: an event hook would
see a 401 that a renewed token is about to cure.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Any

import anyio
import httpx
from httpx import USE_CLIENT_DEFAULT

from caibo._errors import ConfigurationError, MalformedResponseError
from caibo._network import bound, deadline
from caibo._wire.calls import Call
from caibo._wire.refusals import deadline_exceeded, line
from caibo._wire.retry import Policy

LARGEST_BODY = 1024 * 1024
# httpx's own timeouts should end a phase first: they know whether anything was sent.
_GRACE = 0.05


class SyncHTTP(httpx.Client):
    """Send with deadline, retries and our errors."""

    def __init__(self, policy: Policy, **options: Any) -> None:
        super().__init__(event_hooks={"response": [_set_location_aside]}, **options)
        self.policy = policy
        self._cookies = _NoCookies()
        bound(self)

    def send(
        self,
        request: httpx.Request,
        *,
        stream: bool = False,
        auth: Any = USE_CLIENT_DEFAULT,
        follow_redirects: Any = False,
    ) -> httpx.Response:
        """Return the whole 2xx answer; it is never streamed, nor a redirect followed."""
        attempts = self.policy.attempts(_ready(self, request))
        pause = next(attempts)
        while True:
            while pause:
                time.sleep(pause)
                pause = next(attempts)
            try:
                self.policy.prepare(request)
                deadline.set(request.extensions["deadline"])
                response = super().send(request, stream=True, auth=auth, follow_redirects=False)
                result: httpx.Response | Exception = read(response, request.extensions["deadline"])
            except Exception as error:
                result = error
            try:
                pause = attempts.send(result)
            except StopIteration as done:
                whole: httpx.Response = done.value
                return whole


class AsyncHTTP(httpx.AsyncClient):
    """Send with deadline, retries and our errors."""

    def __init__(self, policy: Policy, **options: Any) -> None:
        super().__init__(event_hooks={"response": [_aset_location_aside]}, **options)
        self.policy = policy
        self._cookies = _NoCookies()

    async def send(
        self,
        request: httpx.Request,
        *,
        stream: bool = False,
        auth: Any = USE_CLIENT_DEFAULT,
        follow_redirects: Any = False,
    ) -> httpx.Response:
        """Return the whole 2xx answer; it is never streamed, nor a redirect followed."""
        attempts = self.policy.attempts(_ready(self, request))
        pause = next(attempts)
        while True:
            while pause:
                await anyio.sleep(pause)
                pause = next(attempts)
            result: httpx.Response | Exception | None = None
            with anyio.move_on_after(self.policy.left(request) + _GRACE):
                try:
                    self.policy.prepare(request)
                    response = await super().send(
                        request, stream=True, auth=auth, follow_redirects=False
                    )
                    result = await aread(response)
                except Exception as error:
                    result = error
            if result is None:
                sent: bool = request.extensions.get("sent", True)  # see `caibo._wire.credentials`
                result = deadline_exceeded(request, sent=sent)
            try:
                pause = attempts.send(result)
            except StopIteration as done:
                whole: httpx.Response = done.value
                return whole


class _NoCookies(httpx.Cookies):
    """Keep no cookies: nothing here would send them, and looking for them costs 5 % of a call."""

    def extract_cookies(self, response: httpx.Response) -> None:
        pass


def request_of(http: SyncHTTP | AsyncHTTP, call: Call, ends: float) -> httpx.Request:
    """Build the request of a call that has to end at `ends`, by `time.monotonic()`."""
    extensions: dict[str, Any] = {"deadline": ends}
    if call.known is not None:
        extensions["known"] = call.known
    if call.fresh_until is not None:
        extensions["fresh_until"] = call.fresh_until
    # `http.build_request` would parse the URL three times and look for cookies.
    request = httpx.Request(
        call.method,
        _url(str(http.base_url), call.url),
        headers=http.headers,
        content=call.content,
        extensions=extensions,
    )
    request.headers.update(call.headers)
    if call.content is not None:
        request.stream = _Content(call.content)
    return request


class _Content(httpx.ByteStream):
    """Give a body to async clients without a generator.

    trio warns of one that is left unfinished, as httpx does where the connection
    is lost before the body is sent.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._content = content
        self._left: list[bytes] = []

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._left = [self._content]
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop()


@lru_cache(maxsize=64)
def _url(base_url: str, path: str) -> httpx.URL:
    """Parse a URL once for a read and its write."""
    return httpx.URL(base_url.rstrip("/") + path)


def _ready(http: SyncHTTP | AsyncHTTP, request: httpx.Request) -> httpx.Request:
    if http.is_closed:
        raise ConfigurationError("this client is closed; make a new one")
    request.extensions["base_url"] = http.base_url  # a login goes to the same deployment
    return request


def _set_location_aside(response: httpx.Response) -> None:
    """Keep httpx from preparing a redirect nobody follows: a bad address is an error there."""
    if response.has_redirect_location:
        response.extensions["location"] = response.headers.pop("location")


async def _aset_location_aside(response: httpx.Response) -> None:
    _set_location_aside(response)


def read(response: httpx.Response, ends: float) -> httpx.Response:
    """Read an answer whole, as `httpx.Response.read` does, but not without a bound."""
    if response.is_stream_consumed:  # in an auth flow, or by a mock
        return _whole(response, response.content, None, packed=False)
    body = bytearray()
    failure = None
    try:
        for chunk in response.iter_raw():
            body += chunk
            if time.monotonic() > ends:
                raise deadline_exceeded(response.request, sent=True)
            if len(body) > LARGEST_BODY:
                break
    except httpx.HTTPError as error:
        failure = error
    finally:
        response.close()
    return _whole(response, body, failure)


async def aread(response: httpx.Response) -> httpx.Response:
    """Read an answer whole, as `httpx.Response.aread` does, but not without a bound."""
    if response.is_stream_consumed:  # in an auth flow, or by a mock
        return _whole(response, response.content, None, packed=False)
    body = bytearray()
    failure = None
    try:
        async for chunk in response.aiter_raw():
            if len(body) <= LARGEST_BODY:
                body += chunk
            else:
                # No `break`: trio warns of generators left unfinished, and those of a
                # closed stream end by themselves.
                await response.aclose()
    except httpx.HTTPError as error:
        failure = error
    finally:
        await response.aclose()
    return _whole(response, body, failure)


def _whole(
    response: httpx.Response,
    body: bytes | bytearray,
    failure: httpx.HTTPError | None,
    *,
    packed: bool = True,
) -> httpx.Response:
    try:
        if len(body) > LARGEST_BODY:
            raise _too_large(response)
        if failure is not None:
            raise failure
        if packed and "content-encoding" in response.headers:
            body = _unpacked(response, body)
    except (httpx.HTTPError, MalformedResponseError):
        if response.is_success:
            raise
        # The status still stands where its explanation was lost.
    # The one private name of httpx used here: what its own `read` sets at the end.
    # A second response made of the body would cost as much as parsing the record.
    response._content = bytes(body)  # pyright: ignore[reportPrivateUsage]
    return response


def _unpacked(response: httpx.Response, body: bytes | bytearray) -> bytearray:
    """Undo a Content-Encoding that we did not ask for, piece by piece: it may be a bomb."""
    pieces = (bytes(body[i : i + 4096]) for i in range(0, len(body), 4096))
    packed = httpx.Response(
        response.status_code, headers=response.headers, content=pieces, request=response.request
    )
    unpacked = bytearray()
    for chunk in packed.iter_bytes():
        unpacked += chunk
        if len(unpacked) > LARGEST_BODY:
            raise _too_large(response)
    return unpacked


def _too_large(response: httpx.Response) -> MalformedResponseError:
    return MalformedResponseError(f"{line(response.request)}: the answer is larger than 1 MiB")
