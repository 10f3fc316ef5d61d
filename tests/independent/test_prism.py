"""Prism, a validating mock of somebody else's, has nothing against what the client sends.

It serves the packaged contract, so these tests hold the client against the
contract and not against our reading of it.  `nox -s prism` installs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import servers
from faces import Connect, Face
from servers import RECORD
from servers import SMALL_ID as ID

import caibo
from caibo import doctor


@pytest.fixture(scope="session")
def prism(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.prism(tmp_path_factory.mktemp("prism")) as base_url:
        yield base_url


@pytest.fixture
def to_prism(connect: Connect, prism: str) -> Connect:
    """Make clients of Prism, on each face in turn."""

    def to_prism(**options: Any) -> Face:
        return connect(base_url=prism, transport=None, **options)

    return to_prism


def test_a_read_is_what_the_contract_allows(to_prism: Connect) -> None:
    """The request passes, and the record in the answer is understood."""
    customer = to_prism().get(ID)

    assert (customer.id, customer.email) == (ID, "ada@example.com")


def test_an_update_writes_what_the_contract_allows(to_prism: Connect) -> None:
    """The whole merged record passes, server-owned and unknown members included."""
    update = to_prism().update(ID, email="new@example.com", phone=None, address="1 New Street")

    assert update.changes.keys() == {"email", "phone", "address"}
    assert update.outcome == "accepted"
    assert update.carried == ("preferences",)


def test_an_update_of_a_known_record_needs_no_read(to_prism: Connect) -> None:
    """With `current=` the write alone passes."""
    update = to_prism().update(ID, current=RECORD, email="new@example.com")

    assert update.changes.keys() == {"email"}


def test_a_replacement_is_what_the_contract_allows(to_prism: Connect) -> None:
    """The two required members make a body that passes."""
    update = to_prism().replace(ID, {"name": "Ada Example", "email": "ada@example.com"})

    assert update.outcome == "accepted"


@pytest.mark.parametrize("email", ["x" * 101, 5])
def test_a_wrong_body_is_found(to_prism: Connect, email: object) -> None:
    """Prism does look: what our own checks would have stopped, it refuses."""
    client = to_prism(validate=False)

    with pytest.raises(caibo.BadRequestError):
        client.replace(ID, {"name": "Ada Example", "email": email})


def test_a_login_is_what_the_contract_allows(to_prism: Connect) -> None:
    """The renewal passes, and the token from it is accepted as a credential."""
    client = to_prism(auth=caibo.Login("ada@example.com", "no secret"))

    assert client.get(ID).name == "Ada Example"


def test_an_access_token_is_a_credential_of_the_contract(to_prism: Connect) -> None:
    """A bearer token passes where an API key does."""
    assert to_prism(access_token="no-secret").get(ID).name == "Ada Example"


def test_an_examination_finds_out_that_nothing_is_stored(to_prism: Connect, tmp_path: Path) -> None:
    """It takes all that is written, and answers with the same record."""
    client = to_prism()
    sync = isinstance(client.caibo, caibo.Caibo)
    examine: Any = doctor.examine if sync else doctor.aexamine

    report: doctor.Report = client.wait(
        *(examine, client.caibo, ID), write=True, may_stay=True, backup=tmp_path / "before.json"
    )

    verdicts = {id: finding.verdict for id, finding in report.findings.items()}
    assert report.stopped.startswith("reads do not show what was written")
    assert {said.verdict for said in report.sends.values()} == {"cannot be told"}
    assert verdicts["media-type"] == "holds"
    assert verdicts["read-sees-writes"] == "does not"
    assert verdicts["further-members"] == "holds"
