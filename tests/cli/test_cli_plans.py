"""``caibo plan`` and ``apply``, and the plans that an error leaves."""

from __future__ import annotations

import json
import os
import signal
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from faces import methods
from shells import ID, Shell

from caibo.testing import FakeCaibo, Request

ALL = "in out err"


class TestPlan:
    """Works out an update, to be applied later."""

    def test_keeps_it_in_a_file_for_its_owner_alone(self, shell: Shell, folder: Path) -> None:
        """It holds the whole record."""
        ran = shell("plan", "12345", "phone:=null", "-o", "plan.json")

        mode = (folder / "plan.json").stat().st_mode
        assert ran.status == 0
        assert stat.S_IMODE(mode) == 0o600
        assert "- phone" in ran.out
        assert "plan.json" in ran.err

    def test_is_only_shown_without_a_file(self, shell: Shell, folder: Path) -> None:
        """As by a dry run of `update`."""
        ran = shell("plan", "12345", "phone:=null")

        assert ran == shell("update", "12345", "phone:=null", "--dry-run")
        assert list(folder.iterdir()) == []

    def test_overwrites_no_file(self, shell: Shell, folder: Path) -> None:
        """A slip of the hand costs nothing."""
        (folder / "rows.csv").write_text("id\n")

        ran = shell("plan", "12345", "phone:=null", "-o", "rows.csv")

        assert ran.status == 2
        assert (folder / "rows.csv").read_text() == "id\n"

    def test_says_where_it_cannot_be_written(self, shell: Shell) -> None:
        """The path and the reason."""
        ran = shell("plan", "12345", "phone:=null", "-o", "no/plan.json")

        assert (ran.status, "no/plan.json cannot be written: No such" in ran.err) == (1, True)

    def test_goes_to_stdout_and_its_difference_to_stderr(self, shell: Shell) -> None:
        """To be piped into another program."""
        ran = shell("plan", "12345", "phone:=null", "-o", "-")

        assert json.loads(ran.out)["set"] == {"phone": None}
        assert "- phone" in ran.err
        assert shell("apply", "-", "--yes", typed=ran.out).status == 0

    def test_is_not_shown_on_a_terminal_unasked(self, shell: Shell) -> None:
        """It would show the record."""
        refused = shell("plan", "12345", "phone:=null", "-o", "-", tty=ALL)
        shown = shell("plan", "12345", "phone:=null", "-o", "-", "--show-values", tty=ALL)

        assert (refused.status, refused.out) == (2, "")
        assert "ada@example.com" in shown.out

    def test_may_go_to_a_device(self, shell: Shell) -> None:
        """Which stays one."""
        assert shell("plan", "12345", "phone:=null", "-o", os.devnull).status == 0
        assert not Path(os.devnull).is_file()


class TestApply:
    """Writes what a plan says."""

    @pytest.fixture(autouse=True)
    def planned(self, shell: Shell) -> None:
        shell("plan", "12345", "phone=+12025550199", "-o", "plan.json")

    def test_on_the_record_as_it_is_now(self, shell: Shell, fake: FakeCaibo) -> None:
        """What others have changed since stays."""
        fake.change(ID, address="1 Example Street")

        ran = shell("apply", "plan.json", "--yes")

        assert ran.out == "12345\taccepted\tphone\n"
        assert fake.document(ID)["phone"] == "+12025550199"
        assert fake.document(ID)["address"] == "1 Example Street"

    def test_once(self, shell: Shell, fake: FakeCaibo, folder: Path) -> None:
        """The file remembers it, and stays its owner's."""
        shell("apply", "plan.json", "--yes")
        fake.change(ID, phone="other")

        ran = shell("apply", "plan.json", "--yes")

        assert ran.status == 3
        assert fake.document(ID)["phone"] == "other"
        assert [path.name for path in folder.iterdir()] == ["plan.json"]
        assert stat.S_IMODE((folder / "plan.json").stat().st_mode) == 0o600

    def test_tells_where_the_file_cannot_remember_it(
        self, shell: Shell, fake: FakeCaibo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The write is done all the same."""

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("tempfile.mkstemp", full)

        ran = shell("apply", "plan.json", "--yes")

        assert (ran.status, ran.out) == (0, "12345\taccepted\tphone\n")
        assert "plan.json cannot be written: No space left on device; do not apply" in ran.err

    @pytest.mark.parametrize(
        ("decides", "status", "phone"),
        [((), 3, "theirs"), (("ours",), 0, "+12025550199"), (("theirs",), 0, "theirs")],
    )
    def test_as_it_is_told_where_someone_else_was(
        self, shell: Shell, fake: FakeCaibo, decides: tuple[str, ...], status: int, phone: str
    ) -> None:
        """Nobody's change is lost unasked."""
        fake.change(ID, phone="theirs")

        ran = shell(
            "apply", "plan.json", "--yes", *(("--on-conflict", *decides) if decides else ())
        )

        assert (ran.status, fake.document(ID)["phone"]) == (status, phone)

    def test_says_how_to_look_where_there_is_nobody_to_ask(self, shell: Shell) -> None:
        """As `update` does."""
        ran = shell("apply", "plan.json")

        assert (ran.status, ran.out) == (2, "")
        assert ran.err.endswith("say --yes, or look first with --dry-run\n")

    def test_only_shows_in_a_dry_run(self, shell: Shell, fake: FakeCaibo, folder: Path) -> None:
        """What it would change in the record as it is now; the file stays as it was."""
        stored = (folder / "plan.json").read_bytes()
        fake.change(ID, address="1 Example Street", note="new")

        ran = shell("apply", "plan.json", "--dry-run", "--on-conflict", "theirs")
        told = json.loads(shell("apply", "plan.json", "--dry-run", "--json").out)

        assert (ran.status, ran.err, "PUT" in methods(fake)) == (0, "", False)
        assert "~ phone" in ran.out
        assert "+12025550143" in ran.out
        assert "+12025550199" in ran.out
        assert "address" not in ran.out.partition("kept")[0]
        assert "= carried: preferences, note" in ran.out
        assert (told["id"], told["outcome"], list(told["changes"])) == (
            "12345",
            "would-change",
            ["phone"],
        )
        assert told["carried"] == ["preferences", "note"]
        assert (folder / "plan.json").read_bytes() == stored

    def test_shows_no_more_on_a_terminal(self, shell: Shell) -> None:
        """Masked there, as everywhere."""
        ran = shell("apply", "plan.json", "--dry-run", tty="out")

        assert (ran.status, "+1202" in ran.out) == (0, False)

    def test_tells_in_a_dry_run_what_would_come_of_it(self, shell: Shell, fake: FakeCaibo) -> None:
        """A conflict, nothing to change, or nothing any more."""
        fake.change(ID, phone="theirs")
        conflict = shell("apply", "plan.json", "--dry-run")
        theirs = shell("apply", "plan.json", "--dry-run", "--on-conflict", "theirs", "--json")
        fake.change(ID, phone="+12025550199")
        there = shell("apply", "plan.json", "--dry-run", "--json")

        assert (conflict.status, conflict.out) == (3, "")
        assert json.loads(theirs.out)["outcome"] == "unchanged"
        assert json.loads(there.out)["outcome"] == "already-applied"
        assert shell("apply", "plan.json", "--yes").out == "12345\talready-applied\t\n"
        assert "PUT" not in methods(fake)

    def test_lists_in_a_dry_run_nothing_as_carried_that_is_left_out(self, shell: Shell) -> None:
        """As `--send` has it."""
        ran = shell("apply", "plan.json", "--dry-run", "--send", "contract", "--json")

        assert json.loads(ran.out)["carried"] == []

    def test_not_what_is_no_plan(self, shell: Shell, folder: Path) -> None:
        """Nor what is not there."""
        (folder / "other.json").write_text('{"format": "other"}')

        other, none = shell("apply", "other.json", "--yes"), shell("apply", "none.json", "--yes")

        assert (other.status, none.status) == (2, 2)
        assert "another caibo wrote it" in other.err
        assert "none.json cannot be read: No such file" in none.err


class TestWhatIsUnknown:
    """A plan to resume by is kept."""

    def test_where_nobody_can_tell(
        self, shell: Shell, fake: FakeCaibo, folder: Path, pauses: list[float]
    ) -> None:
        """Applied, it looks again, and writes what is missing."""
        fake.fail_next(502, method="PUT", times=9)
        fake.on_request = lambda request: (
            fake.fail_next(502, method="GET", times=9) if request.method == "PUT" else None
        )
        ran = shell("update", "12345", "phone:=null", "--yes")
        fake.on_request = None
        while fake.take_fault("GET") or fake.take_fault("PUT"):
            pass

        [kept] = folder.glob("caibo-12345.*.json")
        again = shell("apply", str(kept), "--yes")

        assert ran.status == 1
        assert kept.name in ran.err
        assert "`caibo apply` with the file named above" in ran.err
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert again.status == 0
        assert fake.document(ID)["phone"] is None

    def test_where_a_member_that_was_left_out_is_gone(
        self, shell: Shell, fake: FakeCaibo, folder: Path
    ) -> None:
        """It is the only copy."""
        ran = shell("update", "12345", "phone:=null", "--yes", "--send", "contract")
        lost = fake.document(ID)

        [kept] = folder.glob("caibo-12345.*.json")
        shell("apply", str(kept), "--yes")

        assert (ran.status, "preferences" in lost) == (3, False)
        assert fake.document(ID)["preferences"] == {"currency": "EUR", "language": "fr"}

    def test_not_where_someone_else_has_written(
        self, shell: Shell, fake: FakeCaibo, folder: Path
    ) -> None:
        """There is nothing to give back."""

        def change(request: Request) -> None:
            if request.method == "GET" and len(fake.requests) == 3:
                fake.change(ID, phone="theirs")

        fake.on_request = change

        ran = shell("update", "12345", "phone:=null", "--yes", "--confirm", "0")

        assert (ran.status, list(folder.iterdir())) == (3, [])

    def test_where_the_folder_takes_no_file(
        self, shell: Shell, fake: FakeCaibo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """That is said as well, and the error stays what it was."""

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("tempfile.mkstemp", full)

        ran = shell("update", "12345", "phone:=null", "--yes", "--send", "contract")

        assert ran.status == 3
        assert "cannot be written: No space left on device" in ran.err

    def test_where_it_is_interrupted(self, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        """The customer to look at is named."""

        def interrupt(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("caibo.Customers.apply", interrupt)

        ran = shell("update", "12345", "phone:=null", "--yes")

        assert ran.status == 130
        assert "look: caibo get 12345" in ran.err

    def test_where_it_is_terminated(self, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        """As by Ctrl-C; what SIGTERM does afterwards is as before."""
        monkeypatch.setattr(
            "caibo.Customers.apply", lambda *_, **__: signal.raise_signal(signal.SIGTERM)
        )

        ran = shell("update", "12345", "phone:=null", "--yes")

        assert ran.status == 143
        assert ran.err.endswith("look: caibo get 12345\ncaibo: terminated\n")
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL

    def test_where_somebody_else_hears_of_termination(
        self, shell: Shell, fake: FakeCaibo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whoever called `main` does, and it ends when that does."""
        heard: list[int] = []
        before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
        fake.on_request = lambda _: signal.raise_signal(signal.SIGTERM)

        ran = shell("update", "12345", "phone:=null", "--yes")
        signal.signal(signal.SIGTERM, before)

        assert (ran.status, {*heard}) == (0, {signal.SIGTERM})

    def test_where_signals_are_not_its_own(self, shell: Shell) -> None:
        """Python lets the main thread alone set what they do."""
        with ThreadPoolExecutor(1) as pool:
            ran = pool.submit(shell, "update", "12345", "phone:=null", "--yes").result()

        assert ran.status == 0
