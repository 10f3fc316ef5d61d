"""How far a run is: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import timedelta

from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from caibo.bulk import Progress
from caibo.cli._screen import Screen

_EVERY = 10.0  # seconds between two lines

OnProgress = Callable[[Progress], object]


@contextmanager
def progress(screen: Screen) -> Generator[OnProgress]:
    """Give what `on_progress` takes."""
    console = screen.console(told=True)
    if not (screen.watched and console.is_interactive):  # a dumb terminal shows no bar
        yield _Lines(screen).tell
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)

        def tell(now: Progress) -> None:
            label = "looking at rows: " * now.checking + _said(now)
            bar.update(task, completed=now.done, total=now.total, description=label)

        yield tell


class _Lines:
    """Tell every ten seconds."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._told_at = time.monotonic()

    def tell(self, now: Progress) -> None:
        """Tell if it is time to."""
        if time.monotonic() - self._told_at >= _EVERY:
            self._told_at = time.monotonic()
            of = "" if now.total is None else f" of {now.total}"
            rows = "rows looked at" if now.checking else "rows"
            self._screen.note(f"caibo: {now.done}{of} {rows}; {_said(now)}")


def _said(now: Progress) -> str:
    parts = [f"{now.rate:.1f}/s"]
    if now.checking:
        parts += [f"{now.failed} complaints", "nothing was sent yet"]
    if now.seconds_left is not None:
        parts.append(f"{timedelta(seconds=round(now.seconds_left))} left")
    parts += [f"{count} {name}" for name, count in now.outcomes.items()]
    return ", ".join(parts + ["pausing"] * now.pausing)
