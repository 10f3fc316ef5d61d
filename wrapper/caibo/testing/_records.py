"""One stored customer: its newest version, and the one before."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from itertools import count
from typing import NamedTuple

from caibo._record.json_text import Members, split

# Spelt as on the wire.  The phone number and the e-mail domain are reserved for examples.
SAMPLE: Mapping[str, object] = {
    "id": 16772748432912191,
    "ownerId": 16772748432900017,
    "userId": None,
    "ownerName": "Example Outfitters Ltd",
    "name": "Ada Example",
    "email": "ada@example.com",
    "address": "456 New Street, San Francisco, CA 94105, US",
    "phone": "+12025550143",
    "memberId": "M-1001",
    "hasPaymentRequests": True,
    "totalDeposits": Decimal("100.00"),
    "createDate": "2024-03-05T09:30:12.1234567Z",
}


class Version(NamedTuple):
    """What a customer was at one time: its text, and its entity tag."""

    text: str
    etag: str

    def members(self) -> Members:
        """Return the members, none if a test stored something else than an object."""
        try:
            return split(self.text)
        except ValueError:
            return {}


class Record:
    """Keep the newest version of a customer, the one before, and what clients wrote.

    Attributes:
        newest: what a read shows.
        previous: what a replica that lags shows.
        writes: each write of a client that was carried out, as the version that it
            found and the one that it left.
    """

    def __init__(self, text: str) -> None:
        self.newest = self.previous = Version(text, '"v1"')
        self.writes: list[tuple[Version, Version]] = []
        self._tags = count(2)

    def write(self, text: str, *, by_client: bool = True) -> None:
        """Make this text the newest version."""
        self.previous, self.newest = self.newest, Version(text, f'"v{next(self._tags)}"')
        if by_client:
            self.writes.append((self.previous, self.newest))

    def members(self) -> Members:
        """Return the members, none if a test stored something else than an object."""
        return self.newest.members()
