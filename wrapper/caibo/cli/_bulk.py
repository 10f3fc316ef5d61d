"""The command ``bulk``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter

from caibo import Caibo, Problem
from caibo import bulk as many
from caibo.cli._connect import connect, permitted
from caibo.cli._exits import DONE, FAILED, StoppedError, said, status_of
from caibo.cli._options import COMMON, GATEWAY, WRITING, Common, Gateway, Writing
from caibo.cli._progress import progress
from caibo.cli._screen import Screen

Verb = Callable[..., many.Report]

_RUN = Group("The run", sort_key=1)
_LARGE = 1 << 20  # bytes; what is smaller is looked at in a second or two
_SHOWN = 20  # failures on stderr; a file or --json has all


@Parameter(name="*", group=_RUN)
@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How a run goes."""

    journal: Path | None = None
    """what was done, without customer data; the same command goes on from it"""
    backup: Path | None = None
    """each record as it was read before it was written, for --undo: customer data"""
    workers: int = 8
    """rows that are written at the same time (8)"""
    rate: float | None = None
    """requests in any second at most, retries included; a row takes two"""
    patience: float = 300.0
    """seconds for which nobody may get through before the run ends (300)"""
    stop_after: int = 100
    """failed rows that end the run (100); 0 is never"""
    empty: Literal["refuse", "keep", "clear"] = "refuse"
    """what an empty cell of a CSV file means"""
    delimiter: str = ","
    """what stands between the cells of a CSV file (,)"""
    limit: int | None = None
    """take the first rows only"""
    failures: Path | None = None
    """write the rows that failed to this file, as CSV"""
    dry_run: bool = False
    """read and plan each row, and write none"""


RUN = Run()


def bulk(
    file: Annotated[
        Path | None, Parameter(name="FILE", help="rows, as .csv with a heading or as .jsonl")
    ] = None,
    /,
    *,
    status: Annotated[
        Path | None, Parameter(help="count the rows of this journal by outcome, and no more")
    ] = None,
    undo: Annotated[
        Path | None, Parameter(help="put back what the run with this journal has written")
    ] = None,
    run: Run = RUN,
    writing: Writing = WRITING,
    gateway: Gateway = GATEWAY,
    common: Common = COMMON,
) -> int:
    """Change many customers, and go on where a run ended.

    Columns are `id`, fields, and `extra.NAME`. All rows are looked at before the first request.
    The same command goes on with a run that was interrupted.

    ```console
    $ caibo bulk customers.csv --dry-run --limit 10
    $ caibo bulk customers.csv --journal run.jsonl --backup before.jsonl --yes
    $ caibo bulk --status run.jsonl
    $ caibo bulk --undo run.jsonl --backup before.jsonl --yes
    ```
    """
    screen = Screen(common)
    paths = [file, status, undo, run.journal, run.backup, run.failures]
    named = [path.resolve() for path in paths if path is not None]
    if len(named) != len(set(named)):
        raise StoppedError("a file is named twice; each of them is written, or read, on its own")
    match file, status, undo:
        case Path(), None, None:
            return _update(screen, file, run, writing, gateway)
        case None, Path(), None:
            return _status(screen, status)
        case None, None, Path():
            return _undo(screen, undo, run, writing, gateway)
        case _:
            raise StoppedError("give one of FILE, --status RUN and --undo RUN")


class _First(many.Rows):
    """The first rows of a file."""

    def __init__(self, rows: many.Rows, limit: int) -> None:
        super().__init__(rows.path)
        self._rows = rows
        self._limit = limit

    def parsed(self) -> Iterator[tuple[int, many.Row | list[Problem]]]:
        return islice(self._rows.parsed(), self._limit)


def _rows(file: Path, run: Run) -> many.Rows:
    rows: many.Rows
    match file.suffix.lower():
        case ".csv":
            rows = many.read_csv(file, empty=run.empty, delimiter=run.delimiter)
        case ".jsonl" | ".ndjson":
            rows = many.read_jsonl(file)
        case _:
            raise StoppedError(f"{file}: expected a name that ends in .csv or .jsonl")
    if run.limit is None:
        return rows
    if run.limit < 1:
        raise StoppedError("--limit must be 1 or more")
    return _First(rows, run.limit)


def _update(screen: Screen, file: Path, run: Run, writing: Writing, gateway: Gateway) -> int:
    rows = _rows(file, run)
    if run.journal is None and not run.dry_run:
        raise StoppedError("--journal is missing: without one, no run can be resumed")
    verb = partial(many.update, rows=rows, journal=run.journal, backup=run.backup)
    if file.exists() and file.stat().st_size > _LARGE:
        screen.note(f"caibo: looking at all rows of {file} before the first request")
    return _go(screen, run, writing, gateway, verb=verb, what=f"the customers in {file}")


def _undo(screen: Screen, journal: Path, run: Run, writing: Writing, gateway: Gateway) -> int:
    if run.backup is None:
        raise StoppedError("--backup is missing: the file that the run was given")
    if run.limit is not None:
        raise StoppedError("--undo takes no --limit: it puts back all that the run has written")
    verb = partial(many.undo, journal=journal, backup=run.backup)
    return _go(screen, run, writing, gateway, verb=verb, what=f"the customers in {journal}")


def _go(
    screen: Screen,
    run: Run,
    writing: Writing,
    gateway: Gateway,
    *,
    verb: Verb,
    what: str,
) -> int:
    if not run.dry_run:
        screen.permit(yes=writing.yes)
    if run.failures is not None:
        _look_at(run.failures)
    with connect(screen, gateway, writing, rate_limit=run.rate) as client:
        yes = writing.yes or run.dry_run
        if not permitted(screen, client, what, yes=yes):
            return FAILED
        return _ran(screen, client, run, verb)


def _look_at(failures: Path) -> None:
    """Stop while nothing is lost yet: the list is written when the run is over."""
    heading = ",".join(many.Failure.__slots__).encode()
    try:
        with failures.open("ab"):
            pass
        first = b""
        if failures.is_file():
            with failures.open("rb") as file:
                first = file.readline(len(heading))
    except OSError as error:
        raise StoppedError(f"{failures} cannot be written: {error.strerror}", FAILED) from error
    if first not in (b"", heading):
        raise StoppedError(f"{failures} is there already, and is no list of failures")


def _ran(screen: Screen, client: Caibo, run: Run, verb: Verb) -> int:
    options = {
        "workers": run.workers,
        "patience": run.patience,
        "stop_after": run.stop_after or None,
        "dry_run": run.dry_run,
    }
    try:
        with progress(screen) as on_progress:
            report = verb(client, on_progress=on_progress, **options)
    except many.RunStoppedError as error:
        _report(screen, error.report or many.Report(), run, stopped=error)
        raise
    except KeyboardInterrupt:
        screen.note("caibo: the same command goes on from there")
        raise
    _report(screen, report, run)
    return DONE if report.ok else FAILED


def _report(
    screen: Screen, report: many.Report, run: Run, stopped: many.RunStoppedError | None = None
) -> None:
    if run.failures is not None:
        try:
            report.write_csv(run.failures)
        except OSError as error:
            screen.note(f"caibo: {run.failures} cannot be written: {error.strerror}")
    if screen.json:
        screen.data(
            {
                "outcomes": report.outcomes,
                "rows": report.rows,
                "failures": [_members(failure) for failure in report.failures],
                "pauses": [asdict(pause) for pause in report.pauses],
                "seconds": round(report.seconds, 3),
                "stopped": None if stopped is None else status_of(stopped),
            }
        )
        return
    _outcomes(screen, report.outcomes)
    for failure in report.failures[:_SHOWN]:
        screen.note(f"row {failure.row}, customer {failure.id}: {_said(failure)}")
    if len(report.failures) > _SHOWN:
        screen.note(f"… and {len(report.failures) - _SHOWN} more; --failures FILE has all")


def _status(screen: Screen, journal: Path) -> int:
    outcomes = many.status(journal)
    if screen.json:
        screen.data({"outcomes": outcomes})
    else:
        _outcomes(screen, outcomes)
    return DONE


def _outcomes(screen: Screen, outcomes: Mapping[str, int]) -> None:
    if not outcomes:
        screen.note("caibo: there were no rows")
    screen.table(("outcome", "rows"), [(name, str(count)) for name, count in outcomes.items()])


def _said(failure: many.Failure) -> str:
    return f"{failure.error}: {said(failure.message)}"


def _members(failure: many.Failure) -> dict[str, Any]:
    id = None if failure.id is None else str(failure.id)
    return asdict(failure) | {"id": id, "message": said(failure.message)}
