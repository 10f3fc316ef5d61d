"""Which `send=` a gateway allows, by what was seen of its members."""

from __future__ import annotations

from typing import Literal, NamedTuple

from caibo import APIError
from caibo.doctor import _records as of
from caibo.doctor._facts import Facts
from caibo.doctor._records import OWNED, SENDS, TRIED, UNKNOWN, Send

Verdict = Literal["holds", "does not", "cannot be told"]


class Conclusion(NamedTuple):
    """What is said of an assumption, or of a mode.

    Attributes:
        verdict: of the three.
        evidence: what was seen, without a value of the customer.
        advice: what to set, if something is to be set.
        matters: whether anything rests on it with a gateway like this.
    """

    verdict: Verdict
    evidence: str
    advice: str = ""
    matters: bool = True


def holds(evidence: str, advice: str = "") -> Conclusion:
    return Conclusion("holds", evidence, advice)


def fails(evidence: str, advice: str = "") -> Conclusion:
    return Conclusion("does not", evidence, advice)


def open_(evidence: str, advice: str = "") -> Conclusion:
    return Conclusion("cannot be told", evidence, advice)


def modes(facts: Facts) -> dict[Send, Conclusion]:
    """Say of each mode whether this gateway allows it."""
    change = facts.tried("change")
    if change.came == "unknown":
        return dict.fromkeys(SENDS, open_(change.why))
    if change.came == "taken" and not of.is_ours(of.value(change.after, TRIED)):
        return dict.fromkeys(SENDS, open_("reads do not show what was written"))
    parts = {
        "record": _whole(facts, "record"),
        "writable": _left_out_owned(facts),
        "contract": _left_out_unknown(facts),
        "changes": _left_out_optional(facts),
    }
    said: dict[Send, Conclusion] = {"record": parts["record"]}
    for number, send in enumerate(SENDS[1:], 2):
        # A mode leaves out all that a wider one does.
        needed = [parts[name] for name in SENDS[1:number]]
        worst = [one for one in needed if one.verdict == "does not"]
        worst += [one for one in needed if one.verdict == "cannot be told"]
        said[send] = worst[0] if worst else needed[-1]
        if f"unchanged, {send}" in facts.writes:
            said[send] = _whole(facts, send)
    return said


def _whole(facts: Facts, send: Send) -> Conclusion:
    tried = facts.tried(f"unchanged, {send}")
    if tried.came == "refused":
        return fails(tried.why)
    if facts.dropped:
        return fails(f"gone after a PUT of what was read: {of.shown(facts.dropped)}")
    if tried.came == "taken":
        return holds("a record was taken as it was read, and nothing was lost")
    return open_(tried.why)


def _left_out_owned(facts: Facts) -> Conclusion:
    if facts.carries in ("writable", "contract"):
        return _whole(facts, facts.carries)
    tried, owned = facts.tried("owned left out"), " or ".join(OWNED)
    if tried.came != "taken" or facts.record is None:
        return open_(tried.why)
    names = [name for name in of.owned(facts.record) if name.lower() != "id"]
    lost = of.lost(facts.record, tried.after, names)
    return fails(f"left out and gone: {of.shown(lost)}") if lost else holds(f"{owned} stays")


def _left_out_unknown(facts: Facts) -> Conclusion:
    if facts.carries == "contract":
        return _whole(facts, "contract")
    new, left_out = facts.tried("unknown"), facts.tried("unknown left out")
    if left_out.came == "taken":
        gone = of.empty(of.value(left_out.after, UNKNOWN))
        said = "a member outside the contract, left out, is gone"
        return fails(said) if gone else holds("a member outside the contract stays")
    if new.came in ("taken", "refused") and facts.record is not None:
        shown = of.outside(facts.record)
        if shown:
            return open_(f"of what is outside the contract only {of.shown(shown)} is kept")
        return holds("no member outside the contract is kept, so none can be lost")
    return open_(new.why)


def _left_out_optional(facts: Facts) -> Conclusion:
    tried = facts.tried("left out")
    if tried.came != "taken":
        return open_(tried.why)
    gone = of.empty(of.value(tried.after, TRIED))
    return fails(f"{TRIED}, left out, is gone") if gone else holds(f"{TRIED}, left out, stays")


def last_line(facts: Facts) -> str:
    """Say which modes this gateway allows, and what to pass to the client."""
    if facts.id is None and facts.unread is None:
        if isinstance(facts.nobody, APIError) and facts.nobody.problem:
            return "Name a customer: what a record is, and what a write does, is seen by one only."
        return "No gateway was seen: nobody refused in JSON. Look at base_url, or name a customer."
    if facts.record is None:
        return "No update can read first here: pass current= to customers.update, which sends all."
    if not facts.write:
        return (
            "Which send= this gateway allows is seen by writing only: write=True. Until then "
            'pass nothing, which is send="record".'
        )
    said = modes(facts)
    allowed = [send for send in SENDS if said[send].verdict == "holds"]
    if not allowed:
        return "No send= was seen to work here: look at what is said above first."
    names = ", ".join(f'"{send}"' for send in allowed)
    if allowed[0] == "record":
        return f'This gateway allows send={names}: pass nothing, as "record" is the default.'
    return f'This gateway allows send={names}: pass send="{allowed[0]}" to the client.'
