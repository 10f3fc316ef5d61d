"""One connection's network: every wait is held to the call under way, in both faces.

httpcore hands its timeouts down anew with each read, and none to SOCKS, so a
gateway that sends a byte now and then could hold a call for hours.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import httpcore

from caibo._wire import clock
from caibo._wire.waiting import READ_AT_ONCE, Connect, Flow, Receive, Resolve, Transmit

T = TypeVar("T")


class Network:
    """One line to the gateway, which httpcore speaks HTTP on.

    What is written first waits for what is written next: a request's head and its
    body go out in one piece, and before httpcore has got ready to read.  Closing it
    never waits and says nothing on the wire, so that a cancelled task, and a forked
    child, can do it.

    Args:
        layers: how many TLS layers it has when the gateway itself can be spoken to.
        proxy: the name of one that is on the way.

    Attributes:
        ends: when the call under way has to be over, by the clock.
        timeout: seconds for one wait, and for the whole way to the gateway.
        proxy: the name of one that still has to do its part, and is to blame until then.
        ready: whether the gateway itself can be spoken to; before that it has
            nothing of a request.
    """

    def __init__(self, layers: int, proxy: str | None) -> None:
        self._layers = layers
        self._socket: socket.socket | None = None
        self._tls: list[_TLS] = []
        self._unsent = b""
        self._connect_by: float | None = None
        self.ends = 0.0
        self.timeout = 0.0
        self.proxy = proxy
        self.ready = False

    def connect(self, host: str, port: int) -> Flow[None]:
        """Connect to the first address that answers, each with its share of the time."""
        self._connect_by = clock.now() + self.timeout
        addresses = yield from self._connecting(self._addresses(host, port))
        while True:
            *found, _, address = addresses.pop(0)
            try:
                yield from self._connecting(self._attempt(found, address, 1 + len(addresses)))
                break
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                self.close()
                if not addresses:
                    raise
        self.ready = self._layers == 0

    def _addresses(self, host: str, port: int) -> Flow[list[Any]]:
        try:
            return socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
            )
        except OSError:
            pass  # a name
        found: list[Any] = yield Resolve(host, port, self._left())
        return list(found)

    def _attempt(self, kind: list[int], address: Any, among: int) -> Flow[None]:
        self._socket = mine = socket.socket(*kind)
        yield Connect(mine, address, self._left() / among)
        mine.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def secure(self, context: ssl.SSLContext, hostname: str | None) -> Flow[None]:
        """Speak TLS from here on, also inside of TLS."""
        layer = _TLS(context, hostname)
        if len(self._tls) + 1 == self._layers:
            self.proxy = None
        yield from self._connecting(
            layer.do(layer.object.do_handshake, self._receive, self._transmit)
        )
        self._tls.append(layer)
        self.ready = len(self._tls) == self._layers

    def keep(self, data: bytes) -> bool:
        """Take what is to be written; tell whether it waits, for more or for the next read."""
        first = not self._unsent
        self._unsent += data
        return first

    def flush(self) -> Flow[None]:
        """Write what waits."""
        data, self._unsent = self._unsent, b""
        try:
            yield from self._transmit(data)
        except OSError as error:
            raise _mapped(error, httpcore.WriteTimeout, httpcore.WriteError) from error

    def receive(self, timeout: float | None) -> Flow[bytes]:
        """Send what waits, and return what comes; nothing at the end."""
        if self._unsent:
            try:  # noqa: SIM105 - `suppress` takes as long as the rest of this
                yield from self.flush()
            except httpcore.WriteError:  # whoever hangs up early may have said why
                pass
        try:
            return (yield from self._receive())
        except OSError as error:
            raise _mapped(error, httpcore.ReadTimeout, httpcore.ReadError) from error

    def _receive(self, above: int = 0) -> Flow[bytes]:
        """Return what comes below so many TLS layers, counted from the outermost."""
        depth = len(self._tls) - above
        if depth == 0:
            data: bytes = yield Receive(self._open(), self._left())
            return data
        layer = self._tls[depth - 1]
        return (
            yield from layer.do(
                partial(layer.object.read, READ_AT_ONCE),
                partial(self._receive, above + 1),
                partial(self._transmit, above=above + 1),
            )
        )

    def _transmit(self, data: bytes, above: int = 0) -> Flow[None]:
        depth = len(self._tls) - above
        if depth == 0:
            rest = memoryview(data)
            while rest:
                sent: int = yield Transmit(self._open(), rest, self._left())
                rest = rest[sent:]
        else:
            layer = self._tls[depth - 1]
            yield from layer.do(
                partial(layer.object.write, data),
                partial(self._receive, above + 1),
                partial(self._transmit, above=above + 1),
            )

    def _open(self) -> socket.socket:
        if self._socket is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self._socket

    def _left(self) -> float:
        now = clock.now()
        ends = min(now + self.timeout, self.ends)
        if not self.ready and self._connect_by is not None:
            ends = min(ends, self._connect_by)
        if ends <= now:
            raise TimeoutError
        return ends - now

    def _connecting(self, flow: Flow[T]) -> Flow[T]:
        """Raise what httpcore would."""
        try:
            return (yield from flow)
        except OSError as error:
            raise _mapped(error, httpcore.ConnectTimeout, httpcore.ConnectError) from error

    def info(self, name: str) -> object:
        """Return what httpcore asks for, and OpenTelemetry."""
        match name:
            case "ssl_object":
                return self._tls[-1].object if self._tls else None
            case "is_readable":
                # Nothing may come on an idle connection: it has ended, or is out of step.
                return (
                    self._socket is None
                    or any(layer.unread() for layer in self._tls)
                    or _readable(self._socket)
                )
            case "socket":
                return self._socket
            case "server_addr" | "client_addr" if self._socket is not None:
                server = name == "server_addr"
                return self._socket.getpeername() if server else self._socket.getsockname()
            case _:
                return None

    def close(self) -> None:
        mine, self._socket = self._socket, None
        if mine is not None:
            mine.close()


class _TLS:
    """One layer of TLS over memory, as a flow has nothing that would block."""

    def __init__(self, context: ssl.SSLContext, hostname: str | None) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname)

    def unread(self) -> bool:
        """Tell whether more has come than was asked for."""
        return bool(self.object.pending() or self._incoming.pending)

    def do(
        self,
        operation: Callable[[], T],
        receive: Callable[[], Flow[bytes]],
        transmit: Callable[[bytes], Flow[None]],
    ) -> Flow[T]:
        """Go on with an operation until it has what it needs."""
        while True:
            try:
                done = [operation()]
            except ssl.SSLWantReadError:
                done = []
            except ssl.SSLError:
                if self._outgoing.pending:  # the alert that says why
                    yield from transmit(self._outgoing.read())
                raise
            if self._outgoing.pending:
                yield from transmit(self._outgoing.read())
            if done:
                return done[0]
            data = yield from receive()
            if data:
                self._incoming.write(data)
            else:
                self._incoming.write_eof()


def _mapped(error: OSError, late: type[Exception], failed: type[Exception]) -> Exception:
    """Return what httpcore would raise; no flow around a flow, as each of them costs."""
    return late("timed out") if isinstance(error, TimeoutError) else failed(str(error))


_poll = getattr(select, "poll", None)


def _readable(one: socket.socket) -> bool:
    if _poll is None:  # Windows, where select takes any socket
        return bool(select.select([one], [], [], 0)[0])
    poll = _poll()
    poll.register(one, select.POLLIN)
    return bool(poll.poll(0))
