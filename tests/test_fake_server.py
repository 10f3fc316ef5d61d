"""`FakeCaibo.serve`: what only a socket shows."""

from __future__ import annotations

import socket
import threading
from typing import Literal

import httpx
import pytest

from caibo.testing import FakeCaibo, FakeServer


def converse(server: FakeServer, sent: bytes) -> bytes:
    """Send bytes on a connection of their own and return all that comes back."""
    with socket.create_connection((server.host, server.port)) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


class TestConnections:
    def test_requests_of_one_client_share_a_connection(
        self, fake: FakeCaibo, server: FakeServer
    ) -> None:
        """Another client has another one."""
        for _ in range(2):
            with httpx.Client(base_url=server.base_url) as client:
                client.get("customers/1")
                client.put("customers/1", json={})
                client.delete("customers/1")

        assert [request.connection for request in fake.requests] == [1, 1, 1, 2, 2, 2]

    def test_a_client_may_ask_for_the_end(self, server: FakeServer) -> None:
        """HTTP/1.0, or Connection: close."""
        answers = [
            converse(server, b"GET / HTTP/1.0\r\n\r\n"),
            converse(server, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" * 2),
        ]

        assert [answer.count(b"HTTP/1.1 404 Not Found\r\n") for answer in answers] == [1, 1]

    def test_requests_may_follow_each_other_closely(self, server: FakeServer) -> None:
        """Each is answered in turn, a HEAD without a body, whatever a fault says."""
        server.gateway.fail_next(520, method="HEAD", body=b"no body")
        pipelined = b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET /x HTTP/1.1\r\nHost: x\r\n\r\n"

        answer = converse(server, pipelined)

        assert answer.startswith(b"HTTP/1.1 520 \r\nServer: caibo.testing\r\n")
        assert b"no body" not in answer
        assert b"HTTP/1.1 404 Not Found\r\n" in answer

    @pytest.mark.parametrize("method", ["TRACE", "QUERY", "BREW"])
    def test_a_method_that_nobody_knows_arrives(
        self, fake: FakeCaibo, server: FakeServer, method: str
    ) -> None:
        """The gateway itself answers it, as it does in memory."""
        response = httpx.request(method, f"{server.base_url}/customers/1")

        assert (response.status_code, response.headers["Allow"]) == (405, "GET, PUT")
        assert [request.method for request in fake.requests] == [method]

    @pytest.mark.parametrize("at", ["before-body", "mid-body"])
    def test_a_connection_is_reset(
        self, fake: FakeCaibo, server: FakeServer, at: Literal["before-body", "mid-body"]
    ) -> None:
        """When the gateway fails before it has the body; a lost reply is a plain end instead."""
        put = b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
        fake.lose_response(at=at)
        fake.lose_response()

        with socket.create_connection((server.host, server.port)) as connection:
            connection.sendall(put)
            with pytest.raises(ConnectionResetError):
                connection.recv(1)

        assert converse(server, put) == b""

    def test_a_reply_that_lies_about_its_length_ends_the_connection(
        self, fake: FakeCaibo, server: FakeServer
    ) -> None:
        """The client is told, so that it does not look for the next reply in the rest."""
        fake.garble_next("wrong-length")

        answer = converse(server, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2)

        assert answer.count(b"HTTP/1.1 ") == 1
        assert b"\r\nConnection: close\r\n" in answer

    def test_a_reply_that_cannot_have_a_body_declares_no_length(
        self, fake: FakeCaibo, server: FakeServer
    ) -> None:
        """RFC 9110 forbids it for 204."""
        fake.fail_next(204)

        answer = converse(server, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

        assert answer.startswith(b"HTTP/1.1 204 No Content\r\n")
        assert b"Content-Length" not in answer

    @pytest.mark.parametrize("header", [b"Transfer-Encoding: chunked", b"Content-Length: many"])
    def test_a_body_needs_a_length(
        self, fake: FakeCaibo, server: FakeServer, header: bytes
    ) -> None:
        """The connection ends then, because nobody knows where the next request begins."""
        answer = converse(server, b"PUT /x HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n\r\n0\r\n\r\n")

        assert answer.startswith(b"HTTP/1.1 411 Length Required\r\n")
        assert answer.count(b"HTTP/1.1") == 1
        assert fake.requests == []

    def test_half_a_request_is_none(self, fake: FakeCaibo, server: FakeServer) -> None:
        """A client that goes away in the middle of its body has not asked for anything."""
        answer = converse(server, b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")

        assert (answer, fake.requests) == (b"", [])

    def test_a_client_may_hang_up_before_the_answer(
        self, fake: FakeCaibo, server: FakeServer
    ) -> None:
        """That is no error of the server's."""
        arrived, gone = threading.Event(), threading.Event()

        def wait(_: object) -> None:
            arrived.set()
            gone.wait()

        fake.on_request = wait
        fake.fail_next(500, body=b"x" * 10_000_000)
        with socket.create_connection((server.host, server.port)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            arrived.wait()
        gone.set()
        fake.on_request = None

        assert converse(server, b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 404")


class TestTheEnd:
    def test_nothing_is_left_behind(self, fake: FakeCaibo) -> None:
        """No thread, no port; not even with connections that are still open."""
        before = set(threading.enumerate())

        with httpx.Client() as client:
            with fake.serve() as server:
                client.get(server.base_url)
                during = set(threading.enumerate())

            assert len(during - before) == 2
            assert set(threading.enumerate()) == before
            with pytest.raises(httpx.ConnectError):
                httpx.get(server.base_url)

    def test_a_delay_ends_with_the_server(self, fake: FakeCaibo) -> None:
        """Otherwise this would take an hour."""
        fake.delay(3600)
        arrived = threading.Event()
        fake.on_request = lambda _: arrived.set()

        with fake.serve() as server:
            connection = socket.create_connection((server.host, server.port))
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            arrived.wait()

        with connection:
            assert connection.recv(1) == b""

    def test_an_exception_of_the_hook_comes_out(self, fake: FakeCaibo) -> None:
        """An assertion that fails in a server's thread would be lost otherwise."""

        def fail(_: object) -> None:
            raise AssertionError("seen by the test")

        fake.on_request = fail

        with (
            pytest.raises(AssertionError, match="seen by the test"),
            fake.serve() as server,
            pytest.raises(httpx.RemoteProtocolError),
        ):
            httpx.get(server.base_url)

    def test_an_exception_of_the_block_comes_first(self, fake: FakeCaibo) -> None:
        """What failed in the test itself is what its reader wants to see."""

        def fail(_: object) -> None:
            raise AssertionError("seen by nobody")

        fake.on_request = fail

        with pytest.raises(httpx.RemoteProtocolError), fake.serve() as server:
            httpx.get(server.base_url)

    def test_a_gateway_can_be_served_again(self, fake: FakeCaibo) -> None:
        """What it holds stays, and so it does on two ports at once."""
        id = fake.add_customer()
        headers = {"X-API-Key": fake.api_key}

        with fake.serve() as one, fake.serve() as other:
            urls = [f"{server.base_url}/customers/{id}" for server in (one, other)]
            statuses = [httpx.get(url, headers=headers).status_code for url in urls]

        assert statuses == [200, 200]
        assert one.port != other.port


class TestAddresses:
    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com", ""])
    def test_only_this_machine_may_come(self, fake: FakeCaibo, host: str) -> None:
        """Nothing is opened for anybody else."""
        with pytest.raises(ValueError, match="a loopback address only"), fake.serve(host):
            pytest.fail("it is served")

    @pytest.mark.parametrize("host", ["0.0.0.0", ""])
    def test_everybody_may_come_where_that_is_said(self, fake: FakeCaibo, host: str) -> None:
        """A client on this machine has a loopback address for it."""
        with fake.serve(host, open_to_the_network=True) as server:
            status = httpx.get(server.base_url).status_code

        assert (status, server.base_url) == (404, f"http://127.0.0.1:{server.port}")

    def test_localhost_is_the_ipv4_address(self, fake: FakeCaibo) -> None:
        """Its name may mean two addresses, and a server here has one."""
        with fake.serve("localhost") as server:
            assert server.base_url == f"http://127.0.0.1:{server.port}"

    def test_an_ipv6_address_has_brackets(self, fake: FakeCaibo) -> None:
        """In a URL, that is."""
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError as error:
            pytest.skip(f"no IPv6 loopback on this machine: {error}")

        with fake.serve("::1") as server:
            status = httpx.get(server.base_url).status_code

        assert server.base_url == f"http://[::1]:{server.port}"
        assert status == 404

    def test_a_taken_port_is_an_error(self, fake: FakeCaibo, server: FakeServer) -> None:
        """And leaves the one who has it alone."""
        with pytest.raises(OSError), fake.serve(port=server.port):  # noqa: PT011
            pytest.fail("it is served twice")

        assert httpx.get(server.base_url).status_code == 404
