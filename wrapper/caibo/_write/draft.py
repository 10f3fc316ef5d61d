"""A customer to assign to: what `customers.edit` gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from caibo._errors import ConfigurationError
from caibo._record.checks import check_changes
from caibo._record.customer import Customer, DraftFields
from caibo._record.document import Document
from caibo._record.spelling import merge, text
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
            return getattr(self._edit.customer(), name)

        def __setattr__(self, name: str, value: object) -> None:
            self._edit.assign(name, value)

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
        return f"Draft of {self._edit.customer()!r}"


@dataclass(slots=True)
class Edit:
    """What a draft was made of, and what was assigned to it, by wire name."""

    id: int
    reading: Reading
    validate: bool
    assigned: dict[str, object] = field(default_factory=dict[str, object])
    extra: dict[str, object] = field(default_factory=dict[str, object])
    update: Update | None = None

    def customer(self) -> Customer:
        return Customer(merge(self.reading.document, self.assigned))

    def assign(self, name: str, value: object) -> None:
        if self.update is not None:
            raise ConfigurationError("this draft was written; edit the customer anew")
        self.assigned.update(check_changes({name: value}, None, validate=self.validate))

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
