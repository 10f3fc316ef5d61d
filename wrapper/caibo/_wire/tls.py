"""Trust whom the environment says, and read that only once."""

from __future__ import annotations

import os
import re
import ssl
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import httpx

from caibo._errors import ConfigurationError

_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
# OpenSSL looks for an authority by the hash of its name, and at no other file of a folder.
_HASHED = r"[0-9a-f]{8}\.[0-9]+"
_State = frozenset[tuple[object, ...]]


def trusted_by() -> str:
    """Say which variables there are for that, and which of them are set: a hint."""
    named = _variables_set()
    which = " and ".join(named) or "neither"
    verb = "are" if named[1:] else "is"
    return f"SSL_CERT_FILE and SSL_CERT_DIR name the authorities to trust; {which} {verb} set."


def ssl_context() -> ssl.SSLContext:
    """Return what httpx would trust; shared until a variable or its files change.

    Reading the certificates is most of what a client costs, which is why a second
    one only looks at sizes and times.

    Raises:
        ConfigurationError: there is nothing to trust where SSL_CERT_FILE or SSL_CERT_DIR
            says.  The message names the variable and the kind of mistake.
    """
    name = next(iter(_variables_set()), "")
    try:
        path = os.environ.get(name, "")
        state = _state(name, path)
        if state or name != "SSL_CERT_DIR":
            return _context(name, path, state)
        mistake = "holds no certificate under a name that `openssl rehash` gives"
    except ssl.SSLError:
        mistake = "holds no certificate that can be read; PEM is needed"
    except OSError as error:
        mistake = f"cannot be used: {error.strerror}"
        if error.filename and error.filename == os.environ.get("SSLKEYLOGFILE"):
            name = "SSLKEYLOGFILE"
    raise ConfigurationError(f"{name or 'the CA file of certifi'} {mistake}")


def _variables_set() -> list[str]:
    """Name those that are not empty; the first of them counts."""
    return [name for name in _VARIABLES if os.environ.get(name)]


@lru_cache(maxsize=8)
def _context(name: str, path: str, state: _State) -> ssl.SSLContext:
    """Load the certificates; another `state` means that they are not what they were."""
    if name == "SSL_CERT_FILE":
        context = ssl.create_default_context(cafile=path)
    elif name == "SSL_CERT_DIR":
        context = ssl.create_default_context(capath=path)
    else:
        context = httpx.create_ssl_context()
    # An end without a goodbye is an error with some builds of Python, and none with others.
    context.options |= getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    return context


def _state(name: str, path: str) -> _State:
    """Return what tells a file, or the files of folders, from what they were before."""
    if name == "SSL_CERT_FILE":
        return frozenset([_stamp(Path(path).stat())])
    found: list[tuple[object, ...]] = []
    failure: OSError | None = None
    for folder in path.split(os.pathsep) if name else ():  # OpenSSL takes several, too
        try:
            with os.scandir(folder) as entries:
                hashed = [entry for entry in entries if re.fullmatch(_HASHED, entry.name)]
        except OSError as error:
            failure = error
        else:
            for entry in hashed:
                with suppress(OSError):  # a link to nothing
                    found.append((entry.path, *_stamp(entry.stat())))
    if failure and not found:
        raise failure
    return frozenset(found)


def _stamp(status: os.stat_result) -> tuple[object, ...]:
    return (status.st_size, status.st_mtime_ns, status.st_ino)
