"""Name places in a contract, and follow its references."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
LONGEST = 200
WITHIN = re.compile("#/components/schemas/[^/]+/")

Steps = tuple[str | int, ...]


def place(steps: Iterable[str | int]) -> str:
    """Write a place as the targets of `overlay.yaml` are written."""
    return "$" + "".join(map(_step, steps))


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if re.fullmatch(r"[A-Za-z_]\w*", step) else f"[{step!r}]"


def walk(value: Any, *above: str | int) -> Iterator[tuple[Steps, Any]]:
    """Give a value and all that is in it, each after the steps that lead there."""
    yield above, value
    members: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, Mapping):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    for step, member in members:
        yield from walk(member, *above, step)


def references(value: Any) -> Iterator[tuple[str, str]]:
    """Give each `$ref` in a value, after its place."""
    for steps, found in walk(value):
        if isinstance(found, Mapping) and isinstance(found.get("$ref"), str):
            yield place(steps), found["$ref"]


def dangling(contract: Mapping[str, Any]) -> Iterator[str]:
    """Name each reference that leads to no part of the contract, in a line."""
    for where, reference in references(contract):
        try:
            follow(contract, {"$ref": reference})
        except LookupError:
            yield f"{where[:LONGEST]}: $ref leads nowhere: {reference[:LONGEST]!r}"


def follow(contract: Mapping[str, Any], value: Any, *steps: str | int) -> tuple[Steps, Any]:
    """Give a value, or what it refers to, after the steps that lead there.

    Raises:
        LookupError: A reference leads nowhere, or in a circle.
    """
    seen: set[str] = set()
    while isinstance(value, Mapping) and isinstance(reference := value.get("$ref"), str):
        if reference in seen:
            raise LookupError(reference)
        seen.add(reference)
        steps = tuple(map(_unescaped, reference.removeprefix("#/").split("/")))
        value = at(contract, steps)
    return steps, value


def lifted(contract: Mapping[str, Any]) -> dict[str, Any]:
    """Give the contract with each schema that is referred to within another as one of its own.

    The generator finds no others: ``#/components/schemas/Lists/$defs/Country`` becomes
    ``ListsCountry``.
    """
    made = copy.deepcopy(dict(contract))
    schemas = made.get("components", {}).get("schemas", {})
    within = [one for _, one in walk(made) if isinstance(one, dict) and "$ref" in one]
    names: dict[str, str] = {}
    for value in within:
        reference = value["$ref"]
        if not isinstance(reference, str) or not WITHIN.match(reference):
            continue
        if reference not in names:
            steps = [re.sub(r"\W", "", step) for step in reference.split("/")[3:]]
            name = "".join(f"{step[:1].upper()}{step[1:]}" for step in steps if step != "defs")
            while name in schemas:
                name += "_"
            names[reference] = name
            _, schemas[name] = follow(made, value)
        value["$ref"] = f"#/components/schemas/{names[reference]}"
    return made


def at(value: Any, steps: Iterable[str | int]) -> Any:
    """Give what is at a place.

    Raises:
        LookupError: There is nothing.
    """
    for step in steps:
        if isinstance(value, list) and str(step).isdecimal():
            value = value[int(step)]
        elif isinstance(value, Mapping):
            value = value[step]
        else:
            raise LookupError(step)
    return value


def _unescaped(step: str) -> str:
    return unquote(step).replace("~1", "/").replace("~0", "~")
