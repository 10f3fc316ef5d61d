"""What is found out about each kind of gateway that the fake can be."""

from __future__ import annotations

from pathlib import Path

import pytest
from doctor_kinds import Kind
from doctor_table import KINDS
from doctors import VALUES, Doctor
from faces import Face

import caibo
from caibo.testing import FakeCaibo
from caibo.testing._quirks import Quirks
from caibo.testing._service import Service
from caibo.testing._shapes import Shapes

# What they hear, how many they may be, and what is not a way to behave.
NO_KIND = {"on_request", "no_read_status"}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_kind_is_told_from_the_others(
    kind: Kind, fake: FakeCaibo, tmp_path: Path, pauses: list[float]
) -> None:
    """Its findings, its modes, and the record as it was."""
    id = fake.add_customer(**kind.fields)
    kind.turn(fake, id)
    before = caibo.Document.parse(fake.raw(id))
    with caibo.Caibo(
        api_key=fake.api_key, transport=fake.transport, base_url=fake.base_url
    ) as client:
        report = Doctor(Face(client, None), tmp_path).write(id)

    found = {id: finding.verdict for id, finding in report.findings.items()}
    after = caibo.Document.parse(fake.raw(id))
    changed = {name for name in {*before, *after} if before.text(name) != after.text(name)}
    assert found == kind.findings
    assert {send: said.verdict for send, said in report.sends.items()} == kind.modes
    assert report.ok is kind.ok
    assert report.stopped.startswith(kind.stops)
    assert bool(report.stopped) is bool(kind.stops)
    assert report.left == kind.left
    assert changed - respelt(kind) == {*kind.left, *kind.lost}
    shown = str(report) + report.to_json()
    assert [value for value in VALUES if value in shown] == []


def respelt(kind: Kind) -> set[str]:
    """Name what this kind spells otherwise whoever writes."""
    return {"name"} if "what it was sent" in kind.name else set()


def test_every_switch_of_the_fake_is_in_the_table() -> None:
    """A new one is a new kind of gateway."""
    switches = {
        name
        for one in (Service, Quirks, Shapes)
        for name, value in vars(one).items()
        if name[0] != "_" and not callable(value)
    }
    turned = {name for kind in KINDS if not callable(kind.setup) for name in kind.setup}

    assert switches - NO_KIND <= turned
