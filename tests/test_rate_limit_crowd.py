"""`rate_limit=` where many call at once: who goes first, and never more than allowed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import pytest
from faces import Connect, methods
from hypothesis import given, settings
from hypothesis import strategies as st

import caibo
from caibo.testing import Clock, FakeCaibo, Request

backends = pytest.mark.parametrize("backend", ["asyncio", "trio"])
Do = Callable[[caibo.AsyncCaibo], Coroutine[Any, Any, object]]


class Crowd:
    """Let many tasks call one client at once, by a clock that costs no time.

    Attributes:
        fake: their gateway.
        sent: when each request came, its method, and whose it was.
        failed: what the calls raised.
        clock: what they go by.
    """

    def __init__(self, fake: FakeCaibo) -> None:
        self.fake = fake
        self.sent: list[tuple[float, str, str]] = []
        self.failed: list[caibo.CaiboError] = []
        self.clock: Clock
        self.client: caibo.AsyncCaibo

    def run(self, backend: str, calls: list[Do], **options: Any) -> None:
        async def main() -> None:
            self.client = caibo.AsyncCaibo(
                api_key=self.fake.api_key,
                base_url=self.fake.base_url,
                transport=self.fake.transport,
                **options,
            )
            async with self.client, anyio.create_task_group() as tasks:
                for call in calls:
                    tasks.start_soon(self._one, call)

        with Clock() as self.clock:
            start = self.clock.now

            def note(request: Request) -> None:
                self.sent.append((self.clock.now - start, request.method, request.path))

            self.fake.on_request = note
            anyio.run(main, backend=backend)

    async def _one(self, call: Do) -> None:
        try:
            await call(self.client)
        except caibo.CaiboError as error:
            self.failed.append(error)

    def updates(self, number: int) -> list[Do]:
        return [update(self.fake.add_customer()) for _ in range(number)]

    def gaps(self) -> list[tuple[int, float]]:
        """Return for each write how many requests, and seconds, it came after its read."""
        read = {path: (n, at) for n, (at, method, path) in enumerate(self.sent) if method == "GET"}
        return [
            (n - read[path][0], at - read[path][1])
            for n, (at, method, path) in enumerate(self.sent)
            if method == "PUT"
        ]

    def most(self) -> int:
        """Count the requests in the fullest second."""
        times = [at for at, *_ in self.sent]
        return max(bisect_left(times, at + 1 - 1e-9) - n for n, at in enumerate(times))


def update(id: int, phone: str | None = None) -> Do:
    return lambda client: client.customers.update(id, phone=phone)


def read(id: int) -> Do:
    return lambda client: client.customers.get(id)


@pytest.fixture
def crowd(fake: FakeCaibo) -> Crowd:
    return Crowd(fake)


class TestAThousand:
    @pytest.mark.long
    @backends
    def test_no_write_is_far_behind_its_read(self, crowd: Crowd, backend: str) -> None:
        """Each second has its hundred reads and their writes."""
        crowd.run(backend, crowd.updates(1200), rate_limit=200)

        assert crowd.failed == []
        assert len(crowd.sent) == 2400
        assert {seconds for _, seconds in crowd.gaps()} == {0}
        assert max(behind for behind, _ in crowd.gaps()) < 200
        assert crowd.most() == 200
        assert crowd.sent[-1][0] == 11

    @pytest.mark.parametrize("rate", [1, 2, 3, 0.5])
    def test_a_low_rate_keeps_them_together_as_well(self, crowd: Crowd, rate: float) -> None:
        """Where no turn can be kept, the write has the next one."""
        crowd.run("asyncio", crowd.updates(12), rate_limit=rate, deadline=600)

        assert crowd.failed == []
        assert {behind for behind, _ in crowd.gaps()} == {1}
        assert {seconds for _, seconds in crowd.gaps()} == {0 if rate >= 2 else 1 / rate}

    @pytest.mark.long
    @backends
    def test_a_deadline_fails_calls_that_have_not_begun(self, crowd: Crowd, backend: str) -> None:
        """Nothing was sent for them; whoever has begun gets to its end."""
        crowd.run(backend, crowd.updates(1200), rate_limit=200, deadline=5)

        assert len(crowd.sent) == 1000
        assert len(crowd.gaps()) == 500
        assert len(crowd.failed) == 700
        for error in crowd.failed:
            assert isinstance(error, caibo.DeadlineExceededError)
            assert (error.request_sent, error.attempts) == ("no", 0)
            assert "may have reached" not in str(error)

    def test_reads_wait_for_writes_that_have_begun(self, crowd: Crowd, fake: FakeCaibo) -> None:
        """A read of others takes no turn that a write needs."""
        ids = [fake.add_customer() for _ in range(10)]
        calls = [do for id in ids for do in (update(id), read(fake.add_customer()))]

        crowd.run("asyncio", calls, rate_limit=1, deadline=600)

        assert crowd.failed == []
        assert crowd.gaps() == [(1, 1)] * 10


class TestTurnsThatAreNotUsed:
    @pytest.mark.parametrize(
        "fail",
        [
            lambda fake, customer: None,
            lambda fake, customer: fake.fail_next(403, id=customer),
            lambda fake, customer: fake.fail_next(200, body=b"{}", id=customer),
        ],
        ids=["no-op", "refused", "malformed"],
    )
    def test_they_go_to_others(
        self, crowd: Crowd, fake: FakeCaibo, fail: Callable[[FakeCaibo, int], None]
    ) -> None:
        """A call that does not write gives back the one that was kept for its write."""
        idle = [fake.add_customer(phone="+12025550100") for _ in range(10)]
        for id in idle:
            fail(fake, id)

        crowd.run(
            "asyncio",
            [update(id, phone="+12025550100") for id in idle] + crowd.updates(5),
            rate_limit=20,
            max_retries=0,
        )

        assert len(crowd.sent) == 20
        assert max(at for at, *_ in crowd.sent) < 0.1

    @backends
    def test_a_cancelled_call_gives_its_own_back(
        self, crowd: Crowd, fake: FakeCaibo, backend: str
    ) -> None:
        """Wherever it was: at its read here, which is counted, while its write is not."""
        ids = [fake.add_customer() for _ in range(3)]

        async def cancelled(client: caibo.AsyncCaibo) -> None:
            with anyio.CancelScope() as scope:

                def cancel(event: object) -> None:
                    scope.cancel()

                watched = client.with_options(observers=[cancel])
                await watched.customers.update(ids[0], phone="+12025550100")

        crowd.run(backend, [cancelled, update(ids[1])], rate_limit=4)

        assert [method for _, method, path in crowd.sent if path.endswith(str(ids[1]))] == [
            "GET",
            "PUT",
        ]
        assert {at for at, *_ in crowd.sent} == {0}

    def test_one_that_pauses_keeps_nobody_waiting(self, crowd: Crowd, fake: FakeCaibo) -> None:
        """Before it reads again it lets others have both turns, and then is the first."""
        slow = fake.add_customer()
        fake.fail_next(429, headers={"Retry-After": "20"}, id=slow)

        crowd.run("asyncio", [update(slow), *crowd.updates(5)], rate_limit=2)

        assert crowd.failed == []
        others = [at for at, _, path in crowd.sent if not path.endswith(str(slow))]
        own = [at for at, _, path in crowd.sent if path.endswith(str(slow))]
        assert others == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
        assert own == [0, 20, 20]

    def test_a_write_that_is_refused_for_now_goes_before_new_reads(
        self, crowd: Crowd, fake: FakeCaibo
    ) -> None:
        """It has used its turn, and gets the next one when its pause is over."""
        first = fake.add_customer()
        fake.fail_next(429, headers={"Retry-After": "2"}, method="PUT", id=first)

        crowd.run("asyncio", [update(first), *crowd.updates(8)], rate_limit=2)

        assert crowd.failed == []
        own = [at for at, _, path in crowd.sent if path.endswith(str(first))]
        assert own[:2] == [0, 0]
        assert own[2] <= 3


class TestDeadline:
    def test_a_turn_for_a_retry_that_never_came_leaves_no_doubt(
        self, connect: Connect, fake: FakeCaibo
    ) -> None:
        """The write was refused before, and was not sent again."""
        id = fake.add_customer()
        before = fake.raw(id)
        fake.fail_next(429, method="PUT")

        with Clock(), pytest.raises(caibo.DeadlineExceededError) as caught:
            connect(rate_limit=0.25, deadline=3).replace(
                id, {"name": "N", "email": "n@example.com"}
            )

        assert (caught.value.request_sent, caught.value.attempts) == ("no", 1)
        assert "not sent again" in str(caught.value)
        assert (methods(fake), fake.raw(id)) == (["PUT"], before)


FAULTS: dict[str, dict[str, Any]] = {
    "busy": {"status": 429, "headers": {"Retry-After": "1.5"}, "times": 2},
    "failing": {"status": 500, "method": "GET"},
    "busy write": {"status": 503, "headers": {"Retry-After": "0"}, "method": "PUT"},
    "lost write": {"status": 500, "method": "PUT", "after_applying": True},
    "missing": {"status": 404},
}


def call(fake: FakeCaibo, kind: str, patience: float | None, clock: Callable[[], Clock]) -> Do:
    """Make a call with this fate, which is cancelled after so many seconds."""
    id = fake.add_customer(phone="+12025550100")
    if kind in FAULTS:
        fake.fail_next(id=id, **FAULTS[kind])

    async def do(client: caibo.AsyncCaibo) -> None:
        async with anyio.create_task_group() as tasks:
            if patience is not None:
                tasks.start_soon(cancel, tasks.cancel_scope)
            try:
                if kind == "get":
                    await client.customers.get(id)
                else:
                    phone = "+12025550100" if kind == "no-op" else "+12025550199"
                    await client.customers.update(id, phone=phone)
            except caibo.CaiboError:
                pass
            tasks.cancel_scope.cancel()

    async def cancel(scope: anyio.CancelScope) -> None:
        assert patience is not None
        await clock().elapse(patience)
        scope.cancel()

    return do


class TestAlways:
    @backends
    @settings(max_examples=25)
    @given(
        rate=st.integers(1, 6) | st.sampled_from([0.5, 2.5]),
        fates=st.lists(
            st.tuples(
                st.sampled_from(["update", "no-op", "get", *FAULTS]),
                st.none() | st.sampled_from([0.0, 0.5, 1.0, 2.5]),
            ),
            min_size=1,
            max_size=12,
        ),
    )
    def test_no_second_has_more_whatever_becomes_of_the_calls(
        self, backend: str, rate: float, fates: list[tuple[str, float | None]]
    ) -> None:
        """And in the end nobody has a turn: as many as allowed can go at once."""
        fake = FakeCaibo()
        crowd = Crowd(fake)
        calls = [call(fake, kind, patience, lambda: crowd.clock) for kind, patience in fates]
        last = fake.add_customer()
        at: list[float] = []

        async def afterwards(client: caibo.AsyncCaibo) -> None:
            async with anyio.create_task_group() as tasks:
                for do in calls:
                    tasks.start_soon(do, client)
            await crowd.clock.elapse(2 / min(rate, 1))
            async with anyio.create_task_group() as tasks:
                for _ in range(max(1, int(rate))):
                    tasks.start_soon(client.customers.get, last)
            at.append(crowd.clock.now)

        crowd.run(backend, [afterwards], rate_limit=rate, deadline=600)

        assert crowd.failed == []
        assert crowd.most() <= max(1, int(rate))
        burst = max(1, int(rate))
        assert len({when for when, _, path in crowd.sent[-burst:]}) == 1
        assert all(path.endswith(str(last)) for _, _, path in crowd.sent[-burst:])
