"""Choose the cases, and play them in several processes."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from record.catalogue import FAULTS
from record.certificates import certificates
from record.faults import Fault
from record.judging import Play, Said
from record.liar import Where

FACES = ("sync", "asyncio", "trio")
BY_HAND = ("httpx", "requests", "generated")
#: Cases before one process.
A_BATCH = 120


def plays() -> Iterator[Play]:
    """Give every case."""
    for name, fault in FAULTS.items():
        for tls in (False, True):
            if tls or not fault.tls:
                for once in (True, False):
                    for face in FACES:
                        yield from _of_ours(name, face, tls, once)
        for caller in BY_HAND:
            for where, applied in _spots(fault):
                if where != "back":
                    yield Play(caller, fault.tls, name, where, once=False, applied=applied)


def _of_ours(name: str, face: str, tls: bool, once: bool) -> Iterator[Play]:
    for where, applied in _spots(FAULTS[name]):
        yield Play(face, tls, name, where, once, applied)
    if FAULTS[name].says == "done":
        yield Play(face, tls, name, "write", once, applied=False, confirm=True)


def _spots(fault: Fault) -> list[tuple[Where, bool]]:
    """Say what it happens to, and whether the write is carried out."""
    spots: list[tuple[Where, bool]] = [("read", False), ("write", False), ("write", True)]
    if fault.stage != "answer":  # of which the gateway has read too little to carry it out
        spots.pop()
    return [*spots, ("back", False), ("back", True)]


def sample(every: Iterable[Play], seed: int, size: int) -> list[Play]:
    """Choose one case of each fault at least, and so many in all."""
    found = list(every)
    random.Random(seed).shuffle(found)
    first = {play.fault: play for play in reversed(found)}
    chosen = set(first.values())
    return [*chosen, *[play for play in found if play not in chosen][: size - len(chosen)]]


def play(chosen: Iterable[Play], jobs: int) -> Iterator[tuple[Play, Said]]:
    """Play cases, many at a time, as most of them wait; give what came of each."""
    groups: dict[tuple[str, bool], list[Play]] = {}
    for one in chosen:
        groups.setdefault((one.caller, one.tls), []).append(one)
    batches = [
        group[start : start + A_BATCH]
        for group in groups.values()
        for start in range(0, len(group), A_BATCH)
    ]
    random.Random(0).shuffle(batches)
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(jobs) as pool:
        folder = Path(name)
        trusted = certificates(folder)
        played = pool.map(lambda batch: _play(batch, folder, trusted), batches)
        for number, (batch, said) in enumerate(zip(batches, played, strict=True), 1):
            yield from zip(batch, said, strict=True)
            sys.stderr.write(f"\r{number} of {len(batches)} batches ")
    sys.stderr.write("\n")


def _play(batch: Sequence[Play], folder: Path, trusted: Path) -> list[Said]:
    said: list[Said] = []
    while len(said) < len(batch):  # a case that hangs takes its process along
        rest = batch[len(said) :]
        lines = "".join(json.dumps(one.command()) + "\n" for one in rest)
        arguments = [batch[0].caller, *([str(folder)] if batch[0].tls else [])]
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "record.worker", *arguments],
            input=lines,
            env={**_environment(), "SSL_CERT_FILE": str(trusted)},
            capture_output=True,
            encoding="utf-8",
        )
        found = [json.loads(line) for line in done.stdout.splitlines()][1:]
        said += found
        if len(found) < len(rest):
            said.append(_hung(done.stderr))
    return said


def situations(faces: Sequence[str] = FACES) -> Iterator[dict[str, Any]]:
    """Play what more than one call is needed for."""
    with tempfile.TemporaryDirectory() as name:
        trusted = certificates(Path(name))
        for face in faces:
            for folder in ([], [name]):
                done = subprocess.run(
                    [sys.executable, "-W", "ignore", "-m", "record.situations", face, *folder],
                    env={**_environment(), "SSL_CERT_FILE": str(trusted)},
                    stdout=subprocess.PIPE,
                    encoding="utf-8",
                    check=True,
                )
                for line in done.stdout.splitlines():
                    yield {**json.loads(line), "by": face + ", TLS" * bool(folder)}


def _environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}


def _hung(stack: str) -> Said:
    """Make a result of a process that has ended."""
    nothing = {"writes": 0, "blind": False, "stands": False, "spoilt": False, "requests": ""}
    rest = {"left": [0, 0, 0], "idle": 0, "shown": [], "beyond": 30.0, "seconds": 30.0}
    return {"told": "hung", "error": stack[-4000:], **nothing, **rest}
