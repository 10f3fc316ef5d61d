"""What others hang into httpx, to mock, record or switch tasks, works with the client as it is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
import vcr  # type: ignore[import-untyped]
from faces import Connect, methods
from pytest_httpx import HTTPXMock
from scripted import AFTER, BEFORE, ID

from caibo.testing import FakeCaibo, FakeServer

URL = "https://gateway.test"
PATH = f"/customers/{ID}"
RECORD = {"id": ID, **BEFORE}


def test_respx_mocks_the_gateway(connect: Connect) -> None:
    """By its default mocker, below httpx, where our requests pass."""
    with respx.mock(base_url=URL) as gateway:
        read = gateway.get(PATH).respond(json=RECORD)
        write = gateway.put(PATH).respond()

        update = connect(base_url=URL, transport=None).update(ID, **AFTER)

    assert (update.outcome, read.call_count, write.call_count) == ("accepted", 1, 1)
    assert json.loads(write.calls.last.request.content) == {**RECORD, **AFTER}


def test_pytest_httpx_mocks_the_gateway(connect: Connect, httpx_mock: HTTPXMock) -> None:
    """Its fixture sees each request, and nothing that it was not told of."""
    httpx_mock.add_response(method="GET", url=URL + PATH, json=RECORD)
    httpx_mock.add_response(method="PUT", url=URL + PATH, match_json={**RECORD, **AFTER})

    update = connect(base_url=URL, transport=None).update(ID, **AFTER)

    assert update.outcome == "accepted"
    assert [request.method for request in httpx_mock.get_requests()] == ["GET", "PUT"]


def test_vcrpy_replays_what_it_recorded(connect: Connect, fake: FakeCaibo, tmp_path: Path) -> None:
    """With the gateway gone; the key is not in the cassette where it is filtered."""
    id = fake.add_customer(**BEFORE)
    cassette = tmp_path / "update.yaml"
    recorder = vcr.VCR(filter_headers=["X-API-Key"], match_on=["method", "uri", "body"])
    with fake.serve() as server, recorder.use_cassette(str(cassette)):
        told = connect(base_url=server.base_url, transport=None).update(id, **AFTER)

    with recorder.use_cassette(str(cassette), record_mode=vcr.mode.NONE) as replayed:
        again = connect(base_url=server.base_url, transport=None).update(id, **AFTER)

    assert (again.outcome, again.customer) == (told.outcome, told.customer)
    assert (replayed.play_count, methods(fake)) == (2, ["GET", "PUT"])
    assert fake.api_key not in cassette.read_text()


def test_an_instrument_is_told_of_the_connection(
    connect: Connect, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By httpx's own extension: https://www.python-httpx.org/advanced/extensions/#network_stream."""
    told: list[Any] = []
    handle = httpx.HTTPTransport.handle_request
    handle_async = httpx.AsyncHTTPTransport.handle_async_request

    def look(response: httpx.Response) -> httpx.Response:
        stream = response.extensions["network_stream"]
        own = stream.get_extra_info("socket").getsockname()
        told.append(stream.get_extra_info("server_addr"))
        assert (stream.get_extra_info("client_addr"), stream.get_extra_info("other")) == (own, None)
        return response

    async def handled(transport: Any, request: httpx.Request) -> httpx.Response:
        return look(await handle_async(transport, request))

    monkeypatch.setattr("httpx.HTTPTransport.handle_request", lambda t, r: look(handle(t, r)))
    monkeypatch.setattr("httpx.AsyncHTTPTransport.handle_async_request", handled)

    connect(base_url=server.base_url, transport=None).get(server.gateway.add_customer())

    assert [f"http://{host}:{port}" for host, port in told] == [server.base_url]


GREENLETS = """
from gevent import monkey; monkey.patch_all()

import threading

import gevent
import gevent.event

import caibo
from caibo.testing import FakeCaibo, FakeServer

NEW = "+12025550199"
fake = FakeCaibo()
ids = [fake.add_customer(phone="old") for _ in range(8)]
with fake.serve() as server, caibo.Caibo(
    api_key=fake.api_key, base_url=server.base_url, deadline=20
) as client:
    met = threading.Barrier(len(ids), timeout=20)
    fake.on_request = lambda request: met.wait() if request.method == "PUT" else None
    updates = [gevent.spawn(client.customers.update, id, phone=NEW) for id in ids]
    print([job.get().outcome for job in updates] == ["accepted"] * 8)

    for _ in range(120):  # more than there are connections
        arrived, through = gevent.event.Event(), gevent.event.Event()
        fake.on_request = lambda _: (arrived.set(), through.wait())
        job = gevent.spawn(client.customers.get, ids[0])
        arrived.wait()
        job.kill()
        through.set()
    fake.on_request = None
    print(client.customers.get(ids[1]).phone)
"""


def test_greenlets_of_gevent_share_a_client(tmp_path: Path) -> None:
    """Eight update at once over a socket, and one that is killed takes no connection with it."""
    program = tmp_path / "greenlets.py"
    program.write_text(GREENLETS)

    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.stdout.split(), done.stderr) == (["True", "+12025550199"], "")
