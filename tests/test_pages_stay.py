"""That something in between answered with a web page is said, whatever else is advised."""

from __future__ import annotations

import pytest
from faces import Connect, Face

import caibo
from caibo.testing import FakeCaibo

PAGE = b"<html><head><title>Zscaler</title></head><body>Blocked</body></html>"
SAID = 'The answer is a web page with the title "Zscaler": something in between'
HTML = {"Content-Type": "text/html"}


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(phone="old")


def answers(fake: FakeCaibo, status: int, method: str, times: int = 1, **options: bool) -> None:
    fake.fail_next(status, body=PAGE, headers=HTML, method=method, times=times, **options)


@pytest.mark.parametrize("status", [404, 405])
def test_where_a_read_would_be_doubted(client: Face, fake: FakeCaibo, id: int, status: int) -> None:
    """Not that there is no such customer: nobody has asked the gateway."""
    answers(fake, status, "GET")

    with pytest.raises(caibo.APIError, match=SAID) as caught:
        client.get(id)

    assert "no such customer" not in str(caught.value)
    assert "Is `base_url` right?" in caught.value.hint


def test_where_a_write_was_not_applied(connect: Connect, fake: FakeCaibo, id: int) -> None:
    """With what was read back, instead of the advice to read."""
    answers(fake, 502, "PUT")

    with pytest.raises(caibo.ServerError, match=SAID) as caught:
        connect(max_retries=0).update(id, phone="new")

    assert "Read back afterwards, the record has its old values" in caught.value.hint
    assert "read the record before" not in caught.value.hint


def test_where_nobody_can_tell(connect: Connect, fake: FakeCaibo, id: int) -> None:
    """With the plan to resume by; a page for the read does not mean that there is no read."""
    answers(fake, 502, "PUT")
    fake.on_request = lambda r: answers(fake, 404, "GET") if r.method == "PUT" else None

    with pytest.raises(caibo.UnknownOutcomeError, match=SAID) as caught:
        connect(max_retries=0).update(id, phone="new")

    assert str(caught.value).count(SAID) == 2
    assert "read the record before" not in str(caught.value)
    assert "customers.apply(error.plan)" in str(caught.value)


def test_where_a_login_is_refused(connect: Connect, fake: FakeCaibo, id: int) -> None:
    """Not that the password is wrong."""
    answers(fake, 403, "POST")

    with pytest.raises(caibo.RenewalError, match=SAID) as caught:
        connect(auth=caibo.Login("a@b.c", "password"), max_retries=0).get(id)

    assert "password" not in str(caught.value)


def test_with_no_way_to_read_nobody_is_sent_to_apply(
    connect: Connect, fake: FakeCaibo, id: int
) -> None:
    """It would have to read as well."""
    record = caibo.Document.parse(fake.raw(id))
    fake.fail_next(502, method="PUT")
    fake.fail_next(404, method="GET")

    with pytest.raises(caibo.UnknownOutcomeError, match="by other means") as caught:
        connect(max_retries=0).update(id, phone="new", current=record)

    assert "apply(error.plan)" not in str(caught.value)
