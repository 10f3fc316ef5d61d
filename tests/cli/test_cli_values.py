"""``FIELD=VALUE``, ``FIELD:=JSON``, ``FIELD=@FILE``: what the arguments of a write say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from faces import methods
from hypothesis import given, settings
from hypothesis import strategies as st
from shells import ID, Shell

from caibo.cli import main
from caibo.testing import FakeCaibo


def written(shell: Shell, fake: FakeCaibo, *items: str, typed: str | bytes = "") -> dict[str, Any]:
    """Write, and give what the record says then."""
    ran = shell("update", "12345", *items, "--yes", typed=typed)
    assert ran.status == 0, ran.err
    return fake.document(ID)


def refused(shell: Shell, fake: FakeCaibo, *items: str, typed: str | bytes = "") -> str:
    """Fail to, before any request, and give what was said."""
    ran = shell("update", "12345", *items, "--yes", typed=typed)
    assert (ran.status, ran.out, fake.requests) == (2, "", [])
    return ran.err


class TestText:
    """Is what stands behind the first sign."""

    @pytest.mark.parametrize(
        ("item", "address"),
        [
            ("address=1 Example Street", "1 Example Street"),
            ("address=a=b", "a=b"),
            ("address=:=x", ":=x"),
            ("address=--yes", "--yes"),
            ("address=null", "null"),
            ("address=12.50", "12.50"),
            ("address=línea 1\nlínea 2", "línea 1\nlínea 2"),
            ("Address=x", "x"),
            ('address:="@x"', "@x"),
            ('address:=""', ""),
            ("address:= null ", None),
        ],
    )
    def test_to_the_end(
        self, shell: Shell, fake: FakeCaibo, item: str, address: str | None
    ) -> None:
        """Whatever else is in it."""
        assert written(shell, fake, item)["address"] == address

    @settings(max_examples=25)
    @given(text=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
    def test_whatever_it_is(self, shell: Shell, fake: FakeCaibo, text: str) -> None:
        """Unless its first character makes another sign of the sign."""
        item = f"--extra=note={text}" if text[0] != "@" else f"--extra=note:={json.dumps(text)}"

        assert written(shell, fake, item)["note"] == text

    @pytest.mark.parametrize("name", ["member_id", "memberId", "memberid"])
    def test_of_a_field_by_either_name(self, shell: Shell, fake: FakeCaibo, name: str) -> None:
        """Ours or the wire's, as in files for `bulk`."""
        assert written(shell, fake, f"{name}=M-7")["memberId"] == "M-7"

    @pytest.mark.parametrize(
        "item", ["phone =+1", "phone = +1", "phone := null", "phone\t=x", "fone =@-", "+1202 = x"]
    )
    def test_behind_a_blank_is_refused(self, shell: Shell, fake: FakeCaibo, item: str) -> None:
        """One behind the sign would stay in the value, and nobody would see it."""
        said = refused(shell, fake, item)

        assert "a change, number 1: a blank stands before its =: write FIELD=TEXT" in said
        assert "+1202" not in said

    def test_keeps_a_blank_that_it_begins_with(self, shell: Shell, fake: FakeCaibo) -> None:
        """What is in it is the caller's."""
        assert written(shell, fake, " phone= +1")["phone"] == " +1"

    @pytest.mark.parametrize(
        ("items", "said"),
        [
            (("phone=null",), "caibo: phone=null is this text; what clears is phone:=null\n"),
            (("phone=None",), "caibo: phone=None is this text; what clears is phone:=null\n"),
            (("--extra", "a.b=null"), "caibo: a.b=null is this text; what clears is a.b:=null\n"),
        ],
        ids=["null", "None", "extra"],
    )
    def test_that_looks_like_none_is_noted(
        self, shell: Shell, fake: FakeCaibo, items: tuple[str, ...], said: str
    ) -> None:
        """And written all the same; null itself draws no note."""
        ran = shell("update", "12345", *items, "--yes")

        assert (ran.status, ran.err.startswith(said), "PUT" in methods(fake)) == (0, True, True)
        assert "is this text" not in shell("update", "12345", "phone:=null", "--yes").err

    def test_that_is_empty_is_refused(self, shell: Shell, fake: FakeCaibo) -> None:
        """It is what a variable of the shell is that was not set."""
        assert "phone: is empty: say :=null" in refused(shell, fake, "phone=")


class TestFiles:
    """Keep values out of the list of processes, and of the shell's history."""

    def test_hold_the_value(self, shell: Shell, fake: FakeCaibo, folder: Path) -> None:
        """Without the line end that editors add, or a byte order mark."""
        (folder / "a").write_bytes(b"\xef\xbb\xbf1 Example Street\r\n")

        assert written(shell, fake, "address=@a")["address"] == "1 Example Street"

    def test_may_be_standard_input(self, shell: Shell, fake: FakeCaibo) -> None:
        """Of which one line end goes, too."""
        assert written(shell, fake, "address=@-", typed="x\n\n")["address"] == "x\n"

    def test_may_hold_json(self, shell: Shell, fake: FakeCaibo) -> None:
        """For members outside the contract."""
        ran = shell("update", "12345", "--extra", "limits:=@-", "--yes", typed='{"day": 12.50}')

        assert ran.status == 0
        assert b'"limits":{"day":12.50}' in fake.raw(ID)

    def test_are_read_once_from_standard_input(self, shell: Shell, fake: FakeCaibo) -> None:
        """The second would find it empty."""
        said = refused(shell, fake, "address=@-", "phone=@-", typed="x")

        assert "phone: standard input is read once" in said

    def test_are_not_there_where_standard_input_is_closed(
        self,
        gateway: FakeCaibo,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """Python has none then."""
        monkeypatch.setattr("sys.stdin", None)

        status = main(["update", "12345", "phone=@-", "--yes"])

        assert (status, gateway.requests) == (2, [])
        assert "phone: there is no standard input" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "is empty"),
            (b"\n", "is empty"),
            (b"\xff", "is not UTF-8"),
            (b"x" * (1024 * 1024 + 1), "longer than 1 MiB"),
        ],
        ids=["empty", "newline", "bytes", "long"],
    )
    def test_hold_text(self, shell: Shell, fake: FakeCaibo, content: bytes, said: str) -> None:
        """Of a length that a record may have."""
        assert said in refused(shell, fake, "address=@-", typed=content)

    def test_are_there(self, shell: Shell, fake: FakeCaibo, folder: Path) -> None:
        """And are files."""
        said = refused(shell, fake, "address=@none", f"phone=@{folder}")

        assert "address: none cannot be read: No such file or directory" in said
        assert "phone:" in said


class TestJson:
    """Is what stands behind ``:=``."""

    @pytest.mark.parametrize("text", ["", "x", "1x", "{", '1,"b":2', "NaN", "'x'", "1 2"])
    def test_is_json(self, shell: Shell, fake: FakeCaibo, text: str) -> None:
        """One value of it, that is not repeated in the message."""
        said = refused(shell, fake, "--extra", f"limit:={text}")

        assert said.startswith('caibo: limit: is no JSON: write null, true, 12.50, or "text"')

    def test_of_the_wrong_kind_is_refused(self, shell: Shell, fake: FakeCaibo) -> None:
        """By the contract."""
        assert "phone: expected a string" in refused(shell, fake, "phone:=12025550143").replace(
            "expected string", "expected a string"
        )

    def test_null_clears_no_field_that_has_to_be_there(self, shell: Shell, fake: FakeCaibo) -> None:
        """The name and the e-mail address."""
        assert "name: is required" in refused(shell, fake, "name:=null")


class TestNames:
    """Are those of fields, each once."""

    @pytest.mark.parametrize(
        ("items", "said"),
        [
            (("emial=x",), "emial: is no field; did you mean `email`?"),
            (("email=a@b.c", "Email=d@e.f"), "email: is there twice"),
            (("id=7",), "id: is set by the gateway"),
            (("current=x",), "current: is no field; there are name, email"),
            (("currency=EUR",), "--extra currency=…"),
            (("size=4",), "a member outside the contract goes into --extra size=…"),
            (("=x",), "a change, number 1: expected FIELD=TEXT"),
            (("phone=+1", "ada@example.com"), "a change, number 2: expected FIELD=TEXT"),
            (("--extra", "a=1", "--extra", "a=2"), "a: is there twice"),
            (("--extra", "a=1", "--extra", "a.b=2"), "a.b: is there twice"),
            (("--extra", "a.b.c=1", "--extra", "a.b=2"), "a.b: is there twice"),
            (("--extra", "a..b=1"), "a..b: has an empty name"),
            (("--extra", "b"), "--extra, number 1: expected"),
            (("phone=x", "--expect", "Phone=x", "--expect", "phone=y"), "phone: is there twice"),
            ((), "nothing to change"),
            (("--expect", "name=Ada Example"), "nothing to change"),
        ],
        ids=str,
    )
    def test_others_are_refused(
        self, shell: Shell, fake: FakeCaibo, items: tuple[str, ...], said: str
    ) -> None:
        """With the nearest one, or what to write instead."""
        assert said in refused(shell, fake, *items)

    def test_what_may_be_a_value_is_not_repeated(self, shell: Shell, fake: FakeCaibo) -> None:
        """Standard error may go to a log."""
        assert "ada@example.com" not in refused(shell, fake, "phone=+1", "ada@example.com")
        assert "secret" not in refused(shell, fake, "--password=secret")
        assert "Street" not in shell("get", "12345", "1 Example Street").err

    def test_all_complaints_come_at_once(self, shell: Shell, fake: FakeCaibo) -> None:
        """As JSON, too: a line on stderr."""
        told = json.loads(
            refused(shell, fake, "phone=", "address=@none", "--extra", "a:=x", "--json")
        )

        assert told["error"]["type"] == "InvalidChangesError"
        assert told["error"]["fields"] == ["phone", "address", "a"]
        assert told["error"]["exit"] == 2
