"""A record that cannot be written back is read, refused, and never written."""

from __future__ import annotations

from typing import Any

import pytest
from faces import Face

import caibo
from caibo.testing import FakeCaibo

ID = 16772748432912191


def written(fake: FakeCaibo) -> bool:
    return any(request.method == "PUT" for request in fake.requests)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "200 with an empty body"),
        (b"<html></html>", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b'{"name":"A","email":"a@b.c"', "not JSON"),
        (b'{"name":"A","email":"a@b.c",}', "not JSON"),
        (b'{"name":"A","email":"a@b.c"} x', "more after the object"),
        (b'{"name":"A","email":"a@b.c","x":NaN}', "NaN"),
        (b'{"name":"A",1:2}', "no member name"),
        (b'{"name" "A"}', "not JSON"),
        (b'{"name":"A\xff"}', "not UTF-8"),
        (b'{"x":' + b"[" * 200 + b"]" * 200 + b"}", "nested too deeply"),
        (b'{"x":' + b"[" * 200_000, "nested too deeply"),
        (b'{"name":"A","email":"a@b.c","phone":"1","phone":"2"}', "'phone' appears twice"),
        (b'{"name":"A","email":"a@b.c","ph\\u006fne":"1","phone":"2"}', "'phone' appears twice"),
        (b'{"id":1,"name":"A","email":"a@b.c"}', "another customer"),
        (b'{"id":"16772748432912191","name":"A","email":"a@b.c"}', "another customer"),
        (b'{"id":true,"name":"A","email":"a@b.c"}', "another customer"),
        (b'{"id":16772748432912192.0,"name":"A","email":"a@b.c"}', "another customer"),
    ],
)
def test_what_is_no_record_of_this_customer_is_refused(
    client: Face, fake: FakeCaibo, body: bytes, reason: str
) -> None:
    """By `get` and by `update`, before anything is written, with the reason."""
    fake.fail_next(200, body=body, method="GET", times=2 * 3)

    for call in (client.get, lambda customer: client.update(customer, email="new@example.com")):
        with pytest.raises(caibo.MalformedResponseError, match=reason) as caught:
            call(ID)
        assert f"GET /customers/{ID}" in str(caught.value)
        assert caught.value.request_id is not None

    assert not written(fake)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ('"email":"a@b.c"', "name must be a string and is missing; set name= to go on"),
        ('"email":"a@b.c","name":null', "name must be a string and is null"),
        ('"email":"a@b.c","name":["A"]', "name must be a string and is array"),
        ('"name":"A"', "email must be a string and is missing; set email= to go on"),
        ('"name":"A","email":7', "email must be a string and is number"),
        ('"name":"A","email":{}', "email must be a string and is object"),
        ('"name":"A","email":false', "email must be a string and is boolean"),
        ('"Name":"A","email":"a@b.c"', "name must be a string and is missing"),
    ],
)
def test_a_record_without_name_or_email_is_not_written_back(
    client: Face, fake: FakeCaibo, members: str, reason: str
) -> None:
    """The contract requires them as strings: something is wrong with such a record."""
    fake.add_document(f"{{{members}}}", id=ID)

    with pytest.raises(caibo.MalformedResponseError, match=reason):
        client.update(ID, phone="1")

    assert not written(fake)


@pytest.mark.parametrize(
    ("members", "changes"),
    [
        ('"email":"a@b.c"', {"name": "A"}),
        ('"email":"a@b.c","name":null', {"name": "A"}),
        ('"name":7', {"name": "A", "email": "a@b.c"}),
    ],
)
def test_it_is_written_back_with_what_it_lacks(
    client: Face, fake: FakeCaibo, members: str, changes: Any
) -> None:
    """The changes may heal a record."""
    fake.add_document(f"{{{members}}}", id=ID)

    update = client.update(ID, **changes)

    assert update.outcome == "accepted"
    assert fake.document(ID)["name"] == "A"


def test_empty_strings_are_fit(client: Face, fake: FakeCaibo) -> None:
    """The contract's minimum length is 0."""
    fake.add_document('{"name":"","email":""}', id=ID)
    fake.fail_next(200, method="PUT")

    assert client.update(ID, phone="1").outcome == "accepted"


def test_a_record_without_an_id_is_taken_for_the_right_one(client: Face, fake: FakeCaibo) -> None:
    """The contract does not require it."""
    fake.add_document('{"name":"A","email":"a@b.c"}', id=ID)

    assert client.update(ID, phone="1").outcome == "accepted"


def test_a_member_that_cannot_be_merged_is_said(client: Face, fake: FakeCaibo) -> None:
    """Inside the object that `extra` reaches into, one name stands twice."""
    fake.add_document('{"name":"A","email":"a@b.c","prefs":{"x":1,"x":2}}', id=ID)

    with pytest.raises(
        caibo.MalformedResponseError, match=r"cannot be merged: .*'x' appears twice"
    ):
        client.update(ID, extra={"prefs": {"y": 1}})

    assert not written(fake)


def test_a_deep_record_is_merged_as_far_as_it_can_be_read(client: Face, fake: FakeCaibo) -> None:
    """The bound on depth is one, so nothing that can be read fails later."""
    deep = '{"d":' * 98 + "1" + "}" * 98
    fake.add_document(f'{{"name":"A","email":"a@b.c","x":{deep}}}', id=ID)
    customer = client.get(ID)
    nested: Any = 2
    for _ in range(98):
        nested = {"d": nested}

    client.update(ID, extra={"x": nested})

    assert customer.document.text("x") == deep
    assert fake.document(ID)["x"] == nested
