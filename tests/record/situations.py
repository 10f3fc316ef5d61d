"""Crowds, two clients, event loops, cancelled calls and forks before the lying gateway.

``python -m record.situations CALLER [FOLDER]`` prints a row of the record for each, in JSON.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import anyio
from record.callers import Told, by_error, by_update, options
from record.catalogue import FAULTS
from record.worker import Gateway, descriptors

import caibo

#: Of one customer each, as far as nothing else is said.
CALLS = 60
AT_ONCE = 16
#: Faults that tell no lie about the write, and that do not take a timeout each.
AMONG = [
    name
    for name, fault in FAULTS.items()
    if not fault.says and fault.stage == "answer" and not fault.tls
    if not any(word in name for word in ("silence", "drips", "without end", "hold", "large", "101"))
]
Client = caibo.Caibo | caibo.AsyncCaibo


class Call(NamedTuple):
    """One update: of whom, and what it sets."""

    client: Any
    id: int
    changes: dict[str, str]


def calls(client: Any, first: int, name: str = "phone", number: int = CALLS) -> list[Call]:
    return [Call(client, id, {name: f"new {id}"}) for id in range(first, first + number)]


def many(caller: str, chosen: Sequence[Call]) -> list[Told]:
    """Make calls, several at a time; async ones in an event loop of their own."""
    if caller == "sync":
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(told_by, chosen))
    return anyio.run(_gathered, chosen, backend=caller)


def told_by(call: Call) -> Told:
    try:
        return by_update(call.client.customers.update(call.id, **call.changes))
    except Exception as error:
        return by_error(error)


async def atold_by(call: Call) -> Told:
    try:
        return by_update(await call.client.customers.update(call.id, **call.changes))
    except Exception as error:
        return by_error(error)


async def _gathered(chosen: Sequence[Call]) -> list[Told]:
    told: list[Told] = [{} for _ in chosen]
    limit = anyio.CapacityLimiter(AT_ONCE)

    async def one(number: int) -> None:
        async with limit:
            told[number] = await atold_by(chosen[number])

    async with anyio.create_task_group() as group:
        for number in range(len(chosen)):
            group.start_soon(one, number)
    return told


def close(caller: str, client: Any) -> None:
    if caller == "sync":
        client.close()
    else:
        anyio.run(client.close, backend=caller)


def make(caller: str, base_url: str, **more: Any) -> Client:
    kind = caibo.Caibo if caller == "sync" else caibo.AsyncCaibo
    return kind(**options(base_url, timeout=2.0, deadline=20.0, max_connections=8, **more))


def crowd(caller: str, base_url: str) -> Iterator[tuple[Call, Told]]:
    """Sixteen at a time share eight connections."""
    client = make(caller, base_url)
    chosen = calls(client, 1000, number=2 * CALLS)
    yield from zip(chosen, many(caller, chosen), strict=True)
    close(caller, client)


def two_clients(caller: str, base_url: str) -> Iterator[tuple[Call, Told]]:
    """Both change each customer at the same time, another field each."""
    clients = [make(caller, base_url) for _ in range(2)]
    phones, emails = calls(clients[0], 1000), calls(clients[1], 1000, "address")
    chosen = [call for pair in zip(phones, emails, strict=True) for call in pair]
    yield from zip(chosen, many(caller, chosen), strict=True)
    for client in clients:
        close(caller, client)


def loops(caller: str, base_url: str) -> Iterator[tuple[Call, Told]]:
    """One client in four event loops after each other, and in three at once."""
    client = make(caller, base_url)
    for first in range(1000, 5000, 1000):
        chosen = calls(client, first, number=CALLS // 4)
        yield from zip(chosen, many(caller, chosen), strict=True)
    several = [calls(client, first, number=CALLS // 3) for first in range(5000, 8000, 1000)]
    with ThreadPoolExecutor(3) as pool:
        told = pool.map(lambda chosen: many(caller, chosen), several)
        for chosen, found in zip(several, told, strict=True):
            yield from zip(chosen, found, strict=True)
    close(caller, client)


def cancelled(caller: str, base_url: str) -> Iterator[tuple[Call, Told]]:
    """Each call is cancelled somewhere; observers hear how far its write got."""
    heard: dict[int, caibo.Event] = {}

    def observer(event: caibo.Event) -> None:
        heard[event.id] = event

    client = make(caller, base_url, observers=[observer])
    chosen = calls(client, 1000, number=2 * CALLS)

    async def one(call: Call, seconds: float) -> None:
        with anyio.move_on_after(seconds):
            await atold_by(call)

    async def all_of_them() -> None:
        chance = random.Random(1)
        async with anyio.create_task_group() as group:
            for call in chosen:
                group.start_soon(one, call, chance.uniform(0.0, 0.25))

    anyio.run(all_of_them, backend=caller)
    for call in chosen:
        yield call, _by_event(heard.get(call.id))
    close(caller, client)


def _by_event(event: caibo.Event | None) -> Told:
    """Say what the last word told; without one nothing was to be written."""
    match event:
        case None:
            return {"told": "not written", "error": "cancelled", "shown": []}
        case caibo.WriteFinished():
            return {"told": event.outcome, "error": "", "shown": []}
        case caibo.WriteFailed():
            return by_error(event.error)
        case _:
            return {"told": "foreign", "error": "no last word", "shown": []}


def forks(caller: str, base_url: str) -> Iterator[tuple[Call, Told]]:
    """Parent and child go on with a client that was used before the fork."""
    client = make(caller, base_url)
    before, ours, theirs = (calls(client, first) for first in (1000, 2000, 3000))
    yield from zip(before, many(caller, before), strict=True)
    inbox, outbox = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.write(outbox, json.dumps(many(caller, theirs)).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(outbox)
    yield from zip(ours, many(caller, ours), strict=True)
    with os.fdopen(inbox) as stream:
        told = json.load(stream)
    os.waitpid(child, 0)
    yield from zip(theirs, told, strict=True)
    close(caller, client)


Situation = Callable[[str, str], Iterator[tuple[Call, Told]]]
SITUATIONS: dict[str, tuple[Situation, tuple[str, ...]]] = {
    "crowd": (crowd, ("sync", "asyncio", "trio")),
    "two clients": (two_clients, ("sync", "asyncio", "trio")),
    "event loops": (loops, ("asyncio", "trio")),
    "cancelled": (cancelled, ("asyncio", "trio")),
    "forks": (forks, ("sync", "asyncio", "trio")),
}
DONE = ("accepted", "confirmed", "normalised", "unchanged")


def row(situation: Situation, caller: str, gateway: Gateway) -> dict[str, Any]:
    """Play a situation; say how often each thing was told, and what was not true."""
    gateway({"among": AMONG, "chance": 0.25, "seed": 1})
    fds, threads = descriptors(), threading.active_count()
    found = list(situation(caller, gateway.base_url))
    left = [descriptors() - fds, threading.active_count() - threads]
    customers = {int(id): of for id, of in gateway("customers").items()}
    broken = [what for call, told in found for what in unfulfilled(call, told, customers)]
    counts = Counter("done" if t["told"] in DONE else t["told"] for _, t in found)
    return {"calls": len(found), **counts, "left": left, "broken": broken}


def unfulfilled(call: Call, told: Told, customers: dict[int, tuple[str, Any]]) -> Iterator[str]:
    seen, record = customers.get(call.id, ("", {}))
    stands = all(record.get(name) == value for name, value in call.changes.items())
    if told["told"] in DONE and not stands:
        yield f"{call.id}: said {told['told']}, and it was not ({seen})"
    if told["told"] == "not written" and stands:
        yield f"{call.id}: said not written, and it was ({seen}): {told['error']}"
    if told["told"] == "foreign":
        yield f"{call.id}: {told['error']}"
    if told["shown"]:
        yield f"{call.id}: shows {told['shown']}"


def main(caller: str, folder: str | None = None) -> None:
    gateway = Gateway(folder)
    try:
        first = make(caller, gateway.base_url)
        many(caller, calls(first, 1, number=AT_ONCE))  # loads what is loaded when it is needed
        close(caller, first)
        for name, (situation, callers) in SITUATIONS.items():
            if caller in callers:
                said = row(situation, caller, gateway)
                print(json.dumps({"situation": name, **said}))
    finally:
        gateway.end()


if __name__ == "__main__":
    main(*sys.argv[1:])
