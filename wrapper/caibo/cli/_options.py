"""What several commands take, each described once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter, Token

from caibo.cli._values import CHANGED, READ

if TYPE_CHECKING:
    ChangedItem = str
    ReadItem = str
    ReadName = str
else:  # any string, and what a shell completes it from
    ChangedItem = Literal[tuple(f"{name}=" for name in CHANGED.values())] | str
    ReadItem = Literal[tuple(f"{name}=" for name in READ.values())] | str
    ReadName = Literal[tuple(READ.values())] | str

_ID = re.compile(r"-?[0-9]{1,19}")
_OUTPUT = Group("Output", sort_key=4)
_GATEWAY = Group("Gateway", sort_key=3)
_WRITING = Group("Writing", sort_key=2)


def _id(_: type, tokens: Sequence[Token]) -> int:
    text = tokens[0].value
    if not _ID.fullmatch(text):  # `int` takes 1_000 and other scripts' digits as well
        raise ValueError("expected the digits of a customer id; a spreadsheet may have rounded it")
    return int(text)


Id = Annotated[int, Parameter(help="the customer id, with all of its digits", converter=_id)]
Changes = Annotated[
    ChangedItem,
    Parameter(
        show_choices=False,
        name="FIELD=VALUE",
        help="FIELD=TEXT, FIELD:=JSON (null clears), FIELD=@FILE, FIELD=@- for standard input",
    ),
]
Extra = Annotated[
    tuple[str, ...],
    Parameter(
        help="a member outside the contract, by wire name, a dot for each object inside: "
        "preferences.currency=EUR; again for more"
    ),
]
Expect = Annotated[
    tuple[ReadItem, ...],
    Parameter(
        show_choices=False,
        metavar="FIELD=VALUE",
        help="what the record has to say, as FIELD=VALUE, or nothing is written",
    ),
]


@Parameter(name="*", group=_OUTPUT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What every command takes."""

    json: bool = False
    """print the result as JSON; an error is a line of JSON on stderr"""
    no_color: bool = False
    """print no colours, as NO_COLOR does"""
    debug: bool = False
    """show tracebacks, and each request"""


@Parameter(name="*", group=_OUTPUT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """What commands take that show values."""

    show_values: bool = False
    """show values whole on a terminal, where they are masked"""


@Parameter(name="*", group=_GATEWAY)
@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Where to, and who asks."""

    base_url: str | None = None
    """the gateway; else CAIBO_BASE_URL, else the contract's server"""
    credentials_file: Path | None = None
    """a file with CAIBO_API_KEY=… or CAIBO_ACCESS_TOKEN=…, and maybe CAIBO_BASE_URL=…"""


@Parameter(name="*", group=_WRITING)
@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How to write."""

    yes: bool = False
    """write without asking"""
    confirm: float | None = None
    """read back after the write, after so many seconds, and compare"""
    send: Literal["record", "writable", "contract", "changes"] | None = None
    """what a write carries besides what it changes: docs/what-a-write-carries.md"""


COMMON, SHOWING, GATEWAY, WRITING = Common(), Showing(), Gateway(), Writing()
