"""The help of every command, and docs/cli.md, which says the same."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from shells import Shell, on_terminal

import caibo
from caibo.cli._app import app
from caibo.testing import FakeCaibo

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text("utf-8")
EVERYWHERE, *SECTIONS = re.split(r"(?m)^### ", PAGE.partition("## The commands")[2])
SECTION_OF = {section.split("`")[1].split()[1]: section for section in SECTIONS}
COMMANDS = [name for name in app if not name.startswith("-")]


def examples(text: str) -> list[str]:
    """List the lines that begin with a prompt."""
    return [line.rstrip() for line in re.findall(r"(?m)^ *\$ (caibo .*)$", text)]


def documented(section: str) -> set[str]:
    """List the options in the first column of a table."""
    return set(re.findall(r"--?[a-z][a-z-]*", " ".join(re.findall(r"(?m)^\| (.+?) \|", section))))


def options(command: str) -> set[str]:
    """List the options of a command."""
    return {
        name
        for argument in app[command].assemble_argument_collection(
            default_parameter=app.default_parameter
        )
        for name in argument.names
        if name.startswith("-")
    }


@pytest.fixture
def sandbox(gateway: FakeCaibo, folder: Path) -> Path:
    """Have the files that examples name."""
    (folder / "phone.txt").write_text("+12025550199\n")
    (folder / "customers.csv").write_text("id,phone\n12345,+12025550188\n")
    audit = caibo.JsonLinesAudit(folder / "audit.jsonl", key="keep this one out of your code")
    with caibo.Caibo(observers=[audit]) as client:
        client.customers.update(12345, address="1 Example Street")
        plan = client.customers.plan(12345, phone="+12025550177")
    (folder / "plan.json").write_text(plan.to_json())
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_the_examples_of_a_command_run(shell: Shell, sandbox: Path, command: str) -> None:
    """One after the other, on a terminal, with a test key."""
    if command == "plan":
        (sandbox / "plan.json").unlink()
    shown = examples(shell(command, "--help").out)

    ran = [shell(*shlex.split(line)[1:], tty="in out err") for line in shown]

    assert shown
    assert [(line, one.status) for line, one in zip(shown, ran, strict=True)] == [
        (line, 0) for line in shown
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_has_what_the_help_has(shell: Shell, command: str) -> None:
    """The same examples, and every option once: here or among those of several commands."""
    section = SECTION_OF[command]

    said = shell(command, "--help").out

    assert examples(section) == examples(said)
    assert said.startswith(f"Usage: {section.split('`')[1]}")
    assert documented(section) == options(command) - documented(EVERYWHERE)


def test_the_page_has_no_more_than_the_help() -> None:
    """Neither commands nor options."""
    assert list(SECTION_OF) == COMMANDS
    assert documented(EVERYWHERE) <= set().union(*map(options, COMMANDS))


def test_the_help_says_what_the_exit_status_means(shell: Shell) -> None:
    """As the page does."""
    said = " ".join(shell("--help").out.split())

    for status in re.findall(r"(?m)^\| (\d+) \|", PAGE):
        assert re.search(rf"\b{status}\b", said) or status == "141"


def test_without_a_command_the_help_is_shown(shell: Shell) -> None:
    """On stdout."""
    ran = shell()

    assert (ran.status, ran.err) == (0, "")
    assert all(name in ran.out for name in COMMANDS)


def test_a_command_that_is_misspelt_has_a_nearest_one(shell: Shell) -> None:
    """On stderr."""
    ran = shell("updat", "12345")

    assert (ran.status, ran.out) == (2, "")
    assert 'Did you mean "update"?' in ran.err


def test_zsh_sets_no_space_behind_the_sign_of_a_field(shell: Shell) -> None:
    """It would be an empty value; and the script works in a file, and when it is sourced."""
    out = shell("completion", "zsh").out

    assert "{compadd -S '' -- name= email= address= phone= member_id=}" in out
    assert "compadd -- 'name='" not in out
    assert out.endswith("compdef _cyclopts_caibo caibo\nfi\n\n")


@pytest.mark.parametrize("name", ["bash", "zsh", "fish", "powershell"])
def test_the_completion_knows_the_fields(shell: Shell, name: str) -> None:
    """Those that can be changed, and those that can be expected."""
    out = shell("completion", name).out

    assert "total_deposits=" in out
    assert out.count("member_id=") >= 4


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_the_completion_is_a_script(shell: Shell, folder: Path, name: str) -> None:
    """Which the shell takes, where it is installed."""
    ran = shell("completion", name)

    assert "dry-run" in ran.out
    assert "\x1b" not in ran.out
    if found := shutil.which(name):
        script = folder / "script"
        script.write_text(ran.out, "utf-8")
        assert subprocess.run([found, "-n", script], capture_output=True).stderr == b""


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("update 12345 em\tx@y ph\t1", "update 12345 email=x@y phone=1"),
        ("plan 12345 --exp\thas\tfalse", "plan 12345 --expect has_payment_requests=false"),
        ("plan 12345 --expect=tot\t1", "plan 12345 --expect=total_deposits=1"),
        ("get 12345 --field mem\t", "get 12345 --field member_id"),
        ("update 12345 email=\t\tx", "update 12345 email=x"),
    ],
)
def test_names_of_fields_are_completed(shell: Shell, folder: Path, typed: str, meant: str) -> None:
    """With their sign, and the cursor behind it; what comes then is nobody's guess."""
    if not (bash := shutil.which("bash")):
        pytest.skip("bash is not on this machine")
    said = 'PS1="READY "; caibo() { printf "<%s>" "$*"; }'
    (folder / "rc").write_text(shell("completion", "bash").out + said, "utf-8")

    typing = {"READY ": f"caibo {typed}\nexit\n"}
    ran = on_terminal("--rcfile", "rc", "-i", answers=typing, command=[bash])

    assert f"<{meant}>" in ran.out


def test_the_completion_completes(shell: Shell, folder: Path) -> None:
    """Commands and options."""
    if not (bash := shutil.which("bash")):
        pytest.skip("bash is not on this machine")
    (folder / "script").write_text(shell("completion", "bash").out, "utf-8")
    script = (
        "source ./script; COMP_WORDS=(caibo update --dry); COMP_CWORD=2; _caibo; "
        'echo "${COMPREPLY[@]}"; '
        'COMP_WORDS=(caibo ap); COMP_CWORD=1; _caibo; echo "${COMPREPLY[@]}"'
    )

    done = subprocess.run([bash, "-c", script], capture_output=True, text=True)

    assert done.stdout.split() == ["--dry-run", "apply"], done.stderr
