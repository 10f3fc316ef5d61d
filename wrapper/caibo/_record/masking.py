"""Keep customer data and secrets out of everything that a person or a log may see."""

from __future__ import annotations

import re
from bisect import bisect
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import accumulate
from typing import Any
from unicodedata import normalize
from urllib.parse import unquote

from caibo import _tests_only
from caibo._record.contract import fields
from caibo._record.json_text import is_array, is_object

# The look-behind keeps a long run of letters from being tried at each of them.
_PART = r"[^\s@\"'<>‹›(),;:]"
# Compiled when first used: it takes longer than most imports, and few programs need them.
_EMAIL = rf"(?<!{_PART}){_PART}++@{_PART}+"
_KEY = r"caibo_(?:test|live)_sk_(\w+)"
#: How a name of a member is spelt by any framework; everything else may be a value.
_IDENTIFIER = r"(?a)[$@A-Za-z_][\w$]*(?:[./][\w$]*|\[[\w'\"]*\])*"
# Scripts that put no space between words: each of their characters is one.
_WORD = r"[\u2e80-\U0003ffff]|[^\W_\u2e80-\U0003ffff]+"
_ESCAPED = r"\\u([0-9A-Fa-f]{4})"
_NUMBER = r"(?a)-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,6})?"
LONGEST = 300
#: Stands behind two values that look alike, as what tells them apart is masked or cut.
DIFFER = " (they differ)"
#: Shorter ones are found by chance in any sentence, such as the 100 of "maximum length 100".
_SHORTEST = 4
_FEWEST_DIGITS = 5
#: How much of the beginning of a value is recognised as it, cut off.
_CUT = 8
#: How much of a value is compared; a longer one is masked to the end of the word there.
_COMPARED = 64
#: How many values of an answer are masked; the rest of a flood is left out.
_MOST = 10_000


def mask(value: object) -> str:
    """Show the shape of a personal value: the first letter, and an e-mail's domain."""
    if value is None or isinstance(value, bool):
        return repr(value)
    if not isinstance(value, str):
        return "…"
    domain = value[value.index("@") :] if re.fullmatch(_EMAIL, value) else ""
    return repr(f"{value[:1]}…{domain}")


def represented(value: object) -> str:
    """Show a value in a `repr`: masked, but for tests that want to see it."""
    return repr(value) if _tests_only.unmasked else mask(value)


def arrow(before: str, after: str) -> str:
    """Show two values that differ, also where their masks, or what is cut of them, do not."""
    return f"{before} → {after}" + DIFFER * (before == after)


def one_line(text: str, longest: int = LONGEST) -> str:
    """Cut text that the gateway chose to one printable line of bounded length."""
    # Line breaks, terminal escapes and bidirectional overrides would let an answer
    # draw over our message.
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


class Redactor:
    """Replace what we sent and what the record said, keys and e-mail addresses in foreign text.

    Values are recognised by their letters and digits alone, without regard to case,
    accents, punctuation and escapes, and by their first 8 where they were cut off.
    Values of fewer than 4 characters and numbers of fewer than 5 digits are replaced
    only where they are all that a member says.  Names of members never are.
    """

    def __init__(
        self,
        sent: Mapping[str, Any],
        secrets: Collection[str] = (),
        *,
        known: Iterable[Mapping[str, Any]] = (),
        status: int | None = None,
    ) -> None:
        self._names = {_fold(name) for f in fields().values() for name in (f.name, f.wire)}
        self._status = status  # an answer repeats it, and then it is nobody's balance
        self._secrets = [text for text in secrets if len(text) >= _SHORTEST]
        self._whole: dict[str | Decimal, str] = {}
        self._exact: dict[str, str] = {}
        self._cut: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        self._odd: dict[str, str] = {}  # more signs than letters
        self._left = _MOST
        for secret in secrets:
            self._learn(re.sub(_KEY, r"\1", secret), "secret")
        for record in (sent, *known):
            for label, value in self._leaves("", record):
                self._learn(value, label)
        for values in self._cut.values():
            values.sort()
        self._lengths = sorted({len(form) for form in self._exact}, reverse=True)
        either = "|".join(map(re.escape, list(self._odd)[:_COMPARED])) or "(?!)"
        self._any_odd = re.compile(rf"(?<!\w)(?:{either})(?!\w)", re.IGNORECASE)

    def __call__(self, text: str, longest: int = LONGEST) -> str:
        """Redact a sentence, and make it one line."""
        text = _plain(text if len(text) <= 4 * longest else text[: 4 * longest - 2 * _CUT])
        for secret in self._secrets:
            text = re.sub(re.escape(secret), "‹secret›", text, flags=re.IGNORECASE)
        text = self._any_odd.sub(lambda m: f"‹{self._odd.get(m[0], 'value')}›", text)
        text = re.sub(_EMAIL, lambda m: mask(m[0])[1:-1], self._without_values(text))
        return one_line(re.sub(_KEY, "‹secret›", text), longest)

    def value(self, value: Any, longest: int = LONGEST) -> Any:
        """Redact a string or number that is all that a member says."""
        if value is None or isinstance(value, bool) or value == self._status:
            return value
        text = str(value)
        for key in _keys(text):
            if key in self._whole and key not in self._names:
                return f"‹{self._whole[key]}›"
        masked = self(text, longest)
        return masked if isinstance(value, str) or masked != text else value

    def name(self, name: str) -> str:
        """Make the name of a member one line; only what cannot be a name is redacted."""
        if len(name) > _COMPARED or not re.fullmatch(_IDENTIFIER, name):
            return self(name) if _fold(name[:_COMPARED]) not in self._names else one_line(name)
        for secret in self._secrets:
            name = re.sub(re.escape(secret), "‹secret›", name, flags=re.IGNORECASE)
        return re.sub(_KEY, "‹secret›", name)

    def everywhere(self, value: Any, longest: int = LONGEST) -> Any:
        """Redact every string and number inside a decoded JSON value."""
        self._left -= 1
        if self._left < 0:
            return "…"
        if is_object(value):
            masked: dict[str, Any] = {}
            for name, part in value.items():
                masked[self.name(name)] = self.everywhere(part, longest)
                if self._left < 0:
                    break
            return masked
        if is_array(value):
            return [self.everywhere(v, longest) for v in value[: self._left]]
        return self.value(value, longest)

    def _leaves(self, name: str, value: Any) -> Iterator[tuple[str, Any]]:
        if is_object(value):
            for inner, part in value.items():
                self._names.add(_fold(inner[:_COMPARED]))
                if inner.lower() != "id":  # it stands in the path and in every message anyway
                    yield from self._leaves(inner, part)
        elif is_array(value):
            for part in value:
                yield from self._leaves(name, part)
        elif value is not None and not isinstance(value, bool):
            yield name, value

    def _learn(self, value: Any, label: str) -> None:
        text = str(value).strip()
        for key in _keys(text):
            self._whole.setdefault(key, label)
        folded = _fold(text[: 4 * _COMPARED])[:_COMPARED]
        digits = folded
        if "." in text and not isinstance(value, str):  # 100.00 is 100
            digits = _fold(text.rstrip("0").rstrip("."))
        if len(digits) >= (_FEWEST_DIGITS if folded.isdigit() else _SHORTEST):
            self._exact.update({digits: label, folded: label})
        elif len(text) >= _SHORTEST and not re.fullmatch(_NUMBER, text):
            self._odd[text] = label
        if isinstance(value, str) and folded.isdigit() and 10 <= len(folded) <= 15:
            # A phone number without its country code, of up to three digits: ITU-T E.164.
            for rest in (folded[1:], folded[2:], folded[3:]):
                self._exact.update({rest: label, f"0{rest}": label})
        if len(folded) >= _CUT and isinstance(value, str):
            self._cut[folded[:_CUT]].append((folded, label))

    def _without_values(self, text: str) -> str:
        found = ((m.start(), m.end(), _fold(m[0])) for m in re.finditer(_WORD, text))
        words = [word for word in found if word[2]]
        flat = "".join(word for *_, word in words)
        starts = [0, *accumulate(len(word) for *_, word in words)]
        breaks = set(starts)
        pieces: list[str] = []
        index = done = 0
        while index < len(words):
            length, label = self._at(flat, starts[index], breaks)
            first = index
            while index < len(words) and starts[index] < starts[first] + max(length, 1):
                index += 1
            if length:
                pieces += [text[done : words[first][0]].removesuffix("+"), f"‹{label}›"]
                done = words[index - 1][1]
        return "".join([*pieces, text[done:]])

    def _at(self, flat: str, start: int, breaks: set[int]) -> tuple[int, str]:
        """Return how much of folded text, from the start of a word, is one of the values."""
        for length in self._lengths:
            form = flat[start : start + length]
            if form in self._exact and start + length in breaks and form not in self._names:
                return length, self._exact[form]
        values = self._cut.get(flat[start : start + _CUT])
        if values is not None:
            here = flat[start : start + _COMPARED]
            # Of sorted values, one of the two beside it has most in common with it.
            place = bisect(values, (here,))
            for value, label in values[max(0, place - 1) : place + 1]:
                length = _common(here, value)
                while length < len(value) and start + length not in breaks:
                    length -= 1
                if length >= _CUT and here[:length] not in self._names:
                    return length, label
        return 0, ""


def _common(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


def _plain(text: str) -> str:
    """Undo the escapes of HTML, URLs and JSON, under which a value would not be recognised."""
    from html import unescape

    for _ in range(2 if "&" in text else 0):
        text = unescape(text)
    text = unquote(text) if "%" in text else text
    return re.sub(_ESCAPED, lambda match: chr(int(match[1], 16)), text)


def _fold(text: str) -> str:
    """Reduce text to what all its spellings share: letters and digits, in one case."""
    text = "".join(filter(str.isalnum, text))
    if text.isascii():
        return text.lower()
    return "".join(filter(str.isalnum, normalize("NFKD", text).casefold()))


def _keys(text: str) -> list[str | Decimal]:
    """Return under what to look up all that a member says."""
    text = text.strip()
    if not text or len(text) > 4 * _COMPARED:
        return []
    number = Decimal(text) if re.fullmatch(_NUMBER, text) else None
    return [key for key in (text.casefold(), _fold(text), number) if key is not None and key != ""]
