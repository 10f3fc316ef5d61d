"""Bulk changes on either face, with their files in a folder of the test's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from faces import Face

import caibo
from caibo import bulk
from caibo.testing import FakeCaibo, Request


class Crash(BaseException):
    """What a process that dies would not raise: nothing after it is done or written."""


class Bulk:
    """Run bulk changes through one client.

    Attributes:
        journal: the file that runs keep.
        backup: the other one.
        face: the client.
    """

    def __init__(self, face: Face, folder: Path) -> None:
        self.face = face
        self.journal = folder / "run.jsonl"
        self.backup = folder / "before.jsonl"

    def update(self, rows: Any, **options: Any) -> bulk.Report:
        verb: Any = bulk.update if isinstance(self.face.caibo, caibo.Caibo) else bulk.aupdate
        given = {"journal": self.journal, "backup": self.backup, "workers": 4, **options}
        report: bulk.Report = self.face.wait(verb, self.face.caibo, rows, **given)
        return report

    def undo(self, **options: Any) -> bulk.Report:
        verb: Any = bulk.undo if isinstance(self.face.caibo, caibo.Caibo) else bulk.aundo
        report: bulk.Report = self.face.wait(
            verb, self.face.caibo, self.journal, self.backup, **options
        )
        return report


def crash(_: Request) -> None:
    """Die when a request arrives, before it is carried out."""
    raise Crash


def customers(fake: FakeCaibo, count: int) -> list[int]:
    """Add customers whose phone is "old"."""
    return [fake.add_customer(phone="old") for _ in range(count)]


def phones(ids: list[int]) -> list[tuple[int, dict[str, str]]]:
    """Give each a phone of its own."""
    return [(id, {"phone": f"+120255{n:05}"}) for n, id in enumerate(ids)]
