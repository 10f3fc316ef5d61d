"""A gateway in a process of its own, which tells what happened on each of its connections.

``python gateway_apart.py [CERTIFICATE]`` prints its port and then answers commands, JSON
in lines, on its standard input.  It takes 30 ms to answer, so that callers that share what
they must not share meet there.  Customers with an odd id refuse to be written.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

DELAY = 0.03
PATIENCE = 30.0
NAMES = {200: "OK", 400: "Bad Request", 401: "Unauthorized"}


class BrokenProtocolError(Exception):
    """What came is no request, or not one that this connection can have."""


@dataclass
class Connection:
    """What is known of one connection.

    Attributes:
        requests: method and customer id of each, in their order; a login has no id.
        end: nothing while it is open; "close_notify", "eof", "reset" or what went wrong.
    """

    requests: list[tuple[str, int | None]] = field(default_factory=list)
    end: str | None = None


class State:
    """What the connections share; guarded by `changed`."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.delay = DELAY
        self.connections: list[Connection] = []
        self.most_open = 0
        self.arrived: Counter[str] = Counter()
        self.held: dict[str, tuple[int, str]] = {}
        self.holding: list[int] = []
        self.tokens: set[str] = set()
        self.logins = 0
        self.records: dict[int, bytes] = {}

    def record(self, id: int) -> bytes:
        member = {"id": id, "name": f"Customer {id}", "email": f"c{id}@example.com", "phone": None}
        return self.records.get(id) or json.dumps(member).encode()

    def stop_at(self, *names: str) -> str | None:
        """Note an arrival under some names; return where to hold it up, if anywhere.

        From then on it counts as held up.
        """
        with self.changed:
            self.arrived.update(names)
            self.changed.notify_all()
            for name in names:
                times, where = self.held.get(name, (0, ""))
                if times:
                    self.held[name] = (times - 1, where)
                    self.holding.append(threading.get_ident())
                    return where
        return None

    def wait_for_release(self) -> None:
        me = threading.get_ident()
        with self.changed:
            self.changed.wait_for(lambda: me not in self.holding, PATIENCE)


def converse(state: State, connection: Connection, link: socket.socket, tls: Any) -> None:
    """Serve one connection and note how it ended."""
    try:
        if tls is not None:
            if state.stop_at("handshake"):
                state.wait_for_release()
            link = tls.wrap_socket(link, server_side=True, suppress_ragged_eofs=False)
        with link, link.makefile("rb") as stream:
            while exchange(state, connection, link, stream):
                pass
        end = "eof" if tls is None else "close_notify"
    except ssl.SSLEOFError:
        end = "eof"
    except (ConnectionError, TimeoutError):
        end = "reset"
    except (OSError, ValueError, BrokenProtocolError) as error:
        end = f"error: {error}"
    link.close()
    with state.changed:
        connection.end = end
        state.changed.notify_all()


def exchange(state: State, connection: Connection, link: socket.socket, stream: BinaryIO) -> bool:
    """Answer one request; return whether there was one."""
    line = stream.readline()
    if not line:
        return False
    words = line.decode("latin-1").split()
    if len(words) != 3 or words[2] != "HTTP/1.1":
        raise BrokenProtocolError(f"no request line, {len(line)} bytes")
    headers = {}
    while field_line := stream.readline().strip():
        name, _, value = field_line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    length = int(headers.get("content-length", "0"))
    body = stream.read(length)
    if len(body) < length:
        raise BrokenProtocolError("a body that ends early")
    method, path, _ = words
    id = None if method == "POST" else int(path.rpartition("/")[2])
    where = note(state, connection, method, id)
    if where == "answer":
        state.wait_for_release()
    if state.delay:
        threading.Event().wait(state.delay)
    status, text = answer(state, method, id, headers, body)
    head = f"HTTP/1.1 {status} {NAMES[status]}\r\nContent-Type: application/json\r\n"
    whole = f"{head}Content-Length: {len(text)}\r\n\r\n".encode() + text
    if where == "body":
        link.sendall(whole[:-5])
        state.wait_for_release()
        whole = whole[-5:]
    link.sendall(whole)
    return True


def note(state: State, connection: Connection, method: str, id: int | None) -> str | None:
    with state.changed:
        connection.requests.append((method, id))
    names = ("login",) if id is None else (f"{method} {id}", str(id), "any")
    return state.stop_at(*names)


def answer(
    state: State, method: str, id: int | None, headers: dict[str, str], body: bytes
) -> tuple[int, bytes]:
    with state.changed:
        if id is None:
            state.logins += 1
            token = f"token{state.logins}"
            state.tokens.add(token)
            return 200, json.dumps({"accessToken": token}).encode()
        shown = headers.get("authorization", "").removeprefix("Bearer ")
        if "x-api-key" not in headers and shown not in state.tokens:
            return 401, b"{}"
        if method == "PUT":
            if json.loads(body)["id"] != id:
                raise BrokenProtocolError("a record that belongs to another customer")
            if id % 2:
                return 400, b'{"title":"Refused","status":400}'
            state.records[id] = body
        return 200, state.record(id)


def accept(state: State, listener: socket.socket, tls: Any) -> None:
    while True:
        link, _ = listener.accept()
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection()
        with state.changed:
            state.connections.append(connection)
            now = sum(other.end is None for other in state.connections[-2000:])
            state.most_open = max(state.most_open, now)
            state.changed.notify_all()
        arguments = (state, connection, link, tls)
        threading.Thread(target=converse, args=arguments, daemon=True).start()


class Commands:
    """What the tests can ask; each waits at most half a minute, and is false then."""

    def __init__(self, state: State) -> None:
        self._state = state

    def delay(self, seconds: float) -> bool:
        """Take so long for each answer from now on."""
        self._state.delay = seconds
        return True

    def hold(self, key: str, where: str, times: int) -> bool:
        """Hold so many up: "login", "handshake", "any", a customer's "12" or "PUT 12"."""
        self._state.held[key] = (times, where)
        return True

    def release(self) -> bool:
        """Let all go on that are held up, and hold nobody up any more."""
        self._state.held.clear()
        self._state.holding.clear()
        self._state.changed.notify_all()
        return True

    def arrived(self, key: str, times: int) -> bool:
        """Wait until so many requests have arrived in all."""
        return self._wait(lambda: self._state.arrived[key] >= times)

    def holding(self, times: int) -> bool:
        """Wait until so many are held up."""
        return self._wait(lambda: len(self._state.holding) >= times)

    def open(self, most: int) -> bool:
        """Wait until no more than so many connections are open."""
        connections = self._state.connections
        return self._wait(lambda: sum(other.end is None for other in connections) <= most)

    def expire(self) -> bool:
        """Forget every token."""
        self._state.tokens.clear()
        return True

    def report(self) -> dict[str, Any]:
        """Tell what has happened."""
        state = self._state
        found = [asdict(connection) for connection in state.connections]
        return {"connections": found, "most_open": state.most_open, "logins": state.logins}

    def _wait(self, condition: Callable[[], bool]) -> bool:
        return self._state.changed.wait_for(condition, PATIENCE)


def main(certificate: str | None = None) -> None:
    state = State()
    commands = Commands(state)
    tls = None
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(Path(certificate))
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        threading.Thread(target=accept, args=(state, listener, tls), daemon=True).start()
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        for line in sys.stdin:
            name, *arguments = json.loads(line)
            with state.changed:
                told = getattr(commands, name)(*arguments)
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(*sys.argv[1:])
