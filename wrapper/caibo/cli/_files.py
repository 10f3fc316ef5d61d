"""Files with customer data: nobody else may read them, and none is overwritten by mistake."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from caibo.cli._exits import FAILED, StoppedError


def read(path: str, longest: int = -1) -> bytes:
    """Read a file, or standard input for ``-``; so many bytes of it at most.

    Raises:
        StoppedError: it cannot be read.
    """
    try:
        if path != "-":
            with Path(path).open("rb") as file:
                return file.read(longest)
        if sys.stdin is None:  # it was closed
            raise StoppedError("there is no standard input")
        return sys.stdin.buffer.read(longest)
    except OSError as error:
        raise StoppedError(f"{path} cannot be read: {error.strerror}") from error


def write_new(path: Path, text: str) -> None:
    """Write a file that was not there, with mode 0600; or to a device or pipe.

    Raises:
        StoppedError: it is there, or cannot be written.
    """
    exclusive = 0 if path.exists() and not path.is_file() else os.O_EXCL
    try:
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | exclusive, 0o600)
        with open(opened, "w", encoding="utf-8") as file:  # noqa: PTH123
            file.write(text + "\n")
    except FileExistsError:
        raise StoppedError(f"{path} is there already; remove it, or name another file") from None
    except OSError as error:
        raise StoppedError(f"{path} cannot be written: {error.strerror}", FAILED) from error


def renew(path: Path, text: str) -> None:
    """Replace a file as a whole; standard input and pipes stay as they are.

    Raises:
        StoppedError: it cannot be written.
    """
    if path.is_file():
        target = path.resolve()
        made = write_beside(target, text)
        made.replace(target)


def write_beside(path: Path, text: str) -> Path:
    """Write a file with mode 0600 and a name like this one's, and return its path.

    Raises:
        StoppedError: it cannot be written.
    """
    try:
        opened, made = tempfile.mkstemp(path.suffix, f"{path.stem}.", path.parent)
        with open(opened, "w", encoding="utf-8") as file:  # noqa: PTH123
            file.write(text + "\n")
    except OSError as error:
        raise StoppedError(f"{path} cannot be written: {error.strerror}", FAILED) from error
    return Path(made)
