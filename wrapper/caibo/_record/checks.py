"""Check changes against the packaged contract before anything is sent.

The limits are read from ``caibo_api/openapi.json``, so a regenerated contract
changes them here without a line of ours, and nothing here is cleverer than the
contract: what the gateway would take is never refused.
"""

from __future__ import annotations

import operator
import re
import sys
import warnings
from collections.abc import Mapping
from typing import Any

from caibo._errors import InvalidChangesError, Problem
from caibo._record.contract import Field, field_of, fields, python_name
from caibo._record.document import NOTHING, Document
from caibo._record.json_text import encode, encode_name, is_object, plain
from caibo._record.options import option_problem
from caibo._record.schema import Fault
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
_OWNED = "is set by the gateway (an assumption of ours)"
_NOT_NULL = "is required and cannot be cleared; leave it out to keep it"
_NO_NULL = "cannot be cleared, as the contract takes no null; leave it out to keep it"


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
    except Exception:  # whatever a type of the caller's raises
        number = None
    if number is None or isinstance(id, bool):
        wanted = f"expected an int, not {type(id).__name__}"
        if isinstance(id, str) and id.strip().isdecimal():
            wanted += "; convert it with int()"
        raise InvalidChangesError([Problem("id", wanted)])
    if not -(2**63) <= number < 2**63:
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
        field = fields().get(name)
        if field is None or not field.writable:
            problems.append(_refused_name(name, field))
            continue
        addressed[field.wire], problem = _given(field, given, name, name)
        problem = problem or (_limit(field, addressed[field.wire]) if validate else None)
        problems += [problem] if problem else []
    members, astray = ({}, []) if extra is None else _check_extra(extra, addressed)
    if problems := problems + astray:
        raise InvalidChangesError(problems)
    return {**addressed, **members}


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
    members, problems = (document, []) if isinstance(document, Document) else _json(document, what)
    for name in members:
        field = fields().get(name)
        if field is not None and field.wire != name:
            message = f"is this package's name; a record has wire names: write {field.wire!r}"
            problems.append(Problem(f"{what}[{name!r}]", message, field.wire))
    spellings = () if problems else doubled(members, [field.wire for field in fields().values()])
    if spellings:
        message = f"stands there in several spellings: {', '.join(spellings)}"
        problems.append(Problem(f"{what}[{spellings[0]!r}]", message))
    if validate and not problems:
        problems = [p for field in fields().values() if (p := _missing_or_unfit(field, members))]
    if problems:
        raise InvalidChangesError(problems)
    return members if isinstance(members, Document) else Document(members)


def _json(document: Mapping[Any, Any], what: str) -> tuple[dict[str, object], list[Problem]]:
    """Return a record as JSON has it, and what JSON cannot carry of it."""
    members: dict[str, object] = {}
    problems: list[Problem] = []
    for name, value in document.items():
        field = field_of(name) if isinstance(name, str) else None
        members[name], problem = _given(field, value, f"{what}[{name!r}]", name)
        problems += [problem] if problem else []
    return members, problems


def _missing_or_unfit(field: Field, record: Mapping[str, Any]) -> Problem | None:
    if not field.writable:
        return None
    if has(record, field.wire):
        return _limit(field, find(record, field.wire), whole=True)
    missing = f"{field.wire} is required in a whole record"
    return Problem(field.name, missing) if field.required else None


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
        meant = field or fields().get(python_name(str(name)))
        if meant is not field and meant is not None and not _still_outside(meant, shown):
            problems.append(Problem(shown, f"is spelt {meant.name!r} here"))
        else:
            own = name if meant is None else meant.wire
            wanted[own], problem = _given(field, value, shown, name)
            problems += [problem] if problem else []
    if problems:
        raise InvalidChangesError(problems)
    return Document(wanted)


def _refused_name(name: str, field: Field | None) -> Problem:
    field = field or field_of(name)
    if field is not None and not field.writable:
        message = f"{_OWNED} and cannot be changed"
        comes_first = f"; which customer is meant {_ID_FIRST}" if field.name == "id" else ""
        return Problem(name, message + comes_first)
    if field is not None:
        return Problem(name, f"is spelt `{field.name}` here", field.name)
    if python_name(name) in _ON_THE_PAGE_ONLY:
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


def _given(
    field: Field | None, value: object, shown: str, name: object
) -> tuple[object, Problem | None]:
    """Return a value as JSON has it, and why JSON cannot carry the member, if so."""
    try:
        if field is None:  # else it is the contract's
            encode_name(name)
        value = plain(value) if field is None else field.schema.written(value)
        encode(value)
    except ValueError as error:
        return value, Problem(shown, str(error))
    return value, None


def _limit(field: Field, value: object, *, whole: bool = False) -> Problem | None:
    """Hold one value against what the contract says of it, and nothing more."""
    fault = next(field.schema.faults(value, field.name, whole=whole), None)
    if fault is None:
        return None
    if fault.path == field.name:
        if value is None:
            return Problem(field.name, _NOT_NULL if field.required else _NO_NULL)
        if is_object(value) and field.wire == "address":
            return _address_parts(field, value)
    return Problem(fault.path, _advised(fault))


def _advised(fault: Fault) -> str:
    if fault.keyword == "type" and fault.message.startswith("expected string,"):
        return f"{fault.message.replace('string', 'a string', 1)}; use str() first"
    return fault.message


def _address_parts(field: Field, parts: Mapping[str, Any]) -> Problem:
    """Answer the vendor page's own example, which sends `address` as an object."""
    longest = field.schema.said.get("maxLength")
    one_line = ", ".join(str(part) for part in parts.values() if part not in (None, ""))
    names = ", ".join(f"<{part}>" for part in parts)
    message = (
        f"expected one string of at most {longest} characters, not an object "
        f'(the vendor\'s example and its contract differ); write address="{names}", which is in '
        "this problem's `suggestion`"
    )
    return Problem(field.name, message, one_line)


def _check_extra(
    extra: object, addressed: Mapping[str, object]
) -> tuple[dict[str, object], list[Problem]]:
    """Return the members, under the contract's own names where it has them, and the problems."""
    if not is_object(extra):
        return {}, [Problem("extra", f"expected a mapping, not {type(extra).__name__}")]
    members: dict[str, object] = {}
    problems: list[Problem] = []
    for name, value in extra.items():
        shown = f"extra[{name!r}]"
        known = field_of(str(name)) or fields().get(str(name).lower())
        problem: Problem | None = None
        if not isinstance(name, str):
            problem = Problem("extra", "member names are strings")
        elif known is not None and _still_outside(known, shown):
            if known.wire in addressed:
                problem = Problem(shown, f"is given as {known.name}=, too", known.name)
        elif known is not None and known.writable:
            problem = Problem(shown, f"is in the contract: pass {known.name}= instead", known.name)
        elif known is not None:
            problem = _refused_name(shown, known)
        if problem is None:
            own = name if known is None else known.wire
            members[own], problem = _given(None, value, shown, name)
        problems += [problem] if problem else []
    spellings = () if problems else doubled(extra)
    if spellings:
        message = f"is one member in several spellings: {', '.join(spellings)}"
        problems.append(Problem(f"extra[{spellings[0]!r}]", message))
    return members, problems


def _still_outside(field: Field, shown: str) -> bool:
    """Tell whether a field is taken where it was until the contract had it, and warn if so."""
    if field.in_extra_until is None:
        return False
    now = f"is in the contract now: write {field.name}=" if field.writable else _OWNED
    warnings.warn(
        f"{shown} {now}; caibo {field.in_extra_until} refuses this",
        DeprecationWarning,
        stacklevel=_callers(),
    )
    return True


def _callers() -> int:
    """Return the level of the stack at which a warning meets whoever calls this package."""
    frame, level = sys._getframe(1), 1  # pyright: ignore[reportPrivateUsage]
    while frame.f_back and str(frame.f_globals.get("__name__")).partition(".")[0] == "caibo":
        frame, level = frame.f_back, level + 1
    return level
