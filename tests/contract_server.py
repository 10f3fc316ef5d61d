"""A server that answers as a contract says, and what to call it with: whatever is generated.

It knows nothing of customers: paths, parameters, media types and schemas are read from the
OpenAPI document that a generated package carries.
"""

from __future__ import annotations

import enum
import json
import re
import threading
import types
import typing
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from importlib.resources import files
from pkgutil import walk_packages
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
TEXTS = {
    "date-time": "2024-03-05T09:30:12+00:00",
    "date": "2024-03-05",
    "uuid": "0f8fad5b-d9cb-469f-a165-70867728950e",
    "uri": "https://example.com/",
    "email": "ada@example.com",
}
DEEPEST = 2


class Operation(NamedTuple):
    """One operation of a contract, and the generated module that calls it."""

    module: str
    method: str
    path: str
    said: Mapping[str, Any]

    @property
    def statuses(self) -> list[int]:
        return [int(status) for status in self.said["responses"] if status.isdecimal()]


class Contract:
    """The contract that a generated package carries."""

    def __init__(self, package: str) -> None:
        self.package = package
        text = files(package).joinpath("openapi.json").read_text("utf-8")
        self.document: dict[str, Any] = json.loads(text)

    @cached_property
    def operations(self) -> list[Operation]:
        return [
            Operation(self._module(said), method, path, said)
            for path, item in self.document["paths"].items()
            for method, said in item.items()
            if method in METHODS
        ]

    def _module(self, said: Mapping[str, Any]) -> str:
        tag = re.sub(r"\W+", "_", said["tags"][0]).lower()
        return f"{self.package}.api.{tag}.{said['operationId']}"

    def modules(self) -> set[str]:
        """Name the generated modules that have functions to call."""
        root = import_module(f"{self.package}.api")
        found = walk_packages(root.__path__, f"{root.__name__}.")
        return {module.name for module in found if not module.ispkg}

    def at(self, said: Any) -> Any:
        """Return what a reference leads to, or what is there."""
        while isinstance(said, Mapping) and "$ref" in said:
            value: Any = self.document
            for step in said["$ref"].removeprefix("#/").split("/"):
                value = value[step]
            said = value
        return said

    def parameters(self, operation: Operation, where: str) -> list[str]:
        shared = self.document["paths"][operation.path].get("parameters", [])
        found = map(self.at, [*shared, *operation.said.get("parameters", [])])
        return [said["name"] for said in found if said["in"] == where]

    def sent(self, operation: Operation) -> Mapping[str, Any]:
        """Return what the body may be, by media type."""
        content: Mapping[str, Any]
        content = self.at(operation.said.get("requestBody", {})).get("content", {})
        return content

    def answer(self, operation: Operation, status: int) -> tuple[str, Any]:
        """Return media type and value of an answer; JSON where that is among several."""
        content = self.at(operation.said["responses"][str(status)]).get("content", {})
        if not content:
            return "", None
        kind = next((name for name in content if is_json(name)), next(iter(content)))
        return kind, self.sample(content[kind].get("schema", {}))

    def sample(self, schema: Any, depth: int = 0) -> Any:
        """Make up a value that a schema allows."""
        schema = self.at(schema)
        if "enum" in schema or "const" in schema:
            return schema.get("const", schema.get("enum", [None])[0])
        if parts := schema.get("allOf"):
            made = [self.sample(part, depth) for part in parts]
            return {k: v for part in made for k, v in part.items()} if len(made) > 1 else made[0]
        for choice in (*schema.get("oneOf", ()), *schema.get("anyOf", ())):
            return self.sample(choice, depth)
        kinds = schema.get("type", "object")
        kind = kinds if isinstance(kinds, str) else next(k for k in kinds if k != "null")
        simple = {"integer": 7, "number": 1.5, "boolean": True}
        if kind == "string":
            return TEXTS.get(schema.get("format", ""), "text"[: schema.get("maxLength", 4)])
        if kind == "array":
            return [] if depth > DEEPEST else [self.sample(schema["items"], depth + 1)]
        if kind == "object":
            needed = schema.get("required", [])
            members = {
                name: rule
                for name, rule in schema.get("properties", {}).items()
                if depth < DEEPEST or name in needed
            }
            return {name: self.sample(rule, depth + 1) for name, rule in members.items()}
        return simple[kind]

    def arguments(self, operation: Operation) -> dict[str, Any]:
        """Make up what to call the functions of an operation with, besides `client`."""
        hints = typing.get_type_hints(import_module(operation.module).sync_detailed)
        schemas = [media.get("schema", {}) for media in self.sent(operation).values()]
        made = {}
        for name, kind in hints.items():
            if name == "body":
                made[name] = _of(_first(kind), self.sample(schemas[-1]))
            elif name not in ("client", "return"):
                made[name] = _value(kind)
        return made


def is_json(media_type: str) -> bool:
    return media_type == "application/json" or media_type.endswith("+json")


def _first(kind: Any) -> Any:
    """Return the first type of a union that a caller would give."""
    union = typing.get_origin(kind) in (typing.Union, types.UnionType)
    of = typing.get_args(kind) if union else (kind,)
    return next(one for one in of if getattr(one, "__name__", "") not in ("Unset", "NoneType"))


def _of(kind: Any, sample: Any) -> Any:
    return kind.from_dict(sample) if hasattr(kind, "from_dict") else sample


def _value(kind: Any) -> Any:
    kind = _first(kind)
    if typing.get_origin(kind) is list:
        return [_value(typing.get_args(kind)[0])]
    if issubclass(kind, enum.Enum):
        return next(iter(kind))
    known: dict[Any, Any] = {
        bool: True,
        int: 7,
        float: 1.5,
        str: "text",
        datetime: datetime(2024, 3, 5, tzinfo=UTC),
        date: date(2024, 3, 5),
        uuid.UUID: uuid.UUID(int=7),
    }
    return known[kind]


def plain(value: Any) -> Any:
    """Return what a generated function gave as the JSON value that it was made of."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    return [plain(one) for one in value] if isinstance(value, list) else value


class Server:
    """Answer every request with what the contract says for one status.

    Attributes:
        status: what to answer with.
        wrong: what requests had that the contract has not, or lacked.
        called: the modules whose operations were asked for.
    """

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.status = 200
        self.wrong: list[str] = []
        self.called: list[str] = []

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serve on the loopback interface; give the base URL."""
        handler = type("Handler", (_Handler,), {"server_of": self})
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_address[1]}"
            finally:
                server.shutdown()
                thread.join()

    def answer(self, method: str, target: str, headers: Any) -> tuple[int, str, bytes]:
        url = urlsplit(target)
        for operation in self.contract.operations:
            path = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(operation.path))
            if operation.method == method.lower() and re.fullmatch(path, url.path):
                self.called.append(operation.module)
                self.wrong += self._lacks(operation, dict(parse_qsl(url.query)), headers)
                kind, value = self.contract.answer(operation, self.status)
                text = value if isinstance(value, str) and not is_json(kind) else json.dumps(value)
                return self.status, kind, text.encode() if kind else b""
        self.wrong.append(f"{method} {target} is no operation")
        return 404, "", b""

    def _lacks(self, operation: Operation, query: Any, headers: Any) -> Iterator[str]:
        title = f"{operation.method.upper()} {operation.path}"
        for where, given in (("query", query), ("header", headers)):
            for name in self.contract.parameters(operation, where):
                if name not in given:
                    yield f"{title}: {where} {name} did not come"
        kind, listed = (
            headers.get("Content-Type", "").partition(";")[0],
            list(self.contract.sent(operation)),
        )
        if listed and kind not in listed:
            yield f"{title}: the body is {kind!r}, not one of {listed}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_of: Server

    def __getattribute__(self, name: str) -> Any:
        # The base class looks for a `do_…` of the request's method.
        return self._exchange if name.startswith("do_") else object.__getattribute__(self, name)

    def _exchange(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, kind, body = self.server_of.answer(self.command, self.path, self.headers)
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep still."""
