"""Several writers of one customer, in virtual time, with whatever can go wrong on the way.

The clients, their drivers and locks are the real ones.  Hypothesis chooses when each
writer starts, how long each request and answer travels, and what is lost; two
moments are never the same, so that one choice always gives one history.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from itertools import chain, repeat
from typing import Any
from unittest.mock import patch

import anyio
import httpx
import pytest
import trio
from hypothesis import event, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

import caibo
from caibo._record.document import Document
from caibo.testing import FakeCaibo

pytestmark = pytest.mark.long

FIELDS = {"phone": "phone", "address": "address", "member_id": "memberId"}
RECORD = (
    b'{"id":7,"name":"Ada Example","email":"ada@example.com","phone":"+1","address":null,'
    b'"memberId":"R-1","totalDeposits":100.00,"vendor":{"new":[1E400,1.10]}}'
)
ID = 7
LEG = 2.0  # seconds, at most, that a request or an answer travels
BASE_AGE = 3.0
#: From when the gateway reads a record for a writer until it applies the writer's PUT of it.
WINDOW = LEG + BASE_AGE + LEG
SETTLE = WINDOW + 0.5

# The same in every run: a model that fails now and then would stop changes that did no harm.
many = settings(max_examples=3 * settings().max_examples, derandomize=True)

#: Faults after which a write may have been applied.
UNCERTAIN = ["500", "500 after applying", "lost", "answer lost", "answer cut"]
FAULTS = ["refuse", "429", "503 with Retry-After", *UNCERTAIN]


@dataclass(frozen=True, kw_only=True)
class Writer:
    """Who changes which fields how, and what befalls each of its requests."""

    number: int
    verb: str
    values: Mapping[str, Any]
    starts: float
    thinks: float
    confirm: bool | float
    on_conflict: Any
    resumes: bool
    legs: Sequence[float]
    faults: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Arrival:
    """One request at the gateway: the record before and after, and the one that was shown."""

    at: float
    writer: Writer
    method: str
    fault: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    shown: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        now = [self.after.get(name) for name in FIELDS.values()]
        return f"{self.at:7.3f} {self.writer.number} {self.method} {self.fault}: {now}"

    @property
    def changed(self) -> set[str]:
        return {n for n in FIELDS.values() if self.before.get(n) != self.after.get(n)}


@dataclass
class World:
    """A gateway, what arrived there, and what each writer was told."""

    fake: FakeCaibo
    arrivals: list[Arrival] = field(default_factory=list)
    told: dict[int, caibo.Update | caibo.CaiboError] = field(default_factory=dict)
    resumed: set[int] = field(default_factory=set)

    def __str__(self) -> str:
        told = [f"{number}: {what}" for number, what in sorted(self.told.items())]
        return "\n".join(["", *map(str, self.arrivals), *told])

    def of(self, writer: Writer, method: str) -> list[Arrival]:
        return [a for a in self.arrivals if a.writer is writer and a.method == method]


@dataclass
class Tape:
    """What is still to befall a writer's requests, in their order."""

    writer: Writer
    legs: Iterator[float]
    faults: Mapping[str, Iterator[str]]

    @classmethod
    def of(cls, writer: Writer) -> Tape:
        faults = {method: chain(f, repeat("")) for method, f in writer.faults.items()}
        return cls(writer, chain(writer.legs, repeat(LEG)), faults)


TAPE: ContextVar[Tape] = ContextVar("TAPE")


class Wire(httpx.AsyncBaseTransport):
    """Carry requests to the gateway, each way in its own time."""

    def __init__(self, world: World, nursery: trio.Nursery) -> None:
        self._world = world
        self._fake = world.fake
        self._nursery = nursery

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        tape = TAPE.get()
        fault = next(tape.faults[request.method])
        await trio.sleep(next(tape.legs))
        try:
            return self._arrive(tape.writer, request, fault)
        finally:
            await trio.sleep(next(tape.legs))

    def _arrive(self, writer: Writer, request: httpx.Request, fault: str) -> httpx.Response:
        self._prepare(fault, request.method)
        before = self._fake.document(ID)
        try:
            answer = self._fake.transport.handle_request(request)
        except httpx.TransportError:
            if fault != "refuse":
                self._note(writer, request.method, fault, before)
            if fault == "late":
                self._nursery.start_soon(self._late, writer, self._fake.requests[-1])
            raise
        shown = None
        if request.method == "GET" and answer.status_code == 200 and fault != "answer cut":
            answer.read()
            shown = answer.json()
            answer = httpx.Response(200, headers=answer.headers, content=answer.content)
        self._note(writer, request.method, fault, before, shown)
        return answer

    async def _late(self, writer: Writer, request: Any) -> None:
        await trio.sleep(sum(writer.legs) * 3)
        before = self._fake.document(ID)
        self._fake.handle(request)
        self._note(writer, "PUT", "late", before)

    def _note(
        self, writer: Writer, method: str, fault: str, before: Any, shown: Any = None
    ) -> None:
        after = self._fake.document(ID)
        now = trio.current_time()
        self._world.arrivals.append(Arrival(now, writer, method, fault, before, after, shown))

    def _prepare(self, fault: str, method: str) -> None:
        match fault:
            case "refuse":
                self._fake.refuse_connection()
            case "429":
                self._fake.fail_next(429)
            case "503 with Retry-After":
                self._fake.fail_next(503, headers={"Retry-After": "4"})
            case "500" | "500 after applying":
                self._fake.fail_next(500, after_applying=fault != "500")
            case "lost" | "late" | "answer lost":
                self._fake.lose_response(method, applied=fault == "answer lost")
            case "answer cut":
                self._fake.lose_response(method, at="mid-reply")
            case "stale":
                self._fake.stale_reads()


class Virtual(datetime):
    """A wall clock that goes as the virtual one does."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        return datetime.fromtimestamp(trio.current_time(), tz or UTC)


async def write(client: caibo.AsyncCaibo, writer: Writer) -> caibo.Update:
    options: dict[str, Any] = {"confirm": writer.confirm}
    if writer.verb == "update":
        return await client.customers.update(ID, **options, **writer.values)
    options["on_conflict"] = writer.on_conflict
    if writer.verb == "apply":
        plan = await client.customers.plan(ID, **writer.values)
        await anyio.sleep(writer.thinks)
        return await client.customers.apply(plan, **options)
    async with client.customers.edit(ID, **options) as draft:
        await anyio.sleep(writer.thinks)
        for name, value in writer.values.items():
            setattr(draft, name, value)
    return draft.update


def play(
    writers: Sequence[Writer],
    *,
    clients: int = 1,
    etags: bool = False,
    shared_lock: bool = False,
    send: Any = "record",
) -> World:
    """Let all writers write, each through the client that its number gives it."""
    world = World(FakeCaibo())
    world.fake.add_document(RECORD)
    world.fake.etags = etags
    world.fake.keeps_omitted = send == "changes"

    async def one(client: caibo.AsyncCaibo, writer: Writer) -> None:
        TAPE.set(Tape.of(writer))
        await trio.sleep(writer.starts)
        try:
            try:
                world.told[writer.number] = await write(client, writer)
            except caibo.UnknownOutcomeError as error:
                if not (writer.resumes and error.plan):
                    raise
                world.resumed.add(writer.number)
                confirm, decide = writer.confirm, writer.on_conflict
                world.told[writer.number] = await client.customers.apply(
                    error.plan, confirm=confirm, on_conflict=decide
                )
        except caibo.CaiboError as error:
            world.told[writer.number] = error

    async def all_of_them() -> None:
        lock = anyio.Lock()
        async with trio.open_nursery() as nursery:
            opened = [
                caibo.AsyncCaibo(
                    api_key=world.fake.api_key,
                    base_url=world.fake.base_url,
                    transport=Wire(world, nursery),
                    max_base_age=BASE_AGE,
                    send=send,
                    lock=(lambda _: lock) if shared_lock else None,
                )
                for _ in range(clients)
            ]
            for writer in writers:
                nursery.start_soon(one, opened[writer.number % clients], writer)

    with ExitStack() as patched:
        patched.enter_context(patch.object(time, "monotonic", trio.current_time))
        for module in ("caibo._write.verbs", "caibo._write.progress"):
            patched.enter_context(patch(f"{module}.datetime", Virtual))
        trio.run(all_of_them, clock=MockClock(autojump_threshold=0))
    return world


def seconds(most: float) -> st.SearchStrategy[float]:
    return st.integers(0, round(most * 10)).map(lambda tenths: tenths / 10)


@st.composite
def several(
    draw: st.DrawFn,
    *,
    faults: Sequence[str] = FAULTS,
    read_faults: Sequence[str] = ("500", "answer lost", "answer cut"),
    confirm: Sequence[bool | float] = (False, True, SETTLE),
    on_conflict: Sequence[Any] = ("raise", "ours", "theirs"),
) -> list[Writer]:
    """Make two to four writers, each with values of its own."""
    writers: list[Writer] = []
    for number in range(draw(st.integers(2, 4))):
        names = draw(st.lists(st.sampled_from(list(FIELDS)), min_size=1, max_size=2, unique=True))
        legs = draw(st.lists(seconds(LEG - 0.1), max_size=8))
        writers.append(
            Writer(
                number=number,
                verb=draw(st.sampled_from(["update", "edit", "apply"])),
                values={name: f"{name[0]}-{number}" for name in names},
                starts=draw(seconds(6)) + number / 100,
                thinks=draw(st.sampled_from([0.0, 0.5, 20.0])),
                confirm=draw(st.sampled_from(confirm)),
                on_conflict=draw(st.sampled_from(on_conflict)),
                resumes=draw(st.booleans()),
                legs=[leg + (number + 1) / 1000 for leg in legs],
                faults={
                    "PUT": draw(st.lists(st.sampled_from(["", "", *faults]), max_size=4)),
                    "GET": draw(st.lists(st.sampled_from(["", "", "", *read_faults]), max_size=4)),
                },
            )
        )
    return writers


def addressed(writer: Writer) -> set[str]:
    return {FIELDS[name] for name in writer.values}


def has(record: Mapping[str, Any] | None, writer: Writer, names: Any = None) -> bool:
    wanted = {FIELDS[n]: v for n, v in writer.values.items() if names is None or n in names}
    return record is not None and all(record.get(wire) == v for wire, v in wanted.items())


def assert_nothing_else_changed(world: World) -> None:
    """Members that nobody addressed have the text that they had at first."""
    before, after = Document.parse(RECORD), Document.parse(world.fake.raw(ID))
    others = [name for name in before if name not in FIELDS.values()]
    assert [after.text(name) for name in others] == [before.text(name) for name in others]


def assert_nobody_overwrote_anybody(world: World) -> None:
    """Each write, late ones included, changed nothing that its writer did not mean to."""
    for put in (arrival for arrival in world.arrivals if arrival.changed):
        writer = put.writer
        assert put.changed <= addressed(writer), world
        if writer.verb != "update" and writer.on_conflict == "raise":
            shown = next(get.shown for get in world.of(writer, "GET") if get.shown)
            for wire in put.changed if writer.number not in world.resumed else ():
                assert put.before[wire] == shown[wire], world


def assert_told_the_truth(world: World, writer: Writer) -> None:
    """Hold what a writer was told against what happened at the gateway."""
    told = world.told[writer.number]
    event(f"{type(told).__name__} {getattr(told, 'outcome', '')}")
    puts = world.of(writer, "PUT")
    applied = [put for put in puts if put.changed]
    *_, back = world.of(writer, "GET")
    match told:
        case caibo.Update(outcome="confirmed" | "normalised"):
            assert has(back.shown, writer, told.changes), world
            before = [put.at for put in applied if put.at < back.at and put.fault != "late"]
            settled = back.at - before[-1] if before else SETTLE
            assert writer.confirm != SETTLE or settled >= SETTLE, world
        case caibo.Update(outcome="accepted"):
            assert has(puts[-1].after, writer, told.changes) or puts[-1].fault == "late", world
        case caibo.Update(outcome="unchanged"):
            assert has(back.shown, writer) or writer.on_conflict == "theirs", world
        case caibo.Update():
            assert has(back.shown, writer), world
        case caibo.UnknownOutcomeError():
            assert applied or any(put.fault in (*UNCERTAIN, "late") for put in puts), world
        case caibo.OverwrittenError():
            assert applied, world
            assert not has(back.shown, writer, told.conflicts), world
        case caibo.ServerError():
            assert not applied or applied[-1].at < back.at, world
            assert not applied or not has(back.shown, writer), world
        case caibo.ConflictError() if told.conflicts:
            assert not applied or writer.number in world.resumed, world
            found = {name: (theirs, mine) for name, (_, theirs, mine) in told.conflicts.items()}
            seen = back.shown or {}
            assert found == {n: (seen[FIELDS[n]], writer.values[n]) for n in found}, world
        case _:
            assert not applied or writer.number in world.resumed, world


def first_change(world: World, *, after: Arrival, wire: str) -> Arrival | None:
    later = (a for a in world.arrivals if a.at > after.at and wire in a.changed)
    return next(later, None)


@many
@given(writers=several(faults=[*FAULTS, "late"], read_faults=["500", "answer lost", "stale"]))
def test_with_entity_tags_no_update_is_lost(writers: list[Writer]) -> None:
    """Whatever the interleaving, the faults, late writes and stale reads; confirmed or not."""
    world = play(writers, clients=2, etags=True)

    assert_nobody_overwrote_anybody(world)
    assert_nothing_else_changed(world)


@pytest.mark.parametrize("shared_lock", [False, True])
@many
@given(writers=several())
def test_writers_that_queue_lose_no_update(writers: list[Writer], shared_lock: bool) -> None:
    """Those of one client do, and those of several with one `lock=`; no write arrives late."""
    world = play(writers, clients=1 + shared_lock, shared_lock=shared_lock)

    assert_nobody_overwrote_anybody(world)
    assert_nothing_else_changed(world)


@many
@given(writers=several(confirm=[SETTLE]))
def test_no_confirmed_update_is_lost_afterwards(writers: list[Writer]) -> None:
    """Who is told "confirmed" is overwritten by nobody but a writer of the same field.

    Without entity tags and without a common lock, let no write be applied later
    than `WINDOW` seconds after the gateway read out the record that it was merged
    onto, and let no read lag.  A writer that confirms after more than that long
    finds its value, or is told otherwise (`OverwrittenError`, `UnknownOutcomeError`);
    and if it finds it, then the next one to change that value addressed the field.
    For whoever changes it unawares had read an older record, so it wrote within the
    window after our write and before our confirmation.

    The others need not confirm for that, only be as quick.  That a writer overwrote
    somebody else is told to the other, and never to itself.
    """
    world = play(writers, clients=4)

    for writer in writers:
        told = world.told[writer.number]
        if isinstance(told, caibo.Update) and told.outcome == "confirmed":
            for name in told.changes:
                change = first_change(world, after=world.of(writer, "GET")[-1], wire=FIELDS[name])
                assert change is None or FIELDS[name] in addressed(change.writer), world


@many
@given(writers=several(faults=[*FAULTS, "late"]))
def test_who_sends_only_changes_overwrites_nobody(writers: list[Writer]) -> None:
    """Without tags and without a lock, on a gateway that keeps what is left out."""
    world = play(writers, clients=4, send="changes")

    for put in world.arrivals:
        assert put.changed <= addressed(put.writer), world
    for writer in writers:
        assert_told_the_truth(world, writer)
    assert_nothing_else_changed(world)


@pytest.mark.parametrize("etags", [False, True])
@many
@given(writers=several(faults=[*FAULTS, "late"], read_faults=["500", "answer lost", "stale"]))
def test_every_writer_is_told_the_truth(writers: list[Writer], etags: bool) -> None:
    """As far as a client can see it.

    - confirmed: its values were in the record that it read back, after the settle time.
    - accepted: the record had its values right after its last write.
    - unchanged, already-applied: the record that it read had them, but for what it
      left to others.
    - UnknownOutcomeError: a write was applied, or an answer was lost or a 5xx.
    - OverwrittenError: a write was applied, and not all of it was there afterwards.
    - ServerError: the record that it read last does not have its values.  (It may have
      had them between the 5xx and that read, and someone else removed them.)
    - any other error: nothing of this call was applied, then or later.
    """
    world = play(writers, clients=2, etags=etags)

    for writer in writers:
        assert_told_the_truth(world, writer)
    assert_nothing_else_changed(world)
