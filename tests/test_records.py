"""`Customer`: a record by this package's names."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from faces import Face

import caibo
from caibo.testing import FakeCaibo

WHOLE = (
    '{"id":16772748432912191,"ownerId":1,"userId":9007199254740993,"ownerName":"O","name":"Ada",'
    '"email":"ada@example.com","address":"A","phone":"+1","memberId":"M","hasPaymentRequests":true,'
    '"totalDeposits":79228162514264.3375935439,"createDate":"2024-03-05T09:30:12.1234567Z"}'
)
OPTIONAL = [
    "id",
    "owner_id",
    "user_id",
    "owner_name",
    "address",
    "phone",
    "member_id",
    "has_payment_requests",
    "total_deposits",
    "create_date",
]
WIRE = {
    "id": "id", "owner_id": "ownerId", "user_id": "userId", "owner_name": "ownerName",
    "name": "name", "email": "email", "address": "address", "phone": "phone",
    "member_id": "memberId", "has_payment_requests": "hasPaymentRequests",
    "total_deposits": "totalDeposits", "create_date": "createDate",
}  # fmt: skip


def customer(**members: object) -> caibo.Customer:
    return caibo.Customer({"name": "Ada", "email": "ada@example.com", **members})


class TestReading:
    def test_every_field_has_its_type(self, client: Face, fake: FakeCaibo) -> None:
        """Every digit is kept; a fraction of a second is cut to microseconds."""
        ada = client.get(fake.add_document(WHOLE))

        assert {name: getattr(ada, name) for name in WIRE} == {
            "id": 16772748432912191,
            "owner_id": 1,
            "user_id": 9007199254740993,
            "owner_name": "O",
            "name": "Ada",
            "email": "ada@example.com",
            "address": "A",
            "phone": "+1",
            "member_id": "M",
            "has_payment_requests": True,
            "total_deposits": Decimal("79228162514264.3375935439"),
            "create_date": datetime(2024, 3, 5, 9, 30, 12, 123456, tzinfo=UTC),
        }
        assert str(ada.document) == WHOLE

    @pytest.mark.parametrize("name", OPTIONAL)
    def test_absent_and_null_are_none(self, name: str) -> None:
        """Whoever needs to tell them apart has `document`."""
        values = [getattr(customer(), name), getattr(customer(**{WIRE[name]: None}), name)]

        assert values == [None, None]

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("2024-03-05T09:30:12Z", datetime(2024, 3, 5, 9, 30, 12, tzinfo=UTC)),
            ("2024-03-05T09:30:12.1", datetime(2024, 3, 5, 9, 30, 12, 100000)),  # noqa: DTZ001
            (
                "2024-03-05T09:30:12+05:30",
                datetime(2024, 3, 5, 9, 30, 12, tzinfo=timezone(timedelta(hours=5.5))),
            ),
        ],
    )
    def test_a_date_has_the_offset_that_came(self, text: str, value: datetime) -> None:
        """None is made up."""
        found = customer(createDate=text).create_date

        assert found is not None
        assert (found, found.tzinfo) == (value, value.tzinfo)

    @pytest.mark.parametrize(
        ("text", "value"),
        [("100.00", "100.00"), ("100", "100"), ("-0", "0"), ("1E400", "1E400"),
         ("9" * 5000, "9" * 5000)],
        ids=["fraction", "integer", "zero", "exponent", "long"],
    )  # fmt: skip
    def test_a_sum_is_a_decimal(self, text: str, value: str) -> None:
        """However the gateway spells it."""
        ada = caibo.Customer(caibo.Document.parse(f'{{"totalDeposits":{text}}}'))

        assert str(ada.total_deposits) == str(Decimal(value))

    @pytest.mark.parametrize("name", ["id", "owner_id", "user_id"])
    @pytest.mark.parametrize(
        ("text", "value"),
        [("12345.0", 12345), ("1.2345e4", 12345), (f'"{2**63 - 1}"', 2**63 - 1), ('"-7"', -7),
         ("0", 0)],
    )  # fmt: skip
    def test_a_whole_number_is_an_int(self, name: str, text: str, value: int) -> None:
        """Also one that came as a string, as long ids do where JavaScript may read them."""
        ada = caibo.Customer(caibo.Document.parse(f'{{"{WIRE[name]}":{text}}}'))

        assert (getattr(ada, name), type(getattr(ada, name))) == (value, int)

    @pytest.mark.parametrize("text", ["100.00", "-0.10", "1E+2", "7"])
    def test_a_sum_may_come_as_a_string(self, text: str) -> None:
        """Django REST framework and pydantic write decimals so."""
        assert str(customer(totalDeposits=text).total_deposits) == text

    def test_a_member_is_found_in_any_case(self) -> None:
        """As .NET writes them in one setting or another; errors name it as it came."""
        ada = caibo.Customer({"Id": 7, "NAME": "Ada", "Phone": "+1", "memberid": 7})

        assert (ada.id, ada.name, ada.phone) == (7, "Ada", "+1")
        assert repr(ada).startswith("Customer(id=7, name='A…'")
        with pytest.raises(caibo.MalformedResponseError, match=r"document\['memberid'\] has it"):
            _ = ada.member_id

    @pytest.mark.parametrize(
        ("name", "value", "reason"),
        [
            ("id", "7x", r"id should be an integer \(found: string\)"),
            ("owner_id", "07", r"ownerId should be an integer \(found: string\)"),
            ("owner_id", Decimal("7.5"), r"ownerId should be an integer \(found: number\)"),
            ("user_id", True, r"userId should be an integer \(found: boolean\)"),
            ("owner_name", 7, r"ownerName should be a string \(found: number\)"),
            ("name", None, r"name should be a string \(found: null\)"),
            ("email", ["x"], r"email should be a string \(found: array\)"),
            ("address", {"city": "X"}, r"address should be a string \(found: object\)"),
            ("phone", 7, r"phone should be a string \(found: number\)"),
            ("member_id", 7, r"memberId should be a string \(found: number\)"),
            ("has_payment_requests", "yes", r"hasPaymentRequests should be true or false"),
            ("has_payment_requests", 1, r"hasPaymentRequests should be true or false"),
            ("total_deposits", "1,000", r"totalDeposits should be a number \(found: string\)"),
            (
                "total_deposits",
                f"1E{'9' * 30}",
                r"totalDeposits should be a number \(found: string",
            ),
            ("total_deposits", True, r"totalDeposits should be a number \(found: boolean\)"),
            ("create_date", "yesterday", r"createDate should be an ISO 8601 date and time"),
            ("create_date", 1709631012, r"createDate should be a string \(found: number\)"),
        ],
    )
    def test_a_value_of_another_type_spoils_only_itself(
        self, client: Face, fake: FakeCaibo, name: str, value: object, reason: str
    ) -> None:
        """The other fields are there, and an update of one of them still goes."""
        members = {"id": 7, "name": "N", "email": "e@x.y", "phone": "1"}
        odd = caibo.Customer({**members, WIRE[name]: value})

        with pytest.raises(caibo.MalformedResponseError, match=reason):
            getattr(odd, name)

        others = WIRE.keys() - {name}
        assert {n: getattr(odd, n) for n in others} == {n: members.get(n) for n in others}
        assert odd.document[WIRE[name]] == value

    @pytest.mark.parametrize(
        "members",
        [{"totalDeposits": "100.00"}, {"createDate": "yesterday"}, {"hasPaymentRequests": 1},
         {"ownerName": [7]}],
    )  # fmt: skip
    def test_such_a_record_can_still_be_updated(
        self, client: Face, fake: FakeCaibo, members: dict[str, object]
    ) -> None:
        """What nobody addressed is not decoded."""
        id = fake.add_document({"name": "N", "email": "e@x.y", **members})

        client.update(id, phone="1")

        assert fake.document(id).items() >= {**members, "phone": "1"}.items()

    def test_a_missing_name_is_said_to_be_missing(self) -> None:
        """The message names the customer by id only."""
        with pytest.raises(caibo.MalformedResponseError) as caught:
            _ = caibo.Customer({"id": 7, "email": "ada@example.com"}).name

        assert str(caught.value) == (
            "customer 7: name should be a string (found: missing); "
            "customer.document['name'] has it as it came"
        )


class TestShowing:
    def test_the_repr_masks_personal_values(self) -> None:
        """Enough to recognise a customer in a log, and no more."""
        ada = caibo.Customer(caibo.Document.parse(WHOLE))

        assert repr(ada) == (
            "Customer(id=16772748432912191, name='A…', email='a…@example.com', "
            "address='A…', phone='+…')"
        )

    @pytest.mark.parametrize(
        ("members", "shown"),
        [
            ({"id": "ada@example.com"}, "id='a…@example.com'"),
            ({"id": {"x": "secret"}}, "id=…"),
            ({"name": ["secret"]}, "name=…"),
            ({"name": "call me @ 555 secret"}, "name='c…'"),
            ({"email": "a@b@secret"}, "email='a…'"),
            ({"name": "\x1b[2Jsecret"}, r"name='\x1b…'"),
            ({"name": "\ud800"}, r"name='\ud800…'"),
            ({"name": ""}, "name='…'"),
            ({"name": "x", "ownerName": "secret", "more": "secret"}, "name='x…'"),
            ({"phone": None}, "phone=None"),
        ],
    )
    def test_a_strange_value_is_masked_as_well(self, members: Any, shown: str) -> None:
        """Whatever the gateway put there."""
        text = caibo.Document.parse(_ascii(members))

        assert shown in repr(caibo.Customer(text))
        assert "secret" not in repr(caibo.Customer(text)) + repr(text)

    def test_the_id_in_a_message_is_masked_unless_it_is_one(self) -> None:
        """A gateway may put anything there."""
        with pytest.raises(caibo.MalformedResponseError, match=r"^customer 'a…@example.com': id"):
            _ = caibo.Customer({"id": "ada@example.com"}).id


class TestBeingAValue:
    @pytest.mark.parametrize("name", [*WIRE, "document", "other"])
    def test_it_is_frozen(self, name: str) -> None:
        """Changes go through the client."""
        with pytest.raises(AttributeError):
            setattr(customer(), name, "x")

    def test_equal_records_are_equal(self) -> None:
        """By value, not by spelling, and usable in sets."""
        one = caibo.Customer(caibo.Document.parse('{"name":"\\u00e9","x":100.00}'))
        two = caibo.Customer(caibo.Document.parse('{ "x" : 1E2, "name" : "é" }'))

        assert {one, two} == {one}
        assert one != caibo.Customer({"name": "é"})
        assert one != dict(one.document)

    @pytest.mark.parametrize(
        "again", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
    )
    def test_copies_keep_the_text(self, again: Any) -> None:
        """Also a pickle, which holds the record."""
        ada = caibo.Customer(caibo.Document.parse(WHOLE))

        assert again(ada) == ada
        assert str(again(ada).document) == WHOLE

    def test_a_change_shows_no_values(self) -> None:
        """It has them as attributes."""
        change = caibo.Change("ada@example.com", {"x": "secret"})

        assert repr(change) == "Change('a…@example.com' → …)"
        assert (change.before, change.after) == ("ada@example.com", {"x": "secret"})


def _ascii(members: Any) -> str:
    import json

    return json.dumps(members)
