"""One call of a verb: what the client decided for it, and whom it tells."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from caibo._errors import CaiboError, ConfigurationError, WriteStoppedError
from caibo._wire.exchange import Wire
from caibo._wire.waiting import Ask, Flow
from caibo._write.events import Event, Observer, WriteFailed, WriteFinished, WriteIntended

_log = logging.getLogger("caibo")
#: Whether to read back, or after how many seconds.
Confirm = bool | float


@dataclass(slots=True)
class Learnt:
    """What a client, together with its copies, has seen of its gateway."""

    #: A write with an old entity tag was refused, and the record had another one.
    honours_tags: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """What a client decides for all of its updates."""

    validate: bool
    confirm: Confirm
    max_base_age: float
    deadline: float
    #: The same object in every copy of a client.
    learnt: Learnt = field(default_factory=Learnt)

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

    def tell(self, event: Event) -> Flow[None]:
        """Tell the observers; one that raises before the write stops it.

        Raises:
            CaiboError: an observer raised before the write.
        """
        for observer in self.observers:
            try:
                told = yield Ask(observer, (event,))
                _refuse_awaitable(told)
            except Exception as error:
                if not isinstance(event, WriteIntended):
                    _log.error("customer %d: an observer raised %s", event.id, type(error).__name__)
                elif isinstance(error, CaiboError):
                    raise
                else:
                    raise WriteStoppedError(
                        f"customer {event.id}: an observer raised {type(error).__name__}; "
                        "nothing was written"
                    ) from error
        _log_write(event)


def _refuse_awaitable(told: object) -> None:
    if inspect.iscoroutine(told):
        told.close()
    if inspect.isawaitable(told):
        raise ConfigurationError("an observer is async; use it with AsyncCaibo")


def _log_write(event: Event) -> None:
    match event:
        case WriteFinished():
            _log.info(
                "%s of customer %d: %s; fields: %s; attempts: %d; request id: %s",
                *(event.verb, event.id, event.outcome, ", ".join(event.fields)),
                *(event.attempts, event.request_id),
            )
        case WriteFailed():
            name = type(event.error).__name__
            _log.info("%s of customer %d failed: %s", event.verb, event.id, name)
        case _:
            pass  # an intention is the observers' matter
