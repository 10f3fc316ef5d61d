"""What an examination says of a gateway that it only reads, and how it fails."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest
from doctors import FIELDS, VALUES, Doctor
from faces import Connect, methods

import caibo
from caibo import doctor as room
from caibo.doctor import _report
from caibo.testing import FakeCaibo


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(**FIELDS)


def test_each_packaged_assumption_has_a_check() -> None:
    """And no check is about one that is gone: a new assumption needs one."""
    packaged = json.loads(files("caibo_api").joinpath("assumptions.json").read_text("utf-8"))

    assert set(_report.CHECKS) == {entry["id"] for entry in packaged}


def test_the_page_says_what_settles_each() -> None:
    """In the order of the packaged file."""
    page = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text("utf-8")
    table = page.partition("## What settles which")[2].partition("\n## ")[0]

    packaged = [entry["id"] for entry in _report.assumptions()]
    assert re.findall(r"(?m)^\| `([a-z-]+)` \|", table) == packaged


def test_nothing_is_written_unless_that_is_asked_for(
    doctor: Doctor, fake: FakeCaibo, id: int
) -> None:
    """Five reads, one of them of a customer that cannot exist."""
    report = doctor.examine(id)

    assert report.ok
    assert not report.wrote
    assert methods(fake) == ["GET"] * 5
    assert not doctor.backup.exists()
    assert {said.verdict for said in report.sends.values()} == {"cannot be told"}


def test_the_report_holds_no_value_of_the_customer(doctor: Doctor, id: int) -> None:
    """In none of its forms."""
    report = doctor.examine(id)

    shown = f"{report} {report!r} {report.to_json()}"

    assert [value for value in VALUES if value in shown] == []


def test_the_json_is_what_the_page_says(doctor: Doctor, id: int) -> None:
    """Programs read it; a name that goes is a new format."""
    report = json.loads(doctor.examine(id).to_json())

    assert list(report) == [
        *("format", "ok", "customer_id", "base_url", "mode", "wrote", "findings", "facts"),
        *("send", "sends", "last_line", "left", "backup", "stopped"),
    ]
    assert list(report["findings"][0]) == [
        *("id", "says", "label", "verdict", "evidence", "advice", "relied_on"),
    ]
    assert report["format"] == "caibo-doctor/1"
    assert report["sends"]["record"] == {
        "verdict": "cannot be told",
        "evidence": "not tried without write=True",
    }


def test_the_table_ends_with_what_to_pass(doctor: Doctor, id: int) -> None:
    """Its last line is the report's."""
    report = doctor.examine(id)

    assert str(report).splitlines()[-1] == report.last_line
    assert "write=True" in report.last_line


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_the_table_is_as_wide_as_is_asked_for(sync_doctor: Doctor, id: int, columns: int) -> None:
    """But for a column that would be too narrow to read."""
    lines = sync_doctor.examine(id).table(columns).splitlines()

    assert max(map(len, lines[2:-1])) <= max(columns, 68)


def test_what_an_answer_shows_is_told(doctor: Doctor, fake: FakeCaibo, id: int) -> None:
    """Headers by their name and kind."""
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    headers = {
        "Date": date,
        "Via": "1.1 proxy",
        "Server": "made-up",
        "ETag": 'W/"1"',
        "Cache-Control": "private",
    }
    fake.answer_next(headers=headers, id=id, times=9)

    report = doctor.examine(id)

    facts = report.facts
    assert facts["ETag"] == "weak"
    assert facts["Cache-Control"] == "private"
    assert facts["in between"] == "via: 1.1 proxy; server: made-up"
    assert facts["Date"][:3] in ("+36", "+35")
    assert facts["credential"] == "X-API-Key, accepted"
    assert report.findings["if-match"].evidence == "reads have a weak ETag, which is no use"


@pytest.mark.parametrize("date", ["yesterday", "Mon, 99 Jan 99999 00:00:00 GMT"])
def test_a_date_that_is_none_is_none(
    sync_doctor: Doctor, fake: FakeCaibo, id: int, date: str
) -> None:
    """Whatever stands there."""
    fake.answer_next(headers={"Date": date}, id=id, times=9)

    assert sync_doctor.examine(id).facts["Date"] == "none"


def test_a_long_header_is_cut(sync_doctor: Doctor, fake: FakeCaibo, id: int) -> None:
    """The gateway chooses how long it is."""
    fake.answer_next(headers={"Via": "x" * 500}, id=id, times=9)

    assert len(sync_doctor.examine(id).facts["in between"]) < 80


def test_a_name_that_may_be_data_is_not_shown(sync_doctor: Doctor, fake: FakeCaibo) -> None:
    """A map by e-mail address, say; and of a thousand names eight."""
    more = {f"more{n}": 1 for n in range(20)}
    id = fake.add_customer(**{"jo@example.com": 1}, **more)

    report = sync_doctor.examine(id)

    assert report.facts["outside the contract"].startswith("…, more0, more1")
    assert "more9" not in str(report)


def test_mixed_names_are_told(sync_doctor: Doctor, fake: FakeCaibo) -> None:
    """Some as the contract, some not."""
    id = fake.add_document('{"id": 7, "Name": "a", "email": "a@b.c"}')

    report = sync_doctor.examine(id)

    assert report.facts["casing"] == "mixed"
    assert report.findings["may-be-null"].verdict == "holds"


def test_a_record_without_an_id_is_taken_for_the_right_one(
    sync_doctor: Doctor, fake: FakeCaibo
) -> None:
    """As the client does."""
    id = fake.add_document('{"name": "a", "email": "a@b.c"}', id=7)

    report = sync_doctor.examine(id)

    assert report.facts["id"] == "absent"
    assert report.findings["own-id"].verdict == "holds"


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ({"body": {"message": "no"}, "status": 404}, "holds"),
        ({"body": {"error": "no"}, "status": 404}, "does not"),
        ({"body": b"no", "status": 404}, "cannot be told"),
        ({"body": b"", "status": 200}, "cannot be told"),
    ],
    ids=["message", "other members", "text", "no refusal"],
)
def test_what_is_said_of_nobody_is_looked_at(
    sync_doctor: Doctor, fake: FakeCaibo, id: int, answer: dict[str, Any], verdict: str
) -> None:
    """A customer that cannot exist shows what errors look like."""
    fake.answer_next(**answer, id=2**63 - 1, applied=False)

    assert sync_doctor.examine(id).findings["error-members"].verdict == verdict


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda fake: fake.refuse_connection(9), caibo.TransportError),
        (lambda fake: setattr(fake, "api_key", "caibo_test_sk_other"), caibo.AuthenticationError),
        (lambda fake: fake.fail_next(403), caibo.PermissionDeniedError),
        (lambda fake: setattr(fake, "prefix", "/elsewhere"), caibo.NotFoundError),
        (
            lambda fake: fake.__dict__.update(has_read=False, no_read_status=404),
            caibo.NotFoundError,
        ),
    ],
    ids=["no gateway", "wrong key", "no right", "wrong path", "no read, 404"],
)
def test_who_cannot_read_gets_the_client_s_own_errors(
    doctor: Doctor, fake: FakeCaibo, id: int, make: Any, error: type[Exception]
) -> None:
    """With their advice."""
    make(fake)

    with pytest.raises(error):
        doctor.examine(id)


def test_no_such_customer_is_the_client_s_own_error(doctor: Doctor, fake: FakeCaibo) -> None:
    """It names the two reasons that there may be."""
    with pytest.raises(caibo.NotFoundError, match="or this deployment has no GET"):
        doctor.examine(404)


def test_a_token_counts_as_live(connect: Connect, fake: FakeCaibo, id: int, doctor: Doctor) -> None:
    """Nothing in it says whose data it changes."""
    doctor.face = connect(access_token=fake.issue_token())

    report = doctor.examine(id)

    assert report.mode == "unknown"
    assert report.facts["credential"] == "Authorization: Bearer, accepted"
    assert report.findings["key-prefix"].verdict == "cannot be told"
    assert report.findings["login"].verdict == "cannot be told"


def test_a_key_of_neither_kind_is_told(
    connect: Connect, fake: FakeCaibo, id: int, doctor: Doctor
) -> None:
    """It counts as live."""
    fake.api_key = "another"
    doctor.face = connect(api_key="another")

    report = doctor.examine(id)

    assert report.findings["key-prefix"].verdict == "does not"
    assert not report.ok


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"X-Other": "1"}, "one that is not seen here"),
        ({"Authorization": "secret"}, "Authorization"),
        ({"Authorization": "Basic secret"}, "Authorization: Basic"),
    ],
    ids=["another header", "no scheme", "another scheme"],
)
def test_a_credential_of_another_kind_is_told_without_its_secret(
    fake: FakeCaibo, id: int, sent: dict[str, str], told: str
) -> None:
    """Whatever an `auth=` of the caller's makes of it."""

    class Other(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Any:
            request.headers.update(sent)
            yield request

    with caibo.Caibo(auth=Other(), transport=let_in(fake), base_url=fake.base_url) as client:
        report = room.examine(client, id)

    assert report.facts["credential"] == f"{told}, accepted"
    assert "secret" not in str(report) + report.to_json()


def let_in(fake: FakeCaibo) -> httpx.MockTransport:
    """Let everybody in."""

    def through(request: httpx.Request) -> httpx.Response:
        headers = {"X-API-Key": fake.api_key}
        inner = httpx.Request(request.method, request.url, headers=headers)
        return fake.transport.handle_request(inner)

    return httpx.MockTransport(through)


@pytest.mark.parametrize("wrong", [None, "client", caibo.AsyncCaibo])
def test_only_a_client_of_its_face_examines(wrong: Any, fake: FakeCaibo) -> None:
    """The other face has the other verb."""
    given = wrong(api_key="k", transport=fake.transport) if callable(wrong) else wrong

    with pytest.raises(caibo.ConfigurationError, match=r"must be a caibo\.Caibo"):
        room.examine(given, 1)


def test_what_may_stay_is_about_writing(doctor: Doctor, fake: FakeCaibo, id: int) -> None:
    """Whoever gives it alone has forgotten the other."""
    with pytest.raises(caibo.ConfigurationError, match="write=True"):
        doctor.examine(id, may_stay=True)

    assert fake.requests == []


def test_a_customer_that_is_written_to_is_named(doctor: Doctor, fake: FakeCaibo) -> None:
    """Nobody else knows which may be spoilt."""
    with pytest.raises(caibo.ConfigurationError, match="may be spoilt"):
        doctor.examine(None, write=True)

    assert fake.requests == []


def test_without_a_customer_what_is_said_of_nobody_is_told(doctor: Doctor, fake: FakeCaibo) -> None:
    """In one request: whether the credential is refused, and how errors are spelt."""
    report = doctor.examine(None)

    assert report.ok
    assert methods(fake) == ["GET"]
    assert report.findings["error-members"].verdict == "holds"
    assert report.findings["read-exists"].verdict == "cannot be told"
    assert str(report).startswith("no customer at https://gateway.test, mode test, read")
    assert report.to_dict()["customer_id"] is None
    assert "Name a customer" in report.last_line


@pytest.mark.parametrize(
    "answer",
    [
        {"body": b"<h1>Log in</h1>", "headers": {"Content-Type": "text/html"}, "status": 200},
        {"body": b"<h1>Nothing</h1>", "headers": {"Content-Type": "text/html"}, "status": 404},
        {"body": b"", "status": 204},
    ],
    ids=["a login page", "a page", "nothing"],
)
def test_without_a_customer_a_gateway_has_to_be_seen(
    doctor: Doctor, fake: FakeCaibo, answer: dict[str, Any]
) -> None:
    """Where nothing can be told, nothing is said to be well."""
    fake.answer_next(**answer, applied=False)

    report = doctor.examine(None)

    assert not report.ok
    assert report.last_line.startswith("No gateway was seen")


def test_without_a_customer_a_gateway_without_a_read_is_told(
    doctor: Doctor, fake: FakeCaibo
) -> None:
    """No update can read first there."""
    fake.has_read = False

    report = doctor.examine(None)

    assert not report.ok
    assert report.findings["read-exists"].evidence == "GET came to 405"
    assert "pass current=" in report.last_line


@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_without_a_customer_a_refused_credential_is_an_error(
    doctor: Doctor, fake: FakeCaibo, status: int, pauses: list[float]
) -> None:
    """As with one; and so is a gateway that is away."""
    fake.fail_next(status, times=9)

    with pytest.raises(caibo.APIError):
        doctor.examine(None)


def test_what_no_request_settles_says_what_to_do(doctor: Doctor, fake: FakeCaibo) -> None:
    """By hand, or to be on the right side."""
    report = doctor.write(fake.add_customer(**FIELDS))

    for id in ("login", "new-token-helps", "one-gateway"):
        assert report.findings[id].verdict == "cannot be told"
        assert report.findings[id].advice
