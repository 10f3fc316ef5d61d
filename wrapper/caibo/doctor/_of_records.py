"""What is said of the contract after the overlay, of the pages, and of what a record is."""

from __future__ import annotations

from caibo import APIError, Document
from caibo.doctor import _records as of
from caibo.doctor._checks import (
    CURRENT,
    NARROWER,
    UNSEEN,
    Checks,
    answered,
    first,
    folded,
    nobody,
    of_record,
    refusal,
    stored,
)
from caibo.doctor._facts import Facts
from caibo.doctor._records import OWNED, TRIED, UNKNOWN
from caibo.doctor._verdicts import Conclusion, fails, holds, open_

check = Checks()

# -- The contract after the overlay


@check("read-exists")
def _(facts: Facts) -> Conclusion:
    if isinstance(facts.unread, APIError):
        return fails(f"GET came to {facts.unread.status}", CURRENT)
    if facts.id is None:
        return open_("no customer was named")
    [read, *_] = facts.reads
    said = f"{read.status}, {read.media_type}, {read.size} bytes"
    if facts.unread is not None:
        return fails(f"{said}: {str(facts.unread).splitlines()[0]}", CURRENT)
    return holds(f"{said}, in {read.seconds * 1000:.0f} ms")


@check("server-owned")
def _(facts: Facts) -> Conclusion:
    echoed, changed = facts.tried("unchanged, record"), facts.tried("owned")
    if echoed.came == "refused" and facts.carries == "writable":
        return fails(f"sent back as they came: {echoed.why}", NARROWER)
    if echoed.came != "taken" or facts.record is None:
        return open_(echoed.why)
    gone = [name for name in facts.dropped if of.carrier(name) == "record"]
    if gone:
        return fails(f"sent back as they came and gone: {of.shown(gone)}")
    names = [n for n in of.owned(facts.record) if n.lower() in {o.lower() for o in OWNED}]
    if changed.came == "taken" and of.differences(
        facts.record.only(names), changed.after.only(n for n in names if n in changed.after)
    ):
        return fails(
            f"of {of.shown(names)} one that a caller changed was stored; it was put back",
            "keep callers from setting it: this package refuses to",
        )
    if changed.came == "taken":
        return holds("sent back as they came, they did no harm; one that was changed was ignored")
    return holds(f"sent back as they came, they did no harm; one that was changed: {changed.why}")


@check("may-be-null")
def _(facts: Facts) -> Conclusion:
    return of_record(facts, _may_be_null)


def _may_be_null(record: Document) -> Conclusion:
    found = [name for name in ("ownerId", "createDate") if of.value(record, name) is None]
    if found:
        return holds(f"null or absent here: {', '.join(found)}")
    return open_("both have values here, so nothing rests on it")


@check("callers-set")
def _(facts: Facts) -> Conclusion:
    tried = facts.tried("change")
    gone = [name for name in facts.dropped if of.carrier(name) in ("contract", "changes")]
    if gone:
        return fails(f"sent as they came and gone: {of.shown(gone)}")
    if tried.came == "refused":
        return fails(f"a change of {TRIED}: {tried.why}", "look at the fields that it names")
    if tried.came != "taken":
        return open_(tried.why)
    if stored(tried) or facts.behind:
        return holds(f"{TRIED} was changed and put back; the others were not tried")
    return fails(UNSEEN)


@check("login")
def _(facts: Facts) -> Conclusion:
    sent = {read.credential for read in facts.reads}
    by_hand = "make one call with auth=caibo.Login(…): it shows whether a login gives a token"
    if sent <= {"X-API-Key"}:
        return open_("no login was seen; a client with an API key makes none", by_hand)
    return open_("a token was sent; where it came from is not seen here", by_hand)


@check("media-type")
def _(facts: Facts) -> Conclusion:
    came = first(facts)
    if came.status == 415:
        return fails("application/json was refused: 415", "ask the vendor; no option sets another")
    if answered(facts) is None:
        return open_(came.why or "no PUT was answered")
    return holds("application/json was taken")


@check("required-members")
def _(facts: Facts) -> Conclusion:
    if answered(facts) is None:
        return open_(first(facts).why or "no PUT was answered")
    return holds("each PUT had both and was taken; one without them was not tried")


@check("address-is-text")
def _(facts: Facts) -> Conclusion:
    return of_record(facts, _address)


def _address(record: Document) -> Conclusion:
    found = of.value(record, "address")
    if found is None:
        return open_("it is null or absent here")
    if isinstance(found, str):
        return holds("it is a string here")
    kind = "an object" if hasattr(found, "keys") else type(found).__name__
    return fails(f"it is {kind} here", 'leave it alone, or write it with extra={"address": …}')


@check("further-members")
def _(facts: Facts) -> Conclusion:
    if facts.record is None:
        return open_("no record was read")
    shown, new = of.outside(facts.record), facts.tried("unknown")
    gone = [name for name in facts.dropped if of.carrier(name) == "writable"]
    if shown and facts.carries == "contract":
        why = facts.tried("unchanged, writable").why
        lost = "; left out, they are gone" if gone else ""
        return fails(f"the record shows {of.shown(shown)}; sent along: {why}{lost}", NARROWER)
    if gone:
        return fails(f"sent along and gone: {of.shown(gone)}", "ask the vendor how they are kept")
    kept = new.came == "taken" and of.has(new.after, UNKNOWN)
    if new.came == "taken" and not kept and not shown:
        return fails("a new one was taken and is not there", "set nothing by extra=")
    if shown and facts.carries in ("record", "writable"):
        return holds(f"sent along and still there: {of.shown(shown)}")
    if kept:
        return holds("a new one was stored as it was sent")
    if new.came == "refused":
        return open_(f"the record shows none; a new one: {new.why}", "set nothing by extra=")
    return open_(f"the record shows {of.shown(shown)}; a new one: {new.why}")


@check("credentials")
def _(facts: Facts) -> Conclusion:
    if facts.reads:
        return holds(f"{facts.reads[0].credential} was accepted; another kind was not tried")
    return open_("this client's own was not refused; whether it was looked at is not known")


# -- What the pages say in two ways, and the contract has no place for


@check("any-success-body")
def _(facts: Facts) -> Conclusion:
    update = answered(facts)
    if update is None:
        return open_(first(facts).why or "no PUT was answered")
    if update.also_changed is None:
        return holds("a PUT was answered with 2xx and no whole record")
    return holds("a PUT was answered with 2xx and the record")


@check("path-prefix")
def _(facts: Facts) -> Conclusion:
    if facts.id is None:
        return open_("no customer was named")
    return holds("/customers/{id} is there, below this base_url")


@check("error-members")
def _(facts: Facts) -> Conclusion:
    error = refusal(facts)
    if error is None:
        return open_(nobody(facts))
    said = [name for name in ("title", "detail", "message") if name in folded(error.problem)]
    if said:
        return holds(f"{error.status} has {', '.join(said)}")
    if error.problem:
        return fails(f"{error.status} has {of.shown(error.problem)}", "read error.body_text")
    return open_(f"{error.status} came without a JSON object")


@check("key-prefix")
def _(facts: Facts) -> Conclusion:
    if facts.mode != "unknown":
        return holds(f"this is a {facts.mode} key")
    if any(read.credential == "X-API-Key" for read in facts.reads):
        return fails("this key begins with neither, and counts as live", "look whose key it is")
    return open_("no API key was seen; what a token changes counts as live")


# -- What a record is


@check("names-in-any-case")
def _(facts: Facts) -> Conclusion:
    return of_record(facts, lambda record: _any_case(facts, record))


def _any_case(facts: Facts, record: Document) -> Conclusion:
    way, tried = of.casing(record), facts.tried("spelt")
    said = f"names are spelt {way}" if way == "mixed" else f"names are {way}"
    exactly = "in replace and current=, write names exactly as a read shows them"
    if tried.came == "taken":
        same = stored(tried)
        alone = of.spelling(record, TRIED) in tried.after or TRIED not in tried.after
        if same and alone and len(tried.after) <= len(record):
            return holds(f"{said}; {TRIED} in another case is the same member")
        found = f"{said}; {TRIED} in another case is not the same member"
        return Conclusion("does not", found, exactly, matters=way != "as the contract")
    if tried.came == "refused":
        found = f"{said}; {TRIED} in another case: {tried.why}"
        return Conclusion("does not", found, exactly, matters=way != "as the contract")
    if way != "as the contract" and facts.carries is not None:
        return holds(f"{said}, and were taken like that")
    return open_(f"{said}; another case: {tried.why}")


@check("own-id")
def _(facts: Facts) -> Conclusion:
    return of_record(facts, _own_id)


def _own_id(record: Document) -> Conclusion:
    own = of.value(record, "id")
    if own is None:
        return holds("the record has none, and is taken for the one that was asked for")
    return holds(f"it is the one of the path, {'a string' if isinstance(own, str) else 'a number'}")


@check("numbers-as-text")
def _(facts: Facts) -> Conclusion:
    return of_record(facts, lambda record: _numbers(facts, record))


def _numbers(facts: Facts, record: Document) -> Conclusion:
    names = of.as_text(record)
    if not names:
        return open_("numbers came as numbers, so nothing rests on it")
    said = f"strings here: {of.shown(names)}"
    return holds(f"{said}; they were taken back so") if facts.carries == "record" else open_(said)


@check("counted-in-characters")
def _(facts: Facts) -> Conclusion:
    tried, plain = facts.tried("limit"), facts.tried("limit, plain")
    limit = f"{TRIED} at its limit, with a character of two UTF-16 units"
    if tried.came == "taken":
        whole = str(of.value(tried.after, TRIED)).strip().endswith(of.TWO_UNITS)
        return holds(f"{limit}, was stored") if whole else open_(f"{limit}, was stored otherwise")
    if tried.came == "refused" and plain.came == "taken":
        # What passed here is refused there, and nothing is lost.
        return Conclusion(
            "does not", f"{limit}: {tried.why}", "expect a 400 for such", matters=False
        )
    if tried.came == "refused":
        return open_(f"{TRIED} at its limit, of whatever characters: {plain.why}")
    return open_(tried.why)
