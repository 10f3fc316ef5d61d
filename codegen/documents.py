"""Read YAML and JSON as the plain values that JSON knows."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer, ComposerError
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent

LONGEST = 200


class DocumentError(Exception):
    """Say in one line why a text cannot be read."""


class _Composer(Composer):
    """Refuse aliases: a page of them may stand for more than fits into memory."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.parser.check_event(AliasEvent):
            mark = self.parser.peek_event().start_mark
            raise ComposerError(None, None, "aliases are not taken, write the value out", mark)
        return super().compose_node(parent, index)


class _Constructor(SafeConstructor):
    """Leave a timestamp the text that it is in JSON."""


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_scalar)


def load(text: str) -> Any:
    """Read YAML, or JSON where the text starts with a brace.

    Keys become strings, so that `200` and `'200'` are the same response.

    Raises:
        DocumentError: The text is neither, has a key twice, or uses aliases.
    """
    try:
        if text.lstrip().startswith("{"):
            return json.loads(text, object_pairs_hook=_unique)
        return _plain(_parsed(text))
    except json.JSONDecodeError as error:
        raise DocumentError(f"not valid JSON: {error}") from error
    except MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        # Of a key that is there twice it shows both values, in full.
        problem, _, _ = str(error.problem).partition(" with value ")
        raise DocumentError(f"not valid YAML: {where}{_one_line(problem)}") from error
    except (YAMLError, ValueError) as error:
        raise DocumentError(f"not valid YAML: {_one_line(error)}") from error
    except RecursionError as error:
        raise DocumentError("nested too deeply") from error


@lru_cache(maxsize=8)
def _parsed(text: str) -> Any:
    """Read a text once: that takes most of the time of a generation, which reads files again."""
    reader = YAML(typ="safe", pure=True)
    reader.Composer = _Composer
    reader.Constructor = _Constructor
    return reader.load(text)


def renewed(page: str, begin: str, made: str, end: str) -> str:
    """Return a page with what is made between its two marks.

    Raises:
        ValueError: The page has not each of the marks once, in their order.
    """
    before, first, rest = page.partition(f"{begin}\n")
    _, last, after = rest.partition(f"{end}\n")
    if not first or not last or begin in rest or end in before + after:
        raise ValueError(f"needs each of these lines once:\n{begin}\n{end}")
    return f"{before}{begin}\n\n{made}\n\n{end}\n{after}"


def _one_line(words: object) -> str:
    line = " ".join(str(words).split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        twice = _twice([name for name, _ in pairs])
        raise DocumentError(f"not valid JSON: an object has the same key twice: {twice}")
    return made


def _twice(names: list[str]) -> str:
    return repr(next(name for name in names if names.count(name) > 1)[:LONGEST])


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        made = {str(key): _plain(member) for key, member in value.items()}
        if len(made) < len(value):  # `200` and `'200'`
            twice = _twice([str(key) for key in value])
            raise DocumentError(f"not valid YAML: a mapping has the same key twice: {twice}")
        return made
    if isinstance(value, list):
        return [_plain(member) for member in value]
    return value
