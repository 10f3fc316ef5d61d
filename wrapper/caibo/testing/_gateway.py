"""`FakeCaibo`, and the ways to it: in memory, and on a socket."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from caibo.testing._service import Service
from caibo.testing._transport import FakeTransport


@dataclass(frozen=True)
class FakeServer:
    """Name where a served gateway listens.

    Attributes:
        gateway: what it serves.
        host: the loopback address.
        port: the port that it got.
    """

    gateway: FakeCaibo
    host: str
    port: int

    @property
    def base_url(self) -> str:
        """The base URL for a client, with the gateway's prefix."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}{self.gateway.prefix}"


class FakeCaibo(Service):
    """Stand in for the Caibo gateway, with customers that stay what they were made.

    A PUT replaces the whole record: an optional member that it leaves out is
    cleared.  Members that the server owns keep their values whatever the body
    says.  Every other member is stored and returned as the text in which it came.

    The vendor documents the PUT and the login.  That there is a GET, what clears a
    member, who owns which member, ETags, the look of errors and the limit on bodies
    are assumptions; each has a switch below or a fault that turns it round.

    Attributes:
        api_key: what `X-API-Key` must be.
        email: whom `POST /auth/login` knows.
        password: and by what.
        token_lifetime: seconds that a new access token lives.
        now: tells the time, which decides only when tokens expire.
        clock: a `Clock` that this gateway goes by: tokens expire by it, and a `delay`
            in memory moves it.  None: by the real time, and nothing waits in memory.
        logins: how many access tokens the login has given out.
        prefix: the path under which the gateway lives, such as ``/ipg/2.0.0``.
        has_read: False for a deployment without `GET /customers/{id}`.
        no_read_status: what such a deployment answers, 405 or 404.
        strict: True refuses members outside the contract, as the vendor's own
            `additionalProperties: false` says.
        returns_record: True answers a PUT with the record, False with no body.
        drop_omitted: True takes an omitted optional member out of the record
            instead of setting it to null.
        etags: True sends `ETag` with a record and honours `If-Match`.
        body_limit: bytes that a request body may have.
        on_request: called with each request before it is carried out, outside
            any lock, so it may use the gateway itself.
        requests: every request that arrived, the oldest first.
        transport: an httpx transport, sync and async, that reaches the gateway in
            memory.  Any number of clients may share it, and closing it does nothing.

    Example:
        >>> import httpx
        >>> from caibo.testing import FakeCaibo
        >>> fake = FakeCaibo()
        >>> id = fake.add_customer(name="Grace Example")
        >>> with httpx.Client(transport=fake.transport, base_url=fake.base_url) as client:
        ...     read = client.get(f"customers/{id}", headers={"X-API-Key": fake.api_key})
        >>> read.json()["name"]
        'Grace Example'
    """

    def __init__(self) -> None:
        super().__init__()
        self.transport = FakeTransport(self)

    def __repr__(self) -> str:
        return f"FakeCaibo({len(self._records)} customers, {len(self.requests)} requests)"

    @property
    def base_url(self) -> str:
        """The base URL to use with `transport`; a served gateway has its own."""
        return f"https://gateway.test{self.prefix}"

    @contextmanager
    def serve(self, host: str = "127.0.0.1", port: int = 0) -> Generator[FakeServer, None, None]:
        """Serve this gateway over HTTP on the loopback interface, in threads.

        An exception that `on_request` raised in one of them is raised again when
        the context is left.

        Args:
            host: a loopback address or `localhost`; anything else is a ValueError.
            port: 0 takes a free one.

        Raises:
            OSError: the port is taken.

        Example:
            >>> import httpx
            >>> from caibo.testing import FakeCaibo
            >>> with FakeCaibo().serve() as server:
            ...     httpx.get(f"{server.base_url}/customers/1").status_code
            401
        """
        from caibo.testing._server import serve

        with serve(self, host, port) as address:
            yield FakeServer(self, *address)
