"""What this gateway does to records: others that write, replicas that lag, values respelt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from caibo._record.json_text import Member, Members, decode, encode, is_object
from caibo.testing._contract import contract
from caibo.testing._queue import Fault, Queue
from caibo.testing._store import Store


def merge_patch(target: Any, patch: Any) -> Any:
    """Apply a merge patch as RFC 7396, section 2, says."""
    if not is_object(patch):
        return patch
    target = dict(target) if is_object(target) else {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = merge_patch(target.get(name), value)
    return target


class Quirks(Store):
    """Treat records as some gateway may; `FakeCaibo` inherits the methods."""

    drop_omitted = False
    keeps_omitted = False
    unknown_members: Literal["stored", "dropped", "kept"] = "stored"

    def __init__(self) -> None:
        super().__init__()
        self._stale_reads = Queue()
        self._before_write: dict[int, list[dict[str, object]]] = {}
        self._after_write: dict[int, list[dict[str, object]]] = {}
        self._normalisers: dict[str, tuple[Callable[[Any], object], bool]] = {}
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
        self._stale_reads.add(Fault("stale_reads", "GET", id, after, reads))

    def normalise(
        self, field: str, respell: Callable[[Any], object], *, nulls: bool = False
    ) -> None:
        """Store another spelling of a field from now on, in every PUT that sets it.

        Args:
            field: in snake_case or as on the wire.
            respell: gets the decoded value and returns the one to store.
            nulls: True lets it have None, too, which else stays None.
        """
        self._normalisers[contract().wire_name(field)] = (respell, nulls)

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
            if self._owns(name):
                stored.update({name: kept[name]} if name in kept else {})
            elif not self._drops(name):
                stored[name] = self._respelt(name, member)
        for name, member in kept.items():
            if self._owns(name):
                stored[name] = member
            elif self.keeps_omitted:
                stored.setdefault(name, member)
            elif name in contract().properties and not self.drop_omitted:
                stored.setdefault(name, member._replace(value="null"))
        return stored

    def _patched(self, sent: Members, kept: Members) -> Members:
        """Return what a PATCH with `sent` leaves of a record that had `kept`."""
        stored = dict(kept)
        for name, member in sent.items():
            if self._owns(name) or self._drops(name):
                continue
            was = decode(kept[name].value) if name in kept else None
            value = encode(merge_patch(was, decode(member.value)))
            if value != "null" or (name in contract().properties and not self.drop_omitted):
                stored[name] = self._respelt(name, member._replace(value=value))
            else:
                stored.pop(name, None)
        return stored

    def _owns(self, name: str) -> bool:
        unknown = name not in contract().properties
        return contract().server_owned(name) or (unknown and self.unknown_members == "kept")

    def _drops(self, name: str) -> bool:
        unknown = name not in contract().properties
        return name in self._dropped or (unknown and self.unknown_members == "dropped")

    def _respelt(self, name: str, member: Member) -> Member:
        respell, nulls = self._normalisers.get(name, (None, False))
        if respell is None or (member.value == "null" and not nulls):
            return member
        return member._replace(value=encode(respell(decode(member.value))))
