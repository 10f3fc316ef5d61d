"""What the vendor may publish next, as text to put into its contract."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

PATH = "  /customers/{id}:\n"
ID = "{name: id, in: path, required: true, schema: {type: integer, format: int64}}"
CLIENT = "{schema: {$ref: '#/components/schemas/Client'}}"
OK = f"{{'200': {{description: OK, content: {{application/json: {CLIENT}}}}}}}"
PATCH = (
    f"    patch:\n      parameters: [{ID}]\n"
    f"      requestBody: {{content: {{application/merge-patch+json: {CLIENT}}}}}\n"
    f"      responses: {OK}\n"
)
DELETE = (
    f"    delete:\n      parameters: [{ID}]\n      responses: {{'204': {{description: Gone}}}}\n"
)
READ = (
    f"    get:\n      tags: [Clients]\n      operationId: getClient\n      parameters: [{ID}]\n"
    "      responses:\n        '200':\n          description: OK\n          content:\n"
    f"            text/plain: {CLIENT}\n            application/json: {CLIENT}\n"
    f"            text/json: {CLIENT}\n"
)
CREATE = (
    f"  /customers:\n    post:\n      requestBody:\n        content:\n"
    f"          application/json-patch+json: {CLIENT}\n          application/json: {CLIENT}\n"
    f"          application/*+json: {CLIENT}\n      responses: {OK}\n"
)
LIST = (
    "  /customers:\n    get:\n"
    "      parameters: [{name: page, in: query, schema: {type: integer}}]\n"
    "      responses:\n        '200':\n          description: OK\n          content:\n"
    f"            text/plain: {CLIENT}\n"
    "            application/json: {schema: {type: array, items: {$ref: "
    "'#/components/schemas/Client'}}}\n"
)


def lines(members: Mapping[str, Any], indent: int) -> str:
    """Give properties or schemas as lines of a contract; JSON is YAML in its flow style."""
    said = {name: getattr(one, "schema", one) for name, one in members.items()}
    return "".join(f"{' ' * indent}{name}: {json.dumps(one)}\n" for name, one in said.items())


def in_3_1(text: str) -> str:
    """Say the same in the words of OpenAPI 3.1."""
    text = text.replace("openapi: 3.0.4", "openapi: 3.1.0")
    nullable = r"type: (\w+)\n((?: +format: \S+\n)?) +nullable: true\n"
    text = re.sub(nullable, r"type: [\1, 'null']\n\2", text)
    assert "nullable" not in text
    return text
