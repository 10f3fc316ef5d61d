"""Keep several processes from updating one customer at the same time, with a lock in Redis.

It works where every process that writes takes the lock, and against nobody else.
What it cannot do: it expires, so that a process that died does not keep it for ever.
It is kept longer than the client's `deadline`, but a process that is stopped for
longer goes on without it, and so does a request that still travels when its sender
has given up.  Only the gateway could refuse such a late write, by an entity tag or
a number that the lock hands out ("fencing"), and its vendor documents neither.  A
Redis that fails over to a replica may give one lock to two.

Needs redis-py: pip install redis.  Try it on the fake gateway.  Let it run in one
terminal:

    python -m caibo.testing --port 8765

a Redis in another:

    redis-server --port 6399 --save ""

and in a third:

    export CAIBO_BASE_URL=http://127.0.0.1:8765
    export CAIBO_API_KEY=caibo_test_sk_only_the_fake_gateway_takes_this
    export REDIS_URL=redis://127.0.0.1:6399
    python examples/redis_lock.py 16772748432912191 "1 New Street"
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TYPE_CHECKING, Any

import caibo

if TYPE_CHECKING:
    import redis
    import redis.asyncio

DEADLINE = 60.0  # seconds for one call of the client, its wait for the lock included
EXPIRES = DEADLINE + 30.0


def redis_lock(
    server: redis.Redis, *, expires: float = EXPIRES, patience: float = DEADLINE / 2
) -> Callable[[int], AbstractContextManager[Any]]:
    """Give a `lock=` for `Caibo`.

    Args:
        server: the Redis that all processes share.
        expires: seconds after which Redis gives the lock to another; more than the
            client's `deadline`.
        patience: seconds to wait for a lock that another process has; less than
            the `deadline`, which cannot end this wait.
    """
    return lambda customer: server.lock(_name(customer), timeout=expires, blocking_timeout=patience)


def async_redis_lock(
    server: redis.asyncio.Redis, *, expires: float = EXPIRES, patience: float = DEADLINE / 2
) -> Callable[[int], AbstractAsyncContextManager[Any]]:
    """Give a `lock=` for `AsyncCaibo`, under asyncio; redis-py does not run under trio."""
    return lambda customer: server.lock(_name(customer), timeout=expires, blocking_timeout=patience)


def _name(id: int) -> str:
    return f"caibo:customer:{id}"


def main() -> None:
    """Update the customer that the command line names, under a lock."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("customer_id", type=int)
    parser.add_argument("address", help="the new address")
    options = parser.parse_args()

    try:
        import redis
    except ImportError:
        sys.exit("not updated: redis-py is missing; pip install redis")
    try:
        with (
            redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")) as server,
            caibo.Caibo(deadline=DEADLINE, lock=redis_lock(server)) as client,
        ):
            update = client.customers.update(options.customer_id, address=options.address)
    except caibo.CaiboError as error:
        sys.exit(f"not updated: {error}")
    print(f"customer {options.customer_id}: {update.outcome}, {update.protection}")


if __name__ == "__main__":
    main()
