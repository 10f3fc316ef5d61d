"""`validate=` as a callable: rules of the caller's own, which check and clean what is sent."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pydantic
import pytest
from faces import Connect, Face, methods
from hypothesis import given
from hypothesis import strategies as st
from scripted import AFTER, BEFORE

import caibo
from caibo.testing import FakeCaibo

Rules = Callable[[int, dict[str, Any]], Any]


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(**BEFORE, tier="gold")


def trimmed(id: int, changes: dict[str, Any]) -> dict[str, Any]:
    return {n: v.strip() if isinstance(v, str) else v for n, v in changes.items()}


def edited(client: Face, id: int, extra: Any = None, **changes: Any) -> caibo.Update:
    with client.edit(id) as draft:
        for name, value in changes.items():
            setattr(draft, name, value)
        draft.extra.update(extra or {})
    return draft.update


def planned(client: Face, id: int, **changes: Any) -> caibo.Update:
    return client.apply(client.plan(id, **changes))


def stored_plan_applied(client: Face, id: int, **changes: Any) -> caibo.Update:
    made = client.caibo.with_options(validate=True)
    plan = client.wait(made.customers.plan, id, **changes)
    return client.apply(caibo.Plan.from_json(plan.to_json()))


WRITES: dict[str, Callable[..., Any]] = {
    "update": Face.update,
    "plan and apply": planned,
    "apply of a stored plan": stored_plan_applied,
    "edit": edited,
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
class TestChanges:
    def test_what_they_return_is_sent(
        self, connect: Connect, fake: FakeCaibo, id: int, write: Callable[..., caibo.Update]
    ) -> None:
        """And told as what changed."""
        update = write(connect(validate=trimmed), id, name=" Grace ", extra={"tier": " silver "})

        assert (fake.document(id)["name"], fake.document(id)["tier"]) == ("Grace", "silver")
        assert fake.document(id)["email"] == BEFORE["email"]
        assert update.changes == {
            "name": caibo.Change(BEFORE["name"], "Grace"),
            "tier": caibo.Change("gold", "silver"),
        }

    def test_they_get_the_id_and_the_changes(
        self, connect: Connect, id: int, write: Callable[..., caibo.Update]
    ) -> None:
        """Fields by this package's names, members outside the contract by their own."""
        got: list[Any] = []

        def rules(*arguments: Any) -> Any:
            got.append(arguments)
            return arguments[1]

        write(connect(validate=rules), id, member_id="7", extra={"tierOf": {"a": 1.5}})

        expected = (id, {"member_id": "7", "tierOf": {"a": Decimal("1.5")}})
        assert set(map(str, got)) == {str(expected)}

    def test_what_is_cleaned_to_what_is_there_is_not_sent(
        self, connect: Connect, fake: FakeCaibo, id: int, write: Callable[..., caibo.Update]
    ) -> None:
        """Nothing differs."""
        update = write(connect(validate=trimmed), id, name=f" {BEFORE['name']} ")

        assert update.outcome in ("unchanged", "already-applied")
        assert set(methods(fake)) == {"GET"}

    def test_a_value_error_is_an_invalid_changes_error(
        self, connect: Connect, fake: FakeCaibo, id: int, write: Callable[..., caibo.Update]
    ) -> None:
        """Of the one field that there is; nothing is written, and no value is quoted."""

        def rules(id: int, changes: dict[str, Any]) -> Any:
            raise ValueError(f"{changes['phone']} is no number of ours")

        with pytest.raises(caibo.InvalidChangesError) as caught:
            write(connect(validate=rules), id, phone=AFTER["phone"])

        assert str(caught.value) == "phone: ‹phone› is no number of ours"
        assert isinstance(caught.value.__cause__, ValueError)
        assert "PUT" not in methods(fake)

    def test_anything_else_is_named(
        self, connect: Connect, fake: FakeCaibo, id: int, write: Callable[..., caibo.Update]
    ) -> None:
        """With its type, and never its text."""

        def rules(id: int, changes: dict[str, Any]) -> Any:
            raise LookupError(changes["phone"])

        with pytest.raises(caibo.WriteStoppedError) as caught:
            write(connect(validate=rules), id, phone=AFTER["phone"])

        told = f"customer {id}: `validate` raised LookupError; nothing was written"
        assert str(caught.value) == told
        assert "PUT" not in methods(fake)


def refusing(error: BaseException) -> Rules:
    def rules(id: int, changes: dict[str, Any]) -> Any:
        raise error

    return rules


class Form(pydantic.BaseModel):
    email: str
    member_id: int = pydantic.Field(alias="memberId")

    @pydantic.model_validator(mode="after")
    def of_ours(self) -> Form:
        raise ValueError("not of ours")


class BrokenError(ValueError):
    def __str__(self) -> str:
        raise OSError


class TestRefusals:
    @pytest.mark.parametrize(
        ("error", "problems"),
        [
            (ValueError("phone", "is no number"), [("phone", "is no number")]),
            (ValueError("phone: is no number"), [("phone", "is no number")]),
            (ValueError("memberId : is taken"), [("member_id", "is taken")]),
            (ValueError("a", "b"), [("validate", "('a', 'b')")]),
            (ValueError("is no number"), [("validate", "is no number")]),
            (ValueError("10:30 is late"), [("validate", "10:30 is late")]),
            (ValueError(), [("validate", "raised ValueError")]),
            (ValueError(7), [("validate", "7")]),
            (ValueError(f"phone: {AFTER['phone']}"), [("phone", "‹phone›")]),
            (ValueError("x\n" * 500), [("validate", ("x " * 150)[:299] + "…")]),
        ],
        ids=repr,
    )
    def test_the_field_is_named_where_that_can_be_told(
        self, connect: Connect, fake: FakeCaibo, error: ValueError, problems: Any
    ) -> None:
        """By two arguments, or by what stands before a colon."""
        client = connect(validate=refusing(error))

        with pytest.raises(caibo.InvalidChangesError) as caught:
            client.update(7, phone=AFTER["phone"], member_id="M-1")

        assert [(p.field, p.message) for p in caught.value.problems] == problems
        assert fake.requests == []

    @pytest.mark.parametrize("values", [{"memberId": "M-7771"}, {"email": "a@b.c", "memberId": 7}])
    def test_each_of_pydantics_is_a_problem(self, connect: Connect, values: Any) -> None:
        """Without the input that pydantic quotes."""
        client = connect(validate=lambda *_: Form(**values))

        with pytest.raises(caibo.InvalidChangesError) as caught:
            client.update(7, email="a@b.c", member_id="M-7771")

        found = [(p.field, p.message.partition(",")[0]) for p in caught.value.problems]
        assert found == (
            [("email", "Field required"), ("member_id", "Input should be a valid integer")]
            if len(values) == 1
            else [("validate", "Value error")]
        )
        assert "7771" not in str(caught.value)

    def test_their_own_error_is_the_callers(self, connect: Connect) -> None:
        """As it is."""
        mine = caibo.InvalidChangesError([caibo.Problem("phone", "is not of ours")])

        with pytest.raises(caibo.InvalidChangesError) as caught:
            connect(validate=refusing(mine)).update(7, phone="1")

        assert caught.value is mine

    @pytest.mark.parametrize("error", [BrokenError(), KeyError(), RecursionError()], ids=type)
    def test_whatever_they_raise_is_ours(self, connect: Connect, error: Exception) -> None:
        """Nothing else leaves this package."""
        with pytest.raises(caibo.WriteStoppedError, match=f"raised {type(error).__name__};"):
            connect(validate=refusing(error)).update(7, phone="1")

    @pytest.mark.parametrize("gave", [None, "phone", [("phone", "1")], {7: 1}], ids=repr)
    def test_what_is_no_mapping_is_refused(
        self, connect: Connect, fake: FakeCaibo, gave: Any
    ) -> None:
        """A `return` that was forgotten, say."""
        with pytest.raises(caibo.ConfigurationError, match="must return what is to be sent"):
            connect(validate=lambda *_: gave).update(7, phone="1")

        assert fake.requests == []

    @pytest.mark.parametrize(
        ("gave", "field"),
        [
            ({"phone": "0" * 21}, "phone"),
            ({"phone": 7}, "phone"),
            ({"name": None}, "name"),
            ({"tier": 1j}, "extra['tier']"),
            ({"emial": "x"}, "emial"),
            ({"other": "x"}, "other"),
            ({"id": 8}, "id"),
        ],
        ids=str,
    )
    def test_what_they_return_is_checked(
        self, connect: Connect, fake: FakeCaibo, gave: Any, field: str
    ) -> None:
        """By the same rules as what callers give; no member is made up."""
        with pytest.raises(caibo.InvalidChangesError) as caught:
            connect(validate=lambda *_: gave).update(7, phone="1", extra={"tier": "x"})

        assert [p.field for p in caught.value.problems] == [field]
        assert fake.requests == []


class TestNames:
    def test_a_field_may_be_added_and_left_out(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """Of the contract."""
        client = connect(validate=lambda *_: {"member_id": "M-9"})

        update = client.update(id, phone="1", extra={"tier": "x"})

        assert list(update.changes) == ["member_id"]
        assert fake.document(id)["memberId"] == "M-9"

    def test_the_contract_comes_first(self, connect: Connect) -> None:
        """What it refuses is not theirs to see."""
        with pytest.raises(caibo.InvalidChangesError, match="expected an e-mail"):
            connect(validate=refusing(AssertionError())).update(7, email="x")

    def test_without_changes_they_are_not_asked(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """There is nothing to send."""
        client = connect(validate=refusing(AssertionError()))

        assert client.update(id).outcome == "unchanged"
        assert edited(client, id).outcome == "unchanged"

    def test_what_the_caller_gave_stays(self, connect: Connect, id: int) -> None:
        """They work on a copy, inside members, too."""

        def rules(id: int, changes: dict[str, Any]) -> Any:
            changes["tier"]["a"].clear()
            return {}

        extra: Any = {"tier": {"a": [1]}}

        connect(validate=rules).update(id, extra=extra)

        assert extra == {"tier": {"a": [1]}}

    def test_current_is_held_to_what_they_return(self, connect: Connect) -> None:
        """A required member that they set may be null before."""
        client = connect(validate=lambda *_: {"name": "Ada", "phone": "2"})
        record = {"id": 7, "name": None, "email": "a@b.c"}

        plan = client.plan(7, phone="1", current=record)

        assert (plan.document["name"], plan.document["phone"]) == ("Ada", "2")


class TestReplace:
    def test_they_get_the_whole_document(self, connect: Connect, fake: FakeCaibo, id: int) -> None:
        """By this package's names, and what they return is written."""
        got: list[Any] = []

        def rules(id: int, record: dict[str, Any]) -> Any:
            got.append(dict(record))
            return trimmed(id, record)

        document = caibo.Document.parse(
            b'{"id":%d,"name":" Ada ","email":"a@b.c","MemberID":"M","totalDeposits":1E2,"x":[1.0]}'
            % id
        )

        connect(validate=rules).replace(id, document)

        assert list(got[0]) == ["id", "name", "email", "member_id", "total_deposits", "x"]
        sent = fake.requests[-1].body.decode()
        assert sent == str(document).replace(" Ada ", "Ada")

    def test_members_may_be_left_out_and_fields_added(
        self, connect: Connect, fake: FakeCaibo, id: int
    ) -> None:
        """An object is what they return, and not merged with what it was."""
        client = connect(
            validate=lambda *_: {"name": "A", "email": "a@b.c", "member_id": "M", "x": {"b": 1}}
        )

        client.replace(id, {"name": "A", "email": "a@b.c", "phone": "1", "x": {"a": 1}})

        sent = fake.requests[-1].body.decode()
        assert sent == '{"name":"A","email":"a@b.c","memberId":"M","x":{"b":1}}'

    @pytest.mark.parametrize(
        ("gave", "field"),
        [
            ({"name": "A"}, "email"),
            ({"name": "A", "email": "a@b.c", "phone": "0" * 21}, "phone"),
            ({"name": "A", "email": "a@b.c", "memberId": "1"}, "memberId"),
            ({"name": "A", "email": "a@b.c", "phone": 1j}, "document['phone']"),
        ],
        ids=str,
    )
    def test_what_they_return_is_checked(
        self, connect: Connect, fake: FakeCaibo, gave: Any, field: str
    ) -> None:
        """As a whole record."""
        client = connect(validate=lambda *_: gave)

        with pytest.raises(caibo.InvalidChangesError) as caught:
            client.replace(7, {"name": "A", "email": "a@b.c"})

        assert [p.field for p in caught.value.problems] == [field]
        assert fake.requests == []

    def test_a_refusal_names_the_field(self, connect: Connect, fake: FakeCaibo) -> None:
        """As for changes."""
        client = connect(validate=refusing(ValueError("memberId: Ada Lovelace")))

        with pytest.raises(caibo.InvalidChangesError) as caught:
            client.replace(7, {"name": "Ada Lovelace", "email": "a@b.c", "memberId": "7"})

        assert str(caught.value) == "member_id: ‹name›"
        assert fake.requests == []

    @given(
        st.dictionaries(
            st.text(alphabet="abAB", min_size=1).filter(lambda n: n.lower() not in ("id", "name")),
            st.recursive(
                st.none()
                | st.booleans()
                | st.integers()
                | st.text(max_size=3)
                | st.decimals(allow_nan=False, allow_infinity=False),
                lambda inner: (
                    st.lists(inner, max_size=2)
                    | st.dictionaries(st.text(max_size=2), inner, max_size=2)
                ),
                max_leaves=4,
            ),
            max_size=3,
        )
    )
    def test_what_they_return_as_it_came_goes_as_it_came(
        self, fake: FakeCaibo, members: dict[str, Any]
    ) -> None:
        """Token for token."""
        same_name = {name.lower(): name for name in members}
        document = caibo.Document(
            {"name": "A", "email": "a@b.c", **{n: members[n] for n in same_name.values()}}
        )
        with (
            caibo.Caibo(
                api_key=fake.api_key,
                base_url=fake.base_url,
                transport=fake.transport,
                validate=lambda _, record: record,
            ) as client,
            suppress(caibo.NotFoundError),
        ):
            client.customers.replace(7, document)

        assert fake.requests[-1].body.decode() == str(document)


class TestFaces:
    @pytest.fixture
    def waiting(self) -> Rules:
        async def rules(id: int, changes: dict[str, Any]) -> Any:
            return trimmed(id, changes)

        return rules

    @pytest.mark.parametrize("as_partial", [False, True])
    def test_async_ones_are_for_the_async_client(
        self, connect: Connect, fake: FakeCaibo, id: int, waiting: Rules, as_partial: bool
    ) -> None:
        """The other says so, and sends nothing."""
        client = connect(validate=functools.partial(waiting) if as_partial else waiting)

        if isinstance(client.caibo, caibo.Caibo):
            with pytest.raises(caibo.ConfigurationError, match="`validate` is async; use it with"):
                client.update(id, name=" Grace ")
            assert fake.requests == []
        else:
            assert client.update(id, name=" Grace ").customer.name == "Grace"

    def test_the_deadline_bounds_async_ones(self, fake: FakeCaibo) -> None:
        """Nothing is sent."""

        async def rules(id: int, changes: dict[str, Any]) -> Any:
            await asyncio.Event().wait()

        async def call() -> None:
            async with caibo.AsyncCaibo(
                api_key=fake.api_key,
                base_url=fake.base_url,
                transport=fake.transport,
                deadline=0.05,
                validate=rules,
            ) as client:
                await client.customers.update(7, phone="1")

        with pytest.raises(caibo.DeadlineExceededError, match="`validate` was asked; nothing"):
            asyncio.run(call())

        assert fake.requests == []

    @pytest.mark.parametrize("wrong", [0, None, "strict", {}], ids=repr)
    def test_anything_else_than_a_callable_or_a_truth_is_refused(
        self, connect: Connect, wrong: Any
    ) -> None:
        """When the client is made."""
        with pytest.raises(caibo.ConfigurationError, match="validate must be true, false, or"):
            connect(validate=wrong)

    def test_a_light_client_has_its_own(self, connect: Connect, fake: FakeCaibo, id: int) -> None:
        """And turns the others' off."""
        client = connect(validate=refusing(AssertionError()))

        for validate in (True, False, trimmed):
            light = client.caibo.with_options(validate=validate)
            client.wait(light.customers.update, id, name=f" {validate}")

        assert fake.document(id)["name"] == str(trimmed)


def test_an_applied_plan_is_held_to_what_was_sent(
    connect: Connect, fake: FakeCaibo, id: int
) -> None:
    """Not to what the rules have cleaned."""
    client = connect(validate=lambda _, changes: {**changes, "member_id": "cleaned"})
    plan = client.plan(id, phone="1")
    client.apply(plan)

    again = client.apply(caibo.Plan.from_json(plan.to_json()))

    assert again.outcome == "already-applied"
