"""Values of other libraries go in where JSON has one form for them, and customers come out."""

from __future__ import annotations

import enum
import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from faces import Connect, Face
from scripted import ID, Script, answer

import caibo
from caibo.testing import FakeCaibo


class Money(Decimal):
    def __str__(self) -> str:
        return f"$ {super().__str__()}"


class Loud(int):
    def __repr__(self) -> str:
        return "loud!"


class Plan(enum.Enum):
    GOLD = "gold"
    PRICE = Money("1.50")
    SINCE = date(2020, 1, 1)


class Word(enum.StrEnum):
    GOLD = "gold"


class Level(enum.IntEnum):
    HIGH = 3


class Index:
    """An integer of another library."""

    def __index__(self) -> int:
        return 16772748432912191


class NoIndex:
    def __index__(self) -> int:
        raise OSError("out of order")


Truth = type("bool_", (), {"__module__": "numpy", "__bool__": lambda _: True})

CARRIED = {
    "enum": (Plan.GOLD, "gold"),
    "enum of Decimal": (Plan.PRICE, Decimal("1.50")),
    "StrEnum": (Word.GOLD, "gold"),
    "IntEnum": (Level.HIGH, 3),
    "Decimal subclass": (Money("100.00"), Decimal("100.00")),
    "int subclass": (Loud(7), 7),
    "integer": (Index(), 16772748432912191),
    "numpy's truth": (Truth(), True),
    "nested": ({"a": [Plan.GOLD, {"b": Index()}]}, {"a": ["gold", {"b": 16772748432912191}]}),
}
REFUSED = {
    "date": date(2020, 1, 1),
    "datetime": datetime(2020, 1, 1, tzinfo=UTC),
    "time": time(1),
    "Fraction": Fraction(1, 3),
    "UUID": UUID(int=1),
    "set": {1},
    "bytes": b"x",
    "complex": 1j,
    "NoIndex": NoIndex(),
}


class TestValuesIn:
    @pytest.mark.parametrize(("value", "sent"), CARRIED.values(), ids=CARRIED)
    def test_what_has_one_form_is_carried(
        self, client: Face, fake: FakeCaibo, value: Any, sent: Any
    ) -> None:
        """With every digit; the second time there is nothing to change."""
        id = fake.add_customer()

        update = client.update(id, extra={"tier": value})
        again = client.update(id, extra={"tier": value}, expect={"tier": value})

        assert update.customer.document["tier"] == sent
        assert again.outcome == "unchanged"

    @pytest.mark.parametrize("name", [Plan.GOLD, Word.GOLD], ids=type)
    def test_a_field_of_the_contract_takes_an_enum(
        self, client: Face, fake: FakeCaibo, name: Any
    ) -> None:
        """And the contract's limits hold for its value."""
        id = fake.add_customer()

        assert client.update(id, name=name).customer.name == "gold"
        with client.edit(id) as draft:
            draft.phone = name
        assert draft.update.customer.phone == "gold"

    @pytest.mark.parametrize(("type_name", "value"), REFUSED.items(), ids=REFUSED)
    @pytest.mark.parametrize("field", ["phone", "extra['tier']", "expect['tier']"])
    def test_anything_else_is_refused_with_field_and_type(
        self, client: Face, fake: FakeCaibo, type_name: str, value: Any, field: str
    ) -> None:
        """Nothing is sent."""
        changes = {
            "phone": {"phone": value},
            "extra['tier']": {"extra": {"tier": value}},
            "expect['tier']": {"expect": {"tier": value}},
        }[field]

        with pytest.raises(caibo.InvalidChangesError) as caught:
            client.update(ID, **changes)

        assert str(caught.value).startswith(f"{field}: is of type {type_name}, which JSON has no")
        assert (".isoformat()" in str(caught.value)) is hasattr(value, "isoformat")
        assert fake.requests == []

    def test_numpys_own(self, client: Face, fake: FakeCaibo) -> None:
        """Of any width; an array has no one form."""
        id = fake.add_customer()
        values = {
            "a": np.int64(7), "b": np.float64(1.5), "c": np.bool_(True),
            "d": np.str_("x"),
        }  # fmt: skip

        update = client.update(np.int64(id), extra=values)

        assert [update.customer.document[name] for name in "abcd"] == [7, Decimal("1.5"), True, "x"]
        with pytest.raises(caibo.InvalidChangesError, match="is of type ndarray"):
            client.update(id, extra={"e": np.array([1, 2])})


RECORD = (
    b'{"id":16772748432912191,"name":"A","email":"a@b.c","totalDeposits":100.00,'
    b'"p":{"x":[1E400]},"big":12345678901234567890123}'
)


class TestCustomersOut:
    def test_json_is_what_came(self, connect: Connect) -> None:
        """By wire names, every digit, unknown members included."""
        customer = connect(**Script(answer(200, RECORD)).options).get(ID)

        assert customer.to_json() == customer.document.to_json() == RECORD.decode()
        assert json.loads(customer.to_json())["id"] == ID

    def test_a_dict_is_ones_own(self, connect: Connect) -> None:
        """Money is `Decimal`."""
        customer = connect(**Script(answer(200, RECORD)).options).get(ID)

        record = customer.to_dict()
        record["p"]["x"].append(2)

        assert record["totalDeposits"].as_tuple() == Decimal("100.00").as_tuple()
        assert type(record["p"]) is dict
        assert customer.to_dict()["p"] == {"x": [Decimal("1E400")]}
        assert caibo.Customer(customer.to_dict()) == customer

    def test_a_draft_gives_both(self, client: Face, fake: FakeCaibo) -> None:
        """With what was assigned."""
        id = fake.add_customer()

        with client.edit(id) as draft:
            draft.phone = "1"
            told: Any = draft

            assert json.loads(told.to_json())["phone"] == told.to_dict()["phone"] == "1"
