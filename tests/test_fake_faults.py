"""What `FakeCaibo` does wrong when a test asks for it, in memory and on a socket."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import put

from caibo.testing import FakeCaibo

LOST = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)


@pytest.fixture
def fake() -> FakeCaibo:
    return FakeCaibo()


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(phone="before")


@pytest.fixture
def client(plain_client: httpx.Client) -> httpx.Client:
    return plain_client


def read(client: httpx.Client, id: int) -> Any:
    return client.get(f"customers/{id}").json()


class TestFailing:
    @pytest.mark.parametrize("status", [200, 302, 404, 429, 500, 520, 999])
    def test_the_next_answer_has_any_status_and_body(
        self, fake: FakeCaibo, client: httpx.Client, id: int, status: int
    ) -> None:
        """One request fails, unapplied, and the one after it does not."""
        html = b"<html>\xff</html>"
        fake.fail_next(status, headers={"Content-Type": "text/html", "Retry-After": "3"}, body=html)

        response = put(client, id, phone="after")

        assert (response.status_code, response.content) == (status, html)
        assert response.headers["Retry-After"] == "3"
        assert read(client, id)["phone"] == "before"

    @pytest.mark.parametrize("status", [204, 304])
    def test_an_answer_that_may_have_no_body_has_none(
        self, fake: FakeCaibo, client: httpx.Client, id: int, status: int
    ) -> None:
        """Its bytes would be taken for the beginning of the next answer."""
        fake.fail_next(status, body=b"x")

        response = client.get(f"customers/{id}")

        assert (response.status_code, response.content) == (status, b"")
        assert read(client, id)["phone"] == "before"

    def test_a_failure_may_be_a_problem(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """A mapping makes its members."""
        fake.fail_next(403, body={"title": "Forbidden"}, headers={"x-request-id": "mine"})

        response = client.get(f"customers/{id}")

        assert response.json() == {"title": "Forbidden"}
        assert response.headers["Content-Type"].startswith("application/problem+json")
        assert response.headers.get_list("X-Request-Id") == ["mine"]

    def test_a_failure_may_come_after_the_write(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """As from a gateway that fails after its commit."""
        fake.fail_next(500, after_applying=True)

        response = put(client, id, phone="after")

        assert (response.status_code, fake.document(id)["phone"]) == (500, "after")

    def test_a_failure_waits_for_its_method_and_lasts(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """Faults queue up, and each request meets one at most."""
        fake.fail_next(503, method="PUT", times=2)
        fake.fail_next(500)

        statuses = [put(client, id).status_code for _ in range(2)]
        statuses += [client.get(f"customers/{id}").status_code for _ in range(2)]

        assert statuses == [503, 503, 500, 200]

    def test_a_failure_waits_for_its_customer(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """Others are served meanwhile, and what names no customer is none."""
        other = fake.add_customer()
        fake.fail_next(503, id=id, times=2)

        paths = [f"customers/{other}", "customers/x", f"customers/{id}", f"customers/{other}"]
        statuses = [client.get(path).status_code for path in paths]
        statuses += [put(client, other).status_code, put(client, id).status_code]

        assert statuses == [200, 400, 503, 200, 200, 503]

    def test_the_nth_request_fails(self, fake: FakeCaibo, client: httpx.Client, id: int) -> None:
        """Of those that the fault is about, counted from when it was planned."""
        other = fake.add_customer()
        client.get(f"customers/{id}")
        fake.fail_next(503, method="GET", id=id, after=2)

        statuses = [client.get(f"customers/{id}").status_code]
        statuses += [put(client, id).status_code, client.get(f"customers/{other}").status_code]
        statuses += [client.get(f"customers/{id}").status_code for _ in range(3)]

        assert statuses == [200, 200, 200, 200, 503, 200]

    def test_a_request_that_fails_counts_for_the_others(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """The third write is the third, whatever became of the first two."""
        fake.fail_next(500, method="PUT", times=2)
        fake.fail_next(502, method="PUT", after=2)
        fake.fail_next(501, after=1)

        statuses = [put(client, id).status_code for _ in range(5)]

        assert statuses == [500, 500, 502, 501, 200]

    def test_a_failure_may_last_for_ever(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """And what is behind it waits."""
        fake.fail_next(500, times=math.inf)
        fake.fail_next(501)

        statuses = {client.get(f"customers/{id}").status_code for _ in range(20)}

        assert statuses == {500}

    def test_a_method_may_be_written_small(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """As in httpx; a fault that waits for ever would let every test pass."""
        fake.fail_next(500, method="put")

        assert put(client, id, phone="after").status_code == 500

    def test_faults_that_no_request_can_meet_are_refused(self, fake: FakeCaibo) -> None:
        """A slip of the hand would make a test of nothing."""
        text: Any = "7"
        with pytest.raises(ValueError, match="PTU"):
            fake.lose_response("PTU")
        with pytest.raises(TypeError, match="id is the number of a customer, not '7'"):
            fake.delay(3, id=text)
        with pytest.raises(ValueError, match="three digits from 200, not '7'"):
            fake.fail_next(text)

    def test_impossible_faults_are_refused(self, fake: FakeCaibo) -> None:
        """An informational status is no answer, and a fault happens at least once."""
        with pytest.raises(ValueError, match="from 200, not 100"):
            fake.fail_next(100)
        with pytest.raises(ValueError, match="from 1, not 0"):
            fake.garble_next(times=0)
        with pytest.raises(ValueError, match="from 0, not -1"):
            fake.refuse_connection(after=-1)
        for chance in (0, 1.01, math.nan):
            with pytest.raises(ValueError, match="above 0 and at most 1, not"):
                fake.delay(1, chance=chance)


PLANS: dict[str, Callable[[FakeCaibo, Any], None]] = {
    "fail": lambda fake, when: fake.fail_next(500, **when),
    "lose": lambda fake, when: fake.lose_response("GET", **when),
    "garble": lambda fake, when: fake.garble_next("truncated", **when),
    "delay": lambda fake, when: fake.delay(3600, **when),
    "refuse": lambda fake, when: fake.refuse_connection(**when),
    "stale": lambda fake, when: fake.stale_reads(**when),
}


@pytest.mark.parametrize("plan", PLANS)
@given(reads=st.lists(st.booleans(), max_size=8), after=st.integers(0, 3))
def test_every_fault_meets_the_same_requests(plan: str, reads: list[bool], after: int) -> None:
    """The one about this customer after so many of them, and no other."""
    fake = FakeCaibo()
    ids = {mine: fake.add_customer(phone="before") for mine in (True, False)}
    for id in ids.values():
        fake.change(id, phone="after")
    PLANS[plan](fake, {"id": ids[True], "after": after})
    went_wrong: list[int] = []

    headers = {"X-API-Key": fake.api_key}
    with httpx.Client(transport=fake.transport, base_url=fake.base_url, headers=headers) as client:
        for number, mine in enumerate(reads):
            try:
                right = read(client, ids[mine])["phone"] == "after"
            except (httpx.TransportError, ValueError):
                right = False
            went_wrong += [] if right else [number]

    mine_only = [number for number, mine in enumerate(reads) if mine]
    assert went_wrong == mine_only[after : after + 1]


class TestChance:
    @staticmethod
    def struck(plan: str, seed: int, **when: Any) -> list[bool]:
        """Tell of each of some reads whether it meets a fault."""
        fake = FakeCaibo(seed=seed)
        id = fake.add_customer()
        PLANS[plan](fake, {"times": math.inf, **when})
        met: list[bool] = []
        headers = {"X-API-Key": fake.api_key}
        with httpx.Client(transport=fake.transport, headers=headers) as client:
            for _ in range(60):
                try:
                    met.append(client.get(f"{fake.base_url}/customers/{id}").status_code != 200)
                except httpx.TransportError:
                    met.append(True)
        return met

    @pytest.mark.parametrize("plan", [plan for plan in PLANS if plan != "stale"])
    def test_some_requests_meet_a_fault_and_the_seed_says_which(self, plan: str) -> None:
        """The same ones again, and others with another seed."""
        met = self.struck(plan, 1, chance=0.25)

        assert 5 <= sum(met) <= 25
        assert self.struck(plan, 1, chance=0.25) == met
        assert self.struck(plan, 2, chance=0.25) != met

    def test_only_those_that_meet_it_are_counted(self) -> None:
        """And those that pass first pass, whatever chance has to say."""
        met = self.struck("fail", 1, chance=0.5, times=3, after=20)

        assert sum(met) == 3
        assert not any(met[:20])

    def test_what_misses_a_request_leaves_it_to_the_next_fault(self, fake: FakeCaibo) -> None:
        """Each of them draws."""
        id = fake.add_customer()
        fake.fail_next(500, times=math.inf, chance=0.5)
        fake.fail_next(501, times=math.inf)

        headers = {"X-API-Key": fake.api_key}
        with httpx.Client(transport=fake.transport, headers=headers) as client:
            url = f"{fake.base_url}/customers/{id}"
            statuses = {client.get(url).status_code for _ in range(30)}

        assert statuses == {500, 501}


class TestLosing:
    @pytest.mark.parametrize("applied", [True, False])
    @pytest.mark.parametrize("at", ["before-body", "mid-body", "before-reply", "mid-reply"])
    def test_an_answer_is_lost(
        self,
        fake: FakeCaibo,
        client: httpx.Client,
        id: int,
        at: Literal["before-body", "mid-body", "before-reply", "mid-reply"],
        applied: bool,
    ) -> None:
        """The write has happened only if the gateway had its body, and it was meant to."""
        fake.lose_response(at=at, applied=applied)
        assert read(client, id)["phone"] == "before"

        with pytest.raises(LOST):
            put(client, id, phone="after")

        landed = applied and at.endswith("reply")
        assert read(client, id)["phone"] == ("after" if landed else "before")
        assert [request.method for request in fake.requests] == ["GET", "PUT", "GET"]

    @pytest.mark.parametrize(("at", "share"), [("before-body", 0), ("mid-body", 0.5)])
    def test_a_body_arrives_as_far_as_the_gateway_read_it(
        self,
        fake: FakeCaibo,
        client: httpx.Client,
        id: int,
        at: Literal["before-body", "mid-body"],
        share: float,
    ) -> None:
        """The recorded request shows how far that is."""
        fake.lose_response(at=at)

        with pytest.raises(LOST):
            client.put(f"customers/{id}", content=b"0123456789")

        assert len(fake.requests[0].body) == 10 * share

    def test_half_a_body_is_not_applied_even_if_it_is_valid(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """A gateway waits for the declared length, and blanks count."""
        fake.lose_response(at="mid-body")
        body = b'{"name":"N","email":"n@example.com","phone":"after"}'

        with pytest.raises(LOST):
            client.put(
                f"customers/{id}",
                content=body.ljust(3 * len(body)),
                headers={"Content-Type": "application/json"},
            )

        assert fake.requests[0].json["phone"] == "after"
        assert fake.document(id)["phone"] == "before"

    def test_a_read_is_cut_in_the_middle(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """Its status and half of its body arrive, and then nothing more."""
        fake.lose_response("GET", at="mid-reply")
        arrived: list[bytes] = []

        with (
            pytest.raises(httpx.RemoteProtocolError, match="complete message body"),
            client.stream("GET", f"customers/{id}") as response,
        ):
            arrived.extend(response.iter_raw())

        half = fake.raw(id)[: len(fake.raw(id)) // 2]
        assert (response.status_code, b"".join(arrived)) == (200, half)

    def test_a_write_arrives_late(self, fake: FakeCaibo, client: httpx.Client, id: int) -> None:
        """Its answer is lost, and it is carried out when its sender has looked already."""
        fake.lose_response(applied=False)
        with pytest.raises(LOST):
            put(client, id, phone="late")
        looked = read(client, id)["phone"]

        fake.handle(fake.requests[0])

        assert (looked, fake.document(id)["phone"]) == ("before", "late")

    def test_connections_are_refused_in_memory(self, fake: FakeCaibo) -> None:
        """The request never arrives."""
        fake.refuse_connection()

        with httpx.Client(transport=fake.transport, base_url=fake.base_url) as client:
            with pytest.raises(httpx.ConnectError):
                client.get("customers/1")
            response = client.get("customers/1")

        assert response.status_code == 401
        assert len(fake.requests) == 1

    def test_a_delay_above_the_read_timeout_is_a_timeout(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """The write has happened, and nobody waits for the rest of the delay."""
        fake.delay(3600, "PUT")

        with pytest.raises(httpx.ReadTimeout):
            client.put(
                f"customers/{id}", json={"name": "late", "email": "n@example.com"}, timeout=0.3
            )

        assert fake.document(id)["name"] == "late"

    def test_a_short_delay_is_none_in_memory(self, fake: FakeCaibo) -> None:
        """And without a timeout every delay is short."""
        fake.delay(1)
        fake.delay(3600)

        with httpx.Client(transport=fake.transport, base_url=fake.base_url) as client:
            statuses = [client.get("x", timeout=5).status_code]
            statuses += [client.get("x", timeout=None).status_code]

        assert statuses == [404, 404]


class TestGarbling:
    def test_an_answer_that_is_not_gzip_says_it_is(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """The write has happened."""
        fake.garble_next("gzip", method="PUT")

        with pytest.raises(httpx.DecodingError):
            put(client, id, phone="after")

        assert fake.document(id)["phone"] == "after"

    def test_an_answer_ends_too_early(self, fake: FakeCaibo, client: httpx.Client, id: int) -> None:
        """The client can tell, because the declared length is not reached."""
        fake.garble_next("truncated")

        with pytest.raises(httpx.RemoteProtocolError):
            client.get(f"customers/{id}")

        assert read(client, id)["phone"] == "before"

    def test_an_answer_declares_half_of_its_length(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """The client cannot tell, and the next answer is not disturbed."""
        fake.garble_next("wrong-length")

        response = client.get(f"customers/{id}")

        assert response.content == fake.raw(id)[: len(fake.raw(id)) // 2]
        assert read(client, id)["phone"] == "before"

    def test_an_empty_answer_can_be_garbled(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """There is something to cut then."""
        fake.garble_next("wrong-length")

        assert put(client, id).content == b'{"ok"'

    def test_a_length_may_be_no_number(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """The client refuses the answer in memory as it does on a socket."""
        fake.fail_next(200, headers={"content-length": "many"})

        with pytest.raises(httpx.RemoteProtocolError):
            client.get(f"customers/{id}")


class TestOtherWriters:
    def test_a_record_changes_before_the_write(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """The PUT overwrites what its sender never saw, once."""
        fake.change_before_write(id, phone="theirs", member_id="theirs")
        overwritten: list[object] = []

        for phone in ("mine", "again"):
            put(client, id, phone=phone)
            fake.stale_reads()
            overwritten.append(read(client, id)["phone"])

        assert overwritten == ["theirs", "mine"]
        assert (fake.document(id)["phone"], fake.document(id)["memberId"]) == ("again", None)

    def test_a_change_before_the_write_is_seen_by_if_match(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """That is the race that an entity tag excludes."""
        fake.etags = True
        fake.change_before_write(id, phone="theirs")
        client.headers["If-Match"] = client.get(f"customers/{id}").headers["ETag"]

        response = put(client, id, phone="mine")

        assert (response.status_code, fake.document(id)["phone"]) == (412, "theirs")

    def test_a_record_changes_after_the_write(
        self, fake: FakeCaibo, client: httpx.Client, id: int
    ) -> None:
        """The answer is about the write alone."""
        fake.returns_record = True
        fake.change_after_write(id, phone="theirs", nickname=None)

        response = put(client, id, phone="mine")

        assert response.json()["phone"] == "mine"
        assert (fake.document(id)["phone"], fake.document(id)["nickname"]) == ("theirs", None)
        put(client, id, phone="again")
        assert fake.document(id)["phone"] == "again"

    def test_reads_are_stale(self, fake: FakeCaibo, client: httpx.Client, id: int) -> None:
        """As many as asked for return the version before, tag and all."""
        fake.etags = True
        old = client.get(f"customers/{id}")
        put(client, id, phone="after")
        fake.stale_reads(2)

        reads = [client.get(f"customers/{id}") for _ in range(3)]

        assert [response.json()["phone"] for response in reads] == ["before", "before", "after"]
        assert [response.headers["ETag"] == old.headers["ETag"] for response in reads] == [
            True,
            True,
            False,
        ]


class TestRespelling:
    def test_a_field_is_normalised(self, fake: FakeCaibo, client: httpx.Client, id: int) -> None:
        """In every write that sets it, while null stays null."""
        fake.normalise("member_id", str.lower)

        put(client, id, memberId="ABC", phone="ABC")
        first = fake.document(id)
        put(client, id, memberId=None)

        assert (first["memberId"], first["phone"]) == ("abc", "ABC")
        assert fake.document(id)["memberId"] is None

    def test_members_are_dropped(self, fake: FakeCaibo, client: httpx.Client, id: int) -> None:
        """The gateway takes them and does not store them."""
        fake.drop_members("preferences", "member_id")

        response = put(client, id, preferences={}, memberId="M", phone="1")

        assert response.status_code == 200
        assert "preferences" not in fake.document(id)
        assert (fake.document(id)["memberId"], fake.document(id)["phone"]) == (None, "1")
