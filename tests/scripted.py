"""Gateways that answer from a list: in memory, and byte by byte on a socket."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx

KEY = "caibo_test_sk_0123456789"
ID = 16772748432912191
RECORD = b'{"id":16772748432912191,"name":"Ada Example","email":"ada@example.com","phone":null}'
#: One customer's data before and after an update, no value of which may show anywhere.
BEFORE = {"name": "Ada Lovelace", "email": "ada@example.com", "phone": "+12025550143"}
AFTER = {"name": "Grace Hopper", "email": "grace@example.org", "phone": "+12025550199"}
PERSON = {"name": "Ada Example", "email": "ada@example.com", "phone": "+12025550143"}

Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class Script:
    """Answer requests from a list, in memory, and the last answer again and again.

    Attributes:
        requests: what arrived.
        options: for a client that reaches this.
    """

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.options: dict[str, Any] = {
            "base_url": "https://gateway.test",
            "transport": httpx.MockTransport(self._answer),
        }

    def _answer(self, request: httpx.Request) -> httpx.Response:
        answer = self.answers[min(len(self.requests), len(self.answers) - 1)]
        self.requests.append(request)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):  # a fresh one, as each is read once
            raw = answer.headers.raw
            return httpx.Response(answer.status_code, headers=raw, stream=answer.stream)
        return answer(request)


def answer(status: int, body: bytes = b"", **headers: str) -> httpx.Response:
    """Make an answer; `Retry_After="1"` is a header."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, headers=named, content=body)


def framed(body: bytes, status: int = 200, *headers: bytes) -> bytes:
    """Put a body into an HTTP/1.1 answer."""
    head = [b"HTTP/1.1 %d X" % status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join([*head, b"", body])


class RawServer:
    """Send bytes of a test's choosing on the loopback interface, one reply a connection.

    Attributes:
        requests: the heads of the requests that arrived.
        closing: set when the test is over, for whoever drips.
        base_url: where it listens.
        tls: makes it speak TLS.
    """

    base_url: str
    tls: ssl.SSLContext | None = None

    def __init__(self, *replies: bytes | Callable[[socket.socket], object]) -> None:
        self.replies = list(replies)
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.requests: list[bytes] = []
        self.closing = threading.Event()

    @contextmanager
    def serve(self) -> Iterator[dict[str, Any]]:
        """Serve until the context is left; give the options for a client."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._start(self._accept, listener)
            try:
                scheme = "http" if self.tls is None else "https"
                self.base_url = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
                yield {"base_url": self.base_url, "transport": None}
            finally:
                self.closing.set()
                for open_socket in [listener, *self._connections]:
                    with suppress(OSError):
                        open_socket.shutdown(socket.SHUT_RDWR)
                for thread in self._threads:
                    thread.join()

    def _start(self, target: Callable[[socket.socket], None], of: socket.socket) -> None:
        self._threads.append(threading.Thread(target=target, args=(of,)))
        self._threads[-1].start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while not self.closing.is_set():
                self._connections.append(listener.accept()[0])
                self._start(self._converse, self._connections[-1])

    def _converse(self, connection: socket.socket) -> None:
        with suppress(OSError), self._secured(connection) as peer:
            head = read_request(peer)
            if head is not None:
                reply = self.replies[min(len(self.requests), len(self.replies) - 1)]
                self.requests.append(head)
                if isinstance(reply, bytes):
                    peer.sendall(reply)
                else:
                    reply(peer)
                with suppress(OSError):
                    peer.shutdown(socket.SHUT_WR)

    def _secured(self, connection: socket.socket) -> socket.socket:
        if self.tls is None:
            return connection
        secured = self.tls.wrap_socket(connection, server_side=True)
        self._connections.append(secured)
        return secured


def read_request(connection: socket.socket) -> bytes | None:
    """Read one whole request; return its head, nothing if the client hung up."""
    with connection.makefile("rb") as stream:
        head = b""
        length = 0
        while line := stream.readline().strip():
            head += line + b"\n"
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        whole = len(stream.read(length)) == length
        return head if head and whole else None


def put(client: httpx.Client, id: int, /, **members: object) -> httpx.Response:
    """Write a customer with plain httpx."""
    return client.put(f"customers/{id}", json={"name": "N", "email": "n@example.com", **members})
