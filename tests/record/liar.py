"""A gateway in a process of its own that lies on the wire, one fault a case.

``python -m record.liar [FOLDER]`` prints its port and then answers commands, JSON in lines.
With a folder of certificates it speaks TLS.
"""

from __future__ import annotations

import json
import random
import socket
import ssl
import sys
import threading
import time
import warnings
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from record.catalogue import FAULTS
from record.faults import Fault, Link, honest

ID = 16772748432912191
OLD, NEW = "+12025550143", "+19995550100"
RECORD = (
    b'{"id":%d,"name":"Ada Lovelace","email":"ada@example.com","phone":"%b",'
    b'"totalDeposits":100.00,"colour":"Prussian blue"}' % (ID, OLD.encode())
)
#: Which request something happens to: the first read, the write, or the read after a write
#: whose answer was lost.
Where = Literal["read", "write", "back"]


@dataclass
class Case:
    """What is to happen, and what the gateway saw of it.

    Attributes:
        fault: its name; honest without one.
        where: what it happens to.
        once: whether it happens once, or each time.
        applied: whether the write that it happens to, or that is lost, is carried out.
        among: instead of one fault those that happen by chance, to any request.
        chance: of each request; half of the writes are carried out then.
        seed: of chance.
        requests: their first letters, by customer; a write that was carried out is a W.
        records: what is stored.
        reads: how many requests for a record had a whole and honest answer.
        lied: whether a read had a whole and dishonest one.
    """

    fault: str | None = None
    where: Where = "write"
    once: bool = True
    applied: bool = True
    among: list[str] = field(default_factory=list)
    chance: float = 0.0
    seed: int = 0
    requests: defaultdict[int, str] = field(default_factory=lambda: defaultdict(str))
    records: dict[int, bytes] = field(default_factory=dict)
    reads: int = 0
    lied: bool = False
    played: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def record(self, id: int) -> bytes:
        return self.records.get(id, RECORD.replace(b"%d" % ID, b"%d" % id))

    def early(self) -> Fault | None:
        """Return the fault where it comes before the request is known."""
        fault = FAULTS[self.fault] if self.fault else None
        if fault is None or fault.stage not in ("accept", "handshake"):
            return None
        phase = "back" if self._wrote(ID) else "write" if self.reads else "read"
        return fault if phase == self.where and self._again() else None

    def due(self, method: str, id: int, stage: str) -> Fault | None:
        """Return the fault where it happens to a request, of those before it in `requests`."""
        if self.among:
            with self.lock:
                happens = stage == "answer" and self.random.random() < self.chance
                return FAULTS[self.random.choice(self.among)] if happens else None
        fault = FAULTS[self.fault] if self.fault else None
        if fault is None or fault.stage != stage:
            return None
        phase = "write" if method == "PUT" else "back" if self._wrote(id) else "read"
        return fault if phase == self.where and self._again() else None

    def _wrote(self, id: int) -> bool:
        return "P" in self.requests[id] or "W" in self.requests[id]

    def _again(self) -> bool:
        with self.lock:
            self.played += 1
            return self.played == 1 or not self.once

    def lost(self, method: str, id: int) -> bool:
        """Tell whether this is the write whose answer is lost."""
        return self.where == "back" and method == "PUT" and not self._wrote(id)

    def carried_out(self) -> bool:
        """Tell whether a write that something happens to is carried out."""
        return self.random.random() < 0.5 if self.among else self.applied

    def report(self) -> dict[str, Any]:
        """Tell what happened, once all connections have ended."""
        self.over.set()
        for thread in self.threads:
            thread.join(2)
        before, now = (
            json.loads(text, parse_float=str, parse_int=str) for text in (RECORD, self.record(ID))
        )
        others = [now.get(name) == before[name] for name in before if name != "phone"]
        seen = self.requests[ID]
        return {
            "requests": seen,
            "writes": seen.count("W"),
            "blind": "WW" in seen,
            "stands": now.get("phone") == NEW,
            "spoilt": not all(others) and not self.lied,
            "open": sum(thread.is_alive() for thread in self.threads),
        }

    def customers(self) -> dict[int, tuple[str, dict[str, Any]]]:
        """Tell of each customer which requests there were since then, and what its record says."""
        time.sleep(0.2)  # for writes that nobody waits for any more
        with self.lock:
            seen, self.requests = self.requests, defaultdict(str)
            return {id: (of, json.loads(self.record(id))) for id, of in seen.items()}


def converse(case: Case, link: Link) -> None:
    """Serve one connection."""
    with suppress(OSError, ValueError):
        early = case.early()
        if early is not None:
            early.act(link)
        else:
            if link.contexts:
                link.secure("right")
            while answer(case, link):
                pass
    with suppress(OSError):
        link.peer.close()


def answer(case: Case, link: Link) -> bool:
    """Answer one request; return whether there may be another."""
    stream = link.peer.makefile("rb")
    head = b""
    while (line := stream.readline()).strip():
        head += line
    if not head:
        return False
    method, path, _ = head.decode("latin-1").split(" ", 2)
    id = int(path.rpartition("/")[2])
    fields = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    length = next((int(v) for n, _, v in fields if n.lower() == b"content-length"), 0)
    cut = case.due(method, id, "head")
    if cut is not None:
        with case.lock:
            case.requests[id] += method[0]
        return cut.act(link)
    body = stream.read(length)
    if len(body) < length:
        return False
    return told(case, link, method, id, head + line + body, body)


def told(case: Case, link: Link, method: str, id: int, request: bytes, body: bytes) -> bool:
    fault, lost = case.due(method, id, "answer"), case.lost(method, id)
    link.request, link.old = request, RECORD
    with case.lock:
        written = method == "PUT" and (not (fault or lost) or case.carried_out())
        case.requests[id] += "W" if written else method[0]
        if written:
            case.records[id] = body
        link.record = body if method == "PUT" else case.record(id)
    if lost:
        return False
    if fault is not None:
        case.lied |= method == "GET" and fault.says in ("done", "old")
        return fault.act(link)
    case.reads += method == "GET"
    # The next one is to connect anew where that is what goes wrong.
    early = case.fault is not None and FAULTS[case.fault].stage in ("accept", "handshake")
    link.send(honest(link, *["Connection: close"] * early))
    return not early


def contexts(folder: str | None) -> dict[str, ssl.SSLContext]:
    """Load what `certificates` wrote."""
    found: dict[str, ssl.SSLContext] = {}
    for path in Path(folder).glob("*.pem") if folder else ():
        found[path.stem] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        found[path.stem].load_cert_chain(path)
    if found:
        old, asking = found["TLS 1.1 only"], found["it wants a certificate"]
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        asking.verify_mode = ssl.CERT_REQUIRED
    return found


class Liar:
    """Accept connections for the case at hand."""

    def __init__(self, folder: str | None) -> None:
        self.case = Case()
        self._contexts = contexts(folder)

    def accept(self, listener: socket.socket) -> None:
        while True:
            peer, _ = listener.accept()
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            case = self.case
            link = Link(peer, case.over, self._contexts)
            thread = threading.Thread(target=converse, args=(case, link), daemon=True)
            thread.start()
            if not case.among:  # of which there may be many, and nobody waits for them
                case.threads.append(thread)


def main(folder: str | None = None) -> None:
    liar = Liar(folder)
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        threading.Thread(target=liar.accept, args=(listener,), daemon=True).start()
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        for line in sys.stdin:
            command = json.loads(line)
            if command in ("report", "customers"):
                said = getattr(liar.case, command)()
            else:
                liar.case, said = Case(**command), None
            sys.stdout.write(json.dumps(said) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
