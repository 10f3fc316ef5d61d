"""Every fault at every step, on a real socket: what is told is true, and nothing applies twice."""

from __future__ import annotations

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


class TestEntityTags:
    """With `fake.etags`, a late or unseen landing of ours answers the next write with 412."""

    @pytest.fixture(autouse=True)
    def tagged(self, fake: FakeCaibo) -> None:
        fake.etags = True

    @pytest.mark.parametrize("max_retries", [1, 2])
    def test_a_412_of_our_own_making_is_a_success(
        self, connect: Connect, fake: FakeCaibo, server: FakeServer, id: int, max_retries: int
    ) -> None:
        """The answer was lost, and the read back lagged behind."""
        fake.lose_response("PUT")
        fake.on_request = lambda r: fake.stale_reads() if methods(fake) == "GPG" else None
        client = connect(base_url=server.base_url, transport=None, max_retries=max_retries)

        update = client.update(id, phone="new")

        assert methods(fake) == "GPGPG"
        assert (update.outcome, update.attempts) == ("confirmed", 2)
        assert update.protection == "conditional"
        assert fake.document(id)["phone"] == "new"

    def test_a_412_after_a_lost_answer_is_never_called_unwritten(
        self, connect: Connect, fake: FakeCaibo, server: FakeServer, id: int
    ) -> None:
        """Someone else wrote the field meanwhile, perhaps over ours."""
        fake.lose_response("PUT")
        client = connect(base_url=server.base_url, transport=None, max_retries=1)

        def meddle(_: object) -> None:
            if methods(fake) == "GPG":
                fake.stale_reads()
            if methods(fake) == "GPGP":
                fake.change(id, phone="theirs")

        fake.on_request = meddle

        with pytest.raises(caibo.UnknownOutcomeError, match="neither"):
            client.update(id, phone="new")

        assert fake.document(id)["phone"] == "theirs"


class TestAttempts:
    def test_the_error_counts_the_writes_of_the_whole_call(
        self, wire: Face, fake: FakeCaibo, id: int
    ) -> None:
        """Not only those since the last read back."""
        fake.fail_next(500, method="PUT", times=3)

        with pytest.raises(caibo.ServerError, match="sent 3 times") as caught:
            wire.update(id, phone="new")

        assert methods(fake) == "GPGPGPG"
        assert caught.value.attempts == 3

    def test_a_login_that_fails_is_not_asked_more_often_than_allowed(
        self, connect: Connect, fake: FakeCaibo, server: FakeServer, id: int
    ) -> None:
        """The token expires between read and write, and its renewal fails each time."""
        auth = caibo.Login(fake.email, fake.password)
        client = connect(auth=auth, base_url=server.base_url, transport=None, max_retries=2)
        client.get(id)
        fake.fail_next(401, method="PUT", times=99)
        fake.fail_next(500, method="POST", times=99)

        with pytest.raises(caibo.RenewalError) as caught:
            client.update(id, phone="new")

        assert methods(fake) == "PGG" + "PP" * 3
        assert caught.value.attempts == 3


class TestLeftToOthers:
    def test_a_plan_that_gave_way_was_not_applied_already(
        self, client: Face, fake: FakeCaibo, id: int
    ) -> None:
        """The record does not have its values."""
        plan = client.plan(id, phone="new")
        fake.change(id, phone="theirs")
        plan.reread = True

        update = client.apply(plan, on_conflict="theirs")

        assert (update.outcome, update.customer.phone) == ("unchanged", "theirs")

    def test_a_write_that_was_refused_and_then_gave_way_is_not_confirmed(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """Someone else changed the field while the gateway asked us to wait."""
        fake.fail_next(429, method="PUT")
        fake.on_request = lambda r: fake.change(id, phone="theirs") if r.method == "PUT" else None

        with connect(max_base_age=0).edit(id, on_conflict="theirs") as draft:
            draft.phone = "new"

        assert (draft.update.outcome, draft.update.changes) == ("unchanged", {})
        assert fake.document(id)["phone"] == "theirs"
