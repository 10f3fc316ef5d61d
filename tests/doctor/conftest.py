"""Examinations on each face in turn, which pause for no time."""

from __future__ import annotations

from pathlib import Path

import pytest
from doctors import Doctor
from faces import Connect, Face

import caibo
from caibo.testing import FakeCaibo


@pytest.fixture
def doctor(connect: Connect, tmp_path: Path, pauses: list[float]) -> Doctor:
    """Examine the gateway in memory, on each face in turn."""
    return Doctor(connect(), tmp_path)


@pytest.fixture
def sync_doctor(fake: FakeCaibo, tmp_path: Path, pauses: list[float]) -> Doctor:
    """Examine the gateway in memory, with threads only."""
    client = caibo.Caibo(api_key=fake.api_key, transport=fake.transport, base_url=fake.base_url)
    return Doctor(Face(client, None), tmp_path)
