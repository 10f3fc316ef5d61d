"""A client that is made and used in a server's master process, before its workers fork.

Gunicorn with `--preload`, and Celery's prefork pool, as `nox -s preforking` installs them.
The gateway is a process of its own: it tells which customers were asked for on which
connection, and the answers tell which worker asked.
"""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from forked import KEY, Apart, Authority

WORKERS = 4
IDS = range(100, 180)
#: In the master, before the fork.
BEFORE = 2

#: What both servers serve; it is run in the master.
COMMON = f"""
import os
import caibo

client = caibo.Caibo()
client.customers.get({BEFORE})

def tell(id):
    customer = client.customers.get(id)
    assert (customer.id, customer.name) == (id, f"Customer {{id}}")
    try:
        outcome = client.customers.update(id, phone=f"+{{id}}").outcome
    except caibo.BadRequestError:
        outcome = "refused"
    return [os.getpid(), outcome]
"""

GUNICORN = """
import json
from common import tell

def application(environ, start_response):
    body = json.dumps(tell(int(environ["PATH_INFO"].strip("/")))).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]
"""

#: A broker of files: Redis or RabbitMQ would show nothing more here.
CELERY = """
import os
from celery import Celery
from common import tell

folder = os.environ["FOLDER"]
app = Celery("served", broker="filesystem://", backend=f"file://{folder}/results")
app.conf.broker_transport_options = {
    "data_folder_in": f"{folder}/queue",
    "data_folder_out": f"{folder}/queue",
    "control_folder": f"{folder}/control",
}
app.conf.worker_prefetch_multiplier = 1
app.task(tell, name="tell")
"""


@pytest.fixture
def environment(gateway: Apart, authority: Authority, tmp_path: Path) -> dict[str, str]:
    """Write the programs down; give the environment to run them in."""
    for name, text in {"common": COMMON, "served": GUNICORN, "tasks": CELERY}.items():
        (tmp_path / f"{name}.py").write_text(text, "utf-8")
    for name in ("results", "queue", "control"):
        (tmp_path / name).mkdir()
    path = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(path),
        "CAIBO_API_KEY": KEY,
        "CAIBO_BASE_URL": gateway.base_url,
        "SSL_CERT_FILE": str(authority.ca),
        "FOLDER": str(tmp_path),
    }


@contextmanager
def started(arguments: list[str], environment: Mapping[str, str], ready: str) -> Iterator[str]:
    """Run a server until it is left; give the line with which it says that it is ready."""
    with subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env=environment,
        cwd=environment["FOLDER"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        process_group=0,
    ) as process:
        limit = threading.Timer(120, os.killpg, (process.pid, signal.SIGKILL))
        limit.start()
        try:
            assert process.stderr is not None
            said: list[str] = []
            for line in process.stderr:
                said.append(line)
                if ready in line:
                    break
            else:
                raise RuntimeError(f"{arguments[0]} does not start:\n{''.join(said)}")
            # A server that cannot write its log stands still.
            threading.Thread(target=process.stderr.read).start()
            yield line
            process.terminate()
            assert process.wait(60) == 0
        finally:
            limit.cancel()
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def check(gateway: Apart, told: Mapping[int, tuple[int, str]]) -> None:
    """Check that all was true, and that no connection belonged to two processes."""
    assert {id: outcome for id, (_, outcome) in told.items()} == {
        id: "refused" if id % 2 else "accepted" for id in IDS
    }
    owners = {BEFORE: 0, **{id: pid for id, (pid, _) in told.items()}}
    assert len(set(owners.values())) > 2, "only one worker was busy"
    links = gateway.links()
    of = [{owners[id] for _, id in link.requests if id is not None} for link in links]
    assert [processes for processes in of if len(processes) > 1] == []
    assert [link.end for link in links if (link.end or "").startswith("error")] == []


@pytest.mark.skipif(importlib.util.find_spec("gunicorn") is None, reason="nox -s preforking")
@pytest.mark.parametrize("threads", [1, 4])
def test_gunicorn_that_preloads(gateway: Apart, environment: dict[str, str], threads: int) -> None:
    """Its workers, with and without threads, inherit a client that has a connection."""
    options = [f"--workers={WORKERS}", f"--threads={threads}", "--preload", "--bind=127.0.0.1:0"]
    arguments = ["gunicorn", *options, "--no-control-socket", "served:application"]
    with started(arguments, environment, "Listening at:") as line:
        address = line.split("http://")[1].split()[0]

        def ask(id: int) -> tuple[int, str]:
            connection = http.client.HTTPConnection(address, timeout=60)
            connection.request("GET", f"/{id}")
            answer = connection.getresponse()
            assert answer.status == 200
            pid, outcome = json.loads(answer.read())
            connection.close()
            return pid, outcome

        with ThreadPoolExecutor(4 * WORKERS) as pool:
            told = dict(zip(IDS, pool.map(ask, IDS), strict=True))

    check(gateway, told)


@pytest.mark.skipif(importlib.util.find_spec("celery") is None, reason="nox -s preforking")
def test_celery_that_preforks(gateway: Apart, environment: dict[str, str]) -> None:
    """The children of its pool inherit a client that its worker has used."""
    celery: Any = pytest.importorskip("celery")
    folder = environment["FOLDER"]
    caller = celery.Celery("caller", broker="filesystem://", backend=f"file://{folder}/results")
    caller.conf.broker_transport_options = {
        "data_folder_in": f"{folder}/queue",
        "data_folder_out": f"{folder}/queue",
        "control_folder": f"{folder}/control",
    }
    options = ["--pool=prefork", f"--concurrency={WORKERS}", "--loglevel=INFO"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    arguments = ["celery", "--app=tasks:app", "worker", *options, *quiet]
    # Before there is a worker: kombu's files are not whole yet when they can first be seen.
    asked = {id: caller.send_task("tell", [id]) for id in IDS}
    with started(arguments, environment, "ready."):
        told = {id: tuple(result.get(timeout=60)) for id, result in asked.items()}

    check(gateway, told)
