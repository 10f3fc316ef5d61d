"""One call of a verb: what the client decided for it, and whom it tells."""

from __future__ import annotations

import inspect
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from caibo._errors import (
    CaiboError,
    ConfigurationError,
    DeadlineExceededError,
    WriteStoppedError,
)
from caibo._record.checks import check_id
from caibo._wire import clock
from caibo._wire.exchange import Wire
from caibo._wire.log import informs, log
from caibo._wire.waiting import LEAVE_WITHIN, Ask, Flow, LateError
from caibo._write.carrying import Send
from caibo._write.events import Observer, Verb, WriteFailed, WriteFinished, WriteIntended
from caibo._write.rules import Rules
from caibo._write.update import Protection

T = TypeVar("T")
#: What errors tell that a log wants to know.
_ABOUT = ("status", "attempts", "request_id")
#: Whether to read back, or after how many seconds.
Confirm = bool | float


@dataclass(slots=True)
class Learnt:
    """What a client, together with its copies, has seen of its gateway."""

    #: A write with an old entity tag was refused, and the record had another one.
    honours_tags: bool = False
    #: What was once left out and stayed, see `carrying.carrier`, by the method of the write.
    stays: defaultdict[str, set[Send]] = field(default_factory=lambda: defaultdict(set[Send]))

    @property
    def protection(self) -> Protection:
        """What a write is protected by that carries the tag of its record."""
        return "conditional" if self.honours_tags else "if-match"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a client decides for all of its updates."""

    validate: bool | Rules
    confirm: Confirm
    max_base_age: float
    deadline: float
    send: Send
    #: The same object in every copy of a client.
    learnt: Learnt = field(default_factory=Learnt)

    @property
    def limits(self) -> bool:
        """Whether the contract's limits hold."""
        return self.validate is not False

    @property
    def rules(self) -> Rules | None:
        """The caller's own, beside the contract's."""
        return None if isinstance(self.validate, bool) else self.validate

    def settle(self, confirm: Confirm | None) -> float | None:
        """Return the seconds to wait before reading back; `None` for not at all."""
        asked = self.confirm if confirm is None else confirm
        if isinstance(asked, bool):
            return 0.0 if asked else None
        if not isinstance(asked, int | float) or not 0 <= asked < self.deadline:
            raise ConfigurationError(
                "confirm must be true, false, or seconds to wait, fewer than `deadline` has"
            )
        return float(asked)


class Session:
    """What the flow of one verb works with.

    Attributes:
        wire: to the gateway.
        settings: of the client.
        observers: told in this order.
        customer_id: whom it is about, once that is known.
    """

    customer_id: int | None = None

    def __init__(self, wire: Wire, settings: Settings, observers: Sequence[Observer]) -> None:
        self.wire = wire
        self.settings = settings
        self.observers = observers

    def about(self, id: int) -> int:
        """Return an id that a caller gives as an int64, and note whom the call is about."""
        self.customer_id = check_id(id)
        return self.customer_id

    def whole(self, verb: Callable[[Session], Flow[T]]) -> Flow[T]:
        """Do the whole of a verb; let its errors tell whom they concern."""
        try:
            return (yield from self.wire.whole(verb(self)))
        except CaiboError as error:
            self.concern(error)
            raise

    def concern(self, error: CaiboError) -> None:
        if error.customer_id is None:  # else of another call, by a function of the caller's
            error.customer_id = self.customer_id

    def is_heard(self) -> bool:
        """Tell whether anybody wants to hear how a write ended."""
        return bool(self.observers) or informs()

    def announce(self, event: WriteIntended) -> Flow[None]:
        """Tell the observers of a write that is about to be sent; one that raises stops it.

        Raises:
            CaiboError: an observer raised, or took until the deadline.
        """
        for observer in self.observers:
            try:
                told = yield Ask(observer, (event,), seconds=self.wire.ends - clock.now())
                _refuse_awaitable(told)
            except LateError:
                raise DeadlineExceededError(
                    f"customer {event.id}: `deadline` passed while an observer had the intention; "
                    "nothing was written",
                    request_sent="no",
                ) from None
            except CaiboError:
                raise
            except Exception as error:
                raise WriteStoppedError(
                    f"customer {event.id}: an observer raised {type(error).__name__}; "
                    "nothing was written"
                ) from error

    def last_word(self, event: WriteFinished | WriteFailed) -> Flow[None]:
        """Tell every observer how it ended, whatever comes in between, and log it.

        Tasks that are being cancelled wait so long all the same; what came in between
        is raised afterwards.
        """
        log_write(event)
        cut: BaseException | None = None
        try:
            for observer in self.observers:
                try:
                    told = yield Ask(observer, (event,), seconds=LEAVE_WITHIN, shielded=True)
                    _refuse_awaitable(told)
                except GeneratorExit:  # nobody waits for anything any more
                    raise
                except LateError:
                    log(
                        logging.ERROR,
                        "customer %d: an observer took longer than %g seconds to hear how it ended",
                        *(event.id, LEAVE_WITHIN),
                        customer_id=event.id,
                    )
                except Exception as error:
                    name = type(error).__name__
                    log(
                        logging.ERROR,
                        "customer %d: an observer raised %s",
                        *(event.id, name),
                        customer_id=event.id,
                        error=name,
                    )
                except BaseException as error:
                    cut = cut or error
            if cut is not None:
                raise cut
        finally:
            cut = None  # its traceback has this frame


def _refuse_awaitable(told: object) -> None:
    if inspect.iscoroutine(told):
        told.close()
    if inspect.isawaitable(told):
        raise ConfigurationError("an observer is async; use it with AsyncCaibo")


def log_write(event: WriteFinished | WriteFailed) -> None:
    """Log how a write ended."""
    if isinstance(event, WriteFailed):
        log_failure(
            event.verb,
            event.id,
            event.error,
            outcome=event.outcome,
            operation=event.operation,
            fields=list(event.fields),
            seconds=event.seconds,
        )
    else:
        log(
            logging.INFO,
            "%s of customer %d: %s; fields: %s; attempts: %d; request id: %s",
            *(event.verb, event.id, event.outcome, ", ".join(event.fields)),
            *(event.attempts, event.request_id),
            verb=event.verb,
            customer_id=event.id,
            operation=event.operation,
            outcome=event.outcome,
            fields=list(event.fields),
            attempts=event.attempts,
            request_id=event.request_id,
            seconds=event.seconds,
        )


def log_failure(
    verb: Verb, id: int, error: CaiboError, *, outcome: str = "", **fields: object
) -> None:
    """Log that a write failed, or without an outcome what failed before there was one."""
    when, what = ("", f", {outcome}") if outcome else (" before its write", "")
    name, about = type(error).__name__, {n: getattr(error, n, None) for n in _ABOUT}
    log(
        logging.WARNING,
        "%s of customer %d failed%s: %s%s; status: %s; attempts: %s; request id: %s",
        *(verb, id, when, name, what, *about.values()),
        verb=verb,
        customer_id=id,
        outcome=outcome or "not-written",
        error=name,
        **about,
        **fields,
    )
