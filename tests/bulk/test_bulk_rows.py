"""Rows come from files as they stand there, and what is wrong with them is told by row."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bulk_runs import Bulk
from hypothesis import given
from hypothesis import strategies as st

import caibo
from caibo import bulk
from caibo.testing import FakeCaibo

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def read(folder: Path, text: str | bytes, **options: Any) -> list[bulk.Row]:
    """Read a CSV file."""
    file = folder / "rows.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(bulk.read_csv(file, **options))


def read_lines(folder: Path, text: str | bytes) -> list[bulk.Row]:
    """Read a file of JSON lines."""
    file = folder / "rows.jsonl"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(bulk.read_jsonl(file))


class TestACsvFile:
    """Has a heading, and a customer on each row."""

    def test_gives_ids_with_all_their_digits(self, tmp_path: Path) -> None:
        """And every value as the text that it is."""
        rows = read(tmp_path, "id,phone\n16772748432912191,00123\n")

        assert rows == [(16772748432912191, {"phone": "00123"}, {})]

    @pytest.mark.parametrize("name", ["member_id", "memberId", "MEMBERID", " MemberId "])
    def test_takes_names_of_this_package_and_of_the_wire(self, tmp_path: Path, name: str) -> None:
        """In any case, as the gateway's framework does."""
        assert read(tmp_path, f"Id,{name}\n7,M-1\n") == [(7, {"member_id": "M-1"}, {})]

    def test_takes_members_outside_the_contract(self, tmp_path: Path) -> None:
        """A dot for each object inside."""
        [row] = read(tmp_path, "id,extra.a.currency,extra.a.language,extra.tag\n7,EUR,fr,x\n")

        extra = {"a": {"currency": "EUR", "language": "fr"}, "tag": "x"}
        assert row == (7, {}, {"extra": extra})

    @pytest.mark.parametrize(("empty", "found"), [("keep", {}), ("clear", {"phone": None})])
    def test_is_told_what_an_empty_cell_means(
        self, tmp_path: Path, empty: str, found: dict[str, object]
    ) -> None:
        """The caller has to choose."""
        assert read(tmp_path, "id,phone\n7,\n", empty=empty) == [(7, found, {})]

    def test_has_no_empty_cells_unless_told(self, tmp_path: Path) -> None:
        """Clearing a thousand phone numbers by mistake is what this is against."""
        with pytest.raises(caibo.InvalidChangesError, match='empty="keep"'):
            read(tmp_path, "id,phone\n7,\n")

    def test_may_come_from_a_spreadsheet(self, tmp_path: Path) -> None:
        """With a byte order mark, CRLF, semicolons, quoted line ends and empty lines."""
        text = '\ufeffid;address\r\n\r\n7;"1 Street\r\nTown"\r\n'

        assert read(tmp_path, text, delimiter=";") == [(7, {"address": "1 Street\r\nTown"}, {})]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("id,phone\n1.67727E+16,1\n", "rounded"),
            ("id,phone\n,1\n", "rounded"),
            ("id,phone\n1_000,1\n", "rounded"),
            ("id,phone\n7\n", "has 1 cells"),
            ("id,phone\n7,1,2\n", "has 3 cells"),
            ("id,fone\n7,1\n", "fone: is no column"),
            ("id,name,phone,\n7,a,1,\n", "a column without a name"),
            ("phone\n1\n", "id: is missing"),
            ("", "id: is missing"),
            ("id,member_id,memberId\n7,a,b\n", "memberId: is there twice"),
            ("id,extra.a,extra.a.b\n7,a,b\n", "is there twice"),
            ('id,phone\n7,"1\n8,2\n', "is no CSV from here on"),
            ("id;phone\n7;1\n", "is no column"),
            (b"id,name\n7,Zo\xeb\n", "is not UTF-8"),
            (b"\xff\xfei\0d\0", "is no column"),
        ],
    )
    def test_tells_what_is_wrong_with_it(
        self, tmp_path: Path, text: str | bytes, said: str
    ) -> None:
        """And is never guessed at."""
        with pytest.raises(caibo.InvalidChangesError) as error:
            read(tmp_path, text)

        assert said in str(error.value)

    @given(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), TEXTS)))
    def test_loses_nothing(self, tmp_path: Path, rows: list[tuple[int, str]]) -> None:
        """Whatever its cells hold."""
        with (tmp_path / "any.csv").open("w", newline="", encoding="utf-8") as written:
            csv.writer(written).writerows([("id", "name"), *rows])

        found = list(bulk.read_csv(tmp_path / "any.csv", empty="clear"))

        assert found == [(id, {"name": name or None}, {}) for id, name in rows]

    @pytest.mark.parametrize("options", [{"empty": "drop"}, {"delimiter": ""}, {"delimiter": ";;"}])
    def test_refuses_other_options(self, tmp_path: Path, options: dict[str, Any]) -> None:
        """At once."""
        with pytest.raises(caibo.ConfigurationError):
            bulk.read_csv(tmp_path / "rows.csv", **options)

    def test_has_to_be_there(self, tmp_path: Path) -> None:
        """The message names it."""
        with pytest.raises(caibo.ConfigurationError, match="cannot be read"):
            list(bulk.read_csv(tmp_path / "nowhere.csv"))


class TestAFileOfJsonLines:
    """Has an object on each line."""

    def test_keeps_every_digit(self, tmp_path: Path) -> None:
        """Of ids and of numbers."""
        text = '\ufeff{"id": 16772748432912191, "extra": {"limit": 100.00}, "phone": null}\r\n\n'

        [(id, changes, options)] = read_lines(tmp_path, text)

        assert (id, changes) == (16772748432912191, {"phone": None})
        assert str(options) == str({"extra": {"limit": Decimal("100.00")}})

    def test_takes_a_path_beside_an_object(self, tmp_path: Path) -> None:
        """They are one."""
        [row] = read_lines(tmp_path, '{"extra.a.b": 1, "id": "7", "extra": {"a": {"c": 2}}}')

        assert row == (7, {}, {"extra": {"a": {"c": 2, "b": 1}}})

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("[7]", "is not a JSON object"),
            ('{"id": 7', "is not JSON"),
            ('{"id": 7.5}', "id: expected the digits"),
            ('{"id": true}', "id: expected the digits"),
            ('{"phone": "1"}', "id: expected the digits"),
            ('{"id": 7, "fone": "1"}', "fone: is no column"),
            ('{"id": 7, "memberId": "1", "member_id": "2"}', "member_id: is there twice"),
            ('{"id": 7, "extra": {"a": 1}, "extra.a.b": 2}', "extra.a.b: is there twice"),
            ('{"id": 7, "extra": "a"}', "extra: is no column"),
            (b'{"id": 7, "name": "Zo\xeb"}', "is not UTF-8"),
        ],
    )
    def test_tells_what_is_wrong_with_it(
        self, tmp_path: Path, text: str | bytes, said: str
    ) -> None:
        """And no value is quoted."""
        with pytest.raises(caibo.InvalidChangesError) as error:
            read_lines(tmp_path, text)

        assert said in str(error.value)


class TestARun:
    """Looks at a whole file before it sends anything."""

    def test_finds_all_bad_rows_of_a_file(
        self, crowd: Bulk, fake: FakeCaibo, tmp_path: Path
    ) -> None:
        """Those that only the contract refuses as well; each with its row and line."""
        id = fake.add_customer()
        file = tmp_path / "rows.csv"
        file.write_text(f'id,name,email\n{id},"A\nB",a@b.c\nx,A,a@b.c\n{id},A,nobody\n', "utf-8")

        with pytest.raises(caibo.InvalidChangesError) as error:
            crowd.update(bulk.read_csv(file))

        found = [problem.field for problem in error.value.problems]
        assert found == ["row 2 (line 4), id", "row 3 (line 5), email"]
        assert fake.requests == []

    def test_looks_no_further_than_a_bad_heading(self, crowd: Bulk, tmp_path: Path) -> None:
        """Every row would be wrong in the same way."""
        file = tmp_path / "rows.csv"
        file.write_text("id,fone\n7,1\n8,2\n", "utf-8")

        with pytest.raises(caibo.InvalidChangesError) as error:
            crowd.update(bulk.read_csv(file))

        assert [problem.field for problem in error.value.problems] == ["row 1 (line 1), fone"]

    def test_writes_those_of_a_good_one(self, crowd: Bulk, fake: FakeCaibo, tmp_path: Path) -> None:
        """And knows how many there are."""
        ids = [fake.add_customer() for _ in range(3)]
        file = tmp_path / "rows.jsonl"
        file.write_text("".join(f'{{"id": {id}, "phone": null}}\n' for id in ids))
        told: list[bulk.Progress] = []

        report = crowd.update(bulk.read_jsonl(file), on_progress=told.append)

        assert report.outcomes == {"accepted": 3}
        assert told[-1].total == 3

    def test_ends_its_complaints_somewhere(self, crowd: Bulk, tmp_path: Path) -> None:
        """A file of another kind has as many as it has lines."""
        file = tmp_path / "rows.csv"
        file.write_text("id,phone\n" + "x,1\n" * 5_000, "utf-8")

        with pytest.raises(caibo.InvalidChangesError) as error:
            crowd.update(bulk.read_csv(file))

        assert len(error.value.problems) == 1_001

    def test_tells_of_a_bad_row_of_an_iterable_when_it_comes(
        self, crowd: Bulk, fake: FakeCaibo
    ) -> None:
        """The others are written."""
        id = fake.add_customer(phone="old")
        bad: list[Any] = [
            (id, {"emial": "a@b.c"}),
            (id,),
            "row",
            (id, ["phone"]),
            (id, {"phone": "1"}, {"backup": True}),
            (id, {"expect": {}}),
            ("7", {"phone": "1"}),
            (id, {"phone": "1"}, {"expect": {"fone": {1}}}),
        ]

        report = crowd.update([*bad, (id, {"phone": "new"})])

        assert report.outcomes == {"failed": len(bad), "accepted": 1}
        assert [failure.row for failure in report.failures] == list(range(1, len(bad) + 1))
        assert {failure.error for failure in report.failures} == {"InvalidChangesError"}


def test_a_row_shows_no_values() -> None:
    """It may stand in a traceback."""
    row = bulk.Row(7, {"phone": "+12025550143"}, {"extra": {"a": 1}})

    assert repr(row) == "Row(7, phone, extra)"
    assert repr(bulk.read_jsonl("rows.jsonl")) == "JsonRows('rows.jsonl')"
