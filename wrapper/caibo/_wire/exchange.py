"""A call's requests: attempts, deadline, credential, rate limit, locks; all of it flows."""

from __future__ import annotations

import gc
import inspect
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Protocol, Self, TypeVar, cast

import httpx

from caibo._errors import (
    CaiboError,
    ConfigurationError,
    DeadlineExceededError,
    LockError,
    MalformedResponseError,
)
from caibo._record.document import Document
from caibo._wire import clock
from caibo._wire.answers import Answer, answer, line
from caibo._wire.calls import WRITES, Call
from caibo._wire.connections import Connections, Face
from caibo._wire.headers import Sent
from caibo._wire.limit import Limit, Ticket
from caibo._wire.local import Local
from caibo._wire.log import debugs, log
from caibo._wire.network import Network
from caibo._wire.refusals import (
    deadline_exceeded,
    error_from_exception,
    error_from_response,
)
from caibo._wire.retry import SUSPENDED, Attempted, Budget, pause_before, retry_after, retryable
from caibo._wire.turns import Holder, Scope, Turn, Turns, scope
from caibo._wire.waiting import CONNECTION, Enter, Flow, Keep, LateError, Send, Sleep

T = TypeVar("T")
#: Gives, for a customer id, what keeps other processes out while it is entered.
LockProvider = Callable[[int], AbstractContextManager[Any]]
AsyncLockProvider = Callable[[int], AbstractAsyncContextManager[Any]]
Mode = Literal["test", "live", "unknown"]
#: Of what is left when a write is sent, so much is kept for reading back.
_KEPT_SHARE, _KEPT_SECONDS = 0.25, 2.0
# httpx's own timeouts should end a phase first: they know whether anything was sent.
_GRACE = 0.05
_KINDS = 16
_Made = dict[tuple[tuple[str, str], ...], Sent]


class Credential(Protocol):
    """What shows who asks, see `caibo._wire.credentials`."""

    @property
    def mode(self) -> Mode: ...
    @property
    def mode_now(self) -> Mode: ...
    def tell_mode(self, wire: Wire) -> Flow[None]: ...
    def authorised(self, request: httpx.Request, wire: Wire) -> Flow[Answer]: ...


class Options:
    """What a client, or a light copy of one, asks of its calls.

    Attributes:
        timeout: seconds for each wait.
        deadline: seconds for a whole call.
        max_retries: of one request.
        headers: of every request.
    """

    def __init__(self, *, timeout: float, deadline: float, max_retries: int, headers: Sent) -> None:
        self.timeout = timeout
        self.deadline = deadline
        self.max_retries = max_retries
        self.headers = headers
        self._made = _Made()

    def with_more(self, more: dict[str, str], url: httpx.URL) -> Sent:
        """Return the headers of one kind of request, which are made once."""
        kind = tuple(more.items())
        headers = self._made.get(kind)
        if headers is None:
            host = ("Host", url.netloc.decode("ascii"))
            headers = Sent([host, *self.headers.multi_items(), *kind])
            if len(self._made) < _KINDS:  # an entity tag makes a kind of its own
                self._made[kind] = headers
        return headers


class Gateway:
    """What all calls to one gateway share.

    Attributes:
        face: threads or tasks.
        base_url: with any prefix.
        credential: added to each request.
        transport: what sends.
        connections: those of our own transport; `None` with one of the caller's.
        limits: the rate limit, if there is one.
        lock: gives what keeps other processes out.
        budget: for retries.
        closed: whether the client that all of this is of was closed.
    """

    closed = False

    def __init__(
        self,
        *,
        face: Face,
        base_url: httpx.URL,
        credential: Credential,
        transport: Any,
        connections: Connections | None,
        limits: Local[Limit] | None = None,
        lock: LockProvider | AsyncLockProvider | None = None,
    ) -> None:
        self.face = face
        self.base_url = base_url
        self.credential = credential
        self.transport = transport
        self.connections = connections
        self.limits = limits
        self.lock = lock
        self.budget = Budget()
        self._prefix = str(base_url).rstrip("/")
        self._mode, self._scope = self._shared()

    def _shared(self) -> tuple[Mode, Scope]:
        mode = self.credential.mode_now
        return mode, scope(self.transport if self.connections is None else self._prefix, mode)

    def turns(self, here: object) -> Turns:
        """Return the turns of all who write the same data, in this event loop or the threads."""
        if self._mode != self.credential.mode_now:  # a callable that gives the key has told it
            self._mode, self._scope = self._shared()
        return self._scope.turns.at(here)

    def close(self) -> None:
        self.closed = True
        if self.connections is not None:
            self.connections.close()

    def check_open(self) -> None:
        """Refuse to go on after the client was closed.

        Raises:
            ConfigurationError: it was.
        """
        if self.closed:
            raise ConfigurationError(
                "this client is closed, as the end of its `with` does; make a new one"
            )

    def request(
        self, method: str, path: str, headers: httpx.Headers, content: bytes | None = None
    ) -> httpx.Request:
        """Make a request; the URL of a read is that of its write."""
        url = _url(self._prefix + path)
        if self.connections is None:  # transports of others may look for `request.content`
            return httpx.Request(method, url, headers=headers, content=content)
        # httpx leaves a stream as it is, and does not look at headers and body once more.
        stream = _NO_BODY if content is None else httpx.ByteStream(content)
        request = httpx.Request(method, url, headers=headers, stream=stream)
        if content is not None:
            request.headers["Content-Length"] = str(len(content))
        return request


class _NoBody(httpx.SyncByteStream, httpx.AsyncByteStream):
    """No piece at all: an empty one, as httpx has, would go through all of h11."""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        raise StopIteration

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration


_NO_BODY = _NoBody()


class Held(NamedTuple):
    """Tell what keeps others out, and since when nobody can have written.

    Attributes:
        shared: whether `lock=` keeps other processes out as well.
        since: by the clock; what was asked for before may be old by now.
    """

    shared: bool
    since: float


class Wire:
    """One call of a client: until when it has time, and what it has in hand.

    Attributes:
        here: the event loop; `None` for threads.
        ends: when the call has to be over, by the clock.
        may_have_left: asked while a write is under way, tells whether the gateway may
            have it.
    """

    may_have_left: Callable[[], bool]

    def __init__(self, gateway: Gateway, options: Options) -> None:
        gateway.check_open()
        self.gateway = gateway
        self.face = gateway.face
        self.here = gateway.face.here()
        self.ends = clock.now() + options.deadline
        self._options = options
        self._holder: Holder | None = None
        self._ticket = Ticket()

    def whole(self, flow: Flow[T]) -> Flow[T]:
        """Give back at the end what the call has in hand."""
        try:
            return (yield from flow)
        finally:
            self._give_back()

    def _give_back(self) -> None:
        """Let others have the turn that is kept for a write."""
        if self._limit is not None:
            self._limit.give_back(self._ticket)

    @property
    def _limit(self) -> Limit | None:
        limits = self.gateway.limits
        return None if limits is None else limits.at(self.here)

    def request(self, call: Call) -> httpx.Request:
        """Make the request of a call."""
        headers = self._options.with_more(call.headers, self.gateway.base_url)
        return self.gateway.request(call.method, call.url, headers, call.content)

    def send(
        self, call: Call, *, known: Sequence[Document] = (), fresh_until: float | None = None
    ) -> Flow[Answer]:
        """Go through the attempts of a call; return its 2xx answer.

        Args:
            call: what is to be sent.
            known: records of the customer, for what the answer may quote of them.
            fresh_until: until when it may be sent again as it is, by the clock.

        Raises:
            CaiboError: for everything else.
        """
        request = self.request(call)
        request.extensions["known"] = known
        return self.exchange(request, fresh_until=fresh_until)

    def exchange(
        self, request: httpx.Request, *, fresh_until: float | None = None, reserve: bool = True
    ) -> Flow[Answer]:
        """Go through the attempts of a request; return its 2xx answer.

        Args:
            request: without a credential.
            fresh_until: until when it may be sent again as it is, by the clock.
            reserve: whether a write leaves time to be read back.
        """
        attempt = 0
        until = self.ends if fresh_until is None else min(self.ends, fresh_until)
        request.extensions["reserve"] = reserve and request.method in WRITES
        while True:
            attempt += 1
            self.may_have_left = _nothing_left
            if (limit := self._limit) is not None:
                yield from self._turn(limit, request, attempt)
            error: CaiboError
            try:
                got = yield from self.gateway.credential.authorised(request, self)
            except CaiboError as failed:
                error = failed
                shown = type(failed).__name__
            else:
                shown = str(got.status_code)
                if got.is_success:
                    _debug(request, attempt, shown)
                    self.gateway.budget.earn()
                    got.attempts = attempt
                    return got
                error = error_from_response(request, got)
            _debug(request, attempt, shown)
            pause = None
            if retryable(request.method, error):
                # A write that was merged is merged anew before it gets too old.
                pause = self._pause(attempt, until, retry_after(error), error)
            if pause is None:
                if isinstance(error, Attempted):
                    error.attempts = attempt - (error.attempts == 0)  # this one was none
                raise error
            self._give_back()
            yield Sleep(pause)

    def once(self, request: httpx.Request, *, anywhere: bool = False) -> Flow[Answer]:
        """Send a request once, as it is; return its answer, whatever the status.

        Args:
            request: with a credential.
            anywhere: whether it may go to another origin than the gateway's.

        Raises:
            CaiboError: no usable answer came.
        """
        self.gateway.check_open()
        ends = self.ends
        if request.extensions.get("reserve"):
            ends -= min(_KEPT_SECONDS, _KEPT_SHARE * (ends - clock.now()))
        connections = self.gateway.connections
        if connections is None:
            return (yield from self._sent(request, ends, None))
        lease = yield from connections.lease(self.here, ends, request.url if anywhere else None)
        if lease is None:
            raise deadline_exceeded(request, sent=False)
        whole = False
        network = lease.connection.network
        network.ends, network.timeout = ends, self._options.timeout
        request.extensions[CONNECTION] = lease.connection.http
        try:
            got = yield from self._sent(request, ends, network)
            whole = True
            return got
        finally:
            del request.extensions[CONNECTION]
            lease.end(whole=whole)

    def _sent(self, request: httpx.Request, ends: float, network: Network | None) -> Flow[Answer]:
        now = clock.now()
        if ends <= now:
            raise deadline_exceeded(request, sent=False)
        seconds = min(self._options.timeout, ends - now)
        request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), seconds)
        if request.method in WRITES:
            self.may_have_left = lambda: network is None or network.ready
        failed: CaiboError
        try:
            cut_at = ends + (_GRACE if network is None else 0.0)
            sent = yield Send(self.gateway.transport, request, cut_at, cut=network is None)
            got = answer(request, sent, now, clock.now())
        except LateError:
            failed = deadline_exceeded(request, sent=True)
        except MalformedResponseError as error:
            failed = MalformedResponseError(f"{line(request)}: {error}")
        except Exception as error:
            unsent = network is not None and not network.ready
            proxy = None if network is None else network.proxy
            failed = error_from_exception(request, error, ends, unsent=unsent, proxy=proxy)
        else:
            if 300 <= got.status_code < 500:  # a refusal, such as a 401 before a login
                self.may_have_left = _nothing_left
            return got
        raise failed  # outside `except`: foreign texts would hang on as its context

    def pause(self, seconds: float) -> Flow[None]:
        """Wait so long.

        Raises:
            DeadlineExceededError: the call has not that many seconds left.
        """
        if clock.now() + seconds >= self.ends:
            raise DeadlineExceededError(
                f"`deadline` leaves no {seconds:g} seconds to wait", request_sent="no"
            )
        holder = cast("Holder", self._holder)  # whoever waits for this has written
        holder.settling = seconds > 0
        yield Sleep(seconds)
        holder.settling = False

    def again(
        self, number: int, error: CaiboError | None, *, asked: float | None = None
    ) -> Flow[bool]:
        """Pause before something is tried for the so-many-th time again.

        Gives False at once where `max_retries`, the retry budget or the deadline
        forbid it.

        Args:
            number: counts from 1.
            error: what came of it; `None` where the gateway did not fail.
            asked: for how many seconds the gateway asked.
        """
        pause = self._pause(number, self.ends, asked, error)
        yield Sleep(pause or 0.0)
        return pause is not None

    def _pause(
        self, number: int, until: float, asked: float | None, error: CaiboError | None
    ) -> float | None:
        if number > self._options.max_retries:
            return None
        pause = pause_before(number, asked)
        if pause is None or clock.now() + pause >= until:
            return None
        if error is not None and not self.gateway.budget.spend():
            error.remark = SUSPENDED
            return None
        return pause

    def _turn(self, limit: Limit, request: httpx.Request, attempt: int) -> Flow[None]:
        """Wait for the turn of an attempt."""
        writes = self._holder is not None and request.method == "GET"
        if not (yield from limit.turn(self._ticket, self.face.Gate, self.ends, writes=writes)):
            raise DeadlineExceededError(
                f"{line(request)}: `rate_limit` has no turn before `deadline`; "
                f"it was not sent{' again' * (attempt > 1)}",
                request_sent="no",
                attempts=attempt - 1,
            )

    def hold(self, id: int, verb: str) -> Flow[Held]:
        """Keep others from writing a customer until the call ends.

        Args:
            id: the customer.
            verb: the method that was called, for others to be told.

        Raises:
            ConfigurationError: this very caller is writing it.
            DeadlineExceededError: the others took too long.
            LockError: what `lock=` gave failed.
        """
        yield from self.gateway.credential.tell_mode(self)
        turns = self.gateway.turns(self.here)
        caller = self.face.caller()
        turn = turns.of(id)
        if turn.held_by(caller):
            # A call that Ctrl-C broke off while it gave its turn back lies about as a cycle.
            del turn
            gc.collect()
            turn = turns.of(id)
        if turn.held_by(caller):
            raise ConfigurationError(
                f"customer {id} is being written by this very caller: an observer, lock= or "
                "on_conflict= must not write the same customer"
            )
        place = yield from turn.take(self.face.Gate, self.ends)
        if place is None:
            raise _no_turn(id, f"others of this process held its turn{_by(turn)}")
        try:
            self._holder = turn.holder = place.holds = Holder(caller, verb, clock.now())
            yield Keep(lambda: turns.give_back(id, turn, place))
        except BaseException:  # nobody else knows of it yet
            turns.give_back(id, turn, place)
            raise
        if self.gateway.lock is None:
            return Held(shared=False, since=turns.ended(id))
        yield from self._locked(id, self.gateway.lock)
        return Held(shared=True, since=clock.now())

    def _locked(self, id: int, lock: LockProvider | AsyncLockProvider) -> Flow[None]:
        def complain(error: Exception) -> None:
            name = type(error).__name__
            log(
                logging.ERROR,
                "customer %d: lock= raised %s on release",
                *(id, name),
                customer_id=id,
                error=name,
            )

        try:
            manager: object = lock(id)
            if not hasattr(type(manager), self.face.enters):
                raise _no_manager(id, manager, self.face.enters)
            yield Enter(manager, self.ends - clock.now(), complain)
        except LateError:
            raise _no_turn(id, "others held `lock=`") from None
        except CaiboError:
            raise
        except Exception as error:
            raise LockError(
                f"customer {id}: lock= raised {type(error).__name__}; nothing was written"
            ) from error


def _no_manager(id: int, gave: object, enters: str) -> LockError:
    if inspect.iscoroutine(gave):
        gave.close()  # nobody awaits it
    kind = "an async context manager" if enters == "__aenter__" else "a context manager"
    return LockError(
        f"customer {id}: lock= must give {kind} and gave {type(gave).__name__}; nothing was written"
    )


def _no_turn(id: int, why: str) -> DeadlineExceededError:
    return DeadlineExceededError(
        f"customer {id}: `deadline` passed while {why}; nothing was written", request_sent="no"
    )


def _by(turn: Turn) -> str:
    holder = turn.holder  # gone, if it has just given the turn to another
    return "" if holder is None else f" ({holder})"


def _nothing_left() -> bool:
    return False


def _debug(request: httpx.Request, attempt: int, shown: str) -> None:
    """Log an outcome, without any text of the gateway's."""
    if debugs():
        log(
            logging.DEBUG,
            "%s, attempt %d: %s",
            *(line(request), attempt, shown),
            request=line(request),
            attempt=attempt,
            answer=shown,
        )


@lru_cache(maxsize=64)
def _url(text: str) -> httpx.URL:
    """Parse a URL once for a read and its write."""
    return httpx.URL(text)
