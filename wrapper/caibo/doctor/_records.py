"""What a record shows: which members, whose they are, how they are spelt.  No values leave it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from caibo import Document

Send = Literal["record", "writable", "contract", "changes"]
#: The widest first: each carries what the one after it does, and more.
SENDS: tuple[Send, ...] = ("record", "writable", "contract", "changes")
#: An optional field that the gateway compares with nothing, as far as is known.
TRIED = "memberId"
#: What the value begins with that is written into it.
MARK = "caibo-doctor-"
UNKNOWN = "caiboDoctor"
#: One Unicode character, two units in UTF-16.
TWO_UNITS = "\N{OK HAND SIGN}"
#: Members that the gateway owns and that decide nothing, as far as is known.
OWNED = ("ownerName", "createDate")
# What a framework makes of a date that was not sent.
_NO_DATE = "0001-01-01T00:00:00"


@cache
def properties() -> Mapping[str, Mapping[str, Any]]:
    """Return the fields of a customer, by name in lower case."""
    contract = json.loads(files("caibo_api").joinpath("openapi.json").read_text("utf-8"))
    schema = contract["components"]["schemas"]["Client"]
    return {
        name.lower(): {**rule, "wire": name, "required": name in schema["required"]}
        for name, rule in schema["properties"].items()
    }


def carrier(name: str) -> Send:
    """Return the narrowest `send=` that carries a member."""
    rule = properties().get(name.lower())
    if rule is None:
        return "writable"
    if rule["required"]:
        return "changes"
    return "record" if rule.get("readOnly") else "contract"


def outside(record: Iterable[str]) -> list[str]:
    """Name the members outside the contract."""
    return [name for name in record if name.lower() not in properties()]


def owned(record: Iterable[str]) -> list[str]:
    """Name the members that the gateway owns, as we assume."""
    return [name for name in record if carrier(name) == "record"]


def spelling(record: Collection[str], name: str) -> str:
    """Return how a record spells a name."""
    return next((own for own in record if own.lower() == name.lower()), name)


def has(record: Collection[str], name: str) -> bool:
    return spelling(record, name) in record


def value(record: Mapping[str, Any], name: str) -> Any:
    return record.get(spelling(record, name))


def is_ours(found: Any, new: str = MARK) -> bool:
    """Tell whether a value is one that was written here, in whatever spelling."""
    return str(found).strip().lower().startswith(new)


def empty(found: Any) -> bool:
    """Tell whether a value may be what a gateway makes of a member that it was not sent."""
    return not found or (isinstance(found, str) and found.startswith(_NO_DATE))


def carried(record: Document, send: Send) -> Document:
    """Return what a write of this record carries."""
    narrow = SENDS.index(send)
    return record.only(name for name in record if SENDS.index(carrier(name)) >= narrow)


def having(record: Document, name: str, found: object) -> Document:
    """Return a record with one member set, the others as they came."""
    spelt = spelling(record, name)
    return Document({spelt: found}).over(record, dict.fromkeys([*record, spelt]))


def lacking(record: Document, name: str) -> Document:
    """Return a record without one member."""
    spelt = spelling(record, name)
    return record.only(own for own in record if own != spelt)


def differences(before: Document, after: Document) -> list[str]:
    """Name the members whose text is not the same."""
    names = dict.fromkeys([*before, *after])
    return [name for name in names if before.text(name) != after.text(name)]


def lost(before: Document, after: Document, names: Iterable[str]) -> list[str]:
    """Name those that had a value and have none."""
    return [name for name in names if not empty(before.get(name)) and empty(after.get(name))]


def restoring(was: Document, now: Document, touched: Collection[str], *, nulls: bool) -> Document:
    """Return a record that puts back what was touched or lost, and keeps what else changed.

    Args:
        was: the record as it was.
        now: as it is.
        touched: members that were written.
        nulls: whether those that were not there go with null: left out, they may stay.
    """
    folded = {name.lower() for name in touched}
    changed = [name for name in differences(was, now) if name in now and name not in touched]
    kept = {name for name in changed if not (name in was and empty(now[name]))}
    ours = [name for name in now if name not in was and name.lower() in folded]
    # A second spelling of a field goes in no other way than by being left out.
    own = spelling(was, TRIED)
    cleared = [name for name in ours if nulls and (name == own or name.lower() != own.lower())]
    names = dict.fromkeys([*was, *(name for name in now if name not in ours), *cleared])
    back = was.only(name for name in was if name not in kept)
    return Document(dict.fromkeys(cleared)).over(back.over(now, [*back, *now]), names)


def casing(record: Iterable[str]) -> str:
    """Say how a record spells the names of the contract."""
    rules = properties()
    names = {name: rules[name.lower()]["wire"] for name in record if name.lower() in rules}
    ways: dict[str, Callable[[str], str]] = {
        "as the contract": str,
        "PascalCase": lambda wire: wire[:1].upper() + wire[1:],
        "UPPERCASE": str.upper,
        "lowercase": str.lower,
    }
    for way, spelt in ways.items():
        if all(name == spelt(wire) for name, wire in names.items()):
            return way
    return "mixed"


def as_text(record: Mapping[str, Any]) -> list[str]:
    """Name the members that are numbers in the contract and came as strings."""
    rules = properties()
    kinds = {name: rules[name.lower()].get("type") for name in record if name.lower() in rules}
    numbers = (name for name, kind in kinds.items() if kind in ("integer", "number"))
    return [name for name in numbers if isinstance(record[name], str)]


def shown(names: Iterable[str]) -> str:
    """Name members in one line; a name that is no identifier may be somebody's data."""
    return ", ".join(_shown(names)) or "none"


def _shown(names: Iterable[str]) -> Iterator[str]:
    for number, name in enumerate(names):
        if number == 8:
            yield "…"
            return
        yield name if re.fullmatch(r"[A-Za-z_][\w.$-]{0,63}", name, re.ASCII) else "…"
