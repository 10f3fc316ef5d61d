"""The same call with the same journal goes on where the run ended, wherever that was."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import anyio
import pytest
from bulk_runs import Bulk, Crash, customers, phones
from faces import methods
from hypothesis import given
from hypothesis import strategies as st

import caibo
from caibo import bulk
from caibo.testing import FakeCaibo, Request


def memory(fake: FakeCaibo) -> caibo.Caibo:
    """Make a client of a gateway in memory."""
    return caibo.Caibo(api_key=fake.api_key, base_url=fake.base_url, transport=fake.transport)


def lines(journal: Path) -> list[dict[str, Any]]:
    """Read the records of a journal behind its first line."""
    return [json.loads(line) for line in journal.read_bytes().splitlines()[1:]]


def die(crowd: Bulk, fake: FakeCaibo, rows: Any, *, applied: bool) -> None:
    """Let a run die at its first PUT, so that the journal does not have its outcome."""
    whole = [line + b"\n" for line in _journalled(crowd, fake, rows, applied=applied)]
    crowd.journal.write_bytes(b"".join(whole[:2]))


def _journalled(crowd: Bulk, fake: FakeCaibo, rows: Any, *, applied: bool) -> list[bytes]:
    if not applied:
        fake.fail_next(400, method="PUT")
    crowd.update(rows)
    return crowd.journal.read_bytes().splitlines()


class TestARowThatIsFinished:
    """Is skipped."""

    def test_is_not_even_read(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """No request is sent for it."""
        rows = phones(customers(fake, 5))
        crowd.update(rows)
        fake.requests.clear()

        report = crowd.update(rows)

        assert report.outcomes == {"skipped": 5}
        assert fake.requests == []

    def test_may_have_more_behind_it(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """Rows can be added at the end."""
        rows = phones(customers(fake, 5))
        crowd.update(rows[:3])

        assert crowd.update(rows).outcomes == {"skipped": 3, "accepted": 2}


class TestARowThatFailed:
    """Wrote nothing."""

    def test_is_tried_again(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """Perhaps it was not the row's fault."""
        rows = phones(customers(fake, 3))
        fake.fail_next(400, method="PUT", id=rows[1][0])
        assert crowd.update(rows).outcomes == {"accepted": 2, "failed": 1}

        assert crowd.update(rows).outcomes == {"skipped": 2, "accepted": 1}


class TestARowOfUnknownFate:
    """Is looked at before it is written."""

    @pytest.mark.parametrize("respelt", [False, True])
    def test_that_was_written_is_not_written_again(
        self, crowd: Bulk, fake: FakeCaibo, *, respelt: bool
    ) -> None:
        """Also where the gateway spells it in another way."""
        [id] = customers(fake, 1)
        rows = [(id, {"email": "New@Example.com"}, {"expect": {"phone": "old"}})]
        if respelt:
            fake.normalise("email", str.lower)
        die(crowd, fake, rows, applied=True)
        fake.requests.clear()

        report = crowd.update(rows)

        assert report.outcomes == {"already-applied": 1}
        assert "PUT" not in methods(fake)
        assert crowd.update(rows).outcomes == {"skipped": 1}

    def test_that_was_not_written_is_written(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """If the record says what it said before."""
        [id] = customers(fake, 1)
        rows = [(id, {"phone": "new"}, {"expect": {"phone": "old"}})]
        die(crowd, fake, rows, applied=False)

        assert crowd.update(rows).outcomes == {"accepted": 1}
        assert fake.document(id)["phone"] == "new"

    def test_that_somebody_changed_since_is_told(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """And left alone, however often the run is resumed."""
        [id] = customers(fake, 1)
        rows = [(id, {"phone": "new", "member_id": "M-9"}, {"extra": {"tag": {"a": 1}}})]
        die(crowd, fake, rows, applied=True)
        fake.change(id, phone="of somebody else")
        fake.requests.clear()

        for _ in range(2):
            report = crowd.update(rows)

            assert report.outcomes == {"unknown": 1}
            [failure] = report.failures
            assert (failure.error, failure.written) == ("ConflictError", "unknown")
            assert failure.field == "phone"
        assert "PUT" not in methods(fake)

    def test_that_somebody_put_back_is_told(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """One of two fields says what it said before: that was no write of ours that was lost."""
        [id] = customers(fake, 1)
        rows = [(id, {"phone": "new", "member_id": "M-9"})]
        die(crowd, fake, rows, applied=True)
        fake.change(id, phone="old")

        report = crowd.update(rows)

        assert report.outcomes == {"unknown": 1}
        assert fake.document(id)["phone"] == "old"

    def test_that_cannot_be_read_stays_unknown(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """Until it can."""
        rows = phones(customers(fake, 1))
        die(crowd, fake, rows, applied=True)
        fake.has_read = False
        assert crowd.update(rows).outcomes == {"unknown": 1}
        fake.has_read = True

        assert crowd.update(rows).outcomes == {"already-applied": 1}


class TestARowThatDiffers:
    """Ends the run before it is sent."""

    @pytest.mark.parametrize("how", ["id", "value", "field", "expect", "order", "no row"])
    def test_from_what_the_journal_knows(self, crowd: Bulk, fake: FakeCaibo, how: str) -> None:
        """Whatever it is that differs."""
        rows: list[Any] = phones(customers(fake, 3))
        crowd.update(rows)
        fake.requests.clear()
        id, changes = rows[1]
        rows[1] = {
            "id": (rows[0][0], changes),
            "value": (id, {"phone": "another"}),
            "field": (id, {"member_id": changes["phone"]}),
            "expect": (id, changes, {"expect": {"name": "Ada"}}),
            "order": rows[2],
            "no row": "row",
        }[how]

        with pytest.raises(bulk.RunStoppedError, match="row 2 is not the row 2") as stopped:
            crowd.update(rows)

        assert stopped.value.report is not None
        assert stopped.value.report.outcomes == {"skipped": 1}
        assert fake.requests == []


class TestAJournal:
    """Belongs to one run, and to its owner."""

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such rights")
    def test_is_its_owners_alone(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """As are the key and the backup, also those that were there before."""
        crowd.backup.touch(0o644)
        crowd.backup.chmod(0o644)

        crowd.update(phones(customers(fake, 1)))

        files = [crowd.journal, crowd.backup, crowd.journal.with_name("run.jsonl.key")]
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        assert {file.name for file in crowd.journal.parent.iterdir()} == {f.name for f in files}

    def test_is_not_shared(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """By a second run of this process."""
        rows = phones(customers(fake, 1))
        refused: list[str] = []

        def meanwhile(_: Request) -> None:
            fake.on_request = None
            try:
                bulk.update(memory(fake), rows, journal=crowd.journal)
            except caibo.ConfigurationError as error:
                refused.append(str(error))

        fake.on_request = meanwhile

        assert crowd.update(rows).outcomes == {"accepted": 1}
        assert refused == [f"another run has the journal {crowd.journal}"]

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
    # Python 3.12 and later warn of threads; the child does nothing that could wait for one.
    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    def test_is_not_shared_by_processes(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """A child that was forked during a run holds nothing when the run is over."""
        import fcntl

        rows = phones(customers(fake, 1))
        lock = crowd.journal.with_name("run.jsonl.lock")
        found: list[str] = []
        ends_read, ends = os.pipe()

        def fork(_: Request) -> None:
            fake.on_request = None
            child = os.fork()
            if child == 0:
                with lock.open("r+") as file:
                    try:
                        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        os.write(ends, b"free")
                    except OSError:
                        os.write(ends, b"held")
                os.read(waits, 1)
                os._exit(0)
            found.append(os.read(ends_read, 4).decode())

        waits, goes = os.pipe()
        fake.on_request = fork
        crowd.update(rows)
        try:
            report = crowd.update(rows)
        finally:
            os.write(goes, b"x")
            os.wait()
            for end in (ends_read, ends, waits, goes):
                os.close(end)

        assert found == ["held"]
        assert report.outcomes == {"skipped": 1}

    def test_may_be_read_while_it_is_written(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """Which does not end the lock, and needs no key."""
        seen: list[dict[str, int]] = []

        def look(_: Request) -> None:
            seen.append(bulk.status(crowd.journal))

        fake.on_request = look
        crowd.update(phones(customers(fake, 2)), workers=1)

        assert seen == [{}, {"intended": 1}, {"accepted": 1}, {"accepted": 1, "intended": 1}]

    def test_needs_its_key(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """A new one would know no row."""
        rows = phones(customers(fake, 1))
        crowd.update(rows)
        with pytest.raises(caibo.ConfigurationError, match="with another key"):
            crowd.update(rows, key="k" * 32)
        crowd.journal.with_name("run.jsonl.key").unlink()

        with pytest.raises(caibo.ConfigurationError, match="key of the journal is missing"):
            crowd.update(rows)

    def test_takes_a_key(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """Which is kept nowhere then."""
        rows = phones(customers(fake, 1))

        crowd.update(rows, key=b"k" * 32)

        assert crowd.update(rows, key="k" * 32).outcomes == {"skipped": 1}
        assert not crowd.journal.with_name("run.jsonl.key").exists()

    def test_is_of_test_data_or_of_live_data(self, fake: FakeCaibo, tmp_path: Path) -> None:
        """A rehearsal does not make the rows of the real run seem done."""
        journal = tmp_path / "run.jsonl"
        rows = phones(customers(fake, 1))
        bulk.update(memory(fake), rows, journal=journal)
        fake.api_key = "caibo_live_sk_0123456789"

        with pytest.raises(caibo.ConfigurationError, match="is of test data"):
            bulk.update(memory(fake), rows, journal=journal)

    @pytest.mark.skipif(sys.platform == "win32", reason="POSIX")
    def test_is_another_processs(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """For as long as that lives."""
        rows = phones(customers(fake, 1))
        code = (
            "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); "
            "print(flush=True); sys.stdin.read()"
        )
        lock = crowd.journal.with_name("run.jsonl.lock")
        with subprocess.Popen(
            [sys.executable, "-c", code, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as other:
            assert other.stdout is not None
            other.stdout.readline()
            with pytest.raises(caibo.ConfigurationError, match="another run has the journal"):
                crowd.update(rows)

        assert crowd.update(rows).outcomes == {"accepted": 1}

    @pytest.mark.skipif(sys.platform == "win32", reason="POSIX")
    def test_is_locked_by_the_file_that_is_there(
        self, crowd: Bulk, fake: FakeCaibo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not by one that another run has removed, as it ended just then."""
        import fcntl

        lock, lockf, removed = crowd.journal.with_name("run.jsonl.lock"), fcntl.lockf, list[int]()

        def late(file: int, how: int) -> None:
            if not removed:
                removed.append(file)
                lock.unlink()
            lockf(file, how)

        monkeypatch.setattr(fcntl, "lockf", late)
        fake.on_request = lambda _: removed.append(lock.exists())

        assert crowd.update(phones(customers(fake, 1))).outcomes == {"accepted": 1}
        assert removed[1:] == [True, True]

    def test_may_have_been_torn_at_its_first_line(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """By a crash; it is begun anew behind it, and known as that."""
        rows = phones(customers(fake, 1))
        crowd.journal.write_bytes(b'{"form')
        crowd.journal.with_name("run.jsonl.key").write_text("k" * 32)

        assert crowd.update(rows).outcomes == {"accepted": 1}
        assert crowd.update(rows).outcomes == {"skipped": 1}
        with pytest.raises(caibo.ConfigurationError, match="with another key"):
            crowd.update(rows, key="another " * 8)

    @pytest.mark.parametrize("what", ["other", "text", "folder", "link", "pipe", "key", "lock"])
    def test_is_no_other_file(self, crowd: Bulk, fake: FakeCaibo, what: str) -> None:
        """Nothing is written to one that was there for something else."""
        crowd.journal.with_name("run.jsonl.key").write_text("k" * 32)
        if what == "other":
            crowd.journal.write_text('{"id": 7}\n')
        elif what == "text":
            crowd.journal.write_text("id,phone\n7,1\n")
        elif what == "pipe":
            os.mkfifo(crowd.journal)
        elif what == "key":
            crowd.journal.with_name("run.jsonl.key").unlink()
            crowd.journal.with_name("run.jsonl.key").mkdir()
        elif what == "link":
            crowd.journal.symlink_to("elsewhere.jsonl")
        else:
            ending = {"folder": "", "lock": ".lock"}[what]
            crowd.journal.with_name("run.jsonl" + ending).mkdir()

        with pytest.raises(caibo.ConfigurationError):
            crowd.update(phones(customers(fake, 1)))

        assert fake.requests == []
        assert what != "other" or crowd.journal.read_text() == '{"id": 7}\n'

    def test_that_cannot_be_written_ends_the_run(
        self, crowd: Bulk, fake: FakeCaibo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Before the write that it would not have."""
        rows = phones(customers(fake, 5))
        write, full = os.write, "No space left on device"

        def writes(file: int, data: Any) -> int:
            if b'"row": 3' in bytes(data):
                raise OSError(28, full)
            return write(file, data)

        monkeypatch.setattr(os, "write", writes)

        with pytest.raises(bulk.RunStoppedError, match=full):
            crowd.update(rows, workers=1)

        assert methods(fake).count("PUT") == 2
        monkeypatch.undo()
        assert crowd.update(rows).outcomes == {"skipped": 2, "accepted": 3}

    def test_that_cannot_be_flushed_ends_the_run(
        self, crowd: Bulk, fake: FakeCaibo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What may not be on the disk is as good as not written."""

        def fails(_: int) -> None:
            raise OSError(5, "Input/output error")

        rows = phones(customers(fake, 2))
        crowd.update([])
        monkeypatch.setattr(os, "fsync", fails)

        with pytest.raises(bulk.RunStoppedError, match="Input/output error"):
            crowd.update(rows)

        assert "PUT" not in methods(fake)

    def test_works_where_there_are_no_locks(
        self, crowd: Bulk, fake: FakeCaibo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As on Windows."""
        monkeypatch.setitem(sys.modules, "fcntl", None)

        assert crowd.update(phones(customers(fake, 1))).outcomes == {"accepted": 1}

    def test_leaves_strange_lines_alone(
        self, crowd: Bulk, fake: FakeCaibo, caplog: pytest.LogCaptureFixture
    ) -> None:
        """And says so."""
        rows = phones(customers(fake, 2))
        crowd.update(rows)
        with crowd.journal.open("ab") as file:
            file.write(b'{"row": "x"}\n{"row": 99999999999, "outcome": "accepted"}\n[1]\n{}\n')

        assert crowd.update(rows).outcomes == {"skipped": 2}
        assert "no records of it: 2" in caplog.text

    def test_has_no_status_where_it_is_not(self, tmp_path: Path) -> None:
        """The message names it."""
        with pytest.raises(caibo.ConfigurationError, match=r"run\.jsonl"):
            bulk.status(tmp_path / "run.jsonl")


class TestARunThatIsCancelled:
    """Closes its journal, and the next one looks first at what was under way."""

    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    @pytest.mark.parametrize("at", ["GET", "PUT"])
    def test_goes_on(self, backend: str, at: str, fake: FakeCaibo, tmp_path: Path) -> None:
        """Nothing is written twice."""
        rows, journal = phones(customers(fake, 6)), tmp_path / "run.jsonl"

        async def main() -> bulk.Report:
            async with caibo.AsyncCaibo(
                api_key=fake.api_key, base_url=fake.base_url, transport=fake.transport
            ) as client:
                with anyio.CancelScope() as scope:

                    def cancel(request: Request) -> None:
                        if request.method == at and len(fake.requests) > 5:
                            scope.cancel()

                    fake.on_request = cancel
                    await bulk.aupdate(client, rows, journal=journal, workers=2)
                assert scope.cancelled_caught
                fake.on_request = None
                return await bulk.aupdate(client, rows, journal=journal)

        report = anyio.run(main, backend=backend)

        assert report.ok
        assert methods(fake).count("PUT") == 6
        assert [fake.document(id)["phone"] for id, _ in rows] == [c["phone"] for _, c in rows]


def _prefixes() -> st.SearchStrategy[bytes]:
    """Draw what a crash may leave of a line."""
    whole = b'{"row": 3, "id": 16772748432912193, "check": "00", "outcome": "accepted", "at": 1}'
    cut = st.integers(0, len(whole) - 1).map(lambda length: whole[:length])
    return st.one_of(cut, st.binary(max_size=40).map(lambda junk: junk.replace(b"\n", b"")))


@given(
    deaths=st.lists(
        st.tuples(st.integers(1, 12), st.booleans(), _prefixes()), min_size=1, max_size=3
    ),
    workers=st.integers(1, 3),
)
def test_a_run_may_die_at_any_moment(deaths: list[tuple[int, bool, bytes]], workers: int) -> None:
    """And as often as it likes, with any rest of a line: all is written, and nothing twice."""
    fake, folder = FakeCaibo(), Path(tempfile.mkdtemp())
    ids = customers(fake, 4)
    rows = [*phones(ids), (ids[0], {"member_id": "M-77"}), (ids[1], {"phone": "last"})]
    carried: list[tuple[int | None, bytes]] = []
    for after, applied, rest in deaths:
        left, dying = [after], list[int]()

        def arrive(
            request: Request,
            left: list[int] = left,
            dying: list[int] = dying,
            *,
            applied: bool = applied,
        ) -> None:
            me = threading.get_ident()
            left[0] -= me not in dying
            if left[0] == 0 and me not in dying and applied and request.method == "PUT":
                dying.append(me)
                fake.handle(request)  # it is carried out, and nobody hears of it
                raise Crash
            if left[0] <= 0 and me not in dying:
                raise Crash
            if request.method == "PUT":
                carried.append((request.customer_id, request.body))

        fake.on_request = arrive
        try:
            bulk.update(memory(fake), rows, journal=folder / "j", key="k" * 16, workers=workers)
        except Crash:
            with (folder / "j").open("ab") as file:
                file.write(rest)
    fake.on_request = lambda r: (
        carried.append((r.customer_id, r.body)) if r.method == "PUT" else None
    )

    report = bulk.update(memory(fake), rows, journal=folder / "j", key="k" * 16)

    assert report.ok
    assert len(carried) == len(set(carried)) == len(rows)
    assert [fake.document(id)["phone"] for id in ids] == [
        rows[0][1]["phone"], "last", rows[2][1]["phone"], rows[3][1]["phone"],
    ]  # fmt: skip
    assert fake.document(ids[0])["memberId"] == "M-77"
    assert bulk.update(memory(fake), rows, journal=folder / "j", key="k" * 16).outcomes == {
        "skipped": len(rows)
    }
    shutil.rmtree(folder)
