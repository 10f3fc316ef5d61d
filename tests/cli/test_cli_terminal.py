"""The installed command, in a pseudo-terminal, in pipes, and under signals."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest
from shells import COMMAND, ID, LEAD, on_terminal

from caibo import bulk
from caibo.testing import FakeCaibo, Request

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals and signals")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture(autouse=True)
def served(gateway: FakeCaibo) -> None:
    """Have customer 12345 on a socket, and its address and key in the environment."""


def start(*arguments: str, **streams: int | IO[str]) -> subprocess.Popen[str]:
    """Start the command, its output in pipes unless they are others."""
    out, err = (streams.get(name, subprocess.PIPE) for name in ("stdout", "stderr"))
    return subprocess.Popen([*LEAD, *arguments], stdout=out, stderr=err, text=True)


class TestOnATerminal:
    """All three streams are one."""

    def test_a_record_is_a_masked_table_in_colour(self) -> None:
        """As wide as the terminal is."""
        ran = on_terminal("get", "12345")

        lines = [COLOUR.sub("", line).rstrip() for line in ran.out.splitlines()]
        assert ran.status == 0
        assert "\x1b[1m" in ran.out
        assert "email                 a…@example.com" in lines
        assert "Ada" not in ran.out

    def test_nothing_is_lost_where_it_is_narrow(self) -> None:
        """Values go on in the next line."""
        ran = on_terminal("get", "12345", "--show-values", columns=40)

        assert all(len(COLOUR.sub("", line)) <= 40 for line in ran.out.splitlines())
        letters = re.sub(r"[\s]", "", COLOUR.sub("", ran.out))
        assert "456NewStreet,SanFrancisco,CA94105,US" in letters.replace("address", "")

    def test_no_colours_where_they_are_not_wanted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """By NO_COLOR (https://no-color.org), as by the option."""
        monkeypatch.setenv("NO_COLOR", "1")

        ran = on_terminal("update", "12345", "phone:=null")

        assert ran.status == 0
        assert "- phone  +…" in ran.out
        assert not COLOUR.search(ran.out)

    def test_a_live_key_asks(self, fake: FakeCaibo, monkeypatch: pytest.MonkeyPatch) -> None:
        """After the difference is shown."""
        fake.api_key = "caibo_live_sk_1"
        monkeypatch.setenv("CAIBO_API_KEY", fake.api_key)

        ran = on_terminal("update", "12345", "phone:=null", answers={"[y/N]": "y\n"})

        assert (ran.status, fake.document(ID)["phone"]) == (0, None)
        assert ran.out.index("- phone") < ran.out.index("[y/N]")

    def test_a_key_is_asked_for_and_not_shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where neither the environment nor a file has one."""
        key = os.environ["CAIBO_API_KEY"]
        monkeypatch.delenv("CAIBO_API_KEY")

        ran = on_terminal("get", "12345", answers={"API key: ": key + "\n"})

        assert (ran.status, key in ran.out) == (0, False)

    def test_ctrl_c_at_a_question_writes_nothing(
        self, fake: FakeCaibo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It exits as shells tell of it."""
        fake.api_key = "caibo_live_sk_1"
        monkeypatch.setenv("CAIBO_API_KEY", fake.api_key)

        ran = on_terminal("update", "12345", "phone:=null", answers={"[y/N]": "\x03"})

        assert ran.status == 130
        assert "Traceback" not in ran.out
        assert [request.method for request in fake.requests] == ["GET"]

    def test_a_run_shows_how_far_it_is(self, fake: FakeCaibo, folder: Path) -> None:
        """A bar that goes when it is done, and the cursor comes back."""
        ids = [fake.add_customer() for _ in range(20)]
        (folder / "rows.csv").write_text("id,phone\n" + "".join(f"{id},+1\n" for id in ids))

        ran = on_terminal("bulk", "rows.csv", "--journal", "run.jsonl", columns=120)

        shown = ESCAPE.sub("", ran.out)
        assert ran.status == 0
        assert "20/20" in shown
        assert "/s, " in shown
        assert ran.out.rindex("\x1b[?25h") > ran.out.rindex("\x1b[?25l")
        assert "accepted" in shown.splitlines()[-1]


class TestInPipes:
    """And where there is nobody at the other end."""

    def test_the_streams_are_told_apart(self) -> None:
        """Results on stdout, the difference on stderr, no colour in either."""
        with start("update", "12345", "phone:=null", "--yes", "--json") as process:
            out, err = process.communicate()

        assert process.returncode == 0
        assert json.loads(out)["outcome"] == "accepted"
        assert "- phone  +…" in err
        assert "\x1b" not in out + err

    @pytest.mark.parametrize("command", ["get 12345", "get --help", "--help", "--version"])
    def test_a_reader_that_is_gone_is_no_error_of_ours(self, command: str) -> None:
        """As with other commands, no traceback."""
        read, write = os.pipe()
        os.close(read)
        with start(*command.split(), stdout=write) as process:
            os.close(write)
            _, err = process.communicate()

        assert (process.returncode, err) == (141, "")

    def test_a_full_disk_is_told(self) -> None:
        """The write is done, and its result is lost."""
        if not Path("/dev/full").exists():
            pytest.skip("no /dev/full")
        with Path("/dev/full").open("w") as full, start("get", "12345", stdout=full) as process:
            _, err = process.communicate()

        assert process.returncode == 1
        assert err == "caibo: the result cannot be written: No space left on device\n"

    def test_nobody_reading_what_is_told_is_no_reason_to_stop(self, fake: FakeCaibo) -> None:
        """The write goes on."""
        read, write = os.pipe()
        os.close(read)
        with start("update", "12345", "phone:=null", "--yes", stderr=write) as process:
            os.close(write)
            process.communicate()

        assert (process.returncode, fake.document(ID)["phone"]) == (0, None)

    @pytest.mark.parametrize("closed", ["stdin", "stdout", "stderr"])
    def test_a_stream_that_is_closed(self, fake: FakeCaibo, closed: str) -> None:
        """Is as good as /dev/null."""
        sign = {"stdin": "<&-", "stdout": ">&-", "stderr": "2>&-"}[closed]
        done = subprocess.run(
            ["sh", "-c", f'"$@" {sign}', "-", *COMMAND, "update", "12345", "phone:=null", "--yes"],
            capture_output=True,
            text=True,
        )

        assert (done.returncode, fake.document(ID)["phone"]) == (0, None)
        assert "Traceback" not in done.stderr

    def test_text_beyond_the_encoding_is_escaped(
        self, fake: FakeCaibo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As in JSON."""
        monkeypatch.setenv("PYTHONIOENCODING", "ascii")
        fake.change(ID, name="Zoë 😀")

        with start("get", "12345", "--json") as process:
            out, _ = process.communicate()

        assert json.loads(out)["name"] == "Zoë 😀"
        assert out.isascii()

    def test_the_key_is_in_no_list_of_processes(self, fake: FakeCaibo) -> None:
        """No option takes one."""
        with start("get", "12345", "--api-key", "caibo_test_sk_0123") as process:
            process.communicate()

        assert (process.returncode, fake.requests) == (2, [])


@pytest.mark.parametrize(
    ("sent", "exit", "word"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
    ids=["SIGINT", "SIGTERM"],
)
class TestASignal:
    """Ends a run in good order."""

    def test_the_journal_is_closed_and_the_run_goes_on(
        self, fake: FakeCaibo, folder: Path, sent: signal.Signals, exit: int, word: str
    ) -> None:
        """It exits as shells tell of it, and the same command does the rest."""
        ids = [fake.add_customer(phone="old") for _ in range(40)]
        (folder / "rows.csv").write_text("id,phone\n" + "".join(f"{id},+1\n" for id in ids))
        command = ("bulk", "rows.csv", "--journal", "run.jsonl", "--yes", "--workers", "2")
        process = start(*command)

        def interrupt(_: Request) -> None:
            if len(fake.requests) == 20:
                process.send_signal(sent)

        fake.on_request = interrupt
        with process:
            _, err = process.communicate()
        done = bulk.status("run.jsonl")
        with start(*command) as again:
            out, _ = again.communicate()

        assert process.returncode == exit
        assert err == f"caibo: the same command goes on from there\ncaibo: {word}\n"
        assert 0 < done["accepted"] < 40
        assert "intended" not in done
        assert not (folder / "run.jsonl.lock").exists()
        assert (again.returncode, f"skipped\t{done['accepted']}\n" in out) == (0, True)
        assert {fake.document(id)["phone"] for id in ids} == {"+1"}

    def test_the_bar_goes_and_the_cursor_comes_back(
        self, fake: FakeCaibo, folder: Path, sent: signal.Signals, exit: int, word: str
    ) -> None:
        """On a terminal."""
        ids = [fake.add_customer() for _ in range(40)]
        (folder / "rows.csv").write_text("id,phone\n" + "".join(f"{id},+1\n" for id in ids))
        processes: list[subprocess.Popen[bytes]] = []

        def interrupt(_: Request) -> None:
            if len(fake.requests) == 20:
                processes[0].send_signal(sent)

        fake.on_request = interrupt
        command = ("bulk", "rows.csv", "--journal", "run.jsonl", "--workers", "2")
        ran = on_terminal(*command, begun=processes.append)

        assert ran.status == exit
        assert ran.out.rindex("\x1b[?25h") > ran.out.rindex("\x1b[?25l")
        assert f"caibo: {word}" in ran.out
        assert "intended" not in bulk.status("run.jsonl")
