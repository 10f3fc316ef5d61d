"""One call of a verb: what the client decided for it, and whom it tells."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from caibo._errors import (
    CaiboError,
    ConfigurationError,
    DeadlineExceededError,
    WriteStoppedError,
)
from caibo._wire import clock
from caibo._wire.exchange import Wire
from caibo._wire.waiting import LEAVE_WITHIN, Ask, Flow, LateError
from caibo._write.events import Observer, WriteFailed, WriteFinished, WriteIntended
from caibo._write.rules import Rules
from caibo._write.update import Protection

_log = logging.getLogger("caibo")
#: Whether to read back, or after how many seconds.
Confirm = bool | float


@dataclass(slots=True)
class Learnt:
    """What a client, together with its copies, has seen of its gateway."""

    #: A write with an old entity tag was refused, and the record had another one.
    honours_tags: bool = False

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


@dataclass(frozen=True, slots=True)
class Session:
    """What the flow of one verb works with.

    Attributes:
        wire: to the gateway.
        settings: of the client.
        observers: told in this order.
    """

    wire: Wire
    settings: Settings
    observers: Sequence[Observer]

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
                    _log.error(
                        "customer %d: an observer took longer than %g seconds to hear how it ended",
                        *(event.id, LEAVE_WITHIN),
                    )
                except Exception as error:
                    _log.error("customer %d: an observer raised %s", event.id, type(error).__name__)
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
    if isinstance(event, WriteFinished):
        _log.info(
            "%s of customer %d: %s; fields: %s; attempts: %d; request id: %s",
            *(event.verb, event.id, event.outcome, ", ".join(event.fields)),
            *(event.attempts, event.request_id),
        )
    else:
        name = type(event.error).__name__
        _log.info("%s of customer %d failed: %s, %s", event.verb, event.id, name, event.outcome)
