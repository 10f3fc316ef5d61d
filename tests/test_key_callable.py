"""`api_key=` as a callable: a key that somebody else keeps, and exchanges now and then."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import httpx
import pytest
from faces import Connect, methods
from scripted import ID, RECORD, Script, answer

import caibo
from caibo.testing import FakeCaibo, FakeServer

FIRST, SECOND = "caibo_test_sk_first", "caibo_test_sk_second"
LIVE = "caibo_live_sk_s3cret"


class Vault:
    """Give one key after the other, and the last one again and again."""

    def __init__(self, *keys: Any) -> None:
        self.keys = list(keys)
        self.asked = 0

    def __call__(self) -> Any:
        key = self.keys[min(self.asked, len(self.keys) - 1)]
        self.asked += 1
        if isinstance(key, BaseException):
            raise key
        return key


def accepting(*keys: str) -> tuple[Script, list[str]]:
    """Make a gateway that takes these keys only; it notes those that arrive."""
    shown: list[str] = []

    def judge(request: httpx.Request) -> httpx.Response:
        shown.append(request.headers["X-API-Key"])
        return answer(200, RECORD) if shown[-1] in keys else answer(401)

    return Script(judge), shown


class TestAsking:
    def test_it_is_asked_once_and_again_after_a_401(
        self, connect: Connect, fake: FakeCaibo, server: FakeServer
    ) -> None:
        """What it returned is kept between; on a socket."""
        id = fake.add_customer()
        vault = Vault(fake.api_key)
        client = connect(api_key=vault, base_url=server.base_url, transport=None)

        client.get(id)
        client.update(id, phone=None)
        kept = vault.asked
        fake.api_key = vault.keys[0] = FIRST
        client.get(id)

        assert (kept, vault.asked) == (1, 2)
        assert methods(fake) == ["GET", "GET", "PUT", "GET", "GET"]

    def test_a_write_is_sent_again_with_the_new_one(self, connect: Connect) -> None:
        """A 401 changes nothing, so once more is no blind second write."""
        script, shown = accepting(SECOND)
        same = {"name": "Ada Example", "email": "ada@example.com"}

        connect(api_key=Vault(FIRST, SECOND), **script.options).replace(ID, same)

        assert shown == [FIRST, SECOND]
        assert {r.method for r in script.requests} == {"PUT"}
        assert len({r.content for r in script.requests}) == 1

    def test_a_second_401_is_final(self, connect: Connect) -> None:
        """And is answered with what to check."""
        script, shown = accepting()

        with pytest.raises(caibo.AuthenticationError, match="Check that the API key"):
            connect(api_key=Vault(FIRST, SECOND), **script.options).get(ID)

        assert shown == [FIRST, SECOND]

    @pytest.mark.parametrize("connect", ["asyncio", "trio"], indirect=True)
    def test_an_async_one_is_awaited(self, connect: Connect, fake: FakeCaibo) -> None:
        """Under the event loop of the call."""

        async def provider() -> str:
            await anyio.lowlevel.checkpoint()
            return fake.api_key

        assert connect(api_key=provider).get(fake.add_customer()).name

    @pytest.mark.parametrize("connect", ["asyncio", "trio"], indirect=True)
    def test_an_object_with_an_async_call_is_awaited(
        self, connect: Connect, fake: FakeCaibo
    ) -> None:
        """Such as the client of a vault."""

        class AsyncVault:
            async def __call__(self) -> str:
                return fake.api_key

        assert connect(api_key=AsyncVault()).get(fake.add_customer()).name

    @pytest.mark.parametrize("connect", ["sync"], indirect=True)
    def test_an_async_one_in_the_sync_client_is_a_clear_error(self, connect: Connect) -> None:
        """And leaves no coroutine behind that was never awaited."""

        async def provider() -> str:
            return FIRST

        client = connect(api_key=provider)

        with pytest.raises(caibo.RenewalError, match="api_key is async; use it with AsyncCaibo"):
            client.get(ID)
        assert client.caibo.mode == "unknown"

    @pytest.mark.parametrize("connect", ["asyncio", "trio"], indirect=True)
    def test_a_plain_one_does_not_hold_up_the_event_loop(
        self, connect: Connect, fake: FakeCaibo
    ) -> None:
        """It may ask the network, so it runs in a thread."""
        threads: list[threading.Thread] = []

        def provider() -> str:
            threads.append(threading.current_thread())
            return fake.api_key

        client = connect(api_key=provider)
        client.get(fake.add_customer())

        assert threads != [client.wait(threading.current_thread)]

    @pytest.mark.parametrize("failure", [KeyError("s3cret"), OSError("s3cret"), TimeoutError()])
    def test_one_that_raises_is_a_renewal_error(
        self, connect: Connect, fake: FakeCaibo, failure: Exception
    ) -> None:
        """The reason is its cause; nothing was sent, and the next call asks again."""
        vault = Vault(failure, fake.api_key)
        client = connect(api_key=vault)

        with pytest.raises(caibo.RenewalError, match="no api key could be got") as caught:
            client.get(ID)

        assert caught.value.__cause__ is failure
        assert "s3cret" not in str(caught.value)
        assert (vault.asked, len(fake.requests)) == (1, 0)
        assert client.get(fake.add_customer()).name

    @pytest.mark.parametrize("key", [None, "", 7, b"s3cret", "s3cret\n", "s3crét"])
    def test_one_that_returns_no_key_is_a_clear_error(
        self, connect: Connect, fake: FakeCaibo, key: Any
    ) -> None:
        """Before anything is sent, and without the value."""
        with pytest.raises(caibo.RenewalError, match="the api key") as caught:
            connect(api_key=lambda: key).get(ID)

        assert fake.requests == []
        assert "s3cr" not in str(caught.value)

    @pytest.mark.parametrize("connect", ["asyncio", "trio"], indirect=True)
    def test_one_that_does_not_return_ends_at_the_deadline(self, connect: Connect) -> None:
        """Nothing was sent."""

        async def provider() -> str:
            await anyio.sleep_forever()
            return FIRST

        with pytest.raises(caibo.DeadlineExceededError, match="nothing was sent"):
            connect(api_key=provider, deadline=0.05).get(ID)

    def test_what_is_neither_is_refused(self, connect: Connect) -> None:
        """When the client is made."""
        key: Any = [FIRST]
        with pytest.raises(caibo.ConfigurationError, match="api_key must be"):
            connect(api_key=key)


class TestMode:
    @pytest.mark.parametrize(
        ("key", "mode"), [(FIRST, "test"), (LIVE, "live"), ("sk_1", "unknown")]
    )
    def test_it_asks_once(self, connect: Connect, key: str, mode: str) -> None:
        """What it says is kept."""
        vault = Vault(key)
        client = connect(api_key=vault).caibo

        modes = [client.mode for _ in range(3)]

        assert modes == [mode] * 3
        assert vault.asked == 1

    def test_what_a_call_was_told_counts(self, connect: Connect) -> None:
        """Then nobody is asked."""
        vault = Vault(FIRST)
        client = connect(api_key=vault, **accepting(FIRST)[0].options)
        client.get(ID)

        assert client.caibo.mode == "test"
        assert vault.asked == 1

    @pytest.mark.parametrize("connect", ["asyncio", "trio"], indirect=True)
    @pytest.mark.parametrize("as_object", [False, True])
    def test_an_async_one_says_it_only_after_a_call(
        self, connect: Connect, as_object: bool
    ) -> None:
        """A property cannot await."""

        async def provider() -> str:
            return FIRST

        class AsyncVault:
            async def __call__(self) -> str:
                return FIRST

        made = AsyncVault() if as_object else provider
        client = connect(api_key=made, **accepting(FIRST)[0].options)

        before = client.caibo.mode
        client.get(ID)

        assert (before, client.caibo.mode) == ("unknown", "test")

    def test_repr_asks_nobody(self, connect: Connect) -> None:
        """A debugger shows it at any time."""
        vault = Vault(KeyError("s3cret"))
        client = connect(api_key=vault).caibo

        assert "mode='unknown'" in repr(client)
        assert "mode='unknown'" in repr(client.with_options(timeout=1))
        assert vault.asked == 0
        assert repr(caibo.ApiKey(vault)) == "ApiKey(…)"

    def test_one_that_raises_there_is_one_of_ours(self, connect: Connect) -> None:
        """With the reason as its cause."""
        failure = KeyError("s3cret")

        with pytest.raises(caibo.RenewalError, match="no api key could be got") as caught:
            _ = connect(api_key=Vault(failure)).caibo.mode

        assert caught.value.__cause__ is failure
        assert "s3cret" not in str(caught.value)

    @pytest.mark.parametrize("key", [None, 7, b"caibo_live_sk_1"])
    def test_what_is_no_key_has_no_mode(self, connect: Connect, key: Any) -> None:
        """The next call says what is wrong with it."""
        assert connect(api_key=Vault(key)).caibo.mode == "unknown"


MODES = [(FIRST, LIVE), (LIVE, FIRST), (FIRST, "sk_s3cret"), ("sk_1", LIVE)]


class TestAnotherMode:
    @pytest.mark.parametrize(("first", "later"), MODES)
    def test_a_later_key_of_another_mode_is_not_sent(
        self, connect: Connect, first: str, later: str
    ) -> None:
        """Test and live share one host: a mistake of the vault would change live data."""
        script, shown = accepting(later)
        client = connect(api_key=Vault(first, later), **script.options)

        with pytest.raises(caibo.ConfigurationError, match="another mode") as caught:
            client.get(ID)

        assert shown == [first]
        assert "s3cret" not in str(caught.value)

    def test_it_is_not_sent_by_a_later_call_either(self, connect: Connect) -> None:
        """The client stays what it was, and is good again with a key of its mode."""
        script, shown = accepting(SECOND)
        client = connect(api_key=Vault(FIRST, LIVE, LIVE, SECOND), **script.options)

        for _ in range(2):
            with pytest.raises(caibo.ConfigurationError, match="live after test"):
                client.get(ID)
        client.get(ID)

        assert set(shown) == {FIRST, SECOND}
        assert client.caibo.mode == "test"

    def test_what_mode_was_told_counts(self, connect: Connect) -> None:
        """Somebody has looked, and relied on it."""
        script, shown = accepting(LIVE)
        client = connect(api_key=Vault(FIRST, LIVE), **script.options)
        assert client.caibo.mode == "test"

        with pytest.raises(caibo.ConfigurationError, match="live after test"):
            client.get(ID)

        assert shown == []

    def test_a_key_of_the_same_mode_is_sent(self, connect: Connect) -> None:
        """That is what a callable is for."""
        script, shown = accepting(SECOND)

        connect(api_key=Vault(FIRST, SECOND), **script.options).get(ID)

        assert shown == [FIRST, SECOND]


class TestSingleFlight:
    def test_many_threads_meet_one_spent_key(self, fake: FakeCaibo) -> None:
        """One asks, and the others take what it got."""
        id = fake.add_customer()
        vault = Vault(FIRST, fake.api_key)
        barrier = threading.Barrier(8)
        fake.on_request = lambda r: barrier.wait() if r.headers["X-API-Key"] == FIRST else None

        with (
            fake.serve() as server,
            caibo.Caibo(api_key=vault, base_url=server.base_url) as client,
            ThreadPoolExecutor(8) as pool,
        ):
            got = list(pool.map(client.customers.get, [id] * 8))

        assert len(got) == 8
        assert vault.asked == 2

    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    def test_many_tasks_meet_one_spent_key(self, backend: str) -> None:
        """The same, in one event loop."""
        script, shown = accepting(SECOND)
        asked: list[int] = []

        async def provider() -> str:
            asked.append(1)
            await anyio.sleep(0.01)
            return FIRST if len(asked) == 1 else SECOND

        async def main() -> None:
            async with (
                caibo.AsyncCaibo(api_key=provider, **script.options) as client,
                anyio.create_task_group() as tasks,
            ):
                for _ in range(8):
                    tasks.start_soon(client.customers.get, ID)

        anyio.run(main, backend=backend)

        assert shown.count(SECOND) == 8
        assert len(asked) == 2

    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    def test_a_cancelled_one_leaves_no_turn_behind(self, backend: str) -> None:
        """The next call asks anew."""
        script, _ = accepting(FIRST)
        asked: list[int] = []

        async def provider() -> str:
            asked.append(1)
            if len(asked) == 1:
                await anyio.sleep_forever()
            return FIRST

        async def main() -> caibo.Customer:
            async with caibo.AsyncCaibo(api_key=provider, **script.options) as client:
                with anyio.move_on_after(0.01):
                    await client.customers.get(ID)
                return await client.customers.get(ID)

        assert anyio.run(main, backend=backend).id == ID
