"""Show the client at work, scene by scene, on the scenarios of the vendor's page.

The gateway is a fake one behind a real socket of this machine, and everybody in
it is made up: that is why values are shown, which `caibo` itself never does.
Each line with a ✓ was checked; the exit status is 0 only if all of them held.

    python examples/demo.py        or, in an environment of its own: nox -s demo
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import caibo
from caibo.testing import FakeCaibo, Request

E = TypeVar("E", bound=caibo.CaiboError)

BOLD, DIM, GREEN, YELLOW, RED = "1", "2", "32", "33", "1;31"

ID = 12345  # as on the vendor's page, https://docs.caibo.digital, "Update Customer"
RECORD = """{"id":12345,"ownerId":16772748432900017,"userId":null,\
"ownerName":"Example Outfitters Ltd","name":"Ada Example","email":"ada@example.com",\
"address":"1 Old Street, Sacramento, CA, 94203, US","phone":"+12025550143","memberId":"M-1001",\
"hasPaymentRequests":true,"totalDeposits":100.00,"createDate":"2024-03-05T09:30:12.1234567Z",\
"creditLimit":79228162514264.33759354395033,"badge":{"tier":"gold","ratio":1.50e3},\
"preferences":{"currency":"USD","theme":"dark","limits":{"daily":250.00}}}"""

#: What is easily spoilt by decoding and encoding, or by knowing the contract only.
DELICATE = {
    "creditLimit": "a number of 28 digits",
    "totalDeposits": "not 100.0",
    "createDate": "a time of 7 decimals",
    "badge": "a member outside the contract",
}


class Stage:
    """Where the scenes play: a gateway, a client of it, and what is shown and claimed."""

    def __init__(self, gateway: FakeCaibo, base_url: str) -> None:
        self.gateway = gateway
        self.connect = partial(caibo.Caibo, base_url=base_url)
        self.client = self.connect(api_key=gateway.api_key)
        self.coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self.claims = 0
        self.broken: list[str] = []
        self._seen = 0

    def say(self, text: str, style: str = "", margin: str = "   ") -> None:
        """Print a line or more."""
        text = margin + text
        print(f"\x1b[{style}m{text}\x1b[0m" if style and self.coloured else text)

    def claim(self, text: str, held: bool) -> None:
        """Print a claim, and remember it if it does not hold."""
        self.claims += 1
        self.broken += [] if held else [text]
        self.say(f"{'✓' if held else '✗ did not hold:'} {text}", GREEN if held else RED)

    def update(self, id: int, client: caibo.Caibo | None = None, **arguments: Any) -> caibo.Update:
        """Show an update as a caller writes it, and carry it out."""
        items = [str(id), *(f"{name}={value!r}" for name, value in arguments.items())]
        call = f"client.customers.update({', '.join(items)})"
        if len(call) > 88:
            lines = ["client.customers.update(", *(f"    {item}," for item in items), ")"]
            call = "\n   ... ".join(lines)
        self.say(f">>> {call}", BOLD)
        return (client or self.client).customers.update(id, **arguments)

    def refused(
        self, kind: type[E], id: int, client: caibo.Caibo | None = None, **arguments: Any
    ) -> E:
        """Show an update that fails, and the error as its caller meets it."""
        try:
            self.update(id, client, **arguments)
        except kind as error:
            for line in "".join(traceback.format_exception_only(error)).splitlines():
                self.say(line, YELLOW)
            self.claim(f"raised caibo.{kind.__name__}", type(error) is kind)
            return error
        raise AssertionError(f"no caibo.{kind.__name__}")

    def requested(self, *methods: str) -> list[Request]:
        """Claim that these requests came since the last look, and return them."""
        new = self.gateway.requests[self._seen :]
        self._seen += len(new)
        named = ", ".join(f"{request.method} {request.path}" for request in new) or "none"
        self.claim(f"requests: {named}", [request.method for request in new] == [*methods])
        return new

    def record(self) -> caibo.Document:
        """Return the customer as the gateway has it."""
        return caibo.Document.parse(self.gateway.raw(ID))

    def wrote(
        self, read: caibo.Document, body: bytes, texts: Mapping[str, str], *, full: bool = False
    ) -> None:
        """Compare a body with what was read: these JSON texts, and nothing else, are changed."""
        sent = caibo.Document.parse(body)
        members = [f'"{name}":{sent.text(name)}' for name in sent]
        exact = f"{{{','.join(members)}}}".encode() == body
        self.claim("the body, byte for byte, a member a line, against what was read:", exact)
        kept = [sent.text(name) == read.text(name) for name in sent]
        for name, member, same in zip(sent, members, kept, strict=True):
            if not same:
                self.say(f'  read  "{name}":{read.text(name)}', DIM)
                self.say(f"  sent  {member}", YELLOW)
            elif full:
                self.say(f"  kept  {member}")
        if not full:
            self.say(f"  kept  the {sum(kept)} others")
        expected = {**{name: read.text(name) for name in read}, **texts}
        for what, document in (("sent", sent), ("stored", self.record())):
            found = {name: document.text(name) for name in document}
            wrong = sorted(n for n in {**expected, **found} if found.get(n) != expected.get(n))
            but = f" (wrong: {', '.join(wrong)})" if wrong else ""
            self.claim(f"{what}: new {', '.join(texts)}; every other token as read{but}", not wrong)


def basic_update(stage: Stage) -> None:
    """Send the address as the page does, and then as its contract wants it."""
    read = stage.record()
    page: dict[str, Any] = {"email": "newemail@example.com", "phone": "+1234567890"}
    address = {"street": "456 New Street", "city": "San Francisco"}
    address |= {"state": "CA", "zipCode": "94105", "country": "US"}

    stage.say("The page sends the address as an object; its contract has one string.")
    error = stage.refused(caibo.InvalidChangesError, ID, **page, address=address)
    stage.requested()
    line = error.problems[0].suggestion
    joined = "456 New Street, San Francisco, CA, 94105, US"
    stage.claim(f"error.problems[0].suggestion is {line!r}", line == joined)

    update = stage.update(ID, **page, address=line)
    get, put = stage.requested("GET", "PUT")
    stage.claim("both on one connection", get.connection == put.connection)
    texts = {"email": '"newemail@example.com"', "phone": '"+1234567890"', "address": f'"{joined}"'}
    stage.wrote(read, put.body, texts, full=True)
    sent = caibo.Document.parse(put.body)
    for name, what in DELICATE.items():
        stage.claim(f"preserved: {sent.text(name)}, {what}", sent.text(name) == read.text(name))
    stage.claim("update.changes has these three", update.changes.keys() == texts.keys())


def partial_update(stage: Stage) -> None:
    """Send `preferences`, which are on the page and not in its contract."""
    read = stage.record()
    page = {"currency": "EUR", "notifications": False, "language": "fr"}

    stage.say("The page sends `preferences`, which its contract does not have.")
    stage.refused(caibo.InvalidChangesError, ID, preferences=page)
    stage.requested()

    stage.say("If this gateway accepts it nevertheless:")
    update = stage.update(ID, extra={"preferences": page})
    _, put = stage.requested("GET", "PUT")
    old = '{"currency":"EUR","theme":"dark","limits":{"daily":250.00}'
    stage.wrote(read, put.body, {"preferences": f'{old},"notifications":false,"language":"fr"}}'})
    merged = update.customer.document["preferences"]
    stage.claim("merged: theme and limits are kept", merged.keys() - page == {"theme", "limits"})


def update_with_validation(stage: Stage) -> None:
    """Refuse bad values before they cost a request."""
    bad = {"email": "not-an-email", "phone": "+1 202 555 0143 ext. 4711"}

    error = stage.refused(caibo.InvalidChangesError, ID, None, **bad)
    stage.requested()
    fields = [problem.field for problem in error.problems]
    stage.claim(f"error.problems has both: {', '.join(fields)}", fields == [*bad])


def customer_not_found(stage: Stage) -> None:
    """Meet 404."""
    error = stage.refused(caibo.NotFoundError, 99999, phone=None)
    stage.requested("GET")
    stage.claim("error.status is 404", error.status == 404)


def validation_errors(stage: Stage) -> None:
    """Meet 400: what the client lets through, the gateway may still refuse."""
    before = stage.gateway.raw(ID)

    stage.say("With caibo.Caibo(…, validate=False), which leaves it to the gateway:")
    with stage.connect(api_key=stage.gateway.api_key, validate=False) as client:
        error = stage.refused(caibo.BadRequestError, ID, client, email="not-an-email")
    stage.requested("GET", "PUT")
    stage.claim("error.field_errors has email", [*error.field_errors] == ["email"])
    stage.claim("the record is as it was", stage.gateway.raw(ID) == before)


def authentication(stage: Stage) -> None:
    """Meet 401: a key stays wrong, a login is renewed."""
    gateway = stage.gateway

    stage.say('With caibo.Caibo(api_key="caibo_test_sk_of_yesterday"):')
    with stage.connect(api_key="caibo_test_sk_of_yesterday") as client:
        error = stage.refused(caibo.AuthenticationError, ID, client, phone=None)
    stage.requested("GET")
    stage.claim("the message does not show the key", "of_yesterday" not in str(error))

    stage.say("The page's advice is to refresh the token and retry; this does both:")
    stage.say("with caibo.Caibo(auth=caibo.Login(email, password)), and a token that has expired:")
    with stage.connect(auth=caibo.Login(gateway.email, gateway.password)) as client:
        client.customers.get(ID)
        stage.requested("POST", "GET")
        gateway.expire_tokens()
        update = stage.update(ID, client, member_id="M-1002")
    stage.requested("GET", "POST", "GET", "PUT")
    stage.claim("update.outcome is 'accepted'", update.outcome == "accepted")


def clear_a_field(stage: Stage) -> None:
    """Clear one field, and keep those that are left out."""
    read = stage.record()

    update = stage.update(ID, phone=None)
    _, put = stage.requested("GET", "PUT")
    stage.wrote(read, put.body, {"phone": "null"})
    stage.claim("update.customer.phone is None", update.customer.phone is None)


def nothing_to_change(stage: Stage) -> None:
    """Pay one read for an update that changes nothing."""
    update = stage.update(ID, email="newemail@example.com", phone=None)
    stage.requested("GET")
    stage.claim("update.outcome is 'unchanged'", update.outcome == "unchanged")


SCENES: Mapping[str, Callable[[Stage], None]] = {
    "Basic customer update": basic_update,
    "Partial customer update": partial_update,
    "Update with validation": update_with_validation,
    "Error: customer not found (404)": customer_not_found,
    "Error: validation errors (400)": validation_errors,
    "Error: authentication (401)": authentication,
    "None clears a field": clear_a_field,
    "Nothing to change": nothing_to_change,
}


def play(stage: Stage) -> int:
    """Play every scene, also after one that broke off, and return the exit status."""
    for number, (title, scene) in enumerate(SCENES.items(), start=1):
        stage.say(f"{number}  {title}", BOLD, margin="\n")
        try:
            scene(stage)
        except Exception as error:
            what = "".join(traceback.format_exception_only(error)).strip()
            stage.claim(f"“{title}” plays to its end; it broke off with {what}", False)
    if stage.broken:
        count = f"{len(stage.broken)} of {stage.claims} claims"
        stage.say(f"✗ {count} did not hold:", RED, margin="\n")
        for text in stage.broken:
            stage.say(text, RED)
        return 1
    stage.say(f"✓ All {stage.claims} claims of {len(SCENES)} scenes held.", GREEN, margin="\n")
    return 0


def main(arguments: Sequence[str] | None = None, gateway: FakeCaibo | None = None) -> int:
    """Play the demo against a fake gateway, and return the exit status."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # not every terminal has a ✓
    gateway = gateway or FakeCaibo()
    gateway.add_document(RECORD)
    with gateway.serve() as server:
        stage = Stage(gateway, server.base_url)
        title = f"caibo {caibo.__version__} and a fake gateway at {server.base_url}"
        stage.say(title, BOLD, margin="")
        stage.say("Everybody in it is made up, which is why values are shown here.", margin="")
        with stage.client:
            return play(stage)


if __name__ == "__main__":
    sys.exit(main())
