"""A cell says what its field's schema takes: text as it stands, anything else as JSON has it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import contracts
import pytest
from bulk_runs import Bulk
from field_kinds import KINDS, SCHEMAS
from hypothesis import given, settings
from hypothesis import strategies as st

import caibo
from caibo import bulk
from caibo.testing import FakeCaibo

TEXT = st.text(st.characters(codec="utf-8"), min_size=1)
NUMBERS = st.decimals(allow_nan=False, allow_infinity=False)
INNER = st.one_of(st.none(), st.booleans(), st.integers(), NUMBERS, TEXT)
#: What a field may be, by our name.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "is_business": st.booleans(),
    "loyalty_points": st.integers(),
    "credit_limit": NUMBERS,
    "tags": st.lists(INNER),
    "shipping": st.dictionaries(TEXT, INNER),
    "nick_name": st.one_of(TEXT, st.sampled_from(["true", "null", "007", "1.0", "{}", '"a"'])),
    "contact": TEXT,
    "anything": TEXT,
}


@pytest.fixture(autouse=True)
def contract() -> Iterator[None]:
    """Rule that callers set a field of each kind."""
    ruled = {wire: {**kind.schema, "readOnly": False} for wire, kind in KINDS.items()}
    with contracts.packaged(contracts.more(ruled, SCHEMAS)):
        yield


def read(folder: Path, heads: list[str], cells: list[str]) -> bulk.Row:
    """Read the row of a file that has one."""
    with (folder / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["id", *heads], ["7", *cells]])
    [row] = bulk.read_csv(folder / "rows.csv")
    return row


def printed(value: object) -> str:
    """Return a value as a program prints it: text as it is, else JSON."""
    return value if isinstance(value, str) else caibo.Document({"": value}).text("") or ""


@settings(max_examples=25)
@given(values=st.fixed_dictionaries(VALUES))
def test_what_a_value_prints_as_reads_back_as_the_same(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    """Whatever a field takes."""
    row = read(tmp_path, list(values), list(map(printed, values.values())))

    assert row.changes == values
    assert row.changes["is_business"] is values["is_business"]


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("creditLimit", "12.50"),
        ("credit_limit", "1E-7"),
        ("loyaltyPoints", "16772748432912191"),
        ("isBusiness", "false"),
        ("tags", '["a",1.0]'),
        ("billing", '{"street":"Way 1","more":100.00}'),
    ],
)
def test_every_digit_is_kept(tmp_path: Path, name: str, cell: str) -> None:
    """By either name of the field."""
    [value] = read(tmp_path, [name], [cell]).changes.values()

    assert printed(value) == cell


@pytest.mark.parametrize(
    ("name", "cells", "remedy"),
    [
        ("is_business", ["TRUE", "yes", "1", "null", '"true"', "True"], "true or false in small"),
        (
            "loyalty_points",
            ["1.67727E+16", "007", "3.0", "1,234", "+1", "0x10", "٣", "1_000", "NaN", "true"],
            "an integer with all of its digits, such as 12",
        ),
        ("credit_limit", ["12,50", "1 234.5", ".5", "Infinity", "€5", "[1]"], "such as 1234.5"),
        ("tags", ["a", "a;b", '{"a": 1}', "['a']", "[" * 200], 'an array as JSON, such as ["a"]'),
        ("shipping", ["Way 1", '["Way 1"]', '{"street": '], 'an object as JSON, such as {"a": 1}'),
    ],
)
def test_what_is_none_such_is_told_with_row_and_remedy(
    crowd: Bulk, fake: FakeCaibo, tmp_path: Path, name: str, cells: list[str], remedy: str
) -> None:
    """All of them before the first request, and none is quoted."""
    with (tmp_path / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", name), *[("7", cell) for cell in cells]])

    with pytest.raises(caibo.InvalidChangesError) as caught:
        crowd.update(bulk.read_csv(tmp_path / "rows.csv"))

    told = [f"row {n} (line {n + 1}), {name}" for n in range(1, len(cells) + 1)]
    assert [problem.field for problem in caught.value.problems] == told
    assert all(remedy in problem.message for problem in caught.value.problems)
    assert fake.requests == []


def test_the_contracts_limits_are_held_against_what_was_read(
    crowd: Bulk, fake: FakeCaibo, tmp_path: Path
) -> None:
    """As for a row of Python's own values."""
    (tmp_path / "rows.csv").write_text('id,loyalty_points,tags\n7,2147483648,"[""a"",""long""]"\n')

    with pytest.raises(caibo.InvalidChangesError) as caught:
        crowd.update(bulk.read_csv(tmp_path / "rows.csv"))

    places = [problem.field.rpartition(", ")[2] for problem in caught.value.problems]
    assert places == ["loyalty_points", "tags[1]"]


def test_a_file_of_truth_values_is_written_resumed_and_undone(
    crowd: Bulk, fake: FakeCaibo, tmp_path: Path
) -> None:
    """With an array and an object beside them."""
    ids = [fake.add_customer(isBusiness=n % 2 == 0, tags=["z"]) for n in range(4)]
    before = [fake.document(id) for id in ids]
    line = '{},true,12.50,"[""a""]","{{""street"":""Way 9""}}"\n'
    heads = "id,isBusiness,creditLimit,tags,billing\n"
    (tmp_path / "rows.csv").write_text(heads + "".join(map(line.format, ids)))

    first = crowd.update(bulk.read_csv(tmp_path / "rows.csv"))
    told = [fake.document(id) for id in ids]
    second = crowd.update(bulk.read_csv(tmp_path / "rows.csv"))
    undone = crowd.undo()

    assert (first.outcomes, second.outcomes) == ({"accepted": 4}, {"skipped": 4})
    assert {printed(document["isBusiness"]) for document in told} == {"true"}
    assert [document["billing"]["street"] for document in told] == ["Way 9"] * 4
    assert (undone.outcomes, undone.failures) == ({"accepted": 4}, [])
    for id, document in zip(ids, before, strict=True):
        assert document.items() <= fake.document(id).items()


def test_members_outside_the_contract_are_text(tmp_path: Path) -> None:
    """Nobody says what else they might be."""
    row = read(tmp_path, ["extra.limit", "extra.a.b", "credit_limit"], ["12.50", "true", "12.50"])

    assert row.options == {"extra": {"limit": "12.50", "a": {"b": "true"}}}
    assert row.changes == {"credit_limit": Decimal("12.50")}
