"""Take up what the vendor has changed: fetch, generate, test, compare, and propose.

    nox -s spec_update -- SOURCE…     pages or documents; else those in CONTRACT_SOURCES

The folder `spec-update/` says how it ended, in the file `outcome`:

    unchanged    the vendor has changed nothing
    proposal     title.txt, body.md, labels.txt, branch.txt and changes.patch: a pull request
    decision     title.txt, body.md: a person has to decide something before
    failed       title.txt, body.md: something went wrong on the way

Exit status: 0 unchanged or proposal, 4 decision, 1 failed.  Only a proposal leaves
the working tree changed.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import fields
import generate
from api_diff import (
    PACKAGE,
    ROOT,
    ReleaseError,
    dotted,
    git,
    last_release,
    next_breaking,
    parse,
)
from release import BREAKING, FRAGMENTS, run

CONTRACT = "openapi.yaml"
FETCH = "codegen/fetch_spec.py"
DECISION = 4  # the exit status of generate.py
#: What `nox -s generate` makes of files of ours.
MADE_IN = (fields.MODULE.as_posix(), generate.PAGE, generate.FIELDS_PAGE)
TOUCHED = (CONTRACT, "generated", *MADE_IN, PACKAGE.as_posix(), FRAGMENTS)
STAMP = re.compile(r'^contract_version = ".*"$', re.MULTILINE)
MADE = (
    "`openapi.yaml` is as published, `generated/` is what `nox -s generate` made of it. Only a "
    "person merges this."
)
NO_DECISION = (
    "None is needed: every field has its ruling, every action of the overlay still applies, and "
    "the vendor documents none of our assumptions.\n"
)
OVERLAY = "codegen/overlay.yaml"
ASSUMPTIONS = "codegen/assumptions.yaml"
# The parameters of a test may hold anything; its reason comes after them.
FAILED = re.compile(r"^(?:FAILED|ERROR) ([^\s\[]+)(?:\[.*\])?(?: - (.*))?$", re.MULTILINE)
SHOWN = 25  # tests, which one limit that shrinks can make fail by hundreds
REASONS = 3  # of one test
LONGEST = 20_000  # characters of output in a text for GitHub, which takes 65,536 in all


class Stop(Exception):  # noqa: N818 - a decision is no error
    """End the update without a proposal."""

    def __init__(self, outcome: str, title: str, said: str) -> None:
        super().__init__(title)
        self.outcome, self.title, self.said = outcome, title, said


@dataclass(frozen=True)
class Update:
    """What one update found."""

    digest: str
    date: str
    fetched: str
    breaks: tuple[str, ...]
    waiting: str | None
    contract: str
    released: str
    surface: str
    decisions: str
    failed_tests: str | None
    last: str | None

    @property
    def breaking(self) -> bool:
        """Whether callers of the last release, or of main, may fail."""
        return bool(self.breaks)

    @property
    def verdicts(self) -> list[str]:
        """The labels that say whether callers must act; nobody knows while tests fail."""
        found = ["breaking"] if self.breaking else []
        found += ["tests fail"] if self.failed_tests else []
        return found or ["compatible"]


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", nargs="*", help="a file or an address")
    parser.add_argument("--root", type=Path, default=ROOT, help="the project")
    parser.add_argument("--out", type=Path, help="the folder to write (spec-update)")
    parser.add_argument("--date", help="of the contract, YYYY-MM-DD (today, UTC)")
    parser.add_argument("--tests", nargs="+", default=["tests"], help="which tests to run")
    options = parser.parse_args(argv)
    out = options.out or options.root / "spec-update"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    sources = options.source or os.environ.get("CONTRACT_SOURCES", "").split()
    date = options.date or f"{datetime.now(UTC):%Y-%m-%d}"
    try:
        return take_up(options.root, out, sources, date, options.tests)
    except Stop as stop:
        _say(out, stop.outcome, {"title.txt": stop.title, "body.md": stop.said})
        print(f"spec_update: {stop.title}\n{stop.said}", file=sys.stderr)
        return DECISION if stop.outcome == "decision" else 1


def take_up(root: Path, out: Path, sources: Sequence[str], date: str, tests: Sequence[str]) -> int:
    """Write a proposal, or nothing where the vendor has changed nothing.

    Raises:
        Stop: no proposal is possible; the working tree is as it was.
    """
    if not sources:
        raise Stop("failed", "No contract to fetch", "Name a page, or set CONTRACT_SOURCES.\n")
    try:
        clean = not git(root, "status", "--porcelain", "--", *TOUCHED)
    except ReleaseError as error:
        raise Stop("failed", "No repository to propose to", f"{error}\n") from error
    if not clean:
        raise Stop(
            "failed", "Nothing can be told apart", f"Commit your changes to {CONTRACT} first.\n"
        )
    before = (root / CONTRACT).read_bytes()
    try:
        _, fetched = _step(root, "The contract cannot be fetched", FETCH, *sources)
        if (root / CONTRACT).read_bytes() == before:
            _say(out, "unchanged", {})
            print("the vendor has changed nothing")
            return 0
        update = _make(root, fetched, date, tests)
        _propose(root, out, update)
    except BaseException:
        git(root, "restore", "--staged", "--worktree", "--source=HEAD", "--", *TOUCHED)
        git(root, "clean", "--quiet", "--force", "-d", "--", *TOUCHED)
        raise
    return 0


def _make(root: Path, fetched: str, date: str, tests: Sequence[str]) -> Update:
    """Generate, test and compare."""
    digest = hashlib.sha256((root / CONTRACT).read_bytes()).hexdigest()[:12]
    title = f"Nothing can be generated from the contract {digest}"
    status, said = _step(root, title, "codegen/generate.py", also=DECISION)
    if status == DECISION:
        body = _decision(fetched, said)
        raise Stop("decision", f"The vendor's contract {digest} needs a decision", body)
    code = root / PACKAGE
    stamp = f'contract_version = "{date}+{digest}"'
    code.write_text(STAMP.sub(stamp, code.read_text("utf-8"), count=1), "utf-8")
    last = last_release(root)
    breaks = []
    contract_breaks, contract = _compare(root, "codegen/spec_diff.py", "HEAD")
    breaks += ["the contract on main"] if contract_breaks else []
    released = ""
    if last:
        # Main may have gone a step already that those who pin the release have before them.
        released_breaks, released = _compare(root, "codegen/spec_diff.py", last)
        breaks += [f"the contract of {last}"] if released_breaks else []
    surface_breaks, surface = _compare(root, "codegen/api_diff.py")
    breaks += [f"the public surface of {last}"] if surface_breaks else []
    waiting = sorted((root / FRAGMENTS).glob("*.breaking.*"))
    return Update(
        digest=digest,
        date=date,
        fetched=fetched,
        breaks=tuple(breaks),
        waiting=waiting[0].name if waiting else None,
        contract=contract,
        released=released,
        surface=surface,
        decisions=_decisions(root),
        failed_tests=_failed_tests(root, tests),
        last=last,
    )


def _step(root: Path, title: str, *command: str, also: int = 0) -> tuple[int, str]:
    """Run one of our scripts; an exit status other than 0 and `also` ends the update."""
    status, said = run([sys.executable, *command], root)
    if status not in (0, also):
        raise Stop("failed", title, f"`{command[0]}` says:\n\n{_fenced(said)}")
    return status, said


def _compare(root: Path, *command: str) -> tuple[bool, str]:
    """Run a comparison; return whether something breaks, and its report in Markdown."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch, "report.md")
        told = (*command, "--markdown", str(report))
        status, _ = _step(root, "What changed cannot be compared", *told, also=BREAKING)
        return status == BREAKING, report.read_text("utf-8").strip()


def _decisions(root: Path) -> str:
    """Show what whoever runs this has decided, and not committed yet."""
    made = git(root, "diff", "HEAD", "--", OVERLAY, ASSUMPTIONS)
    files = f"`{OVERLAY}` and `{ASSUMPTIONS}`"
    return f"Made in {files}:\n\n{_fenced(made)}" if made else NO_DECISION


def _failed_tests(root: Path, tests: Sequence[str]) -> str | None:
    """Run the tests on the sources; return what they say if they fail."""
    ignored = ("--ignore=tests/codegen", "--ignore=tests/independent")
    command = [sys.executable, "-m", "pytest", "-q", "-rfE", "--tb=no", *ignored, *tests]
    # In a narrow terminal the reasons would be cut off.
    env = {"PYTHONPATH": os.pathsep.join(["wrapper", "generated"]), "COLUMNS": "300"}
    status, said = run(command, root, env)
    return _summary(said) if status else None


def _summary(said: str) -> str:
    """List the tests that failed, those of one function in one line."""
    reasons: dict[str, list[str]] = {}
    for test, reason in FAILED.findall(said):
        reasons.setdefault(test, []).append(reason)
    if not reasons:
        return said
    lines = [
        f"{test}{f' ({len(found)} times)' if len(found) > 1 else ''}: {_some(found)}"
        for test, found in reasons.items()
    ]
    more = [f"… and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return "\n".join([*lines[:SHOWN], *more, said.strip().splitlines()[-1]])


def _some(reasons: Sequence[str]) -> str:
    """Give the first few, each once: a sentence to change is named by its own."""
    each = list(dict.fromkeys(reasons))
    return "; ".join([*each[:REASONS], *["…"] * (len(each) > REASONS)])


def _propose(root: Path, out: Path, update: Update) -> None:
    """Write the fragment, and all that a pull request needs."""
    kind = "breaking" if update.breaking else "contract"
    fragment = root / FRAGMENTS / f"+contract-{update.digest}.{kind}.md"
    fragment.write_text(_fragment(update), "utf-8")
    git(root, "add", "--all", "--", *TOUCHED)
    output = f"--output={(out / 'changes.patch').resolve()}"
    git(root, "diff", "--cached", "--binary", output, "HEAD", "--", *TOUCHED)
    git(root, "reset", "--quiet", "--", *TOUCHED)
    verdict = ", ".join(update.verdicts)
    _say(
        out,
        "proposal",
        {
            "title.txt": f"Follow the vendor's contract {update.digest} ({verdict})",
            "body.md": body(update),
            "labels.txt": "\n".join(["contract", *update.verdicts]),
            "branch.txt": f"contract/{update.digest}",
        },
    )
    print(f"proposed: {verdict}, see {out}")


def body(update: Update) -> str:
    """Write the text of the pull request."""
    tests = "All tests pass on the generated code."
    if update.failed_tests:
        tests = (
            f"Tests fail, and what they name is to be done here:\n\n{_fenced(update.failed_tests)}"
        )
    parts = [
        f"The vendor's contract has changed: `{update.digest}`, fetched on {update.date}. {MADE}",
        _version(update),
        update.contract,
        *([update.released] if _differs(update) else []),
        f"## Public surface of `caibo`\n\n{update.surface}",
        f"## Decisions\n\n{update.decisions.strip()}",
        f"## Tests\n\n{tests.strip()}",
        f"## Changelog\n\n{_fragment(update).strip()}",
    ]
    return "\n\n".join(parts) + "\n"


def _differs(update: Update) -> bool:
    """Tell whether the last release has more before it than main has."""
    changes, released = (text.partition("\n")[2] for text in (update.contract, update.released))
    return bool(update.released) and changes != released


def _version(update: Update) -> str:
    said = " and ".join(f"**{verdict}**" for verdict in update.verdicts)
    if update.last is None:
        return f"This is {said}. Nothing is released yet, so any version may hold it."
    last = parse(update.last[1:])
    if update.breaking:
        return (
            f"This is {said}: callers of {dotted(last)} may fail. The next version must be "
            f"{dotted(next_breaking(last))} or above. It breaks {' and '.join(update.breaks)}."
        )
    lowest = dotted((last[0], last[1], last[2] + 1))
    if update.waiting:
        lowest = f"{dotted(next_breaking(last))} (as `{FRAGMENTS}/{update.waiting}` breaks callers)"
    if update.failed_tests:
        return (
            f"This is not judged, as {said}: by the contract and the public surface alone {lowest} "
            "or any above could hold it."
        )
    return f"This is {said}: {lowest} or any above may hold it."


def _fragment(update: Update) -> str:
    changes = [line for line in update.contract.splitlines() if line.startswith("- ")]
    listed = "\n".join(["", *changes, ""]) if changes else ""
    return f"The vendor's contract of {update.date} (`{update.digest}`).\n{listed}"


def _decision(fetched: str, said: str) -> str:
    return (
        f"`nox -s generate` stops at the vendor's new contract:\n\n{_fenced(said)}\n"
        f"What has changed:\n\n{_fenced(fetched)}\n"
        f"To go on: write the decision into `{OVERLAY}` and `{ASSUMPTIONS}`, then run "
        "`nox -s spec_update -- SOURCE…`. It leaves the new contract, the code and the text for "
        "the pull request, in which it says what the tests still ask for.\n"
    )


def _fenced(text: str) -> str:
    """Show a text from outside as it is: no links, no mentions, no end of the fence."""
    text = text.strip()
    cut = text if len(text) <= LONGEST else f"…{text[-LONGEST:]}"
    longest = max([2, *(len(ticks) for ticks in re.findall("`+", cut))])
    fence = "`" * (longest + 1)
    return f"{fence}text\n{cut}\n{fence}\n"


def _say(out: Path, outcome: str, texts: dict[str, str]) -> None:
    for name, text in {**texts, "outcome": outcome}.items():
        (out / name).write_text(f"{text.rstrip()}\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
