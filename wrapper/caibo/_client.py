"""Build the clients: options, credentials, transport."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NoReturn, Self, cast

import httpx

from caibo import _tests_only
from caibo._customers import AsyncCustomers, Customers
from caibo._errors import ConfigurationError
from caibo._wire import door, options
from caibo._wire.connections import Connections, Face, Route
from caibo._wire.credentials import ApiKey, BearerToken, Credential, Provider
from caibo._wire.exchange import (
    AsyncLockProvider,
    Gateway,
    LockProvider,
    Mode,
    Options,
    Wire,
)
from caibo._wire.foreign import Foreign
from caibo._wire.headers import fixed, header_value, merged, usable
from caibo._wire.limit import Limit
from caibo._wire.loaded import load
from caibo._wire.local import Local
from caibo._wire.proxies import proxy_for
from caibo._wire.tls import ssl_context
from caibo._wire.waiting import AsyncTransport, SyncTransport, Tasks, Threads
from caibo._write.carrying import Send, check_send
from caibo._write.events import Observer
from caibo._write.rules import Rules
from caibo._write.session import Confirm, Session, Settings

if TYPE_CHECKING:
    from caibo_api import Client as APIClient


def _no_client() -> NoReturn:
    raise ConfigurationError("customers is a client's: make one first, caibo.Caibo(…).customers")


class _Client:
    """What both clients are built from; the one place where the options are written."""

    _face: Face
    _kind: type[httpx.BaseTransport | httpx.AsyncBaseTransport]
    _own: type[SyncTransport | AsyncTransport]

    def __init__(
        self,
        *,
        api_key: str | Provider | None = None,
        access_token: str | Provider | None = None,
        auth: httpx.Auth | None = None,
        base_url: str | None = None,
        timeout: float = 10.0,
        deadline: float = 60.0,
        max_retries: int = 2,
        confirm: Confirm = False,
        validate: bool | Rules = True,
        send: Send = "record",
        max_base_age: float = 1.0,
        observers: Sequence[Observer] = (),
        rate_limit: float | None = None,
        lock: LockProvider | AsyncLockProvider | None = None,
        headers: Mapping[str, str | None] | None = None,
        max_connections: int = 100,
        transport: httpx.BaseTransport | httpx.AsyncBaseTransport | None = None,
    ) -> None:
        refusal = credential = None
        try:
            credential = _credential(api_key, access_token, auth)
        except ConfigurationError as error:
            refusal = error.with_traceback(None)
        sent = merged(fixed(), headers)
        # Error reporters show the locals of frames.
        del api_key, access_token, auth, headers
        if credential is None:
            raise cast(ConfigurationError, refusal)
        if base_url is None:  # an empty one is a mistake, and must not mean the real gateway
            base_url = os.environ.get("CAIBO_BASE_URL") or options.server()
        url, self._plain_host = options.address(base_url)
        _tests_only.check(credential.mode_now, self._plain_host)
        self._options = Options(
            timeout=options.seconds("timeout", timeout),
            deadline=options.seconds("deadline", deadline),
            max_retries=options.count("max_retries", max_retries, 0, 10),
            headers=usable(sent),
        )
        self._settings = Settings(
            validate=_rules(validate),
            confirm=confirm,
            max_base_age=options.age(max_base_age),
            deadline=self._options.deadline,
            send=check_send(send),
        )
        self._settings.settle(confirm)
        self._observers = _callables(observers)
        if lock is not None and not callable(lock):
            raise ConfigurationError("lock must be callable: it gets an id, and gives a lock")
        connections = options.count("max_connections", max_connections, 1, 10_000)
        rate = None if rate_limit is None else options.rate(rate_limit)
        if not isinstance(transport, self._kind | None):
            name = type(self).__name__
            raise ConfigurationError(f"transport: {name} needs an httpx.{self._kind.__name__}")
        self._gateway = Gateway(
            face=self._face,
            base_url=url,
            credential=credential,
            transport=self._own() if transport is None else transport,
            connections=Connections(self._face, self._route, url, connections)
            if transport is None
            else None,
            limits=None if rate is None else Local(partial(Limit, rate)),
            lock=lock,
        )
        self._shares = False
        load(self._face)
        self._set_up()

    def _route(self, url: httpx.URL) -> Route:
        # Loading certificates takes 20 ms, and plain http needs none.
        context = ssl_context() if url.scheme == "https" else None
        return Route(self._face, url, context, proxy_for(url))

    def _set_up(self) -> None:
        raise NotImplementedError

    def _session(self) -> Session:
        """Begin a call."""
        return Session(self._wire(), self._settings, self._observers)

    def _wire(self) -> Wire:
        _tests_only.check(self._gateway.credential.mode_now, self._plain_host)
        return Wire(self._gateway, self._options)

    def _around_door(self) -> dict[str, Any]:
        return {
            "base_url": self._gateway.base_url,
            "cookies": door.no_cookies(),
            "timeout": None,  # the flow has its own
            "trust_env": False,
        }

    def _set_headers(self, headers: httpx.Headers) -> None:
        """Take out what httpx has of its own, too: `None` may have taken out ours."""
        headers.clear()
        headers.update(self._options.headers)

    def with_options(
        self,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        max_retries: int | None = None,
        headers: Mapping[str, str | None] | None = None,
        confirm: Confirm | None = None,
        validate: bool | Rules | None = None,
        send: Send | None = None,
        observers: Sequence[Observer] = (),
    ) -> Self:
        """Return a light client with other options for some calls.

        It shares connections, tokens, locks, the rate limit and the retry budget
        with this client, and closing it closes nothing.  What is left out is as in
        this client.

        Args:
            timeout: as in the constructor.
            deadline: as in the constructor.
            max_retries: as in the constructor.
            headers: sent besides this client's; a name given again replaces, whatever
                its case, and `None` takes it out.
            confirm: as in the constructor.
            validate: as in the constructor.
            send: as in the constructor.
            observers: told after this client's.

        Raises:
            ConfigurationError: an option that cannot be.

        Example:
            >>> hasty = client.with_options(deadline=2, headers={"X-Correlation-ID": "c-17"})
            >>> hasty.customers.get(12345).id
            12345
        """
        light = object.__new__(type(self))
        light.__dict__.update(self.__dict__)
        was = self._options
        sent = merged(was.headers, headers)
        del headers
        light._options = Options(
            timeout=was.timeout if timeout is None else options.seconds("timeout", timeout),
            deadline=was.deadline if deadline is None else options.seconds("deadline", deadline),
            max_retries=was.max_retries
            if max_retries is None
            else options.count("max_retries", max_retries, 0, 10),
            headers=usable(sent),
        )
        settings = self._settings
        light._settings = replace(
            settings,
            validate=settings.validate if validate is None else _rules(validate),
            confirm=settings.confirm if confirm is None else confirm,
            deadline=light._options.deadline,
            send=settings.send if send is None else check_send(send),
        )
        light._settings.settle(None)
        light._observers = (*self._observers, *_callables(observers))
        light._shares = True
        light.__dict__.pop("api", None)
        light._set_up()
        return light

    @property
    def mode(self) -> Mode:
        """Tell which data the credential changes, "test" or "live" from an API key, else "unknown".

        A callable that gives the key is asked for it; an async one says it only once
        it was asked by a call.
        """
        return self._gateway.credential.mode

    def __repr__(self) -> str:
        if not hasattr(self, "_gateway"):  # it could not be made
            return f"{type(self).__name__}()"
        mode = self._gateway.credential.mode_now
        return f"{type(self).__name__}({str(self._gateway.base_url)!r}, mode={mode!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds a secret and connections and is not pickled")


class Caibo(_Client):
    """Change customer records in a Caibo payment gateway; `AsyncCaibo` is the same, awaited.

    A live API key changes live data, also in a test run: test and live share
    one host.  A client may be shared by threads.

    Args:
        api_key: sent as ``X-API-Key``: a string, or a callable that returns one, see
            `ApiKey`; from ``CAIBO_API_KEY`` where no credential
            is given.
        access_token: sent as a bearer token: a string, or a callable that returns
            one, see `BearerToken`; from ``CAIBO_ACCESS_TOKEN`` where no credential
            is given and ``CAIBO_API_KEY`` is not set.
        auth: any `httpx.Auth`, such as `Login`.
        base_url: the gateway, with any path prefix; from ``CAIBO_BASE_URL``, else
            the contract's server.  Plain http is refused except on loopback.
        timeout: seconds for each of connecting, sending and waiting for bytes.
        deadline: seconds for one call of this client, all of its requests,
            renewals, pauses and retries included.  A write waits for its answer for
            less, so that it can be read back.  Looking up a host's name cannot be
            cut short in `Caibo`.
        max_retries: how often a request is sent again, where that cannot apply a
            write twice.
        confirm: read back after each `update`, `apply` and `edit`, at once or after
            so many seconds; see `Customers.update`.
        validate: hold changes against the contract's limits before sending them; a
            callable gets the id and the changes after that, by this package's names,
            and returns what is to be sent or raises, see `docs/validation.md`.  In
            `AsyncCaibo` it may be async.
        send: what `update`, `apply` and `edit` send besides what they address:
            "record", everything as it was read, so that nothing is lost whatever the
            gateway does with what is left out; "writable", without the members that
            the gateway owns, for one that refuses to be sent them; "contract", of
            these only what the contract names, for one that shows more than it takes;
            "changes", only `name` and `email`, for one that keeps what is left out, or
            nothing where this version's contract has a `PATCH`.
            With any but "record" a write is read back, at the cost of one read, until
            this client has once seen that what it left out stayed; what was lost is an
            `OverwrittenError`.  See `docs/what-a-write-carries.md`.
        max_base_age: seconds after which `edit` and `apply` read again before they
            write, and after which a write that has to be sent again is merged anew.
        observers: called with each `WriteIntended`, `WriteFinished` and
            `WriteFailed`, in their order; one that raises before the write stops it.
            In `AsyncCaibo` they may be async, and have until `deadline` for the
            intention and 5 seconds for the last word, which they hear also when the
            call is cancelled.
        rate_limit: how many requests this client sends in any second, retries
            included; logins, and the one request again that follows a login, are not.
            Fractions above one are rounded down.  Callers wait in the order in which
            they came, those that have begun first.  Each process, and each event
            loop, counts for itself.
        lock: called with a customer id, gives a context manager (`AsyncCaibo`: an
            async one) that is entered around each update, to keep other processes
            out; see `docs/concurrency.md`.
        headers: sent with every request, logins included, and kept out of every text
            as secrets are.  `None` takes one out.  Those that this client sets or
            relies on are refused.
        max_connections: how many connections there are at most; who needs one more
            waits, in order of arrival, and within `deadline`.
        transport: an httpx transport instead of the network.  It is not modified,
            and closed with this client.

    Raises:
        ConfigurationError: no credential or more than one, or an option that
            cannot be.

    Example:
        >>> with caibo.Caibo(api_key="caibo_test_sk_0123") as client:
        ...     update = client.customers.update(12345, email="new@example.com")
    """

    _face = Threads
    _kind = httpx.BaseTransport
    _own = SyncTransport

    #: The verbs.  The class has them too, for `create_autospec`, which looks at nothing else.
    customers = Customers(_no_client)

    def _set_up(self) -> None:
        self.customers = Customers(self._session)

    @cached_property
    def api(self) -> APIClient:
        """The generated client, for `caibo_api` functions: the escape hatch.

        It shares connections, credential, retries and errors with this client;
        what it parses and drops is the generator's matter.  A request to another
        origin than `base_url`'s is a `ConfigurationError`.
        """
        from caibo_api import Client

        http = httpx.Client(transport=door.Door(self._wire), **self._around_door())
        self._set_headers(http.headers)
        return Client(base_url=str(self._gateway.base_url)).set_httpx_client(http)

    def close(self) -> None:
        """Close the connections; a call after that is a `ConfigurationError`."""
        if not self._shares:
            self._gateway.close()
            if self._gateway.connections is None:
                self._gateway.transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncCaibo(_Client):
    """Change customer records in a Caibo payment gateway, awaited; options as in `Caibo`.

    Runs under asyncio and trio.  It may be used in one event loop after another, and in
    several at once: each has connections and a rate limit of its own.

    Example:
        >>> async with caibo.AsyncCaibo(api_key="caibo_test_sk_0123") as client:
        ...     update = await client.customers.update(12345, email="new@example.com")
    """

    _face = Tasks
    _kind = httpx.AsyncBaseTransport
    _own = AsyncTransport

    #: The verbs.  The class has them too, for `create_autospec`, which looks at nothing else.
    customers = AsyncCustomers(_no_client)

    def _set_up(self) -> None:
        self.customers = AsyncCustomers(self._session)

    @cached_property
    def api(self) -> APIClient:
        """The generated client, for `caibo_api` functions: the escape hatch.

        It shares connections, credential, retries and errors with this client;
        what it parses and drops is the generator's matter.  A request to another
        origin than `base_url`'s is a `ConfigurationError`.
        """
        from caibo_api import Client

        http = httpx.AsyncClient(transport=door.AsyncDoor(self._wire), **self._around_door())
        self._set_headers(http.headers)
        return Client(base_url=str(self._gateway.base_url)).set_async_httpx_client(http)

    async def close(self) -> None:
        """Close the connections; a call after that is a `ConfigurationError`."""
        if not self._shares:
            self._gateway.close()
            if self._gateway.connections is None:
                await self._gateway.transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _credential(
    api_key: str | Provider | None, access_token: str | Provider | None, auth: httpx.Auth | None
) -> Credential:
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
        return auth if isinstance(auth, Credential) else Foreign(auth)
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


def _rules(validate: bool | Rules) -> bool | Rules:
    if not isinstance(validate, bool) and not callable(validate):
        raise ConfigurationError("validate must be true, false, or a callable: docs/validation.md")
    return validate


def _callables(observers: Sequence[Observer]) -> tuple[Observer, ...]:
    for observer in observers:
        if not callable(observer):
            raise ConfigurationError("observers must be callable")
    return tuple(observers)
