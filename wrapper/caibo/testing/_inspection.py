"""What clients wrote, for tests to look at."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from caibo._record.json_text import Members, decode, same
from caibo._record.spelling import fold
from caibo.testing._contract import contract
from caibo.testing._messages import Request
from caibo.testing._queue import check_id
from caibo.testing._service import Service

_READS = ("GET", "HEAD", "OPTIONS")


class Inspection(Service):
    """Tell what was written; `FakeCaibo` inherits the methods."""

    def writes(self, id: int | None = None) -> list[Request]:
        """Return the requests to write a customer that arrived, the oldest first.

        Those that were refused, and those whose answer was lost, are among them.

        Args:
            id: of the customer; None for those of all.

        Raises:
            TypeError: `id` is no number.
        """
        check_id(id)
        with self._lock:
            writes = [request for request in self.requests if request.method not in _READS]
        about = (request.customer_id for request in writes)
        return [
            request
            for request, found in zip(writes, about, strict=True)
            if found is not None and id in (None, found)
        ]

    def assert_faults_met(self) -> None:
        """Fail if a fault that was planned has met no request: then it tested nothing.

        Call it at the end of a test.  One request is enough, whatever its `times`, and
        one that a `chance` has spared counts.  What `change_before_write` and
        `change_after_write` have planned is looked at as well.

        Raises:
            AssertionError: with those that nobody met.

        Example:
            >>> from caibo.testing import FakeCaibo
            >>> fake = FakeCaibo()
            >>> fake.fail_next(503, method="PUT", id=7, after=1)
            >>> fake.assert_faults_met()
            Traceback (most recent call last):
            ...
            AssertionError: of 0 requests that arrived, none met
              fail_next(503): for PUT of customer 7, after 1 more
        """
        queues = (self._faults, self._refusals, self._stale_reads)
        unmet = [str(fault) for queue in queues for fault in queue.unmet()]
        with self._lock:
            planned = {"before": self._before_write, "after": self._after_write}
            unmet += [
                f"change_{when}_write: for a write of customer {id}"
                for when, changes in planned.items()
                for id in changes
            ]
            count = len(self.requests)
        if unmet:
            arrived = f"of {count} request{'s' * (count != 1)} that arrived, none met"
            raise AssertionError("\n  ".join([arrived, *unmet]))

    def assert_only_changed(self, id: int, names: Collection[str]) -> None:
        """Fail unless the writes of clients changed these members of a customer, and no others.

        Each write that was carried out is compared with the record that it found, so
        one that takes back what somebody else changed meanwhile fails as well.  What
        the test changed itself (`change`, `change_before_write`) does not count.
        Values are compared as JSON values: another spelling is no change, and null is
        the same as no member.

        Args:
            id: the customer.
            names: of members, in snake_case or as on the wire; none for "nothing changed".

        Raises:
            AssertionError: with every value that should have stayed, or changed,
                unmasked.

        Example:
            >>> import httpx
            >>> from caibo.testing import FakeCaibo
            >>> fake = FakeCaibo()
            >>> id = fake.add_customer(phone="+12025550143", address="1 Example Road")
            >>> with httpx.Client(transport=fake.transport, base_url=fake.base_url) as client:
            ...     answer = client.put(
            ...         f"customers/{id}",
            ...         headers={"X-API-Key": fake.api_key},
            ...         json={"name": "Ada Example", "email": "ada@example.com", "phone": None},
            ...     )
            >>> fake.assert_only_changed(id, {"phone"})
            Traceback (most recent call last):
            ...
            AssertionError: customer 16772748432912191: only phone should have changed (1 write)
              address changed: '1 Example Road' → None
              memberId changed: 'M-1001' → None
        """
        if isinstance(names, str):
            raise TypeError(f"names is a set of names: {{{names!r}}}")
        wanted = {fold(contract().wire_name(name)): name for name in sorted(names)}
        with self._lock:
            record = self._record(id)
            writes = list(record.writes)
        found = [change for was, now in writes for change in _changes(was.members(), now.members())]
        wrong = [f"{name} {told}" for name, told in found if fold(name) not in wanted]
        changed = {fold(name) for name, _ in found}
        left = {fold(name): member.value for name, member in record.members().items()}
        wrong += [
            f"{name} did not change: {decode(left.get(key, 'null'))!r}"
            for key, name in wanted.items()
            if key not in changed
        ]
        if wrong:
            only = f"only {', '.join(wanted.values())}" if names else "nothing"
            count = f"{len(writes) or 'no'} write{'s' * (len(writes) != 1)}"
            summary = f"customer {id}: {only} should have changed ({count})"
            raise AssertionError("\n  ".join([summary, *wrong]))


def _changes(was: Members, now: Members) -> Iterator[tuple[str, str]]:
    """Yield the name of each member that a write changed, and how."""
    for name in {**was, **now}:
        before, after = (decode(m[name].value) if name in m else None for m in (was, now))
        if not same(before, after):
            gone = "" if name in now else " (gone)"
            yield name, f"changed: {before!r} → {after!r}{gone}"
