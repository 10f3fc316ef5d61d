"""What a record or a gateway says is text, whatever it says."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shells import ID, Shell

from caibo.testing import FakeCaibo

TERMINAL = "in out err"
# Titles, a cleared screen, colours in 8 bits, a turned name of a file, a line written over.
HOSTILE = "Eve\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnp.exe\r[bold]\u2028x"
ALLOWED = "\n"


def steering(text: str) -> set[str]:
    """Find what is more than text."""
    return {character for character in text if not character.isprintable()} - set(ALLOWED)


@pytest.mark.parametrize("options", [(), ("--json",), ("--field", "name")])
@pytest.mark.parametrize("masked", [True, False])
def test_a_record(shell: Shell, fake: FakeCaibo, options: tuple[str, ...], masked: bool) -> None:
    """Its values and the names of its members."""
    fake.change(ID, name=HOSTILE, **{HOSTILE: "x"})

    ran = shell(
        "get",
        "12345",
        "--no-color",
        *options,
        *(() if masked else ("--show-values",)),
        tty=TERMINAL,
    )

    assert ran.status == 0
    assert steering(ran.out) == set()
    assert masked or "\\u001b[2J" in ran.out.replace("\n", "").replace(" ", "")


@settings(max_examples=10)
@given(text=st.text(st.characters(codec="utf-8"), min_size=1))
def test_a_record_of_any_text(shell: Shell, fake: FakeCaibo, text: str) -> None:
    """In a table, as JSON, and in a difference."""
    fake.change(ID, name=text)

    table = shell("get", "12345", "--show-values", "--no-color", tty=TERMINAL)
    members = shell("get", "12345", "--show-values", "--json", tty=TERMINAL)
    difference = shell("update", "12345", "name=x", "--dry-run", "--no-color", tty=TERMINAL)

    assert steering(table.out + members.out + difference.out) == set()
    assert json.loads(members.out)["name"] == text


@pytest.mark.parametrize("character", ["\x1b", "\x07", "\x9b", "\r", "\u202e", "\u2028", "\ud800"])
def test_a_value_that_is_masked_to_its_first_letter(
    shell: Shell, fake: FakeCaibo, character: str
) -> None:
    """That letter."""
    text = json.dumps({"id": 7, "name": character + "x", "email": "jo@example.com"})
    fake.add_document(text)

    assert steering(shell("get", "7", "--no-color", tty=TERMINAL).out) == set()


def test_a_difference(shell: Shell, fake: FakeCaibo) -> None:
    """Before and after, and the names of what is carried."""
    fake.change(ID, name=HOSTILE, **{HOSTILE: "x"})

    ran = shell("update", "12345", "name=" + HOSTILE + "y", "--show-values", tty=TERMINAL)

    assert ran.status == 0
    assert steering(ran.err) - {"\x1b"} == set()
    assert "\x1b]" not in ran.err
    assert "\x1b[2J" not in ran.err


def test_a_name_draws_no_line_of_a_difference(shell: Shell, fake: FakeCaibo) -> None:
    """Nor does a member that is changed."""
    fake.change(ID, **{"a\n  ~ email  x → y": "x"})

    carried = shell("update", "12345", "phone:=null", "--dry-run")
    changed = shell("update", "12345", "--extra", "a\n  ~ email  x → y=z", "--dry-run")

    assert "\n  ~" not in carried.out
    assert changed.out.count("\n  ~") == 1


def test_an_error(shell: Shell, fake: FakeCaibo) -> None:
    """The gateway's own words."""
    fake.fail_next(400, body=json.dumps({"title": HOSTILE, "errors": {HOSTILE: ["x"]}}).encode())

    ran = shell("get", "12345", "--no-color", tty=TERMINAL)

    assert ran.status == 1
    assert steering(ran.err) == set()


def test_a_question(shell: Shell, fake: FakeCaibo, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names files that others have named."""
    fake.api_key = "caibo_live_sk_1"
    monkeypatch.setenv("CAIBO_API_KEY", fake.api_key)

    ran = shell("bulk", HOSTILE + ".csv", "--journal", "x", "--no-color", typed="n\n", tty=TERMINAL)

    assert ran.status == 1
    assert steering(ran.err) == set()


def test_a_line_for_each_field_into_a_pipe(shell: Shell, fake: FakeCaibo) -> None:
    """Whatever line ends and tabs there are."""
    fake.change(ID, name="a\tb\nc\td")

    lines = shell("get", "12345").out.splitlines()

    assert "name\ta\\tb\\nc\\td" in lines
    assert {line.count("\t") for line in lines} == {1}


def test_a_field_into_a_pipe_is_what_it_is(shell: Shell, fake: FakeCaibo) -> None:
    """For a program to read."""
    fake.change(ID, name=HOSTILE)

    assert shell("get", "12345", "--field", "name").out == HOSTILE + "\n"


@pytest.mark.parametrize(("option", "coloured"), [((), True), (("--no-color",), False)], ids=str)
def test_colours_are_ours_alone(shell: Shell, option: tuple[str, ...], coloured: bool) -> None:
    """On a terminal that takes them, and only if they are wanted."""
    ran = shell("update", "12345", "phone:=null", *option, tty=TERMINAL)

    assert ("\x1b[31m  - phone  +…\x1b[0m" in ran.err) is coloured
    assert ("\x1b" in ran.err + ran.out) is coloured
