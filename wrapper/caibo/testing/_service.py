"""What each request does: routes, reads, replacements and logins."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC
from itertools import count
from typing import Literal

from caibo._record.contract import patchable
from caibo._record.json_text import Members, decode, encode, join, split
from caibo.testing._accounts import Accounts
from caibo.testing._cache import Cache
from caibo.testing._contract import contract, fits_int64
from caibo.testing._faults import Faults
from caibo.testing._messages import JSON, MERGE_PATCH, Request, Response, problem
from caibo.testing._queue import Fault
from caibo.testing._records import Version

_CUSTOMER = re.compile(r"/customers/([^/]+)")


class Service(Faults, Accounts):
    """Carry requests out; `FakeCaibo` says how to reach this, and what the attributes mean."""

    prefix = ""
    has_read = True
    has_patch = False
    no_read_status: Literal[404, 405] = 405
    strict = False
    returns_record = False
    refuses_read_only = False
    etags = False
    ignores_if_match = False
    requires_if_match = False
    cache: Cache | None = None
    body_limit = 1024 * 1024
    on_request: Callable[[Request], object] | None = None

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []
        self._numbers = count(1)
        self.has_patch = patchable()

    def handle(self, request: Request) -> Response:
        """Answer one request; an old one from `requests` is how a write arrives late, or twice."""
        fault = self.take_fault(request.method, request.customer_id)
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
            reply = self._carry_out(request) if applies else Response(200)
        reply = reply if fault is None else fault.spoil(request, reply)
        if request.method == "HEAD" or reply.status in (204, 304):
            reply = replace(reply, body=b"")
        return reply.with_default("X-Request-Id", f"fake-{request.number:06}")

    def _carry_out(self, request: Request) -> Response:
        if self.cache is None:
            return self._route(request)
        return self.cache.carry(request, self._route)

    def _route(self, request: Request) -> Response:
        path = request.path
        if path == f"{self.prefix}/auth/login":
            return self._login(request) if request.method == "POST" else _not_served("POST")
        customer = _CUSTOMER.fullmatch(path.removeprefix(self.prefix))
        if customer is None or not path.startswith(f"{self.prefix}/"):
            return Response(404)
        methods = {"GET": self._read, "PUT": self._write}
        if not self.has_read:
            del methods["GET"]
        if self.has_patch:
            methods["PATCH"] = self._write
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
        return Response(200, {"Content-Type": JSON}, body)

    def _read(self, request: Request, id: int) -> Response:
        record = self._records.get(id)
        if record is None:
            return problem(404, request, f"Customer {id} does not exist.")
        version = record.newest if self._stale_reads.take("GET", id) is None else record.previous
        return self._record_reply(version)

    def _write(self, request: Request, id: int) -> Response:
        patches = request.method == "PATCH"
        sent = self._sent(request, (MERGE_PATCH,) if patches else contract().media_types)
        if isinstance(sent, Response):
            return sent
        record = self._records.get(id)
        kept = {} if record is None else self._understood(record.members(), {})
        sent = self._understood(sent, kept)
        if patches and record is None:
            return problem(404, request, f"Customer {id} does not exist.")
        needed = {name: kept[name] for name in contract().required if patches and name in kept}
        errors = contract().refusals(
            {**needed, **sent}, strict=self.strict, refuses_read_only=self.refuses_read_only
        )
        if errors:
            return problem(400, request, "The customer was refused.", errors)
        if record is None:
            return problem(404, request, f"Customer {id} does not exist.")
        for fields in self._before_write.pop(id, []):
            self.change(id, **fields)
        refusal = self._precondition(request, record.newest)
        if refusal is not None:
            return refusal
        kept = self._understood(record.members(), {})
        record.write(join((self._patched if patches else self._stored)(sent, kept)))
        written = record.newest
        for fields in self._after_write.pop(id, []):
            self.change(id, **fields)
        if not self.returns_record:
            return Response(200, self._etag(written))
        return self._record_reply(written)

    def _precondition(self, request: Request, newest: Version) -> Response | None:
        """Return the refusal of a write that is not about this version."""
        tag = request.headers.get("If-Match")
        if tag is None and self.requires_if_match:
            return problem(428, request, "Send If-Match with the ETag of the customer.")
        heeded = self.etags and not self.ignores_if_match
        if heeded and tag not in (None, "*", newest.etag):
            return problem(412, request, "The customer has changed since it was read.")
        return None

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

    def _record_reply(self, version: Version) -> Response:
        headers = {"Content-Type": JSON, **self._etag(version)}
        return Response(200, headers, self._shown(version.text).encode())

    def _etag(self, version: Version) -> dict[str, str]:
        return {"ETag": version.etag} if self.etags else {}


def _not_served(*methods: str, status: int = 405) -> Response:
    return Response(status, {"Allow": ", ".join(methods)})
