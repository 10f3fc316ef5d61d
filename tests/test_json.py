"""JSON without loss: texts of members, and numbers as they were written."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caibo._record.json_text import decode, encode, join, split
from caibo.testing import Headers, Request

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.decimals(allow_nan=False).filter(Decimal.is_finite),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.text(), values), st.sampled_from(["", " ", "\n\t\r "]))
def test_an_object_is_cut_into_the_texts_of_its_members(
    document: dict[str, Any], blank: str
) -> None:
    """Whatever is in it, and whatever space stands between them."""
    pairs = [(encode(name), encode(value)) for name, value in document.items()]
    comma = f"{blank},{blank}"
    text = comma.join(f"{name}{blank}:{blank}{value}" for name, value in pairs)

    members = split(f"{blank}{{{blank}{text}{blank}}}{blank}")

    assert list(members) == list(document)
    assert list(members.values()) == pairs
    assert decode(join(members)) == document


def test_a_name_that_is_spelt_with_escapes_keeps_them() -> None:
    """And is known by what it means."""
    text = '{"\\u0065mail":1}'

    members = split(text)

    assert list(members) == ["email"]
    assert join(members) == text


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_are_not_finite_have_no_text(number: str) -> None:
    """Neither as `Decimal` nor as `float`."""
    with pytest.raises(ValueError, match="not a finite number"):
        encode(Decimal(number))
    with pytest.raises(ValueError, match="not a finite number"):
        encode([float(number)])


def test_an_exponent_beyond_decimal_is_read() -> None:
    """Its text is what counts, and its value is near enough."""
    assert decode("[1E-99999999999999999999, 1.0]") == [0.0, Decimal("1.0")]


def test_a_body_without_end_is_no_json() -> None:
    """For whoever decodes a recorded request."""
    request = Request("PUT", "/", Headers(), body=b"[" * 99_999)

    with pytest.raises(ValueError, match="nested too deeply"):
        _ = request.json


def test_more_after_a_value_is_no_json() -> None:
    """A body is one value."""
    request = Request("PUT", "/", Headers(), b"1 2")

    with pytest.raises(ValueError, match="more after the value"):
        request.json  # noqa: B018
