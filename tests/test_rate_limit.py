"""`rate_limit=`: no more requests in any second, in the order in which they were asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import pytest
from faces import Connect, methods
from hypothesis import given
from hypothesis import strategies as st

import caibo
from caibo._wire.limit import Limit, Ticket
from caibo._wire.waiting import Sleep, Threads
from caibo.testing import FakeCaibo


class Clock:
    """A clock that only sleeping moves, and for one caller at a time.

    Attributes:
        sent: when each request reached the gateway, from the beginning.
        meanwhile: what somebody else does in the next sleep.
    """

    def __init__(self, fake: FakeCaibo) -> None:
        self.now = 1000.0
        self.sent: list[float] = []
        self.meanwhile: Callable[[], Any] = lambda: None
        fake.on_request = lambda _: self.sent.append(self.now - 1000)

    def sleep(self, seconds: float) -> None:
        self._meanwhile()
        self.now += seconds

    async def asleep(self, seconds: float) -> None:
        told = self._meanwhile()
        if told is not None:
            await told
        self.now += seconds

    def _meanwhile(self) -> Any:
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        return meanwhile()


@pytest.fixture
def clock(fake: FakeCaibo, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(fake)
    monkeypatch.setattr("time.monotonic", lambda: clock.now)
    monkeypatch.setattr("caibo._wire.clock.sleep", clock.sleep)
    monkeypatch.setattr("caibo._wire.clock.asleep", clock.asleep)
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    return clock


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer()


def most(times: list[float], seconds: float) -> int:
    """Count what falls into the fullest span of so many seconds, its end not included."""
    return max(sum(0 <= t - start < seconds for t in times) for start in times)


class TestHowMany:
    @pytest.mark.parametrize(("rate", "allowed"), [(1, 1), (3, 3), (10, 10), (2.5, 2), (1.9, 1)])
    def test_never_more_in_any_second(
        self, connect: Connect, clock: Clock, id: int, rate: float, allowed: int
    ) -> None:
        """Fractions above one are rounded down."""
        client = connect(rate_limit=rate)

        for _ in range(25):
            client.get(id)

        assert most(clock.sent, 1) == allowed
        assert clock.now - 1000 == pytest.approx((25 - 1) // allowed)

    @pytest.mark.parametrize("rate", [0.5, 0.1])
    def test_less_than_one_a_second(
        self, connect: Connect, clock: Clock, id: int, rate: float
    ) -> None:
        """They are spread evenly."""
        client = connect(rate_limit=rate, deadline=3600)

        for _ in range(3):
            client.get(id)

        assert [later - earlier for earlier, later in pairwise(clock.sent)] == [1 / rate] * 2

    def test_both_requests_of_an_update_count(
        self, connect: Connect, clock: Clock, id: int
    ) -> None:
        """They go together where both have room."""
        client = connect(rate_limit=2)

        client.update(id, phone="1")
        client.update(id, phone="2")

        assert clock.sent == [0, 0, 1, 1]

    def test_retries_count(self, connect: Connect, clock: Clock, fake: FakeCaibo, id: int) -> None:
        """Their pauses first, and then the limit."""
        fake.fail_next(500, method="GET", times=2)

        connect(rate_limit=1).get(id)

        assert clock.sent == [0, 1, 2]

    def test_a_login_does_not_count(
        self, connect: Connect, clock: Clock, fake: FakeCaibo, id: int
    ) -> None:
        """Nor does the request that is sent again with the new token."""
        client = connect(auth=caibo.Login(fake.email, fake.password), rate_limit=1)

        client.get(id)

        assert methods(fake) == ["POST", "GET"]
        assert clock.sent == [0, 0]

    def test_clients_have_their_own(self, connect: Connect, clock: Clock, id: int) -> None:
        """It is no limit of the process."""
        for _ in range(3):
            connect(rate_limit=1).get(id)

        assert clock.sent == [0, 0, 0]

    def test_without_one_nothing_waits(self, connect: Connect, clock: Clock, id: int) -> None:
        """It is off unless it is asked for."""
        client = connect()

        for _ in range(50):
            client.get(id)

        assert set(clock.sent) == {0}


class TestOrder:
    def test_a_pause_before_a_retry_keeps_nobody_waiting(
        self, connect: Connect, clock: Clock, fake: FakeCaibo, id: int
    ) -> None:
        """It takes its turn when it is over, and the others go on meanwhile."""
        client = connect(rate_limit=10)
        fake.fail_next(429, headers={"Retry-After": "20"}, method="GET")
        clock.meanwhile = lambda: client.caibo.customers.get(id)

        client.get(id)

        assert clock.sent == [0, 0, 20]

    def test_threads_and_tasks_share_it(
        self, connect: Connect, fake: FakeCaibo, id: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Time stands still here, so each wait tells its turn."""
        waits: list[float] = []

        async def sleep(seconds: float) -> None:
            waits.append(seconds)

        monkeypatch.setattr("time.monotonic", lambda: 1000.0)
        monkeypatch.setattr("caibo._wire.clock.sleep", waits.append)
        monkeypatch.setattr("caibo._wire.clock.asleep", sleep)
        client = connect(rate_limit=3)

        with ThreadPoolExecutor(9) as pool:
            got = list(pool.map(client.get, [id] * 9))

        assert len(got) == 9
        assert sorted(waits) == [1, 1, 1, 2, 2, 2]


class TestDeadline:
    def test_a_turn_after_it_is_not_taken(self, connect: Connect, clock: Clock, id: int) -> None:
        """The call fails at once, and whoever comes later has that turn."""
        client = connect(rate_limit=0.1, deadline=5)
        client.get(id)

        with pytest.raises(caibo.DeadlineExceededError, match="no turn before") as caught:
            client.get(id)

        assert (caught.value.request_sent, caught.value.attempts) == ("no", 0)
        assert clock.now == 1000
        clock.now += 10
        client.get(id)
        assert clock.sent == [0, 10]

    def test_a_write_without_a_turn_is_not_sent(
        self, connect: Connect, clock: Clock, fake: FakeCaibo, id: int
    ) -> None:
        """Its read was for nothing."""
        before = fake.raw(id)

        with pytest.raises(caibo.DeadlineExceededError, match=f"PUT /customers/{id}") as caught:
            connect(rate_limit=0.1, deadline=5).update(id, phone="new")

        assert caught.value.request_sent == "no"
        assert (methods(fake), fake.raw(id)) == (["GET"], before)

    def test_a_retry_without_a_turn_says_so(
        self, connect: Connect, clock: Clock, fake: FakeCaibo, id: int
    ) -> None:
        """It was sent before, and not again."""
        fake.fail_next(500, method="GET")

        with pytest.raises(caibo.DeadlineExceededError, match="not sent again") as caught:
            connect(rate_limit=0.1, deadline=5).get(id)

        assert caught.value.attempts == 1

    def test_a_read_back_without_a_turn_leaves_the_outcome_unknown(
        self, connect: Connect, clock: Clock, fake: FakeCaibo, id: int
    ) -> None:
        """The answer was lost, and there is no time to look."""
        fake.lose_response("PUT")

        with pytest.raises(caibo.UnknownOutcomeError, match="no turn before") as caught:
            connect(rate_limit=2, deadline=0.5).update(id, phone="new")

        assert caught.value.attempts == 1


class TestOption:
    @pytest.mark.parametrize(
        "rate", [0, -1, math.nan, math.inf, True, "10", 1e-9, 2_000_000], ids=repr
    )
    def test_what_is_no_rate_is_refused(self, connect: Connect, rate: Any) -> None:
        """When the client is made."""
        with pytest.raises(caibo.ConfigurationError, match="rate_limit must be"):
            connect(rate_limit=rate)


RATES = st.integers(1, 50) | st.floats(0.01, 50)
GAPS = st.lists(st.floats(0, 3) | st.just(0.0), min_size=1, max_size=60)


class Alone:
    """One who asks a limit for turns, with a clock of his own.

    Attributes:
        now: what the clock says; only sleeping and the test move it.
    """

    def __init__(self, rate: float) -> None:
        self.limit = Limit(rate)
        self.now = 0.0

    def turn(self, until: float = math.inf) -> float | None:
        """Return when the next turn came; `None` where that is not before `until`."""
        with patch("caibo._wire.clock.now", lambda: self.now):
            flow = self.limit.turn(Ticket(), Threads.Gate, until, writes=False)
            try:
                step = next(flow)
                while True:
                    assert isinstance(step, Sleep)
                    self.now += step.seconds
                    step = flow.send(None)
            except StopIteration as done:
                return self.now if done.value else None


class TestLimit:
    @given(rate=RATES, gaps=GAPS)
    def test_no_second_has_more(self, rate: float, gaps: list[float]) -> None:
        """Whenever they ask; and nobody is overtaken, nor sent before asking."""
        alone, asked, turns = Alone(rate), list[float](), list[float]()

        for gap in gaps:
            alone.now += gap
            asked.append(alone.now)
            turn = alone.turn()
            assert turn is not None
            turns.append(turn)

        burst = max(1, int(rate))
        assert all(later >= earlier for earlier, later in pairwise(turns))
        assert all(turn >= at for turn, at in zip(turns, asked, strict=True))
        assert all(
            later - earlier >= max(1, 1 / rate) * (1 - 1e-9)
            for earlier, later in zip(turns, turns[burst:], strict=False)
        )

    @given(rate=RATES, gaps=GAPS, data=st.data())
    def test_who_gives_up_takes_nothing(
        self, rate: float, gaps: list[float], data: st.DataObject
    ) -> None:
        """The others have the turns that they would have had without him."""
        one, other = Alone(rate), Alone(rate)

        for gap in gaps:
            one.now = other.now = one.now + gap
            until = one.now + data.draw(st.floats(0, 3))
            turn = one.turn(until)
            if turn is not None:
                assert turn == other.turn()
                assert turn < until
