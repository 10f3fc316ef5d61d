"""What is asked of the gateway: the generated operations, as requests of ours.

A generated endpoint module *is* the operation: it satisfies `Operation`, so type
checkers hold every call here against the generated signature.
"""

from __future__ import annotations

from typing import Any, NamedTuple, ParamSpec, Protocol, TypeVar

from caibo._record.document import Document

P = ParamSpec("P")
T = TypeVar("T")


class Operation(Protocol[P]):
    """A generated endpoint module: it knows method, path and media type."""

    def _get_kwargs(self, *args: P.args, **kwargs: P.kwargs) -> dict[str, Any]: ...


class Call(NamedTuple):
    """One request that a flow wants sent."""

    method: str
    url: str
    headers: dict[str, str]
    content: bytes | None
    #: Until when it may be sent again as it is, by the clock.
    fresh_until: float | None = None
    #: Records of the customer, for what the answer may quote of them.
    known: tuple[Document, ...] = ()

    def __repr__(self) -> str:
        return f"Call({self.method} {self.url})"


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


class _Body:
    def __init__(self, document: Document) -> None:
        self.document = document

    def to_dict(self) -> Document:
        return self.document
