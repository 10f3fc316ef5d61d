"""The record's own spelling of a member's name.

The vendor's framework matches names without regard to case, and may write them in
another case than its contract does.  So at the top level of a record a name means
the member that is spelt like it but for ASCII case; inside objects names are exact.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from caibo._record.document import Document

_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


@lru_cache(maxsize=1024)
def fold(name: str) -> str:
    """Write ASCII letters small; what Unicode takes for their capitals is left alone."""
    return name.lower() if name.isascii() else name.translate(_ASCII_LOWER)


def spelling(record: Collection[str], name: str) -> str:
    """Return how a record spells a name; the name as it is where the record lacks it."""
    if name in record:
        return name
    folded = fold(name)
    return next((own for own in record if fold(own) == folded), name)


def has(record: Collection[str], name: str) -> bool:
    return name in record or spelling(record, name) in record


def find(record: Mapping[str, Any], name: str) -> Any:
    """Return a member's value, `None` where there is none."""
    return record.get(spelling(record, name))


def text(record: Document, name: str) -> str | None:
    """Return the JSON text of a member's value, `None` where there is none."""
    return record.text(spelling(record, name))


def merge(record: Document, changes: Mapping[str, object]) -> Document:
    """Merge changes onto the members that they name, see `Document.merge`."""
    return record.merge({spelling(record, name): value for name, value in changes.items()})


def doubled(names: Collection[str], of: Collection[str] | None = None) -> tuple[str, ...]:
    """Return the spellings of a name that stands there more than once, none if none does.

    Args:
        names: to look through.
        of: look at these only.
    """
    if (of is not None and not of) or len(set(map(fold, names))) == len(names):
        return ()
    by_fold: dict[str, list[str]] = {}
    for name in names:
        by_fold.setdefault(fold(name), []).append(name)
    wanted = by_fold if of is None else {fold(name) for name in of}
    found = (tuple(same) for folded, same in by_fold.items() if folded in wanted)
    return next((same for same in found if len(same) > 1), ())
