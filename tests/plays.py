"""Play one update of the contract, from the vendor's page to a caller of the wheel.

What a maintainer writes by hand is what `rulings` pastes; everything else must be made.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import release
import spec_update
from api_diff import version_in
from projects import ROOT, commit, git
from rulings import rule

PROSE = "# Update Customer\n\n```json\n{}\n```\n\n## OpenAPI\n\n"
CONTRACT = (ROOT / "openapi.yaml").read_text("utf-8")
#: Those that look at the contract.
TESTS = ("tests/test_versions.py", "tests/test_prose.py")
ROUNDS = 4
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
STALE = re.compile(r"AssertionError: ([^:]*) now: say it there")


def fenced(contract: str) -> str:
    """Give the vendor's page with a contract on it."""
    return f"{PROSE}````yaml api PUT /customers/{{id}}\n{contract}````\n"


def with_text(old: str, new: str) -> Callable[[str], str]:
    """Give the page on which one thing is another."""

    def changed(contract: str) -> str:
        assert old in contract
        return fenced(contract.replace(old, new, 1))

    return changed


@dataclass(frozen=True)
class Case:
    """What the vendor publishes, and what must come of it.

    Attributes:
        page: makes the vendor's page of the contract that there was.
        verdict: how it ends: "failed", or the labels of the proposal.
        asks: how often a person is asked.
        hand: how many lines that person adds or takes out, all of them rulings.
        says: words of the pull request, or of the error.
        asked: words of what is asked.
        prose: sentences of ours that are true no more, which a test then names.
        caller: an expression of `callers` to evaluate with the installed wheel, and its value.
    """

    page: Callable[[str], str]
    verdict: str
    asks: int = 0
    hand: int = 0
    says: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    prose: tuple[str, ...] = ()
    caller: tuple[tuple[str, str], ...] = ()


@dataclass
class Played:
    """What came of it, a row of the table."""

    verdict: str = ""
    why: str = ""
    decisions: list[str] = field(default_factory=list[str])
    hand: dict[str, int] = field(default_factory=dict[str, int])
    prose: list[str] = field(default_factory=list[str])
    called: list[str] = field(default_factory=list[str])
    minutes: float = 0

    def row(self, name: str) -> str:
        """Give it as a row of Markdown."""
        lines = sum(self.hand.values())
        verdict = f"{self.verdict}: {self.why}" if self.why else self.verdict
        if self.prose:
            verdict += f", which names sentences to change: {'; '.join(self.prose)}"
        called = "; ".join(self.called) or "–"
        cells = (name, len(self.decisions), lines, verdict, called, f"{self.minutes:.1f}")
        return f"| {' | '.join(str(cell).replace('|', '¦') for cell in cells)} |"


@dataclass
class Vendor:
    """The vendor's page and our project, between which updates are played."""

    page: Path
    project: Path
    tests: tuple[str, ...] = TESTS

    def publish(self, page: Callable[[str], str]) -> None:
        """Put onto the page what it makes of the contract that we have."""
        text = (self.project / "openapi.yaml").read_text("utf-8")
        self.page.write_text(page(text), "utf-8")

    def update(self) -> int:
        """Let the workflow's step run, with those tests that look at the contract."""
        options = ("--date", "2027-01-31", "--tests", *self.tests)
        with contextlib.redirect_stderr(io.StringIO()):
            return spec_update.main([str(self.page), "--root", str(self.project), *options])

    def said(self, name: str) -> str:
        """Read what the step says."""
        return (self.project / "spec-update" / name).read_text("utf-8")

    def told(self) -> str:
        """Read what one of our scripts says, without the fence around it."""
        text = self.said("body.md").partition("```text\n")[2].partition("\n```")[0]
        return text.replace(str(self.page), self.page.name)

    def asked(self) -> list[str]:
        """Give the decisions that are asked for."""
        return self.told().split("\n- ")[1:]

    def by_hand(self) -> dict[str, int]:
        """Count the lines of each file that somebody has added or taken out."""
        changed = git(self.project, "diff", "--numstat", "HEAD").splitlines()
        counted = [line.split("\t") for line in changed]
        return {name: int(added) + int(removed) for added, removed, name in counted}

    def play(self, case: Case) -> Played:
        """Take an update up, with a ruling wherever one is asked for."""
        begun = time.monotonic()
        played = Played()
        self.publish(case.page)
        for _ in range(ROUNDS):
            played.hand = self.by_hand()
            status = self.update()
            played.verdict = self.said("outcome").strip()
            if played.verdict != "decision":
                break
            assert status == spec_update.DECISION
            played.decisions += self.asked()
            rule(self.project, *self.asked())
        if played.verdict == "failed":
            played.why = self.told()
        if played.verdict == "proposal":
            played.verdict = ", ".join(self.said("labels.txt").split("\n")[1:-1])
            played.prose = STALE.findall(self.said("body.md"))
            played.called = [self.call(expression) for expression, _ in case.caller]
        played.minutes = (time.monotonic() - begun) / 60
        return played

    def wheel(self) -> Path:
        """Build the wheel of what is at hand."""
        folder = self.page.parent / "wheels"
        options = ("--no-deps", "--no-build-isolation", "--wheel-dir", str(folder))
        run(*PIP, "wheel", ".", *options, cwd=self.project)
        [built] = folder.glob(f"caibo-{version_in(self.project)}-*.whl")
        return built

    def call(self, expression: str) -> str:
        """Evaluate something with nothing of ours but the installed wheel and the tests."""
        site = self.page.parent / "site"
        if not site.exists():
            target = ("--no-deps", "--target", str(site))
            run(*PIP, "install", *target, str(self.wheel()), cwd=self.project)
        code = f"import caibo, callers; print(caibo.__file__, callers.{expression}, sep='\\n')"
        paths = os.pathsep.join(map(str, (site, ROOT / "tests")))
        said = run(sys.executable, "-c", code, cwd=site, PYTHONPATH=paths)
        found, _, value = said.strip().partition("\n")
        assert Path(found).is_relative_to(site)
        return value

    def release(self, version: str) -> int:
        """Commit what is at hand, and release it."""
        commit(self.project)
        with contextlib.redirect_stdout(io.StringIO()):
            return release.main([version, "--root", str(self.project)])


def run(*command: str, cwd: Path, **env: str) -> str:
    """Run a command that must succeed; give what it says."""
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **env}, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout
