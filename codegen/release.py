"""Make a release: check the version, write the changelog, commit, tag; push nothing.

    nox -s release -- 0.2.0              the next release
    nox -s release -- 0.2.0 --dry-run    show what it would be
    nox -s release -- --notes v0.2.0     print what the changelog says of a release
    nox -s release -- --verify v0.2.0    what a workflow asks before it publishes a tag

Everything is made in a second working tree, and taken over at the end in one
step: a release that fails leaves nothing behind.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from api_diff import (
    LINE,
    PACKAGE,
    ROOT,
    UNWARNED,
    ReleaseError,
    breaks_since,
    dotted,
    git,
    last_release,
    next_breaking,
    parse,
    says_break,
    version_in,
)

BREAKING = 3  # the exit status of spec_diff.py
CHANGELOG = "CHANGELOG.md"
FRAGMENTS = "changelog.d"
NEXT = "\n  "


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("version", nargs="?", help="the version to release, X.Y.Z")
    parser.add_argument("--dry-run", action="store_true", help="show the release, keep nothing")
    parser.add_argument("--branch", default="main", help="where releases are made")
    parser.add_argument("--date", help="of the release, YYYY-MM-DD (today, UTC)")
    parser.add_argument("--notes", metavar="TAG", help="print a release's section instead")
    parser.add_argument("--verify", metavar="TAG", help="check a tag, then print its section")
    parser.add_argument("--output", type=Path, help="write the section to this file, too")
    parser.add_argument("--root", type=Path, default=ROOT, help="the project")
    options = parser.parse_args(argv)
    try:
        if options.notes or options.verify:
            if options.verify:
                verify(options.root, options.verify, options.branch)
            text = notes(options.root, options.notes or options.verify)
            if options.output:
                options.output.write_text(text, "utf-8")
            print(text, end="")
        elif options.version:
            check(options.root, options.version, options.branch)
            date = options.date or f"{datetime.now(UTC):%Y-%m-%d}"
            release(options.root, options.version, date, dry_run=options.dry_run)
        else:
            parser.error("a version, --notes or --verify is needed")
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


def check(root: Path, version: str, branch: str) -> None:
    """Refuse what cannot be released, or not under this version."""
    new, now = parse(version), parse(version_in(root))
    last = last_release(root)
    if changed := git(root, "status", "--porcelain"):
        raise ReleaseError(f"commit or remove what is not committed:\n{changed}")
    here = git(root, "rev-parse", "--abbrev-ref", "HEAD")
    if here != branch:
        raise ReleaseError(f"releases are made on {branch}, and this is {here}")
    if git(root, "tag", "--list", f"v{version}"):
        raise ReleaseError(f"the tag v{version} is there already")
    if last and new <= parse(last[1:]):
        raise ReleaseError(f"{version} does not follow {last[1:]}")
    if new < now:
        raise ReleaseError(f"the code says {dotted(now)} already, which {version} is below")
    changelog = (root / CHANGELOG).read_text("utf-8")
    if f"\n## {version} " in changelog:
        if _fragments(root) or _by_hand(version) not in changelog:
            raise ReleaseError(
                f"{CHANGELOG} has a section {version} already: turn its lines into fragments"
            )
    elif not _fragments(root):
        raise ReleaseError(f"{FRAGMENTS}/ says nothing of this release: add a fragment")
    if last:
        _check_breaks(root, version, last)


def _check_breaks(root: Path, version: str, last: str) -> None:
    """Hold the version against what breaks since the last release."""
    surface = breaks_since(root, last)
    if unwarned := [line for line in surface if line.endswith(UNWARNED)]:
        raise ReleaseError(
            "bring back what goes, with a DeprecationWarning that names it, and remove it one "
            f"minor version later:{''.join(f'{NEXT}{line}' for line in unwarned)}"
        )
    reasons = [f"public surface: {line}" for line in surface]
    reasons += [
        f"{FRAGMENTS}/{path.name} says so" for path in _fragments(root) if ".breaking." in path.name
    ]
    reasons += [f"contract: {line}" for line in contract_breaks(root, last)]
    if reasons and not says_break(parse(version), parse(last[1:])):
        lines = "".join(f"{NEXT}{reason}" for reason in reasons)
        raise ReleaseError(
            f"{version} hides from those who pin {last[1:]} that something breaks; make it "
            f"{dotted(next_breaking(parse(last[1:])))}:{lines}"
        )


def verify(root: Path, tag: str, branch: str) -> None:
    """Refuse a tag that `release` did not make, or that was made on something else.

    Raises:
        ReleaseError: It says what is wrong with the tag.
    """
    version = tag.removeprefix("v")
    new = parse(version)
    if tag != f"v{dotted(new)}" or not git(root, "tag", "--list", tag):
        raise ReleaseError(f"{tag!r} is no tag of a release: vX.Y.Z")
    commit = git(root, "rev-parse", f"{tag}^{{commit}}")
    if commit != git(root, "rev-parse", "HEAD"):
        raise ReleaseError(f"{tag} is on another commit than the one that is checked out")
    if git(root, "rev-list", "--count", f"{branch}..{commit}") != "0":
        raise ReleaseError(f"{tag} is not on {branch}, where nobody has reviewed it")
    section = notes(root, tag)  # it must equal the version in the code, and have its section
    if left := _fragments(root):
        raise ReleaseError(f"{left[0].name} was not taken into the changelog of {tag}")
    if last := last_release(root, but=tag):
        if new <= parse(last[1:]):
            raise ReleaseError(f"{version} does not follow {last[1:]}")
        if "### Breaking\n" in section and not says_break(new, parse(last[1:])):
            raise ReleaseError(f"the changelog of {tag} says what breaks, and its number does not")
        _check_breaks(root, version, last)


def contract_breaks(root: Path, last: str) -> list[str]:
    """Return what spec_diff says if the contract breaks callers since a release."""
    status, said = run([sys.executable, "codegen/spec_diff.py", last], root)
    if status not in (0, BREAKING):
        raise ReleaseError(f"the contracts cannot be compared: {said.strip()}")
    return said.strip().splitlines() if status == BREAKING else []


def run(command: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run a command; return its exit status and all that it printed."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return done.returncode, done.stdout


def release(root: Path, version: str, date: str, *, dry_run: bool) -> None:
    """Commit and tag the release, or show the commit that it would be."""
    tag = f"v{version}"
    with _second_tree(root) as tree:
        _write(tree, version, date)
        git(tree, "add", "--all")
        git(tree, "commit", "--quiet", "--message", f"Release {version}")
        if dry_run:
            print(git(tree, "show", "--stat", "--patch", "HEAD"))
            return
        commit = git(tree, "rev-parse", "HEAD")
        git(tree, "tag", "--annotate", tag, "--message", notes(tree, tag))
        try:
            git(root, "merge", "--quiet", "--ff-only", commit)
        except BaseException:
            git(root, "tag", "--delete", tag)
            raise
    print(f"{version} is committed and tagged; publish it with `git push --follow-tags`")


def _write(tree: Path, version: str, date: str) -> None:
    """Turn the fragments into a section, or date the one that is there, and set the version."""
    changelog = tree / CHANGELOG
    if _fragments(tree):
        _build(tree, version, date)
    else:
        text = changelog.read_text("utf-8")
        changelog.write_text(text.replace(_by_hand(version), f"## {version} ({date})\n"), "utf-8")
    code = tree / PACKAGE
    text = code.read_text("utf-8")
    code.write_text(LINE.sub(f'__version__ = "{version}"', text, count=1), "utf-8")


def _by_hand(version: str) -> str:
    """Return the heading of a section that somebody wrote, as the first release's."""
    return f"## {version} (unreleased)\n"


def _build(tree: Path, version: str, date: str) -> None:
    command = [sys.executable, "-m", "towncrier", "build", "--yes"]
    status, said = run([*command, "--version", version, "--date", date], tree)
    if status:
        raise ReleaseError(f"towncrier failed:\n{said}")
    if left := _fragments(tree):  # which it does without a word
        names = ", ".join(path.name for path in left)
        raise ReleaseError(f"towncrier takes no {names}: name it ISSUE.TYPE.md or +words.TYPE.md")


@contextmanager
def _second_tree(root: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="release-") as scratch:
        tree = Path(scratch, "tree")
        git(root, "worktree", "add", "--quiet", "--detach", str(tree), "HEAD")
        try:
            yield tree
        finally:
            git(root, "worktree", "remove", "--force", str(tree))


def notes(root: Path, tag: str) -> str:
    """Return the section of the changelog for a release that the code is at."""
    version = tag.removeprefix("v")
    if version != version_in(root):
        raise ReleaseError(f"the tag {tag} is on a commit whose code says {version_in(root)}")
    _, found, rest = (root / CHANGELOG).read_text("utf-8").partition(f"\n## {version} ")
    if not found:
        raise ReleaseError(f"{CHANGELOG} has no section {version}")
    _, _, body = rest.partition("\n")
    section, _, _ = body.partition("\n## ")
    return f"{section.strip()}\n"


def _fragments(root: Path) -> list[Path]:
    return sorted(path for path in (root / FRAGMENTS).glob("*.md") if path.name != "README.md")


if __name__ == "__main__":
    sys.exit(main())
