"""What an examination tells, as a table, as JSON, and as attributes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.resources import files
from textwrap import wrap
from typing import Any

from caibo import APIError
from caibo.doctor import _of_records, _of_writes
from caibo.doctor import _records as of
from caibo.doctor._facts import Facts
from caibo.doctor._records import SENDS, Send
from caibo.doctor._verdicts import Conclusion, Verdict, last_line, modes

FORMAT = "caibo-doctor/1"
CHECKS = {**_of_records.check, **_of_writes.check}
# How wide the first two columns are.
_INDENT = 38
# Of the assumptions, those on which nothing rests with a narrower `send=`.
_RELIEVED = {"server-owned": SENDS[1:], "further-members": SENDS[2:]}


@dataclass(frozen=True, slots=True)
class Finding:
    """Tell what is known of one assumption now.

    Attributes:
        id: of the assumption, as in ``caibo_api/assumptions.json``; it never changes.
        says: what we rely on.
        label: "assumption", "contradiction" or "documented elsewhere".
        verdict: "holds": what this client relies on of it was seen; "does not"; or
            "cannot be told".
        evidence: what was seen, without a value of the customer.
        advice: what to set, where something is to be set.
        relied_on: whether this client, as its `send` is, rests on it with such a gateway.
    """

    id: str
    says: str
    label: str
    verdict: Verdict
    evidence: str
    advice: str
    relied_on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Tell how a gateway behaves; ``print(report)`` shows a table.

    It holds names of members and headers, and no value of the customer.

    Attributes:
        customer_id: through whom it was seen, if through anybody.
        base_url: of the gateway.
        mode: of the credential: "test", "live" or "unknown".
        wrote: whether it was examined by writing, too.
        findings: one for each assumption, by its id.
        facts: what was seen besides: what, and how.
        send: the client's own; `None` without writing.
        sends: for each mode of `send=` a verdict and its evidence.
        last_line: which modes this gateway allows, and what to pass to the client.
        left: members that the examination may have left in the record.
        backup: the file that has the record as it was; `None` without writing.
        stopped: why it ended before all was tried; empty otherwise.
    """

    customer_id: int | None
    base_url: str
    mode: str
    wrote: bool
    findings: dict[str, Finding]
    facts: dict[str, str]
    send: Send | None
    sends: dict[Send, Conclusion] = field(repr=False)
    last_line: str
    left: tuple[str, ...]
    backup: str | None
    stopped: str

    @property
    def ok(self) -> bool:
        """Whether nothing that this client relies on was seen to fail, and a gateway was seen.

        Without a customer that is one that refuses in JSON who cannot exist: `error-members`.
        """
        seen = "error-members" if self.customer_id is None else "read-exists"
        failed = [f for f in self.findings.values() if f.relied_on and f.verdict == "does not"]
        misfit = self.send is not None and self.sends[self.send].verdict == "does not"
        unseen = self.findings[seen].verdict != "holds"
        return not (unseen or failed or misfit or self.stopped)

    def to_dict(self) -> dict[str, Any]:
        """Give what ``json.dumps`` takes; `docs/doctor.md` says what is in it."""
        return {
            "format": FORMAT,
            "ok": self.ok,
            # As text, as many programs that read JSON have 53 bits for a number.
            "customer_id": None if self.customer_id is None else str(self.customer_id),
            "base_url": self.base_url,
            "mode": self.mode,
            "wrote": self.wrote,
            "findings": [asdict(finding) for finding in self.findings.values()],
            "facts": dict(self.facts),
            "send": self.send,
            "sends": {
                send: {"verdict": said.verdict, "evidence": said.evidence}
                for send, said in self.sends.items()
            },
            "last_line": self.last_line,
            "left": list(self.left),
            "backup": self.backup,
            "stopped": self.stopped,
        }

    def to_json(self) -> str:
        """Give the same as JSON text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2)

    def table(self, columns: int = 100) -> str:
        """Show it as a table.

        Args:
            columns: how wide a line may be; the last column has 30 at least.
        """
        return "\n".join(self._lines(max(30, columns - _INDENT)))

    def __str__(self) -> str:
        return self.table()

    def _lines(self, width: int) -> Iterator[str]:
        how = "read and written" if self.wrote else "read"
        whom = "no customer" if self.customer_id is None else f"customer {self.customer_id}"
        yield f"{whom} at {self.base_url}, mode {self.mode}, {how}"
        yield ""
        for one in self.findings.values():
            moot = "" if one.relied_on else " (nothing rests on it here)"
            yield from _row(width, one.id, one.verdict, one.evidence + moot, one.advice)
        yield ""
        for what, how in self.facts.items():
            yield from _row(width, what, "", how)
        yield ""
        for send, said in self.sends.items():
            yield from _row(width, f'send="{send}"', said.verdict, said.evidence)
        yield ""
        if self.left:
            yield f"It may have left in the record: {of.shown(self.left)}"
        if self.backup:
            yield f"The record as it was is in {self.backup}: customer data, delete it in time."
        if self.stopped:
            yield f"It stopped: {self.stopped}"
        yield self.last_line


def _row(width: int, name: str, verdict: str, evidence: str, advice: str = "") -> Iterator[str]:
    lines = wrap(evidence, width) or [""]
    lines += wrap(f"→ {advice}", width, subsequent_indent="  ") if advice else []
    yield f"{name:<22}{verdict:<16}{lines[0]}".rstrip()
    yield from (" " * _INDENT + line for line in lines[1:])


@cache
def assumptions() -> list[dict[str, Any]]:
    """Read what is packaged."""
    text = files("caibo_api").joinpath("assumptions.json").read_text("utf-8")
    found: list[dict[str, Any]] = json.loads(text)
    return found


def report(facts: Facts) -> Report:
    """Conclude from what was seen."""
    findings: dict[str, Finding] = {}
    for entry in assumptions():
        id = entry["id"]
        said = CHECKS[id](facts)
        findings[id] = Finding(
            id,
            entry["says"],
            entry["label"],
            said.verdict,
            said.evidence,
            said.advice,
            relied_on=said.matters and facts.send not in _RELIEVED.get(id, ()),
        )
    return Report(
        customer_id=facts.id,
        base_url=facts.base_url,
        mode=facts.mode,
        wrote=bool(facts.writes),
        findings=findings,
        facts=dict(_besides(facts)),
        send=facts.send,
        sends=modes(facts),
        last_line=last_line(facts),
        left=facts.left,
        backup=facts.backup,
        stopped=facts.stopped,
    )


def _besides(facts: Facts) -> Iterator[tuple[str, str]]:
    record = facts.record
    for read in facts.reads[-1:]:
        yield "credential", f"{read.credential}, accepted"
        yield "answer", f"{read.status}, {read.media_type}, {read.size} bytes"
        times = ", ".join(f"{one.seconds * 1000:.0f}" for one in facts.reads)
        yield "time to answer", f"{times} ms"
        yield "ETag", _tag(read.headers.get("etag", ""))
        yield "Cache-Control", read.header("cache-control") or "none"
        ahead = "none" if read.ahead is None else f"{read.ahead:+.0f} s against this machine"
        yield "Date", ahead
        yield "request id", read.request_id or "none"
        yield "in between", "; ".join(read.between) or "nothing shows itself"
    if record is not None:
        own = of.value(record, "id")
        yield "id", "absent" if own is None else "string" if isinstance(own, str) else "number"
        yield "casing", of.casing(record)
        yield "null", of.shown(name for name in record if record[name] is None)
        yield "absent", of.shown(_absent(record))
        yield "outside the contract", of.shown(of.outside(record))
    error = facts.nobody
    if isinstance(error, APIError):
        members = of.shown(error.problem) if error.problem else "no JSON object"
        yield "a refusal", f"{error.status}: {members}"


def _absent(record: Any) -> list[str]:
    return [rule["wire"] for name, rule in of.properties().items() if not _has(record, name)]


def _has(record: Any, name: str) -> bool:
    return of.spelling(record, name) in record


def _tag(tag: str) -> str:
    return "none" if not tag else "weak" if tag.startswith("W/") else "strong"
