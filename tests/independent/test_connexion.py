"""A server made of the contract by Connexion takes what the client sends, and is understood.

Connexion, of which nobody here wrote a line, routes and validates after the packaged
contract: path, media type, body, credential, and its own answers.  Behind it stand three
handlers that keep a record.  `nox -s connexion` installs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import servers
from faces import Connect, Face
from servers import EMAIL, KEY, PASSWORD, Handlers

import caibo
from caibo import doctor

ID = 16772748432912191
RECORD = {**servers.RECORD, "id": ID, "ownerId": 16772748432900017}


@pytest.fixture
def handlers() -> Handlers:
    return Handlers(RECORD)


@pytest.fixture
def base_url(handlers: Handlers) -> Iterator[str]:
    with servers.connexion(handlers) as base_url:
        yield base_url


@pytest.fixture
def to_connexion(connect: Connect, base_url: str) -> Connect:
    """Make clients of the server, on each face in turn."""

    def to_connexion(**options: Any) -> Face:
        named = {"api_key", "access_token", "auth"} & options.keys()
        credential = {} if named else {"api_key": KEY}
        return connect(base_url=base_url, transport=None, **credential, **options)

    return to_connexion


def test_a_read_is_understood(to_connexion: Connect) -> None:
    """The id has 17 digits and stays what it is."""
    customer = to_connexion().get(ID)

    assert (customer.id, customer.email, customer.phone) == (ID, "ada@example.com", "+12025550143")


def test_an_update_is_taken(to_connexion: Connect, handlers: Handlers) -> None:
    """A field set, a field cleared, a member outside the contract changed, the rest kept."""
    update = to_connexion().update(
        ID, email="new@example.com", phone=None, extra={"preferences": {"currency": "USD"}}
    )

    assert update.outcome == "accepted"
    assert handlers.records[ID] == {
        **RECORD,
        "email": "new@example.com",
        "phone": None,
        "preferences": {"currency": "USD", "language": "fr"},
    }


def test_an_update_of_a_known_record_is_taken(to_connexion: Connect, handlers: Handlers) -> None:
    """With `current=` the write alone."""
    to_connexion().update(ID, current=RECORD, member_id="M-2")

    assert handlers.records[ID] == {**RECORD, "memberId": "M-2"}


def test_a_replacement_is_taken(to_connexion: Connect, handlers: Handlers) -> None:
    """The two required members make a whole body."""
    document = {"name": "Jo Li", "email": "jo@example.com"}

    update = to_connexion().replace(ID, document)

    assert update.outcome == "accepted"
    assert handlers.records[ID] == document


@pytest.mark.parametrize(
    "wrong", [{"email": 5}, {"name": "x" * 101}, {"phone": "1" * 21}, {"email": None}]
)
def test_a_wrong_body_is_refused(
    to_connexion: Connect, handlers: Handlers, wrong: dict[str, object]
) -> None:
    """Connexion does look, and its problem details are understood."""
    client = to_connexion(validate=False)

    with pytest.raises(caibo.BadRequestError) as refused:
        client.replace(ID, {**RECORD, **wrong})

    assert refused.value.problem["title"] == "Bad Request"
    assert handlers.records[ID] == RECORD


def test_an_unknown_customer_is_not_found(to_connexion: Connect) -> None:
    """The handler's own problem details arrive."""
    client = to_connexion()

    with pytest.raises(caibo.NotFoundError, match="There is no such customer"):
        client.update(ID + 1, phone=None)


@pytest.mark.parametrize("wrong", [{"api_key": "caibo_test_sk_wrong"}, {"access_token": "wrong"}])
def test_a_wrong_credential_is_refused(to_connexion: Connect, wrong: dict[str, str]) -> None:
    """Each kind is looked for where the contract says."""
    client = to_connexion(**wrong)

    with pytest.raises(caibo.AuthenticationError):
        client.get(ID)


def test_a_login_is_taken(to_connexion: Connect, handlers: Handlers) -> None:
    """The renewal passes, and the token from it is a credential."""
    client = to_connexion(auth=caibo.Login(EMAIL, PASSWORD))

    client.update(ID, phone=None)

    assert handlers.records[ID]["phone"] is None


def test_a_record_that_breaks_the_contract_is_not_sent(
    to_connexion: Connect, handlers: Handlers
) -> None:
    """Connexion looks at its answers, too, so those of the other tests are the contract's."""
    handlers.records[ID] = {**RECORD, "email": 5}
    client = to_connexion(max_retries=0)

    with pytest.raises(caibo.ServerError):
        client.get(ID)


def test_an_examination_finds_out_how_it_writes(
    to_connexion: Connect, handlers: Handlers, tmp_path: Path
) -> None:
    """It stores the body as it is, whoever owns what is in it."""
    client = to_connexion()
    sync = isinstance(client.caibo, caibo.Caibo)
    examine: Any = doctor.examine if sync else doctor.aexamine

    report: doctor.Report = client.wait(
        *(examine, client.caibo, ID), write=True, may_stay=True, backup=tmp_path / "before.json"
    )

    verdicts = {id: finding.verdict for id, finding in report.findings.items()}
    assert handlers.records[ID] == RECORD
    assert (report.stopped, report.left) == ("", ())
    assert {send: said.verdict for send, said in report.sends.items()} == {
        "record": "holds",
        "writable": "does not",
        "contract": "does not",
        "changes": "does not",
    }
    assert verdicts["server-owned"] == "does not"
    assert verdicts["callers-set"] == "holds"
    assert verdicts["error-members"] == "holds"
    assert report.facts["in between"].startswith("server: ")
