"""docs/architecture.md and CONTRIBUTING.md name the files that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CAIBO = ROOT / "wrapper" / "caibo"
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
PICTURE = ARCHITECTURE.partition("## One trip")[0]
ROOMS = ["_write", "_wire", "_record"]


@pytest.mark.parametrize("room", ROOMS)
def test_the_picture_has_every_module_of_a_room(room: str) -> None:
    """A new one is put in where it belongs."""
    [drawn] = re.findall(rf"│ {room}/ (.*?)├", PICTURE, re.DOTALL)
    modules = {path.stem for path in (CAIBO / room).glob("[!_]*.py")}

    words = set(re.findall(r"\w+", drawn))

    assert modules <= words, f"docs/architecture.md: the picture lacks {modules - words}"


def test_the_picture_has_every_other_module() -> None:
    """The optional rooms too."""
    modules = [path.name for path in CAIBO.glob("*.py")]

    assert [name for name in modules if name not in PICTURE] == []


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md", "docs/decisions.md"])
def test_a_file_that_is_named_is_there(page: str) -> None:
    """Whoever follows a page finds what it speaks of."""
    text = (ROOT / page).read_text("utf-8")
    named = set(re.findall(r"(?:_write|_wire|_record|testing)/\w+\.py", text))

    assert [name for name in sorted(named) if not (CAIBO / name).exists()] == []
