"""Faults below the meaning of an answer: connections, bytes, HTTP's framing, encodings, TLS."""

from __future__ import annotations

import gzip
import time
import zlib

from record.faults import Fault, Link, Make, chunk, does, head, honest, sends, told, whole

TE = "Transfer-Encoding: chunked"


def _half(link: Link) -> bytes:
    """All of the head, and the first half of the body."""
    answer = honest(link)
    return answer[: len(answer) - len(link.record) // 2]


def _quarter(link: Link) -> bytes:
    return honest(link)[:25]


def _chunked(link: Link) -> bytes:
    middle = len(link.record) // 2
    return head(TE) + chunk(link.record[:middle]) + chunk(link.record[middle:])


def _lengths(*values: str) -> bytes:
    return head(*(f"Content-Length: {value}" for value in values))


def _of_lengths(values: list[str]) -> Make:
    return lambda link: _lengths(*values) + link.record


def _led_by(line: bytes) -> Make:
    """Put another status line in the place of the right one."""
    return lambda link: line + honest(link)[len(b"HTTP/1.1 200 OK") :]


def _slow(link: Link) -> None:
    """Take a while, but less than the client has."""
    time.sleep(0.2)


ENDS = "the connection ends"
CONNECTION = [
    Fault(ENDS, "FIN where it was accepted", does(Link.finish), "accept"),
    Fault(ENDS, "RST where it was accepted", does(Link.reset), "accept"),
    Fault(ENDS, "FIN after the head", does(Link.finish), "head"),
    Fault(ENDS, "RST after the head", does(Link.reset), "head"),
    Fault(ENDS, "FIN after the request", does(Link.finish)),
    Fault(ENDS, "RST after the request", does(Link.reset)),
    Fault(ENDS, "FIN a while after the request", does(_slow, Link.finish)),
    Fault(ENDS, "FIN within the head", sends(_quarter)),
    Fault(ENDS, "RST within the head", sends(_quarter, "reset")),
    Fault(ENDS, "FIN after the head of the answer", sends(lambda r: honest(r)[: -len(r.record)])),
    Fault(ENDS, "FIN within the body", sends(_half)),
    Fault(ENDS, "RST within the body", sends(_half, "reset")),
    Fault(ENDS, "FIN before the last byte", sends(lambda r: honest(r)[:-1])),
    Fault(ENDS, "RST after the whole answer", sends(honest, "reset"), says="done"),
    Fault(ENDS, "FIN after an answer that keeps it", sends(honest), says="done"),
    Fault(
        ENDS, "an answer before the request is read", sends(b"HTTP/1.1 408 Late\r\n\r\n"), "accept"
    ),
]
SILENT = "silence, drips and floods"
SILENCE = [
    Fault(SILENT, "silence where it was accepted", does(Link.hold), "accept"),
    Fault(SILENT, "silence after the head", does(Link.hold), "head"),
    Fault(SILENT, "silence after the request", does(Link.hold)),
    Fault(SILENT, "silence within the head", sends(_quarter, "hold")),
    Fault(SILENT, "silence within the body", sends(_half, "hold")),
    Fault(SILENT, "silence before the last byte", sends(lambda r: honest(r)[:-1], "hold")),
    Fault(
        SILENT,
        "silence after a body without length",
        sends(lambda r: head("Connection: close") + r.record, "hold"),
    ),
    Fault(SILENT, "a slow answer", does(_slow, sends(honest)), says="done"),
    Fault(
        SILENT, "a status line that drips", does(lambda r: r.drip(b"HTTP/1.1 200 " + b"O" * 999))
    ),
    Fault(
        SILENT,
        "a header that drips",
        does(sends(b"HTTP/1.1 200 OK\r\nX: ", "keep"), _drip := (lambda r: r.drip(b"x"))),
    ),
    Fault(SILENT, "a body that drips", does(sends(head("Content-Length: 9999"), "keep"), _drip)),
    Fault(
        SILENT, "chunks that drip", does(sends(head(TE), "keep"), lambda r: r.drip(b"1\r\n \r\n"))
    ),
    Fault(SILENT, "100 Continue that drips", does(lambda r: r.drip(head(status="100 Continue")))),
    Fault(SILENT, "100 Continue without end", does(lambda r: r.flood(head(status="100 Go") * 99))),
    Fault(
        SILENT,
        "headers without end",
        does(sends(b"HTTP/1.1 200 OK\r\n", "keep"), lambda r: r.flood(b"X: y\r\n" * 999)),
    ),
    Fault(
        SILENT,
        "one header without end",
        does(sends(b"HTTP/1.1 200 OK\r\nX: ", "keep"), lambda r: r.flood(b"x" * 9999)),
    ),
    Fault(
        SILENT,
        "a body without end",
        does(sends(head("Connection: close"), "keep"), lambda r: r.flood(b" " * 9999)),
    ),
    Fault(
        SILENT,
        "chunks without end",
        does(sends(head(TE), "keep"), lambda r: r.flood(chunk(b" ") * 999)),
    ),
    Fault(
        SILENT,
        "trailers without end",
        does(sends(head(TE) + b"0\r\n", "keep"), lambda r: r.flood(b"X: y\r\n" * 99)),
    ),
]
NO_HTTP = "not HTTP"
STRANGERS = [
    Fault(NO_HTTP, name, sends(said, then))
    for then in ("close", "hold")
    for name, said in {
        f"{what}, then {'FIN' if then == 'close' else 'silence'}": said
        for what, said in {
            "an SSH banner": b"SSH-2.0-OpenSSH_9.6\r\n",
            "an SMTP greeting": b"220 mail.example.com ESMTP\r\n",
            "a TLS alert": b"\x15\x03\x01\x00\x02\x02\x46",
            "an HTTP/2 preface": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00" * 18,
            "zeros": b"\x00" * 64,
            "HTTP/0.9": b"<html>hello</html>\n",
            "an empty line": b"\r\n\r\n",
        }.items()
    }.items()
]
STATUS_LINES = [
    Fault("status lines", name, sends(_led_by(line)), says=says)
    for name, line, says in (
        ("HTTP/1.0", b"HTTP/1.0 200 OK", "done"),
        ("no reason", b"HTTP/1.1 200", "done"),
        ("an empty reason", b"HTTP/1.1 200 ", "done"),
        ("a reason beyond ASCII", b"HTTP/1.1 200 \xc3\x96K\xff", "done"),
        ("HTTP/2", b"HTTP/2 200 OK", ""),
        ("HTTP/1.2", b"HTTP/1.2 200 OK", "done"),
        ("lower case", b"http/1.1 200 OK", ""),
        ("two spaces", b"HTTP/1.1  200 OK", ""),
        ("two digits", b"HTTP/1.1 20 OK", ""),
        ("four digits", b"HTTP/1.1 2000 OK", ""),
        ("letters", b"HTTP/1.1 abc OK", ""),
        ("a status of 000", b"HTTP/1.1 000 None", ""),
        ("a negative status", b"HTTP/1.1 -200 OK", ""),
        ("NUL in the reason", b"HTTP/1.1 200 O\x00K", ""),
        ("ICY", b"ICY 200 OK", ""),
        ("a space before", b" HTTP/1.1 200 OK", ""),
        ("64 KiB of reason", b"HTTP/1.1 200 " + b"O" * 65536, "done"),
    )
]
HEADER_LINES = [
    Fault("headers", name, sends(told(lambda r: r.record, line)), says=says)
    for name, line, says in (
        ("a header without colon", "no colon here", ""),
        ("a header without name", ": value", ""),
        ("a space before the colon", "X-A : b", ""),
        ("a folded header", "X-A: b\r\n c", "done"),
        ("a name beyond ASCII", "X-\xe9: b", ""),
        ("a value beyond ASCII", "X-A: \xe9\xff", "done"),
        ("NUL in a value", "X-A: b\x00c", ""),
        ("CR in a value", "X-A: b\rc", ""),
        ("a tab in a value", "X-A: b\tc", "done"),
        ("ESC in a value", "X-A: \x1b[31m", "done"),
        ("an empty value", "X-A:", "done"),
        ("60 KiB of header", "X-A: " + "b" * 60_000, "done"),
        ("200 KiB of header", "X-A: " + "b" * 200_000, ""),
        ("90 headers", "\r\n".join(f"X-{n}: b" for n in range(90)), "done"),
        ("20,000 headers", "\r\n".join(f"X-{n}: b" for n in range(20_000)), ""),
        ("a cookie", "Set-Cookie: session=1; Secure", "done"),
        ("Connection: close", "Connection: close", "done"),
        ("Connection: keep-alive, and FIN", "Connection: keep-alive", "done"),
        ("Upgrade", "Connection: upgrade\r\nUpgrade: h2c", "done"),
        ("Location", "Location: https://elsewhere.example/", "done"),
        ("Retry-After beside 200", "Retry-After: 3600", "done"),
        ("a Date that is none", "Date: yesterday", "done"),
        ("an ETag that is none", "ETag: \x22", "done"),
        ("a weak ETag", 'ETag: W/"1"', "done"),
        ("HSTS", "Strict-Transport-Security: max-age=1", "done"),
        ("two request ids", "X-Request-Id: a\r\nX-Request-Id: b", "done"),
        ("Age", "Age: 60", "done"),
    )
]
LENGTH = "lengths and chunks"
LENGTHS = [
    Fault(LENGTH, f"Content-Length: {name}", sends(_of_lengths(values)))
    for name, values in {
        "-1": ["-1"],
        "+5": ["+5"],
        "0x20": ["0x20"],
        "five": ["five"],
        "nothing": [""],
        "5, 6": ["5, 6"],
        "5 and 6": ["5", "6"],
        "1e3": ["1e3"],
        "10 to the 30th": ["1" + "0" * 30],
        "4,000 digits": ["9" * 4000],
        "2 to the 31st": [str(2**31)],
        "1.0": ["1.0"],
        "²": ["\xb2"],
    }.items()
] + [
    Fault(LENGTH, name, sends(make, then), says=says)
    for name, make, then, says in (
        ("none, to the end", lambda r: head() + r.record, "close", "done"),
        ("none, to a reset", lambda r: head() + r.record, "reset", ""),
        ("0, and a body", lambda r: _lengths("0") + r.record, "close", "done"),
        ("the same twice", lambda r: _lengths(*[str(len(r.record))] * 2) + r.record, "close", "done"),
        ("one too small", lambda r: _lengths(str(len(r.record) - 1)) + r.record, "close", "done"),
        ("one too large", lambda r: _lengths(str(len(r.record) + 1)) + r.record, "close", ""),
        ("one too large, kept", lambda r: _lengths(str(len(r.record) + 1)) + r.record, "hold", ""),
        ("chunks", lambda r: _chunked(r) + b"0\r\n\r\n", "close", "done"),
        ("chunks with trailers", lambda r: _chunked(r) + b"0\r\nX: y\r\n\r\n", "close", "done"),
        ("chunks with extensions", lambda r: head(TE) + b"%x;a=b\r\n%b\r\n0\r\n\r\n" % (len(r.record), r.record), "close", "done"),
        ("chunks and a length", lambda r: head(TE, "Content-Length: 3") + chunk(r.record) + b"0\r\n\r\n", "close", "done"),
        ("chunks without the last one", _chunked, "close", ""),
        ("chunks cut in the last one", lambda r: _chunked(r) + b"0\r\n", "close", ""),
        ("chunks cut in a size", lambda r: _chunked(r) + b"1", "close", ""),
        ("a chunk without its end", lambda r: head(TE) + b"%x\r\n%b0\r\n\r\n" % (len(r.record), r.record), "close", ""),
        ("a chunk of -1", head(TE) + b"-1\r\nx\r\n0\r\n\r\n", "close", ""),
        ("a chunk of xyz", head(TE) + b"xyz\r\nx\r\n0\r\n\r\n", "close", ""),
        ("a chunk of 2 to the 80th", head(TE) + b"F" * 20 + b"\r\nx", "close", ""),
        ("a chunk size of 64 KiB", head(TE) + b"0" * 65536 + b"1\r\nx\r\n0\r\n\r\n", "close", ""),
        ("a chunk extension of 64 KiB", head(TE) + b"1;" + b"a" * 65536, "close", ""),
        ("chunks with LF only", lambda r: head(TE) + b"%x\n%b\n0\n\n" % (len(r.record), r.record), "close", ""),
        ("lines with LF only", lambda r: honest(r).replace(b"\r\n", b"\n"), "close", "done"),
        ("Transfer-Encoding: gzip, chunked", lambda r: head("Transfer-Encoding: gzip, chunked") + chunk(gzip.compress(r.record)) + b"0\r\n\r\n", "close", ""),
        ("Transfer-Encoding: identity", lambda r: head("Transfer-Encoding: identity") + r.record, "close", ""),
        ("Transfer-Encoding: chunked twice", lambda r: head(TE, TE) + chunk(r.record) + b"0\r\n\r\n", "close", ""),
        ("Transfer-Encoding of nobody", lambda r: head("Transfer-Encoding: xyz") + r.record, "close", ""),
        ("an answer twice", lambda r: honest(r) * 2, "keep", "done"),
        ("a line before the next answer", lambda r: honest(r) + b"\r\n", "keep", "done"),
        ("another record after it", lambda r: honest(r) + whole(b'{"id":1,"name":"X","email":"x@example.com"}'), "keep", "done"),
    )
]  # fmt: skip
INTERIM = [
    Fault("interim answers", name, sends(make, then), says=says)
    for name, make, then, says in (
        ("100 before it", lambda r: head(status="100 Continue") + honest(r), "close", "done"),
        ("103 before it", lambda r: head("Link: </a>", status="103 Early Hints") + honest(r), "close", "done"),
        ("199 before it", lambda r: head(status="199 What") + honest(r), "close", "done"),
        ("100 only", head(status="100 Continue"), "close", ""),
        ("102, and silence", head(status="102 Processing"), "hold", ""),
        ("101", head("Upgrade: h2c", "Connection: upgrade", status="101 Switching"), "hold", ""),
        ("101, and the answer", lambda r: head("Upgrade: x", "Connection: upgrade", status="101 Switching") + honest(r), "close", ""),
    )
]  # fmt: skip


def _packed(body: bytes, encoding: str) -> bytes:
    return whole(body, f"Content-Encoding: {encoding}")


def _bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


ENCODINGS = [
    Fault("encodings", name, sends(make), says=says)
    for name, make, says in (
        ("gzip", lambda r: _packed(gzip.compress(r.record), "gzip"), "done"),
        ("x-gzip", lambda r: _packed(gzip.compress(r.record), "x-gzip"), "done"),
        ("deflate", lambda r: _packed(zlib.compress(r.record), "deflate"), "done"),
        ("deflate without a head", lambda r: _packed(_bare(r.record), "deflate"), "done"),
        ("identity", lambda r: _packed(r.record, "identity"), "done"),
        ("gzip that is none", lambda r: _packed(r.record, "gzip"), ""),
        ("gzip cut off", lambda r: _packed(gzip.compress(r.record)[:-9], "gzip"), ""),
        ("gzip with a wrong sum", lambda r: _packed(gzip.compress(r.record)[:-8] + b"12345678", "gzip"), ""),
        ("gzip with more after it", lambda r: _packed(gzip.compress(r.record) + b"more", "gzip"), ""),
        ("gzip twice", lambda r: _packed(gzip.compress(gzip.compress(r.record)), "gzip, gzip"), ""),
        ("gzip of 64 MiB", lambda r: _packed(gzip.compress(b" " * 2**26, 1), "gzip"), ""),
        ("br that is none", lambda r: _packed(r.record, "br"), ""),
        ("zstd that is none", lambda r: _packed(r.record, "zstd"), ""),
        ("an encoding of nobody", lambda r: _packed(r.record, "rot13"), ""),
        ("2 MiB of spaces", lambda r: whole(b" " * 2**21 + r.record), ""),
    )
]  # fmt: skip


def _hello(link: Link) -> None:
    """Read what the client begins TLS with."""
    link.peer.recv(65536)


def _as(name: str) -> Fault:
    return Fault(
        "TLS", f"a certificate: {name}", does(lambda r: r.secure(name), Link.finish),
        "handshake", tls=True,
    )  # fmt: skip


TLS = [
    _as("expired"),
    _as("of another host"),
    _as("of nobody known"),
    _as("not valid yet"),
    *(
        Fault("TLS", name, act, "handshake", tls=True)
        for name, act in (
            ("TLS 1.1 only", does(lambda r: r.secure("TLS 1.1 only"), Link.finish)),
            ("it wants a certificate", does(lambda r: r.secure("it wants a certificate"), Link.hold)),
            ("silence", does(_hello, Link.hold)),
            ("FIN after the client's hello", does(_hello, Link.finish)),
            ("RST after the client's hello", does(_hello, Link.reset)),
            ("an alert", does(_hello, sends(b"\x15\x03\x03\x00\x02\x02\x28"))),
            ("an alert about the name", does(_hello, sends(b"\x15\x03\x03\x00\x02\x02\x70"))),
            ("garbage", does(_hello, sends(bytes(range(256))))),
            ("plain HTTP", does(_hello, sends(b"HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n"))),
            ("half a record", does(_hello, sends(b"\x16\x03\x03\x40\x00\x02", "hold"))),
            ("a record that drips", does(_hello, lambda r: r.drip(b"\x16\x03\x03\x40\x00" + b"\x02" * 99))),
        )
    ),
    Fault("TLS", "no goodbye after a body without length", does(sends(lambda r: head() + r.record, "keep"), lambda r: r.peer.shutdown(2)), says="done", tls=True),
    Fault("TLS", "no goodbye within a body", does(sends(_half, "keep"), lambda r: r.peer.shutdown(2)), tls=True),
]  # fmt: skip
