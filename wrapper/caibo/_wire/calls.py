"""What a flow is made of: steps that it asks for, decided without waiting.

A generated endpoint module *is* the operation: it satisfies `Operation`, so type
checkers hold every call here against the generated signature.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, ParamSpec, Protocol, TypeVar

from caibo._record.document import Document
from caibo._write.events import Event
from caibo._write.update import Protection

P = ParamSpec("P")
T = TypeVar("T")


class Operation(Protocol[P]):
    """A generated endpoint module: it knows method, path and media type."""

    def _get_kwargs(self, *args: P.args, **kwargs: P.kwargs) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Call:
    """One request that a flow wants sent; it gets the 2xx answer, or the error is thrown in."""

    method: str
    url: str
    headers: dict[str, str] = field(repr=False)
    content: bytes | None = field(repr=False)
    #: Until when it may be sent again as it is, by `time.monotonic()`.
    fresh_until: float | None = None
    #: The record that the request was made of, for what the answer may quote of it.
    known: Document | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds; `DeadlineExceededError` where the call has not that many left."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Again:
    """Pause before something is tried for the so-many-th time again.

    Gets False at once where `max_retries`, the retry budget or the deadline
    forbid it.  `retry_after` is what the gateway asked for, in seconds; the budget
    counts only what came of a `failing` gateway.
    """

    number: int
    retry_after: float | None = None
    failing: bool = True


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep others from writing this customer until the flow ends; gets `Held`."""

    id: int


@dataclass(frozen=True, slots=True)
class Held:
    """Tell what keeps others out, and since when nobody can have written."""

    protection: Protection
    #: By `time.monotonic()`; what was asked for before may be old by now.
    since: float


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell the observers; one that raises before the write is thrown in as an error."""

    event: Event


Step = Call | Pause | Again | Hold | Tell
#: Yields steps, takes what they give, returns the result.
Flow = Generator[Step, Any, T]


def call(operation: Operation[P], *args: P.args, **kwargs: P.kwargs) -> Call:
    """Ask a generated operation what to send."""
    made = operation._get_kwargs(*args, **kwargs)  # pyright: ignore[reportPrivateUsage]
    document = made.get("json")
    return Call(
        made["method"],
        made["url"],
        made.get("headers", {}),
        bytes(document) if isinstance(document, Document) else None,
    )


def body(document: Document) -> Any:
    """Pass a document where the generated code wants its model.

    All it does with a body is to call `to_dict`, and a model of its own would
    lose digits and members.
    """
    return _Body(document)


@dataclass(frozen=True, slots=True)
class _Body:
    document: Document

    def to_dict(self) -> Document:
        return self.document
