"""`FakeCaibo`, and the ways to it: in memory, and on a socket."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from caibo.testing._inspection import Inspection
from caibo.testing._transport import FakeTransport


@dataclass(frozen=True)
class FakeServer:
    """Name where a served gateway listens.

    Attributes:
        gateway: what it serves.
        host: the address on which it listens.
        port: the port that it got.
    """

    gateway: FakeCaibo
    host: str
    port: int

    @property
    def base_url(self) -> str:
        """The base URL for a client on this machine, with the gateway's prefix."""
        host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.port}{self.gateway.prefix}"


class FakeCaibo(Inspection):
    """Stand in for the Caibo gateway, with customers that stay what they were made.

    A PUT replaces the whole record: an optional member that it leaves out is
    cleared.  Members that the server owns keep their values whatever the body
    says.  Every other member is stored and returned as the text in which it came.

    The vendor documents the PUT and the login.  What clears a member, who owns which
    member, ETags, the look of errors and the limit on bodies are assumptions; each has
    a switch below or a fault that turns it round, and so has the GET.  Every switch may
    be turned at any time.

    Args:
        seed: of the faults that have a `chance`.

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
        has_patch: whether it takes `PATCH /customers/{id}` with a merge patch (RFC 7396);
            True from the start where the packaged contract rules so.  Null in it clears
            a member as `drop_omitted` says.
        no_read_status: what such a deployment answers, 405 or 404.
        returns_record: True answers a PUT with the record, False with no body.
        drop_omitted: True takes an omitted optional member out of the record
            instead of setting it to null.
        keeps_omitted: True lets what a PUT leaves out stay as it is, as the vendor's
            page says and its contract does not.
        refuses_read_only: True answers 400 to a PUT with a member that the server
            owns, instead of ignoring it.
        strict: True refuses members outside the contract, as the vendor's own
            `additionalProperties: false` says.
        unknown_members: what becomes of members outside the contract: "stored" as
            they are sent; "dropped", taken in a PUT and lost; "kept" as they are,
            whatever a PUT says.  With `strict`, "kept" is a gateway that shows more
            than it takes.
        casing: "camel", "pascal" or "upper" is how names are shown, from then on a
            PUT may spell them in any case; None shows them as they are stored, and
            takes them as the contract spells them.
        id_as_string: True shows ids as strings.
        decimals_as_strings: True shows numbers with decimals as strings.
        etags: True sends `ETag` with a record and honours `If-Match`.
        ignores_if_match: True takes a PUT whatever its `If-Match` says, as a
            framework that only adds tags to reads.
        requires_if_match: True answers 428 to a PUT without `If-Match`.
        cache: a `Cache` in front of the gateway, or None.
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

    def __init__(self, *, seed: int = 0) -> None:
        super().__init__()
        for queue in (self._faults, self._refusals):
            queue.random.seed(seed)
        self.transport = FakeTransport(self)

    def __repr__(self) -> str:
        return f"FakeCaibo({len(self._records)} customers, {len(self.requests)} requests)"

    @property
    def base_url(self) -> str:
        """The base URL to use with `transport`; a served gateway has its own."""
        return f"https://gateway.test{self.prefix}"

    @contextmanager
    def serve(
        self, host: str = "127.0.0.1", port: int = 0, *, open_to_the_network: bool = False
    ) -> Generator[FakeServer, None, None]:
        """Serve this gateway over HTTP on the loopback interface, in threads.

        An exception that `on_request` raised in one of them is raised again when
        the context is left.

        Args:
            host: a loopback address or `localhost`.
            port: 0 takes a free one.
            open_to_the_network: True lets `host` be any address of this machine, such
                as ``0.0.0.0`` in a container.  Whoever reaches it can use this
                gateway: its credentials are no secret.  A client elsewhere needs
                `plain_http`.

        Raises:
            ValueError: a host beyond loopback without that.
            OSError: the port is taken.

        Example:
            >>> import httpx
            >>> from caibo.testing import FakeCaibo
            >>> with FakeCaibo().serve() as server:
            ...     httpx.get(f"{server.base_url}/customers/1").status_code
            401
        """
        from caibo.testing._server import loopback, serve

        with serve(self, host if open_to_the_network else loopback(host), port) as address:
            yield FakeServer(self, *address)
