"""What is set inside a draft's document cannot be lost in silence."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from faces import Face

import caibo
from caibo.testing import FakeCaibo

NESTED = {"currency": "EUR", "tags": ["a", {"b": [1]}], "inner": {"x": 1}}
SETTERS: dict[str, Callable[[Any], object]] = {
    "set": lambda o: o.__setitem__("currency", "USD"),
    "set inside": lambda o: o["inner"].__setitem__("x", 2),
    "delete": lambda o: o.__delitem__("currency"),
    "update": lambda o: o.update(currency="USD"),
    "or": lambda o: o.__ior__({"currency": "USD"}),
    "setdefault": lambda o: o.setdefault("new", 1),
    "pop": lambda o: o.pop("currency"),
    "popitem": lambda o: o.popitem(),
    "clear": lambda o: o.clear(),
    "list set": lambda o: o["tags"].__setitem__(0, "b"),
    "list delete": lambda o: o["tags"].__delitem__(0),
    "append": lambda o: o["tags"].append("b"),
    "extend": lambda o: o["tags"].extend(["b"]),
    "add": lambda o: o["tags"].__iadd__(["b"]),
    "multiply": lambda o: o["tags"].__imul__(2),
    "insert": lambda o: o["tags"].insert(0, "b"),
    "list pop": lambda o: o["tags"].pop(),
    "remove": lambda o: o["tags"].remove("a"),
    "reverse": lambda o: o["tags"].reverse(),
    "sort": lambda o: o["tags"].sort(),
    "list clear": lambda o: o["tags"].clear(),
    "deep": lambda o: o["tags"][1]["b"].append(2),
}


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(preferences=NESTED)


@pytest.mark.parametrize("change", SETTERS.values(), ids=SETTERS)
def test_setting_inside_raises_and_names_extra(
    client: Face, fake: FakeCaibo, id: int, change: Callable[[Any], object]
) -> None:
    """It would change a copy, and nothing would be written."""
    with (
        pytest.raises(caibo.InvalidChangesError, match=r"draft\.extra\[") as caught,
        client.edit(id) as draft,
    ):
        change(draft.document["preferences"])

    assert "EUR" not in str(caught.value)
    assert [request.method for request in fake.requests] == ["GET"]


@pytest.mark.parametrize("change", ["set", "delete"])
def test_so_does_setting_a_member(client: Face, id: int, change: str) -> None:
    """In the same words."""
    with client.edit(id) as draft:
        document: Any = draft.document
        with pytest.raises(caibo.InvalidChangesError, match=r"draft\.extra\["):
            SETTERS[change](document)


def test_what_was_read_is_still_a_dict(client: Face, id: int) -> None:
    """To compare, to write as JSON, to take apart."""
    with client.edit(id) as draft:
        shown = draft.document["preferences"]

    assert shown == NESTED
    assert json.loads(json.dumps(shown)) == NESTED
    assert isinstance(shown, dict)
    assert isinstance(shown["tags"], list)
    assert repr(shown) == repr(NESTED)
    assert draft.document == caibo.Document({**draft.document, "preferences": NESTED})


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_a_copy_is_ones_own(client: Face, id: int, copied: Callable[[Any], Any]) -> None:
    """And may be written through `extra`."""
    with client.edit(id) as draft:
        mine = copied(draft.document["preferences"])
        mine["tags"].append("c")
        mine["inner"]["x"] = 2
        draft.extra["preferences"] = mine

    assert type(mine) is dict
    assert type(mine["tags"]) is list
    assert draft.update.customer.document["preferences"] == mine


@pytest.mark.parametrize("copied", [copy.copy, lambda o: o.copy()])
def test_a_shallow_copy_is_ones_own_as_far_as_it_goes(
    client: Face, id: int, copied: Callable[[Any], Any]
) -> None:
    """As of any dict or list."""
    with client.edit(id) as draft:
        mine, tags = (copied(o) for o in (draft.document["preferences"],
                                          draft.document["preferences"]["tags"]))  # fmt: skip
        mine["currency"] = "USD"
        tags.append("c")
        with pytest.raises(caibo.InvalidChangesError):
            mine["inner"]["x"] = 2

    assert mine["currency"] == "USD"


def test_what_was_read_may_be_written_elsewhere(client: Face, fake: FakeCaibo, id: int) -> None:
    """It is JSON as any other value is."""
    with client.edit(id) as draft:
        draft.extra["copy"] = draft.document["preferences"]

    assert fake.document(id)["copy"] == NESTED


def test_other_documents_stay_as_they_are(client: Face, id: int) -> None:
    """They give a fresh copy each time, to do with as one likes."""
    preferences = client.get(id).document["preferences"]

    preferences["currency"] = "USD"

    assert type(preferences) is dict
