"""``caibo audit``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from shells import ID, Shell

import caibo
from caibo.testing import FakeCaibo

AUDIT_KEY = "keep this one out of your code"


@pytest.fixture
def log(gateway: FakeCaibo, folder: Path) -> Path:
    """Have a log with one write that was done, and one that was not finished."""
    audit = caibo.JsonLinesAudit("audit.jsonl", key=AUDIT_KEY)
    with caibo.Caibo(observers=[audit]) as client:
        client.customers.update(ID, email="n@example.com")
        with caibo.audit_context(actor="jo\x1b[31m", reason="ticket 4711"):
            client.customers.update(ID, phone=None, address="x")
    lines = (folder / "audit.jsonl").read_text("utf-8").splitlines(keepends=True)
    (folder / "audit.jsonl").write_text("".join(lines[:-1]), "utf-8")
    return folder / "audit.jsonl"


def test_lists_what_is_open(shell: Shell, log: Path) -> None:
    """With who, why and which fields; the status says that there are some."""
    ran = shell("audit", "audit.jsonl")

    [line] = ran.out.splitlines()
    at, *rest, operation = line.split("\t")
    assert ran.status == 1
    assert at.startswith("20")
    assert rest[:4] == ["12345", "update", "phone, address", "open"]
    assert rest[6:] == ["jo\\u001b[31m", "ticket 4711"]
    assert operation


def test_tells_it_as_json(shell: Shell, log: Path) -> None:
    """Names of fields, and no values."""
    ran = shell("audit", "audit.jsonl", "--json")

    [intent] = json.loads(ran.out)["open"]
    assert (intent["id"], intent["outcome"], intent["attempt"]) == ("12345", "open", 1)
    assert intent["fields"] == ["phone", "address"]
    assert sorted(intent) == sorted(
        ["at", "id", "verb", "fields", "outcome", "attempt", "pid", "actor", "reason", "operation"]
    )


def test_says_nothing_of_what_is_settled(shell: Shell, log: Path, folder: Path) -> None:
    """By a continuation of the log, say."""
    operation = json.loads(log.read_text("utf-8").splitlines()[-1])["operation"]
    done = json.loads(log.read_text("utf-8").splitlines()[1]) | {"operation": operation}
    (folder / "later.jsonl").write_text(json.dumps(done) + "\n", "utf-8")

    assert shell("audit", "audit.jsonl", "later.jsonl") == (0, "", "")
    assert shell("audit", "audit.jsonl", "later.jsonl", tty="in out err") == (0, "", "")


def test_tells_of_lines_that_are_none_of_it(shell: Shell, log: Path) -> None:
    """On stderr."""
    log.write_text("torn", "utf-8")

    ran = shell("audit", "audit.jsonl")

    assert (ran.status, ran.out) == (0, "")
    assert ran.err.startswith("caibo: the audit log audit.jsonl: lines that are no records")


def test_says_where_there_is_no_log(shell: Shell) -> None:
    """The path and the reason."""
    ran = shell("audit", "none.jsonl")

    assert (ran.status, ran.err) == (
        2,
        "caibo: the audit log none.jsonl: No such file or directory\n",
    )


def test_leaves_an_empty_column_empty(shell: Shell, log: Path) -> None:
    """Where nobody has said who."""
    lines = log.read_text("utf-8").splitlines()
    log.write_text(lines[0] + "\n", "utf-8")

    assert shell("audit", "audit.jsonl").out.split("\t")[7:9] == ["", ""]
