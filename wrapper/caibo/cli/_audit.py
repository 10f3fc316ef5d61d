"""The command ``audit``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

from cyclopts import Parameter

from caibo import OpenIntent, open_intents
from caibo.cli._exits import DONE, FAILED
from caibo.cli._options import COMMON, Common
from caibo.cli._screen import Screen

_HEADS = ("at", "id", "verb", "fields", "outcome", "attempt", "pid", "actor", "reason", "operation")


def audit(
    file: Annotated[Path, Parameter(name="FILE", help="the audit log")],
    /,
    *later: Annotated[Path, Parameter(name="LATER", help="its continuations, the newest last")],
    common: Common = COMMON,
) -> int:
    """List the writes of an audit log of which nobody knows what they came to.

    The outcome is `open` where the log has none, as the process died, or `unknown`. It exits
    with 1 if there are any. Look at each of these customers.

    ```console
    $ caibo audit audit.jsonl
    ```
    """
    screen = Screen(common)
    found = open_intents(file, *later)
    rows = [_members(intent) for intent in found]
    if screen.json:
        screen.data({"open": rows})
    else:
        screen.table(_HEADS, [[_cell(row[name]) for name in _HEADS] for row in rows])
    return FAILED if found else DONE


def _members(intent: OpenIntent) -> dict[str, object]:
    members: dict[str, object] = {name: getattr(intent, name) for name in _HEADS}
    outcome = intent.outcome or "open"
    return {**members, "at": intent.at.isoformat(), "id": str(intent.id), "outcome": outcome}


def _cell(value: object) -> str:
    if value is None:
        return ""
    return ", ".join(cast("tuple[str, ...]", value)) if isinstance(value, tuple) else str(value)
