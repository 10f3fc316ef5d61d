"""An update writes the record as it was read, token for token, but for what it addresses."""

from __future__ import annotations

from typing import Any

import pytest
from faces import Face
from hypothesis import example, given
from hypothesis import strategies as st
from json_text import ID, Member, members, records, tokens

from caibo.testing import FakeCaibo

NEW_EMAIL = "new@example.com"
WIRE = {"member_id": "memberId"}
optional = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def read_and_written(wire: Face, fake: FakeCaibo, document: bytes, **options: Any) -> Any:
    """Update one customer over the socket; return the members of what came and of what went."""
    fake.add_document(document, id=ID)
    fake.fail_next(200, method="PUT")  # it takes what the fake's own rules would not
    wire.update(ID, **options)
    assert fake.requests[-1].method == "PUT"
    return members(document), members(fake.requests[-1].body)


def unaddressed(found: list[Member], addressed: set[str]) -> list[Member]:
    return [member for member in found if member.decoded_name not in addressed]


@given(
    document=records(),
    changes=st.fixed_dictionaries(
        {}, optional={"address": optional, "phone": optional, "member_id": optional}
    ),
)
@example(document=b'{"id":16772748432912191,"name":"","email":"\\ud800"}', changes={})
def test_an_update_changes_nothing_else(
    wire: Face, fake: FakeCaibo, document: bytes, changes: dict[str, str | None]
) -> None:
    """Every other member goes back as it came, in its place; the addressed ones have the values."""
    addressed = {WIRE.get(name, name) for name in (*changes, "email")}

    came, went = read_and_written(wire, fake, document, email=NEW_EMAIL, **changes)

    assert unaddressed(went, addressed) == unaddressed(came, addressed)
    assert [m.name for m in went][: len(came)] == [m.name for m in came]
    sent = {m.decoded_name: m.decoded for m in went if m.decoded_name in addressed}
    wanted = {WIRE.get(name, name): value for name, value in changes.items()}
    assert sent["email"] == NEW_EMAIL
    assert {name: sent.get(name) for name in wanted} == wanted


@given(document=records(), inner=st.sampled_from([None, 7, "text", {"deep": [1]}]))
def test_an_extra_member_changes_nothing_else(
    wire: Face, fake: FakeCaibo, document: bytes, inner: object
) -> None:
    """It is one more member, or the value of one that is there."""
    extra = {"caiboTest": {"inner": inner}}

    came, went = read_and_written(wire, fake, document, extra=extra)

    assert went[:-1] == came
    assert (went[-1].decoded_name, went[-1].decoded) == ("caiboTest", extra["caiboTest"])


def test_a_byte_order_mark_does_not_come_back(wire: Face, fake: FakeCaibo) -> None:
    """A gateway may send one, and RFC 8259 forbids us to."""
    fake.add_document(b'\xef\xbb\xbf{"name":"A","email":"a@b.c"}', id=ID)

    wire.update(ID, email=NEW_EMAIL)

    assert fake.requests[-1].body == b'{"name":"A","email":"new@example.com"}'


def test_a_number_of_any_length_comes_back(wire: Face, fake: FakeCaibo) -> None:
    """Python itself refuses to read more than 4,300 digits."""
    number = b"9" * 5000
    fake.add_document(b'{"name":"A","email":"a@b.c","x":[%b,1E%b]}' % (number, number), id=ID)

    wire.update(ID, email=NEW_EMAIL)

    assert b'"x":[%b,1E%b]}' % (number, number) in fake.requests[-1].body


def test_the_inside_of_a_merged_member_changes_nowhere_else(wire: Face, fake: FakeCaibo) -> None:
    """An object that `extra` reaches into keeps the text of its other members, at every level."""
    document = (
        b'{"name":"A","email":"a@b.c","prefs": { "x" : 1.00, "y":{"z" : "\\u00e9", "w":1E400},'
        b'"keep":[ 1.10 ] } }'
    )

    _, went = read_and_written(wire, fake, document, extra={"prefs": {"y": {"z": 2}}})

    assert went[-1].value == tuple(tokens('{"x":1.00,"y":{"z":2,"w":1E400},"keep":[1.10]}'))


@pytest.mark.parametrize("times", [1, 3])
def test_an_update_of_an_update_still_has_the_first_text(
    wire: Face, fake: FakeCaibo, times: int
) -> None:
    """However often a record goes through this client, its digits stay."""
    text = b'{"name":"A","email":"a@b.c","memberId":null,"totalDeposits":100.00,"class":-0}'
    id = fake.add_document(text)

    for number in range(times):
        wire.update(id, phone=f"+1202555014{number}")

    assert b'"totalDeposits":100.00,"class":-0' in fake.raw(id)
