"""The gateway behind a real socket: HTTP/1.1 with keep-alive."""

from __future__ import annotations

import ipaddress
import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from itertools import count
from typing import Any

from caibo.testing._messages import Headers, Request, Response, phrase
from caibo.testing._service import Service

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@contextmanager
def serve(gateway: Service, host: str, port: int) -> Generator[tuple[str, int], None, None]:
    """Serve a gateway until the context is left; give the address that it got."""
    listener = _Listener(gateway, host, port)
    loop = threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True)
    loop.start()
    try:
        yield listener.host, listener.server_address[1]
    finally:
        listener.stop()
        loop.join()
    for error in listener.errors:
        raise error


def loopback(host: str) -> str:
    """Return the loopback address that a host names.

    Raises:
        ValueError: any other host; test credentials are no protection on a network.
    """
    with suppress(ValueError):
        if ipaddress.ip_address("127.0.0.1" if host == "localhost" else host).is_loopback:
            return "127.0.0.1" if host == "localhost" else host
    raise ValueError(f"the fake gateway listens on a loopback address only, not on {host}")


class _Listener(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = sys.platform != "win32"  # there it would share a port in use
    request_queue_size = 128

    def __init__(self, gateway: Service, host: str, port: int) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.gateway = gateway
        self.host = host
        self.errors: list[BaseException] = []
        self.closing = threading.Event()
        self.connection_numbers = count(1)
        self._open: dict[threading.Thread, Any] = {}
        super().__init__((host, port), _Connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        arguments = (request, client_address)
        thread = threading.Thread(target=self._converse, args=arguments, daemon=True)
        self._open[thread] = request
        thread.start()

    def _converse(self, request: Any, client_address: Any) -> None:
        self.process_request_thread(request, client_address)
        self._open.pop(threading.current_thread(), None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        # A client may hang up whenever it likes.
        if error is not None and not isinstance(error, OSError):
            self.errors.append(error)

    def stop(self) -> None:
        """End every delay, connection and thread."""
        self.closing.set()
        self.shutdown()
        conversations = dict(self._open)
        for connection in conversations.values():
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in conversations:
            thread.join()
        self.server_close()


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener  # pyright: ignore[reportIncompatibleVariableOverride]

    def setup(self) -> None:
        super().setup()
        self.number = next(self.server.connection_numbers)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""

    def _exchange(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or "Transfer-Encoding" in self.headers:
            return self._send(Response(411, {"Connection": "close"}))
        gateway = self.server.gateway
        headers = Headers(self.headers.items())
        request = Request(self.command, self.path, headers, connection=self.number)
        fault = gateway.take_fault(request.method, request.customer_id)
        share = 1.0 if fault is None else fault.body_read
        body = self._read_body(int(int(length) * share), gateway.body_limit + 1)
        if body is None:
            self.close_connection = True
            return None
        return self._deliver(gateway.answer(replace(request, body=body), fault))

    def __getattr__(self, name: str) -> Any:
        # The base class looks for a `do_…` of the request's method, and answers 501 without one.
        return self._exchange if name.startswith("do_") else object.__getattribute__(self, name)

    def _read_body(self, length: int, at_most: int) -> bytes | None:
        """Read a body and keep its beginning; None if the client went away."""
        body = b""
        left = length
        while left > 0:
            chunk = self.rfile.read(min(left, 65536))
            if not chunk:
                return None
            left -= len(chunk)
            body += chunk[: at_most - len(body)]
        return body

    def _deliver(self, reply: Response) -> None:
        if self.server.closing.wait(reply.delay) or reply.lost is not None:
            self.close_connection = True
            if reply.lost == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                self.connection.close()
        else:
            self._send(reply)

    def _send(self, reply: Response) -> None:
        names = set(map(str.lower, reply.headers))
        if "content-length" in names:
            # Whoever set it may have lied, and the next reply would start in the wrong place.
            reply = reply.with_default("Connection", "close")
        self.close_connection |= not names.isdisjoint({"content-length", "connection"})
        if reply.status != 204:
            reply = reply.with_default("Content-Length", str(len(reply.body)))
        lines = [f"HTTP/1.1 {reply.status} {phrase(reply.status)}", "Server: caibo.testing"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        head = "".join(f"{line}\r\n" for line in [*lines, ""])
        self.wfile.write(head.encode("latin-1") + reply.body)
