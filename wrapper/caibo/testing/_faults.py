"""What can go wrong on the way, one method for each; `FakeCaibo` inherits them."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from caibo.testing._answers import Answers
from caibo.testing._messages import Request, Response
from caibo.testing._queue import Fault, Queue

_BODY_READ = {"before-body": 0.0, "mid-body": 0.5}


class Faults(Answers):
    """Let the gateway misbehave.

    Faults that spoil a reply queue up: each request meets the first one that waits
    for its like, and one fault at most.  Five arguments say which requests that are:
    `method` and `id` (of the customer in the path) narrow them down, and each is
    None for any; of those, `after` so many pass first, whatever else happens to
    them, and then it happens `times` times, with `math.inf` always.  With a `chance`
    below 1 each of them meets it with that probability; the `seed` of the gateway
    decides which, so requests in the same order meet the same faults.  A method that
    HTTP has not, and an id that is no number, are refused.

    Example:
        >>> import math
        >>> from caibo.testing import FakeCaibo
        >>> fake = FakeCaibo()
        >>> fake.fail_next(500, method="PUT", id=7, after=2)  # the third write of 7
        >>> fake.lose_response(times=2)  # the first two writes of anybody
        >>> fake.delay(3, times=math.inf, chance=0.05)  # one in twenty, of whatever comes
        >>> fake.fail_next(503, method="GET", after=1, times=math.inf)  # no read-back works
    """

    def __init__(self) -> None:
        super().__init__()
        self._refusals = Queue()

    def lose_response(
        self,
        method: str | None = "PUT",
        *,
        at: Literal["before-body", "mid-body", "before-reply", "mid-reply"] = "before-reply",
        applied: bool = True,
        id: int | None = None,
        after: int = 0,
        times: float = 1,
        chance: float = 1.0,
    ) -> None:
        """Lose the answer to the next request.

        Args:
            method: only requests with this method; None for any.
            at: where the connection ends: before the gateway read the body or in
                the middle of it (both reset the connection), before the reply, or
                in the middle of the reply (both close it).
            applied: whether the gateway carried the request out; a request whose
                body it never had is not.
            id: only requests about this customer.
            after: so many of these pass first.
            times: how many requests.
            chance: of a request to be one of these.
        """
        share = _BODY_READ.get(at, 1.0)
        spoil = _truncate if at == "mid-reply" else _close if share == 1 else _reset
        applies = applied and share == 1
        self._faults.add(
            Fault("lose_response", method, id, after, times, applies, spoil, share, chance)
        )

    def garble_next(
        self,
        how: Literal["gzip", "truncated", "wrong-length"] = "gzip",
        *,
        method: str | None = None,
        id: int | None = None,
        after: int = 0,
        times: float = 1,
        chance: float = 1.0,
    ) -> None:
        """Carry the next request out and spoil the bytes of its reply.

        Args:
            how: "gzip" declares gzip and sends something else, "truncated" ends
                before the declared length, "wrong-length" declares half of it.
            method: only requests with this method.
            id: only requests about this customer.
            after: so many of these pass first.
            times: how many requests.
            chance: of a request to be one of these.
        """
        spoil = {"gzip": _not_gzip, "truncated": _truncate, "wrong-length": _declare_half}[how]
        self._faults.add(
            Fault(f"garble_next({how!r})", method, id, after, times, spoil=spoil, chance=chance)
        )

    def delay(
        self,
        seconds: float,
        method: str | None = None,
        *,
        id: int | None = None,
        after: int = 0,
        times: float = 1,
        chance: float = 1.0,
    ) -> None:
        """Carry the next request out and hold its reply back.

        Nothing waits in memory: a delay above the client's read timeout raises
        `httpx.ReadTimeout` there at once, and a shorter one does nothing, but that
        either moves the `clock` of the gateway if it has one.

        Args:
            seconds: how long a server waits; leaving `serve()` ends it early.
            method: only requests with this method.
            id: only requests about this customer.
            after: so many of these pass first.
            times: how many requests.
            chance: of a request to be one of these.
        """

        def hold(_: Request, reply: Response) -> Response:
            return replace(reply, delay=seconds)

        self._faults.add(
            Fault(f"delay({seconds})", method, id, after, times, spoil=hold, chance=chance)
        )

    def refuse_connection(
        self,
        times: float = 1,
        *,
        method: str | None = None,
        id: int | None = None,
        after: int = 0,
        chance: float = 1.0,
    ) -> None:
        """Raise `httpx.ConnectError` for the next requests through `transport`.

        In memory only; such a request never arrives, so `requests` does not have it.

        Args:
            times: how many requests.
            chance: of a request to be one of these.
            method: only requests with this method.
            id: only requests about this customer.
            after: so many of these pass first.
        """
        self._refusals.add(Fault("refuse_connection", method, id, after, times, chance=chance))

    def take_fault(self, method: str, id: int | None = None) -> Fault | None:
        """Take what is to go wrong with this request out of the queue."""
        return self._faults.take(method, id)

    def take_refusal(self, method: str, id: int | None) -> bool:
        """Tell whether the connection for this request is refused, and count it."""
        return self._refusals.take(method, id) is not None


def _close(_: Request, reply: Response) -> Response:
    return replace(reply, lost="closed")


def _reset(_: Request, reply: Response) -> Response:
    return replace(reply, lost="reset")


def _truncate(_: Request, reply: Response) -> Response:
    kept = reply.body[: len(reply.body) // 2]
    return _declaring(len(reply.body) + 2, replace(reply, body=kept))


def _declare_half(_: Request, reply: Response) -> Response:
    body = reply.body or b'{"ok":true}'
    return _declaring(len(body) // 2, replace(reply, body=body))


def _not_gzip(_: Request, reply: Response) -> Response:
    headers = {**reply.headers, "Content-Encoding": "gzip"}
    return replace(reply, headers=headers, body=b"\x1f\x8b this is not gzip")


def _declaring(length: int, reply: Response) -> Response:
    return replace(reply, headers={**reply.headers, "Content-Length": str(length)})
