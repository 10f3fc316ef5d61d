"""A team pins the client by hash and takes up two of its releases: it is green, or warned.

The releases follow updates of the vendor's contract, and are made and built with the real tools.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from plays import PIP, Case, Vendor, run, with_text
from projects import ROOT, replace

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        "REDOCLY" not in os.environ, reason="`nox -s rehearsal` installs Redocly CLI"
    ),
]
ADOPTED = Case(
    with_text(
        "        phone:\n",
        "        birthDate: {type: string, format: date, nullable: true}\n        phone:\n",
    ),
    "compatible",
)
NARROWED = Case(with_text("maxLength: 50\n", "maxLength: 40\n"), "breaking")
OURS = '''\
"""What this team does besides: it writes a member that the contract has not."""

import caibo
from caibo.testing import FakeCaibo


def test_a_member_outside_the_contract_is_written():
    fake = FakeCaibo()
    id = fake.add_customer()
    reached = {"base_url": fake.base_url, "transport": fake.transport}
    with caibo.Caibo(api_key=fake.api_key, **reached) as client:
        client.customers.update(id, extra={"birthDate": "1990-02-03"})
    assert fake.document(id)["birthDate"] == "1990-02-03"
'''
AS_ERRORS = ("-W", "error::DeprecationWarning")


class Team:
    """A project that has the client of its lock file and nothing of ours besides."""

    def __init__(self, root: Path) -> None:
        self.root = root
        ignored = shutil.ignore_patterns("__pycache__", ".*", "mistakes.py")
        shutil.copytree(ROOT / "tests" / "consumer", root, ignore=ignored)
        (root / "test_ours.py").write_text(OURS)
        self.python = root / "venv" / "bin" / "python"
        run(sys.executable, "-m", "venv", "--without-pip", "venv", cwd=root)
        self.others: list[str] = []

    def pin(self, wheel: Path) -> None:
        """Write the wheel's hash into the lock file, and install what that says."""
        self.others = self.others or self._lock(wheel)
        version = wheel.name.split("-")[1]
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        lines = [f"caibo=={version} --hash=sha256:{digest}", *self.others]
        (self.root / "requirements.txt").write_text("\n".join(lines))
        links = ("--find-links", str(wheel.parent), "--require-hashes")
        install = ("--python", str(self.python), "install", *links, "-r", "requirements.txt")
        run(*PIP, *install, cwd=self.root)

    def _lock(self, wheel: Path) -> list[str]:
        """Lock what the client and the team's tests need, as `pip-compile` does."""
        report = ("--dry-run", "--ignore-installed", "--report", "report.json")
        run(*PIP, "install", *report, str(wheel), "pytest", cwd=self.root)
        found = json.loads((self.root / "report.json").read_text())["install"]
        return [
            f"{one['metadata']['name']}=={one['metadata']['version']} "
            f"--hash=sha256:{one['download_info']['archive_info']['hashes']['sha256']}"
            for one in found
            if one["metadata"]["name"] != "caibo"
        ]

    def test(self, *options: str) -> tuple[str, str]:
        """Run the team's tests; give the last line, without the time, and all."""
        done = subprocess.run(
            [self.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
            cwd=self.root, text=True, capture_output=True, check=False,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        )  # fmt: skip
        return re.sub(r" in .*", "", done.stdout.strip().splitlines()[-1]), done.stdout


def test_a_team_that_pins_by_hash_is_green_or_warned(
    vendor: Vendor, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """What a compatible release adopts warns first, and is refused by the breaking one."""

    def note(what: str, *said: str, lines: int = 0) -> None:
        cells = (
            what,
            "–",
            f"{lines} of the team's",
            *said,
            f"{(time.monotonic() - begun) / 60:.1f}",
        )
        record_property("played", f"| {' | '.join(cells)} |")

    begun = time.monotonic()
    team = Team(tmp_path / "team")
    team.pin(vendor.wheel())
    first, _ = team.test(*AS_ERRORS)
    note("a team pins 0.1.0 by hash", "–", first)
    assert re.fullmatch(r"\d+ passed", first)

    adopted = vendor.play(ADOPTED)
    record_property("played", adopted.row("a field that the team has written by `extra=`"))
    assert (adopted.verdict, len(adopted.decisions)) == ("compatible", 1)
    assert vendor.release("0.2.0") == 0
    begun = time.monotonic()
    team.pin(vendor.wheel())
    second, said = team.test()
    strict, told = team.test(*AS_ERRORS)
    note(
        "the team takes 0.2.0", f"green, and warned: {warned(told)}", f"{second}; strict: {strict}"
    )
    assert second == f"{first}, 1 warning"
    assert "write birth_date=" in said
    assert "write birth_date=" in warned(told)

    replace(
        team.root / "test_ours.py", 'extra={"birthDate": "1990-02-03"}', 'birth_date="1990-02-03"'
    )
    third, _ = team.test(*AS_ERRORS)
    note("the team writes what the warning says", "–", f"strict: {third}", lines=1)
    assert third == first

    # The others hold the version against what is installed here, which is 0.1.0.
    vendor.tests = ("tests/test_prose.py",)
    narrowed = vendor.play(NARROWED)
    record_property("played", narrowed.row("a narrower limit, after it"))
    assert narrowed.verdict == "breaking"
    assert vendor.release("0.2.1") == 1
    assert vendor.release("0.3.0") == 0
    begun = time.monotonic()
    team.pin(vendor.wheel())
    last, _ = team.test(*AS_ERRORS)
    note("the team takes 0.3.0", "green", f"strict: {last}")
    assert last == first


def warned(said: str) -> str:
    """Give the warning that failed a test."""
    [found] = set(re.findall(r"^E +DeprecationWarning: (.*)$", said, re.MULTILINE))
    return str(found)
