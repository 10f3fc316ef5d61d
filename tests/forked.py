"""Processes that are forked off a test, and the gateway apart that watches them.

Nothing here waits without a bound: a child that hangs shows where, and ends.
"""

from __future__ import annotations

import faulthandler
import json
import multiprocessing
import os
import pickle
import select
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import trustme
from anyio.from_thread import start_blocking_portal
from faces import Face

import caibo

BACKENDS = ["sync", "asyncio", "trio"]
KEY = "caibo_test_sk_0123456789"
#: Seconds that a child may live.
LIFE = 40
#: Customers of one process; which process asked can be told from the id.
A_PROCESS = 1000


@dataclass(frozen=True)
class Link:
    """One connection, as the gateway saw it.

    Attributes:
        requests: method and customer id of each.
        end: how it ended, nothing while it is open.
    """

    requests: list[tuple[str, int | None]]
    end: str | None

    @property
    def owners(self) -> set[int]:
        """The processes whose customers were asked for."""
        return {id // A_PROCESS for _, id in self.requests if id is not None}


class Apart:
    """Command `gateway_apart.py`.

    Attributes:
        base_url: for clients.
    """

    def __init__(self, process: subprocess.Popen[str], scheme: str) -> None:
        self._process = process
        assert process.stdout is not None
        self.base_url = f"{scheme}://127.0.0.1:{process.stdout.readline().strip()}"

    def __call__(self, *command: object) -> Any:
        """Give a command of `gateway_apart.Commands`; what it waits for must come."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        assert told, f"the gateway waited in vain: {command}"
        return told

    def relay(self, command: str) -> Any:
        """Give a command that is JSON already."""
        return self(*json.loads(command))

    def hold(self, id: int | str, where: str = "answer", times: int = 1) -> None:
        """Hold the next requests for a customer up: before the answer, or within its "body"."""
        self("hold", str(id), where, times)

    def arrived(self, id: int | str, times: int = 1) -> None:
        """Wait until so many requests for a customer have arrived."""
        self("arrived", str(id), times)

    def release(self) -> None:
        """Let all go on that are held up."""
        self("release")

    def links(self) -> list[Link]:
        """Return all connections, in the order in which they were made."""
        return [
            Link([(method, id) for method, id in found["requests"]], found["end"])
            for found in self("report")["connections"]
        ]


class Authority:
    """Vouch for gateways on the loopback interface, in files in a folder."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.ca = folder / "ca.pem"
        self.certificate = folder / "gateway.pem"
        authority.cert_pem.write_to_path(str(self.ca))
        issued = authority.issue_cert("127.0.0.1")
        issued.private_key_and_cert_chain_pem.write_to_path(str(self.certificate))


@contextmanager
def apart(scheme: str, authority: Authority) -> Iterator[Apart]:
    """Start a gateway in a process of its own, and end it."""
    certificate = [str(authority.certificate)] * (scheme == "https")
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("gateway_apart.py")), *certificate],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        try:
            yield Apart(process, scheme)
        finally:
            process.kill()


@contextmanager
def face(client: caibo.Caibo | caibo.AsyncCaibo, backend: str) -> Iterator[Face]:
    """Call a client in this process, an async one in a new event loop."""
    if backend == "sync":
        yield Face(client, None)
    else:
        with start_blocking_portal(backend) as portal:
            yield Face(client, portal)


def make(backend: str, base_url: str, **options: Any) -> caibo.Caibo | caibo.AsyncCaibo:
    """Make the client of a backend."""
    if not {"auth", "access_token"} & options.keys():
        options["api_key"] = KEY
    kind = caibo.Caibo if backend == "sync" else caibo.AsyncCaibo
    return kind(base_url=base_url, **options)


@contextmanager
def forking() -> Iterator[None]:
    """Take no warning of a fork beside other threads, which is what is tried here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


class Child:
    """Do some work in a forked process, until the context is left.

    Args:
        work: called without arguments; gives what `result` returns.
        way: "os.fork" or "multiprocessing".
    """

    def __init__(self, work: Callable[[], object], way: str = "os.fork") -> None:
        self._inbox, outbox = os.pipe()
        if way == "os.fork":
            with forking():
                self.pid = os.fork()
            if self.pid == 0:
                try:
                    _work(work, outbox)
                finally:
                    os._exit(1)
        else:
            fork: Any = multiprocessing.get_context("fork")
            process = fork.Process(target=_work, args=(work, outbox))
            with forking():
                process.start()
            self.pid = process.pid
        os.close(outbox)

    def result(self) -> Any:
        """Wait for what the work gives.

        Raises:
            AssertionError: it raised, hung or was killed, or complained when things were freed.
        """
        said = b""
        while select.select([self._inbox], [], [], LIFE + 5)[0]:
            if not (chunk := os.read(self._inbox, 65536)):
                break
            said += chunk
        assert said, "the child hung, see above where, or was killed"
        value, raised, complaints = pickle.loads(said)
        assert raised is None, raised
        assert complaints == []
        return value

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._inbox)
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _work(work: Callable[[], object], outbox: int) -> None:
    """Work in the child, say what came of it, and be gone at once."""
    # Not a watchdog of `faulthandler`: it is a thread, which a child of this child would wait for.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    faulthandler.register(signal.SIGALRM, file=2, chain=True)
    signal.alarm(LIFE)
    complaints: list[str] = []
    sys.unraisablehook = lambda said: complaints.append(f"{said.exc_value!r} in {said.object!r}")
    value, raised = None, None
    try:
        value = work()
    except BaseException:
        raised = traceback.format_exc()
    with os.fdopen(outbox, "wb") as stream:
        pickle.dump((value, raised, complaints), stream)
    os._exit(0)
