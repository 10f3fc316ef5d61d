"""What was outside the contract and becomes a field breaks nobody for one minor version."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import contracts
import fields
import pytest
from faces import Face

import caibo
from caibo._record import contract as rules
from caibo.testing import FakeCaibo

SAID = {"type": "string", "maxLength": 3, "nullable": True, "x-adopted": "0.1"}
RULED = {
    "birthPlace": {**SAID, "readOnly": False},
    "riskScore": {"type": "integer", "readOnly": True, "x-adopted": "0.1"},
}
NOW = "write birth_place=; caibo 0.3 refuses this"


@pytest.fixture(autouse=True)
def version(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    """Adopt what `extra=` took in 0.1, and be a version since."""
    monkeypatch.setattr(rules, "__version__", getattr(request, "param", "0.2.0"))
    with contracts.packaged(contracts.more(RULED)):
        yield


def test_extra_goes_on_with_a_warning_that_says_the_new_spelling(
    client: Face, fake: FakeCaibo
) -> None:
    """Once, where it is called."""
    id = fake.add_customer()

    with pytest.warns(DeprecationWarning, match=NOW) as told:
        update = client.update(id, extra={"BirthPlace": "Oul"}, phone="1")

    # Whoever calls, or awaits, and no file of ours.
    assert [Path(one.filename).name in ("faces.py", "from_thread.py") for one in told] == [True]
    assert fake.requests[-1].json["birthPlace"] == "Oul"
    # These are by the new name already.
    assert list(update.changes) == ["phone", "birth_place"]
    assert "birthPlace" not in update.carried


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
class TestEveryWay:
    """Wherever a member outside the contract could be named."""

    def test_by_plan_and_expectation(self, client: Face, fake: FakeCaibo) -> None:
        id = fake.add_customer(birth_place="Oul")

        plan = client.plan(id, extra={"birthPlace": None}, expect={"birthPlace": "Oul"})
        client.apply(caibo.Plan.from_json(plan.to_json()))

        assert fake.document(id)["birthPlace"] is None

    def test_by_a_draft(self, client: Face, fake: FakeCaibo) -> None:
        id = fake.add_customer()

        with client.edit(id) as draft:
            draft.extra["birthPlace"] = "Oul"

        assert fake.document(id)["birthPlace"] == "Oul"

    def test_without_the_limits_of_the_contract(self, client: Face, fake: FakeCaibo) -> None:
        """They came with the field; the gateway decides."""
        id = fake.add_customer()

        with pytest.raises(caibo.BadRequestError):
            client.update(id, extra={"birthPlace": "Oulu"})

    def test_as_one_that_the_gateway_sets(self, client: Face, fake: FakeCaibo) -> None:
        """It may not take it any more, and that is its answer to give."""
        with pytest.warns(DeprecationWarning, match="set by the gateway"):
            client.update(fake.add_customer(), extra={"riskScore": 7})

        assert fake.requests[-1].json["riskScore"] == 7

    def test_not_by_both_names(self, client: Face, fake: FakeCaibo) -> None:
        """Nobody could say which is meant."""
        with pytest.raises(caibo.InvalidChangesError, match="is given as birth_place=, too"):
            untyped: Any = client.update
            untyped(1, birth_place="a", extra={"birthPlace": "b"})

        assert fake.requests == []


def test_the_new_name_warns_of_nothing(client: Face, fake: FakeCaibo) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client.update(fake.add_customer(), birth_place="Oul", expect={"birth_place": "Exa"})


@pytest.mark.parametrize("version", ["0.3.0", "1.1.0"], indirect=True)
def test_after_its_time_it_is_refused(client: Face, fake: FakeCaibo) -> None:
    """With the same advice."""
    with pytest.raises(caibo.InvalidChangesError, match="in the contract: pass birth_place="):
        client.update(1, extra={"birthPlace": "Oul"})
    with pytest.raises(caibo.InvalidChangesError, match="is spelt 'birth_place' here"):
        client.update(1, phone="1", expect={"birthPlace": "Oul"})

    assert fake.requests == []


@pytest.mark.parametrize(
    ("adopted", "version", "until"),
    [
        ("0.1", "0.1.0", "0.3"),
        ("0.1", "0.2.7", "0.3"),
        ("0.1", "0.3.0", None),
        ("0.9", "0.10.0", "0.11"),
        ("0.9", "1.0.0", "1.1"),
        ("0.9", "1.1.0", None),
        ("1.4", "1.5.2", "1.6"),
        ("1.4", "2.0.0", "2.1"),
        ("1.4", "3.0.0", None),
    ],
)
def test_it_lasts_for_the_version_that_brings_it_and_one_more_minor(
    adopted: str, version: str, until: str | None
) -> None:
    """The field comes with the minor version after the one it was ruled in, at the latest."""
    assert rules.until(adopted, version) == until


def test_what_was_never_outside_is_refused_at_once(client: Face) -> None:
    """The fields of the first version."""
    assert {
        field.wire for field in rules.fields().values() if field.adopted is None
    } == fields.FIRST
    with pytest.raises(caibo.InvalidChangesError, match="in the contract: pass phone="):
        client.update(1, extra={"phone": "1"})


@pytest.mark.parametrize(
    ("wire", "said"),
    [
        ("birthPlace", "it is written birth_place= now, and extra= takes it"),
        ("riskScore", "it is the gateway's now, and extra= takes it"),
        ("phone", ""),
    ],
)
def test_the_verdict_names_it(wire: str, said: str) -> None:
    """In the list of what has changed, which the changelog and the pull request show."""
    words = fields.adopted(f"Client.{wire}", RULED.get(wire, {"x-adopted": "0.1"}))

    assert said in words
    assert words.endswith("with a DeprecationWarning until 0.3") == bool(said)
