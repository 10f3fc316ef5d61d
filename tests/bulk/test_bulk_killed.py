"""A run in a process of its own that is killed, and a gateway that goes away, on real sockets."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from bulk_runs import customers, phones

import caibo
from caibo import bulk
from caibo.testing import FakeCaibo, Request

pytestmark = pytest.mark.long

ROWS, KILLS, WORKERS = 200, 10, 4
RUN = """
import sys
import caibo
from caibo import bulk

key, url, rows, journal, backup, workers = sys.argv[1:]
with caibo.Caibo(api_key=key, base_url=url) as client:
    report = bulk.update(
        client, bulk.read_csv(rows), journal=journal, backup=backup, workers=int(workers)
    )
print(report.outcomes)
"""


class Assassin:
    """Kill a run when so many more of its requests have arrived, or a moment later."""

    def __init__(self, fake: FakeCaibo, moments: random.Random) -> None:
        self._moments = moments
        self._left = 0
        self._lock = threading.Lock()
        self._run: subprocess.Popen[bytes] | None = None
        self.puts: Counter[int | None] = Counter()
        fake.on_request = self._arrive

    def stalk(self, run: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._left = self._moments.randint(1, 2 * ROWS // KILLS)
            self._run = run

    def _arrive(self, request: Request) -> None:
        with self._lock:
            self.puts[request.customer_id] += request.method == "PUT"
            self._left -= 1
            if self._left or self._run is None:
                return
        threading.Timer(self._moments.uniform(0, 0.003), self._run.kill).start()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_run_that_is_killed_ten_times_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    """Every record is right in the end, and every other member as it was."""
    fake, seed = FakeCaibo(), random.randrange(10**9)
    print(f"seed {seed}")  # noqa: T201
    ids = customers(fake, ROWS)
    rows = phones(ids)
    before = {id: fake.document(id) for id in ids}
    file = tmp_path / "rows.csv"
    file.write_text("id,phone\n" + "".join(f"{id},{c['phone']}\n" for id, c in rows), "utf-8")
    assassin = Assassin(fake, random.Random(seed))
    with fake.serve() as server:
        command = [
            sys.executable, "-c", RUN, fake.api_key, server.base_url, str(file),
            str(tmp_path / "run.jsonl"), str(tmp_path / "before.jsonl"), str(WORKERS),
        ]  # fmt: skip
        for _ in range(KILLS):
            with subprocess.Popen(command, stdout=subprocess.DEVNULL) as run:
                assassin.stalk(run)
        last = subprocess.run(command, capture_output=True, text=True, check=True)

        with caibo.Caibo(api_key=fake.api_key, base_url=server.base_url) as client:
            after = {id: fake.document(id) for id in ids}
            undone = bulk.undo(client, tmp_path / "run.jsonl", tmp_path / "before.jsonl")

    assert "skipped" in last.stdout
    assert after == {id: {**before[id], **changes} for id, changes in rows}
    # A PUT that was on its way when its run was killed may arrive after the next one has looked.
    written = assassin.puts.total() - undone.outcomes["accepted"]
    assert ROWS <= written <= ROWS + KILLS * WORKERS
    assert undone.outcomes == {"accepted": ROWS}
    assert {id: fake.document(id) for id in ids} == before


def test_an_outage_of_two_seconds_costs_a_pause_and_no_row(tmp_path: Path) -> None:
    """Whatever was on its way when it began."""
    fake = FakeCaibo()
    rows = phones(customers(fake, 200))
    half = threading.Event()
    reports: list[bulk.Report] = []
    fake.on_request = lambda _: half.set() if len(fake.requests) == 200 else None

    with fake.serve() as server:
        client = caibo.Caibo(api_key=fake.api_key, base_url=server.base_url)

        def run() -> None:
            reports.append(bulk.update(client, rows, journal=tmp_path / "run.jsonl", workers=8))

        thread = threading.Thread(target=run)
        thread.start()
        assert half.wait(30)
    time.sleep(2)  # that is the outage
    with fake.serve(port=server.port), client:
        thread.join(60)

    [report] = reports
    assert report.ok
    assert report.rows == 200
    assert report.pauses
    assert [fake.document(id)["phone"] for id, _ in rows] == [c["phone"] for _, c in rows]
