"""Read `assumptions.yaml`, hold it against the overlay, and give the forms it is shipped in."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import documents

LABELS = ("contradiction", "assumption", "documented elsewhere")
BEHAVIOUR = "behaviour"
BEGIN = (
    "<!-- Made of codegen/assumptions.yaml by `nox -s generate`, down to the next such line. -->"
)
END = "<!-- End of what is made of codegen/assumptions.yaml. -->"
SOURCE = "codegen/assumptions.yaml"
_NEEDED = {"id", "says", "label", "touches"}
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_VERSION = re.compile(r"\d+\.\d+\.\d+")

Entry = Mapping[str, Any]


def problems(entries: object, actions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Say what is wrong with the entries, and which action of the overlay rests on none.

    Args:
        entries: what the file holds.
        actions: the overlay's, each with a `target` and an `x-label`.
    """
    if not isinstance(entries, list):
        yield f"- {SOURCE} holds no list"
        return
    labels = {(action["target"], action["x-label"]) for action in actions}
    targets = {target for target, _ in labels}
    ids: set[str] = set()
    touched: set[tuple[str, str]] = set()
    for number, entry in enumerate(entries, start=1):
        wrong = list(_wrong(entry, ids))
        if wrong:
            shown = entry.get("id", number) if isinstance(entry, Mapping) else number
            yield f"- {SOURCE}, entry {shown!r}: {'; '.join(wrong)}"
            continue
        ids.add(entry["id"])
        label = entry["label"]
        for target in [] if entry["touches"] == BEHAVIOUR else entry["touches"]:
            touched.add((target, label))
            if (target, label) not in labels:
                yield f"- {SOURCE}, entry {entry['id']!r} {_astray(target, label, targets)}"
    for target, label in sorted(labels - touched):
        yield (
            f"- overlay action {target!r} has the label {label!r}, and {SOURCE} says nothing of "
            f"it. Add the target to the `touches` of an entry with that label, or write one:\n"
            f"    - id: a-name-in-words\n      says: one sentence on what we rely on\n"
            f"      label: {label}\n      touches: [{json.dumps(target)}]"
        )


def _astray(target: str, label: str, targets: Collection[str]) -> str:
    """Say what to do about an entry that names an action which is not there."""
    if target in targets:
        return (
            f"touches {target!r}, which has another label in codegen/overlay.yaml than {label!r}. "
            "Give both the same, or take the target out of this entry."
        )
    return (
        f"touches {target!r}, and codegen/overlay.yaml has no such action. Take the target out; "
        "if it was the last one, remove the entry, as the vendor says it now, or write "
        f"`touches: {BEHAVIOUR}` if we rely on it without the contract."
    )


def _wrong(entry: object, ids: Collection[str]) -> Iterator[str]:
    """Say what is wrong with one entry by itself."""
    if not isinstance(entry, Mapping) or not _NEEDED <= entry.keys() <= {*_NEEDED, "since"}:
        yield "it needs `id`, `says`, `label` and `touches`, may have `since`, and nothing else"
        return
    if not isinstance(entry["id"], str) or not _ID.fullmatch(entry["id"]):
        yield "`id` is made of lower-case words with hyphens"
    elif entry["id"] in ids:
        yield "there is another entry with this `id`"
    says = entry["says"]
    if not isinstance(says, str) or not says or says != " ".join(says.split()):
        yield "`says` is one sentence in one line"
    if entry["label"] not in LABELS:
        yield f"`label` is one of {', '.join(LABELS)}"
    touches = entry["touches"]
    listed = isinstance(touches, list) and all(isinstance(target, str) for target in touches)
    if touches != BEHAVIOUR and not (listed and touches):
        yield (
            "`touches` lists the targets of actions in codegen/overlay.yaml; for what no action "
            f"rests on, write `touches: {BEHAVIOUR}`"
        )
    since = entry.get("since", "0.0.0")
    if not isinstance(since, str) or not _VERSION.fullmatch(since):
        yield '`since` is a version such as "1.2.3"'


def packaged(entries: Sequence[Entry]) -> str:
    """Give the JSON text that the package carries."""
    return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"


def table(entries: Sequence[Entry]) -> str:
    """Give the table of docs/assumptions.md."""
    rows = [(entry["says"].replace("|", "\\|"), entry["label"]) for entry in entries]
    lines = [f"| {says} | {label} |" for says, label in [("what we rely on", "label"), *rows]]
    return "\n".join([lines[0], "|---|---|", *lines[1:]])


def renewed(page: str, entries: Sequence[Entry]) -> str:
    """Return a page with the table between its two marks.

    Raises:
        ValueError: The page has not each of the marks once, in their order.
    """
    return documents.renewed(page, BEGIN, table(entries), END)
