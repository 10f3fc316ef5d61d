"""What is done with one row: generators that yield calls of the client, and never wait."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Protocol, TypeVar

from caibo import (
    CaiboError,
    ConfigurationError,
    ConflictError,
    Document,
    Event,
    InvalidChangesError,
    OverwrittenError,
    Plan,
    Problem,
    UnknownOutcomeError,
    Update,
    WriteIntended,
    WriteStoppedError,
)
from caibo.bulk._backup import Backup
from caibo.bulk._journal import Journal, State
from caibo.bulk._report import Failure, Progress, Telling, failure_of
from caibo.bulk._rows import Row, Rows, row_of
from caibo.bulk._trouble import Meaning, again, meaning

T = TypeVar("T")
#: Yields calls of the client, and gets what they return or raise.
Calls = Generator[Callable[[], Any], Any, T]
Kind = Literal["update", "look", "settle", "plan", "undo"]

_MOST = 1000  # complaints about one file
# No record says this: a merge onto it never finds that its own field is as it was.
_NOBODY = "\N{REPLACEMENT CHARACTER} caibo.bulk"


@dataclass(slots=True)
class Job:
    """A row on its way."""

    row: int
    id: int
    changes: Mapping[str, object] = field(repr=False)
    options: Mapping[str, object] = field(repr=False)
    check: str = ""
    kind: Kind = "update"
    plan: Plan | None = None
    #: Writes that were announced since the job was last started.
    intents: int = 0
    #: How often it had to wait, how often of these others got through meanwhile.
    waits: int = 0
    alone: int = 0
    heard: int = 0


@dataclass(slots=True)
class Result:
    """What came of a job; `meaning` is "done" where nothing went wrong."""

    job: Job
    outcome: str
    meaning: Meaning | Literal["done"] = "done"
    error: BaseException | None = None
    failure: Failure | None = None


class Customers(Protocol):
    """The verbs that a run uses, of either face."""

    @property
    def update(self) -> Callable[..., Any]: ...
    @property
    def plan(self) -> Callable[..., Any]: ...
    @property
    def apply(self) -> Callable[..., Any]: ...


class DiffersError(ConfigurationError):
    """A row is not the one that the journal knows by its number."""


class Check:
    """Hold rows against the client's own checks, without a request."""

    def __init__(self, customers: Customers) -> None:
        self._customers = customers

    def __call__(self, row: Row) -> Calls[Plan]:
        """Return a plan of a row on a record that says nothing.

        Raises:
            InvalidChangesError: what `Customers.update` would refuse.
        """
        plan, (id, changes, options) = self._customers.plan, row
        stand_in = {"id": id, "name": "", "email": ""}
        given = {"extra": options.get("extra"), **changes}
        if (expect := options.get("expect")) is not None:
            with suppress(ConflictError):  # which says that it is well-formed
                yield lambda: plan(id, current=stand_in, expect=expect, **given)
        made: Plan = yield lambda: plan(id, current=stand_in, **given)
        return made

    def file(self, rows: Rows, telling: Telling) -> Calls[int]:
        """Count the rows of a file, and tell how many were looked at.

        Raises:
            InvalidChangesError: with all that is wrong with them.
        """
        problems: list[Problem] = []
        number = 0

        def progress(seconds: float) -> Progress:
            rate = number / seconds if seconds > 0 else 0.0
            return Progress(number, len(problems), None, {}, rate, None, False, checking=True)

        for number, (line, found) in enumerate(rows.parsed(), 1):
            wrong = [] if isinstance(found, Row) else found
            if isinstance(found, Row):
                try:
                    yield from self(found)
                except InvalidChangesError as error:
                    wrong = list(error.problems)
            where = f"row {number} (line {line})"
            problems += [Problem(f"{where}, {p.field}", p.message) for p in wrong]
            telling(progress)
            if len(problems) >= _MOST:
                problems.append(Problem(str(rows.path), "has more; this is not all"))
                break
        if problems:
            raise InvalidChangesError(problems)
        return number


class Planner:
    """Plan each row, and write none."""

    def __init__(self, customers: Customers) -> None:
        self._customers = customers

    def admit(self, number: int, item: object) -> Calls[Job | None]:
        """Make a job of a row."""
        yield from ()
        return Job(number, *row_of(item), kind="plan")

    def perform(self, job: Job) -> Calls[Result]:
        """Say what a row would come to."""
        given = {name: job.options.get(name) for name in ("expect", "current", "extra")}
        try:
            plan: Plan = yield lambda: self._customers.plan(job.id, **given, **job.changes)
        except CaiboError as error:
            return failed(job, "failed", error)
        return Result(job, "would-change" if plan.changes else "unchanged")


class Writer:
    """Write each row, with a line in the journal before and after."""

    def __init__(self, journal: Journal, backup: Backup | None) -> None:
        self._journal = journal
        self._backup = backup
        self._at_work: dict[int, Job] = {}
        self._customers: Customers
        self._check: Check

    def use(self, customers: Customers) -> None:
        """Work with the verbs of a client that tells `note` of each event."""
        self._customers = customers
        self._check = Check(customers)

    def note(self, event: Event) -> list[Callable[[], None]]:
        """Write down what is about to be written; return what puts it on the disk.

        Raises:
            OSError: it cannot be written, so the write has to be stopped.
        """
        if not isinstance(event, WriteIntended):
            return []
        job = self._at_work[event.id]
        flush: list[Callable[[], None]] = []
        if self._backup is not None and event.before is not None:
            kept = self._backup.keep(job.row, job.id, event.before)
            backup = self._backup.lines
            flush.append(lambda: backup.flush(kept))
        job.intents += 1
        upto = self._journal.intends(job.row, job.id, job.check, job.intents, event.changes)
        return [*flush, lambda: self._journal.lines.flush(upto)]

    def admit(self, number: int, item: object) -> Calls[Job | None]:
        """Make a job of a row, or nothing where it is finished already.

        Raises:
            InvalidChangesError: it is no row.
            DiffersError: an earlier run had another one in its place.
        """
        state = self._journal.state(number)
        try:
            row = row_of(item)
            made = yield from self._check(row)
        except InvalidChangesError:
            if state in (State.UNKNOWN, State.DONE):
                raise DiffersError(_differs(number)) from None
            self._journal.ended(number, None, None, "failed", error="InvalidChangesError")
            raise
        expect = row.options.get("expect")
        check = self._journal.check(number, row.id, made.addressed, expect)
        if not self._journal.is_same(number, check):
            raise DiffersError(_differs(number))
        if state == State.DONE:
            return None
        kind: Kind = "look" if state == State.UNKNOWN else "update"
        return Job(number, *row, check=check, kind=kind)

    def perform(self, job: Job) -> Calls[Result]:
        """Do a row, and say what it came to."""
        job.intents = 0
        self._at_work[job.id] = job
        try:
            update: Update = yield from self._do(job)
        except CaiboError as error:
            result = self._failed(job, error)
        else:
            seen = {
                name: self._journal.hmac(job.id, name, member(update.customer.document, name))
                for name in update.changes
            }
            self._tell(job, update.outcome, request_id=update.request_id, seen=seen)
            result = Result(job, update.outcome)
        finally:
            del self._at_work[job.id]
        return self._unless_broken(result)

    def _do(self, job: Job) -> Calls[Update]:
        call = (yield from self._look(job)) if job.kind == "look" else self._write(job)
        update: Update = yield call
        return update

    def _write(self, job: Job, expect: Mapping[str, object] | None = None) -> Callable[[], Any]:
        if job.kind == "settle":
            return partial(self._customers.apply, job.plan)
        given: dict[str, Any] = {**job.options, **job.changes}
        if expect is not None:
            given["expect"] = {**expect, **(given.get("expect") or {})}
        return partial(self._customers.update, job.id, **given)

    def _look(self, job: Job) -> Calls[Callable[[], Any]]:
        """Look at what may have been written: only what says now what it said before is ours."""
        extra = job.options.get("extra")
        plan: Plan = yield partial(self._customers.plan, job.id, extra=extra, **job.changes)
        now = {name: change.before for name, change in plan.changes.items()}
        if not now:
            return partial(self._customers.apply, plan)
        seen = {name: self._journal.hmac(job.id, name, value) for name, value in now.items()}
        intended = self._journal.fates[job.row]
        if seen == {name: before for name, (before, _) in intended.items()}:
            return self._write(job, now)
        # Merged onto what nobody's record says, a plan is either applied already, in
        # whatever spelling, or a conflict.
        base = plan.base.merge(dict.fromkeys(plan.addressed, _NOBODY))
        nobodys = Plan(
            id=job.id,
            base=base,
            addressed=plan.addressed,
            expect=Document(),
            read_at=plan.read_at,
            reread=True,
        )
        return partial(self._customers.apply, nobodys)

    def _failed(self, job: Job, error: CaiboError) -> Result:
        means = meaning(error)
        # Without a new write, what is not known of an earlier one is not known yet.
        unknown = means == "settle" or (job.kind in ("look", "settle") and not job.intents)
        if isinstance(error, OverwrittenError):
            outcome = "overwritten"
        elif unknown:
            outcome = "unknown"
        else:
            outcome = "again" if means == "wait" else "failed"
        if job.intents or means == "row":
            request_id = getattr(error, "request_id", None)
            self._tell(job, outcome, error=type(error).__name__, request_id=request_id)
        if isinstance(error, UnknownOutcomeError):
            job.plan = error.plan
        return failed(job, "failed" if outcome == "again" else outcome, error)

    def _tell(self, job: Job, outcome: str, **more: object) -> None:
        self._journal.ended(job.row, job.id, job.check, outcome, **more)

    def _unless_broken(self, result: Result) -> Result:
        files = [self._journal.lines, *([self._backup.lines] if self._backup else [])]
        for lines in files:
            if lines.broken is not None:
                reason = lines.broken.strerror or str(lines.broken)
                stopped = WriteStoppedError(f"{lines.path} cannot be written: {reason}")
                result.meaning, result.error = "end", stopped
        return result


def failed(job: Job, outcome: str, error: CaiboError) -> Result:
    """Say what came of a job that raised an error."""
    written = {"unknown": "unknown", "overwritten": "yes"}.get(outcome, "no")
    means = meaning(error)
    worth = means != "row" or again(error)
    failure = failure_of(job.row, job.id, error, again=worth, written=written)
    return Result(job, outcome, means, error, failure)


def answered(calls: Calls[Any], value: object, error: Exception | None) -> Callable[[], Any]:
    """Let a generator go on with what its call returned or raised; return its next call."""
    return calls.send(value) if error is None else calls.throw(error)


def member(document: Mapping[str, Any], name: str) -> Any:
    """Return the value of a member by this package's name of it, or by its own."""
    wanted = {name.lower(), name.replace("_", "").lower()}
    return next((document[own] for own in document if own.lower() in wanted), None)


def _differs(number: int) -> str:
    return (
        f"row {number} is not the row {number} of the journal: give the rows with which it "
        "was begun, or begin another journal"
    )
