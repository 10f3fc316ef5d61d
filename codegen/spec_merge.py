"""Unite OpenAPI documents, and name what differs between two of them.

A document is seen as pieces: each operation, what else a path has, each
component, and each further member of the whole.  Documents can be united when
no piece is in two versions.
"""

from __future__ import annotations

import difflib
import io
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contract_places import METHODS
from documents import load
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from spec_sources import Part

Address = tuple[str, ...]


class ConflictError(Exception):
    """Show the two versions of a piece."""


def merge(parts: Sequence[Part]) -> str:
    """Give the text of the contract that all the parts make up.

    Where one part has everything, its own text is taken, byte for byte.  The
    result does not depend on the order of the parts: they are brought into the
    order of their paths, and then things stand as they first appear.

    Raises:
        ConflictError: A piece is in two versions.
    """
    ordered = sorted(parts, key=lambda part: (_operations(part.document), part.text))
    for one, other in itertools.combinations(parts, 2):
        _compare(one, other)
    united: dict[Address, str] = {}
    for part in ordered:
        united |= pieces(part.document)
    for part in ordered:
        if _is_yaml(part.text) and pieces(part.document) == united:
            return part.text
    text = _unite(ordered)
    if pieces(load(text)) != united:
        raise AssertionError("the united text does not say what the parts say")
    return text


def pieces(document: Mapping[str, Any]) -> dict[Address, str]:
    """Take a document apart, each piece as JSON in which the order of members does not show."""
    return {
        address: json.dumps(value, indent=2, sort_keys=True) for address, value in _pieces(document)
    }


def _pieces(document: Mapping[str, Any]) -> Iterator[tuple[Address, Any]]:
    for key, value in document.items():
        if key == "paths":
            for path, item in value.items():
                common = {name: member for name, member in item.items() if name not in METHODS}
                yield ("paths", path), common
                for name, member in item.items():
                    if name in METHODS:
                        yield ("paths", path, name), member
        elif key == "components":
            for kind, named in value.items():
                for name, member in named.items():
                    yield ("components", kind, name), member
        else:
            yield (key,), value


def title(address: Address) -> str:
    """Name a piece as people would."""
    if address[0] == "paths":
        return f"{address[2].upper()} {address[1]}" if address[2:] else f"path {address[1]}"
    return ".".join(address)


def printable(text: str) -> str:
    """Keep what comes from outside within its line."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def _operations(document: Mapping[str, Any]) -> list[Address]:
    return sorted(address for address in pieces(document) if len(address) == 3)


def _compare(one: Part, other: Part) -> None:
    """Refuse two versions of a piece.

    A member of the whole, such as `security`, would apply to the other part's
    operations as well; so its absence is a version, too.
    """
    ours, theirs = pieces(one.document), pieces(other.document)
    for address in ours | theirs:
        if len(address) > 1 and not (address in ours and address in theirs):
            continue
        before, after = ours.get(address, ""), theirs.get(address, "")
        if before != after:
            lines = difflib.unified_diff(
                before.splitlines(), after.splitlines(), one.origin, other.origin, lineterm=""
            )
            difference = "\n".join(f"    | {printable(line)}" for line in lines)
            raise ConflictError(
                f"{printable(title(address))} is in two versions, in {one.origin} "
                f"and in {other.origin}:\n{difference}"
            )


def _is_yaml(text: str) -> bool:
    return not text.lstrip().startswith("{")


def _unite(parts: Sequence[Part]) -> str:
    first, *others = [_styled(part.text) for part in parts]
    known = pieces(parts[0].document)
    for part, styled in zip(parts[1:], others, strict=True):
        for address in pieces(part.document):
            if address not in known:
                _add(first, styled, address)
        known |= pieces(part.document)
    out = io.StringIO()
    _yaml().dump(first, out)
    return out.getvalue()


def _add(target: Any, source: Any, address: Address) -> None:
    *above, last = address
    for name in above:
        target, source = target.setdefault(name, CommentedMap()), _member(source, name)
    # Of a new path that is all of it, its operations included.
    target.setdefault(last, _member(source, last))


def _member(styled: Any, name: str) -> Any:
    """Look up a name that the text may have as a number."""
    return next(member for key, member in styled.items() if str(key) == name)


def _styled(text: str) -> Any:
    """Read a text so that it is written as it was: order, quotes and folds."""
    if _is_yaml(text):
        # Empty lines at the end of a part would stand in the middle of the whole.
        return _yaml().load(text.rstrip() + "\n")
    return json.loads(text)


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 1_000_000
    return yaml
