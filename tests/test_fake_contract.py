"""The rules of a contract, as the fake applies them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from caibo._record.json_text import split
from caibo._record.schema import Schema
from caibo.testing._contract import Contract
from caibo.testing._records import sample


class TestRules:
    @pytest.mark.parametrize(
        ("schema", "value", "keys"),
        [
            ({"type": "integer"}, "1.5", {"$.new"}),
            ({"type": "integer", "format": "int64"}, "9223372036854775808", {"$.new"}),
            ({"type": "integer"}, "9223372036854775808", set()),
            ({"type": "integer"}, "-9223372036854775808", set()),
            ({"type": "integer"}, "1e3", set()),
            ({"type": "integer"}, "1e400", set()),
            ({"type": "integer"}, "true", {"$.new"}),
            ({"type": "number"}, "1E400", set()),
            ({"type": "number"}, '"1"', {"$.new"}),
            ({"type": "boolean"}, "false", set()),
            ({"type": "boolean"}, "null", {"New"}),
            ({"type": "boolean", "nullable": True}, "null", set()),
            ({"type": "array"}, "{}", {"$.new"}),
            ({"type": "object"}, "{}", set()),
            ({"$ref": "#/elsewhere"}, "3", set()),
            ({"type": "string", "maxLength": 1}, '"\\ud83d\\ude00"', set()),
            ({"type": "string", "readOnly": True}, "3", set()),
        ],
    )
    def test_a_field_that_the_vendor_adds_has_rules_too(
        self, schema: Mapping[str, Any], value: str, keys: set[str]
    ) -> None:
        """They are the schema's, none is written down here."""
        contract = Contract({"new": schema}, frozenset(), ("application/json",))

        errors = contract.refusals(split(f'{{"new": {value}}}'), strict=True)

        assert errors.keys() == keys

    @pytest.mark.parametrize(
        ("schema", "value"),
        [
            ({"type": "string", "example": "a", "enum": ["b"]}, "b"),
            ({"type": "string", "minLength": 9}, "Examplexx"),
            ({"type": "integer", "minimum": 5, "exclusiveMinimum": True}, 6),
            ({"type": "integer", "exclusiveMaximum": 0}, -1),
            ({"type": "number", "multipleOf": 0.5, "minimum": 0.4, "maximum": 0.6}, 0.5),
            ({"oneOf": [{"type": "boolean"}, {"type": "string"}]}, True),
            ({"type": "array", "minItems": 2}, ["Example", "Example"]),
            ({"type": "string", "format": "date"}, "1990-02-03"),
            ({"nullable": True, "type": "integer", "minimum": 2, "maximum": 1}, None),
            ({"$ref": "#/Endless"}, None),
            ({"$ref": "#/Node"}, {"n": {"n": {"n": {"n": {}}}}}),
            ({"oneOf": [{"$ref": "#/List"}, {"type": "integer"}]}, [[[[]]]]),
        ],
    )
    def test_a_field_that_the_vendor_adds_has_a_sample(
        self, schema: Mapping[str, Any], value: object
    ) -> None:
        """That its schema takes: of those that it names, or a usual one."""
        root = {
            "Node": {"type": "object", "properties": {"n": {"$ref": "#/Node"}}},
            "Endless": {
                "type": "object",
                "required": ["n"],
                "properties": {"n": {"$ref": "#/Endless"}},
            },
            "List": {"type": "array", "items": {"oneOf": [{"$ref": "#/List"}, {"type": "null"}]}},
        }

        assert sample("new", Schema(schema, root)) == value

    def test_python_names_are_those_of_the_contract(self) -> None:
        """Digits and all; a name that it does not have stays as it is."""
        contract = Contract({"line2Address": {}}, frozenset(), ())

        names = [contract.wire_name(name) for name in ("line2_address", "line_2", "line2Address")]

        assert names == ["line2Address", "line_2", "line2Address"]
