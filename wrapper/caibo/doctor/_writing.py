"""One write, what is seen of it, and the way back."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, cast

from caibo import (
    APIError,
    AsyncCaibo,
    Caibo,
    CaiboError,
    Customer,
    Document,
    MalformedResponseError,
    OverwrittenError,
    ServerError,
    UnknownOutcomeError,
)
from caibo.doctor import _records as of
from caibo.doctor._faces import Calls
from caibo.doctor._facts import Came, Facts, ReadBack, Tried
from caibo.doctor._records import UNKNOWN, carried

# A replica may lag: seconds after which is read again where a write is not seen yet.
_PAUSES = (0.2, 0.5)

Until = Callable[[Document], bool]


class StoppedError(Exception):
    """What was changed cannot be put back, or it would not be known."""


class Writing:
    """Write to one customer, and put it back."""

    def __init__(
        self,
        client: Caibo | AsyncCaibo,
        facts: Facts,
        sleep: Callable[[float], Any],
        backup: Callable[[Document], str],
        confirm: str | None,
    ) -> None:
        api = client.api
        sync = isinstance(client, Caibo)
        http = api.get_httpx_client() if sync else api.get_async_httpx_client()
        headers = {"Cache-Control": "no-cache"}
        self._base_url = str(http.base_url).rstrip("/")
        self._get: Callable[..., Any] = partial(http.get, headers=headers)
        self._client = client
        # A light copy for what the caller's own rules must not change or refuse.
        self._plain: Caibo | AsyncCaibo = client.with_options(validate=False, confirm=False)
        self._facts = facts
        self._id = cast("int", facts.id)  # who writes has named one
        self._sleep = sleep
        self._backup = backup
        self._confirm = confirm
        self._record = self._known = Document()
        self._etag: str | None = None
        self._touched: set[str] = set()
        self._wrote = False
        self._respelt = False

    @property
    def _send(self) -> of.Send:
        return self._facts.carries or "record"

    def _note(self, name: str, tried: Tried) -> None:
        self._facts.writes[name] = tried

    def _read(self) -> Calls[Document]:
        try:
            customer: Customer = yield partial(self._client.customers.get, self._id)
        except MalformedResponseError:
            if not self._respelt:
                raise
            # It has a member in two spellings, which is no record to the client.
            answer = yield self._fetch(str(self._id))
            tag = answer.headers.get("etag", "")
            strong = tag if re.fullmatch(r'"[!#-~]*"', tag) else None
            customer = Customer(Document.parse(answer.content), etag=strong)
        self._etag, self._known = customer.etag, customer.document
        return customer.document

    def _fetch(self, target: str) -> Callable[[], Any]:
        return partial(self._get, f"/customers/{target}")

    def _replacement(self, body: Document, tag: str | None) -> Callable[[], Any]:
        return partial(self._plain.customers.replace, self._id, body, if_match=tag)

    def _put(self, body: Document, until: Until | None = None) -> Calls[Tried]:
        tag = self._etag
        tried = yield from self._written(self._replacement(body, tag), until)
        for _ in range(2):
            # Where others wrote in between, and what they left is what was read before.
            if tried.status != 412 or tried.moved or self._etag == tag:
                break
            tag = self._etag
            tried = yield from self._written(self._replacement(body, tag), until)
        return tried

    def _written(self, call: Callable[[], Any], until: Until | None = None) -> Calls[Tried]:
        """Write; read until something is seen of it, a few times."""
        wrote, self._wrote = self._wrote, True
        came: Came = "taken"
        read_back: ReadBack = ""
        why, status, update = "", None, None
        try:
            update = yield call
        except OverwrittenError as error:
            read_back = "before" if error.reverted else "other"
        except (ServerError, UnknownOutcomeError) as error:
            came, why = "unknown", f"nobody can tell what came of it ({type(error).__name__})"
        except APIError as error:
            came, status = "refused", error.status
            named = f" ({of.shown(error.field_errors)})" if error.field_errors else ""
            why = f"refused with {status}{named}"
        except CaiboError:  # it was not sent
            self._wrote = wrote
            raise
        known, reads = self._known, 1
        after = yield from self._read()
        moved = tuple(of.differences(known, after)) if came == "refused" else ()
        while came == "taken" and until and not until(after) and reads <= len(_PAUSES):
            yield partial(self._sleep, _PAUSES[reads - 1])
            after = yield from self._read()
            reads += 1
        return Tried(came, why, status, update, after, reads, moved, read_back)

    def _restore(self) -> Calls[None]:
        """Put back what was touched.

        Raises:
            StoppedError: the record is not what it was.
        """
        wrong: Collection[str] = ()
        for nulls in (False, True):
            now = yield from self._read()
            body = of.restoring(self._record, now, self._touched, nulls=nulls)
            tried = yield from self._put(carried(body, self._send), lambda d: not self._wrong(d))
            wrong = self._wrong(tried.after)
            more = [name for name in tried.after if name not in self._record]
            if not wrong and (nulls or all(tried.after[name] is None for name in more)):
                self._facts.left = tuple(dict.fromkeys([*self._facts.left, *more]))
                return
        raise StoppedError(f"the record could not be restored: {of.shown(wrong)} differ")

    def _wrong(self, found: Document) -> list[str]:
        """Name what is not as it was, but for what is known to change or to stay."""
        was, moving = self._record, self._facts.moving
        names = [name for name in of.differences(was, found) if name not in moving]
        return [name for name in names if name in was or not self._may_stay(name, found)]

    def _may_stay(self, name: str, found: Document) -> bool:
        stays = found[name] is None or (name.lower() == UNKNOWN.lower() and self._facts.may_stay)
        return stays and name.lower() in {touched.lower() for touched in self._touched}

    def _rescue(self, error: BaseException) -> Calls[None]:
        """Restore what an error has broken off; raise it where it is not ours to tell."""
        facts = self._facts
        ours = isinstance(error, CaiboError | StoppedError)
        if not self._wrote:
            raise error
        where = f"the record as it was is in {facts.backup}"
        if not ours:
            error.add_note(f"{where}, if it is not put back")
        restored = ""
        if not isinstance(error, StoppedError):
            try:
                yield from self._restore()
                restored = "; it was put back"
            except (CaiboError, StoppedError) as failed:
                restored = f"; it could not be put back ({type(failed).__name__})"
        if not ours:
            error.add_note(f"customer {self._id}{restored}")
            raise error
        facts.stopped = f"{str(error).splitlines()[0]}{restored}; {where}"
