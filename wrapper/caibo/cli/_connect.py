"""A client with the credential that the environment, a file or a person gives."""

from __future__ import annotations

import getpass
import os
import stat
import sys
from pathlib import Path
from typing import Any

from caibo import Caibo
from caibo.cli._exits import CREDENTIAL, StoppedError
from caibo.cli._options import WRITING, Gateway, Writing
from caibo.cli._screen import Screen

_KEY, _TOKEN, _URL = "CAIBO_API_KEY", "CAIBO_ACCESS_TOKEN", "CAIBO_BASE_URL"
_OPTION_OF = {_KEY: "api_key", _TOKEN: "access_token", _URL: "base_url"}
#: Where modes of files say nothing.
WINDOWS = os.name == "nt"
_NONE = (
    f"no credential: set {_KEY} or {_TOKEN}, or name a file with --credentials-file; it is never "
    "taken as an argument, where the list of processes would show it"
)


def connect(screen: Screen, gateway: Gateway, writing: Writing = WRITING, **options: Any) -> Caibo:
    """Make a client.

    Raises:
        StoppedError: no credential.
        ConfigurationError: a credential or an address that cannot be.
    """
    if gateway.credentials_file is not None:
        options |= _from_file(screen, gateway.credentials_file)
    elif not (os.environ.get(_KEY) or os.environ.get(_TOKEN)):
        options["api_key"] = _asked(screen)
    if gateway.base_url is not None:
        options["base_url"] = gateway.base_url
    if writing.confirm is not None:
        options["confirm"] = writing.confirm
    if writing.send is not None:
        options["send"] = writing.send
    return Caibo(**options)


def permitted(screen: Screen, client: Caibo, what: str, *, yes: bool) -> bool:
    """Tell whether to write; a credential that is not known to be for test data asks."""
    if yes or client.mode == "test":
        return True
    data = "live data" if client.mode == "live" else "maybe live data (the credential does not say)"
    if screen.ask(f"Write to {what}, {data}?"):
        return True
    screen.note("nothing was written")
    return False


def _asked(screen: Screen) -> str:
    if not screen.asks:
        raise StoppedError(_NONE, CREDENTIAL)
    try:
        key = getpass.getpass("API key: ", stream=sys.stderr)
    except EOFError:
        key = ""
    if not key:
        raise StoppedError(_NONE, CREDENTIAL)
    return key


def _from_file(screen: Screen, path: Path) -> dict[str, str]:
    """Read ``NAME=VALUE`` lines; a file counts instead of the environment, not beside it."""
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            lines = file.read().splitlines()
    except OSError as error:
        raise StoppedError(f"{path} cannot be read: {error.strerror}", CREDENTIAL) from error
    except UnicodeDecodeError:
        raise StoppedError(f"{path} is not UTF-8: save it as UTF-8", CREDENTIAL) from None
    _look_at(screen, path, mode)
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        name, sign, value = line.partition("=")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        option = _OPTION_OF.get(name.strip().removeprefix("export "))
        if not sign or option is None or option in found:  # it may be the secret itself
            wanted = f"expected {_KEY}=…, {_TOKEN}=… or {_URL}=…, each once"
            raise StoppedError(f"{path}, line {number}: {wanted}", CREDENTIAL)
        found[option] = value.strip().strip("'\"")
    if not found.keys() & {"api_key", "access_token"}:
        raise StoppedError(f"{path} has neither {_KEY}=… nor {_TOKEN}=…", CREDENTIAL)
    return found


def _look_at(screen: Screen, path: Path, mode: int) -> None:
    if WINDOWS or not stat.S_ISREG(mode):
        return
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        # It may be another's gateway by now, or another's customers.
        raise StoppedError(f"{path}: others may write it; chmod 600 it, and look", CREDENTIAL)
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        screen.note(f"caibo: {path}: others may read it; chmod 600 it")
