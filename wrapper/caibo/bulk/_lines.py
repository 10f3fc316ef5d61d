"""Files that only grow: a line at a time, their owner's alone, and one run's at a time."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from threading import Lock

from caibo import ConfigurationError

_GROWS = os.O_RDWR | os.O_APPEND | os.O_CREAT
_held: dict[tuple[int, str], object] = {}


class Lines:
    """Append lines to a file; threads may share it.

    Args:
        path: the file.
        what: it is called in messages.
        old: only read it, so that it may be one that nobody can write.

    Attributes:
        broken: why the file could not be written, once that happened.
    """

    def __init__(self, path: Path, what: str, *, old: bool = False) -> None:
        self.path = path
        self.broken: OSError | None = None
        self._what = what
        self._writing = Lock()
        self._flushing = Lock()
        self._flushed = 0
        try:
            self._file = _opened(path, os.O_RDONLY if old else _GROWS)
        except OSError as error:
            raise ConfigurationError(f"the {what} {path}: {error.strerror}") from error
        self._written = os.fstat(self._file).st_size
        # What a crash has left of a line stays, and the next one starts on its own.
        self._torn = self._written > 0 and _last_byte(path) != b"\n"

    def read(self) -> Iterator[tuple[int, bytes]]:
        """Give each line and where it starts; what is torn at the end is given as well."""
        at = 0
        with self.path.open("rb") as lines:
            for line in lines:
                yield at, line
                at += len(line)

    def append(self, line: bytes) -> int:
        """Write a line; return what to `flush` up to.

        Raises:
            OSError: it cannot be written, now or since before.
        """
        with self._writing:
            if self.broken is not None:
                raise self.broken
            rest = memoryview(b"\n" + line + b"\n" if self._torn else line + b"\n")
            try:
                while rest:
                    rest = rest[os.write(self._file, rest) :]
            except OSError as error:
                self.broken = error
                raise
            self._torn = False
            self._written += 1
            return self._written

    def flush(self, upto: int) -> None:
        """Return when a line is on the disk; those who wait at the same time share the work.

        Raises:
            OSError: it cannot be.
        """
        with self._flushing:
            if self._flushed >= upto:
                return
            written = self._written
            try:
                os.fsync(self._file)
            except OSError as error:
                self.broken = error
                raise
            self._flushed = written

    def close(self) -> None:
        """Let nothing be written any more."""
        with self._writing, self._flushing:
            self.broken = OSError(errno.EBADF, f"the {self._what} is closed")
            os.close(self._file)


class Hold:
    """Keep other runs from a file until this is closed.

    It is a POSIX record lock on a file of its own beside it: a child that this process
    forks does not inherit it, a process that dies leaves it, and no other reader of the
    journal can end it by closing the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._key = (os.getpid(), os.path.realpath(path))
        mine = object()
        # One process is one owner to the system; closing a second file would end the first's lock.
        if _held.setdefault(self._key, mine) is not mine:
            raise _taken(path)
        try:
            self._file = self._locked(path)
        except BaseException:
            del _held[self._key]
            raise

    def _locked(self, path: Path) -> int:
        try:
            import fcntl
        except ImportError:  # Windows: there it holds within one process
            return -1
        while True:
            try:
                file = _opened(self._path)
            except OSError as error:
                raise ConfigurationError(f"{self._path}: {error.strerror}") from error
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is(self._path, file):
                    return file
            except (BlockingIOError, PermissionError):
                os.close(file)
                raise _taken(path) from None
            os.close(file)  # its last owner has removed it meanwhile

    def close(self) -> None:
        """Let others have it; in a forked child that changes nothing."""
        ours = _held.pop(self._key, None) is not None and self._key[0] == os.getpid()
        if ours and self._file >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._file)


def path_of(path: str | os.PathLike[str], what: str) -> Path:
    if not isinstance(path, str | os.PathLike) or str(path) in ("", ".") or "\0" in str(path):
        raise ConfigurationError(f"{what} must name a file")
    return Path(path).absolute()  # whoever changes directory keeps one file


def _taken(path: Path) -> ConfigurationError:
    return ConfigurationError(f"another run has the journal {path}")


def _is(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


def _opened(path: Path, flags: int = _GROWS) -> int:
    grows = flags == _GROWS
    flags |= getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    flags |= getattr(os, "O_NONBLOCK", 0)  # a pipe that nobody reads is refused, not waited for
    file = os.open(path, flags, 0o600)
    try:
        mode = os.fstat(file).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "is no file on a disk")
        if grows and mode & 0o077 and hasattr(os, "fchmod"):  # Windows has no such rights
            os.fchmod(file, stat.S_IMODE(mode) & ~0o077)
    except BaseException:
        os.close(file)
        raise
    return file


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)
