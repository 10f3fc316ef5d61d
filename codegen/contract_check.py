"""Say in single lines what is wrong with a contract; the validators show all of it instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from contract_places import LONGEST, dangling, place, walk
from jsonschema.exceptions import ValidationError  # type: ignore[import-untyped]
from openapi_spec_validator import (
    OpenAPIV30SpecValidator,
    OpenAPIV31SpecValidator,
    OpenAPIV32SpecValidator,
)

BRIEF = 40
VALIDATORS = {
    "3.0": OpenAPIV30SpecValidator,
    "3.1": OpenAPIV31SpecValidator,
    "3.2": OpenAPIV32SpecValidator,
}


def wrong(contract: Mapping[str, Any]) -> list[str]:
    """List what keeps a contract from being valid OpenAPI, a line each, with its place."""
    return list(dangling(contract)) or list(_invalid(contract))


def _invalid(contract: Mapping[str, Any]) -> Iterator[str]:
    version = str(contract.get("openapi"))
    validator = VALIDATORS.get(version.rpartition(".")[0])
    if validator is None:
        yield f"$.openapi: {version[:LONGEST]!r} is no version that we know"
        return
    # Of a document in another shape than OpenAPI's it would stumble over its own questions.
    shape = list(validator.schema_validator.iter_errors(contract))
    for error in shape or validator(dict(contract)).iter_errors():
        yield _line(error, contract)


def _line(error: Any, contract: Mapping[str, Any]) -> str:
    if not isinstance(error, ValidationError):
        return f"$: {_cut(str(error))}"
    while error.context:
        # Where a reference may stand, nobody meant one that has not `$ref`.
        meant = [one for one in error.context if one.validator_value != ["$ref"]] or error.context
        error = max(meant, key=lambda one: len(one.absolute_path))
    # The message begins with all that stands at the place.
    shown = repr(error.instance)
    message = _cut(error.message.replace(shown, _cut(shown, BRIEF)))
    return f"{_cut(_place(error, contract))}: {message}"


def _place(error: Any, contract: Mapping[str, Any]) -> str:
    """Name the place of an error; the validator of a schema counts from that schema."""
    path = tuple(error.absolute_path)
    for steps, value in walk(contract):
        if path and steps[-len(path) :] == path and value is error.instance:
            return place(steps)
    return place(path)


def _cut(text: str, longest: int = LONGEST) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[:longest]}…"
