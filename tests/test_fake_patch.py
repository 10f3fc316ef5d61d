"""The fake gateway's `PATCH`, which the vendor documents nowhere yet."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from patching import MERGE_PATCH

from caibo.testing import FakeCaibo
from caibo.testing._quirks import merge_patch


@pytest.fixture
def client(plain_client: httpx.Client, fake: FakeCaibo) -> httpx.Client:
    fake.has_patch = True
    return plain_client


def patch(client: httpx.Client, id: int, patch: Any, media_type: str = MERGE_PATCH) -> Any:
    return client.patch(f"customers/{id}", json=patch, headers={"Content-Type": media_type})


# https://www.rfc-editor.org/rfc/rfc7396#appendix-A
APPENDIX: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "with_", "becomes"), APPENDIX)
def test_a_merge_patch_is_the_rfcs(target: Any, with_: Any, becomes: Any) -> None:
    """Each of its examples."""
    assert merge_patch(target, with_) == becomes


def test_there_is_none_unless_it_is_switched_on(fake: FakeCaibo, client: httpx.Client) -> None:
    """As the contract has none."""
    fake.has_patch = False

    response = patch(client, fake.add_customer(), {"phone": "1"})

    assert (response.status_code, response.headers["Allow"]) == (405, "GET, PUT")


def test_what_is_not_named_stays(fake: FakeCaibo, client: httpx.Client) -> None:
    """Token for token; what the gateway owns is ignored, as in a `PUT`."""
    id = fake.add_document(b'{"name":"A","email":"a@b.c","rate":1.00,"x":{"y":1,"z":2}}')

    response = patch(client, id, {"phone": "1", "x": {"y": None, "w": 3}, "ownerId": 7})

    assert response.status_code == 200
    assert fake.raw(id) == (
        b'{"name":"A","email":"a@b.c","rate":1.00,"x":{"z":2,"w":3},"phone":"1"}'
    )


@pytest.mark.parametrize(("drops", "there"), [(True, False), (False, True)])
def test_null_clears(fake: FakeCaibo, client: httpx.Client, drops: bool, there: bool) -> None:
    """A field becomes null or goes, as `drop_omitted` says; what is no field goes."""
    fake.drop_omitted = drops
    id = fake.add_customer(phone="1", x=1)

    patch(client, id, {"phone": None, "x": None})

    record = fake.document(id)
    assert ("phone" in record, record.get("phone"), "x" in record) == (there, None, False)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({}, 200),
        ({"email": None}, 400),
        ({"phone": "1" * 21}, 400),
        ({"phone": 1}, 400),
        ([], 400),
    ],
    ids=str,
)
def test_the_contract_holds_for_what_is_named(
    fake: FakeCaibo, client: httpx.Client, sent: Any, status: int
) -> None:
    """What is required need not be named, and cannot be taken away."""
    assert patch(client, fake.add_customer(), sent).status_code == status


def test_a_media_type_that_is_no_merge_patch_is_refused(
    fake: FakeCaibo, client: httpx.Client
) -> None:
    """RFC 5789: the media type says how to apply it."""
    id = fake.add_customer()

    assert patch(client, id, {}, "application/json").status_code == 415
    assert client.put(f"customers/{id}", json={}, headers={"Content-Type": MERGE_PATCH}).is_error


def test_nobody_is_patched_who_is_not_there(client: httpx.Client) -> None:
    assert patch(client, 1, {}).status_code == 404


def test_dropped_and_respelt_members_are_as_in_a_put(fake: FakeCaibo, client: httpx.Client) -> None:
    """A gateway knows one way to store a field."""
    id = fake.add_customer()
    fake.normalise("phone", str.strip)
    fake.drop_members("nickname")

    patch(client, id, {"phone": " 1 ", "nickname": "Ada"})

    assert fake.document(id)["phone"] == "1"
    assert "nickname" not in fake.document(id)
