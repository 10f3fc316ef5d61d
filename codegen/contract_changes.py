"""Find what differs between two contracts, and whether that breaks a caller.

Redocly's `diff` compares and judges; https://redocly.com/docs/cli/commands/diff.
It is experimental, so its version is pinned in `noxfile.py`.  Of its verdicts
we correct two, because we know more than a contract says:

- `readOnly` is no remark to us.  It decides whether `update(...)` takes a
  field, so to lose that is breaking.
- A limit that is widened does not break who reads, as no limit is held against
  what the gateway sends.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from contract_places import METHODS
from spec_merge import printable

COMMAND = "REDOCLY"
TIMEOUT = 120
GROUPS = {"major": "Breaking", "minor": "Added or widened", "patch": "Other"}
UPPER = {"maxLength", "maximum", "maxItems", "maxProperties"}
LOWER = {"minLength", "minimum", "minItems", "minProperties"}
LIMITS = UPPER | LOWER | {"pattern", "multipleOf", "uniqueItems"}
LONGEST = 300
QUIET = {
    "REDOCLY_TELEMETRY": "off",
    "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
    "REDOCLY_SUPPRESS_NOTIFICATIONS": "true",
}


class DiffError(Exception):
    """Say why two contracts cannot be compared."""


@dataclass(frozen=True)
class Change:
    """One change: `impact` is the part of a version that it asks to raise."""

    impact: str
    where: str
    what: str

    @property
    def breaking(self) -> bool:
        """Whether a caller that worked before may fail."""
        return self.impact == "major"

    def as_json(self) -> dict[str, str]:
        """Give the change as a JSON object."""
        return asdict(self)


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """List the changes, the breaking ones first.

    Raises:
        DiffError: Redocly is not there, or cannot compare the two.
    """
    changes = {_change(found) for found in _redocly(old, new)}
    ranks = list(GROUPS)
    return sorted(
        changes, key=lambda change: (ranks.index(change.impact), change.where, change.what)
    )


def _redocly(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, Any]]:
    command = os.environ.get(COMMAND) or shutil.which("redocly")
    if command is None:
        raise DiffError(f"Redocly CLI is needed: `nox -s spec_diff` installs it, or set {COMMAND}")
    # A folder of its own, so that no configuration is picked up on the way.
    with tempfile.TemporaryDirectory(prefix="spec-diff-") as folder:
        for name, contract in [("old.json", old), ("new.json", new)]:
            Path(folder, name).write_text(json.dumps(contract), "utf-8")
        try:
            done = subprocess.run(
                [
                    *(str(Path(command).absolute()), "diff", "old.json", "new.json"),
                    *("--format", "json", "--fail-on", "none", "--lint-config", "off"),
                ],
                cwd=folder,
                env={**os.environ, **QUIET},
                capture_output=True,
                check=False,
                encoding="utf-8",
                timeout=TIMEOUT,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise DiffError(f"Redocly CLI does not run: {error}") from error
    try:
        found = json.loads(done.stdout)
    except json.JSONDecodeError:
        found = {}
    if done.returncode or found.get("reportVersion") != "1":
        said = " ".join((done.stderr or done.stdout).split())
        raise DiffError(f"Redocly CLI has no report that we can read: {said[-LONGEST:]}")
    changes: list[dict[str, Any]] = found["changes"]
    return changes


def _change(found: Mapping[str, Any]) -> Change:
    # What is gone is shown where it was; its place in the revision is the parent's.
    after = found.get("revision") or {}
    pointer = (after if "value" in after else found.get("base", after))["pointer"]
    messages = "; ".join(verdict["message"] for verdict in found["verdicts"])
    return Change(_impact(found), _short(_where(pointer)), _short(messages or _words(found)))


def _impact(found: Mapping[str, Any]) -> str:
    before, after = _sides(found)
    name = found.get("property")
    if name == "readOnly":
        return "major" if after and not before else "minor"
    if name in LIMITS and _is_wider(name, before, after):
        return "minor"
    return str(found["impact"])


def _is_wider(name: str, before: Any, after: Any) -> bool:
    if after is None:
        return True
    if before is None:
        return False
    return (name in UPPER and after > before) or (name in LOWER and after < before)


def _sides(found: Mapping[str, Any]) -> tuple[Any, Any]:
    return (found.get("base") or {}).get("value"), (found.get("revision") or {}).get("value")


def _words(found: Mapping[str, Any]) -> str:
    """Say what the tool has no words for."""
    if "property" not in found:
        return str(found["kind"])
    before, after = (json.dumps(side, ensure_ascii=False) for side in _sides(found))
    return f"{found['property']}: {before} → {after}"


def _where(pointer: str) -> str:
    """Turn a JSON pointer into `PUT /customers/{id} responses 404` or `Client.phone`."""
    names = [name.replace("~1", "/").replace("~0", "~") for name in pointer.split("/")[1:]]
    if names[:1] == ["paths"] and len(names) > 1:
        if names[2:] and names[2] in METHODS:
            return " ".join([names[2].upper(), names[1], *names[3:]])
        return " ".join(names[1:])
    if names[:2] == ["components", "schemas"]:
        return ".".join(name for name in names[2:] if name != "properties")
    return ".".join(names)


def _short(text: str) -> str:
    line = printable(" ".join(text.split()))
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def report(title: str, changes: Sequence[Change], *, markdown: bool = False) -> str:
    """Write the changes for people, as text or as Markdown for a pull request."""
    return "\n".join(_lines(title, changes, markdown=markdown)) + "\n"


def _lines(title: str, changes: Sequence[Change], *, markdown: bool) -> Iterator[str]:
    quote = _code if markdown else str
    yield f"{'## ' if markdown else ''}Contract: {quote(title)}"
    yield ""
    if not changes:
        yield "Nothing has changed."
        return
    breaking = sum(change.breaking for change in changes)
    yield f"{breaking or 'None'} of {len(changes)} changes breaking."
    for impact, heading in GROUPS.items():
        group = [change for change in changes if change.impact == impact]
        if group:
            yield ""
            yield f"{'### ' if markdown else ''}{heading} ({len(group)})"
            yield ""
        for change in group:
            yield f"- {quote(change.where)}: {quote(change.what)}"


def _code(text: str) -> str:
    """Show a text as code, in which names from outside cannot become links or mentions."""
    return f"`{text.replace('`', chr(39))}`"
