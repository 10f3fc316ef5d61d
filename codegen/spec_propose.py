"""Open a pull request or an issue from what `spec_update.py` wrote; needs git and GitHub's `gh`.

    python codegen/spec_propose.py pull-request FOLDER
    python codegen/spec_propose.py issue FOLDER

Runs with the right to write, so it runs nothing of what the vendor published: it
takes texts and a patch, and hands over names of our own making only.  It merges
nothing.  What is proposed is not proposed again while that is open, nor on the same
contract of ours where somebody has said no to it; a contract that comes back after
others had their time is.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

BRANCH = re.compile(r"contract/[0-9a-f]{12}")
BASE = "main"
CONTRACT = "openapi.yaml"
TOUCHED = re.compile(
    r"openapi\.yaml|generated/caibo_api/.+|wrapper/caibo/_version\.py|changelog\.d/[^/]+\.md"
)
ROBOT = (
    *("-c", "user.name=github-actions[bot]"),
    *("-c", "user.email=41898282+github-actions[bot]@users.noreply.github.com"),
)
LABELS = {
    "contract": "0e8a16",
    "breaking": "b60205",
    "compatible": "c2e0c6",
    "tests fail": "fbca04",
    "contract decision": "d93f0b",
}
QUESTION = "contract decision"


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["pull-request", "issue"])
    parser.add_argument("folder", type=Path, help="what spec_update.py wrote")
    options = parser.parse_args(argv)
    folder = options.folder.resolve()
    try:
        if options.what == "issue":
            ask(folder)
        else:
            propose(folder)
    except (ProposalError, OSError) as error:
        print(f"spec_propose: {error}", file=sys.stderr)
        return 1
    return 0


class ProposalError(Exception):
    """Say what git or gh could not do."""


def propose(folder: Path) -> None:
    """Commit the patch on a branch of its own, push it, open the pull request, start CI."""
    branch = _line(folder / "branch.txt")
    labels = (folder / "labels.txt").read_text("utf-8").splitlines()
    if not BRANCH.fullmatch(branch) or not LABELS.keys() >= set(labels):
        raise ProposalError("branch.txt or labels.txt is not what spec_update.py writes")
    base = f"<!-- proposed on the contract {_digest(Path(CONTRACT))} -->"
    if found := _proposed(branch, base):
        print(f"{branch} was proposed before: {found}")
        return
    title = _line(folder / "title.txt")
    text = folder / "body.md"
    text.write_text(f"{text.read_text('utf-8').rstrip()}\n\n{base}\n", "utf-8")
    _run("git", "switch", "--quiet", "--force-create", branch)
    _run("git", "apply", "--index", str(folder / "changes.patch"))
    for name in _run("git", "diff", "--cached", "--name-only", "HEAD").splitlines():
        if not TOUCHED.fullmatch(name):
            raise ProposalError(f"changes.patch changes {name}, which no update does")
    _run("git", *ROBOT, "commit", "--quiet", "--message", title)
    _run("gh", "auth", "setup-git")
    # A branch without a pull request is left over from a run that failed here.
    _run("git", "push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{branch}")
    named = [option for label in labels for option in ("--label", _labelled(label))]
    texts = ("--title", title, "--body-file", str(folder / "body.md"))
    print(_run("gh", "pr", "create", "--base", BASE, "--head", branch, *texts, *named))
    # What a workflow pushes starts no other one by itself.
    _run("gh", "workflow", "run", "ci.yml", "--ref", branch)


def _proposed(branch: str, base: str) -> str | None:
    """Give the address of a pull request that is the same, if it is open or was refused here."""
    # A fork may have a branch of any name, and as many pull requests as it likes.
    listed = ("--head", branch, "--state", "all", "--limit", "1000")
    fields = ("--json", "state,isCrossRepository,body,url")
    for found in json.loads(_run("gh", "pr", "list", *listed, *fields) or "[]"):
        refused = found["state"] == "CLOSED" and found["body"].rstrip().endswith(base)
        if not found["isCrossRepository"] and (found["state"] == "OPEN" or refused):
            return str(found["url"])
    return None


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def ask(folder: Path) -> None:
    """Open the issue that says what a person has to do, or renew the one that is open."""
    texts = ("--title", _line(folder / "title.txt"), "--body-file", str(folder / "body.md"))
    label = _labelled(QUESTION)
    listed = ("--label", label, "--state", "open", "--json", "number", "--jq", ".[0].number")
    found = _run("gh", "issue", "list", *listed)
    if found.isdecimal():
        print(_run("gh", "issue", "edit", found, *texts))
    else:
        print(_run("gh", "issue", "create", *texts, "--label", label))


def _labelled(label: str) -> str:
    _run("gh", "label", "create", label, "--force", "--color", LABELS[label])
    return label


def _line(path: Path) -> str:
    return path.read_text("utf-8").strip()


def _run(*command: str) -> str:
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    if done.returncode:
        raise ProposalError(f"{' '.join(command[:3])}: {(done.stderr or done.stdout).strip()}")
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
