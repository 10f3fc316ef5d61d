"""A cache between the client and the gateway, as a company or a CDN may have one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from caibo.testing._messages import Request, Response

_FRESH = ("no-cache", "no-store", "max-age=0")


@dataclass
class Cache:
    """Answer reads from a copy that never ages out, whoever wrote meanwhile; set `FakeCaibo.cache`.

    The first read of a customer goes through and is kept if it has status 200; a
    write goes through and invalidates nothing, as with nginx.  `FakeCaibo.requests`
    has what the cache answered, too.  Whether there is a cache at all, and which
    kind, is an assumption.

    Attributes:
        age: seconds that `Age` tells with a copy; None for a cache that does not tell.
        mark: the header that says HIT or MISS; None for none.
        obeys: whether a request with `Cache-Control: no-cache` goes through.
        copies: by target; `copies.clear()` purges the cache.

    Example:
        >>> from caibo.testing import Cache, FakeCaibo
        >>> fake = FakeCaibo()
        >>> fake.cache = Cache(age=None, mark=None, obeys=False)  # nothing shows it
    """

    age: int | None = 30
    mark: str | None = "X-Cache"
    obeys: bool = True
    copies: dict[str, Response] = field(default_factory=dict[str, Response], repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def carry(self, request: Request, ask: Callable[[Request], Response]) -> Response:
        """Answer one request, by a copy or by asking the gateway."""
        if request.method != "GET":
            return ask(request)
        asked = request.headers.get("Cache-Control", "").lower()
        with self._lock:
            copy = self.copies.get(request.target)
        if copy is not None and not (self.obeys and any(word in asked for word in _FRESH)):
            aged = copy if self.age is None else copy.with_headers({"Age": str(self.age)})
            return aged if self.mark is None else aged.with_headers({self.mark: "HIT"})
        reply = ask(request)
        if reply.status == 200:
            with self._lock:
                self.copies[request.target] = reply
        return reply if self.mark is None else reply.with_headers({self.mark: "MISS"})
