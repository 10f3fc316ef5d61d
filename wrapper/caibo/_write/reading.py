"""Read a record, and hold it against what may be written back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from caibo._errors import APIError, CaiboError, MalformedResponseError, NotFoundError
from caibo._record.document import Document
from caibo._record.shape import no_record
from caibo._record.spelling import merge
from caibo._wire import clock
from caibo._wire.answers import Answer
from caibo._wire.caches import kept_by
from caibo._wire.calls import call
from caibo._wire.exchange import Wire
from caibo._wire.hints import page_of
from caibo._wire.refusals import entity_tag, request_id
from caibo._wire.waiting import Flow

_NO_READ = (
    "Either there is no such customer, or this deployment has no GET /customers/{id}. "
    "If you have the record, pass it: update(…, current=record)."
)
_UNUSUAL = "The contract allows {} as an id, but it is an unusual one: was it ever set?"


class Reading(NamedTuple):
    """A record to merge onto, and when it was asked for and came, by `clock.now()`.

    One that the caller handed over has no times, no entity tag and no request.
    """

    document: Document
    asked_at: float | None = None
    received_at: float | None = None
    etag: str | None = None
    request_id: str | None = None

    def older_than(self, seconds: float) -> bool:
        """Tell its age; the age of one that was handed over is its owner's matter."""
        return self.received_at is not None and clock.now() - self.received_at > seconds

    def asked_before(self, then: float) -> bool:
        return self.asked_at is not None and self.asked_at <= then


def read(wire: Wire, id: int, *known: Document) -> Flow[Reading]:
    """Read one customer.

    Args:
        wire: to the gateway.
        id: of the customer.
        *known: what is known of the record, so that no error quotes it.

    Raises:
        CaiboError: no usable answer, or an old one, or not of this customer.
    """
    try:
        answer = yield from _new(wire, id, known)
    except APIError as error:
        if no_read(error):
            error.hint = _NO_READ
        doubt(error, id)
        raise
    try:
        if answer.status_code != 200:  # 206 has a part of it
            raise ValueError(f"the answer is {answer.status_code}, which is not 200 with all of it")
        document = Document.parse(answer.content)
    except ValueError as error:
        what = str(error) if answer.content else f"{answer.status_code} with an empty body"
        raise _malformed(answer, f"GET /customers/{id}: no customer record: {what}") from None
    if problem := no_record(document, id):
        what = f"{problem.field} {problem.message}"
        raise _malformed(answer, f"GET /customers/{id}: not this customer's record: {what}")
    return Reading(
        document,
        answer.asked_at,
        answer.received_at,
        entity_tag(answer.headers.get("etag", "")),
        request_id(answer),
    )


def _new(wire: Wire, id: int, known: tuple[Document, ...]) -> Flow[Answer]:
    """Get an answer that no cache has kept; one more time where one has, as it may end."""
    from caibo_api.api.customers import get_customer

    asked = call(get_customer, id)
    asked.headers["Cache-Control"] = "no-cache"
    answer = yield from wire.send(asked, known=known)
    if kept_by(answer.headers):
        answer = yield from wire.send(asked, known=known)
    if mark := kept_by(answer.headers):
        raise _malformed(
            answer,
            f"GET /customers/{id}: the answer is a cache's copy of an older one, though a new one "
            f'was asked for (Cache-Control: no-cache). It says "{mark}". Nothing is decided on '
            "it; have that cache obey, or leave /customers alone",
        )
    return answer


def no_read(error: CaiboError) -> bool:
    """Tell whether an error may mean that customers cannot be read here."""
    return isinstance(error, APIError) and error.status in (404, 405, 501) and not page_of(error)


def doubt(error: CaiboError, id: int) -> None:
    """Let a 404 for an id that looks like an unset variable say so."""
    if isinstance(error, NotFoundError) and id < 1:
        error.hint = f"{_UNUSUAL.format(id)} {error.hint}"


def merged(before: Document, addressed: Mapping[str, object]) -> Document:
    """Merge, where what is addressed was checked already.

    Raises:
        MalformedResponseError: a member of the record cannot be merged into.
    """
    try:
        return merge(before, addressed)
    except ValueError as error:
        raise MalformedResponseError(f"the record cannot be merged: {error}") from None


def _malformed(answer: Answer, message: str) -> MalformedResponseError:
    return MalformedResponseError(message, attempts=answer.attempts, request_id=request_id(answer))
