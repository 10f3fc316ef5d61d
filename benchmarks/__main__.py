"""What `customers.update` costs, beside the same two requests without the facade.

Ways to change the phone number of a customer take turns in small batches: through the
facade, with plain httpx as one would write it by hand, and with the generated functions
alone.  CPU is the client's alone: the gateway is another process.  What is judged is
the ratio of the least CPU that either way took; see `LIMITS`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from statistics import median
from typing import NamedTuple

import httpx
from benchmarks import footprint, sampling, ways
from benchmarks.gateway import FIRST_PHONE, gateway
from benchmarks.measuring import Ratio, Way, compare, report, take_turns
from benchmarks.ways import Crowd, Opened, gathered, new_facade, new_plain


class Limit(NamedTuple):
    """What is wanted of a row, and what is a failure."""

    title: str
    wanted: float | None = None
    fails: float | None = None


LIMITS = {
    "sync": Limit("sync updates, one at a time", wanted=0.80, fails=1.15),
    "async": Limit("async updates, one at a time", wanted=0.80, fails=1.15),
    "threads": Limit(f"sync updates, {ways.THREADS} threads, one client"),
    "flight": Limit(f"async updates, {ways.IN_FLIGHT} in flight", wanted=0.40),
    "crowd": Limit("one of 2,000 gathered, beside one of 200", wanted=2.0),
    "import": Limit("import of caibo.Caibo, beside httpx", wanted=1.30),
    "memory": Limit("memory"),
    "limiter": Limit("1,200 gathered at rate_limit=200"),
}
# The rounds of these are longer: a fraction of what is asked for.
UPDATES: dict[str, tuple[Callable[[str, ExitStack], list[Way]], float]] = {
    "sync": (ways.one_at_a_time, 1.0),
    "async": (ways.one_at_a_time_async, 1.0),
    "threads": (ways.threads, 0.2),
    "flight": (ways.in_flight, 0.2),
}


def check_effect(base_url: str, found: list[Way]) -> None:
    """Stop where a way did not do its work: it would seem fast."""
    for way in found:
        url = f"{base_url}/customers/{way.customer}"
        if httpx.get(url, trust_env=False).json()["phone"] == FIRST_PHONE:
            raise SystemExit(f"{way.name} did not update its customer; nothing was measured")


def measure_updates(row: str, rounds: int, profile: float) -> Ratio:
    """Measure and print one row; return what CPU the facade takes, of plain httpx's."""
    make, part = UPDATES[row]
    with gateway() as base_url, ExitStack() as stack:
        found = make(base_url, stack)
        for way in found:
            way.run()  # imports, caches and connections
        check_effect(base_url, found)
        tally(base_url)
        rounds = max(3, round(rounds * part))
        take_turns(found, rounds)
        ours = found[0]
        # Where httpx can be set up in several ways, beside the cheapest.
        plains = [way for way in found if way.name.startswith("plain httpx")]
        plain = min(plains, key=lambda way: min(way.cpu))
        report(LIMITS[row].title, found, plain)
        cost, _ = tally(base_url)
        updates = rounds * sum(way.updates for way in found)
        print(f"  {'(the gateway itself)':<34} {cost / updates * 1e6:6.0f}")
        if profile:
            sampling.report_profile(f"profile: {LIMITS[row].title}", [ours, plain], profile)
    return compare(ours.cpu, plain.cpu)


def tally(base_url: str) -> tuple[float, list[float]]:
    """Ask the gateway for its own CPU and the time from reads to writes, both in seconds."""
    told = json.loads(httpx.get(f"{base_url}/tally", trust_env=False).content)
    return told["cpu"], told["lags"]


def measure_crowd(rounds: int) -> Ratio:
    """Print what an update costs when many begin at once, and how many fail."""
    print(
        f"\n{'gathered, a new client each time':<36} CPU µs: least median   wall µs: least median"
    )
    with gateway() as base_url:
        makers = {"facade": new_facade(base_url), "plain httpx": new_plain(base_url)}
        found: dict[tuple[str, int], list[Crowd]] = {}
        for _ in range(rounds):
            for size in (200, 2_000):
                for name, opened in makers.items():
                    found.setdefault((name, size), []).append(gathered(opened, size))
    for (name, size), crowds in found.items():
        cpu, wall = [crowd.cpu for crowd in crowds], [crowd.wall for crowd in crowds]
        failed = "; ".join(dict.fromkeys(map(failures, crowds)))
        print(
            f"  {f'{name}, {size:,}':<34}         {min(cpu):6.0f} {median(cpu):6.0f}"
            f"           {min(wall):6.0f} {median(wall):6.0f}   {failed}"
        )
    return compare(*([crowd.cpu for crowd in found["facade", size]] for size in (2_000, 200)))


def failures(crowd: Crowd) -> str:
    """Say how many failed, and of what."""
    if not crowd.failed:
        return "none fails"
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in crowd.failed.most_common())
    return f"{crowd.failed.total():,} of {crowd.size:,} fail ({kinds})"


def measure_limiter(size: int, rate: float) -> None:
    """Print how long after its read a write arrives, when turns are short."""
    with gateway() as base_url:
        opened: Opened = new_facade(base_url, rate_limit=rate)
        crowd = gathered(opened, size)
        _, lags = tally(base_url)
    if not lags:
        raise SystemExit("no write arrived at rate_limit=")
    print(
        f"\n{size:,} gathered updates at rate_limit={rate:.0f}: {crowd.wall * size / 1e6:.1f} s,"
        f" {failures(crowd)}; from a read to its write {median(lags):.3f} s in the median,"
        f" {max(lags):.3f} s at most"
    )


def judge(found: dict[str, Ratio], fails: float | None) -> list[str]:
    """Print each row beside what is wanted; return what is a failure."""
    failures = []
    print(f"\n{'CPU, as a multiple':<44} least median  wanted")
    for row, ratio in found.items():
        limit = LIMITS[row]
        wanted = ""
        if limit.wanted is not None:
            kept = "" if ratio.least <= limit.wanted else ", missed"
            wanted = f"≤ {limit.wanted:.2f}{kept}"
        print(f"{limit.title:<42} {ratio}  {wanted}")
        most = fails if fails is not None and limit.fails is not None else limit.fails
        if most is not None and ratio.least > most:
            failures.append(f"{limit.title}: {ratio.least:.3f}, more than {most}")
    return failures


def main() -> None:
    """Measure, print, and fail where the facade costs more than the limit."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(LIMITS)}; or all")
    parser.add_argument(
        "--rounds", type=int, default=100, help=f"of {ways.BATCH} updates a way (%(default)s)"
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of it, for a first look")
    parser.add_argument(
        "--limit", type=float, help="a failure instead of the one of each row that has one"
    )
    parser.add_argument(
        "--profile",
        nargs="?",
        type=float,
        const=sampling.SECONDS,
        default=0.0,
        metavar="SECONDS",
        help="say where the CPU goes, from so many seconds of it a way (%(const)s)",
    )
    asked = parser.parse_args()
    if unknown := set(asked.rows) - set(LIMITS):
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    rows = asked.rows or list(LIMITS)
    rounds = max(1, asked.rounds // 10) if asked.quick else asked.rounds
    if rounds < 1:
        parser.error("--rounds counts from 1")

    print(f"Python {sys.version.split()[0]}, httpx {httpx.__version__}, {rounds} rounds")
    found: dict[str, Ratio] = {}
    for row in UPDATES:
        if row in rows:
            found[row] = measure_updates(row, rounds, asked.profile)
    if "crowd" in rows:
        found["crowd"] = measure_crowd(1 if asked.quick else 3)
    if "import" in rows:
        found["import"] = footprint.report_imports(3 if asked.quick else 15)
        footprint.report_construction(5 if asked.quick else 50)
    if "memory" in rows:
        with gateway() as base_url:
            footprint.report_memory(base_url)
    if "limiter" in rows:
        measure_limiter(240 if asked.quick else 1_200, 200.0)
    if failed := judge(found, asked.limit):
        sys.exit("\n" + "\n".join(failed))


if __name__ == "__main__":
    main()
