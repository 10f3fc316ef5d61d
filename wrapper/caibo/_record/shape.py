"""Tell this customer's record from whatever else an answer may hold.

A PUT replaces the whole record, so what is taken for one by mistake wipes the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import islice
from typing import Any

from caibo._errors import Problem
from caibo._record.contract import by_wire_name, required
from caibo._record.json_text import is_array, is_object
from caibo._record.masking import Redactor
from caibo._record.schema import json_type
from caibo._record.spelling import doubled, find, has
from caibo._record.values import integer, of_type, wanted

# Names are sought in any case, and members compared with each other: a hundred thousand would
# keep the processor busy for minutes, which no deadline cuts.
_MOST = 1_000
_SHOWN = 8  # the gateway chooses how many members there are
_LOOKED_AT = 100  # members, and items of an array, in which it is
_DEEPEST = 3  # levels at which an envelope is looked for


def no_record(found: Mapping[str, Any], id: int) -> Problem | None:
    """Say why an object is not the record of the customer `id`, if so.

    A record has both required members.  With the customer's id in it they may
    have any value, as a change may heal it; without an id only values of their
    types tell a record from something else.  The message names members and never
    quotes values.
    """
    if len(found) > _MOST:
        return Problem("the record", f"has {len(found):,} members; at most {_MOST:,} are taken")
    if problem := in_two_spellings(found, by_wire_name()):
        return problem
    own = find(found, "id")
    if own is not None and not _is(own, id):
        return Problem("id", "is another customer's")
    for field in required():
        if not has(found, field.wire):
            return Problem(field.wire, f"is missing; {_said(found, id)}")
        if own is None and not of_type(field.schema, find(found, field.wire)):
            what = json_type(find(found, field.wire))
            return Problem(field.wire, f"is {what}, and there is no id to tell whose record it is")
    return None


def misfit(found: Mapping[str, Any], addressed: Collection[str]) -> Problem | None:
    """Say why a record cannot be written back with some members changed, if so.

    A required member may be unfit where the changes set it.  An empty string is
    valid under the contract, and a number or a truth value goes back in whatever form
    the gateway gave it.
    """
    if problem := in_two_spellings(found, addressed):
        return problem
    for field in required():
        if has(addressed, field.wire):
            continue
        value, schema = find(found, field.wire), field.schema
        if value is None:
            unfit = not schema.nullable
        else:
            unfit = not isinstance(value, str) and list(schema.types) == ["string"]
        if unfit:
            must = f"must be {wanted(schema)} and is {json_type(value)}"
            return Problem(field.wire, f"{must}; set {field.name}= to go on")
    return None


def of_another(found: Mapping[str, Any], id: int) -> bool:
    """Tell whether an object is the record of another customer."""
    own = find(found, "id")
    whole = all(has(found, field.wire) for field in required())
    return whole and own is not None and not _is(own, id)


def in_two_spellings(found: Collection[str], names: Collection[str]) -> Problem | None:
    """Say that one of these names stands there twice, if so: nobody can tell which is meant."""
    spellings = doubled(found, names)
    if not spellings:
        return None
    return Problem(spellings[0], f"stands there in several spellings: {', '.join(spellings)}")


def _is(own: object, id: int) -> bool:
    """Tell whether an id is this one, also one that came as a string of the same digits."""
    return own == str(id) if isinstance(own, str) else integer(own) == id


def _said(found: Mapping[str, Any], id: int) -> str:
    """Name what was found, and where in it the record seems to be."""
    shown = Redactor({})
    names = [shown(name) for name in list(found)[:_SHOWN]] + ["…"] * (len(found) > _SHOWN)
    said = f"found: {', '.join(names)}" if names else "found: no members"
    inside = _envelope(found, id, _DEEPEST)
    if inside is None:
        return said
    return f"{said}. The record seems to be inside {shown(inside)!r}: current= takes the inner one"


def _envelope(found: Mapping[str, Any], id: int, depth: int) -> str | None:
    for name, value in islice(found.items(), _LOOKED_AT):
        for inner in value[:_LOOKED_AT] if is_array(value) else [value]:
            if not is_object(inner):
                continue
            values = [find(inner, field.wire) for field in required()]
            own = find(inner, "id")
            if None not in values and (own is None or _is(own, id)):
                return name
            below = _envelope(inner, id, depth - 1) if depth > 1 else None
            if below is not None:
                return f"{name}.{below}"
    return None
