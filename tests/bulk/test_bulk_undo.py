"""`undo` puts back what a run wrote, and nothing that is somebody else's by now."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from bulk_runs import Bulk, customers, phones
from faces import Connect, methods

import caibo
from caibo import bulk
from caibo.testing import FakeCaibo


def records(fake: FakeCaibo, ids: list[int]) -> list[dict[str, Any]]:
    return [fake.document(id) for id in ids]


class TestWhatARunWrote:
    """Goes back to what it was before its first write."""

    def test_in_every_customer(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """However often it was written."""
        ids = customers(fake, 5)
        before = records(fake, ids)
        rows = [*phones(ids), (ids[0], {"phone": None, "member_id": "M-2"}), (404, {"phone": "1"})]
        crowd.update(rows)

        report = crowd.undo()

        assert records(fake, ids) == before
        assert report.outcomes == {"accepted": 5}

    def test_also_members_outside_the_contract(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """Those that were not there come back as null."""
        id = fake.add_customer(preferences={"currency": "EUR", "more": {"a": 1}}, Tag=[1])
        extra = {"preferences": {"currency": "USD", "more": {"b": 2}}, "tag": 7, "new": {"a": 1}}
        crowd.update([(id, {}, {"extra": extra})])

        report = crowd.undo()

        assert report.outcomes == {"accepted": 1}
        found = fake.document(id)
        assert found["preferences"] == {"currency": "EUR", "more": {"a": 1, "b": None}}
        assert (found["Tag"], found["new"]) == ([1], None)

    def test_also_where_the_gateway_spells_it_otherwise(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """As it was seen afterwards."""
        [id] = customers(fake, 1)
        fake.normalise("email", str.lower)
        fake.returns_record = True
        crowd.update([(id, {"email": "New@Example.com"})])

        report = crowd.undo()

        assert report.ok
        assert fake.document(id)["email"] == "ada@example.com"

    def test_also_beyond_the_limits_of_the_contract(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """The gateway took it once; that it does not now is for it to say."""
        id = fake.add_customer(phone="9" * 300)
        crowd.update([(id, {"phone": "1"})])

        report = crowd.undo()

        assert [failure.error for failure in report.failures] == ["BadRequestError"]

    def test_also_from_a_backup_that_two_runs_share(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """What the other run wrote is somebody else's, and stays."""
        [id] = customers(fake, 1)
        crowd.update([(id, {"phone": "monday", "member_id": "M-2"})])
        crowd.journal = crowd.journal.with_name("tuesday.jsonl")
        crowd.update([(id, {"phone": "tuesday"})])

        report = crowd.undo()

        assert report.outcomes == {"accepted": 1}
        assert (fake.document(id)["phone"], fake.document(id)["memberId"]) == ("monday", "M-2")

    def test_also_where_somebody_else_wrote_between_two_rows(
        self, crowd: Bulk, fake: FakeCaibo
    ) -> None:
        """Each field goes back to what it said before the run wrote that one."""
        [id] = customers(fake, 1)
        crowd.update([(id, {"phone": "new"})])
        fake.change(id, memberId="of somebody else")
        crowd.update([(id, {"phone": "new"}), (id, {"member_id": "M-2"})])

        assert crowd.undo().ok
        assert fake.document(id)["memberId"] == "of somebody else"
        assert fake.document(id)["phone"] == "old"

    def test_only_once(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """Doing it again does no harm, and writes nothing."""
        ids = customers(fake, 2)
        crowd.update(phones(ids))
        crowd.undo()
        fake.requests.clear()

        assert crowd.undo().outcomes == {"unchanged": 2}
        assert "PUT" not in methods(fake)

    def test_can_be_looked_at_first(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """Nothing is written."""
        ids = customers(fake, 2)
        crowd.update(phones(ids))
        fake.requests.clear()

        assert crowd.undo(dry_run=True).outcomes == {"would-change": 2}
        assert methods(fake) == ["GET", "GET"]


class TestWhatOthersChangedSince:
    """Is left alone and told."""

    def test_the_other_fields_go_back(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """It is decided for each."""
        [id] = customers(fake, 1)
        crowd.update([(id, {"phone": "new", "member_id": "M-2"})])
        fake.change(id, phone="of somebody else")

        report = crowd.undo()

        assert fake.document(id)["phone"] == "of somebody else"
        assert fake.document(id)["memberId"] == "M-1001"
        assert report.outcomes == {"left": 1}
        [failure] = report.failures
        assert (failure.field, failure.error, failure.row) == ("phone", "ConflictError", 1)

    def test_also_while_it_is_undone(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """Between the look and the write."""
        [id] = customers(fake, 1)
        crowd.update([(id, {"phone": "new"})])
        fake.on_request = lambda _: (
            fake.change(id, phone="of somebody else") if len(fake.requests) == 4 else None
        )

        report = crowd.undo()

        assert fake.document(id)["phone"] == "of somebody else"
        assert report.outcomes == {"left": 1}

    def test_also_where_it_is_what_an_earlier_row_wrote(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """Ours is only what the last one did."""
        [id] = customers(fake, 1)
        crowd.update([(id, {"phone": "1"}), (id, {"phone": "2"})])
        fake.change(id, phone="1")

        assert crowd.undo().outcomes == {"left": 1}


class TestARowOfUnknownFate:
    """May have been written or not."""

    @pytest.mark.parametrize("applied", [True, False])
    def test_goes_back_as_well(self, crowd: Bulk, fake: FakeCaibo, *, applied: bool) -> None:
        """What it meant to write is ours, and what was there before is."""
        [id] = customers(fake, 1)
        if not applied:
            fake.fail_next(400, method="PUT", after=1)
        crowd.update([(id, {"phone": "1"}), (id, {"phone": "2"})])
        whole = crowd.journal.read_bytes().splitlines(keepends=True)
        crowd.journal.write_bytes(b"".join(whole[:-1]))

        assert crowd.undo().outcomes == {"accepted": 1}
        assert fake.document(id)["phone"] == "old"


class TestAnUndo:
    """Needs what the run has kept."""

    @pytest.mark.parametrize("lost", ["journal", "backup"])
    def test_does_not_begin_without_a_file(self, crowd: Bulk, fake: FakeCaibo, lost: str) -> None:
        """And makes none."""
        crowd.update(phones(customers(fake, 1)))
        file = getattr(crowd, lost)
        file.unlink()

        with pytest.raises(caibo.ConfigurationError, match=f"there is no {lost}"):
            crowd.undo()

        assert not file.exists()

    def test_tells_of_a_customer_that_the_backup_lacks(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """A crash may have torn its line; it is left alone."""
        ids = customers(fake, 2)
        crowd.update(phones(ids), workers=1)
        kept = crowd.backup.read_bytes().splitlines(keepends=True)
        crowd.backup.write_bytes(b"[]\n" + kept[1] + kept[0][:50])
        fake.fail_next(404, id=ids[1])

        report = crowd.undo()

        assert report.outcomes == {"left": 1, "failed": 1}

    def test_tells_of_a_backup_of_another_run(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """Which knows the customer, and not what this run found."""
        ids = customers(fake, 1)
        crowd.update([(ids[0], {"phone": "monday"})])
        kept = crowd.backup.read_bytes()
        crowd.journal = crowd.journal.with_name("tuesday.jsonl")
        crowd.update([(ids[0], {"phone": "tuesday"})])
        crowd.backup.write_bytes(kept)

        report = crowd.undo()

        assert report.outcomes == {"left": 1}
        assert "from before this run" in report.failures[0].message
        assert fake.document(ids[0])["phone"] == "tuesday"

    @pytest.mark.skipif(os.name != "posix", reason="Windows has no such rights")
    def test_only_reads_the_backup(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """It may be on a medium that cannot be written, or be locked away as others do it."""
        crowd.update(phones(customers(fake, 1)))
        crowd.backup.chmod(0o444)
        before = crowd.backup.stat()

        assert crowd.undo().outcomes == {"accepted": 1}
        after = crowd.backup.stat()
        assert (after.st_mode, after.st_ctime_ns) == (before.st_mode, before.st_ctime_ns)

    def test_is_not_kept_in_another_file(
        self, crowd: Bulk, fake: FakeCaibo, tmp_path: Path
    ) -> None:
        """One that was named by mistake stays as it is, and nothing is sent."""
        ids = customers(fake, 1)
        mine = tmp_path / "customers.jsonl"
        mine.write_text('{"id": 7}\n')

        with pytest.raises(caibo.ConfigurationError, match="is no backup; name a new file"):
            crowd.update(phones(ids), backup=mine)

        assert mine.read_text() == '{"id": 7}\n'
        assert fake.requests == []

    def test_tells_of_what_nobody_knows(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """The same call looks again, and finds it done."""
        ids = customers(fake, 1)
        crowd.update(phones(ids))
        fake.lose_response("PUT")
        fake.fail_next(500, method="GET", after=2, times=3)

        report = crowd.undo()

        assert report.outcomes == {"unknown": 1}
        assert report.failures[0].written == "unknown"
        assert crowd.undo().outcomes == {"unchanged": 1}

    def test_tells_of_what_was_overwritten(
        self, connect: Connect, fake: FakeCaibo, tmp_path: Path
    ) -> None:
        """Where the client reads back."""
        [id] = customers(fake, 1)
        runs = Bulk(connect(confirm=True), tmp_path)
        runs.update([(id, {"phone": "new"})])
        fake.change_after_write(id, phone="of somebody else")

        report = runs.undo()

        assert report.outcomes == {"overwritten": 1}

    def test_keeps_deep_records(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """As deep as a record may be."""
        deep: Any = 1
        for _ in range(95):
            deep = {"a": deep}
        id = fake.add_customer(phone="old", deep=deep)
        crowd.update([(id, {"phone": "new"})])

        assert crowd.undo().outcomes == {"accepted": 1}

    def test_passes_over_what_is_no_record(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """In a journal that was damaged."""
        ids = customers(fake, 1)
        crowd.update(phones(ids))
        with crowd.journal.open("ab") as file:
            file.write(b'{"row": 1, "id": 7, "intent": 1, "hmac": {"phone": 7}}\n')

        assert crowd.undo().outcomes == {"accepted": 1}

    def test_reports_as_it_goes(self, crowd: Bulk, fake: FakeCaibo) -> None:
        """With a total: the customers that were written."""
        crowd.update(phones(customers(fake, 3)))
        told: list[bulk.Progress] = []

        crowd.undo(on_progress=told.append)

        assert (told[-1].done, told[-1].total) == (3, 3)
