"""What is written, and that it is put back."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from doctors import FIELDS, Doctor, at_put, puts
from faces import Connect

import caibo
from caibo.testing import FakeCaibo


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(**FIELDS)


def test_a_record_is_as_it_was(doctor: Doctor, fake: FakeCaibo, id: int) -> None:
    """Byte for byte, on a gateway that stores what it is sent."""
    before = fake.raw(id)

    report = doctor.write(id)

    assert fake.raw(id) == before
    assert report.wrote
    assert (report.left, report.stopped) == ((), "")


def test_the_backup_is_there_before_the_first_write(
    doctor: Doctor, fake: FakeCaibo, id: int
) -> None:
    """Its owner's alone, with every byte of the record."""
    before = fake.raw(id)
    found: list[tuple[bytes, int]] = []

    def look() -> None:
        found.append((doctor.backup.read_bytes(), doctor.backup.stat().st_mode))

    fake.on_request = at_put(1, look)

    report = doctor.write(id)

    assert [text for text, _ in found] == [before]
    assert report.backup == str(doctor.backup)
    if os.name == "posix":
        assert stat.S_IMODE(found[0][1]) == 0o600


def test_a_backup_has_a_name_of_its_own_where_none_is_given(
    doctor: Doctor, id: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With the customer's id in it."""
    monkeypatch.chdir(tmp_path)

    report = doctor.write(id, backup=None)

    [made] = tmp_path.glob(f"caibo-doctor-{id}-*.json")
    assert report.backup == str(made)


def test_a_backup_is_never_written_over(doctor: Doctor, fake: FakeCaibo, id: int) -> None:
    """It may be all that is left of a record."""
    doctor.backup.write_text("precious")

    with pytest.raises(caibo.ConfigurationError, match="nothing was written"):
        doctor.write(id)

    assert doctor.backup.read_text() == "precious"
    assert puts(fake) == []


@pytest.mark.parametrize("confirm", [None, "", "yes", "1"])
def test_live_data_asks_for_the_id_once_more(
    connect: Connect, doctor: Doctor, fake: FakeCaibo, id: int, confirm: str | None
) -> None:
    """Nothing else will do."""
    fake.api_key = "caibo_live_sk_1"
    doctor.face = connect()

    with pytest.raises(caibo.ConfigurationError, match=f"confirm='{id}'"):
        doctor.write(id, confirm=confirm)

    assert puts(fake) == []
    assert not doctor.backup.exists()


def test_on_a_live_key_nothing_is_tried_that_may_stay(
    connect: Connect, doctor: Doctor, fake: FakeCaibo, id: int
) -> None:
    """Neither an unknown member nor a change of what the gateway owns."""
    fake.api_key = "caibo_live_sk_1"
    doctor.face = connect()

    report = doctor.write(id, confirm=str(id))

    bodies = [caibo.Document.parse(body) for body in puts(fake)]
    assert report.ok
    assert bodies
    assert all("caiboDoctor" not in body for body in bodies)
    assert {body.get("ownerName") for body in bodies} == {FIELDS["ownerName"], None}
    assert report.sends["writable"].verdict == "holds"
    assert "live key" in report.sends["contract"].evidence


def test_on_a_live_key_nothing_is_left_out_that_was_refused(
    connect: Connect, doctor: Doctor, fake: FakeCaibo, id: int
) -> None:
    """It could not be put back."""
    fake.strict, fake.unknown_members = True, "kept"
    fake.api_key = "caibo_live_sk_1"
    doctor.face = connect()

    report = doctor.write(id, confirm=str(id))

    assert "might be lost for good" in report.sends["contract"].evidence


@pytest.mark.parametrize("may_stay", [False, True])
def test_an_unknown_member_is_written_only_where_it_may_stay(
    doctor: Doctor, fake: FakeCaibo, id: int, may_stay: bool
) -> None:
    """The caller was told before."""
    fake.keeps_omitted = True

    report = doctor.write(id, may_stay=may_stay)

    assert ("caiboDoctor" in fake.document(id)) is may_stay
    assert report.left == (("caiboDoctor",) if may_stay else ())
    assert ("It may have left in the record: caiboDoctor" in str(report)) is may_stay


def test_names_in_another_case_count_as_taken_where_all_of_them_were(
    doctor: Doctor, fake: FakeCaibo, id: int
) -> None:
    """Nothing else is tried where nothing may stay."""
    fake.casing = "upper"

    report = doctor.write(id, may_stay=False)

    found = report.findings["names-in-any-case"]
    assert (found.verdict, found.evidence) == (
        "holds",
        "names are UPPERCASE, and were taken like that",
    )


def test_an_identifier_that_may_not_stay_is_no_reason_to_stop(
    sync_doctor: Doctor, fake: FakeCaibo
) -> None:
    """A field that was absent comes back as null."""
    fake.keeps_omitted = True
    id = fake.add_document('{"id": 7, "name": "a", "email": "a@b.c", "ownerName": "o"}')

    report = sync_doctor.write(id, may_stay=False)

    assert report.stopped == ""
    assert report.left == ("memberId",)
    assert fake.document(id)["memberId"] is None


def test_a_date_is_changed_where_there_is_no_owner(sync_doctor: Doctor, fake: FakeCaibo) -> None:
    """It is the other member that decides nothing."""
    id = fake.add_customer(ownerName=None)

    report = sync_doctor.write(id)

    assert any(b'"createDate":"2001-01-01T00:00:00Z"' in body for body in puts(fake))
    assert report.findings["server-owned"].verdict == "holds"


def test_without_either_nothing_is_known_of_what_the_gateway_owns(
    sync_doctor: Doctor, fake: FakeCaibo
) -> None:
    """An id is never changed."""
    id = fake.add_customer(ownerName=None, createDate=None)

    report = sync_doctor.write(id)

    assert report.sends["writable"].verdict == "cannot be told"
    assert len({caibo.Document.parse(body).text("id") for body in puts(fake)}) == 1


@pytest.mark.parametrize("owned", ["ownerName", "createDate"])
def test_what_callers_can_set_is_not_the_gateway_s(
    sync_doctor: Doctor, fake: FakeCaibo, id: int, owned: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is put back, and told."""
    from caibo.testing._contract import Contract

    monkeypatch.setattr(Contract, "server_owned", lambda *_: False)
    before = fake.raw(id)

    report = sync_doctor.write(id)

    assert report.findings["server-owned"].verdict == "does not"
    assert report.sends["writable"].verdict == "does not"
    assert fake.raw(id) == before


def test_the_client_s_own_send_decides_what_it_rests_on(
    connect: Connect, doctor: Doctor, fake: FakeCaibo, id: int
) -> None:
    """A client that is set as the last line says may go on."""
    fake.refuses_read_only = True

    assert not doctor.write(id).ok
    doctor.backup.unlink()
    doctor.face = connect(send="writable")
    report = doctor.write(id)

    assert report.ok
    assert report.last_line.endswith('pass send="writable" to the client.')
    assert not report.findings["server-owned"].relied_on
    assert "nothing rests on it here" in str(report)


def test_a_send_that_loses_is_not_all_right(connect: Connect, doctor: Doctor, id: int) -> None:
    """Though every assumption holds."""
    doctor.face = connect(send="changes")

    assert not doctor.write(id).ok


def test_observers_and_locks_hear_of_each_write(
    connect: Connect, doctor: Doctor, fake: FakeCaibo, id: int
) -> None:
    """An audit log has all of them."""
    told: list[caibo.Event] = []
    doctor.face = connect(observers=[told.append])

    doctor.write(id)

    intended = [event for event in told if isinstance(event, caibo.WriteIntended)]
    assert len(intended) == len(puts(fake))
    assert len(told) == 2 * len(intended)


def test_an_observer_that_forbids_it_is_the_caller_s_own(
    connect: Connect, doctor: Doctor, fake: FakeCaibo, id: int
) -> None:
    """Nothing was written, so there is nothing to put back."""

    def forbid(_: caibo.Event) -> None:
        raise PermissionError

    doctor.face = connect(observers=[forbid])

    with pytest.raises(caibo.WriteStoppedError):
        doctor.write(id)

    assert puts(fake) == []


def test_rules_of_the_caller_s_do_not_stand_in_the_way(
    connect: Connect, doctor: Doctor, id: int
) -> None:
    """They know nothing of the values that are tried."""

    def refuse(id: int, changes: Any) -> Any:
        raise ValueError

    doctor.face = connect(validate=refuse)

    assert doctor.write(id).ok
