"""Write down each write before it is sent, and afterwards what it came to: an observer."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NoReturn, Self, cast

from caibo._audit_file import append
from caibo._errors import ConfigurationError, WriteStoppedError
from caibo._record.document import Document
from caibo._record.json_text import decode, encode, split
from caibo._write.events import Event, Verb, WriteFailed, WriteFinished, WriteIntended
from caibo._write.update import Change

_FORMAT = "caibo-audit/1"
_SHORTEST_KEY = 16  # bytes; a phone number is guessed soon by whoever guesses the key
#: What settles nothing; "failed" is what "not-written" was called at first.
_UNSETTLED = ("unknown", "overwritten", "not-written", "failed")
_log = logging.getLogger("caibo")
_context: ContextVar[tuple[str | None, str | None]] = ContextVar(
    "caibo_audit", default=(None, None)
)


@contextmanager
def audit_context(*, actor: str | None = None, reason: str | None = None) -> Generator[None]:
    """Say in the audit log who writes, and why, for all writes in a block.

    What is left out is taken from the block around it.  The block counts for its
    own thread or task and for tasks started in it; ``asyncio.to_thread`` takes it
    along, a bare thread or executor does not (``contextvars.copy_context().run``
    does).

    Args:
        actor: such as a user's id in your system.  It is logged as it stands.
        reason: such as a ticket.  It is logged as it stands.

    Raises:
        ConfigurationError: not a string.

    Example:
        >>> with caibo.audit_context(actor="jo", reason="ticket 4711"):
        ...     update = client.customers.update(12345, phone=None)
    """
    if not isinstance(actor, str | None) or not isinstance(reason, str | None):
        raise ConfigurationError("audit_context: actor and reason must be strings")
    outer_actor, outer_reason = _context.get()
    token = _context.set(
        (outer_actor if actor is None else actor, outer_reason if reason is None else reason)
    )
    try:
        yield
    finally:
        _context.reset(token)


class JsonLinesAudit:
    """Keep an audit log, one JSON object a line: ``observers=[JsonLinesAudit(…)]``.

    A line with what is intended is on the disk (fsync; macOS may leave it in the
    drive's cache) before the PUT is sent, and one with the outcome follows.  A
    process that dies in between leaves the intention open: see `open_intents`.
    Both have the time, process, customer, operation, verb, and what
    `audit_context` says.

    Instead of values the log has their HMAC-SHA-256, so that whoever has the key
    can check a value, see `hmac`; null stays null.  Field names are logged, those
    in `extra` included.

    The log may be shared by threads and processes of one machine: each line is
    appended under a lock (flock), as O_APPEND alone keeps lines apart but not
    whole where the disk takes only part of one.  A line that was torn by a crash
    or a full disk stays, and the next one starts on a line of its own.  On NFS
    that holds as far as flock does there.  Windows has no flock, and its append is
    two steps: let each process have its own file there.

    It blocks for as long as the disk takes, in `AsyncCaibo` the event loop, too.
    The file is opened anew for each line, so it may be renamed away at any time.
    One that others may read or write is taken from them, with a warning on the
    logger ``caibo``, and a symbolic link is refused.

    A pipe, ``/dev/stdout``, ``/dev/stderr`` and ``/dev/null`` work as well: nothing is
    on a disk then, lines of more than 4 KiB may mix where threads or processes share
    it, and a reader that stops reading stops the writes.

    Args:
        path: the file, made with mode 0600 where there is none.
        key: for the HMACs, at least 16 bytes, such as ``secrets.token_hex(32)``.
            It is as confidential as the values.
        required: stop a write whose intention cannot be logged.  That is the
            default because a gap would be found when it is too late.  False logs an
            error on the logger ``caibo`` and lets the write go on.  An outcome
            that cannot be logged is always such an error and no more.
        values: log values as well.
        backup: log the whole record as it was read, its members as they came.

    Raises:
        ConfigurationError: no usable path or key.

    Example:
        >>> audit = caibo.JsonLinesAudit("audit.jsonl", key="keep this one out of your code")
        >>> client = caibo.Caibo(api_key="caibo_test_sk_0123", observers=[audit])
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        key: bytes | str,
        required: bool = True,
        values: bool = False,
        backup: bool = False,
    ) -> None:
        if not isinstance(path, str | os.PathLike) or str(path) in ("", ".") or "\0" in str(path):
            raise ConfigurationError("JsonLinesAudit: path must name a file")
        if not isinstance(key, bytes | str):
            raise ConfigurationError("JsonLinesAudit: key must be bytes or a string")
        self._key = key.encode(errors="surrogatepass") if isinstance(key, str) else key
        if len(self._key) < _SHORTEST_KEY:
            raise ConfigurationError(
                f"JsonLinesAudit: key must have {_SHORTEST_KEY} bytes or more; make one with "
                "secrets.token_hex(32) and keep it where your other secrets are"
            )
        self._path = Path(path).absolute()  # whoever changes directory keeps one log
        self._required = required
        self._values = values
        self._backup = backup

    def __repr__(self) -> str:
        return f"JsonLinesAudit({str(getattr(self, '_path', ''))!r})"

    def __copy__(self) -> Self:
        return self  # it cannot be changed

    def __reduce__(self) -> NoReturn:
        raise TypeError("JsonLinesAudit holds a secret and is not pickled")

    def hmac(self, id: int, field: str, value: object) -> str | None:
        """Return what the log has for a value of a field of a customer.

        It is made of the value's JSON text, so the numbers 1 and 1.0 differ.
        Equal values of two customers or fields do not look equal.

        Args:
            id: the customer.
            field: this package's name of it, or the wire name where it has none.
            value: a JSON value; `None` gives `None`.

        Example:
            >>> audit = caibo.JsonLinesAudit("audit.jsonl", key="keep this one out of your code")
            >>> audit.hmac(12345, "phone", "+12025550143") == audit.hmac(12345, "phone", "+1")
            False
        """
        if value is None:
            return None
        text = f"{id}:{json.dumps(field)}:{_json(value)}"
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()

    def __call__(self, event: Event) -> None:
        """Log an event; `Caibo` and `AsyncCaibo` call this.

        Raises:
            WriteStoppedError: the log is required and an intention cannot be
                written to it.
        """
        try:
            append(self._path, self._line(event).encode())
        except OSError as error:
            reason = error.strerror or str(error)
            if not isinstance(event, WriteIntended):
                what = f"the outcome of operation {event.operation} is missing from it"
            elif self._required:
                raise WriteStoppedError(
                    f"customer {event.id}: the audit log {self._path} cannot be written: "
                    f"{reason}; nothing was written. Make room or give access, or let writes "
                    "go on unlogged with required=False."
                ) from error
            else:
                what = f"operation {event.operation} goes on without it"
            _log.error("the audit log %s cannot be written: %s; %s", self._path, reason, what)

    def _line(self, event: Event) -> str:
        actor, reason = _context.get()
        head = {
            "format": _FORMAT,
            "record": "intent" if isinstance(event, WriteIntended) else "outcome",
            "at": datetime.now(UTC).isoformat(timespec="microseconds"),
            "pid": os.getpid(),
            "operation": event.operation,
            "id": event.id,
            "verb": event.verb,
            "actor": actor,
            "reason": reason,
        }
        if not isinstance(event, WriteIntended):
            return json.dumps(head | _outcome(event)) + "\n"
        hmacs = {
            name: {side: self.hmac(event.id, name, value) for side, value in _sides(change)}
            for name, change in event.changes.items()
        }
        told = {"attempt": event.attempt, "send": event.send, "left_out": event.left_out}
        line = json.dumps(head | told | {"hmac": hmacs})[:-1]
        if self._values:
            line += f', "values": {_values(event.changes)}'
        if self._backup:
            # A line break in JSON text stands between tokens, never in one.
            text = str(event.before or "null").replace("\r", " ").replace("\n", " ")
            line += f', "before": {text}'
        return line + "}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIntent:
    """Hold what the audit log says of a write of which nobody knows what it came to.

    Attributes:
        operation: as in `WriteIntended`.
        id: the customer.
        verb: the method that was called.
        fields: names of what was to change, without what later writes have set; empty
            for `replace`.
        attempt: of the last intention of this operation.
        at: when that was logged, in UTC.
        pid: the process that was at it.
        actor: as `audit_context` said.
        reason: as `audit_context` said.
        before: the record as it was read, where the log has it (`backup=True`).
        outcome: "unknown" where the log has that, `None` where it has no outcome.
    """

    operation: str
    id: int
    verb: Verb
    fields: tuple[str, ...]
    attempt: int
    at: datetime
    pid: int
    actor: str | None
    reason: str | None
    before: Document | None = field(repr=False)
    outcome: Literal["unknown"] | None = None


def open_intents(
    path: str | os.PathLike[str], /, *later: str | os.PathLike[str]
) -> list[OpenIntent]:
    """List the writes that an audit log announces and has no outcome of, or an unknown one.

    Those without one are under way, or were when their process died; an unknown one
    is listed until later writes of that customer have succeeded that set all of its
    fields.  Look at each of the customers.  A line that is no record of such a log
    is left out, and a warning on the logger ``caibo`` says where it is.

    Args:
        path: the log; it is read line by line.
        *later: its continuations, where it was rotated, the newest last.

    Raises:
        ConfigurationError: a file cannot be read, or none of its lines is a record.

    Example:
        >>> for intent in caibo.open_intents("audit.jsonl"):
        ...     print(intent.at, intent.id, intent.fields, client.customers.get(intent.id))
    """
    found: dict[str, OpenIntent] = {}
    for log in (path, *later):
        strange: list[int] = []
        known = whole = 0
        try:
            with Path(log).open("rb") as lines:
                for number, line in enumerate(lines, 1):
                    whole += line.endswith(b"\n")
                    try:
                        _take(line, found)
                        known += 1
                    except (ValueError, KeyError, TypeError):
                        strange.append(number)
        except OSError as error:
            raise ConfigurationError(f"the audit log {log}: {error.strerror}") from error
        if whole and not known:  # of a line that a crash has torn nobody knows
            raise ConfigurationError(f"{log} is no audit log: no line is a record of one")
        if strange:
            _log.warning(
                "the audit log %s: lines that are no records of it: %d, the first is line %d",
                *(log, len(strange), strange[0]),
            )
    return list(found.values())


def _take(line: bytes, found: dict[str, OpenIntent]) -> None:
    members = split(line.decode(), around=3)
    said: dict[str, Any] = {
        name: decode(member.value)
        for name, member in members.items()
        if name not in ("before", "values")
    }
    if said["format"] != _FORMAT:
        raise ValueError("another format")
    operation: str = said["operation"]
    if said["record"] == "outcome":
        _end(found, operation, said)
    else:
        kept = members.get("before")
        found[operation] = OpenIntent(
            operation=operation,
            id=said["id"],
            verb=cast("Verb", said["verb"]),
            fields=tuple(said["hmac"]),
            attempt=said["attempt"],
            at=datetime.fromisoformat(said["at"]),
            pid=said["pid"],
            actor=said["actor"],
            reason=said["reason"],
            before=None if kept is None or kept.value == "null" else Document.parse(kept.value),
        )


def _end(found: dict[str, OpenIntent], operation: str, said: Mapping[str, Any]) -> None:
    """Take out what an outcome settles: its own intention, and unknown ones of its fields."""
    intent = found.pop(operation, None)
    if said["outcome"] == "unknown" and intent is not None:
        found[operation] = replace(intent, outcome="unknown")
    if said["outcome"] in _UNSETTLED:
        return
    written = set(said["fields"])
    for other in [o for o in found.values() if o.outcome and o.id == said["id"]]:
        left = tuple(name for name in other.fields if name not in written)
        if said["verb"] == "replace" or (other.fields and not left):
            del found[other.operation]
        else:
            found[other.operation] = replace(other, fields=left)


def _outcome(event: WriteFinished | WriteFailed) -> dict[str, object]:
    told = {"fields": event.fields, "seconds": round(event.seconds, 6)}
    if isinstance(event, WriteFinished):
        return {
            **told,
            "outcome": event.outcome,
            "protection": event.protection,
            "attempts": event.attempts,
            "request_id": event.request_id,
        }
    return {
        **told,
        "outcome": event.outcome,
        "error": type(event.error).__name__,
        "attempts": getattr(event.error, "attempts", None),
        "request_id": getattr(event.error, "request_id", None),
    }


def _sides(change: Change) -> tuple[tuple[str, Any], tuple[str, Any]]:
    return ("before", change.before), ("after", change.after)


def _values(changes: Mapping[str, Change]) -> str:
    return _object(
        (name, _object((side, _json(value)) for side, value in _sides(change)))
        for name, change in changes.items()
    )


def _object(members: Iterable[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in members) + "}"


def _json(value: object) -> str:
    try:
        return encode(value)
    except ValueError:  # read from a record that has 1E9999999999999999999, or half a character
        return json.dumps(repr(value))
