"""The verbs of `caibo.bulk`, in two faces over the same decisions."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Callable, Iterable, Sized
from contextlib import ExitStack
from typing import Any

from caibo import AsyncCaibo, Caibo, ConfigurationError
from caibo.bulk._backup import Backup
from caibo.bulk._journal import Journal
from caibo.bulk._report import Progress, Report, Telling
from caibo.bulk._rows import CsvRows, Empty, JsonRows, Rows
from caibo.bulk._run import Flow, Run, Settings, asking
from caibo.bulk._runners import Tasks, Threads
from caibo.bulk._undo import Undoer
from caibo.bulk._work import Check, Planner, Writer

Path = str | os.PathLike[str]
AnyRows = Iterable[object] | AsyncIterable[object]
OnProgress = Callable[[Progress], object]

_A_DAY = 86_400


def read_csv(path: Path, *, empty: Empty = "refuse", delimiter: str = ",") -> Rows:
    """Read rows from a CSV file with a heading: ``id,email,member_id,extra.preferences.currency``.

    Columns are fields by this package's names or the wire's, and ``extra.NAME`` for
    members outside the contract, a dot for each object inside.  A field that takes
    strings gets a cell's text as it stands; any other is written as JSON has it, such as
    ``true``, ``12.50`` or ``["a"]``.  Members outside the contract are strings.  A file
    may be read several times.

    Args:
        path: in UTF-8, with or without a byte order mark.
        empty: what an empty cell means: "refuse" it, "keep" the field as it is, or
            "clear" it.
        delimiter: between cells: ``delimiter=";"`` for spreadsheets where numbers have a comma.

    Raises:
        ConfigurationError: an option that cannot be; when it is read, no file.
        InvalidChangesError: when it is read, rows that are none; `update` finds
            all of them before its first request.

    Example:
        >>> rows = caibo.bulk.read_csv("customers.csv", empty="keep")
    """
    return CsvRows(path, empty, delimiter)


def read_jsonl(path: Path) -> Rows:
    """Read rows from a file with a JSON object on each line: ``{"id": 7, "phone": null}``.

    Names are as in `read_csv`; ``"extra": {…}`` is taken as well.  Null clears, and
    numbers keep all of their digits.

    Example:
        >>> rows = caibo.bulk.read_jsonl("customers.jsonl")
    """
    return JsonRows(path)


def update(
    client: Caibo,
    rows: Iterable[object],
    *,
    journal: Path | None = None,
    backup: Path | None = None,
    key: bytes | str | None = None,
    workers: int = 8,
    patience: float = 300.0,
    stop_after: int | None = 100,
    dry_run: bool = False,
    on_progress: OnProgress | None = None,
) -> Report:
    """Update many customers; the same call with the same journal goes on where it ended.

    A row that fails is told in the report, and is tried again by the next call with
    this journal.  What every row would meet (401, 403, a wrong set-up) ends the run
    at once.  Where the gateway is away, or asks for it, all workers pause, and one
    row tries whether it is back.  Rows of one customer keep their order.

    Args:
        client: what it was made with holds, `rate_limit` for all workers together.
        rows: an iterable of ``(id, changes)`` or ``(id, changes, options)``, taken in
            the caller's thread as workers become free, and never held; or what
            `read_csv` and `read_jsonl` give.  The same rows in the same order each time.
        journal: a file for what was done, without customer data, made with mode 0600;
            only a dry run needs none.  Windows keeps no second process from it.
        backup: a file for each record as it was read before it was written, for
            `undo`; customer data, made with mode 0600.
        key: for the HMACs in the journal, at least 16 bytes; made where it is left out,
            and kept beside the journal in ``JOURNAL.key``.  Whoever has both can guess
            values.
        workers: how many rows are written at the same time.
        patience: seconds for which nobody may get through before the run ends.
        stop_after: so many failed rows end the run; `None` for never.
        dry_run: read and plan each row, and write none; the journal is left alone.
        on_progress: called with a `Progress` at most four times a second, and at the end;
            also while the rows of a file are looked at, which is `checking`.

    Raises:
        ConfigurationError: an option that cannot be, or a journal that is another's;
            nothing was sent.
        InvalidChangesError: rows of a file that are none; nothing was sent.
        RunStoppedError: the run ended before its rows did; `report` tells the rest.

    Example:
        >>> rows = [(12345, {"phone": None}), (12345, {"email": "new@example.com"})]
        >>> report = caibo.bulk.update(client, rows, journal="run.jsonl")
        >>> report.outcomes
        {'accepted': 2}
    """
    _check(client, Caibo)
    settings = _settings(workers, patience, stop_after, on_progress)
    with ExitStack() as stack:
        worker = _worker(client, journal, backup, key, Threads, stack=stack, dry_run=dry_run)
        flow = _flow(worker, rows, Check(client.customers), settings)
        return Threads(rows, worker.perform).run(flow)


async def aupdate(
    client: AsyncCaibo,
    rows: AnyRows,
    *,
    journal: Path | None = None,
    backup: Path | None = None,
    key: bytes | str | None = None,
    workers: int = 8,
    patience: float = 300.0,
    stop_after: int | None = 100,
    dry_run: bool = False,
    on_progress: OnProgress | None = None,
) -> Report:
    """As `update`, awaited; the rows may come from an async iterable.

    When it is cancelled, so are the rows under way: the next call looks at them first.
    """
    _check(client, AsyncCaibo)
    settings = _settings(workers, patience, stop_after, on_progress)
    with ExitStack() as stack:
        worker = _worker(client, journal, backup, key, Tasks, stack=stack, dry_run=dry_run)
        flow = _flow(worker, rows, Check(client.customers), settings)
        return await Tasks(rows, worker.perform).run(flow)


def undo(
    client: Caibo,
    journal: Path,
    backup: Path,
    *,
    key: bytes | str | None = None,
    workers: int = 8,
    patience: float = 300.0,
    stop_after: int | None = 100,
    dry_run: bool = False,
    on_progress: OnProgress | None = None,
) -> Report:
    """Put back what a run has written, where the record still says it.

    Each field goes back to what it said before the run's first write of it, if it has
    what was sent, or what was seen afterwards; one that somebody has changed since is
    left alone and told, with the outcome "left".  Doing it twice does no harm.  A
    member that the record did not have comes back as null.  In memory a customer takes
    about a kilobyte.

    Args:
        client: as in `update`.
        journal: of the run.
        backup: of the run.
        key: as in `update`.
        workers: as in `update`.
        patience: as in `update`.
        stop_after: as in `update`.
        dry_run: read each record, and write none.
        on_progress: as in `update`.

    Raises:
        ConfigurationError: no such journal or backup, or an option that cannot be.
        RunStoppedError: it ended early; the same call goes on.

    Example:
        >>> rows = [(12345, {"phone": None})]
        >>> files = {"journal": "run.jsonl", "backup": "before.jsonl"}
        >>> report = caibo.bulk.update(client, rows, **files)
        >>> caibo.bulk.undo(client, **files).outcomes
        {'accepted': 1}
    """
    _check(client, Caibo)
    settings = _settings(workers, patience, stop_after, on_progress)
    with ExitStack() as stack:
        undoer = _undoer(client, journal, backup, key, stack=stack, dry_run=dry_run)
        flow = Run(undoer, settings, undoer.customers).flow()
        return Threads(undoer.items(), undoer.perform).run(flow)


async def aundo(
    client: AsyncCaibo,
    journal: Path,
    backup: Path,
    *,
    key: bytes | str | None = None,
    workers: int = 8,
    patience: float = 300.0,
    stop_after: int | None = 100,
    dry_run: bool = False,
    on_progress: OnProgress | None = None,
) -> Report:
    """As `undo`, awaited."""
    _check(client, AsyncCaibo)
    settings = _settings(workers, patience, stop_after, on_progress)
    with ExitStack() as stack:
        undoer = _undoer(client, journal, backup, key, stack=stack, dry_run=dry_run)
        flow = Run(undoer, settings, undoer.customers).flow()
        return await Tasks(undoer.items(), undoer.perform).run(flow)


def _worker(
    client: Caibo | AsyncCaibo,
    journal: Path | None,
    backup: Path | None,
    key: bytes | str | None,
    face: type[Threads | Tasks],
    *,
    stack: ExitStack,
    dry_run: bool,
) -> Planner | Writer:
    if dry_run:
        return Planner(client.customers)
    if journal is None:
        raise ConfigurationError("journal= is missing: without one, no run can be resumed")
    kept = Journal(journal, key, client.mode)
    stack.callback(kept.close)
    saved = None if backup is None else Backup(backup)
    if saved is not None:
        stack.callback(saved.lines.close)
    worker = Writer(kept, saved)
    # Told after the client's own observers, so just before the PUT.
    told: Any = client.with_options(observers=[face.observer(worker.note)])
    worker.use(told.customers)
    return worker


def _undoer(
    client: Caibo | AsyncCaibo,
    journal: Path,
    backup: Path,
    key: bytes | str | None,
    *,
    stack: ExitStack,
    dry_run: bool,
) -> Undoer:
    kept = Journal(journal, key, client.mode, old=True)
    stack.callback(kept.close)
    saved = Backup(backup, old=True)
    stack.callback(saved.lines.close)
    # What the record said is not held against the contract's limits.
    return Undoer(kept, saved, client.with_options(validate=False).customers, dry_run=dry_run)


def _flow(
    worker: Planner | Writer, rows: AnyRows, check: Check, settings: Settings
) -> Flow[Report]:
    if isinstance(rows, Rows):
        total: int | None = yield from asking(check.file(rows, Telling(settings.on_progress)))
    else:
        total = len(rows) if isinstance(rows, Sized) else None
    return (yield from Run(worker, settings, total).flow())


def _check(client: object, kind: type[Caibo | AsyncCaibo]) -> None:
    if not isinstance(client, kind):
        raise ConfigurationError(f"client must be a caibo.{kind.__name__}")


def _settings(
    workers: int, patience: float, stop_after: int | None, on_progress: OnProgress | None
) -> Settings:
    for name, value, most in (("workers", workers, 10_000), ("stop_after", stop_after, 10**12)):
        if value is None and name == "stop_after":
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise ConfigurationError(f"{name} must be a whole number from 1 to {most:,}")
    number = isinstance(patience, int | float) and not isinstance(patience, bool)
    if not number or not 0 <= patience <= _A_DAY:
        raise ConfigurationError("patience must be a number of seconds, at most a day")
    if on_progress is not None and not callable(on_progress):
        raise ConfigurationError("on_progress must be callable")
    return Settings(workers, float(patience), stop_after, on_progress)
