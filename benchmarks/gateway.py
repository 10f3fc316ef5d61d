"""A gateway that costs next to nothing: it keeps what it is given and checks nothing.

It runs in a process of its own, so that only the client's work is measured, prints
its port, and ends when its standard input does: nothing is left behind.
"""

from __future__ import annotations

import asyncio
import sys
from typing import ClassVar, cast

ID = b"16772748432912191"
RECORD = (
    b'{"id":16772748432912191,"ownerId":16772748432900017,"userId":null,'
    b'"ownerName":"Example Outfitters Ltd","name":"Ada Example","email":"ada@example.com",'
    b'"address":"456 New Street, San Francisco, CA 94105, US","phone":"+12025550143",'
    b'"memberId":"M-1001","hasPaymentRequests":true,"totalDeposits":100.25,'
    b'"createDate":"2024-03-05T09:30:12.1234567Z"}'
)


class Conversation(asyncio.Protocol):
    """Answer the requests of one connection, one after the other."""

    _records: ClassVar[dict[bytes, bytes]] = {}  # by path

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start with nothing read."""
        self._transport = cast(asyncio.Transport, transport)
        self._unread = b""

    def data_received(self, data: bytes) -> None:
        """Answer once a request is whole."""
        self._unread += data
        head, found, rest = self._unread.partition(b"\r\n\r\n")
        length = _content_length(head)
        if found and len(rest) >= length:
            self._unread = rest[length:]
            method, path, _ = head.split(b" ", 2)
            self._answer(method, path, rest[:length])

    def _answer(self, method: bytes, path: bytes, body: bytes) -> None:
        if method == b"PUT":
            self._records[path] = body
            record = b""
        else:
            record = self._records.get(path) or RECORD.replace(ID, path.rpartition(b"/")[2])
        media_type = b"Content-Type: application/json; charset=utf-8\r\n" if record else b""
        head = b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n" % (media_type, len(record))
        self._transport.write(head + record)


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


async def main() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Conversation, "127.0.0.1")
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await asyncio.to_thread(sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(main())
