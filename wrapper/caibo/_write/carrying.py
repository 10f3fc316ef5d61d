"""What a write carries of the record that it is to leave: the modes of `send=`.

What is addressed goes with each of them, and besides

    "changes"    the members that the contract requires,
    "contract"   and its others that callers set,
    "writable"   and the members outside the contract,
    "record"     and those that the gateway owns: everything.

Where a ruling takes up `PATCH`, "changes" is a merge patch (RFC 7396): nothing besides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from importlib import import_module
from typing import Any, Literal, NamedTuple, get_args

from caibo._errors import ConfigurationError
from caibo._record.contract import field_of, patchable
from caibo._record.document import Document
from caibo._record.json_text import is_object, same
from caibo._record.spelling import find, fold, has, spelling
from caibo._wire.calls import Call, body, call

Send = Literal["record", "writable", "contract", "changes"]
#: The widest first.
SENDS: tuple[Send, ...] = get_args(Send)
#: What .NET makes of a date that it was not sent.
_NO_DATE = "0001-01-01T00:00:00"


class Carried(NamedTuple):
    """One write: the request, and the members of the record that are not in it, or not whole."""

    call: Call
    left_out: tuple[str, ...]


def check_send(send: Send) -> Send:
    if isinstance(send, str) and send in SENDS:
        return send
    raise ConfigurationError(f"send must be one of {', '.join(map(repr, SENDS))}")


def carry(id: int, send: Send, record: Document, addressed: Mapping[str, object]) -> Carried:
    """Say what is sent so that the gateway has `record` afterwards.

    Method, media type and body are decided here and nowhere else.
    """
    from caibo_api.api.customers import replace_customer

    if send == "changes" and patchable():
        return _patch(id, record, addressed)
    left_out = () if send == "record" else _left_out(send, record, addressed)
    document = record.only(n for n in record if n not in left_out) if left_out else record
    return Carried(call(replace_customer, id, body=body(document)), left_out)


def _patch(id: int, record: Document, addressed: Mapping[str, object]) -> Carried:
    # It is there only from the ruling on.
    patch_customer: Any = import_module("caibo_api.api.customers.patch_customer")
    # Null over an absent member is not in the record.
    sent = {own: addressed[n] for n in addressed if (own := spelling(record, n)) in record}
    patch = Document({own: v if is_object(v) else record[own] for own, v in sent.items()})
    left_out = tuple(n for n in record if n not in sent or not same(record[n], sent[n]))
    return Carried(call(patch_customer, id, body=body(patch)), left_out)


def carrier(name: str) -> Send:
    """Return the narrowest mode that carries a member which nobody addresses."""
    field = field_of(name)
    if field is None:
        return "writable"
    if field.required and not patchable():
        return "changes"
    return "contract" if field.writable else "record"


def narrowest(names: Iterable[str]) -> Send:
    """Return the narrowest mode that carries all of these."""
    return min(map(carrier, names), key=SENDS.index)


def unproven(
    before: Document, left_out: Iterable[str], tried: Document, stays: Collection[Send]
) -> bool:
    """Tell whether something was left out of which nobody knows that it stays."""
    names = _valued(before, left_out)
    # What else is in an object is another matter than what else is in the record.
    return any(has(tried, name) or carrier(name) not in stays for name in names)


def gone(
    before: Document, left_out: Iterable[str], tried: Document, found: Document
) -> tuple[str, ...]:
    """Name what was left out, or has something inside that was, which has no value any more."""
    names = _valued(before, left_out)
    return tuple(n for n in names if _lost(find(before, n), find(tried, n), find(found, n)))


def _lost(was: Any, ours: Any, now: Any) -> bool:
    if is_object(was) and is_object(ours) and is_object(now):
        kept = [n for n in was if n not in ours or (is_object(was[n]) and is_object(ours[n]))]
        return any(_lost(was[n], ours.get(n), now.get(n)) for n in kept)
    return not _empty(was) and _empty(now)


def stayed(before: Document, left_out: Iterable[str], found: Document) -> set[Send]:
    """Return the carriers of what was left out and is as it was.

    What has another value may have been given one by default.
    """
    names = _valued(before, left_out)
    return {carrier(name) for name in names if same(find(before, name), find(found, name))}


def _valued(before: Document, names: Iterable[str]) -> list[str]:
    """Name those that have a value to lose; an id, which is in the path as well, has none."""
    return [name for name in names if fold(name) != "id" and not _empty(find(before, name))]


def _left_out(send: Send, record: Document, addressed: Collection[str]) -> tuple[str, ...]:
    ours = {fold(name) for name in addressed}
    return tuple(name for name in record if not (_carries(send, name) or fold(name) in ours))


def _carries(send: Send, name: str) -> bool:
    return SENDS.index(send) <= SENDS.index(carrier(name))


def _empty(value: Any) -> bool:
    """Tell whether a value may be what a gateway makes of a member that it was not sent."""
    return not value or (isinstance(value, str) and value.startswith(_NO_DATE))
