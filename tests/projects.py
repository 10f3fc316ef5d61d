"""A copy of this project under git, to play releases and updates of the contract in."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*", "dist", "tests")

Edit = Callable[[str, str, str], None]


def git(root: Path, *arguments: str) -> str:
    """Run git and return what it says."""
    done = subprocess.run(["git", *arguments], cwd=root, text=True, capture_output=True, check=True)
    return done.stdout.strip()


def commit(root: Path) -> None:
    """Commit everything."""
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "A state")


def copy(root: Path) -> None:
    """Make a repository of the project as it is, on the branch main, without a release.

    What waits for the next release is left out: a test brings its own.
    """
    shutil.copytree(ROOT, root, ignore=LEFT_OUT)
    for fragment in (root / "changelog.d").glob("[!R]*"):
        fragment.unlink()
    for name in (".gitignore", ".gitattributes"):
        shutil.copy(ROOT / name, root)
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "config", "user.name", "Test")
    git(root, "config", "user.email", "test@example.com")
    commit(root)


def copy_contract(root: Path) -> None:
    """Copy what the generation reads, and what it made."""
    (root / "docs").mkdir()
    for name in ("openapi.yaml", "docs/assumptions.md", "docs/verbs.md"):
        shutil.copy(ROOT / name, root / name)
    for folder in ("codegen", "generated/caibo_api"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "wrapper/caibo/_record").mkdir(parents=True)
    fields = "wrapper/caibo/_record/customer_fields.py"
    shutil.copy(ROOT / fields, root / fields)


def replace(path: Path, old: str, new: str) -> None:
    """Replace text that must be there."""
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
