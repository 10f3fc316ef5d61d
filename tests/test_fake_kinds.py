"""The kinds of gateway that `FakeCaibo` can be, in memory and on a socket."""

from __future__ import annotations

from typing import Any, Literal

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import put

from caibo.testing import Cache, FakeCaibo


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(phone="before", preferences={"currency": "EUR"})


@pytest.fixture
def client(plain_client: httpx.Client) -> httpx.Client:
    return plain_client


class TestWhatIsLeftOut:
    def test_it_stays(self, fake: FakeCaibo, client: httpx.Client, id: int) -> None:
        """Members outside the contract as well, and null still clears."""
        fake.keeps_omitted = True
        before = fake.document(id)

        put(client, id, phone=None)

        written = {"name": "N", "email": "n@example.com", "phone": None}
        assert fake.document(id) == {**before, **written}

    def test_what_a_gateway_does_not_take_is_left_out(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """So it stays, too."""
        fake.keeps_omitted = True
        fake.drop_members("phone")

        put(client, id, phone="after")

        assert fake.document(id)["phone"] == "before"


class TestWhatIsNotTaken:
    def test_read_only_members_are_refused(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """Even with the values that they have."""
        fake.refuses_read_only = True

        responses = [put(client, id, id=id, phone="after"), put(client, id, phone="after")]

        assert [response.status_code for response in responses] == [400, 200]
        assert responses[0].json()["errors"] == {"Id": ["The Id field is read-only."]}

    def test_unknown_members_are_dropped(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """The answer says nothing of it, and they are lost."""
        fake.unknown_members = "dropped"

        response = put(client, id, **fake.document(id)["preferences"], preferences={})

        assert response.status_code == 200
        assert not {"preferences", "currency"} & fake.document(id).keys()

    @pytest.mark.parametrize(("strict", "status"), [(True, 400), (False, 200)])
    def test_more_is_shown_than_is_taken(
        self, fake: FakeCaibo, client: httpx.Client, id: int, strict: bool, status: int
    ) -> None:
        """Nobody can change or lose it."""
        fake.unknown_members = "kept"
        fake.strict = strict

        statuses = [
            put(client, id, preferences={}, tier=1).status_code,
            put(client, id).status_code,
        ]

        assert statuses == [status, 200]
        assert fake.document(id)["preferences"] == {"currency": "EUR"}
        assert "tier" not in fake.document(id)


class TestSpelling:
    @pytest.mark.parametrize(
        ("casing", "names"),
        [
            ("camel", {"memberId", "phone", "shoeSize"}),
            ("pascal", {"MemberId", "Phone", "ShoeSize"}),
            ("upper", {"MEMBERID", "PHONE", "SHOESIZE"}),
        ],
    )
    def test_names_have_another_case(
        self,
        fake: FakeCaibo,
        client: httpx.Client,
        casing: Literal["camel", "pascal", "upper"],
        names: set[str],
    ) -> None:
        """In reads, in the answer to a write, and in Python; names within a value do not."""
        fake.casing = casing
        fake.returns_record = True
        id = fake.add_customer(ShoeSize={"eu": 41})

        read = client.get(f"customers/{id}").json()
        answer = client.put(f"customers/{id}", json=read).json()

        assert names <= read.keys()
        assert len(read) == 13
        assert answer == read
        assert fake.document(id).keys() == read.keys()
        assert {"eu": 41} in read.values()

    @given(data=st.data())
    def test_names_are_taken_in_any_case(self, data: st.DataObject) -> None:
        """A record that is written back in whatever case is the record that was read."""
        fake = FakeCaibo()
        fake.casing = data.draw(st.sampled_from(["camel", "pascal", "upper"]))
        id = fake.add_customer(phone="before", ShoeSize=41)
        before = fake.document(id)
        sent = {name: before[name] for name in before if name.lower() != "totaldeposits"}
        shouted = {
            "".join(data.draw(st.sampled_from([c.lower(), c.upper()])) for c in name): value
            for name, value in sent.items()
        }

        headers = {"X-API-Key": fake.api_key}
        with httpx.Client(transport=fake.transport, headers=headers) as client:
            url = f"{fake.base_url}/customers/{id}"
            response = client.put(url, json=shouted)

        assert (response.status_code, fake.document(id)) == (200, before)

    def test_of_two_spellings_the_last_one_counts(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """So a client that adds its own to the record's clears what it meant to set."""
        fake.casing = "pascal"

        put(client, id, phone="mine", Phone=None)

        assert fake.document(id)["Phone"] is None
        assert fake.document(id).keys().isdisjoint({"phone"})

    def test_without_a_casing_names_are_exact(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """As the contract spells them."""
        put(client, id, Phone="mine")

        assert (fake.document(id)["phone"], fake.document(id)["Phone"]) == (None, "mine")

    def test_ids_and_decimals_are_strings(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """With the same digits; null and other values stay what they are."""
        fake.change(id, owner_id=-5)
        fake.id_as_string = fake.decimals_as_strings = True

        read = client.get(f"customers/{id}").json()
        status = client.put(f"customers/{id}", json=read).status_code

        assert (read["id"], read["totalDeposits"]) == (str(id), "100.00")
        assert (read["ownerId"], read["userId"]) == ("-5", None)
        assert read["hasPaymentRequests"] is True
        assert status == 200
        fake.id_as_string = fake.decimals_as_strings = False
        assert (fake.document(id)["id"], fake.document(id)["ownerId"]) == (id, -5)

    @pytest.mark.parametrize("body", [b"[1]", b'{"a":1,"a":2}', b"not JSON"])
    def test_what_is_no_record_stays_as_it_is(
        self, fake: FakeCaibo, client: httpx.Client, body: bytes
    ) -> None:
        """There are no names in it."""
        fake.casing = "upper"

        assert client.get(f"customers/{fake.add_document(body, id=1)}").content == body

    def test_null_is_stored_as_something_else(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """Where the database has no null, or the form sends an empty text."""
        fake.normalise("phone", lambda phone: phone or "", nulls=True)
        fake.normalise("address", lambda address: address or None)

        put(client, id, phone=None, address="")

        assert (fake.document(id)["phone"], fake.document(id)["address"]) == ("", None)


class TestPreconditions:
    def test_tags_may_be_decoration(self, fake: FakeCaibo, client: httpx.Client, id: int) -> None:
        """A framework adds them to reads, and the write ignores them."""
        fake.etags = fake.ignores_if_match = True
        client.headers["If-Match"] = client.get(f"customers/{id}").headers["ETag"]
        fake.change(id, phone="theirs")

        response = put(client, id, phone="mine")

        assert (response.status_code, fake.document(id)["phone"]) == (200, "mine")

    def test_a_write_needs_a_tag(self, fake: FakeCaibo, client: httpx.Client, id: int) -> None:
        """428 says that it is missing, 412 that it is old."""
        fake.etags = fake.requires_if_match = True
        tag = client.get(f"customers/{id}").headers["ETag"]

        statuses = [put(client, id).status_code]
        for client.headers["If-Match"] in (tag, tag):
            statuses.append(put(client, id).status_code)

        assert statuses == [428, 200, 412]


class TestCaches:
    def reads(self, client: httpx.Client, id: int, times: int = 2) -> list[httpx.Response]:
        return [client.get(f"customers/{id}") for _ in range(times)]

    def test_a_cache_answers_with_an_old_copy(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """Whoever wrote since, also through the cache; and it says so."""
        fake.cache = Cache()
        first = client.get(f"customers/{id}")
        put(client, id, phone="after")
        fake.change(id, address="theirs")

        second = client.get(f"customers/{id}")

        assert second.content == first.content != fake.raw(id)
        assert [read.headers["X-Cache"] for read in (first, second)] == ["MISS", "HIT"]
        assert [read.headers.get("Age") for read in (first, second)] == [None, "30"]
        assert [request.method for request in fake.requests] == ["GET", "PUT", "GET"]

    def test_a_cache_may_say_nothing(self, fake: FakeCaibo, client: httpx.Client, id: int) -> None:
        """Then nobody can see it."""
        fake.cache = Cache(age=None, mark=None)

        first, second = self.reads(client, id)

        assert first.headers.keys() == second.headers.keys() >= {"content-type", "x-request-id"}
        assert first.headers.keys().isdisjoint({"age", "x-cache"})

    @pytest.mark.parametrize(("obeys", "phone"), [(True, "after"), (False, "before")])
    @pytest.mark.parametrize("asked", ["no-cache", "Max-Age=0, no-transform"])
    def test_a_cache_may_be_told_to_ask(
        self, fake: FakeCaibo, client: httpx.Client, id: int, obeys: bool, phone: str, asked: str
    ) -> None:
        """Some do, and keep what they got; some do as they like."""
        fake.cache = Cache(obeys=obeys, mark="Cf-Cache-Status")
        client.get(f"customers/{id}")
        put(client, id, phone="after")

        fresh = client.get(f"customers/{id}", headers={"Cache-Control": asked})
        kept = client.get(f"customers/{id}")

        assert [fresh.json()["phone"], kept.json()["phone"]] == [phone, phone]
        assert fresh.headers["Cf-Cache-Status"] == ("MISS" if obeys else "HIT")

    def test_a_cache_keeps_no_failure(self, fake: FakeCaibo, client: httpx.Client, id: int) -> None:
        """Nor what a fault did to an answer on its way; and it can be purged."""
        cache = fake.cache = Cache()
        missing = [client.get("customers/1").headers["X-Cache"] for _ in range(2)]
        fake.fail_next(500)
        statuses = [read.status_code for read in self.reads(client, id)]
        cache.copies.clear()

        assert missing == ["MISS", "MISS"]
        assert statuses == [500, 200]
        assert client.get(f"customers/{id}").headers["X-Cache"] == "MISS"

    def test_a_cache_does_not_show_what_it_keeps(self, fake: FakeCaibo) -> None:
        """A failing assertion prints a `repr`."""
        fake.cache = Cache()
        id = fake.add_customer(name="Ada")

        with httpx.Client(transport=fake.transport, headers={"X-API-Key": fake.api_key}) as client:
            client.get(f"{fake.base_url}/customers/{id}")

        assert repr(fake.cache) == "Cache(age=30, mark='X-Cache', obeys=True)"


KINDS: dict[str, list[Any]] = {
    "keeps_omitted": [False, True],
    "unknown_members": ["stored", "dropped", "kept"],
    "casing": [None, "camel", "pascal", "upper"],
    "id_as_string": [False, True],
    "decimals_as_strings": [False, True],
    "returns_record": [False, True],
    "etags": [False, True],
}


@given(switches=st.fixed_dictionaries({name: st.sampled_from(KINDS[name]) for name in KINDS}))
def test_a_record_survives_being_written_back_on_every_kind(switches: dict[str, Any]) -> None:
    """But for members outside the contract where they are dropped."""
    fake = FakeCaibo()
    for name, value in switches.items():
        setattr(fake, name, value)
    id = fake.add_customer(shoeSize=41)
    before = fake.document(id)

    headers = {"X-API-Key": fake.api_key, "Content-Type": "application/json"}
    with httpx.Client(transport=fake.transport, base_url=fake.base_url, headers=headers) as client:
        read = client.get(f"customers/{id}")
        status = client.put(f"customers/{id}", content=read.content).status_code

    lost = before.keys() - fake.document(id).keys()
    drops = fake.unknown_members == "dropped" and not fake.keeps_omitted
    assert status == 200
    assert {name.lower() for name in lost} == ({"shoesize"} if drops else set())
    assert {name: before[name] for name in fake.document(id)} == fake.document(id)
