"""What a schema of the contract says of a value, in OpenAPI 3.0 and 3.1.

Held against it are types, null, `enum` and `const`, lengths, bounds, the items of
arrays, the members of objects, and four formats.  Whatever else a schema may say
is left to the gateway: what it would take is never refused here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import unquote

from caibo._record import formats
from caibo._record.json_text import Raw, decode, encode, is_array, is_object, plain, same

_SHOWN = 10  # of the values of an enum
_BITS = {"int32": 32, "int64": 64}
_LENGTHS = (
    ("minLength", "string", "characters, at least {} are needed"),
    ("maxLength", "string", "characters, at most {} are allowed"),
    ("minItems", "array", "items, at least {} are needed"),
    ("maxItems", "array", "items, at most {} are allowed"),
)
_BOUNDS = (("minimum", "at least", "more than"), ("maximum", "at most", "less than"))


class Fault(NamedTuple):
    """One thing that a schema does not take; its message never quotes the value."""

    path: str
    keyword: str
    message: str
    limit: Any = None


class Schema:
    """One schema, and the document in which its references lead somewhere."""

    def __init__(self, said: object, root: Mapping[str, Any]) -> None:
        self.said: Mapping[str, Any] = said if is_object(said) else {}
        self.root = root

    @cached_property
    def parts(self) -> Sequence[Mapping[str, Any]]:
        """The schemas that all hold: this one, what it refers to, and those of `allOf`.

        Where null is the only other alternative there is none.  What stands beside a
        reference counts in 3.0, too, as that is where the overlay rules.
        """
        found: dict[int, Mapping[str, Any]] = {}
        waiting: list[Any] = [self.said]
        while waiting:
            said = waiting.pop(0)
            if not is_object(said) or id(said) in found:
                continue
            found[id(said)] = said
            if "$ref" in said:
                waiting.append(self._target(said["$ref"]))
            waiting += said.get("allOf", ())
            for listed in _choices(said):
                waiting += listed if len(listed) == 1 else ()
        return list(found.values())

    def _target(self, reference: str) -> Any:
        found: Any = self.root
        for step in reference.split("/")[1:]:
            name = unquote(step).replace("~1", "/").replace("~0", "~")
            found = found.get(name) if is_object(found) else None
        return found

    @cached_property
    def choices(self) -> Sequence[Sequence[Schema]]:
        """Lists of schemas; of each list, one holds."""
        listed = [listed for part in self.parts for listed in _choices(part) if len(listed) > 1]
        return [[Schema(one, self.root) for one in schemas] for schemas in listed]

    @cached_property
    def types(self) -> Sequence[str]:
        """The JSON types of what is not null; none if it may be anything."""
        types: list[str] = []
        for said in self._said_types():
            both = [t for t in said if t in types or (t == "integer" and "number" in types)]
            types = both or types or said
        return types

    def _said_types(self) -> Iterator[list[str]]:
        for part in self.parts:
            said = part.get("type", ())
            names = [said] if isinstance(said, str) else list(said)
            names = names or list(map(_type_of_listed, _listed(part) or ()))
            if names := [name for name in dict.fromkeys(names) if name != "null"]:
                yield names
        for schemas in self.choices:
            if all(one.types for one in schemas):
                yield list(dict.fromkeys(name for one in schemas for name in one.types))

    @cached_property
    def nullable(self) -> bool:
        """Whether null is taken, in whichever way that is said."""
        told = [_takes_null(part) for part in self.parts]
        if True in told or any(one.nullable for schemas in self.choices for one in schemas):
            return True
        return not (False in told or self.types)

    @cached_property
    def format(self) -> str | None:
        return next((part["format"] for part in self.parts if "format" in part), None)

    def member(self, name: str) -> Schema | None:
        """Return what is said of a member of an object, if anything is."""
        said = [part["properties"][name] for part in self.parts if name in _properties(part)]
        said += [part.get("additionalProperties") for part in self.parts]
        return next((Schema(one, self.root) for one in said if is_object(one)), None)

    @cached_property
    def items(self) -> Schema | None:
        said = (part.get("items") for part in self.parts)
        return next((Schema(one, self.root) for one in said if is_object(one)), None)

    def written(self, value: object) -> Any:
        """Return a value with dates, times and UUIDs as their formats have them, also inside.

        Raises:
            ValueError: nobody can tell what is meant by one of them.
        """
        try:
            return _written([self], value)
        except RecursionError:
            raise ValueError("is nested too deeply, or holds itself") from None

    def faults(self, value: Any, path: str = "", *, whole: bool = False) -> Iterator[Fault]:
        """Say what of a JSON value is not taken.

        Args:
            value: as `written` returns it.
            path: of the value, as messages have it.
            whole: whether an object replaces another; what is merged into one needs not
                have all of its required members.
        """
        value = plain(value)
        if value is None:
            if not self.nullable:
                yield Fault(path, "nullable", "must not be null")
        elif self.types and not any(is_of(value, name) for name in self.types):
            found = json_type(value)
            found += " with a fraction" if found == "number" and "integer" in self.types else ""
            yield Fault(path, "type", f"expected {' or '.join(self.types)}, not {found}")
        else:
            for part in self.parts:
                yield from _limits(part, value, path)
            yield from self._inside(value, path, whole)
            for schemas in self.choices:
                yield from _none_of(schemas, value, path, whole)

    def _inside(self, value: Any, path: str, whole: bool) -> Iterator[Fault]:
        if is_object(value):
            needed = {name for part in self.parts for name in part.get("required", ())}
            for name in sorted(needed - value.keys()) if whole else ():
                yield Fault(f"{path}.{name}", "required", "is required")
            for name, inner in value.items():
                if (schema := self.member(name)) is not None:
                    yield from schema.faults(inner, f"{path}.{name}", whole=whole)
        elif is_array(value) and self.items is not None:
            for index, one in enumerate(value):
                yield from self.items.faults(one, f"{path}[{index}]", whole=True)


def json_type(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case _ if is_object(value):
            return "object"
        case _ if is_array(value):
            return "array"
        case _:
            return "number"


def is_of(value: Any, name: str) -> bool:
    """Tell whether a value is of a JSON type; 1.0 and 1e3 are integers, too."""
    found = json_type(value)
    if name != "integer" or found != "number":
        return found == name
    return bool(value == value.to_integral_value() if isinstance(value, Decimal) else not value % 1)


def _written(schemas: Iterable[Schema], value: object) -> Any:
    value = plain(value)
    if value is None or isinstance(value, str | Raw):
        return value
    any_of: dict[int, Schema] = {}
    waiting = list(schemas)
    for one in waiting:  # which grows meanwhile
        if id(one.said) not in any_of:
            any_of[id(one.said)] = one
            waiting += (choice for listed in one.choices for choice in listed)
    if is_object(value):
        said = {name: [one.member(name) for one in any_of.values()] for name in value}
        return {name: _within(said[name], inner) for name, inner in value.items()}
    if is_array(value):
        items = [one.items for one in any_of.values()]
        return [_within(items, one) for one in value]
    return formats.written(value, {one.format for one in any_of.values()})


def _within(schemas: Iterable[Schema | None], value: object) -> Any:
    known = [one for one in schemas if one is not None]
    return _written(known, value) if known else value


def _none_of(schemas: Sequence[Schema], value: Any, path: str, whole: bool) -> Iterator[Fault]:
    """Say why none of some schemas takes a value; what several of them take, passes."""
    faults = [next(one.faults(value, path, whole=whole), None) for one in schemas]
    if None in faults:
        return
    nearest = [said for said in faults if said and (said.path, said.keyword) != (path, "type")]
    if len(nearest) == 1:
        yield nearest[0]
    else:
        yield Fault(path, "oneOf", "has none of the forms that the contract takes here")


def _choices(said: Mapping[str, Any]) -> Iterator[list[Any]]:
    for name in ("oneOf", "anyOf"):
        yield [one for one in said.get(name, ()) if not _only_null(one)]


def _only_null(said: Any) -> bool:
    return is_object(said) and (said.get("type") in ("null", ["null"]) or _listed(said) == [None])


def _properties(part: Mapping[str, Any]) -> Mapping[str, Any]:
    properties: Mapping[str, Any] = part.get("properties", {})
    return properties


def _listed(part: Mapping[str, Any]) -> Sequence[Any] | None:
    """Return the only values that a schema takes, if it lists them."""
    listed: Sequence[Any] | None = [part["const"]] if "const" in part else part.get("enum")
    return listed


def _type_of_listed(value: Any) -> str:
    return "integer" if is_of(value, "integer") else json_type(value)


def _takes_null(part: Mapping[str, Any]) -> bool | None:
    """Tell what one schema says of null, `None` where it says nothing."""
    said, nullable = part.get("type"), part.get("nullable")
    if nullable or said == "null" or (is_array(said) and "null" in said):
        return True
    if None in (_listed(part) or ()):
        return True
    choices = [*part.get("oneOf", ()), *part.get("anyOf", ())]
    return True if any(map(_only_null, choices)) else nullable


def _limits(part: Mapping[str, Any], value: Any, path: str) -> Iterator[Fault]:
    listed = _listed(part)
    if listed is not None and not any(same(_exact(value), _exact(one)) for one in listed):
        shown = [*map(encode, listed[:_SHOWN]), *["…"] * (len(listed) > _SHOWN)]
        yield Fault(path, "enum", f"expected {'one of ' * (len(listed) > 1)}{', '.join(shown)}")
        return
    kind = json_type(value)
    for keyword, of, what in _LENGTHS:
        limit = part.get(keyword)
        if limit is not None and kind == of and _beyond(keyword, len(value), limit):
            yield Fault(path, keyword, f"has {len(value)} {what.format(limit)}", limit)
    if kind == "number":
        yield from _bounds(part, _decimal(value), path)
    elif kind == "string" and (wanted := formats.unlike(part.get("format"), value)):
        yield Fault(path, part["format"], wanted)


def _bounds(part: Mapping[str, Any], number: Decimal, path: str) -> Iterator[Fault]:
    bits = _BITS.get(part.get("format", ""))
    if bits and not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        yield Fault(path, "format", f"expected an integer of at most {bits} bits")
    for keyword, including, excluding in _BOUNDS:
        # In 3.0 this says of the other limit whether it is excluded, in 3.1 it is one.
        apart = part.get(f"exclusive{keyword.capitalize()}")
        limits = [(part.get(keyword), apart is True)]
        limits += [] if isinstance(apart, bool) else [(apart, True)]
        for limit, excluded in limits:
            if limit is None:
                continue
            bound = _decimal(limit)
            if _beyond(keyword, number, bound) or (excluded and number == bound):
                yield Fault(
                    path, keyword, f"expected {excluding if excluded else including} {limit}"
                )
    step = part.get("multipleOf")
    try:
        if step and number % _decimal(step):
            yield Fault(path, "multipleOf", f"expected a multiple of {step}")
    except InvalidOperation:  # too large to be divided
        return


def _beyond(keyword: str, number: Any, limit: Any) -> bool:
    return bool(number > limit if keyword.startswith("max") else number < limit)


def _decimal(number: Any) -> Decimal:
    """Return the number that will be sent, which of a float is its shortest spelling."""
    return Decimal(float.__repr__(number)) if isinstance(number, float) else Decimal(number)


def _exact(value: Any) -> Any:
    """Return a value as it is read back, to be compared."""
    return value if isinstance(value, str) else decode(encode(value))
