"""Every status with every body becomes one of our errors, on a read or on a write."""

from __future__ import annotations

import copy
import gzip
import json
import pickle
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from faces import Connect, Face
from hypothesis import example, given
from hypothesis import strategies as st
from scripted import ID, KEY, PERSON, RECORD, RawServer, Script, answer, framed

import caibo
from caibo.testing import FakeCaibo, FakeServer

CLASSES = {
    400: caibo.BadRequestError,
    401: caibo.AuthenticationError,
    403: caibo.PermissionDeniedError,
    404: caibo.NotFoundError,
    422: caibo.BadRequestError,
    429: caibo.RateLimitedError,
}
STATUSES = [
    *(300, 301, 302, 303, 304, 307, 308, 399, 400, 401, 402, 403, 404, 405, 406, 408, 409, 410),
    *(411, 412, 413, 415, 418, 422, 423, 425, 428, 429, 431, 451, 499, 500, 501, 502, 503, 504),
    *(505, 520, 522, 599, 600, 999),
]
PROBLEM = {
    "type": "https://tools.ietf.org/html/rfc7231#section-6.5.1",
    "title": "One or more validation errors occurred.",
    "status": 400,
    "detail": "Not so.",
    "instance": "/customers/1",
    "traceId": "00-abc-def-00",
    "errors": {"Email": ["Bad."], "$.memberId": ["Too long.", "Odd."], "$": ["Worse."]},
}
JSON = {"Content-Type": "application/json"}
BODIES: dict[str, tuple[dict[str, str], bytes]] = {
    "empty": ({}, b""),
    "html": ({"Content-Type": "text/html"}, b"<html><body>Bad gateway</body></html>"),
    "json": (JSON, json.dumps(PROBLEM).encode()),
    "problem+json": ({"Content-Type": "application/problem+json"}, json.dumps(PROBLEM).encode()),
    "all null": (JSON, b'{"type":null,"title":null,"status":null,"detail":null,"errors":null}'),
    "odd types": (JSON, b'{"title":7,"detail":[],"errors":[1],"traceId":{},"message":false}'),
    "odd errors": (JSON, b'{"errors":{"":null,"A.b":"text","C":[1,null,{}],"D":{"x":[]}}}'),
    "array": (JSON, b"[1,2]"),
    "string": (JSON, b'"no"'),
    "invalid": (JSON, b'{"title": "x"'),
    "deep": (JSON, b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"),
    "less deep": (JSON, b'{"a":' + b"[" * 450 + b"]" * 450 + b"}"),
    "wrong charset": ({"Content-Type": "application/json; charset=no-such"}, b'{"title":"x"}'),
    "utf-16": ({"Content-Type": "application/json"}, '{"title":"x"}'.encode("utf-16")),
    "latin-1": (JSON, '{"title":"é"}'.encode("latin-1")),
    "gzip garbage": ({"Content-Encoding": "gzip"}, b"\x1f\x8b no gzip"),
    "unknown encoding": ({"Content-Encoding": "no-such"}, b"{}"),
    "truncated": ({"Content-Length": "5000"}, b'{"title":"x"}'),
    "too short a length": ({"Content-Length": "3"}, b'{"title":"x"}'),
    "large": ({}, b" " * (2 * 1024 * 1024)),
    "bomb": ({"Content-Encoding": "gzip"}, gzip.compress(bytes(200 * 1024 * 1024), 1)),
}


def get(client: Face) -> Any:
    return client.get(ID)


def put(client: Face) -> Any:
    return client.replace(ID, PERSON)


def verb(act: object) -> str:
    return str(getattr(act, "__name__", act))


both_verbs = pytest.mark.parametrize("act", [get, put], ids=verb)


def raised_by(act: Callable[[Face], Any], client: Face) -> caibo.APIError:
    with pytest.raises(caibo.CaiboError) as caught:
        act(client)
    error: BaseException | None = caught.value
    if isinstance(error, caibo.UnknownOutcomeError):  # a write that the gateway failed on
        error = error.__cause__
    assert isinstance(error, caibo.APIError)
    return error


class TestEveryStatus:
    @pytest.mark.long
    @both_verbs
    @pytest.mark.parametrize("body", BODIES)
    def test_with_every_body(
        self, connect: Connect, fake: FakeCaibo, act: Callable[[Face], Any], body: str
    ) -> None:
        """The status alone decides the class; the body adds words where it can."""
        headers, content = BODIES[body]
        client = connect(max_retries=0)
        # Every other status: the other verb has the rest.
        for status in STATUSES[act is put :: 2]:
            fake.fail_next(status, headers=headers, body=content)

            error = raised_by(act, client)

            expected = CLASSES.get(status, caibo.ServerError if status >= 500 else None)
            assert type(error) is (expected or caibo.APIError)
            assert error.status == status
            assert f"/customers/{ID} → {status}" in str(error)
            assert error.request_id == fake_request_id(fake, verb(act).upper())
            assert str(pickle.loads(pickle.dumps(error))) == str(error)

    @both_verbs
    @pytest.mark.parametrize("body", BODIES)
    def test_over_a_socket(
        self,
        connect: Connect,
        fake: FakeCaibo,
        server: FakeServer,
        act: Callable[[Face], Any],
        body: str,
    ) -> None:
        """Bytes that lie about themselves, as they really arrive."""
        headers, content = BODIES[body]
        client = connect(base_url=server.base_url, transport=None, max_retries=0)
        for status in (400, 503, 999):
            fake.fail_next(status, headers=headers, body=content)

            error = raised_by(act, client)

            assert error.status == status

    @pytest.mark.parametrize("body", ["json", "problem+json"])
    def test_a_problem_is_told(self, connect: Connect, fake: FakeCaibo, body: str) -> None:
        """Under either media type, fields by this package's names."""
        headers, content = BODIES[body]
        fake.fail_next(400, headers={**headers, "X-Request-Id": "req-7"}, body=content)

        error = raised_by(get, connect())

        assert error.field_errors == {
            "email": ("Bad.",),
            "member_id": ("Too long.", "Odd."),
            "document": ("Worse.",),
        }
        assert error.problem["detail"] == "Not so."
        assert str(error) == (
            f"GET /customers/{ID} → 400 Bad Request: One or more validation errors occurred: "
            "Not so.\n"
            "  email: Bad.\n"
            "  member_id: Too long. Odd.\n"
            "  document: Worse.\n"
            "  Nothing was changed; correct the fields and send them again.\n"
            "  request id: req-7"
        )

    def test_without_a_header_the_trace_is_the_request_id(self, connect: Connect) -> None:
        """ASP.NET puts it into the body."""
        script = Script(answer(400, json.dumps(PROBLEM).encode()))

        error = raised_by(get, connect(**script.options))

        assert error.request_id == "00-abc-def-00"

    def test_a_body_that_is_no_problem_is_described(self, connect: Connect) -> None:
        """Its kind and size, not its words."""
        html = httpx.Response(502, headers={"Content-Type": "text/html; charset=x"}, content=b"<p>")

        error = raised_by(get, connect(max_retries=0, **Script(html).options))

        assert "502 Bad Gateway (text/html, 3 bytes)" in str(error)
        assert error.problem == {}

    @pytest.mark.parametrize("status", [404, 405, 501])
    def test_a_read_that_is_not_there_tells_both_possibilities(
        self, connect: Connect, status: int
    ) -> None:
        """The vendor documents no GET, so the deployment may have none."""
        script = Script(answer(status))

        error = raised_by(get, connect(max_retries=0, **script.options))

        assert "no such customer" in error.hint
        assert "no GET /customers/{id}" in error.hint
        assert "current=" in error.hint

    @pytest.mark.parametrize("status", [404, 405])
    def test_a_write_that_is_not_there_changed_nothing(self, connect: Connect, status: int) -> None:
        """The other possibility is a wrong `base_url`."""
        error = raised_by(put, connect(**Script(answer(status)).options))

        assert "`base_url`; nothing was changed" in error.hint


def fake_request_id(fake: FakeCaibo, method: str) -> str:
    return f"fake-{[r.number for r in fake.requests if r.method == method][-1]:06}"


class TestSuccess:
    @pytest.mark.parametrize("status", [200, 201, 202, 204, 206, 299])
    @pytest.mark.parametrize("body", [b"", b"null", b"{}", b"[]", b"OK", b"\xff"])
    def test_a_write_takes_any_body_that_denies_nothing(
        self, connect: Connect, status: int, body: bytes
    ) -> None:
        """The contract declares none for 200."""
        update = connect(**Script(answer(status, body)).options).replace(ID, PERSON)

        assert update.outcome == "accepted"
        assert update.customer.email == "ada@example.com"

    @pytest.mark.parametrize("status", [200, 201, 202, 204, 206])
    @pytest.mark.parametrize("body", [b"", b"null", b"[]", b"<html>", b"\xff", b'{"id":1}'])
    def test_a_read_takes_only_the_record(self, connect: Connect, status: int, body: bytes) -> None:
        """Everything else cannot be written back."""
        reply = httpx.Response(status, content=body, headers={"Request-Id": "req-8"})

        with pytest.raises(caibo.MalformedResponseError, match=f"GET /customers/{ID}") as caught:
            connect(**Script(reply).options).get(ID)

        assert caught.value.request_id == "req-8"

    def test_a_packed_answer_is_unpacked(
        self, connect: Connect, fake: FakeCaibo, server: FakeServer
    ) -> None:
        """Though we ask for none: a proxy may do so; on a socket."""
        fake.fail_next(200, headers={"Content-Encoding": "gzip"}, body=gzip.compress(RECORD))

        customer = connect(base_url=server.base_url, transport=None).get(ID)

        assert customer.id == ID

    @pytest.mark.parametrize("body", ["large", "bomb", "gzip garbage"])
    def test_a_record_that_cannot_be_read(
        self, connect: Connect, fake: FakeCaibo, server: FakeServer, body: str
    ) -> None:
        """Bounded, also where a small body unpacks to a large one."""
        headers, content = BODIES[body]
        fake.fail_next(200, headers=headers, body=content)

        with pytest.raises(caibo.MalformedResponseError, match=f"GET /customers/{ID}"):
            connect(base_url=server.base_url, transport=None, max_retries=0).get(ID)

    @pytest.mark.parametrize("how", ["truncated", "wrong-length", "gzip"])
    def test_a_spoilt_record_is_never_written_back(
        self, connect: Connect, fake: FakeCaibo, server: FakeServer, how: Any
    ) -> None:
        """Half a record would clear the other half."""
        id = fake.add_customer()
        fake.garble_next(how, method="GET")

        client = connect(base_url=server.base_url, transport=None, max_retries=0)

        with pytest.raises((caibo.TransportError, caibo.MalformedResponseError)):
            client.update(id, phone="+12025550100")

        assert [request.method for request in fake.requests] == ["GET"]


LOCATIONS = {
    b"https://other.example/customers/1?token=x": " to https://other.example/customers/1;",
    b"https://user:pass@other.example/": " to https://other.example/;",
    b"//other.example:8443/": " to https://other.example:8443/;",
    b"http://gateway.test/customers/1": " to http://gateway.test/customers/1;",
    b"/login;token=x": " to https://gateway.test/login;",
    b"": "redirects;",
    b"\xff\xfe": " to https://gateway.test/customers/",
    b"https://xn--a-\xff/": "redirects;",
    b"https://xn--zzzzzz99999999/": "redirects;",
    b"https://" + b"a" * 70000: "redirects;",
    b"http://[": "redirects",
    b"https://\x1b[31mred/": "redirects",
}


class TestRedirects:
    @both_verbs
    @pytest.mark.parametrize("location", LOCATIONS, ids=lambda location: repr(location[:30]))
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_none_is_followed(
        self, connect: Connect, act: Callable[[Face], Any], status: int, location: bytes
    ) -> None:
        """The hint names the other host, whatever is wrong with the address."""
        moved = httpx.Response(status, headers=[(b"Location", location)])
        script = Script(moved)

        error = raised_by(act, connect(**script.options))

        assert type(error) is caibo.APIError
        assert LOCATIONS[location] in error.hint
        assert "credentials do not follow" in error.hint
        assert not {"token", "user", "pass"} & set(re.findall(r"\w+", error.hint))
        assert "\x1b" not in str(error)
        assert len(script.requests) == 1

    def test_no_credential_reaches_the_other_host(
        self, connect: Connect, fake: FakeCaibo, server: FakeServer
    ) -> None:
        """On two sockets: nothing arrives at the second."""
        elsewhere = RawServer(framed(RECORD))
        with elsewhere.serve() as link:
            headers = {"Location": f"{link['base_url']}/customers/{ID}"}
            fake.fail_next(307, headers=headers, times=2)
            client = connect(base_url=server.base_url, transport=None)

            raised_by(put, client)
            error = raised_by(get, client)

        assert "redirects to http://127.0.0.1" in error.hint
        assert elsewhere.requests == []


DANGEROUS = "\x1b[31m\x07red\r\nX: y\x00\x9b\u2028\u202e\u2066" + "long " * 400


class TestWordsOfTheServer:
    @both_verbs
    def test_they_stay_on_one_line_of_bounded_length(
        self, connect: Connect, act: Callable[[Face], Any]
    ) -> None:
        """No terminal escape, line break or bidirectional override passes."""
        body = {
            "title": DANGEROUS,
            "detail": DANGEROUS,
            "errors": {DANGEROUS: [DANGEROUS]},
            "traceId": DANGEROUS,
        }
        script = Script(answer(418, json.dumps(body).encode()))

        error = raised_by(act, connect(**script.options))

        assert not set(str(error)) & set("\x1b\x07\r\x00\x9b\u2028\u202e\u2066")
        assert len(str(error)) < 2500
        assert "red" in str(error)

    def test_a_header_is_no_other(self, connect: Connect) -> None:
        """Request ids and media types are the server's words too."""
        reply = httpx.Response(
            418,
            headers=[
                (b"X-Request-Id", b"\x1b[31m" + b"x" * 5000),
                (b"Content-Type", b"\x1b[31m" + b"y" * 5000),
            ],
            content=b"?",
        )

        error = raised_by(get, connect(**Script(reply).options))

        assert "\x1b" not in str(error)
        assert len(str(error)) < 1000

    def test_ten_thousand_field_errors_are_cut(self, connect: Connect) -> None:
        """A message is for reading."""
        body = {"errors": {f"F{n}": ["no"] * 10 for n in range(1500)}}
        script = Script(answer(400, json.dumps(body).encode()))

        error = raised_by(get, connect(**script.options))

        assert len(str(error)) < 10_000
        assert f"and {len(error.field_errors) - 8} more in `field_errors`" in str(error)

    @pytest.mark.parametrize("letter", ["a", "@", "a@", " ", "caibo_test_sk_", "a.", "‹"])
    def test_a_megabyte_of_one_letter_is_masked_at_once(
        self, connect: Connect, letter: str
    ) -> None:
        """A pattern that looks back and forth would take hours."""
        title = letter * (900_000 // len(letter.encode()))
        body = json.dumps({"title": title, "odd": title[:100_000]}, ensure_ascii=False).encode()

        error = raised_by(get, connect(**Script(answer(418, body)).options))

        assert error.status == 418

    def test_an_error_can_be_copied(self, connect: Connect) -> None:
        """As `concurrent.futures` and some loggers do."""
        script = Script(answer(400, json.dumps(PROBLEM).encode()))
        error = raised_by(get, connect(**script.options))

        copied = copy.deepcopy(error)

        assert str(copied) == str(error)
        assert copied.field_errors == error.field_errors


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
problems = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("title", "detail", "message", "status", "errors", "traceId", "id", "email"), json_values
    ),
).map(lambda members: json.dumps(members).encode())
header_names = st.sampled_from(
    [b"Location", b"Retry-After", b"X-Request-Id", b"Content-Type", b"Content-Encoding", b"ETag"]
)
header_values = st.binary(max_size=40) | st.sampled_from(
    [b"gzip", b"deflate", b"br", b"identity, gzip", b"application/json; charset=utf-7", b"999999"]
)


class TestAnything:
    @given(
        status=st.integers(100, 999),
        headers=st.lists(st.tuples(header_names, header_values), max_size=4),
        body=st.binary(max_size=200) | problems | json_values.map(lambda v: json.dumps(v).encode()),
        write=st.booleans(),
    )
    @example(status=307, headers=[(b"Location", b"https://xn--\xff")], body=b"", write=True)
    @example(
        status=429,
        headers=[(b"Retry-After", b"Mon, 1 Jan 1 00:00:00 +9999")],
        body=b"",
        write=False,
    )
    def test_only_our_errors_leave(
        self, status: int, headers: list[tuple[bytes, bytes]], body: bytes, write: bool
    ) -> None:
        """Whatever the gateway answers."""

        def reply(_: httpx.Request) -> httpx.Response:
            return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))

        with caibo.Caibo(api_key=KEY, max_retries=0, **Script(reply).options) as client:
            error = None
            try:
                put(Face(client, None)) if write else get(Face(client, None))
            except caibo.CaiboError as raised:
                error = raised

        if error is not None:
            assert all(line.isprintable() for line in str(error).splitlines())
            assert str(pickle.loads(pickle.dumps(error))) == str(error)
        cause = error.__cause__ if isinstance(error, caibo.UnknownOutcomeError) else error
        assert isinstance(cause, caibo.APIError) == (not 200 <= status < 300)

    @given(reply=st.binary(max_size=120) | st.binary(max_size=80).map(lambda b: b"HTTP/1.1 " + b))
    @example(reply=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
    @example(reply=b"HTTP/1.1 99 X\r\n\r\n")
    @example(reply=b"HTTP/1.1 600 X\r\nContent-Length: -1\r\n\r\n")
    @example(reply=b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nab")
    @example(reply=b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")
    @example(reply=b"HTTP/1.1 200 OK\r\n" + b"A: " + b"b" * 200_000 + b"\r\n\r\n")
    @example(reply=b"")
    def test_only_our_errors_leave_a_socket(self, gateway: RawServer, reply: bytes) -> None:
        """Also where it is no HTTP at all."""
        gateway.replies[:] = [reply]

        with (
            caibo.Caibo(api_key=KEY, max_retries=0, base_url=gateway.base_url) as client,
            pytest.raises(caibo.CaiboError),
        ):
            client.customers.get(ID)


@pytest.fixture(scope="module")
def gateway() -> Iterator[RawServer]:
    gateway = RawServer(b"")
    with gateway.serve():
        yield gateway
