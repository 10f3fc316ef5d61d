"""Every fault at every step, on a real socket: what is told is true, and nothing applies twice."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import pytest
from faces import Connect, Face
from fault_grid import NEW, VERBS, Grid, methods, once

import caibo
from caibo.testing import FakeCaibo, FakeServer

pytestmark = pytest.mark.usefixtures("pauses")


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(phone="old", email="old@example.com")


@pytest.mark.long
class TestEveryFaultAtEveryStep(Grid):
    """Whatever happens: the record is stored at most once, and what is told of it is true.

    Returned: it has the values.  `UnknownOutcomeError`: the call can be resumed, and
    shows nothing.  Any other error: it is untouched.  Nothing else in it ever changes.
    """


class TestWithoutAnybodyListening:
    @pytest.mark.parametrize("verb", VERBS)
    def test_nothing_was_sent(self, connect: Connect, fake: FakeCaibo, id: int, verb: str) -> None:
        """On a closed port."""
        with fake.serve() as gone:
            client = connect(base_url=gone.base_url, transport=None)

        with pytest.raises(caibo.TransportError, match="nothing was sent") as caught:
            VERBS[verb](client, id)

        assert caught.value.request_sent == "no"
        assert fake.requests == []

    @pytest.mark.parametrize("verb", VERBS)
    @pytest.mark.parametrize(("times", "outcome"), [(2, "written"), (9, "refused")])
    def test_a_write_that_finds_nobody(
        self, connect: Connect, fake: FakeCaibo, id: int, verb: str, times: int, outcome: str
    ) -> None:
        """In memory, as a socket cannot be closed at the right moment."""
        fake.on_request = once("GET", partial(fake.refuse_connection, times))
        attempt: AbstractContextManager[object] = (
            nullcontext()
            if outcome == "written"
            else pytest.raises(caibo.TransportError, match="nothing was sent")
        )

        with attempt:
            VERBS[verb](connect(), id)

        assert fake.document(id)["phone"] == (NEW if outcome == "written" else "old")


class TestAnAnswerThatIsNotTrue:
    def test_a_refusal_of_what_was_carried_out_sends_the_same_body_again(
        self, wire: Face, fake: FakeCaibo, id: int
    ) -> None:
        """429 says that nothing was done; nobody can see that it lies."""
        fake.fail_next(429, method="PUT", after_applying=True)

        update = wire.update(id, phone=NEW)

        first, second = (r.body for r in fake.requests if r.method == "PUT")
        assert first == second
        assert (update.attempts, fake.document(id)["phone"]) == (2, NEW)


class TestClosedInTheMiddle:
    def test_nothing_was_written(self, connect: Connect, fake: FakeCaibo, id: int) -> None:
        """The client was closed between its read and its write."""

        def close(event: caibo.Event) -> Any:
            return client.caibo.close() if isinstance(event, caibo.WriteIntended) else None

        client = connect(observers=[close])

        with pytest.raises(caibo.ConfigurationError, match="closed"):
            client.update(id, phone=NEW)

        assert methods(fake) == "G"


class TestWithoutARead:
    """`current=` on a deployment that has no GET."""

    @pytest.fixture(autouse=True)
    def unreadable(self, fake: FakeCaibo) -> None:
        fake.has_read = False

    @pytest.mark.parametrize("applied", [True, False])
    def test_a_lost_answer_stays_unknown(
        self, wire: Face, fake: FakeCaibo, id: int, applied: bool
    ) -> None:
        """There is no way to look, so it is not sent again, by `apply` neither."""
        fake.lose_response("PUT", applied=applied)
        with pytest.raises(caibo.UnknownOutcomeError, match="Reading back failed") as caught:
            wire.update(id, current=fake.document(id), phone=NEW)

        with pytest.raises(caibo.APIError):
            wire.apply(caught.value.plan)

        assert methods(fake) == "PGG"

    @pytest.mark.parametrize("status", [429, 503])
    def test_a_refusal_is_tried_again(
        self, wire: Face, fake: FakeCaibo, id: int, status: int
    ) -> None:
        """As often as allowed; nothing was done."""
        fake.fail_next(status, headers={"Retry-After": "0"}, method="PUT", times=3)

        with pytest.raises(caibo.APIError) as caught:
            wire.update(id, current=fake.document(id), phone=NEW)

        assert (methods(fake), caught.value.attempts) == ("PPP", 3)
        assert fake.document(id)["phone"] == "old"

    def test_a_record_that_can_be_read_is_looked_at(
        self, wire: Face, fake: FakeCaibo, id: int
    ) -> None:
        """Where there is a GET, `current=` spares the first read only."""
        fake.has_read = True
        fake.lose_response("PUT", applied=False)

        update = wire.update(id, current=fake.document(id), phone=NEW)

        assert methods(fake) == "PGP"
        assert (update.outcome, update.attempts) == ("accepted", 2)


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
