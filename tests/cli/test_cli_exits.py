"""What a command ends with, and how it tells of errors."""

from __future__ import annotations

import builtins
import json
import re
import runpy
import subprocess
import sys
import tomllib
import types
from pathlib import Path
from typing import Any

import pytest
from shells import Shell

import caibo
from caibo.bulk import Report, RunStoppedError
from caibo.cli import main
from caibo.cli._exits import WORDS, status_of
from caibo.testing import FakeCaibo

ROOT = Path(__file__).parents[2]


def project() -> dict[str, Any]:
    """Read what the package says of itself."""
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return found


UPDATE = ("update", "12345", "phone:=null", "--yes")


class TestTheStatus:
    """Says what to do next."""

    @pytest.mark.parametrize(
        ("answer", "exit"),
        [
            (400, 1),
            (401, 4),
            (403, 4),
            (404, 5),
            (409, 3),
            (412, 3),
            (422, 1),
            (429, 75),
            (500, 75),
            (503, 75),
            (418, 1),
        ],
    )
    def test_of_an_answer(
        self, shell: Shell, fake: FakeCaibo, pauses: list[float], answer: int, exit: int
    ) -> None:
        """As the table in docs/cli.md has it."""
        fake.fail_next(answer, times=9)

        assert shell("get", "12345").status == exit

    def test_of_no_answer(self, shell: Shell, fake: FakeCaibo, pauses: list[float]) -> None:
        """Try again later."""
        assert shell("get", "12345", "--base-url", "http://127.0.0.1:1").status == 75

    def test_of_a_mistake_in_the_set_up(self, shell: Shell) -> None:
        """It is in what was typed, or in the environment."""
        ran = shell("get", "12345", "--base-url", "http://example.com")

        assert (ran.status, ran.err[:23]) == (2, "caibo: --base-url: plai")

    def test_of_a_run_that_ended_early(self) -> None:
        """That of its cause, where that is for all rows."""
        error = RunStoppedError("ended", report=Report())

        assert status_of(error) == 1
        for cause, exit in (
            (caibo.ConflictError("x", conflicts={}), 1),
            (caibo.RenewalError("x"), 4),
            (caibo.LockError("x"), 75),
            (caibo.TransportError("x", request_sent="no"), 75),
        ):
            error.__cause__ = cause
            assert status_of(error) == exit

    def test_of_a_failure_that_time_does_not_cure(self) -> None:
        """A certificate that does not fit, say."""
        error = caibo.TransportError("x", request_sent="no")
        error.final = True

        assert status_of(error) == 1

    def test_of_a_mistake_of_ours(self, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        """No traceback unless it is asked for."""

        def broken(*_: object) -> None:
            raise KeyError("customer data")

        monkeypatch.setattr("caibo.cli._record.connect", broken)

        ran, shown = shell("get", "12345"), shell("get", "12345", "--debug")

        assert (ran.status, ran.out) == (1, "")
        assert ran.err == "caibo: a KeyError, which is a mistake of ours: see --debug\n"
        assert "Traceback" in shown.err


class TestMessages:
    """Are ours."""

    def test_without_a_traceback(self, shell: Shell) -> None:
        """Unless it is asked for; then each request is shown, too."""
        ran, shown = shell("get", "404"), shell("get", "404", "--debug")

        assert ran.err.startswith("caibo: GET /customers/404 → 404 Not Found")
        assert "Traceback" not in ran.err
        assert "NotFoundError" in shown.err
        assert "attempt 1" in shown.err

    def test_as_json_where_results_are(self, shell: Shell) -> None:
        """One line on stderr, and nothing on stdout."""
        ran = shell("get", "404", "--json")

        error = json.loads(ran.err)["error"]
        assert ran.out == ""
        assert error.pop("message").startswith("GET /customers/404 → 404")
        assert error.pop("request_id").startswith("fake-")
        assert error == {
            "type": "NotFoundError",
            "exit": 5,
            "fields": [],
            "status": 404,
            "customer_id": "404",
        }

    @pytest.mark.parametrize(
        ("status", "errors", "fields"),
        [(400, {"phone": ["is odd"]}, ["phone"]), (409, {}, [])],
    )
    def test_as_json_name_the_fields(
        self,
        shell: Shell,
        fake: FakeCaibo,
        status: int,
        errors: dict[str, list[str]],
        fields: list[str],
    ) -> None:
        """That the gateway has named, or that someone else has changed."""
        fake.fail_next(status, body=json.dumps({"errors": errors}).encode(), method="PUT")

        refused = json.loads(shell(*UPDATE, "--json").err.splitlines()[-1])["error"]
        expected = shell(*UPDATE, "--json", "--expect", "name=Bob")

        assert refused["fields"] == fields
        assert json.loads(expected.err)["error"]["fields"] == ["name"]

    def test_of_the_log_are_shown_but_those_of_failures(
        self, shell: Shell, fake: FakeCaibo
    ) -> None:
        """A member that the gateway dropped is told; a failure has its error."""
        fake.unknown_members = "dropped"

        ran = shell(*UPDATE, "--confirm", "0")
        failed = shell("update", "404", "phone:=null", "--yes")

        assert "preferences" in ran.err.splitlines()[-1]
        assert failed.err.count("404 Not Found") == 1
        assert "failed" not in failed.err

    @pytest.mark.parametrize("pattern", [pattern for pattern, _ in WORDS])
    def test_are_in_the_words_of_the_command(self, pattern: str) -> None:
        """Each that is replaced is one that the facade uses."""
        sources = "".join(path.read_text("utf-8") for path in Path(caibo.__path__[0]).rglob("*.py"))
        facade = sources.replace('"\n            "', "").replace('"\n    "', "")
        shown = facade.replace("{{{name!r}: …}}", "{'x': …}").replace("{{{wire!r}: …}}", "{'x': …}")

        assert re.search(pattern, shown)

    def test_of_options_before_the_command(self, shell: Shell) -> None:
        """They belong to it."""
        ran = shell("--json", "get", "12345")

        assert (ran.status, "options go after the command" in ran.err) == (2, True)


class TestTheEntry:
    """Is there without the extra."""

    @pytest.mark.parametrize("missing", ["cyclopts", "rich"])
    def test_says_what_to_install(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], missing: str
    ) -> None:
        """And no more."""
        real = builtins.__import__

        def imported(name: str, *rest: Any, **more: Any) -> Any:
            if name.partition(".")[0] == missing:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            return real(name, *rest, **more)

        for name in [name for name in sys.modules if name.startswith("caibo.cli.")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setattr(builtins, "__import__", imported)

        assert main(["get", "12345"]) == 2
        said = capsys.readouterr().err
        extra = project()["optional-dependencies"]["cli"]
        assert said.endswith(f"pip install {' '.join(map(repr, extra))}\n")

    def test_hides_no_other_module_that_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """That would be a mistake of ours."""
        monkeypatch.setitem(sys.modules, "caibo.cli._app", None)

        with pytest.raises(ModuleNotFoundError):
            main([])

    def test_hears_of_ctrl_c_while_it_loads(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Quietly."""

        class Loading(types.ModuleType):
            def __getattr__(self, name: str) -> object:
                raise KeyboardInterrupt

        monkeypatch.setitem(sys.modules, "caibo.cli._app", Loading("caibo.cli._app"))

        assert main([]) == 130

    def test_loads_nothing_of_it(self) -> None:
        """Until it runs."""
        script = "import caibo.cli, sys; print({'cyclopts', 'rich', 'httpx'} & set(sys.modules))"

        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

        assert done.stdout == "set()\n", done.stderr

    def test_is_a_module_too(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """`python -m caibo.cli`, of the process's own arguments."""
        monkeypatch.setattr(sys, "argv", ["caibo", "--version"])

        with pytest.raises(SystemExit) as ended:
            runpy.run_module("caibo.cli", run_name="__main__")

        assert ended.value.code == 0
        assert capsys.readouterr().out == f"{caibo.__version__}\n"

    def test_is_the_script(self) -> None:
        """Of the package."""
        assert project()["scripts"] == {"caibo": "caibo.cli:main"}


def test_records_that_json_cannot_carry_are_told(shell: Shell, fake: FakeCaibo) -> None:
    """Half a character, and a number beyond any, as text."""
    fake.add_document(
        '{"id":7,"name":"\\ud800","email":"jo@example.com","odd":{"n":1E9999999999999999999}}'
    )

    whole, named = shell("get", "7", "--json"), shell("get", "7", "--field", "name")
    table = shell("get", "7")
    masked = json.loads(shell("get", "7", "--json", tty="out").out)

    assert whole.out == fake.raw(7).decode() + "\n"
    assert named.out == "\\ud800\n"
    assert "odd\t" in table.out
    assert masked["odd"] == "…"
    assert shell("get", "7", "--field", "odd", "--json").out == '{"n": "Infinity"}\n'
