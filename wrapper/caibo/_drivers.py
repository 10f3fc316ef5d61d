"""Run flows: send their calls, wait their pauses, hold their locks, tell their observers."""

from __future__ import annotations

import inspect
import logging
import math
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    ExitStack,
    contextmanager,
)
from functools import partial
from typing import Any, TypeVar, assert_never
from weakref import WeakValueDictionary

import anyio

from caibo._errors import (
    CaiboError,
    ConfigurationError,
    DeadlineExceededError,
    LockError,
    WriteStoppedError,
)
from caibo._io import AsyncHTTP, SyncHTTP, request_of
from caibo._wire.calls import Again, Call, Flow, Held, Hold, Pause, Step, Tell
from caibo._write.events import Event, Observer, WriteFailed, WriteFinished, WriteIntended

T = TypeVar("T")
#: Gives, for a customer id, what keeps other processes out while it is entered.
LockProvider = Callable[[int], AbstractContextManager[Any]]
AsyncLockProvider = Callable[[int], AbstractAsyncContextManager[Any]]

_REMAINDERS = 1024
_RELEASE_WITHIN = 5.0  # seconds that a cancelled task may still take to give a lock back
_log = logging.getLogger("caibo")


class _Turn:
    """A lock that can be referred to weakly, whatever the lock is made of."""

    __slots__ = ("__weakref__", "holder", "lock")

    def __init__(self, lock: Any) -> None:
        self.lock = lock
        self.holder: object = None


class _Turns:
    """One lock for each id that somebody holds or waits for, and none for the others."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        # By the id's remainder, which does not grow; an id may find another's later time.
        self._ended = [-math.inf] * _REMAINDERS
        self._guard = threading.Lock()
        self._turns: WeakValueDictionary[int, _Turn] = WeakValueDictionary()

    def of(self, id: int) -> _Turn:
        with self._guard:
            turn = self._turns.get(id)
            if turn is None:
                turn = self._turns[id] = _Turn(self._make())
            return turn

    def take(self, id: int, turn: _Turn, holder: object, held: ExitStack | AsyncExitStack) -> None:
        """Note who holds a lock, and give it back in the end."""
        turn.holder = holder
        held.callback(self._release, id, turn)

    def ended(self, id: int) -> float:
        """Return since when nobody has held the lock of an id."""
        return self._ended[id % _REMAINDERS]

    def _release(self, id: int, turn: _Turn) -> None:
        turn.holder = None
        self._ended[id % _REMAINDERS] = time.monotonic()
        turn.lock.release()


class Driver:
    """Run the flows of `Caibo`."""

    def __init__(
        self, http: SyncHTTP, observers: Sequence[Observer], lock: LockProvider | None
    ) -> None:
        self._http = http
        self._observers = observers
        self._lock = lock
        self._turns = _Turns(threading.Lock)

    def run(self, flow: Flow[T]) -> T:
        """Do the steps of a flow, one after the other, and return its result."""
        ends = time.monotonic() + self._http.policy.deadline
        resume: Callable[[], Step] = partial(next, flow)
        with ExitStack() as held:
            while True:
                try:
                    step = resume()
                except StopIteration as done:
                    result: T = done.value
                    return result
                try:
                    gave = self._do(step, ends, held)
                except CaiboError as error:
                    resume = partial(flow.throw, error)
                else:
                    resume = partial(flow.send, gave)

    def _do(self, step: Step, ends: float, held: ExitStack) -> object:
        match step:
            case Call():
                return self._http.send(request_of(self._http, step, ends))
            case Pause(seconds):
                _check_time(seconds, ends)
                time.sleep(seconds)
            case Again(number, retry_after, failing):
                pause = self._http.policy.again(
                    number, ends, retry_after=retry_after, failing=failing
                )
                time.sleep(pause or 0.0)
                return pause is not None
            case Hold(id):
                return self._hold(id, ends, held)
            case Tell(event):
                for observer in self._observers:
                    with _watching(event):
                        _refuse_awaitable(observer(event))
                _log_write(event)
            case _:
                assert_never(step)
        return None

    def _hold(self, id: int, ends: float, held: ExitStack) -> Held:
        turn, caller = self._turns.of(id), threading.get_ident()
        if turn.holder == caller:
            raise _inside(id)
        if not turn.lock.acquire(timeout=max(0.0, ends - time.monotonic())):
            raise _no_turn(id)
        self._turns.take(id, turn, caller, held)
        if self._lock is None:
            return Held("local-lock", self._turns.ended(id))
        with _locking(id):
            manager = _given(self._lock(id))
            manager.__enter__()
        held.callback(_give_back, manager, id)
        return Held("shared-lock", time.monotonic())


class AsyncDriver:
    """Run the flows of `AsyncCaibo`."""

    def __init__(
        self, http: AsyncHTTP, observers: Sequence[Observer], lock: AsyncLockProvider | None
    ) -> None:
        self._http = http
        self._observers = observers
        self._lock = lock
        self._turns = _Turns(partial(anyio.Lock, fast_acquire=True))

    async def run(self, flow: Flow[T]) -> T:
        """Do the steps of a flow, one after the other, and return its result."""
        ends = time.monotonic() + self._http.policy.deadline
        resume: Callable[[], Step] = partial(next, flow)
        async with AsyncExitStack() as held:
            while True:
                try:
                    step = resume()
                except StopIteration as done:
                    result: T = done.value
                    return result
                try:
                    gave = await self._do(step, ends, held)
                except CaiboError as error:
                    resume = partial(flow.throw, error)
                else:
                    resume = partial(flow.send, gave)

    async def _do(self, step: Step, ends: float, held: AsyncExitStack) -> object:
        match step:
            case Call():
                return await self._http.send(request_of(self._http, step, ends))
            case Pause(seconds):
                _check_time(seconds, ends)
                await anyio.sleep(seconds)
            case Again(number, retry_after, failing):
                pause = self._http.policy.again(
                    number, ends, retry_after=retry_after, failing=failing
                )
                await anyio.sleep(pause or 0.0)
                return pause is not None
            case Hold(id):
                return await self._hold(id, ends, held)
            case Tell(event):
                for observer in self._observers:
                    with _watching(event):
                        told = observer(event)
                        if inspect.isawaitable(told):
                            await told
                _log_write(event)
            case _:
                assert_never(step)
        return None

    async def _hold(self, id: int, ends: float, held: AsyncExitStack) -> Held:
        turn, caller = self._turns.of(id), anyio.get_current_task().id
        if turn.holder == caller:
            raise _inside(id)
        try:
            with anyio.fail_after(ends - time.monotonic()):
                await turn.lock.acquire()
                self._turns.take(id, turn, caller, held)
                if self._lock is None:
                    return Held("local-lock", self._turns.ended(id))
                with _locking(id):
                    manager = _given(self._lock(id))
                    await manager.__aenter__()
        except TimeoutError:
            raise _no_turn(id) from None
        held.push_async_callback(_agive_back, manager, id)
        return Held("shared-lock", time.monotonic())


def _no_turn(id: int) -> DeadlineExceededError:
    return DeadlineExceededError(
        f"customer {id}: `deadline` passed while others held its lock; nothing was written",
        request_sent="no",
    )


def _inside(id: int) -> ConfigurationError:
    return ConfigurationError(
        f"customer {id} is being written by this very caller: an observer, lock= or on_conflict= "
        "must not write the same customer"
    )


def _check_time(seconds: float, ends: float) -> None:
    if time.monotonic() + seconds >= ends:
        raise DeadlineExceededError(
            f"`deadline` leaves no {seconds:g} seconds to wait", request_sent="no"
        )


@contextmanager
def _locking(id: int) -> Generator[None]:
    try:
        yield
    except CaiboError:
        raise
    except Exception as error:
        raise LockError(
            f"customer {id}: lock= raised {type(error).__name__}; nothing was written. Caibo needs "
            "a context manager from it, AsyncCaibo an async one."
        ) from error


def _given(manager: T) -> T:
    """Keep a coroutine, which is no context manager, from warning that nobody awaited it."""
    if inspect.iscoroutine(manager):
        manager.close()
    return manager


def _give_back(manager: AbstractContextManager[Any], id: int) -> None:
    with _releasing(id):
        manager.__exit__(None, None, None)


async def _agive_back(manager: AbstractAsyncContextManager[Any], id: int) -> None:
    with _releasing(id), anyio.fail_after(_RELEASE_WITHIN, shield=True):
        await manager.__aexit__(None, None, None)


@contextmanager
def _releasing(id: int) -> Generator[None]:
    """Let a lock that cannot be given back change nothing of what its holder is told."""
    try:
        yield
    except Exception as error:
        _log.error("customer %d: lock= raised %s on release", id, type(error).__name__)


@contextmanager
def _watching(event: Event) -> Generator[None]:
    """Let an observer stop a write before it, and change nothing after it."""
    try:
        yield
    except Exception as error:
        if not isinstance(event, WriteIntended):
            _log.error("customer %d: an observer raised %s", event.id, type(error).__name__)
        elif isinstance(error, CaiboError):
            raise
        else:
            raise WriteStoppedError(
                f"customer {event.id}: an observer raised {type(error).__name__}; "
                "nothing was written"
            ) from error


def _refuse_awaitable(told: object) -> None:
    if inspect.iscoroutine(told):
        told.close()
    if inspect.isawaitable(told):
        raise ConfigurationError("an observer is async; use it with AsyncCaibo")


def _log_write(event: Event) -> None:
    match event:
        case WriteFinished():
            _log.info(
                "%s of customer %d: %s; fields: %s; attempts: %d; request id: %s",
                *(event.verb, event.id, event.outcome, ", ".join(event.fields)),
                *(event.attempts, event.request_id),
            )
        case WriteFailed():
            name = type(event.error).__name__
            _log.info("%s of customer %d failed: %s", event.verb, event.id, name)
        case _:
            pass  # an intention is the observers' matter
