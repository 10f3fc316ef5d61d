"""What the gateway says instead of its own answer, when a test asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from caibo.testing._messages import Request, Response, problem_document
from caibo.testing._queue import Fault, Queue
from caibo.testing._quirks import Quirks


class Answers(Quirks):
    """Answer with something else; `FakeCaibo` inherits the methods."""

    def __init__(self) -> None:
        super().__init__()
        self._faults = Queue()

    def fail_next(
        self,
        status: int,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Mapping[str, object] = b"",
        method: str | None = None,
        id: int | None = None,
        after: int = 0,
        times: float = 1,
        chance: float = 1.0,
        after_applying: bool = False,
    ) -> None:
        """Answer the next request with this status instead.

        Args:
            status: 200 to 999.
            headers: sent as they are; a Content-Length here may lie.
            body: bytes, or the members of a ProblemDetails object.
            method: only requests with this method.
            id: only requests about this customer.
            after: so many of these pass first, whatever becomes of them.
            times: how many requests after those; `math.inf` for all.
            chance: of a request to be one of these.
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
        _check(status)
        reply = (
            Response(status, body=body)
            if isinstance(body, bytes)
            else problem_document(status, body)
        ).with_headers(headers or {})

        def fail(_: Request, __: Response) -> Response:
            return reply

        self._faults.add(
            Fault(
                f"fail_next({status})",
                method,
                id,
                after,
                times,
                after_applying,
                fail,
                chance=chance,
            )
        )

    def answer_next(
        self,
        body: object = None,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        method: str | None = None,
        id: int | None = None,
        after: int = 0,
        times: float = 1,
        chance: float = 1.0,
        applied: bool = True,
    ) -> None:
        """Answer the next request with something else than the gateway would.

        For what is no failure to look at: envelopes, parts, other customers, pages.
        A request that the gateway carries out and refuses is answered as ever.

        Args:
            body: bytes; or what JSON can carry; or a function that gets the customer
                as it is afterwards, decoded, and returns either ({} if the request
                names none).  None leaves the body as it is.
            status: 200 to 999; None leaves it as it is.
            headers: in the place of any of the same names.
            method: only requests with this method.
            id: only requests about this customer.
            after: so many of these pass first.
            times: how many requests.
            chance: of a request to be one of these.
            applied: False answers without carrying the request out.

        Example:
            >>> from caibo.testing import FakeCaibo
            >>> fake = FakeCaibo()
            >>> fake.answer_next(lambda customer: {"data": customer}, method="GET")
            >>> fake.answer_next(lambda customer: {"id": customer["id"]}, status=206, method="GET")
            >>> fake.answer_next({"success": False}, method="PUT", applied=False)
            >>> page = {"Content-Type": "text/html"}
            >>> fake.answer_next(b"<h1>Maintenance</h1>", headers=page, method="PUT", applied=False)
            >>> fake.answer_next(status=202, method="PUT")
        """
        if status is not None:
            _check(status)

        def respond(request: Request, reply: Response) -> Response:
            if applied and reply.status >= 400:
                return reply
            answer = body
            if callable(body):
                about = request.customer_id
                answer = body({} if about is None else self.document(about))
            if answer is not None:
                reply = reply.with_body(answer)
            return replace(reply.with_headers(headers or {}), status=status or reply.status)

        self._faults.add(
            Fault("answer_next", method, id, after, times, applied, respond, chance=chance)
        )


def _check(status: int) -> None:
    if not isinstance(status, int) or not 200 <= status <= 999:
        raise ValueError(f"a final status has three digits from 200, not {status!r}")
