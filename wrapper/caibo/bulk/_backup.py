"""The backup: each record as it was read before it was written."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from caibo import ConfigurationError, Document
from caibo.bulk._lines import Lines, path_of

_BEGINS = b'{"row": '


class Backup:
    """Keep each record as it was read before it was written."""

    def __init__(self, path: str | os.PathLike[str], *, old: bool = False) -> None:
        path = path_of(path, "backup")
        if old and not path.exists():
            raise ConfigurationError(f"there is no backup {path}")
        if not old and not _BEGINS.startswith(_begins(path)):
            raise ConfigurationError(f"{path} is there already, and is no backup; name a new file")
        self.lines = Lines(path, "backup", old=old)

    def keep(self, row: int, id: int, before: Document) -> int:
        """Write a record down; return what to flush."""
        # A line break in JSON text stands between tokens, never in one.
        text = str(before).replace("\r", " ").replace("\n", " ")
        if (
            text.count("{") + text.count("[") > 90
        ):  # an object around it would be one level too many
            text = json.dumps(text)
        return self.lines.append(f'{{"row": {row}, "id": {id}, "before": {text}}}'.encode())

    def at(self, offset: int) -> Document:
        """Return the record that was kept there."""
        with self.lines.path.open("rb") as file:
            file.seek(offset)
            return _before(Document.parse(file.readline()))

    def places(self) -> dict[int, list[int]]:
        """Return where the records of each customer are kept."""
        found: dict[int, list[int]] = {}
        for at, line in self.lines.read():
            try:
                kept = Document.parse(line)
                _before(kept)
                found.setdefault(int(kept["id"]), []).append(at)
            except (ValueError, KeyError, TypeError):
                continue
        return found


def _before(kept: Document) -> Document:
    text = kept.text("before") or ""
    return Document.parse(kept["before"] if text.startswith('"') else text)


def _begins(path: Path) -> bytes:
    """Return how a file begins; what is none, or cannot be read, is looked at as it is opened."""
    with suppress(OSError):
        if path.is_file():
            with path.open("rb") as file:
                return file.read(len(_BEGINS))
    return b""
