"""What is asked of the gateway: the generated operations, as requests of ours.

A generated endpoint module *is* the operation: it satisfies `Operation`, so type
checkers hold every call here against the generated signature.
"""

from __future__ import annotations

from typing import Any, NamedTuple, ParamSpec, Protocol, TypeVar

import httpx

from caibo._errors import ConfigurationError
from caibo._record.document import Document
from caibo._record.json_text import is_object

P = ParamSpec("P")
T = TypeVar("T")
#: What may change a customer.
WRITES = ("PUT", "PATCH")
# `Wire` makes these itself.
_OF_THE_WIRE = frozenset({"host", "content-length", "transfer-encoding"})


class Operation(Protocol[P]):
    """A generated endpoint module: it knows method, path and media type."""

    def _get_kwargs(self, *args: P.args, **kwargs: P.kwargs) -> dict[str, Any]: ...


class Call(NamedTuple):
    """One request that a flow wants sent."""

    method: str
    url: str
    headers: dict[str, str]
    content: bytes | None

    def __repr__(self) -> str:
        return f"Call({self.method} {self.url})"


def call(operation: Operation[P], *args: P.args, **kwargs: P.kwargs) -> Call:
    """Ask a generated operation what to send.

    Raises:
        ConfigurationError: it has a parameter that cannot be sent.
    """
    made = operation._get_kwargs(*args, **kwargs)  # pyright: ignore[reportPrivateUsage]
    method, url, headers = made.pop("method").upper(), made.pop("url"), made.pop("headers", {})
    document = made.get("json")
    if isinstance(document, Document):
        del made["json"]
        made["content"] = bytes(document)
    content = made.get("content")
    if not made or (len(made) == 1 and isinstance(content, bytes)):
        return Call(method, url, headers, content)
    return _encoded(method, url, headers, made)


def _encoded(method: str, url: str, headers: dict[str, str], made: dict[str, Any]) -> Call:
    """Let httpx write what the generated code leaves to it: query, cookies, forms, other JSON."""
    try:
        request = httpx.Request(method, f"http://localhost{url}", headers=headers, **made)
        content = request.read()
    except Exception as error:  # whatever a stream of the caller's raises, too
        why = type(error).__name__
    else:
        given = {k: v for k, v in request.headers.items() if k not in _OF_THE_WIRE}
        return Call(method, request.url.raw_path.decode(), given, content or None)
    # Outside `except`: a foreign error, which may hold a value, would hang on as the context.
    names = [f"{k} ({', '.join(v)})" if is_object(v) else k for k, v in made.items()]
    raise ConfigurationError(f"{method} {url}: cannot send its {', '.join(names)}: {why}")


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
