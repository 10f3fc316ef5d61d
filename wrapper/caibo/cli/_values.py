"""``FIELD=VALUE`` on the command line: which member, and what it is to say."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

from caibo import Customer, CustomerChanges, Document, InvalidChangesError, Problem
from caibo._record.values import from_text
from caibo.cli._exits import StoppedError
from caibo.cli._files import read

_ITEM = re.compile(r"(?P<name>[^=]+?)(?P<sign>:=@|:=|=@|=)(?P<value>.*)", re.DOTALL)
_FORMS = "expected FIELD=TEXT, FIELD:=JSON, FIELD=@FILE or FIELD=@- for standard input"
_LONGEST = 1 << 20  # bytes of a file; a whole record has no more
_TWICE = "is there twice"
_BLANK = (
    "a blank stands before its =: write FIELD=TEXT without it, or it may be in the text as well"
)
_NULLS = ("null", "none")  # of JSON, and of Python
#: Keywords of `Customers.update` that are no fields.
_OPTIONS = ("confirm", "current", "expect", "extra")


def folded(name: str) -> str:
    """Return what a name of this package and the wire's have in common."""
    return name.replace("_", "").lower()


#: What may be changed, and what may be read, by folded name.
CHANGED = {folded(name): name for name in CustomerChanges.__annotations__}
READ = {
    folded(name): name
    for name, _ in inspect.getmembers(Customer, lambda member: isinstance(member, property))
    if name not in ("document", "etag")
}


class Values:
    """Read what the arguments say; all complaints come at once.

    Attributes:
        notes: what was taken as it stands, and may be meant otherwise.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._problems: list[Problem] = []
        self._input_is_read = False

    def check(self) -> None:
        """Stop if something was wrong.

        Raises:
            InvalidChangesError: with all that was.
        """
        if self._problems:
            raise InvalidChangesError(self._problems)

    def changes(self, items: Iterable[str]) -> dict[str, object]:
        """Read fields by this package's names or the wire's."""
        return self._named(items, CHANGED, "a change")

    def expect(self, items: Iterable[str]) -> dict[str, object] | None:
        """Read what `--expect` asks for; names that are no fields are the wire's."""
        return self._named(items, READ, "--expect") or None

    def outside(self, items: Iterable[str]) -> dict[str, object] | None:
        """Read members outside the contract, a dot for each object inside."""
        found: dict[str, Any] = {}
        for name, value in self._items(items, "--extra", {}):
            *path, last = name.split(".")
            into: dict[str, Any] = found
            taken = False
            for step in path:
                inner: Any = into.setdefault(step, {})
                taken = taken or not isinstance(inner, dict)
                into = {} if taken else cast("dict[str, Any]", inner)
            if not all((*path, last)):
                self._wrong(name, "has an empty name between its dots")
            elif taken or last in into:
                self._wrong(name, _TWICE)
            else:
                into[last] = value
        return found or None

    def _named(
        self, items: Iterable[str], names: Mapping[str, str], what: str
    ) -> dict[str, object]:
        found: dict[str, object] = {}
        for given, value in self._items(items, what, names):
            name = names.get(folded(given), given)
            if name in _OPTIONS:
                self._wrong(name, f"is no field; there are {', '.join(CHANGED.values())}")
            elif name in found:
                self._wrong(name, _TWICE)
            found[name] = value
        return found

    def _items(
        self, items: Iterable[str], what: str, names: Mapping[str, str]
    ) -> Iterable[tuple[str, object]]:
        for number, item in enumerate(items, 1):
            match = _ITEM.fullmatch(item)
            if match is None:  # it may be a value, so it is not repeated
                self._wrong(f"{what}, number {number}", _FORMS)
                continue
            name, sign, value = match["name"].lstrip(), match["sign"], match["value"]
            if name != name.rstrip():
                self._wrong(f"{what}, number {number}", _BLANK)
                continue
            try:
                text = self._file(value) if "@" in sign else value
                field = names.get(folded(name), "")
                if ":" not in sign and text.lower() in _NULLS:
                    self.notes.append(f"{name}={text} is this text; what clears is {name}:=null")
                yield name, _json(text) if ":" in sign else from_text(field, _filled(text))
            except (ValueError, StoppedError) as error:
                self._wrong(name, str(error))

    def _file(self, path: str) -> str:
        if path == "-" and self._input_is_read:
            raise ValueError("standard input is read once: another field has taken it")
        self._input_is_read |= path == "-"
        found = read(path, _LONGEST + 1)
        if len(found) > _LONGEST:
            raise ValueError(f"{path} is longer than 1 MiB")
        try:
            text = found.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ValueError(f"{path} is not UTF-8: save it as UTF-8") from None
        return text.removesuffix("\n").removesuffix("\r")  # an editor's, or echo's

    def _wrong(self, name: str, message: str) -> None:
        self._problems.append(Problem(name, message))


def _filled(text: str) -> str:
    if text:
        return text
    raise ValueError("""is empty: say :=null to clear it, or :='""' for an empty string""")


def _json(text: str) -> object:
    try:
        found = Document.parse(f'{{"value":{text}}}')
    except ValueError:
        found = Document()
    if list(found) != ["value"]:
        raise ValueError('is no JSON: write null, true, 12.50, or "text" with its quotation marks')
    return found["value"]
