"""JSON as text: a tokenizer of its own, and strategies for every spelling that JSON allows."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from hypothesis import strategies as st

#: 17 digits, as real ones: a float would turn it into …192.
ID = 16772748432912191

_token = re.compile(
    r"""[ \t\n\r]*( "(?:[^"\\]|\\.)*" | [][{}:,] | -?[0-9][0-9.eE+-]* | true | false | null )""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Member:
    """A member of an object by its tokens, the text between them left out."""

    name: str
    value: tuple[str, ...]

    @property
    def decoded_name(self) -> str:
        name: str = json.loads(self.name)
        return name

    @property
    def decoded(self) -> object:
        value: object = json.loads("".join(self.value))
        return value


def tokens(text: str) -> list[str]:
    """Cut JSON into its tokens, as they are spelt."""
    text = text.rstrip(" \t\n\r")
    found, end = [], 0
    while end < len(text):
        match = _token.match(text, end)
        assert match is not None, f"no token at {end}: {text[end : end + 20]!r}"
        found.append(match[1])
        end = match.end()
    return found


def members(body: bytes) -> list[Member]:
    """Cut an object into its members, in their order."""
    first, *inner, last = tokens(body.decode())
    assert (first, last) == ("{", "}")
    found: list[Member] = []
    level, start = 0, 0
    for position, token in enumerate([*inner, ","] if inner else []):
        level += (token in "[{") - (token in "]}")
        if level == 0 and token == ",":
            name, colon, *value = [*inner, ","][start:position]
            assert colon == ":"
            found.append(Member(name, tuple(value)))
            start = position + 1
    return found


_NUMBERS = [
    "0", "-0", "-0.0", "100.00", "1E400", "1e-7", "-1.5E+3", "79228162514264.3375935439",
    "1234567890123456789012345678", "0.1000000000000000055511151231257827",
    "1e99999999999999999999",
    str(2**63), str(ID), "9" * 60,
]  # fmt: skip
_ESCAPES = [
    r"\u00e9", r"\u00E9", r"\/", r"\"", r"\\", r"\b\f\n\r\t", r"\u0000", r"\u0061", r"\ud83d\ude00",
    r"\ud800", r"\udfff", r"\u2028", "é", "\u2028", "\x7f", "😀", "/", "",
]  # fmt: skip
_NAMES = [
    "class", "from", "None", "lambda", "self", "id_", "Email", "EMAIL", "member_id", "__class__",
    "a b", "a.b", "", "preferences", "__proto__", "$ref",
]  # fmt: skip

numbers = st.sampled_from(_NUMBERS) | st.from_regex(
    r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?", fullmatch=True
)
_raw = st.characters(exclude_categories=["Cs"], exclude_characters='"\\', min_codepoint=0x20)
strings = st.lists(st.sampled_from(_ESCAPES) | _raw, max_size=6).map(lambda s: f'"{"".join(s)}"')
dates = st.just('"2024-03-05T09:30:12.1234567Z"')
_blanks = st.sampled_from(["", "", " ", "\n", "\t", "\r\n  "])
_scalars = st.sampled_from(["null", "true", "false"]) | numbers | strings | dates


@st.composite
def _lists(draw: st.DrawFn, parts: st.SearchStrategy[str], marks: str) -> str:
    """Put white space anywhere between the tokens of an array, or of an object's members."""
    inner = [draw(_blanks) + part + draw(_blanks) for part in draw(st.lists(parts, max_size=4))]
    return marks[0] + ",".join(inner) + draw(_blanks) * (not inner) + marks[1]


@st.composite
def _pair(draw: st.DrawFn, name: st.SearchStrategy[str], value: st.SearchStrategy[str]) -> str:
    return draw(name) + draw(_blanks) + ":" + draw(_blanks) + draw(value)


names = st.sampled_from(_NAMES).map(json.dumps) | strings
_nested = st.recursive(
    _scalars, lambda inner: _lists(inner, "[]") | _lists(_pair(names, inner), "{}"), max_leaves=8
)
values = _nested | _nested.map(lambda value: '{"":[' * 30 + value + "]}" * 30)


@st.composite
def spelt(draw: st.DrawFn, text: str) -> str:
    """Spell a string with or without escapes."""
    return '"' + "".join(draw(st.sampled_from([c, f"\\u{ord(c):04x}"])) for c in text) + '"'


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """Draw a customer record that may be written back: any members, in any order and spelling."""
    ids = [str(ID), f"{ID}.0", f"{ID}0e-1"]
    text = strings | st.just("null")
    known = {
        "id": st.sampled_from(ids),
        "name": strings,
        "email": strings | st.just('"ada@example.com"'),
        "address": text,
        "phone": text,
        "memberId": text,
        **dict.fromkeys(("ownerId", "userId", "ownerName", "totalDeposits", "createDate"), values),
    }
    left_out = draw(st.sets(st.sampled_from(sorted(known.keys() - {"name", "email"}))))
    parts = [(spelt(name), value) for name, value in known.items() if name not in left_out]
    unknown = draw(st.lists(names, max_size=4, unique_by=json.loads))
    folded = {name.lower() for name in known}
    parts += [(st.just(n), values) for n in unknown if json.loads(n).lower() not in folded]
    members = [draw(_pair(name, value)) for name, value in draw(st.permutations(parts))]
    blank = draw(_blanks)
    return (blank + "{" + blank + f"{blank},{blank}".join(members) + blank + "}" + blank).encode()
