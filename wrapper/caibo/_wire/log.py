"""The logger `caibo`: what a line says stands beside it in fields, never a value or a secret."""

from __future__ import annotations

import logging

_log = logging.getLogger("caibo")
# Without a handler Python itself would print our warnings on standard error.
_log.addHandler(logging.NullHandler())


def debugs() -> bool:
    """Tell whether anybody wants a line for each request."""
    return _log.isEnabledFor(logging.DEBUG)


def informs() -> bool:
    """Tell whether anybody wants a line for each write."""
    return _log.isEnabledFor(logging.INFO)


def log(level: int, message: str, *args: object, **fields: object) -> None:
    """Log a line, with fields for those who write structured logs: `caibo_` and their names."""
    extra = {f"caibo_{name}": value for name, value in fields.items()}
    _log.log(level, message, *args, extra=extra, stacklevel=2)
