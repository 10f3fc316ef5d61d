"""A customer to assign to: what `customers.edit` gives."""

from __future__ import annotations

import copy
from datetime import date
from typing import TYPE_CHECKING, Any, NoReturn

from caibo._errors import ConfigurationError, InvalidChangesError, Problem
from caibo._record.checks import check_changes
from caibo._record.contract import fields
from caibo._record.customer import Customer
from caibo._record.customer_fields import DraftFields
from caibo._record.document import Document
from caibo._record.json_text import is_array, is_object
from caibo._record.spelling import find, merge, text
from caibo._record.values import as_read
from caibo._write.reading import Reading, merged
from caibo._write.update import Update


class Draft(DraftFields):
    """Assign to the fields of a customer; what differs is written when the block ends.

    Fields read as in `Customer`, with what was assigned.  A name that is no
    field, one that the gateway sets, and a value beyond the contract's limits are
    refused at once.

    Example:
        >>> with client.customers.edit(12345) as draft:
        ...     draft.phone = None
        ...     draft.name = draft.name.title()
        >>> draft.update.outcome
        'accepted'
    """

    _edit: Edit

    if TYPE_CHECKING:

        @property
        def document(self) -> Document: ...

    else:
        # Hidden from type checkers, which would let any name pass.

        def __getattr__(self, name: str) -> Any:
            if name == "_edit":  # half-built, as a debugger may meet it
                raise AttributeError(name)
            return _shown(getattr(self._edit.customer(), name))

        def __setattr__(self, name: str, value: object) -> None:
            self._edit.assign(name, value)

        @property
        def document(self) -> Document:
            return _Shown.of(self._edit.customer().document)

    def __init__(self, edit: Edit) -> None:
        object.__setattr__(self, "_edit", edit)

    @property
    def extra(self) -> dict[str, object]:
        """Members outside the contract to set, by wire name, as in `update`."""
        return self._edit.extra

    @property
    def update(self) -> Update:
        """What the edit came to, once the block has ended.

        Raises:
            ConfigurationError: it has not, or it raised.
        """
        if self._edit.update is None:
            raise ConfigurationError("nothing was written yet: the block has not ended")
        return self._edit.update

    def __repr__(self) -> str:
        edit = self.__dict__.get("_edit")
        return "Draft" if edit is None else f"Draft of {edit.customer()!r}"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Draft belongs to its `edit` block and is not copied or pickled; "
            "caibo.Customer(draft.document) is a copy of what it says"
        )


def _lost(self: object, *_: object, **__: object) -> NoReturn:
    """Refuse to change what would change nothing but a copy."""
    message = (
        "is a copy of what the record says, and what is set inside it would be lost; "
        "give the draft a new value: draft.FIELD = …, or outside the contract "
        'draft.extra["preferences"] = {"currency": …}, by wire names'
    )
    raise InvalidChangesError([Problem("draft.document", message)])


class _Object(dict[str, Any]):
    """An object of a draft's document: a dict to read, to compare and to write as JSON."""

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _lost

    def __copy__(self) -> dict[str, Any]:
        return dict(self)

    def __deepcopy__(self, _: object) -> dict[str, Any]:
        return {name: copy.deepcopy(part) for name, part in self.items()}

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)


class _Array(list[Any]):
    """An array of a draft's document: a list to read, to compare and to write as JSON."""

    __setitem__ = __delitem__ = __iadd__ = __imul__ = append = clear = extend = insert = _lost
    pop = remove = reverse = sort = _lost

    def __copy__(self) -> list[Any]:
        return list(self)

    def __deepcopy__(self, _: object) -> list[Any]:
        return [copy.deepcopy(part) for part in self]

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)


class _Shown(Document):
    """A draft's document, of which nothing can be set: `Draft.extra` is there for that."""

    __slots__ = ()
    __setitem__ = __delitem__ = _lost

    @classmethod
    def of(cls, document: Document) -> Document:
        return cls._of(document._members)

    def __getitem__(self, name: str) -> Any:
        return _shown(super().__getitem__(name))


def _shown(value: Any) -> Any:
    if is_object(value):
        return _Object({name: _shown(part) for name, part in value.items()})
    return _Array(map(_shown, value)) if is_array(value) else value


def _over(value: object, before: object) -> object:
    """Lay an object over one that was assigned before, as both would be merged into the record."""
    if not is_object(value) or not is_object(before):
        return value
    return {**before, **{name: _over(inner, before.get(name)) for name, inner in value.items()}}


class Edit:
    """What a draft was made of, and what was assigned to it, by wire name."""

    def __init__(self, id: int, reading: Reading, validate: bool) -> None:
        self.id = id
        self.reading = reading
        self.validate = validate
        self.assigned: dict[str, object] = {}
        self.extra: dict[str, object] = {}
        self.update: Update | None = None

    def customer(self) -> Customer:
        return Customer(merge(self.reading.document, self.assigned))

    def assign(self, name: str, value: object) -> None:
        if self.update is not None:
            raise ConfigurationError("this draft was written; edit the customer anew")
        if isinstance(value, date) and self._is(name, value):
            return  # its text in the record may have more digits, or no offset
        try:
            checked = check_changes({name: value}, None, validate=self.validate)
        except InvalidChangesError as error:
            error.customer_id = self.id
            raise
        for wire, given in checked.items():
            self.assigned[wire] = _over(given, self.assigned.get(wire))

    def _is(self, name: str, value: date) -> bool:
        field, document = fields().get(name), self.customer().document
        if field is None or not field.writable:
            return False
        return as_read(field.wire, find(document, field.wire)) == value

    def addressed(self) -> Document:
        """Return what differs; what was assigned as it was before is not addressed.

        Raises:
            InvalidChangesError: `extra` has what cannot be there.
        """
        base = self.reading.document
        extra = check_changes({}, self.extra, validate=self.validate)
        changes = {**self.assigned, **extra}
        after = merged(base, changes)
        return Document({n: v for n, v in changes.items() if text(after, n) != text(base, n)})
