"""Use clients for minutes, with faults and cancellations, and see what grows: ``nox -s soak``.

Threads share one client, tasks of asyncio and of trio one each, in three processes of one
machine; the seed chooses who changes whom, what goes wrong, and whose call is cancelled.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
from record.callers import Told
from record.situations import AMONG, Call, atold_by, close, make, told_by, unfulfilled
from record.worker import Gateway, descriptors

FACES = ("sync", "asyncio", "trio")
AT_ONCE = 16
A_ROUND = 200
#: How much more the last quarter may have at most than the second one: KiB, and how many.
GROWTH = {"memory": 4096, "descriptors": 4, "threads": 2}
#: Seconds that the slowest hundredth of the calls may take.
P99 = 10.0


def memory() -> int:
    """Return the KiB that this process has in memory."""
    fields = Path("/proc/self/statm").read_text("ascii").split()
    return int(fields[1]) * 4


def rounds(seconds: float, seed: int) -> Iterator[random.Random]:
    """Yield the chance of each round until time is over."""
    ends, number = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        yield random.Random(seed * 1_000_003 + number)
        number += 1


def chosen(client: Any, chance: random.Random) -> list[Call]:
    """Choose whom to change; each once a round, so that it is known what its record must say."""
    ids = chance.sample(range(1, 10_000), A_ROUND)
    return [Call(client, id, {"phone": f"{chance.random()}"}) for id in ids]


def threads(calls: list[Call], chance: random.Random) -> list[Told]:
    def timed(call: Call) -> Told:
        began = time.monotonic()
        return {**told_by(call), "seconds": time.monotonic() - began}

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(timed, calls))


async def tasks(calls: list[Call], chance: random.Random) -> list[Told]:
    """Make calls as tasks; every tenth is cancelled, and tells nothing."""
    told: list[Told] = [{"told": "cancelled", "error": "", "shown": []} for _ in calls]
    limit = anyio.CapacityLimiter(AT_ONCE)

    async def one(number: int, patience: float) -> None:
        async with limit:
            began = time.monotonic()
            with anyio.move_on_after(patience):
                told[number] = {**await atold_by(calls[number]), "seconds": 0.0}
                told[number]["seconds"] = time.monotonic() - began

    async with anyio.create_task_group() as group:
        for number in range(len(calls)):
            patience = chance.uniform(0, 0.05) if chance.random() < 0.1 else 1000.0
            group.start_soon(one, number, patience)
    return told


class Soak:
    """Count what was told, and note what grows."""

    def __init__(self, caller: str, gateway: Gateway, seed: int) -> None:
        self.caller = caller
        self.gateway = gateway
        self.seed = seed
        self.told: Counter[str] = Counter()
        #: Hundredths of seconds, and how many calls took them: a list would grow itself.
        self.took: Counter[int] = Counter()
        self.broken: list[str] = []
        self.samples: list[tuple[float, int, int, int]] = []
        self.began = time.monotonic()
        gateway({"among": AMONG, "chance": 0.1, "seed": seed})

    def after(self, calls: list[Call], told: list[Told]) -> None:
        customers = {int(id): of for id, of in self.gateway("customers").items()}
        for call, said in zip(calls, told, strict=True):
            self.told[said["told"]] += 1
            if "seconds" in said:
                self.took[round(100 * said["seconds"])] += 1
            if said["told"] != "cancelled":
                self.broken += unfulfilled(call, said, customers)
        now = time.monotonic() - self.began
        self.samples.append((now, memory(), descriptors(), threading.active_count()))

    def sums(self) -> dict[str, Any]:
        took = sorted(self.took.elements())
        slowest = took[int(len(took) * 0.99)]
        kinds = ("memory", "descriptors", "threads")
        growth = {kind: self._growth(number) for number, kind in enumerate(kinds, 1)}
        return {
            "by": self.caller,
            "rounds": len(self.samples),
            "told": dict(self.told),
            "p99": slowest / 100,
            "growth": growth,
            "slope": f"{self._slope():+.0f} KiB an hour",
            "broken": self.broken,
        }

    def _growth(self, kind: int) -> int:
        """Compare the most of the last quarter with the most of the second one."""
        quarter = len(self.samples) // 4 or 1
        second, last = self.samples[quarter : 2 * quarter], self.samples[-quarter:]
        return int(max(s[kind] for s in last) - max(s[kind] for s in second or last))

    def _slope(self) -> float:
        """Fit a line through the second half of the memory; return its rise in an hour."""
        found = self.samples[len(self.samples) // 2 :]
        times, values = [s[0] for s in found], [float(s[1]) for s in found]
        mean, level = sum(times) / len(times), sum(values) / len(values)
        spread = sum((t - mean) ** 2 for t in times)
        rise = sum((t - mean) * (v - level) for t, v in zip(times, values, strict=True))
        return round(3600 * rise / spread) if spread else 0.0


def soak(caller: str, seconds: float, seed: int) -> dict[str, Any]:
    gateway = Gateway(None)
    found = Soak(caller, gateway, seed)
    client: Any = make(caller, gateway.base_url)
    try:
        if caller == "sync":
            for chance in rounds(seconds, seed):
                calls = chosen(client, chance)
                found.after(calls, threads(calls, chance))
            close(caller, client)
        else:
            anyio.run(_in_one_loop, found, client, seconds, backend=caller)
    finally:
        gateway.end()
    return found.sums()


async def _in_one_loop(found: Soak, client: Any, seconds: float) -> None:
    for chance in rounds(seconds, found.seed):
        calls = chosen(client, chance)
        found.after(calls, await tasks(calls, chance))
    await client.close()


def verdict(sums: dict[str, Any], seconds: float) -> list[str]:
    """Say what is wrong; growth only where it was looked at for long enough."""
    wrong = list(sums["broken"])
    wrong += [f"p99 is {sums['p99']} s"] * (sums["p99"] > P99)
    if seconds >= 120:
        grown = sums["growth"]
        wrong += [f"{kind}: {grown[kind]} more" for kind in GROWTH if grown[kind] > GROWTH[kind]]
    return [f"{sums['by']}: {what}" for what in wrong]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m record.soak", description=__doc__)
    parser.add_argument("minutes", type=float, nargs="?", default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--caller", choices=FACES, help="only this one, in this process")
    asked = parser.parse_args()
    seconds = asked.minutes * 60
    if asked.caller:
        print(json.dumps(soak(asked.caller, seconds, asked.seed)))
        return 0
    arguments = [sys.executable, "-W", "ignore", "-m", "record.soak", str(asked.minutes)]
    arguments += ["--seed", str(asked.seed), "--caller"]
    running = [
        subprocess.Popen([*arguments, face], stdout=subprocess.PIPE, encoding="utf-8")
        for face in FACES
    ]
    wrong: list[str] = []
    for process in running:
        said, _ = process.communicate()
        if process.returncode:
            wrong.append(f"a process ended with {process.returncode}")
            continue
        sums = json.loads(said)
        print(json.dumps({**sums, "broken": len(sums["broken"])}))
        wrong += verdict(sums, seconds)
    print(*wrong, sep="\n")
    print("soaked: nothing is wrong" if not wrong else f"soaked: {len(wrong)} things are wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
