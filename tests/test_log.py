"""What the log has: a line for each attempt and each write, and never a secret or a value."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from faces import Connect, Face
from scripted import AFTER, BEFORE, RawServer, framed

import caibo
from caibo.testing import FakeCaibo, FakeServer


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(**BEFORE)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda *_: 0.0)


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
    assert said == [
        ("DEBUG", f"GET /customers/{id}, attempt 1: 200"),
        ("DEBUG", f"PUT /customers/{id}, attempt 1: 429"),
        ("DEBUG", f"PUT /customers/{id}, attempt 2: 200"),
        ("INFO", f"update of customer {id}: {ending}"),
        ("DEBUG", f"PUT /customers/{id}, attempt 1: 400"),
        ("INFO", f"replace of customer {id} failed: BadRequestError, not-written"),
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
