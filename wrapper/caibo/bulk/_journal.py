"""The journal: a line before and a line after each write, and no customer data in it.

    {"format": "caibo-bulk/1", "at": …, "key": …, "mode": "test"}
    {"row": 17, "id": 123, "check": …, "intent": 1, "at": …, "hmac": {"phone": [before, after]}}
    {"row": 17, "id": 123, "check": …, "outcome": "accepted", "at": …, "seen": {"phone": …}}

What is not on the disk did not happen: an intent is there before its PUT is sent, and
an outcome that is missing makes the next run look at the customer first.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import secrets
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import Any, cast

from caibo import Change, ConfigurationError
from caibo.bulk._lines import Hold, Lines, path_of

FORMAT = "caibo-bulk/1"
_HEAD = f'{{"format": "{FORMAT}"'.encode()
#: Outcomes after which a row may be tried again: nothing was written.
OPEN = ("failed", "again")
_SHORTEST_KEY = 16  # bytes; a phone number is guessed soon by whoever guesses the key
_FARTHEST = 1_000_000  # rows between two lines; a number beyond is none of ours
_log = logging.getLogger("caibo")

Hmacs = dict[str, tuple[str | None, str | None]]


class State(IntEnum):
    """How far a row got, by the journal."""

    NEW = 0
    OPEN = 1
    UNKNOWN = 2
    DONE = 3


@dataclass(frozen=True, slots=True)
class Written:
    """What a run wrote of one customer, in HMACs by field.

    Attributes:
        row: the last that did.
        before: what the record said before the run's first write of the field.
        after: what was sent last, and what was seen after that.
    """

    row: int
    before: dict[str, str | None]
    after: dict[str, set[str | None]]

    def upon(self, earlier: Written | None, either: Mapping[str, set[str | None]]) -> Written:
        """Join this with what an earlier row wrote; `either` may be there as well."""
        if earlier is None:
            return self
        after = {name: values | either.get(name, set()) for name, values in self.after.items()}
        return Written(self.row, self.before | earlier.before, earlier.after | after)


class Journal:
    """Append to a journal, and know what it says of earlier runs.

    In memory a row takes 9 bytes, those of this run none.

    Attributes:
        fates: rows that may have been written, with the HMACs of their last intent.
        last: the last row that an earlier run knew.
    """

    def __init__(
        self, path: str | os.PathLike[str], key: bytes | str | None, mode: str, *, old: bool = False
    ) -> None:
        self.path = path_of(path, "journal")
        self.fates: dict[int, Hmacs] = {}
        self._states = bytearray()
        self._checks = array("Q")
        self._strange = 0
        self._mode = mode
        self._hold = Hold(self.path)
        try:
            if old and not self.path.exists():
                raise ConfigurationError(f"there is no journal {self.path}")
            self._key = _key(self.path, key)
            self.lines = Lines(self.path, "journal")
            try:
                self._begin()
            except BaseException:
                self.lines.close()
                raise
        except BaseException:
            self._hold.close()
            raise

    def close(self) -> None:
        """End the run; what comes too late is not written."""
        self.lines.close()
        self._hold.close()

    def state(self, row: int) -> State:
        """Say how far a row got in earlier runs."""
        return State(self._states[row]) if row < len(self._states) else State.NEW

    def is_same(self, row: int, check: str) -> bool:
        """Tell whether a row is the one that an earlier run knew by this number."""
        known = self._checks[row] if row < len(self._checks) else 0
        return known in (0, _short(check))

    def hmac(self, id: int, name: str, value: object) -> str | None:
        """Return what the journal has for a value; null stays null."""
        return None if value is None else self._sign(f"{id}:{name}:{_text(value)}")

    def check(self, row: int, id: int, addressed: Mapping[str, object], expect: object) -> str:
        """Return what the journal knows a row by."""
        return self._sign(f"{row}:{id}:{_text(dict(addressed))}:{_text(expect)}")[:32]

    def intends(
        self, row: int, id: int, check: str, attempt: int, changes: Mapping[str, Change]
    ) -> int:
        """Write the line before a write; return what to flush."""
        hmacs = {
            name: (self.hmac(id, name, change.before), self.hmac(id, name, change.after))
            for name, change in changes.items()
        }
        said = {"row": row, "id": id, "check": check, "intent": attempt, "at": _now()}
        return self.lines.append(json.dumps({**said, "hmac": hmacs}).encode())

    def ended(
        self, row: int, id: int | None, check: str | None, outcome: str, **more: object
    ) -> None:
        """Write the line after a row; that it is missing is seen by the next run."""
        said = {"row": row, "id": id, "check": check, "outcome": outcome, "at": _now(), **more}
        try:
            self.lines.append(json.dumps(said).encode())
        except OSError as error:
            _log.error("the journal %s cannot be written: %s", self.path, error.strerror)

    def written(self) -> dict[int, Written]:
        """Return what was written of each customer, a later row upon an earlier one."""
        found: dict[int, Written] = {}
        sent: dict[int, tuple[int, Written]] = {}
        for _, line in self.lines.read():
            said = _parsed(line)
            try:
                if "intent" in said:
                    before = {name: sides[0] for name, sides in said["hmac"].items()}
                    after = {name: {sides[1]} for name, sides in said["hmac"].items()}
                    sent[said["row"]] = said["id"], Written(said["row"], before, after)
                elif (write := sent.pop(said.get("row", 0), None)) and said["outcome"] not in OPEN:
                    id, last = write
                    seen: dict[str, str | None] = said.get("seen") or {}
                    for name, value in seen.items():
                        last.after.setdefault(name, set()).add(value)
                    # What was written before is not what the record says any more.
                    found[id] = last.upon(found.get(id), {})
            except (KeyError, TypeError, IndexError, AttributeError):
                continue
        for id, last in sent.values():  # nobody knows whether these were applied
            known = found.get(id)
            found[id] = last.upon(known, {} if known is None else known.after)
        return found

    def _begin(self) -> None:
        begun = False
        for at, line in self.lines.read():
            said = _parsed(line)
            try:
                if begun:
                    self._take(said)
                elif said or (at == 0 and line.strip() and not _is_torn_head(line)):
                    self._check_head(said)
                    begun = True
            except (KeyError, TypeError, ValueError, IndexError, AttributeError):
                self._strange += bool(said)  # of an empty one, a crash has left it
        if not begun:
            head = {"format": FORMAT, "at": _now(), "key": self._sign(FORMAT), "mode": self._mode}
            self.lines.append(json.dumps(head).encode())
        if self._strange:
            _log.warning(
                "the journal %s: lines that are no records of it: %d", self.path, self._strange
            )

    def _check_head(self, said: Mapping[str, Any]) -> None:
        if said.get("format") != FORMAT:
            raise ConfigurationError(f"{self.path} is no journal of {FORMAT}")
        if said.get("key") != self._sign(FORMAT):
            raise ConfigurationError(f"the journal {self.path} was written with another key")
        mode = said.get("mode")
        if "unknown" not in (self._mode, mode) and mode != self._mode:
            raise ConfigurationError(
                f"the journal {self.path} is of {mode} data, and this client's mode is {self._mode}"
            )

    def _take(self, said: Mapping[str, Any]) -> None:
        row: int = said["row"]
        if not 0 < row < len(self._states) + _FARTHEST:
            raise ValueError(row)
        if "intent" in said:
            state = State.UNKNOWN
            self.fates[row] = {name: (sides[0], sides[1]) for name, sides in said["hmac"].items()}
        else:
            outcome: str = said["outcome"]
            state = State.OPEN if outcome in OPEN else State.DONE
            state = State.UNKNOWN if outcome == "unknown" else state
            if state != State.UNKNOWN:
                self.fates.pop(row, None)
        if row >= len(self._states):
            more = row + 1 - len(self._states)
            self._states.extend(bytes(more))
            self._checks.extend([0] * more)
        self._states[row] = state
        self._checks[row] = _short(said["check"]) if said["check"] else self._checks[row]

    def _sign(self, text: str) -> str:
        return hmac.new(
            self._key, text.encode("utf-8", "surrogatepass"), hashlib.sha256
        ).hexdigest()


def status(path: str | os.PathLike[str]) -> dict[str, int]:
    """Count the rows of a journal by the outcome that it has of them last.

    "intended" are those whose outcome it does not have: a run is at them, or was when
    it died.  It needs no key, and may be asked while a run goes on.

    Raises:
        ConfigurationError: it cannot be read, or is no journal.

    Example:
        >>> rows = [(12345, {"phone": None})]
        >>> report = caibo.bulk.update(client, rows, journal="run.jsonl")
        >>> caibo.bulk.status("run.jsonl")
        {'accepted': 1}
    """
    last: dict[int, str] = {}
    begun = False
    try:
        with Path(path).open("rb") as lines:
            for line in lines:
                said = _parsed(line)
                begun = begun or said.get("format") == FORMAT
                if not begun and not _is_torn_head(line):
                    raise ConfigurationError(f"{path} is no journal of {FORMAT}")
                if "row" in said:
                    last[said["row"]] = said.get("outcome", "intended")
    except OSError as error:
        raise ConfigurationError(f"the journal {path}: {error.strerror}") from error
    counts: dict[str, int] = {}
    for outcome in last.values():
        counts[outcome] = counts.get(outcome, 0) + 1
    return counts


def _key(journal: Path, given: bytes | str | None) -> bytes:
    """Return the key that was given, or the one beside the journal, made if both are new."""
    beside = journal.with_name(journal.name + ".key")
    if given is None:
        try:
            if not beside.exists():
                if journal.exists() and journal.stat().st_size:
                    raise ConfigurationError(f"the key of the journal is missing: {beside}")
                _make(beside)
            given = beside.read_bytes().strip()
        except OSError as error:
            raise ConfigurationError(f"the key {beside}: {error.strerror}") from error
    key = given.encode(errors="surrogatepass") if isinstance(given, str) else given
    if not isinstance(key, bytes) or len(key) < _SHORTEST_KEY:
        raise ConfigurationError(f"key must have {_SHORTEST_KEY} bytes or more")
    return key


def _make(path: Path) -> None:
    """Make a key; it is there whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(file, f"{secrets.token_hex(32)}\n".encode())
        os.fsync(file)
    finally:
        os.close(file)
    part.replace(path)


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        said: Any = json.loads(line)
    except ValueError:  # what a crash has left of a line
        return {}
    return cast("dict[str, Any]", said) if isinstance(said, dict) else {}


def _is_torn_head(line: bytes) -> bool:
    return _HEAD.startswith(line[: len(_HEAD)].strip())


def _short(check: str) -> int:
    return int(check[:16], 16)


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
