r"""The customers' vocabulary: two faces, a line a method, over one flow for each verb.

Customers.update(12345, **changes)          AsyncCustomers.update(12345, **changes)
  return self._run(verbs.update …)           return await self._run(verbs.update …)
                          \                       /
                           caibo._write.verbs.update: decides, yields steps, never waits
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar, Unpack

from caibo._record.checks import ID_FIRST
from caibo._record.compare import OnConflict
from caibo._record.customer import Customer
from caibo._record.customer_fields import CustomerChanges
from caibo._wire.waiting import Flow, Tasks, Threads
from caibo._write import verbs
from caibo._write.draft import Draft
from caibo._write.plan import Plan
from caibo._write.session import Confirm, Session
from caibo._write.update import Update
from caibo._write.verbs import Record, Wanted

T = TypeVar("T")


class Customers:
    """Read and change customers: ``client.customers``.

    `AsyncCustomers` has the same names, awaited.
    """

    def __init__(self, session: Callable[[], Session]) -> None:
        self._session = session

    def _run(self, verb: Callable[[Session], Flow[T]]) -> T:
        session = self._session()
        return Threads.run(session.whole(verb))

    def get(self, id: int, /) -> Customer:
        """Read a customer.

        A deployment may have no ``GET /customers/{id}``, see ``docs/assumptions.md``;
        the other verbs take `current=` then.  A record has `name` and `email`, and the
        customer's id or else strings in both; anything else is none.  Reads ask for
        ``Cache-Control: no-cache``; what a cache marks as its copy all the same
        is asked for once more, and then refused, as it may be old.

        Args:
            id: the customer id, an int64.

        Raises:
            InvalidChangesError: the id is no int64; nothing was sent.
            NotFoundError: no such customer, or no read endpoint.
            MalformedResponseError: the answer is not this customer's record, or a
                cache's copy of it.
            CaiboError: everything else that can go wrong, see the tree in
                `docs/errors.md`.

        Example:
            >>> customer = client.customers.get(12345)
        """
        return self._run(lambda s: verbs.get(s, id))

    def update(
        self,
        id: int,
        /,
        *,
        expect: Mapping[str, object] | None = None,
        current: Record | None = None,
        confirm: Confirm | None = None,
        extra: Mapping[str, object] | None = None,
        **changes: Unpack[CustomerChanges],
    ) -> Update:
        """Change some fields and lose nothing else: read now, merge, write if something differs.

        Without an ETag, which the vendor does not document, no client can keep
        another writer out: a change that lands between our read and our write is
        overwritten unseen.  That window is kept small and reported as
        ``Update.race_window``.  Updates of one customer queue in one process, and
        under asyncio and trio in one event loop.
        If a read does carry an ETag, If-Match goes with the write.

        A field that is left out stays as it is, `None` clears it, a value sets
        it.  Members that nobody addressed go back with the very text in which
        they came, and names as the record spells them: at its top level a member
        is found in any (ASCII) case.  The client's `send` may leave some of them out.
        One update is two requests; one that changes nothing is one.

        When the answer to the write is lost, or is a web page, a problem document
        or ``success: false``, the record is read back: where the new values are
        there, the update succeeded; where the old ones are, it is merged and sent
        again.  An answer that is a record with other values than were sent is read
        back as well, and never sent again.

        Args:
            id: the customer id, an int64.
            expect: what the record just read has to say, by field name (wire names
                outside the contract); absent and null are the same.
            current: a record to merge onto instead of reading: a `Customer`, or a
                mapping with wire names.  For deployments without a read endpoint,
                or with one that wraps the record.  It has to be a record, as in
                `get`, and goes with ``send="record"`` only.  Its age widens the window
                for lost updates.
            confirm: read back after the write, at once or after so many seconds;
                the client's own `confirm` where it is left out.  Costs one read.
                It sees who overwrites us within that time, and never whom we
                overwrote.
            extra: members outside the contract, by wire name.  Objects are merged
                member by member, with exact names inside, `None` sets null.
            **changes: the fields, which are those of `CustomerChanges`.

        Raises:
            InvalidChangesError: unknown, server-owned or unfit fields; nothing was
                sent.
            ConflictError: the record does not say what `expect` asks for; nothing
                was written.
            OverwrittenError: read back, the record has other values, or has lost what
                the client's `send` left out.
            MalformedResponseError: what was read is not this customer's record, or
                cannot be written back; nothing was written.
            BadRequestError: the gateway refused the data, see `field_errors`.
            NotFoundError: no such customer, or no read endpoint.
            UnknownOutcomeError: the answer to the write was lost, and reading back
                does not tell.
            CaiboError: everything else that can go wrong, see the tree in
                `docs/errors.md`.

        Example:
            >>> update = client.customers.update(12345, email="new@example.com", phone=None)
            >>> update.outcome, list(update.changes)
            ('accepted', ['email', 'phone'])

        Source: https://docs.caibo.digital, "Update Customer".
        """
        wanted = Wanted(id, changes, extra, expect, current)
        del changes, extra, expect, current  # error reporters show the locals of frames
        return self._run(lambda s: verbs.update(s, wanted, confirm))

    def plan(
        self,
        id: int,
        /,
        *,
        expect: Mapping[str, object] | None = None,
        current: Record | None = None,
        extra: Mapping[str, object] | None = None,
        **changes: Unpack[CustomerChanges],
    ) -> Plan:
        """Work out an update and write nothing: for a person to look at, or for later.

        Args:
            id: the customer id, an int64.
            expect: what the record has to say when the plan is applied; looked at
                now as well.
            current: a record to plan on instead of reading it.
            extra: members outside the contract, by wire name.
            **changes: the fields, which are those of `CustomerChanges`.

        Raises:
            InvalidChangesError: unknown, server-owned or unfit fields; nothing was
                sent.
            ConflictError: the record does not say what `expect` asks for.
            MalformedResponseError: the record read cannot be written back.
            CaiboError: everything else that can go wrong, see the tree in
                `docs/errors.md`.

        Example:
            >>> plan = client.customers.plan(12345, phone=None)
            >>> list(plan.changes)
            ['phone']
        """
        wanted = Wanted(id, changes, extra, expect, current)
        del changes, extra, expect, current  # error reporters show the locals of frames
        return self._run(lambda s: verbs.plan(s, wanted))

    def apply(
        self,
        plan: Plan,
        /,
        *,
        confirm: Confirm | None = None,
        on_conflict: OnConflict = "raise",
    ) -> Update:
        """Write what a plan says, on the record as it is now.

        The record is read again, unless the plan is younger than the client's
        `max_base_age`, and merged three ways: what others changed meanwhile
        stays.  A plan whose values the record has in any spelling writes nothing:
        the outcome is "already-applied".  One that was applied (its JSON remembers
        it) is never written again: where the record says something else since, that
        is a `ConflictError`.

        Args:
            plan: from `plan`, or from ``Plan.from_json``.
            confirm: as in `update`.
            on_conflict: what to do where someone else changed the same field:
                "raise", take "ours" or "theirs", or call a function with (field,
                base, theirs, mine) that returns the value.

        Raises:
            ConflictError: someone else changed the same field, or the record does
                not say what the plan expects, or no longer what it wrote; nothing
                was written.
            CaiboError: everything that `update` raises.

        Example:
            >>> plan = client.customers.plan(12345, phone=None)
            >>> update = client.customers.apply(plan)
            >>> update.outcome
            'accepted'
        """
        return self._run(lambda s: verbs.apply(s, plan, confirm, on_conflict))

    @contextmanager
    def edit(
        self, id: int, /, *, confirm: Confirm | None = None, on_conflict: OnConflict = "raise"
    ) -> Generator[Draft]:
        """Give a customer to assign to, and write the differences when the block ends.

        Nothing is written when the block raises, or when nothing differs.  Where
        the block took longer than the client's `max_base_age`, the record is read
        again and merged three ways: what others changed meanwhile stays.

        Args:
            id: the customer id, an int64.
            confirm: as in `update`.
            on_conflict: as in `apply`.

        Raises:
            ConflictError: someone else changed the same field; nothing was written.
            CaiboError: everything that `update` raises, on the way in or out.

        Example:
            >>> with client.customers.edit(12345) as draft:
            ...     draft.phone = None
            >>> list(draft.update.changes)
            ['phone']
        """
        edit = self._run(lambda s: verbs.begin_edit(s, id, confirm, on_conflict))
        yield Draft(edit)
        self._run(lambda s: verbs.end_edit(s, edit, confirm, on_conflict))

    def replace(self, id: int, document: Record, /, *, if_match: str | None = None) -> Update:
        """Write exactly this record: nothing is read, nothing is merged.

        This is the gateway's own operation.  What an omitted optional member
        becomes is not documented: take it for lost.  Only when the answer is lost
        is the record read, to see whether it landed.

        Args:
            id: the customer id, an int64.
            document: the whole record: a `Customer`, or a mapping with wire names
                that has name and email.
            if_match: replace only the record that has this entity tag, such as the
                ``customer.etag`` of one that was read; a gateway that looks at it
                refuses with 412 otherwise.

        Raises:
            InvalidChangesError: no whole record, beyond the contract's limits, or no
                strong tag; nothing was sent.
            UnknownOutcomeError: the answer to the write was lost, and the record
                read back is not what was sent.
            CaiboError: everything else that can go wrong, see the tree in
                `docs/errors.md`.

        Example:
            >>> document = {"name": "Jo Li", "email": "jo@example.com"}
            >>> update = client.customers.replace(12345, document)
        """
        verb = _replacing(id, document, if_match)
        del document  # error reporters show the locals of frames
        return self._run(verb)


class AsyncCustomers:
    """Read and change customers, awaited: ``client.customers``, as `Customers`."""

    def __init__(self, session: Callable[[], Session]) -> None:
        self._session = session

    async def _run(self, verb: Callable[[Session], Flow[T]]) -> T:
        session = self._session()
        return await Tasks.run(session.whole(verb))

    async def get(self, id: int, /) -> Customer:
        """As `Customers.get`, awaited."""
        return await self._run(lambda s: verbs.get(s, id))

    async def update(
        self,
        id: int,
        /,
        *,
        expect: Mapping[str, object] | None = None,
        current: Record | None = None,
        confirm: Confirm | None = None,
        extra: Mapping[str, object] | None = None,
        **changes: Unpack[CustomerChanges],
    ) -> Update:
        """As `Customers.update`, awaited."""
        wanted = Wanted(id, changes, extra, expect, current)
        del changes, extra, expect, current  # error reporters show the locals of frames
        return await self._run(lambda s: verbs.update(s, wanted, confirm))

    async def plan(
        self,
        id: int,
        /,
        *,
        expect: Mapping[str, object] | None = None,
        current: Record | None = None,
        extra: Mapping[str, object] | None = None,
        **changes: Unpack[CustomerChanges],
    ) -> Plan:
        """As `Customers.plan`, awaited."""
        wanted = Wanted(id, changes, extra, expect, current)
        del changes, extra, expect, current  # error reporters show the locals of frames
        return await self._run(lambda s: verbs.plan(s, wanted))

    async def apply(
        self,
        plan: Plan,
        /,
        *,
        confirm: Confirm | None = None,
        on_conflict: OnConflict = "raise",
    ) -> Update:
        """As `Customers.apply`, awaited."""
        return await self._run(lambda s: verbs.apply(s, plan, confirm, on_conflict))

    @asynccontextmanager
    async def edit(
        self, id: int, /, *, confirm: Confirm | None = None, on_conflict: OnConflict = "raise"
    ) -> AsyncGenerator[Draft]:
        """As `Customers.edit`, entered with ``async with``."""
        edit = await self._run(lambda s: verbs.begin_edit(s, id, confirm, on_conflict))
        yield Draft(edit)
        await self._run(lambda s: verbs.end_edit(s, edit, confirm, on_conflict))

    async def replace(self, id: int, document: Record, /, *, if_match: str | None = None) -> Update:
        """As `Customers.replace`, awaited."""
        verb = _replacing(id, document, if_match)
        del document  # error reporters show the locals of frames
        return await self._run(verb)


def _replacing(
    id: int, document: Record, if_match: str | None
) -> Callable[[Session], Flow[Update]]:
    return lambda session: verbs.replace(session, id, document, if_match)


for _method in (Customers.update, Customers.plan, AsyncCustomers.update, AsyncCustomers.plan):
    # Not in the signature, where type checkers would let a call without an id pass.
    _method.__defaults__ = (ID_FIRST,)
