"""What can go wrong, one method for each; `FakeCaibo` inherits them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from caibo.testing._contract import contract
from caibo.testing._messages import Response, problem_document

_BODY_READ = {"before-body": 0.0, "mid-body": 0.5}


@dataclass
class Fault:
    """One thing that goes wrong with the next matching request or requests."""

    method: str | None
    times: int
    applies: bool
    spoil: Callable[[Response], Response]
    body_read: float = 1.0


class Faults:
    """Let the gateway misbehave.

    Faults that spoil a reply queue up: each request meets the first one that
    matches its method, and one fault at most.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._faults: list[Fault] = []
        self._refusals = 0
        self._stale_reads = 0
        self._before_write: dict[int, list[dict[str, object]]] = {}
        self._after_write: dict[int, list[dict[str, object]]] = {}
        self._normalisers: dict[str, Callable[[Any], object]] = {}
        self._dropped: set[str] = set()

    def fail_next(
        self,
        status: int,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Mapping[str, object] = b"",
        method: str | None = None,
        times: int = 1,
        after_applying: bool = False,
    ) -> None:
        """Answer the next request with this status instead.

        Args:
            status: 200 to 999.
            headers: sent as they are; a Content-Length here may lie.
            body: bytes, or the members of a ProblemDetails object.
            method: only requests with this method.
            times: how many requests.
            after_applying: carry the request out first, as a gateway does that
                fails after its commit.

        Example:
            >>> import httpx
            >>> from caibo.testing import FakeCaibo
            >>> fake = FakeCaibo()
            >>> fake.fail_next(503, headers={"Retry-After": "1"})
            >>> with httpx.Client(transport=fake.transport) as client:
            ...     client.get(f"{fake.base_url}/customers/1").status_code
            503
        """
        if not 200 <= status <= 999:
            raise ValueError(f"a final status has three digits from 200, not {status}")
        reply = (
            Response(status, body=body)
            if isinstance(body, bytes)
            else problem_document(status, body)
        )
        reply = replace(reply, headers={**reply.headers, **(headers or {})})
        self._queue(Fault(method, times, after_applying, lambda _: reply))

    def lose_response(
        self,
        method: str | None = "PUT",
        *,
        at: Literal["before-body", "mid-body", "before-reply", "mid-reply"] = "before-reply",
        applied: bool = True,
        times: int = 1,
    ) -> None:
        """Lose the answer to the next request.

        Args:
            method: only requests with this method; None for any.
            at: where the connection ends: before the gateway read the body or in
                the middle of it (both reset the connection), before the reply, or
                in the middle of the reply (both close it).
            applied: whether the gateway carried the request out; a request whose
                body it never had is not.
            times: how many requests.
        """
        share = _BODY_READ.get(at, 1.0)
        spoil = _truncate if at == "mid-reply" else _close if share == 1 else _reset
        self._queue(Fault(method, times, applied and share == 1, spoil, share))

    def garble_next(
        self,
        how: Literal["gzip", "truncated", "wrong-length"] = "gzip",
        *,
        method: str | None = None,
        times: int = 1,
    ) -> None:
        """Carry the next request out and spoil the bytes of its reply.

        Args:
            how: "gzip" declares gzip and sends something else, "truncated" ends
                before the declared length, "wrong-length" declares half of it.
            method: only requests with this method.
            times: how many requests.
        """
        spoil = {"gzip": _not_gzip, "truncated": _truncate, "wrong-length": _declare_half}[how]
        self._queue(Fault(method, times, True, spoil))

    def delay(self, seconds: float, method: str | None = None, *, times: int = 1) -> None:
        """Carry the next request out and hold its reply back.

        Nothing waits in memory: a delay above the client's read timeout raises
        `httpx.ReadTimeout` there at once, and a shorter one does nothing.

        Args:
            seconds: how long a server waits; leaving `serve()` ends it early.
            method: only requests with this method.
            times: how many requests.
        """
        self._queue(Fault(method, times, True, lambda reply: replace(reply, delay=seconds)))

    def refuse_connection(self, times: int = 1) -> None:
        """Raise `httpx.ConnectError` for the next requests through `transport`.

        In memory only; such a request never arrives, so `requests` does not have it.

        Args:
            times: how many requests.
        """
        with self._lock:
            self._refusals += times

    def change_before_write(self, id: int, /, **fields: object) -> None:
        """Let someone else change a customer between the next PUT's read and the PUT."""
        with self._lock:
            self._before_write.setdefault(id, []).append(fields)

    def change_after_write(self, id: int, /, **fields: object) -> None:
        """Let someone else change a customer right after the next PUT of it."""
        with self._lock:
            self._after_write.setdefault(id, []).append(fields)

    def stale_reads(self, reads: int = 1) -> None:
        """Answer the next reads with the version before the newest, as a lagging replica would.

        Args:
            reads: how many reads, of any customer.
        """
        with self._lock:
            self._stale_reads += reads

    def normalise(self, field: str, respell: Callable[[Any], object]) -> None:
        """Store another spelling of a field from now on, in every PUT that sets it.

        Args:
            field: in snake_case or as on the wire.
            respell: gets the decoded value, never None, and returns the one to store.
        """
        self._normalisers[contract().wire_name(field)] = respell

    def drop_members(self, *names: str) -> None:
        """Take these members from now on without storing them, as a gateway does not know them.

        Args:
            names: in snake_case or as on the wire.
        """
        self._dropped.update(map(contract().wire_name, names))

    def take_fault(self, method: str) -> Fault | None:
        """Take what is to go wrong with this request out of the queue."""
        with self._lock:
            for fault in self._faults:
                if fault.method in (None, method):
                    fault.times -= 1
                    if fault.times == 0:
                        self._faults.remove(fault)
                    return fault
        return None

    def take_refusal(self) -> bool:
        """Tell whether this connection is refused, and count it."""
        with self._lock:
            refused = self._refusals > 0
            self._refusals -= refused
        return refused

    def _queue(self, fault: Fault) -> None:
        if fault.times < 1:
            raise ValueError(f"times counts requests from 1, not {fault.times}")
        with self._lock:
            self._faults.append(fault)


def _close(reply: Response) -> Response:
    return replace(reply, lost="closed")


def _reset(reply: Response) -> Response:
    return replace(reply, lost="reset")


def _truncate(reply: Response) -> Response:
    kept = reply.body[: len(reply.body) // 2]
    return _declaring(len(reply.body) + 2, replace(reply, body=kept))


def _declare_half(reply: Response) -> Response:
    body = reply.body or b'{"ok":true}'
    return _declaring(len(body) // 2, replace(reply, body=body))


def _not_gzip(reply: Response) -> Response:
    headers = {**reply.headers, "Content-Encoding": "gzip"}
    return replace(reply, headers=headers, body=b"\x1f\x8b this is not gzip")


def _declaring(length: int, reply: Response) -> Response:
    return replace(reply, headers={**reply.headers, "Content-Length": str(length)})
