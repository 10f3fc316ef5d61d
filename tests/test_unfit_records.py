"""A record that cannot be written back is read, refused, and never written."""

from __future__ import annotations

from typing import Any

import pytest
from faces import Connect, Face
from scripted import ID, RECORD, Script, answer

import caibo
from caibo.testing import FakeCaibo


def written(fake: FakeCaibo) -> bool:
    return any(request.method == "PUT" for request in fake.requests)


def _many(count: int) -> bytes:
    """Give a record with so many members."""
    more = b"".join(b',"m%d":%d' % (number, number) for number in range(count - 2))
    return b'{"name":"A","email":"a@b.c"' + more + b"}"


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
        (b'{"name":"A","email":"a@b.c","x":{},"x":{}}', "'x' appears twice"),
        (b'{"id":1,"name":"A","email":"a@b.c"}', "another customer"),
        (b'{"id":"16772748432912192","name":"A","email":"a@b.c"}', "another customer"),
        (b'{"id":"016772748432912191","name":"A","email":"a@b.c"}', "another customer"),
        (b'{"Id":1,"name":"A","email":"a@b.c"}', "another customer"),
        (b'{"id":true,"name":"A","email":"a@b.c"}', "another customer"),
        (b'{"id":16772748432912192.0,"name":"A","email":"a@b.c"}', "another customer"),
        (_many(1_001), r"the record has 1,001 members; at most 1,000 are taken$"),
        (b"{}", "name is missing; found: no members"),
        (b'{"a":[' + b"{}," * 100 + b'{"name":"A","email":"e"}]}', "name is missing; found: a$"),
        (b'{"error":{"inner":{}},"of":[1,{"x":[{}]}]}', "name is missing; found: error, of$"),
        (b'{"a":{"b":{"c":{"d":{"name":"A","email":"e"}}}}}', "name is missing; found: a$"),
        (b'{"success":false,"message":"no"}', "name is missing; found: success, message$"),
        (b'{"id":16772748432912191}', "name is missing; found: id$"),
        (b'{"id":16772748432912191,"name":"A"}', "email is missing; found: id, name$"),
        (b'{"name":"A","email":null}', "email is null, and there is no id to tell whose"),
        (b'{"name":7,"email":"a@b.c","id":null}', "name is number, and there is no id"),
        (b'{"phone":"1","Phone":"2","name":"A","email":"a@b.c"}', "spellings: phone, Phone$"),
        (b'{"name":"A","NAME":"A","email":"a@b.c"}', "several spellings: name, NAME$"),
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


def test_as_many_members_as_are_taken_are_carried(client: Face, fake: FakeCaibo) -> None:
    """Far more than any customer has."""
    fake.add_document(_many(1_000), id=ID)

    client.update(ID, extra={"m7": "new"})

    assert fake.requests[-1].json.items() >= {"m7": "new", "m997": 997}.items()


def test_one_more_is_no_record_to_begin_with(client: Face, fake: FakeCaibo) -> None:
    """Whoever hands it over."""
    with pytest.raises(caibo.InvalidChangesError, match="at most 1,000 are taken"):
        client.update(ID, phone="1", current=caibo.Document.parse(_many(1_001)))

    assert fake.requests == []


ENVELOPES = {
    "data": '{"data":%s}',
    "items": '{"items":[%s],"total":1}',
    "result.customer": '{"success":true,"result":{"customer":%s}}',
}


@pytest.mark.parametrize("inside", ENVELOPES)
@pytest.mark.parametrize(
    "verb",
    [
        lambda client: client.get(ID),
        lambda client: client.update(ID, name="N", email="n@example.com"),
        lambda client: client.plan(ID, name="N", email="n@example.com"),
        lambda client: client.edit(ID).__enter__(),
    ],
    ids=["get", "update", "plan", "edit"],
)
def test_an_envelope_is_no_record(client: Face, fake: FakeCaibo, inside: str, verb: Any) -> None:
    """Whatever the changes set; the message says where the record is, and quotes nothing of it."""
    record = f'{{"id":{ID},"name":"Ada","email":"ada@example.com","phone":"+12025550143"}}'
    fake.add_document(ENVELOPES[inside] % record, id=ID)

    with pytest.raises(caibo.MalformedResponseError, match="current= takes the inner") as caught:
        verb(client)

    assert f"the record seems to be inside '{inside}'" in str(caught.value).lower()
    assert not [value for value in ("Ada", "ada@", "2025550143") if value in str(caught.value)]
    assert not written(fake)


def test_the_record_inside_is_taken_as_current(client: Face, fake: FakeCaibo) -> None:
    """As the message says."""
    fake.add_customer(id=ID, name="Ada")

    update = client.update(ID, current=fake.document(ID), phone=None)

    assert (update.outcome, fake.document(ID)["name"]) == ("accepted", "Ada")


def test_names_in_the_message_are_few_and_hold_no_secret(client: Face, fake: FakeCaibo) -> None:
    """A gateway chooses them, too."""
    names = ["ada@example.com", "caibo_live_sk_0123456789", "\\u001b[2J", *map(str, range(20))]
    fake.add_document("{" + ",".join(f'"{name}":1' for name in names) + "}", id=ID)

    with pytest.raises(caibo.MalformedResponseError) as caught:
        client.get(ID)

    assert "found: a…@example.com, ‹secret›, [2J, 0, 1, 2, 3, 4, …" in str(caught.value)


@pytest.mark.parametrize("status", [201, 202, 203, 206])
def test_a_part_of_a_record_is_none(connect: Connect, status: int) -> None:
    """206 says that there is more; what the others mean for a read nobody knows."""
    script = Script(answer(status, RECORD))

    with pytest.raises(caibo.MalformedResponseError, match=f"the answer is {status}"):
        connect(**script.options).update(ID, phone="+1")

    assert [request.method for request in script.requests] == ["GET"]


def test_what_is_read_back_has_to_be_a_record(client: Face, fake: FakeCaibo) -> None:
    """Else a write of `{}` could be confirmed by `{}`."""
    fake.add_customer(id=ID)
    fake.on_request = lambda request: (
        fake.fail_next(200, body=b'{"name":"N"}', method="GET") if request.method == "PUT" else None
    )

    with pytest.raises(caibo.UnknownOutcomeError, match="found: name"):
        client.update(ID, name="N", confirm=True)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ('"email":"a@b.c","name":null', "name must be a string and is null; set name= to go on"),
        ('"email":"a@b.c","name":["A"]', "name must be a string and is array"),
        ('"name":"A","email":7', "email must be a string and is number; set email= to go on"),
        ('"name":"A","email":{}', "email must be a string and is object"),
        ('"name":"A","email":false', "email must be a string and is boolean"),
        ('"name":"A","EMAIL":false', "email must be a string and is boolean"),
    ],
)
def test_a_record_without_name_or_email_is_not_written_back(
    client: Face, fake: FakeCaibo, members: str, reason: str
) -> None:
    """The contract requires them as strings: something is wrong with such a record."""
    fake.add_document(f'{{"id":{ID},{members}}}')

    with pytest.raises(caibo.MalformedResponseError, match=reason):
        client.update(ID, phone="1")

    assert not written(fake)


@pytest.mark.parametrize(
    ("members", "changes"),
    [
        ('"email":"a@b.c","name":null', {"name": "A"}),
        ('"name":7,"email":[]', {"name": "A", "email": "a@b.c"}),
    ],
)
def test_it_is_written_back_with_what_it_lacks(
    client: Face, fake: FakeCaibo, members: str, changes: Any
) -> None:
    """The changes may heal a record."""
    fake.add_document(f'{{"id":{ID},{members}}}')

    update = client.update(ID, **changes)

    assert update.outcome == "accepted"
    assert fake.document(ID)["name"] == "A"


@pytest.mark.parametrize("id", [f'"{ID}"', f"{ID}.0", f"{ID}0e-1"])
def test_an_id_goes_back_as_it_came(client: Face, fake: FakeCaibo, id: str) -> None:
    """A string of the same digits is this customer, as a whole number with a fraction is."""
    fake.add_document(f'{{"id":{id},"name":"A","email":"a@b.c"}}', id=ID)

    update = client.update(ID, phone="1")

    assert f'"id":{id},'.encode() in fake.requests[-1].body
    assert update.customer.id == ID


@pytest.mark.parametrize("id", [0, -7])
def test_an_id_that_was_never_set_is_doubted(client: Face, fake: FakeCaibo, id: int) -> None:
    """The contract allows it, so it is sent; a 404 for it says more."""
    record = {"id": id, "name": "A", "email": "a@b.c"}

    for call in (
        lambda: client.get(id),
        lambda: client.replace(id, record),
        lambda: client.update(id, current=record, phone="1"),
    ):
        with pytest.raises(caibo.NotFoundError, match=f"allows {id} as an id.*was it ever set"):
            call()
    fake.add_document(record)

    assert client.update(id, phone="1").outcome == "accepted"


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
