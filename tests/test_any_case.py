"""A member of a record is found in any case, and goes back as the record spells it."""

from __future__ import annotations

from typing import Any

import pytest
from faces import Face, methods
from hypothesis import given
from hypothesis import strategies as st
from json_text import ID, members, records

import caibo
from caibo._record.spelling import doubled, find, fold, merge, spelling
from caibo.testing import FakeCaibo

PASCAL = {"Id": ID, "Name": "Ada", "Email": "ada@example.com", "Phone": "+1", "Tier": "gold"}
letters = st.text("aAbBkKſK\u00e9\u00c9", max_size=3)


@st.composite
def in_any_case(draw: st.DrawFn, text: str) -> str:
    """Spell a name with capitals anywhere."""
    return "".join(draw(st.sampled_from([c.lower(), c.upper()])) for c in text)


@st.composite
def respelt_records(draw: st.DrawFn) -> bytes:
    """Draw a record whose names are spelt in any case, each of them once."""
    found = members(draw(records()))
    names = [draw(in_any_case(m.name)) if m.name.isascii() else m.name for m in found]
    names = [m.name if "\\" in m.name else name for m, name in zip(found, names, strict=True)]
    parts = [f"{n}:{''.join(m.value)}" for n, m in zip(names, found, strict=True)]
    return ("{" + ",".join(parts) + "}").encode()


def pascal(fake: FakeCaibo, **more: object) -> int:
    fake.fail_next(200, method="PUT")  # as the fake knows the contract's case only
    return fake.add_document({**PASCAL, **more}, id=ID)


@given(
    document=respelt_records(),
    changes=st.fixed_dictionaries(
        {"email": st.just("new@example.com")},
        optional={"phone": st.none() | st.just("+1"), "member_id": st.none() | st.just("M")},
    ),
    extra=st.dictionaries(in_any_case("tier"), st.none() | st.just(1), max_size=1),
)
def test_a_write_has_every_member_once(
    wire: Face,
    fake: FakeCaibo,
    document: bytes,
    changes: dict[str, str | None],
    extra: dict[str, object],
) -> None:
    """Never fewer than the record, never one in two spellings, each as the record spells it."""
    fake.add_document(document, id=ID)
    fake.fail_next(200, method="PUT")
    try:
        wire.update(ID, extra=extra, **changes)
    except caibo.MalformedResponseError as error:  # the strategy's own names met
        assert "several spellings" in str(error)  # noqa: PT017
        fake.take_fault("PUT")
        return

    came, went = members(document), members(fake.requests[-1].body)
    assert [m.name for m in went][: len(came)] == [m.name for m in came]
    addressed = {"email", "phone", "memberid", "tier"}
    added = [m.decoded_name.lower() for m in went[len(came) :]]
    assert set(added) <= addressed - {m.decoded_name.lower() for m in came}
    assert [m for m in went[: len(came)] if m.decoded_name.lower() not in addressed] == [
        m for m in came if m.decoded_name.lower() not in addressed
    ]
    sent = {m.decoded_name.lower(): m.decoded for m in went}
    wanted = {name.replace("_id", "id"): value for name, value in changes.items()}
    assert {name: sent.get(name) for name in wanted} == wanted


@given(names=st.lists(letters, unique=True), name=letters)
def test_ascii_case_is_all_that_is_folded(names: list[str], name: str) -> None:
    """The Kelvin sign is no k, though Unicode's lower case of it is."""
    record = caibo.Document(dict.fromkeys(names, 1))

    own = spelling(record, name)

    assert fold(own) == fold(name) == name.encode().lower().decode()
    assert (own in names) == (fold(name) in {fold(n) for n in names})
    assert (doubled(names) != ()) == (len({fold(n) for n in names}) < len(names))
    assert find(merge(record, {name: 2}), name) == 2


def test_a_change_sees_what_was_there(client: Face, fake: FakeCaibo) -> None:
    """Before and after, what was carried, and the customer."""
    id = pascal(fake)

    update = client.update(id, phone="+2", extra={"tier": "silver"})

    assert fake.requests[-1].json == {**PASCAL, "Phone": "+2", "Tier": "silver"}
    assert update.changes == {
        "phone": caibo.Change("+1", "+2"),
        "tier": caibo.Change("gold", "silver"),
    }
    assert (update.carried, update.customer.phone, update.customer.id) == ((), "+2", ID)


def test_clearing_clears(client: Face, fake: FakeCaibo) -> None:
    """An erasure is not told as done because nothing is there under our spelling."""
    id = pascal(fake)

    update = client.update(id, phone=None)

    assert (update.outcome, fake.requests[-1].json) == ("accepted", {**PASCAL, "Phone": None})


def test_what_it_has_already_is_not_written(client: Face, fake: FakeCaibo) -> None:
    """In any spelling of the name."""
    update = client.update(pascal(fake), phone="+1", extra={"TIER": "gold"})

    assert (update.outcome, methods(fake)) == ("unchanged", ["GET"])


@pytest.mark.parametrize("expect", [{"phone": "+1"}, {"tier": "gold"}, {"id": ID}])
def test_an_expectation_sees_it(client: Face, fake: FakeCaibo, expect: Any) -> None:
    """Fields, members outside the contract, and what the gateway owns."""
    id = pascal(fake)

    assert client.update(id, expect=expect, name="N").outcome == "accepted"
    with pytest.raises(caibo.ConflictError):
        client.update(id, expect=dict.fromkeys(expect, "other"), name="N")


def test_a_plan_an_edit_and_a_draft_see_it(client: Face, fake: FakeCaibo) -> None:
    """Also a plan that was stored, applied on a record that is spelt otherwise by then."""
    id = pascal(fake)
    plan = client.plan(id, phone=None, extra={"TIER": "silver"})
    with client.edit(id) as draft:
        assert draft.phone == "+1"
        draft.phone = "+3"
        assert draft.phone == "+3"
    assert fake.requests[-1].json == {**PASCAL, "Phone": "+3"}

    fake.add_document({name.lower(): value for name, value in PASCAL.items()})
    client.apply(caibo.Plan.from_json(plan.to_json()))

    assert (plan.document["Phone"], plan.document["Tier"]) == (None, "silver")
    assert fake.requests[-1].json == {
        **{name.lower(): value for name, value in PASCAL.items()},
        "phone": None,
        "tier": "silver",
    }


def test_a_record_read_back_in_another_case_is_the_same(client: Face, fake: FakeCaibo) -> None:
    """And so is one that the gateway answers with."""
    id = fake.add_customer(id=ID)
    body = b'{"ID":%d,"NAME":"N","EMAIL":"e","PHONE":"+2"}' % ID
    fake.on_request = lambda request: (
        fake.fail_next(200, body=body, method="GET") if request.method == "PUT" else None
    )

    update = client.update(id, phone="+2", confirm=True)

    assert (update.outcome, update.customer.phone) == ("confirmed", "+2")


def test_an_answer_in_another_case_is_the_record(client: Face, fake: FakeCaibo) -> None:
    """It is whole if each member that was sent is there."""
    id = pascal(fake)
    fake.take_fault("PUT")
    lower = {name.lower(): value for name, value in PASCAL.items()}
    body = str(caibo.Document({**lower, "phone": "2", "more": 1})).encode()
    fake.fail_next(200, body=body, method="PUT")

    update = client.update(id, phone="+2")

    assert (update.customer.phone, update.customer.document["more"]) == ("2", 1)


def test_inside_objects_names_are_exact(client: Face, fake: FakeCaibo) -> None:
    """What is there is not the vendor's own kind of object."""
    id = pascal(fake, Prefs={"A": 1, "a": 2})

    client.update(id, extra={"prefs": {"a": 3, "B": 4}})

    assert fake.requests[-1].json["Prefs"] == {"A": 1, "a": 3, "B": 4}


@pytest.mark.parametrize(
    ("more", "extra", "reason"),
    [
        ({"phone": "2"}, {}, "Phone stands there in several spellings: Phone, phone"),
        ({"iD": ID}, {}, "Id stands there in several spellings: Id, iD"),
        ({"tier": 1}, {"TIER": 2}, "Tier stands there in several spellings: Tier, tier"),
    ],
)
def test_two_spellings_are_refused(
    client: Face, fake: FakeCaibo, more: Any, extra: Any, reason: str
) -> None:
    """Of a member of the contract, or of one that is addressed: nobody knows which is meant."""
    id = pascal(fake, **more)

    with pytest.raises(caibo.MalformedResponseError, match=reason):
        client.update(id, extra=extra, name="N")

    assert methods(fake) == ["GET"]


def test_two_spellings_of_another_member_go_back(client: Face, fake: FakeCaibo) -> None:
    """Nobody addressed them."""
    id = pascal(fake, tier=1)

    client.update(id, name="N")

    assert fake.requests[-1].json == {**PASCAL, "tier": 1, "Name": "N"}


def test_two_spellings_cannot_be_asked_for(client: Face, fake: FakeCaibo) -> None:
    """Nor planned, nor expected of a record that has two, nor written as a whole."""
    message = "one member in several spellings: tier, Tier"
    with pytest.raises(caibo.InvalidChangesError, match=message):
        client.update(1, extra={"tier": 1, "Tier": 2})
    with pytest.raises(caibo.InvalidChangesError, match=r"document\['name'\]: stands there in"):
        client.replace(1, {"name": "A", "email": "a@b.c", "Name": "B"})
    id = pascal(fake)
    plan = client.plan(id, extra={"tier": 1}).to_json().replace('"tier":1', '"tier":1,"Tier":2')
    with pytest.raises(caibo.InvalidChangesError, match="is not what Plan"):
        caibo.Plan.from_json(plan)
    fake.add_document({**PASCAL, "tier": 2}, id=id)
    with pytest.raises(caibo.MalformedResponseError, match="several spellings"):
        client.update(id, expect={"tier": "gold"}, name="N")
    with pytest.raises(caibo.InvalidChangesError, match=r"current\['Tier'\]: stands there in"):
        client.update(id, current=fake.document(id), expect={"tier": "gold"}, name="N")

    assert "PUT" not in methods(fake)


def test_a_whole_record_may_be_spelt_in_any_case(client: Face, fake: FakeCaibo) -> None:
    """It is sent as it is, and its limits hold."""
    fake.fail_next(200, method="PUT")

    client.replace(ID, PASCAL)
    with pytest.raises(caibo.InvalidChangesError, match="phone: has 21 characters"):
        client.replace(ID, {**PASCAL, "Phone": "0" * 21})

    assert [request.json for request in fake.requests] == [PASCAL]
