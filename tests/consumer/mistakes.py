"""What a type checker must tell somebody who writes it.

Each comment expects one error.  An error that stays out makes its comment
superfluous, which both checkers report: so nothing here passes in silence.
"""

# What follows from a mistake is not counted with it.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import caibo
from caibo.testing import FakeCaibo, error


def sync_face(customers: caibo.Customers) -> None:
    """Make the mistakes on the blocking face."""
    customers.update(1, emial="new@example.com")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    customers.update(1, name=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    customers.update(1, id=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    customers.update(1, owner_id=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    customers.update(1, memberId="M-1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    customers.update(1, phone=1234567890)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    customers.update("1", phone=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    customers.update()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    customers.replace(1, name="Ada")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def async_face(customers: caibo.AsyncCustomers) -> None:
    """Make the same mistakes on the awaited face."""
    await customers.update(1, emial="new@example.com")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await customers.update(1, name=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await customers.update(1, id=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await customers.update(1, owner_id=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await customers.update(1, memberId="M-1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await customers.update(1, phone=1234567890)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await customers.update("1", phone=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await customers.update()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await customers.replace(1, name="Ada")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    customers.get(1).name.strip()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def drafts(customers: caibo.Customers) -> None:
    """Assign to a draft what it has not."""
    with customers.edit(1) as draft:
        draft.emial = "new@example.com"  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
        draft.name = None  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
        draft.id = 2  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def plans(customers: caibo.Customers) -> None:
    """Plan what is no update."""
    customers.plan(1, emial="new@example.com")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    customers.plan(1, name=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    customers.apply({"phone": None})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def results(update: caibo.Update) -> None:
    """Take a result for more than it is."""
    update.customer.phone.strip()  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]
    update.customer.email = "new@example.com"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    update.attempts = 0  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    update.document.keys()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def clients() -> None:
    """Build a client in ways that there are not."""
    caibo.Caibo("caibo_test_sk_0123")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    caibo.Caibo(apikey="caibo_test_sk_0123")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    caibo.AsyncCaibo(timeout="10")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    caibo.NoSuchError()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def tests(fake: FakeCaibo) -> None:
    """Ask the test kit for what there is not."""
    error("not-fond")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    error("not-found", idd=7)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    list(error("conflict").problems)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownArgumentType]
    fake.assert_only_changed(7)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
