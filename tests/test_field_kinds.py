"""A field of any kind works from its ruling on: no verb, no face and no gateway needs a line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import contracts
import fields
import pytest
from faces import Face, methods
from field_kinds import AN_ADDRESS, KINDS, NEWER, NEWER_SCHEMAS, SCHEMAS, Kind

import caibo
from caibo._record import contract as rules
from caibo.testing import FakeCaibo

ALL = [(wire, kind, "3.0") for wire, kind in KINDS.items()]
ALL += [(wire, kind, "3.1") for wire, kind in NEWER.items()]
IDS = [f"{wire}, {version}" for wire, _, version in ALL]
#: What others have in the record, which is not addressed.
BEFORE = {"billing": {"street": "Way 0", "city": "Oulu", "more": 1.50}}
TOLD = [
    pytest.param(wire, place, value, version, id=f"{place}, {version}")
    for wire, kind, version in ALL
    for place, value in kind.refused.items()
]


@pytest.fixture(autouse=True)
def contract(request: pytest.FixtureRequest) -> Iterator[None]:
    """Rule that callers set each of them, in the version of OpenAPI that a test is about."""
    callspec = getattr(request.node, "callspec", None)
    version = callspec.params.get("version", "3.0") if callspec else "3.0"
    kinds = KINDS if version == "3.0" else NEWER
    ruled = {wire: {**kind.schema, "readOnly": False} for wire, kind in kinds.items()}
    schemas = SCHEMAS if version == "3.0" else NEWER_SCHEMAS
    with contracts.packaged(contracts.more(ruled, schemas)):
        yield


@pytest.mark.parametrize(("wire", "kind", "version"), ALL, ids=IDS)
def test_it_goes_from_a_ruling_to_an_update(
    client: Face, fake: FakeCaibo, wire: str, kind: Kind, version: str
) -> None:
    """As Python's own value where there is one, and it is read as that again."""
    name = rules.field_name(wire)
    id = fake.add_customer(**({} if isinstance(kind.json, dict) else {name: None}))

    update = client.update(id, **{name: kind.given})

    sent = fake.requests[-1].json[wire]
    assert {**sent, **kind.json} == sent if isinstance(sent, dict) else sent == kind.json
    assert list(update.changes) == [name]
    read = getattr(client.get(id), name)
    assert {**read, **kind.value} == read if isinstance(read, dict) else read == kind.value
    assert type(read) in (type(kind.value), Decimal, dict)


@pytest.mark.parametrize(("wire", "place", "value", "version"), TOLD)
def test_what_the_contract_does_not_take_is_refused_by_place(
    client: Face, fake: FakeCaibo, wire: str, place: str, value: Any, version: str
) -> None:
    """Before any request; the gateway would refuse it, too."""
    id = fake.add_customer()

    with pytest.raises(caibo.InvalidChangesError) as caught:
        client.update(id, **{rules.field_name(wire): value})

    assert [problem.field for problem in caught.value.problems] == [place]
    assert "03/02" not in str(caught.value)
    assert fake.requests == []


@pytest.mark.parametrize(("wire", "place", "value", "version"), TOLD)
def test_the_fake_refuses_it_as_well(
    client: Face, fake: FakeCaibo, wire: str, place: str, value: Any, version: str
) -> None:
    """So that a test of somebody who does without our checks shows it."""
    id = fake.add_customer()
    given = {rules.field_name(wire): value}

    with pytest.raises((caibo.BadRequestError, caibo.InvalidChangesError)) as caught:
        client.wait(client.caibo.with_options(validate=False).customers.update, id, **given)

    assert isinstance(caught.value, caibo.BadRequestError) or isinstance(value, datetime)


@pytest.mark.parametrize("name", ["pickup", "anything"])
def test_null_clears_what_may_be_null(client: Face, fake: FakeCaibo, name: str) -> None:
    """In whichever way the contract says that it may."""
    id = fake.add_customer()

    client.update(id, **{name: None})

    assert fake.document(id)[name] is None


def test_an_object_is_merged_member_by_member(client: Face, fake: FakeCaibo) -> None:
    """What it does not name stays, with its text, also what the contract does not know."""
    id = fake.add_customer(**BEFORE)

    client.update(id, billing={"street": "Way 1", "since": date(2026, 1, 31)})

    assert b'"more":1.5' in fake.requests[-1].body
    assert fake.document(id)["billing"] == {
        "street": "Way 1", "city": "Oulu", "more": 1.5, "since": "2026-01-31",
    }  # fmt: skip


def test_everything_at_once_on_a_socket(wire: Face, fake: FakeCaibo) -> None:
    """Update, get, plan, apply, edit, expect and replace."""
    id = fake.add_customer()
    given = {rules.field_name(name): kind.given for name, kind in KINDS.items()}
    now: Any = {}

    wire.update(id, **given)
    customer = wire.get(id)
    for name in given:
        now[name] = getattr(customer, name)
    expected = wire.update(id, phone="1", expect=now)
    plan = wire.plan(id, birth_date=date(2000, 1, 1), loyalty_points=4, expect=now)
    applied = wire.apply(caibo.Plan.from_json(plan.to_json()))
    with wire.edit(id) as draft:
        untyped: Any = draft
        untyped.billing = {"street": "Way 9"}
        untyped.billing = {"city": "Turku"}
        untyped.is_business = True
        untyped.renews_at = untyped.renews_at
        assert untyped.billing["street"] == "Way 9"
    replaced = wire.replace(id, {**fake.document(id), "birthDate": date(2001, 1, 1)})

    assert expected.outcome == applied.outcome == replaced.outcome == "accepted"
    assert list(draft.update.changes) == ["billing", "is_business"]
    assert fake.document(id)["billing"] == {
        **customer.document["billing"],
        "street": "Way 9",
        "city": "Turku",
    }
    assert fake.document(id)["birthDate"] == "2001-01-01"
    assert "PUT" in methods(fake)


def test_an_expectation_is_held_against_the_value(client: Face, fake: FakeCaibo) -> None:
    """Two spellings of one moment are the same; another one is a conflict."""
    id = fake.add_customer(renewsAt="2026-01-31T09:30:00.1234567+02:00")
    moment = getattr(client.get(id), "renews_at")  # noqa: B009 - no checker knows it

    client.update(id, phone="1", expect={"renews_at": moment})

    with pytest.raises(caibo.ConflictError):
        client.update(id, phone="2", expect={"renews_at": moment.replace(year=2027)})


def test_nothing_is_set_inside_what_a_draft_shows(client: Face, fake: FakeCaibo) -> None:
    """It is a copy, and would be lost."""
    with client.edit(fake.add_customer()) as draft:
        untyped: Any = draft
        with pytest.raises(caibo.InvalidChangesError, match=r"draft\.FIELD = "):
            untyped.billing["city"] = "Turku"
        with pytest.raises(caibo.InvalidChangesError, match=r"draft\.FIELD = "):
            untyped.tags.append("a")


def test_what_is_as_it_was_is_not_written(client: Face, fake: FakeCaibo) -> None:
    """Also where Python's value has fewer digits than the record, or no offset."""
    id = fake.add_customer(renewsAt="2026-01-31T09:30:00.1234567")

    with client.edit(id) as draft:
        untyped: Any = draft
        untyped.renews_at = untyped.renews_at

    assert draft.update.outcome == "unchanged"


def test_a_broken_value_can_be_healed(client: Face, fake: FakeCaibo) -> None:
    """Reading it raises; setting it does not."""
    id = fake.add_customer(birthDate="03/02/1990")

    with pytest.raises(caibo.MalformedResponseError, match="birthDate should be an ISO 8601 date"):
        getattr(client.get(id), "birth_date")  # noqa: B009
    with client.edit(id) as draft:
        untyped: Any = draft
        untyped.birth_date = date(1990, 2, 3)

    assert fake.document(id)["birthDate"] == "1990-02-03"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"birth_date": datetime(2026, 1, 31)}, r"use \.date\(\)"),  # noqa: DTZ001
        ({"renews_at": date(2026, 1, 31)}, r"use datetime\("),
        ({"renews_at": datetime(2026, 1, 31)}, "no offset from UTC"),  # noqa: DTZ001
        ({"birth_date": "2026-02-30"}, "text such as 2026-01-31"),
        ({"renews_at": "tomorrow"}, "text such as 2026-01-31T09:30:00Z"),
        ({"nick_name": date(2026, 1, 31)}, "JSON has no form for"),
        ({"create_date": date(2026, 1, 31)}, "is set by the gateway"),
        ({"shipping": {"since": datetime(2026, 1, 31)}}, r"use \.date\(\)"),  # noqa: DTZ001
    ],
    ids=str,
)
def test_a_date_that_is_none_is_told_with_its_remedy(
    client: Face, fake: FakeCaibo, given: dict[str, Any], message: str
) -> None:
    """A field that takes dates says in which form, to a draft as well."""
    id = fake.add_customer()

    with pytest.raises(caibo.InvalidChangesError, match=message):
        client.update(id, **given)
    with client.edit(id) as draft, pytest.raises(caibo.InvalidChangesError, match=message):
        setattr(draft, *next(iter(given.items())))


class TestRequired:
    """Required fields of other kinds do not stop an update of something else."""

    @pytest.fixture(autouse=True)
    def required(self, contract: None) -> Iterator[None]:
        said = {"isActive": {"type": "boolean"}, "loginCount": {"type": "integer"}}
        ruled = {wire: {**rule, "readOnly": False} for wire, rule in said.items()}
        ruled["home"] = {**AN_ADDRESS, "readOnly": False}
        document = contracts.more(ruled, SCHEMAS, required=tuple(ruled))
        with contracts.packaged(document):
            yield

    @pytest.mark.parametrize("members", [{}, {"isActive": False, "loginCount": 0}], ids=repr)
    @pytest.mark.parametrize("named", [True, False], ids=["with id", "without id"])
    def test_a_record_that_has_them_is_updated(
        self, client: Face, fake: FakeCaibo, members: dict[str, Any], named: bool
    ) -> None:
        """They go back as they came."""
        id = fake.add_customer(**members)
        if not named:
            document = fake.document(id)
            del document["id"]
            fake.add_document(document, id=id)

        client.update(id, phone="1")

        assert members.items() <= fake.requests[-1].json.items()

    def test_what_the_gateway_spells_otherwise_goes_back_to_it(
        self, client: Face, fake: FakeCaibo
    ) -> None:
        """It knows what it takes; this one does not."""
        id = fake.add_customer(isActive="true", loginCount="17")

        with pytest.raises(caibo.BadRequestError, match="is_active: The JSON value could not"):
            client.update(id, phone="1")

        assert fake.requests[-1].json["loginCount"] == "17"
        assert getattr(client.get(id), "login_count") == 17  # noqa: B009

    def test_one_that_is_null_is_asked_for(self, client: Face, fake: FakeCaibo) -> None:
        """As for a string: the gateway would refuse it."""
        id = fake.add_customer(isActive=None)

        with pytest.raises(caibo.MalformedResponseError, match="must be true or false and is null"):
            client.update(id, phone="1")

        client.update(id, is_active=True)

        assert fake.document(id)["isActive"] is True


class TestNames:
    """A name that Python cannot have, or that is taken, gets one near it."""

    @pytest.mark.parametrize(
        ("wire", "name"),
        [
            ("VATNumber", "vat_number"),
            ("class", "class_"),
            ("eTag", "e_tag"),
            ("etag", "etag_"),
            ("extra", "extra_"),
            ("x-tier", "x_tier"),
            ("_links", "links"),
            ("2ndEmail", "field_2nd_email"),
            ("línea", "línea"),
        ],
    )
    def test_it_is_a_keyword_and_an_attribute(
        self, client: Face, fake: FakeCaibo, wire: str, name: str
    ) -> None:
        """For `update`, for `Customer`, and for the fake."""
        said = {wire: {"type": "string", "readOnly": False}}
        with contracts.packaged(contracts.more(said)):
            id = fake.add_customer(**{name: "before"})
            client.update(id, **{name: "after"})

            assert fake.document(id)[wire] == "after"
            assert getattr(client.get(id), name) == "after"

    def test_two_of_one_name_are_refused_when_generating(self) -> None:
        """Nobody could say which is meant."""
        said = {name: {"type": "string", "readOnly": False} for name in ("e-mail", "e_mail")}

        with pytest.raises(ValueError, match="are both named 'e_mail' in Python"):
            fields.module(contracts.more(said), {})
