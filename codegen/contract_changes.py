"""Find what differs between two contracts, and whether that breaks a caller.

Redocly's `diff` compares and judges; https://redocly.com/docs/cli/commands/diff.
It is experimental, so its version is pinned in `noxfile.py`.  Of its verdicts
we correct some, because we know more than a contract says:

- `readOnly` is no remark to us.  It decides whether `update(...)` takes a
  field, so to lose that is breaking; so is `writeOnly`, which takes it from who reads.
- A limit that is widened does not break who reads, as no limit is held against
  what the gateway sends.
- Calls go to the first server, and the generated code is named by the first tag and
  by the parameters of a path.
- A type that is another one, or that an answer has no more, is another one in Python.

`nullable: true` of OpenAPI 3.0 and `type: [..., "null"]` of 3.1 are the same to it
and to us; where it finds no difference in them, none is listed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import fields
from contract_places import METHODS, at
from spec_merge import printable

COMMAND = "REDOCLY"
TIMEOUT = 120
GROUPS = {"major": "Breaking", "minor": "Added or widened", "patch": "Other"}
UPPER = {"maxLength", "maximum", "maxItems", "maxProperties"}
LOWER = {"minLength", "minimum", "minItems", "minProperties"}
LIMITS = UPPER | LOWER | {"pattern", "multipleOf", "uniqueItems"}
KINDS = {"added": "new", "removed": "removed"}
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
    changes = {change for found in _redocly(old, new) for change in _changes(found, new)}
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


def _changes(found: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Give the changes as people name them, which may be several or none."""
    if _says_the_same(found):
        return
    # What is gone is shown where it was; its place in the revision is the parent's.
    after = found.get("revision") or {}
    pointer = (after if "value" in after else found.get("base", after))["pointer"]
    messages = "; ".join(verdict["message"] for verdict in found["verdicts"])
    steps = [_unescaped(step) for step in pointer.split("/")[1:]]
    what = _short(messages or _words(found))
    if found["kind"] == "added":
        # Never cut: it is what callers of `extra=` have to know.  The tool looks through a `$ref`.
        with suppress(LookupError):
            what += fields.adopted(_where(steps), at(new, steps))
    if found["kind"] in KINDS and steps[:1] == ["paths"] and len(steps) in {2, 3}:
        item = _item(found, steps)
        if methods := [method for method in METHODS if method in item]:
            for method in methods:
                where = f"{method.upper()} {steps[1]}"
                yield Change(_impact(found, steps), _short(where), KINDS[found["kind"]])
            return
    yield Change(_impact(found, steps), _short(_where(steps)), what)


def _item(found: Mapping[str, Any], steps: Sequence[str]) -> Mapping[str, Any]:
    """Give the operations that came or went, a path with all of its own."""
    before, after = _sides(found)
    value = after if found["kind"] == "added" else before
    if steps[2:]:
        return {steps[2]: value}
    return value if isinstance(value, Mapping) else {}


def _says_the_same(found: Mapping[str, Any]) -> bool:
    """Tell whether only the words for null, or the order of types, are others."""
    if found["verdicts"] or found.get("property") not in {"nullable", "type"}:
        return False
    return found["property"] == "nullable" or _types(found) == (set(), set())


def _types(found: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    """Give which types went and which came, null aside."""
    before, after = (
        set(side if isinstance(side, list) else [side]) - {"null", None} for side in _sides(found)
    )
    return before - after, after - before


def _impact(found: Mapping[str, Any], steps: Sequence[str]) -> str:
    before, after = _sides(found)
    name = found.get("property")
    if name in {"readOnly", "writeOnly"}:
        return "major" if after and not before else "minor"
    if name in LIMITS and _is_wider(name, before, after):
        return "minor"
    if _renames(found, steps) or name == "type":
        return "major"
    return str(found["impact"])


def _renames(found: Mapping[str, Any], steps: Sequence[str]) -> bool:
    """Tell whether calls go elsewhere, or generated code has another name or type."""
    before, after = _sides(found)
    match found.get("property"):
        case "key":
            return True
        case "tags":
            return list(before or [])[:1] != list(after or [])[:1]
        case None:
            first = list(steps) == ["servers", "0"]
            answer = "responses" in steps and steps[-1] == "schema"
            return first or (answer and found["kind"] == "removed")
    return False


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


def _where(names: Sequence[str]) -> str:
    """Turn the steps of a JSON pointer into `PUT /customers/{id} responses` or `Client.phone`."""
    if names[:1] == ["paths"] and len(names) > 1:
        if names[2:] and names[2] in METHODS:
            return " ".join([names[2].upper(), names[1], *names[3:]])
        return " ".join(names[1:])
    if names[:2] == ["components", "schemas"]:
        return ".".join(name for name in names[2:] if name != "properties")
    return ".".join(names)


def _unescaped(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")


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
