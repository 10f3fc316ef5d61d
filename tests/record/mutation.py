"""Break the client in small ways and list what no test sees: ``nox -s mutation -- --help``.

The tests are collected once. One child process runs them all and notes which lines each runs;
then there is a child for each mutant, which runs the tests of its line until one fails.
"""

from __future__ import annotations

import argparse
import csv
import fnmatch
import gc
import json
import os
import pkgutil
import platform
import random
import resource
import select
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from math import ceil
from pathlib import Path
from types import FunctionType

import coverage
import pytest
from _pytest.runner import runtestprotocol
from hypothesis import Phase, settings
from record.mutants import Mutant, mutants

import caibo

HOME = Path(caibo.__file__).parent
ROOMS = ("_record", "_write", "_wire")
KEPT = Path("docs", "record")
TABLE, LEFT = "mutation.csv", "mutants-left.csv"
TALLY = ("file", "mutants", "tried", "killed", "left", "why left", "seed", "date", "versions")
KEY = ("file", "function", "was", "now")
REASONS = (*KEY, "outcome", "kind", "why")
Key = tuple[str, str, str, str]
# What they try, the others try as well; or it is no room's, or takes processes and crowds.
WITHOUT = (
    *("audit*", "cookbook", "crowd", "descriptors", "examples", "faces", "fake_*", "forks"),
    *("foreign_transports", "guard", "house", "import", "instruments", "loops", "model"),
    *("opentelemetry", "pages*", "prose", "rate_limit_crowd", "readme", "testing_page"),
)
FAST = 0.01  # seconds; of those that take longer, one of each function comes first
MEMORY = 4 << 30


def main() -> int:
    parser = argparse.ArgumentParser(prog="nox -s mutation --", description=__doc__)
    parser.add_argument("files", nargs="*", default=["*"], help="as in '_wire/re*'; default: all")
    parser.add_argument("--sample", type=int, default=40, help="of each file, by the seed; 0: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=20, help="of tests at most for a mutant")
    parser.add_argument("--tests", default="*", help="test files, as in 're*'; by default most")
    parser.add_argument("--left", action="store_true", help="only those that were left before")
    parser.add_argument("--write", type=Path, help="the folder to keep the two tables in")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        trials = Trials(asked, Path(scratch))
        without = WITHOUT if asked.tests == "*" else ()
        chosen = [
            str(path)
            for path in sorted(Path("tests").glob(f"test_{asked.tests}.py"))
            if not any(fnmatch.fnmatch(path.stem, f"test_{name}") for name in without)
        ]
        ours = ("-W", "ignore::pytest.PytestAssertRewriteWarning")  # hypothesis, imported here
        quiet = ("-q", "-s", "-p", "no:cacheprovider", "-k", "not trio", "-m", "not untraced")
        pytest.main([*ours, *quiet, f"--basetemp={scratch}/tests", *chosen], plugins=[trials])
    return trials.status


class Trials:
    """A plugin of pytest's that runs the tests for each mutant, not once."""

    def __init__(self, asked: argparse.Namespace, scratch: Path) -> None:
        self._asked = asked
        self._scratch = scratch
        self._killers: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._seconds: dict[str, float] = {}
        self._data = coverage.CoverageData()
        self._items: dict[str, pytest.Item] = {}
        self._functions: list[FunctionType] = []
        self.status = 2

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        # Shrunk, a failure says no more here.
        phases = (Phase.explicit, Phase.generate)
        settings.register_profile(
            "mutation",
            settings.default,
            max_examples=10,
            phases=phases,
            database=None,
            derandomize=True,
        )
        settings.load_profile("mutation")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._functions = _functions()
        self._items = {item.nodeid: item for item in session.items}
        self._run_all()
        found = [*self._files()]
        self.status = 0
        for path in found:
            self.status |= self._file(path)
        return True

    def _files(self) -> Iterator[Path]:
        known = {row["file"] for row in _rows(self._asked.write or KEPT, LEFT)}
        for room in ROOMS:
            for path in sorted((HOME / room).glob("*.py")):
                name = path.relative_to(HOME).as_posix()
                if self._asked.left and name not in known:
                    continue
                if any(fnmatch.fnmatch(name, pattern) for pattern in self._asked.files):
                    yield path

    def _run_all(self) -> None:
        """Let a child run every test, and note what each runs and how long it takes."""
        noted, covered = self._scratch / "noted.json", self._scratch / "covered"
        began = time.monotonic()

        def run() -> int:
            rooms = [f"{HOME / room}/*" for room in ROOMS]
            measured = coverage.Coverage(covered, config_file=False, include=rooms, messages=False)
            taken = {}
            with measured.collect():
                for item, following in _pairs([*self._items.values()]):
                    measured.switch_context(item.nodeid)
                    start = time.monotonic()
                    if not _fails(item, following):
                        taken[item.nodeid] = time.monotonic() - start
            measured.save()
            noted.write_text(json.dumps(taken), "utf-8")
            return 0

        os.waitpid(_child(run), 0)
        self._seconds = json.loads(noted.read_text("utf-8"))
        failed = sorted(self._items.keys() - self._seconds.keys())
        print(f"{len(self._seconds)} tests in {time.monotonic() - began:.0f} s")
        print(f"left out, as they fail without a mutant: {failed}", flush=True)
        self._data = coverage.CoverageData(str(covered))
        self._data.read()

    def _file(self, path: Path) -> bool:
        """Try mutants of a file; return whether one is left that nobody gave a reason for."""
        name = path.relative_to(HOME).as_posix()
        every = mutants(path, name)
        if not every:
            return False
        reasons = {_key(row): row for row in _rows(self._asked.write or KEPT, LEFT)}
        chosen = self._chosen(every, name, reasons)
        running = self._data.contexts_by_lineno(str(path))
        told: Counter[str] = Counter()
        left = []
        for mutant in chosen:
            by = {test for line in mutant.lines for test in running.get(line, ())}
            outcome = self._try(mutant, self._ordered(by & self._seconds.keys(), mutant))
            told[outcome] += 1
            if outcome in {"survived", "untested"}:
                row = {**dict(zip(KEY, mutant.key, strict=True)), "outcome": outcome}
                known = reasons.get(mutant.key, {"kind": "", "why": ""})
                left.append({**row, "kind": known["kind"], "why": known["why"]})
                print(f"{outcome}: {name}:{mutant.lines[0]} {mutant.function}")
                print(f"    - {row['was']}\n    + {row['now']}")
        print(f"{name}: {len(every)} mutants, {dict(told)}", flush=True)
        if self._asked.write:
            self._write(name, len(every), told, left)
        return any(not row["why"] for row in left)

    def _chosen(self, every: list[Mutant], name: str, known: Collection[Key]) -> Sequence[Mutant]:
        if self._asked.left:
            functions = {key[:2] for key in known}
            return [one for one in every if (name, one.function) in functions and one.key in known]
        size = min(self._asked.sample or len(every), len(every))
        return random.Random(f"{self._asked.seed} {name}").sample(every, size)

    def _ordered(self, tests: set[str], mutant: Mutant) -> list[pytest.Item]:
        """Return the tests in the order in which they are likely to be quick to fail."""
        killers, name = self._killers[mutant.function], Path(mutant.file).stem[:5]
        seen: Counter[str] = Counter()
        turns = {}
        for test in sorted(tests, key=lambda test: self._seconds[test]):
            plain = test.partition("[")[0]
            turns[test] = seen[plain]
            seen[plain] += self._seconds[test] > FAST

        def place(test: str) -> tuple[int, bool, int, float]:
            elsewhere = name not in test.partition("::")[0]
            return -killers[test], elsewhere, turns[test], self._seconds[test]

        chosen, taken = [], 0.0
        for test in sorted(tests, key=place):
            if (taken := taken + self._seconds[test]) > self._asked.seconds:
                break
            chosen.append(self._items[test])
        return chosen

    def _try(self, mutant: Mutant, items: list[pytest.Item]) -> str:
        """Return what came of it: killed, late, survived, untested, impossible."""
        if not items:
            return "untested"
        heard, said = os.pipe()
        limit = 10 + 5 * sum(self._seconds[item.nodeid] for item in items)

        def run() -> int:
            # Also where nobody is there any more to end it.
            resource.setrlimit(resource.RLIMIT_CPU, (ceil(limit), ceil(limit)))
            try:
                mutant.apply(self._functions)
            except (SyntaxError, ValueError):
                return 2
            for item, following in _pairs(items):
                if _fails(item, following):
                    os.write(said, item.nodeid.encode())
                    return 1
            return 0

        child = _child(run)
        os.close(said)
        done = os.pidfd_open(child)
        ready, _, _ = select.select([done], [], [], limit)
        with suppress(ProcessLookupError):  # it, where it hangs, and whatever it left behind
            os.killpg(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        os.close(done)
        with os.fdopen(heard, "rb") as file:
            if killer := file.read().decode():
                self._killers[mutant.function][killer] += 1
        if not ready:
            return "late"
        return {0: "survived", 2: "impossible"}.get(os.waitstatus_to_exitcode(status), "killed")

    def _write(
        self, name: str, mutants: int, told: Counter[str], left: list[dict[str, str]]
    ) -> None:
        """Replace what the two tables say of a file."""
        folder: Path = self._asked.write
        folder.mkdir(exist_ok=True)
        table = {row["file"]: row for row in _rows(folder, TABLE)}
        tried = told.total() - told["impossible"]
        if self._asked.left:
            before = sum(row["file"] == name for row in _rows(folder, LEFT))
            # Where the code is another one since, it is not known what became of them.
            tried = int(table[name]["tried"]) - max(0, before - tried)
        kinds = Counter(row["kind"] for row in left)
        sums = (name, mutants, tried, tried - len(left), len(left))
        why = ", ".join(f"{count} {kind or 'open'}" for kind, count in sorted(kinds.items()))
        seed = table[name]["seed"] if self._asked.left else self._asked.seed
        now = (why, seed, f"{datetime.now(UTC):%Y-%m-%d}", _versions())
        table[name] = dict(zip(TALLY, map(str, (*sums, *now)), strict=True))
        _keep(folder / TABLE, [table[name] for name in sorted(table)])
        others = [row for row in _rows(folder, LEFT) if row["file"] != name]
        _keep(folder / LEFT, sorted([*others, *left], key=_key))


def _functions() -> list[FunctionType]:
    """Import what a child would import each time, and return the functions to be changed."""
    for module in pkgutil.walk_packages([str(HOME)], "caibo."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    for name in ("anyio._backends._asyncio", "trio", "httpx"):
        import_module(name)
    every = (one for one in gc.get_objects() if isinstance(one, FunctionType))
    return [one for one in every if one.__code__.co_filename.startswith(str(HOME))]


def _child(run: Callable[[], int]) -> int:
    """Fork, run it there, in a group of its own and without a word, and return who it is."""
    sys.stdout.flush()
    gc.collect()
    gc.freeze()  # so that a collection there does not copy all that is here
    if child := os.fork():
        return child
    status = 1
    try:
        os.setsid()
        for number in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        status = run()
    finally:
        os._exit(status)


def _fails(item: pytest.Item, following: pytest.Item | None) -> bool:
    reports = runtestprotocol(item, log=False, nextitem=following)
    return any(report.failed for report in reports)


def _pairs(items: list[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    return zip(items, [*items[1:], None], strict=True)


def _rows(folder: Path, table: str) -> list[dict[str, str]]:
    if not (folder / table).exists():
        return []
    with (folder / table).open(encoding="utf-8", newline="") as file:
        return [*csv.DictReader(file)]


def _keep(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, TALLY if path.name == TABLE else REASONS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _key(row: dict[str, str]) -> Key:
    return row["file"], row["function"], row["was"], row["now"]


def _versions() -> str:
    names = ("mutmut", "pytest", "hypothesis", "caibo")
    found = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{platform.python_implementation()} {platform.python_version()}, {found}"


if __name__ == "__main__":
    sys.exit(main())
