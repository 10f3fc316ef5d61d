"""Compare two versions of the contract, as it is after our overlay.

    nox -s spec_diff                   the last tag with the working tree
    nox -s spec_diff -- OLD            a version with the working tree
    nox -s spec_diff -- OLD NEW        two versions

A version is a git revision (its packaged contract is taken), a folder with
`openapi.yaml` and `codegen/overlay.yaml` (the overlay is applied anew) or an
OpenAPI file (taken as it is).

Exit status: 0 nothing has changed or all is compatible; 3 a change is breaking;
4 the overlay needs a decision first; 1 there is nothing to compare.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contract_changes import Change, DiffError, compare, report
from documents import DocumentError, load
from generate import DECISION, PACKAGE, DecisionNeeded, GenerationError, effective_contract

ROOT = Path(__file__).parents[1]
BREAKING = 3
VERDICTS = {True: "breaking", False: "compatible"}


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", nargs="?", help="the version before (the last tag)")
    parser.add_argument("new", nargs="?", help="the version after (the working tree)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the list there, too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="and for machines there")
    parser.add_argument("--root", type=Path, default=ROOT, help="the project")
    options = parser.parse_args(argv)
    try:
        old = options.old or _last_tag(options.root)
        before, after = _contract(old, options.root), _contract(options.new, options.root)
        changes = compare(before, after)
        title = f"{old} → {options.new or 'the working tree'}"
        _write(options, title, changes)
    except DecisionNeeded as error:
        print(f"spec_diff: {error}", file=sys.stderr)
        return DECISION
    except (DiffError, GenerationError) as error:
        print(f"spec_diff: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"spec_diff: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    return BREAKING if any(change.breaking for change in changes) else 0


def _write(options: argparse.Namespace, title: str, changes: list[Change]) -> None:
    if options.markdown:
        options.markdown.write_text(report(title, changes, markdown=True), "utf-8")
    if options.json:
        breaking = any(change.breaking for change in changes)
        found = {
            "verdict": VERDICTS[breaking] if changes else "unchanged",
            "changes": [change.as_json() for change in changes],
        }
        options.json.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    print(report(title, changes), end="")


def _last_tag(root: Path) -> str:
    """Name the last tag before the working tree, or its commit where there is none."""
    done = _git(root, "describe", "--tags", "--abbrev=0")
    if done.returncode == 0:
        return done.stdout.strip()
    print("spec_diff: there is no tag, so the last commit is compared", file=sys.stderr)
    return "HEAD"


def _contract(version: str | None, root: Path) -> dict[str, Any]:
    """Give the contract of a version; a path that exists wins over a revision of its name."""
    if version is None:
        return effective_contract(root)
    path = Path(version)
    if path.is_dir():
        return effective_contract(path)
    if path.is_file():
        return _mapping(version, path.read_bytes())
    name = (PACKAGE / "openapi.json").as_posix()
    known = _git(
        root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{version}^{{commit}}"
    )
    if known.returncode:
        raise DiffError(f"{version!r} is neither a path nor a git revision")
    shown = _git(root, "show", f"{known.stdout.strip()}:{name}")
    if shown.returncode:
        raise DiffError(f"{version} has no {name}")
    return _mapping(f"{name} of {version}", shown.stdout.encode())


def _mapping(name: str, data: bytes) -> dict[str, Any]:
    try:
        document = load(data.decode("utf-8-sig"))
    except (DocumentError, UnicodeDecodeError) as error:
        raise DiffError(f"{name}: {error}") from error
    if not isinstance(document, Mapping) or "openapi" not in document:
        raise DiffError(f"{name}: no OpenAPI document")
    return dict(document)


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "-C", str(root), *arguments],
        capture_output=True,
        check=False,
        encoding="utf-8",
    )


if __name__ == "__main__":
    sys.exit(main())
