"""Whole updates of the contract, played with the real tools in a copy of the project.

The vendor changes its page; what must follow is a proposal, a question or an error, each with
its text, and in the end a wheel that does what the vendor says.  `nox -s rehearsal` installs
Redocly CLI for it and prints the table of what came of each.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from field_kinds import KINDS, NEWER, NEWER_SCHEMAS, SCHEMAS
from plays import CONTRACT, PROSE, Case, Vendor, fenced, with_text
from projects import git
from vendors import CREATE, DELETE, LIST, PATCH, PATH, READ, in_3_1, lines

pytestmark = pytest.mark.skipif(
    "REDOCLY" not in os.environ, reason="`nox -s rehearsal` installs Redocly CLI"
)
RULINGS = {"codegen/overlay.yaml", "codegen/assumptions.yaml"}
ALL = "create_customer delete_customer get_customer list_customers login replace_customer"
WITH_ETAG = READ.replace(
    "content:", "headers: {ETag: {schema: {type: string}}}\n          content:"
)
PROBLEM = "content: {application/json: {schema: {$ref: '#/components/schemas/ProblemDetails'}}}"
READ_AS_FACT = WITH_ETAG + "".join(
    f"        '{status}': {{description: Refused, {PROBLEM}}}\n" for status in (401, 404)
)
IN_3_1 = ('"type": "string", "nullable": true', '"type": ["string", "null"]')


def more_fields(contract: str) -> str:
    """Document a field of each kind of OpenAPI 3.0."""
    contract = contract.replace("        memberId:\n", f"{lines(KINDS, 8)}        memberId:\n")
    return contract.replace("    ProblemDetails:\n", f"{lines(SCHEMAS, 4)}    ProblemDetails:\n")


def newer_fields(contract: str) -> str:
    """Move to OpenAPI 3.1, with a field of each kind that it brings."""
    schemas = lines(NEWER_SCHEMAS, 4).replace(*IN_3_1)
    contract = in_3_1(contract)
    contract = contract.replace("        memberId:\n", f"{lines(NEWER, 8)}        memberId:\n")
    return contract.replace("    ProblemDetails:\n", f"{schemas}    ProblemDetails:\n")


def a_required_boolean(contract: str) -> str:
    """Require a field that there was not."""
    contract = contract.replace("        - name\n", "        - name\n        - isActive\n")
    return contract.replace(
        "        phone:\n", "        isActive: {type: boolean}\n        phone:\n"
    )


def page(contract: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: fenced(contract(text))


def as_it_is(text: str) -> Callable[[str], str]:
    return lambda _: text


# A list and its sibling stand at one path.
OPERATIONS = LIST + CREATE.partition("\n")[2] + PATH + DELETE
#: Played by `.ci/run`, too.
SHORT = {
    "nothing, in other words": Case(
        lambda text: fenced(text).replace("# Update Customer", "# Update a customer"), "unchanged"
    ),
    "a field of each kind": Case(
        page(more_fields),
        "compatible",
        asks=len(KINDS),
        hand=2 * len(KINDS),
        asked=("no ruling for birthDate: may a caller set it, or does the gateway?",),
        says=(
            "0.1.1 or any above may hold it",
            "it is written birth_date= now, and extra= takes it with a DeprecationWarning",
            "`Client.shipping`: `added; it is written shipping= now",
            'x-label: assumption, update: {readOnly: false, x-adopted: "0.1"}}',
        ),
        caller=(("kinds()", str(len(KINDS))),),
    ),
    "a fence that never closes": Case(
        as_it_is(fenced(CONTRACT).removesuffix("````\n")), "failed", says=("page.md",)
    ),
    "a $ref that leads nowhere": Case(
        with_text("    ProblemDetails:\n", "    Problem:\n"),
        "failed",
        says=("$ref leads nowhere",),
    ),
}
LONG = {
    "a wider limit": Case(
        with_text("maxLength: 255", "maxLength: 500"),
        "compatible",
        says=("`Client.address.maxLength`", "0.1.1 or any above may hold it"),
        caller=(("update({'address': 'x' * 500})", "GET PUT"),),
    ),
    "a narrower limit": Case(
        with_text("maxLength: 20\n", "maxLength: 10\n"),
        "breaking",
        says=(
            "callers of 0.1.0 may fail. The next version must be 0.2.0",
            "`Client.phone.maxLength`",
            "Nothing breaks since v0.1.0.",
        ),
    ),
    "a required boolean": Case(
        page(a_required_boolean),
        "breaking",
        asks=1,
        hand=2,
        caller=(
            ("update()", "GET PUT"),
            ("update({'is_active': False})", "GET PUT"),
        ),
    ),
    "a field under another name": Case(
        with_text("memberId:\n", "memberNumber:\n"),
        "breaking",
        asks=2,
        hand=9,
        asked=("properties.memberId' selects nothing",),
        says=("`CustomerChanges.member_id`: *Public object was removed*",),
        caller=(("update({'member_number': 'M-1'})", "GET PUT"),),
    ),
    "GET, with an ETag": Case(
        with_text(PATH, PATH + READ_AS_FACT),
        "tests fail",
        asks=2,
        hand=49,
        asked=("adds get, which the contract now says itself",),
        prose=("the vendor documents an ETag",),
        caller=(("update(etags=True)", "GET PUT If-Match"),),
    ),
    "PATCH": Case(
        with_text(PATH, PATH + PATCH),
        "compatible",
        asks=1,
        hand=2,
        says=("- `PATCH /customers/{id}`: `new`",),
        asked=('to be called by `update` with `send="changes"`',),
        caller=(
            ("update(send='changes')", "GET PATCH GET"),
            ("update(send='record')", "GET PUT"),
        ),
    ),
    "POST, a list and DELETE": Case(
        with_text(PATH, OPERATIONS),
        "compatible",
        asks=5,
        hand=11,
        says=("- `POST /customers`: `new`", "- `DELETE /customers/{id}`: `new`"),
        caller=(("operations()", ALL),),
    ),
    "OpenAPI 3.1, with its fields": Case(
        page(newer_fields),
        "compatible",
        asks=5 + len(NEWER),
        hand=26,
        asked=("ownerId has `nullable`, which OpenAPI 3.1.0 does not know",),
        caller=(("newer_kinds()", str(len(NEWER))),),
    ),
    "another server": Case(
        with_text("apay.caibo.digital", "apay.caibo.example"),
        "breaking",
        asks=1,
        hand=3,
        asked=('has the servers ["https://apay.caibo.example"]',),
    ),
}
#: Each is an error in one line that names the place.
BROKEN = {
    "a login form": ("<!doctype html><html><body>Sign in</body></html>", "page.md"),
    "no contract": (PROSE, "page.md"),
    "a contract without `info`": (fenced("openapi: 3.0.4\npaths: {}\n"), "page.md"),
    "a contract cut off between schemas": (
        f"{PROSE}````yaml\n{CONTRACT[: CONTRACT.index('    ProblemDetails:')]}",
        "page.md",
    ),
    "a contract cut off in a schema": (
        f"{PROSE}````yaml\n{CONTRACT[: CONTRACT.index('        instance:')]}",
        "page.md",
    ),
    "no servers": (fenced(CONTRACT.replace("servers:", "x-servers:")), "page.md"),
    "a key twice": (fenced(f"{CONTRACT}security: []\n"), "page.md"),
    "an anchor": (
        fenced(f"{CONTRACT.replace('type: string', 'type: &s string', 1)}x: *s\n"),
        "page.md",
    ),
    "an answer that lacks its description": (
        fenced(CONTRACT.replace("          description: Not Found\n", "")),
        "'description' is a required property",
    ),
    "a property that is a number": (
        fenced(
            CONTRACT.replace(
                "      properties:\n        id:\n",
                "      properties:\n        id: 7\n        no:\n",
                1,
            )
        ),
        "Client.properties.id: 7 is no mapping",
    ),
}
LONG |= {
    name: Case(as_it_is(text), "failed", says=(said,)) for name, (text, said) in BROKEN.items()
}
CASES = [
    *(pytest.param(name, case, id=name) for name, case in SHORT.items()),
    *(pytest.param(name, case, id=name, marks=pytest.mark.long) for name, case in LONG.items()),
]


@pytest.mark.parametrize(("name", "case"), CASES)
def test_an_update_is_taken_up_by_rulings_alone(
    vendor: Vendor, name: str, case: Case, record_property: Callable[[str, object], None]
) -> None:
    """Or refused in one line, with the working tree as it was."""
    played = vendor.play(case)
    record_property("played", played.row(name))

    assert played.verdict == case.verdict
    assert (len(played.decisions), sum(played.hand.values())) == (case.asks, case.hand)
    assert set(played.hand) <= RULINGS
    assert tuple(played.prose) == case.prose
    for words in case.asked:
        assert any(words in decision for decision in played.decisions)
    assert tuple(played.called) == tuple(value for _, value in case.caller)
    if case.verdict in ("unchanged", "failed"):
        assert git(vendor.project, "status", "--porcelain") == ""
    if case.verdict == "failed":
        assert "\n" not in played.why
        assert len(played.why) < 500  # a reader's line, and no dump of the contract
    for words in case.says:
        assert words in (played.why or vendor.said("body.md"))


def test_nothing_is_kept_of_an_update_that_waits_for_its_ruling(vendor: Vendor) -> None:
    """The issue has the lines to write; the working tree is as it was."""
    vendor.publish(page(more_fields))

    assert vendor.update() == 4

    assert vendor.said("outcome") == "decision\n"
    assert "codegen/overlay.yaml" in vendor.said("body.md")
    assert git(vendor.project, "status", "--porcelain") == ""
