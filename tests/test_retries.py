"""What is sent again, when, and how often; nothing that may apply a write twice."""

from __future__ import annotations

import copy
import pickle
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import httpx
import pytest
from faces import Connect, Face
from scripted import ID, KEY, PERSON, RECORD, Answer, Script, answer

import caibo
from caibo.testing import FakeCaibo, FakeServer

REFUSED = httpx.ConnectError("[Errno 111] Connection refused")
LOST: list[Exception] = [
    httpx.ReadError("reset"),
    httpx.WriteError("broken pipe"),
    httpx.ReadTimeout("slow"),
    httpx.WriteTimeout("slow"),
    httpx.RemoteProtocolError("disconnected"),
]
UNSENT: list[Exception] = [
    REFUSED,
    httpx.ConnectTimeout("slow"),
    httpx.PoolTimeout("busy"),
    httpx.ProxyError("no"),
]


pytestmark = pytest.mark.usefixtures("pauses")


def get(client: Face) -> Any:
    return client.get(ID)


def put(client: Face) -> Any:
    return client.replace(ID, PERSON)


def ids(value: object) -> str:
    return repr(value) if isinstance(value, Exception) else str(getattr(value, "__name__", value))


class TestWhatIsSentAgain:
    @pytest.mark.parametrize("act", [get, put], ids=ids)
    @pytest.mark.parametrize(
        "first",
        [*UNSENT, answer(429), answer(429, Retry_After="1"), answer(503, Retry_After="0")],
        ids=ids,
    )
    def test_what_was_not_carried_out(
        self, connect: Connect, act: Callable[[Face], Any], first: Answer
    ) -> None:
        """Nothing was sent, or the gateway says that it took nothing."""
        script = Script(first, answer(200, RECORD if act is get else b""))

        act(connect(**script.options))

        assert len(script.requests) == 2

    @pytest.mark.parametrize(
        "first", [*LOST, *map(answer, (500, 502, 503, 504, 520, 599))], ids=ids
    )
    def test_a_read_also_after_a_failure(self, connect: Connect, first: Answer) -> None:
        """Reading twice changes nothing."""
        script = Script(first, answer(200, RECORD))

        connect(**script.options).get(ID)

        assert len(script.requests) == 2

    @pytest.mark.parametrize("lost", LOST, ids=ids)
    def test_no_write_whose_answer_was_lost(self, connect: Connect, lost: Exception) -> None:
        """It may have been applied, and the message says what to do."""
        script = Script(lost)

        with pytest.raises(caibo.UnknownOutcomeError, match=f"Read customer {ID}") as caught:
            connect(**script.options).replace(ID, PERSON)

        assert [request.method for request in script.requests].count("PUT") == 1
        assert caught.value.attempts == 1
        assert isinstance(caught.value.__cause__, caibo.TransportError)

    @pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 599])
    def test_no_write_that_the_gateway_failed_on(self, connect: Connect, status: int) -> None:
        """503 without Retry-After too: nobody knows who sent it."""
        script = Script(answer(status))

        with pytest.raises(caibo.UnknownOutcomeError, match="may not have been") as caught:
            connect(**script.options).replace(ID, PERSON)

        assert [request.method for request in script.requests].count("PUT") == 1
        assert isinstance(caught.value.__cause__, caibo.ServerError)

    @pytest.mark.parametrize("act", [get, put], ids=ids)
    @pytest.mark.parametrize("status", [301, 304, 400, 401, 403, 404, 409, 412, 422])
    def test_nothing_that_was_refused(
        self, connect: Connect, act: Callable[[Face], Any], status: int
    ) -> None:
        """The answer would be the same."""
        script = Script(answer(status))

        with pytest.raises(caibo.APIError) as caught:
            act(connect(**script.options))

        assert len(script.requests) == 1
        assert caught.value.status == status

    def test_an_update_retries_its_read_and_looks_after_its_write(
        self, connect: Connect, fake: FakeCaibo, server: FakeServer
    ) -> None:
        """On a socket: the answer of each is lost once."""
        id = fake.add_customer()
        fake.lose_response("GET")
        fake.lose_response("PUT")

        update = connect(base_url=server.base_url, transport=None).update(id, phone="+12025550100")

        assert [request.method for request in fake.requests] == ["GET", "GET", "PUT", "GET"]
        assert update.outcome == "confirmed"

    def test_a_write_that_found_nobody_listening_is_a_transport_error(
        self, connect: Connect, fake: FakeCaibo
    ) -> None:
        """On a closed port: it cannot have been applied."""
        with fake.serve() as gone:
            base_url = gone.base_url

        with pytest.raises(caibo.TransportError, match="nothing was sent") as caught:
            connect(base_url=base_url, transport=None).replace(ID, PERSON)

        assert caught.value.request_sent == "no"
        assert caught.value.attempts == 3
        assert "Connection refused" in str(caught.value) or "failed" in str(caught.value)


class TestHowOften:
    @pytest.mark.parametrize("max_retries", [0, 1, 2, 5])
    def test_as_often_as_allowed(self, connect: Connect, max_retries: int) -> None:
        """And the error counts the attempts."""
        script = Script(answer(429))

        with pytest.raises(caibo.RateLimitedError) as caught:
            connect(max_retries=max_retries, **script.options).get(ID)

        assert len(script.requests) == max_retries + 1
        assert caught.value.attempts == max_retries + 1
        assert (f"sent {max_retries + 1} times" in str(caught.value)) == (max_retries > 0)

    def test_a_lost_read_counts_them_too(self, connect: Connect) -> None:
        """Transport errors have the same attribute."""
        with pytest.raises(caibo.TransportError) as caught:
            connect(**Script(LOST[0]).options).get(ID)

        assert caught.value.attempts == 3

    def test_an_answer_too_large_counts_them_too(self, connect: Connect) -> None:
        """A read is tried again, as after any answer that was no use."""
        with pytest.raises(caibo.MalformedResponseError, match="1 MiB") as caught:
            connect(**Script(answer(200, b" " * 2_000_000)).options).get(ID)

        assert caught.value.attempts == 3

    def test_the_result_counts_them(self, connect: Connect, fake: FakeCaibo) -> None:
        """Of the write, as the read changes nothing."""
        id = fake.add_customer()
        fake.fail_next(503, headers={"Retry-After": "0"}, method="PUT", times=2)

        update = connect().update(id, phone="+12025550100")

        assert update.attempts == 3
        assert fake.document(id)["phone"] == "+12025550100"


class TestPauses:
    def test_they_double_from_a_quarter_second(self, connect: Connect, pauses: list[float]) -> None:
        """These are the upper bounds; what is slept is at least half of that."""
        with pytest.raises(caibo.RateLimitedError):
            connect(max_retries=8, deadline=600, **Script(answer(429)).options).get(ID)

        assert pauses == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]

    def test_they_are_drawn_from_the_upper_half(
        self, connect: Connect, pauses: list[float], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """So clients that failed together do not come back together, and none hammers."""
        bounds: list[tuple[float, float]] = []

        def draw(low: float, high: float) -> float:
            bounds.append((low, high))
            return 0.125

        monkeypatch.setattr("random.uniform", draw)

        connect(**Script(answer(429), answer(200, RECORD)).options).get(ID)

        assert bounds == [(0.125, 0.25)]
        assert pauses == [0.125]

    @pytest.mark.parametrize(
        ("retry_after", "pause"),
        [
            ("0", [0.25]),
            ("7", [7.0]),
            ("30", [30.0]),
            (" 7 ", [7.0]),
            ("Wed, 21 Oct 2015 07:28:00 GMT", [0.25]),
            ("Wed, 21 Oct 2015 07:28:00 -0000", [0.25]),
            ("", [0.25]),
            ("soon", [0.25]),
            ("-1", [0.25]),
            ("1.5", [1.5]),
            ("2, 7", [7.0]),
            ("1e9", [0.25]),
            ("٣", [0.25]),
            ("Wed, 21 Oct 2015 07:28:00 +99999999999999999999", [0.25]),
            ("Wed, 99 Oct 2015 07:28:00 GMT", [0.25]),
        ],
    )
    def test_retry_after_is_kept(
        self, connect: Connect, pauses: list[float], retry_after: str, pause: list[float]
    ) -> None:
        """Seconds or a date, but no less than a backoff; what makes no sense is not there."""
        busy = httpx.Response(429, headers=[(b"Retry-After", retry_after.encode())])

        connect(**Script(busy, answer(200, RECORD)).options).get(ID)

        assert pauses == pause

    def test_retry_after_may_be_a_date_to_come(self, connect: Connect, pauses: list[float]) -> None:
        """It counts from this machine's clock, in whole seconds."""
        then = formatdate(time.time() + 20, usegmt=True)

        connect(**Script(answer(503, Retry_After=then), answer(200, RECORD)).options).get(ID)

        assert 10 < pauses[0] <= 20

    @pytest.mark.parametrize("act", [get, put], ids=ids)
    @pytest.mark.parametrize("status", [429, 503])
    def test_a_longer_wait_than_half_a_minute_is_left_to_the_caller(
        self, connect: Connect, pauses: list[float], act: Callable[[Face], Any], status: int
    ) -> None:
        """Coming back earlier would be hammering."""
        script = Script(answer(status, Retry_After="31"))

        with pytest.raises(caibo.APIError, match="Try again after 31 seconds") as caught:
            act(connect(**script.options))

        assert caught.value.retry_after == 31.0
        assert (len(script.requests), pauses) == (1, [])

    def test_a_wait_beyond_the_deadline_is_left_to_the_caller(
        self, connect: Connect, pauses: list[float]
    ) -> None:
        """At once, with the gateway's own answer, instead of after it."""
        script = Script(answer(429, Retry_After="20"))

        with pytest.raises(caibo.RateLimitedError) as caught:
            connect(deadline=10, **script.options).get(ID)

        assert caught.value.retry_after == 20.0
        assert (len(script.requests), pauses) == (1, [])

    def test_without_a_time_the_hint_is_general(self, connect: Connect) -> None:
        """429 needs no Retry-After."""
        with pytest.raises(caibo.RateLimitedError, match="Slow down") as caught:
            connect(max_retries=0, **Script(answer(429)).options).get(ID)

        assert caught.value.retry_after is None


class TestBudget:
    def test_a_gateway_that_keeps_failing_is_not_hammered(self, connect: Connect) -> None:
        """Half of twenty tokens may go for retries, then each call is one request."""
        script = Script(answer(500))
        client = connect(max_retries=1, **script.options)
        for _ in range(10):
            with pytest.raises(caibo.ServerError):
                client.get(ID)
        before = len(script.requests)

        with pytest.raises(caibo.ServerError) as caught:
            client.get(ID)

        assert before == 20
        assert len(script.requests) == before + 1
        assert caught.value.attempts == 1

    @pytest.mark.parametrize(
        ("failure", "kind"),
        [
            (answer(500), caibo.ServerError),
            (answer(429), caibo.RateLimitedError),
            (httpx.ConnectError(""), caibo.TransportError),
            (httpx.ReadError(""), caibo.TransportError),
            (answer(200, b"x" * 1_100_000), caibo.MalformedResponseError),
        ],
        ids=ids,
    )
    def test_an_error_that_it_keeps_from_being_tried_again_says_so(
        self, connect: Connect, failure: Answer, kind: type[caibo.CaiboError]
    ) -> None:
        """The reader wonders why `max_retries` did nothing; a pickle has it, too."""
        client = connect(max_retries=1, **Script(failure).options)
        told: list[str] = []
        for _ in range(11):
            with pytest.raises(kind) as caught:
                client.get(ID)
            told.append(str(caught.value))

        assert ["Retries are suspended" in text for text in told] == [False] * 10 + [True]
        assert str(pickle.loads(pickle.dumps(caught.value))) == told[-1]
        assert str(copy.copy(caught.value)) == told[-1]

    def test_a_renewal_that_it_keeps_from_being_tried_again_says_so(self, connect: Connect) -> None:
        """A gateway whose logins fail is not hammered either."""
        login = caibo.Login("e@example.com", "p")
        client = connect(auth=login, max_retries=1, **Script(answer(503)).options)
        for _ in range(11):
            with pytest.raises(caibo.RenewalError) as caught:
                client.get(ID)

        assert "Retries are suspended" in str(caught.value)
        assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)

    def test_a_lost_write_says_so_too(self, connect: Connect) -> None:
        """Of its own request and of reading back, which are both not tried again."""
        client = connect(max_retries=1, **Script(httpx.ReadError("")).options)
        for _ in range(11):
            with pytest.raises(caibo.TransportError):
                client.get(ID)

        with pytest.raises(caibo.UnknownOutcomeError, match="Retries are suspended"):
            client.replace(ID, PERSON)

    def test_one_that_may_not_be_tried_again_says_nothing_of_it(self, connect: Connect) -> None:
        """Here `max_retries` is the reason."""
        client = connect(max_retries=0, **Script(answer(500)).options)
        for _ in range(30):
            with pytest.raises(caibo.ServerError) as caught:
                client.get(ID)

        assert "suspended" not in str(caught.value)

    def test_successes_fill_it_again(self, connect: Connect) -> None:
        """Ten of them for one retry."""
        read = answer(200, RECORD)
        script = Script(*[answer(500)] * 20, *[read] * 10, answer(500), read)
        client = connect(max_retries=1, **script.options)
        for _ in range(10):
            with pytest.raises(caibo.ServerError):
                client.get(ID)
        for _ in range(10):
            client.get(ID)

        customer = client.get(ID)

        assert customer.id == ID

    def test_what_is_not_retried_costs_nothing(self, connect: Connect) -> None:
        """Such as a wait that is too long."""
        script = Script(*[answer(503, Retry_After="60")] * 30, answer(500), answer(200, RECORD))
        client = connect(**script.options)
        for _ in range(30):
            with pytest.raises(caibo.ServerError):
                client.get(ID)

        customer = client.get(ID)

        assert customer.id == ID

    def test_it_is_of_one_client(self, connect: Connect) -> None:
        """Another one may talk to another gateway."""
        bad, good = Script(answer(500)), Script(answer(500), answer(200, RECORD))
        for _ in range(10):
            with pytest.raises(caibo.ServerError):
                connect(api_key=KEY, **bad.options).get(ID)

        customer = connect(api_key=KEY, **good.options).get(ID)

        assert customer.id == ID
