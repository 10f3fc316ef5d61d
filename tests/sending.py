"""What the tests of `send=` share: the modes, kinds of gateway, and a customer."""

from __future__ import annotations

import json
from typing import Any

from faces import Face

from caibo.testing import FakeCaibo

OWNED = {
    *("id", "ownerId", "userId", "ownerName", "hasPaymentRequests", "totalDeposits", "createDate")
}
WRITABLE = {"name", "email", "address", "phone", "memberId"}
NARROW: list[Any] = ["writable", "contract", "changes"]
SENDS: list[Any] = ["record", *NARROW]
#: Kinds of gateway by the switches of `FakeCaibo`.
KINDS: dict[str, dict[str, Any]] = {
    "replaces": {},
    "replaces and removes": {"drop_omitted": True},
    "keeps": {"keeps_omitted": True},
    "refuses its own": {"refuses_read_only": True},
    "keeps and refuses its own": {"refuses_read_only": True, "keeps_omitted": True},
    "shows more than it takes": {"unknown_members": "kept", "strict": True},
    "shows more and refuses its own": {
        "unknown_members": "kept", "strict": True, "refuses_read_only": True,
    },
    "takes nothing but changes": {
        "unknown_members": "kept", "strict": True, "refuses_read_only": True,
        "keeps_omitted": True,
    },
    "ignores what it does not know": {"unknown_members": "kept"},
}  # fmt: skip


def add(fake: FakeCaibo) -> int:
    """Add a customer that has something of everything."""
    return fake.add_customer(
        phone="+12025550143", member_id="M-1", preferences={"currency": "EUR", "theme": "dark"}
    )


def sent(fake: FakeCaibo) -> dict[str, Any]:
    """Return the last body that arrived in a write."""
    body: dict[str, Any] = json.loads([r for r in fake.requests if r.method == "PUT"][-1].body)
    return body


def change_beside(client: Face, fake: FakeCaibo, id: int, verb: str) -> None:
    """Change the phone by `edit` or `apply`, while someone else changes the address."""
    if verb == "edit":
        with client.edit(id) as draft:
            draft.phone = "+1"
            fake.change(id, address="theirs")
    else:
        plan = client.plan(id, phone="+1")
        fake.change(id, address="theirs")
        client.apply(plan)
