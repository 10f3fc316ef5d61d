"""Whose an audit log is, and what else than a file may be one."""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest
from audit_log import KEY, intended, records

import caibo

WRITER = textwrap.dedent(
    """
    import sys, caibo

    audit = caibo.JsonLinesAudit(sys.argv[1], key="a key that nobody guesses")
    print("before", flush=True)
    audit(caibo.WriteIntended(operation="1", id=7, verb="update", changes={}, before=None))
    print("after", flush=True)
    """
)


class TestRights:
    @pytest.mark.parametrize("mode", [0o644, 0o640, 0o666, 0o601])
    def test_what_others_may_do_is_taken_from_them(
        self, audit: caibo.JsonLinesAudit, log: Path, mode: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        """And said, once."""
        log.touch()
        log.chmod(mode)

        audit(intended())
        audit(intended())

        assert stat.S_IMODE(log.stat().st_mode) == mode & 0o700
        assert [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING] == [
            f"the audit log {log} was open to others (mode {mode:04o}); it is its owner's alone now"
        ]
        assert len(records(log)) == 2

    @pytest.mark.parametrize("mode", [0o600, 0o700])
    def test_what_is_ours_alone_stays_as_it_is(
        self, audit: caibo.JsonLinesAudit, log: Path, mode: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Without a word."""
        log.touch()
        log.chmod(mode)

        audit(intended())

        assert stat.S_IMODE(log.stat().st_mode) == mode
        assert caplog.records == []

    def test_what_cannot_be_taken_stops_the_write(
        self, audit: caibo.JsonLinesAudit, log: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Another user's file, say; nothing is written to it."""
        log.touch()
        log.chmod(0o644)

        def refuse(*_: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "fchmod", refuse)

        with pytest.raises(caibo.WriteStoppedError, match=r"others may read or write it \(mode 06"):
            audit(intended())

        assert log.read_bytes() == b""

    def test_a_system_without_such_rights_has_no_warning(
        self,
        audit: caibo.JsonLinesAudit,
        log: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """On Windows every file looks as if it were everybody's."""
        log.touch()
        log.chmod(0o666)
        monkeypatch.delattr(os, "fchmod")

        audit(intended())

        assert caplog.records == []
        assert len(records(log)) == 1

    @pytest.mark.parametrize("there", [True, False])
    def test_a_symbolic_link_stops_the_write(
        self, audit: caibo.JsonLinesAudit, log: Path, tmp_path: Path, there: bool
    ) -> None:
        """It may have been made by anybody, and what it names is left alone."""
        target = tmp_path / "target"
        if there:
            target.write_text("mine")
        log.symlink_to(target)

        with pytest.raises(caibo.WriteStoppedError, match="it is a symbolic link; name the file"):
            audit(intended())

        assert (target.read_text() if there else target.exists()) == ("mine" if there else False)

    def test_a_link_to_its_directory_is_followed(self, tmp_path: Path) -> None:
        """Logs are moved to other disks that way."""
        (tmp_path / "disk").mkdir()
        (tmp_path / "logs").symlink_to(tmp_path / "disk")

        caibo.JsonLinesAudit(tmp_path / "logs" / "audit.jsonl", key=KEY)(intended())

        assert len(records(tmp_path / "disk" / "audit.jsonl")) == 1


class TestStreams:
    def test_the_null_device_takes_everything(self) -> None:
        """For whoever has to name a file."""
        caibo.JsonLinesAudit("/dev/null", key=KEY)(intended())

        assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)

    def test_nothing_is_flushed_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Devices refuse it; nor does a lock that anybody holds on it matter."""

        def refuse(*_: object) -> None:
            raise OSError(22, "Invalid argument")

        monkeypatch.setattr(os, "fsync", refuse)
        monkeypatch.setattr("fcntl.flock", refuse)
        monkeypatch.delattr(os, "O_NONBLOCK")

        caibo.JsonLinesAudit("/dev/null", key=KEY)(intended())

    def test_a_pipe_gets_whole_lines(self, tmp_path: Path) -> None:
        """Also long ones, which it takes in pieces."""
        path = tmp_path / "pipe"
        os.mkfifo(path)
        before = caibo.Document({"name": "A", "email": "a@b.c", "x": "y" * 300_000})
        lines: list[bytes] = []
        reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(reading, True)

        def read() -> None:
            with open(reading, "rb") as stream:  # noqa: PTH123
                lines.extend(stream)

        audit = caibo.JsonLinesAudit(path, key=KEY, backup=True)
        event: Any = intended(before=before)
        thread = threading.Thread(target=read)
        writer = os.open(path, os.O_WRONLY)  # so that the reader sees no end between two lines
        thread.start()
        audit(event)
        audit(event)
        os.close(writer)
        thread.join()

        assert [json.loads(line)["before"]["x"] for line in lines] == ["y" * 300_000] * 2

    def test_a_pipe_that_nobody_reads_stops_the_write(self, tmp_path: Path) -> None:
        """At once, instead of waiting for somebody."""
        path = tmp_path / "pipe"
        os.mkfifo(path)

        with pytest.raises(caibo.WriteStoppedError, match="cannot be written: nobody reads it"):
            caibo.JsonLinesAudit(path, key=KEY)(intended())

    def test_a_socket_in_its_place_stops_the_write(self, tmp_path: Path) -> None:
        """It cannot be opened at all."""
        import socket

        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(tmp_path / "socket"))
            with pytest.raises(caibo.WriteStoppedError, match="nobody reads it"):
                caibo.JsonLinesAudit(tmp_path / "socket", key=KEY)(intended())

    @pytest.mark.parametrize("path", ["/dev/stdout", "/dev/stderr"])
    def test_standard_streams_work_as_pipes(self, path: str) -> None:
        """As in a container."""
        run = subprocess.run(
            [sys.executable, "-c", WRITER, path], capture_output=True, text=True, check=True
        )

        said = run.stdout if path == "/dev/stdout" else run.stderr
        [line] = [line for line in said.splitlines() if line.startswith("{")]
        assert json.loads(line)["record"] == "intent"

    def test_standard_output_may_be_a_file(self, tmp_path: Path) -> None:
        """What is printed around it is not written over, and its rights are the shell's matter."""
        out = tmp_path / "out"
        with out.open("w") as stream:
            subprocess.run([sys.executable, "-c", WRITER, "/dev/stdout"], stdout=stream, check=True)

        before, line, after = out.read_text().splitlines()
        assert (before, after) == ("before", "after")
        assert json.loads(line)["record"] == "intent"

    def test_a_link_to_standard_output_is_standard_output(self, tmp_path: Path) -> None:
        """Images of containers have logs that are such links; here it is a file."""
        out, link = tmp_path / "out", tmp_path / "audit.jsonl"
        link.symlink_to("/dev/stdout")
        with out.open("w") as stream:
            subprocess.run([sys.executable, "-c", WRITER, link], stdout=stream, check=True)

        before, line, after = out.read_text().splitlines()
        assert (before, after) == ("before", "after")
        assert json.loads(line)["record"] == "intent"

    def test_standard_output_may_be_a_socket(self) -> None:
        """As under systemd."""
        import socket

        ours, theirs = socket.socketpair()
        with ours, theirs:
            subprocess.run(
                [sys.executable, "-c", WRITER, "/dev/stdout"], stdout=theirs.fileno(), check=True
            )
            theirs.close()
            said = b"".join(iter(lambda: ours.recv(4096), b"")).splitlines()

        assert json.loads(said[1])["record"] == "intent"


@pytest.mark.parametrize("levels", [97, 98, 99])
def test_an_intent_on_a_record_nested_deeply_is_read_again(log: Path, levels: int) -> None:
    """The line stands around the record, and it still is a record of the log."""
    text = "[" * levels + "]" * levels
    before = caibo.Document.parse(f'{{"name":"A","email":"a@b.c","x":{text}}}')
    audit = caibo.JsonLinesAudit(log, key=KEY, backup=True, values=True)
    changes = {"x": caibo.Change(before["x"], None)}

    audit(intended(before=before, changes=changes))

    [intent] = caibo.open_intents(log)
    assert str(intent.before) == str(before)
