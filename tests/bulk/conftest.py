"""Bulk changes on each face in turn."""

from __future__ import annotations

from pathlib import Path

import pytest
from bulk_runs import Bulk
from faces import Connect


@pytest.fixture
def crowd(connect: Connect, tmp_path: Path) -> Bulk:
    """Give bulk changes through a client in memory, on each face in turn."""
    return Bulk(connect(), tmp_path)
