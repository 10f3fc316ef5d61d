"""What the vendor documents next is asked for, with the very lines that rule on it.

Each test lets the vendor publish something, checks that the generation asks, writes
what it says into the overlay, and looks what is generated then.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import alarm
import generate
import pytest
from documents import load
from projects import ROOT, Edit, copy_contract
from rulings import READ as READ_TARGET
from rulings import rule, withdraw
from vendors import CLIENT, CREATE, DELETE, LIST, OK, PATCH, PATH, READ, in_3_1

Capture = pytest.CaptureFixture[str]
TARGET = "codegen/overlay.yaml"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what the generator reads and of what it made."""
    copy_contract(tmp_path)
    return tmp_path


def run(project: Path) -> int:
    return generate.main(["write", "--root", str(project)])


def made(project: Path, name: str) -> str:
    return (project / generate.PACKAGE / name).read_text()


def packaged(project: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(made(project, "openapi.json"))
    return document


def ask(project: Path, capsys: Capture) -> list[str]:
    """Generate where that needs decisions, and give them."""
    assert run(project) == generate.DECISION

    heading, *decisions = capsys.readouterr().err.split("\n- ")
    assert heading == "generate: a decision is needed:"
    return decisions


@pytest.mark.parametrize(
    ("published", "title", "module", "sends"),
    [
        (PATH + PATCH, "PATCH /customers/{id}", "patch_customer", "application/merge-patch+json"),
        (PATH + DELETE, "DELETE /customers/{id}", "delete_customer", None),
        (CREATE + PATH, "POST /customers", "create_customer", "application/json"),
        (LIST + PATH, "GET /customers", "list_customers", None),
    ],
)
def test_a_new_operation_is_ruled_on_with_the_lines_that_are_said(
    project: Path,
    edit: Edit,
    capsys: Capture,
    published: str,
    title: str,
    module: str,
    sends: str | None,
) -> None:
    """Pasted with a reason, they are all that it needs to be called through `client.api`."""
    edit("openapi.yaml", PATH, published)

    decisions = ask(project, capsys)
    rule(project, *decisions)

    assert f"no ruling for {title}: is it to be called " in decisions[0]
    assert run(project) == 0
    code = made(project, f"api/customers/{module}.py")
    assert re.findall(r'"Content-Type"\] = "(.*)"', code) == ([sends] if sends else [])
    assert "response.text" not in code


@pytest.mark.parametrize("published", [PATH + PATCH, PATH + DELETE])
def test_a_new_operation_may_be_left_out(
    project: Path, edit: Edit, capsys: Capture, published: str
) -> None:
    """Then nothing of it is generated."""
    edit("openapi.yaml", PATH, published)
    before = generate.files(project / generate.PACKAGE)

    [decision] = ask(project, capsys)
    rule(project, decision, choice=9)

    assert run(project) == 0
    after = generate.files(project / generate.PACKAGE)
    assert after.keys() == before.keys()
    assert after["openapi.json"] == before["openapi.json"]


@pytest.mark.parametrize("named", [False, True])
def test_patch_is_taken_up_by_the_facade_under_its_name(
    project: Path, edit: Edit, capsys: Capture, named: bool
) -> None:
    """Whatever the vendor calls it; what is packaged says so."""
    theirs = "    patch:\n      tags: [Clients]\n      operationId: patchClient\n"
    published = PATCH.replace("    patch:\n", theirs) if named else PATCH
    edit("openapi.yaml", PATH, PATH + published)

    [decision] = ask(project, capsys)
    rule(project, decision)

    assert 'called by `update` with `send="changes"`, through `client.api`, or' in decision
    assert run(project) == 0
    assert "merge-patch+json" in made(project, "api/customers/patch_customer.py")
    assert packaged(project)["paths"]["/customers/{id}"]["patch"]["x-use"] == "facade"


@pytest.mark.parametrize("choice", [0, 1])
def test_of_several_media_types_a_patch_is_sent_as_a_merge_patch(
    project: Path, edit: Edit, capsys: Capture, choice: int
) -> None:
    """The framework lists its own first."""
    listed = f"application/json-patch+json: {CLIENT}, application/merge-patch+json: {CLIENT}"
    published = PATCH.replace(f"application/merge-patch+json: {CLIENT}", listed)
    edit("openapi.yaml", PATH, PATH + published)

    ruling, types = ask(project, capsys)
    rule(project, ruling, choice=choice)
    rule(project, types)

    assert "sends application/merge-patch+json and nothing else" in types
    assert run(project) == 0


@pytest.mark.parametrize("body", ["application/json", None])
def test_a_patch_of_another_kind_is_none_for_the_facade(
    project: Path, edit: Edit, capsys: Capture, body: str | None
) -> None:
    """Nobody knows what null does in it; a ruling that says otherwise is asked for again."""
    said = f"      requestBody: {{content: {{application/merge-patch+json: {CLIENT}}}}}\n"
    other = f"      requestBody: {{content: {{{body}: {CLIENT}}}}}\n" if body else ""
    edit("openapi.yaml", PATH, PATH + PATCH.replace(said, other))

    [decision] = ask(project, capsys)
    rule(project, decision.replace("x-use: api", "x-use: facade"))
    [again] = ask(project, capsys)

    assert "called through `client.api`, or left out?" in decision
    assert "x-use: facade" not in decision
    assert "no ruling for PATCH /customers/{id}" in again


def test_a_read_that_the_vendor_documents_gets_the_name_that_the_facade_calls(
    project: Path, edit: Edit, capsys: Capture
) -> None:
    """Otherwise hardly a test would get past its import."""
    edit("openapi.yaml", PATH, PATH + READ)

    [first] = ask(project, capsys)
    assert "adds get, which the contract now says itself" in first
    assert "operationId: get_customer" in first
    rule(project, first)
    [answers] = ask(project, capsys)
    rule(project, answers)

    assert "has text/plain, application/json, text/json: the generated client reads" in answers
    assert run(project) == 0
    assert "response.text" not in made(project, "api/customers/get_customer.py")
    assert packaged(project)["paths"]["/customers/{id}"]["get"]["tags"] == ["Customers"]


def test_a_read_without_the_name_is_asked_for(project: Path, edit: Edit, capsys: Capture) -> None:
    """Also when our guess was taken out before anybody looked at the name."""
    edit("openapi.yaml", PATH, PATH + READ)
    withdraw(project, READ_TARGET)

    decisions = ask(project, capsys)
    rule(project, *decisions)

    assert "GET /customers/{id} has not the names by which the facade calls it" in decisions[0]
    assert run(project) == 0


def test_a_read_that_is_gone_is_asked_for(project: Path, capsys: Capture) -> None:
    """The facade imports it by name."""
    withdraw(project, READ_TARGET)

    [decision] = ask(project, capsys)

    assert "the facade calls GET /customers/{id}, and the contract has no such" in decision


def test_the_operations_of_the_facade_are_those_that_it_imports() -> None:
    """Under the names that the table has for them."""
    imported = {
        (node.module.removeprefix("caibo_api.api."), name.name)
        for path in (ROOT / "wrapper" / "caibo").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("caibo_api.api.")
        for name in node.names
        if node.module
    }
    facade = {key: (tag.lower(), id) for key, (tag, id) in alarm.FACADE.items()}

    # It is generated from its ruling on only, and until then no import would hold.
    optional = {f"caibo_api.api.{tag}.{id}" for tag, id in map(facade.pop, alarm.OPTIONAL)}
    named = (ROOT / "wrapper" / "caibo" / "_write" / "carrying.py").read_text("utf-8")

    assert imported == set(facade.values())
    assert all(f'import_module("{name}")' in named for name in optional)


def test_a_body_that_cannot_be_sent_leaves_the_operation_out(
    project: Path, edit: Edit, capsys: Capture
) -> None:
    """Of media types that the generator does not know, removing one leads nowhere."""
    body = f"requestBody: {{content: {{application/xml: {CLIENT}}}}}"
    create = f"  /customers:\n    post:\n      {body}\n      responses: {OK}\n"
    edit("openapi.yaml", PATH, create + PATH)

    decisions = ask(project, capsys)
    rule(project, decisions[-1])

    assert "the client can send none of them" in decisions[-1]
    assert run(project) == 0


@pytest.mark.parametrize(
    ("content", "asked"),
    [
        ("{text/plain: {schema: {type: string}}}", False),
        ("{application/octet-stream: {schema: {type: string, format: binary}}}", False),
        ("{application/problem+json: {schema: {type: object}}}", False),
        (f"{{text/plain: {CLIENT}}}", True),
        (f"{{application/xml: {CLIENT}}}", True),
        (f"{{text/plain: {CLIENT}, application/json: {CLIENT}}}", True),
        (f"{{application/json: {CLIENT}, text/json: {CLIENT}}}", True),
    ],
)
def test_an_answer_that_the_generator_would_misread_is_asked(
    project: Path, edit: Edit, capsys: Capture, content: str, asked: bool
) -> None:
    """It takes the first media type that it knows, text for a model included."""
    edit(
        "openapi.yaml",
        "          description: OK\n",
        f"          description: OK\n          content: {content}\n",
    )

    if asked:
        [decision] = ask(project, capsys)
        assert "put.responses['200'].content has " in decision
        rule(project, decision)

    assert run(project) == 0
    assert "response.text)" not in made(project, "api/customers/replace_customer.py")


def test_bodies_and_answers_behind_a_reference_are_looked_at(
    project: Path, edit: Edit, capsys: Capture
) -> None:
    """The lines name the place where they are, not the one that refers to it."""
    edit(
        "openapi.yaml",
        "components:\n",
        "components:\n  responses:\n    Found:\n      description: OK\n"
        f"      content: {{text/plain: {CLIENT}, application/json: {CLIENT}}}\n"
        "  requestBodies:\n    Sent:\n"
        f"      content: {{application/json: {CLIENT}, text/json: {CLIENT}}}\n",
    )
    edit(
        "openapi.yaml",
        PATH,
        "  /customers:\n    post:\n"
        "      requestBody: {$ref: '#/components/requestBodies/Sent'}\n"
        "      responses: {'200': {$ref: '#/components/responses/Found'}}\n" + PATH,
    )

    decisions = ask(project, capsys)
    rule(project, *decisions)

    assert "$.components.requestBodies.Sent.content['text/json']" in decisions[1]
    assert "$.components.responses.Found.content['text/plain']" in decisions[2]
    assert run(project) == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("openapi: 3.0.4", "openapi: 3.0.5", 'the contract is OpenAPI "3.0.5"'),
        (
            "apay.caibo",
            "apay2.caibo",
            'the contract has the servers ["https://apay2.caibo.digital"]',
        ),
        (
            "servers:\n",
            "servers:\n  - url: https://other.example\n",
            'has the servers ["https://other.example", "https://apay.caibo.digital"]',
        ),
    ],
)
def test_another_version_and_other_servers_are_decisions(
    project: Path, edit: Edit, capsys: Capture, old: str, new: str, said: str
) -> None:
    """The first server is where credentials go; the lines to write are said here, too."""
    edit("openapi.yaml", old, new)

    [decision] = ask(project, capsys)
    assert said in decision
    name, _, value = decision.splitlines()[-1].strip().partition(": ")
    overlay = project / TARGET
    known = load(overlay.read_text())[alarm.EXPECTED][name]
    written = f"openapi: {known}" if name == "openapi" else f"servers:\n    - {known[0]}"
    edit(TARGET, written, f"{name}: {value}")

    assert run(project) == 0


def test_a_server_that_is_only_described_otherwise_is_none(project: Path, edit: Edit) -> None:
    """Words around an address are no change of it."""
    edit("openapi.yaml", "Caibo APay server", "The server of Caibo")

    assert run(project) == 0


@pytest.mark.parametrize("old", ["    put:\n", PATH])
def test_a_server_of_an_operation_is_asked(
    project: Path, edit: Edit, capsys: Capture, old: str
) -> None:
    """The generated client sends everything to one address."""
    indent = "      " if "put" in old else "    "
    edit("openapi.yaml", old, f"{old}{indent}servers: [{{url: 'https://other.example'}}]\n")

    [decision] = ask(project, capsys)
    rule(project, decision)

    assert "names other servers" in decision
    assert run(project) == 0


def test_an_overlay_says_what_it_was_written_for(
    project: Path, edit: Edit, capsys: Capture
) -> None:
    """Without that, any version and any server would pass."""
    edit(TARGET, "x-expects:", "x-expected:")

    assert run(project) == 1

    assert "needs `x-expects`" in capsys.readouterr().err


# OpenAPI 3.1


def move_to_3_1(project: Path) -> None:
    """Write the vendor's contract as one of OpenAPI 3.1 that says the same, and more."""
    path = project / "openapi.yaml"
    examples = "        phone:\n          examples: ['+4930', null]\n"
    path.write_text(in_3_1(path.read_text()).replace("        phone:\n", examples))


def test_openapi_3_1_is_taken_up(project: Path, capsys: Capture) -> None:
    """What the overlay adds in the words of 3.0 is asked for, each with its words of 3.1."""
    move_to_3_1(project)

    version, *nulls = ask(project, capsys)
    rule(project, version, *nulls)

    assert '"3.1.0", and x-expects' in version
    assert [re.findall(r"(\w+) has `nullable`", said)[0] for said in nulls] == [
        "ownerId",
        "createDate",
        "accessToken",
        "expireDate",
    ]
    assert 'update: {type: [integer, "null"]}' in nulls[0]
    assert "x-replaces: {type: integer}" in nulls[0]
    assert run(project) == 0
    fields = packaged(project)["components"]["schemas"]["Client"]["properties"]
    assert fields["ownerId"]["type"] == ["integer", "null"]
    assert fields["phone"]["examples"] == ["+4930", None]


def test_the_models_of_3_1_are_those_of_3_0(project: Path, capsys: Capture) -> None:
    """The vendor's move to another version of OpenAPI changes no generated type."""
    before = made(project, "models/customer.py")
    test_openapi_3_1_is_taken_up(project, capsys)

    assert made(project, "models/customer.py") == before


def test_a_definition_within_a_schema_is_found(project: Path, edit: Edit, capsys: Capture) -> None:
    """`$defs` are named by references as components are."""
    move_to_3_1(project)
    edit(
        "openapi.yaml",
        "      additionalProperties: false\n",
        (
            "      $defs:\n        Tier: {type: string, enum: [gold, silver]}\n"
            "      additionalProperties: false\n"
        ),
    )
    edit(
        "openapi.yaml",
        "        phone:\n",
        ("        tier: {$ref: '#/components/schemas/Client/$defs/Tier'}\n        phone:\n"),
    )

    decisions = ask(project, capsys)

    rule(project, *decisions)

    assert any("no ruling for tier" in decision for decision in decisions)
    assert run(project) == 0
    assert 'GOLD = "gold"' in made(project, "models/client_tier.py")
    assert "$defs" in packaged(project)["components"]["schemas"]["Client"]
