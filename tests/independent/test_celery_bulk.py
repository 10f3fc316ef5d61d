"""`examples/celery_bulk.py` with a real Redis server and real workers, killed half-way.

`nox -s redis` installs what this needs.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path

import pytest

import caibo
from caibo.testing import FakeCaibo, FakeServer, Request

pytest.importorskip("redis", reason="nox -s redis installs redis-py")
pytest.importorskip("celery", reason="nox -s redis installs Celery")

EXAMPLES = Path(__file__).parents[2] / "examples"
ROWS = 120
PROCESSES = 2
Environment = Mapping[str, str]


@pytest.fixture
def url() -> Iterator[str]:
    """Start a Redis server that keeps nothing, and end it with the test."""
    command = shutil.which("redis-server")
    if command is None:
        pytest.skip("nox -s redis installs redis-server, where it may")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="redis") as folder:
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        with subprocess.Popen([command, *options], stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                assert any("ready to accept connections" in line.lower() for line in process.stdout)
                threading.Thread(target=process.stdout.read).start()
                yield f"redis://127.0.0.1:{port}"
            finally:
                process.terminate()


@pytest.fixture
def environment(fake: FakeCaibo, server: FakeServer, url: str) -> Environment:
    path = [str(EXAMPLES), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(map(os.path.abspath, path)),
        "CAIBO_BASE_URL": server.base_url,
        "CAIBO_API_KEY": fake.api_key,
        "CAIBO_DEADLINE": "2",
        "REDIS_URL": url,
    }


@contextmanager
def workers(environment: Environment, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start Celery with its processes in a group of their own, and kill what is left of them."""
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=INFO"]
    pool = ["--pool=prefork", f"--concurrency={PROCESSES}"]
    arguments = ["-m", "celery", "--app=celery_bulk:app", "worker", *pool, *quiet]
    with (
        (folder / "workers.log").open("ab") as log,
        subprocess.Popen(
            [sys.executable, *arguments],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=log,
            process_group=0,
        ) as process,
    ):
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def children(pid: int) -> list[int]:
    """List the processes that a process has forked."""
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


def ran(environment: Environment, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the example."""
    return subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / "celery_bulk.py"), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def lines(environment: Environment, *arguments: str) -> list[str]:
    """Run the example; give the lines that it prints."""
    result = ran(environment, *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout.splitlines()


def await_return(environment: Environment) -> None:
    """Wait until what dead workers had taken is given to others: they look when they start."""
    server = import_module("redis").Redis.from_url(environment["REDIS_URL"])
    taken = [at for _, at in server.zrange("unacked_index", 0, -1, withscores=True)]
    returns = max(taken) + 4 * float(environment["CAIBO_DEADLINE"])
    time.sleep(max(0.0, returns - time.time()))


def outcomes(environment: Environment, count: int) -> dict[str, str]:
    """Wait until so many rows are done; give what each came to."""
    server = import_module("redis").Redis.from_url(environment["REDIS_URL"], decode_responses=True)
    ends = time.monotonic() + 120
    while server.hlen("caibo:run:outcomes") < count and time.monotonic() < ends:
        time.sleep(0.1)
    assert server.hlen("caibo:run:plans") == 0
    found: dict[str, str] = server.hgetall("caibo:run:outcomes")
    return found


def test_nothing_is_lost_when_workers_are_killed(
    fake: FakeCaibo, environment: Environment, tmp_path: Path
) -> None:
    """A process at some writes, at one all of them and their master: the rest is done after."""
    ids = [fake.add_customer(phone="old", total=n * 0.25) for n in range(ROWS)]
    before = {id: fake.document(id) for id in ids}
    rows, log = tmp_path / "rows.csv", tmp_path / "workers.log"
    rows.write_text("id,phone\n" + "".join(f"{id},+120255{n:05}\n" for n, id in enumerate(ids)))
    writes, deaths, killed = 0, 0, threading.Event()

    with ExitStack() as stack:
        first = stack.enter_context(workers(environment, tmp_path))

        def kill(request: Request) -> None:
            nonlocal writes, deaths
            writes += request.method == "PUT"
            if request.method == "PUT" and writes in (10, 25, 40):
                os.kill(children(first.pid)[0], signal.SIGKILL)
                deaths += 1
            elif request.method == "PUT" and writes == 60:
                os.killpg(first.pid, signal.SIGKILL)
                killed.set()

        fake.on_request = kill
        assert lines(environment, "send", str(rows), "run") == [f"{ROWS} rows sent"]
        assert killed.wait(120), log.read_text("utf-8")
        first.wait()
        await_return(environment)
        stack.enter_context(workers(environment, tmp_path))
        found = outcomes(environment, ROWS)

    assert deaths == 3
    assert len(found) == ROWS, log.read_text("utf-8")
    assert set(found.values()) <= {"accepted", "confirmed", "already-applied", "unchanged"}
    assert {id: fake.document(id) for id in ids} == {
        id: {**document, "phone": f"+120255{n:05}"}
        for n, (id, document) in enumerate(before.items())
    }
    counted = {line.partition(" ")[2] for line in lines(environment, "status", "run")}
    assert counted == set(found.values())
    assert "+12025" not in log.read_text("utf-8")


def test_a_customer_comes_once(environment: Environment, tmp_path: Path) -> None:
    """Tasks have no order."""
    rows = tmp_path / "rows.csv"
    rows.write_text("id,phone\n7,1\n7,2\n")

    result = ran(environment, "send", str(rows), "run")

    assert result.returncode == 1
    assert result.stderr == "row 2: customer 7 comes a second time\n"


def test_what_somebody_else_wrote_in_between_is_not_written_over(
    fake: FakeCaibo, environment: Environment, tmp_path: Path
) -> None:
    """A row that comes back is held against its plan."""
    id = fake.add_customer(phone="old")
    with caibo.Caibo(api_key=fake.api_key, transport=fake.transport) as client:
        plan = client.customers.plan(id, phone="ours").to_json()
    fake.change(id, phone="theirs")
    server = import_module("redis").Redis.from_url(environment["REDIS_URL"])
    server.hset("caibo:run:plans", "1", plan)
    rows = tmp_path / "rows.csv"
    rows.write_text(f"id,phone\n{id},ours\n")

    with workers(environment, tmp_path):
        lines(environment, "send", str(rows), "run")
        found = outcomes(environment, 1)

    assert found == {"1": "failed: ConflictError"}
    assert fake.document(id)["phone"] == "theirs"
