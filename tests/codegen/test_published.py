"""What users get of a release is what was built, byte for byte, or the workflow ends there."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import published
import pytest

NAMES = ("caibo-0.2.0-py3-none-any.whl", "caibo-0.2.0.tar.gz")


class Index(ThreadingHTTPServer):
    """A package index on loopback; it shows the files after some requests only."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = {name: name.encode() for name in (*NAMES, "caibo-0.2.0rc1.tar.gz")}
        self.files["caibo-0.1.0.tar.gz"] = b"older"
        self.hides = 0
        self.asked = 0


class _Handler(BaseHTTPRequestHandler):
    server: Index

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        body = self.server.files.get(name, b"")
        if not name:
            self.server.asked += 1
            shown = self.server.files if self.server.asked > self.server.hides else {}
            listed = [{"filename": name, "url": f"../../files/{name}"} for name in shown]
            body = json.dumps({"files": listed}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """Run an index while the test runs."""
    monkeypatch.setenv("NO_PROXY", "*")
    with Index() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """The folder of what was built."""
    folder = tmp_path / "dist"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_bytes(name.encode())
    return folder


def run(index: Index, built: Path, attempts: int = 3) -> int:
    address = f"http://127.0.0.1:{index.server_port}/simple/"
    options = ["--index", address, "--pause", "0", "--attempts", str(attempts)]
    return published.main(["v0.2.0", str(built), str(built.parent / "downloaded"), *options])


def test_the_same_bytes_pass(index: Index, built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files of other versions are not looked at."""
    assert run(index, built) == 0

    assert capsys.readouterr().out == "published: caibo 0.2.0 is what was built\n"
    assert {path.name for path in (built.parent / "downloaded").iterdir()} == set(NAMES)


def test_an_index_is_asked_until_it_shows_the_version(index: Index, built: Path) -> None:
    """It may take some time."""
    index.hides = 2

    assert run(index, built) == 0

    assert index.asked == 3


def test_a_version_that_does_not_appear_is_an_error(
    index: Index, built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After the last attempt, with what is missing."""
    index.hides = 99

    assert run(index, built) == 1

    assert "caibo-0.2.0.tar.gz: built " in capsys.readouterr().out
    assert index.asked == 3


def test_other_bytes_are_an_error_at_once(
    index: Index, built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is published stays as it is."""
    index.files[NAMES[0]] = b"something else"

    assert run(index, built) == 1

    said = capsys.readouterr().out
    assert NAMES[0] in said
    assert NAMES[1] not in said
    assert index.asked == 1


def test_a_file_more_is_an_error(
    index: Index, built: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second wheel would be what some users get."""
    index.files["caibo-0.2.0-cp313-none-any.whl"] = b"slipped in"

    assert run(index, built) == 1

    assert "cp313-none-any.whl: built nothing, published " in capsys.readouterr().out


def test_an_index_that_is_not_there_is_told(
    built: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a traceback."""
    monkeypatch.setenv("NO_PROXY", "*")
    with Index() as gone:
        pass

    assert run(gone, built) == 1

    assert "refused" in capsys.readouterr().out
