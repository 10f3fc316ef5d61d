"""The connections to the one gateway: a stack of idle ones, and a limit.

Each is in one call's hands at a time, and goes back only after a whole answer;
whatever else ends a call's hold on it closes it, which never waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import httpcore
import httpx

from caibo._wire import clock
from caibo._wire.local import Local
from caibo._wire.network import Network
from caibo._wire.proxies import Proxy
from caibo._wire.turns import Place, Places
from caibo._wire.waiting import AsyncBackend, Flow, SyncBackend, Tasks, Threads

Face = type[Threads] | type[Tasks]

KEEP_ALIVE = 5.0  # seconds; httpx's own


class Route:
    """Know the way to the gateway: directly, or through a proxy."""

    def __init__(self, face: Face, url: httpx.URL, context: Any, proxy: Proxy | None) -> None:
        self._origin = _origin(url)
        self._face = face
        self._proxy = None if proxy is None else proxy.address
        self._layers = int(url.scheme == "https")
        plain, http, socks = face.pools
        options: dict[str, Any] = {"ssl_context": context, "keepalive_expiry": KEEP_ALIVE}
        self._pool: Callable[..., Any] = plain
        if proxy is not None:
            options["proxy_url"] = httpcore.URL(str(proxy.url))
            options["proxy_auth"] = proxy.raw_auth
            self._pool = socks if proxy.url.scheme.startswith("socks") else http
            if proxy.url.scheme == "https":
                options["proxy_ssl_context"] = context
                self._layers += 1
        self._options = options

    def new(self) -> Connection:
        """Make a connection that connects with its first request."""
        network = Network(self._layers, self._proxy)
        backend = SyncBackend(network) if self._face is Threads else AsyncBackend(network)
        # A pool of httpcore's knows how to make one, and its backend is this one's alone.
        pool = self._pool(network_backend=backend, **self._options)
        return Connection(pool.create_connection(self._origin), network)


def _origin(url: httpx.URL) -> httpcore.Origin:
    return httpcore.URL(str(url)).origin


class Connection:
    """What httpcore has of a connection, and its network."""

    __slots__ = ("http", "idle_since", "network")

    def __init__(self, http: Any, network: Network) -> None:
        self.http = http
        self.network = network
        self.idle_since = 0.0

    def expired(self) -> bool:
        return clock.now() - self.idle_since > KEEP_ALIVE

    def in_step(self) -> bool:
        """Tell whether its next answer will be that to its next request.

        httpcore looks for more than an answer on the socket, and may have read it with the
        answer; a gateway's mistake, or response splitting (RFC 9112, section 6.3).
        """
        if not self.http.is_available():  # nor was it ever, where a mock stands before it
            return False
        unread, _ = self.http._connection._h11_state.trailing_data
        return not unread

    def usable(self) -> bool:
        """Tell whether it waits for a request, and its other end as well."""
        return not self.expired() and self.http.is_available() and not self.http.has_expired()


class Lease:
    """A connection in the hands of one request."""

    __slots__ = ("_place", "_stack", "connection")

    def __init__(self, stack: Stack, place: Place, connection: Connection) -> None:
        self._stack = stack
        self._place = place
        self.connection = connection
        place.holds = connection

    def end(self, *, whole: bool) -> None:
        """Give the connection back if its answer came whole, and close it otherwise."""
        if whole and self.connection.in_step():
            self._stack.keep(self.connection)
        else:
            self.connection.network.close()
        self._place.give_back()


class Stack:
    """The connections of one event loop, or of all threads; the last one used goes first."""

    def __init__(self, route: Route, limit: int) -> None:
        self._route = route
        self._places = Places(limit)
        self._idle: deque[Connection] = deque()
        self._open = True

    def lease(self, face: Face, ends: float) -> Flow[Lease | None]:
        """Take a connection, after all who came before; `None` where time is over first."""
        place = yield from self._places.take(face.Gate, ends)
        if place is None:
            return None
        try:
            return Lease(self, place, self._idle_one() or self._route.new())
        except BaseException:
            place.give_back()
            raise

    def _idle_one(self) -> Connection | None:
        while True:
            try:
                found = self._idle.pop()
            except IndexError:
                return None
            usable = False
            try:
                # It looks at the socket: under gevent others run then, and may kill this one.
                usable = found.usable()
            finally:
                if not usable:
                    found.network.close()
            if usable:
                return found

    def keep(self, connection: Connection) -> None:
        """Put a connection on top, and close what has lain below for too long."""
        connection.idle_since = clock.now()
        self._idle.append(connection)
        while True:
            try:
                oldest = self._idle.popleft()
            except IndexError:
                return
            if self._open and not oldest.expired():
                self._idle.appendleft(oldest)
                return
            oldest.network.close()

    def close(self) -> None:
        """Close what is idle now, and the others when they come back."""
        self._open = False
        while True:
            try:
                self._idle.pop().network.close()
            except IndexError:
                return

    def drop(self) -> None:
        """Close the connections in use as well: their process or event loop is another."""
        self.close()
        for place in self._places.held():
            if place.holds is not None:
                place.holds.network.close()


class Connections:
    """The stacks of a client: those to the gateway, and to where an auth of others goes.

    Args:
        face: threads or tasks.
        route: finds the way to a URL.
        url: of the gateway.
        limit: how many connections there are at most to one origin.
    """

    def __init__(
        self, face: Face, route: Callable[[httpx.URL], Route], url: httpx.URL, limit: int
    ) -> None:
        self._face = face
        self._route = route
        self._limit = limit
        self._stacks = self._to(url)
        self._elsewhere = {str(_origin(url)): self._stacks}

    def _to(self, url: httpx.URL) -> Local[Stack]:
        route = self._route(url)
        return Local(lambda: Stack(route, self._limit), Stack.drop)

    def lease(self, here: object, ends: float, url: httpx.URL | None = None) -> Flow[Lease | None]:
        """Take a connection of this event loop, or of the threads.

        Args:
            here: the event loop.
            ends: of the call, by the clock.
            url: where it goes, if that need not be the gateway.
        """
        stacks = self._stacks
        if url is not None:
            origin = str(_origin(url))
            stacks = self._elsewhere.get(origin) or self._to(url)
            stacks = self._elsewhere.setdefault(origin, stacks)
        return (yield from stacks.at(here).lease(self._face, ends))

    def close(self) -> None:
        for stacks in list(self._elsewhere.values()):
            for stack in stacks.each():
                stack.close()
