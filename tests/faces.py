"""One call on either face of the client, so that each behaviour is tested on both."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

from anyio.from_thread import BlockingPortal

import caibo
from caibo.testing import FakeCaibo, Request


class Face:
    """Make one call through `Caibo` or `AsyncCaibo` and wait for what it gives.

    Attributes:
        caibo: the client underneath.
    """

    def __init__(
        self, client: caibo.Caibo | caibo.AsyncCaibo, portal: BlockingPortal | None
    ) -> None:
        self.caibo = client
        self._portal = portal

    def get(self, id: Any, /) -> caibo.Customer:
        customer: caibo.Customer = self.wait(self.caibo.customers.get, id)
        return customer

    def update(self, id: Any, /, **options: Any) -> caibo.Update:
        update: caibo.Update = self.wait(self.caibo.customers.update, id, **options)
        return update

    def replace(self, id: Any, document: Any, /, **options: Any) -> caibo.Update:
        update: caibo.Update = self.wait(self.caibo.customers.replace, id, document, **options)
        return update

    def plan(self, id: Any, /, **options: Any) -> caibo.Plan:
        plan: caibo.Plan = self.wait(self.caibo.customers.plan, id, **options)
        return plan

    def apply(self, plan: Any, /, **options: Any) -> caibo.Update:
        update: caibo.Update = self.wait(self.caibo.customers.apply, plan, **options)
        return update

    @contextmanager
    def edit(self, id: Any, /, **options: Any) -> Iterator[caibo.Draft]:
        manager = self.caibo.customers.edit(id, **options)
        if isinstance(manager, AbstractContextManager):
            with manager as draft:
                yield draft
        else:
            assert self._portal is not None
            with self._portal.wrap_async_context_manager(manager) as draft:
                yield draft

    def close(self) -> None:
        self.wait(self.caibo.close)

    def wait(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call a function, on the event loop of the async face, and wait for its result."""
        call = partial(function, *args, **kwargs)
        return call() if self._portal is None else self._portal.call(call)


#: Makes a client with the options of `Caibo`: the fixture `connect`.
Connect = Callable[..., Face]


def methods(fake: FakeCaibo) -> list[str]:
    """Name the methods of the requests that reached a gateway."""
    return [request.method for request in fake.requests]


def meeting(parties: int, seconds: float) -> Callable[[Request], None]:
    """Let writes wait for each other, until all have read and are there, or that long."""
    barrier = threading.Barrier(parties, timeout=seconds)

    def meet(request: Request) -> None:
        if request.method == "PUT":
            try:
                barrier.wait()
            except threading.BrokenBarrierError:
                barrier.reset()

    return meet
