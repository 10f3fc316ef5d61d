"""Compare three states of a record: ours as read, theirs as it is now, and what we want.

Everything is compared where the caller addressed it: inside an object that
`extra` reaches into, two writers of different members do not disturb each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from caibo._errors import ConflictError, InvalidChangesError, Problem
from caibo._record.contract import field_name
from caibo._record.json_text import encode, is_object, same
from caibo._record.respelling import Path, respelt
from caibo._record.spelling import find

#: What to do where both changed one field: raise, take one side, or ask a function, which
#: is called with (field, base, theirs, mine) and returns the value.
OnConflict = Literal["raise", "ours", "theirs"] | Callable[[str, Any, Any, Any], object]
#: What became of one value that was written.  "undecided": it is as before, which is
#: what was sent in another spelling.
Grade = Literal["confirmed", "normalised", "undecided", "reverted", "other"]


def leaves(addressed: Mapping[str, Any], base: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """Yield each value that a merge of `addressed` onto `base` sets, with its path."""
    for name, value in addressed.items():
        yield from _leaves((name,), value, find(base, name))


def _leaves(path: Path, value: Any, base: Any) -> Iterator[tuple[Path, Any]]:
    if is_object(value) and is_object(base):
        for name, inner in value.items():
            yield from _leaves((*path, name), inner, base.get(name))
    else:
        yield path, value


def at(document: Mapping[str, Any], path: Path) -> Any:
    """Return the value at a path; absent and null are the same here."""
    first, *inner = path
    value: Any = find(document, first)
    for name in inner:
        value = value.get(name) if is_object(value) else None
    return value


def label(path: Path) -> str:
    """Name a path in a message: this package's name of a field, dots inside `extra`."""
    return ".".join((field_name(path[0]), *path[1:]))


def three_way(
    base: Mapping[str, Any],
    theirs: Mapping[str, Any],
    mine: Mapping[str, Any],
    on_conflict: OnConflict,
) -> dict[str, Any]:
    """Return what is to be merged onto theirs, so that both sides' changes stand.

    Raises:
        ConflictError: both changed one field, to different values, and nothing
            else was asked for.
    """
    merged: dict[str, Any] = {}
    conflicts: dict[str, tuple[object, object, object]] = {}
    for path, wanted in leaves(mine, base):
        was, now = at(base, path), at(theirs, path)
        if same(was, now) or same(now, wanted):
            _put(merged, path, wanted)
        elif respelt(path, now, wanted):  # both want the same; the spelling is the gateway's
            _put(merged, path, now)
        elif callable(on_conflict):
            _put(merged, path, _decided(on_conflict(label(path), was, now, wanted), path))
        elif on_conflict == "ours":
            _put(merged, path, wanted)
        elif on_conflict == "raise":
            conflicts[label(path)] = (was, now, wanted)
    if conflicts:
        raise ConflictError(
            f"someone else changed {', '.join(conflicts)} as well; nothing was written. "
            "`conflicts` has the values; on_conflict= decides.",
            conflicts=conflicts,
        )
    return merged


def _decided(value: object, path: Path) -> object:
    try:
        encode(value)
    except ValueError as error:
        raise InvalidChangesError(
            [Problem(label(path), f"on_conflict gave what {error}")]
        ) from None
    return value


def _put(into: dict[str, Any], path: Path, value: object) -> None:
    *above, last = path
    for name in above:
        into = into.setdefault(name, {})
    into[last] = value


def grade(path: Path, before: object, sent: object, found: object) -> Grade:
    """Tell what became of one value: as sent, as sent but respelt, as before, or another."""
    if same(found, sent):
        return "confirmed"
    if respelt(path, found, sent):
        return "undecided" if same(found, before) else "normalised"
    return "reverted" if same(found, before) else "other"
