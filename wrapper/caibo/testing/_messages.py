"""Requests, replies and ProblemDetails, as both the transport and the server pass them on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from caibo._record.json_text import decode, encode

JSON = "application/json; charset=utf-8"
MERGE_PATCH = "application/merge-patch+json"
_SECRETS = frozenset({"authorization", "x-api-key", "cookie", "proxy-authorization"})
_SECTIONS = {400: "6.5.1", 403: "6.5.3", 404: "6.5.4", 413: "6.5.11", 415: "6.5.13"}


class Headers(Mapping[str, str]):
    """Map header names to values, whatever the case; the `repr` hides credentials."""

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._values: dict[str, str] = {}
        for name, value in items:
            earlier = self._values.get(name.lower())
            self._values[name.lower()] = value if earlier is None else f"{earlier}, {value}"

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        shown = {name: "…" if name in _SECRETS else text for name, text in self._values.items()}
        return f"Headers({shown})"


@dataclass(frozen=True)
class Request:
    """Describe a request that reached the gateway.

    Attributes:
        method: in capitals.
        target: the path and query as they were sent, the prefix included.
        headers: by name, whatever the case.
        body: the bytes that arrived.
        connection: counts the connections of a server from 1; always 0 in memory.
        number: counts the requests of a gateway from 1.
    """

    method: str
    target: str
    headers: Headers
    body: bytes = field(default=b"", repr=False)
    connection: int = 0
    number: int = 0

    @property
    def path(self) -> str:
        """The path alone, decoded."""
        return unquote(urlsplit(self.target).path)

    @property
    def customer_id(self) -> int | None:
        """The customer that the path names, None if it names none."""
        found = re.search(r"/customers/(-?[0-9]{1,19})$", self.path)
        return None if found is None else int(found[1])

    @property
    def json(self) -> Any:
        """The decoded body; numbers that are no integers come as `Decimal`.

        Raises:
            ValueError: the body is not JSON in UTF-8.
        """
        return decode(self.body.decode())


@dataclass(frozen=True)
class Response:
    """Describe what the gateway answers, and how badly it is delivered.

    Attributes:
        status: 200 to 999.
        headers: sent as they are; a Content-Length that lies is how a reply is cut.
        body: what is really sent.
        lost: "closed" or "reset" when nothing at all is sent.
        delay: seconds to wait before anything is sent.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = field(default=b"", repr=False)
    lost: Literal["closed", "reset"] | None = None
    delay: float = 0.0

    def with_default(self, name: str, value: str) -> Response:
        """Return this reply with one more header, unless it has that one already."""
        if name.lower() in map(str.lower, self.headers):
            return self
        return replace(self, headers={**self.headers, name: value})

    def with_body(self, body: object) -> Response:
        """Return this reply with other bytes, or with JSON, and no word about what bytes are."""
        kept = {n: text for n, text in self.headers.items() if n.lower() != "content-type"}
        if isinstance(body, bytes):
            return replace(self, headers=kept, body=body)
        return replace(self, headers={**kept, "Content-Type": JSON}, body=encode(body).encode())

    def with_headers(self, headers: Mapping[str, str]) -> Response:
        """Return this reply with these headers, in the place of any of the same names."""
        names = set(map(str.lower, headers))
        kept = {name: text for name, text in self.headers.items() if name.lower() not in names}
        return replace(self, headers={**kept, **headers})


def problem(
    status: int, request: Request, detail: str, errors: Mapping[str, list[str]] | None = None
) -> Response:
    """Build a ProblemDetails reply with the look of ASP.NET Core.

    The look is an assumption: the contract promises five nullable members, and
    neither `errors` nor `traceId`.
    """
    members: dict[str, object] = {
        "type": f"https://tools.ietf.org/html/rfc7231#section-{_SECTIONS.get(status, '6.5')}",
        "title": "One or more validation errors occurred." if errors else phrase(status),
        "status": status,
        "detail": detail,
        "instance": request.path,
    }
    if errors:
        members["errors"] = errors
    members["traceId"] = f"00-{request.number:032x}-{request.number:016x}-00"
    return problem_document(status, members)


def problem_document(status: int, members: Mapping[str, object]) -> Response:
    """Build a reply from the members of a ProblemDetails object."""
    headers = {"Content-Type": "application/problem+json; charset=utf-8"}
    return Response(status, headers, encode(members).encode())


def phrase(status: int) -> str:
    """Return the usual words for a status, none for one that is not registered."""
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
