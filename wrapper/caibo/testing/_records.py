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


class Record:
    """Keep the newest version of a customer, and the one before."""

    def __init__(self, text: str) -> None:
        self.newest = self.previous = Version(text, '"v1"')
        self._tags = count(2)

    def write(self, text: str) -> None:
        """Make this text the newest version."""
        self.previous, self.newest = self.newest, Version(text, f'"v{next(self._tags)}"')

    def members(self) -> Members:
        """Return the members, none if a test stored something else than an object."""
        try:
            return split(self.newest.text)
        except ValueError:
            return {}
