"""What the packaged contract says about the body of a PUT; no limit is written here by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from caibo._record.json_text import Members, decode

PATH = "/customers/{id}"
_JSON_TYPES = {'"': "string", "{": "object", "[": "array", "t": "boolean", "f": "boolean"}


@dataclass(frozen=True)
class Contract:
    """The parts of the contract that a gateway enforces when it takes a customer."""

    properties: Mapping[str, Mapping[str, Any]]
    required: frozenset[str]
    media_types: tuple[str, ...]

    def server_owned(self, name: str) -> bool:
        """Tell whether a member is marked `readOnly`, which is an assumption of the overlay."""
        return bool(self.properties.get(name, {}).get("readOnly"))

    def wire_name(self, name: str) -> str:
        """Return the name on the wire of a field that may be spelt in snake_case."""
        camel = re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), name)
        return camel if camel in self.properties else name

    def refusals(
        self, sent: Members, *, strict: bool, refuses_read_only: bool = False
    ) -> dict[str, list[str]]:
        """Return what ASP.NET would answer in `errors`, empty for a body that is taken.

        Members that the server owns are not looked at, because it ignores them, unless
        it refuses them.
        """
        errors = {
            _pascal(name): [f"The {_pascal(name)} field is required."]
            for name in sorted(self.required - sent.keys())
        }
        for name, member in sent.items():
            if name not in self.properties:
                if strict:
                    errors[f"$.{name}"] = [f"The JSON property '{name}' could not be mapped."]
            elif self.server_owned(name):
                if refuses_read_only:
                    errors[_pascal(name)] = [f"The {_pascal(name)} field is read-only."]
            else:
                for key, message in _broken(name, member.value, self.properties[name]):
                    errors.setdefault(key, []).append(message)
        return errors


@cache
def contract() -> Contract:
    """Read the contract that this package was generated from."""
    document = json.loads(files("caibo_api").joinpath("openapi.json").read_text("utf-8"))
    content = document["paths"][PATH]["put"]["requestBody"]["content"]
    name = next(iter(content.values()))["schema"]["$ref"].rpartition("/")[2]
    schema = document["components"]["schemas"][name]
    return Contract(schema["properties"], frozenset(schema["required"]), tuple(content))


def fits_int64(number: Decimal | int) -> bool:
    """Tell whether a number is whole and has at most 64 bits."""
    return -(2**63) <= number < 2**63 and number == int(number)


def _broken(name: str, value: str, schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the key and the message of each rule that the JSON text of a value breaks."""
    field = _pascal(name)
    if value == "null":
        if not schema.get("nullable"):
            yield field, f"The {field} field is required."
    elif not _is_of_type(value, schema):
        yield f"$.{name}", f"The JSON value could not be converted. Path: $.{name}."
    elif schema.get("type") == "string":
        text: str = decode(value)
        longest = schema.get("maxLength", len(text))
        if len(text) > longest:  # in code points; .NET counts UTF-16 units
            message = f"The field {field} must be a string with a maximum length of {longest}."
            yield field, message
        if schema.get("format") == "email" and not re.fullmatch("[^@]+@[^@]+", text):
            yield field, f"The {field} field is not a valid e-mail address."


def _is_of_type(value: str, schema: Mapping[str, Any]) -> bool:
    found = _JSON_TYPES.get(value[0], "number")
    if schema.get("type") == "integer":
        return found == "number" and fits_int64(decode(value))
    return bool(found == schema.get("type", found))


def _pascal(name: str) -> str:
    return name[:1].upper() + name[1:]
