"""Hold what a call told against what the gateway saw."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from record.catalogue import FAULTS
from record.liar import Where

Said = dict[str, Any]
#: Seconds beyond the deadline that a busy machine is forgiven.
FORGIVEN = 1.5
DONE = ("accepted", "confirmed", "normalised", "unchanged", "already-applied", "returned")


@dataclass(frozen=True)
class Play:
    """One case, and before whom it is played.

    Attributes:
        caller: a face of this package, or what is compared with it.
        tls: whether there is.
        fault: its name in the catalogue.
        where: which request it happens to.
        once: whether it happens once, or each time.
        applied: whether the write is carried out.
        confirm: of the client.
    """

    caller: str
    tls: bool
    fault: str
    where: Where
    once: bool
    applied: bool
    confirm: bool = False

    def command(self) -> dict[str, Any]:
        """Return what the worker is told."""
        return {k: v for k, v in asdict(self).items() if k not in ("caller", "tls")}


def hurried(found: list[str]) -> bool:
    """Tell whether what is broken may be the machine's fault.

    One that is busy takes its time, and may carry a write out after the read that looked for it.
    """
    return bool(found) and all(what.startswith(("took", "wrote twice")) for what in found)


def broken(play: Play, said: Said) -> Iterator[str]:
    """Name the promises that a call broke."""
    told, lie = said["told"], believed(play, said)
    if told in ("foreign", "hung"):
        yield f"{told}: {said['error']}"
        return
    if told in DONE and not said["stands"] and not lie:
        yield "said that it was done, and it was not"
    if told == "not written" and said["writes"] and not lie:
        yield "said that nothing was written, and it was"
    if said["blind"] and FAULTS[play.fault].says != "later":
        yield "wrote twice without a look between"
    if said["spoilt"]:
        yield "changed something else"
    if any(said["left"]) or said["idle"] > 1:
        yield f"left something behind: {said['left']}, {said['idle']} open before the end"
    if said["shown"]:
        yield f"shows {', '.join(said['shown'])}"
    if said["beyond"] > FORGIVEN:
        yield f"took {said['beyond']:.1f} s beyond its deadline"


def believed(play: Play, said: Said) -> str:
    """Name the lie of the gateway that explains a wrong word, if one does.

    No client can see through these: a whole 2xx for what was not stored (which `confirm`
    would see), a refusal of what was stored, and a read that is not true.
    """
    says, told = FAULTS[play.fault].says, said["told"]
    if play.where == "write":
        if told in DONE and not said["stands"] and says == "done" and not play.confirm:
            return "2xx"
        if told == "not written" and said["writes"] and says in ("refused", "later"):
            return "refusal"
        return ""
    wrong = (told in DONE and not said["stands"]) or (told == "not written" and said["writes"])
    return "read" if wrong and says in ("done", "old") else ""
