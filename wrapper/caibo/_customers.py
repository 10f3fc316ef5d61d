r"""The customers' vocabulary: one flow for each verb, and the two faces over them.

Customers.update(12345, **changes)          AsyncCustomers.update(12345, **changes)
  return run(http, _update(...))              return await arun(http, _update(...))
                  \                              /
                   _update: decides, yields calls, never waits
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Unpack

import httpx
from caibo_api.api.customers import get_customer, replace_customer

from caibo._document import Document
from caibo._errors import (
    APIError,
    InvalidChangesError,
    MalformedResponseError,
    TransportError,
    UnknownOutcomeError,
)
from caibo._flow import Flow, body, call
from caibo._io import AsyncHTTP, SyncHTTP, arun, run
from caibo._records import Change, Customer, CustomerChanges, Update
from caibo._responses import request_id
from caibo._rules import (
    by_wire_name,
    check_changes,
    check_document,
    check_id,
    misfit,
    other_customer,
)

_NO_READ = (
    "Either there is no such customer, or this deployment has no GET /customers/{id}: the vendor "
    "documents none. If you have the record, pass it: update(…, current=record)."
)

Record = Customer | Mapping[str, object]


class Customers:
    """Read and change customers: ``client.customers``.

    `AsyncCustomers` has the same names, awaited.
    """

    def __init__(self, http: SyncHTTP, *, validate: bool) -> None:
        self._http = http
        self._validate = validate

    def get(self, id: int, /) -> Customer:
        """Read a customer.

        That the gateway has ``GET /customers/{id}`` is an assumption: its vendor
        documents no way to read.

        Args:
            id: the customer id, an int64.

        Raises:
            InvalidChangesError: the id is no int64; nothing was sent.
            NotFoundError: no such customer, or no read endpoint.
            MalformedResponseError: the answer is not this customer's record.
            CaiboError: everything else that can go wrong, see the tree in
                `caibo._errors`.

        Example:
            >>> customer = client.customers.get(12345)
        """
        return run(self._http, _get(id))

    def update(
        self,
        id: int,
        /,
        *,
        current: Record | None = None,
        extra: Mapping[str, object] | None = None,
        **changes: Unpack[CustomerChanges],
    ) -> Update:
        """Change some fields and lose nothing else: read now, merge, write if something differs.

        Without an ETag, which the vendor does not document, no client can keep
        another writer out: a change that lands between our read and our write is
        overwritten unseen.  That window is kept small and reported as
        ``Update.race_window``.

        A field that is left out stays as it is, `None` clears it, a value sets
        it.  Members that nobody addressed go back with the very text in which
        they came.  One update is two requests; one that changes nothing is one.

        Args:
            id: the customer id, an int64.
            current: a record to merge onto instead of reading: a `Customer`, or a
                mapping with wire names.  For deployments without a read endpoint.
                Its age widens the window for lost updates.
            extra: members outside the contract, by wire name.  Objects are merged
                member by member, `None` sets null.
            **changes: `name`, `email`, `address`, `phone`, `member_id`.

        Raises:
            InvalidChangesError: unknown, server-owned or unfit fields; nothing was
                sent.
            MalformedResponseError: the record read cannot be written back; nothing
                was written.
            BadRequestError: the gateway refused the data, see `field_errors`.
            NotFoundError: no such customer, or no read endpoint.
            UnknownOutcomeError: the answer to the write was lost.
            CaiboError: everything else that can go wrong, see the tree in
                `caibo._errors`.

        Example:
            >>> update = client.customers.update(12345, email="new@example.com", phone=None)
            >>> update.outcome, list(update.changes)
            ('accepted', ['email', 'phone'])

        Source: https://docs.caibo.digital, "Update Customer".
        """
        return run(self._http, _update(id, changes, current, extra, self._validate))

    def replace(self, id: int, document: Record, /) -> Update:
        """Write exactly this record: nothing is read, nothing is merged.

        This is the gateway's own operation.  What an omitted optional member
        becomes is not documented: take it for lost.

        Args:
            id: the customer id, an int64.
            document: the whole record: a `Customer`, or a mapping with wire names
                that has name and email.

        Raises:
            InvalidChangesError: no whole record, or beyond the contract's limits;
                nothing was sent.
            UnknownOutcomeError: the answer to the write was lost.
            CaiboError: everything else that can go wrong, see the tree in
                `caibo._errors`.

        Example:
            >>> document = {"name": "Jo Li", "email": "jo@example.com"}
            >>> update = client.customers.replace(12345, document)
        """
        return run(self._http, _replace(id, document, self._validate))


class AsyncCustomers:
    """Read and change customers: ``client.customers``.

    `Customers` has the same names, not awaited.
    """

    def __init__(self, http: AsyncHTTP, *, validate: bool) -> None:
        self._http = http
        self._validate = validate

    async def get(self, id: int, /) -> Customer:
        """Read a customer.

        That the gateway has ``GET /customers/{id}`` is an assumption: its vendor
        documents no way to read.

        Args:
            id: the customer id, an int64.

        Raises:
            InvalidChangesError: the id is no int64; nothing was sent.
            NotFoundError: no such customer, or no read endpoint.
            MalformedResponseError: the answer is not this customer's record.
            CaiboError: everything else that can go wrong, see the tree in
                `caibo._errors`.

        Example:
            >>> customer = await client.customers.get(12345)
        """
        return await arun(self._http, _get(id))

    async def update(
        self,
        id: int,
        /,
        *,
        current: Record | None = None,
        extra: Mapping[str, object] | None = None,
        **changes: Unpack[CustomerChanges],
    ) -> Update:
        """Change some fields and lose nothing else: read now, merge, write if something differs.

        Without an ETag, which the vendor does not document, no client can keep
        another writer out: a change that lands between our read and our write is
        overwritten unseen.  That window is kept small and reported as
        ``Update.race_window``.

        A field that is left out stays as it is, `None` clears it, a value sets
        it.  Members that nobody addressed go back with the very text in which
        they came.  One update is two requests; one that changes nothing is one.

        Args:
            id: the customer id, an int64.
            current: a record to merge onto instead of reading: a `Customer`, or a
                mapping with wire names.  For deployments without a read endpoint.
                Its age widens the window for lost updates.
            extra: members outside the contract, by wire name.  Objects are merged
                member by member, `None` sets null.
            **changes: `name`, `email`, `address`, `phone`, `member_id`.

        Raises:
            InvalidChangesError: unknown, server-owned or unfit fields; nothing was
                sent.
            MalformedResponseError: the record read cannot be written back; nothing
                was written.
            BadRequestError: the gateway refused the data, see `field_errors`.
            NotFoundError: no such customer, or no read endpoint.
            UnknownOutcomeError: the answer to the write was lost.
            CaiboError: everything else that can go wrong, see the tree in
                `caibo._errors`.

        Example:
            >>> update = await client.customers.update(12345, email="new@example.com", phone=None)
            >>> update.outcome, list(update.changes)
            ('accepted', ['email', 'phone'])

        Source: https://docs.caibo.digital, "Update Customer".
        """
        return await arun(self._http, _update(id, changes, current, extra, self._validate))

    async def replace(self, id: int, document: Record, /) -> Update:
        """Write exactly this record: nothing is read, nothing is merged.

        This is the gateway's own operation.  What an omitted optional member
        becomes is not documented: take it for lost.

        Args:
            id: the customer id, an int64.
            document: the whole record: a `Customer`, or a mapping with wire names
                that has name and email.

        Raises:
            InvalidChangesError: no whole record, or beyond the contract's limits;
                nothing was sent.
            UnknownOutcomeError: the answer to the write was lost.
            CaiboError: everything else that can go wrong, see the tree in
                `caibo._errors`.

        Example:
            >>> document = {"name": "Jo Li", "email": "jo@example.com"}
            >>> update = await client.customers.replace(12345, document)
        """
        return await arun(self._http, _replace(id, document, self._validate))


def _get(id: int) -> Flow[Customer]:
    document, _ = yield from _read(check_id(id))
    return Customer(document)


def _update(
    id: int,
    changes: CustomerChanges,
    current: Record | None,
    extra: Mapping[str, object] | None,
    validate: bool,
) -> Flow[Update]:
    id = check_id(id)
    addressed = check_changes(dict(changes), extra, validate=validate)
    read = None
    if current is None:
        before, read = yield from _read(id)
        if found := misfit(before, id, addressed):
            raise MalformedResponseError(
                f"the record of customer {id} cannot be written back: {found.field} "
                f"{found.message}; nothing was written"
            )
    else:
        before = check_document(_mapping(current), what="current", validate=False)
        if found := misfit(before, id, addressed):
            raise InvalidChangesError([replace(found, field=f"current[{found.field!r}]")])
    after = _merge(before, addressed)
    if after is before:
        return Update(
            customer=Customer(before),
            changes={},
            outcome="unchanged",
            request_id=None if read is None else request_id(read),
            carried=_carried(before, addressed),
        )
    written = yield from _write(id, after)
    return Update(
        customer=_answered(written, id, after),
        changes=_changes(before, after, addressed),
        outcome="accepted",
        race_window=None if read is None else _seconds_between(read, written),
        attempts=written.extensions["attempts"],
        request_id=request_id(written),
        carried=_carried(before, addressed),
    )


def _replace(id: int, document: Record, validate: bool) -> Flow[Update]:
    id = check_id(id)
    whole = check_document(_mapping(document), what="document", validate=validate)
    written = yield from _write(id, whole)
    return Update(
        customer=_answered(written, id, whole),
        changes={},
        outcome="accepted",
        attempts=written.extensions["attempts"],
        request_id=request_id(written),
    )


def _read(id: int) -> Flow[tuple[Document, httpx.Response]]:
    try:
        answer = yield call(get_customer, id)
    except APIError as error:
        if error.status in (404, 405, 501):
            error.hint = _NO_READ
        raise
    try:
        document = Document.parse(answer.content)
    except ValueError as error:
        what = str(error) if answer.content else f"{answer.status_code} with an empty body"
        raise _malformed(answer, f"GET /customers/{id}: no customer record: {what}") from None
    if other_customer(document, id):
        raise _malformed(answer, f"GET /customers/{id}: the answer is of another customer")
    return document, answer


def _write(id: int, document: Document) -> Flow[httpx.Response]:
    try:
        return (yield call(replace_customer, id, body=body(document)))
    except (TransportError, MalformedResponseError) as error:
        if isinstance(error, TransportError) and error.request_sent == "no":
            raise
        raise UnknownOutcomeError(
            f"{error}\n  The write may or may not have been applied: read customer {id} "
            "before trying again.",
            attempts=error.attempts,
        ) from error


def _malformed(answer: httpx.Response, message: str) -> MalformedResponseError:
    return MalformedResponseError(
        message, attempts=answer.extensions["attempts"], request_id=request_id(answer)
    )


def _merge(before: Document, addressed: Mapping[str, object]) -> Document:
    try:
        return before.merge(addressed)
    except ValueError as error:  # a member of the record, as `addressed` was checked
        raise MalformedResponseError(f"the record cannot be merged: {error}") from None


def _mapping(record: Record) -> Mapping[str, object]:
    return record.document if isinstance(record, Customer) else record


def _answered(written: httpx.Response, id: int, sent: Document) -> Customer:
    """Take the gateway's word for the record where it gave the whole one.

    The contract declares no body for 200, so anything may stand there.
    """
    try:
        said = Document.parse(written.content)
    except ValueError:
        return Customer(sent)
    whole = said.keys() >= sent.keys() and misfit(said, id, {}) is None
    return Customer(said if whole else sent)


def _changes(
    before: Document, after: Document, addressed: Mapping[str, object]
) -> dict[str, Change]:
    changed = [wire for wire in addressed if before.text(wire) != after.text(wire)]
    known = by_wire_name()
    return {
        known[wire.lower()].name if wire.lower() in known else wire: Change(
            before.get(wire), after.get(wire)
        )
        for wire in changed
    }


def _carried(before: Document, addressed: Mapping[str, object]) -> tuple[str, ...]:
    known = by_wire_name()
    return tuple(n for n in before if n.lower() not in known and n not in addressed)


def _seconds_between(read: httpx.Response, written: httpx.Response) -> float:
    sent: float = written.request.extensions["sent_at"]
    received: float = read.extensions["received_at"]
    return sent - received
