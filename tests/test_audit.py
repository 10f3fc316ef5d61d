"""`JsonLinesAudit`: what is on the disk before and after a write, and who can read it."""

from __future__ import annotations

import doctest
import json
import os
import pickle
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from audit_log import KEY, intended, records
from faces import Connect, Face
from hypothesis import given, settings
from hypothesis import strategies as st

import caibo
from caibo.testing import FakeCaibo


@pytest.fixture
def id(fake: FakeCaibo) -> int:
    return fake.add_customer(name="Ada Example", email="ada@example.com", phone="+12025550143")


class TestRecords:
    def test_an_update_leaves_an_intention_and_an_outcome(
        self, audited: Face, audit: caibo.JsonLinesAudit, log: Path, id: int
    ) -> None:
        """Who, what and how it ended, and HMACs in place of values."""
        audited.update(id, phone=None, extra={"tier": "gold"})

        intent, outcome = records(log)
        common = {
            "format": "caibo-audit/1",
            "at": intent["at"],
            "pid": os.getpid(),
            "operation": intent["operation"],
            "id": id,
            "verb": "update",
            "actor": None,
            "reason": None,
        }
        assert intent == {
            **common,
            "record": "intent",
            "attempt": 1,
            "send": "record",
            "left_out": [],
            "hmac": {
                "phone": {"before": audit.hmac(id, "phone", "+12025550143"), "after": None},
                "tier": {"before": None, "after": audit.hmac(id, "tier", "gold")},
            },
        }
        assert outcome == {
            **common,
            "record": "outcome",
            "at": outcome["at"],
            "fields": ["phone", "tier"],
            "outcome": "accepted",
            "protection": "local-lock",
            "attempts": 1,
            "request_id": "fake-000002",
            "seconds": outcome["seconds"],
        }
        assert outcome["seconds"] >= 0

    def test_the_times_are_in_utc_and_say_so(self, audited: Face, log: Path, id: int) -> None:
        """Nobody has to know where the machine stood."""
        began = datetime.now(UTC)

        audited.update(id, phone=None)

        times = [datetime.fromisoformat(record["at"]) for record in records(log)]
        assert [time.utcoffset() for time in times] == [timedelta(0), timedelta(0)]
        assert began <= times[0] <= times[1] <= datetime.now(UTC)

    def test_the_intention_is_on_the_disk_before_the_write_is_sent(
        self,
        audited: Face,
        fake: FakeCaibo,
        log: Path,
        id: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Flushed, not only written; the outcome follows the same way."""
        happened: list[str] = []
        fsync = os.fsync

        def flush(file: int) -> None:
            fsync(file)
            if stat.S_ISREG(os.fstat(file).st_mode):
                happened.append(f"fsync of {len(records(log))}")

        monkeypatch.setattr(os, "fsync", flush)
        fake.on_request = lambda request: happened.append(request.method)

        audited.update(id, phone=None)

        assert happened == ["GET", "fsync of 1", "PUT", "fsync of 2"]

    def test_a_replacement_is_logged_without_names(self, audited: Face, log: Path, id: int) -> None:
        """Nothing was read, so nobody knows what it changes."""
        audited.replace(id, {"name": "Ada", "email": "ada@example.com"})

        intent, outcome = records(log)
        assert (intent["verb"], intent["hmac"], outcome["fields"]) == ("replace", {}, [])

    def test_an_unchanged_customer_is_not_logged(self, audited: Face, log: Path, id: int) -> None:
        """Nothing was to be written."""
        audited.update(id, phone="+12025550143")

        assert not log.exists()

    def test_a_refusal_is_logged_by_its_class(
        self, audited: Face, fake: FakeCaibo, log: Path, id: int
    ) -> None:
        """The gateway's words may quote the customer."""
        fake.fail_next(400, body={"detail": "no +33 1 23"}, method="PUT")

        with pytest.raises(caibo.BadRequestError):
            audited.update(id, phone="+33 1 23")

        told = records(log)[-1]
        assert (told["outcome"], told["error"], told["attempts"]) == (
            "not-written",
            "BadRequestError",
            1,
        )
        assert (told["attempts"], told["request_id"]) == (1, "fake-000002")
        assert b"+33" not in log.read_bytes()

    def test_an_unknown_outcome_is_logged_as_that(
        self, audited: Face, fake: FakeCaibo, log: Path, id: int
    ) -> None:
        """It may have been applied."""
        fake.lose_response("PUT")
        fake.on_request = lambda request: (
            fake.fail_next(404, method="GET") if request.method == "PUT" else None
        )

        with pytest.raises(caibo.UnknownOutcomeError):
            audited.update(id, phone=None)

        told = records(log)[-1]
        assert (told["outcome"], told["error"]) == ("unknown", "UnknownOutcomeError")

    def test_an_overwritten_write_is_logged_as_that(
        self, audited: Face, fake: FakeCaibo, log: Path, id: int
    ) -> None:
        """It was accepted all the same."""
        fake.change_after_write(id, phone="1")

        with pytest.raises(caibo.OverwrittenError):
            audited.update(id, phone=None, confirm=True)

        told = records(log)[-1]
        assert (told["outcome"], told["error"]) == ("overwritten", "OverwrittenError")

    def test_each_attempt_has_its_intention(
        self, audited: Face, fake: FakeCaibo, log: Path, id: int
    ) -> None:
        """A write whose answer was lost, and that was seen not to be applied, is sent again."""
        fake.lose_response("PUT", applied=False)

        audited.update(id, phone=None)

        told = [(r["record"], r.get("attempt"), r.get("attempts")) for r in records(log)]
        assert told == [("intent", 1, None), ("intent", 2, None), ("outcome", None, 2)]
        assert len({record["operation"] for record in records(log)}) == 1


class TestConfidentiality:
    # None of these letters stands in a record by itself.
    _texts = st.text('GHJKLMNQRXYZÄß漢😀\u2028"\\', min_size=4, max_size=12)

    @settings(max_examples=25)
    @given(values=st.lists(_texts, min_size=6, max_size=6), key=_texts)
    def test_no_value_and_no_key_is_in_the_log_unless_asked(
        self, connect: Connect, fake: FakeCaibo, tmp_path: Path, values: list[str], key: str
    ) -> None:
        """Not of what was there, of what was wanted, or of what was not addressed."""
        log = tmp_path / "audit.jsonl"
        log.unlink(missing_ok=True)
        name, phone, unknown, other, email, inner = values
        id = fake.add_customer(name=name, email=f"{email}@example.com", phone=phone, kept=unknown)
        client = connect(observers=[caibo.JsonLinesAudit(log, key=key * 4)], validate=False)
        changes = {"phone": other, "address": inner, "email": f"{inner}{email}@example.org"}

        client.update(id, **changes, extra={"new": {"x": [inner]}})

        text = log.read_bytes()
        client.close()
        assert len(text.splitlines()) == 2
        for value in (*values, key, "@example", fake.api_key):
            escaped = json.dumps(value)[1:-1].encode()
            assert value.encode() not in text
            assert escaped not in text

    def test_values_are_logged_on_request(self, connect: Connect, log: Path, id: int) -> None:
        """Beside the HMACs, so that both kinds of log are searched alike."""
        audit = caibo.JsonLinesAudit(log, key=KEY, values=True)

        connect(observers=[audit]).update(id, phone="1", extra={"x": {"y": [None, "é"]}})

        intent = records(log)[0]
        assert intent["values"] == {
            "phone": {"before": "+12025550143", "after": "1"},
            "x": {"before": None, "after": {"y": [None, "é"]}},
        }
        assert intent["hmac"]["phone"]["after"] == audit.hmac(id, "phone", "1")

    def test_values_that_json_can_hold_and_python_cannot_are_logged(
        self, connect: Connect, fake: FakeCaibo, log: Path
    ) -> None:
        """An exponent beyond `Decimal`, and half of a surrogate pair."""
        record = r'{"name":"A","email":"a@b.c","x":1E99999999999999999999,"y":"\ud800"}'
        id = fake.add_document(record)
        client = connect(observers=[caibo.JsonLinesAudit(log, key=KEY, values=True)])

        client.update(id, extra={"x": 1, "y": 2})

        values = records(log)[0]["values"]
        assert values["x"] == {"before": "inf", "after": 1}
        assert values["y"] == {"before": r"'\ud800'", "after": 2}

    def test_the_same_value_looks_different_elsewhere(self, audit: caibo.JsonLinesAudit) -> None:
        """In another field, of another customer, or under another key."""
        other = caibo.JsonLinesAudit("other", key=KEY.encode() + b"!")

        hmacs = {
            audit.hmac(1, "phone", "1"),
            audit.hmac(1, "member_id", "1"),
            audit.hmac(2, "phone", "1"),
            other.hmac(1, "phone", "1"),
            audit.hmac(1, "phone", 1),
        }

        assert len(hmacs) == 5
        assert audit.hmac(1, "phone", "1") == caibo.JsonLinesAudit("x", key=KEY.encode()).hmac(
            1, "phone", "1"
        )

    def test_the_file_is_for_its_owner(self, audited: Face, log: Path, id: int) -> None:
        """As it is made here."""
        audited.update(id, phone="1")

        assert stat.S_IMODE(log.stat().st_mode) == 0o600

    def test_the_key_is_not_shown_and_not_pickled(self, audit: caibo.JsonLinesAudit) -> None:
        """As of every secret here."""
        with pytest.raises(TypeError, match="secret"):
            pickle.dumps(audit)

        assert repr(audit).startswith("JsonLinesAudit('/")
        assert KEY not in repr(audit)


class TestBackup:
    def test_the_record_is_kept_token_for_token(
        self, connect: Connect, fake: FakeCaibo, log: Path
    ) -> None:
        """Digits, escapes and order as they came; only line breaks between tokens are spaces."""
        members = r'"name":"A\u0062","email":"a@b.c","n":[1E400,100.00],"o":{"p":%s-0,"q":"é\n"}'
        id = fake.add_document("{" + members % "\r\n" + "}", id=7)
        client = connect(observers=[caibo.JsonLinesAudit(log, key=KEY, backup=True)])

        client.update(id, phone="1")

        lines = log.read_bytes().splitlines()
        assert len(lines) == 2
        assert lines[0].endswith(b', "before": {%s}}' % (members % "  ").encode())

    def test_an_open_intention_gives_it_back(self, log: Path) -> None:
        """The very text, to be looked at or written again."""
        before = caibo.Document.parse('{"id":7,"totalDeposits":100.00}')

        caibo.JsonLinesAudit(log, key=KEY, backup=True)(intended(before=before))

        [intent] = caibo.open_intents(log)
        assert str(intent.before) == '{"id":7,"totalDeposits":100.00}'
        assert "100.00" not in repr(intent)

    def test_where_nothing_was_read_there_is_none(
        self, connect: Connect, fake: FakeCaibo, log: Path, id: int
    ) -> None:
        """As with `replace`."""
        client = connect(observers=[caibo.JsonLinesAudit(log, key=KEY, backup=True)])

        client.replace(id, {"name": "Ada", "email": "ada@example.com"})

        assert records(log)[0]["before"] is None


class TestContext:
    def test_actor_and_reason_are_those_of_the_block(
        self, audited: Face, log: Path, id: int
    ) -> None:
        """An inner block takes over what it leaves out, and nothing remains afterwards."""

        def work(number: int) -> Any:
            return audited.caibo.customers.update(id, phone=str(number))

        async def awork() -> None:
            with caibo.audit_context(actor="jo"):
                await work(1)
                with caibo.audit_context(reason="ticket 4711"):
                    await work(2)
            await work(3)

        def both() -> Any:
            if isinstance(audited.caibo, caibo.AsyncCaibo):
                return awork()
            with caibo.audit_context(actor="jo"):
                work(1)
                with caibo.audit_context(reason="ticket 4711"):
                    work(2)
            return work(3)

        audited.wait(both)

        told = [(record["actor"], record["reason"]) for record in records(log)]
        assert told == [("jo", None)] * 2 + [("jo", "ticket 4711")] * 2 + [(None, None)] * 2

    def test_each_thread_has_its_own(self, fake: FakeCaibo, audit: Any, log: Path) -> None:
        """However they are interleaved."""
        ids = [fake.add_customer() for _ in range(4)]
        together = threading.Barrier(len(ids))
        options: Any = {"base_url": fake.base_url, "transport": fake.transport}

        with caibo.Caibo(api_key=fake.api_key, observers=[audit], **options) as client:

            def work(id: int) -> None:
                with caibo.audit_context(actor=f"thread of {id}"):
                    together.wait()
                    client.customers.update(id, phone="1")

            with ThreadPoolExecutor(len(ids)) as pool:
                list(pool.map(work, ids))

        assert {(r["id"], r["actor"]) for r in records(log)} == {(i, f"thread of {i}") for i in ids}

    @pytest.mark.parametrize("backend", ["asyncio", "trio"])
    def test_each_task_has_its_own(
        self, fake: FakeCaibo, audit: Any, log: Path, backend: str
    ) -> None:
        """Also one that was started in another's block."""
        ids = [fake.add_customer() for _ in range(4)]
        options: Any = {"base_url": fake.base_url, "transport": fake.transport}

        async def main() -> None:
            async with (
                caibo.AsyncCaibo(api_key=fake.api_key, observers=[audit], **options) as client,
                anyio.create_task_group() as tasks,
            ):

                async def work(id: int) -> None:
                    with caibo.audit_context(actor=f"task of {id}"):
                        await anyio.lowlevel.checkpoint()
                        await client.customers.update(id, phone="1")

                with caibo.audit_context(reason="all of them"):
                    for id in ids:
                        tasks.start_soon(work, id)

        anyio.run(main, backend=backend)

        told = {(r["id"], r["actor"], r["reason"]) for r in records(log)}
        assert told == {(id, f"task of {id}", "all of them") for id in ids}

    @pytest.mark.parametrize("given", [{"actor": 7}, {"reason": b"x"}])
    def test_what_is_no_text_is_refused(self, given: Any) -> None:
        """Before the work that it is about."""
        with (
            pytest.raises(caibo.ConfigurationError, match="must be strings"),
            caibo.audit_context(**given),
        ):
            pass


class TestOptions:
    @pytest.mark.parametrize(
        ("path", "key", "said"),
        [
            ("", KEY, "path must name a file"),
            (".", KEY, "path must name a file"),
            ("x\0", KEY, "path must name a file"),
            (7, KEY, "path must name a file"),
            ("x", 7, "bytes or a string"),
            ("x", "", "16 bytes or more"),
            ("x", b"fifteen bytes !", r"secrets\.token_hex"),
        ],
    )
    def test_what_cannot_be_is_refused(self, path: Any, key: Any, said: str) -> None:
        """At once, and without showing the key."""
        with pytest.raises(caibo.ConfigurationError, match=said) as caught:
            caibo.JsonLinesAudit(path, key=key)

        assert "fifteen" not in str(caught.value)

    def test_the_examples_of_functions_run(
        self, fake: FakeCaibo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As they are printed there."""
        monkeypatch.chdir(tmp_path)
        fake.add_customer(id=12345)
        options: Any = {"base_url": fake.base_url, "transport": fake.transport}
        audit = caibo.JsonLinesAudit("audit.jsonl", key=KEY)
        said: list[str] = []

        with caibo.Caibo(api_key=fake.api_key, observers=[audit], **options) as client:
            for function in (caibo.audit_context, caibo.open_intents):
                [example] = doctest.DocTestFinder().find(
                    function, globs={"caibo": caibo, "client": client}
                )
                doctest.DocTestRunner(verbose=False).run(example, out=said.append)

        assert said == []
        assert records(Path("audit.jsonl"))[0]["actor"] == "jo"


def test_a_write_that_another_observer_stops_is_not_left_open(
    connect: Connect, audit: caibo.JsonLinesAudit, log: Path, id: int
) -> None:
    """It was announced, and it was not sent."""

    def forbid(event: caibo.Event) -> None:
        if isinstance(event, caibo.WriteIntended):
            raise PermissionError

    client = connect(observers=[audit, forbid])

    with pytest.raises(caibo.WriteStoppedError):
        client.update(id, phone=None)

    assert [r.get("error") for r in records(log)] == [None, "WriteStoppedError"]
    assert caibo.open_intents(log) == []
