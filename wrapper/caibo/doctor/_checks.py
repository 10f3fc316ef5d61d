"""What the conclusions of `_of_records` and `_of_writes` have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from caibo import APIError, Document, Update
from caibo.doctor import _records as of
from caibo.doctor._facts import Facts, Tried
from caibo.doctor._records import TRIED
from caibo.doctor._verdicts import Conclusion, open_

Check = Callable[[Facts], Conclusion]

CURRENT = "pass current= to customers.update, or ask the vendor for a read"
UNSEEN = f"{TRIED} was written, answered with 2xx, and reads as before: ignored, or reads are old"
NARROWER = "set send= as the last line says"


class Checks(dict[str, Check]):
    """Functions that say what is known of an assumption, by the assumption's id."""

    def __call__(self, id: str) -> Callable[[Check], Check]:
        """Register one."""

        def registered(function: Check) -> Check:
            self[id] = function
            return function

        return registered

    def never(self, id: str, why: str, by_hand: str) -> None:
        """Register an assumption that no request of ours can settle, and who can."""
        self[id] = lambda _: open_(why, by_hand)


def of_record(facts: Facts, conclude: Callable[[Document], Conclusion]) -> Conclusion:
    return open_("no record was read") if facts.record is None else conclude(facts.record)


def first(facts: Facts) -> Tried:
    return facts.tried("unchanged, record")


def stored(tried: Tried) -> bool:
    """Tell whether the value that was written is there."""
    return of.is_ours(of.value(tried.after, TRIED))


def answered(facts: Facts) -> Update | None:
    """Return what came of a PUT of the record as it was read that was answered with 2xx."""
    tried = (facts.tried(f"unchanged, {facts.carries}"), facts.tried("again"))
    updates = [one.update for one in tried if one.update is not None]
    return next((one for one in updates if one.outcome == "accepted"), None)


def left_of(tried: Tried) -> str:
    own = of.spelling(tried.after, TRIED)
    if own not in tried.after:
        return "absent"
    return "null" if tried.after[own] is None else "empty"


def refusal(facts: Facts) -> APIError | None:
    return facts.nobody if isinstance(facts.nobody, APIError) else None


def nobody(facts: Facts) -> str:
    return f"a customer that cannot exist was answered with {facts.nobody}"


def folded(members: Any) -> set[str]:
    return {str(name).lower() for name in members}
