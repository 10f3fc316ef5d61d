"""A read after a write that fails: what is said is said of the read, and quotes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from faces import Connect, Face
from scripted import AFTER, BEFORE, Script, answer

import caibo

ID = 7
RECORD = bytes(caibo.Document({"id": ID, **BEFORE}))
Read = Callable[[], httpx.Response]


def gateway(*, read_back: Read, put: Callable[[], httpx.Response]) -> Script:
    """Give the record before the write, and something else after it."""
    written = False

    def serve(request: httpx.Request) -> httpx.Response:
        nonlocal written
        if request.method == "PUT":
            written = True
            return put()
        return read_back() if written else answer(200, RECORD)

    return Script(serve)


def lost() -> httpx.Response:
    raise httpx.ReadError("gone")


def accepted() -> httpx.Response:
    return answer(204)


def refused() -> httpx.Response:
    raise httpx.ConnectError("[Errno 111] Connection refused")


CALLS: dict[str, Callable[[Face], object]] = {
    "update": lambda client: client.update(ID, confirm=True, **AFTER),
    "replace": lambda client: client.replace(ID, {"id": ID, **AFTER}),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("put", [lost, accepted])
def test_what_was_not_sent_is_the_read(connect: Connect, call: Any, put: Any) -> None:
    """And not the write, which may have been applied, or was."""
    if call is CALLS["replace"] and put is accepted:
        put = lambda: answer(200, b'{"id":8,"name":"A","email":"a@b.c"}')  # noqa: E731
    script = gateway(read_back=refused, put=put)

    with pytest.raises(caibo.UnknownOutcomeError) as caught:
        call(connect(max_retries=0, **script.options))

    assert "Reading back failed: GET /customers/7 at gateway.test: no" in str(caught.value)
    assert "; that read was not sent." in str(caught.value)
    assert "nothing was sent" not in str(caught.value)


def test_what_was_cut_by_the_deadline_is_the_read(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have reached the gateway; of the write more is known."""

    def late() -> httpx.Response:
        monkeypatch.setattr("caibo._wire.clock.now", lambda: 1e12)
        raise httpx.ReadTimeout("late")

    client = connect(max_retries=0, **gateway(read_back=late, put=accepted).options)

    with pytest.raises(caibo.UnknownOutcomeError) as caught:
        client.update(ID, confirm=True, **AFTER)

    assert "`deadline` passed; that read may have reached the gateway" in str(caught.value)
    assert " it may have reached" not in str(caught.value)


def test_its_lines_stand_below_it(connect: Connect) -> None:
    """How often it was sent is not how often the write was."""
    script = gateway(read_back=lambda: answer(500, X_Request_ID="r-1"), put=accepted)

    with pytest.raises(caibo.UnknownOutcomeError) as caught:
        connect(**script.options).update(ID, confirm=True, **AFTER)

    said = str(caught.value).splitlines()
    assert [line for line in said if "request id" in line] == ["    request id: r-1"]
    assert [line for line in said if "sent" in line] == ["    sent 3 times"]
    assert (caught.value.attempts, caught.value.request_id, caught.value.status) == (1, None, 204)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_what_is_known_of_the_record_is_masked(connect: Connect, call: Any) -> None:
    """What it said before as well as what was sent, however it is spelt."""
    known = [*AFTER.values(), *(BEFORE.values() if call is CALLS["update"] else ())]
    quoted = json.dumps({"detail": " / ".join(f"is {value} it" for value in known)}).encode()
    script = gateway(read_back=lambda: answer(422, quoted), put=lost)

    with pytest.raises(caibo.UnknownOutcomeError) as caught:
        call(connect(max_retries=0, **script.options))

    for value in (*known, "Lovelace", "Hopper", "5550143", "5550199"):
        assert value not in str(caught.value)
    assert "‹name›" in str(caught.value)


def test_the_lost_answer_is_told_of(connect: Connect) -> None:
    """Its status and request id are what the vendor can look for."""
    script = gateway(read_back=refused, put=lambda: answer(500, X_Request_ID="w-1"))

    with pytest.raises(caibo.UnknownOutcomeError) as caught:
        connect(max_retries=0, **script.options).update(ID, **AFTER)

    assert (caught.value.status, caught.value.request_id) == (500, "w-1")


def test_a_first_read_says_that_nothing_was_sent(connect: Connect) -> None:
    """Nothing was: there is no write yet that it could be taken for."""
    with pytest.raises(caibo.TransportError, match="; nothing was sent"):
        connect(max_retries=0, **Script(httpx.ConnectError("refused")).options).update(
            ID, phone="1"
        )
