"""Decide which attempts a request gets.  Nothing here waits or sends: see `caibo._io`."""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field

import httpx

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
from caibo._wire.refusals import (
    deadline_exceeded,
    error_from_exception,
    error_from_response,
    line,
)

_log = logging.getLogger("caibo")

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 8.0
LONGEST_RETRY_AFTER = 30.0

#: What can come of a request, and counts how often it was sent.
Attempted = APIError | TransportError | MalformedResponseError | RenewalError
#: Yields how long to pause, and zero for an attempt; takes what the attempt gave.
Attempts = Generator[float, httpx.Response | Exception, httpx.Response]


@dataclass(slots=True)
class Budget:
    """Stop retrying against a gateway that fails again and again.

    As in gRPC's retry throttling (proposal A6): a retry costs one token, a
    success gives a tenth back, and with fewer than half of the tokens left
    requests are sent once.  Two threads may lose an update of the count, which
    does not matter here.
    """

    full: float = 20.0
    tokens: float = field(default=20.0)

    def earn(self) -> None:
        self.tokens = min(self.full, self.tokens + 0.1)

    def spend(self) -> bool:
        self.tokens = max(0.0, self.tokens - 1.0)
        return self.tokens >= self.full / 2


class Limit:
    """Give each request its turn, in the order in which they ask: so many in any second.

    A burst of that many goes at once, so that a read and its write are not drawn
    apart.  Fewer than one a second are spread evenly; fractions above one are
    rounded down.
    """

    def __init__(self, rate: float) -> None:
        burst = max(1, int(rate))
        self._period = max(1.0, 1 / rate)
        self._turns: deque[float] = deque([-math.inf] * burst, maxlen=burst)
        self._lock = threading.Lock()

    def turn(self, now: float, deadline: float) -> float | None:
        """Take the next turn; `None`, and none is taken, where it comes after the deadline."""
        with self._lock:
            at = max(now, self._turns[-1], self._turns[0] + self._period)
            if at >= deadline:
                return None
            self._turns.append(at)
            return at


@dataclass(frozen=True, slots=True)
class Policy:
    """Say how long one attempt, one call and its retries may take."""

    timeout: float
    deadline: float
    max_retries: int
    budget: Budget = field(default_factory=Budget)
    limit: Limit | None = None

    def attempts(self, request: httpx.Request) -> Attempts:
        """Go through the attempts of one request; return its 2xx answer.

        Raises:
            CaiboError: for everything else.
        """
        deadline = request.extensions.setdefault("deadline", time.monotonic() + self.deadline)
        pause, attempt = 0.0, 0
        while True:
            attempt += 1
            if pause:
                yield pause
            # Only now, as those who come meanwhile would have to wait behind it.
            if self.limit and (wait := self._turn(self.limit, request, deadline, attempt)):
                yield wait
            result = yield 0.0
            if _log.isEnabledFor(logging.DEBUG):
                _log.debug("%s, attempt %d: %s", line(request), attempt, _shown(result))
            if isinstance(result, Exception):
                error = error_from_exception(request, result, deadline)
            elif result.is_success:
                self.budget.earn()
                result.extensions.update(attempts=attempt, received_at=time.monotonic())
                return result
            else:
                error = error_from_response(request, result)
            next_pause = None
            if retryable(request.method, error):
                # A write that was merged is merged anew before it gets too old.
                until = min(deadline, request.extensions.get("fresh_until", deadline))
                next_pause = self.again(attempt, until, retry_after=retry_after(error))
            if next_pause is None:
                if isinstance(error, Attempted):
                    error.attempts = attempt
                raise error
            pause = next_pause

    def _turn(self, limit: Limit, request: httpx.Request, deadline: float, attempt: int) -> float:
        """Return how long an attempt has to wait for its turn."""
        now = time.monotonic()
        turn = limit.turn(now, deadline)
        if turn is None:
            raise DeadlineExceededError(
                f"{line(request)}: `rate_limit` has no turn before `deadline`; "
                f"it was not sent{' again' * (attempt > 1)}",
                request_sent="no",
                attempts=attempt - 1,
            )
        return turn - now

    def prepare(self, request: httpx.Request) -> None:
        """Give one attempt its timeouts, none beyond the deadline.

        Raises:
            DeadlineExceededError: no time is left.
        """
        left = self.left(request)
        if left <= 0:
            raise deadline_exceeded(request, sent=False)
        seconds = min(self.timeout, left)
        request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), seconds)
        request.extensions["sent_at"] = time.monotonic()

    def left(self, request: httpx.Request) -> float:
        """Return the seconds until the deadline of the call that a request belongs to."""
        deadline: float = request.extensions["deadline"]
        return deadline - time.monotonic()

    def again(
        self, number: int, until: float, *, retry_after: float | None = None, failing: bool = True
    ) -> float | None:
        """Return how long to pause before the so-many-th retry, `None` for no retry.

        `until` is when it has to be over, by `time.monotonic()`; the budget counts
        only what came of a `failing` gateway.
        """
        if number > self.max_retries:
            return None
        pause = retry_after
        if pause is None:
            # Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
            pause = random.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (number - 1)))
        elif pause > LONGEST_RETRY_AFTER:  # coming back earlier than asked would be hammering
            return None
        fits = time.monotonic() + pause < until
        return pause if fits and (not failing or self.budget.spend()) else None


def _shown(result: httpx.Response | Exception) -> str:
    """Name an outcome in a log, without any text of the gateway's."""
    if isinstance(result, httpx.Response):
        return str(result.status_code)
    return type(result).__name__


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
            return rereadable or error.request_sent == "no"
        case MalformedResponseError() | ServerError() if rereadable:
            return True
        case ServerError(status=503):
            return error.retry_after is not None
        case _:
            return isinstance(error, RateLimitedError)
