"""Check changes against the packaged contract before anything is sent.

The limits are read from ``caibo_api/openapi.json``, so a regenerated contract
changes them here without a line of ours, and nothing here is cleverer than the
contract: what the gateway would take is never refused.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from typing import Any

from caibo._errors import InvalidChangesError, Problem
from caibo._record.contract import Field, field_of, fields, snake_case
from caibo._record.document import NOTHING, Document
from caibo._record.json_text import encode, encode_name, is_array, is_object, plain
from caibo._record.options import option_problem
from caibo._record.spelling import doubled, find, has

# "Updatable Fields" and the examples of the vendor's page, https://docs.caibo.digital;
# none of them is in its contract, which says `additionalProperties: false`.
_ON_THE_PAGE_ONLY = frozenset(
    [
        "active", "billing_address", "communication_preferences", "country", "currency",
        "date_of_birth", "default_currency", "language", "language_preference",
        "notification_settings", "notifications", "preferences", "region", "shipping_address",
        "status", "subscription", "subscription_preferences", "verification_status",
    ]
)  # fmt: skip
_ID_FIRST = "comes first and without a name: update(12345, phone=None)"
_NOT_INT64 = "expected an integer of at most 64 bits"
_NOT_NULL = "is required and cannot be cleared; leave it out to keep it"


class _First:
    """Stand for an id that was not given where it is looked for."""

    def __repr__(self) -> str:
        return "…"


#: At run time the default of an id, as ``update(**model.model_dump())`` gives none.
ID_FIRST = _First()


def check_id(id: object) -> int:
    """Return the customer id as an int64.

    Raises:
        InvalidChangesError: not an integer, or beyond 64 bits.
    """
    if id is ID_FIRST:
        raise InvalidChangesError([Problem("id", _ID_FIRST)])
    try:
        number = operator.index(id)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or isinstance(id, bool):
        wanted = f"expected an int, not {type(id).__name__}"
        if isinstance(id, str) and id.strip().isdecimal():
            wanted += "; convert it with int()"
        raise InvalidChangesError([Problem("id", wanted)])
    if not _fits_int64(number):
        raise InvalidChangesError([Problem("id", "beyond the 64 bits of the contract's int64")])
    return number


def check_changes(
    changes: Mapping[str, object], extra: Mapping[str, object] | None, *, validate: bool
) -> dict[str, object]:
    """Return the changes under their wire names.

    Names are always checked; limits only with `validate`.

    Raises:
        InvalidChangesError: with every problem found, one a field.
    """
    problems: list[Problem] = []
    addressed: dict[str, object] = {}
    for name, given in changes.items():
        field, value = fields().get(name), plain(given)
        problem: Problem | None
        if field is None or not field.writable:
            problem = _refused_name(name, field)
        else:
            addressed[field.wire] = value
            problem = _unfit(name, value, name) or (_limit(field, value) if validate else None)
        problems += [problem] if problem else []
    if extra is not None:
        problems += _check_extra(extra)
    if problems:
        raise InvalidChangesError(problems)
    return {**addressed, **(extra or {})}


def check_document(document: Mapping[str, object], *, what: str, validate: bool) -> Document:
    """Return a whole record that the caller hands over as a `Document`.

    Raises:
        InvalidChangesError: not a mapping, a value that JSON cannot carry, or,
            with `validate`, a value beyond the contract's limits.  Members that
            the gateway owns are not held against them.
    """
    if not isinstance(document, Mapping):
        message = f"expected a Customer or a mapping, not {type(document).__name__}"
        raise InvalidChangesError([Problem(what, message)])
    problems = []
    if not isinstance(document, Document):  # which is JSON already
        shown = ((name, value, f"{what}[{name!r}]") for name, value in document.items())
        problems = [problem for member in shown if (problem := _unfit(*member))]
    for name in document:
        field = fields().get(name)
        if field is not None and field.wire != name:
            message = f"is this package's name; a record has wire names: write {field.wire!r}"
            problems.append(Problem(f"{what}[{name!r}]", message, field.wire))
    spellings = () if problems else doubled(document, [field.wire for field in fields().values()])
    if spellings:
        message = f"stands there in several spellings: {', '.join(spellings)}"
        problems.append(Problem(f"{what}[{spellings[0]!r}]", message))
    if validate and not problems:
        for field in (field for field in fields().values() if field.writable):
            if not has(document, field.wire):
                missing = f"{field.wire} is required in a whole record"
                problem = Problem(field.name, missing) if field.required else None
            else:
                problem = _limit(field, find(document, field.wire))
            problems += [problem] if problem else []
    if problems:
        raise InvalidChangesError(problems)
    return document if isinstance(document, Document) else Document(document)


def check_expectations(expect: Mapping[str, object] | None) -> Document:
    """Return what the record must say, by wire name.

    Raises:
        InvalidChangesError: names that are no fields, and values that JSON cannot
            carry.
    """
    if expect is None:
        return NOTHING
    if not isinstance(expect, Mapping):
        message = f"expected a mapping of field names, not {type(expect).__name__}"
        raise InvalidChangesError([Problem("expect", message)])
    problems: list[Problem] = []
    wanted: dict[str, object] = {}
    for name, value in expect.items():
        field = fields().get(name)
        shown = f"expect[{name!r}]"
        if field is None and snake_case(str(name)) in fields():
            problems.append(Problem(shown, f"is spelt {snake_case(str(name))!r} here"))
        elif problem := _unfit(name, value, shown):
            problems.append(problem)
        else:
            wanted[name if field is None else field.wire] = value
    if problems:
        raise InvalidChangesError(problems)
    return Document(wanted)


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


def _refused_name(name: str, field: Field | None) -> Problem:
    field = field or field_of(name)
    if field is not None and not field.writable:
        message = "is set by the gateway (an assumption of ours) and cannot be changed"
        comes_first = f"; which customer is meant {_ID_FIRST}" if field.name == "id" else ""
        return Problem(name, message + comes_first)
    if field is not None:
        return Problem(name, f"is spelt `{field.name}` here", field.name)
    if snake_case(name) in _ON_THE_PAGE_ONLY:
        wire = re.sub("_(.)", lambda match: match[1].upper(), name)
        message = (
            "is named on the vendor's page and not in its contract; if your gateway accepts "
            f"it, send it by its wire name: extra={{{wire!r}: …}}"
        )
        return Problem(name, message)
    if option := option_problem(name):
        return Problem(name, *option)
    writable = [field.name for field in fields().values() if field.writable]
    from difflib import get_close_matches

    close_ones = [field for field in writable if field in name.lower()]  # phone_number
    close_ones += get_close_matches(name.lower(), writable, 1)
    if close_ones:
        return Problem(name, f"is no field; did you mean `{close_ones[0]}`?", close_ones[0])
    message = (
        f"is no field; there are {', '.join(writable)}; a member outside the contract goes "
        f"into extra={{{name!r}: …}}"
    )
    return Problem(name, message)


def _unfit(name: object, value: object, shown: str) -> Problem | None:
    """Say why JSON cannot carry a member, if so."""
    try:
        encode_name(name)
        encode(value)
    except ValueError as error:
        return Problem(shown, str(error))
    return None


def _limit(field: Field, value: object) -> Problem | None:
    """Hold one value against the contract: null, type, length, e-mail; nothing more."""
    if value is None:
        return None if field.nullable else Problem(field.name, _NOT_NULL)
    wanted = field.schema.get("type")
    if wanted == "string":
        return _string_limit(field, value)
    found = json_type(value)
    if wanted == "integer" and found == "number":
        return None if _fits_int64(value) else Problem(field.name, _NOT_INT64)
    return None if found == wanted else Problem(field.name, f"expected {wanted}, not {found}")


def _string_limit(field: Field, value: object) -> Problem | None:
    if not isinstance(value, str):
        if is_object(value) and field.wire == "address":
            return _address_parts(field, value)
        return Problem(field.name, f"expected a string, not {json_type(value)}; use str() first")
    longest = field.schema.get("maxLength")
    if longest is not None and len(value) > longest:
        return Problem(field.name, f"has {len(value)} characters, at most {longest} are allowed")
    if field.schema.get("format") == "email" and (
        value.count("@") != 1 or value.startswith("@") or value.endswith("@")
    ):
        return Problem(field.name, "expected an e-mail address, with one @ inside")
    return None


def _fits_int64(number: Any) -> bool:
    # JSON Schema counts 1.0 and 1e3 as integers, too.
    return bool(-(2**63) <= number < 2**63 and number % 1 == 0)


def _address_parts(field: Field, parts: Mapping[str, Any]) -> Problem:
    """Answer the vendor page's own example, which sends `address` as an object."""
    one_line = ", ".join(str(part) for part in parts.values() if part not in (None, ""))
    names = ", ".join(f"<{part}>" for part in parts)
    message = (
        f"expected one string of at most {field.schema.get('maxLength')} characters, not an object "
        f'(the vendor\'s example and its contract differ); write address="{names}", which is in '
        "this problem's `suggestion`"
    )
    return Problem(field.name, message, one_line)


def _check_extra(extra: object) -> list[Problem]:
    if not is_object(extra):
        return [Problem("extra", f"expected a mapping, not {type(extra).__name__}")]
    problems: list[Problem] = []
    for name, value in extra.items():
        known = field_of(str(name)) or fields().get(str(name).lower())
        if not isinstance(name, str):
            problems.append(Problem("extra", "member names are strings"))
        elif known is not None and known.writable:
            message = f"is in the contract: pass {known.name}= instead"
            problems.append(Problem(f"extra[{name!r}]", message, known.name))
        elif known is not None:
            problems.append(_refused_name(f"extra[{name!r}]", known))
        elif problem := _unfit(name, value, f"extra[{name!r}]"):
            problems.append(problem)
    spellings = () if problems else doubled(extra)
    if spellings:
        message = f"is one member in several spellings: {', '.join(spellings)}"
        problems.append(Problem(f"extra[{spellings[0]!r}]", message))
    return problems
