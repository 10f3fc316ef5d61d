"""What is asked and written, in which order; generators that yield calls and never wait."""

from __future__ import annotations

import secrets
from contextlib import suppress
from functools import partial

from caibo import (
    APIError,
    CaiboError,
    ConfigurationError,
    Customer,
    Document,
    MalformedResponseError,
)
from caibo.doctor import _records as of
from caibo.doctor._faces import Calls
from caibo.doctor._facts import Facts, Tried, seen
from caibo.doctor._records import OWNED, TRIED, UNKNOWN, carried, having, lacking
from caibo.doctor._writing import StoppedError, Until, Writing

#: The largest id that the contract has; nobody's, as far as that can be known.
NOBODY = 2**63 - 1
# Statuses that may be about a member of the body.
_OF_THE_BODY = (400, 409, 422)
_NO_READ = (405, 501)
# Statuses that say nothing of the customer.
_OF_WHO_ASKS = (401, 403, 429)


class Examination(Writing):
    """Look at a gateway through one of its customers."""

    def flow(self) -> Calls[Facts]:
        """Look, and write if that was asked for; return what was seen."""
        yield from self._look()
        if self._facts.write:
            yield from self._write()
        return self._facts

    def _look(self) -> Calls[None]:
        facts = self._facts
        if facts.id is not None:
            try:
                customer: Customer = yield partial(self._client.customers.get, facts.id)
                facts.record, facts.etag = customer.document, customer.etag
            except MalformedResponseError as error:
                facts.unread = error
            except APIError as error:
                if error.status not in _NO_READ:
                    raise
                facts.unread = facts.nobody = error
        facts.mode, facts.base_url = self._client.mode, self._base_url
        if facts.nobody is None:
            yield from self._look_around()

    def _look_around(self) -> Calls[None]:
        facts = self._facts
        for _ in range(2 if facts.id is not None else 0):
            facts.reads.append(seen((yield self._fetch(str(facts.id)))))
        try:
            facts.nobody = (yield self._fetch(str(NOBODY))).status_code
        except APIError as error:
            if facts.id is None and error.status in _NO_READ:
                facts.unread = error
            elif facts.id is None and (error.status >= 500 or error.status in _OF_WHO_ASKS):
                raise
            facts.nobody = error
        if facts.record is None:
            return
        try:  # once more: by now a cache has it
            yield partial(self._client.customers.get, self._id)
        except MalformedResponseError as error:
            facts.unread, facts.record = error, None

    # -- Writing

    def _write(self) -> Calls[None]:
        facts = self._facts
        if facts.record is None:
            facts.stopped = "nothing was written, as the record cannot be read"
            return
        self._record = self._known = facts.record
        self._check_leave()
        # The verb tells what the client's own `send` is; nothing differs, nothing is written.
        facts.send = (yield partial(self._plain.customers.update, self._id)).send
        self._etag = facts.etag
        facts.backup = self._backup(facts.record)
        try:
            yield from self._tries(facts.record)
        except GeneratorExit:  # nobody makes calls any more
            raise
        except BaseException as error:
            yield from self._rescue(error)

    def _check_leave(self) -> None:
        id = self._id
        if self._facts.live and self._confirm != str(id):
            raise ConfigurationError(
                f"this credential changes live data, or does not say: mode {self._facts.mode!r}. "
                f"Nothing was written. If customer {id} may be spoilt, pass confirm={str(id)!r}"
            )
        if of.is_ours(of.value(self._record, TRIED)):
            raise ConfigurationError(
                f"customer {id}: member_id has the value of an examination that is under way, or "
                "that could not restore it. Nothing was written. Put member_id right first; the "
                "backup of that examination has it"
            )

    def _tries(self, record: Document) -> Calls[None]:
        yield from self._unchanged(record)
        if self._facts.carries is None:
            last = [*self._facts.writes.values()][-1]
            self._facts.stopped = f"no PUT of the record as it was read was taken: {last.why}"
            return
        yield from self._changed(record)
        yield from self._emptied(record)
        yield from self._filled_up(record)
        yield from self._owned(record)
        yield from self._unknown(record)
        yield from self._spelt(record)
        if self._wrong((yield from self._read())):
            yield from self._restore()

    def _unchanged(self, record: Document) -> Calls[None]:
        """Write the record as it was read, and find out what of it the gateway takes."""
        facts = self._facts
        for send in of.SENDS[:-1]:
            refusal = self._for_good(record) if send == "contract" else ""
            if refusal:
                self._note("unchanged, contract", Tried("not tried", refusal))
                return
            tried = yield from self._put(carried(record, send))
            self._note(f"unchanged, {send}", tried)
            if tried.came == "taken":
                facts.carries = send
                break
            if tried.came == "unknown":
                raise StoppedError(f"the record as it was read was written, and {tried.why}")
            if tried.status not in _OF_THE_BODY:
                return
        else:
            return
        again = yield from self._put(carried(record, facts.carries))
        self._note("again", again)
        facts.dropped = tuple(of.lost(record, again.after, record))
        facts.moving = tuple(
            name for name in of.differences(record, again.after) if name not in facts.dropped
        )
        if facts.dropped:
            raise StoppedError(
                f"gone after the record was written as it was read: {of.shown(facts.dropped)}"
            )

    def _for_good(self, record: Document) -> str:
        """Say why members outside the contract are not left out, where they were refused."""
        names = [name for name in of.outside(record) if not of.empty(record[name])]
        if not names:
            return ""
        return self._unless_it_may_stay(f"{of.shown(names)} might be lost for good")

    def _unless_it_may_stay(self, what: str) -> str:
        if self._facts.live:
            return f"not tried on a live key: {what}"
        return "" if self._facts.may_stay else f"not tried without may_stay=True: {what}"

    def _changed(self, record: Document) -> Calls[None]:
        facts, new, tag = self._facts, _new(), self._etag
        self._touched.add(of.spelling(record, TRIED))
        client = self._plain.with_options(send=facts.carries)
        update = partial(client.customers.update, self._id, member_id=new, confirm=True)
        tried = yield from self._written(update, _is(new))
        self._note("change", tried)
        there = _is(new)(tried.after)
        if tag is not None and there:
            body = carried(tried.after, self._send)
            stale = yield from self._written(self._replacement(body, tag))
            self._note("stale tag", stale)
        if tried.came == "unknown":
            yield from self._restore()
            raise StoppedError(f"a change was written, and {tried.why}; it is as it was now")
        if tried.came == "taken" and not there:
            yield from self._past_a_cache(new)
            yield from self._restore()
            raise StoppedError("reads do not show what was written, nor whether it was put back")
        yield from self._restore()

    def _past_a_cache(self, new: str) -> Calls[None]:
        """Read at an address that nobody has a copy of."""
        with suppress(CaiboError, ValueError):
            answer = yield self._fetch(f"{self._id}?caibo-doctor={new[-8:]}")
            self._facts.behind = _is(new)(Document.parse(answer.content))

    def _emptied(self, record: Document) -> Calls[None]:
        """Clear a field with null, and by leaving it out."""
        for name in ("null", "left out"):
            full = record
            if of.empty(of.value(record, TRIED)):
                full = having(record, TRIED, new := _new())
                self._note("filled", (yield from self._put(carried(full, self._send), _is(new))))
            emptied = having(full, TRIED, None) if name == "null" else lacking(full, TRIED)
            body = carried(emptied, self._send)
            tried = yield from self._put(body, lambda found: of.empty(of.value(found, TRIED)))
            self._note(name, tried)
            yield from self._restore()

    def _filled_up(self, record: Document) -> Calls[None]:
        """Fill a field up to its limit, with a character of two units; if refused, without."""
        most = of.properties()[TRIED.lower()]["maxLength"]
        for name, last in (("limit", of.TWO_UNITS), ("limit, plain", "x")):
            new = _new().ljust(most - 1, "x") + last
            body = carried(having(record, TRIED, new), self._send)
            tried = yield from self._put(body, _is(new))
            self._note(name, tried)
            yield from self._restore()
            if tried.came != "refused":
                return

    def _owned(self, record: Document) -> Calls[None]:
        facts = self._facts
        texts = [name for name in record if isinstance(record[name], str) and record[name]]
        name = next((of.spelling(texts, n) for n in OWNED if of.spelling(texts, n) in texts), None)
        if name is None:
            nothing = Tried("not tried", "the record has neither ownerName nor createDate")
            facts.writes.update({"owned": nothing, "owned left out": nothing})
            return
        if facts.carries != "record":
            return
        new = _new() if name.lower() == OWNED[0].lower() else "2001-01-01T00:00:00Z"
        self._touched.add(name)
        if facts.live:
            self._note("owned", Tried("not tried", "not tried on a live key"))
        else:
            body = having(record, name, new)
            tried = yield from self._put(body, lambda found: found.text(name) != record.text(name))
            self._note("owned", tried)
            yield from self._restore()
        tried = yield from self._put(lacking(record, name), lambda found: of.empty(found.get(name)))
        self._note("owned left out", tried)
        yield from self._restore()

    def _unknown(self, record: Document) -> Calls[None]:
        """Add a member that no contract has, and leave it out again."""
        facts, new = self._facts, _new()
        if refusal := self._unless_it_may_stay("an unknown member may stay in the record"):
            self._note("unknown", Tried("not tried", refusal))
            return
        if facts.carries == "contract":
            return
        self._touched.add(UNKNOWN)
        body = carried(having(record, UNKNOWN, new), self._send)
        tried = yield from self._put(body, lambda found: of.has(found, UNKNOWN))
        self._note("unknown", tried)
        if of.has(tried.after, UNKNOWN):
            body = carried(lacking(record, UNKNOWN), self._send)
            left_out = yield from self._put(body, lambda found: of.empty(of.value(found, UNKNOWN)))
            self._note("unknown left out", left_out)
        yield from self._restore()

    def _spelt(self, record: Document) -> Calls[None]:
        """Write a field under its name in another case."""
        facts, new, own = self._facts, _new(), of.spelling(record, TRIED)
        other = own.upper() if own != own.upper() else own.lower()
        if refusal := self._unless_it_may_stay(f"{other} may stay in the record"):
            self._note("spelt", Tried("not tried", refusal))
            return
        if of.has(facts.tried("unknown left out").after, UNKNOWN):
            self._note("spelt", Tried("not tried", f"not tried: {other} could not be taken out"))
            return
        self._respelt = True
        self._touched.update((own, other))
        body = carried(having(lacking(record, TRIED), other, new), self._send)
        tried = yield from self._put(body, lambda found: new in (found.get(own), found.get(other)))
        self._note("spelt", tried)
        yield from self._restore()


def _new() -> str:
    return f"{of.MARK}{secrets.token_hex(4)}"


def _is(new: str) -> Until:
    return lambda found: of.is_ours(of.value(found, TRIED), new)
