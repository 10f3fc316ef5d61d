"""What is refused before any request, and with which words; what the gateway would take is not."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from faces import Connect, Face
from hypothesis import example, given
from hypothesis import strategies as st

import caibo
from caibo.testing import FakeCaibo

text = st.text(st.characters(exclude_categories=["Cs"]))
longish = st.integers(0, 300).flatmap(lambda n: st.sampled_from(["x" * n, "😀" * n, "é" * n]))
mail = st.from_regex(r"[a@.é]{0,4}", fullmatch=True) | st.just("a@" + "b" * 98)
anything = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | text
    | longish
    | mail
    | st.lists(text, max_size=2)
    | st.dictionaries(text, text, max_size=2)
)
FIELDS = ("name", "email", "address", "phone", "member_id")
changes = st.dictionaries(st.sampled_from(FIELDS), anything, min_size=1)


def problems(client: Face, **options: Any) -> tuple[caibo.Problem, ...]:
    with pytest.raises(caibo.InvalidChangesError) as caught:
        client.update(1, **options)
    return caught.value.problems


class Odd:
    """Whatever is asked of it, it raises."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("s3cret")

    __index__ = __str__ = __repr__ = __len__ = __iter__ = __bool__ = lambda self: self.x


class TestLimits:
    @given(changes=changes)
    @example(changes={"email": "a@b", "name": "", "phone": "x" * 20, "address": None})
    @example(changes={"email": "a@b@c"})
    def test_they_are_those_of_the_gateway(
        self, connect: Connect, client: Face, fake: FakeCaibo, changes: dict[str, Any]
    ) -> None:
        """What it would take is never refused, and what it would not is, before any request."""
        id = fake.add_document({"name": "N", "email": "old@example.com"})
        taken = True
        try:
            connect(validate=False).update(id, **changes)
        except caibo.BadRequestError:
            taken = False
        fake.add_document({"name": "N", "email": "old@example.com"}, id=id)
        before = len(fake.requests)

        try:
            client.update(id, **changes)
        except caibo.InvalidChangesError:
            assert not taken
            assert len(fake.requests) == before
        else:
            assert taken

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"name": None}, "name: is required and cannot be cleared; leave it out to keep it"),
            ({"email": None}, "email: is required and cannot be cleared"),
            ({"name": "x" * 101}, "name: has 101 characters, at most 100 are allowed"),
            ({"phone": "0" * 21}, "phone: has 21 characters, at most 20 are allowed"),
            ({"member_id": 1001}, r"member_id: expected a string, not number; use str\(\) first"),
            ({"phone": ["1"]}, "phone: expected a string, not array"),
            ({"name": {"first": "A"}}, "name: expected a string, not object"),
            ({"name": True}, "name: expected a string, not boolean"),
            ({"email": "none"}, "email: expected an e-mail address, with one @ inside"),
            ({"email": ""}, "email: expected an e-mail address"),
            ({"email": "@b.c"}, "email: expected an e-mail address"),
            ({"email": "a@"}, "email: expected an e-mail address"),
            ({"email": b"a@b.c"}, "email: is of type bytes, which JSON has no form for"),
            ({"name": "\ud800"}, "name: holds half of a surrogate pair"),
        ],
    )
    def test_the_message_names_the_field_and_the_limit(
        self, client: Face, fake: FakeCaibo, changes: Any, reason: str
    ) -> None:
        """Nothing was sent."""
        with pytest.raises(caibo.InvalidChangesError, match=f"^{reason}"):
            client.update(1, **changes)

        assert fake.requests == []

    @pytest.mark.parametrize(
        "call",
        [
            lambda c, odd: c.get(odd),
            lambda c, odd: c.update(1, phone=odd),
            lambda c, odd: c.update(1, extra={"x": [odd]}),
            lambda c, odd: c.update(1, extra=odd),
            lambda c, odd: c.replace(1, odd),
        ],
        ids=["id", "field", "in extra", "extra", "document"],
    )
    def test_what_a_value_raises_when_it_is_looked_at_stays_inside(
        self, client: Face, fake: FakeCaibo, call: Callable[[Face, Any], object]
    ) -> None:
        """A proxy of another library's may raise anything, with a value in it."""
        with pytest.raises(caibo.CaiboError) as caught:
            call(client, Odd())

        assert "s3cret" not in f"{caught.value!r} {caught.value}"
        assert fake.requests == []

    def test_without_validation_the_gateway_decides(
        self, connect: Connect, fake: FakeCaibo
    ) -> None:
        """Its own answer says what is wrong."""
        id = fake.add_customer()

        with pytest.raises(caibo.BadRequestError) as caught:
            connect(validate=False).update(id, phone="0" * 21, email="none")

        assert list(caught.value.field_errors) == ["email", "phone"]
        assert fake.requests[-1].json["phone"] == "0" * 21

    def test_without_validation_names_and_json_still_count(
        self, connect: Connect, fake: FakeCaibo
    ) -> None:
        """There is no way to send those."""
        found = problems(connect(validate=False), emial="x", phone={1})

        assert [problem.field for problem in found] == ["emial", "phone"]
        assert fake.requests == []

    def test_members_that_nobody_addressed_are_not_looked_at(
        self, client: Face, fake: FakeCaibo
    ) -> None:
        """The gateway has them already, and so it must take them."""
        id = fake.add_document({"name": "x" * 200, "email": "none", "phone": 7})
        fake.fail_next(200, method="PUT")

        assert client.update(id, address="A").outcome == "accepted"


class TestNames:
    @pytest.mark.parametrize(
        ("name", "suggestion"),
        [
            ("emial", "email"),
            ("mail", "email"),
            ("e_mail", "email"),
            ("phone_number", "phone"),
            ("email_address", "email"),
            ("adress", "address"),
            ("full_name", "name"),
            ("memberID", "member_id"),
            ("memberId", "member_id"),
            ("MEMBERID", "member_id"),
            ("Email", "email"),
        ],
    )
    def test_a_name_that_is_nearly_right_is_suggested(
        self, client: Face, fake: FakeCaibo, name: str, suggestion: str
    ) -> None:
        """Misspelt, in another case, or as on the wire."""
        [problem] = problems(client, **{name: "x"})

        assert (problem.field, problem.suggestion) == (name, suggestion)
        assert f"`{suggestion}`" in problem.message
        assert fake.requests == []

    @pytest.mark.parametrize("name", ["zzz", "", "a b", "é"])
    def test_any_other_name_gets_the_list_of_them(
        self, client: Face, fake: FakeCaibo, name: str
    ) -> None:
        """And the way for members outside the contract."""
        [problem] = problems(client, **{name: "x"})

        assert problem.suggestion is None
        assert "there are name, email, address, phone, member_id; a member" in problem.message
        assert f"extra={{{name!r}: …}}" in problem.message
        assert fake.requests == []

    @pytest.mark.parametrize(
        ("name", "wire"),
        [
            ("preferences", "preferences"),
            ("date_of_birth", "dateOfBirth"),
            ("dateOfBirth", "dateOfBirth"),
            ("billing_address", "billingAddress"),
            ("status", "status"),
            ("country", "country"),
        ],
    )
    def test_a_name_from_the_vendors_page_alone_gets_its_own_hint(
        self, client: Face, fake: FakeCaibo, name: str, wire: str
    ) -> None:
        """The page lists it as updatable, and the contract refuses it."""
        [problem] = problems(client, **{name: "x"})

        assert "on the vendor's page and not in its contract" in problem.message
        assert f"extra={{{wire!r}: …}}" in problem.message
        assert fake.requests == []

    @pytest.mark.parametrize(
        "name",
        ["id", "owner_id", "user_id", "owner_name", "has_payment_requests", "total_deposits",
         "create_date", "ownerId", "ID", "createDate"],
    )  # fmt: skip
    def test_what_the_gateway_owns_is_refused(
        self, client: Face, fake: FakeCaibo, name: str
    ) -> None:
        """By either name."""
        [problem] = problems(client, **{name: 1})

        assert (problem.field, problem.suggestion) == (name, None)
        assert "is set by the gateway" in problem.message
        assert fake.requests == []

    def test_an_address_as_object_gets_its_one_line(self, client: Face, fake: FakeCaibo) -> None:
        """The vendor's own example sends one; the joined line is data, so it is not shown."""
        parts = {"street": "456 New Street", "city": "San Francisco", "state": "", "zipCode": 94105,
                 "country": None}  # fmt: skip

        [problem] = problems(client, address=parts)

        assert problem.suggestion == "456 New Street, San Francisco, 94105"
        assert 'address="<street>, <city>, <state>, <zipCode>, <country>"' in problem.message
        assert "San Francisco" not in repr(problem) + str(problem)
        assert fake.requests == []

    def test_several_problems_come_together(self, client: Face, fake: FakeCaibo) -> None:
        """One error has one for each field, in the order of the call."""
        with pytest.raises(caibo.InvalidChangesError) as caught:
            client.update(1, emial="x", name=None, owner_id=1, phone="1", extra={"x": {1}})

        fields = [problem.field for problem in caught.value.problems]
        assert fields == ["emial", "name", "owner_id", "extra['x']"]
        assert str(caught.value).startswith("4 problems, nothing was sent:\n  emial: ")
        assert fake.requests == []


class Index:
    """An integer of another library, such as numpy's."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __index__(self) -> int:
        return self._number


CALLS: dict[str, Any] = {
    "get": lambda client, wrong: client.get(wrong),
    "update": lambda client, wrong: client.update(wrong, phone="1"),
    "replace": lambda client, wrong: client.replace(wrong, {"name": "A", "email": "a@b.c"}),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
class TestIds:
    @pytest.mark.parametrize(
        ("id", "reason"),
        [
            ("12345", r"expected an int, not str; convert it with int\(\)"),
            ("abc", "expected an int, not str$"),
            ("", "expected an int, not str$"),
            (True, "expected an int, not bool"),
            (7.0, "expected an int, not float"),
            (None, "expected an int, not NoneType"),
            (2**63, "beyond the 64 bits"),
            (-(2**63) - 1, "beyond the 64 bits"),
            (10**400, "beyond the 64 bits"),
        ],
    )
    def test_anything_but_an_int64_is_refused(
        self, client: Face, fake: FakeCaibo, call: Any, id: Any, reason: str
    ) -> None:
        """A float may have lost digits already, and a string is a slip."""
        with pytest.raises(caibo.InvalidChangesError, match=f"^id: {reason}"):
            call(client, id)

        assert fake.requests == []

    @pytest.mark.parametrize("id", [2**63 - 1, -(2**63), 0, Index(16772748432912191)])
    def test_every_int64_is_taken(self, client: Face, fake: FakeCaibo, call: Any, id: Any) -> None:
        """Also those of other libraries, by `__index__`."""
        number = id.__index__()
        fake.add_document({"id": number, "name": "N", "email": "n@example.com"})

        call(client, id)

        assert {request.path for request in fake.requests} == {f"/customers/{number}"}


def test_a_problem_crosses_process_borders_without_its_suggestion(client: Face) -> None:
    """The suggestion may hold the caller's own data, such as an address."""
    with pytest.raises(caibo.InvalidChangesError) as caught:
        client.update(1, address={"street": "1 New Street"})

    again = pickle.loads(pickle.dumps(caught.value))

    assert str(again) == str(caught.value)
    assert caught.value.problems[0].suggestion == "1 New Street"
    assert again.problems[0].suggestion is None
