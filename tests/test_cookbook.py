"""Each section of docs/cookbook.md is a program that runs, and prints what its comments say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from pages import page, promised

from caibo.testing import FakeCaibo, FakeServer

SECTIONS: dict[str, str] = dict(
    re.findall(r"(?ms)^## (.+?)\n(.*?)(?=^## |\Z)", page("docs/cookbook.md"))
)
#: `nox -s docs` has them; the group `test` does without three frameworks.
FRAMEWORKS = {"Celery": "celery", "Django": "django", "FastAPI": "fastapi"}


def blocks(section: str) -> list[str]:
    return re.findall(r"(?ms)^```python\n(.*?)^```$", SECTIONS[section])


@pytest.fixture(autouse=True)
def gateway(fake: FakeCaibo, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    """Serve customer 12345 where the environment says."""
    fake.add_customer(id=12345)
    monkeypatch.setenv("CAIBO_API_KEY", fake.api_key)
    monkeypatch.setenv("CAIBO_BASE_URL", server.base_url)
    return server


@pytest.mark.parametrize("section", [name for name in SECTIONS if name not in FRAMEWORKS])
def test_a_section_runs(section: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its blocks are one program."""
    program = "".join(blocks(section))

    exec(compile(program, "docs/cookbook.md", "exec"), {})  # noqa: S102

    assert capsys.readouterr().out.splitlines() == promised(program)


@pytest.mark.parametrize("section", FRAMEWORKS)
def test_a_section_with_a_framework_runs(section: str, tmp_path: Path) -> None:
    """Blocks that begin with a file name are files beside the others, which are the program."""
    if find_spec(FRAMEWORKS[section]) is None:
        pytest.skip(f"{section} is not installed; `nox -s docs` runs this")
    program = ""
    for block in blocks(section):
        if name := re.match(r"# ([\w/]+\.py)\n", block):
            (tmp_path / name[1]).parent.mkdir(exist_ok=True)
            (tmp_path / name[1]).write_text(block, "utf-8")
        else:
            program += block
    paths = os.pathsep.join(filter(None, sys.path))

    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True,
    )  # fmt: skip

    assert ran.stderr == ""
    assert ran.stdout.splitlines() == promised(program)
