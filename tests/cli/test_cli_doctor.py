"""``caibo doctor``."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from faces import methods
from shells import ID, LEAD, Shell

from caibo.testing import FakeCaibo, Request

ALL = "in out err"


@pytest.fixture(autouse=True)
def no_pauses(pauses: list[float]) -> None:
    """Wait for no replica."""


def test_reads_and_tells(shell: Shell, fake: FakeCaibo) -> None:
    """A line for each assumption, in the words of the command line; no value."""
    ran = shell("doctor", "12345")

    assert (ran.status, ran.err) == (0, "")
    assert methods(fake) == ["GET"] * 5
    assert "\nread-exists           holds           200, application/json" in ran.out
    assert "only: --write. Until then" in ran.out.splitlines()[-1]
    assert "Ada" not in ran.out


def test_needs_no_customer(shell: Shell, fake: FakeCaibo) -> None:
    """Then it says less."""
    ran = shell("doctor")

    assert ran.status == 0
    assert methods(fake) == ["GET"]


def test_finds_nothing_well_before_a_login_page(shell: Shell, fake: FakeCaibo) -> None:
    """Without a customer as with one."""
    page = {"Content-Type": "text/html"}
    fake.answer_next(b"<h1>Log in</h1>", headers=page, times=9, status=200, applied=False)

    alone, told = shell("doctor"), json.loads(shell("doctor", "--json").out)

    assert (alone.status, told["ok"]) == (1, False)
    assert "Look at --base-url, or name a customer." in alone.out.splitlines()[-1]
    assert shell("doctor", "12345").status == 1


def test_tells_it_as_json(shell: Shell) -> None:
    """As the library does."""
    told = json.loads(shell("doctor", "12345", "--json").out)

    assert (told["format"], told["ok"], told["customer_id"]) == ("caibo-doctor/1", True, "12345")


def test_writes_and_puts_back(shell: Shell, fake: FakeCaibo, folder: Path) -> None:
    """With a backup beside it; what may stay is said before."""
    before = fake.raw(ID)

    ran = shell("doctor", "12345", "--write", "--may-stay", "--yes")

    assert ran.status == 0
    assert fake.raw(ID) == before
    assert [path.read_bytes() for path in folder.glob("caibo-doctor-12345-*.json")] == [before]
    assert "some twenty times, and puts it back" in ran.err
    assert "caiboDoctor, may stay" in ran.err
    assert ran.out.splitlines()[-1].startswith('This gateway allows send="record", "writable"')


def test_says_what_fails_with_its_status(shell: Shell, fake: FakeCaibo) -> None:
    """And with the send= that this gateway allows it does not."""
    fake.refuses_read_only = True
    written = ("doctor", "12345", "--write", "--yes")

    assert shell(*written, "--backup", "one.json").status == 1
    assert shell(*written, "--backup", "two.json", "--send", "writable").status == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("12345", "--write"), "say --yes, or look first without --write"),
        (("12345", "--may-stay"), "needs --write"),
        (("--write", "--yes"), "needs the id"),
        (("12345", "--write", "--yes", "--backup", "there.json"), "nothing was written"),
    ],
)
def test_writes_nothing_by_mistake(
    shell: Shell, fake: FakeCaibo, folder: Path, arguments: tuple[str, ...], said: str
) -> None:
    """It says what is missing."""
    (folder / "there.json").write_text("precious")

    ran = shell("doctor", *arguments)

    assert ran.status == 2
    assert said in ran.err
    assert "PUT" not in methods(fake)


class TestOnLiveData:
    """It asks for the id once more."""

    @pytest.fixture(autouse=True)
    def live(self, gateway: FakeCaibo, monkeypatch: pytest.MonkeyPatch) -> None:
        gateway.api_key = "caibo_live_sk_1"
        monkeypatch.setenv("CAIBO_API_KEY", gateway.api_key)

    def test_on_the_terminal(self, shell: Shell, fake: FakeCaibo) -> None:
        """Typed."""
        ran = shell("doctor", "12345", "--write", typed="12345\n", tty=ALL)

        assert ran.status == 0
        assert "PUT" in methods(fake)

    @pytest.mark.parametrize("typed", ["y\n", "\n", ""])
    def test_anything_else_is_a_no(self, shell: Shell, fake: FakeCaibo, typed: str) -> None:
        """A yes as well."""
        ran = shell("doctor", "12345", "--write", "--yes", typed=typed, tty=ALL)

        assert ran.status == 2
        assert "Nothing was written" in ran.err
        assert "PUT" not in methods(fake)

    def test_as_an_option(self, shell: Shell, fake: FakeCaibo) -> None:
        """Where there is nobody to ask, --yes is not enough."""
        refused = shell("doctor", "12345", "--write", "--yes")
        taken = shell("doctor", "12345", "--write", "--yes", "--live", "12345")

        assert (refused.status, taken.status) == (2, 0)
        assert "say --live ID" in refused.err


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_tells_of_the_backup_when_interrupted(fake: FakeCaibo, gateway: FakeCaibo) -> None:
    """And that the record is as it was."""
    before, writes = fake.raw(ID), 0
    process = subprocess.Popen(
        [*LEAD, "doctor", "12345", "--write", "--yes"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def interrupt(request: Request) -> None:
        nonlocal writes
        writes += request.method == "PUT"
        if request.method == "PUT" and writes == 3:
            process.send_signal(signal.SIGINT)

    fake.on_request = interrupt
    _, told = process.communicate(timeout=60)

    assert process.returncode == 130
    assert fake.raw(ID) == before
    assert "the record as it was is in " in told
    assert "it was put back" in told
