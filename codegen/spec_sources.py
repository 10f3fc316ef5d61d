"""Read the vendor's pages and OpenAPI documents, from files and from the web.

What comes from outside is bounded in size and in time, a redirect stays on its
host, and nothing is taken for a contract that does not look like one.
"""

from __future__ import annotations

import ipaddress
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from documents import DocumentError, load
from markdown_it import MarkdownIt
from markdown_it.token import Token

LIMIT = 4 * 1024 * 1024
REDIRECTS = 5
HEADERS = {
    "Accept": "text/markdown, application/yaml, application/json, text/plain, */*;q=0.1",
    # What is compressed may become far more than was received.
    "Accept-Encoding": "identity",
}
SAYS_OPENAPI = re.compile(r"""(?:^|[{,])\s*["']?(?:openapi|swagger)["']?\s*:""", re.MULTILINE)


class SourceError(Exception):
    """Say which source cannot be used, and why."""


@dataclass(frozen=True)
class Part:
    """An OpenAPI document as a source has it."""

    origin: str
    text: str
    document: dict[str, Any]


def parts(source: str, timeout: float) -> list[Part]:
    """Give the OpenAPI documents in a file or at an address.

    Args:
        source: A path, or an address that starts with `https://` (`http://` on loopback).
        timeout: Seconds that a server may take, for each step and for the whole.

    Raises:
        SourceError: It cannot be read, or there is no OpenAPI document in it.
    """
    name, data = _download(source, timeout) if "://" in source else _read(source)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"{name}: not UTF-8, at byte {error.start}") from error
    return list(_find(name, text.replace("\r\n", "\n")))


def _find(name: str, text: str) -> Iterator[Part]:
    """Give the text itself if it is an OpenAPI document, or else its fenced blocks that are."""
    if re.match(r"\s*<(!doctype|html|\?xml)", text, re.IGNORECASE):
        raise SourceError(f"{name}: HTML instead of Markdown; ask for the page's `.md` address")
    reason = "no OpenAPI document"
    try:
        document = load(text)
    except DocumentError as error:
        # That is to be expected of a page.
        reason = str(error)
    else:
        if _version(document):
            yield Part(name, text, _checked(name, document))
            return
    blocks = [token for token in MarkdownIt("commonmark").parse(text) if token.type == "fence"]
    if not blocks:
        raise SourceError(f"{name}: no page with a fenced block; as a document, {reason}")
    found = [part for block in blocks for part in _in_block(name, block)]
    if not found:
        raise SourceError(f"{name}: no fenced block of the page is an OpenAPI document")
    yield from found


def _in_block(name: str, block: Token) -> Iterator[Part]:
    if not SAYS_OPENAPI.search(block.content):
        return
    where = f"{name}, line {block.map[0] + 1 if block.map else 0}"
    try:
        document = load(block.content)
    except DocumentError as error:
        raise SourceError(f"{where}: {error}") from error
    if _version(document):
        yield Part(where, block.content, _checked(where, document))


def _version(document: Any) -> Any:
    if isinstance(document, dict):
        return document.get("openapi") or document.get("swagger")


def _checked(where: str, document: dict[str, Any]) -> dict[str, Any]:
    """Refuse what has not the outline of OpenAPI 3; `nox -s generate` validates the rest."""
    version = document.get("openapi")
    if not isinstance(version, str) or not re.fullmatch(r"3\.\d+\.\d+", version):
        raise SourceError(f"{where}: OpenAPI 3 is needed, this says {_version(document)!r}")
    paths, components = document.get("paths"), document.get("components", {})
    if not isinstance(document.get("info"), dict):
        raise SourceError(f"{where}: not OpenAPI: `info` is missing or no mapping")
    if not _maps(paths) or not all(path.startswith("/") for path in paths or ()):
        raise SourceError(f"{where}: not OpenAPI: `paths` must map paths to their operations")
    if not paths:
        raise SourceError(f"{where}: there is no path in it")
    if not _maps(components):
        raise SourceError(f"{where}: not OpenAPI: `components` must map kinds to named parts")
    for reference in _references(document):
        if not reference.startswith("#/"):
            raise SourceError(f"{where}: $ref leads out of the document: {reference[:200]!r}")
    try:
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise SourceError(f"{where}: holds a value that JSON has not: {error}") from error
    return document


def _maps(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(member, dict) for member in value.values())


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for member in value:
            yield from _references(member)


def _read(source: str) -> tuple[str, bytes]:
    try:
        with Path(source).open("rb") as file:
            data = file.read(LIMIT + 1)
    except OSError as error:
        raise SourceError(f"{source}: {error.strerror}") from error
    if len(data) > LIMIT:
        raise SourceError(f"{source}: more than {LIMIT // 1024**2} MiB")
    return source, data


def _download(source: str, timeout: float) -> tuple[str, bytes]:
    """Fetch an address; a redirect is followed only on the same scheme, host and port."""
    try:
        url = httpx.URL(source)
    except httpx.InvalidURL as error:
        raise SourceError(f"not an address: {error}") from error
    # Neither the credentials of an address nor its query belong into a log.
    name = str(url.copy_with(query=None, fragment=None, userinfo=b""))
    if url.userinfo:
        raise SourceError(f"{name}: the address must not hold credentials")
    if url.scheme != "https" and not (url.scheme == "http" and _is_loopback(url.host)):
        raise SourceError(f"{name}: only https is fetched, and http from this machine")
    end = time.monotonic() + timeout
    try:
        with httpx.Client(timeout=timeout, headers=HEADERS) as client:
            for _ in range(REDIRECTS + 1):
                with client.stream("GET", url) as response:
                    if response.next_request is None:
                        return name, _body(name, response, end)
                    target = response.next_request.url
                if (target.scheme, target.netloc) != (url.scheme, url.netloc):
                    raise SourceError(f"{name}: redirects to another host, {target.host}")
                url = target
    except httpx.TimeoutException as error:
        raise SourceError(f"{name}: no complete answer within {timeout:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SourceError(f"{name}: {error}") from error
    raise SourceError(f"{name}: more than {REDIRECTS} redirects")


def _body(name: str, response: httpx.Response, end: float) -> bytes:
    if response.status_code != 200:
        raise SourceError(f"{name}: answered {response.status_code} {response.reason_phrase}")
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding != "identity":
        raise SourceError(f"{name}: compressed ({encoding}), although asked not to")
    data = b""
    for chunk in response.iter_raw():
        data += chunk
        if len(data) > LIMIT:
            raise SourceError(f"{name}: more than {LIMIT // 1024**2} MiB")
        if time.monotonic() > end:
            raise httpx.ReadTimeout("the whole took too long")
    return data


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
