"""A gateway that costs next to nothing: it keeps what it is given and checks nothing.

It runs in a process of its own, so that only the client's work is measured, prints
its port, and ends when its standard input does: nothing is left behind.  Whoever is
asked for and was never written is there already.  ``GET /tally`` says what the gateway
itself cost, and how long after its read each write came, since it was last asked.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

FIRST_PHONE = "+12025550143"
RECORD = (
    b'{"id":%b,"ownerId":16772748432900017,"userId":null,'
    b'"ownerName":"Example Outfitters Ltd","name":"Ada Example","email":"ada@example.com",'
    b'"address":"456 New Street, San Francisco, CA 94105, US","phone":"+12025550143",'
    b'"memberId":"M-1001","hasPaymentRequests":true,"totalDeposits":100.25,'
    b'"createDate":"2024-03-05T09:30:12.1234567Z"}'
)
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
FULL = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
    b"Content-Length: %d\r\n\r\n%b"
)


class Book:
    """What was written, and when it was read before."""

    def __init__(self) -> None:
        self._records: dict[bytes, bytes] = {}  # by path
        self._read_at: dict[bytes, float] = {}
        self._lags: list[float] = []  # seconds from a read to its write
        self._cpu = time.process_time()

    def answer(self, method: bytes, path: bytes, body: bytes) -> bytes:
        """Return the whole answer to one request."""
        if method == b"PUT":
            self._records[path] = body
            if (read_at := self._read_at.pop(path, None)) is not None:
                self._lags.append(time.perf_counter() - read_at)
            return EMPTY
        if path == b"/tally":
            record = self._tally()
        else:
            self._read_at[path] = time.perf_counter()
            record = self._records.get(path) or RECORD % path.rpartition(b"/")[2]
        return FULL % (len(record), record)

    def _tally(self) -> bytes:
        cpu = time.process_time()
        told = json.dumps({"cpu": cpu - self._cpu, "lags": self._lags}).encode()
        self._cpu, self._lags = cpu, []
        return told


class Conversation(asyncio.Protocol):
    """Answer the requests of one connection, one after the other."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers are written to."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Answer each request that is whole."""
        self._unread += data
        while (end := self._unread.find(b"\r\n\r\n")) >= 0:
            head = self._unread[:end]
            whole = end + 4 + _content_length(head)
            if len(self._unread) < whole:
                return
            body, self._unread = self._unread[end + 4 : whole], self._unread[whole:]
            method, path, _ = head.split(b" ", 2)
            self._transport.write(self._book.answer(method, path, body))


def _content_length(head: bytes) -> int:
    if head.startswith(b"GET"):
        return 0
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


@contextmanager
def gateway() -> Iterator[str]:
    """Start the gateway and give its base URL."""
    with subprocess.Popen(
        [sys.executable, Path(__file__)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        # Leaving `Popen` closes its standard input, which ends it.
        port = cast(IO[str], process.stdout).readline().strip()
        if not port:
            sys.exit("the gateway of the benchmark does not start; its own words are above")
        yield f"http://127.0.0.1:{port}"


async def main() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    book = Book()
    server = await loop.create_server(lambda: Conversation(book), "127.0.0.1", backlog=2_000)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await asyncio.to_thread(sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(main())
