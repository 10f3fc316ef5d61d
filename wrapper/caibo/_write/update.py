"""What one update did: the result, and what differed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from caibo._record.contract import by_wire_name, field_name
from caibo._record.customer import Customer
from caibo._record.document import Document
from caibo._record.masking import arrow, represented
from caibo._record.spelling import find, fold, text
from caibo._write.carrying import Send

Outcome = Literal["unchanged", "accepted", "confirmed", "normalised", "already-applied"]
Protection = Literal["none", "local-lock", "shared-lock", "if-match", "conditional"]


@dataclass(frozen=True, slots=True)
class Change:
    """Hold one member before and after; the `repr` masks both."""

    before: Any
    after: Any

    def __repr__(self) -> str:
        return f"Change({arrow(represented(self.before), represented(self.after))})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Tell what one update did.

    Attributes:
        customer: the record after the update: as the gateway answered it where it
            answered with the record, else as it was to become.
        changes: what differed, by field name (`extra` members by wire name).
        outcome: "unchanged" (nothing differed, nothing was sent), "accepted" (the
            gateway said 2xx and nothing against it; nothing was read back, and
            after a 202 it may be applied later), "confirmed" (read back, with the
            new values), "normalised" (read back; the gateway spells a value
            otherwise) or "already-applied" (a plan whose values the record has).
        protection: what kept other writers of what was sent out since the record was
            read: "none"
            (nothing was written, or what was written was handed over by the caller),
            "local-lock" (other threads of this process waited, or other tasks of this
            event loop; one kind does not wait for the other), "shared-lock" (and
            others that take the same `lock=`), "if-match" (the write carried the record's
            entity tag, but there are gateways that send tags and ignore If-Match)
            or "conditional" (it did, and this client has seen a stale tag refused).
        race_window: seconds from asking for the record to the answer of the write:
            at most so long was the time in which another writer's change of what was
            sent would have been overwritten unseen; `None` where one of them did not happen, or the
            answer to the write was lost.
        attempts: how many times the write was sent; 0 when it was not.
        request_id: what to quote to the vendor, where the gateway sent one.
        carried: members outside the contract that were sent along, and are still
            there as far as was seen.
        also_changed: what differs from what was meant to be there though nobody
            addressed it, by field name: a time that the gateway sets, a member that it
            dropped, what somebody else wrote meanwhile.  `None` where no whole record
            was seen: nothing was read back, and the answer to the write did not hold it.
        send: what the write was to carry, as the client's option says.
        left_out: members of the record that the write did not carry, by field name;
            none with ``send="record"``.
    """

    customer: Customer
    changes: Mapping[str, Change]
    outcome: Outcome
    protection: Protection = "none"
    race_window: float | None = None
    attempts: int = 0
    request_id: str | None = None
    carried: tuple[str, ...] = ()
    also_changed: Mapping[str, Change] | None = None
    send: Send = "record"
    left_out: tuple[str, ...] = ()


def differences(before: Document, after: Document, addressed: Iterable[str]) -> dict[str, Change]:
    """Return what an update changes, by field name."""
    changed = [wire for wire in addressed if text(before, wire) != text(after, wire)]
    return {field_name(wire): Change(find(before, wire), find(after, wire)) for wire in changed}


def carried(before: Document, addressed: Collection[str]) -> tuple[str, ...]:
    """Name the members outside the contract that an update preserves."""
    known, ours = by_wire_name(), {fold(name) for name in addressed}
    return tuple(n for n in before if (name := fold(n)) not in known and name not in ours)
