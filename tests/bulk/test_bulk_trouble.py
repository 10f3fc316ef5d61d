"""What every row would meet ends a run or lets all of it pause; the rest is the row's own."""

from __future__ import annotations

import math
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bulk_runs import Bulk, customers, phones
from faces import Connect, methods

import caibo
from caibo import bulk
from caibo.testing import Clock, FakeCaibo


@pytest.fixture(autouse=True)
def clock() -> Iterator[Clock]:
    with Clock() as clock:
        yield clock


@pytest.fixture
def once(connect: Connect, tmp_path: Path) -> Bulk:
    """Give bulk changes through a client that tries once."""
    return Bulk(connect(max_retries=0), tmp_path)


class TestWhatEveryRowWouldMeet:
    """Ends the run at once."""

    @pytest.mark.parametrize(
        ("status", "error"),
        [(401, caibo.AuthenticationError), (403, caibo.PermissionDeniedError)],
    )
    @pytest.mark.parametrize("method", ["GET", "PUT"])
    def test_such_as_a_refused_credential(
        self, crowd: Bulk, fake: FakeCaibo, status: int, error: type[Exception], method: str
    ) -> None:
        """After the rows under way; the next call does the rest."""
        rows = phones(customers(fake, 40))
        fake.fail_next(status, method=method, after=10)

        with pytest.raises(bulk.RunStoppedError, match="goes on from there") as stopped:
            crowd.update(rows)

        assert isinstance(stopped.value.__cause__, error)
        report = stopped.value.report
        assert report is not None
        assert all(failure.again and failure.written == "no" for failure in report.failures)
        done = report.outcomes["accepted"]
        assert done < 20
        assert crowd.update(rows).outcomes == {"skipped": done, "accepted": 40 - done}

    def test_such_as_a_closed_client(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """Or any other mistake in how it was made."""
        crowd.face.close()

        with pytest.raises((bulk.RunStoppedError, caibo.ConfigurationError)):
            crowd.update(phones(customers(fake, 3)))

    def test_such_as_a_login_that_fails(
        self, connect: Connect, fake: FakeCaibo, tmp_path: Path
    ) -> None:
        """It is not tried for every row."""
        runs = Bulk(connect(auth=caibo.Login(fake.email, "wrong")), tmp_path)

        with pytest.raises(bulk.RunStoppedError):
            runs.update(phones(customers(fake, 20)), workers=1)

        assert len(fake.requests) < 4

    def test_such_as_no_token(self, connect: Connect, fake: FakeCaibo, tmp_path: Path) -> None:
        """Whatever the callable that gives it raises."""

        def no() -> str:
            raise KeyError("vault")

        with pytest.raises(bulk.RunStoppedError) as stopped:
            Bulk(connect(access_token=no), tmp_path).update(phones(customers(fake, 3)))

        assert isinstance(stopped.value.__cause__, caibo.RenewalError)

    def test_is_an_error_that_can_be_pickled(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """Without its report."""
        fake.fail_next(401, times=math.inf)
        with pytest.raises(bulk.RunStoppedError) as stopped:
            crowd.update(phones(customers(fake, 1)))

        again = pickle.loads(pickle.dumps(stopped.value))

        assert str(again) == str(stopped.value)
        assert again.report is None


class TestAGatewayThatIsAway:
    """Costs a pause, and no row."""

    @pytest.mark.parametrize("how", ["503", "429", "502", "refused", "lost", "suspended", "login"])
    def test_lets_all_workers_pause(
        self, connect: Connect, fake: FakeCaibo, clock: Clock, tmp_path: Path, how: str
    ) -> None:
        """Until one row gets through."""
        login = {"auth": caibo.Login(fake.email, fake.password)} if how == "login" else {}
        runs = Bulk(connect(**login), tmp_path)
        rows = phones(customers(fake, 40))
        match how:
            case "refused":
                fake.refuse_connection(20)
            case "lost":
                fake.lose_response(None, applied=False, times=20)
            case "suspended":
                fake.fail_next(500, method="GET", times=20)
            case "login":
                fake.fail_next(503, method="POST", times=20)
            case _:
                fake.fail_next(int(how), times=20)

        report = runs.update(rows, stop_after=30)

        assert report.pauses[0].seconds >= 0.5
        # Until the client tells that this is no row's own matter, a 500 is taken for one.
        failed = {failure.id for failure in report.failures}
        assert len(failed) < 10 if how == "suspended" else not failed
        written = [row for row in rows if row[0] not in failed]
        assert fake_phones(fake, written) == [changes["phone"] for _, changes in written]

    def test_is_asked_by_one_row_at_a_time(self, once: Bulk, fake: FakeCaibo, clock: Clock) -> None:
        """After pauses that grow."""
        fake.fail_next(503, times=4 + 6)

        report = once.update(phones(customers(fake, 8)))

        assert report.outcomes == {"accepted": 8}
        assert [round(s, 1) for s in clock.sleeps] == [0.5, 1, 2, 4, 8, 16, 30]
        [pause] = report.pauses
        assert (pause.error, round(pause.seconds, 1)) == ("ServerError", 61.5)

    def test_is_not_asked_before_it_said(self, once: Bulk, fake: FakeCaibo, clock: Clock) -> None:
        """`Retry-After` counts, also where the client does not wait so long itself."""
        fake.fail_next(429, headers={"Retry-After": "90"})
        began = clock.now

        report = once.update(phones(customers(fake, 2)), workers=1)

        assert report.outcomes == {"accepted": 2}
        assert clock.now - began == pytest.approx(90, abs=0.1)

    def test_is_waited_for_no_longer_than_told(
        self, once: Bulk, fake: FakeCaibo, clock: Clock
    ) -> None:
        """Then the run ends, and the same call goes on later."""
        rows = phones(customers(fake, 5))
        fake.fail_next(503, times=math.inf)
        began = clock.now

        with pytest.raises(bulk.RunStoppedError, match="nobody got through for 20 s") as stopped:
            once.update(rows, patience=20)

        assert clock.now - began == pytest.approx(20, abs=0.1)
        assert stopped.value.report is not None
        assert stopped.value.report.outcomes == {}
        assert stopped.value.report.pauses[0].seconds == pytest.approx(20, abs=0.1)

    def test_that_asks_for_more_patience_than_there_is(
        self, once: Bulk, fake: FakeCaibo, clock: Clock
    ) -> None:
        """Ends the run without a wait."""
        fake.fail_next(429, headers={"Retry-After": "3600"})
        began = clock.now

        with pytest.raises(bulk.RunStoppedError):
            once.update(phones(customers(fake, 1)))

        assert clock.now == began

    def test_is_told_to_whoever_follows(self, once: Bulk, fake: FakeCaibo) -> None:
        """As a pause."""
        told: list[bulk.Progress] = []
        fake.fail_next(503, times=6)

        once.update(phones(customers(fake, 3)), on_progress=told.append)

        assert any(progress.pausing for progress in told)
        assert not told[-1].pausing


class TestARowWithTroubleOfItsOwn:
    """Does not hold up the others for ever."""

    def test_fails_in_the_end(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """When others got through so often, and it did not."""
        rows = phones(customers(fake, 30))
        fake.fail_next(503, id=rows[0][0], times=math.inf)

        report = crowd.update(rows)

        assert report.outcomes == {"accepted": 29, "failed": 1}
        [failure] = report.failures
        assert (failure.row, failure.error, failure.again) == (1, "ServerError", True)

    @pytest.mark.parametrize("stop_after", [1, 3])
    def test_is_counted(self, crowd: Bulk, fake: FakeCaibo, stop_after: int) -> None:
        """So many end the run."""
        rows = [(404 + n, {"phone": "1"}) for n in range(40)]

        with pytest.raises(bulk.RunStoppedError, match=f"{stop_after} rows failed") as stopped:
            crowd.update(rows, stop_after=stop_after)

        assert stopped.value.report is not None
        assert stop_after <= len(stopped.value.report.failures) <= stop_after + 3

    def test_may_be_as_many_as_they_like(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """If the caller says so."""
        rows = [(404 + n, {"phone": "1"}) for n in range(150)]

        assert crowd.update(rows, stop_after=None).outcomes == {"failed": 150}


class TestAWriteOfUnknownOutcome:
    """Is settled before the run ends."""

    def lose(self, fake: FakeCaibo, id: int, *, applied: bool, reads: float = 3) -> None:
        fake.lose_response("PUT", id=id, applied=applied)
        fake.fail_next(500, method="GET", id=id, after=1, times=reads)

    @pytest.mark.parametrize("applied", [True, False])
    def test_by_a_look(self, crowd: Bulk, fake: FakeCaibo, *, applied: bool) -> None:
        """And written if it was not."""
        rows = phones(customers(fake, 5))
        self.lose(fake, rows[0][0], applied=applied)

        report = crowd.update(rows)

        assert report.ok
        assert report.outcomes == (
            {"accepted": 4, "already-applied": 1} if applied else {"accepted": 5}
        )
        assert fake_phones(fake, rows) == [changes["phone"] for _, changes in rows]
        assert crowd.update(rows).outcomes == {"skipped": 5}

    def test_before_the_next_row_of_its_customer(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """Which is what the order is for."""
        [id] = customers(fake, 1)
        others = phones(customers(fake, 6))
        rows = [(id, {"phone": "1"}), *others, (id, {"phone": "2"}), (id, {"phone": "3"})]
        self.lose(fake, id, applied=False)

        report = crowd.update(rows, workers=1)

        assert report.outcomes == {"accepted": 9}
        assert fake.document(id)["phone"] == "3"

    def test_stays_unknown_where_it_cannot_be_read(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """Later rows of this customer are not written; the next run looks first."""
        [id] = customers(fake, 1)
        rows: list[Any] = [
            (id, {"phone": "1"}), *phones(customers(fake, 3)), (id, {"phone": "2"}),
            (id, {"phone": "3"}),
        ]  # fmt: skip
        self.lose(fake, id, applied=True)
        fake.lose_response("PUT", id=id, applied=True, after=0)
        fake.fail_next(500, method="GET", id=id, after=1 + 3, times=50)

        report = crowd.update(rows, workers=1)

        assert report.outcomes == {"accepted": 3, "unknown": 1, "failed": 2}
        assert {(f.row, f.again, f.written) for f in report.failures} == {
            (1, True, "unknown"), (5, True, "no"), (6, True, "no"),
        }  # fmt: skip
        assert methods(fake).count("PUT") == 4

    def test_is_told_where_somebody_else_has_written(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """And left alone."""
        [id] = customers(fake, 1)
        self.lose(fake, id, applied=True)
        fake.change_after_write(id, phone="of somebody else")

        report = crowd.update([(id, {"phone": "1"})])

        assert report.outcomes == {"unknown": 1}
        assert report.failures[0].error == "ConflictError"
        assert fake.document(id)["phone"] == "of somebody else"

    def test_may_be_many(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """Not all of them are kept to the end."""
        rows = phones(customers(fake, 130))
        for id, _ in rows:
            self.lose(fake, id, applied=True)

        report = crowd.update(rows, workers=1, patience=10_000)

        assert report.ok
        assert sum(report.outcomes.values()) == 130


class TestARecordThatSaysSomethingElseAfterwards:
    """Was written, and then overwritten."""

    def test_is_told_and_not_written_again(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """In no later run either."""
        rows = [(id, changes, {"confirm": True}) for id, changes in phones(customers(fake, 3))]
        fake.change_after_write(rows[1][0], phone="of somebody else")

        report = crowd.update(rows)

        assert report.outcomes == {"confirmed": 2, "overwritten": 1}
        [failure] = report.failures
        assert (failure.field, failure.written, failure.again) == ("phone", "yes", False)
        assert crowd.update(rows).outcomes == {"skipped": 3}

    def test_ends_the_run_where_the_gateway_loses_members(
        self, connect: Connect, fake: FakeCaibo, tmp_path: Path
    ) -> None:
        """At the first one, as it would lose them in every customer."""
        few = Bulk(connect(send="changes"), tmp_path)

        with pytest.raises(bulk.RunStoppedError) as stopped:
            few.update(phones(customers(fake, 9)), workers=1)

        assert isinstance(stopped.value.__cause__, caibo.OverwrittenError)
        assert methods(fake).count("PUT") == 1


def test_what_says_that_retries_are_suspended_is_understood() -> None:
    """By the words that the core has for it."""
    from caibo._wire.retry import SUSPENDED
    from caibo.bulk import _trouble

    error = caibo.MalformedResponseError("a web page")
    assert _trouble.meaning(error) == "row"

    error.remark = SUSPENDED

    assert _trouble.meaning(error) == "wait"


def test_a_certificate_that_is_wrong_ends_the_run() -> None:
    """Another try would come to the same."""
    from caibo.bulk import _trouble

    error = caibo.TransportError("certificate", request_sent="no")
    assert _trouble.meaning(error) == "wait"

    error.final = True

    assert _trouble.meaning(error) == "end"


def fake_phones(fake: FakeCaibo, rows: list[tuple[int, dict[str, str]]]) -> list[Any]:
    """Look what became of the phones."""
    return [fake.document(id)["phone"] for id, _ in rows]
