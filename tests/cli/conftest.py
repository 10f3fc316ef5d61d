"""The command in this process, before a gateway on a socket."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from shells import ID, Ran, Shell, Stream

from caibo.cli import main
from caibo.testing import FakeCaibo, FakeServer

KEY = "caibo_test_sk_0123"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the working directory."""
    found = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(os.path.abspath, found)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def gateway(
    fake: FakeCaibo, server: FakeServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> FakeCaibo:
    """Give the gateway of the environment, with a test key and customer 12345."""
    fake.api_key = KEY
    fake.add_customer(id=ID, preferences={"currency": "EUR", "language": "fr"})
    monkeypatch.setenv("CAIBO_API_KEY", KEY)
    monkeypatch.setenv("CAIBO_BASE_URL", server.base_url)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    return fake


@pytest.fixture
def shell(gateway: FakeCaibo, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Give a function that runs the command in this process.

    With `tty` all three streams are a terminal, on which `typed` is typed; without, they
    are pipes. "in", "out" and "err" make these of them a terminal.
    """

    def shell(*arguments: str, typed: str | bytes = "", tty: str = "") -> Ran:
        read = typed.encode() if isinstance(typed, str) else typed
        streams = {
            "stdin": Stream(read, tty="in" in tty),
            "stdout": Stream(tty="out" in tty),
            "stderr": Stream(tty="err" in tty),
        }
        with monkeypatch.context() as patch:
            for name, stream in streams.items():
                patch.setattr(sys, name, stream)
            status = main(arguments)
        return Ran(status, streams["stdout"].text(), streams["stderr"].text())

    return shell
