"""What the tests of the audit log share."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import caibo

KEY = "a key that nobody guesses"


def records(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_bytes().splitlines()]


def intended(**changes: Any) -> caibo.WriteIntended:
    known: dict[str, Any] = {"operation": "0", "id": 7, "verb": "update", "changes": {}}
    return caibo.WriteIntended(**{**known, "before": None, **changes})


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Run code in a process of its own."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
