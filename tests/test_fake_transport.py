"""`FakeCaibo.transport` below async clients, and below many clients at once."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import httpx
import pytest

from caibo.testing import FakeCaibo

BODY = {"name": "N", "email": "n@example.com"}


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
class TestAsync:
    def test_an_async_client_reads_and_writes(self, backend: str) -> None:
        """On every loop that httpx runs on, with a body that is produced piece by piece."""
        fake = FakeCaibo()
        id = fake.add_customer()

        async def pieces() -> Any:
            yield b'{"name":"N",'
            yield b'"email":"n@example.com"}'

        async def write_and_read() -> httpx.Response:
            async with async_client(fake) as client:
                headers = {"Content-Type": "application/json"}
                await client.put(f"customers/{id}", content=pieces(), headers=headers)
                return await client.get(f"customers/{id}")

        response = anyio.run(write_and_read, backend=backend)

        assert response.content == fake.raw(id)
        assert response.json()["name"] == "N"

    def test_tasks_take_turns(self, backend: str) -> None:
        """Two that read and then write meet each other, as they would on a socket."""
        fake = FakeCaibo()
        id = fake.add_customer()

        async def update(client: httpx.AsyncClient) -> None:
            await client.get(f"customers/{id}")
            await client.put(f"customers/{id}", json=BODY)

        async def two_updates() -> None:
            async with async_client(fake) as client, anyio.create_task_group() as tasks:
                tasks.start_soon(update, client)
                tasks.start_soon(update, client)

        anyio.run(two_updates, backend=backend)

        assert [request.method for request in fake.requests] == ["GET", "GET", "PUT", "PUT"]

    def test_a_task_may_be_cancelled_after_its_write(self, backend: str) -> None:
        """It gets no answer, and the write has happened."""
        fake = FakeCaibo()
        id = fake.add_customer()

        async def write() -> bool:
            async with async_client(fake) as client:
                with anyio.CancelScope() as scope:
                    fake.on_request = lambda _: scope.cancel()
                    await client.put(f"customers/{id}", json=BODY)
                return scope.cancelled_caught

        cancelled = anyio.run(write, backend=backend)

        assert (cancelled, fake.document(id)["name"]) == (True, "N")

    def test_an_async_answer_is_cut(self, backend: str) -> None:
        """The body fails in the middle, after its status."""
        fake = FakeCaibo()
        fake.garble_next("truncated")

        async def read() -> None:
            async with async_client(fake) as client:
                with pytest.raises(httpx.RemoteProtocolError):
                    await client.get("customers/1")

        anyio.run(read, backend=backend)

        assert len(fake.requests) == 1


def test_one_transport_serves_clients_one_after_the_other() -> None:
    """Closing a client closes nothing here."""
    fake = FakeCaibo()
    statuses: list[int] = []

    for _ in range(2):
        with httpx.Client(transport=fake.transport, base_url=fake.base_url) as client:
            statuses.append(client.get("auth/login").status_code)

    assert statuses == [405, 405]


def test_threads_share_a_gateway() -> None:
    """No request is lost, none is counted twice, and one fault hits one of them."""
    fake = FakeCaibo()
    id = fake.add_customer()
    fake.fail_next(500, times=30)
    statuses: list[int] = []

    def write() -> None:
        headers = {"X-API-Key": fake.api_key}
        with httpx.Client(
            transport=fake.transport, base_url=fake.base_url, headers=headers
        ) as client:
            statuses.extend(client.put(f"customers/{id}", json=BODY).status_code for _ in range(20))

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (statuses.count(500), statuses.count(200)) == (30, 130)
    assert [request.number for request in fake.requests] == list(range(1, 161))


def async_client(fake: FakeCaibo) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=fake.transport, base_url=fake.base_url, headers={"X-API-Key": fake.api_key}
    )
