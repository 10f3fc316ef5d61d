"""Ways to change a customer's phone number: the facade's, and what one would write by hand.

By hand are plain httpx, and the generated functions alone.  Each way has customers of
its own, so that nobody reads what another wrote.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from typing import Any, cast

import caibo_api
import httpx
from benchmarks.measuring import Way
from caibo_api.api.customers import get_customer, replace_customer
from caibo_api.models import Customer

import caibo

KEY = "caibo_test_sk_of_no_gateway"
BATCH = 20  # updates of one way before it is another's turn
IN_FLIGHT = 64
THREADS = 8
NEW_PHONES = map("+1202555{:07}".format, itertools.count())  # an equal one would not be written
# As many connections as our clients may have, and none of them closed for being one too many.
KEPT = httpx.Limits(max_connections=100, max_keepalive_connections=100)

Update = Callable[[int], object]
AsyncUpdate = Callable[[int], Awaitable[object]]
Opened = Callable[[], tuple[caibo.AsyncCaibo | httpx.AsyncClient, AsyncUpdate]]
_first_customers = itertools.count(16772748432912191, 10_000)


def httpx_options(base_url: str) -> dict[str, Any]:
    """Give what a client needs that is to do the facade's work by hand."""
    return {
        "base_url": base_url,
        "headers": {"X-API-Key": KEY},
        "timeout": 10.0,
        "trust_env": False,  # a proxy would be measured, too
    }


def by_hand(client: httpx.Client) -> Update:
    """Update as one would write it with httpx."""

    def update(id: int) -> None:
        record = client.get(f"/customers/{id}").raise_for_status().json()
        record["phone"] = next(NEW_PHONES)
        client.put(f"/customers/{id}", json=record).raise_for_status()

    return update


def by_hand_async(client: httpx.AsyncClient) -> AsyncUpdate:
    """Update as one would write it with httpx and await."""

    async def update(id: int) -> None:
        record = (await client.get(f"/customers/{id}")).raise_for_status().json()
        record["phone"] = next(NEW_PHONES)
        (await client.put(f"/customers/{id}", json=record)).raise_for_status()

    return update


def generated(api: caibo_api.Client) -> Update:
    """Update with the generated functions alone."""

    def update(id: int) -> None:
        customer = cast(Customer, get_customer.sync_detailed(id, client=api).parsed)
        customer.phone = next(NEW_PHONES)
        replace_customer.sync_detailed(id, client=api, body=customer)

    return update


def generated_async(api: caibo_api.Client) -> AsyncUpdate:
    """Update with the generated functions alone, awaited."""

    async def update(id: int) -> None:
        answer = await get_customer.asyncio_detailed(id, client=api)
        customer = cast(Customer, answer.parsed)
        customer.phone = next(NEW_PHONES)
        await replace_customer.asyncio_detailed(id, client=api, body=customer)

    return update


def facade(client: caibo.Caibo) -> Update:
    """Update as users of the facade do."""
    return lambda id_: client.customers.update(id_, phone=next(NEW_PHONES))


def facade_async(client: caibo.AsyncCaibo) -> AsyncUpdate:
    """Update as users of the async facade do."""
    return lambda id_: client.customers.update(id_, phone=next(NEW_PHONES))


def sync_updates(base_url: str, stack: ExitStack) -> dict[str, Update]:
    """Open a client for each way; the facade's comes first, then plain httpx."""
    client = stack.enter_context(caibo.Caibo(api_key=KEY, base_url=base_url))
    plain = stack.enter_context(httpx.Client(**httpx_options(base_url)))
    other = stack.enter_context(httpx.Client(**httpx_options(base_url)))
    return {
        "facade": facade(client),
        "plain httpx": by_hand(plain),
        "generated alone": generated(caibo_api.Client(base_url).set_httpx_client(other)),
    }


def one_at_a_time(base_url: str, stack: ExitStack) -> list[Way]:
    """Update one customer again and again."""

    def way(name: str, update: Update) -> Way:
        id = next(_first_customers)

        def run() -> None:
            for _ in range(BATCH):
                update(id)

        return Way(name, run, BATCH, id)

    return [way(name, update) for name, update in sync_updates(base_url, stack).items()]


def threads(base_url: str, stack: ExitStack) -> list[Way]:
    """Update a customer in each of several threads that share a client."""
    pool = stack.enter_context(ThreadPoolExecutor(THREADS))

    def way(name: str, update: Update) -> Way:
        first = next(_first_customers)

        def again(id: int) -> None:
            for _ in range(BATCH):
                update(id)

        def run() -> None:
            list(pool.map(again, range(first, first + THREADS)))

        return Way(name, run, BATCH * THREADS, first)

    return [way(name, update) for name, update in sync_updates(base_url, stack).items()]


def _on_one_loop(stack: ExitStack) -> tuple[asyncio.Runner, Callable[[Any], None]]:
    runner = stack.enter_context(asyncio.Runner())
    clients = AsyncExitStack()
    stack.callback(lambda: runner.run(clients.aclose()))
    return runner, clients.push_async_exit


def one_at_a_time_async(base_url: str, stack: ExitStack) -> list[Way]:
    """Update one customer again and again, awaited; all ways share one event loop."""
    runner, close_later = _on_one_loop(stack)
    client = caibo.AsyncCaibo(api_key=KEY, base_url=base_url)
    plain, other = (httpx.AsyncClient(**httpx_options(base_url)) for _ in range(2))
    for opened in (client, plain, other):
        close_later(opened)

    def way(name: str, update: AsyncUpdate) -> Way:
        id = next(_first_customers)

        async def batch() -> None:
            for _ in range(BATCH):
                await update(id)

        return Way(name, lambda: runner.run(batch()), BATCH, id)

    api = caibo_api.Client(base_url).set_async_httpx_client(other)
    return [
        way("facade", facade_async(client)),
        way("plain httpx", by_hand_async(plain)),
        way("generated alone", generated_async(api)),
    ]


def in_flight(base_url: str, stack: ExitStack) -> list[Way]:
    """Keep an update of each of 64 customers under way."""
    runner, close_later = _on_one_loop(stack)
    client = caibo.AsyncCaibo(api_key=KEY, base_url=base_url)
    plain = httpx.AsyncClient(**httpx_options(base_url), limits=KEPT)
    default = httpx.AsyncClient(**httpx_options(base_url))
    for opened in (client, plain, default):
        close_later(opened)
    times = 4

    def way(name: str, update: AsyncUpdate) -> Way:
        first = next(_first_customers)

        async def again(id: int) -> None:
            for _ in range(times):
                await update(id)

        async def batch() -> None:
            await asyncio.gather(*map(again, range(first, first + IN_FLIGHT)))

        return Way(name, lambda: runner.run(batch()), times * IN_FLIGHT, first)

    return [
        way("facade", facade_async(client)),
        way("plain httpx, 100 kept alive", by_hand_async(plain)),
        way("plain httpx, its own 20 of 100", by_hand_async(default)),
    ]


@dataclass
class Crowd:
    """What became of updates that were begun all at once."""

    size: int
    cpu: float  # microseconds an update
    wall: float  # microseconds an update
    failed: Counter[str]  # by the exception's type


async def _gather(update: AsyncUpdate, ids: Iterable[int]) -> Crowd:
    updates = [update(id) for id in ids]
    wall, cpu = time.perf_counter(), time.process_time()
    ends = await asyncio.gather(*updates, return_exceptions=True)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    size = len(ends)
    failed = Counter(type(end).__name__ for end in ends if isinstance(end, BaseException))
    return Crowd(size, cpu / size * 1e6, wall / size * 1e6, failed)


def gathered(opened: Opened, size: int) -> Crowd:
    """Begin that many updates at once, each of its own customer, with a new client."""

    async def run() -> Crowd:
        client, update = opened()
        first = next(_first_customers)
        async with client:
            await update(first + size)  # imports and caches
            return await _gather(update, range(first, first + size))

    return asyncio.run(run())


def new_facade(base_url: str, **options: Any) -> Opened:
    """Open clients of ours with default options, but those."""

    def opened() -> tuple[caibo.AsyncCaibo, AsyncUpdate]:
        client = caibo.AsyncCaibo(api_key=KEY, base_url=base_url, **options)
        return client, facade_async(client)

    return opened


def new_plain(base_url: str) -> Opened:
    """Open clients of httpx that wait for a connection as long as ours do."""

    def opened() -> tuple[httpx.AsyncClient, AsyncUpdate]:
        options = httpx_options(base_url) | {"timeout": httpx.Timeout(10.0, pool=60.0)}
        client = httpx.AsyncClient(**options, limits=KEPT)
        return client, by_hand_async(client)

    return opened
