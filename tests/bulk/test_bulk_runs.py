"""A run writes every row once, in order for each customer, and tells what it did."""

from __future__ import annotations

import csv
import signal
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from bulk_runs import Bulk, Crash, crash, customers, phones
from faces import Connect, methods

import caibo
from caibo import bulk
from caibo.testing import Clock, FakeCaibo, Request


class TestEveryRow:
    """Is one update."""

    def test_is_written(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """And nothing else in the record changes."""
        ids = customers(fake, 30)
        before = {id: fake.document(id) for id in ids}

        report = crowd.update(phones(ids))

        for id, changes in phones(ids):
            assert fake.document(id) == {**before[id], **changes}
        assert report.outcomes == {"accepted": 30}
        assert (report.rows, report.ok, report.failures, report.pauses) == (30, True, [], [])

    def test_has_options_of_its_own(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """Those of `update`."""
        one, other = customers(fake, 2)
        rows = [
            (one, {"phone": "1"}, {"confirm": True, "extra": {"tag": "x"}}),
            (other, {"phone": "1"}, {"expect": {"phone": "another"}}),
        ]

        report = crowd.update(rows)

        assert fake.document(one)["tag"] == "x"
        assert report.outcomes == {"confirmed": 1, "failed": 1}
        [failure] = report.failures
        assert (failure.error, failure.field, failure.written) == ("ConflictError", "phone", "no")

    def test_that_changes_nothing_is_one_request(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """As with one update."""
        [id] = customers(fake, 1)

        assert crowd.update([(id, {"phone": "old"})]).outcomes == {"unchanged": 1}
        assert methods(fake) == ["GET"]

    def test_of_one_customer_keeps_its_order(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """Though others go on meanwhile."""
        ids = customers(fake, 3)
        rows = [(id, {"phone": f"{n} {m}"}) for n in range(20) for m in (0, 1) for id in ids]

        report = crowd.update(rows)

        assert report.ok
        puts = [request for request in fake.requests if request.method == "PUT"]
        for id in ids:
            written = [request.json["phone"] for request in puts if request.customer_id == id]
            assert written == [f"{n} {m}" for n in range(20) for m in (0, 1)]

    @pytest.mark.long
    def test_may_be_of_one_customer(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """However many they are."""
        [id] = customers(fake, 1)

        report = crowd.update(((id, {"phone": str(n)}) for n in range(1_100)), backup=None)

        assert report.outcomes == {"accepted": 1_100}
        assert fake.document(id)["phone"] == "1099"


class TestRows:
    """Are taken as they are needed."""

    def test_are_not_held(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """At most one for each worker is ahead of the writes."""
        ids = customers(fake, 50)
        ahead: list[int] = []

        def rows() -> Iterator[tuple[int, dict[str, str]]]:
            for n, row in enumerate(phones(ids)):
                ahead.append(n - methods(fake).count("PUT"))
                yield row

        crowd.update(rows(), workers=3)

        assert max(ahead) <= 3

    def test_are_taken_in_the_callers_thread(self, fake: FakeCaibo, tmp_path: Path) -> None:
        """A cursor of a database belongs to one."""
        seen: set[int] = set()
        ids = customers(fake, 9)

        def rows() -> Iterator[tuple[int, dict[str, str]]]:
            for row in phones(ids):
                seen.add(threading.get_ident())
                yield row

        with caibo.Caibo(
            api_key=fake.api_key, base_url=fake.base_url, transport=fake.transport
        ) as client:
            bulk.update(client, rows(), journal=tmp_path / "run.jsonl")

        assert seen == {threading.get_ident()}

    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    def test_may_come_from_an_async_iterable(
        self, backend: str, fake: FakeCaibo, tmp_path: Path
    ) -> None:
        """In the async face."""
        ids = customers(fake, 5)

        async def rows() -> AsyncIterator[tuple[int, dict[str, str]]]:
            for row in phones(ids):
                await anyio.lowlevel.checkpoint()
                yield row

        async def main() -> bulk.Report:
            async with caibo.AsyncCaibo(
                api_key=fake.api_key, base_url=fake.base_url, transport=fake.transport
            ) as client:
                return await bulk.aupdate(client, rows(), journal=tmp_path / "run.jsonl")

        assert anyio.run(main, backend=backend).outcomes == {"accepted": 5}

    def test_that_raise_end_the_run_with_their_own_error(
        self, crowd: Bulk, fake: FakeCaibo
    ) -> None:
        """After what was begun has ended, so that the next run has nothing to look at."""
        ids = customers(fake, 3)

        def rows() -> Iterator[tuple[int, dict[str, str]]]:
            yield from phones(ids)
            raise OSError("the database is gone")

        with pytest.raises(OSError, match="the database is gone"):
            crowd.update(rows())

        assert bulk.status(crowd.journal) == {"accepted": 3}


class TestADryRun:
    """Plans, and writes nothing."""

    def test_says_what_would_be(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """And needs no journal."""
        one, other = customers(fake, 2)
        rows: list[Any] = [
            (one, {"phone": "new"}), (other, {"phone": "old"}), (404, {"phone": "1"}), (1, 2),
        ]  # fmt: skip

        report = crowd.update(rows, dry_run=True, journal=None)

        assert report.outcomes == {"would-change": 1, "unchanged": 1, "failed": 2}
        assert "PUT" not in methods(fake)
        assert not crowd.journal.exists()


class TestProgress:
    """Is told while the run goes on."""

    def test_comes_at_most_four_times_a_second(
        self, connect: Connect, fake: FakeCaibo, tmp_path: Path
    ) -> None:
        """And once at the end."""
        ids, told = customers(fake, 40), list[bulk.Progress]()
        with Clock() as clock:
            fake.on_request = lambda _: clock.advance(0.02)

            report = Bulk(connect(), tmp_path).update(
                phones(ids), on_progress=told.append, workers=1
            )

        assert report.seconds == pytest.approx(1.6)
        assert 5 <= len(told) <= 8
        assert (told[-1].done, told[-1].total, told[-1].failed) == (40, 40, 0)
        assert told[-1].rate == pytest.approx(25)
        assert told[0].seconds_left == pytest.approx(1.3, abs=0.1)
        assert not told[0].pausing

    def test_comes_while_a_file_is_looked_at(
        self, connect: Connect, fake: FakeCaibo, tmp_path: Path
    ) -> None:
        """Which may take minutes, and sends nothing."""
        [id], told = customers(fake, 1), list[tuple[bulk.Progress, int]]()
        (tmp_path / "rows.csv").write_text("id,phone\n" + f"{id},+1\n" * 10 + "x,+1\n")
        with Clock() as clock:

            def slow(_: int, changes: dict[str, Any]) -> dict[str, Any]:
                clock.advance(0.1)
                return changes

            face = connect(validate=slow)
            run = Bulk(face, tmp_path)
            rows = bulk.read_csv(tmp_path / "rows.csv")
            with pytest.raises(caibo.InvalidChangesError):
                run.update(rows, on_progress=lambda now: told.append((now, len(fake.requests))))

        assert [now.done for now, _ in told] == [3, 6, 9]
        assert {(now.checking, now.total, now.failed, sent) for now, sent in told} == {
            (True, None, 0, 0)
        }
        assert told[0][0].rate == pytest.approx(10)

    def test_of_a_generator_has_no_total(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """Nobody knows how much is left."""
        told: list[bulk.Progress] = []

        crowd.update(iter(phones(customers(fake, 2))), on_progress=told.append)

        assert (told[-1].total, told[-1].seconds_left) == (None, None)


class TestTheReport:
    """Tells of each row that failed."""

    def test_is_written_as_csv(self, crowd: Bulk, fake: FakeCaibo, tmp_path: Path) -> None:
        """A line each."""
        id = fake.add_customer()
        fake.strict = True

        report = crowd.update([(id, {"email": "a@b.c"}, {"extra": {"tag": "x"}})])
        report.write_csv(tmp_path / "failures.csv")

        with (tmp_path / "failures.csv").open(encoding="utf-8", newline="") as file:
            [line] = csv.DictReader(file)
        assert (line["row"], line["id"], line["field"]) == ("1", str(id), "tag")
        assert (line["error"], line["again"], line["written"]) == ("BadRequestError", "False", "no")
        assert line["request_id"].startswith("fake-")

    def test_has_no_customer_data(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """Nor has the journal."""
        id = fake.add_customer(email="ada@secret.example", name="Adalbert Secret")

        report = crowd.update(
            [
                (id, {"email": "new@secret.example"}),
                (id, {"name": "Berta Secret"}, {"expect": {"name": "Carl Secret"}}),
                (id, {"email": "Dora Secret"}),
            ]
        )

        assert report.outcomes == {"accepted": 1, "failed": 2}
        assert "secret" not in f"{report!r}{crowd.journal.read_text()}".lower()
        assert "ada@secret.example" in crowd.backup.read_text()


class TestAClient:
    """Keeps what it was made with."""

    def test_holds_its_rate(self, connect: Connect, fake: FakeCaibo, tmp_path: Path) -> None:
        """For all workers together."""
        ids = customers(fake, 10)
        with Clock() as clock:
            began = clock.now

            Bulk(connect(rate_limit=5), tmp_path).update(phones(ids))

            assert clock.now - began >= 3  # 20 requests, five a second

    def test_tells_its_observers(self, connect: Connect, fake: FakeCaibo, tmp_path: Path) -> None:
        """One that refuses a write fails that row only."""
        one, other = customers(fake, 2)

        def no(event: caibo.Event) -> None:
            if isinstance(event, caibo.WriteIntended) and event.id == one:
                raise PermissionError("not this one")

        report = Bulk(connect(observers=[no]), tmp_path).update(phones([one, other]))

        assert report.outcomes == {"failed": 1, "accepted": 1}
        assert report.failures[0].error == "WriteStoppedError"

    def test_takes_an_audit_log(self, connect: Connect, fake: FakeCaibo, tmp_path: Path) -> None:
        """Its own observers are told, whatever else listens."""
        audit = caibo.JsonLinesAudit(tmp_path / "audit.jsonl", key="k" * 16)

        Bulk(connect(observers=[audit]), tmp_path).update(phones(customers(fake, 3)))

        assert len((tmp_path / "audit.jsonl").read_text().splitlines()) == 6

    def test_knows_in_each_worker_who_writes(self, fake: FakeCaibo, tmp_path: Path) -> None:
        """A thread would not, by itself."""
        audit = caibo.JsonLinesAudit(tmp_path / "audit.jsonl", key="k" * 16)
        reached = {"base_url": fake.base_url, "transport": fake.transport}
        with (
            caibo.Caibo(api_key=fake.api_key, observers=[audit], **reached) as client,  # type: ignore[arg-type]
            caibo.audit_context(actor="jo", reason="ticket 4711"),
        ):
            bulk.update(client, phones(customers(fake, 3)), journal=tmp_path / "run.jsonl")

        lines = (tmp_path / "audit.jsonl").read_text().splitlines()
        assert [line.count('"actor": "jo"') for line in lines] == [1] * 6

    def test_may_have_a_lock_that_raises(
        self, connect: Connect, fake: FakeCaibo, tmp_path: Path
    ) -> None:
        """Whatever a callable of the caller's raises is a `CaiboError` of its row by then."""

        def locked(id: int) -> Any:
            raise ValueError(id)

        with Clock(), pytest.raises(bulk.RunStoppedError) as stopped:
            Bulk(connect(lock=locked), tmp_path).update(phones(customers(fake, 2)), patience=5)

        assert isinstance(stopped.value.__cause__, caibo.LockError)


@pytest.mark.usefixtures("interruptible")
class TestCtrlC:
    """Ends the run when the rows under way are written."""

    @pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
    def test_closes_the_journal(self, fake: FakeCaibo, tmp_path: Path) -> None:
        """The next run has nothing to look at."""
        ids, journal, main = customers(fake, 30), tmp_path / "run.jsonl", threading.get_ident()

        def interrupt(_: Request) -> None:
            if len(fake.requests) == 20:
                signal.pthread_kill(main, signal.SIGINT)

        fake.on_request = interrupt
        with caibo.Caibo(
            api_key=fake.api_key, base_url=fake.base_url, transport=fake.transport
        ) as client:
            with pytest.raises(KeyboardInterrupt):
                bulk.update(client, phones(ids), journal=journal)

            done = bulk.status(journal)
            assert done.keys() == {"accepted"}
            assert done["accepted"] < 30
            report = bulk.update(client, phones(ids), journal=journal)

        assert report.outcomes == {"skipped": done["accepted"], "accepted": 30 - done["accepted"]}


class TestWhatTheCallersOwnCodeRaises:
    """Ends the run, and is what the caller gets."""

    def test_from_progress(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """The rows under way are ended first."""

        def no(_: bulk.Progress) -> None:
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            crowd.update(phones(customers(fake, 3)), on_progress=no)

        assert "intended" not in bulk.status(crowd.journal)

    def test_from_a_thread(self, fake: FakeCaibo, tmp_path: Path) -> None:
        """What is no `Exception` passes through a client."""
        ids = customers(fake, 3)
        with caibo.Caibo(
            api_key=fake.api_key, base_url=fake.base_url, transport=fake.transport
        ) as client:
            fake.on_request = crash

            with pytest.raises(Crash):
                bulk.update(client, phones(ids), journal=tmp_path / "run.jsonl")

    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    def test_from_a_task(self, backend: str, fake: FakeCaibo, tmp_path: Path) -> None:
        """As it is, and in no group."""
        ids = customers(fake, 3)

        async def main() -> None:
            async with caibo.AsyncCaibo(
                api_key=fake.api_key, base_url=fake.base_url, transport=fake.transport
            ) as client:
                fake.on_request = crash
                await bulk.aupdate(client, phones(ids), journal=tmp_path / "run.jsonl")

        with pytest.raises(Crash):
            anyio.run(main, backend=backend)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"journal": None}, "journal= is missing"),
        ({"journal": ""}, "journal must name a file"),
        ({"backup": "a\0b"}, "backup must name a file"),
        ({"key": "short"}, "16 bytes"),
        ({"key": 7}, "16 bytes"),
        ({"workers": 0}, "workers"),
        ({"workers": True}, "workers"),
        ({"patience": -1}, "patience"),
        ({"patience": "long"}, "patience"),
        ({"stop_after": 0}, "stop_after"),
        ({"on_progress": "print"}, "on_progress"),
    ],
)
def test_an_option_that_cannot_be_is_refused(
    crowd: Bulk, fake: FakeCaibo, options: dict[str, Any], said: str
) -> None:
    """Before anything is sent."""
    with pytest.raises(caibo.ConfigurationError, match=said):
        crowd.update([(1, {"phone": "1"})], **options)

    assert fake.requests == []


def test_each_face_takes_its_own_client(fake: FakeCaibo, tmp_path: Path) -> None:
    """The other one is refused."""
    client: Any = caibo.AsyncCaibo(api_key="caibo_test_sk_0", transport=fake.transport)

    with pytest.raises(caibo.ConfigurationError, match=r"must be a caibo\.Caibo"):
        bulk.update(client, [], journal=tmp_path / "run.jsonl")
