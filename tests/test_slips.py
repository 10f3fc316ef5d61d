"""Pure decisions whose slips a whole call would cover up: mutmut made them."""

from __future__ import annotations

import pytest
from scripted import ID

import caibo
from caibo._record.compare import Grade, three_way
from caibo._wire.retry import retryable
from caibo._write.verdict import check_stands, overwritten


class TestWhatNoCallShows:
    def test_the_same_by_both_in_another_spelling_is_no_conflict(self) -> None:
        """The gateway's spelling stays."""
        base, theirs = {"phone": "+12025550100"}, {"phone": "+12025550143"}

        merged = three_way(base, theirs, {"phone": "+1 202 555 0143"}, "raise")

        assert merged == theirs

    def test_what_was_applied_and_says_something_else_since(self) -> None:
        """The three values, in their order."""
        base, wanted, now = (caibo.Document({"phone": text}) for text in ("+1", "+2", "+3"))

        with pytest.raises(caibo.ConflictError, match="this plan was applied before") as caught:
            check_stands(ID, base, wanted, now)

        assert caught.value.conflicts == {"phone": ("+1", "+3", "+2")}

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_what_changes_nothing_is_sent_again(self, method: str) -> None:
        """Also by the functions of the generated client."""
        lost = caibo.TransportError("lost", request_sent="maybe")

        assert retryable(method, lost)
        assert not retryable("PUT", lost)

    @pytest.mark.parametrize("reverted", [True, False])
    @pytest.mark.parametrize("replaced", [True, False])
    @pytest.mark.parametrize("gone", [True, False])
    def test_what_was_overwritten_is_told_in_parts(
        self, reverted: bool, replaced: bool, gone: bool
    ) -> None:
        """Each where there is something of it, with the advice that goes with it."""
        before = caibo.Document({"phone": "+1", "address": "a", "colour": "blue"})
        tried = caibo.Document({"phone": "+2", "address": "b"})
        found = caibo.Document({"phone": "+1", "address": "c"})
        grades: dict[tuple[str, ...], Grade] = {("phone",): "reverted"} if reverted else {}
        grades |= {("address",): "other"} if replaced else {}
        also = {"colour": caibo.Change("blue", None)}

        error = overwritten(
            ID,
            tried,
            before,
            found,
            grades,
            done="was accepted",
            also=also,
            gone=["colour"] * gone,
        )

        told = str(error)
        assert ("phone reverted to what was read before" in told) == reverted
        assert ("address set to a third value" in told) == replaced
        assert ("colour left out and gone" in told) == gone
        assert ("this read lags behind" in told) == (reverted or replaced)
        assert ('This gateway takes send="writable"' in told) == gone
        assert error.also_changed == also
        assert (error.plan is not None and error.plan.id == ID) == gone
