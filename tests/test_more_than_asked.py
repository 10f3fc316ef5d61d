"""What comes after an answer is never taken for the answer to the next request."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import trustme
from faces import Connect
from proxying import Gateway, trust
from scripted import ID, RECORD, RawServer, framed

import caibo

NOBODY_ASKED = {
    "that nothing went wrong": framed(b"", 204),
    "the same again": framed(RECORD),
    "a request that took too long": b"HTTP/1.1 408 Late\r\nConnection: close\r\n\r\n",
    "half of a head": b"HTTP/1.1 200 OK\r\nContent-",
    "the end of a line": b"\r\n",
}
AFTER = RECORD.replace(b"null", b'"+12025550143"')
CORK = getattr(socket, "TCP_CORK", getattr(socket, "TCP_NOPUSH", None))


@pytest.mark.parametrize("more", NOBODY_ASKED.values(), ids=NOBODY_ASKED)
def test_what_came_with_an_answer(connect: Connect, more: bytes) -> None:
    """Httpcore has read it by then, and gives it out without having sent the next request."""

    def too_much(peer: socket.socket) -> None:
        peer.sendall(framed(RECORD) + more)
        peer.recv(1)  # until the client hangs up

    gateway = RawServer(too_much, framed(AFTER))
    with gateway.serve() as options:
        update = connect(**options).update(ID, phone="+12025550143")

    assert [head[:3] for head in gateway.requests] == [b"GET", b"PUT"]
    assert (update.outcome, update.customer.phone) == ("accepted", "+12025550143")


def test_a_refusal_is_not_hidden_by_it(connect: Connect) -> None:
    """An answer too many would say that the write was accepted."""

    def too_much(peer: socket.socket) -> None:
        peer.sendall(framed(RECORD) + framed(b"", 204))
        peer.recv(1)

    gateway = RawServer(too_much, framed(b"", 403))
    with gateway.serve() as options, pytest.raises(caibo.PermissionDeniedError):
        connect(**options).update(ID, phone="+12025550143")


@pytest.mark.skipif(CORK is None, reason="two records cannot be put into one packet")
@pytest.mark.parametrize("more", NOBODY_ASKED.values(), ids=NOBODY_ASKED)
def test_what_came_with_an_answer_in_a_record_of_tls(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, more: bytes
) -> None:
    """It lies between the socket and httpcore, where neither looks."""
    authority = trustme.CA()

    def too_much(peer: socket.socket) -> None:
        assert CORK is not None
        peer.setsockopt(socket.IPPROTO_TCP, CORK, 1)
        peer.sendall(framed(RECORD))
        peer.sendall(more)
        peer.setsockopt(socket.IPPROTO_TCP, CORK, 0)
        peer.recv(1)

    gateway = Gateway(authority.issue_cert("127.0.0.1"), too_much, framed(AFTER))
    trust(monkeypatch, tmp_path, authority)
    with gateway.serve() as options:
        update = connect(**options).update(ID, phone="+12025550143")

    assert [head[:3] for head in gateway.requests] == [b"GET", b"PUT"]
    assert update.outcome == "accepted"
