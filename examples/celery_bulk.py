r"""Change many customers from several machines: a Celery task for each row, a lock in Redis.

On one machine take `caibo.bulk`: it needs nothing else, and pauses for a gateway that is
away.  Here the broker has the rows, and each worker process takes one when it is free.
A task is acknowledged when it is done, and not when it is taken (`task_acks_late`), so that
of a worker that is killed it comes back: at once where only its process was, after
`visibility_timeout` where the machine was (Celery looks for such tasks when a worker
starts, and every 100 seconds).  What comes back may have been written, so
before a row is written its plan is put down in Redis.  A row that has one is applied by it:
nothing is written where the new values stand, and where somebody else has changed the
same field since, that is a failed row.  `lock=` keeps two deliveries of one row, and all
other programs that take it, from writing a customer at the same time.

What it cannot do: a customer may come once, as tasks have no order.  Redis holds
customer data, in tasks and plans, until each row is done: keep it as you keep customers,
and let it be one that persists.  Rows of a Redis that loses data are lost.

Needs Celery and redis-py: pip install celery redis.  Try it on the fake gateway.  Let it run
in one terminal:

    python -m caibo.testing --port 8765

a Redis in another:

    redis-server --port 6399 --save ""

workers in a third, one process for each core:

    export CAIBO_BASE_URL=http://127.0.0.1:8765
    export CAIBO_API_KEY=caibo_test_sk_only_the_fake_gateway_takes_this
    export REDIS_URL=redis://127.0.0.1:6399
    cd examples && celery --app celery_bulk worker --pool prefork

and in a fourth, with the same variables:

    printf 'id,address\n16772748432912191,1 New Street\n' > rows.csv
    python examples/celery_bulk.py send rows.csv first-run
    python examples/celery_bulk.py status first-run
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any, cast

import redis
from celery import Celery
from redis_lock import redis_lock

import caibo.bulk

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
#: Seconds for one call of the client; all other times follow from it.
DEADLINE = float(os.environ.get("CAIBO_DEADLINE", "60"))
#: Errors after which the same row may go through another time.
AGAIN = (
    caibo.TransportError,
    caibo.RateLimitedError,
    caibo.ServerError,
    caibo.LockError,
    caibo.UnknownOutcomeError,
)

app = Celery("celery_bulk", broker=URL)
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    # More than a task may take, or it would be given to two at a time.
    broker_transport_options={"visibility_timeout": int(4 * DEADLINE)},
)


@cache
def server() -> redis.Redis:
    """Connect to Redis, in each worker process when it first needs it."""
    return redis.Redis.from_url(URL, decode_responses=True)


@cache
def client() -> caibo.Caibo:
    """Make a client, in each worker process when it first needs it."""
    lock = redis_lock(server(), expires=1.5 * DEADLINE, patience=DEADLINE / 2)
    return caibo.Caibo(deadline=DEADLINE, lock=lock)


@app.task(autoretry_for=AGAIN, max_retries=20, retry_backoff=True, retry_backoff_max=60)  # type: ignore[untyped-decorator]
def change(
    run: str, row: int, id: int, changes: Mapping[str, Any], extra: Mapping[str, Any] | None
) -> None:
    """Write one row, however often it is delivered."""
    outcomes, plans = _names(run)
    if server().hexists(outcomes, str(row)):
        return
    try:
        stored = _text(server().hget(plans, str(row)))
        if stored is None:
            stored = client().customers.plan(id, extra=extra, **changes).to_json()
            server().hset(plans, str(row), stored)
        outcome: str = client().customers.apply(caibo.Plan.from_json(stored)).outcome
    except AGAIN:
        raise
    except caibo.CaiboError as error:
        outcome = f"failed: {type(error).__name__}"
    with server().pipeline() as both:
        both.hset(outcomes, str(row), outcome)
        both.hdel(plans, str(row))
        both.execute()


def send(run: str, path: str) -> int:
    """Hand the rows of a file to the workers; return how many there are."""
    seen = set[int]()
    for number, row in enumerate(caibo.bulk.read_csv(path, empty="keep"), 1):
        if row.id in seen:
            raise ValueError(f"row {number}: customer {row.id} comes a second time")
        seen.add(row.id)
        arguments = (run, number, row.id, dict(row.changes), row.options.get("extra"))
        # What Celery shows in its logs and events would hold customer data.
        change.apply_async(arguments, argsrepr=f"(row {number})")
    return len(seen)


def status(run: str) -> Counter[str]:
    """Count the rows that are done, by outcome; those that are not may be under way."""
    outcomes, _ = _names(run)
    return Counter(cast("list[str]", server().hvals(outcomes)))


def _names(run: str) -> tuple[str, str]:
    return f"caibo:{run}:outcomes", f"caibo:{run}:plans"


def _text(found: object) -> str | None:
    return None if found is None else str(found)


def main() -> None:
    """Send the rows of a file, or tell how far a run is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    sending = commands.add_parser("send", help="hand the rows of a CSV file to the workers")
    sending.add_argument("file")
    for command in (sending, commands.add_parser("status", help="count the rows by outcome")):
        command.add_argument("run", help="a name for it")
    options = parser.parse_args()
    try:
        if options.command == "send":
            print(f"{send(options.run, options.file)} rows sent")
        else:
            for outcome, count in sorted(status(options.run).items()):
                print(f"{count} {outcome}")
    except (caibo.CaiboError, ValueError, redis.RedisError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
