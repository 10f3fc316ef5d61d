"""Say what became of a write, from plain values: grades, results, and the texts of errors."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Literal

from caibo._errors import (
    BadRequestError,
    CaiboError,
    ConflictError,
    MalformedResponseError,
    ServerError,
    TransportError,
)
from caibo._record.compare import Grade, at, grade, label, leaves
from caibo._record.contract import field_name, field_of, server_owned
from caibo._record.document import Document
from caibo._record.json_text import is_object, same
from caibo._record.masking import one_line
from caibo._record.respelling import Path, respelt
from caibo._record.shape import in_two_spellings, misfit, no_record, of_another
from caibo._record.spelling import find, fold, has, merge
from caibo._record.values import as_read, integer
from caibo._write.carrying import narrowest
from caibo._write.plan import OverwrittenError, restoring
from caibo._write.update import Change, Outcome

Grades = Mapping[Path, Grade]
Fate = Literal["landed", "untouched", "undecided", "other"]

#: Why nobody can tell, by what was read back after a lost answer.
REASONS: Mapping[Fate, str] = {
    "untouched": "Read back, the record has its old values; the write may still arrive.",
    "undecided": "Read back, the record has its old values, which are the new ones but for their "
    "spelling.",
    "other": "Read back, the record has neither the old nor the new values.",
}
SAME_TAG = (
    "Nothing was written. Read again, the record still had the tag that was refused: a cache "
    "between may give out an old one."
)
UNTOUCHED = (
    "Read back afterwards, the record has its old values: as far as can be seen, nothing was "
    "written."
)
_CAUSES = (
    "Someone may have written after us, the gateway did not store it or stores it in a spelling "
    "that is not known here, or this read lags behind. `conflicts` has the values."
)
_REFUSED = (
    "The gateway shows {} and refuses to be sent what it said. A client with "
    'send="contract" leaves such members out. Nothing was changed.'
)
_GONE = (
    'customers.apply(error.plan) gives back what is gone. This gateway takes send="{send}", '
    "unless that was cleared for another reason; `also_changed` has the values."
)
#: What frameworks call it; to take one too many for a refusal costs one read.
_SUCCESS = ("success", "succeeded", "isSuccess", "ok")
_NOTHING = object()  # is the same as no JSON value


def graded(tried: Document, before: Document, found: Document) -> Grades:
    """Grade what a merge of `tried` onto `before` really changed, by what was found later."""
    return {
        path: grade(path, at(before, path), wanted, at(found, path))
        for path, wanted in leaves(tried, before)
        if not same(at(before, path), wanted)
    }


def graded_whole(sent: Document, found: Document, *, accepted: bool) -> Grades:
    """Grade a whole record; nobody knows what there was before it.

    Of one that was accepted, members outside the contract are left out: it may be a
    time stamp of the gateway's, which moves on.
    """
    return {
        (name,): grade((name,), _NOTHING, sent[name], find(found, name))
        for name in sent
        if not server_owned(name) and not (accepted and field_of(name) is None)
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
    return not _differing(addressed, found)


def _differing(addressed: Document, found: Document) -> dict[Path, object]:
    return {
        path: wanted
        for path, wanted in leaves(addressed, found)
        if not respelt(path, at(found, path), wanted)
    }


def lost(error: CaiboError) -> bool:
    """Tell whether the gateway may have applied the write that this came of."""
    match error:
        case TransportError():
            return error.request_sent == "maybe"
        case ServerError(status=503):  # with Retry-After it says that it did not
            return error.retry_after is None
        case _:
            return isinstance(error, ServerError | MalformedResponseError)


def said(body: bytes) -> Document | None:
    """Read the answer to a write; the contract declares none, so anything may stand there."""
    try:
        return Document.parse(body) if body else None
    except ValueError:
        return None


def no_answer(
    status: int, media_type: str, body: bytes, found: Document | None, id: int
) -> str | None:
    """Say why a 2xx does not tell that the write was accepted, if so.

    A captive portal, a login page and a maintenance page say 200 for what never
    reached the gateway, and some gateways say it for what they refused.
    """
    if status == 207:
        return "several outcomes in it"
    if found is None:
        return "a web page" if body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<" else None
    if no_record(found, id) is None:
        return None
    for name in _SUCCESS:
        if find(found, name) is False:
            return f"`{name}: false`"
    if find(found, "errors") or find(found, "error"):
        return "errors in it"
    code = integer(find(found, "status"))
    failed = code is not None and code >= 400 and (has(found, "title") or has(found, "detail"))
    return "a problem document" if failed or media_type == "application/problem+json" else None


def contradicts(said: Document, id: int, grades: Grades, gone: Collection[str] = ()) -> bool:
    """Tell whether an answer is a record that says something else than was sent.

    One that is shorter than the record speaks only of the members that it has.
    """
    if no_record(said, id):
        return of_another(said, id)
    otherwise = [path[0] for path, what in grades.items() if what in ("reverted", "other")]
    return any(has(said, name) for name in (*otherwise, *gone))


def whole(said: Document, id: int, sent: Document) -> bool:
    """Tell whether an answer is this customer's record, with every field that was sent."""
    if no_record(said, id) or misfit(said, ()):
        return False
    return all(has(said, name) for name in sent if field_of(name) is not None)


def beyond(sent: Document, found: Document, addressed: Collection[Path]) -> dict[str, Change]:
    """Return what differs from what was sent though nobody addressed it, by field name."""
    ours = {(fold(first), *inner) for first, *inner in addressed}
    names = [*sent, *(name for name in found if not has(sent, name))]
    return {
        label(path): change
        for name in names
        for path, change in _beyond((name,), find(sent, name), find(found, name), ours)
    }


def _beyond(
    path: Path, sent: object, found: object, ours: set[Path]
) -> Iterator[tuple[Path, Change]]:
    here = (fold(path[0]), *path[1:])
    if here in ours or same(sent, found):
        return
    if is_object(sent) and is_object(found) and any(p[: len(here)] == here for p in ours):
        for name in {**sent, **found}:
            yield from _beyond((*path, name), sent.get(name), found.get(name), ours)
    else:
        yield path, Change(sent, found)


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
        and not same(as_read(wire, find(found, wire)), as_read(wire, wanted))
    }
    if conflicts:
        raise ConflictError(
            f"customer {id} does not say what `expect` asks for: "
            f"{', '.join(conflicts)}; nothing was written. `conflicts` has the values.",
            conflicts=conflicts,
        )


def check_stands(id: int, base: Document, addressed: Document, found: Document) -> None:
    """Hold a record against a plan that was applied to it before.

    Raises:
        ConflictError: it says something else by now.
    """
    conflicts = {
        label(path): (at(base, path), at(found, path), wanted)
        for path, wanted in _differing(addressed, found).items()
    }
    if conflicts:
        raise ConflictError(
            f"customer {id}: this plan was applied before, and the record says something else "
            f"since: {', '.join(conflicts)}; nothing was written. `conflicts` has the values; "
            "make a new plan where it is to be written again.",
            conflicts=conflicts,
        )


def changed_each_time(id: int, writes: int) -> ConflictError:
    return ConflictError(
        f"customer {id} changed between our read and our write each time "
        f"(tries: {writes}); nothing was written. Try again later.",
        conflicts={},
    )


def advise(error: CaiboError, along: Collection[str]) -> None:
    """Let a refusal of members outside the contract that nobody addresses say what leaves them out.

    Args:
        error: the refusal.
        along: what was sent along.
    """
    if isinstance(error, BadRequestError):
        named = dict.fromkeys(name.partition(".")[0] for name in error.field_errors)
        refused = [name for name in named if name in along and field_of(name) is None]
        if refused:
            error.hint = _REFUSED.format(one_line(", ".join(refused)))


def done(*, answered: bool) -> str:
    """Say what a write came to before it was read back; without an answer the record told."""
    return "was accepted" if answered else "was seen to have been applied"


def overwritten(
    id: int,
    tried: Document,
    before: Document,
    found: Document,
    grades: Grades,
    *,
    done: str,
    also: Mapping[str, Change],
    gone: Collection[str] = (),
) -> OverwrittenError:
    """Say which values of a write the record does not have, and what it has instead.

    Args:
        id: the customer.
        tried: what was merged.
        before: the record that it was merged onto.
        found: the record as it is.
        grades: of what was tried.
        done: which write came to what before the record was read back.
        also: what differs beyond what was tried.
        gone: members that the write left out and the record has lost.
    """
    wanted = dict(leaves(tried, before))
    reverted = tuple(label(path) for path, what in grades.items() if what == "reverted")
    replaced = tuple(label(path) for path, what in grades.items() if what == "other")
    said = [f"{', '.join(reverted)} reverted to what was read before"] if reverted else []
    said += [f"{', '.join(replaced)} set to a third value"] if replaced else []
    said += [f"{', '.join(map(field_name, gone))} left out and gone"] if gone else []
    advice = [_CAUSES] if reverted or replaced else []
    advice += [_GONE.format(send=narrowest(gone))] if gone else []
    return OverwrittenError(
        f"{done}, and read back, the record says something else: "
        f"{'; '.join(said)}. {' '.join(advice)}",
        conflicts={
            label(path): (at(before, path), at(found, path), wanted[path])
            for path, what in grades.items()
            if what in ("reverted", "other")
        },
        reverted=reverted,
        replaced=replaced,
        also_changed=also,
        plan=restoring(id, merge(before, tried), found, gone),
    )


def unknown(
    id: int,
    line: str,
    reason: str,
    *,
    after: CaiboError | None,
    resumable: bool,
    readable: bool = True,
) -> str:
    """Say why nobody can tell whether a write stands, and what to do next."""
    what = line if after is None else f"{after}\n  The write may or may not have been applied."
    if not readable:
        resume = "Look at the customer by other means: this client cannot read it here."
    elif resumable:
        resume = "customers.apply(error.plan) looks again, and writes only what is missing."
    else:
        resume = f"Read customer {id} before trying again."
    return f"{what} {reason}\n  {resume}"
