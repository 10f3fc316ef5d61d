"""What the tests of the machinery share."""

from __future__ import annotations

import os
from pathlib import Path

import projects
import pytest


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody's git settings sign commits or run hooks."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A clean repository of the project as it is, without a release."""
    root = tmp_path / "project"
    projects.copy(root)
    return root


@pytest.fixture
def edit(project: Path) -> projects.Edit:
    """Replace text that must be there in one of the project's files."""
    return lambda name, old, new: projects.replace(project / name, old, new)
