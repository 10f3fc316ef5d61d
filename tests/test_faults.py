"""Every fault at every step, on a real socket: what is told is true, and nothing applies twice."""

from __future__ import annotations

from typing import Any

import pytest
from faces import Connect, Face

import caibo
from caibo.testing import FakeCaibo, FakeServer


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pause for no time."""

    async def sleep(_: float) -> None:
        pass

    monkeypatch.setattr("caibo._io.time.sleep", lambda _: None)
    monkeypatch.setattr("caibo._io.anyio.sleep", sleep)


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(phone="old", email="old@example.com")


def methods(fake: FakeCaibo) -> str:
    """Name the requests by their first letters."""
    return "".join(request.method[0] for request in fake.requests)


class TestResuming:
    def test_what_was_left_to_others_stays_theirs(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """The plan in the error has what was decided, and not what was wanted at first."""
        plan = client.plan(id, phone="new", email="new@example.com")
        plan.reread = True
        fake.change(id, email="theirs@example.com")
        fake.lose_response("PUT", applied=False)
        fake.on_request = lambda r: fake.fail_next(404) if r.method == "PUT" else None
        with pytest.raises(caibo.UnknownOutcomeError) as caught:
            client.apply(plan, on_conflict="theirs")
        fake.on_request = None

        client.apply(caught.value.plan)

        assert fake.document(id)["email"] == "theirs@example.com"
        assert fake.document(id)["phone"] == "new"
