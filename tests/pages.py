"""What README.md and docs/ consist of, for the tests that hold them to the code."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs").rglob("*.md"))]
PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", *DOCS]


def page(name: str) -> str:
    """Read a page."""
    return (ROOT / name).read_text("utf-8")


def section(name: str, heading: str) -> str:
    """Cut out what stands under a heading of the second level."""
    [found] = re.findall(
        rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", page(name), re.MULTILINE | re.DOTALL
    )
    return str(found)


def rows(text: str) -> list[list[str]]:
    """Read the cells of a text's tables, without their headings."""
    found: list[list[str]] = []
    for table in re.findall(r"(?m)(?:^\|.*\n)+", f"{text}\n"):
        lines = table.splitlines()[2:]
        found += [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return found


def named(cell: str) -> list[str]:
    """List what stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def blocks(name: str) -> list[tuple[str, str, int]]:
    """Give the language, the text and the first line's number of each block of a page."""
    text = page(name)
    return [
        (match[1], match[2], text.count("\n", 0, match.start(2)) + 1)
        for match in re.finditer(r"(?ms)^```(\S*)\n(.*?)^```$", text)
    ]


def promised(block: str) -> list[str]:
    """List what a block says that it prints: beside each `print`, or in lines of their own."""
    return re.findall(r"(?m)^(?: *print\(.*\)  )?# (.+)$", block)
