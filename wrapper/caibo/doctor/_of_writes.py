"""What is said of what a write does, and of what goes around it."""

from __future__ import annotations

from caibo.doctor import _records as of
from caibo.doctor._checks import (
    UNSEEN,
    Checks,
    first,
    folded,
    left_of,
    refusal,
    stored,
)
from caibo.doctor._facts import Facts
from caibo.doctor._records import TRIED
from caibo.doctor._verdicts import Conclusion, fails, holds, open_

check = Checks()

# -- What a write does


@check("null-clears")
def _(facts: Facts) -> Conclusion:
    tried = facts.tried("null")
    if tried.came == "refused":
        return fails(f"null for {TRIED}: {tried.why}", 'clear with "" instead of None')
    if tried.came != "taken":
        return open_(tried.why)
    if of.empty(of.value(tried.after, TRIED)):
        return holds(f"null cleared {TRIED}; it is then {left_of(tried)}")
    return fails(f"{TRIED} kept its value", 'clear with "" instead of None')


@check("omitted-is-lost")
def _(facts: Facts) -> Conclusion:
    tried = facts.tried("left out")
    if tried.came == "refused":
        return fails(f"{TRIED} left out: {tried.why}", 'stay with send="record"')
    if tried.came != "taken":
        return open_(tried.why)
    if of.empty(of.value(tried.after, TRIED)):
        return holds(f"{TRIED}, left out, is {left_of(tried)}: it is lost")
    return holds(f"{TRIED}, left out, stays")


@check("put-repeats")
def _(facts: Facts) -> Conclusion:
    first, again = facts.tried(f"unchanged, {facts.carries}"), facts.tried("again")
    if again.came != "taken":
        return open_(again.why)
    names = of.differences(first.after, again.after)
    if names:
        said = f"after the same PUT again {of.shown(names)} differ: by the gateway, or by others"
        harm = any(of.carrier(name) in ("contract", "changes") for name in names)
        return Conclusion("does not", said, "expect them in also_changed", matters=harm)
    return holds("the same PUT twice left the same record")


@check("read-sees-writes")
def _(facts: Facts) -> Conclusion:
    tried = facts.tried("change")
    if tried.came != "taken":
        return open_(tried.why)
    late = "set confirm= to a few seconds, and have no cache or replica answer reads"
    if not stored(tried):
        return fails(
            "a read past a cache shows what others do not" if facts.behind else UNSEEN, late
        )
    if tried.reads > 1 or tried.read_back == "before":
        return fails("the first read after a change was old, a later one new", late)
    return holds("a change was seen in the first read after it")


@check("refused-is-unchanged")
def _(facts: Facts) -> Conclusion:
    refused = [tried for tried in facts.writes.values() if tried.came == "refused"]
    if not refused:
        return open_("nothing that was written was refused")
    told = ", ".join(sorted({str(tried.status) for tried in refused}))
    moved = {name for tried in refused for name in tried.moved} - {*facts.moving}
    if moved:
        return fails(f"after {told} there was a change of {of.shown(sorted(moved))}")
    return holds(f"after {told} nothing had changed")


@check("success-is-not-always")
def _(facts: Facts) -> Conclusion:
    tried = facts.tried("change")
    if tried.came != "taken":
        return open_(tried.why)
    if stored(tried) or facts.behind:
        return holds("what was answered with 2xx was there")
    return fails(UNSEEN, "set confirm=True")


@check("respelling")
def _(facts: Facts) -> Conclusion:
    tried = facts.tried("change")
    if facts.moving:
        return open_(f"other text after a PUT of the same: {of.shown(facts.moving)}")
    if tried.read_back == "other" and stored(tried):
        return fails(f"{TRIED} was stored in a spelling that looks like somebody else's")
    if tried.update is None:
        return open_(tried.why or "a read did not show it at once")
    if tried.update.outcome == "normalised":
        return holds(f"{TRIED} was stored in another spelling, which this client knows")
    return holds(f"{TRIED} was stored as it was sent")


# -- What goes around it


@check("error-look")
def _(facts: Facts) -> Conclusion:
    found: list[str] = []
    if facts.reads:
        [read, *_] = facts.reads
        found += [f"request ids in {read.request_id}"] if read.request_id else []
        found += [f"Date {abs(read.ahead):.0f} s off"] if read.ahead is not None else []
    error = refusal(facts)
    if error is not None:
        found += [name for name in ("traceId", "errors") if name.lower() in folded(error.problem)]
    return holds("; ".join(found)) if found else open_("none of them appears")


check.never(
    "new-token-helps",
    "it takes a token that ends while the client holds it",
    "let one end, and see whether the next call goes through, with a new one",
)


@check("if-match")
def _(facts: Facts) -> Conclusion:
    stale, whole = facts.tried("stale tag"), first(facts)
    lock = "set lock= where several processes write"
    if whole.status == 412 and whole.moved:
        return open_("a strong ETag, and somebody else wrote meanwhile")
    if whole.status == 412:
        return fails(
            "a tag that was just read was refused: 412", "have nothing in between change tags"
        )
    if whole.status == 428:
        return fails("428: it asks for If-Match, and a read shows no strong ETag", "ask the vendor")
    if facts.etag is None:
        weak = any(read.headers.get("etag", "").startswith("W/") for read in facts.reads)
        return open_("reads have a weak ETag, which is no use" if weak else "no ETag", lock)
    if stale.status == 412:
        return holds("a strong ETag; a stale one was refused with 412")
    if stale.came == "taken":
        return fails("a strong ETag, but a stale one was taken", lock)
    return open_(f"a strong ETag; a stale one: {stale.why}", lock)


@check("caches")
def _(facts: Facts) -> Conclusion:
    between = [said for read in facts.reads for said in read.between if said[:7] != "server:"]
    said = ", ".join(dict.fromkeys(between)) or "nothing shows itself in between"
    if between and facts.unread is not None:
        return holds(f"{said}: it shows itself", "have it obey, or leave /customers alone")
    if facts.tried("change").came != "taken":
        return open_(said)
    if stored(facts.tried("change")):
        return holds(f"{said}; reads were new")
    if facts.behind:
        old = "a read of the same address after a write was old, of another one new"
        return fails(f"{said}; {old}", "have caches leave /customers alone")
    return open_(f"{said}; {UNSEEN}")


check.never(
    "one-gateway",
    "it takes a second client, and to know what its address and its key reach",
    "set lock= where another base_url, or a key of another mode, reaches the same customers",
)
