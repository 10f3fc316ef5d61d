"""Where the CPU of an update goes: samples of the stack, by package and by function.

The interpreter is interrupted after each few milliseconds of CPU, and looks at what it
was doing.  A profiler that counts calls would make code with many small functions look
dearer than it is.  What C code takes counts for the line that called it, and the
standard library for the package that called it; but sockets, json and the event loop
are groups of their own.  In microseconds an update, measured without the samples.
"""

from __future__ import annotations

import linecache
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from benchmarks.measuring import Way

import caibo

SECONDS = 10.0
OURS = str(Path(caibo.__file__).parent)
ON_A_SOCKET = re.compile(r"\.(recv|recv_into|send|sendall|sendmsg|poll|select|connect)\(")
# The first that fits, of the innermost frame that fits any.
GROUPS = {
    "sockets": re.compile(r"/httpcore/_backends/|/(socket|ssl|selectors)\.py$"),
    "event loop": re.compile(r"/asyncio/"),
    "anyio, sniffio": re.compile(r"/anyio/|/sniffio/"),
    "h11": re.compile(r"/h11/"),
    "httpcore": re.compile(r"/httpcore/"),
    "httpx": re.compile(r"/httpx/"),
    "json": re.compile(r"/json/"),
    "ours": re.compile(re.escape(OURS)),
    "generated": re.compile(r"/caibo_api/"),
    "the benchmark": re.compile(r"/benchmarks/"),
}


@dataclass
class Samples:
    """How often which group and which function was at work."""

    groups: Counter[str] = field(default_factory=Counter)
    itself: Counter[tuple[str, str]] = field(default_factory=Counter)  # and what C it called
    within: Counter[str] = field(default_factory=Counter)  # and all that it called

    def take(self, _: int, frame: FrameType | None) -> None:
        """Look at what was interrupted."""
        stack = list(_outwards(frame))
        for at in stack:
            if group := _group(at):
                self.groups[group] += 1
                self.itself[group, _name(at)] += 1
                break
        self.within.update({_name(at) for at in stack})

    def functions(self, *groups: str) -> list[tuple[str, int]]:
        """Return those of some groups, and how often each was itself at work."""
        return [(name, n) for (group, name), n in self.itself.most_common() if group in groups]


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _group(frame: FrameType) -> str | None:
    path = frame.f_code.co_filename
    group = next((name for name, pattern in GROUPS.items() if pattern.search(path)), None)
    if group in {"ours", "event loop"} and ON_A_SOCKET.search(
        linecache.getline(path, frame.f_lineno or 0)
    ):
        return "sockets"
    return group


def _name(frame: FrameType) -> str:
    path = frame.f_code.co_filename.removeprefix(OURS + "/").rpartition("/site-packages/")[2]
    return f"{path}:{frame.f_code.co_qualname}"


def sample(way: Way, seconds: float) -> tuple[Samples, float]:
    """Run `way` for so many seconds of CPU; return samples, and how much of it was the system's."""
    samples = Samples()
    import resource  # neither signals nor this everywhere

    before = resource.getrusage(resource.RUSAGE_SELF)
    signal.signal(signal.SIGPROF, samples.take)
    signal.setitimer(signal.ITIMER_PROF, 0.002, 0.002)
    end = time.process_time() + seconds
    try:
        while time.process_time() < end:
            way.run()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
    after = resource.getrusage(resource.RUSAGE_SELF)
    system, user = after.ru_stime - before.ru_stime, after.ru_utime - before.ru_utime
    return samples, system / (system + user)


def report_profile(title: str, ways: list[Way], seconds: float = SECONDS) -> None:
    """Print where the CPU of each way goes, beside each other, and ours by function."""
    found = [sample(way, seconds) for way in ways]
    print(f"\n{title:<36}" + "".join(f"{way.name[:22]:>24}" for way in ways))
    print(f"  {'CPU µs an update':<34}" + "".join(f"{min(way.cpu):18.0f}      " for way in ways))
    for group in GROUPS:
        cells = ""
        for way, (samples, _) in zip(ways, found, strict=True):
            share = samples.groups[group] / samples.groups.total()
            cells += f"{share * min(way.cpu):18.0f} {share:4.0%} "
        print(f"  {group:<34}{cells}")
    print(f"  {'(of all this in the kernel)':<34}" + "".join(f"{s:23.0%} " for _, s in found))
    samples, way = found[0][0], ways[0]
    each = min(way.cpu) / samples.groups.total()
    others = [group for group in GROUPS if group != "ours"]
    for heading, functions in (
        ("ours, by function", samples.functions("ours")[:40]),
        ("the others, by function", samples.functions(*others)[:25]),
    ):
        print(f"\n  {heading:<60} µs: itself  with what it calls")
        for name, count in functions:
            print(f"    {name:<62} {count * each:8.1f} {samples.within[name] * each:8.1f}")
