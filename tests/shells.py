"""The command ``caibo``, in this process and as the installed one."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

ID = 12345
_INSTALLED = shutil.which("caibo", path=Path(sys.executable).parent)
#: As it is installed, or of the sources where it is not.
COMMAND = [_INSTALLED] if _INSTALLED else [sys.executable, "-m", "caibo.cli"]


# A shell that runs tests in the background has SIGINT ignored for its children; and of a
# terminal that is nobody's /dev/tty, Ctrl-C comes to nobody.
_LEAD = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
if os.isatty(0):
    import fcntl, termios
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
_LED = [sys.executable, "-S", "-c", _LEAD]
#: Starts a command that hears of Ctrl-C.
LEAD = [*_LED, *COMMAND]


class Ran(NamedTuple):
    """What a command came to."""

    status: int
    out: str
    err: str


class Stream(io.TextIOWrapper):
    """A stream in memory that may say that it is a terminal."""

    def __init__(self, read: bytes = b"", *, tty: bool = False) -> None:
        super().__init__(io.BytesIO(read), encoding="utf-8", newline="", write_through=True)
        self._tty = tty

    def isatty(self) -> bool:
        return self._tty

    def text(self) -> str:
        """Return all that was written."""
        self.seek(0)
        return self.read()


Shell = Callable[..., Ran]


def on_terminal(
    *arguments: str,
    answers: dict[str, str] | None = None,
    columns: int = 80,
    command: Sequence[str] = COMMAND,
    begun: Callable[[subprocess.Popen[bytes]], object] = lambda process: None,
) -> Ran:
    """Run the command in a pseudo-terminal of its own, and answer its questions."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    # Its own session, so that the terminal is the one that /dev/tty means.
    process = subprocess.Popen(
        [*_LED, *command, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm-256color"},
    )
    begun(process)
    os.close(theirs)
    shown, left = b"", dict(answers or {})
    while True:
        try:
            read = os.read(ours, 65536)
        except OSError:  # EIO, as its last process ended
            break
        shown += read
        for question in [question for question in left if question.encode() in shown]:
            os.write(ours, left.pop(question).encode())
    os.close(ours)
    return Ran(process.wait(), shown.decode(), "")
