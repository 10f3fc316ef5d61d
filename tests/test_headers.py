"""`headers=`: what is sent with every request, and shown nowhere."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import httpx
import pytest
from faces import Connect, Face, methods
from hypothesis import example, given
from hypothesis import strategies as st
from scripted import ID, RECORD, Script, answer

import caibo
from caibo.testing import FakeCaibo, FakeServer


def through_api(client: Face, id: int) -> None:
    is_async = isinstance(client.caibo, caibo.AsyncCaibo)
    api = client.caibo.api
    http: Any = api.get_async_httpx_client() if is_async else api.get_httpx_client()
    client.wait(http.get, f"/customers/{id}")


class TestSending:
    def test_they_go_with_every_request(
        self, connect: Connect, fake: FakeCaibo, server: FakeServer
    ) -> None:
        """Logins, reads, writes and those of `client.api`; on a socket."""
        client = connect(
            base_url=server.base_url,
            transport=None,
            auth=caibo.Login(fake.email, fake.password),
            headers={"X-Correlation-ID": "c-17"},
        )
        id = fake.add_customer()

        client.update(id, phone=None)
        through_api(client, id)

        assert methods(fake) == ["POST", "GET", "PUT", "GET"]
        assert [r.headers["X-Correlation-ID"] for r in fake.requests] == ["c-17"] * 4

    def test_a_retry_has_them_too(
        self, connect: Connect, fake: FakeCaibo, pauses: list[float]
    ) -> None:
        """Each attempt is the same request."""
        fake.fail_next(429, times=2)

        connect(headers={"X-A": "b"}).get(fake.add_customer())

        assert [r.headers["X-A"] for r in fake.requests] == ["b"] * 3

    def test_any_mapping_will_do(self, connect: Connect, fake: FakeCaibo) -> None:
        """And what happens to it afterwards does not matter."""
        given = {"X-A": "b"}
        client = connect(headers=MappingProxyType(given))
        given["X-A"] = "c"

        client.get(fake.add_customer())

        assert fake.requests[0].headers["X-A"] == "b"


class TestMerging:
    def test_a_name_is_the_same_in_any_case(self, connect: Connect) -> None:
        """The later one wins, and is sent once."""
        script = Script(answer(200, RECORD))
        client = connect(headers={"x-tenant": "a", "USER-AGENT": "mine/1"}, **script.options)

        client.get(ID)

        headers = script.requests[0].headers
        assert headers.get_list("X-Tenant") == ["a"]
        assert headers.get_list("User-Agent") == ["mine/1"]

    @pytest.mark.parametrize("name", ["User-Agent", "user-agent"])
    def test_none_takes_one_out(self, connect: Connect, name: str) -> None:
        """Also for `client.api`, where httpx would put in its own."""
        script = Script(answer(200, RECORD))
        client = connect(headers={name: None, "X-Not-There": None}, **script.options)

        client.get(ID)
        through_api(client, ID)

        assert [r.headers.get("User-Agent") for r in script.requests] == [None, None]

    @given(
        layers=st.lists(
            st.dictionaries(
                st.sampled_from(["X-A", "x-a", "X-a", "X-B", "User-Agent", "USER-agent"]),
                st.none() | st.sampled_from(["1", "2", "3"]),
            ),
            max_size=4,
        )
    )
    @pytest.mark.parametrize("connect", ["sync"], indirect=True)
    def test_the_last_word_counts(
        self, connect: Connect, layers: list[dict[str, str | None]]
    ) -> None:
        """However many copies of a client there are one on the other."""
        expected: dict[str, str | None] = {}
        script = Script(answer(200, RECORD))
        client = connect(**script.options).caibo
        for layer in layers:
            client = client.with_options(headers=layer)
            expected |= {name.lower(): value for name, value in layer.items()}

        client.customers.get(ID)

        sent = script.requests[0].headers
        for name, value in expected.items():
            assert sent.get_list(name) == ([] if value is None else [value])


OURS = [
    *("Authorization", "X-API-Key", "Host", "Accept", "Accept-Encoding", "Accept-Language"),
    *("Content-Type", "Content-Length", "Content-Encoding", "If-Match", "If-None-Match"),
    *("If-Unmodified-Since", "Cache-Control", "Pragma", "Cookie", "Connection"),
    *("Transfer-Encoding", "Expect", "Range", "TE", "Trailer", "Upgrade", "Keep-Alive"),
    *("Proxy-Authorization", "Proxy-Connection"),
]
ILLEGAL_NAMES = ["", " ", "X A", "X-A:", "X-Ä", "X\r\nY", "X\x00", "(x)", ":path", 7, None, b"X-A"]
ILLEGAL_VALUES = [
    *("", " ", " a", "a ", "a\n", "a\r\nX-B: c", "a\x00b", "ä", "\u2028", "a\x7f", "\t", "a\t"),
    *(7, True, b"a", ["a"], 1.5),
]


class TestRefused:
    @pytest.mark.parametrize("value", ["s3cret", None])
    @pytest.mark.parametrize("name", OURS)
    def test_what_this_client_sets_itself(
        self, connect: Connect, name: str, value: str | None
    ) -> None:
        """Or promises something about; in any case of its letters, and to take it out as well."""
        for spelt in (name, name.lower(), name.upper()):
            with pytest.raises(caibo.ConfigurationError, match=f"headers: {spelt} is") as caught:
                connect(headers={spelt: value})

            assert "s3cret" not in str(caught.value)

    @pytest.mark.parametrize("name", ILLEGAL_NAMES)
    def test_a_name_that_no_header_has(self, connect: Connect, name: Any) -> None:
        """RFC 9110, section 5.1; it may be a value in the wrong place, so it is not shown."""
        with pytest.raises(caibo.ConfigurationError, match="no header name has"):
            connect(headers={name: "a"})

    @pytest.mark.parametrize("value", ILLEGAL_VALUES)
    def test_a_value_that_no_header_can_have(self, connect: Connect, value: Any) -> None:
        """A second header could be smuggled in with some; the value is not shown."""
        value = value.replace("a", "s3cret") if isinstance(value, str) else value

        with pytest.raises(caibo.ConfigurationError, match="headers: X-A must be") as caught:
            connect(headers={"X-A": value})

        assert "s3cret" not in str(caught.value)

    @pytest.mark.parametrize("headers", ["X-A: b", [("X-A", "b")], 7, {"X-A"}, b"X-A: b"])
    def test_what_is_no_mapping(self, connect: Connect, headers: Any) -> None:
        """Its kind is named."""
        with pytest.raises(caibo.ConfigurationError, match="headers must be a mapping"):
            connect(headers=headers)

    @given(name=st.text(), value=st.text())
    @example(name="X-A", value="\r\nX-B: c")
    @example(name="X-A", value="a\u00a0")
    @pytest.mark.parametrize("connect", ["sync"], indirect=True)
    def test_nothing_but_our_errors(self, connect: Connect, name: str, value: str) -> None:
        """What is taken is sent as it was given; what is not is refused before."""
        script = Script(answer(200, RECORD))

        try:
            client = connect(headers={name: value}, **script.options)
        except caibo.ConfigurationError:
            return
        client.get(ID)

        assert script.requests[0].headers.get_list(name) == [value]


SECRET = "s3cret-of-the-caller"
REFUSAL = {
    "title": f"Tenant {SECRET} is closed",
    "detail": f"X-Tenant was '{SECRET}', X-Token was t0ken-alone.",
    "errors": {"name": [f"{SECRET} may not"], SECRET: ["no"]},
    SECRET: SECRET,
}


class TestSecrecy:
    @pytest.fixture
    def secretive(self, connect: Connect) -> Face:
        return connect(headers={"X-Tenant": SECRET, "X-Token": "Token t0ken-alone"}, max_retries=0)

    def test_no_error_shows_one(self, secretive: Face, fake: FakeCaibo) -> None:
        """Whatever the gateway quotes; nor does its pickle or traceback."""
        fake.fail_next(422, body=REFUSAL)

        with pytest.raises(caibo.BadRequestError) as caught:
            secretive.replace(fake.add_customer(), {"name": "N", "email": "n@example.com"})

        error = caught.value
        shown = [
            str(error),
            repr(error),
            repr(vars(error)),
            "".join(traceback.format_exception(error)),
        ]
        assert "‹secret›" in str(error)
        for text in (*shown, repr(pickle.dumps(error))):
            assert SECRET not in text
            assert "t0ken-alone" not in text

    def test_a_cookie_given_to_the_api_is_one_too(self, client: Face, fake: FakeCaibo) -> None:
        """And every header that a request of `client.api` brings."""
        fake.fail_next(400, body=REFUSAL)
        is_async = isinstance(client.caibo, caibo.AsyncCaibo)
        api = client.caibo.api
        http: Any = api.get_async_httpx_client() if is_async else api.get_httpx_client()

        with pytest.raises(caibo.BadRequestError) as caught:
            client.wait(
                http.get, "/x", headers={"Cookie": SECRET, "X-Whatever": "Token t0ken-alone"}
            )

        assert SECRET not in str(caught.value)
        assert "t0ken-alone" not in str(caught.value)

    def test_no_log_shows_one(
        self, secretive: Face, fake: FakeCaibo, caplog: pytest.LogCaptureFixture
    ) -> None:
        """At any level, of httpx and httpcore as well."""
        caplog.set_level(logging.DEBUG)
        with fake.serve() as server:
            client = secretive.caibo
            fake.fail_next(500, body=REFUSAL)
            over_socket = type(client)(
                api_key=fake.api_key,
                base_url=server.base_url,
                headers={"X-Tenant": SECRET},
                max_retries=0,
            )
            with pytest.raises(caibo.ServerError):
                secretive.wait(over_socket.customers.get, 1)
            secretive.wait(over_socket.close)

        assert caplog.text
        assert SECRET not in caplog.text

    def test_no_representation_shows_one(self, secretive: Face) -> None:
        """Of the client, of a copy, of what they hold, and of the generated client."""
        copy = secretive.caibo.with_options(headers={"X-More": SECRET})
        held = [copy, secretive.caibo, copy.api, *vars(copy).values()]

        assert not [one for one in held if SECRET in repr(one)]

    @pytest.mark.parametrize(
        "options",
        [
            {"headers": {"X-A": SECRET, "Host": "x"}},
            {"headers": {"X-A": f"{SECRET}\n"}},
            {"headers": {"X-A": SECRET}, "timeout": -1},
        ],
    )
    def test_no_local_of_a_frame_shows_one(self, connect: Connect, options: dict[str, Any]) -> None:
        """Reporters of errors send them along, also from a client that cannot be."""
        options["transport"] = None
        client = connect(transport=None, base_url="http://127.0.0.1:9", max_retries=0)
        copied = {name: value for name, value in options.items() if name != "transport"}
        headers = {"X-A": SECRET}
        calls: list[Callable[[], object]] = [
            lambda: connect(**options),
            lambda: client.caibo.with_options(**copied),
            lambda: Face(client.caibo.with_options(headers=headers), client._portal).get(ID),
        ]

        for call in calls:
            with pytest.raises(caibo.CaiboError) as caught:
                call()
            for frame in caught.traceback:
                if "/caibo/" in str(frame.path):
                    assert SECRET not in repr(frame.frame.f_locals)

    def test_a_connection_that_is_refused_shows_none(self, connect: Connect) -> None:
        """Nor anything of the transport's own words."""
        lost = Script(httpx.LocalProtocolError(f"Illegal header value {SECRET}"))
        client = connect(headers={"X-A": SECRET}, **lost.options)

        with pytest.raises(caibo.ConfigurationError) as caught:
            client.get(ID)

        assert SECRET not in "".join(traceback.format_exception(caught.value))

    def test_a_correlation_id_that_comes_back_is_the_request_id(
        self, connect: Connect, fake: FakeCaibo
    ) -> None:
        """It was sent to be found again."""
        client = connect(headers={"X-Correlation-ID": "c-17"})
        fake.fail_next(404, headers={"X-Correlation-ID": "c-17", "X-Request-Id": ""})

        with pytest.raises(caibo.NotFoundError) as caught:
            client.get(ID)

        assert caught.value.request_id == "c-17"
