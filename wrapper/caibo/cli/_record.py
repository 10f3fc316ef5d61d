"""The commands for one customer: ``get``, ``update``, ``plan``, ``apply``."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, cast

from cyclopts import Parameter

from caibo import Caibo, Customer, OverwrittenError, Plan, UnknownOutcomeError, Update
from caibo.cli._connect import connect, permitted
from caibo.cli._difference import OnConflict, Would, as_json, show, shown, told, would
from caibo.cli._exits import DONE, FAILED, StoppedError
from caibo.cli._files import read, renew, write_beside, write_new
from caibo.cli._options import (
    COMMON,
    GATEWAY,
    SHOWING,
    WRITING,
    Changes,
    Common,
    Expect,
    Extra,
    Gateway,
    Id,
    ReadName,
    Showing,
    Writing,
)
from caibo.cli._screen import Screen, to_json
from caibo.cli._values import READ, Values, folded

DryRun = Annotated[bool, Parameter(help="show what would change, and write nothing")]


def get(
    id: Id,
    /,
    *,
    field: Annotated[
        ReadName | None,
        Parameter(
            show_choices=False, metavar="FIELD", help="print this field's value, and no more"
        ),
    ] = None,
    showing: Showing = SHOWING,
    gateway: Gateway = GATEWAY,
    common: Common = COMMON,
) -> int:
    """Read a customer.

    The names are this package's, those outside the contract the wire's. `--json` prints the
    record as the gateway sent it.

    ```console
    $ caibo get 12345
    $ caibo get 12345 --json
    $ caibo get 12345 --field member_id
    $ caibo get 12345 --field preferences.currency
    ```
    """
    screen = Screen(common)
    with connect(screen, gateway) as client:
        customer = client.customers.get(id)
    masked = screen.shows and not showing.show_values
    if field is not None:
        _show_field(screen, customer, field, masked=masked)
    elif screen.json and not masked:
        screen.exactly(customer.to_json())
    elif screen.json:
        members = customer.document.items()
        screen.data({n: told(v, masked=folded(n) != "id") for n, v in members})
    else:
        named = [(READ.get(folded(name), name), v) for name, v in customer.document.items()]
        screen.table(
            ("field", "value"),
            [(n, shown(v, masked=masked and n != "id")) for n, v in named],
        )
    return DONE


def update(
    id: Id,
    /,
    *changes: Changes,
    extra: Extra = (),
    expect: Expect = (),
    dry_run: DryRun = False,
    writing: Writing = WRITING,
    showing: Showing = SHOWING,
    gateway: Gateway = GATEWAY,
    common: Common = COMMON,
) -> int:
    """Change some fields of a customer, and lose nothing else in the record.

    The difference is shown first. Whoever uses another key than a test key is asked then,
    unless there is `--yes`; without a terminal every write needs `--yes`.

    ```console
    $ caibo update 12345 email=new@example.com phone:=null
    $ caibo update 12345 phone=@phone.txt --expect name="Ada Example" --yes
    $ caibo update 12345 --extra preferences.currency=USD --dry-run
    ```
    """
    screen = Screen(common)
    wanted = _wanted(screen, changes, extra, expect)
    if not dry_run:
        screen.permit(yes=writing.yes)
    with connect(screen, gateway, writing) as client:
        plan = client.customers.plan(id, **wanted)
        if dry_run:
            return _told(screen, plan, _outcome(plan), showing)
        if plan.changes:
            return _write(screen, client, plan, writing, showing)
    _report(screen, plan, None, masked=True)
    return DONE


def plan(
    id: Id,
    /,
    *changes: Changes,
    extra: Extra = (),
    expect: Expect = (),
    output: Annotated[
        Path | None,
        Parameter(
            name=("--output", "-o"),
            help="write the plan to this new file; - is stdout",
            allow_leading_hyphen=True,
        ),
    ] = None,
    showing: Showing = SHOWING,
    gateway: Gateway = GATEWAY,
    common: Common = COMMON,
) -> int:
    """Work out an update and write nothing, for `caibo apply`.

    The plan holds the whole record; its file is made with mode 0600.

    ```console
    $ caibo plan 12345 member_id=M-2002 -o plan.json
    ```
    """
    screen = Screen(common)
    wanted = _wanted(screen, changes, extra, expect)
    to_stdout = output == Path("-")
    if to_stdout and screen.shows and not showing.show_values:
        raise StoppedError("a plan holds the whole record: name a file, or say --show-values")
    with connect(screen, gateway) as client:
        made = client.customers.plan(id, **wanted)
    if to_stdout:
        show(screen, made, masked=not showing.show_values)
        screen.exactly(made.to_json())
        return DONE
    if output is not None:
        write_new(output, made.to_json())
        screen.note(f"caibo: the plan is in {output}")
    return _told(screen, made, _outcome(made), showing)


def apply(
    file: Annotated[
        Path,
        Parameter(
            name="FILE", help="what `caibo plan` wrote; - is stdin", allow_leading_hyphen=True
        ),
    ],
    /,
    *,
    on_conflict: Annotated[
        OnConflict, Parameter(help="where someone else has changed the same field meanwhile")
    ] = "raise",
    dry_run: DryRun = False,
    writing: Writing = WRITING,
    showing: Showing = SHOWING,
    gateway: Gateway = GATEWAY,
    common: Common = COMMON,
) -> int:
    """Write what a plan says, on the record as it is now.

    What others have changed since stays. The file remembers that its plan was applied.

    ```console
    $ caibo apply plan.json --dry-run
    $ caibo apply plan.json --on-conflict theirs --yes
    ```
    """
    screen = Screen(common)
    stored = Plan.from_json(read(str(file)))
    if not dry_run:
        screen.permit(yes=writing.yes)
    was_applied = stored.applied
    with connect(screen, gateway, writing) as client:
        if dry_run:
            return _told(screen, *would(client, stored, on_conflict), showing)
        try:
            return _write(screen, client, stored, writing, showing, on_conflict=on_conflict)
        finally:
            if stored.applied and not was_applied:
                _remember(screen, file, stored)


def _wanted(
    screen: Screen, changes: tuple[str, ...], extra: tuple[str, ...], expect: tuple[str, ...]
) -> dict[str, Any]:
    values = Values()
    wanted: dict[str, Any] = values.changes(changes)
    wanted["extra"] = values.outside(extra)
    wanted["expect"] = values.expect(expect)
    values.check()
    if not changes and not extra:
        raise StoppedError("nothing to change: give FIELD=VALUE, or --extra NAME=VALUE")
    for note in values.notes:
        screen.note(f"caibo: {note}")
    return wanted


def _write(
    screen: Screen,
    client: Caibo,
    plan: Plan,
    writing: Writing,
    showing: Showing,
    *,
    on_conflict: OnConflict = "raise",
) -> int:
    show(screen, plan, masked=not showing.show_values)
    if not permitted(screen, client, f"customer {plan.id}", yes=writing.yes):
        return FAILED
    try:
        update = client.customers.apply(plan, on_conflict=on_conflict)
    except (OverwrittenError, UnknownOutcomeError) as error:
        _keep(screen, error.plan)
        raise
    except KeyboardInterrupt:
        screen.note(f"caibo: it may have been written; look: caibo get {plan.id}")
        raise
    _report(screen, plan, update, masked=screen.shows and not showing.show_values)
    return DONE


def _keep(screen: Screen, plan: Plan | None) -> None:
    """Keep how to resume; where a write left something out, it is the only copy of that."""
    if plan is None:
        return
    try:
        path = write_beside(Path(f"caibo-{plan.id}.plan.json"), plan.to_json())
    except StoppedError as error:
        screen.note(f"caibo: {error}")
    else:
        screen.note(f"caibo: how to resume is in {path}, with the whole record")


def _remember(screen: Screen, file: Path, plan: Plan) -> None:
    """Let the file say that its plan was applied."""
    try:
        renew(file, plan.to_json())
    except StoppedError as error:
        screen.note(f"caibo: {error}; do not apply it again")


def _outcome(plan: Plan) -> str:
    return "would-change" if plan.changes else "unchanged"


def _told(screen: Screen, plan: Plan | Would, outcome: str, showing: Showing) -> int:
    masked = screen.shows and not showing.show_values
    if not screen.json:
        show(screen, plan, masked=masked, result=True)
        return DONE
    screen.data(
        {
            "id": str(plan.id),
            "outcome": outcome,
            "changes": as_json(plan.changes, masked=masked),
            "carried": plan.carried,
        }
    )
    return DONE


def _report(screen: Screen, plan: Plan, update: Update | None, *, masked: bool) -> None:
    outcome = "unchanged" if update is None else update.outcome
    changes = plan.changes if update is None else update.changes
    if not screen.json:
        screen.table(
            ("customer", "outcome", "changed"), [(str(plan.id), outcome, ", ".join(changes))]
        )
        return
    also = None if update is None else update.also_changed
    screen.data(
        {
            "id": str(plan.id),
            "outcome": outcome,
            "changes": as_json(changes, masked=masked),
            "carried": plan.carried if update is None else update.carried,
            "also_changed": None if also is None else as_json(also, masked=masked),
            "left_out": () if update is None else update.left_out,
            "protection": "none" if update is None else update.protection,
            "race_window": None if update is None else update.race_window,
            "attempts": 0 if update is None else update.attempts,
            "request_id": None if update is None else update.request_id,
        }
    )


def _show_field(screen: Screen, customer: Customer, name: str, *, masked: bool) -> None:
    value = _value(customer, name)
    if screen.json:
        screen.exactly(to_json(told(value, masked=masked)))
    elif value is None:
        screen.result("")
    else:
        screen.exactly(shown(value, masked=masked))


def _value(customer: Customer, name: str) -> object:
    document = customer.document
    by_name = {folded(wire): wire for wire in document}
    if name in document or folded(name) in by_name:
        return document[name if name in document else by_name[folded(name)]]
    if folded(name) in READ:
        return None
    found: object = document
    for step in name.split("."):
        if not isinstance(found, Mapping) or step not in found:
            known = [READ.get(folded(wire), wire) for wire in document]
            close = get_close_matches(name, known, 1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
            raise StoppedError(f"{name}: the record has no such member; {hint}", FAILED)
        found = cast("Mapping[str, object]", found)[step]
    return found
