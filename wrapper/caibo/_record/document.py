"""JSON objects whose members keep the exact text in which they came, and the merge.

The gateway's only write replaces the whole record, so every member that nobody
addressed goes back as it came: decoding and encoding again would turn ``100.00``
into ``100.0`` and ``1E400`` into infinity.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from caibo import _tests_only
from caibo._record.json_text import (
    Member,
    Members,
    Raw,
    decode,
    encode,
    encode_name,
    is_object,
    join,
    same,
    split,
)


class Document(Raw, Mapping[str, Any]):
    """Hold a JSON object as the API sent it.

    Reads like a dict: numbers are `int` or `Decimal`, and what it returns is a
    fresh copy.  `str()` gives the JSON text, with every member as it came; the
    `repr` shows member names only.  A pickle of it holds the record, of course.

    Example:
        >>> document = Document.parse('{"id": 7, "totalDeposits": 100.00}')
        >>> document["totalDeposits"]
        Decimal('100.00')
        >>> str(document)
        '{"id":7,"totalDeposits":100.00}'
    """

    __slots__ = ("_members",)
    _members: Members

    def __init__(self, members: Mapping[str, object] | None = None) -> None:
        """Encode a mapping of Python values.

        Raises:
            ValueError: a value or name that JSON cannot carry.
        """
        self._members = {k: Member(encode_name(k), encode(v)) for k, v in (members or {}).items()}

    @classmethod
    def parse(cls, text: str | bytes) -> Document:
        """Read JSON text that holds one object.

        A byte order mark is dropped.  The same member twice is refused: nobody
        can say which of the two the gateway means (RFC 8259, section 4).

        Raises:
            ValueError: not UTF-8, not JSON, not an object, or nested too deeply.
                The message never quotes the text.
        """
        try:
            text = text.removeprefix(BOM_UTF8).decode() if isinstance(text, bytes) else text
        except UnicodeDecodeError as error:
            raise ValueError(f"not UTF-8 (byte {error.start})") from None
        return cls._of(split(text))

    @classmethod
    def _of(cls, members: Members) -> Document:
        document = cls.__new__(cls)
        document._members = members
        return document

    def __getitem__(self, name: str) -> Any:
        return _decoded(self._members[name].value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __hash__(self) -> int:
        # Equality is a mapping's, by decoded values; the names are enough to spread.
        return hash(frozenset(self._members))

    def __str__(self) -> str:
        return join(self._members)

    def __bytes__(self) -> bytes:
        return str(self).encode()

    def __repr__(self) -> str:
        members = getattr(self, "_members", {})  # none, where it could not be made
        if _tests_only.unmasked and members:
            return f"Document({dict(self)!r})"
        return f"Document({', '.join(members)})"

    def to_json(self) -> str:
        """Give the JSON text, every member as it came: what `str()` gives.

        Example:
            >>> Document.parse('{"id": 7, "totalDeposits": 100.00}').to_json()
            '{"id":7,"totalDeposits":100.00}'
        """
        return str(self)

    def text(self, name: str) -> str | None:
        """Return the JSON text of a member as it came, `None` where there is none."""
        member = self._members.get(name)
        return None if member is None else member.value

    def over(self, whole: Document, names: Iterable[str]) -> Document:
        """Return a document of these members: this one's where it has them, else the other's."""
        members = {n: self._members.get(n) or whole._members[n] for n in names}
        return Document._of(members)

    def only(self, names: Iterable[str]) -> Document:
        """Return a document with these members, as they came.

        Raises:
            KeyError: there is none of that name.
        """
        return Document._of({name: self._members[name] for name in names})

    def merge(self, changes: Mapping[str, object]) -> Document:
        """Return this document with the members in `changes` set.

        A mapping is merged member by member into an object, anything else
        replaces the member.  Null is not written over an absent member, nor a
        value over an equal one.  Returns this very object when nothing differs.

        Raises:
            ValueError: a value that JSON cannot carry.
        """
        members = dict(self._members)
        for name, after in changes.items():
            spelt, before = members.get(name) or Member(encode_name(name), "null")
            text = _merged(before, after)
            if text != before:
                members[name] = Member(spelt, text)
        return self if members == self._members else Document._of(members)


#: An object without members.
NOTHING = Document()


def _merged(before: str, after: object) -> str:
    if is_object(after) and before.startswith("{"):
        nested = Document.parse(before)
        merged = nested.merge(after)
        return before if merged is nested else str(merged)
    text = encode(after)
    return before if same(_decoded(before), _decoded(text)) else text


def _decoded(text: str) -> Any:
    if text.startswith('"') and "\\" not in text:  # JSON already, and nothing to undo
        return text[1:-1]
    return decode(text)
