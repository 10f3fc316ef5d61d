"""Plans of records that are nested as deeply as one may be, or hold what is no text."""

from __future__ import annotations

import pytest
from faces import Face
from scripted import ID

import caibo
from caibo.testing import FakeCaibo


def nested(levels: int) -> str:
    return '{"d":' * levels + "1" + "}" * levels


@pytest.mark.parametrize("levels", [95, 96, 97, 98, 99])
def test_a_plan_of_a_deep_record_is_stored_read_and_applied(
    client: Face, fake: FakeCaibo, levels: int
) -> None:
    """What is stored stands one level deeper than the record."""
    fake.add_document(f'{{"name":"A","email":"a@b.c","x":{nested(levels)}}}', id=ID)

    plan = client.plan(ID, phone="1")
    again = caibo.Plan.from_json(plan.to_json())
    update = client.apply(again)

    assert str(again.base) == str(plan.base)
    assert (update.outcome, fake.document(ID)["phone"]) == ("accepted", "1")
    assert update.customer.document.text("x") == nested(levels)


@pytest.mark.parametrize("levels", [97, 98])
def test_so_is_one_that_sets_and_expects_something_deep(
    client: Face, fake: FakeCaibo, levels: int
) -> None:
    """Whatever may be addressed may be planned."""
    fake.add_document(f'{{"name":"A","email":"a@b.c","x":{nested(levels)}}}', id=ID)
    deep = client.get(ID).document["x"]

    plan = client.plan(ID, extra={"y": deep}, expect={"x": deep})
    again = caibo.Plan.from_json(plan.to_json())

    assert (again.addressed, again.expect) == (plan.addressed, plan.expect)
    assert client.apply(again).customer.document["y"] == deep


@pytest.mark.parametrize("stored", ['"{"', '"[]"', '""', '"null"', "[]", "7"])
def test_another_string_in_its_place_is_refused(client: Face, fake: FakeCaibo, stored: str) -> None:
    """As everything is that `to_json` did not write."""
    id = fake.add_customer()
    text = client.plan(id, phone="1").to_json()

    with pytest.raises(caibo.InvalidChangesError, match=r"is not what Plan\.to_json"):
        caibo.Plan.from_json(text.replace('"set":{"phone":"1"}', f'"set":{stored}'))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (r'"\ud800"', r'"\ud800"'),
        (r'{"a":["\udfff x"]}', r'{"a": ["\udfff x"]}'),
        ("1E9999999999999999999", "Infinity"),
        (r'["\ud800",1.50]', r'["\ud800", "1.50"]'),
    ],
)
def test_a_table_shows_what_json_cannot(
    client: Face, fake: FakeCaibo, value: str, shown: str
) -> None:
    """A gateway may have stored it, and it is about to be replaced."""
    fake.add_document(f'{{"name":"A","email":"a@b.c","x":{value}}}', id=ID)

    plan = client.plan(ID, extra={"x": "y"})

    assert shown in plan.table(masked=False)
    assert "x" in str(plan)
