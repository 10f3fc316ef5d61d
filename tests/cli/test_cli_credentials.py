"""Credentials come from the environment, a file, or a person, and never from an argument."""

from __future__ import annotations

from pathlib import Path

import pytest
from shells import Shell

from caibo.testing import FakeCaibo, FakeServer

KEY = "caibo_test_sk_0123"


@pytest.fixture
def nothing_set(gateway: FakeCaibo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nothing in the environment."""
    for name in ("CAIBO_API_KEY", "CAIBO_BASE_URL"):
        monkeypatch.delenv(name)


def keep(folder: Path, text: str, mode: int = 0o600) -> str:
    path = folder / "credentials"
    path.write_bytes(text.encode("latin-1"))
    path.chmod(mode)
    return str(path)


@pytest.mark.usefixtures("nothing_set")
class TestAFile:
    """Has them instead."""

    def test_with_the_gateway(self, shell: Shell, server: FakeServer, folder: Path) -> None:
        """In the form that shells read as well."""
        file = keep(
            folder,
            f"# test\n\nexport CAIBO_API_KEY='{KEY}'\nCAIBO_BASE_URL = {server.base_url}\n",
        )

        assert shell("get", "12345", "--credentials-file", file).status == 0

    def test_with_a_token(
        self, shell: Shell, fake: FakeCaibo, server: FakeServer, folder: Path
    ) -> None:
        """And the gateway from an option, which wins."""
        file = keep(
            folder,
            f'CAIBO_ACCESS_TOKEN="{fake.issue_token()}"\nCAIBO_BASE_URL=http://127.0.0.1:1\n',
        )

        ran = shell("get", "12345", "--credentials-file", file, "--base-url", server.base_url)

        assert ran.status == 0

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (KEY, "credentials, line 1: expected CAIBO_API_KEY=…"),
            (f"CAIBO_API_KEY={KEY}\nAPI_KEY={KEY}", "line 2: expected"),
            (f"CAIBO_API_KEY={KEY}\nCAIBO_API_KEY={KEY}", "line 2: expected"),
            ("", "has neither CAIBO_API_KEY=… nor"),
            ("CAIBO_API_KEY=\xff", "is not UTF-8"),
        ],
        ids=["bare", "unknown", "twice", "empty", "bytes"],
    )
    def test_that_says_something_else(
        self, shell: Shell, fake: FakeCaibo, folder: Path, text: str, said: str
    ) -> None:
        """Is not repeated: it may be the key."""
        ran = shell("get", "12345", "--credentials-file", keep(folder, text))

        assert (ran.status, fake.requests, KEY in ran.err) == (4, [], False)
        assert said in ran.err

    def test_with_two_credentials(self, shell: Shell, folder: Path) -> None:
        """One has to go."""
        file = keep(folder, f"CAIBO_API_KEY={KEY}\nCAIBO_ACCESS_TOKEN=t\n")

        ran = shell("get", "12345", "--credentials-file", file)

        assert (ran.status, "give one credential" in ran.err) == (2, True)

    def test_that_is_not_there(self, shell: Shell) -> None:
        """The reason is told."""
        ran = shell("get", "12345", "--credentials-file", "none")

        assert (ran.status, "none cannot be read: No such file" in ran.err) == (4, True)

    def test_that_others_may_read(self, shell: Shell, server: FakeServer, folder: Path) -> None:
        """As one of a container's secrets is: a warning, and it goes on."""
        file = keep(folder, f"CAIBO_API_KEY={KEY}\nCAIBO_BASE_URL={server.base_url}\n", 0o644)

        ran = shell("get", "12345", "--credentials-file", file)

        assert (ran.status, "others may read it; chmod 600" in ran.err) == (0, True)

    def test_that_others_may_write(self, shell: Shell, fake: FakeCaibo, folder: Path) -> None:
        """It may send the customers' data somewhere else by now."""
        file = keep(folder, f"CAIBO_API_KEY={KEY}\n", 0o620)

        ran = shell("get", "12345", "--credentials-file", file)

        assert (ran.status, fake.requests) == (4, [])
        assert "others may write it" in ran.err

    def test_on_windows(
        self, shell: Shell, server: FakeServer, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Modes say nothing there."""
        file = keep(folder, f"CAIBO_API_KEY={KEY}\nCAIBO_BASE_URL={server.base_url}\n", 0o666)
        monkeypatch.setattr("caibo.cli._connect.WINDOWS", True)

        assert shell("get", "12345", "--credentials-file", file).err == ""

    def test_instead_of_the_environment(
        self, shell: Shell, server: FakeServer, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whose other kind of credential does not mix with it."""
        monkeypatch.setenv("CAIBO_ACCESS_TOKEN", "another")
        monkeypatch.setenv("CAIBO_API_KEY", "another")
        file = keep(folder, f"CAIBO_API_KEY={KEY}\nCAIBO_BASE_URL={server.base_url}\n")

        assert shell("get", "12345", "--credentials-file", file).status == 0


@pytest.mark.parametrize("value", [None, ""])
def test_without_any_it_says_where_to_put_one(
    shell: Shell, fake: FakeCaibo, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    """Empty is as good as not set."""
    monkeypatch.delenv("CAIBO_API_KEY")
    if value is not None:
        monkeypatch.setenv("CAIBO_API_KEY", value)

    ran = shell("get", "12345")

    assert (ran.status, fake.requests) == (4, [])
    assert "set CAIBO_API_KEY or CAIBO_ACCESS_TOKEN" in ran.err


@pytest.mark.parametrize(("key", "status"), [(KEY, 0), ("", 4)])
def test_a_person_is_asked(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, key: str, status: int
) -> None:
    """On a terminal; an empty answer is none."""
    monkeypatch.delenv("CAIBO_API_KEY")
    monkeypatch.setattr("getpass.getpass", lambda *_, **__: key)

    assert shell("get", "12345", tty="in out err").status == status


def test_the_end_of_input_is_no_answer(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-D."""

    def end(*_: object, **__: object) -> str:
        raise EOFError

    monkeypatch.delenv("CAIBO_API_KEY")
    monkeypatch.setattr("getpass.getpass", end)

    assert shell("get", "12345", tty="in out err").status == 4
