"""Rules of the caller's own: what `validate=` is given as a callable does with changes."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from caibo._errors import (
    CaiboError,
    ConfigurationError,
    DeadlineExceededError,
    InvalidChangesError,
    Problem,
    WriteStoppedError,
)
from caibo._record.checks import check_changes, check_document
from caibo._record.contract import field_name, field_of, fields
from caibo._record.document import Document
from caibo._record.json_text import same
from caibo._record.masking import Redactor
from caibo._wire import clock
from caibo._wire.exchange import Wire
from caibo._wire.waiting import Ask, Flow, LateError

#: What may be sent, by this package's names; members outside the contract by their own.
Told = Mapping[str, object]
#: Gets the id and such changes, to check, clean and return.
Rules = Callable[[int, dict[str, Any]], Told] | Callable[[int, dict[str, Any]], Awaitable[Told]]


def changes_by(rules: Rules | None, wire: Wire, id: int, addressed: Document) -> Flow[Document]:
    """Return what is to be sent of the changes, by wire name.

    Fields of the contract may be changed, left out and added; members outside it,
    changed and left out.

    Raises:
        CaiboError: refused, or the rules failed.
    """
    if rules is None or not addressed:
        return addressed
    given = {field_name(name): value for name, value in addressed.items()}
    told = yield from _told(rules, wire, id, given)
    extra = {n: value for n, value in told.items() if n in addressed and field_of(n) is None}
    changes = {name: value for name, value in told.items() if name not in extra}
    return Document(check_changes(changes, extra, validate=True))


def record_by(rules: Rules | None, wire: Wire, id: int, whole: Document) -> Flow[Document]:
    """Return the record to be sent instead of a whole one; what is the same keeps its text.

    Raises:
        CaiboError: refused, or the rules failed.
    """
    if rules is None:
        return whole
    own = {field_name(name): name for name in whole}
    told = yield from _told(rules, wire, id, {name: whole[own[name]] for name in own})
    if strange := [name for name in told if name not in own and name not in fields()]:
        message = "is no field, nor a member of the record that `validate` got"
        raise InvalidChangesError([Problem(name, message) for name in strange])
    members = {own.get(name) or fields()[name].wire: value for name, value in told.items()}
    changed = {n: v for n, v in members.items() if n not in whole or not same(v, whole[n])}
    texts = check_document(changed, what="document", validate=False)
    return check_document(texts.over(whole, members), what="document", validate=True)


def _told(rules: Rules, wire: Wire, id: int, given: dict[str, Any]) -> Flow[Told]:
    """Ask the rules; `given` is theirs."""
    before = dict(given)
    try:
        told = yield Ask(rules, (id, given), seconds=wire.ends - clock.now())
    except LateError:
        raise DeadlineExceededError(
            f"customer {id}: `deadline` passed while `validate` was asked; nothing was written",
            request_sent="no",
        ) from None
    except CaiboError:
        raise
    except ValueError as error:
        raise _refusal(error, id, before) from error
    except Exception as error:
        raise _stopped(id, error) from error
    if inspect.iscoroutine(told):
        told.close()
    if inspect.isawaitable(told):
        raise ConfigurationError("`validate` is async; use it with AsyncCaibo")
    if not isinstance(told, Mapping) or not all(isinstance(n, str) for n in cast(Told, told)):
        raise ConfigurationError(
            "`validate` must return what is to be sent, a mapping by field names, and gave "
            f"{type(cast(object, told)).__name__}; nothing was written"
        )
    return cast(Told, told)


def _refusal(error: ValueError, id: int, given: Told) -> CaiboError:
    """Say what a `ValueError` says, with the field named where that can be told."""
    try:
        problems = _problems(error, given)
    except Exception:  # its own code has raised
        return _stopped(id, error)
    return InvalidChangesError(problems)


def _problems(error: ValueError, given: Told) -> list[Problem]:
    errors: Any = getattr(error, "errors", None)
    place, _, rest = str(error).partition(":")
    said: list[tuple[object, object, object]] = [(place, rest, error)]
    if callable(errors):  # pydantic's: a list, each with its place
        said = [((*one["loc"], "")[0], one["msg"], one["msg"]) for one in cast(Any, errors())]
    elif len(error.args) == 2:
        said = [(*error.args, error)]
    names = {_wire_name(name): name for name in given} | {name: name for name in given}
    alone = next(iter(given)) if len(given) == 1 else "validate"
    hide, problems = Redactor(given), list[Problem]()
    for where, of_it, of_all in said:
        name = names.get(str(where).strip())
        message = hide(str(of_all if name is None else of_it))
        problems.append(Problem(name or alone, message or f"raised {type(error).__name__}"))
    return problems


def _wire_name(name: str) -> str:
    return fields()[name].wire if name in fields() else name


def _stopped(id: int, error: Exception) -> WriteStoppedError:
    name = type(error).__name__
    return WriteStoppedError(f"customer {id}: `validate` raised {name}; nothing was written")
