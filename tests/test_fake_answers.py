"""`FakeCaibo.answer_next`: answers that are no failure to look at, in memory and on a socket."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from scripted import put

from caibo.testing import FakeCaibo

JSON = "application/json; charset=utf-8"


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(phone="before")


@pytest.fixture
def client(plain_client: httpx.Client) -> httpx.Client:
    return plain_client


class TestReads:
    @pytest.mark.parametrize(
        ("body", "status"),
        [
            (lambda customer: {"data": customer}, 200),
            (lambda customer: [customer], 200),
            (lambda customer: {"id": customer["id"], "name": customer["name"]}, 206),
            (lambda customer: {**customer, "Phone": "also"}, 200),
        ],
        ids=["envelope", "list", "part", "two spellings"],
    )
    def test_a_read_is_made_of_the_customer(
        self,
        fake: FakeCaibo,
        client: httpx.Client,
        id: int,
        body: Callable[[Any], Any],
        status: int,
    ) -> None:
        """An envelope, a list, a part: whatever a function makes of it, with every digit."""
        fake.answer_next(body, status=status)

        response = client.get(f"customers/{id}")

        assert response.status_code == status
        assert response.headers["Content-Type"] == JSON
        assert response.json() == body(client.get(f"customers/{id}").json())
        assert (b'"totalDeposits":100.00' in response.content) == (status == 200)

    def test_a_read_is_about_another_customer(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """What is answered may come from anywhere."""
        other = fake.add_customer(name="Grace")
        fake.answer_next(lambda _: fake.document(other), method="GET", id=id)

        response = client.get(f"customers/{id}")

        assert (response.json()["id"], response.json()["name"]) == (other, "Grace")

    def test_a_gateway_wraps_every_record(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """From now on, and a customer that does not exist is still not found."""
        fake.etags = True
        fake.answer_next(lambda customer: {"data": customer}, method="GET", times=math.inf)

        reads = [client.get(f"customers/{id}") for _ in range(3)]
        missing = client.get("customers/1")

        assert [read.json().keys() for read in reads] == [{"data"}] * 3
        assert reads[0].headers["ETag"] == '"v1"'
        assert (missing.status_code, missing.json()["title"]) == (404, "Not Found")

    def test_only_the_status_or_a_header_differs(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """The body stays what it is, byte for byte."""
        fake.answer_next(status=203, headers={"content-type": "text/plain", "Age": "9"})

        response = client.get(f"customers/{id}")

        assert (response.status_code, response.content) == (203, fake.raw(id))
        assert response.headers.get_list("Content-Type") == ["text/plain"]
        assert response.headers["Age"] == "9"

    def test_a_request_about_nobody_is_answered(
        self, fake: FakeCaibo, client: httpx.Client
    ) -> None:
        """There is no customer to make anything of then."""
        fake.answer_next(lambda customer: {"made of": customer}, applied=False)

        assert client.post("auth/login").json() == {"made of": {}}


class TestWrites:
    @pytest.mark.parametrize("applied", [True, False])
    @pytest.mark.parametrize(
        ("body", "status", "media_type"),
        [
            (b"<h1>Maintenance</h1>", 200, "text/html"),
            (b'{"title":"Refused","status":400}', 200, "application/problem+json"),
            (b'{"success":false}', 200, JSON),
            (b'{"message":"ok"}', 207, JSON),
            (b"", 202, JSON),
        ],
    )
    def test_a_write_is_answered_with_something_else(
        self,
        fake: FakeCaibo,
        client: httpx.Client,
        id: int,
        body: bytes,
        status: int,
        media_type: str,
        applied: bool,
    ) -> None:
        """Whether it was carried out or not, which the answer does not tell."""
        headers = {"Content-Type": media_type}
        fake.answer_next(body, status=status, headers=headers, method="PUT", applied=applied)

        response = put(client, id, phone="after")

        assert (response.status_code, response.content) == (status, body)
        assert response.headers["Content-Type"] == media_type
        assert fake.document(id)["phone"] == ("after" if applied else "before")

    def test_a_write_is_answered_with_the_customer_after_it(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """Or with what it was before, if that is what a test wants to see."""
        before = fake.document(id)
        fake.answer_next(lambda customer: {**customer, "phone": "third"}, method="PUT")
        fake.answer_next(before, method="PUT")

        answers = [put(client, id, phone="after", address="new").json() for _ in range(2)]

        assert [answer["phone"] for answer in answers] == ["third", "before"]
        assert [answer["address"] for answer in answers] == ["new", before["address"]]

    def test_a_refusal_stays_a_refusal(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """Unless the request is not carried out at all."""
        fake.answer_next({"success": True}, method="PUT")
        fake.answer_next({"success": True}, method="PUT", applied=False)

        statuses = [put(client, id, email=None).status_code for _ in range(2)]

        assert statuses == [400, 200]

    def test_a_write_is_carried_out_later(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """As 202 says."""
        fake.answer_next(status=202, method="PUT", applied=False)

        status = put(client, id, phone="after").status_code
        looked = fake.document(id)["phone"]
        fake.handle(fake.requests[0])

        assert (status, looked, fake.document(id)["phone"]) == (202, "before", "after")


def test_an_impossible_answer_is_refused(fake: FakeCaibo) -> None:
    """When it is planned, and not when a request comes."""
    with pytest.raises(ValueError, match="from 200, not 103"):
        fake.answer_next(status=103)
