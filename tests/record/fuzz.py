"""Arbitrary answers and arbitrary values: ``nox -s fuzz -- [EXAMPLES]``.

`update` refuses before the wire, or sends exactly the merged record; whatever comes back, it
raises errors of ours only, and shows nobody's data.
"""

from __future__ import annotations

import decimal
import enum
import json
import logging
import os
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from json_text import Member, members, records
from record.callers import texts
from record.vectors import ENCODED, INVALID, LEFT_TO_THE_READER, VALID
from scripted import ID, KEY, RawServer, framed

import caibo

BUDGET = int(os.environ.get("FUZZ_EXAMPLES", "300"))
fuzzed = settings(
    max_examples=BUDGET,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
fewer = settings(fuzzed, max_examples=max(10, BUDGET // 10))
PHONE = "+12025550143"
CANARY = "Prussian-blue-canary"
RECORD = f'{{"id":{ID},"name":"{CANARY}","email":"ada@example.com","phone":null,"x":1.50}}'.encode()


@pytest.fixture(autouse=True)
def no_pauses(pauses: list[float]) -> None:
    """Pause for no time, and log nothing."""
    logging.getLogger("caibo").setLevel(logging.CRITICAL)


class Gateway:
    """Answer reads and writes with what a test gives, one after the other, the last again."""

    def __init__(self, *answers: httpx.Response | Callable[[], httpx.Response]) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        found = self.answers[min(len(self.requests), len(self.answers) - 1)]
        self.requests.append(request)
        made = found() if callable(found) else found
        return httpx.Response(made.status_code, headers=made.headers.raw, stream=made.stream)

    def client(self, **options: Any) -> caibo.Caibo:
        transport = httpx.MockTransport(self.answer)
        return caibo.Caibo(
            api_key=KEY, base_url="https://gateway.test", transport=transport, **options
        )

    @property
    def written(self) -> list[bytes]:
        return [request.content for request in self.requests if request.method == "PUT"]


def read(body: bytes) -> httpx.Response:
    return httpx.Response(200, content=body)


def merged(before: bytes, body: bytes, *changed: str) -> bool:
    """Tell whether a write has every other member of a record as it was, in its place."""
    was, now = others(before, changed), others(body, changed)
    return was == now


def others(record: bytes, changed: tuple[str, ...]) -> list[Member]:
    names = {name.lower() for name in changed}
    return [member for member in members(record) if member.decoded_name.lower() not in names]


# What a gateway may answer

tokens = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=':"(),/;<=>?@[]{}\\'),
    min_size=1,
    max_size=12,
)
known = st.sampled_from(
    [
        *("content-type", "content-encoding", "etag", "retry-after", "date", "location", "age"),
        *("warning", "x-cache", "x-request-id", "www-authenticate", "cache-control", "via"),
    ]
)
likely = st.sampled_from(
    [
        *("application/json", "text/html; charset=x", "gzip", "deflate", '"1"', 'W/"1"', "0", "30"),
        *(
            "Wed, 21 Oct 2099 07:28:00 GMT",
            "http://[",
            "//x\\y",
            "HIT",
            '110 - "x"',
            "no-store",
            "",
        ),
        *("9" * 40, "-1", "1e999", "NaN", "multipart/form-data; boundary=", "\xff\xfe"),
    ]
)
values = likely | st.text(
    st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=20
)
headers = st.lists(
    st.tuples(known | tokens, values).map(
        lambda pair: (pair[0].encode(), pair[1].encode("latin-1"))
    ),
    max_size=5,
)


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """Cut, double or replace a piece of a record."""
    record = draw(st.just(RECORD) | records())
    start = draw(st.integers(0, len(record)))
    end = draw(st.integers(start, min(len(record), start + 20)))
    return (
        record[:start] + draw(st.binary(max_size=8) | st.just(record[start:end] * 2)) + record[end:]
    )


bodies = (
    st.binary(max_size=200)
    | records()
    | spoilt()
    | st.sampled_from([*(text.encode() for text in VALID + INVALID), *ENCODED])
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    ).map(lambda value: json.dumps(value).encode())
)
answers = st.builds(
    lambda status, headers, body: httpx.Response(
        status, headers=headers, stream=httpx.ByteStream(body)
    ),
    st.integers(200, 599) | st.sampled_from([200, 200, 204, 206, 304, 412, 429, 503, 600, 999]),
    headers,
    bodies,
)


def check(call: Callable[[], object], *, known: bool = True) -> None:
    """Make a call; what it raises is ours and shows nothing of a record that was read."""
    error: caibo.CaiboError | None = None
    try:
        call()
    except caibo.CaiboError as raised:
        error = raised
    if error is not None:
        shown = texts(error)
        assert KEY not in shown
        assert CANARY not in shown or not known
        assert str(pickle.loads(pickle.dumps(error))) == str(error)
        assert len(str(error)) < 20_000


class TestAnswers:
    @fuzzed
    @given(found=st.lists(answers, min_size=1, max_size=4), confirm=st.booleans())
    def test_to_anything(self, found: list[httpx.Response], confirm: bool) -> None:
        """The read, the write and the read after it; a write is made of a read that was whole."""
        gateway = Gateway(*found)
        client = gateway.client(max_retries=1, confirm=confirm)

        check(lambda: client.customers.update(ID, phone=PHONE), known=False)

        assert len(gateway.written) <= 2
        for body in gateway.written:
            phones = [m.decoded for m in members(body) if m.decoded_name.lower() == "phone"]
            assert phones == [PHONE]

    @fuzzed
    @given(found=st.lists(answers, min_size=1, max_size=3), confirm=st.booleans())
    def test_to_a_write(self, found: list[httpx.Response], confirm: bool) -> None:
        """Each write has the whole record as it was read."""
        gateway = Gateway(read(RECORD), *found)
        client = gateway.client(max_retries=0, confirm=confirm)

        check(lambda: client.customers.update(ID, phone=PHONE))

        assert len(gateway.written) == 1
        assert merged(RECORD, gateway.written[0], "phone")

    @fewer
    @given(reply=st.binary(max_size=300) | bodies.map(framed) | st.builds(
        lambda body, at, more: framed(body)[:at] + more + framed(body)[at:],
        bodies, st.integers(0, 60), st.binary(max_size=6),
    ))  # fmt: skip
    def test_of_raw_bytes(self, reply: bytes) -> None:
        """On a socket, to a read and to a write."""
        gateway = RawServer(reply, framed(RECORD), reply)
        with gateway.serve() as options, caibo.Caibo(
            api_key=KEY, max_retries=1, deadline=2, **options
        ) as client:  # fmt: skip
            check(lambda: client.customers.update(ID, phone=PHONE), known=False)
            check(lambda: client.customers.get(ID), known=False)


# What a caller may give


class Colour(enum.Enum):
    RED = "red"
    MANY = ("a", 1)


class Odd:
    """Whatever is asked of it, it raises."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")

    def __hash__(self) -> int:
        return 7

    def __index__(self) -> int:
        raise RuntimeError("index")

    def __str__(self) -> str:
        raise RuntimeError("str")

    def __repr__(self) -> str:
        return "Odd()"  # or hypothesis could not show what it found

    __bool__ = __len__ = __iter__ = __str__


class Mute(Odd):
    """It cannot even be shown."""

    __repr__ = Odd.__str__


class Text(str):
    __slots__ = ()


class Number(int):
    pass


def endless() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


def counting() -> Iterator[int]:
    yield from range(3)


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text()
    | st.binary(max_size=8)
    | st.characters(categories=["Cs"])
    | st.complex_numbers()
    | st.dates()
    | st.datetimes()
    | st.timedeltas()
    | st.uuids()
    | st.fractions()
    | st.text(max_size=5).map(Text)
    | st.integers().map(Number)
    | st.sampled_from([*Colour, Colour, Odd, int, json, ..., NotImplemented])
    | st.builds(lambda: 10**5000)
    | st.builds(Odd)
    | st.builds(Mute)
    | st.builds(endless)
    | st.builds(counting)
    | st.builds(object)
)
objects = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=4) | st.integers() | st.none(), inner, max_size=4)
    ),
    max_leaves=6,
)
FIELDS = ["name", "email", "address", "phone", "member_id"]


class TestValues:
    """A value is refused before any request, or goes out as JSON that says the same."""

    @fuzzed
    @given(name=st.sampled_from(FIELDS), value=objects, validate=st.booleans())
    def test_of_a_field(self, name: str, value: Any, validate: bool) -> None:
        """With and without the contract's limits."""
        gateway = Gateway(read(RECORD), httpx.Response(204))
        client = gateway.client(validate=validate)

        refused(lambda: client.customers.update(ID, **{name: value}), gateway)

        for body in gateway.written:
            assert merged(RECORD, body, name, "memberId")

    @fuzzed
    @given(
        extra=st.dictionaries(st.text() | st.integers() | st.none(), objects, max_size=4) | objects
    )
    def test_of_extra(self, extra: Any) -> None:
        """Names and values alike."""
        gateway = Gateway(read(RECORD), httpx.Response(204))

        refused(lambda: gateway.client().customers.update(ID, extra=extra), gateway)

        for body in gateway.written:
            assert merged(RECORD, body, *map(str, extra))

    @fuzzed
    @given(id=objects, expect=objects, current=objects)
    def test_of_all_the_rest(self, id: Any, expect: Any, current: Any) -> None:
        """An id, what is expected, and a record that is handed over."""
        gateway = Gateway(read(RECORD), httpx.Response(204))
        client = gateway.client()

        refused(lambda: client.customers.update(ID, expect=expect, phone=PHONE), gateway)
        for call in (
            lambda: client.customers.get(id),
            lambda: client.customers.update(ID, current=current, phone=PHONE),
            lambda: client.customers.replace(ID, current),
            lambda: client.customers.apply(current),
            lambda: client.with_options(timeout=current),
            lambda: client.with_options(headers=current),
        ):
            check(call)


def refused(call: Callable[[], object], gateway: Gateway) -> None:
    """Make a call; where it is refused for what was given, nothing was sent."""
    invalid = False

    def noting() -> None:
        nonlocal invalid
        try:
            call()
        except caibo.InvalidChangesError:
            invalid = True
            raise

    check(noting)
    assert not (invalid and gateway.requests)


@fuzzed
@given(record=records())
def test_every_record_goes_back_as_it_came(record: bytes) -> None:
    """But for what is addressed, token for token."""
    gateway = Gateway(read(record), httpx.Response(204))

    check(lambda: gateway.client().customers.update(ID, phone=PHONE))

    for body in gateway.written:
        assert merged(record, body, "phone")


# JSON that is, that is none, and that may be


def holding(text: str) -> bytes:
    return RECORD[:-1] + b',"v":' + text.encode() + b"}"


@pytest.mark.parametrize("text", VALID)
def test_json_is_taken_and_given_back(text: str) -> None:
    """Token for token."""
    gateway = Gateway(read(holding(text)), httpx.Response(204))

    gateway.client().customers.update(ID, phone=PHONE)

    assert merged(holding(text), gateway.written[0], "phone")


@pytest.mark.parametrize("text", INVALID)
def test_what_is_no_json_is_not_taken(text: str) -> None:
    """Nothing is written onto it."""
    gateway = Gateway(read(holding(text)), httpx.Response(204))

    with pytest.raises(caibo.MalformedResponseError):
        gateway.client().customers.update(ID, phone=PHONE)

    assert gateway.written == []


@pytest.mark.parametrize("text", LEFT_TO_THE_READER, ids=range(len(LEFT_TO_THE_READER)))
def test_what_may_be_json_is_given_back_or_not_taken(text: str) -> None:
    """And never changed."""
    gateway = Gateway(read(holding(text)), httpx.Response(204))

    check(lambda: gateway.client().customers.update(ID, phone=PHONE))

    for body in gateway.written:
        assert text.encode() in body


@pytest.mark.parametrize("body", ENCODED, ids=range(len(ENCODED)))
def test_what_is_not_utf_8_is_not_taken(body: bytes) -> None:
    """RFC 8259, section 8.1."""
    gateway = Gateway(read(body))

    with pytest.raises(caibo.MalformedResponseError):
        gateway.client().customers.update(7, phone=PHONE)

    assert gateway.written == []


def test_decimals_are_numbers() -> None:
    """To the last digit, whatever the context."""
    gateway = Gateway(read(RECORD), httpx.Response(204))
    with decimal.localcontext(prec=2):
        gateway.client().customers.update(ID, extra={"v": decimal.Decimal("1.234567890123456789")})

    assert b'"v":1.234567890123456789' in gateway.written[0]
