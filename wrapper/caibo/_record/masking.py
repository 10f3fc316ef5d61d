"""Keep customer data and secrets out of everything that a person or a log may see."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from caibo._record.json_text import is_array, is_object

# The look-behind keeps a long run of letters from being tried at each of them.
_PART = r"[^\s@\"'<>(),;:]"
_EMAIL = re.compile(rf"(?<!{_PART}){_PART}++@{_PART}+")
_KEY = re.compile(r"caibo_(?:test|live)_sk_\w+")
_LONGEST = 300


def mask(value: object) -> str:
    """Show the shape of a personal value: the first letter, and an e-mail's domain."""
    if value is None or isinstance(value, bool):
        return repr(value)
    if not isinstance(value, str):
        return "…"
    domain = value[value.index("@") :] if _EMAIL.fullmatch(value) else ""
    return repr(f"{value[:1]}…{domain}")


def one_line(text: str) -> str:
    """Cut text that the gateway chose to one printable line of bounded length."""
    # Line breaks, terminal escapes and bidirectional overrides would let an answer
    # draw over our message.
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


class Redactor:
    """Replace what we sent, keys and e-mail addresses in text that the gateway wrote."""

    def __init__(self, sent: Mapping[str, Any], secrets: Iterable[str] = ()) -> None:
        named = [*((text, "secret") for text in secrets), *_leaves("", sent)]
        # The longest first: one value may be part of another.
        self._labels = {
            text.casefold(): label
            for text, label in sorted(named, key=lambda pair: len(pair[0]))
            if len(text) > 1
        }
        longest_first = sorted(self._labels, key=len, reverse=True)
        either = "|".join(map(re.escape, longest_first)) or "(?!)"
        self._pattern = re.compile(rf"(?<!\w)(?:{either})(?!\w)", re.IGNORECASE)

    def __call__(self, text: str) -> str:
        def label(match: re.Match[str]) -> str:
            return f"‹{self._labels.get(match[0].casefold(), 'value')}›"

        text = self._pattern.sub(label, text)
        return one_line(_KEY.sub("‹secret›", _EMAIL.sub(lambda m: mask(m[0])[1:-1], text)))

    def everywhere(self, value: Any) -> Any:
        """Redact every string inside a decoded JSON value."""
        if isinstance(value, str):
            return self(value)
        if is_object(value):
            return {self(name): self.everywhere(inner) for name, inner in value.items()}
        if is_array(value):
            return [self.everywhere(inner) for inner in value]
        return value


def _leaves(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if is_object(value):
        for inner, part in value.items():
            if inner != "id":  # it stands in the path and in every message anyway
                yield from _leaves(str(inner), part)
    elif is_array(value):
        for part in value:
            yield from _leaves(name, part)
    elif value is not None and not isinstance(value, bool):
        yield str(value).strip(), name
