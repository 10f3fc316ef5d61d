"""What a command ends with: its exit status, and what it says of an error."""

from __future__ import annotations

import re

import caibo
from caibo.bulk import RunStoppedError

DONE, FAILED, USAGE, CONFLICT, CREDENTIAL, NOT_FOUND, TRY_LATER = 0, 1, 2, 3, 4, 5, 75
INTERRUPTED, BROKEN_PIPE, TERMINATED = 130, 141, 143  # as shells tell of the signals

_MOST_LINES = 21  # twenty, and the one above them
_TOLD = ("status", "request_id", "retry_after")
# The facade speaks to whoever calls it from Python.
WORDS = (
    (r"extra=\{'([^']*)': …\}", r"--extra \1=…"),
    (r"`?base_url`?", "--base-url"),
    (r"\brate_limit\b", "--rate"),
    (r'empty="(\w+)"', r"--empty \1"),
    (r'delimiter="([^"]+)"', r"--delimiter $'\1'"),  # as shells write a tab
    (r"`expect`", "--expect"),
    (r" If you have the record, pass it: update\(…, current=record\)\.", ""),
    (r" `conflicts` has the values\.", ""),
    (r"`conflicts` has the values; ", ""),
    (r"The same call goes on", "The same command goes on"),
    (r"on_conflict=", "--on-conflict"),
    (r"Plan\.to_json\(\)", "`caibo plan`"),
    (r"customers\.plan\(…\)", "`caibo plan`"),
    (r"customers\.apply\(error\.plan\)", "`caibo apply` with the file named above"),
)


class StoppedError(Exception):
    """The command goes no further, for a reason of its own."""

    def __init__(self, message: str, exit: int = USAGE) -> None:
        super().__init__(message)
        self.exit = exit


def status_of(error: BaseException) -> int:
    """Return the exit status for an error."""
    match error:
        case StoppedError():
            return error.exit
        case RunStoppedError():
            cause = FAILED if error.__cause__ is None else status_of(error.__cause__)
            return cause if cause in (CREDENTIAL, TRY_LATER) else FAILED
        case caibo.InvalidChangesError() | caibo.ConfigurationError():
            return USAGE
        case caibo.ConflictError():
            return CONFLICT
        case caibo.APIError(status=409 | 412):
            return CONFLICT
        case caibo.AuthenticationError() | caibo.PermissionDeniedError() | caibo.RenewalError():
            return CREDENTIAL
        case caibo.NotFoundError():
            return NOT_FOUND
        case caibo.TransportError():
            return FAILED if error.final else TRY_LATER
        case caibo.RateLimitedError() | caibo.ServerError() | caibo.LockError():
            return TRY_LATER
        case _:
            return FAILED


def said(text: str) -> str:
    """Return what an error says, in the words of the command line."""
    for pattern, words in WORDS:
        text = re.sub(pattern, words, text)
    return text


def shortened(text: str) -> str:
    """Return what a person reads of it: the complaints about a file may be a thousand."""
    lines = text.splitlines()
    more = len(lines) - _MOST_LINES
    if more <= 0:
        return text
    return "\n".join([*lines[:_MOST_LINES], f"  … and {more} more; --json has all"])


def as_json(error: BaseException) -> dict[str, object]:
    """Return an error as `--json` tells it: never customer data."""
    members: dict[str, object] = {
        "type": type(error).__name__,
        "message": said(str(error)),
        "exit": status_of(error),
        "fields": _fields(error),
    }
    if isinstance(error, RunStoppedError):
        members["cause"] = type(error.__cause__).__name__
    told = {name: getattr(error, name, None) for name in _TOLD}
    members |= {name: value for name, value in told.items() if value is not None}
    id: int | None = getattr(error, "customer_id", None)
    return {"error": members | ({} if id is None else {"customer_id": str(id)})}


def _fields(error: BaseException) -> list[str]:
    match error:
        case caibo.InvalidChangesError():
            return [problem.field for problem in error.problems]
        case caibo.BadRequestError():
            return list(error.field_errors)
        case caibo.ConflictError():
            return list(error.conflicts)
        case _:
            return []
