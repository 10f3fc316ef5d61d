"""A ruling that takes up `PATCH`, and a client that writes by it."""

from __future__ import annotations

import pytest
from faces import Connect, Face
from patching import rule_patch_in
from sending import add

from caibo.testing import FakeCaibo


@pytest.fixture(autouse=True)
def ruled(monkeypatch: pytest.MonkeyPatch) -> None:
    rule_patch_in(monkeypatch)


@pytest.fixture
def fake(ruled: None) -> FakeCaibo:
    """A gateway that takes it from the start, as the contract rules so."""
    return FakeCaibo()


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return add(fake)


@pytest.fixture
def client(connect: Connect) -> Face:
    return connect(send="changes")
