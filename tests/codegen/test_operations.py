"""Operations of every kind, generated: what is called with what, and what is misread.

`tests/test_generated.py` does this with the operations that there are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import generate
import pytest
from contract_server import Contract, Operation, Server, plain
from projects import ROOT

THING = {"$ref": "#/components/schemas/Thing"}
SCHEMAS: dict[str, Any] = {
    "Kind": {"type": "string", "enum": ["small", "large"]},
    "Thing": {
        "type": "object",
        "required": ["name", "isOpen"],
        "properties": {
            "name": {"type": "string", "maxLength": 3},
            "isOpen": {"type": "boolean"},
            "kind": {"allOf": [{"$ref": "#/components/schemas/Kind"}]},
            "since": {"type": "string", "format": "date-time", "nullable": True},
            "parts": {"type": "array", "items": THING},
        },
    },
}


def said(name: str, answer: Any, **more: Any) -> dict[str, Any]:
    described = {"description": "OK", **({"content": answer} if answer else {})}
    responses = {"200" if answer else "204": described}
    return {"operationId": name, "tags": ["Things"], "responses": responses, **more}


def parameter(name: str, where: str, schema: Any) -> dict[str, Any]:
    return {"name": name, "in": where, "required": where == "path", "schema": schema}


def body(media_type: str) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {media_type: {"schema": THING}}}}


def json_of(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


PAGED = [
    parameter("page", "query", {"type": "integer"}),
    parameter("kind", "query", {"$ref": "#/components/schemas/Kind"}),
    parameter("since", "query", {"type": "string", "format": "date"}),
    parameter("ids", "query", {"type": "array", "items": {"type": "integer"}}),
    parameter("X-Open", "header", {"type": "boolean"}),
]
READ_AS_TEXT = {"text/plain": {"schema": THING}, **json_of(THING)}
PATHS: dict[str, Any] = {
    "/things": {
        "get": said("list_things", json_of({"type": "array", "items": THING}), parameters=PAGED),
        "post": said("create_thing", json_of(THING), **body("application/json")),
    },
    "/things/{id}": {
        "parameters": [parameter("id", "path", {"type": "integer"})],
        "patch": said("patch_thing", json_of(THING), **body("application/merge-patch+json")),
        "put": said("misread_thing", READ_AS_TEXT, **body("application/json")),
        "delete": said("delete_thing", None),
    },
    "/things/{id}/note": {
        "parameters": [parameter("id", "path", {"type": "string", "format": "uuid"})],
        "get": said("get_note", {"text/plain": {"schema": {"type": "string"}}}),
        "post": said("post_note", None, **body("application/x-www-form-urlencoded")),
    },
}
RIGHT = ["list_things", "create_thing", "patch_thing", "delete_thing", "get_note", "post_note"]


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contract]:
    """A package of its own, made by the generator as it is set up for ours."""
    folder = tmp_path_factory.mktemp("generated")
    document = {
        "openapi": "3.0.4",
        "info": {"title": "Things", "version": "1"},
        "paths": PATHS,
        "components": {"schemas": SCHEMAS},
    }
    source = folder / "openapi.json"
    source.write_text(json.dumps(document))
    generate._run_generator(source, ROOT / "codegen" / "config.yaml", folder / "things_api")
    source.rename(folder / "things_api" / source.name)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.syspath_prepend(str(folder))
        yield Contract("things_api")


def named(contract: Contract, name: str) -> Operation:
    [found] = [one for one in contract.operations if one.said["operationId"] == name]
    return found


def call(contract: Contract, operation: Operation) -> tuple[Any, list[str]]:
    """Call a generated function before a server of its contract."""
    server = Server(contract)
    [server.status] = operation.statuses
    client = import_module(contract.package).Client
    functions = vars(import_module(operation.module))
    with server.serve() as address, client(base_url=address) as api:
        response = functions["sync_detailed"](**contract.arguments(operation), client=api)
    return plain(response.parsed), server.wrong


@pytest.mark.parametrize("name", RIGHT)
def test_each_kind_sends_and_reads_what_the_contract_says(contract: Contract, name: str) -> None:
    """Lists with paging, bodies of several media types, no answer at all."""
    operation = named(contract, name)

    got, wrong = call(contract, operation)

    assert got == contract.answer(operation, operation.statuses[0])[1]
    assert wrong == []


def test_text_that_stands_first_is_misread(contract: Contract) -> None:
    """The generator takes the first media type, so the same test is red for it."""
    with pytest.raises(Exception, match=r"dictionary update sequence|'str'|not iterable"):
        call(contract, named(contract, "misread_thing"))


def test_a_server_says_what_did_not_come(contract: Contract) -> None:
    """Or what came and is in no contract."""
    server = Server(contract)

    server.answer("GET", "/things?page=1&kind=small&since=x&ids=1", {})
    server.answer("POST", "/things", {"Content-Type": "text/plain"})
    server.answer("TRACE", "/things", {})

    assert server.wrong == [
        "GET /things: header X-Open did not come",
        "POST /things: the body is 'text/plain', not one of ['application/json']",
        "TRACE /things is no operation",
    ]
