"""Content-Encoding: what nobody asked for is undone within bounds, or refused."""

from __future__ import annotations

import bz2
import gzip
import tracemalloc
import zlib
from typing import Any

import httpx
import pytest
from faces import Connect
from hypothesis import given
from hypothesis import strategies as st
from scripted import ID, PERSON, RECORD, RawServer, Script, framed

import caibo


def gzipped(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)  # else each process names its tests by its own second


def raw_deflate(body: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-15)
    return packing.compress(body) + packing.flush()


PACKED = {
    "gzip": gzipped(RECORD),
    "GZIP": gzipped(RECORD),
    " gzip ": gzipped(RECORD),
    "x-gzip": gzipped(RECORD),
    "deflate": zlib.compress(RECORD),
    "Deflate": raw_deflate(RECORD),
    "identity": RECORD,
    "": RECORD,
}
REFUSED = {
    "br": b"\x8b\x02\x80{}\x03",
    "zstd": b"(\xb5/\xfd\x04X\x11\x00\x00{}",
    "compress": RECORD,
    "no-such": RECORD,
    "gzip, gzip": gzipped(gzipped(RECORD)),
    "gzip,gzip": gzipped(gzipped(RECORD)),
    "deflate, gzip": gzipped(zlib.compress(RECORD)),
    "gzip, identity": gzipped(RECORD),
    "identity, identity": RECORD,
    "gzip;q=1": gzipped(RECORD),
    "g\u00eezip": gzipped(RECORD),
}
SPOILT = {
    "gzip": [
        RECORD,
        gzipped(RECORD)[:-1],
        gzipped(RECORD)[:-8] + b"\0" * 8,
        zlib.compress(RECORD)[1:],
        gzipped(RECORD) + b"more",
        gzipped(RECORD[:40]) + gzipped(RECORD[40:]),
        gzipped(RECORD) * 2,
        b"\x1f\x8b",
    ],
    "deflate": [
        RECORD,
        zlib.compress(RECORD)[:-1],
        zlib.compress(RECORD) + b"x",
        raw_deflate(RECORD)[:-1],
        bz2.compress(RECORD),
    ],
}
spoilt = [(encoding, body) for encoding, bodies in SPOILT.items() for body in bodies]


class TestUndone:
    @pytest.mark.parametrize("encoding", PACKED)
    def test_one_that_everybody_knows(self, connect: Connect, encoding: str) -> None:
        """A proxy on the way may not ask; both kinds of deflate are about."""
        gateway = RawServer(
            framed(PACKED[encoding], 200, b"Content-Encoding: " + encoding.encode())
        )

        with gateway.serve() as link:
            customer = connect(**link).get(ID)

        assert customer.id == ID

    @pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, gzip", "no-such"])
    def test_an_empty_body_is_empty(self, connect: Connect, encoding: str) -> None:
        """Whatever it is said to be packed with."""
        gateway = RawServer(framed(b"", 200, b"Content-Encoding: " + encoding.encode()))

        with gateway.serve() as link:
            update = connect(**link).replace(ID, PERSON)

        assert update.outcome == "accepted"


class TestRefused:
    @pytest.mark.parametrize("encoding", REFUSED)
    def test_one_that_is_not_known_or_several(self, connect: Connect, encoding: str) -> None:
        """Two can unpack a few bytes to gigabytes; a reader must not take packed bytes for JSON."""
        line = b"Content-Encoding: " + encoding.encode("latin-1")
        gateway = RawServer(framed(REFUSED[encoding], 200, line))

        with (
            gateway.serve() as link,
            pytest.raises(caibo.MalformedResponseError, match="as its Content-Encoding says"),
        ):
            connect(max_retries=0, **link).get(ID)

    def test_one_that_the_caller_s_transport_gives_up_on(self, connect: Connect) -> None:
        """It undoes them itself, and raises what httpx does."""
        script = Script(httpx.DecodingError("Error -3 while decompressing data"))

        with pytest.raises(caibo.MalformedResponseError, match="as its Content-Encoding says"):
            connect(max_retries=0, **script.options).get(ID)

    def test_several_headers_are_several_encodings(self, connect: Connect) -> None:
        """RFC 9110, section 5.3."""
        twice = gzipped(gzipped(RECORD))
        gateway = RawServer(framed(twice, 200, *[b"Content-Encoding: gzip"] * 2))

        with gateway.serve() as link, pytest.raises(caibo.MalformedResponseError):
            connect(max_retries=0, **link).get(ID)

    @pytest.mark.parametrize(("encoding", "body"), spoilt)
    def test_one_that_is_not_what_it_says(
        self, connect: Connect, encoding: str, body: bytes
    ) -> None:
        """Cut, changed, or never packed: half a record would clear the other half."""
        gateway = RawServer(framed(body, 200, b"Content-Encoding: " + encoding.encode()))

        with gateway.serve() as link, pytest.raises(caibo.MalformedResponseError):
            connect(max_retries=0, **link).get(ID)

    @pytest.mark.parametrize("connect", ["sync"], indirect=True)
    @given(
        encoding=st.sampled_from(["gzip", "deflate", "gzip, deflate", "br", "", "x-gzip"]),
        body=st.binary(max_size=200) | st.sampled_from([*PACKED.values(), *REFUSED.values()]),
        status=st.sampled_from([200, 204, 400, 500]),
    )
    def test_nothing_but_our_errors(
        self, connect: Connect, encoding: str, body: bytes, status: int
    ) -> None:
        """Whatever stands in it."""

        def reply(_: httpx.Request) -> httpx.Response:
            headers = {"Content-Encoding": encoding}
            return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))

        try:
            customer = connect(max_retries=0, **Script(reply).options).get(ID)
        except caibo.CaiboError:
            return

        assert customer.id == ID


def bomb(levels: int) -> bytes:
    """Pack 64 MiB, so many times."""
    packing = zlib.compressobj(wbits=31)
    packed = b"".join(packing.compress(b"\0" * 2**20) for _ in range(64)) + packing.flush()
    for _ in range(levels - 1):
        packed = gzipped(packed)
    return packed


@pytest.fixture(scope="module")
def bombs() -> dict[str, bytes]:
    return {"gzip": bomb(1), "gzip, gzip": bomb(2)}


class TestBounded:
    @pytest.mark.parametrize("status", [200, 500])
    @pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip"])
    def test_a_bomb_takes_little_memory(
        self, connect: Connect, bombs: dict[str, bytes], encoding: str, status: int
    ) -> None:
        """64 MiB in 64 KiB, or in less than one."""
        line = b"Content-Encoding: " + encoding.encode()
        gateway = RawServer(framed(bombs[encoding], status, line))
        with gateway.serve() as link:
            client = connect(max_retries=0, **link)
            tracemalloc.start()
            try:
                with pytest.raises((caibo.MalformedResponseError, caibo.ServerError)):
                    client.get(ID)
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

        assert peak < 16 * 2**20


class TestErrors:
    @pytest.mark.parametrize("status", [400, 404, 409, 429, 500, 503, 302])
    @pytest.mark.parametrize("encoding", [*REFUSED, "gzip"])
    def test_a_status_stands_though_its_body_cannot_be_read(
        self, connect: Connect, encoding: str, status: int
    ) -> None:
        """It says more than the body could."""
        line = b"Content-Encoding: " + encoding.encode("latin-1")
        gateway = RawServer(framed(b"{packed}", status, line))

        with gateway.serve() as link, pytest.raises(caibo.APIError) as caught:
            connect(max_retries=0, **link).get(ID)

        assert caught.value.status == status

    @pytest.mark.parametrize(
        ("encoding", "pack"),
        [("gzip", gzipped), ("deflate", zlib.compress), ("deflate", raw_deflate)],
    )
    def test_what_a_packed_problem_says_is_told(
        self, connect: Connect, encoding: str, pack: Any
    ) -> None:
        """Its text is unpacked as that of any answer."""
        body = pack(b'{"title":"Closed for lunch"}')
        gateway = RawServer(framed(body, 503, b"Content-Encoding: " + encoding.encode()))

        with gateway.serve() as link, pytest.raises(caibo.ServerError, match="Closed for lunch"):
            connect(max_retries=0, **link).get(ID)

    @pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "gzip"])
    def test_a_write_with_an_answer_that_cannot_be_read_is_read_back(
        self, connect: Connect, encoding: str
    ) -> None:
        """It is a lost answer: nobody knows what it said."""
        gateway = RawServer(
            framed(b"{packed}", 200, b"Content-Encoding: " + encoding.encode()), framed(RECORD)
        )

        with gateway.serve() as link:
            update = connect(**link).replace(
                ID, {"name": "Ada Example", "email": "ada@example.com"}
            )

        assert update.outcome != "accepted"
        assert [head.split()[0] for head in gateway.requests] == [b"PUT", b"GET"]
