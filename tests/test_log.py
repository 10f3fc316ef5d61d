"""What the log has: a line for each attempt and each write, and never a secret or a value."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import anyio.lowlevel
import pytest
from faces import Connect, Face, methods
from scripted import AFTER, BEFORE, RawServer, framed

import caibo
from caibo.testing import FakeCaibo, FakeServer


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(**BEFORE)


def everything_that_happens(
    fake: FakeCaibo, id: int, client: Face, login: Face
) -> list[Callable[[], Any]]:
    """List calls that succeed, and calls that fail each in its own way."""

    def failing(fail: Callable[[], object]) -> Callable[[], Any]:
        def call() -> Any:
            fake.change(id, **AFTER)
            fail()
            return client.update(id, confirm=True, **BEFORE)

        return call

    def renewing() -> Any:
        fake.expire_tokens()
        return login.update(id, **AFTER)

    quoted = {"detail": f"{AFTER['email']}?", "errors": {"Phone": [AFTER["phone"]]}}
    html = f"<p>{BEFORE['email']}".encode()
    return [
        lambda: client.update(id, **AFTER),
        lambda: client.replace(id, {**fake.document(id), **BEFORE}),
        lambda: login.update(id, **AFTER),
        failing(lambda: None),
        failing(lambda: fake.fail_next(400, body=quoted, method="PUT")),
        failing(lambda: fake.fail_next(200, body=html, method="GET")),
        failing(lambda: fake.fail_next(500, body=html, method="PUT", times=2)),
        failing(lambda: fake.lose_response("PUT")),
        failing(lambda: fake.lose_response("PUT", at="mid-body", times=2)),
        failing(lambda: fake.garble_next("truncated", method="GET", times=2)),
        failing(lambda: fake.change_after_write(id, phone="1")),
        lambda: client.update(id, phone=None, expect={"name": "Charles"}),
        lambda: client.update(id, email="Ada Lovelace"),
        renewing,
    ]


def outcome(call: Callable[[], Any]) -> str:
    try:
        told: str = call().outcome
    except caibo.CaiboError as error:
        return type(error).__name__
    return told


def everything_in(record: logging.LogRecord) -> str:
    """Give what any handler could make of a record, its arguments included."""
    return f"{logging.Formatter().format(record)} {record.__dict__}"


def complain(event: caibo.Event) -> None:
    """Observe and fail, with a message that must not be logged."""
    if not isinstance(event, caibo.WriteIntended):
        raise ValueError(AFTER["email"])


def test_it_has_a_line_for_each_attempt_and_one_for_each_write(
    client: Face,
    fake: FakeCaibo,
    id: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """On `caibo`: attempts for whoever looks for a fault, writes for everyone."""
    caplog.set_level(logging.DEBUG, "caibo")
    fake.fail_next(429, headers={"Retry-After": "0"}, method="PUT")

    client.update(id, phone=None)
    fake.fail_next(400, method="PUT")
    with pytest.raises(caibo.BadRequestError):
        client.replace(id, {"name": "Ada", "email": "ada@example.com"})

    said = [(r.levelname, r.getMessage()) for r in caplog.records if r.name == "caibo"]
    ending = "accepted; fields: phone; attempts: 2; request id: fake-000003"
    refusal = "BadRequestError, not-written; status: 400; attempts: 1; request id: fake-000004"
    assert said == [
        ("DEBUG", f"GET /customers/{id}, attempt 1: 200"),
        ("DEBUG", f"PUT /customers/{id}, attempt 1: 429"),
        ("DEBUG", f"PUT /customers/{id}, attempt 2: 200"),
        ("INFO", f"update of customer {id}: {ending}"),
        ("DEBUG", f"PUT /customers/{id}, attempt 1: 400"),
        ("WARNING", f"replace of customer {id} failed: {refusal}"),
    ]


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Give what a structured logger gets of a record, but for what differs each time."""
    own = {n[6:]: v for n, v in record.__dict__.items() if n.startswith("caibo_")}
    return {n: v for n, v in own.items() if n not in ("operation", "seconds")}


def lose_for_good(fake: FakeCaibo) -> None:
    fake.fail_next(500, method="PUT")
    fake.fail_next(501, method="GET", after=1, times=9)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Give a function that lets the deadline pass."""
    real, ahead = time.monotonic, [0.0]
    monkeypatch.setattr("time.monotonic", lambda: real() + ahead[0])
    return lambda: ahead.append(ahead.pop() + 61)


def test_an_update_that_never_began_has_no_attempts(
    connect: Connect,
    fake: FakeCaibo,
    id: int,
    caplog: pytest.LogCaptureFixture,
    later: Callable[[], None],
) -> None:
    """The deadline passed while a lock was waited for."""

    def lock(_: int) -> Any:
        later()
        return nullcontext()

    with pytest.raises(caibo.DeadlineExceededError) as caught:
        connect(lock=lock).update(id, phone=None)

    ending = "DeadlineExceededError; status: None; attempts: 0; request id: None"
    said = [record.getMessage() for record in caplog.records]
    assert said == [f"update of customer {id} failed before its write: {ending}"]
    assert (caught.value.attempts, fake.requests) == (0, [])


def test_an_attempt_counts_though_the_next_never_began(
    connect: Connect,
    fake: FakeCaibo,
    id: int,
    caplog: pytest.LogCaptureFixture,
    later: Callable[[], None],
) -> None:
    """It was refused, and the deadline passed while the next was announced."""
    intents: list[caibo.Event] = []

    def observe(event: caibo.Event) -> Any:
        intents.extend([event] * isinstance(event, caibo.WriteIntended))
        if len(intents) == 3:  # the first of two observers has the second intention
            later()
        tasks = isinstance(client.caibo, caibo.AsyncCaibo)
        return anyio.lowlevel.checkpoint() if tasks else None

    fake.etags = True
    fake.change_before_write(id, address="1 Other Street")

    client = connect(observers=[observe, observe])

    with pytest.raises(caibo.DeadlineExceededError) as caught:
        client.update(id, phone=None)

    assert (caught.value.attempts, methods(fake)) == (1, ["GET", "PUT", "GET"])
    assert "not-written; status: None; attempts: 1;" in caplog.records[-1].getMessage()


FAILURES: dict[str, tuple[Callable[[FakeCaibo, int], object], dict[str, Any], str, dict[str, Any]]]
FAILURES = {
    "the write is refused": (
        lambda fake, _: fake.fail_next(422, method="PUT"),
        {},
        "",
        {"error": "BadRequestError", "status": 422, "attempts": 1, "request_id": "fake-000002"},
    ),
    "the write is tried several times": (
        lambda fake, _: fake.fail_next(429, method="PUT", times=3),
        {},
        "",
        {"error": "RateLimitedError", "status": 429, "attempts": 3, "request_id": "fake-000004"},
    ),
    "nobody knows": (
        lambda fake, _: lose_for_good(fake),
        {},
        "",
        {"error": "UnknownOutcomeError", "status": 500, "attempts": 1, "request_id": "fake-000002"},
    ),
    "the read fails": (
        lambda fake, _: fake.fail_next(403, method="GET"),
        {},
        " before its write",
        {"error": "PermissionDeniedError", "status": 403, "attempts": 1}
        | {"request_id": "fake-000001"},
    ),
    "the gateway hangs up": (
        lambda fake, _: fake.lose_response("GET", times=9),
        {},
        " before its write",
        {"error": "TransportError", "status": None, "attempts": 3, "request_id": None},
    ),
    "the record says something else": (
        lambda *_: None,
        {"expect": {"phone": "1"}},
        " before its write",
        {"error": "ConflictError", "status": None, "attempts": None, "request_id": None},
    ),
}


@pytest.mark.parametrize(("fail", "options", "when", "told"), FAILURES.values(), ids=FAILURES)
def test_a_write_that_failed_is_a_warning_with_its_facts(
    client: Face,
    fake: FakeCaibo,
    id: int,
    caplog: pytest.LogCaptureFixture,
    fail: Callable[[FakeCaibo, int], object],
    options: Any,
    when: str,
    told: dict[str, Any],
) -> None:
    """Class, status, attempts and request id, as text and as fields; once."""
    caplog.set_level(logging.WARNING, "caibo")
    fail(fake, id)

    with pytest.raises(caibo.CaiboError) as caught:
        client.update(id, phone=None, **options)

    [record] = caplog.records
    outcome = "unknown" if told["error"] == "UnknownOutcomeError" else "not-written"
    shown = [told["status"], told["attempts"], told["request_id"]]
    assert record.levelname == "WARNING"
    assert record.getMessage() == (
        f"update of customer {id} failed{when}: {told['error']}"
        f"{'' if when else f', {outcome}'}; status: {shown[0]}; "
        f"attempts: {shown[1]}; request id: {shown[2]}"
    )
    begun: dict[str, Any] = {} if when else {"fields": ["phone"]}
    always = {"verb": "update", "customer_id": id, "outcome": outcome}
    assert fields_of(record) == {**always, **told, **begun}
    assert type(caught.value).__name__ == told["error"]


@pytest.mark.parametrize("verb", ["apply", "edit", "replace"])
def test_every_verb_that_writes_is_told(
    connect: Connect, fake: FakeCaibo, id: int, caplog: pytest.LogCaptureFixture, verb: str
) -> None:
    """Also where it fails before its write."""
    stored = caibo.Plan.from_json(connect().plan(id, phone=None).to_json())
    client = connect(lock=lambda _: None)
    caplog.set_level(logging.INFO, "caibo")
    caplog.clear()
    calls: dict[str, Callable[[], object]] = {
        "apply": lambda: client.apply(stored),
        "edit": lambda: edited(client, id),
        "replace": lambda: client.replace(id, {"name": "A", "email": "a@b.c"}),
    }

    with pytest.raises(caibo.LockError):
        calls[verb]()

    [record] = caplog.records
    assert record.getMessage().startswith(f"{verb} of customer {id} failed before its write: Lock")


def edited(client: Face, id: int) -> None:
    with client.edit(id) as draft:
        draft.phone = None


def test_an_edit_that_cannot_read_is_told(
    client: Face, fake: FakeCaibo, id: int, caplog: pytest.LogCaptureFixture
) -> None:
    """It was to be a write."""
    fake.fail_next(403, method="GET")

    with pytest.raises(caibo.PermissionDeniedError):
        edited(client, id)

    assert [r.levelname for r in caplog.records if r.name == "caibo"] == ["WARNING"]


@pytest.mark.parametrize(
    "call", [Face.get, Face.plan, lambda c, i: c.update(i, name=7)], ids=["get", "plan", "unfit"]
)
def test_what_is_no_write_is_no_warning(
    client: Face, fake: FakeCaibo, id: int, caplog: pytest.LogCaptureFixture, call: Any
) -> None:
    """Whoever called gets the error."""
    fake.fail_next(403, method="GET")

    with pytest.raises(caibo.CaiboError):
        call(client, id)

    assert [r for r in caplog.records if r.name == "caibo"] == []


def test_what_went_well_has_fields_too(
    client: Face, id: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Each request, and the write."""
    caplog.set_level(logging.DEBUG, "caibo")

    client.update(id, phone=None)

    assert [fields_of(r) for r in caplog.records if r.name == "caibo"] == [
        {"request": f"GET /customers/{id}", "attempt": 1, "answer": "200"},
        {"request": f"PUT /customers/{id}", "attempt": 1, "answer": "200"},
        {"verb": "update", "customer_id": id, "outcome": "accepted", "fields": ["phone"]}
        | {"attempts": 1, "request_id": "fake-000002"},
    ]


def test_no_logger_is_told_a_secret_or_a_value(
    connect: Connect,
    fake: FakeCaibo,
    server: FakeServer,
    id: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not even at level 0, nor httpx's and httpcore's, whatever goes wrong on a socket."""
    caplog.set_level(0)
    options: Any = {"base_url": server.base_url, "transport": None, "max_retries": 1}
    login = connect(auth=caibo.Login(fake.email, fake.password), **options)
    client = connect(observers=[complain], **options)

    happened = [outcome(call) for call in everything_that_happens(fake, id, client, login)]
    wrong = connect(auth=caibo.Login(fake.email, "another password"), **options)
    happened.append(outcome(lambda: wrong.update(id)))

    sent = [request.headers.get("Authorization", "") for request in fake.requests]
    tokens = {value.removeprefix("Bearer ") for value in sent if value}
    secrets = {fake.api_key, fake.email, fake.password, "another password", *tokens}
    said = "\n".join(map(everything_in, caplog.records))
    assert happened == [
        *("accepted", "accepted", "accepted", "confirmed", "BadRequestError"),
        *("MalformedResponseError", "ServerError", "confirmed", "UnknownOutcomeError"),
        *("TransportError", "OverwrittenError", "ConflictError", "InvalidChangesError"),
        *("accepted", "RenewalError"),
    ]
    assert {"caibo", "httpcore.http11"} <= {r.name for r in caplog.records}
    assert len(tokens) == 2
    for value in (*secrets, *BEFORE.values(), *AFTER.values(), "456 New Street", "M-1001"):
        assert value not in said


def test_an_answer_that_is_no_http_is_not_quoted_by_us(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """On `caibo`; httpcore quotes at DEBUG the line that it cannot read."""
    caplog.set_level(0)
    server = RawServer(b"ada@example.com\r\n\r\n", framed(b"{}"))

    with server.serve() as options:
        client = connect(max_retries=0, **options)
        with pytest.raises(caibo.TransportError) as caught:
            client.get(7)

    ours = [everything_in(r) for r in caplog.records if r.name == "caibo"]
    assert ours
    assert "ada@" not in "".join(ours)
    assert "ada@" not in str(caught.value)
