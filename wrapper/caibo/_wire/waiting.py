"""The only place that blocks or awaits: each step side by side in both forms, and their loops.

A flow is a generator that yields steps and takes what they give, or what they
raise.  It decides everything and waits for nothing, so it is written once; here
is what differs between threads and tasks.
"""

from __future__ import annotations

import errno
import inspect
import os
import socket
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import anyio
import httpcore
import httpx

from caibo._wire import clock

if TYPE_CHECKING:
    import ssl

T = TypeVar("T")
#: How many bytes one read takes: so many can be looked at before the clock is again.
READ_AT_ONCE = 16 * 1024
#: Where a request has the connection that it goes over.
CONNECTION = "caibo_connection"
LARGEST_BODY = 1024 * 1024
LEAVE_WITHIN = 5.0  # seconds that a cancelled task may still take to leave a context manager
_UNDER_WAY = frozenset([errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY])


class LateError(Exception):
    """A step of somebody else's took longer than it may; their own `TimeoutError` is another."""


#: What a thread has to do when the whole call ends.
Held = list[Callable[[], object]]


class Step(Protocol):
    """What a flow waits for."""

    def wait(self, held: Held) -> object: ...

    async def awaited(self, held: AsyncExitStack) -> object: ...


#: Yields steps, takes what they give, returns the result.
Flow = Generator[Step, Any, T]


class Gate(Protocol):
    """What one waiter stands before until somebody opens it, for once."""

    def open(self) -> None: ...


class Sleep(NamedTuple):
    """Let time pass."""

    seconds: float

    def wait(self, held: Held) -> None:
        clock.sleep(self.seconds)

    async def awaited(self, held: AsyncExitStack) -> None:
        await clock.asleep(self.seconds)


class Take(NamedTuple):
    """Stand before a gate for at most so many seconds."""

    gate: Any
    seconds: float

    def wait(self, held: Held) -> None:
        self.gate.wait(self.seconds)

    async def awaited(self, held: AsyncExitStack) -> None:
        await self.gate.awaited(self.seconds)


class Ask(NamedTuple):
    """Call a function of the caller's; tasks await what it returns, threads get it as it is.

    Attributes:
        function: may raise whatever it likes.
        arguments: of it.
        in_thread: keep a plain one from holding up the other tasks.
        seconds: after which a task gives up, with `LateError`.
        shielded: let a cancelled task wait so long all the same.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    in_thread: bool = False
    seconds: float = float("inf")
    shielded: bool = False

    def wait(self, held: Held) -> object:
        return self.function(*self.arguments)

    async def awaited(self, held: AsyncExitStack) -> object:
        with anyio.move_on_after(self.seconds, shield=self.shielded):
            return await self._answered()
        raise LateError

    async def _answered(self) -> object:
        call = partial(self.function, *self.arguments)
        if self.in_thread and not inspect.iscoroutinefunction(self.function):
            from anyio import to_thread

            # In a tuple, as trio takes no awaitable from a thread.
            (told,) = await to_thread.run_sync(lambda: (call(),), abandon_on_cancel=True)
        else:
            told = call()
        return await told if inspect.isawaitable(told) else told


class Enter(NamedTuple):
    """Enter a context manager of the caller's, and leave it when the whole call ends.

    Attributes:
        manager: a plain one for threads, an async one for tasks.
        seconds: after which a task gives up entering it, with `LateError`.
        complain: gets what leaving raises, which changes nothing of what was done.
    """

    manager: Any
    seconds: float
    complain: Callable[[Exception], object]

    def wait(self, held: Held) -> None:
        self.manager.__enter__()
        held.append(self._leave)

    def _leave(self) -> None:
        try:
            self.manager.__exit__(None, None, None)
        except Exception as error:
            self.complain(error)

    async def awaited(self, held: AsyncExitStack) -> None:
        with anyio.move_on_after(self.seconds):
            await self.manager.__aenter__()
            held.push_async_callback(self._aleave)
            return
        raise LateError

    async def _aleave(self) -> None:
        try:
            with anyio.fail_after(LEAVE_WITHIN, shield=True):
                await self.manager.__aexit__(None, None, None)
        except Exception as error:
            self.complain(error)


class Keep(NamedTuple):
    """Call this when the whole call ends, however it ends; it must not wait."""

    release: Callable[[], object]

    def wait(self, held: Held) -> None:
        held.append(self.release)

    async def awaited(self, held: AsyncExitStack) -> None:
        held.callback(self.release)


class Sent:
    """What a transport gave: the head of an answer, and its body as far as it came.

    Attributes:
        response: its body is read, and it is closed.
        body: as it came, at most a little over `LARGEST_BODY`.
        failure: why there is no more of it.
        packed: whether the body may still have its Content-Encoding.
    """

    __slots__ = ("body", "failure", "packed", "response")

    def __init__(
        self, response: httpx.Response, body: bytes | bytearray, *, packed: bool = True
    ) -> None:
        self.response = response
        self.body = body
        self.packed = packed
        self.failure: Exception | None = None


class Send(NamedTuple):
    """Hand a request to a transport and read its answer whole, within time and size.

    Attributes:
        transport: ours, or one of the caller's.
        request: with its timeouts.
        ends: when it has to be over, by the clock.
        cut: whether a task has to be cut at that time; our own transport ends by itself.
    """

    transport: Any
    request: httpx.Request
    ends: float
    cut: bool

    def wait(self, held: Held) -> Sent:
        response: httpx.Response = self.transport.handle_request(self.request)
        if response.is_stream_consumed:  # by a mock or a cache, which have unpacked it as well
            return Sent(response, response.content, packed=False)
        sent = Sent(response, body := bytearray())
        stream: Any = response.stream
        try:
            for chunk in stream:
                body += chunk
                if clock.now() > self.ends:
                    raise LateError
                if len(body) > LARGEST_BODY:
                    break
        except httpx.HTTPError as error:
            sent.failure = error
        finally:
            stream.close()
        return sent

    async def awaited(self, held: AsyncExitStack) -> Sent:
        if not self.cut:
            return await self._whole()
        with anyio.move_on_after(self.ends - clock.now()):
            return await self._whole()
        raise LateError

    async def _whole(self) -> Sent:
        response: httpx.Response = await self.transport.handle_async_request(self.request)
        if response.is_stream_consumed:
            return Sent(response, response.content, packed=False)
        sent = Sent(response, body := bytearray())
        stream: Any = response.stream
        late = False
        try:
            async for chunk in stream:
                late = late or clock.now() > self.ends
                if late or len(body) > LARGEST_BODY:
                    # No `break`: trio warns of generators left unfinished, and those of a
                    # closed stream end by themselves.
                    await response.aclose()
                else:
                    body += chunk
        except httpx.HTTPError as error:
            sent.failure = error
        finally:
            await response.aclose()
        if late:
            raise LateError
        return sent


# What a connection is made of, see `caibo._wire.network`.


class Resolve(NamedTuple):
    """Look up the addresses of a host; a thread cannot be kept from waiting for that."""

    host: str
    port: int
    seconds: float

    def wait(self, held: object) -> object:
        return socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)

    async def awaited(self, held: object) -> object:
        with anyio.fail_after(self.seconds):
            return await anyio.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)


class Connect(NamedTuple):
    """Connect a socket to an address."""

    socket: socket.socket
    address: Any
    seconds: float

    def wait(self, held: object) -> None:
        self.socket.settimeout(self.seconds)
        self.socket.connect(self.address)

    async def awaited(self, held: object) -> None:
        self.socket.setblocking(False)
        failed = self.socket.connect_ex(self.address)
        if failed in _UNDER_WAY:
            with anyio.fail_after(self.seconds):
                await anyio.wait_writable(self.socket)
            failed = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failed:
            raise OSError(failed, os.strerror(failed))


class Receive(NamedTuple):
    """Take what has arrived, or wait for something to; nothing is the end."""

    socket: socket.socket
    seconds: float

    def wait(self, held: object) -> bytes:
        self.socket.settimeout(self.seconds)
        return self.socket.recv(READ_AT_ONCE)

    async def awaited(self, held: object) -> bytes:
        with anyio.fail_after(self.seconds):
            while True:
                # First: an answer takes its time, and whoever has much to read gives way.
                await anyio.wait_readable(self.socket)
                try:
                    return self.socket.recv(READ_AT_ONCE)
                except BlockingIOError:
                    pass


class Transmit(NamedTuple):
    """Send as much as goes; gives how much that was."""

    socket: socket.socket
    data: bytes | memoryview
    seconds: float

    def __repr__(self) -> str:
        return f"Transmit({len(self.data)} bytes)"  # with a key among them

    def wait(self, held: object) -> int:
        self.socket.settimeout(self.seconds)
        return self.socket.send(self.data)

    async def awaited(self, held: object) -> int:
        while True:
            try:
                return self.socket.send(self.data)
            except BlockingIOError:
                with anyio.fail_after(self.seconds):
                    await anyio.wait_writable(self.socket)


class Line(Protocol):
    """One way to the gateway, as `caibo._wire.network` makes it."""

    def connect(self, host: str, port: int) -> Flow[None]: ...
    def secure(self, context: ssl.SSLContext, hostname: str | None) -> Flow[None]: ...
    def receive(self, timeout: float | None) -> Flow[bytes]: ...
    def keep(self, data: bytes) -> bool: ...
    def flush(self) -> Flow[None]: ...
    def info(self, name: str) -> object: ...
    def close(self) -> None: ...


class AuthFlow:
    """What an `httpx.Auth` wants sent, one request after the other; nothing at its end."""

    def __init__(self, auth: httpx.Auth, request: httpx.Request) -> None:
        self._flow: Any = None
        self._auth = auth
        self._request = request

    def advance(self, response: httpx.Response | None) -> Any:
        if response is None:
            self._flow = self._auth.sync_auth_flow(self._request)
        try:
            return [self._flow.send(response)]
        except StopIteration:
            return []

    def finish(self) -> Any:
        if self._flow is not None:
            self._flow.close()


class AsyncAuthFlow(AuthFlow):
    """The same, awaited."""

    async def advance(self, response: httpx.Response | None) -> Any:
        if response is None:
            self._flow = self._auth.async_auth_flow(self._request)
        try:
            return [await self._flow.asend(response)]
        except StopAsyncIteration:
            return []

    async def finish(self) -> Any:
        if self._flow is not None:
            await self._flow.aclose()


class Threads:
    """Run flows in the thread that calls."""

    #: Which locks, turns and connections are meant: threads share theirs.
    here = staticmethod(lambda: None)
    caller = staticmethod(threading.get_ident)
    #: What a context manager has that can be entered here.
    enters = "__enter__"
    pools = (httpcore.ConnectionPool, httpcore.HTTPProxy, httpcore.SOCKSProxy)

    @staticmethod
    def run(flow: Flow[T]) -> T:
        """Do the steps of a flow, one after the other, and return its result."""
        held: Held = []
        try:
            return _run(flow, held)
        finally:
            _let_go(held)

    auth_flow = AuthFlow

    class Gate:
        """A lock that is taken at first: only the interpreter's own are free of Ctrl-C's traps."""

        def __init__(self) -> None:
            self._lock = threading.Lock()
            self._lock.acquire()

        def open(self) -> None:
            if self._lock.locked():
                self._lock.release()

        def wait(self, seconds: float) -> None:
            self._lock.acquire(timeout=min(max(0.0, seconds), threading.TIMEOUT_MAX))


class Tasks:
    """Run flows in the task that awaits."""

    enters = "__aenter__"
    pools = (httpcore.AsyncConnectionPool, httpcore.AsyncHTTPProxy, httpcore.AsyncSOCKSProxy)

    @staticmethod
    def here() -> object:
        """Name the event loop, as its locks and turns are of no use in another."""
        import asyncio

        try:
            return asyncio.get_running_loop()
        except RuntimeError:
            import trio

            return trio.lowlevel.current_trio_token()

    @staticmethod
    def caller() -> object:
        return anyio.get_current_task().id

    @staticmethod
    async def run(flow: Flow[T]) -> T:
        """Do the steps of a flow, one after the other, and return its result."""
        async with AsyncExitStack() as held:
            return await _arun(flow, held)

    auth_flow = AsyncAuthFlow

    class Gate:
        """An event, and a new one after each that came."""

        def __init__(self) -> None:
            self._event = anyio.Event()

        def open(self) -> None:
            self._event.set()

        async def awaited(self, seconds: float) -> None:
            with anyio.move_on_after(seconds):
                await self._event.wait()
            self._event = anyio.Event()


def _let_go(held: Held) -> None:
    """Do what is left for the end, the last first, and all of it whatever is raised meanwhile."""
    if held:
        try:
            held.pop()()
        finally:
            _let_go(held)


def _run(flow: Flow[T], held: Any) -> T:
    gave: object = None
    failed: BaseException | None = None
    running: Any = flow
    try:
        while True:
            try:
                step = flow.send(gave) if failed is None else flow.throw(failed)
                gave = failed = None
                gave = step.wait(held)
            except BaseException as error:
                # Not only those of steps: an interrupt may fall between two lines here.
                if running.gi_frame is not None:  # it has not ended
                    failed = error
                elif isinstance(error, StopIteration):
                    result: T = error.value
                    return result
                else:
                    raise
    finally:
        failed = None  # its traceback has this frame
        flow.close()


async def _arun(flow: Flow[T], held: Any) -> T:
    gave: object = None
    failed: BaseException | None = None
    running: Any = flow
    try:
        while True:
            try:
                step = flow.send(gave) if failed is None else flow.throw(failed)
                gave = failed = None
                gave = await step.awaited(held)
            except BaseException as error:
                # Not only those of steps: an interrupt may fall between two lines here.
                if running.gi_frame is not None:  # it has not ended
                    failed = error
                elif isinstance(error, StopIteration):
                    result: T = error.value
                    return result
                else:
                    raise
    finally:
        failed = None
        flow.close()


class SyncBackend(httpcore.NetworkBackend):
    """Let httpcore make one connection over a line of ours."""

    def __init__(self, line: Line) -> None:
        self._stream = _SyncStream(line)

    def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.NetworkStream:
        _run(self._stream.line.connect(host, port), None)
        return self._stream


class _SyncStream(httpcore.NetworkStream):
    def __init__(self, line: Line) -> None:
        self.line = line

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return _run(self.line.receive(timeout), None)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not self.line.keep(buffer):
            _run(self.line.flush(), None)

    def close(self) -> None:
        self.line.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        _run(self.line.secure(ssl_context, server_hostname), None)
        return self

    def get_extra_info(self, info: str) -> Any:
        return self.line.info(info)


class AsyncBackend(httpcore.AsyncNetworkBackend):
    """Let httpcore make one connection over a line of ours, awaited."""

    def __init__(self, line: Line) -> None:
        self._stream = _AsyncStream(line)

    async def connect_tcp(
        self, host: str, port: int, *_: Any, **__: Any
    ) -> httpcore.AsyncNetworkStream:
        await _arun(self._stream.line.connect(host, port), None)
        return self._stream


class _AsyncStream(httpcore.AsyncNetworkStream):
    def __init__(self, line: Line) -> None:
        self.line = line

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        return await _arun(self.line.receive(timeout), None)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        if not self.line.keep(buffer):
            await _arun(self.line.flush(), None)

    async def aclose(self) -> None:
        self.line.close()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        await _arun(self.line.secure(ssl_context, server_hostname), None)
        return self

    def get_extra_info(self, info: str) -> Any:
        return self.line.info(info)


class SyncTransport(httpx.HTTPTransport):
    """httpx's own transport, over the connection that a request has leased.

    Its mapping of exceptions is httpx's, and what instruments httpx sees it.
    """

    def __init__(self) -> None:
        self._pool: Any = _Leased()


class AsyncTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport, over the connection that a request has leased, awaited."""

    def __init__(self) -> None:
        self._pool: Any = _Leased()


class _Leased:
    """Stand where httpx has a pool."""

    def handle_request(self, request: Any) -> httpcore.Response:
        response: httpcore.Response = request.extensions[CONNECTION].handle_request(request)
        return response

    async def handle_async_request(self, request: Any) -> httpcore.Response:
        connection = request.extensions[CONNECTION]
        request.stream = parts = aiter(request.stream)
        try:
            response: httpcore.Response = await connection.handle_async_request(request)
        except BaseException:
            # trio warns of a generator that nobody exhausts nor closes.
            if isinstance(parts, AsyncGenerator):
                await parts.aclose()
            raise
        return response
