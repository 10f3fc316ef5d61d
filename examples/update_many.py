"""Change the e-mail addresses of many customers, a few at the same time.

Reads lines like ``16772748432912191,new@example.com`` from a file.  One
customer's error does not stop the others; the exit status is 0 when there was none.

Try it on the fake gateway.  Let it run in one terminal:

    python -m caibo.testing --port 8765

and in another:

    export CAIBO_BASE_URL=http://127.0.0.1:8765
    export CAIBO_API_KEY=caibo_test_sk_only_the_fake_gateway_takes_this
    echo 16772748432912191,new@example.com > emails.csv
    python examples/update_many.py emails.csv
"""

import argparse
import asyncio
import csv
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import caibo


async def update_all(emails: dict[int, str], at_a_time: int) -> Counter[str]:
    """Update every customer with so many at a time, and count the outcomes."""
    counts = Counter[str]()
    left = iter(emails.items())  # shared, so each customer is taken once

    async def work(client: caibo.AsyncCaibo) -> None:
        for id, email in left:
            try:
                update = await client.customers.update(id, email=email)
            except caibo.CaiboError as error:
                print(f"customer {id}: {type(error).__name__}: {error}", file=sys.stderr)
                counts["failed"] += 1
                if isinstance(error, caibo.AuthenticationError | caibo.RenewalError):
                    # The others would fail in the same way.
                    counts["not tried"] += len(list(left))
            else:
                counts[update.outcome] += 1

    async with caibo.AsyncCaibo() as client, asyncio.TaskGroup() as workers:
        for _ in range(at_a_time):
            workers.create_task(work(client))
    return counts


def read_emails(lines: Iterable[str]) -> dict[int, str]:
    """Read ids and addresses.

    An id may come once: two updates of one customer at the same time could undo
    each other.
    """
    emails: dict[int, str] = {}
    for number, row in enumerate(csv.reader(lines), start=1):
        if not row:
            continue
        try:
            id, email = int(row[0]), row[1].strip()
        except (ValueError, IndexError):
            raise ValueError(f"line {number}: expected an id, a comma and an address") from None
        if id in emails:
            raise ValueError(f"line {number}: customer {id} comes a second time")
        emails[id] = email
    return emails


def main() -> int:
    """Update the customers that the file names, and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, help="an id, a comma and an address on each line")
    parser.add_argument("--at-a-time", type=int, default=8, metavar="N", help="at most so many (8)")
    options = parser.parse_args()
    if options.at_a_time < 1:
        parser.error("--at-a-time: at least 1")

    try:
        emails = read_emails(options.file.read_text("utf-8-sig").splitlines())
    except (OSError, ValueError) as error:
        sys.exit(f"{options.file}: {error}")
    try:
        counts = asyncio.run(update_all(emails, options.at_a_time))
    except caibo.ConfigurationError as error:
        sys.exit(f"nothing was sent: {error}")
    print(", ".join(f"{count} {outcome}" for outcome, count in sorted((+counts).items())))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
