"""Credentials: an API key, a token or its callable, and a login that renews itself.

Renewal is single-flight: of many threads or tasks that meet one expired token,
one renews and the others take what it got, also its refusal.  A request is
replayed at most once.
"""

from __future__ import annotations

import copy
import inspect
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from functools import partial
from typing import Any, Literal, NoReturn, cast

import anyio
import anyio.to_thread
import httpx
from caibo_api.api.authentication import login

from caibo._errors import ConfigurationError, MalformedResponseError, RenewalError
from caibo._io import aread, read
from caibo._record.document import Document
from caibo._record.json_text import encode
from caibo._wire.calls import body, call
from caibo._wire.refusals import (
    deadline_exceeded,
    error_from_exception,
    error_from_response,
    line,
    renewal_failed,
)

Mode = Literal["test", "live", "unknown"]
TokenProvider = Callable[[], str] | Callable[[], Awaitable[str]]

_RENEW_EARLY = 30.0  # seconds before `expireDate`
_LOGIN_HINTS = {
    **dict.fromkeys(
        (400, 401, 403), "Check the e-mail address and the password given to caibo.Login."
    ),
    **dict.fromkeys((404, 405), "Is there a POST /auth/login at this `base_url`?"),
}


class _Secret(httpx.Auth):
    """Refuse to be shown or pickled."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds a secret and is not pickled")


class ApiKey(_Secret):
    """Send ``X-API-Key``, the gateway's long-lived server-to-server secret.

    A live key changes live data, also in a test run: both kinds share one host.
    Source: the vendor's Authentication page.

    Raises:
        ConfigurationError: empty, or with characters that no header can carry.

    Example:
        >>> caibo.ApiKey("caibo_test_sk_0123").mode
        'test'
    """

    def __init__(self, api_key: str) -> None:
        self._key = header_value("api_key", api_key)

    @property
    def mode(self) -> Mode:
        """Which data the key changes, from its prefix."""
        if self._key.startswith("caibo_test_sk_"):
            return "test"
        return "live" if self._key.startswith("caibo_live_sk_") else "unknown"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["X-API-Key"] = self._key
        yield request


@dataclass(frozen=True, slots=True)
class _Lease:
    token: str = field(repr=False)
    ends: float | None = None  # time.monotonic(); None where nobody said

    def usable(self) -> bool:
        return self.ends is None or time.monotonic() < self.ends


class _Lock(Enum):
    ACQUIRE = auto()
    RELEASE = auto()


#: Yields a request to send, a callable to call, or what to do with the lock.
_Steps = Generator["httpx.Request | TokenProvider | _Lock", Any, Any]


class _Renewing(_Secret):
    """Send a bearer token and get a new one when it is spent: one flow, two drivers."""

    _renewable = True

    def __init__(self, lease: _Lease | None = None) -> None:
        self._lease = lease
        self._finished: int = 0
        self._refusal: RenewalError | None = None
        self._lock = threading.Lock()
        self._async_lock = anyio.Lock(fast_acquire=True)

    def _fetch(self, request: httpx.Request) -> _Steps:
        """Get a new lease; raise `RenewalError` when that is refused."""
        raise NotImplementedError

    def _steps(self, request: httpx.Request) -> _Steps:
        lease = self._lease
        if lease is None or (self._renewable and not lease.usable()):
            lease = yield from self._renew(request, lease)
        request.headers["Authorization"] = f"Bearer {lease.token}"
        response = yield request
        if response.status_code == 401 and self._renewable:
            lease = yield from self._renew(request, lease)
            request.headers["Authorization"] = f"Bearer {lease.token}"
            yield request

    def _renew(self, request: httpx.Request, spent: _Lease | None) -> _Steps:
        """Renew, or take what another renewal got meanwhile."""
        if "base_url" not in request.extensions:
            raise ConfigurationError(f"{type(self).__name__} renews only inside a caibo client")
        request.extensions["sent"] = False
        seen = self._finished
        yield _Lock.ACQUIRE
        if self._finished == seen and self._lease is spent:
            self._refusal = None
            try:
                self._lease = yield from self._fetch(request)
            except RenewalError as error:
                self._refusal = error
            self._finished += 1
        refusal, lease = self._refusal, self._lease
        yield _Lock.RELEASE
        if refusal is not None:
            # Threads must not share one exception: each adds its own traceback.
            raise copy.copy(refusal) from refusal.__cause__
        request.extensions["sent"] = True
        return lease

    def sync_auth_flow(
        self, request: httpx.Request
    ) -> Generator[httpx.Request, httpx.Response, None]:
        steps = self._steps(request)
        resume: Callable[[], Any] = partial(next, steps)
        with ExitStack() as held:
            while (step := _advance(resume)) is not None:
                if isinstance(step, httpx.Request):
                    answer = yield step
                    resume = partial(steps.send, answer)
                    if step is not request or answer.status_code == 401:
                        try:
                            read(answer, request.extensions["deadline"])
                        except Exception as error:
                            resume = partial(steps.throw, error)
                elif isinstance(step, _Lock):
                    if step is _Lock.RELEASE:
                        held.close()
                    elif self._lock.acquire(timeout=_left(request)):
                        held.callback(self._lock.release)
                    else:
                        raise deadline_exceeded(request, sent=False)
                    resume = partial(next, steps)
                else:
                    resume = _called(steps, step)

    async def async_auth_flow(
        self, request: httpx.Request
    ) -> AsyncGenerator[httpx.Request, httpx.Response]:
        steps = self._steps(request)
        resume: Callable[[], Any] = partial(next, steps)
        with ExitStack() as held:
            while (step := _advance(resume)) is not None:
                if isinstance(step, httpx.Request):
                    answer = yield step
                    resume = partial(steps.send, answer)
                    if step is not request or answer.status_code == 401:
                        try:
                            await aread(answer)
                        except Exception as error:
                            resume = partial(steps.throw, error)
                elif isinstance(step, _Lock):
                    if step is _Lock.RELEASE:
                        held.close()
                    else:
                        await self._async_lock.acquire()
                        held.callback(self._async_lock.release)
                    resume = partial(next, steps)
                else:
                    resume = await _acalled(steps, step)


def _advance(resume: Callable[[], Any]) -> Any:
    """Return the next step, or `None` at the end."""
    try:
        return resume()
    except StopIteration:
        return None


def _called(steps: _Steps, provider: TokenProvider) -> Callable[[], Any]:
    try:
        token = provider()
        if inspect.iscoroutine(token):
            token.close()
        if inspect.isawaitable(token):
            raise ConfigurationError("access_token is async; use it with AsyncCaibo")
        return partial(steps.send, token)
    except Exception as error:
        return partial(steps.throw, renewal_failed(error))


async def _acalled(steps: _Steps, provider: TokenProvider) -> Callable[[], Any]:
    try:
        if inspect.iscoroutinefunction(provider):
            token: Any = provider()
        else:
            # It may ask the network, and must not hold up the other tasks.  In a
            # tuple, as trio takes no awaitable from a thread.
            (token,) = await anyio.to_thread.run_sync(lambda: (provider(),), abandon_on_cancel=True)
        return partial(steps.send, await token if inspect.isawaitable(token) else token)
    except Exception as error:
        return partial(steps.throw, renewal_failed(error))


class BearerToken(_Renewing):
    """Send ``Authorization: Bearer …`` with a token, or with what a callable returns.

    The callable, plain or async, is called before the first request and again
    after a 401; what it returned is kept between.  In the async client a plain
    one runs in a thread.  Nothing can interrupt a plain callable in the sync
    client, so bound its time yourself.

    Raises:
        ConfigurationError: an empty token, or one that no header can carry.

    Example:
        >>> auth = caibo.BearerToken(lambda: my_vault.read("caibo-token"))
    """

    def __init__(self, access_token: str | TokenProvider) -> None:
        self._provider = access_token
        self._renewable = callable(access_token)
        if callable(access_token):
            super().__init__()
        else:
            super().__init__(_Lease(header_value("access_token", access_token)))

    def _fetch(self, request: httpx.Request) -> _Steps:
        token = yield cast(TokenProvider, self._provider)
        try:
            return _Lease(_checked_token(token))
        except ConfigurationError as error:
            raise renewal_failed(error) from error


class Login(_Renewing):
    """Log in with e-mail and password, and again before the token ends or after a 401.

    The token's life is counted from the answer's ``Date`` to ``expireDate``, so a
    wrong local clock does not matter.  One login at a time, however many requests
    wait for it.  Source: the vendor's Authentication page (``POST /auth/login``).

    Raises:
        ConfigurationError: e-mail or password are no text, or empty.

    Example:
        >>> client = caibo.Caibo(auth=caibo.Login("ops@example.com", password))
    """

    def __init__(self, email: str, password: str) -> None:
        super().__init__()
        for name, value in (("email", email), ("password", password)):
            if not isinstance(value, str) or not value:
                raise ConfigurationError(f"Login: {name} must be a non-empty string")
            try:
                encode(value)
            except ValueError as error:
                raise ConfigurationError(f"Login: {name} {error}") from None
        self._document = Document({"email": email, "password": password})

    def _fetch(self, request: httpx.Request) -> _Steps:
        asked = call(login, body=body(self._document))
        base_url: httpx.URL = request.extensions["base_url"]
        attempt = httpx.Request(
            asked.method,
            base_url.join(asked.url.lstrip("/")),
            headers={**asked.headers, "Accept": request.headers["Accept"]},
            content=asked.content,
            extensions={k: request.extensions[k] for k in ("timeout", "deadline")},
        )
        try:
            answer: httpx.Response = yield attempt
        except Exception as error:
            deadline: float = request.extensions["deadline"]
            found = error_from_exception(attempt, error, deadline)
            raise renewal_failed(found) from found
        if not answer.is_success:
            refusal = error_from_response(attempt, answer)
            refusal.hint = _LOGIN_HINTS.get(answer.status_code, refusal.hint)
            raise renewal_failed(refusal) from refusal
        try:
            granted = Document.parse(answer.content)
            token = _checked_token(granted.get("accessToken"))
        except (ValueError, ConfigurationError):
            found = MalformedResponseError(f"{line(attempt)}: 2xx without a usable accessToken")
            raise renewal_failed(found) from found
        return _Lease(token, _ends(answer, granted.get("expireDate")))


def _ends(answer: httpx.Response, expire_date: object) -> float | None:
    """Translate `expireDate` into the local monotonic clock, a little early."""
    try:
        expires = datetime.fromisoformat(str(expire_date))
        sent = parsedate_to_datetime(answer.headers["date"])
    except (ValueError, KeyError, OverflowError):
        return None  # then a 401 tells
    expires, sent = (when if when.tzinfo else when.replace(tzinfo=UTC) for when in (expires, sent))
    seconds = (expires - sent).total_seconds()
    return time.monotonic() + max(seconds - _RENEW_EARLY, seconds / 2) if seconds > 0 else None


def _left(request: httpx.Request) -> float:
    deadline: float = request.extensions["deadline"]
    return max(0.0, deadline - time.monotonic())


def _checked_token(token: object) -> str:
    return header_value("the access token", token)


def header_value(name: str, value: object) -> str:
    """Refuse here what httpx or h11 would refuse with the value in their message."""
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{name} must be a non-empty string")
    for position, character in enumerate(value):
        if not "!" <= character <= "~":
            raise ConfigurationError(
                f"{name} has a character at position {position} that cannot stand in a header "
                "(a space, a line break from a file, or beyond ASCII)"
            )
    return value
