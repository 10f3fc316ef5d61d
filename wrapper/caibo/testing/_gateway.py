"""The gateway itself: state, credentials, and what each request does."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

from caibo._record.json_text import Member, Members, decode, encode, join, split
from caibo.testing._contract import contract, fits_int64
from caibo.testing._faults import Fault, Faults
from caibo.testing._messages import Request, Response, problem
from caibo.testing._records import SAMPLE, Record, Version
from caibo.testing._transport import FakeTransport

if TYPE_CHECKING:
    from caibo.testing._server import FakeServer

_CUSTOMER = re.compile(r"/customers/([^/]+)")
_JSON = "application/json; charset=utf-8"


class FakeCaibo(Faults):
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
        self.api_key = "caibo_test_sk_only_the_fake_gateway_takes_this"
        self.email = "merchant@example.com"
        self.password = "correct horse battery staple"
        self.token_lifetime = 3600.0
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.logins = 0
        self.prefix = ""
        self.has_read = True
        self.no_read_status: Literal[404, 405] = 405
        self.strict = False
        self.returns_record = False
        self.drop_omitted = False
        self.etags = False
        self.body_limit = 1024 * 1024
        self.on_request: Callable[[Request], object] | None = None
        self.requests: list[Request] = []
        self.transport = FakeTransport(self)
        self._records: dict[int, Record] = {}
        self._tokens: dict[str, datetime] = {}
        self._numbers = count(1)
        self._ids = count(int(str(SAMPLE["id"])))

    def __repr__(self) -> str:
        return f"FakeCaibo({len(self._records)} customers, {len(self.requests)} requests)"

    @property
    def base_url(self) -> str:
        """The base URL to use with `transport`; a served gateway has its own."""
        return f"https://gateway.test{self.prefix}"

    def serve(self, host: str = "127.0.0.1", port: int = 0) -> AbstractContextManager[FakeServer]:
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

        return serve(self, host, port)

    def add_customer(self, **fields: object) -> int:
        """Store a customer with sample values, and return its id.

        Args:
            fields: in snake_case or as on the wire; names outside the contract
                are stored as they are.
        """
        known = {name: value for name, value in SAMPLE.items() if name in contract().properties}
        given = {contract().wire_name(name): value for name, value in fields.items()}
        return self.add_document({**known, "id": next(self._ids), **given})

    def add_document(
        self, document: bytes | str | Mapping[str, object], *, id: int | None = None
    ) -> int:
        """Store a customer exactly as given, and return its id.

        Bytes and text are returned by a read as they are, valid JSON or not.  A
        customer that is there already under this id is replaced.

        Args:
            document: JSON text, or a mapping with names as on the wire.
            id: where to store it; else its own `id` if it has one, else a new one.
        """
        if isinstance(document, Mapping):
            document = encode(document)
        text = document if isinstance(document, str) else document.decode()
        record = Record(text)
        if id is None:
            own: Any = decode(record.members().get("id", Member('"id"', "null")).value)
            id = own if isinstance(own, int) and not isinstance(own, bool) else next(self._ids)
        with self._lock:
            self._records[id] = record
        return id

    def change(self, id: int, /, **fields: object) -> None:
        """Change a customer at once, as someone else would, and keep its other members."""
        with self._lock:
            record = self._record(id)
            members = record.members()
            for field, value in fields.items():
                name = contract().wire_name(field)
                spelt = members[name].name if name in members else encode(name)
                members[name] = Member(spelt, encode(value))
            record.write(join(members))

    def remove_customer(self, id: int) -> None:
        """Delete a customer."""
        with self._lock:
            self._record(id)
            del self._records[id]

    def raw(self, id: int) -> bytes:
        """Return the bytes of a customer, as a read would."""
        with self._lock:
            return self._record(id).newest.text.encode()

    def document(self, id: int) -> dict[str, Any]:
        """Return a customer decoded; numbers that are no integers come as `Decimal`."""
        members: dict[str, Any] = decode(self.raw(id).decode())
        return members

    def issue_token(self) -> str:
        """Return a new access token without a login."""
        with self._lock:
            claims = encode({"sub": self.email, "jti": len(self._tokens)}).encode()
            parts = (b'{"alg":"none"}', claims, b"fake")
            token = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
            self._tokens[token] = self.now() + timedelta(seconds=self.token_lifetime)
            return token

    def expire_tokens(self) -> None:
        """Let every access token given out so far be refused from now on."""
        with self._lock:
            self._tokens = dict.fromkeys(self._tokens, datetime.min.replace(tzinfo=UTC))

    def handle(self, request: Request) -> Response:
        """Answer one request; an old one from `requests` is how a write arrives late, or twice."""
        fault = self.take_fault(request.method)
        if fault is not None:
            arrived = int(len(request.body) * fault.body_read)
            request = replace(request, body=request.body[:arrived])
        return self.answer(request, fault)

    def answer(self, request: Request, fault: Fault | None) -> Response:
        """Answer one request whose fault has been taken from the queue already."""
        with self._lock:
            request = replace(request, number=next(self._numbers))
            self.requests.append(request)
        if self.on_request is not None:
            self.on_request(request)
        with self._lock:
            applies = fault is None or fault.applies
            reply = self._route(request) if applies else Response(200)
        reply = reply if fault is None else fault.spoil(reply)
        if request.method == "HEAD" or reply.status in (204, 304):
            reply = replace(reply, body=b"")
        return reply.with_default("X-Request-Id", f"fake-{request.number:06}")

    def _route(self, request: Request) -> Response:
        path = request.path
        if path == f"{self.prefix}/auth/login":
            return self._login(request) if request.method == "POST" else _not_served("POST")
        customer = _CUSTOMER.fullmatch(path.removeprefix(self.prefix))
        if customer is None or not path.startswith(f"{self.prefix}/"):
            return Response(404)
        methods = {"GET": self._read, "PUT": self._replace}
        if not self.has_read:
            del methods["GET"]
        if request.method not in methods:
            status = self.no_read_status if request.method == "GET" else 405
            return _not_served(*methods, status=status)
        if not self._knows(request):
            refusal = problem(401, request, "The credentials are missing, wrong or expired.")
            return refusal.with_default("WWW-Authenticate", "Bearer")
        id = customer[1]
        if not re.fullmatch(r"-?[0-9]{1,19}", id) or not fits_int64(int(id)):
            return problem(400, request, "Not an id.", {"id": [f"The value '{id}' is not valid."]})
        return methods[request.method](request, int(id))

    def _knows(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        expires = self._tokens.get(token.strip())
        bearer = scheme.lower() == "bearer" and expires is not None and self.now() < expires
        return bearer or request.headers.get("X-API-Key") == self.api_key

    def _login(self, request: Request) -> Response:
        sent = self._sent(request, ("application/json",))
        if isinstance(sent, Response):
            return sent
        given = {name: decode(member.value) for name, member in sent.items()}
        if given.get("email") != self.email or given.get("password") != self.password:
            return problem(401, request, "Wrong e-mail or password.")
        self.logins += 1
        token = self.issue_token()
        expires = self._tokens[token].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
        body = encode({"accessToken": token, "expireDate": expires}).encode()
        return Response(200, {"Content-Type": _JSON}, body)

    def _read(self, request: Request, id: int) -> Response:
        record = self._records.get(id)
        if record is None:
            return problem(404, request, f"Customer {id} does not exist.")
        stale = self._stale_reads > 0
        self._stale_reads -= stale
        version = record.previous if stale else record.newest
        headers = {"Content-Type": _JSON, **self._etag(version)}
        return Response(200, headers, version.text.encode())

    def _replace(self, request: Request, id: int) -> Response:
        sent = self._sent(request, contract().media_types)
        if isinstance(sent, Response):
            return sent
        errors = contract().refusals(sent, strict=self.strict)
        if errors:
            return problem(400, request, "The customer was refused.", errors)
        record = self._records.get(id)
        if record is None:
            return problem(404, request, f"Customer {id} does not exist.")
        for fields in self._before_write.pop(id, []):
            self.change(id, **fields)
        if self.etags and request.headers.get("If-Match", "*") not in ("*", record.newest.etag):
            return problem(412, request, "The customer has changed since it was read.")
        record.write(join(self._stored(sent, record.members())))
        written = record.newest
        for fields in self._after_write.pop(id, []):
            self.change(id, **fields)
        if not self.returns_record:
            return Response(200, self._etag(written))
        headers = {"Content-Type": _JSON, **self._etag(written)}
        return Response(200, headers, written.text.encode())

    def _stored(self, sent: Members, kept: Members) -> Members:
        """Return what a PUT of `sent` leaves of a record that had `kept`."""
        stored: Members = {}
        for name, member in sent.items():
            if contract().server_owned(name):
                stored.update({name: kept[name]} if name in kept else {})
            elif name not in self._dropped:
                stored[name] = self._respelt(name, member)
        for name, member in kept.items():
            if contract().server_owned(name):
                stored[name] = member
            elif name in contract().properties and not self.drop_omitted:
                stored.setdefault(name, member._replace(value="null"))
        return stored

    def _respelt(self, name: str, member: Member) -> Member:
        respell = self._normalisers.get(name)
        if respell is None or member.value == "null":
            return member
        return member._replace(value=encode(respell(decode(member.value))))

    def _sent(self, request: Request, media_types: tuple[str, ...]) -> Members | Response:
        """Return the members of a JSON body, or the refusal of it."""
        if len(request.body) > self.body_limit:
            return problem(413, request, f"The body has more than {self.body_limit} bytes.")
        media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if media_type not in media_types:
            return problem(415, request, f"Send one of: {', '.join(media_types)}.")
        try:
            text = request.body.decode()
            if not text.strip():
                message = "A non-empty request body is required."
                return problem(400, request, message, {"": [message]})
            return split(text)
        except ValueError:
            message = "The body is not one JSON object in UTF-8."
            return problem(400, request, message, {"$": [message]})

    def _etag(self, version: Version) -> dict[str, str]:
        return {"ETag": version.etag} if self.etags else {}

    def _record(self, id: int) -> Record:
        if id not in self._records:
            raise KeyError(f"no customer {id}")
        return self._records[id]


def _not_served(*methods: str, status: int = 405) -> Response:
    return Response(status, {"Allow": ", ".join(methods)})
