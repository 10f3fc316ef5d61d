"""The commands under one name, and what becomes of their errors."""

from __future__ import annotations

import logging
import signal
import threading
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError

import caibo
from caibo.cli._audit import audit
from caibo.cli._bulk import bulk
from caibo.cli._completion import Shell, script
from caibo.cli._doctor import doctor
from caibo.cli._exits import (
    BROKEN_PIPE,
    DONE,
    FAILED,
    INTERRUPTED,
    TERMINATED,
    USAGE,
    StoppedError,
    as_json,
    said,
    shortened,
    status_of,
)
from caibo.cli._options import COMMON, Common
from caibo.cli._record import apply, get, plan, update
from caibo.cli._screen import Screen

_ABOUT = """Change some fields of a Caibo customer and lose nothing else in the record.

Credentials come from CAIBO_API_KEY or CAIBO_ACCESS_TOKEN, a file (`--credentials-file`), or a
prompt. Results go to stdout, everything else to stderr.
"""
_ENDS = (
    "Exit status: 0 done, 1 some failed, 2 usage, 3 conflict or refused by --expect, 4 credential, "
    "5 not found, 75 try again later, 130 interrupted, 143 terminated."
)

_ALONE = ("--help", "-h", "--version")

app = App(
    name="caibo",
    help=_ABOUT,
    help_epilogue=_ENDS,
    help_format="markdown",
    version=caibo.__version__,
    default_parameter=Parameter(negative=(), show_default=False, show_choices=True),
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
_COMMANDS: dict[Callable[..., int], str] = {
    get: "ID",
    update: "ID FIELD=VALUE…",
    plan: "ID FIELD=VALUE…",
    apply: "FILE",
    bulk: "FILE",
    doctor: "ID",
    audit: "FILE LATER…",
}
for _place, (_command, _takes) in enumerate(_COMMANDS.items()):
    _usage = f"Usage: caibo {_command.__name__} {_takes} [OPTIONS]"
    app.command(_command, sort_key=_place, usage=_usage)


@app.command(sort_key=99, usage="Usage: caibo completion SHELL")
def completion(shell: Shell, /) -> int:
    """Print a script that completes commands, options and names of fields in a shell.

    ```console
    $ caibo completion bash
    ```
    """
    Screen(COMMON).exactly(script(app, shell))
    return DONE


def run(arguments: list[str]) -> int:
    """Run a command; give the exit status."""
    common = Common(**{n: f"--{n.replace('_', '-')}" in arguments for n in Common.__slots__})
    screen = Screen(common)
    try:
        with _termination(), _logging(screen, debug=common.debug):
            return _run(arguments, screen)
    except _TerminatedError:
        screen.note("caibo: terminated")
        return TERMINATED
    except KeyboardInterrupt:
        screen.note("caibo: interrupted")
        return INTERRUPTED
    except OSError as error:  # files are looked after where they are opened: this is stdout
        screen.give_up()
        if isinstance(error, BrokenPipeError):
            return BROKEN_PIPE
        screen.note(f"caibo: the result cannot be written: {error.strerror}")
        return FAILED
    except Exception as error:
        return _fail(error, screen, common)


def _run(arguments: list[str], screen: Screen) -> int:
    if arguments[:1] and arguments[0].startswith("-") and arguments[0] not in _ALONE:
        raise StoppedError("options go after the command: caibo COMMAND … --OPTION")
    command, bound, _ = app.parse_args(
        arguments, exit_on_error=False, print_error=False, console=screen.console()
    )
    status: int | None = command(*bound.args, **bound.kwargs)
    screen.flush()
    return status or DONE


class _TerminatedError(KeyboardInterrupt):
    """SIGTERM, of which everything is told as of Ctrl-C."""


def _terminate(*_: object) -> None:
    raise _TerminatedError


@contextmanager
def _termination() -> Generator[None]:
    """Let SIGTERM end a command as Ctrl-C does, if nobody else has a say in it."""
    ours = threading.current_thread() is threading.main_thread()  # others may set none
    if not ours or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


class _Notes(logging.Handler):
    """Tell what is logged; what failed is told by its error."""

    def __init__(self, screen: Screen, *, debug: bool) -> None:
        super().__init__(logging.DEBUG if debug else logging.WARNING)
        self._screen = screen
        self._debug = debug

    def emit(self, record: logging.LogRecord) -> None:
        if self._debug or not hasattr(record, "caibo_error"):
            self._screen.note(f"caibo: {record.getMessage()}", "dim")


@contextmanager
def _logging(screen: Screen, *, debug: bool) -> Generator[None]:
    logger = logging.getLogger("caibo")
    handler, level = _Notes(screen, debug=debug), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG if debug else level)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


def _fail(error: Exception, screen: Screen, common: Common) -> int:
    if common.debug:
        screen.note("".join(traceback.format_exception(error)))
    match error:
        case UnusedCliTokensError():
            error = StoppedError("there are more arguments than it takes; see --help", USAGE)
        case CycloptsError():
            # It repeats what was typed, which may be a value, up to the sign.
            wrong = str(error).partition("=")[0].rstrip(".")
            error = StoppedError(f"{wrong}; see --help", USAGE)
        case StoppedError() | caibo.CaiboError():
            pass
        case _:
            kind = type(error).__name__
            error = StoppedError(f"a {kind}, which is a mistake of ours: see --debug", FAILED)
    if common.json:
        screen.told(as_json(error))
    else:
        screen.note(f"caibo: {shortened(said(str(error)))}", "red")
    return status_of(error)
