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
            ("id,name,phone,\n7,a,1,\n", "column 4: is no column"),
            ("phone\n1\n", "id: is missing"),
            ("phone,fone\n1\n", "column 2: is no column"),
            ("extra.a,phone,extra.a\n1,2,3\n", "column 3: is there twice"),
            ("", "the first line: is no heading: it has none of id, name, "),
            ("id,member_id,memberId\n7,a,b\n", "memberId: is there twice"),
            ("id,extra.a,extra.a.b\n7,a,b\n", "is there twice"),
            ('id,phone\n7,"1\n8,2\n', "is no CSV from here on"),
            ("id;phone\n7;1\n", 'separated by ";", as it seems: say delimiter=";"'),
            ('"id";"name, given"\n7;1\n', 'say delimiter=";"'),
            ("phone\tId\r\n7\t1\r\n", 'say delimiter="\\t"'),
            ("phone|id\n7|1\n", 'say delimiter="|"'),
            (b"id,name\n7,Zo\xeb\n", "name: is not UTF-8: save the file as UTF-8"),
            (b"id,extra.Zo\xeb\n7,1\n", "the first line: is not UTF-8"),
            (b"\xff\xfei\0d\0", "the first line: is not UTF-8: save the file as UTF-8"),
            (b"i\0d\0,\0", "the first line: is not UTF-8: save the file as UTF-8"),
        ],
    )
    def test_tells_what_is_wrong_with_it(
        self, tmp_path: Path, text: str | bytes, said: str
    ) -> None:
        """And is never guessed at."""
        with pytest.raises(caibo.InvalidChangesError) as error:
            read(tmp_path, text)

        assert said in str(error.value)

    def test_may_be_separated_by_what_stands_in_other_names(self, tmp_path: Path) -> None:
        """The delimiter that was given comes first."""
        assert read(tmp_path, "extra.a;id,id\nx,7\n") == [(7, {}, {"extra": {"a;id": "x"}})]

    def test_repeats_no_long_name_and_none_that_is_a_secret(self, tmp_path: Path) -> None:
        """Beside an id they are names; what steers a terminal is none of them."""
        with pytest.raises(caibo.InvalidChangesError) as error:
            read(tmp_path, f"id,{'x' * 99},ada@example.com,\x1b[2Jfone,caibo_live_sk_1\n")

        names = [problem.field for problem in error.value.problems]
        assert names == [f"{'x' * 39}…", "a…@example.com", "[2Jfone", "‹secret›"]

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
            ('{"Ada": 7, "id": 7, "Ada": 8}', "the row: has a member twice"),
            ('{"Ada": 7}', "member 1: is no column"),
            (b'{"id": 7, "name": "Zo\xeb"}', "is not UTF-8: save the file as UTF-8"),
            ('{"id": 7}'.encode("utf-16-le"), "is not UTF-8: save the file as UTF-8"),
        ],
    )
    def test_tells_what_is_wrong_with_it(
        self, tmp_path: Path, text: str | bytes, said: str
    ) -> None:
        """And no value is quoted."""
        with pytest.raises(caibo.InvalidChangesError) as error:
            read_lines(tmp_path, text)

        assert said in str(error.value)


PERSONAL = ["+12025550143", "Ada Example", "ada@example.com", "1 Example Street", "M-1001"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.csv", ",".join(["7", *PERSONAL]) + "\n"),
        ("rows.csv", ";".join(["7", *PERSONAL]) + "\n"),
        ("rows.csv", "\t".join(PERSONAL) + "\n"),
        ("rows.csv", ",".join(["name", *PERSONAL]) + "\n"),
        ("rows.csv", ",".join([f"extra.{text}" for text in PERSONAL] * 2) + "\n"),
        ("rows.csv", "id,name\n" + ",".join(PERSONAL) + '\n7,"' + ",".join(PERSONAL)),
        ("rows.csv", "id,name\n" + "\n".join(f"{text},{text}" for text in PERSONAL)),
        ("rows.csv", '"' + '"x"'.join(PERSONAL) + '"\n'),
        ("rows.csv", "\0".join(PERSONAL)),
        ("rows.jsonl", "\n".join(f'{{"{text}": "{text}"}}' for text in PERSONAL)),
        ("rows.jsonl", "\n".join(f'{{"{text}": 1, "{text}": 2}}' for text in PERSONAL)),
        ("rows.jsonl", "\n".join(PERSONAL)),
        ("rows.jsonl", "\n".join(f'{{"id": "{text}"}}' for text in PERSONAL)),
    ],
    ids=[
        *("no heading", "semicolons", "tabs", "a cell that is a name", "extra", "cells", "ids"),
        *("quotes", "binary", "names of members", "members twice", "no JSON", "ids of JSON"),
    ],
)
def test_a_complaint_repeats_nothing_that_may_be_a_value(
    crowd: Bulk, fake: FakeCaibo, tmp_path: Path, name: str, content: str
) -> None:
    """Whatever file was taken for one of rows."""
    (tmp_path / name).write_text(content, "utf-8")
    read = bulk.read_csv if name == "rows.csv" else bulk.read_jsonl

    with pytest.raises(caibo.InvalidChangesError) as error:
        crowd.update(read(tmp_path / name))

    assert [text for text in PERSONAL if text in f"{error.value} {error.value.problems}"] == []
    assert fake.requests == []


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
