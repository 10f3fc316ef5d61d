"""The fake gateway keeps the packaged contract, whatever schemathesis sends to it.

Valid and invalid requests are made up from the contract and every check is on, so
that a test which passes against the fake rests on more than our own reading of the
contract.  `nox -s schemathesis` installs it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given, settings

from caibo.testing import FakeCaibo, FakeServer, Request

pytest.importorskip("schemathesis", reason="nox -s schemathesis installs it")

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup

CONFIG = SchemathesisConfig.from_dict(
    {"seed": 1, "generation": {"deterministic": True, "max-examples": 100}}
)
Case = schemathesis.Case[Any]
PROBLEM = {"$ref": "#/components/schemas/ProblemDetails"}


def contract() -> dict[str, Any]:
    """Return the packaged contract with what the fake answers beyond it.

    - ProblemDetails come as `application/problem+json`, as from ASP.NET Core; the
      contract declares `application/json`.
    - An id that is no int64 is a 400 on the read, too, which is an assumption of ours
      and declared with the statuses that matter to a caller only.
    - A body too large or of another media type is refused by what stands before the
      operation; the contract has neither 413 nor 415.

    A 405 needs no word here: schemathesis wants one for other methods.
    """
    text = files("caibo_api").joinpath("openapi.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    declared: dict[str, Any]
    for path in document["paths"].values():
        for operation in path.values():
            declared = operation["responses"]
            beyond = ["400", "413", "415"] if "requestBody" in operation else ["400"]
            for status in beyond:
                declared.setdefault(status, {"description": "", "content": {}})
            for status in declared.keys() - {"200"}:
                declared[status]["content"]["application/problem+json"] = {"schema": PROBLEM}
    # The one login that succeeds.
    fake = FakeCaibo()
    login = document["components"]["schemas"]["LoginRequest"]
    login["example"] = {"email": fake.email, "password": fake.password}
    return document


SCHEMA = schemathesis.openapi.from_dict(contract(), config=CONFIG)


def every_other_customer_exists(fake: FakeCaibo, request: Request) -> None:
    """Add the customer that a request is about if its id is even."""
    id = request.path.rpartition("/")[2]
    if re.fullmatch("-?[0-9]+", id) and int(id) % 2 == 0:
        try:
            fake.raw(int(id))
        except KeyError:
            fake.add_customer(id=int(id))


@pytest.fixture(scope="module")
def gateway() -> Iterator[FakeServer]:
    """Serve one gateway to all operations: what a PUT wrote is read later."""
    fake = FakeCaibo()
    fake.on_request = partial(every_other_customer_exists, fake)
    with fake.serve() as server:
        yield server


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no proxy stand before the loopback interface."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def hold(case: Case, server: FakeServer) -> None:
    """Send a request and run every check on the answer."""
    key = {"X-API-Key": server.gateway.api_key}
    case.call_and_validate(base_url=server.base_url, headers=key)


@SCHEMA.parametrize()
def test_the_fake_keeps_the_contract(case: Case, gateway: FakeServer) -> None:
    """It takes what the contract allows, refuses the rest, and answers as declared."""
    hold(case, gateway)


JSON = {"Content-Type": "application/json"}
VALID, INVALID = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE


@pytest.mark.parametrize(
    ("sent", "method", "fault", "finding"),
    [
        (VALID, "GET", {"status": 500}, "Server error"),
        (VALID, "GET", {"status": 402}, "Undocumented status code"),
        (VALID, "GET", {"status": 200, "body": b"<p>"}, "Missing Content-Type header"),
        (
            VALID,
            "GET",
            {"status": 200, "headers": {"Content-Type": "text/html"}, "body": b"<p>"},
            "Undocumented Content-Type",
        ),
        (
            VALID,
            "GET",
            {"status": 200, "headers": JSON, "body": b'{"name":"","email":5}'},
            "Response violates schema",
        ),
        (
            VALID,
            "GET",
            {"status": 200, "headers": JSON, "body": b'{"name":"","email":"a@b.example"}'},
            "API accepts requests without authentication",
        ),
        (VALID, "PUT", {"status": 400}, "Schema-valid request rejected"),
        (INVALID, "PUT", {"status": 200}, "Schema-violating request accepted"),
    ],
)
def test_a_gateway_that_breaks_the_contract_is_found(
    server: FakeServer,
    sent: schemathesis.GenerationMode,
    method: str,
    fault: dict[str, Any],
    finding: str,
) -> None:
    """Each of the checks can fail."""
    server.gateway.fail_next(**fault, times=10_000)
    cases = SCHEMA["/customers/{id}"][method].as_strategy(sent)

    @settings(derandomize=True, max_examples=20)
    @given(cases)
    def held(case: Case) -> None:
        hold(case, server)

    with pytest.raises(FailureGroup, match=finding):
        held()
