"""What a write would change: for a person before it is written, and for a program."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple

from caibo import Caibo, Change, Document, Event, Plan, WriteIntended, WriteStoppedError
from caibo._record.masking import arrow, mask
from caibo.cli._screen import Screen, printable, to_json
from caibo.cli._values import READ, folded

_STYLES = {"~": "yellow", "-": "red", "+": "green", "=": "dim"}
Print = Callable[[str, str], None]
OnConflict = Literal["raise", "ours", "theirs"]


class Would(NamedTuple):
    """What a stored plan would change in the record as it is now; see `Plan`."""

    id: int
    base: Document
    changes: Mapping[str, Change]
    carried: tuple[str, ...]


def would(client: Caibo, plan: Plan, on_conflict: OnConflict) -> tuple[Would, str]:
    """Apply a plan until its write is announced, and let it go no further."""
    announced: list[WriteIntended] = []

    def stop(event: Event) -> None:
        if isinstance(event, WriteIntended):
            announced.append(event)
            raise WriteStoppedError("a dry run writes nothing")

    looking = client.with_options(observers=[stop])
    try:
        update = looking.customers.apply(plan, on_conflict=on_conflict)
    except WriteStoppedError:
        [event] = announced
        now = event.before or Document()
        ours = {*map(folded, plan.addressed), *READ}
        kept = (name for name in now if name not in event.left_out)
        carried = tuple(name for name in kept if folded(name) not in ours)
        return Would(plan.id, now, event.changes, carried), "would-change"
    return Would(plan.id, update.customer.document, {}, update.carried), update.outcome


def shown(value: object, *, masked: bool, quoted: bool = False) -> str:
    """Show a value, or the shape of a personal one; JSON but for strings, unless quoted."""
    value, quoted = told(value, masked=masked), quoted and not masked
    return value if isinstance(value, str) and not quoted else to_json(value)


def show(screen: Screen, plan: Plan | Would, *, masked: bool, result: bool = False) -> None:
    """Show a plan: ``~`` changed, ``-`` cleared, ``+`` set that was empty, ``=`` as it is."""
    say: Print = screen.result if result else screen.note
    say(f"customer {plan.id}", "bold")
    changes = {printable(name): change for name, change in plan.changes.items()}
    width = max(map(len, changes), default=0)
    for name, change in changes.items():
        before, after = (
            shown(value, masked=masked, quoted=True) for value in (change.before, change.after)
        )
        sign = "-" if change.after is None else "+" if change.before is None else "~"
        text = {"-": before, "+": after, "~": arrow(before, after)}[sign]
        say(f"  {sign} {name.ljust(width)}  {text}", _STYLES[sign])
    if not changes:
        say("  nothing to change", _STYLES["="])
    for what, names in (("kept", _kept(plan)), ("carried", plan.carried)):
        if names:
            say(f"  = {what}: {printable(', '.join(names))}", _STYLES["="])


def as_json(changes: Mapping[str, Change], *, masked: bool) -> dict[str, object]:
    """Return changes as `--json` tells them."""
    return {
        name: {
            "before": told(change.before, masked=masked),
            "after": told(change.after, masked=masked),
        }
        for name, change in changes.items()
    }


def told(value: object, *, masked: bool) -> object:
    """Return a value for JSON, or the shape of a personal one."""
    if not masked or value is None or isinstance(value, bool):
        return value
    return mask(value).strip("\"'")


def _kept(plan: Plan | Would) -> Iterable[str]:
    names = (READ.get(folded(wire)) for wire in plan.base)
    return [name for name in names if name is not None and name not in plan.changes]
