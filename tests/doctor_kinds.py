"""What may be found out about a kind of gateway, and how the fake becomes one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from doctors import FIELDS

import caibo
from caibo.testing import FakeCaibo, Request, Response

#: A friendly gateway's findings, where all is tried.
FRIENDLY = {
    "read-exists": "holds",
    "server-owned": "holds",
    "may-be-null": "cannot be told",
    "callers-set": "holds",
    "login": "cannot be told",
    "media-type": "holds",
    "required-members": "holds",
    "address-is-text": "holds",
    "further-members": "holds",
    "credentials": "holds",
    "any-success-body": "holds",
    "path-prefix": "holds",
    "error-members": "holds",
    "key-prefix": "holds",
    "names-in-any-case": "does not",
    "own-id": "holds",
    "numbers-as-text": "cannot be told",
    "counted-in-characters": "holds",
    "null-clears": "holds",
    "omitted-is-lost": "holds",
    "put-repeats": "holds",
    "read-sees-writes": "holds",
    "refused-is-unchanged": "cannot be told",
    "success-is-not-always": "holds",
    "respelling": "holds",
    "error-look": "holds",
    "new-token-helps": "cannot be told",
    "if-match": "cannot be told",
    "caches": "holds",
    "one-gateway": "cannot be told",
}
HOLDS, DOES_NOT, OPEN = "holds", "does not", "cannot be told"
SHORT = {"+": HOLDS, "-": DOES_NOT, "?": OPEN}
#: What a change of the record would tell.
BY_A_CHANGE = (
    *("callers-set", "names-in-any-case", "null-clears", "omitted-is-lost", "read-sees-writes"),
    *("success-is-not-always", "respelling", "caches", "counted-in-characters"),
)
#: What a PUT that is taken tells.
BY_A_PUT = ("server-owned", "media-type", "required-members", "any-success-body", "put-repeats")
NO_CHANGE = dict.fromkeys(BY_A_CHANGE, OPEN)
NO_PUT = {**NO_CHANGE, **dict.fromkeys((*BY_A_PUT, "further-members"), OPEN)}
NO_RECORD = {
    **NO_PUT,
    **dict.fromkeys(("address-is-text", "own-id"), OPEN),
    "read-exists": DOES_NOT,
}

Setup = Mapping[str, Any] | Callable[[FakeCaibo, int], object]


class Kind(NamedTuple):
    """A kind of gateway, and what is to be found out about it.

    Attributes:
        name: of the kind.
        setup: switches of `FakeCaibo`, or a function that turns them.
        sends: a mark for each mode of `send=`, the widest first.
        ok: whether a client with ``send="record"`` may go on.
        differs: the findings that are not those of a friendly gateway.
        stops: what it says where it cannot go on.
        left: members that stay.
        lost: members that are not as they were, after it has stopped.
        fields: of the customer.
    """

    name: str
    setup: Setup
    sends: str = "++--"
    ok: bool = True
    differs: Mapping[str, str] = {}
    stops: str = ""
    left: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    fields: Mapping[str, Any] = FIELDS

    @property
    def findings(self) -> dict[str, str]:
        return {**FRIENDLY, **self.differs}

    @property
    def modes(self) -> dict[str, str]:
        names = ("record", "writable", "contract", "changes")
        return {name: SHORT[mark] for name, mark in zip(names, self.sends, strict=True)}

    def turn(self, fake: FakeCaibo, id: int) -> None:
        if callable(self.setup):
            self.setup(fake, id)
        else:
            for name, value in self.setup.items():
                setattr(fake, name, value)


def always(method: str, **answer: Any) -> Callable[[FakeCaibo, int], object]:
    body = answer.pop("body", None)
    return lambda fake, _: fake.answer_next(body, method=method, times=math.inf, **answer)


def refusing(
    test: Callable[[caibo.Document], bool], status: int = 400
) -> Callable[[FakeCaibo, int], None]:
    """Refuse the bodies that a test finds."""

    def turn(fake: FakeCaibo, _: int) -> None:
        answer = fake.answer

        def answered(request: Request, fault: Any) -> Response:
            refused = request.method == "PUT" and test(caibo.Document.parse(request.body))
            return Response(status) if refused else answer(request, fault)

        vars(fake)["answer"] = answered

    return turn


def longer_than(most: int, encoding: str = "utf-32-le") -> Callable[[caibo.Document], bool]:
    """Find bodies whose reference takes more bytes than that in an encoding."""
    return lambda body: len(str(body.get("memberId") or "").encode(encoding)) > most


def emptying(fake: FakeCaibo, id: int) -> None:
    for _ in range(2):
        fake.change_after_write(id, ownerName=None)


def stamping(fake: FakeCaibo, id: int) -> None:
    """Change a member with each write."""

    def stamp(request: Request) -> None:
        if request.method == "PUT":
            fake.change_after_write(id, updatedAt=request.number)

    fake.on_request = stamp


def refusing_tags(fake: FakeCaibo, _: int) -> None:
    fake.etags = True
    fake.fail_next(412, method="PUT", times=math.inf)


def aging(fake: FakeCaibo, id: int) -> None:
    """Let each tag be stale by the time that it comes back."""

    def age(request: Request) -> None:
        if request.method == "PUT":
            fake.change(id, phone=None)
            fake.change(id, phone=FIELDS["phone"])

    fake.etags, fake.on_request = True, age


def spelling(way: str) -> Callable[[FakeCaibo, int], object]:
    def spelt(value: str) -> str:
        return value if value == FIELDS["member_id"] else way.format(value)

    return lambda fake, _: fake.normalise("member_id", spelt)


UNREAD: dict[str, Any] = {"sends": "????", "ok": False, "stops": "nothing was written"}
UNTAKEN: dict[str, Any] = {"sends": "-???", "ok": False, "stops": "no PUT of the record"}
ANY_CASE = {"names-in-any-case": HOLDS}
NO_CASE = {"names-in-any-case": OPEN}
REFUSED = {"refused-is-unchanged": HOLDS}
IGNORED = dict.fromkeys(("callers-set", "read-sees-writes", "success-is-not-always"), DOES_NOT)
SILENT: dict[str, Any] = {
    "sends": "????",
    "ok": False,
    "stops": "reads do not show what was written",
}
PAGE = {"Content-Type": "text/html"}
UNKNOWN: dict[str, Any] = {
    "sends": "????",
    "ok": False,
    "stops": "a change was written, and nobody can tell",
    "differs": {**NO_PUT, **dict.fromkeys(("server-owned", "put-repeats"), HOLDS)}
    | {"further-members": HOLDS},
}
