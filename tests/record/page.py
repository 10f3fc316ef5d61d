"""Write the record down: a page with the sums, and tables with everything."""

from __future__ import annotations

import csv
import platform
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from record.catalogue import FAULTS
from record.judging import DONE, Play, Said, believed, broken
from record.playing import BY_HAND, FACES

Told = Sequence[tuple[Play, Said]]
PACKAGES = ("caibo", "httpx", "httpcore", "h11", "anyio", "trio", "requests", "urllib3")
_COLUMNS = (
    *("fault", "where", "applied", "times", "confirm", "told", "error", "requests", "applied PUTs"),
    *("believed", "s beyond deadline", "left", "shown", "broken", "seen by"),
)


def write(
    docs: Path,
    told: Told,
    situations: Iterable[Mapping[str, Any]],
    minutes: float,
    possible: int,
) -> None:
    ours = [(play, said) for play, said in told if play.caller in FACES]
    others = [(play, said) for play, said in told if play.caller in BY_HAND]
    folder = docs / "record"
    folder.mkdir(exist_ok=True)
    _table(folder / "faults.csv", ours)
    _table(folder / "by-hand.csv", others)
    parts = {
        "versions": _versions(),
        "date": f"{datetime.now(UTC):%d %B %Y}",
        "faults": str(len(FAULTS)),
        "calls": f"{len(ours):,}",
        "minutes": f"{minutes:.0f}",
        "played": f"{len(told):,} of {possible:,}",
        "kinds": "\n".join(_kinds(ours)),
        "by_hand": "\n".join(_compared(ours, others)),
        "situations": "\n".join(_situations(situations)),
    }
    template = Path(__file__).with_name("page.md").read_text("utf-8")
    for name, text in parts.items():
        template = template.replace(f"<{name}>", text)
    (docs / "record.md").write_text(template, "utf-8")


def _versions() -> str:
    found = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"{platform.python_implementation()} {platform.python_version()}, {found}"


def _table(path: Path, told: Told) -> None:
    """Write a line for each thing that was seen, whoever saw it."""
    seen: defaultdict[tuple[object, ...], list[tuple[Play, Said]]] = defaultdict(list)
    for play, said in told:
        seen[_line(play, said)].append((play, said))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for line, found in sorted(seen.items(), key=lambda item: list(map(str, item[0]))):
            by = [f"{play.caller}{'+TLS' * play.tls}" for play, _ in found]
            beyond = max(said["beyond"] for _, said in found)
            *first, left, shown, wrong = line
            writer.writerow([*first, f"{beyond:.1f}", left, shown, wrong, " ".join(sorted(by))])


def _line(play: Play, said: Said) -> tuple[object, ...]:
    ours = play.caller in FACES
    return (
        play.fault,
        play.where,
        "" if play.where == "read" else "yes" if play.applied else "no",
        "once" if play.once else "always",
        "yes" if play.confirm else "",
        said["told"],
        said["error"],
        said["requests"],
        said["writes"],
        believed(play, said) if ours else "",
        " ".join(map(str, said["left"])) if any(said["left"]) else "",
        "yes" if said["shown"] else "",
        "; ".join(broken(play, said)) if ours else "",
    )


def _kinds(ours: Told) -> Iterator[str]:
    yield "| faults | calls | done, and it was | not written, and it was not | unknown | believed | untrue | twice, blindly | s beyond | left | shown |"  # noqa: E501
    yield "|---|" + "---:|" * 10
    kinds: dict[str, list[tuple[Play, Said]]] = defaultdict(list)
    for play, said in ours:
        kinds[FAULTS[play.fault].kind].append((play, said))
    for kind, found in kinds.items():
        names = {play.fault for play, _ in found}
        yield _sums(f"{kind} ({len(names)})", found)
    yield _sums("**all**", ours)


def _sums(name: str, found: Told) -> str:
    lies = [bool(believed(play, said)) for play, said in found]
    untrue = [any("said" in what for what in broken(play, said)) for play, said in found]
    right = [not (lie or wrong) for lie, wrong in zip(lies, untrue, strict=True)]
    told = [said["told"] for _, said in found]
    return "| {} |".format(
        " | ".join(
            [
                name,
                f"{len(found):,}",
                f"{sum(ok and what in DONE for ok, what in zip(right, told, strict=True)):,}",
                f"{sum(ok and what == 'not written' for ok, what in zip(right, told, strict=True)):,}",  # noqa: E501
                f"{sum(what in ('unknown', 'overwritten') for what in told):,}",
                f"{sum(lies):,}",
                f"{sum(untrue):,}",
                f"{sum(s['blind'] and FAULTS[p.fault].says != 'later' for p, s in found):,}",
                f"{max(said['beyond'] for _, said in found):.1f}",
                f"{sum(any(said['left']) for _, said in found):,}",
                f"{sum(bool(said['shown']) for _, said in found):,}",
            ]
        )
    )


def _compared(ours: Told, others: Told) -> Iterator[str]:
    """Compare with what people write by hand, over the same cases."""
    yield "| | calls | said done, and it was not | failed, and the record has it | record changed beside | more than 2 s | key or customer data in an exception |"  # noqa: E501
    yield "|---|" + "---:|" * 6
    cases = {_case(play) for play, _ in others}
    same = [(play, said) for play, said in ours if _case(play) in cases and play.caller == "sync"]
    names = {"httpx": "httpx, by hand", "requests": "requests, by hand"}
    names["generated"] = "the generated functions alone"
    for caller in BY_HAND:
        yield _by_hand(names[caller], [(p, s) for p, s in others if p.caller == caller])
    yield _by_hand("caibo", same)


def _case(play: Play) -> tuple[object, ...]:
    return (play.fault, play.where, play.once, play.applied, play.confirm, play.tls)


def _by_hand(name: str, found: Told) -> str:
    ours = name == "caibo"
    done = [said for _, said in found if said["told"] in DONE]
    failed = [said for _, said in found if said["told"] not in (*DONE, *(["unknown"] * ours))]
    cells = [
        sum(not said["stands"] for said in done),
        sum(said["stands"] for said in failed),
        sum(said["spoilt"] for _, said in found),
        sum(said["seconds"] > 2 for _, said in found),
        sum(bool(said["shown"]) for _, said in found),
    ]
    return f"| {name} | {len(found):,} | {' | '.join(f'{cell:,}' for cell in cells)} |"


def _situations(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    yield "| situation | by | calls | done | not written | unknown | untrue | descriptors, threads left |"  # noqa: E501
    yield "|---|---|" + "---:|" * 6
    for row in rows:
        counts = " | ".join(str(row.get(name, 0)) for name in ("done", "not written", "unknown"))
        left = ", ".join(map(str, row["left"]))
        said = f"{row['calls']} | {counts} | {len(row['broken'])} | {left}"
        yield f"| {row['situation']} | {row['by']} | {said} |"
