"""Proxies that are real, on the loopback interface, and as bad as a test wants them."""

from __future__ import annotations

import base64
import pickle
import select
import socket
import ssl
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import trustme
from scripted import RawServer, read_request

#: What would choose a proxy or an authority, whoever runs the tests.
ENVIRONMENT = (
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"),
)
#: A packet of a proxy that sends its reply in pieces comes so many seconds after the last.
GAP = 0.05

Talk = Callable[[socket.socket], object]


class Gateway(RawServer):
    """Speak TLS with a certificate of a test's choosing.

    Attributes:
        connections: how many were made, whatever became of them.
    """

    def __init__(self, certificate: trustme.LeafCert, *replies: bytes | Talk) -> None:
        super().__init__(*replies)
        self.tls = speaking(certificate)

    @property
    def connections(self) -> int:
        return len([c for c in self._connections if not isinstance(c, ssl.SSLSocket)])


def speaking(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """Give a server its certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


class Proxy(RawServer):
    """Carry connections to one gateway, whatever host is asked for.

    Attributes:
        requests: the head of each CONNECT, or the host and port asked for by SOCKS.
        logins: the users and passwords that arrived by SOCKS.
    """

    def __init__(self, gateway: RawServer | None = None, *, login: str = "") -> None:
        super().__init__()
        self.gateway = gateway
        self.login = login.encode()
        self.logins: list[bytes] = []

    @property
    def address(self) -> str:
        """Where it listens: host and port."""
        return self.base_url.partition("://")[2]

    def url(self, scheme: str, login: str = "") -> str:
        """Write it as a variable of the environment does."""
        return f"{scheme}://{login}{'@' * bool(login)}{self.address}"

    def _carry(self, client: socket.socket) -> None:
        if self.gateway is None:
            return
        host, _, port = self.gateway.base_url.partition("://")[2].rpartition(":")
        with socket.create_connection((host, int(port))) as gateway:
            self._connections.append(gateway)
            other = {client: gateway, gateway: client}
            while True:
                for ready in select.select(list(other), [], [])[0]:
                    data = ready.recv(65536)
                    while isinstance(ready, ssl.SSLSocket) and ready.pending():
                        data += ready.recv(65536)
                    if not data:
                        return
                    other[ready].sendall(data)


class HTTPProxy(Proxy):
    """Tunnel what CONNECT asks for, or give one reply to everything.

    Attributes:
        reply: bytes, or what is done with the connection, instead of a tunnel.
    """

    def __init__(
        self,
        gateway: RawServer | None = None,
        *,
        login: str = "",
        reply: bytes | Talk | None = None,
    ) -> None:
        super().__init__(gateway, login=login)
        self.reply = reply

    def _converse(self, connection: socket.socket) -> None:
        with suppress(OSError), self._secured(connection) as client:
            head = read_request(client)
            if head is None or not head.startswith(b"CONNECT "):
                return
            self.requests.append(head)
            known = b"Basic " + base64.b64encode(self.login)
            if callable(self.reply):
                self.reply(client)
            elif self.reply is not None:
                client.sendall(self.reply)
            elif self.login and known not in head:
                client.sendall(refusal(407))
            else:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                self._carry(client)


class Blunt(Proxy):
    """Say the same to whatever comes first, and hang up.

    Attributes:
        reply: what it says.
    """

    def __init__(self, reply: bytes) -> None:
        super().__init__()
        self.reply = reply

    def _converse(self, connection: socket.socket) -> None:
        with suppress(OSError), connection as client:
            self.requests.append(client.recv(65536))
            client.sendall(self.reply)


def refusal(status: int, reason: str = "Said By The Proxy") -> bytes:
    """Refuse a CONNECT."""
    return f"HTTP/1.1 {status} {reason}\r\nContent-Length: 0\r\n\r\n".encode()


class SOCKSProxy(Proxy):
    """Tunnel by SOCKS 5 (RFC 1928, RFC 1929).

    Attributes:
        code: how it replies to the request for a connection; 0 grants it.
        pieces: whether that reply comes in two packets.
        method: which way to log in it chooses, instead of the right one.
    """

    def __init__(
        self,
        gateway: RawServer | None = None,
        *,
        login: str = "",
        code: int = 0,
        pieces: bool = False,
        method: int | None = None,
    ) -> None:
        super().__init__(gateway, login=login)
        self.code = code
        self.pieces = pieces
        self.method = method

    def _converse(self, connection: socket.socket) -> None:
        with suppress(OSError, EOFError), connection as client:
            if self._greeted(client) and self._admitted(client):
                _, _, _, kind = take(client, 4)
                length = {1: 4, 4: 16}.get(kind) or take(client, 1)[0]
                host, port = take(client, length), int.from_bytes(take(client, 2))
                self.requests.append(b"%b:%d" % (host, port))
                reply = bytes([5, self.code, 0, 1, 0, 0, 0, 0, 0, 0])
                if self.pieces:
                    client.sendall(reply[:4])
                    select.select([client], [], [], GAP)
                    reply = reply[4:]
                client.sendall(reply)
                if self.code == 0:
                    self._carry(client)

    def _greeted(self, client: socket.socket) -> bool:
        version, count = take(client, 2)
        if version != 5:
            return False
        methods = take(client, count)
        method = (2 if self.login else 0) if self.method is None else self.method
        client.sendall(bytes([5, method if method in methods else 255]))
        return method in methods

    def _admitted(self, client: socket.socket) -> bool:
        if not self.login:
            return True
        user = take(client, take(client, 2)[1])
        password = take(client, take(client, 1)[0])
        self.logins.append(user + b":" + password)
        admitted = self.logins[-1] == self.login
        client.sendall(bytes([1, not admitted]))
        return admitted


def take(client: socket.socket, length: int) -> bytes:
    """Receive exactly so many bytes."""
    data = b""
    while len(data) < length:
        more = client.recv(length - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def silent(client: socket.socket) -> None:
    """Say nothing until the client hangs up."""
    client.recv(1)


def hang_up(client: socket.socket) -> None:
    """End the connection without a word."""


def drip(client: socket.socket) -> None:
    """Send a header that never ends, one byte at a time, until the client hangs up."""
    client.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not select.select([client], [], [], GAP)[0]:
        client.sendall(b"x")


def everything(error: BaseException, caplog: pytest.LogCaptureFixture) -> str:
    """Return all that is shown of an error: texts, traceback, pickle and log."""
    told = "".join(traceback.format_exception(error))
    return f"{error}{error!r}{told}{pickle.dumps(error)!r}{caplog.text}"


def trust(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *authorities: trustme.CA, name: str = "ca.pem"
) -> Path:
    """Trust nobody else."""
    path = folder / name
    path.write_bytes(b"".join(authority.cert_pem.bytes() for authority in authorities))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    return path
