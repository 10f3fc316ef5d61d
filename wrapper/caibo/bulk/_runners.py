"""Run the decisions of `_run`: with threads, or with tasks of the caller's event loop."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any, TypeVar, cast

import anyio
import anyio.to_thread

from caibo import Event
from caibo._wire import clock
from caibo.bulk._run import END, Ask, Flow, Hear, Start, Step, Take
from caibo.bulk._work import Calls, Job, Result, answered

T = TypeVar("T")
Note = Callable[[Event], list[Callable[[], None]]]
Perform = Callable[[Job], Calls[Result]]


class Threads:
    """Let threads do the jobs; the caller's own takes the rows and decides."""

    def __init__(self, rows: Iterable[object], perform: Perform) -> None:
        self._rows = iter(rows)
        self._perform = perform
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._heard: SimpleQueue[Result] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._flying = 0

    @staticmethod
    def observer(note: Note) -> Callable[[Event], None]:
        """Return an observer that comes back when what it notes is on the disk."""

        def told(event: Event) -> None:
            _all(note(event))

        return told

    def run(self, flow: Flow[T]) -> T:
        """Run to the end; whatever ends it, the jobs that were begun are ended first."""
        try:
            step = next(flow)
            while True:
                step = flow.send(self._step(step))
        except StopIteration as done:
            result: T = done.value
            return result
        finally:
            for _ in self._threads:
                self._jobs.put(None)
            for thread in self._threads:
                thread.join()

    def _step(self, step: Step) -> Any:
        match step:
            case Take():
                return next(self._rows, END)
            case Ask():
                return tried(step.call)
            case Start():
                self._start(step.job)
            case Hear():
                self._flying -= 1
                return self._heard.get()
            case _:
                clock.sleep(step.seconds)

    def _start(self, job: Job) -> None:
        self._flying += 1
        self._jobs.put(job)
        if self._flying > len(self._threads):
            # With what the caller's context says, such as who writes and why.
            thread = threading.Thread(target=copy_context().run, args=(self._work,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                result = driven(self._perform(job))
            except BaseException as error:  # the caller's own, raised in its thread
                result = Result(job, "failed", "end", error)
            self._heard.put(result)


class Tasks:
    """Let tasks do the jobs; the caller's own takes the rows and decides."""

    def __init__(self, rows: Iterable[object] | AsyncIterable[object], perform: Perform) -> None:
        self._rows: Any = aiter(rows) if isinstance(rows, AsyncIterable) else iter(rows)
        self._perform = perform
        self._results: deque[Result] = deque()
        self._news = anyio.Event()

    @staticmethod
    def observer(note: Note) -> Callable[[Event], Awaitable[None]]:
        """Return an observer that comes back when what it notes is on the disk."""

        async def told(event: Event) -> None:
            if flushes := note(event):
                await anyio.to_thread.run_sync(_all, flushes)

        return told

    async def run(self, flow: Flow[T]) -> T:
        """Run to the end; an error of the caller's lets the jobs that were begun end first."""
        failed: BaseException | None = None
        result: T = cast("T", None)
        async with anyio.create_task_group() as group:
            try:
                step = next(flow)
                while True:
                    step = flow.send(await self._step(step, group))
            except StopIteration as done:
                result = done.value
            except anyio.get_cancelled_exc_class():
                raise
            except BaseException as error:  # raised outside the group, or it would be wrapped
                failed = error
                if not isinstance(error, Exception):
                    group.cancel_scope.cancel()
        if failed is not None:
            raise failed
        return result

    async def _step(self, step: Step, group: Any) -> Any:
        match step:
            case Take():
                if hasattr(self._rows, "__anext__"):
                    return await anext(self._rows, END)
                return next(self._rows, END)
            case Ask():
                return await atried(step.call)
            case Start():
                group.start_soon(self._work, step.job)
            case Hear():
                while not self._results:
                    self._news = anyio.Event()
                    await self._news.wait()
                return self._results.popleft()
            case _:
                await clock.asleep(step.seconds)

    async def _work(self, job: Job) -> None:
        try:
            result = await adriven(self._perform(job))
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:  # the caller's own, raised in its task
            result = Result(job, "failed", "end", error)
        self._results.append(result)
        self._news.set()


def _all(calls: list[Callable[[], None]]) -> None:
    for call in calls:
        call()


def tried(call: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """Make a call; give what it returns, and what it raises."""
    try:
        return call(), None
    except Exception as error:
        return None, error


async def atried(call: Callable[[], Any]) -> tuple[Any, Exception | None]:
    """As `tried`, awaited."""
    try:
        return await call(), None
    except Exception as error:
        return None, error


def driven(calls: Calls[T]) -> T:
    """Make the calls of a generator, and return what it returns."""
    try:
        call = next(calls)
        while True:
            call = answered(calls, *tried(call))
    except StopIteration as done:
        result: T = done.value
        return result


async def adriven(calls: Calls[T]) -> T:
    """As `driven`, awaited."""
    try:
        call = next(calls)
        while True:
            call = answered(calls, *(await atried(call)))
    except StopIteration as done:
        result: T = done.value
        return result
