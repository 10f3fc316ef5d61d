"""Play the faults before the client, and judge: ``python -m record --help``."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from record.judging import broken, hurried
from record.page import write
from record.playing import FACES, play, plays, sample, situations


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m record", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a sample, chosen by the seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=700, help="of the sample")
    parser.add_argument("--only", default="", help="faults whose names have this in them")
    parser.add_argument(
        "--jobs", type=int, default=12, help="processes; they wait most of the time"
    )
    parser.add_argument("--write", type=Path, help="the folder of docs/ to write the record into")
    asked = parser.parse_args()
    every = [one for one in plays() if asked.only in one.fault]
    chosen = sample(every, asked.seed, asked.size) if asked.quick else every
    began = time.monotonic()
    told = dict(play(chosen, asked.jobs))
    ours = [(one, said) for one, said in told.items() if one.caller in FACES]
    busy = [one for one, said in ours if hurried([*broken(one, said)])]
    told.update(play(busy, 2))  # with nothing beside it
    rows = list(situations())
    minutes = (time.monotonic() - began) / 60
    found = [
        f"{one}\n    {what}\n    {said}"
        for one, said in told.items()
        if one.caller in FACES
        for what in broken(one, said)
    ]
    found += [f"{row['situation']}, {row['by']}: {what}" for row in rows for what in row["broken"]]
    found += [
        f"{row['situation']}, {row['by']}: left {row['left']}" for row in rows if any(row["left"])
    ]
    print(*found, sep="\n")
    print(f"{len(told)} calls in {minutes:.1f} minutes, {len(busy)} of them twice")
    print(f"promises broken: {len(found)}")
    if asked.write:
        write(asked.write, [*told.items()], rows, minutes, len(every))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
