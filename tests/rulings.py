"""Write what a decision asks for, as a maintainer does who reads it and pastes its lines."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import alarm
from projects import replace

NAMED = re.compile(r"overlay action (\"[^\"]*\"|'[^']*')")
WORDS = {"label": "assumption", "description": "a test", "says": "a test"}
READ = "$.paths['/customers/{id}']"


def rule(project: Path, *decisions: str, choice: int = 0) -> None:
    """Write the lines that decisions ask for, as somebody would who pastes them.

    Where a decision offers some, parted by "or", the `choice` is taken.
    """
    for decision in decisions:
        if "selects nothing" in decision:
            withdraw(project, ast.literal_eval(NAMED.findall(decision)[0]))
        elif "adds get, which the contract now says itself" in decision:
            withdraw(project, READ)
        elif f"under {alarm.EXPECTED}:" in decision:
            expect(project, decision)
        elif "has `nullable`" in decision:
            say_null(project, decision)
        offered = decision.split("\n  or\n")
        chosen = offered[min(choice, len(offered) - 1)]
        actions, _, entries = chosen.partition(f"and to {alarm.ASSUMPTIONS}")
        _paste(project / alarm.OVERLAY, actions)
        _paste(project / alarm.ASSUMPTIONS, entries, dent="")


def _paste(path: Path, said: str, dent: str = "  ") -> None:
    for line in re.findall(r"^    (- .*)$", said, re.MULTILINE):
        text = path.read_text("utf-8")
        filled = line.replace('id: "…"', f"id: test-{len(text)}")
        for name, value in WORDS.items():
            filled = filled.replace(f'{name}: "…"', f"{name}: {value}")
        path.write_text(f"{text}{dent}{filled}\n", "utf-8")


def withdraw(project: Path, target: str) -> None:
    """Take the actions on a target out of the overlay, and out of what is assumed."""
    overlay, assumed = project / alarm.OVERLAY, project / alarm.ASSUMPTIONS
    # A comment belongs to the action that comes after it.
    head, *actions = re.split(r"(?m)^(?=(?:\n|  #.*\n)*  - )", overlay.read_text("utf-8"))
    kept = [one for one in actions if f"- target: {target}\n" not in one]
    assert len(kept) < len(actions)
    overlay.write_text("".join([head, *kept]), "utf-8")
    head, *entries = re.split(r"(?m)^(?=- )", assumed.read_text("utf-8"))
    entries = [entry.replace(f"    - {target}\n", "") for entry in entries]
    kept = [entry for entry in entries if not re.search(r"(?m)^  touches:\n(?!    -)", entry)]
    assumed.write_text("".join([head, *kept]), "utf-8")


def expect(project: Path, decision: str) -> None:
    """Say that another version of OpenAPI, or other servers, are meant."""
    name, value = decision.splitlines()[-1].strip().split(": ", 1)
    path = project / alarm.OVERLAY
    text = path.read_text("utf-8")
    [said] = re.findall(rf"(?m)^  {name}:.*\n(?:    - .*\n)*", text)
    path.write_text(text.replace(said, f"  {name}: {value}\n"), "utf-8")


def say_null(project: Path, decision: str) -> None:
    """Say in the words of OpenAPI 3.1 that a value may be null."""
    path = project / alarm.OVERLAY
    steps = decision.split(maxsplit=1)[0]
    name = steps.rpartition(".")[2]
    [kind] = re.findall(r'type: \[(\w+), "null"\]', decision)
    if f"- target: {steps}\n" in path.read_text("utf-8"):
        head, target, rest = path.read_text("utf-8").partition(f"- target: {steps}\n")
        rest = rest.replace("    update:", f"    x-replaces: {{type: {kind}}}\n    update:", 1)
        rest = rest.replace("nullable: true", f'type: [{kind}, "null"]', 1)
        path.write_text(f"{head}{target}{rest}", "utf-8")
        return
    [member] = re.findall(rf"(?m)^ +{name}:\n(?: {{12}}.*\n)+", path.read_text("utf-8"))
    said = member.replace("            nullable: true\n", "")
    replace(path, member, said.replace(f"type: {kind}", f'type: [{kind}, "null"]'))
