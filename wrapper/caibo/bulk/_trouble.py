"""What an error means for the run that met it: the row's own matter, or everybody's."""

from __future__ import annotations

from typing import Literal

from caibo import (
    AuthenticationError,
    CaiboError,
    ConfigurationError,
    ConflictError,
    DeadlineExceededError,
    LockError,
    OverwrittenError,
    PermissionDeniedError,
    RateLimitedError,
    RenewalError,
    ServerError,
    TransportError,
    UnknownOutcomeError,
)

#: "end": every row would meet it.  "wait": nothing was written, and all wait until the
#: gateway is back.  "settle": look again later.  "row": this row failed.
Meaning = Literal["end", "wait", "settle", "row"]

# `CaiboError.remark` says it of any error after which the client did not try again.
_SUSPENDED = "Retries are suspended"
_AWAY = (502, 503, 504)  # by what stands before a gateway that is away


def meaning(error: CaiboError) -> Meaning:
    """Say what an error means for a run.

    An `update` raises nothing but `UnknownOutcomeError` and `OverwrittenError` when
    something may have been written.
    """
    cause = error.__cause__
    if isinstance(error, RenewalError) and isinstance(cause, CaiboError):
        return "wait" if meaning(cause) == "wait" else "end"
    match error:
        case UnknownOutcomeError():
            return "settle"
        case OverwrittenError():  # with a plan to restore what was left out, and is gone
            return "row" if error.plan is None else "end"
        case AuthenticationError() | PermissionDeniedError() | ConfigurationError():
            return "end"
        case RenewalError():
            return "end"
        case RateLimitedError() | DeadlineExceededError() | LockError():
            return "wait"
        case TransportError():
            return "end" if error.final else "wait"
        case ServerError():
            away = error.status in _AWAY or error.remark.startswith(_SUSPENDED)
            return "wait" if away else "row"
        case _:
            return "wait" if error.remark.startswith(_SUSPENDED) else "row"


def asked(error: CaiboError) -> float:
    """Return the seconds that the gateway asked to wait."""
    cause = error.__cause__
    seconds: float | None = getattr(error, "retry_after", None)
    return seconds or getattr(cause, "retry_after", None) or 0.0


def again(error: CaiboError) -> bool:
    """Tell whether the same row may go through another time."""
    return isinstance(error, ServerError | UnknownOutcomeError) or (
        isinstance(error, ConflictError) and not error.conflicts
    )
