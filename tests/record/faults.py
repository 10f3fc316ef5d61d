"""What a gateway, or anything on the way to it, may do to one request.

A fault is played by `liar.py` instead of an honest answer, byte by byte.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

#: Seconds that the gateway waits for the client to give up, before it hangs up itself.
PATIENCE = 5.0
#: Between two bytes of a drip.
GAP = 0.02

Stage = Literal["accept", "handshake", "head", "answer"]
#: What becomes of the connection: "keep", "close", "reset" or "hold".
Then = str
#: What a fault makes the gateway say, true or not; nothing where it says nothing clear.
#: "done": a whole 2xx.  "refused": a whole 3xx or 4xx.  "later": 429, or 503 with
#: Retry-After.  "old": the record as it was before.
Says = str


@dataclass
class Link:
    """One connection, and the request on it.

    Attributes:
        peer: the socket, TLS or not.
        over: is set when the case is over.
        request: as it came, head and body.
        record: what an honest answer would hold.
        old: the record before the write.
        contexts: of TLS, by name; empty where there is none.
    """

    peer: socket.socket
    over: threading.Event
    contexts: dict[str, ssl.SSLContext]
    request: bytes = b""
    record: bytes = b""
    old: bytes = b""

    def send(self, data: bytes) -> None:
        self.peer.sendall(data)

    def secure(self, name: str) -> None:
        """Speak TLS from here on."""
        self.peer = self.contexts[name].wrap_socket(
            self.peer, server_side=True, suppress_ragged_eofs=True
        )

    def reset(self) -> None:
        """Send RST, as a firewall does, or a process that dies with unread data."""
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.peer.close()

    def finish(self) -> None:
        """Send FIN, with TLS's own goodbye before it."""
        if isinstance(self.peer, ssl.SSLSocket):
            self.peer.settimeout(0.2)
            with suppress(OSError, ValueError):
                self.peer.unwrap()
        with suppress(OSError):
            self.peer.shutdown(socket.SHUT_WR)

    def hold(self, seconds: float = PATIENCE) -> None:
        """Say nothing until the client hangs up, or for so long."""
        self.peer.settimeout(seconds)
        with suppress(OSError):
            while self.peer.recv(65536):
                pass

    def drip(self, data: bytes) -> None:
        """Send byte by byte, again and again, until the client hangs up or for so long."""
        for number in range(int(PATIENCE / GAP)):
            if self.over.wait(GAP):
                return
            self.send(data[number % len(data) :][:1])

    def flood(self, data: bytes) -> None:
        """Send as fast as it goes, until the client hangs up or for so long."""
        timer = threading.Timer(PATIENCE, self.over.set)
        timer.start()
        with suppress(OSError):
            while not self.over.is_set():
                self.send(data)
        timer.cancel()


Act = Callable[[Link], bool]
#: Makes the bytes of an answer.
Make = Callable[[Link], bytes]


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        kind: the line of the summary that it counts for.
        name: tells it from all others.
        act: plays it; returns whether the connection can be used again.
        stage: how far the gateway lets the client come before that.
        says: see `Says`.
        tls: whether it is one of TLS, or of plain TCP as well.
    """

    kind: str
    name: str
    act: Act
    stage: Stage = "answer"
    says: Says = ""
    tls: bool = False


def does(*acts: Callable[[Link], object]) -> Act:
    """Do some things and be done with the connection."""

    def act(link: Link) -> bool:
        for one in acts:
            one(link)
        return False

    return act


def sends(make: Make | bytes, then: Then = "close") -> Act:
    """Send bytes and leave the connection in some way."""

    def act(link: Link) -> bool:
        link.send(make if isinstance(make, bytes) else make(link))
        if then == "hold":
            link.hold()
        elif then == "reset":
            link.reset()
        elif then == "close":
            link.finish()
        return then == "keep"

    return act


def head(*lines: str, status: str = "200 OK") -> bytes:
    """Make the head of an answer."""
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1")


def whole(
    body: bytes, *lines: str, status: str = "200 OK", media: str = "application/json"
) -> bytes:
    """Make an answer with its length."""
    named = [f"Content-Type: {media}"] * bool(media)
    return head(*named, f"Content-Length: {len(body)}", *lines, status=status) + body


def honest(link: Link, *lines: str) -> bytes:
    return whole(link.record, *lines)


def told(body: Make, *lines: str, status: str = "200 OK", media: str = "application/json") -> Make:
    """Make an answer of what a request is answered with."""
    return lambda link: whole(body(link), *lines, status=status, media=media)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
