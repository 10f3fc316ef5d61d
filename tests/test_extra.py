"""`extra=`: members outside the contract, for gateways that take more than it says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from faces import Connect, Face

import caibo
from caibo.testing import FakeCaibo

HOLDS_ITSELF: dict[str, object] = {}
HOLDS_ITSELF["self"] = HOLDS_ITSELF


def customer(fake: FakeCaibo, **members: object) -> int:
    return fake.add_document({"name": "A", "email": "a@b.c", **members})


class TestMerging:
    @pytest.mark.parametrize(
        ("before", "given", "after"),
        [
            ({}, {"x": 1}, {"x": 1}),
            ({}, {"x": {"y": None}}, {"x": {"y": None}}),
            ({"x": 1}, {"x": None}, {"x": None}),
            ({"x": None}, {"x": {}}, {"x": {}}),
            ({"x": {"a": 1, "b": 2}}, {"x": {"b": 3, "c": 4}}, {"x": {"a": 1, "b": 3, "c": 4}}),
            (
                {"x": {"a": {"b": 1, "c": 2}}},
                {"x": {"a": {"b": 5}}},
                {"x": {"a": {"b": 5, "c": 2}}},
            ),
            ({"x": {"a": 1}}, {"x": {"a": None}}, {"x": {"a": None}}),
            ({"x": {"a": 1}}, {"x": None}, {"x": None}),
            ({"x": {"a": 1}}, {"x": [1]}, {"x": [1]}),
            ({"x": [1, 2]}, {"x": {"a": 1}}, {"x": {"a": 1}}),
            ({"x": [{"a": 1}]}, {"x": [{"b": 1}]}, {"x": [{"b": 1}]}),
            ({"x": "text"}, {"x": {"a": 1}}, {"x": {"a": 1}}),
            ({"x": 1}, {"x": Decimal("1.10")}, {"x": Decimal("1.10")}),
            ({"x": {"a": 1}}, {"x": caibo.Document({"b": 2})}, {"x": {"a": 1, "b": 2}}),
        ],
    )  # fmt: skip
    def test_an_object_is_merged_and_anything_else_replaces(
        self,
        client: Face,
        fake: FakeCaibo,
        before: dict[str, object],
        given: Mapping[str, object],
        after: dict[str, object],
    ) -> None:
        """Member by member, at every level; null is written where something was."""
        id = customer(fake, **before)

        client.update(id, extra=given)

        assert fake.document(id) == {"name": "A", "email": "a@b.c", **after}

    def test_it_goes_together_with_changes(self, client: Face, fake: FakeCaibo) -> None:
        """One request writes both."""
        id = customer(fake, preferences={"currency": "USD", "language": "fr"})

        update = client.update(id, phone="1", extra={"preferences": {"currency": "EUR"}})

        assert list(update.changes) == ["phone", "preferences"]
        assert fake.document(id)["preferences"] == {"currency": "EUR", "language": "fr"}
        assert fake.document(id)["phone"] == "1"

    def test_names_may_be_any_text(self, client: Face, fake: FakeCaibo) -> None:
        """Python keywords, white space, quotation marks, the empty name."""
        id = customer(fake)
        extra = {"class": 1, "a b": 2, '"\\': 3, "": 4, "é\u2028😀": 5, "self": 6, "current": 7}

        client.update(id, extra=extra)

        assert extra.items() <= fake.document(id).items()

    def test_a_number_of_any_size_may_be_sent(self, client: Face, fake: FakeCaibo) -> None:
        """What a record gave can be given back."""
        id = customer(fake, x=Decimal("1E400"), y=Decimal("79228162514264.3375935439"))
        document = client.get(id).document

        client.update(id, extra={"z": [document["x"], document["y"]]})

        assert b'"z":[1E+400,79228162514264.3375935439]' in fake.raw(id)

    def test_a_document_inside_keeps_its_text(self, client: Face, fake: FakeCaibo) -> None:
        """That is how a caller sends a spelling of their own."""
        id = customer(fake)

        client.update(id, extra={"x": [caibo.Document.parse('{"sum": 100.00}')]})

        assert b'"x":[{"sum":100.00}]' in fake.raw(id)

    def test_an_empty_one_is_none(self, client: Face, fake: FakeCaibo) -> None:
        """Nothing to change."""
        assert client.update(customer(fake), extra={}).outcome == "unchanged"


class TestRefusals:
    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            (float("nan"), "is not a finite number"),
            (float("inf"), "is not a finite number"),
            (Decimal("-Infinity"), "is not a finite number"),
            (Decimal("NaN"), "is not a finite number"),
            (datetime(2024, 3, 5, tzinfo=UTC), "is of type datetime"),
            ({1, 2}, "is of type set"),
            (b"bytes", "is of type bytes"),
            (object, "is of type type"),
            ({"a": [{"b": object()}]}, "is of type object"),
            (HOLDS_ITSELF, "nested too deeply, or holds itself"),
            ([caibo.Document.parse('{"x":' + "[" * 99 + "]" * 99 + "}")], "nested too deeply"),
            ("\ud800", "half of a surrogate pair"),
            ({"\udfff": 1}, "half of a surrogate pair"),
            ({1: 2}, "a member name that is not a string"),
            pytest.param(10**5000, "Exceeds the limit", id="5000 digits"),
        ],
    )
    def test_a_value_that_json_cannot_carry_is_refused_by_name(
        self, client: Face, fake: FakeCaibo, value: object, reason: str
    ) -> None:
        """Before any request, also without validation."""
        with pytest.raises(caibo.InvalidChangesError, match=reason) as caught:
            client.update(1, extra={"good": 1, "bad": value})

        assert [problem.field for problem in caught.value.problems] == ["extra['bad']"]
        assert fake.requests == []

    @pytest.mark.parametrize("name", ["\ud800", "a\udfff"])
    def test_a_name_that_json_cannot_carry_is_refused(
        self, client: Face, fake: FakeCaibo, name: str
    ) -> None:
        """And shown so that it can be printed."""
        with pytest.raises(caibo.InvalidChangesError, match="half of a surrogate") as caught:
            client.update(1, extra={name: 1})

        assert str(caught.value).encode()
        assert fake.requests == []

    def test_a_name_is_a_string(self, client: Face, fake: FakeCaibo) -> None:
        """JSON has no other names."""
        with pytest.raises(caibo.InvalidChangesError, match="extra: member names are strings"):
            client.update(1, extra={7: 1})

        assert fake.requests == []

    @pytest.mark.parametrize(
        "name", ["email", "Email", "EMAIL", "memberId", "memberid", "member_id"]
    )
    def test_a_field_of_the_contract_is_a_keyword(
        self, client: Face, fake: FakeCaibo, name: str
    ) -> None:
        """In any case, as ASP.NET takes names without regard to it."""
        with pytest.raises(caibo.InvalidChangesError, match="is in the contract: pass") as caught:
            client.update(1, extra={name: "x"})

        suggestion = "email" if name.lower() == "email" else "member_id"
        assert caught.value.problems[0].suggestion == suggestion
        assert fake.requests == []

    @pytest.mark.parametrize("name", ["id", "ID", "ownerId", "owner_id", "TotalDeposits"])
    def test_a_field_of_the_gateway_is_refused(
        self, client: Face, fake: FakeCaibo, name: str
    ) -> None:
        """`extra` is no way round."""
        with pytest.raises(caibo.InvalidChangesError, match="is set by the gateway") as caught:
            client.update(1, extra={name: 1})

        assert caught.value.problems[0].field == f"extra[{name!r}]"
        assert fake.requests == []

    @pytest.mark.parametrize("extra", [[("x", 1)], "x", 7, True])
    def test_it_is_a_mapping(self, client: Face, fake: FakeCaibo, extra: Any) -> None:
        """Anything else is a mistake."""
        with pytest.raises(caibo.InvalidChangesError, match="extra: expected a mapping, not"):
            client.update(1, extra=extra)

        assert fake.requests == []

    def test_they_hold_without_validation(self, connect: Connect, fake: FakeCaibo) -> None:
        """`validate=False` turns off the contract's limits, not ours."""
        client = connect(validate=False)

        with pytest.raises(caibo.InvalidChangesError) as caught:
            client.update(1, extra={"email": "x", "ownerId": 1, "x": {1}})

        assert len(caught.value.problems) == 3
        assert fake.requests == []
