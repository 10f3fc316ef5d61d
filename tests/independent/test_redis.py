"""`examples/redis_lock.py` between processes, with a real Redis server.

Each process is a client of its own, and the gateway is served, so nothing but the
lock keeps them apart.  `nox -s redis` installs what this needs.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from faces import meeting

import caibo
from caibo.testing import FakeCaibo, FakeServer, Request

redis: Any = pytest.importorskip("redis", reason="nox -s redis installs redis-py")

EXAMPLES = Path(__file__).parents[2] / "examples"
PROCESSES = 4

#: One process: `python -c WRITER face redis-url expires id member`; with "none" for no lock.
WRITER = """
import logging
logging.basicConfig()
import asyncio, sys, redis, redis.asyncio, caibo, redis_lock
face, url, expires, id, member = sys.argv[1:]
change = {"extra": {member: True}}

def sync():
    server = redis.Redis.from_url(url) if url != "none" else None
    lock = server and redis_lock.redis_lock(server, expires=float(expires))
    with caibo.Caibo(lock=lock) as client:
        return client.customers.update(int(id), **change)

async def awaited():
    server = redis.asyncio.Redis.from_url(url) if url != "none" else None
    lock = server and redis_lock.async_redis_lock(server, expires=float(expires))
    async with caibo.AsyncCaibo(lock=lock) as client:
        update = await client.customers.update(int(id), **change)
    if server:
        await server.aclose()
    return update

print((sync() if face == "sync" else asyncio.run(awaited())).protection)
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """Start a Redis server without a port that keeps nothing, and end it with the tests."""
    command = shutil.which("redis-server")
    if command is None:
        pytest.skip("nox -s redis installs redis-server, where it may")
    # Not pytest's own folder: the path of a Unix socket has a hundred characters at most.
    with tempfile.TemporaryDirectory(prefix="redis") as folder:
        path = Path(folder, "socket")
        options = ["--port", "0", "--save", "", "--appendonly", "no", "--dir", folder]
        with subprocess.Popen(
            [command, "--unixsocket", str(path), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        ) as process:
            try:
                assert process.stdout is not None
                said: list[str] = []
                for line in process.stdout:
                    said.append(line)
                    if "ready to accept connections" in line.lower():
                        break
                else:
                    raise RuntimeError(f"Redis does not start:\n{''.join(said)}")
                yield f"unix://{path}"
            finally:
                process.terminate()
                process.communicate()


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer()


@pytest.fixture
def start(fake: FakeCaibo, server: FakeServer, id: int) -> Iterator[Start]:
    """Start a process that sets one member of the customer."""
    environment = {
        **{name: value for name, value in os.environ.items() if name in ("PATH", "PYTHONPATH")},
        "CAIBO_BASE_URL": server.base_url,
        "CAIBO_API_KEY": fake.api_key,
    }
    path = os.pathsep.join([str(EXAMPLES), *filter(None, [environment.get("PYTHONPATH")])])
    with ExitStack() as stack:

        def start(face: str, url: str, member: str, expires: float = 90.0) -> Any:
            arguments = (face, url, str(expires), str(id), member)
            process = subprocess.Popen(
                [sys.executable, "-c", WRITER, *arguments],
                env={**environment, "PYTHONPATH": path},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start


def said(process: subprocess.Popen[str]) -> str:
    out, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    return out.strip()


@pytest.mark.parametrize("faces", [["sync"], ["async"], ["sync", "async"]], ids="-".join)
def test_with_the_lock_no_change_is_lost(
    start: Start, url: str, fake: FakeCaibo, id: int, faces: list[str]
) -> None:
    """Though every write gives the other processes time to read the same."""
    fake.on_request = meeting(PROCESSES, 0.2)
    members = [f"member{n}" for n in range(PROCESSES)]

    processes = [start(faces[n % len(faces)], url, member) for n, member in enumerate(members)]

    assert [said(process) for process in processes] == ["shared-lock"] * PROCESSES
    assert fake.document(id).keys() >= set(members)
    assert [r.method for r in fake.requests] == ["GET", "PUT"] * PROCESSES


@pytest.mark.parametrize("face", ["sync", "async"])
def test_without_the_lock_all_but_one_are_lost(
    start: Start, fake: FakeCaibo, id: int, face: str
) -> None:
    """All of them read before one of them writes, so the test above can fail."""
    fake.on_request = meeting(PROCESSES, 60)
    members = [f"member{n}" for n in range(PROCESSES)]

    processes = [start(face, "none", member) for member in members]

    assert [said(process) for process in processes] == ["local-lock"] * PROCESSES
    assert len(fake.document(id).keys() & set(members)) == 1


def test_a_lock_that_expires_keeps_nobody_out(
    start: Start, url: str, fake: FakeCaibo, id: int
) -> None:
    """The limit that the example names: the first one's write comes after its lock has ended."""
    reached, over = threading.Event(), threading.Event()

    def hold(request: Request) -> None:
        if request.method == "PUT" and not reached.is_set():
            reached.set()
            over.wait(60)

    fake.on_request = hold
    first = start("sync", url, "first", 0.3)
    assert reached.wait(60)
    second = start("sync", url, "second")

    assert said(second) == "shared-lock"
    assert "second" in fake.document(id)
    over.set()
    out, errors = first.communicate(timeout=60)
    assert (first.returncode, out.strip()) == (0, "shared-lock")
    assert "lock= raised LockNotOwnedError on release" in errors
    assert fake.document(id).keys() & {"first", "second"} == {"first"}


def test_a_redis_that_is_not_there_stops_the_write(
    start: Start, fake: FakeCaibo, id: int, tmp_path: Path
) -> None:
    """Nothing is sent without the lock."""
    process = start("sync", f"unix://{tmp_path / 'gone'}", "member")
    _, errors = process.communicate(timeout=60)

    assert "caibo.LockError" in errors
    assert "lock= raised ConnectionError; nothing was written" in errors
    assert fake.requests == []


def test_the_command_in_the_docstring_works(
    server: FakeServer, fake: FakeCaibo, url: str, id: int
) -> None:
    """As it is typed, but for the places of gateway and Redis."""
    text = (EXAMPLES / "redis_lock.py").read_text("utf-8")
    [command] = [line.strip() for line in text.splitlines() if "python examples/" in line]
    _, script, *arguments = shlex.split(command)

    result = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES.parent / script, *arguments],
        env={
            **{n: value for n, value in os.environ.items() if n in ("PATH", "PYTHONPATH")},
            "CAIBO_BASE_URL": server.base_url,
            "CAIBO_API_KEY": fake.api_key,
            "REDIS_URL": url,
        },
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"customer {id}: accepted, shared-lock\n"
    assert caibo.Customer(fake.document(id)).address == "1 New Street"
