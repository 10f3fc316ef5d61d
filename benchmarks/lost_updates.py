"""How many updates of one customer are lost, by how often it is written and how.

A simulation: the real clients of caibo against the fake gateway, in virtual time, so
that hours of writing take seconds.  Assumed:

- writers come at random (a Poisson process), so many a minute to the same customer;
- each changes one of the five writable fields, chosen at random, to a new value;
- a request and an answer travel {median:.0f} ms each in the median (log-normal, sigma {sigma});
- nothing fails and no read lags; all writers of a cell write in the same way;
- several processes are {processes}, each writer in one of them, and no lock= between them.

A change is lost when the write of someone who addressed another field removed it:
silently, unless its owner was told (OverwrittenError).  Who writes the same field
meant to, and is not counted.  "refused" is a ConflictError of `edit`: someone else had
changed the same field meanwhile, and nothing was written.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import product
from typing import Any
from unittest.mock import patch

import httpx
import trio
from trio.testing import MockClock

import caibo
from caibo.testing import FakeCaibo

MEDIAN, SIGMA = 0.040, 0.5  # seconds a way
THINKS = 30.0
SETTLE = 1.0
PROCESSES = 4
RATES = (0.1, 1.0, 10.0, 30.0)  # writes a minute
FIELDS = ("name", "email", "address", "phone", "member_id")
ASSUMED = (__doc__ or "").format(median=MEDIAN * 1000, sigma=SIGMA, processes=PROCESSES)


@dataclass(eq=False)
class Change:
    """What one writer changes, and what became of it."""

    name: str
    value: str
    lost: bool = False
    told: caibo.CaiboError | None = None


Write = Callable[[caibo.AsyncCaibo, int, Change], Awaitable[object]]
writing: ContextVar[Change] = ContextVar("writing")


async def save_snapshot(client: caibo.AsyncCaibo, id: int, change: Change) -> None:
    """Do what a form does that saves what it showed."""
    shown = await client.customers.get(id)
    await trio.sleep(THINKS)
    wire = "memberId" if change.name == "member_id" else change.name
    await client.customers.replace(id, {**shown.document, wire: change.value})


async def update(client: caibo.AsyncCaibo, id: int, change: Change) -> None:
    """Update as by default."""
    changes: Any = {change.name: change.value}
    await client.customers.update(id, **changes)


async def update_confirmed(client: caibo.AsyncCaibo, id: int, change: Change) -> None:
    """Update, and read back after the settle time."""
    changes: Any = {change.name: change.value}
    await client.customers.update(id, confirm=SETTLE, **changes)


async def edit(client: caibo.AsyncCaibo, id: int, change: Change) -> None:
    """Do what a form does that merges what was typed onto the record as it is by then."""
    async with client.customers.edit(id) as draft:
        await trio.sleep(THINKS)
        setattr(draft, change.name, change.value)


WAYS: Mapping[str, Write] = {
    f"save a {THINKS:g} s old snapshot": save_snapshot,
    f"edit, {THINKS:g} s": edit,
    "update": update,
    f"update(confirm={SETTLE:g})": update_confirmed,
}


@dataclass
class Gateway(httpx.AsyncBaseTransport):
    """Carry requests to a fake gateway and back, and note whose changes a write removes."""

    dice: random.Random
    fake: FakeCaibo = field(default_factory=FakeCaibo)
    changes: list[Change] = field(default_factory=list[Change])

    def __post_init__(self) -> None:
        self.id = self.fake.add_customer()
        self._standing: dict[str, Change] = {}
        self._by_value: dict[str, Change] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one request; the one whose change stands in a field is noted."""
        await trio.sleep(self._travel())
        before = self._values()
        answer = self.fake.transport.handle_request(request)
        self.fake.requests.clear()
        if request.method == "PUT":
            self._note(before, self._values(), writing.get())
        await trio.sleep(self._travel())
        return answer

    def _travel(self) -> float:
        return MEDIAN * self.dice.lognormvariate(0, SIGMA)

    def _values(self) -> dict[str, Any]:
        document = self.fake.document(self.id)
        return {name: document["memberId" if name == "member_id" else name] for name in FIELDS}

    def _note(self, before: Mapping[str, Any], after: Mapping[str, Any], by: Change) -> None:
        self._by_value[by.value] = by
        for name in FIELDS:
            if before[name] != after[name]:
                removed = self._standing.pop(name, None)
                if removed is not None and name == by.name:
                    del self._by_value[removed.value]  # meant: it can be lost no more
                elif removed is not None:
                    removed.lost = True
                if after[name] in self._by_value:  # a second old copy restores what a first removed
                    self._standing[name] = self._by_value[after[name]]
                    self._standing[name].lost = False


@dataclass(frozen=True)
class Cell:
    """One number of the table: a way to write, from so many processes, so often."""

    way: str
    processes: int
    etags: bool
    rate: float

    def run(self, updates: int, seed: int) -> list[Change]:
        """Let that many writers come, one after the other, and return their changes."""
        name = f"{seed} {self}"
        random.seed(name)  # for the pauses before retries
        gateway = Gateway(random.Random(name))
        gateway.fake.etags = self.etags
        with ExitStack() as patched:
            patched.enter_context(patch.object(time, "monotonic", trio.current_time))
            trio.run(self._all, gateway, updates, clock=MockClock(autojump_threshold=0))
        return gateway.changes

    async def _all(self, gateway: Gateway, updates: int) -> None:
        options: Any = {"base_url": gateway.fake.base_url, "transport": gateway}
        clients = [
            caibo.AsyncCaibo(api_key=gateway.fake.api_key, **options) for _ in range(self.processes)
        ]
        async with trio.open_nursery() as nursery:
            for number in range(updates):
                await trio.sleep(gateway.dice.expovariate(self.rate / 60))
                change = Change(gateway.dice.choice(FIELDS), f"{number}@example.com")
                gateway.changes.append(change)
                nursery.start_soon(self._one, gateway.dice.choice(clients), gateway.id, change)

    async def _one(self, client: caibo.AsyncCaibo, id: int, change: Change) -> None:
        writing.set(change)
        try:
            await WAYS[self.way](client, id, change)
        except caibo.CaiboError as error:
            change.told = error


def shown(changes: Sequence[Change]) -> str:
    """Put a cell into words: the share lost silently, and the shares that were told."""

    def share(name: str, of: Sequence[Change]) -> str:
        return f"{100 * len(of) / len(changes):.2f} %{name}" if of else ""

    silent = share("", [c for c in changes if c.lost and c.told is None]) or "0"
    told = share(" told", [c for c in changes if c.lost and c.told is not None])
    conflict = share(" refused", [c for c in changes if type(c.told) is caibo.ConflictError])
    failed = [c for c in changes if c.told is not None and not c.lost]
    other = [c for c in failed if not isinstance(c.told, caibo.ConflictError)]
    return ", ".join(filter(None, [silent, told, conflict, share(" failed", other)]))


def table(rows: Sequence[Sequence[str]], *, markdown: bool) -> str:
    """Lay out a table with a head, as text or as Markdown."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    edge, between = ("| ", " | ") if markdown else ("", "   ")
    lines = [edge + between.join(map(str.ljust, row, widths)) + edge[::-1] for row in rows]
    rule = "|".join(["", *("-" * (width + 2) for width in widths), ""])
    lines.insert(1, rule if markdown else "-" * len(lines[0]))
    return "\n".join(line.rstrip() for line in lines)


def progress(done: int, of: int) -> None:
    """Draw a bar where somebody watches."""
    if sys.stderr.isatty():
        bar = "#" * (40 * done // of)
        print(f"\r[{bar:40}] {done}/{of}", end="\r\n"[done == of], file=sys.stderr, flush=True)


def main() -> None:
    """Simulate every cell and print the table."""
    parser = argparse.ArgumentParser(
        description=ASSUMED, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--updates", type=int, default=5000, help="in each cell (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="200 in each cell, for a first look")
    parser.add_argument("--seed", type=int, default=1, help="the same gives the same (%(default)s)")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    arguments = parser.parse_args()
    updates = 200 if arguments.quick else arguments.updates
    if updates < 1:
        parser.error("--updates counts from 1")

    kinds = [
        *product(WAYS, (1, PROCESSES), [False]),
        *product(list(WAYS)[1:3], [PROCESSES], [True]),
    ]
    cells = [Cell(*kind, rate) for kind in kinds for rate in RATES]
    found: list[str] = []
    for cell in cells:
        progress(len(found), len(cells))
        found.append(shown(cell.run(updates, arguments.seed)))
    progress(len(cells), len(cells))

    rows = [["way to write", "processes", *(f"{rate:g} a minute" for rate in RATES)]]
    for number, (way, processes, etags) in enumerate(kinds):
        name = f"{way}, ETags" if etags else way
        first = number * len(RATES)
        rows.append([name, str(processes), *found[first : first + len(RATES)]])
    print(ASSUMED)
    print(f"Lost silently, of {updates} updates in each cell (seed {arguments.seed}):\n")
    print(table(rows, markdown=arguments.markdown))


if __name__ == "__main__":
    main()
