"""``caibo bulk``."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from shells import Shell, Stream

from caibo import Caibo, bulk
from caibo.cli._options import Common
from caibo.cli._progress import progress
from caibo.cli._screen import Screen
from caibo.testing import FakeCaibo

UNDO = ("--backup", "before.jsonl")
RUN = ("--journal", "run.jsonl", "--backup", "before.jsonl", "--workers", "2", "--yes")


@pytest.fixture
def ids(gateway: FakeCaibo, folder: Path) -> list[int]:
    """Have three customers, and rows for them; of a fourth there is nobody."""
    ids = [gateway.add_customer(phone="old") for _ in range(3)]
    rows = [(ids[0], "+1201"), (404, "+1202"), (ids[1], "+1203"), (ids[2], "+1204")]
    (folder / "rows.csv").write_text("id,phone\n" + "".join(f"{id},{p}\n" for id, p in rows))
    lines = [json.dumps({"id": id, "phone": phone}) for id, phone in rows]
    (folder / "rows.jsonl").write_text("\n".join(lines))
    return ids


def phones(fake: FakeCaibo, ids: list[int]) -> list[str]:
    return [fake.document(id)["phone"] for id in ids]


@pytest.mark.parametrize("file", ["rows.csv", "rows.jsonl"])
def test_writes_the_rows_of_a_file(
    shell: Shell, fake: FakeCaibo, ids: list[int], file: str
) -> None:
    """One that fails is told, and the status says that some did."""
    ran = shell("bulk", file, *RUN)

    assert phones(fake, ids) == ["+1201", "+1203", "+1204"]
    assert ran.status == 1
    assert sorted(ran.out.splitlines()) == ["accepted\t3", "failed\t1"]
    assert ran.err.startswith("row 2, customer 404: NotFoundError: GET /customers/404 → 404")
    assert "current=record" not in ran.err


def test_goes_on_with_the_same_command(shell: Shell, fake: FakeCaibo, ids: list[int]) -> None:
    """What is finished is skipped, what failed is tried again."""
    shell("bulk", "rows.csv", *RUN)
    fake.add_customer(id=404)

    ran = shell("bulk", "rows.csv", *RUN, "--json")

    told = json.loads(ran.out)
    assert ran.status == 0
    assert told.pop("seconds") >= 0
    assert told == {
        "outcomes": {"skipped": 3, "accepted": 1},
        "rows": 4,
        "failures": [],
        "pauses": [],
        "stopped": None,
    }


def test_puts_back_what_it_wrote(shell: Shell, fake: FakeCaibo, ids: list[int]) -> None:
    """And leaves what others have written since."""
    shell("bulk", "rows.csv", *RUN)
    fake.change(ids[2], phone="others")

    ran = shell("bulk", "--undo", "run.jsonl", "--backup", "before.jsonl", "--yes", "--json")

    assert phones(fake, ids) == ["old", "old", "others"]
    assert ran.status == 1
    assert json.loads(ran.out)["failures"][0]["id"] == str(ids[2])


def test_counts_what_a_journal_says(shell: Shell, ids: list[int]) -> None:
    """Without a credential."""
    shell("bulk", "rows.csv", *RUN)

    ran, told = (
        shell("bulk", "--status", "run.jsonl"),
        shell("bulk", "--status", "run.jsonl", "--json"),
    )

    assert sorted(ran.out.splitlines()) == ["accepted\t3", "failed\t1"]
    assert json.loads(told.out) == {"outcomes": {"accepted": 3, "failed": 1}}


def test_plans_in_a_dry_run(shell: Shell, fake: FakeCaibo, ids: list[int], folder: Path) -> None:
    """Without a journal, and without being asked."""
    ran = shell("bulk", "rows.csv", "--dry-run", "--limit", "1")

    assert ran == (0, "would-change\t1\n", "")
    assert {request.method for request in fake.requests} == {"GET"}
    assert not list(folder.glob("run*"))


def test_takes_the_first_rows_first(shell: Shell, fake: FakeCaibo, ids: list[int]) -> None:
    """The rest goes with the same journal."""
    shell("bulk", "rows.csv", *RUN, "--limit", "1")
    first = phones(fake, ids)

    ran = shell("bulk", "rows.csv", *RUN)

    assert first == ["+1201", "old", "old"]
    assert "skipped\t1" in ran.out
    assert phones(fake, ids) == ["+1201", "+1203", "+1204"]


def test_says_what_an_empty_cell_means(
    shell: Shell, fake: FakeCaibo, ids: list[int], folder: Path
) -> None:
    """Where it is told to; else it is refused, with all that is wrong with the file."""
    (folder / "rows.csv").write_text(f"id,phone\n{ids[0]},\nx,+1\n")

    refused = shell("bulk", "rows.csv", *RUN)
    (folder / "rows.csv").write_text(f"id,phone\n{ids[0]},\n")
    cleared = shell("bulk", "rows.csv", *RUN, "--empty", "clear")

    assert (refused.status, cleared.status) == (2, 0)
    assert "2 problems, nothing was sent" in refused.err
    assert "say --empty keep or --empty clear" in refused.err
    assert fake.document(ids[0])["phone"] is None


@pytest.mark.parametrize(("mark", "said"), [(";", "$';'"), ("\t", r"$'\t'")])
def test_says_how_a_file_is_separated(
    shell: Shell, fake: FakeCaibo, folder: Path, mark: str, said: str
) -> None:
    """In the words of a shell; and of a file without a heading it repeats nothing."""
    (folder / "rows.csv").write_text(f"id{mark}phone\n7{mark}+12025550143\n")

    ran = shell("bulk", "rows.csv", *RUN)
    (folder / "rows.csv").write_text("7,+12025550143\n")
    bare = shell("bulk", "rows.csv", *RUN)

    assert (ran.status, bare.status, fake.requests) == (2, 2, [])
    assert f"say --delimiter {said}\n" in ran.err
    assert "the first line: is no heading: it has none of id, " in bare.err
    assert "+1202" not in bare.err


def test_shows_twenty_complaints_about_a_file(
    shell: Shell, gateway: FakeCaibo, folder: Path
) -> None:
    """A thousand would push the first out of the terminal."""
    (folder / "rows.csv").write_text("id,phone\n" + "x,+1\n" * 30)

    ran, told = shell("bulk", "rows.csv", *RUN), shell("bulk", "rows.csv", *RUN, "--json")

    assert ran.err.count("expected the digits") == 20
    assert ran.err.endswith("  … and 10 more; --json has all\n")
    assert len(json.loads(told.err)["error"]["fields"]) == 30


def test_says_that_it_looks_at_a_large_file(
    shell: Shell, fake: FakeCaibo, ids: list[int], folder: Path
) -> None:
    """Which takes a while, with nothing else to be seen."""
    (folder / "rows.csv").write_text(f"id,phone\n{ids[0]},+1\n" + "\n" * (1 << 20))

    ran = shell("bulk", "rows.csv", *RUN)

    assert ran.err == "caibo: looking at all rows of rows.csv before the first request\n"


def test_keeps_the_failures(shell: Shell, ids: list[int], folder: Path) -> None:
    """As CSV."""
    shell("bulk", "rows.csv", *RUN, "--failures", "failed.csv")

    with (folder / "failed.csv").open() as file:
        [failed] = csv.DictReader(file)
    assert (failed["row"], failed["id"], failed["error"]) == ("2", "404", "NotFoundError")


def test_begins_only_where_the_failures_can_be_kept(
    shell: Shell, fake: FakeCaibo, ids: list[int], folder: Path
) -> None:
    """A mistyped path is told before the first request, and no other file is overwritten."""
    (folder / "mine.csv").write_text("id,phone\n")

    nowhere = shell("bulk", "rows.csv", *RUN, "--failures", "no/failed.csv")
    mine = shell("bulk", "rows.csv", *RUN, "--failures", "mine.csv")

    assert (nowhere.status, mine.status, fake.requests) == (1, 2, [])
    assert "no/failed.csv cannot be written: No such file" in nowhere.err
    assert "mine.csv is there already, and is no list of failures" in mine.err
    assert (folder / "mine.csv").read_text() == "id,phone\n"


def test_writes_the_failures_of_the_next_run_over_its_own(
    shell: Shell, fake: FakeCaibo, ids: list[int], folder: Path
) -> None:
    """As the same command goes on."""
    shell("bulk", "rows.csv", *RUN, "--failures", "failed.csv")
    fake.add_customer(id=404)

    ran = shell("bulk", "rows.csv", *RUN, "--failures", "failed.csv")

    assert ran.status == 0
    assert len((folder / "failed.csv").read_text().splitlines()) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_tells_where_the_failures_could_not_be_kept(shell: Shell, ids: list[int]) -> None:
    """The run is what it was."""
    ran = shell("bulk", "rows.csv", *RUN, "--failures", "/dev/full")

    assert (ran.status, "accepted\t3" in ran.out) == (1, True)
    assert "/dev/full cannot be written: No space" in ran.err


def test_reads_cells_that_a_semicolon_parts(
    shell: Shell, fake: FakeCaibo, ids: list[int], folder: Path
) -> None:
    """As spreadsheets write them where the comma is in numbers."""
    (folder / "rows.csv").write_text(f"id;phone\n{ids[0]};+1\n")

    ran = shell("bulk", "rows.csv", *RUN, "--delimiter", ";")

    assert (ran.status, fake.document(ids[0])["phone"]) == (0, "+1")


def test_says_that_there_were_no_rows(shell: Shell, gateway: FakeCaibo, folder: Path) -> None:
    """Rather than nothing, which looks as if all were done."""
    (folder / "rows.csv").write_text("id,phone\n")

    ran = shell("bulk", "rows.csv", *RUN)

    assert ran == (0, "", "caibo: there were no rows\n")


def test_counts_nothing_in_what_is_no_journal(shell: Shell, ids: list[int]) -> None:
    """The rows, say."""
    ran = shell("bulk", "--status", "rows.csv")

    assert (ran.status, ran.out) == (2, "")
    assert "rows.csv is no journal" in ran.err


def test_does_not_send_others_on_with_rows_of_another_run(
    shell: Shell, ids: list[int], folder: Path
) -> None:
    """The same command would end there again."""
    shell("bulk", "rows.csv", *RUN)
    (folder / "rows.csv").write_text(f"id,phone\n{ids[0]},+1\n")

    ran = shell("bulk", "rows.csv", *RUN)

    assert "row 1 is not the row 1 of the journal" in ran.err
    assert "goes on from there" not in ran.err


def test_shows_twenty_failures(shell: Shell, gateway: FakeCaibo, folder: Path) -> None:
    """And says how to see the others."""
    (folder / "rows.jsonl").write_text('{"id": 404, "phone": "+1"}\n' * 25)

    ran = shell("bulk", "rows.jsonl", *RUN)

    assert ran.err.count("NotFoundError") == 20
    assert "… and 5 more; --failures FILE has all" in ran.err


@pytest.mark.parametrize(
    ("status", "exit"), [(401, 4), (503, 75), (404, 1)], ids=["credential", "away", "rows"]
)
def test_ends_early_with_what_was_done(
    shell: Shell, fake: FakeCaibo, ids: list[int], pauses: list[float], status: int, exit: int
) -> None:
    """The status says what to do; the report is printed all the same."""
    fake.fail_next(status, times=99)

    ran = shell("bulk", "rows.csv", *RUN, "--patience", "0", "--stop-after", "1", "--json")

    told, [*_, said] = json.loads(ran.out), ran.err.splitlines()
    error = json.loads(said)["error"]
    assert (ran.status, told["stopped"], error["exit"]) == (exit, exit, exit)
    assert error["type"] == "RunStoppedError"
    assert error["cause"].endswith("Error")


def test_never_ends_for_failed_rows_where_it_is_told_so(
    shell: Shell, gateway: FakeCaibo, folder: Path
) -> None:
    """With 0."""
    (folder / "rows.jsonl").write_text('{"id": 404, "phone": "+1"}\n' * 101)

    ended = shell("bulk", "rows.jsonl", *RUN)
    ran = shell("bulk", "rows.jsonl", *RUN, "--stop-after", "0")

    assert "the run ended after 100 rows" in ended.err
    assert "The same command goes on from there" in ended.err
    assert ran.out == "failed\t101\n"


def test_asks_with_a_live_key(
    shell: Shell, fake: FakeCaibo, ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is read."""
    fake.api_key = "caibo_live_sk_1"
    monkeypatch.setenv("CAIBO_API_KEY", fake.api_key)

    ran = shell("bulk", "rows.csv", *RUN[:-1], typed="n\n", tty="in out err")

    assert (ran.status, fake.requests) == (1, [])
    assert "Write to the customers in rows.csv, live data?" in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give one of FILE"),
        (("rows.csv", "--status", "run.jsonl"), "give one of FILE"),
        (("rows.csv", "--yes"), "--journal is missing"),
        (("--undo", "run.jsonl", "--yes"), "--backup is missing"),
        (("--undo", "run.jsonl", *UNDO, "--limit", "1", "--yes"), "takes no --limit"),
        (("rows.txt", *RUN), "ends in .csv or .jsonl"),
        (("none.csv", *RUN), "none.csv cannot be read"),
        (("rows.csv", *RUN, "--limit", "0"), "--limit must be 1 or more"),
        (("rows.csv", *RUN[:-3], "--workers", "0", "--yes"), "workers must be"),
        (("rows.csv", *RUN, "--rate", "0"), "--rate must be"),
        (("rows.csv", *RUN[:-1]), "no terminal to ask on"),
        (("--undo", "run.jsonl", *UNDO), "no terminal to ask on"),
        (("--status", "none.jsonl"), "No such file"),
        (("rows.csv", *RUN, "--failures", "./rows.csv"), "a file is named twice"),
        (("rows.csv", "--journal", "r", "--backup", "r", "--yes"), "a file is named twice"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(
    shell: Shell, fake: FakeCaibo, ids: list[int], arguments: tuple[str, ...], said: str
) -> None:
    """Before the first request."""
    ran = shell("bulk", *arguments)

    assert (ran.status, fake.requests) == (2, [])
    assert said in ran.err


class TestLines:
    """Where there is no terminal, a line every ten seconds."""

    @pytest.mark.parametrize(
        ("total", "pausing", "said"),
        [
            (9, False, "caibo: 4 of 9 rows; 2.0/s, 0:00:02 left, 3 accepted, 1 failed\n"),
            (None, True, "caibo: 4 rows; 2.0/s, 3 accepted, 1 failed, pausing\n"),
        ],
    )
    def test_tell_how_far_it_is(
        self, monkeypatch: pytest.MonkeyPatch, total: int | None, pausing: bool, said: str
    ) -> None:
        """Rate, time left, outcomes and pauses."""
        now, err = [0.0], Stream()
        monkeypatch.setattr("time.monotonic", lambda: now[0])
        monkeypatch.setattr("sys.stderr", err)
        outcomes = {"accepted": 3, "failed": 1}
        state = bulk.Progress(4, 1, total, outcomes, 2.0, total and 2.4, pausing)

        with progress(Screen(Common())) as on_progress:
            for now[0] in (0.0, 9.9, 10.0, 19.9):
                on_progress(state)

        assert err.text() == said

    def test_tell_how_many_rows_were_looked_at(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Before the first request, in other words."""
        now, err = [0.0], Stream()
        monkeypatch.setattr("time.monotonic", lambda: now[0])
        monkeypatch.setattr("sys.stderr", err)
        state = bulk.Progress(40_000, 2, None, {}, 3210.0, None, False, checking=True)

        with progress(Screen(Common())) as on_progress:
            now[0] = 10.0
            on_progress(state)

        said = "caibo: 40000 rows looked at; 3210.0/s, 2 complaints, nothing was sent yet\n"
        assert err.text() == said


def test_a_bar_says_what_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that were looked at are not yet written."""
    err = Stream(tty=True)
    monkeypatch.setattr("sys.stderr", err)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "200")
    looked = bulk.Progress(40_000, 0, None, {}, 3210.0, None, False, checking=True)

    with progress(Screen(Common())) as on_progress:
        on_progress(looked)

    assert "looking at rows: 3210.0/s, 0 complaints, nothing was sent yet" in err.text()


def test_a_terminal_without_a_cursor_has_lines(
    shell: Shell, ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as an editor's; so has a pipe for which FORCE_COLOR is set."""
    monkeypatch.setenv("TERM", "dumb")
    dumb = shell("bulk", "rows.csv", "--dry-run", tty="in out err")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")

    piped = shell("bulk", "rows.csv", "--dry-run")

    assert "\x1b" not in dumb.err + piped.err + piped.out


def test_the_rate_is_that_of_requests(
    shell: Shell, ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the client's option is."""
    seen: list[float] = []

    def spy(**options: Any) -> Caibo:
        seen.append(options["rate_limit"])
        return Caibo(**options)

    monkeypatch.setattr("caibo.cli._connect.Caibo", spy)

    ran = shell("bulk", "rows.csv", "--dry-run", "--rate", "2000.5")

    assert (seen, sorted(ran.out.splitlines())) == ([2000.5], ["failed\t1", "would-change\t3"])
