"""Rows: what is to change in which customer, from any iterable or from a file."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from caibo import ConfigurationError, CustomerChanges, Document, InvalidChangesError, Problem
from caibo._record.masking import Redactor, one_line
from caibo._record.values import from_text

Empty = Literal["refuse", "keep", "clear"]
OPTIONS = ("expect", "current", "confirm", "extra")

_FIELDS = {name.replace("_", ""): name for name in CustomerChanges.__annotations__}
_ID = re.compile(r"-?[0-9]{1,19}")
_NOT_AN_ID = "expected the digits of an id; a spreadsheet may have rounded it"
_NOT_TEXT = "is not UTF-8: save the file as UTF-8"
_UNDECODED = re.compile(r"[\udc80-\udcff]")  # what is left of bytes that are none
_COLUMNS = (
    f"id, {', '.join(_FIELDS.values())}, also by their wire names, and "
    "extra.NAME for members outside the contract"
)
_UNKNOWN = f"is no column; there are {_COLUMNS}"
_DELIMITERS = ",;\t|"
_LONGEST = 40  # characters of a name in a message


class Row(NamedTuple):
    """One customer and what is to change in it; `update` takes bare tuples as well.

    Attributes:
        id: the customer id.
        changes: by field name, as keywords of `Customers.update`.
        options: of `Customers.update`: `extra`, `expect`, `current`, `confirm`.
    """

    id: int
    changes: Mapping[str, object]
    options: Mapping[str, object] = {}

    def __repr__(self) -> str:  # values are customer data
        return f"Row({self.id!r}, {', '.join(map(str, [*self.changes, *self.options]))})"


def row_of(item: object) -> Row:
    """Return what an iterable gave as a row.

    Raises:
        InvalidChangesError: it is none.
    """
    found = type(item).__name__
    parts = cast("tuple[Any, ...]", item if isinstance(item, tuple | list) else ())
    if len(parts) not in (2, 3):
        wanted = "expected (id, changes) or (id, changes, options)"
        raise InvalidChangesError([Problem("row", f"{wanted}, not {found}")])
    row = Row(*parts)
    for name in ("changes", "options"):
        if not isinstance(getattr(row, name), Mapping):
            found = type(getattr(row, name)).__name__
            raise InvalidChangesError([Problem(name, f"expected a mapping, not {found}")])
    if unknown := [str(name) for name in row.options if name not in OPTIONS]:
        message = f"is no option of a row; there are {', '.join(OPTIONS)}"
        raise InvalidChangesError([Problem(name, message) for name in unknown])
    if unfit := [str(name) for name in row.changes if name in OPTIONS]:
        message = "is an option: it goes into the third part of a row"
        raise InvalidChangesError([Problem(name, message) for name in unfit])
    return row


class Rows:
    """The rows of a file; each iteration reads it anew, a row at a time.

    Iterating raises `InvalidChangesError` at the first row that is none.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    def __iter__(self) -> Iterator[Row]:
        for _, found in self.parsed():
            if not isinstance(found, Row):
                raise InvalidChangesError(found)
            yield found

    def parsed(self) -> Iterator[tuple[int, Row | list[Problem]]]:
        """Give each row, or what is wrong with it, and the line on which it ends."""
        try:
            yield from self._parsed()
        except OSError as error:
            raise ConfigurationError(f"{self.path} cannot be read: {error.strerror}") from error

    def _parsed(self) -> Iterator[tuple[int, Row | list[Problem]]]:
        raise NotImplementedError


class CsvRows(Rows):
    """The rows of a CSV file, see `read_csv`."""

    def __init__(self, path: str | os.PathLike[str], empty: Empty, delimiter: str) -> None:
        super().__init__(path)
        if empty not in ("refuse", "keep", "clear"):
            raise ConfigurationError('empty must be "refuse", "keep" or "clear"')
        if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '\r\n"':
            raise ConfigurationError("delimiter must be one character")
        self._empty = empty
        self._delimiter = delimiter

    def _parsed(self) -> Iterator[tuple[int, Row | list[Problem]]]:
        # With `strict` a quotation mark that is never closed does not swallow the rest.
        with self.path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            first = file.readline()
            if found := _no_heading(first, self._delimiter):
                yield 1, [Problem("the first line", found)]
                return
            lines = csv.reader(chain([first], file), delimiter=self._delimiter, strict=True)
            try:
                heads = [head.strip() for head in next(lines)]
                columns = [_column(head) for head in heads]
                names = _called(heads, "column")
                if problems := _heading(names, columns):
                    yield 1, problems
                    return
                for cells in lines:
                    if cells:
                        yield lines.line_num, self._row(names, columns, cells)
            except csv.Error as error:
                yield lines.line_num, [Problem("the file", f"is no CSV from here on: {error}")]

    def _row(
        self, names: list[str], columns: list[tuple[str, ...]], cells: list[str]
    ) -> Row | list[Problem]:
        if len(cells) != len(names):
            message = f"has {len(cells)} cells, and the heading has {len(names)}"
            return [Problem("the row", message)]
        problems: list[Problem] = []
        found = _Found()
        for name, column, cell in zip(names, columns, cells, strict=True):
            if _UNDECODED.search(cell):
                problems.append(Problem(name, _NOT_TEXT))
            elif column == ("id",):
                found.id = _id(cell)
            elif cell:
                try:
                    found.put(column, from_text(column[0], cell))
                except ValueError as error:
                    problems.append(Problem(name, str(error)))
            elif self._empty == "clear":
                found.put(column, None)
            elif self._empty == "refuse":
                message = 'is empty: say empty="keep" or empty="clear" for what that means'
                problems.append(Problem(name, message))
        return found.row(problems)


class JsonRows(Rows):
    """The rows of a file with a JSON object on each line, see `read_jsonl`."""

    def _parsed(self) -> Iterator[tuple[int, Row | list[Problem]]]:
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip(b" \t\r\n\xef\xbb\xbf"):
                    yield number, _json_row(line)


def _json_row(line: bytes) -> Row | list[Problem]:
    try:
        members = Document.parse(line)
    except ValueError as error:
        return [Problem("the row", _no_object(line, str(error)))]
    problems: list[Problem] = []
    found = _Found()
    called = dict(zip(members, _called(list(members), "member"), strict=True))
    # `extra` first, so that `extra.a` beside it is seen to be there twice.
    for name in sorted(members, key=lambda name: name != "extra"):
        value: Any = members[name]
        column = _column(name)
        if name == "extra" and isinstance(value, dict):
            found.extra.update(cast("dict[str, object]", value))
        elif column == ("id",):
            found.id = _id(str(value)) if type(value) in (int, str) else None
        elif not column or not found.put(column, value):
            problems.append(Problem(called[name], "is there twice" if column else _UNKNOWN))
    return found.row(problems)


def _no_object(line: bytes, error: str) -> str:
    """Say why a line is no row; of what stands in it, the error may have a name."""
    if b"\0" in line or error.startswith("not UTF-8"):
        return _NOT_TEXT
    return "has a member twice" if "appears twice" in error else f"is {error}"


class _Found:
    """What the cells of one row come to."""

    def __init__(self) -> None:
        self.id: int | None = None
        self.changes: dict[str, object] = {}
        self.extra: dict[str, object] = {}

    def put(self, column: tuple[str, ...], value: object) -> bool:
        """Take a value; tell whether there was room for it."""
        into = self.changes if len(column) == 1 else self.extra
        for name in column[1:-1]:
            inner = into.setdefault(name, {})
            if not isinstance(inner, dict):
                return False
            into = cast("dict[str, object]", inner)
        if column[-1] in into:
            return False
        into[column[-1]] = value
        return True

    def row(self, problems: list[Problem]) -> Row | list[Problem]:
        if self.id is None:
            problems = [Problem("id", _NOT_AN_ID), *problems]
        if problems or self.id is None:
            return problems
        return Row(self.id, self.changes, {"extra": self.extra} if self.extra else {})


def _column(head: str) -> tuple[str, ...]:
    """Return which member a heading names: a field's name, or a path; nothing if none."""
    name = head.replace("_", "").lower()
    if name == "id":
        return ("id",)
    if name in _FIELDS:
        return (_FIELDS[name],)
    path = tuple(head.split("."))
    return path if len(path) > 1 and path[0] == "extra" and all(path) else ()


def _called(heads: list[str], what: str) -> list[str]:
    """Name columns in messages; without an id among them they may be values."""
    trusted = ("id",) in map(_column, heads)
    hide = Redactor({})
    return [
        one_line(hide(head), _LONGEST)
        if head and (trusted or len(_column(head)) == 1)
        else f"{what} {number}"
        for number, head in enumerate(heads, 1)
    ]


def _no_heading(first: str, delimiter: str) -> str:
    """Say why the first line is none, where that can be told; nothing of it is repeated."""
    if _UNDECODED.search(first) or "\0" in first:  # UTF-16, or no text at all
        return _NOT_TEXT
    having_id = [
        mark
        for mark in (delimiter, *_DELIMITERS)
        if ("id",) in (_column(head.strip(' \r\n"')) for head in first.split(mark))
    ]
    if not having_id or delimiter in having_id:
        return ""
    mark = json.dumps(having_id[0])
    return f"is separated by {mark}, as it seems: say delimiter={mark}"


def _heading(names: list[str], columns: list[tuple[str, ...]]) -> list[Problem]:
    if not any(columns):
        return [Problem("the first line", f"is no heading: it has none of {_COLUMNS}")]
    named = list(zip(names, columns, strict=True))
    problems = [Problem(name, _UNKNOWN) for name, column in named if not column]
    if ("id",) not in columns:
        problems.append(Problem("id", "is missing from the heading, the file's first line"))
    known = [(name, column) for name, column in named if column]
    return problems + [
        Problem(name, "is there twice")
        for number, (name, column) in enumerate(known)
        if any(_overlap(column, other) for _, other in known[:number])
    ]


def _overlap(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Tell whether two members are one, or one is inside the other."""
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]


def _id(text: str) -> int | None:
    text = text.strip()
    return int(text) if _ID.fullmatch(text) else None
