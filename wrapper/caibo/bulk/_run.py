"""The decisions of a run, written once: a generator that yields steps and never waits.

Which row is next, which customer has to wait for its earlier row, when everybody pauses
and who tries again first, what is settled at the end, and when it is enough.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from caibo import CaiboError, InvalidChangesError, WriteStoppedError
from caibo._wire import clock
from caibo.bulk._report import (
    Failure,
    Pause,
    Progress,
    Report,
    RunStoppedError,
    Telling,
    failure_of,
)
from caibo.bulk._trouble import asked
from caibo.bulk._work import Calls, DiffersError, Job, Result, answered

T = TypeVar("T")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0  # seconds
_MOST_HELD = 1000  # rows behind an earlier one of their customer
_MOST_UNSETTLED = 100  # each with the record that its plan is made on
_ALONE = 3  # so often may others get through, and a row not


@dataclass(frozen=True, slots=True)
class Take:
    """Take the next row; `END` if there is none."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Make a call of the client here, one that sends nothing."""

    call: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Start:
    """Hand a job to a worker that is free."""

    job: Job


@dataclass(frozen=True, slots=True)
class Hear:
    """Wait for the result of a job."""


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait for so many seconds."""

    seconds: float


END = object()
Step = Take | Ask | Start | Hear | Sleep
Flow = Generator[Step, Any, T]


class Worker(Protocol):
    """What is done with rows."""

    def admit(self, number: int, item: object) -> Calls[Job | None]: ...
    def perform(self, job: Job) -> Calls[Result]: ...


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of a run."""

    workers: int
    patience: float
    stop_after: int | None
    on_progress: Callable[[Progress], object] | None


@dataclass(slots=True)
class _Trouble:
    """A time in which nobody gets through."""

    row: int
    error: CaiboError
    since: float
    until: float
    pauses: int = 0
    tried: set[int] = field(default_factory=set[int])


class Run:
    """Decide what the workers do."""

    def __init__(self, worker: Worker, settings: Settings, total: int | None = None) -> None:
        self._worker = worker
        self._settings = settings
        self._total = total
        self.report = Report()
        self._number = 0
        self._exhausted = False
        self._flying = 0
        self._through = 0
        self._ready: deque[Job] = deque()
        #: By customer whose turn it is not yet; the key alone says that one is under way.
        self._behind: dict[int, deque[Job]] = {}
        self._held = 0
        self._unsettled: dict[int, Job] = {}
        self._dark: set[int] = set()
        self._again: deque[Job] = deque()
        self._trouble: _Trouble | None = None
        self._stopped: tuple[str, BaseException] | None = None
        self._telling = Telling(settings.on_progress)

    def flow(self) -> Flow[Report]:
        """Run to the end.

        Raises:
            RunStoppedError: before the rows were through.
        """
        while True:
            job = (yield from self._next()) if self._free() else None
            if job is not None:
                self._flying += 1
                yield Start(job)
            elif self._flying:
                result: Result = yield Hear()
                self._flying -= 1
                self._hear(result)
            elif self._stopped is not None or not (self._trouble or self._settles()):
                break
            elif self._trouble and (left := self._trouble.until - clock.now()) > 0:
                yield Sleep(left)
            self._telling(self._progress)
        self.report.seconds = clock.now() - self._telling.began
        self._telling(self._progress, last=True)
        if self._stopped is None:
            return self.report
        why, error = self._stopped
        if not isinstance(error, CaiboError):
            raise error
        rows = self.report.rows
        told = f"the run ended after {rows} rows: {why}"
        if not isinstance(error, DiffersError):  # it would end there again
            told += "\n  The same call goes on from there."
        raise RunStoppedError(told, report=self.report) from error

    def _free(self) -> bool:
        if self._stopped is not None or self._flying >= self._settings.workers:
            return False
        if self._trouble is None:
            return True
        return not self._flying and self._trouble.until <= clock.now()

    def _next(self) -> Flow[Job | None]:
        if (trouble := self._trouble) is not None:
            return (yield from self._probe(trouble))
        if self._ready:
            return self._ready.popleft()
        return (yield from self._fresh())

    def _probe(self, trouble: _Trouble) -> Flow[Job | None]:
        """Choose who tries first: one that has not yet, as a row may have troubles of its own."""
        untried = (job for job in self._again if job.row not in trouble.tried)
        job = next(untried, None)
        if job is None:
            fresh = self._ready.popleft() if self._ready else (yield from self._fresh())
            job = fresh or self._again[0]
        trouble.tried.add(job.row)
        if job in self._again:
            self._again.remove(job)
        return job

    def _fresh(self) -> Flow[Job | None]:
        while not self._exhausted and self._held < _MOST_HELD and self._stopped is None:
            item = yield Take()
            if item is END:
                self._exhausted = True
                break
            self._number += 1
            job = yield from self._admitted(item)
            if job is not None and (job := self._in_order(job)) is not None:
                return job
            self._telling(self._progress)
        return None

    def _admitted(self, item: object) -> Flow[Job | None]:
        try:
            job = yield from asking(self._worker.admit(self._number, item))
        except DiffersError as error:
            self._stop(str(error), error)
        except InvalidChangesError as error:
            id = item[0] if isinstance(item, tuple) and isinstance(item[0], int) else None
            failure = failure_of(self._number, id, error, again=False, written="no")
            self._count("failed", failure, error)
        else:
            if job is None:
                self.report.count("skipped")
            return job
        return None

    def _in_order(self, job: Job) -> Job | None:
        """Let rows of one customer follow each other."""
        if (behind := self._behind.get(job.id)) is not None:
            behind.append(job)
            self._held += 1
            return None
        self._behind[job.id] = deque()
        if (unsettled := self._unsettled.pop(job.id, None)) is not None:
            self._behind[job.id].append(job)
            self._held += 1
            return unsettled
        if job.id not in self._dark:
            return job
        self._done(_in_the_dark(job))
        return None

    def _settles(self) -> bool:
        """At the end, look again at what nobody could tell of."""
        for job in self._unsettled.values():
            self._behind[job.id] = deque()
            self._ready.append(job)
        self._unsettled.clear()
        return bool(self._ready)

    def _hear(self, result: Result) -> None:
        job, error = result.job, result.error
        if result.meaning == "wait" and isinstance(error, CaiboError) and self._waits(job, error):
            return
        if result.meaning == "settle" and job.kind != "settle" and job.plan is not None:
            job.kind = "settle"
            if self._behind[job.id] or len(self._unsettled) >= _MOST_UNSETTLED:
                self._ready.append(job)
            else:
                del self._behind[job.id]
                self._unsettled[job.id] = job
        else:
            if result.outcome == "unknown":
                self._dark.add(job.id)
            self._done(result)
        if result.meaning == "end" and error is not None:
            self._stop(str(error), error)
        elif result.meaning in ("done", "row"):
            self._got_through()

    def _done(self, result: Result) -> None:
        """Count a job that is finished, and let the next of its customer come."""
        id = result.job.id
        behind = self._behind[id]
        self._count(result.outcome, result.failure, result.error)
        while behind:
            self._held -= 1
            job = behind.popleft()
            if id not in self._dark:
                self._ready.append(job)
                return
            refused = _in_the_dark(job)
            self._count(refused.outcome, refused.failure, refused.error)
        del self._behind[id]

    def _count(
        self, outcome: str, failure: Failure | None, error: BaseException | None = None
    ) -> None:
        self.report.count(outcome)
        if failure is None or error is None:
            return
        self.report.failures.append(failure)
        most = self._settings.stop_after
        if most is not None and len(self.report.failures) >= most:
            self._stop(f"{most} rows failed, the last of {type(error).__name__}: {error}", error)

    def _waits(self, job: Job, error: CaiboError) -> bool:
        """Let everybody pause; false for a row that meets with trouble where others do not."""
        now, trouble = clock.now(), self._trouble
        if job.waits and self._through > job.heard:
            job.alone += 1
        job.waits, job.heard = job.waits + 1, self._through
        if job.alone >= _ALONE:
            return False
        self._again.append(job)
        if trouble is None:
            trouble = self._trouble = _Trouble(job.row, error, now, now)
        elif trouble.until > now:  # it was under way when the pause began
            trouble.until = max(trouble.until, now + asked(error))
            return True
        left = trouble.since + self._settings.patience - now
        if left <= 0 or asked(error) > left:
            self._stop(f"nobody got through for {now - trouble.since:.0f} s: {error}", error)
            self._end(trouble)
            return True
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**trouble.pauses)
        trouble.pauses += 1
        trouble.until = now + min(left, max(pause, asked(error)))
        return True

    def _got_through(self) -> None:
        self._through += 1
        if self._trouble is not None and self._trouble.until <= clock.now():
            self._end(self._trouble)

    def _end(self, trouble: _Trouble) -> None:
        seconds = clock.now() - trouble.since
        self.report.pauses.append(Pause(trouble.row, type(trouble.error).__name__, seconds))
        self._trouble = None
        self._ready.extendleft(reversed(self._again))
        self._again.clear()

    def _stop(self, why: str, error: BaseException) -> None:
        self._stopped = self._stopped or (why, error)

    def _progress(self, seconds: float) -> Progress:
        rows, skipped = self.report.rows, self.report.outcomes.get("skipped", 0)
        rate = (rows - skipped) / seconds if seconds > 0 else 0.0
        left = None if self._total is None or rate <= 0 else (self._total - rows) / rate
        return Progress(
            done=rows,
            failed=len(self.report.failures),
            total=self._total,
            outcomes=dict(self.report.outcomes),
            rate=rate,
            seconds_left=left,
            pausing=self._trouble is not None,
        )


def _in_the_dark(job: Job) -> Result:
    message = "an earlier row of this customer may still arrive; nothing was written"
    error = WriteStoppedError(message)
    failure = failure_of(job.row, job.id, error, again=True, written="no")
    return Result(job, "failed", "row", error, failure)


def asking(calls: Calls[T]) -> Flow[T]:
    """Make the calls of a generator one after the other."""
    try:
        call = next(calls)
        while True:
            call = answered(calls, *(yield Ask(call)))
    except StopIteration as done:
        result: T = done.value
        return result
