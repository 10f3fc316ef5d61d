"""The command ``doctor``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

import caibo.doctor
from caibo import Caibo
from caibo.cli._connect import connect
from caibo.cli._exits import DONE, FAILED, StoppedError
from caibo.cli._options import COMMON, GATEWAY, Common, Gateway, Id, Writing
from caibo.cli._screen import Screen, to_json

# The library speaks to whoever calls it from Python.
_WORDS = {
    "write=True": "--write",
    "may_stay=True": "--may-stay",
    "Look at base_url": "Look at --base-url",
}
_STAYS = (
    "caibo: with --may-stay a member that no contract has, caiboDoctor, may stay in the record, "
    "and what it has outside the contract may be lost"
)


def doctor(
    id: Id | None = None,
    /,
    *,
    write: Annotated[
        bool, Parameter(help="write as well, to this customer, which may be spoilt")
    ] = False,
    may_stay: Annotated[
        bool, Parameter(help="try what may leave a member in the record, or take one for good")
    ] = False,
    backup: Annotated[
        Path | None, Parameter(help="a new file for the record as it was, before the first write")
    ] = None,
    live: Annotated[
        str | None, Parameter(help="the id once more, to write with another key than a test key")
    ] = None,
    yes: Annotated[bool, Parameter(help="write where there is no terminal to ask on")] = False,
    send: Annotated[
        caibo.doctor.Send | None, Parameter(help="judge for a client with this send=")
    ] = None,
    gateway: Gateway = GATEWAY,
    common: Common = COMMON,
) -> int:
    """Find out how a gateway behaves, and which assumptions of this package hold.

    It reads. With `--write` it writes to the customer some twenty times, puts the record back
    after each, and says at the end which `send=` this gateway allows. It exits with 0 if a
    gateway was seen and all that a client relies on holds, else with 1.

    ```console
    $ caibo doctor 12345
    $ caibo doctor 12345 --write --may-stay
    ```
    """
    screen = Screen(common)
    _check(id, write=write, may_stay=may_stay)
    if write:
        screen.permit(yes=yes, look=", or look first without --write")
    with connect(screen, gateway, Writing(send=send)) as client:
        if write:
            live = _told(screen, client, id, live, may_stay=may_stay)
        try:
            report = caibo.doctor.examine(
                client, id, write=write, may_stay=may_stay, backup=backup, confirm=live
            )
        except KeyboardInterrupt as interrupt:
            for note in getattr(interrupt, "__notes__", ()):
                screen.note(f"caibo: {note}")
            raise
    if screen.json:
        screen.exactly(to_json(report.to_dict()))
    else:
        text = report.table(screen.console().width) if screen.shows else str(report)
        for words, option in _WORDS.items():
            text = text.replace(words, option)
        screen.result(text)
    return DONE if report.ok else FAILED


def _check(id: int | None, *, write: bool, may_stay: bool) -> None:
    if may_stay and not write:
        raise StoppedError("--may-stay says what may be written: it needs --write")
    if write and id is None:
        raise StoppedError("--write needs the id of a customer that may be spoilt")


def _told(
    screen: Screen, client: Caibo, id: int | None, live: str | None, *, may_stay: bool
) -> str | None:
    """Say what is going to be done; return the id that somebody has typed once more."""
    screen.note(f"caibo: it writes to customer {id} some twenty times, and puts it back")
    if client.mode == "test":
        if may_stay:
            screen.note(_STAYS)
        return live
    return _typed(screen, client) if live is None else live


def _typed(screen: Screen, client: Caibo) -> str:
    """Have a person type the id once more."""
    if not screen.asks:
        raise StoppedError(f"mode {client.mode}: say --live ID, with the id once more")
    screen.note(
        f"caibo: this credential changes live data, or does not say (mode {client.mode}). "
        "Type the customer's id once more to write:"
    )
    return sys.stdin.readline().strip()
