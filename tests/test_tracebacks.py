"""What error reporters show of us: the `repr` of every local in every frame."""

from __future__ import annotations

import copy
import pickle
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
from audit_log import intended
from faces import Connect, Face
from scripted import ID, KEY, Script, answer

import caibo
from caibo._record.json_text import split

OURS = str(Path(caibo.__file__).parent)
BEFORE = {
    "id": ID, "name": "Ada Lovelace", "email": "ada@example.com", "phone": "+12025550143",
    "tier": "platinum",
}  # fmt: skip
AFTER = {"name": "Grace Hopper", "email": "grace@example.org", "phone": "+12025550199"}
CANARIES = (
    *("caibo_test_sk", "Lovelace", "ada@", "5550143", "platinum"),
    *("Hopper", "grace@", "5550199", "titanium"),
)


def frames(error: BaseException | None) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give the locals of our frames, of the causes, too."""
    while error is not None:
        tb: TracebackType | None = error.__traceback__
        while tb is not None:
            code = tb.tb_frame.f_code
            if code.co_filename.startswith(OURS):
                yield f"{Path(code.co_filename).name}:{code.co_name}", tb.tb_frame.f_locals
            tb = tb.tb_next
        error = error.__cause__ or error.__context__


def shown(error: BaseException) -> list[str]:
    """List what shows a canary: locals, and the texts of errors."""
    found = [
        f"{where} {name}"
        for where, names in frames(error)
        for name, value in names.items()
        if any(canary in repr(value) for canary in CANARIES)
    ]
    # Where a `repr` fails, so does this, on Python 3.11.
    printed = traceback.TracebackException.from_exception(error, capture_locals=True)
    told = "".join(printed.format_exception_only())
    return found + [told for canary in CANARIES if canary in told]


def edited(client: Face) -> None:
    with client.edit(ID) as draft:
        draft.name, draft.email, draft.phone = AFTER.values()
        draft.extra["tier"] = "titanium"


CALLS: dict[str, Callable[[Face], object]] = {
    "update": lambda client: client.update(
        ID, extra={"tier": "titanium"}, expect={"name": "Ada Lovelace"}, **AFTER
    ),
    "edit": edited,
    "apply": lambda client: client.apply(client.plan(ID, extra={"tier": "titanium"}, **AFTER)),
    "replace": lambda client: client.replace(ID, {**BEFORE, **AFTER}),
}
ANSWERS = {
    "refused": lambda: answer(400, b'{"detail":"Ada Lovelace is not Grace Hopper"}'),
    "lost": lambda: answer(500, b"Ada Lovelace"),
    "forbidden": lambda: answer(403),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("reply", ANSWERS.values(), ids=ANSWERS)
def test_a_failed_write_shows_no_body_no_header_and_no_key(
    connect: Connect, call: Callable[[Face], object], reply: Callable[[], Any]
) -> None:
    """In any frame of ours, of its causes, too."""

    def gateway(request: Any) -> Any:
        request.extensions["known"] = (BEFORE,)
        return caibo_answer() if request.method == "GET" else reply()

    def caibo_answer() -> Any:
        return answer(200, bytes(caibo.Document(BEFORE)))

    client = connect(api_key=KEY, max_retries=0, **Script(gateway).options)

    with pytest.raises(caibo.CaiboError) as caught:
        call(client)

    assert list(frames(caught.value)) != []
    assert shown(caught.value) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout": -1}, {"base_url": "x"}, {"max_retries": 99}, {"transport": 3},
        {"observers": [1]}, {"api_key": f"{KEY}\n"}, {"access_token": KEY}, {"confirm": -1},
        {"api_key": None, "access_token": "caibo_test_sk\n"}, {"auth": KEY, "api_key": None},
    ],
    ids=str,
)  # fmt: skip
def test_a_client_that_cannot_be_made_shows_no_key(connect: Connect, wrong: Any) -> None:
    """Nor fails to be shown, half-built as it is."""
    with pytest.raises(caibo.ConfigurationError) as caught:
        connect(**{"api_key": KEY, **wrong})

    assert list(frames(caught.value)) != []
    assert shown(caught.value) == []


UNFIT: dict[str, Callable[[], object]] = {
    "key": lambda: caibo.ApiKey(f"{KEY}\n"),
    "token": lambda: caibo.BearerToken(f"{KEY} "),
    "password": lambda: caibo.Login("grace@example.org", f"{KEY}\ud800"),
    "e-mail": lambda: caibo.Login(f"{KEY}\ud800", "titanium"),
    "no password": lambda: caibo.Login("grace@example.org", ""),
    "variable": caibo.Caibo,
}


@pytest.mark.parametrize("make", UNFIT.values(), ids=UNFIT)
def test_a_credential_that_cannot_be_made_shows_no_secret(
    make: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it is made without a client, or comes from the environment."""
    monkeypatch.setenv("CAIBO_API_KEY", f"{KEY}\n")

    with pytest.raises(caibo.ConfigurationError) as caught:
        make()

    assert list(frames(caught.value)) != []
    assert shown(caught.value) == []


HALF_BUILT = [
    *(caibo.Caibo, caibo.AsyncCaibo, caibo.ApiKey, caibo.BearerToken, caibo.Login),
    *(caibo.Customer, caibo.Document, caibo.Draft, caibo.Plan, caibo.JsonLinesAudit),
]


@pytest.mark.parametrize("kind", HALF_BUILT)
def test_what_could_not_be_made_can_be_shown(kind: Any) -> None:
    """A debugger or a reporter meets it in the frame of its constructor."""
    assert repr(kind.__new__(kind)).startswith(kind.__name__)


def test_a_draft_that_could_not_be_made_has_no_fields() -> None:
    """Instead of asking itself for ever, as whoever looks at it by `hasattr` would see."""
    draft = caibo.Draft.__new__(caibo.Draft)

    assert not hasattr(draft, "phone")


def test_the_pieces_of_a_record_show_their_names() -> None:
    """They are among the locals where one is taken apart."""
    assert repr(split('{"name":"Lovelace"}')) == "{'name': Member(\"name\")}"


def a_plan() -> caibo.Plan:
    return caibo.Plan(
        id=ID,
        base=caibo.Document(BEFORE),
        addressed=caibo.Document(AFTER),
        expect=caibo.Document(),
        read_at=datetime.now(UTC),
    )


COPIED: dict[str, Callable[[], Any]] = {
    "Customer": lambda: caibo.Customer(BEFORE),
    "Document": lambda: caibo.Document(BEFORE),
    "Change": lambda: caibo.Change(1, 2),
    "Plan": a_plan,
    "Problem": lambda: caibo.Problem("phone", "no", "1"),
    "WriteIntended": intended,
    "Update": lambda: caibo.Update(
        customer=caibo.Customer(BEFORE), changes={}, outcome="unchanged"
    ),
}


class TestCopies:
    @pytest.mark.parametrize("make", COPIED.values(), ids=COPIED)
    def test_values_can_be_copied(self, make: Callable[[], Any]) -> None:
        """Every attribute comes along."""
        made = make()

        copied = copy.copy(made)

        assert repr(copied) == repr(made)
        assert getattr(copied, "suggestion", None) == getattr(made, "suggestion", None)
        assert getattr(copied, "document", None) == getattr(made, "document", None)

    def test_a_draft_says_why_not(self, client: Face, fake: caibo.testing.FakeCaibo) -> None:
        """It belongs to its block; what it says can be had."""
        id = fake.add_customer()
        with client.edit(id) as draft:
            for refused in (copy.copy, copy.deepcopy, pickle.dumps):
                with pytest.raises(TypeError, match=r"belongs to its `edit` block"):
                    refused(draft)
            assert caibo.Customer(draft.document).id == id

    @pytest.mark.parametrize(
        "secret", [caibo.ApiKey(KEY), caibo.BearerToken(KEY), caibo.Login("a@b.c", "x")], ids=repr
    )
    def test_a_secret_says_why_not(self, secret: Any) -> None:
        """As when it is pickled."""
        with pytest.raises(TypeError, match="holds a secret"):
            copy.copy(secret)

    def test_an_audit_log_is_itself(self, audit: caibo.JsonLinesAudit) -> None:
        """It cannot be changed."""
        assert copy.copy(audit) is audit
