"""Read the vendor's pages and OpenAPI documents, from files and from the web.

What comes from outside is bounded in size and in time, a redirect stays on its
host, and nothing is taken for a contract that does not look like one.
"""

from __future__ import annotations

import ipaddress
import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from contract_places import references
from documents import DocumentError, load
from markdown_it import MarkdownIt
from markdown_it.token import Token

LIMIT = 4 * 1024 * 1024
LONGEST = 200
REDIRECTS = 5
HEADERS = {
    "Accept": "text/markdown, application/yaml, application/json, text/plain, */*;q=0.1",
    # What is compressed may become far more than was received.
    "Accept-Encoding": "identity",
}
FENCE = re.compile(r"([\s>]*)(`{3,}|~{3,})(.*)")
SAYS_OPENAPI = re.compile(r"""(?:^|[{,])\s*["']?(?:openapi|swagger)["']?\s*:""", re.MULTILINE)


class SourceError(Exception):
    """Say which source cannot be used, and why."""


@dataclass(frozen=True)
class Part:
    """An OpenAPI document as a source has it; around a fenced one there is the page."""

    origin: str
    text: str
    document: dict[str, Any]
    fenced: bool = True


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
            yield Part(name, text, _checked(name, document), fenced=False)
            return
    blocks = [token for token in MarkdownIt("commonmark").parse(text) if token.type == "fence"]
    if not blocks:
        raise SourceError(f"{name}: no page with a fenced block; as a document, {reason}")
    lines = text.splitlines()
    found = [part for block in blocks for part in _in_block(name, block, lines)]
    if not found:
        raise SourceError(f"{name}: no fenced block of the page is an OpenAPI document")
    yield from found


def _in_block(name: str, block: Token, lines: Sequence[str]) -> Iterator[Part]:
    if not SAYS_OPENAPI.search(block.content):
        return
    first, end = block.map or (0, 0)
    where = f"{name}, line {first + 1}"
    if not _closes(lines[first:end]):
        raise SourceError(f"{where}: the fence that opens here never closes: the page is cut off")
    try:
        document = load(block.content)
    except DocumentError as error:
        raise SourceError(f"{where}: {error}") from error
    if _version(document):
        yield Part(where, block.content, _checked(where, document))


def _closes(lines: Sequence[str]) -> bool:
    """Tell whether a block's last line ends it; a parser takes the end of the page for that, too.

    A fence within the contract, as in a description, stands further to the right.
    """
    opens, last = FENCE.match(lines[0]), FENCE.match(lines[-1])
    if opens is None or last is None or len(lines) == 1 or last[3].strip():
        return False
    return last[2].startswith(opens[2]) and len(last[1]) <= len(opens[1]) + 3


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
    servers = document.get("servers")
    if not servers or not isinstance(servers, list) or not all(map(_has_url, servers)):
        raise SourceError(f"{where}: `servers` must list at least one server with its `url`")
    if not _maps(components):
        raise SourceError(f"{where}: not OpenAPI: `components` must map kinds to named parts")
    for place, reference in references(document):
        if not reference.startswith("#/"):
            out = f"$ref leads out of the document: {reference[:LONGEST]!r}"
            raise SourceError(f"{where}, {place}: {out}")
    try:
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise SourceError(f"{where}: holds a value that JSON has not: {error}") from error
    return document


def _maps(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(member, dict) for member in value.values())


def _has_url(server: Any) -> bool:
    return isinstance(server, dict) and isinstance(server.get("url"), str) and bool(server["url"])


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
