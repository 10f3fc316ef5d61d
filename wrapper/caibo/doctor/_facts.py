"""What was seen of a gateway; `_checks` draws the conclusions."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from caibo import APIError, CaiboError, Document, Update
from caibo.doctor._records import Send

# Of the company's, of a CDN's, or of the gateway's own server.
_BETWEEN = re.compile(
    r"via|age|server|x-served-by|x-varnish|x-proxy-.*|x-amz-cf-.*|cf-.*|cache-status"
    r"|(x-)?(\w+-)*cache(-\w+)*"
)
_REQUEST_IDS = ("x-request-id", "request-id", "x-correlation-id", "traceparent")


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer to a read, without its body."""

    status: int
    media_type: str
    size: int
    seconds: float
    headers: Mapping[str, str] = field(repr=False)
    credential: str
    #: Seconds by which the gateway's clock is ahead of ours.
    ahead: float | None

    def header(self, name: str) -> str:
        """Return the value of a header in one short line."""
        found = "".join(c if c.isprintable() else " " for c in self.headers.get(name, ""))
        return found if len(found) <= 60 else f"{found[:59]}…"

    @property
    def between(self) -> list[str]:
        """The headers by which whoever stands before the gateway shows."""
        found = (name for name in self.headers if _BETWEEN.fullmatch(name))
        return [f"{name}: {self.header(name)}" for name in found if name != "cache-control"]

    @property
    def request_id(self) -> str:
        """The header with a request id."""
        return next((name for name in _REQUEST_IDS if self.headers.get(name)), "")


def seen(response: Any) -> Seen:
    """Look at what httpx has of an answer."""
    headers = {name.lower(): str(text) for name, text in response.headers.items()}
    try:
        ahead = parsedate_to_datetime(headers.get("date", "")).timestamp() - time.time()
    except (ValueError, OverflowError):
        ahead = None
    sent = response.request.headers
    credential = "X-API-Key" if "x-api-key" in sent else "one that is not seen here"
    if "authorization" in sent:
        # Without a space there is no scheme, and the first word is the secret.
        scheme, space, _ = sent["authorization"].partition(" ")
        credential = f"Authorization: {scheme}" if space else "Authorization"
    return Seen(
        response.status_code,
        headers.get("content-type", "").partition(";")[0].strip()[:60] or "no media type",
        len(response.content),
        response.elapsed.total_seconds(),
        headers,
        credential,
        ahead,
    )


ReadBack = Literal["", "before", "other"]
Came = Literal["taken", "refused", "unknown", "not tried"]


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one write.

    Attributes:
        came: "taken": answered with 2xx; "refused": nothing was to change; "unknown".
        why: the status and the fields that the gateway named, or why it was not tried.
        status: of a refusal.
        update: what the client made of the answer.
        after: the record as it was read afterwards.
        read_back: what a read said that the client itself made at once: "before" or "other",
            where it was not what was written.
        moved: what a refused write changed all the same, or somebody else meanwhile.
        reads: how many reads it took until something was seen.
    """

    came: Came
    why: str = ""
    status: int | None = None
    update: Update | None = field(default=None, repr=False)
    after: Document = field(default_factory=Document, repr=False)
    reads: int = 1
    moved: tuple[str, ...] = ()
    read_back: ReadBack = ""


@dataclass(slots=True)
class Facts:
    """All that was seen."""

    id: int | None
    write: bool
    may_stay: bool
    mode: str = "unknown"
    base_url: str = ""
    send: Send | None = None
    #: Why the customer could not be read.
    unread: CaiboError | None = field(default=None, repr=False)
    record: Document | None = field(default=None, repr=False)
    etag: str | None = field(default=None, repr=False)
    reads: list[Seen] = field(default_factory=list[Seen])
    #: What is said of a customer that cannot exist: an error, or a status.
    nobody: APIError | int | None = field(default=None, repr=False)
    writes: dict[str, Tried] = field(default_factory=dict[str, Tried])
    #: By what the writes of this examination carry the record.
    carries: Send | None = None
    #: Whether a read of another address showed a write that reads of the record did not.
    behind: bool = False
    #: Members that change with each write, though they were sent as they came.
    moving: tuple[str, ...] = ()
    #: Members that were sent as they came and then were gone.
    dropped: tuple[str, ...] = ()
    #: Names of members that the examination may have left behind.
    left: tuple[str, ...] = ()
    stopped: str = ""
    backup: str | None = None

    def tried(self, name: str) -> Tried:
        """Return what came of a write."""
        why = "not tried: it ended before" if self.write else "not tried without write=True"
        return self.writes.get(name) or Tried("not tried", why)

    @property
    def live(self) -> bool:
        """Whether the credential may change live data."""
        return self.mode != "test"
