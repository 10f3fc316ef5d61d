"""Credentials: an API key, a token, a callable of either, and a login that renews itself.

Renewal is single-flight: of many threads or tasks that meet one expired token,
one renews and the others take what it got, also its refusal.  A request is
replayed at most once.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn, cast

import httpx

from caibo._errors import (
    CaiboError,
    ConfigurationError,
    MalformedResponseError,
    RenewalError,
)
from caibo._record.document import Document
from caibo._record.json_text import encode
from caibo._wire import clock
from caibo._wire.answers import Answer, line
from caibo._wire.calls import body, call
from caibo._wire.headers import header_value, unfit
from caibo._wire.hints import page_of
from caibo._wire.local import Local
from caibo._wire.refusals import (
    deadline_exceeded,
    error_from_response,
    renewal_failed,
)
from caibo._wire.turns import Places
from caibo._wire.waiting import Ask, Flow, LateError

if TYPE_CHECKING:
    from caibo._wire.exchange import Mode, Wire

#: Gives an API key, or an access token.
Provider = Callable[[], str] | Callable[[], Awaitable[str]]

_RENEW_EARLY = 30.0  # seconds before `expireDate`
_LOGIN_HINTS = {
    **dict.fromkeys(
        (400, 401, 403), "Check the e-mail address and the password given to caibo.Login."
    ),
    **dict.fromkeys((404, 405), "Is there a POST /auth/login at this `base_url`?"),
}


class Credential(httpx.Auth):
    """Add what shows who asks.  It refuses to be shown or pickled."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds a secret and is not pickled")

    @property
    def mode(self) -> Mode:
        """Which data it changes, as far as that can be known."""
        return self.mode_now

    @property
    def mode_now(self) -> Mode:
        """The same, without asking anybody."""
        return "unknown"

    def tell_mode(self, wire: Wire) -> Flow[None]:
        """Find out which data it changes, where that takes asking somebody."""
        yield from ()

    def authorised(self, request: httpx.Request, wire: Wire) -> Flow[Answer]:
        """Send a request with the credential, and once more with a renewed one after a 401."""
        raise NotImplementedError


class _Lease:
    """A secret, and when it ends by the clock: `None` where nobody said."""

    def __init__(self, secret: str, ends: float | None = None) -> None:
        self.secret = secret
        self.ends = ends

    def usable(self) -> bool:
        return self.ends is None or clock.now() < self.ends


class _Renewal:
    """What those who need a new secret at the same time share."""

    def __init__(self) -> None:
        self.turn = Places(1)
        self.finished = 0
        self.refusal: CaiboError | None = None


class Renewing(Credential):
    """Send a secret that may be renewed: one renewal for all who wait for it."""

    _header = "Authorization"
    _scheme = "Bearer "

    def __init__(self, secret: str | None, *, renewable: bool) -> None:
        self._lease = None if secret is None else _Lease(secret)
        self._renewable = renewable
        self._renewals = Local(_Renewal)

    def _fetch(self, request: httpx.Request, wire: Wire) -> Flow[_Lease]:
        """Get a new lease; raise `RenewalError` when that is refused."""
        raise NotImplementedError

    def _show(self, request: httpx.Request, lease: _Lease) -> None:
        request.headers[self._header] = self._scheme + lease.secret

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Serve an httpx client as well, where nothing has to be renewed."""
        if self._renewable or self._lease is None:
            raise ConfigurationError(f"{type(self).__name__} renews only inside a caibo client")
        self._show(request, self._lease)
        yield request

    def authorised(self, request: httpx.Request, wire: Wire) -> Flow[Answer]:
        lease = self._lease
        if lease is None or not lease.usable():
            lease = yield from self._renew(request, wire, lease)
        self._show(request, lease)
        answer = yield from wire.once(request)
        if answer.status_code == 401 and self._renewable:
            lease = yield from self._renew(request, wire, lease)
            self._show(request, lease)
            answer = yield from wire.once(request)
        return answer

    def _renew(self, request: httpx.Request, wire: Wire, spent: _Lease | None) -> Flow[_Lease]:
        """Renew, or take what another renewal got meanwhile."""
        renewal = self._renewals.at(wire.here)
        seen = renewal.finished
        place = yield from renewal.turn.take(wire.face.Gate, wire.ends)
        if place is None:
            raise deadline_exceeded(request, sent=False)
        try:
            if renewal.finished == seen and self._lease is spent:
                renewal.refusal = None
                try:
                    self._lease = yield from self._fetch(request, wire)
                except (RenewalError, ConfigurationError) as error:
                    renewal.refusal = error
                renewal.finished += 1
            refusal, lease = renewal.refusal, self._lease
        finally:
            place.give_back()
        if refusal is not None:
            # Threads must not share one exception: each adds its own traceback.
            raise copy.copy(refusal) from refusal.__cause__
        return cast(_Lease, lease)

    def _ask(self, provider: Provider, name: str, request: httpx.Request, wire: Wire) -> Flow[str]:
        """Ask a callable of the caller's for a secret."""
        try:
            told = yield Ask(provider, in_thread=True, seconds=wire.ends - clock.now())
            if inspect.iscoroutine(told):
                told.close()
            if inspect.isawaitable(told):
                raise ConfigurationError(f"{name} is async; use it with AsyncCaibo")
            return header_value(f"the {name.replace('_', ' ')}", told)
        except LateError:
            raise deadline_exceeded(request, sent=False) from None
        except Exception as error:
            raise renewal_failed(error, name.replace("_", " ")) from error


class ApiKey(Renewing):
    """Send ``X-API-Key``, the gateway's long-lived server-to-server secret.

    A live key changes live data, also in a test run: both kinds share one host.
    A callable, plain or async, is asked before the first request and again after a
    401, as that of a `BearerToken`.  Source: the vendor's Authentication page.

    Args:
        api_key: the key, or a callable that returns it.

    Raises:
        ConfigurationError: empty, or with characters that no header can carry.  From
            a call, where a callable returns a key of another mode than before:
            it is not sent.

    Example:
        >>> caibo.ApiKey("caibo_test_sk_0123").mode
        'test'
    """

    _header = "X-API-Key"
    _scheme = ""

    def __init__(self, api_key: str | Provider) -> None:
        key = None if callable(api_key) else api_key
        if key is not None and (wrong := unfit("api_key", key)):
            del api_key, key  # error reporters show the locals of frames
            raise ConfigurationError(wrong)
        self._provider = api_key
        self._mode: Mode | None = None if key is None else _mode(key)
        super().__init__(key, renewable=key is None)

    @property
    def mode(self) -> Mode:
        """Which data the key changes, from its prefix; a plain callable is asked for it."""
        if self._mode is None and not inspect.iscoroutinefunction(self._provider):
            try:
                key = cast("Callable[[], object]", self._provider)()
            except Exception as error:
                raise renewal_failed(error, "api key") from error
            if inspect.iscoroutine(key):
                key.close()
            elif isinstance(key, str):
                self._mode = _mode(key)
        return self.mode_now

    @property
    def mode_now(self) -> Mode:
        return "unknown" if self._mode is None else self._mode

    def tell_mode(self, wire: Wire) -> Flow[None]:
        if self._mode is None:
            with suppress(CaiboError):  # the request that needs the key asks again, and tells
                yield from self._renew(httpx.Request("GET", wire.gateway.base_url), wire, None)

    def _fetch(self, request: httpx.Request, wire: Wire) -> Flow[_Lease]:
        key = yield from self._ask(cast(Provider, self._provider), "api_key", request, wire)
        mode = _mode(key)
        if self._mode not in (None, mode):
            raise ConfigurationError(
                f"api_key gave a key of another mode: {mode} after {self._mode}; it was not sent"
            )
        self._mode = mode
        return _Lease(key)


def _mode(key: str) -> Mode:
    if key.startswith("caibo_test_sk_"):
        return "test"
    return "live" if key.startswith("caibo_live_sk_") else "unknown"


class BearerToken(Renewing):
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

    def __init__(self, access_token: str | Provider) -> None:
        token = None if callable(access_token) else access_token
        if token is not None and (wrong := unfit("access_token", token)):
            del access_token, token  # error reporters show the locals of frames
            raise ConfigurationError(wrong)
        self._provider = access_token
        super().__init__(token, renewable=token is None)

    def _fetch(self, request: httpx.Request, wire: Wire) -> Flow[_Lease]:
        provider = cast(Provider, self._provider)
        return _Lease((yield from self._ask(provider, "access_token", request, wire)))


class Login(Renewing):
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
        super().__init__(None, renewable=True)
        wrong = _no_text("email", email) or _no_text("password", password)
        if wrong:
            del email, password  # error reporters show the locals of frames
            raise ConfigurationError(wrong)
        self._document = Document({"email": email, "password": password})

    def _fetch(self, request: httpx.Request, wire: Wire) -> Flow[_Lease]:
        from caibo_api.api.authentication import login

        attempt = wire.request(call(login, body=body(self._document)))
        try:
            answer = yield from wire.once(attempt)
        except CaiboError as found:
            raise renewal_failed(found) from found
        if not answer.is_success:
            refusal = error_from_response(attempt, answer)
            if not page_of(refusal):
                refusal.hint = _LOGIN_HINTS.get(answer.status_code, refusal.hint)
            raise renewal_failed(refusal) from refusal
        try:
            granted = Document.parse(answer.content)
            token = header_value("the access token", granted.get("accessToken"))
        except (ValueError, ConfigurationError):
            unusable = MalformedResponseError(f"{line(attempt)}: 2xx without a usable accessToken")
            raise renewal_failed(unusable) from unusable
        return _Lease(token, _ends(answer, granted.get("expireDate")))


def _ends(answer: Answer, expire_date: object) -> float | None:
    """Translate `expireDate` into the local monotonic clock, a little early."""
    from email.utils import parsedate_to_datetime

    try:
        expires = datetime.fromisoformat(str(expire_date))
        sent = parsedate_to_datetime(answer.headers["date"])
    except (ValueError, KeyError, OverflowError):
        return None  # then a 401 tells
    expires, sent = (when if when.tzinfo else when.replace(tzinfo=UTC) for when in (expires, sent))
    seconds = (expires - sent).total_seconds()
    return clock.now() + max(seconds - _RENEW_EARLY, seconds / 2) if seconds > 0 else None


def _no_text(name: str, value: object) -> str | None:
    if not isinstance(value, str) or not value:
        return f"Login: {name} must be a non-empty string"
    try:
        encode(value)
    except ValueError as error:
        return f"Login: {name} {error}"
    return None
