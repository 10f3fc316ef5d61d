"""Say what became of a write, from plain values: grades, results, and the texts of errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from caibo._errors import (
    CaiboError,
    ConflictError,
    MalformedResponseError,
    OverwrittenError,
    ServerError,
    TransportError,
)
from caibo._record.compare import Grade, at, grade, label, leaves
from caibo._record.contract import field_name, server_owned
from caibo._record.document import Document
from caibo._record.json_text import same
from caibo._record.respelling import Path, respelt
from caibo._record.shape import in_two_spellings, misfit, no_record
from caibo._record.spelling import find, fold
from caibo._record.values import as_read
from caibo._write.update import Outcome

Grades = Mapping[Path, Grade]
Fate = Literal["landed", "untouched", "undecided", "other"]

#: Why nobody can tell, by what was read back after a lost answer.
REASONS: Mapping[Fate, str] = {
    "untouched": "Read back, the record has its old values; the write may still arrive.",
    "undecided": "Read back, the record has its old values, which are the new ones but for their "
    "spelling.",
    "other": "Read back, the record has neither the old nor the new values.",
}
UNTOUCHED = (
    "Read back afterwards, the record has its old values: as far as can be seen, nothing was "
    "written."
)
_NOTHING = object()  # is the same as no JSON value


def graded(tried: Document, before: Document, found: Document) -> Grades:
    """Grade what a merge of `tried` onto `before` really changed, by what was found later."""
    return {
        path: grade(path, at(before, path), wanted, at(found, path))
        for path, wanted in leaves(tried, before)
        if not same(at(before, path), wanted)
    }


def graded_whole(sent: Document, found: Document) -> Grades:
    """Grade a whole record; nobody knows what there was before it."""
    return {
        (name,): grade((name,), _NOTHING, value, find(found, name))
        for name, value in sent.items()
        if not server_owned(name)
    }


def landed(grades: Grades) -> bool:
    """Tell whether a write that the gateway accepted stands."""
    return set(grades.values()) <= {"confirmed", "normalised", "undecided"}


def fate(grades: Grades) -> Fate:
    """Tell what became of a write whose answer was lost: all of it landed, or nothing."""
    decisive = set(grades.values()) - {"undecided"}
    if not decisive:
        return "undecided"
    if decisive <= {"confirmed", "normalised"}:
        return "landed"
    return "untouched" if decisive == {"reverted"} else "other"


def outcome(grades: Grades) -> Outcome:
    return "confirmed" if set(grades.values()) == {"confirmed"} else "normalised"


def stands(addressed: Document, found: Document) -> bool:
    """Tell whether a record has what is addressed, in whatever spelling."""
    return all(respelt(path, at(found, path), wanted) for path, wanted in leaves(addressed, found))


def lost(error: CaiboError) -> bool:
    """Tell whether the gateway may have applied the write that this came of."""
    match error:
        case TransportError():
            return error.request_sent == "maybe"
        case ServerError(status=503):  # with Retry-After it says that it did not
            return error.retry_after is None
        case _:
            return isinstance(error, ServerError | MalformedResponseError)


def answered(text: bytes, id: int, sent: Document) -> Document:
    """Take the gateway's word for the record where it gave the whole one.

    The contract declares no body for 200, so anything may stand there.
    """
    try:
        said = Document.parse(text)
    except ValueError:
        return sent
    if no_record(said, id) or misfit(said, ()):
        return sent
    return said if {fold(name) for name in said} >= {fold(name) for name in sent} else sent


def check_fit(id: int, found: Document, addressed: Document, expect: Document) -> None:
    """Hold a record against what may be written back.

    Raises:
        MalformedResponseError: it may not.
    """
    if problem := misfit(found, addressed) or in_two_spellings(found, expect):
        raise MalformedResponseError(
            f"the record of customer {id} cannot be written back: {problem.field} "
            f"{problem.message}; nothing was written"
        )


def check_expected(id: int, found: Document, expect: Document, addressed: Document) -> None:
    """Hold a record against what the caller expects of it.

    Raises:
        ConflictError: it says something else.
    """
    conflicts = {
        field_name(wire): (wanted, find(found, wire), addressed.get(wire, wanted))
        for wire, wanted in expect.items()
        if not same(find(found, wire), wanted)
        and not same(as_read(wire, find(found, wire)), wanted)
    }
    if conflicts:
        raise ConflictError(
            f"customer {id} does not say what `expect` asks for: "
            f"{', '.join(conflicts)}; nothing was written. `conflicts` has the values.",
            conflicts=conflicts,
        )


def changed_each_time(id: int, writes: int) -> ConflictError:
    return ConflictError(
        f"customer {id} changed between our read and our write each time "
        f"(tries: {writes}); nothing was written. Try again later.",
        conflicts={},
    )


def done(*, answered: bool) -> str:
    """Say what a write came to before it was read back; without an answer the record told."""
    return "was accepted" if answered else "was seen to have been applied"


def overwritten(
    id: int, tried: Document, before: Document, found: Document, *, answered: bool
) -> OverwrittenError:
    """Say which values of a write the record does not have, and what it has instead."""
    wanted = dict(leaves(tried, before))
    grades = graded(tried, before, found)
    reverted = tuple(label(path) for path, what in grades.items() if what == "reverted")
    replaced = tuple(label(path) for path, what in grades.items() if what == "other")
    said = [f"{', '.join(reverted)} reverted to what was read before"] if reverted else []
    said += [f"{', '.join(replaced)} set to a third value"] if replaced else []
    return OverwrittenError(
        f"PUT /customers/{id} {done(answered=answered)}, and read back, the record says something "
        f"else: {'; '.join(said)}. Someone may have written after us, the gateway did not "
        "store it or stores it in a spelling that is not known here, or this read lags behind. "
        "`conflicts` has the values.",
        conflicts={
            label(path): (at(before, path), at(found, path), wanted[path])
            for path, what in grades.items()
            if what in ("reverted", "other")
        },
        reverted=reverted,
        replaced=replaced,
    )


def unknown(id: int, reason: str, *, after: CaiboError | None, resumable: bool) -> str:
    """Say why nobody can tell whether a write stands, and what to do next."""
    what = (
        f"PUT /customers/{id}"
        if after is None
        else f"{after}\n  The write may or may not have been applied."
    )
    resume = (
        "customers.apply(error.plan) looks again, and writes only what is missing."
        if resumable
        else f"Read customer {id} before trying again."
    )
    return f"{what} {reason}\n  {resume}"
