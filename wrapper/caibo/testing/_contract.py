"""What the packaged contract says about the body of a PUT; no limit is written here by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache, cached_property
from typing import Any

from caibo._record import contract as packaged
from caibo._record.json_text import Members, decode
from caibo._record.schema import Fault, Schema

PATH = "/customers/{id}"


@dataclass(frozen=True)
class Contract:
    """The parts of the contract that a gateway enforces when it takes a customer."""

    properties: Mapping[str, Mapping[str, Any]]
    required: frozenset[str]
    media_types: tuple[str, ...]
    root: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @cached_property
    def schemas(self) -> Mapping[str, Schema]:
        """What is said of each property."""
        return {name: Schema(said, self.root) for name, said in self.properties.items()}

    @cached_property
    def _wire_names(self) -> Mapping[str, str]:
        return {packaged.python_name(name): name for name in self.properties}

    def server_owned(self, name: str) -> bool:
        """Tell whether a member is marked `readOnly`, which is an assumption of the overlay."""
        return bool(self.properties.get(name, {}).get("readOnly"))

    def wire_name(self, name: str) -> str:
        """Return the name on the wire of a field that may be spelt in snake_case."""
        return name if name in self.properties else self._wire_names.get(name, name)

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
                for key, message in self._broken(name, decode(member.value)):
                    errors.setdefault(key, []).append(message)
        return errors

    def _broken(self, name: str, value: Any) -> Iterator[tuple[str, str]]:
        """Yield the key and the message of each rule that a value breaks."""
        for fault in self.schemas[name].faults(value, name, whole=True):
            yield _answered(fault)


@cache
def contract() -> Contract:
    """Read the contract that this package was generated from."""
    document = packaged.contract()
    content = document["paths"][PATH]["put"]["requestBody"]["content"]
    name = next(iter(content.values()))["schema"]["$ref"].rpartition("/")[2]
    schema = document["components"]["schemas"][name]
    required = frozenset(schema.get("required", ()))
    return Contract(schema["properties"], required, tuple(content), document)


def fits_int64(number: Decimal | int) -> bool:
    """Tell whether a number is whole and has at most 64 bits."""
    return -(2**63) <= number < 2**63 and number == int(number)


def _answered(fault: Fault) -> tuple[str, str]:
    """Return the key and the message that ASP.NET has for what a value breaks."""
    field = _pascal(fault.path)
    match fault.keyword:
        case "nullable" | "required":
            return field, f"The {field} field is required."
        case "maxLength":  # in code points; .NET counts UTF-16 units
            message = f"The field {field} must be a string with a maximum length of {fault.limit}."
            return field, message
        case "email":
            return field, f"The {field} field is not a valid e-mail address."
        case "type" | "format" | "enum" | "oneOf" | "date" | "date-time" | "uuid":
            where = f"$.{fault.path}"
            return where, f"The JSON value could not be converted. Path: {where}."
        case _:
            return field, f"The field {field} is invalid."


def _pascal(name: str) -> str:
    return name[:1].upper() + name[1:]
