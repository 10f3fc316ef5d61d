"""Updates of one customer queue within a client, and across processes with `lock=`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import anyio
import pytest
from faces import Connect, Face

import caibo
from caibo.testing import FakeCaibo, FakeServer, Request


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(phone="old", address="old")


def methods(fake: FakeCaibo) -> str:
    """Name the requests by their first letters."""
    return "".join(request.method[0] for request in fake.requests)


class TestWhatWasReadBefore:
    """`edit` and `apply` may have read before they hold the lock."""

    def test_an_edit_reads_again_where_this_client_wrote_meanwhile(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """Else it would put back what the other one changed, however young its record is."""
        with client.edit(id) as draft:
            draft.phone = "mine"
            client.update(id, address="other")

        assert methods(fake) == "GGPGP"
        assert fake.document(id)["phone"] == "mine"
        assert fake.document(id)["address"] == "other"

    def test_an_edit_alone_does_not(self, client: Face, fake: FakeCaibo, id: int) -> None:
        """Updates of other customers are none of its business."""
        other = fake.add_customer()
        with client.edit(id) as draft:
            draft.phone = "mine"
            client.update(other, address="other")

        assert methods(fake) == "GGPP"

    def test_a_plan_reads_again_where_this_client_wrote_meanwhile(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """However young it is."""
        plan = client.plan(id, phone="mine")
        client.update(id, address="other")

        client.apply(plan)

        assert fake.document(id)["phone"] == "mine"
        assert fake.document(id)["address"] == "other"

    def test_a_plan_that_failed_reads_again(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """Its write may have been applied; through another client, too."""
        plan = connect().plan(id, phone="mine")
        fake.lose_response("PUT")
        fake.on_request = lambda r: fake.fail_next(404) if r.method == "PUT" else None
        with pytest.raises(caibo.UnknownOutcomeError):
            connect().apply(plan)
        fake.on_request = None

        update = connect().apply(plan)

        assert methods(fake) == "GPGG"
        assert update.outcome == "already-applied"
