"""How two customers differ, for pytest to show; of mappings, documents among them, it knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from caibo._record.customer import Customer
from caibo._record.json_text import is_object, same


def differences(left: object, right: object) -> list[str] | None:
    """Return a line for each member in which a customer differs; None if that says nothing."""
    one, other = _members(left), _members(right)
    ours = isinstance(left, Customer) or isinstance(right, Customer)
    if one is None or other is None or not ours:
        return None
    lines = list(_lines(one, other))
    names = f"{type(left).__name__} == {type(right).__name__}"
    return [f"{names}, which differ in:", *lines] if lines else None


def _members(record: object) -> Mapping[str, object] | None:
    members = record.document if isinstance(record, Customer) else record
    return members if is_object(members) else None


def _lines(one: Mapping[str, object], other: Mapping[str, object]) -> Iterator[str]:
    for name in {**one, **other}:
        values = [repr(record[name]) if name in record else "absent" for record in (one, other)]
        if not (name in one and name in other and same(one[name], other[name])):
            yield f"  {name}: {' != '.join(values)}"
