"""Requests, and how the fake gateway and two servers that others wrote answer them.

Where they differ, the table says which answer each gives and why, and `FRIENDLIER` names
all the requests that only the fake takes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from servers import EMAIL, KEY, PASSWORD, RECORD
from servers import SMALL_ID as ID

Name = Literal["fake", "prism", "connexion"]
NAMES: tuple[Name, ...] = ("fake", "prism", "connexion")
PATH = f"/customers/{ID}"
BODY = {"name": "Jo Li", "email": "jo@shop.example"}
JSON = {"Content-Type": "application/json"}
WITH_KEY = {"X-API-Key": KEY}


class Sent(NamedTuple):
    """A request as it goes over the wire."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


def read(path: str = PATH, **headers: str) -> Sent:
    """A read with the key, or with these headers instead."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Sent("GET", path, named or WITH_KEY)


def write(body: object = None, media_type: str = "application/json", path: str = PATH) -> Sent:
    """A write of the sound body, or of this one; bytes go as they are."""
    body = BODY if body is None else body
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    typed = {"Content-Type": media_type} if media_type else {}
    return Sent("PUT", path, {**WITH_KEY, **typed}, sent)


def setting(name: str, value: object) -> Sent:
    """A write of the sound body with one member more, or with another value."""
    return write({**BODY, name: value})


def login(body: object, media_type: str = "application/json") -> Sent:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Sent("POST", "/auth/login", {"Content-Type": media_type}, sent)


@dataclass(frozen=True)
class Case:
    """A request, and the status that each server gives to it.

    Attributes:
        fake: the fake's, and everybody's where nothing else is said.
        prism: Prism's, where it differs; 0 where it is not asked.
        connexion: Connexion's, where it differs.
        why: the reason of a difference.
    """

    name: str
    sent: Sent
    fake: int
    prism: int | None = None
    connexion: int | None = None
    why: str = ""

    def status(self, server: Name) -> int:
        """The status that a server gives."""
        said = {"fake": self.fake, "prism": self.prism, "connexion": self.connexion}[server]
        return self.fake if said is None else said

    def friendlier(self) -> bool:
        """Tell whether the fake takes what another refuses."""
        others = [self.status(name) for name in NAMES if self.status(name)]
        return self.fake < 300 and max(others) >= 300


STATELESS = "Prism has one record, under every id, and knows no key from another"
HANGS = "Prism does not answer a body that it cannot parse"
NO_415 = "Prism takes another media type for a missing body"
OTHER_REFUSAL = "each refuses an id that is no int64 in its own way; 400 is ASP.NET's"
MOCK_ID = "Prism takes what JavaScript reads as a number; 400 is ASP.NET's"
AJV_EMAIL = "Prism's validator has a syntax of its own; .NET, as the fake, wants one @ inside"
OWNED = "the fake, like Prism, does not look at what the gateway owns"
LOOSE_EMAILS = [" a@c.example ", "a b@c.example", "a@b", "a..b@c.example", "ü@ü.example"]
REQUIRED_WRONG: list[object] = [None, 5, True, [], {}, "x" * 101]
OPTIONAL_WRONG: list[object] = [5, False, ["x"], {"street": "x"}, "x" * 256]
OWNED_WRONG: dict[str, object] = {
    "id": str(ID),
    "ownerId": "x",
    "userId": "x",
    "ownerName": 5,
    "hasPaymentRequests": "true",
    "totalDeposits": "100.00",
    "createDate": 5,
}

CASES = [
    # -- Credentials
    Case("a read", read(), 200),
    Case("a write", write(), 200),
    Case("a read without a credential", read(Accept="application/json"), 401),
    Case("a write without one", Sent("PUT", PATH, JSON, b'{"name":"","email":"a@b.c"}'), 401),
    Case("a wrong key", read(X_API_Key="wrong"), 401, prism=200, why=STATELESS),
    Case("a wrong token", read(Authorization="Bearer wrong"), 401, prism=200, why=STATELESS),
    Case("a key as a password", read(Authorization="Basic eDp5"), 401),
    # -- Paths and methods
    Case("an unknown customer", read("/customers/404"), 404, prism=200, why=STATELESS),
    Case("a write to one", write(path="/customers/404"), 404, prism=200, why=STATELESS),
    Case("another path", read(f"{PATH}/orders"), 404),
    Case("the samples' prefix", read(f"/api{PATH}"), 404),
    Case("another case", read(f"/Customers/{ID}"), 404),
    Case("no id", read("/customers/"), 404, prism=422, why=OTHER_REFUSAL),
    Case(
        *("a slash more", read(f"{PATH}/"), 404),
        connexion=307,
        why="Connexion's framework redirects",
    ),
    *(
        Case(f"the method {method}", Sent(method, PATH, {**WITH_KEY, **JSON}, body), 405)
        for method, body in [("POST", b"{}"), ("PATCH", b"{}"), ("DELETE", b""), ("OPTIONS", b"")]
    ),
    Case(
        *("the method HEAD", Sent("HEAD", PATH, WITH_KEY), 405),
        connexion=200,
        why="Connexion's framework adds HEAD to every GET; the contract has none",
    ),
    Case("a login with GET", Sent("GET", "/auth/login", {}), 405),
    Case(
        *("a query that nobody documents", read(f"{PATH}?fields=name"), 200),
        connexion=400,
        why="Connexion is told to be strict; frameworks pass over it, and the client sends none",
    ),
    Case(
        *("an answer in XML", read(X_API_Key=KEY, Accept="application/xml"), 200),
        prism=406,
        why="ASP.NET answers in JSON unless told otherwise, and the client asks for JSON",
    ),
    Case("an answer in JSON", read(X_API_Key=KEY, Accept="application/json"), 200),
    # -- Ids
    *(
        Case(f"the id {id}", read(f"/customers/{id}"), 400, 422, 404, OTHER_REFUSAL)
        for id in ["abc", "1.5", "true", "null", "1_2", "%EF%BC%91", str(2**63)]
    ),
    *(
        Case(f"the id {id}", read(f"/customers/{id}"), 400, 200, 404, MOCK_ID)
        for id in [f"{ID}.0", "1e3", f"%20{ID}", hex(ID)]
    ),
    Case("the id with a plus", read(f"/customers/+{ID}"), 400, 200, 200, "Python reads it, too"),
    Case("the id with a zero before it", read(f"/customers/0{ID}"), 200),
    Case("the id -1", read("/customers/-1"), 404, prism=200, why=STATELESS),
    Case(
        *("the largest id", read(f"/customers/{2**63 - 1}"), 404),
        prism=422,
        why="Prism is JavaScript and refuses all above 2^53",
    ),
    Case("a write to the id abc", write(path="/customers/abc"), 400, None, 404, OTHER_REFUSAL),
    # -- Media types
    Case("JSON with a charset", write(media_type="application/json; charset=utf-8"), 200),
    Case("JSON in capitals", write(media_type="APPLICATION/JSON"), 200),
    *(
        Case(f"the media type {media_type}", write(media_type=media_type), 415, 400, why=NO_415)
        for media_type in ["text/json", "text/plain", "application/xml", "*/*"]
    ),
    *(
        Case(
            *(f"the media type {media_type}", write(media_type=media_type), 415),
            prism=200,
            why="Prism takes whatever ends in +json for JSON",
        )
        for media_type in ["application/json-patch+json", "application/merge-patch+json"]
    ),
    Case(
        *("a form", write(b"name=Jo&email=jo%40shop.example", "application/x-www-form-urlencoded")),
        *(415, 400),
        why=NO_415,
    ),
    Case(
        *("no media type", write(media_type=""), 415, 400, 200),
        why=f"{NO_415}; Connexion takes the contract's own where none is named",
    ),
    # -- Bodies that are no JSON object
    *(
        Case(f"the body {body!r}", write(body), 400)
        for body in [b"", b"{}", b"[]", b'"x"', b"null", b"7"]
    ),
    *(
        Case(f"the body {body!r}", write(body), 400, prism=0, why=HANGS)
        for body in [
            b"  ",
            b'{"name":',
            b'{"name":"a","email":"a@b.c"}{}',
            b'{"name":"a","email":"a@b.c",}',
            b'{"name":"a",/* x */"email":"a@b.c"}',
            b'\xef\xbb\xbf{"name":"a","email":"a@b.c"}',
        ]
    ),
    Case(
        *("NaN", write(b'{"name":"a","email":"a@b.c","totalDeposits":NaN}'), 400, 0, 200),
        why=f"{HANGS}; Python takes NaN for JSON",
    ),
    Case(
        *("a member twice", write(b'{"name":"a","name":"b","email":"a@b.c"}'), 400, 200, 200),
        why="both keep the last one in silence",
    ),
    Case(
        *("a body in latin-1", write(b'{"name":"\xe9","email":"a@b.c"}'), 400, 200, 500),
        why="Prism replaces the byte, Connexion fails on it",
    ),
    # -- Members
    Case("the whole record as it was read", write(dict(RECORD)), 200),
    Case("no name", write({"email": "jo@shop.example"}), 400),
    Case("no e-mail address", write({"name": "Jo Li"}), 400),
    Case("the name in capitals", write({"NAME": "Jo Li", "email": "jo@shop.example"}), 400),
    *(
        Case(f"{name} {value!r}", setting(name, value), 400)
        for name in ["name", "email"]
        for value in REQUIRED_WRONG
    ),
    *(
        Case(f"{name} {value!r}", setting(name, value), 400)
        for name in ["address", "phone", "memberId"]
        for value in OPTIONAL_WRONG
    ),
    Case("a phone number too long by one", setting("phone", "1" * 21), 400),
    Case("a reference too long by one", setting("memberId", "x" * 51), 400),
    *(
        Case(f"{name} of {length}", setting(name, "x" * length), 200)
        for name, longest in [("name", 100), ("address", 255), ("phone", 20), ("memberId", 50)]
        for length in (0, longest)
    ),
    *(Case(f"{name} null", setting(name, None), 200) for name in ["address", "phone", "memberId"]),
    # Lengths count characters, although the gateway's framework may count UTF-16 units.
    Case("100 characters beyond 16 bits", setting("name", "😀" * 100), 200),
    Case("101 of them", setting("name", "😀" * 101), 400),
    Case("half a character", write(b'{"name":"\\ud800","email":"a@b.c"}'), 200),
    Case("an unknown member", setting("preferences", {"currency": "USD"}), 200),
    Case("one that is null", setting("nickname", None), 200),
    Case("a known one in another case", setting("Phone", 5), 200),
    # -- E-mail addresses
    Case("an address", setting("email", "jo@shop.example"), 200),
    *(Case(f"the address {text!r}", setting("email", text), 400) for text in ["", "jo"]),
    *(
        Case(
            *(f"the address {text!r}", setting("email", text), 400),
            connexion=200,
            why="Connexion's validator asks for an @ and nothing else",
        )
        for text in ["a@b@c.example", "@b.example", "a@", "a@b.example,c@d.example"]
    ),
    *(
        Case(f"the address {text!r}", setting("email", text), 200, prism=400, why=AJV_EMAIL)
        for text in LOOSE_EMAILS
    ),
    # -- What the gateway owns
    Case("another id in the body", setting("id", 7), 200),
    Case("an owner that is null", setting("ownerId", None), 200),
    Case("an id that is null", setting("id", None), 200, connexion=400, why=OWNED),
    *(
        Case(f"{name} {value!r}", setting(name, value), 200, connexion=400, why=OWNED)
        for name, value in OWNED_WRONG.items()
    ),
    # -- The login
    Case("a login", login({"email": EMAIL, "password": PASSWORD}), 200),
    Case("a login with more", login({"email": EMAIL, "password": PASSWORD, "otp": 1}), 200),
    Case(
        *("a wrong password", login({"email": EMAIL, "password": "x"}), 401),
        prism=200,
        why=STATELESS,
    ),
    Case("a login without a body", login(b""), 400),
    Case("a login with a list", login([]), 400),
    *(
        Case(f"the login {body}", login(body), 401, 400, 400, "the fake looks who it is before")
        for body in [{"password": "x"}, {"email": EMAIL}, {"email": 5, "password": None}]
    ),
    Case("a login as text/json", login({}, "text/json"), 415, prism=400, why=NO_415),
]

#: All that the fake takes and another refuses.
FRIENDLIER = {
    "a query that nobody documents",
    "an answer in XML",
    *(f"the address {text!r}" for text in LOOSE_EMAILS),
    "an id that is null",
    *(f"{name} {value!r}" for name, value in OWNED_WRONG.items()),
}
