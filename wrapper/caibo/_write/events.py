"""What observers are told: a write is intended, and then that it finished or failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from caibo._errors import CaiboError
from caibo._record.document import Document
from caibo._write.carrying import Send
from caibo._write.plan import OverwrittenError, UnknownOutcomeError
from caibo._write.update import Change, Outcome, Protection

Verb: TypeAlias = Literal["update", "apply", "edit", "replace"]
Failure: TypeAlias = Literal["not-written", "unknown", "overwritten"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteIntended:
    """Tell that a PUT is about to be sent.  An observer that raises stops it.

    Attributes:
        operation: the same in all events of one call, and in no other call's.
        id: the customer.
        verb: the method that was called.
        changes: what will differ, by field name; empty where nothing was read.
        before: the record that the changes are merged onto; `None` where nothing
            was read.
        attempt: counts the writes of this call from 1; a second one follows only
            where the first was seen not to have been applied.
        send: as in `Update`.
        left_out: as in `Update`.
    """

    operation: str
    id: int
    verb: Verb
    changes: Mapping[str, Change]
    before: Document | None = field(repr=False)
    attempt: int = 1
    send: Send = "record"
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteFinished:
    """Tell what a write came to, as its `Update` does.

    Attributes:
        operation: as in `WriteIntended`.
        id: the customer.
        verb: the method that was called.
        fields: names of what changed.
        outcome: as in `Update`.
        protection: as in `Update`.
        attempts: how many times a write was sent.
        request_id: what to quote to the vendor, where the gateway sent one.
        seconds: from the first intention to the end.
        send: as in `Update`.
        left_out: as in `Update`.
    """

    operation: str
    id: int
    verb: Verb
    fields: tuple[str, ...]
    outcome: Outcome
    protection: Protection
    attempts: int
    request_id: str | None
    seconds: float
    send: Send = "record"
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteFailed:
    """Tell that a write that was intended raised an error instead.

    Attributes:
        operation: as in `WriteIntended`.
        id: the customer.
        verb: the method that was called.
        fields: names of what was to change.
        error: what the caller gets, or where the call was cancelled, interrupted or
            ended by a foreign exception (which the caller gets as it is), one that
            says how far the write got.  An `UnknownOutcomeError` means that it may
            have been applied.
        seconds: from the first intention to the end.
    """

    operation: str
    id: int
    verb: Verb
    fields: tuple[str, ...]
    error: CaiboError
    seconds: float

    @property
    def outcome(self) -> Failure:
        """What the record has of it.

        "not-written", "unknown", or "overwritten": it was written, and read back
        the record says something else.
        """
        match self.error:
            case UnknownOutcomeError():
                return "unknown"
            case OverwrittenError():
                return "overwritten"
            case _:
                return "not-written"


Event: TypeAlias = WriteIntended | WriteFinished | WriteFailed
#: Called with each event; in `AsyncCaibo` what it returns is awaited, if it can be.
Observer: TypeAlias = Callable[[Event], object]
