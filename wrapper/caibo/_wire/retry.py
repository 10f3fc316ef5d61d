"""Decide which attempts a request gets, and after which pause.  Nothing here waits."""

from __future__ import annotations

import random

from caibo._errors import (
    APIError,
    CaiboError,
    DeadlineExceededError,
    MalformedResponseError,
    RateLimitedError,
    RenewalError,
    ServerError,
    TransportError,
)

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 8.0
LONGEST_RETRY_AFTER = 30.0
_FULL = 200  # tenths of a token: ten floats of 0.1 are less than 1
SUSPENDED = "Retries are suspended: too many of this client's requests have failed lately."

#: What can come of a request, and counts how often it was sent.
Attempted = APIError | TransportError | MalformedResponseError | RenewalError


class Budget:
    """Stop retrying against a gateway that fails again and again.

    As in gRPC's retry throttling (proposal A6): a retry costs one token, a
    success gives a tenth back, and with fewer than half of the tokens left
    requests are sent once.  Two threads may lose an update of the count, which
    does not matter here.
    """

    def __init__(self) -> None:
        self._tenths = _FULL

    def earn(self) -> None:
        self._tenths = min(_FULL, self._tenths + 1)

    def spend(self) -> bool:
        self._tenths = max(0, self._tenths - 10)
        return self._tenths >= _FULL / 2


def pause_before(number: int, asked: float | None) -> float | None:
    """Return how long to pause before the so-many-th retry, `None` for no retry.

    Args:
        number: counts the retries from 1.
        asked: how many seconds the gateway asked for.
    """
    # Half of it is jitter, so that three requests never come in one blink:
    # https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (number - 1))
    pause = max(asked or 0.0, random.uniform(longest / 2, longest))
    # Coming back earlier than asked would be hammering.
    return pause if asked is None or asked <= LONGEST_RETRY_AFTER else None


def _reason(error: CaiboError) -> CaiboError:
    """Look through a failed renewal at what the login met."""
    cause = error.__cause__
    return cause if isinstance(error, RenewalError) and isinstance(cause, CaiboError) else error


def retry_after(error: CaiboError) -> float | None:
    """Return the seconds that the gateway asked to wait, also the one that was asked to log in."""
    seconds: float | None = getattr(_reason(error), "retry_after", None)
    return seconds


def retryable(method: str, error: CaiboError) -> bool:
    """Tell whether sending again cannot apply a write twice."""
    # A request that waits for a token was not accepted, and a login changes no customer.
    rereadable = method in ("GET", "HEAD") or isinstance(error, RenewalError)
    error = _reason(error)
    match error:
        case DeadlineExceededError():
            return False
        case TransportError():
            return not error.final and (rereadable or error.request_sent == "no")
        case MalformedResponseError() | ServerError() if rereadable:
            return True
        case ServerError(status=503):
            return error.retry_after is not None
        case _:
            return isinstance(error, RateLimitedError)
