"""docs/testing.md: its applications and their tests, run as a reader would run them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

PAGE = (Path(__file__).parents[1] / "docs" / "testing.md").read_text("utf-8")
FILES = dict(re.findall(r"(?ms)^```python\n# (\w+\.py)\n(.*?)^```$", PAGE))
TESTS = [name for name in FILES if name.startswith("test_")]


def test_the_tests_on_the_page_pass(pytester: pytest.Pytester) -> None:
    """All of them in one go, as whoever copies them runs them, without a warning."""
    for file, text in FILES.items():
        pytester.path.joinpath(file).write_text(text, "utf-8")
    expected = sum(FILES[name].count("\ndef test_") for name in TESTS)

    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist", "-W", "error")

    result.assert_outcomes(passed=expected)


def test_both_ways_test_the_same() -> None:
    """So that a reader compares what is comparable."""
    of_the_kit, of_respx = (
        re.findall(r"(?m)^def (test_\w+)", FILES[name])
        for name in ("test_contacts.py", "test_contacts_respx.py")
    )

    assert of_the_kit == of_respx


def test_thirty_lines_are_thirty() -> None:
    """Blank ones aside."""
    lines = [line for line in FILES["test_contacts.py"].splitlines() if line.strip()]

    assert len(lines) <= 30
