"""What a generated operation asks for goes out whole, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from faces import Connect, Face
from scripted import Script, answer

import caibo
from caibo._wire.calls import Call, call
from caibo._wire.waiting import Tasks, Threads


class Operation:
    """A generated module, as far as it is asked."""

    def __init__(self, **made: Any) -> None:
        self.made = {"method": "post", "url": "/customers/a%2Fb", **made}

    def _get_kwargs(self) -> dict[str, Any]:
        return self.made


FORM = (
    b'--+++\r\nContent-Disposition: form-data; name="a"\r\n'
    b"Content-Type: text/plain\r\n\r\n1\r\n--+++--\r\n"
)
MULTIPART = {"Content-Type": "multipart/form-data; boundary=+++"}


class Stream:
    """A body in pieces, which can be read for each face."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"str"
        yield b"eam"


@pytest.mark.parametrize(
    ("made", "url", "headers", "body"),
    [
        ({}, "/customers/a%2Fb", {}, b""),
        ({"params": {"page": 2, "q": "ä&c"}}, "/customers/a%2Fb?page=2&q=%C3%A4%26c", {}, b""),
        ({"params": {"id": [1, 2]}}, "/customers/a%2Fb?id=1&id=2", {}, b""),
        ({"params": {"all": True, "to": None}}, "/customers/a%2Fb?all=true&to=", {}, b""),
        ({"params": {}}, "/customers/a%2Fb", {}, b""),
        ({"headers": {"X-Kind": "1"}}, "/customers/a%2Fb", {"X-Kind": "1"}, b""),
        ({"cookies": {"session": "1"}}, "/customers/a%2Fb", {"Cookie": "session=1"}, b""),
        (
            {"json": [1], "headers": {"Content-Type": "application/vnd.x+json"}},
            "/customers/a%2Fb",
            {"Content-Type": "application/vnd.x+json"},
            b"[1]",
        ),
        (
            {"data": {"a": "b c"}, "headers": {}},
            "/customers/a%2Fb",
            {"Content-Type": "application/x-www-form-urlencoded"},
            b"a=b+c",
        ),
        (
            {"files": [("a", (None, b"1", "text/plain"))], "headers": MULTIPART},
            "/customers/a%2Fb",
            MULTIPART,
            FORM,
        ),
        ({"content": b"raw", "params": {"a": 1}}, "/customers/a%2Fb?a=1", {}, b"raw"),
        ({"content": Stream()}, "/customers/a%2Fb", {}, b"stream"),
        ({"content": Stream(), "params": {"a": 1}}, "/customers/a%2Fb?a=1", {}, b"stream"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_every_kind_of_parameter_arrives(
    connect: Connect, made: dict[str, Any], url: str, headers: dict[str, str], body: bytes
) -> None:
    """Path, query, header, cookie and body, through the engine of every call."""
    script = Script(answer(200))
    client = connect(**{**script.options, "base_url": "https://gateway.test/api"})

    send(client, call(Operation(**made)))

    [request] = script.requests
    assert (request.method, request.url.raw_path.decode()) == ("POST", f"/api{url}")
    assert {name: request.headers.get(name) for name in headers} == headers
    assert request.read() == body
    assert request.headers["Host"] == "gateway.test"
    assert "X-API-Key" in request.headers


def send(client: Face, wanted: Call) -> None:
    def plain() -> None:
        wire = client.caibo._wire()
        Threads.run(wire.whole(wire.send(wanted)))

    async def awaited() -> None:
        wire = client.caibo._wire()
        await Tasks.run(wire.whole(wire.send(wanted)))

    client.wait(awaited if isinstance(client.caibo, caibo.AsyncCaibo) else plain)


def broken() -> Iterator[bytes]:
    raise OSError("s3cret")
    yield b""


@pytest.mark.parametrize(
    ("made", "named"),
    [
        ({"params": {"to": "\ud800s3cret"}}, "params (to)"),
        ({"cookies": {"session": 1}}, "cookies (session)"),
        ({"json": {"when": object()}}, "json (when)"),
        ({"json": {1, 2}}, "json"),
        ({"content": 7, "params": {}}, "content, params ()"),
        ({"content": broken()}, "content"),
        ({"files": {"a": 7}}, "files (a)"),
        ({"extensions_of_tomorrow": 1}, "extensions_of_tomorrow"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_what_cannot_be_sent_is_named(made: dict[str, Any], named: str) -> None:
    """Rather than left out in silence; its value is not quoted."""
    with pytest.raises(caibo.ConfigurationError, match="POST /customers/a%2Fb: cannot") as caught:
        call(Operation(**made))

    assert f"cannot send its {named}" in str(caught.value)
    assert caught.value.__context__ is None
    assert "s3cret" not in str(caught.value)


def test_a_record_keeps_its_digits() -> None:
    """It is no value that httpx would have to write, also beside a query."""
    record = caibo.Document.parse('{"rate":1.00}')

    plain = call(Operation(json=record))
    beside = call(Operation(json=record, params={"a": 1}))

    assert plain == Call("POST", "/customers/a%2Fb", {}, b'{"rate":1.00}')
    assert (beside.url, beside.content) == ("/customers/a%2Fb?a=1", b'{"rate":1.00}')


def test_what_httpx_makes_of_a_query_is_what_client_api_sends() -> None:
    """One way to write it for both doors."""
    made: Any = {"page": 2, "q": "ä b", "ids": [1, 2]}

    url = httpx.Client(base_url="https://gateway.test").build_request("GET", "/c", params=made).url

    assert call(Operation(url="/c", params=made)).url == url.raw_path.decode()
