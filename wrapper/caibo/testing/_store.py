"""The customers that a gateway holds, and how tests put them there and look at them."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from itertools import count
from typing import Any

from caibo._record.json_text import Member, decode, encode, join
from caibo.testing._contract import contract
from caibo.testing._records import SAMPLE, Record, sample
from caibo.testing._shapes import Shapes


class Store(Shapes):
    """Hold customers; `FakeCaibo` inherits the methods."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.RLock()
        self._records: dict[int, Record] = {}
        self._ids = count(int(str(SAMPLE["id"])))

    def add_customer(self, **fields: object) -> int:
        """Store a customer with sample values, and return its id.

        Args:
            fields: in snake_case or as on the wire; names outside the contract
                are stored as they are.
        """
        known = {name: sample(name, schema) for name, schema in contract().schemas.items()}
        given = {contract().wire_name(name): value for name, value in fields.items()}
        return self.add_document({**known, "id": next(self._ids), **given})

    def add_document(
        self, document: bytes | str | Mapping[str, object], *, id: int | None = None
    ) -> int:
        """Store a customer exactly as given, and return its id.

        Bytes and text are returned by a read as they are, valid JSON or not.  A
        customer that is there already under this id is replaced.

        Args:
            document: JSON text, or a mapping with names as on the wire.
            id: where to store it; else its own `id` if it has one, else a new one.
        """
        if isinstance(document, Mapping):
            document = encode(document)
        text = document if isinstance(document, str) else document.decode()
        record = Record(text)
        if id is None:
            own: Any = decode(record.members().get("id", Member('"id"', "null")).value)
            id = own if isinstance(own, int) and not isinstance(own, bool) else next(self._ids)
        with self._lock:
            self._records[id] = record
        return id

    def change(self, id: int, /, **fields: object) -> None:
        """Change a customer at once, as someone else would, and keep its other members."""
        with self._lock:
            record = self._record(id)
            members = record.members()
            for field, value in fields.items():
                name = contract().wire_name(field)
                spelt = members[name].name if name in members else encode(name)
                members[name] = Member(spelt, encode(value))
            record.write(join(members), by_client=False)

    def remove_customer(self, id: int) -> None:
        """Delete a customer."""
        with self._lock:
            self._record(id)
            del self._records[id]

    def raw(self, id: int) -> bytes:
        """Return the bytes of a customer, as a read would."""
        with self._lock:
            return self._shown(self._record(id).newest.text).encode()

    def document(self, id: int) -> dict[str, Any]:
        """Return a customer decoded; numbers that are no integers come as `Decimal`."""
        members: dict[str, Any] = decode(self.raw(id).decode())
        return members

    def _record(self, id: int) -> Record:
        if id not in self._records:
            raise KeyError(f"no customer {id}")
        return self._records[id]
