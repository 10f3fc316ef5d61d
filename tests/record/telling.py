"""Faults in what an answer means: statuses, bodies of a 200, refusals that quote the request."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from http import HTTPStatus

from record.faults import Fault, Link, Says, sends, told, whole

PROBLEM = "application/problem+json"
HTML = b"<!DOCTYPE html><html><head><title>Down</title></head><body>Back soon</body></html>"


def _says(status: int) -> Says:
    if status == 429:
        return "later"
    if 200 <= status < 300:
        return "done"
    return "refused" if 300 <= status < 500 else ""


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unheard Of"


def _problem(status: int) -> bytes:
    body = {"type": "about:blank", "title": _phrase(status), "status": status}
    return json.dumps(body).encode()


def _status(status: int, body: bytes | None = None, *lines: str) -> bytes:
    said = _problem(status) if body is None else body
    return whole(said, *lines, status=f"{status} {_phrase(status)}", media=PROBLEM)


def _record(link: Link) -> bytes:
    return link.record


NO_BODY = (204, 205, 304)
STATUSES = [
    *(
        Fault("statuses", f"{status}", sends(_status(status), "keep"), says=_says(status))
        for status in (
            *(202, 203, 207, 226, 299, 300, 302, 303, 305, 400, 401, 402, 403, 404, 405, 406, 407),
            *(408, 409, 410, 411, 412, 413, 414, 415, 417, 418, 421, 422, 423, 424, 425, 426, 428),
            *(429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 507, 508, 510, 511, 520, 522, 524),
            *(529, 599, 600, 777, 999),
        )
    ),
    *(
        Fault(
            "statuses",
            f"{status} with nothing after it",
            sends(_status(status, b"").replace(b"Content-Length: 0\r\n", b""), "keep"),
            says=_says(status),
        )
        for status in NO_BODY
    ),
    *(
        Fault("statuses", f"{status} with a body", sends(told(_record, status=f"{status} {_phrase(status)}", media=PROBLEM)), says=_says(status))
        for status in (201, 204, 206, 304)
    ),
    *(
        Fault(
            "statuses",
            f"{status} to {where}",
            sends(_status(status, None, f"Location: {where}"), "keep"),
            says=_says(status),
        )
        for status in (301, 302, 307, 308)
        for where in ("/elsewhere", "http://127.0.0.1:9/", "https://example.com/")
    ),
    *(
        Fault("statuses", f"{status}, Retry-After: {after}", sends(_status(status, None, f"Retry-After: {after}"), "keep"), says="later")
        for status in (429, 503)
        for after in ("0", "3600", "Wed, 21 Oct 2015 07:28:00 GMT")
    ),
    Fault("statuses", "503, Retry-After: soon", sends(_status(503, None, "Retry-After: soon"), "keep")),
    Fault("statuses", "401 with a challenge", sends(_status(401, None, "WWW-Authenticate: Basic"), "keep"), says="refused"),
    Fault("statuses", "412 with a tag", sends(_status(412, None, 'ETag: "7"'), "keep"), says="refused"),
]  # fmt: skip


def _page(status: int) -> bytes:
    return whole(HTML, status=f"{status} Page", media="text/html")


PAGES = [
    Fault("web pages", f"{status} with a web page", sends(_page(status), "keep"), says=_says(status) if status != 200 else "")
    for status in (200, 302, 400, 401, 403, 404, 413, 429, 500, 502, 503, 511)
]  # fmt: skip


def _with(**members: object) -> Callable[[Link], bytes]:
    return lambda link: json.dumps({**json.loads(link.record), **members}).encode()


def _without(name: str) -> Callable[[Link], bytes]:
    def make(link: Link) -> bytes:
        return json.dumps({k: v for k, v in json.loads(link.record).items() if k != name}).encode()

    return make


def _renamed(spell: Callable[[str], str]) -> Callable[[Link], bytes]:
    return lambda link: json.dumps(
        {spell(k): v for k, v in json.loads(link.record).items()}
    ).encode()


def _just(body: bytes) -> Callable[[Link], bytes]:
    return lambda _: body


def _deep(levels: int) -> Callable[[Link], bytes]:
    return lambda r: r.record[:-1] + b',"deep":' + b"[" * levels + b"]" * levels + b"}"


BODIES = [
    Fault("bodies of a 200", name, sends(told(make), "keep"), says="done")
    for name, make in {
        "nothing": _just(b""),
        "spaces": _just(b"   "),
        "null": _just(b"null"),
        "true": _just(b"true"),
        "a number": _just(b"7"),
        "a string": _just(b'"OK"'),
        "plain text": _just(b"OK"),
        "an empty array": _just(b"[]"),
        "an empty object": _just(b"{}"),
        "an array of the record": lambda r: b"[" + r.record + b"]",
        "the record under data": lambda r: b'{"data":' + r.record + b"}",
        "the record twice": lambda r: r.record * 2,
        "the record in a string": lambda r: json.dumps(r.record.decode()).encode(),
        "half of the record": lambda r: r.record[: len(r.record) // 2],
        "a comma too many": lambda r: r.record[:-1] + b",}",
        "a comment": lambda r: r.record + b" // ok",
        "single quotes": lambda r: r.record.replace(b'"', b"'"),
        "NaN in it": lambda r: r.record[:-1] + b',"x":NaN}',
        "1e999999999 in it": lambda r: r.record[:-1] + b',"x":1e999999999}',
        "10,000 digits in it": lambda r: r.record[:-1] + b',"x":' + b"9" * 10_000 + b"}",
        "half a surrogate in it": lambda r: r.record[:-1] + b',"x":"\\ud800"}',
        "NUL in it": lambda r: r.record[:-1] + b',"x":"\x00"}',
        "a byte that is no UTF-8": lambda r: r.record[:-1] + b',"x":"\xff"}',
        "UTF-16": lambda r: r.record.decode().encode("utf-16"),
        "a byte order mark": lambda r: b"\xef\xbb\xbf" + r.record,
        "99 levels": _deep(90),
        "200 levels": _deep(200),
        "100,000 levels": _deep(100_000),
        "2,000 members": lambda r: r.record[:-1] + b"," + b",".join(b'"k%x":0' % n for n in range(2_000)) + b"}",
        "a member twice": lambda r: r.record[:-1] + b',"phone":"+19999999999"}',
        "a member in two cases": lambda r: r.record[:-1] + b',"PHONE":"+19999999999"}',
        "__proto__": lambda r: r.record[:-1] + b',"__proto__":{}}',
        "an empty name": lambda r: r.record[:-1] + b',"":1}',
        "names in capitals": _renamed(str.upper),
        "names in Pascal case": _renamed(lambda name: name[0].upper() + name[1:]),
        "another id": _with(id=1),
        "the id as a string": _with(id="16772748432912191"),
        "the id as a float": _with(id=16772748432912192.0),
        "no id": _without("id"),
        "a null id": _with(id=None),
        "no name": _without("name"),
        "a null e-mail address": _with(email=None),
        "no phone": _without("phone"),
        "no colour": _without("colour"),
        "a phone that is a number": _with(phone=19995550100),
        "a phone of a third party": _with(phone="+493012345678"),
        "a phone spelt otherwise": _with(phone="+1 (999) 555-0100"),
        "an object as phone": _with(phone={"number": "+19995550100"}),
        "the record as it was": lambda r: r.old,
        "success: false": _just(b'{"success":false,"message":"no"}'),
        "errors": _just(b'{"errors":{"phone":["no"]}}'),
        "a problem document": _just(_problem(400)),
        "JSONP": lambda r: b"cb(" + r.record + b")",
        "two lines of JSON": lambda r: r.record + b"\n" + r.record,
        "XML": _just(b"<?xml version='1.0'?><ok/>"),
        "a web page": _just(HTML),
        "gzip without saying so": lambda r: gzip.compress(r.record),
        "the head of another answer": _just(b"HTTP/1.1 404 Not Found\r\n\r\n"),
    }.items()
] + [
    Fault("bodies of a 200", f"the record as {media or 'no media type'}", sends(told(_record, media=media), "keep"), says="done")
    for media in ("", "text/html", "text/plain; charset=utf-16", "image/png", "a/b/c;;", PROBLEM)
]  # fmt: skip


def _echoed(link: Link) -> bytes:
    """Put all that was sent into a string."""
    return json.dumps({"title": "No", "detail": link.request.decode("latin-1")}).encode()


def _in_a_header(link: Link) -> bytes:
    key = next(n for n in link.request.split(b"\r\n") if n.lower().startswith(b"x-api-key"))
    value = key.partition(b":")[2].strip().decode("latin-1")
    return whole(b"{}", f"X-Request-Id: {value}", f"X-Echo: {value}", status=f"400 {value}")


def _bare(link: Link) -> bytes:
    return link.request.replace(b"\r\n", b"\n")


ECHOES = [
    *(
        Fault(
            "what was sent comes back",
            f"in a {status}",
            sends(told(_echoed, status=f"{status} Echo", media=PROBLEM)),
            says=_says(status),
        )
        for status in (200, 400, 401, 404, 422, 500, 503)
    ),
    *(
        Fault(
            "what was sent comes back",
            f"as text of a {status}",
            sends(told(_bare, status=f"{status} Echo", media="text/plain")),
            says=_says(status),
        )
        for status in (200, 400, 500)
    ),
    Fault("what was sent comes back", "the key in headers and reason of a 400", sends(_in_a_header), says="refused"),
    Fault("what was sent comes back", "as the answer itself", sends(lambda r: r.request)),
    Fault("what was sent comes back", "the record in a 409", sends(lambda r: whole(r.old, status="409 Conflict")), says="refused"),
    Fault("what was sent comes back", "the record as a status line", sends(lambda r: b"HTTP/1.1 " + r.old + b"\r\n\r\n")),
    Fault("what was sent comes back", "the record as a header name", sends(lambda r: b"HTTP/1.1 200 OK\r\n" + r.old + b"\r\n\r\n")),
    Fault("what was sent comes back", "the record as a chunk size", sends(lambda r: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + r.old + b"\r\n")),
]  # fmt: skip

CACHED = [
    Fault("caches", name, sends(told(lambda r: r.old, *line), "keep"), says="old")
    for name, line in {
        "an old copy that says so": ["Age: 3600", "X-Cache: HIT", 'Warning: 110 - "stale"'],
        "an old copy": [],
        "an old copy with a tag": ['ETag: "1"'],
    }.items()
]
