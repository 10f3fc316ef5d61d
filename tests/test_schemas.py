"""What a schema takes is never refused, and what is refused is named by its place."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from uuid import UUID

import contracts
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

import caibo
from caibo._record.schema import Schema
from caibo._record.values import read

# Few values, so that a schema takes about as many as it refuses.
NAMES = st.sampled_from(["a", "b"])
TEXTS = st.sampled_from(["", "a", "ab", "abc"])
NUMBERS = st.sampled_from([-1, 0, 1, 2, 3, 0.5, 1.0, 2.5])
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)
SMALL = st.integers(0, 2)


def typed(name: str, **keywords: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw a schema of one type that has some of these keywords."""
    said = st.fixed_dictionaries({}, optional=keywords)
    return st.builds(
        lambda said, null: {"type": [name, "null"] if null else name, **said}, said, st.booleans()
    )


def above(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw schemas that have others in them."""
    properties = st.dictionaries(NAMES, inner, min_size=1)
    array = typed("array", items=inner, minItems=SMALL, maxItems=SMALL)
    parts: dict[str, Any] = {"properties": properties, "required": st.lists(NAMES, unique=True)}
    nested = typed("object", additionalProperties=inner, **parts)
    either = st.lists(inner, min_size=2, max_size=3).map(lambda listed: {"anyOf": listed})
    null = inner.map(lambda one: {"anyOf": [one, {"type": "null"}]})
    return st.one_of(array, nested, either, null, inner.map(lambda one: {"allOf": [one]}))


SCHEMAS = st.recursive(
    st.one_of(
        typed("string", minLength=SMALL, maxLength=SMALL),
        typed("integer", minimum=SMALL, maximum=SMALL, exclusiveMinimum=SMALL),
        typed("number", minimum=NUMBERS, exclusiveMaximum=NUMBERS),
        typed("boolean"),
        st.lists(LEAVES, min_size=1, max_size=3).filter(any).map(lambda listed: {"enum": listed}),
        LEAVES.filter(bool).map(lambda value: {"const": value}),
        st.just({}),
        st.just({"$ref": "#/components/schemas/Other"}),
    ),
    above,
    max_leaves=5,
)
OTHER = {"type": "object", "properties": {"a": {"type": ["string", "null"], "maxLength": 1}}}
ROOT = {"components": {"schemas": {"Other": OTHER}}}


def older(said: Any) -> Any:
    """Say in OpenAPI 3.0 what a schema of 3.1 says."""
    if isinstance(said, list):
        return [older(one) for one in said]
    if not isinstance(said, dict):
        return said
    said = {name: value if name == "enum" else older(value) for name, value in said.items()}
    if isinstance(types := said.get("type"), list):
        said |= {"type": types[0], "nullable": True}
    if "const" in said:
        said["enum"] = [said.pop("const")]
    for name in ("exclusiveMaximum", "exclusiveMinimum"):
        plain = name.removeprefix("exclusive").lower()
        if name in said and plain not in said:
            said |= {plain: said[name], name: True}
    return said


@settings(max_examples=150)
@given(said=SCHEMAS, value=VALUES)
def test_it_takes_what_json_schema_takes_and_nothing_else(said: Any, value: Any) -> None:
    """By another implementation, in both versions of OpenAPI."""
    taken = Draft202012Validator({**ROOT, **said}).is_valid(value)

    for schema in (Schema(said, ROOT), Schema(older(said), older(ROOT))):
        faults = list(schema.faults(value, "field", whole=True))
        assert (not faults) == taken, (said, value, faults)
        assert all(fault.path.startswith("field") for fault in faults)


@settings(max_examples=30)
@given(said=SCHEMAS, value=VALUES)
def test_a_field_takes_what_its_schema_takes(said: Mapping[str, Any], value: Any) -> None:
    """Through the public surface; what is refused names the field, and quotes no text."""
    record = {"name": "Ada", "email": "ada@example.com"}
    document = contracts.more({"field": {**said, "readOnly": False}}, {"Other": OTHER})
    taken = Draft202012Validator({**ROOT, **said}).is_valid(value)

    with contracts.packaged(document), caibo.Caibo(api_key="k" * 20) as client:
        plan: Any = client.customers.plan
        try:
            planned = plan(1, current=record, field=value)
        except caibo.InvalidChangesError as error:
            assert not taken
            assert all(one.field.startswith("field") for one in error.problems)  # noqa: PT017
        else:
            assert planned.document.get("field") == value


@given(
    moment=st.datetimes(
        min_value=datetime(2, 1, 1),  # noqa: DTZ001
        max_value=datetime(9998, 1, 1),  # noqa: DTZ001
        timezones=st.timezones(),
    ),
    day=st.dates(),
    id=st.uuids(),
)
def test_every_value_of_python_is_text_of_its_format(moment: datetime, day: date, id: UUID) -> None:
    """And is the same value again; in UTC, as clocks that are put back say some times twice."""
    for value, name in [(moment.astimezone(UTC), "date-time"), (day, "date"), (id, "uuid")]:
        schema = Schema({"type": "string", "format": name}, {})
        text = schema.written(moment if name == "date-time" else value)

        assert list(schema.faults(text)) == []
        assert read(schema, text) == value


@pytest.mark.parametrize(
    ("name", "text", "taken"),
    [
        ("date", "0000-02-29", True),
        ("date", "1900-02-29", False),
        ("date", "2026-1-31", False),
        ("date", "20260131", False),
        ("date", "2026-01-31T00:00:00Z", False),
        ("date", "２０２６-01-31", False),
        ("date-time", "2026-01-31t09:30:00z", True),
        ("date-time", "2016-12-31T23:59:60Z", True),
        ("date-time", "2026-01-31 09:30:00.123456789+05:30", True),
        ("date-time", "0001-01-01T00:00:00", True),
        ("date-time", "2026-02-30T09:30:00Z", False),
        ("date-time", "2026-01-31T24:00:00Z", False),
        ("date-time", "2026-01-31", False),
        ("date-time", "1769851800", False),
        ("uuid", "123E4567-e89b-12d3-a456-426614174000", True),
        ("uuid", "{123e4567-e89b-12d3-a456-426614174000}", False),
        ("uuid", "123e4567e89b12d3a456426614174000", False),
        ("uri", "no scheme", True),
        ("hostname", "?", True),
        ("email", "a@b@c", False),
    ],
)
def test_a_text_of_a_format(name: str, text: str, taken: bool) -> None:
    """As https://www.rfc-editor.org/rfc/rfc3339#section-5.6 has dates and times."""
    faults = list(Schema({"type": "string", "format": name}, {}).faults(text))

    assert (not faults) == taken


class Lying(tzinfo):
    """A time zone of the caller's that fails."""

    def utcoffset(self, _: datetime | None) -> timedelta:
        raise OSError

    dst = tzname = utcoffset  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 1, 31, 9, 30, tzinfo=UTC), "2026-01-31T09:30:00Z"),
        (
            datetime(1900, 1, 1, tzinfo=timezone(timedelta(minutes=-19, seconds=-32))),
            "1900-01-01T00:19:32Z",
        ),
    ],
)
def test_a_moment_is_written_with_an_offset_that_rfc_3339_has(value: datetime, text: str) -> None:
    """Which has no seconds."""
    assert Schema({"format": "date-time"}, {}).written(value) == text


@pytest.mark.parametrize(
    "value",
    [
        datetime(1, 1, 1, tzinfo=timezone(timedelta(seconds=1))),
        datetime(2026, 1, 31, tzinfo=Lying()),
    ],
    ids=["the first second", "a broken zone"],
)
def test_a_moment_that_cannot_be_written_is_refused(value: datetime) -> None:
    """As one of our errors, whatever its own code raises."""
    with pytest.raises(ValueError, match="cannot be written with its offset"):
        Schema({"format": "date-time"}, {}).written(value)


def test_a_date_is_written_wherever_one_of_the_forms_has_it() -> None:
    """Also where two of them lead to the same."""
    day = {"oneOf": [{"type": "string", "format": "date"}, {"type": "integer"}]}
    either = {"type": "array", "items": {"$ref": "#/day"}}
    root = {"day": day, "list": {"oneOf": [either, {"$ref": "#/day"}, {"allOf": [day]}]}}
    schema = Schema(root["list"], root)

    written = schema.written([date(2026, 1, 31), 7])

    assert (written, schema.written(date(2026, 1, 31))) == (["2026-01-31", 7], "2026-01-31")
    assert list(schema.faults(written)) == []


def test_what_holds_itself_is_refused() -> None:
    """Also where its schema does so."""
    root: dict[str, Any] = {"properties": {"a": {"$ref": "#"}}}
    endless: dict[str, Any] = {}
    endless["a"] = endless

    with pytest.raises(ValueError, match="holds itself"):
        Schema(root, root).written(endless)


@pytest.mark.parametrize(
    ("said", "value", "taken"),
    [
        ({"type": "integer"}, 2**80, True),
        ({"type": "integer"}, Decimal("1E400"), True),
        ({"type": "integer"}, Decimal("1.0"), True),
        ({"type": "integer"}, math.inf, False),
        ({"type": "integer", "format": "int64"}, 2**63, False),
        ({"type": "number", "multipleOf": 0.01}, 0.07, True),
        ({"type": "number", "multipleOf": 0.01}, Decimal("1E400"), True),
        ({"type": "number", "enum": [0.1]}, Decimal("0.10"), True),
        ({"type": "number", "maximum": 0.1}, Decimal("0.1"), True),
        ({"enum": [1, True]}, True, True),
        ({"enum": [1]}, True, False),
        ({"enum": [1, None], "nullable": False}, None, True),
        ({"nullable": False}, None, False),
        ({"$ref": "#/x~0~1y"}, None, False),
        ({"$ref": "#/x~0~1y", "nullable": True}, None, True),
        ({"allOf": [{"$ref": "#/x~0~1y"}], "nullable": True}, None, True),
        ({"oneOf": [{"$ref": "#/x~0~1y"}], "nullable": True}, None, True),
        ({"allOf": [{"type": "integer", "nullable": True, "maximum": 3}]}, None, True),
        ({"$ref": "#/nowhere"}, 7, True),
        ({"allOf": [{"type": "number"}, {"type": "integer"}]}, 0.5, False),
        ({"allOf": [{"type": "string"}, {"maxLength": 1}]}, "ab", False),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, 1, True),
        ({"anyOf": [{"maxLength": 1}, {"enum": ["abc"]}]}, "ab", False),
        ({"properties": {"a~/": {"$ref": "#/x~0~1y"}}}, {"a~/": "b"}, False),
        ({"not": {}}, 7, True),
        ({"pattern": "^a$"}, "b", True),
        (True, 7, True),
    ],
    ids=repr,
)
def test_a_schema_in_the_words_of_its_version(said: Any, value: Any, taken: bool) -> None:
    """What is not held against a value, `not` and `pattern` for two, is left to the gateway."""
    schema = Schema(said, {"x~/y": {"type": "integer"}})

    assert (not list(schema.faults(value, "field"))) == taken
