"""What this gateway does to records: others that write, replicas that lag, values respelt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from caibo._record.json_text import Member, Members, decode, encode
from caibo.testing._contract import contract
from caibo.testing._queue import Fault, Queue
from caibo.testing._store import Store


class Quirks(Store):
    """Treat records as some gateway may; `FakeCaibo` inherits the methods."""

    drop_omitted = False

    def __init__(self) -> None:
        super().__init__()
        self._stale_reads = Queue()
        self._before_write: dict[int, list[dict[str, object]]] = {}
        self._after_write: dict[int, list[dict[str, object]]] = {}
        self._normalisers: dict[str, Callable[[Any], object]] = {}
        self._dropped: set[str] = set()

    def change_before_write(self, id: int, /, **fields: object) -> None:
        """Let someone else change a customer between the next PUT's read and the PUT."""
        with self._lock:
            self._before_write.setdefault(id, []).append(fields)

    def change_after_write(self, id: int, /, **fields: object) -> None:
        """Let someone else change a customer right after the next PUT of it."""
        with self._lock:
            self._after_write.setdefault(id, []).append(fields)

    def stale_reads(self, reads: float = 1, *, id: int | None = None, after: int = 0) -> None:
        """Answer the next reads with the version before the newest, as a lagging replica would.

        Args:
            reads: how many reads that find a customer.
            id: only reads of this customer.
            after: so many of these pass first.
        """
        self._stale_reads.add(Fault("GET", id, after, reads))

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

    def _stored(self, sent: Members, kept: Members) -> Members:
        """Return what a PUT of `sent` leaves of a record that had `kept`."""
        stored: Members = {}
        for name, member in sent.items():
            if contract().server_owned(name):
                stored.update({name: kept[name]} if name in kept else {})
            elif name not in self._dropped:
                stored[name] = self._respelt(name, member)
        for name, member in kept.items():
            if contract().server_owned(name):
                stored[name] = member
            elif name in contract().properties and not self.drop_omitted:
                stored.setdefault(name, member._replace(value="null"))
        return stored

    def _respelt(self, name: str, member: Member) -> Member:
        respell = self._normalisers.get(name)
        if respell is None or member.value == "null":
            return member
        return member._replace(value=encode(respell(decode(member.value))))
