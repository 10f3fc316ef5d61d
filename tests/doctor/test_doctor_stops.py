"""Where an examination stops, or is broken off, and what is left then."""

from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from bulk_runs import Crash
from doctors import FIELDS, Doctor, at_put, puts
from faces import Face
from hypothesis import given, settings
from hypothesis import strategies as st

import caibo
from caibo import doctor as room
from caibo.testing import FakeCaibo, Request


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(**FIELDS)


def test_what_others_write_meanwhile_stays(doctor: Doctor, fake: FakeCaibo, id: int) -> None:
    """The examination stops, as it cannot tell whose it is."""
    fake.on_request = at_put(3, lambda: fake.change_after_write(id, email="theirs@example.com"))

    report = doctor.write(id)

    found = fake.document(id)
    assert found["email"] == "theirs@example.com"
    assert found["memberId"] == FIELDS["member_id"]
    assert report.stopped.startswith("the record could not be restored: email differ")
    assert report.stopped.endswith(str(doctor.backup))
    assert not report.ok


@pytest.mark.parametrize(
    ("phones", "verdict", "puts_back"),
    [(("+1", FIELDS["phone"]), "holds", True), (("+1",), "cannot be told", False)],
    ids=["put back", "left"],
)
def test_a_tag_that_others_made_stale_is_no_fault_of_the_gateway(
    doctor: Doctor, fake: FakeCaibo, id: int, phones: tuple[str, ...], verdict: str, puts_back: bool
) -> None:
    """Another examination of the same customer, say; what others leave is not written over."""
    fake.etags = True

    def write() -> None:
        for phone in phones:
            fake.change(id, phone=phone)

    fake.on_request = at_put(1, write)

    report = doctor.write(id)

    assert report.findings["if-match"].verdict == verdict
    assert report.ok is puts_back
    assert fake.document(id)["phone"] == phones[-1]


def test_it_stops_at_the_first_restore_that_fails(doctor: Doctor, fake: FakeCaibo, id: int) -> None:
    """And says where the record is."""
    fake.fail_next(403, method="PUT", after=3, times=math.inf)

    report = doctor.write(id)

    assert report.stopped.startswith("the record could not be restored: memberId differ")
    assert f"is in {doctor.backup}" in str(report)
    assert report.findings["null-clears"].verdict == "cannot be told"
    assert report.findings["callers-set"].verdict == "holds"


def test_a_second_examination_waits_for_the_first_to_be_put_right(
    doctor: Doctor, fake: FakeCaibo, id: int
) -> None:
    """What it would put back in the end is not the customer's."""
    fake.change(id, member_id="caibo-doctor-0123abcd")

    with pytest.raises(caibo.ConfigurationError, match="that is under way"):
        doctor.write(id)

    assert puts(fake) == []


def test_a_gateway_that_goes_away_is_told_with_the_backup(
    doctor: Doctor, fake: FakeCaibo, id: int
) -> None:
    """What was found out until then is there."""
    fake.on_request = at_put(3, lambda: fake.refuse_connection(math.inf))

    report = doctor.write(id)

    assert "could not be put back" in report.stopped
    assert str(doctor.backup) in report.stopped
    assert report.findings["media-type"].verdict == "holds"


def test_a_gateway_that_comes_back_has_the_record_as_it_was(
    doctor: Doctor, fake: FakeCaibo, id: int
) -> None:
    """One call fails, and the restore gets through."""
    before = fake.raw(id)
    fake.on_request = at_put(4, lambda: fake.fail_next(503, method="GET", after=1, times=3))

    report = doctor.write(id)

    assert "it was put back" in report.stopped
    assert fake.raw(id) == before


def test_an_unknown_fate_of_what_was_read_stops_it(
    doctor: Doctor, fake: FakeCaibo, id: int
) -> None:
    """Before anything else is tried."""
    fake.fail_next(500, method="PUT", times=math.inf)
    fake.on_request = at_put(1, lambda: fake.change(id, email="theirs@example.com"))

    report = doctor.write(id)

    assert report.stopped.startswith("the record as it was read was written, and nobody can tell")
    assert report.findings["media-type"].verdict == "cannot be told"
    assert len(puts(fake)) == 1


def test_a_read_that_is_no_record_any_more_stops_it(
    doctor: Doctor, fake: FakeCaibo, id: int
) -> None:
    """Nothing is known of what was put back."""
    fake.answer_next({"data": {}}, method="GET", after=12, times=math.inf)

    report = doctor.write(id)

    assert "not this customer's record" in report.stopped
    assert str(doctor.backup) in report.stopped


def test_what_is_lost_at_the_end_is_put_back(sync_doctor: Doctor, fake: FakeCaibo, id: int) -> None:
    """The last look is one of the whole record."""
    before = fake.raw(id)
    sync_doctor.write(id)
    sync_doctor.backup.unlink()
    last = 2 * len(fake.requests)

    def lose(_: Request) -> None:
        if len(fake.requests) == last:
            fake.change(id, phone=None)

    fake.on_request = lose
    report = sync_doctor.write(id)

    assert len(fake.requests) > last
    assert report.stopped == ""
    assert fake.raw(id) == before


def test_a_refusal_that_changes_something_is_told(
    sync_doctor: Doctor, fake: FakeCaibo, id: int
) -> None:
    """The client would take it for nothing written."""
    fake.strict = True
    fake.on_request = at_put(1, lambda: fake.change(id, phone="+1"))

    report = sync_doctor.write(id)

    assert report.findings["refused-is-unchanged"].verdict == "does not"


@pytest.mark.parametrize("number", range(1, 18))
def test_an_interrupt_at_any_write_puts_the_record_back(
    sync_doctor: Doctor, fake: FakeCaibo, id: int, number: int
) -> None:
    """Whatever was under way; the backup's path is told."""
    before = fake.raw(id)

    def interrupt() -> None:
        raise KeyboardInterrupt

    fake.on_request = at_put(number, interrupt)

    with pytest.raises(KeyboardInterrupt) as raised:
        sync_doctor.write(id)

    assert fake.raw(id) == before
    assert str(sync_doctor.backup) in "".join(raised.value.__notes__)
    assert "put back" in raised.value.__notes__[-1]


def test_an_interrupt_while_it_puts_back_leaves_the_path(
    sync_doctor: Doctor, fake: FakeCaibo, id: int
) -> None:
    """A second Ctrl-C is obeyed."""
    seen = 0

    def interrupt(request: Request) -> None:
        nonlocal seen
        seen += request.method == "PUT"
        if request.method == "PUT" and seen >= 4:
            raise KeyboardInterrupt

    fake.on_request = interrupt

    with pytest.raises(KeyboardInterrupt) as raised:
        sync_doctor.write(id)

    assert isinstance(raised.value.__context__, KeyboardInterrupt)
    assert str(sync_doctor.backup) in "".join(raised.value.__context__.__notes__)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("number", [1, 3, 4, 9, 15])
def test_a_cancelled_task_puts_the_record_back(
    fake: FakeCaibo, id: int, tmp_path: Path, backend: str, number: int, pauses: list[float]
) -> None:
    """Shielded, for a while."""
    before = fake.raw(id)

    async def main() -> None:
        client = caibo.AsyncCaibo(api_key=fake.api_key, transport=fake.transport)
        with anyio.CancelScope() as scope:
            fake.on_request = at_put(number, scope.cancel)
            await room.aexamine(
                client, id, write=True, may_stay=True, backup=tmp_path / "before.json"
            )
        assert scope.cancelled_caught

    anyio.run(main, backend=backend)

    assert fake.raw(id) == before


def test_a_mistake_of_the_caller_s_transport_is_raised(
    sync_doctor: Doctor, fake: FakeCaibo, id: int
) -> None:
    """After the record was put back."""
    before = fake.raw(id)

    def crash() -> None:
        raise Crash

    fake.on_request = at_put(5, crash)

    with pytest.raises(Crash):
        sync_doctor.write(id)

    assert fake.raw(id) == before


def test_an_examination_that_nobody_runs_writes_nothing_more(
    sync_doctor: Doctor, fake: FakeCaibo, id: int
) -> None:
    """A flow that is closed ends."""
    from caibo.doctor._facts import Facts
    from caibo.doctor._probes import Examination

    client: Any = sync_doctor.face.caibo
    facts = Facts(id, write=True, may_stay=False)
    flow = Examination(client, facts, lambda _: None, lambda _: "kept", None).flow()
    call = next(flow)
    while not puts(fake):
        try:
            value = call()
        except caibo.NotFoundError as error:
            call = flow.throw(error)
        else:
            call = flow.send(value)
    written = len(puts(fake))

    flow.close()

    assert len(puts(fake)) == written


@settings(max_examples=15)
@given(
    switches=st.fixed_dictionaries(
        {
            "keeps_omitted": st.booleans(),
            "drop_omitted": st.booleans(),
            "refuses_read_only": st.booleans(),
            "returns_record": st.booleans(),
            "casing": st.sampled_from([None, "camel", "pascal", "upper"]),
            "id_as_string": st.booleans(),
            "etags": st.booleans(),
            "ignores_if_match": st.booleans(),
            "member_id": st.sampled_from(["M-1", None, ""]),
            "may_stay": st.booleans(),
        }
    ),
    number=st.integers(1, 30),
)
def test_whatever_the_gateway_is_the_record_comes_back(
    switches: dict[str, Any],
    number: int,
    tmp_path_factory: pytest.TempPathFactory,
    pauses: list[float],
) -> None:
    """Of any combination that loses nothing by itself, an interrupt at any write included."""
    fake = FakeCaibo()
    options = dict(switches)
    id = fake.add_customer(member_id=options.pop("member_id"), preferences={"a": 1.50})
    may_stay = options.pop("may_stay")
    for name, value in options.items():
        setattr(fake, name, value)
    before = caibo.Document.parse(fake.raw(id))

    def interrupt() -> None:
        raise KeyboardInterrupt

    fake.on_request = at_put(number, interrupt)
    client = caibo.Caibo(api_key=fake.api_key, transport=fake.transport)
    doctor = Doctor(Face(client, None), tmp_path_factory.mktemp("doctor"))
    with suppress(KeyboardInterrupt):
        doctor.write(id, may_stay=may_stay)

    after = caibo.Document.parse(fake.raw(id))
    stays = {"caiboDoctor", "CaiboDoctor", "CAIBODOCTOR"} if may_stay else set()
    changed = {name for name in {*before, *after} if before.text(name) != after.text(name)}
    assert changed - stays == set()
