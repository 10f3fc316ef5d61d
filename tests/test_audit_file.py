"""The file of `JsonLinesAudit`: shared, full, torn, and read again after a crash."""

from __future__ import annotations

import fcntl
import json
import logging
import signal
import subprocess
import sys
import textwrap
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from audit_log import KEY, intended, records, start
from faces import Connect, Face

import caibo
from caibo.testing import FakeCaibo, FakeServer, Request


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(name="Ada Example", email="ada@example.com", phone="+12025550143")


class TestUnwritable:
    @pytest.fixture(params=["file for a directory", "directory for a file", "full"])
    def unwritable(self, request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
        """Give a path that cannot be written, and why."""
        (tmp_path / "file").touch()
        return {
            "file for a directory": (f"{tmp_path}/file/audit.jsonl", "Not a directory"),
            "directory for a file": (f"{tmp_path}", "Is a directory"),
            "full": ("/dev/full", "No space left on device"),
        }[request.param]

    def test_a_required_log_that_cannot_be_written_stops_the_write(
        self, connect: Connect, fake: FakeCaibo, id: int, unwritable: tuple[str, str]
    ) -> None:
        """The error names the path, the reason and the remedy, and shows no customer data."""
        path, reason = unwritable
        client = connect(observers=[caibo.JsonLinesAudit(path, key=KEY)])

        with pytest.raises(caibo.WriteStoppedError) as caught:
            client.update(id, email="grace@example.com", phone=None)

        said = str(caught.value)
        assert [request.method for request in fake.requests] == ["GET"]
        assert said.startswith(f"customer {id}: the audit log {path} cannot be written: {reason}")
        assert "nothing was written" in said
        assert "required=False" in said
        assert not [word for word in ("grace", "ada@", "+1202", KEY) if word in said]

    def test_a_log_that_is_not_required_lets_the_write_go_on(
        self,
        connect: Connect,
        fake: FakeCaibo,
        id: int,
        unwritable: tuple[str, str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """And says on `caibo` that it has a gap."""
        path, reason = unwritable
        client = connect(observers=[caibo.JsonLinesAudit(path, key=KEY, required=False)])

        update = client.update(id, phone=None)

        said = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
        assert (update.outcome, fake.document(id)["phone"]) == ("accepted", None)
        assert len(said) == 2
        assert all(text.startswith(f"the audit log {path} cannot be written: ") for text in said)
        assert reason in said[0]
        assert said[0].endswith("goes on without it")
        assert said[1].endswith("is missing from it")

    def test_an_outcome_that_cannot_be_written_changes_no_outcome(
        self,
        audited: Face,
        fake: FakeCaibo,
        log: Path,
        id: int,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """The write has happened; its intention stays open, and the log says so."""

        def break_it(request: Request) -> None:
            if request.method == "PUT":
                log.rename(log.with_suffix(".kept"))
                log.mkdir()

        fake.on_request = break_it

        update = audited.update(id, phone=None)

        [intent] = caibo.open_intents(log.with_suffix(".kept"))
        assert (update.outcome, intent.id) == ("accepted", id)
        assert f"the outcome of operation {intent.operation} is missing from it" in caplog.text

    def test_a_lock_that_is_not_given_back_stops_the_write(
        self, audit: caibo.JsonLinesAudit, log: Path
    ) -> None:
        """Rather than waiting for ever, past any deadline."""
        with log.open("ab") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            with pytest.raises(caibo.WriteStoppedError, match="another process keeps it locked"):
                audit(intended())

        assert log.read_bytes() == b""


WRITER = """
    import sys, caibo
    from caibo.testing import FakeCaibo

    path, writes, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    fake = FakeCaibo()
    id = fake.add_customer(big="x" * size)
    audit = caibo.JsonLinesAudit(path, key="a key that nobody guesses", backup=True)
    options = {"base_url": fake.base_url, "transport": fake.transport, "observers": [audit]}
    with caibo.Caibo(api_key=fake.api_key, **options) as client:
        print("ready", flush=True)
        sys.stdin.readline()
        for number in range(writes):
            client.customers.update(id, phone=str(number))
"""


class TestSharing:
    def test_processes_share_a_file_without_torn_lines(self, log: Path) -> None:
        """Lines far longer than a page or a pipe takes at once, and all of them arrive."""
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(WRITER), str(log), "25", "100000"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"

        for process in processes:
            process.communicate("go\n")

        assert [process.returncode for process in processes] == [0] * 4
        found = Counter((record["pid"], record["record"]) for record in records(log))
        assert found == {(p.pid, what): 25 for p in processes for what in ("intent", "outcome")}
        assert caibo.open_intents(log) == []

    @pytest.mark.parametrize("system", ["with flock", "without"])
    def test_threads_share_a_file_without_torn_lines(
        self, audit: caibo.JsonLinesAudit, log: Path, monkeypatch: pytest.MonkeyPatch, system: str
    ) -> None:
        """Also on a system that has no flock, such as Windows."""
        if system == "without":
            monkeypatch.setitem(sys.modules, "fcntl", None)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(audit, [intended(operation=str(n)) for n in range(80)]))

        assert sorted(int(record["operation"]) for record in records(log)) == [*range(80)]

    def test_a_torn_line_is_left_alone_and_the_next_is_whole(
        self, audited: Face, log: Path, id: int
    ) -> None:
        """Whoever wrote it died, or the disk was full."""
        log.write_bytes(b'{"format": "caibo-au')

        audited.update(id, phone=None)

        torn, *whole = log.read_bytes().splitlines()
        assert torn == b'{"format": "caibo-au'
        assert [json.loads(line)["record"] for line in whole] == ["intent", "outcome"]

    def test_a_disk_that_fills_up_within_a_line_tears_that_line_only(self, log: Path) -> None:
        """What fits is written; the write is stopped, and later lines are whole."""
        code = """
            import resource, sys, caibo

            audit = caibo.JsonLinesAudit(sys.argv[1], key="a key that nobody guesses")
            event = caibo.WriteIntended(
                operation="1", id=7, verb="update", changes={}, before=None
            )
            audit(event)
            room = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (300, room[1]))
            try:
                audit(event)
            except caibo.WriteStoppedError as error:
                print(error)
            resource.setrlimit(resource.RLIMIT_FSIZE, room)
            audit(event)
        """

        out, error = start(code, log).communicate()

        lines = log.read_bytes().split(b"\n")
        assert (error, "File too large; nothing was written" in out) == ("", True)
        assert [len(line) < 200 for line in lines] == [False, True, False, True]
        assert lines[0][:40] == lines[1][:40] == lines[2][:40]

    def test_a_relative_path_is_that_of_its_making(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever changes directory, as daemons do, keeps one log."""
        monkeypatch.chdir(tmp_path)
        audit = caibo.JsonLinesAudit("audit.jsonl", key="half a character: \udc80")
        monkeypatch.chdir("/")

        audit(intended())

        assert len(records(tmp_path / "audit.jsonl")) == 1

    def test_it_follows_when_the_file_is_renamed(
        self, audited: Face, log: Path, tmp_path: Path, id: int
    ) -> None:
        """As whoever rotates logs does."""
        audited.update(id, phone="1")
        log.rename(tmp_path / "audit.1")
        audited.update(id, phone="2")

        assert [len(records(tmp_path / "audit.1")), len(records(log))] == [2, 2]


class TestOpenIntents:
    def test_a_killed_process_leaves_its_intention_open(
        self, fake: FakeCaibo, server: FakeServer, log: Path, id: int
    ) -> None:
        """SIGKILL while the write is on the wire; what ended before is not listed."""
        code = """
            import sys, caibo

            url, key, log, id = sys.argv[1:]
            audit = caibo.JsonLinesAudit(log, key="a key that nobody guesses")
            with caibo.Caibo(api_key=key, base_url=url, observers=[audit]) as client:
                client.customers.update(int(id), phone="1")
                with caibo.audit_context(actor="jo", reason="ticket 4711"):
                    client.customers.update(int(id), phone="2", member_id="M-2")
        """
        on_the_wire = threading.Event()

        def at_the_second_write(request: Request) -> None:
            if request.method == "PUT" and request.json["phone"] == "2":
                on_the_wire.set()

        fake.on_request = at_the_second_write
        fake.delay(0, "PUT")
        fake.delay(600, "PUT")
        process = start(code, server.base_url, fake.api_key, log, id)

        assert on_the_wire.wait(60)
        process.send_signal(signal.SIGKILL)
        process.communicate()

        [intent] = caibo.open_intents(log)
        assert process.returncode == -signal.SIGKILL
        assert (intent.id, intent.verb, intent.fields) == (id, "update", ("phone", "member_id"))
        assert (intent.actor, intent.reason, intent.attempt) == ("jo", "ticket 4711", 1)
        assert (intent.pid, intent.before) == (process.pid, None)
        assert intent.at.utcoffset() == timedelta(0)

    def test_an_intention_of_two_attempts_is_listed_once(self, audit: Any, log: Path) -> None:
        """With the last one."""
        audit(intended(operation="a"))
        audit(intended(operation="b"))
        audit(intended(operation="a", attempt=2))

        found = caibo.open_intents(log)

        assert [(intent.operation, intent.attempt) for intent in found] == [("a", 2), ("b", 1)]

    def test_an_outcome_in_a_later_file_counts(
        self, audited: Face, fake: FakeCaibo, log: Path, id: int
    ) -> None:
        """The log was rotated between the two."""
        older = log.with_suffix(".1")
        fake.on_request = lambda request: log.rename(older) if request.method == "PUT" else None

        audited.update(id, phone=None)

        assert len(caibo.open_intents(older)) == 1
        assert caibo.open_intents(older, log) == []

    def test_another_file_is_not_a_log_in_which_all_is_well(self, tmp_path: Path) -> None:
        """An empty list of open writes would say so."""
        rows = tmp_path / "rows.csv"
        rows.write_text("id,phone\n7,+12025550143\n")

        with pytest.raises(caibo.ConfigurationError, match=r"rows\.csv is no audit log"):
            caibo.open_intents(rows)

    def test_a_first_line_that_a_crash_has_torn_is_reported(
        self, log: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Nothing was written before it was whole."""
        log.write_bytes(b'{"format": "caibo-au')

        assert caibo.open_intents(log) == []
        assert "the first is line 1" in caplog.text

    @pytest.mark.parametrize(
        "strange",
        [
            b'{"format": "caibo-audit/1", "record": "outcome", "oper',
            b"\xff\xfe\n",
            b"[]\n",
            b'{"level": "info"}\n',
            b'{"format": "caibo-audit/2", "record": "outcome", "operation": "a"}\n',
            b'{"format": "caibo-audit/1", "record": "intent", "operation": "a"}\n',
            b'{"format": "caibo-audit/1", "record": "outcome", "operation": []}\n',
        ],
    )
    def test_a_line_of_another_kind_is_left_out_and_reported(
        self,
        audit: caibo.JsonLinesAudit,
        log: Path,
        strange: bytes,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """By its number alone: nobody knows what is in it."""
        audit(intended(operation="a"))
        with log.open("ab") as file:
            file.write(strange)

        [intent] = caibo.open_intents(log)

        [said] = caplog.records
        assert intent.operation == "a"
        assert (said.name, said.levelname) == ("caibo", "WARNING")
        assert said.getMessage() == (
            f"the audit log {log}: lines that are no records of it: 1, the first is line 2"
        )

    @pytest.mark.parametrize(
        ("path", "said"), [("missing", "No such file"), (".", "Is a directory")]
    )
    def test_a_log_that_cannot_be_read_is_an_error(
        self, tmp_path: Path, path: str, said: str
    ) -> None:
        """An empty list would say that all is well."""
        with pytest.raises(caibo.ConfigurationError, match=said) as caught:
            caibo.open_intents(tmp_path / path)

        assert str(tmp_path) in str(caught.value)

    def test_an_intent_is_frozen(self, audit: caibo.JsonLinesAudit, log: Path) -> None:
        """It says what the log says."""
        audit(intended())

        [intent] = caibo.open_intents(log)

        with pytest.raises(AttributeError):
            intent.id = 8  # type: ignore[misc]
