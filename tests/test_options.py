"""An option that is passed as a field is answered as the option that it is."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from faces import Face
from hypothesis import given
from hypothesis import strategies as st

import caibo
from caibo._record.checks import check_changes
from caibo.testing import FakeCaibo

OPTIONS = {
    "timeout": "client.with_options(timeout=…)",
    "deadline": "client.with_options(deadline=…)",
    "max_retries": "client.with_options(max_retries=…)",
    "headers": "client.with_options(headers=…)",
    "validate": "client.with_options(validate=…)",
    "send": "client.with_options(send=…)",
    "observers": "client.with_options(observers=…)",
    "rate_limit": "Caibo(rate_limit=…)",
    "lock": "Caibo(lock=…)",
    "max_base_age": "Caibo(max_base_age=…)",
    "api_key": "Caibo(api_key=…)",
    "transport": "Caibo(transport=…)",
    "dry_run": "`customers.plan(…)`",
    "preview": "`customers.plan(…)`",
    "idempotency_key": "never sent twice blindly",
    "on_conflict": "option of `apply` and `edit`",
    "if_match": "goes with the write by itself",
}
SLIPS = {
    "confrim": "confirm",
    "comfirm": "confirm",
    "expct": "expect",
    "expects": "expect",
    "curent": "current",
    "extras": "extra",
    "timout": "timeout",
    "time_out": "timeout",
    "TimeOut": "timeout",
    "deadlines": "deadline",
    "retries": "max_retries",
    "max_retry": "max_retries",
    "header": "headers",
    "dryrun": "dry_run",
    "on_conflicts": "on_conflict",
}


def problem_of(client: Face, **changes: Any) -> caibo.Problem:
    with pytest.raises(caibo.InvalidChangesError) as caught:
        client.update(1, **changes)
    [problem] = caught.value.problems
    return problem


class TestOptions:
    @pytest.mark.parametrize("name", OPTIONS)
    def test_it_is_named_with_where_it_belongs(
        self, client: Face, fake: FakeCaibo, name: str
    ) -> None:
        """And never with advice to write it into the record."""
        problem = problem_of(client, **{name: 3})

        assert (problem.field, problem.suggestion) == (name, None)
        assert OPTIONS[name] in problem.message
        assert "extra=" not in problem.message
        assert fake.requests == []

    @pytest.mark.parametrize("name", SLIPS)
    def test_a_slip_is_told_what_was_meant(self, client: Face, fake: FakeCaibo, name: str) -> None:
        """Misspelt, in another case, or as another client calls it."""
        problem = problem_of(client, **{name: 3})

        assert problem.suggestion == SLIPS[name]
        assert f"did you mean `{SLIPS[name]}`?" in problem.message
        assert "extra={" not in problem.message
        assert fake.requests == []

    def test_a_plan_reads_nothing_back(self, client: Face, fake: FakeCaibo) -> None:
        """So `confirm` is none of its options."""
        with pytest.raises(
            caibo.InvalidChangesError, match="confirm: is an option of `update`, `apply` and `edit`"
        ):
            client.plan(1, confirm=True)

        assert fake.requests == []

    @pytest.mark.parametrize("name", ["author", "block", "color", "extent", "reference", "state"])
    def test_other_words_are_members_of_the_record(self, client: Face, name: str) -> None:
        """However like an option they look."""
        assert f"extra={{{name!r}: …}}" in problem_of(client, **{name: "x"}).message

    @pytest.mark.parametrize("name", ["currency", "status"])
    def test_what_the_vendors_page_names_stays_a_member(self, client: Face, name: str) -> None:
        """Though it is near an option."""
        assert "on the vendor's page" in problem_of(client, **{name: "x"}).message

    def test_a_member_of_that_name_can_be_sent(self, client: Face, fake: FakeCaibo) -> None:
        """Whoever says `extra` means the record."""
        id = fake.add_customer()

        client.update(id, extra={"timeout": 3})

        assert fake.document(id)["timeout"] == 3

    @given(st.text(max_size=30))
    def test_any_name_is_answered_in_words(self, name: str) -> None:
        """Of this package, whatever was typed."""
        with suppress(caibo.InvalidChangesError):
            check_changes({name: "a@b.c"}, None, validate=True)


class TestIdOfAModel:
    @pytest.mark.parametrize("verb", ["update", "plan"])
    def test_an_id_by_name_is_told_to_come_first(
        self, client: Face, fake: FakeCaibo, verb: str
    ) -> None:
        """``update(**model.model_dump())``."""
        model = {"id": 12345, "phone": "1"}

        with pytest.raises(caibo.InvalidChangesError, match="id: comes first and without a name"):
            client.wait(getattr(client.caibo.customers, verb), **model)

        assert fake.requests == []

    def test_it_is_told_beside_the_id_as_well(self, client: Face, fake: FakeCaibo) -> None:
        """``update(model.id, **model.model_dump())``."""
        problem = problem_of(client, id=1)

        assert "set by the gateway" in problem.message
        assert "comes first and without a name" in problem.message
        assert fake.requests == []
