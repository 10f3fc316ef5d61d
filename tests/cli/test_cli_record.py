"""``caibo get`` and ``update``."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from shells import ID, Shell

from caibo.testing import FakeCaibo

ALL = "in out err"
BIG = 16772748432912191


class TestGet:
    """Prints a record."""

    def test_a_field_a_line_with_tabs_into_a_pipe(self, shell: Shell) -> None:
        """By this package's names, and the wire's outside the contract."""
        ran = shell("get", "12345")

        lines = dict(line.split("\t") for line in ran.out.splitlines())
        assert ran.status == 0
        assert lines["member_id"] == "M-1001"
        assert lines["user_id"] == "null"
        assert lines["total_deposits"] == "100.00"
        assert json.loads(lines["preferences"]) == {"currency": "EUR", "language": "fr"}
        assert ran.err == ""

    def test_as_json_token_for_token(self, shell: Shell, fake: FakeCaibo) -> None:
        """As the gateway sent it."""
        ran = shell("get", "12345", "--json")

        assert ran.out == fake.raw(ID).decode() + "\n"

    def test_with_all_digits_of_an_id(self, shell: Shell, fake: FakeCaibo) -> None:
        """Real ones have 17, and a float has 15."""
        fake.add_customer(id=BIG)

        ran = shell("get", str(BIG), "--field", "id")

        assert ran.out == f"{BIG}\n"

    def test_masked_on_a_terminal(self, shell: Shell) -> None:
        """All but the id, which the caller knows."""
        ran = shell("get", "12345", tty="out")

        assert "a…@example.com" in ran.out
        assert "12345" in ran.out
        assert "ada@" not in ran.out
        assert "San Francisco" not in ran.out

    def test_masked_on_a_terminal_as_json_too(self, shell: Shell) -> None:
        """Nulls and truth values are no secrets."""
        told = json.loads(shell("get", "12345", "--json", tty="out").out)

        assert (told["id"], told["email"], told["userId"]) == (12345, "a…@example.com", None)
        assert (told["hasPaymentRequests"], told["totalDeposits"]) == (True, "…")

    @pytest.mark.parametrize("options", [(), ("--json",), ("--field", "email")])
    def test_whole_on_a_terminal_where_it_is_asked_for(
        self, shell: Shell, options: tuple[str, ...]
    ) -> None:
        """With --show-values."""
        assert "ada@example.com" in shell("get", "12345", "--show-values", *options, tty=ALL).out

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("email", "ada@example.com"),
            ("memberId", "M-1001"),
            ("member_id", "M-1001"),
            ("user_id", ""),
            ("preferences.currency", "EUR"),
            ("preferences", '{"currency": "EUR", "language": "fr"}'),
        ],
    )
    def test_one_field(self, shell: Shell, name: str, said: str) -> None:
        """By either name, and inside of objects."""
        assert shell("get", "12345", "--field", name) == (0, said + "\n", "")

    def test_one_field_as_json(self, shell: Shell) -> None:
        """With its digits."""
        assert shell("get", "12345", "--field", "totalDeposits", "--json").out == "100.00\n"
        assert shell("get", "12345", "--field", "userId", "--json").out == "null\n"

    def test_a_field_that_the_record_does_not_show_is_empty(
        self, shell: Shell, fake: FakeCaibo
    ) -> None:
        """As null is; the contract knows it."""
        fake.add_document('{"id":7,"name":"Jo","email":"jo@example.com"}')

        assert shell("get", "7", "--field", "phone") == (0, "\n", "")

    @pytest.mark.parametrize(
        ("name", "hint"),
        [
            ("emial", "did you mean email?"),
            ("preferences.size", "preferences"),
            ("zzz", "there are"),
        ],
    )
    def test_no_field_that_there_is_not(self, shell: Shell, name: str, hint: str) -> None:
        """The nearest name is told."""
        ran = shell("get", "12345", "--field", name)

        assert (ran.status, ran.out) == (1, "")
        assert hint in ran.err

    @pytest.mark.parametrize("id", ["1e3", "0x10", "12_345", "٣", "12345.0", "1" * 40, ""])
    def test_nothing_for_what_is_no_id(self, shell: Shell, fake: FakeCaibo, id: str) -> None:
        """Not even where Python would take it for a number."""
        ran = shell("get", id)

        assert (ran.status, ran.out, fake.requests) == (2, "", [])
        assert "digits" in ran.err

    def test_nothing_for_an_id_beyond_64_bits(self, shell: Shell) -> None:
        """The contract's own bound."""
        ran = shell("get", "9" * 19)

        assert ran.status == 2
        assert "64 bits" in ran.err

    def test_a_negative_id_is_an_id(self, shell: Shell) -> None:
        """And no option."""
        assert shell("get", "-5").status == 5


class TestUpdate:
    """Shows the difference, then writes."""

    def test_what_it_changes(self, shell: Shell, fake: FakeCaibo) -> None:
        """Nothing else; the difference goes to stderr, masked."""
        fake.change(ID, memberId=None)
        before = fake.document(ID)

        ran = shell(
            "update", "12345", "email=n@example.com", "phone:=null", "memberId=M-2", "--yes"
        )

        changed = {"email": "n@example.com", "phone": None, "memberId": "M-2"}
        assert fake.document(ID) == {**before, **changed}
        assert ran.status == 0
        assert ran.out == "12345\taccepted\temail, phone, member_id\n"
        assert ran.err.splitlines()[:4] == [
            "customer 12345",
            "  ~ email      a…@example.com → n…@example.com",
            "  - phone      +…",
            "  + member_id  M…",
        ]
        assert "  = carried: preferences" in ran.err
        assert "= kept: id, owner_id, user_id, owner_name, name, address, has_pay" in ran.err

    def test_reads_once(self, shell: Shell, fake: FakeCaibo) -> None:
        """What was shown is what is written on."""
        shell("update", "12345", "phone=+12025550199", "--yes")

        assert [request.method for request in fake.requests] == ["GET", "PUT"]

    def test_whole_values_where_they_are_asked_for(self, shell: Shell) -> None:
        """As JSON, so that blanks are seen."""
        ran = shell("update", "12345", "member_id=M-2 ", "--yes", "--show-values")

        assert '~ member_id  "M-1001" → "M-2 "' in ran.err

    def test_nothing_where_nothing_differs(self, shell: Shell, fake: FakeCaibo) -> None:
        """No question, no PUT."""
        ran = shell("update", "12345", "email=ada@example.com", "--yes")

        assert (ran.status, ran.out, ran.err) == (0, "12345\tunchanged\t\n", "")
        assert [request.method for request in fake.requests] == ["GET"]

    def test_members_outside_the_contract(self, shell: Shell, fake: FakeCaibo) -> None:
        """Objects are merged, numbers keep their digits."""
        ran = shell(
            *("update", "12345", "--yes", "--json", "--extra", "preferences.currency=USD"),
            *("--extra", "limits.day:=12.50", "--extra", "limits.night:=0.00"),
        )

        document = fake.document(ID)
        assert document["preferences"] == {"currency": "USD", "language": "fr"}
        assert b'"limits":{"day":12.50,"night":0.00}' in fake.raw(ID)
        assert json.loads(ran.out, parse_float=Decimal)["changes"]["limits"] == {
            "before": None,
            "after": {"day": Decimal("12.50"), "night": Decimal("0.00")},
        }

    def test_tells_as_json_what_it_did(self, shell: Shell) -> None:
        """The id is a string: 17 digits are too many for most readers of JSON numbers."""
        told = json.loads(shell("update", "12345", "phone:=null", "--yes", "--json").out)

        assert told.pop("race_window") > 0
        assert told.pop("request_id").startswith("fake-")
        assert told == {
            "id": "12345",
            "outcome": "accepted",
            "changes": {"phone": {"before": "+12025550143", "after": None}},
            "carried": ["preferences"],
            "also_changed": None,
            "left_out": [],
            "protection": "local-lock",
            "attempts": 1,
        }

    def test_reads_back_where_that_is_asked_for(self, shell: Shell) -> None:
        """`--confirm 0` does so at once."""
        ran = shell("update", "12345", "phone:=null", "--yes", "--confirm", "0", "--json")

        assert json.loads(ran.out)["outcome"] == "confirmed"
        assert json.loads(ran.out)["also_changed"] == {}

    def test_carries_what_send_says(self, shell: Shell, fake: FakeCaibo) -> None:
        """For a gateway that refuses to be sent what it owns."""
        fake.refuses_read_only = True

        refused = shell("update", "12345", "phone:=null", "--yes")
        ran = shell("update", "12345", "phone:=null", "--yes", "--send", "writable", "--json")

        assert (refused.status, ran.status) == (1, 0)
        assert "owner_id" in json.loads(ran.out)["left_out"]

    def test_says_that_what_looks_alike_differs(self, shell: Shell) -> None:
        """Masked to their first letter, two values may; shown whole, they do not."""
        shown = ("update", "12345", "phone=+2", "--dry-run")

        masked = shell(*shown, tty="out")
        whole = shell(*shown, "--show-values", tty="out")

        assert "~ phone  +… → +… (they differ)" in masked.out
        assert "differ" not in whole.out

    def test_only_shows_in_a_dry_run(self, shell: Shell, fake: FakeCaibo) -> None:
        """Whole into a pipe, masked on a terminal."""
        piped = shell("update", "12345", "phone:=null", "--dry-run")
        shown = shell("update", "12345", "phone:=null", "--dry-run", tty="out")
        told = json.loads(shell("update", "12345", "phone:=null", "--dry-run", "--json").out)

        assert '- phone  "+12025550143"' in piped.out
        assert "- phone  +…" in shown.out
        assert told == {
            "id": "12345",
            "outcome": "would-change",
            "changes": {"phone": {"before": "+12025550143", "after": None}},
            "carried": ["preferences"],
        }
        assert {request.method for request in fake.requests} == {"GET"}

    def test_says_in_a_dry_run_that_nothing_would_change(self, shell: Shell) -> None:
        """With the same shape."""
        ran = shell("update", "12345", "name=Ada Example", "--dry-run")
        told = json.loads(shell("update", "12345", "name=Ada Example", "--dry-run", "--json").out)

        assert "nothing to change" in ran.out
        assert (told["outcome"], told["changes"]) == ("unchanged", {})

    def test_not_where_the_record_does_not_say_what_is_expected(
        self, shell: Shell, fake: FakeCaibo
    ) -> None:
        """By either name; the words are those of the command."""
        ran = shell("update", "12345", "phone:=null", "--expect", "memberId=M-1", "--yes")

        assert (ran.status, ran.out) == (3, "")
        assert "does not say what --expect asks for: member_id; nothing was written." in ran.err
        assert "conflicts" not in ran.err
        assert [request.method for request in fake.requests] == ["GET"]

    def test_where_the_record_says_what_is_expected(self, shell: Shell) -> None:
        """Null and members outside the contract as well."""
        expect = (
            "--expect",
            "userId:=null",
            "--expect",
            'preferences:={"currency":"EUR","language":"fr"}',
        )

        assert shell("update", "12345", "phone:=null", *expect, "--yes").status == 0


class TestAsking:
    """Before a write, unless the key is for test data."""

    def test_nobody_is_asked_with_a_test_key(self, shell: Shell) -> None:
        """On a terminal it just writes."""
        ran = shell("update", "12345", "phone:=null", tty=ALL)

        assert (ran.status, "[y/N]" in ran.err) == (0, False)

    @pytest.mark.parametrize(
        ("credential", "value", "said"),
        [
            ("CAIBO_API_KEY", "caibo_live_sk_1", "live data?"),
            ("CAIBO_API_KEY", "k", "maybe live data"),
            ("CAIBO_ACCESS_TOKEN", "", "maybe live data"),
        ],
    )
    @pytest.mark.parametrize(("typed", "written"), [("y\n", True), ("\n", False), ("", False)])
    def test_anything_else_asks(
        self,
        shell: Shell,
        fake: FakeCaibo,
        monkeypatch: pytest.MonkeyPatch,
        credential: str,
        value: str,
        said: str,
        typed: str,
        written: bool,
    ) -> None:
        """And only a yes writes."""
        monkeypatch.delenv("CAIBO_API_KEY")
        fake.api_key = value
        monkeypatch.setenv(credential, value or fake.issue_token())

        ran = shell("update", "12345", "phone:=null", typed=typed, tty=ALL)

        assert said in ran.err
        assert (ran.status == 0) is written
        assert (fake.document(ID)["phone"] is None) is written
        assert ("nothing was written" in ran.err) is not written

    def test_yes_is_an_answer(
        self, shell: Shell, fake: FakeCaibo, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Given beforehand."""
        fake.api_key = "caibo_live_sk_1"
        monkeypatch.setenv("CAIBO_API_KEY", fake.api_key)

        ran = shell("update", "12345", "phone:=null", "--yes", tty=ALL)

        assert (ran.status, "[y/N]" in ran.err) == (0, False)

    @pytest.mark.parametrize("tty", ["", "out", "in out", "out err"])
    def test_nothing_is_written_where_nobody_can_be_asked(
        self, shell: Shell, fake: FakeCaibo, tty: str
    ) -> None:
        """Nor read; with a test key as well."""
        ran = shell("update", "12345", "phone:=null", tty=tty)

        assert (ran.status, fake.requests) == (2, [])
        assert "--yes" in ran.err
