"""The grid of faults: every verb, whatever goes wrong at any step, and what has to be true then."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from itertools import product
from typing import Any

import pytest
from faces import Connect, Face
from faces import methods as names

import caibo
from caibo.testing import FakeCaibo, FakeServer, Request

OLD, NEW = "+12025550143", "+19995550100"

#: Lets that many of the next requests with a method go wrong.
Fault = Callable[[FakeCaibo, str, int], None]


def lost(at: Any, *, applied: bool = True) -> Fault:
    return lambda fake, method, times: fake.lose_response(
        method, at=at, applied=applied, times=times
    )


def failed(status: int, *, applied: bool = False, **headers: str) -> Fault:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda fake, method, times: fake.fail_next(
        status, headers=named, method=method, times=times, after_applying=applied
    )


def garbled(how: Any) -> Fault:
    return lambda fake, method, times: fake.garble_next(how, method=method, times=times)


def late(fake: FakeCaibo, method: str, times: int) -> None:
    fake.delay(30, method, times=times)


LATE = "later than the timeout"
# Left out is a gateway that says 429, or 503 with Retry-After, of what it did carry out: see
# `TestAnAnswerThatIsNotTrue`.
FAULTS: Mapping[str, Fault] = {
    **{f"lost {at}": lost(at) for at in ("before-body", "mid-body", "before-reply", "mid-reply")},
    "lost before-reply, not applied": lost("before-reply", applied=False),
    "lost mid-reply, not applied": lost("mid-reply", applied=False),
    **{f"{status}": failed(status) for status in (500, 502, 503, 504, 520)},
    **{f"{status}, applied": failed(status, applied=True) for status in (500, 502, 503, 504, 999)},
    "429": failed(429),
    "503 with Retry-After": failed(503, Retry_After="0"),
    **{f"garbled {how}": garbled(how) for how in ("gzip", "truncated", "wrong-length")},
    LATE: late,
}


def edit(client: Face, id: int) -> caibo.Update:
    with client.edit(id) as draft:
        draft.phone = NEW
    return draft.update


VERBS: Mapping[str, Callable[[Face, int], caibo.Update]] = {
    "update": lambda client, of: client.update(of, phone=NEW),
    "update, confirmed": lambda client, of: client.update(of, phone=NEW, confirm=True),
    "apply": lambda client, of: client.apply(client.plan(of, phone=NEW)),
    "edit": edit,
    "replace": lambda client, of: client.replace(of, {**client.get(of).document, "phone": NEW}),
}


def methods(fake: FakeCaibo) -> str:
    """Name the requests by their first letters."""
    return "".join(name[0] for name in names(fake))


def no_fault(fake: FakeCaibo) -> None:
    """Take out of a gateway what has not gone wrong yet."""
    while fake.take_fault("GET") or fake.take_fault("PUT"):
        pass


class Case:
    """One call that something happens to, and what has to be true of it afterwards."""

    def __init__(self, connect: Connect, server: FakeServer, fault: str, max_retries: int) -> None:
        self.fake = server.gateway
        no_fault(self.fake)
        self.id = self.fake.add_customer(phone=OLD)
        self.before = caibo.Document.parse(self.fake.raw(self.id))
        self.events: list[caibo.Event] = []
        self.client = connect(
            base_url=server.base_url,
            transport=None,
            timeout=0.3 if fault == LATE else 10,
            max_retries=max_retries,
            observers=[self.events.append],
        )

    @property
    def writes(self) -> int:
        """Count how often the record was stored, whatever was sent and whatever it said."""
        return int(self.fake._records[self.id].newest.etag[2:-1]) - 1

    def go(self, verb: str) -> None:
        """Make the call and hold what it tells against the record."""
        try:
            update = VERBS[verb](self.client, self.id)
        except caibo.UnknownOutcomeError as error:
            self.ended_with(caibo.WriteFailed)
            self.is_unknown(error, verb)
        except caibo.CaiboError:
            assert self.writes == 0
            assert self.now() == self.before
            assert not any(isinstance(event, caibo.WriteFinished) for event in self.events)
        else:
            assert self.writes == 1
            assert (self.now()["phone"], update.customer.phone) == (NEW, NEW)
            self.ended_with(caibo.WriteFinished)
        self.nothing_else_changed()

    def is_unknown(self, error: caibo.UnknownOutcomeError, verb: str) -> None:
        assert self.writes <= 1
        assert error.sent == ({} if verb == "replace" else {"phone": "'+…'"})
        assert error.last_seen is None or error.last_seen.document == self.now()
        for shown in (str(error), repr(error), str(pickle.dumps(error))):
            assert not any(data in shown for data in (OLD[3:], NEW[3:], "Ada", "New Street"))
        assert pickle.loads(pickle.dumps(error)).sent == error.sent
        assert (error.plan is None) == (verb == "replace")
        if error.plan is not None:
            no_fault(self.fake)
            self.client.apply(error.plan)
            assert (self.writes, self.now()["phone"]) == (1, NEW)

    def ended_with(self, kind: type) -> None:
        assert [type(event) for event in self.events[-1:]] == [kind]
        assert sum(not isinstance(event, caibo.WriteIntended) for event in self.events) == 1

    def now(self) -> caibo.Document:
        return caibo.Document.parse(self.fake.raw(self.id))

    def nothing_else_changed(self) -> None:
        now = self.now()
        others = [name for name in self.before if name != "phone"]
        assert [now.text(name) for name in others] == [self.before.text(name) for name in others]
        assert list(now) == list(self.before)


def verbs_for(fault: str) -> Collection[str]:
    """Leave most verbs out where a timeout is really waited for."""
    return ("update, confirmed", "replace") if fault == LATE else VERBS


#: A fault comes twice in a row with one retry, and once and is got over.
TIMES_AND_RETRIES = ((2, 1), (1, 2))


class Grid:
    """Tests of every fault at every step; a class that inherits them says how much of it."""

    def verbs(self, fault: str) -> Collection[str]:
        return verbs_for(fault)

    def after_a_write(self, verbs: Collection[str]) -> Iterable[tuple[str, tuple[int, int]]]:
        return product(verbs, TIMES_AND_RETRIES)

    @pytest.mark.parametrize("fault", FAULTS)
    @pytest.mark.parametrize("method", ["GET", "PUT"])
    def test_of_the_read_or_the_write(
        self, connect: Connect, server: FakeServer, method: str, fault: str
    ) -> None:
        """Of the first read, and of the write."""
        for verb, (times, max_retries) in product(self.verbs(fault), TIMES_AND_RETRIES):
            case = Case(connect, server, fault, max_retries)
            FAULTS[fault](case.fake, method, times)

            case.go(verb)

    @pytest.mark.parametrize("fault", FAULTS)
    @pytest.mark.parametrize("applied", [True, False, None])
    def test_of_the_read_back(
        self, connect: Connect, server: FakeServer, fault: str, applied: bool | None
    ) -> None:
        """After a write whose answer was lost, or after an accepted one that is confirmed."""
        verbs = ["update, confirmed"] if applied is None else self.verbs(fault)
        for verb, (times, max_retries) in self.after_a_write(verbs):
            case = Case(connect, server, fault, max_retries)
            if applied is not None:
                case.fake.lose_response("PUT", applied=applied)
            case.fake.on_request = once("PUT", partial(FAULTS[fault], case.fake, "GET", times))

            case.go(verb)


def once(method: str, act: Callable[[], object]) -> Callable[[Request], None]:
    """Act on the first request with a method."""
    acts = [act]

    def on_request(request: Request) -> None:
        if request.method == method and acts:
            acts.pop()()

    return on_request
