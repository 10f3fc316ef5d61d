"""Where a command writes to: results to stdout, all else to stderr.

Nothing that a record, a gateway or a file says reaches a terminal as more than text.
"""

from __future__ import annotations

import codecs
import io
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TextIO, cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from caibo import Document
from caibo.cli._exits import StoppedError
from caibo.cli._options import Common

_NOBODY_TO_ASK = "this would write, and there is no terminal to ask on: say --yes"


def escaped(text: str) -> str:
    """Write text as JSON escapes."""
    return json.dumps(text)[1:-1]


def printable(text: str, keep: str = "") -> str:
    """Replace what steers a terminal, is not seen, or turns the direction of writing."""
    return "".join(c if c.isprintable() or c in keep else escaped(c) for c in text)


def to_json(value: object) -> str:
    """Write JSON, numbers with all of their digits."""
    if isinstance(value, Mapping) and not isinstance(value, Document):
        inner = cast("Mapping[str, object]", value).items()
        return "{" + ", ".join(f"{json.dumps(name)}: {to_json(one)}" for name, one in inner) + "}"
    try:
        return Document({"": value}).text("") or "null"
    except ValueError:  # a record may hold half a character, or a number beyond any
        return json.dumps(json.dumps(value, default=str))


class _Console(Console):
    """Rich's console, which would end the program, with 1, where nobody reads any more."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class Screen:
    """Write to the two streams, as a terminal or a pipe each."""

    def __init__(self, common: Common) -> None:
        self.json = common.json
        self._plain = common.no_color or bool(os.environ.get("NO_COLOR"))
        # Python has none where they were closed.
        self._out: TextIO = sys.stdout or io.StringIO()
        self._err: TextIO = sys.stderr or io.StringIO()
        for stream in (self._out, self._err):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="caibo")

    @property
    def shows(self) -> bool:
        """Whether results go to a terminal."""
        return self._out.isatty()

    @property
    def asks(self) -> bool:
        """Whether there is somebody to ask."""
        return sys.stdin is not None and sys.stdin.isatty() and self._err.isatty()

    @property
    def watched(self) -> bool:
        """Whether what is told goes to a terminal."""
        return self._err.isatty()

    def console(self, *, told: bool = False) -> Console:
        """Return rich's console, for the stream of results or the other one."""
        stream = self._err if told else self._out
        plain = self._plain or not stream.isatty()
        return _Console(file=stream, color_system=None if plain else "auto", highlight=False)

    def result(self, text: str, style: str = "") -> None:
        """Print a line of the result."""
        self._write(self._out, text, style)

    def exactly(self, text: str) -> None:
        """Print a value: as it is into a pipe, and as text on a terminal."""
        self._out.write((printable(text, "\n\t") if self.shows else text) + "\n")

    def data(self, members: Mapping[str, object]) -> None:
        """Print the result as JSON."""
        self.exactly(to_json(members))

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table, if it has rows: columns on a terminal, else tabs and no heading."""
        lines = [[printable(cell) for cell in row] for row in rows]
        if not (self.shows and lines):
            self._out.writelines("\t".join(line) + "\n" for line in lines)
            return
        table = Table(*heads, box=None, pad_edge=False, header_style="bold")
        for column in table.columns:
            column.overflow = "fold"
        for line in lines:
            table.add_row(*map(Text, line))
        self.console().print(table)

    def note(self, text: str, style: str = "") -> None:
        """Tell something that is no result; nobody reading it is no reason to stop."""
        try:
            self._write(self._err, text, style)
            self._err.flush()
        except OSError:
            # What is left in it fails again as Python ends, which would be another exit status.
            _to_nowhere(self._err)

    def told(self, members: Mapping[str, object]) -> None:
        """Tell an error as JSON."""
        self.note(to_json(members))

    def ask(self, question: str) -> bool:
        """Ask; anything but a yes is a no."""
        self._err.write(printable(f"{question} [y/N] "))
        self._err.flush()
        answer = sys.stdin.readline()
        if not answer.endswith("\n"):
            self.note("")
        return answer.strip().lower() in ("y", "yes")

    def permit(self, *, yes: bool, look: str = ", or look first with --dry-run") -> None:
        """Stop where something would be written, and nobody can be asked.

        Args:
            yes: whether there was a yes beforehand.
            look: how to see what would be done.

        Raises:
            StoppedError: there is no terminal, and no --yes.
        """
        if not yes and not self.asks:
            raise StoppedError(_NOBODY_TO_ASK + look)

    def flush(self) -> None:
        """Have written what was printed."""
        self._out.flush()

    def give_up(self) -> None:
        """Let nothing more be written to stdout, as it cannot be."""
        _to_nowhere(self._out)

    def _write(self, stream: TextIO, text: str, style: str) -> None:
        text = printable(text, "\n")
        if style and stream.isatty() and not self._plain:
            self.console(told=stream is self._err).print(Text(text, style), soft_wrap=True)
        else:
            stream.write(text + "\n")


def _to_nowhere(stream: TextIO) -> None:
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _unencodable(error: UnicodeError) -> tuple[str, int]:
    wrong: Any = error
    return escaped(wrong.object[wrong.start : wrong.end]), wrong.end


codecs.register_error("caibo", _unencodable)
