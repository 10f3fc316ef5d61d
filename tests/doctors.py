"""Examinations on either face, and the customer that they are of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from faces import Face

import caibo
from caibo import doctor
from caibo.testing import FakeCaibo, Request

FIELDS: Mapping[str, Any] = {
    "name": "Ada Secret",
    "email": "secret@example.com",
    "phone": "+12025550143",
    "member_id": "M-17",
    "ownerName": "Secret Outfitters",
    "preferences": {"currency": "SEC"},
}
#: What a text must not hold.
VALUES = ["Ada Secret", "secret@", "2025550143", "M-17", "Secret Outfitters", "SEC", "456 New"]


class Doctor:
    """Examine a gateway through one client.

    Attributes:
        face: the client.
        backup: the file for the record as it was.
    """

    def __init__(self, face: Face, folder: Path) -> None:
        self.face = face
        self.backup = folder / "before.json"

    def examine(self, id: int | None, **options: Any) -> doctor.Report:
        sync = isinstance(self.face.caibo, caibo.Caibo)
        verb: Any = doctor.examine if sync else doctor.aexamine
        given = {"backup": self.backup, **options}
        report: doctor.Report = self.face.wait(verb, self.face.caibo, id, **given)
        return report

    def write(self, id: int, **options: Any) -> doctor.Report:
        """Examine by writing, and try everything."""
        return self.examine(id, **{"write": True, "may_stay": True, **options})


def puts(fake: FakeCaibo) -> list[bytes]:
    """List the bodies of the writes that arrived."""
    return [request.body for request in fake.requests if request.method == "PUT"]


def at_put(number: int, act: Callable[[], object]) -> Callable[[Request], None]:
    """Do something when the so-many-th PUT arrives."""
    seen = 0

    def hear(request: Request) -> None:
        nonlocal seen
        seen += request.method == "PUT"
        if request.method == "PUT" and seen == number:
            act()

    return hear
