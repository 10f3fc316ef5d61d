"""Build the clients: options, credentials, transport."""

from __future__ import annotations

import ipaddress
import os
import ssl
import sys
from collections.abc import Sequence
from functools import cache, cached_property
from typing import Any, NoReturn, Self, cast

import httpx
from caibo_api import Client as APIClient

import caibo
from caibo._customers import AsyncCustomers, Customers
from caibo._drivers import AsyncDriver, AsyncLockProvider, Driver, LockProvider
from caibo._errors import ConfigurationError
from caibo._io import AsyncHTTP, SyncHTTP
from caibo._record.contract import contract
from caibo._wire.credentials import ApiKey, BearerToken, Mode, TokenProvider, header_value
from caibo._wire.retry import Limit, Policy
from caibo._write.events import Observer
from caibo._write.verbs import Confirm, Settings

_A_DAY = 86_400  # sockets and locks refuse times of many years with errors of their own


class _Settings:
    """What both clients are built from; the one place where the options are written."""

    _policy: Policy
    _settings: Settings

    def __init__(
        self,
        *,
        api_key: str | None = None,
        access_token: str | TokenProvider | None = None,
        auth: httpx.Auth | None = None,
        base_url: str | None = None,
        timeout: float = 10.0,
        deadline: float = 60.0,
        max_retries: int = 2,
        confirm: Confirm = False,
        validate: bool = True,
        max_base_age: float = 1.0,
        observers: Sequence[Observer] = (),
        rate_limit: float | None = None,
        lock: LockProvider | AsyncLockProvider | None = None,
        transport: httpx.BaseTransport | httpx.AsyncBaseTransport | None = None,
    ) -> None:
        refusal = None
        try:
            self._auth = _credential(api_key, access_token, auth)
        except ConfigurationError as error:
            refusal = error.with_traceback(None)
        # Error reporters show the locals of frames.
        del api_key, access_token, auth
        if refusal is not None:
            raise refusal
        if base_url is None:  # an empty one is a mistake, and must not mean the real gateway
            base_url = os.environ.get("CAIBO_BASE_URL") or _server()
        self._base_url = _checked_url(base_url)
        self._policy = Policy(
            timeout=_seconds("timeout", timeout),
            deadline=_seconds("deadline", deadline),
            max_retries=_count("max_retries", max_retries),
            limit=None if rate_limit is None else Limit(_rate(rate_limit)),
        )
        self._settings = Settings(
            validate=validate,
            confirm=confirm,
            max_base_age=_age(max_base_age),
            deadline=self._policy.deadline,
        )
        self._settings.settle(confirm)
        self._observers = tuple(observers)
        self._lock = lock
        for hook in (*self._observers, *([] if lock is None else [lock])):
            if not callable(hook):
                raise ConfigurationError("observers and lock must be callable")
        try:
            self._open(transport)
        except (OSError, ValueError, ImportError, httpx.InvalidURL):
            # Their texts may quote a proxy's password.
            raise ConfigurationError(
                "the network cannot be set up as the environment says: look at HTTPS_PROXY, "
                "ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR"
            ) from None

    def _open(self, transport: Any) -> None:
        raise NotImplementedError

    def _http_options(self, transport: Any) -> dict[str, Any]:
        return {
            "auth": self._auth,
            "base_url": self._base_url,
            "headers": {
                "Accept": "application/json, application/problem+json",
                # A record is small, and what is not packed cannot unpack to a flood.
                "Accept-Encoding": "identity",
                "User-Agent": _user_agent(),
            },
            # Plain http goes to loopback only; loading certificates for it takes 20 ms.
            "verify": _ssl_context() if self._base_url.scheme == "https" else False,
            "transport": transport,
            # A plain http request through a proxy would leave this machine after all.
            "trust_env": self._base_url.scheme == "https",
        }

    @property
    def mode(self) -> Mode:
        """Which data the credential changes: "test" or "live" from an API key, else "unknown"."""
        return self._auth.mode if isinstance(self._auth, ApiKey) else "unknown"

    def __repr__(self) -> str:
        if not hasattr(self, "_base_url"):  # it could not be made
            return f"{type(self).__name__}()"
        return f"{type(self).__name__}({str(self._base_url)!r}, mode={self.mode!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds a secret and connections and is not pickled")


class Caibo(_Settings):
    """Change customer records in a Caibo payment gateway; `AsyncCaibo` is the same, awaited.

    A live API key changes live data, also in a test run: test and live share
    one host.  A client may be shared by threads.

    Args:
        api_key: sent as ``X-API-Key``; from ``CAIBO_API_KEY`` where no credential
            is given.
        access_token: sent as a bearer token: a string, or a callable that returns
            one, see `BearerToken`; from ``CAIBO_ACCESS_TOKEN`` where no credential
            is given and ``CAIBO_API_KEY`` is not set.
        auth: any `httpx.Auth`, such as `Login`.
        base_url: the gateway, with any path prefix; from ``CAIBO_BASE_URL``, else
            the contract's server.  Plain http is refused except on loopback.
        timeout: seconds for each of connecting, sending and waiting for bytes.
        deadline: seconds for one call of this client, all of its requests,
            renewals, pauses and retries included.
        max_retries: how often a request is sent again, where that cannot apply a
            write twice.
        confirm: read back after each `update`, `apply` and `edit`, at once or after
            so many seconds; see `Customers.update`.
        validate: hold changes against the contract's limits before sending them.
        max_base_age: seconds after which `edit` and `apply` read again before they
            write, and after which a write that has to be sent again is merged anew.
        observers: called with each `WriteIntended`, `WriteFinished` and
            `WriteFailed`, in their order; one that raises before the write stops it.
            In `AsyncCaibo` they may be async.
        rate_limit: how many requests this client sends in any second, retries
            included; logins, and the one request again that follows a login, are not.
            Fractions above one are rounded down.  Callers wait in the order in which
            they came.
        lock: called with a customer id, gives a context manager (`AsyncCaibo`: an
            async one) that is entered around each update, to keep other processes
            out; see `docs/concurrency.md`.
        transport: an httpx transport instead of the network, for tests.

    Raises:
        ConfigurationError: no credential or more than one, or an option that
            cannot be.

    Example:
        >>> with caibo.Caibo(api_key="caibo_test_sk_0123") as client:
        ...     update = client.customers.update(12345, email="new@example.com")
    """

    def _open(self, transport: Any) -> None:
        if not isinstance(transport, httpx.BaseTransport | None):
            raise ConfigurationError("transport: Caibo needs an httpx.BaseTransport")
        self._http = SyncHTTP(self._policy, **self._http_options(transport))
        driver = Driver(self._http, self._observers, cast("LockProvider | None", self._lock))
        self.customers = Customers(driver, self._settings)

    @cached_property
    def api(self) -> APIClient:
        """The generated client, for `caibo_api` functions: the escape hatch.

        It shares connections, credential, retries and errors with this client;
        what it parses and drops is the generator's matter.
        """
        return APIClient(base_url=str(self._base_url)).set_httpx_client(self._http)

    def close(self) -> None:
        """Close the connections; a call after that is a `ConfigurationError`."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncCaibo(_Settings):
    """Change customer records in a Caibo payment gateway, awaited; options as in `Caibo`.

    Runs under asyncio and trio.  One client belongs to one event loop.

    Example:
        >>> async with caibo.AsyncCaibo(api_key="caibo_test_sk_0123") as client:
        ...     update = await client.customers.update(12345, email="new@example.com")
    """

    def _open(self, transport: Any) -> None:
        if not isinstance(transport, httpx.AsyncBaseTransport | None):
            raise ConfigurationError("transport: AsyncCaibo needs an httpx.AsyncBaseTransport")
        self._http = AsyncHTTP(self._policy, **self._http_options(transport))
        lock = cast("AsyncLockProvider | None", self._lock)
        driver = AsyncDriver(self._http, self._observers, lock)
        self.customers = AsyncCustomers(driver, self._settings)

    @cached_property
    def api(self) -> APIClient:
        """The generated client, for `caibo_api` functions: the escape hatch.

        It shares connections, credential, retries and errors with this client;
        what it parses and drops is the generator's matter.
        """
        return APIClient(base_url=str(self._base_url)).set_async_httpx_client(self._http)

    async def close(self) -> None:
        """Close the connections; a call after that is a `ConfigurationError`."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _credential(
    api_key: str | None, access_token: str | TokenProvider | None, auth: httpx.Auth | None
) -> httpx.Auth:
    given = {"api_key": api_key, "access_token": access_token, "auth": auth}
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise ConfigurationError(f"give one credential, not {' and '.join(named)}")
    if not named:
        api_key = _from_environment("CAIBO_API_KEY")
        access_token = _from_environment("CAIBO_ACCESS_TOKEN")
    if auth is not None:
        if not isinstance(auth, httpx.Auth):
            raise ConfigurationError("auth must be an httpx.Auth, such as caibo.Login(…)")
        return auth
    if api_key is not None:
        return ApiKey(api_key)
    if access_token is not None:
        return BearerToken(access_token)
    raise ConfigurationError(
        "no credential: give api_key=, access_token= or auth=, "
        "or set CAIBO_API_KEY or CAIBO_ACCESS_TOKEN (empty is as good as not set)"
    )


def _from_environment(name: str) -> str | None:
    value = os.environ.get(name)
    return header_value(name, value) if value else None


def _checked_url(base_url: str) -> httpx.URL:
    try:
        url = httpx.URL(base_url)
    except (httpx.InvalidURL, TypeError):
        raise ConfigurationError("base_url is no URL; write it as https://host/prefix") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigurationError("base_url must start with https:// and name a host")
    if url.userinfo or url.query or url.fragment:
        raise ConfigurationError("base_url must have no user, query or fragment")
    if url.scheme == "http" and not _is_loopback(url.host):
        raise ConfigurationError(
            "base_url: plain http would send the credential readable; use https "
            "(http is for loopback only)"
        )
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _server() -> str:
    url: str = contract()["servers"][0]["url"]
    return url


def _seconds(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _A_DAY:
        raise ConfigurationError(f"{name} must be a positive number of seconds, at most a day")
    return float(value)


def _age(value: float) -> float:
    return 0.0 if value == 0 and not isinstance(value, bool) else _seconds("max_base_age", value)


def _rate(value: float) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 1 / _A_DAY <= value <= 1_000_000:
        raise ConfigurationError("rate_limit must be a positive number of requests a second")
    return float(value)


def _count(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 10:
        raise ConfigurationError(f"{name} must be a whole number from 0 to 10")
    return value


@cache
def _ssl_context() -> ssl.SSLContext:
    """Share one context: loading the certificates is most of what a client costs."""
    return httpx.create_ssl_context()


@cache
def _user_agent() -> str:
    python = ".".join(map(str, sys.version_info[:3]))
    return f"caibo/{caibo.__version__} python/{python} httpx/{httpx.__version__}"
