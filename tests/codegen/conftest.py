"""What the tests of the machinery share."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import projects
import pytest

if TYPE_CHECKING:
    from plays import Vendor


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


@pytest.fixture
def vendor(project: Path, tmp_path: Path) -> Vendor:
    """The page as published, and the project with 0.1.0 released."""
    # It needs tools that the sessions of other tests have not.
    from plays import Vendor

    shutil.copytree(projects.ROOT / "tests", project / "tests", ignore=projects.LEFT_OUT)
    projects.commit(project)
    projects.git(project, "tag", "v0.1.0")
    return Vendor(tmp_path / "page.md", project)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of what was played."""
    heading = (
        "| the vendor publishes | decisions asked | lines by hand | verdict "
        "| with the installed wheel | minutes |\n|---|---|---|---|---|---|"
    )
    reports = [report for found in terminalreporter.stats.values() for report in found]
    said = [one for report in reports for one in getattr(report, "user_properties", ())]
    if rows := [row for name, row in said if name == "played"]:
        terminalreporter.write_sep("=", "played")
        for line in (heading, *dict.fromkeys(rows)):
            terminalreporter.write_line(line)
