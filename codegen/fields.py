"""Write what has to stand in source for editors: the fields of a customer, and their table.

The schema is understood by the facade's own code, so that what is completed is what is taken.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

# What is beside this file, not what else may be installed; it needs nothing but Python.
sys.path.insert(0, str(Path(__file__).parents[1] / "wrapper"))

from caibo._record.contract import Field, fields_of, python_name
from caibo._record.schema import Schema

del sys.path[0]

MODULE = Path("wrapper", "caibo", "_record", "customer_fields.py")
ADOPTED = "x-adopted"
#: What the first version had: these were never outside the contract.
FIRST = frozenset(
    [
        *("id", "ownerId", "userId", "ownerName", "name", "email", "address", "phone", "memberId"),
        *("hasPaymentRequests", "totalDeposits", "createDate"),
    ]
)
BEGIN = "<!-- Made of the contract by `nox -s generate`, down to the next such line. -->"
END = "<!-- End of what is made of the contract. -->"
LONGEST = 70  # of what the vendor says of a field, in a line of 100
_TAKEN = {
    "string": "str",
    "integer": "int",
    "number": "float | Decimal",
    "boolean": "bool",
    "array": "list[Any] | tuple[Any, ...]",
    "object": "Mapping[str, Any]",
}
_GIVEN = {**_TAKEN, "number": "Decimal", "array": "list[Any]", "object": "dict[str, Any]"}
_FORMATS = {"date": "date", "date-time": "datetime", "uuid": "UUID"}
_WORDS = {
    "string": "text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object, merged member by member",
}
_FORMAT_WORDS = {
    "email": "an e-mail address",
    "date": "a date",
    "date-time": "a date and time with an offset",
    "uuid": "a UUID",
    "uri": "a URI",
}
Contract = Mapping[str, Any]
Labels = Mapping[str, str]

_MOMENT = """

        Fractions of a second beyond microseconds are cut here and kept in
        ``document``.  Without an offset in the record, there is none here.
        """
_HEAD = '''\
"""The fields of a customer as editors and type checkers know them."""

from __future__ import annotations

{imports}

class CustomerChanges(TypedDict, total=False):
    """The fields that a caller may change: absent keeps, `None` clears, a value sets."""

{changes}


class CustomerFields:
    """Read the members that the contract names; `Customer` says how."""

    __slots__ = ()

    def _read(self, wire: str) -> Any:
        raise NotImplementedError

{attributes}


class DraftFields:
    """Name the fields of a draft, which it reads and sets without them, for type checkers."""

    if TYPE_CHECKING:
{drafted}
'''


def module(contract: Contract, labels: Labels) -> str:
    """Give the source of the facade's module, not formatted yet.

    Args:
        contract: after the overlay.
        labels: of the overlay's rulings, by wire name.

    Raises:
        ValueError: Two fields would have one name.
    """
    fields = _fields(contract)
    writable = [field for field in fields if field.writable]
    changes = "\n".join(f"    {field.name}: {_taken(field)}" for field in writable) or "    pass"
    attributes = "\n\n".join(_attribute(field, labels) for field in fields)
    drafted = "\n".join(map(_drafted, sorted(fields, key=lambda field: not field.writable)))
    imports = "\n".join(_imports(changes + attributes + drafted))
    return _HEAD.format(imports=imports, changes=changes, attributes=attributes, drafted=drafted)


def table(contract: Contract, labels: Labels) -> str:
    """Give the table of the docs."""
    rows = [
        (f"`{field.name}`", f"`{field.wire}`", _values(field), _setter(field, labels))
        for field in sorted(_fields(contract), key=lambda field: not field.writable)
    ]
    heading = ("field", "in the contract", "values", "set by")
    lines = [f"| {' | '.join(row)} |" for row in [heading, *rows]]
    return "\n".join([lines[0], "|---|---|---|---|", *lines[1:]])


def adopted(where: str, rule: object) -> str:
    """Say for how long `extra=` takes what has become a field, nothing if it is none of these."""
    name = where.removeprefix("Client.")
    if name in (where, *FIRST) or not isinstance(rule, Mapping) or ADOPTED not in rule:
        return ""
    major, minor = str(rule[ADOPTED]).split(".")[:2]
    instead = "is the gateway's"
    if not rule.get("readOnly"):
        instead = f"is written {python_name(name)}="
    return (
        f"; it {instead} now, and extra= takes it with a DeprecationWarning "
        f"until {major}.{int(minor) + 2}"
    )


def _fields(contract: Contract) -> list[Field]:
    fields = list(fields_of(contract).values())
    properties = contract["components"]["schemas"]["Client"]["properties"]
    if hidden := properties.keys() - {field.wire for field in fields}:
        wire = min(hidden)
        raise ValueError(
            f"{wire} and another field of the customer are both named {python_name(wire)!r} in "
            "Python; remove one of them in codegen/overlay.yaml"
        )
    return fields


def _formats(schema: Schema) -> list[str]:
    """List the types of Python that texts may be given as."""
    choices = (choice for listed in schema.choices for choice in listed)
    said = [one.format for one in (schema, *choices)]
    return [_FORMATS[str(name)] for name in dict.fromkeys(said) if name in _FORMATS]


def _taken(field: Field) -> str:
    schema = field.schema
    names = [*_formats(schema), *(_TAKEN[name] for name in schema.types)]
    return _union(names if schema.types else ["Any"], null=schema.nullable)


def _given(field: Field) -> str:
    schema = field.schema
    names = [_GIVEN[name] for name in schema.types] or ["Any"]
    if list(schema.types) == ["string"] and schema.format in _FORMATS:
        names = [_FORMATS[str(schema.format)]]
    return _union(names, null=schema.nullable or not field.required)


def _union(names: Iterable[str], *, null: bool) -> str:
    names = list(dict.fromkeys(names))
    return " | ".join([*names, *["None"] * (null and names != ["Any"])])


def _attribute(field: Field, labels: Labels) -> str:
    said = _said(field, labels)
    if list(field.schema.types) == ["string"] and field.schema.format == "date-time":
        said += _MOMENT
    return (
        f'    @property\n    def {field.name}(self) -> {_given(field)}:\n        """{said}"""\n'
        f'        value: {_given(field)} = self._read("{field.wire}")\n        return value'
    )


def _drafted(field: Field) -> str:
    """Declare a field of a draft, which may take more than it gives."""
    given, taken = _given(field), _taken(field)
    if field.writable and given == taken:
        return f"        {field.name}: {given}"
    lines = [f"@property\ndef {field.name}(self) -> {given}: ..."]
    if field.writable:
        setter = f"@{field.name}.setter\ndef {field.name}(self, value: {taken}) -> None: ..."
        lines.append(setter)
    return re.sub(r"(?m)^", " " * 8, "\n".join(lines))


def _said(field: Field, labels: Labels) -> str:
    """Say what a field is, in the vendor's words where it has some."""
    words = " ".join(str(field.schema.said.get("x-says") or "").split()).rstrip(".")
    if not words:
        theirs = " ".join(str(field.schema.said.get("description") or "").split())
        words = re.split(r"(?<=\w)\.(?= |$)", theirs)[0]
        words = "".join(one for one in words if one.isprintable() and one not in '"\\')
    words = words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"
    words = words or f"What the contract calls `{field.wire}`"
    ours = [] if field.writable else [f"; set by {_setter(field, labels)}"]
    ours += ["; the contract requires it"] if field.required else []
    return "".join([words[:1].upper(), words[1:], *ours, "."])


def _values(field: Field) -> str:
    schema = field.schema
    words = [_WORDS[name] for name in schema.types] or ["any value"]
    if list(schema.types) == ["string"]:
        words = [_FORMAT_WORDS.get(str(schema.format), "text")]
    said = " or ".join(words)
    listed = next((part["enum"] for part in schema.parts if "enum" in part), None)
    if listed is not None:
        shown = [f"`{str(one).replace('`', chr(39)).replace('|', '¦')}`" for one in listed if one]
        said = f"one of {', '.join(shown[:10])}{', …' * (len(shown) > 10)}"
    longest = next((part["maxLength"] for part in schema.parts if "maxLength" in part), None)
    said += "" if longest is None else f" of at most {longest} characters"
    return f"{said}, required" if field.required else f"{said}{' or `None`' * schema.nullable}"


def _setter(field: Field, labels: Labels) -> str:
    if field.writable:
        return "callers"
    return f"the gateway{' (assumption)' * (labels.get(field.wire) == 'assumption')}"


def _imports(source: str) -> Iterator[str]:
    """Give the imports in the order of ruff."""
    if "Mapping[" in source:
        yield "from collections.abc import Mapping"
    if dates := [name for name in ("date", "datetime") if re.search(rf"[ \[]{name}\b", source)]:
        yield f"from datetime import {', '.join(dates)}"
    if "Decimal" in source:
        yield "from decimal import Decimal"
    yield "from typing import TYPE_CHECKING, Any, TypedDict"
    if "UUID" in source:
        yield "from uuid import UUID"
