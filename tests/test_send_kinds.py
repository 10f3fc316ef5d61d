"""Every mode of `send=` on every kind of gateway."""

from __future__ import annotations

from typing import Any

import pytest
from faces import Connect, Face
from hypothesis import event, example, given
from hypothesis import strategies as st
from sending import KINDS, SENDS, add

import caibo
from caibo.testing import FakeCaibo

pytestmark = pytest.mark.long


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return add(fake)


SHOWING: dict[str, list[Any]] = {
    "casing": [None, "camel", "pascal", "upper"],
    "returns_record": [False, True],
}
text = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
FIELDS = {"address": "address", "phone": "phone", "member_id": "memberId"}


def folded(record: dict[str, Any]) -> dict[str, Any]:
    """Take an absent member, and an empty text, for null, and names in any case."""
    return {name.lower(): value for name, value in record.items() if value not in (None, "")}


@given(
    kind=st.sampled_from(list(KINDS)),
    showing=st.fixed_dictionaries({n: st.sampled_from(v) for n, v in SHOWING.items()}),
    send=st.sampled_from(SENDS),
    record=st.fixed_dictionaries(
        {},
        optional={**dict.fromkeys(FIELDS, text), "preferences": st.just({"a": 1.5, "b": [None]})},
    ),
    changes=st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, text)), max_size=3),
)
@example(
    kind="replaces", showing={}, send="changes", record={"address": ""}, changes=[{"phone": "1"}]
)
@example(
    kind="replaces", showing={}, send="changes", record={"address": "1"}, changes=[{"phone": "1"}]
)
def test_nothing_else_changes_or_its_loss_is_told(
    connect: Connect,
    kind: str,
    showing: dict[str, Any],
    send: Any,
    record: dict[str, Any],
    changes: list[dict[str, Any]],
) -> None:
    """With every mode on every kind of gateway, a write is right, refused, or told and undone."""
    fake = FakeCaibo()
    for name, value in {**KINDS[kind], **showing}.items():
        setattr(fake, name, value)
    id = fake.add_customer(**record)
    reached = {"base_url": fake.base_url, "transport": fake.transport}
    client = connect(send=send, api_key=fake.api_key, **reached)

    for wanted in changes:
        before = fake.document(id)
        meant = folded({**folded(before), **{FIELDS[n].lower(): v for n, v in wanted.items()}})
        happened = outcome(client, id, wanted)
        fits = folded(fake.document(id)) == meant
        event(f"{kind}, {send}: {type(happened).__name__}")
        if isinstance(happened, caibo.OverwrittenError):
            missing = meant.keys() - folded(fake.document(id)).keys()
            told = {name.replace("_", "").lower() for name in happened.also_changed}
            plan = happened.plan
            assert send in ("contract", "changes")
            assert missing
            assert missing <= told
            assert plan is not None
            client.apply(plan)
            assert folded(fake.document(id)) == meant
        elif isinstance(happened, caibo.BadRequestError):
            assert fake.document(id) == before
            assert send in ("record", "writable")
            assert fake.strict or fake.refuses_read_only
        else:
            assert fits


def outcome(client: Face, id: int, wanted: dict[str, Any]) -> object:
    try:
        return client.update(id, **wanted)
    except (caibo.OverwrittenError, caibo.BadRequestError) as error:
        return error


#: For each mode, the kinds of gateway on which nothing is refused and nothing is lost.
FITTING = {
    "record": {
        *("replaces", "replaces and removes", "keeps", "ignores what it does not know"),
    },
    "writable": {
        *("replaces", "replaces and removes", "keeps", "refuses its own"),
        *("keeps and refuses its own", "ignores what it does not know"),
    },
    "contract": {
        *("keeps", "keeps and refuses its own", "shows more than it takes"),
        *("shows more and refuses its own", "takes nothing but changes"),
        "ignores what it does not know",
    },
    "changes": {"keeps", "keeps and refuses its own", "takes nothing but changes"},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("send", SENDS)
def test_what_fits_is_what_the_page_says(
    connect: Connect, fake: FakeCaibo, id: int, send: Any, kind: str
) -> None:
    """docs/what-a-write-carries.md has the table."""
    for name, value in KINDS[kind].items():
        setattr(fake, name, value)

    happened = outcome(connect(send=send), id, {"phone": "+1"})

    assert isinstance(happened, caibo.Update) == (kind in FITTING[send])
