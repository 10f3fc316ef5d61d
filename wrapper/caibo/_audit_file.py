"""Append lines to the file of an audit log, which processes may share, or to a stream."""

from __future__ import annotations

import errno
import logging
import os
import stat
import time
from collections.abc import Generator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from threading import Lock

_PATIENCE = 1.0  # seconds; a line is written in far less, and an event loop waits with us
_STREAMS = {Path("/dev/stdout"): 1, Path("/dev/stderr"): 2}
_threads = Lock()  # only where there is no flock; a fork must not copy it held
_log = logging.getLogger("caibo")


def append(path: Path, line: bytes) -> None:
    """Add a line, and return when it is on the disk, if it goes to one.

    Raises:
        OSError: it cannot be written; `strerror`, or the message, says why.
    """
    file, log = _opened(path)
    try:
        with _alone(file) if log else nullcontext():
            length = os.fstat(file).st_size if log else 0
            if length:
                os.lseek(file, -1, os.SEEK_END)
                line = line if os.read(file, 1) == b"\n" else b"\n" + line
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(file, rest) :]
        if log:
            os.fsync(file)
            if not length:
                _sync_directory(path)
    finally:
        os.close(file)


def _opened(path: Path) -> tuple[int, bool]:
    """Open what a path names, and tell whether it is a file on a disk, which is ours alone then."""
    if path.is_symlink() and path.readlink() in _STREAMS:  # as images of containers have it
        path = path.readlink()
    if path in _STREAMS:
        # Opened anew, a socket would be refused, and a file be written from its beginning.
        return os.dup(_STREAMS[path]), False
    kind = stat.S_IFMT(path.stat().st_mode) if path.exists() else 0
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return _stream(path), False
    if path.is_symlink():
        # Whoever may write its directory could point it at any file of ours.
        raise OSError(errno.ELOOP, "it is a symbolic link; name the file itself")
    # POSIX moves to the end and writes in one step, but may write less than it was given:
    # https://pubs.opengroup.org/onlinepubs/9799919799/functions/write.html
    # On NFS and Windows these are two steps.  And Windows would write \r\n.
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
    flags |= getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    file = os.open(path, flags, 0o600)
    try:
        _mend(path, file)
    except BaseException:
        os.close(file)
        raise
    return file, True


def _stream(path: Path) -> int:
    """Open a pipe or a device; a pipe that nobody reads is an error, and not a wait without end."""
    at_once = getattr(os, "O_NONBLOCK", 0)
    try:
        file = os.open(path, os.O_WRONLY | at_once | getattr(os, "O_NOCTTY", 0))
    except OSError as error:
        unread = error.errno == errno.ENXIO
        raise OSError(error.errno, "nobody reads it" if unread else error.strerror) from None
    if at_once:
        os.set_blocking(file, True)
    return file


def _mend(path: Path, file: int) -> None:
    """Take from others the rights to a log that they should never have had."""
    mode = stat.S_IMODE(os.fstat(file).st_mode)
    if mode & 0o077 and hasattr(os, "fchmod"):  # Windows has no such rights
        try:
            os.fchmod(file, mode & ~0o077)
        except PermissionError:
            raise PermissionError(
                errno.EPERM,
                f"others may read or write it (mode {mode:04o}), and we cannot take that from them",
            ) from None
        _log.warning(
            "the audit log %s was open to others (mode %04o); it is its owner's alone now",
            *(path, mode),
        )


def _sync_directory(path: Path) -> None:
    """Make a new file survive a power cut, where the system can (Windows opens no directory)."""
    with suppress(OSError):
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


@contextmanager
def _alone(file: int) -> Generator[None]:
    """Keep other threads and processes from appending; closing the file ends that, too."""
    try:
        import fcntl
    except ImportError:  # Windows
        with _threads:
            yield
        return
    ends = time.monotonic() + _PATIENCE
    while True:
        try:
            # Unlike lockf it keeps threads of one process apart as well.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > ends:
                raise TimeoutError("another process keeps it locked") from None
            time.sleep(0.001)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
