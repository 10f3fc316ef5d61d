"""How a gateway spells what it holds: the case of names, ids and decimals as strings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from caibo._record.json_text import Member, Members, encode, join, split
from caibo.testing._contract import contract

_NUMERIC = "-0123456789"
_CASINGS: dict[str, Callable[[str], str]] = {
    "camel": lambda name: name[:1].lower() + name[1:],
    "pascal": lambda name: name[:1].upper() + name[1:],
    "upper": str.upper,
}


class Shapes:
    """Spell records as some gateway may; `FakeCaibo` inherits the attributes."""

    casing: Literal["camel", "pascal", "upper"] | None = None
    id_as_string = False
    decimals_as_strings = False

    def _shown(self, text: str) -> str:
        """Return the text of a stored customer as this gateway spells it."""
        if self.casing is None and not self.id_as_string and not self.decimals_as_strings:
            return text
        try:
            members = split(text)
        except ValueError:
            return text
        return join({name: self._spelt(name, member) for name, member in members.items()})

    def _spelt(self, name: str, member: Member) -> Member:
        known = contract().schemas.get(name)
        kind = known.types[0] if known is not None and len(known.types) == 1 else "any"
        quoted = {"integer": self.id_as_string, "number": self.decimals_as_strings}.get(kind)
        value = f'"{member.value}"' if quoted and member.value[0] in _NUMERIC else member.value
        spelt = member.name if self.casing is None else encode(_CASINGS[self.casing](name))
        return Member(spelt, value)

    def _understood(self, sent: Members, kept: Members) -> Members:
        """Return the members of a body under the names that this gateway has for them.

        With a `casing`, names match in any case, and of two the last one counts, as
        with System.Text.Json; that the vendor's framework does so is an assumption.
        """
        if self.casing is None:
            return sent
        names = {name.lower(): name for name in (*kept, *contract().properties)}
        known = ((names.get(name.lower(), name), member) for name, member in sent.items())
        return {name: member._replace(name=encode(name)) for name, member in known}
