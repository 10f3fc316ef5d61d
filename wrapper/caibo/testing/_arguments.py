"""The command line of ``python -m caibo.testing``."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from caibo._record.json_text import decode, is_array, is_object, split
from caibo.testing._gateway import FakeCaibo
from caibo.testing._server import loopback

_ABOUT = "Run the fake Caibo gateway on this machine until Ctrl-C."
_MORE = """\
faults:
  fail=STATUS        answer with this status; retry-after=SECONDS goes with it, and
                     applied=yes carries the request out first
  lose-response      end the connection after the request was carried out; =before-body,
                     =mid-body or =mid-reply at another point, applied=no without doing it
  garble=gzip        spoil the bytes of the answer; or =truncated, =wrong-length
  delay=SECONDS      hold the answer back
  stale-read         answer a read with the version before the newest

  Which requests meet one: method=PUT, id=NUMBER, after=NUMBER that pass first, times=NUMBER
  (1, or inf with a chance), chance=0.1. A request meets one fault at most.

examples:
  python -m caibo.testing --fault fail=503,retry-after=2,method=GET --fault lose-response
  python -m caibo.testing --customers customers.jsonl --fault delay=3,chance=0.05 --seed 7
"""

Plant = Callable[[FakeCaibo], object]


def parser() -> argparse.ArgumentParser:
    """Build the parser; faults come as functions of a gateway, customers as documents."""
    found = argparse.ArgumentParser(
        prog="python -m caibo.testing",
        description=_ABOUT,
        epilog=_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("--host", default="127.0.0.1", help="a loopback address (127.0.0.1)")
    found.add_argument(
        "--open-to-the-network",
        action="store_true",
        help="let --host be any address: whoever reaches it can use this gateway",
    )
    found.add_argument("--port", type=_port, default=0, help="0 takes a free port (0)")
    found.add_argument(
        "--customers",
        type=_customers,
        metavar="FILE",
        help="serve these instead of a sample: JSON, an object a line or an array of them",
    )
    found.add_argument(
        "--fault",
        type=_fault,
        action="append",
        default=[],
        metavar="FAULT",
        help="misbehave, see below; may be given more than once",
    )
    found.add_argument("--seed", type=int, default=0, help="of the faults that have a chance (0)")
    return found


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read a command line, and end the program where it is wrong."""
    from_line = parser()
    options = from_line.parse_args(arguments)
    if not options.open_to_the_network:
        try:
            options.host = loopback(options.host)
        except ValueError as error:
            from_line.error(f"{error}; --open-to-the-network allows any")
    return options


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number up to 65535, not {text}")
    return int(text)


def _customers(path: str) -> list[str | Mapping[str, object]]:
    try:
        text = Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise argparse.ArgumentTypeError(f"{path}: {reason}") from None
    found = _array(path, text) if text.lstrip().startswith("[") else _lines(path, text)
    ids = list(map(FakeCaibo().add_document, found))
    twice = next((id for id in ids if ids.count(id) > 1), None)
    if not ids or twice is not None:
        wrong = f"customer {twice} is there twice" if ids else "there is no customer in it"
        raise argparse.ArgumentTypeError(f"{path}: {wrong}")
    return found


def _array(path: str, text: str) -> list[str | Mapping[str, object]]:
    try:
        found = decode(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{path}: {error}") from None
    if not is_array(found) or not all(map(is_object, found)):
        raise argparse.ArgumentTypeError(f"{path}: its array is not one of JSON objects")
    return list(found)


def _lines(path: str, text: str) -> list[str | Mapping[str, object]]:
    found: list[str | Mapping[str, object]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                split(line)
            except ValueError as error:
                raise argparse.ArgumentTypeError(f"{path}, line {number}: {error}") from None
            found.append(line)
    return found


def _fault(text: str) -> Plant:
    first, *rest = text.split(",")
    name, _, value = first.partition("=")
    if name not in _FAULTS:
        raise _unfit(text, f"there is no fault {name}, but {', '.join(_FAULTS)}")
    plant, allowed = _FAULTS[name]
    options: dict[str, Any] = {}
    for part in rest:
        key, _, given = part.partition("=")
        if key not in allowed:
            raise _unfit(
                text, f"{name} takes {', '.join(f'{key}=' for key in allowed)}, not {part}"
            )
        try:
            options[key] = _READ[key](given)
        except ValueError:
            raise _unfit(text, f"{part} is not understood") from None
    if "chance" in options:
        options.setdefault("times", math.inf)
    plan = partial(plant, value=value, options=options)
    try:
        plan(FakeCaibo())
    except ValueError as error:
        raise _unfit(text, str(error)) from None
    return plan


def _unfit(text: str, why: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"{text}: {why}")


def _yes(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError
    return text == "yes"


def _fail(gateway: FakeCaibo, value: str, options: Mapping[str, Any]) -> None:
    named = {key: given for key, given in options.items() if key not in ("retry-after", "applied")}
    if not value.isdecimal():
        raise ValueError("write the status, as in fail=503")
    headers = {"Retry-After": str(options["retry-after"])} if "retry-after" in options else {}
    applied = options.get("applied", False)
    gateway.fail_next(int(value), headers=headers, after_applying=applied, **named)


def _lose(gateway: FakeCaibo, value: str, options: Mapping[str, Any]) -> None:
    gateway.lose_response(at=_one_of(_WHERE, value), **options)


def _garble(gateway: FakeCaibo, value: str, options: Mapping[str, Any]) -> None:
    gateway.garble_next(_one_of(_HOW, value), **options)


def _delay(gateway: FakeCaibo, value: str, options: Mapping[str, Any]) -> None:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= _A_DAY:
        raise ValueError("write the seconds, as in delay=3, at most a day")
    gateway.delay(seconds, **options)


def _stale(gateway: FakeCaibo, value: str, options: Mapping[str, Any]) -> None:
    if value:
        raise ValueError("stale-read takes nothing after =")
    named = {key: given for key, given in options.items() if key != "times"}
    gateway.stale_reads(options.get("times", 1), **named)


def _one_of(choices: Sequence[Any], value: str) -> Any:
    """Return the choice that a value names; none is the first."""
    if value and value not in choices:
        raise ValueError(f"={value} is not one of {', '.join(choices)}")
    return value or choices[0]


_A_DAY = 86_400  # seconds
_WHERE = ("before-reply", "before-body", "mid-body", "mid-reply")
_HOW = ("gzip", "truncated", "wrong-length")
_READ: Mapping[str, Callable[[str], object]] = {
    "method": str.upper,
    "id": int,
    "after": int,
    "times": float,
    "chance": float,
    "retry-after": int,
    "applied": _yes,
}
_WHICH = ("method", "id", "after", "times", "chance")
_FAULTS: Mapping[str, tuple[Callable[..., None], Sequence[str]]] = {
    "fail": (_fail, (*_WHICH, "retry-after", "applied")),
    "lose-response": (_lose, (*_WHICH, "applied")),
    "garble": (_garble, _WHICH),
    "delay": (_delay, _WHICH),
    "stale-read": (_stale, ("id", "after", "times")),
}
