"""Make each error of the tree as a client raises it, for stubs."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from threading import get_ident
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypedDict, Unpack, overload

from caibo.testing._gateway import FakeCaibo
from caibo.testing._messages import phrase

if TYPE_CHECKING:
    import caibo

_PHONE = {"phone": "+12025550199"}
_PAGE = {"Content-Type": "text/html"}
_ANSWERS = {
    "api": (409, "Someone else is changing the customer."),
    "authentication": (401, "The credentials are missing, wrong or expired."),
    "bad-request": (400, "The customer was refused."),
    "not-found": (404, "The customer does not exist."),
    "permission-denied": (403, "This credential may not do that."),
    "rate-limited": (429, "These are too many requests."),
    "server": (500, "Something went wrong."),
}


class Details(TypedDict, total=False):
    """What an error is to be about; which of them counts is told at `error`."""

    id: int
    changes: Mapping[str, Any]
    request_sent: Literal["no", "maybe"]
    status: int
    headers: Mapping[str, str]
    body: bytes | Mapping[str, object]


@overload
def error(kind: Literal["api"], /, **details: Unpack[Details]) -> caibo.APIError: ...
@overload
def error(
    kind: Literal["authentication"], /, **details: Unpack[Details]
) -> caibo.AuthenticationError: ...
@overload
def error(kind: Literal["bad-request"], /, **details: Unpack[Details]) -> caibo.BadRequestError: ...
@overload
def error(
    kind: Literal["configuration"], /, **details: Unpack[Details]
) -> caibo.ConfigurationError: ...
@overload
def error(kind: Literal["conflict"], /, **details: Unpack[Details]) -> caibo.ConflictError: ...
@overload
def error(
    kind: Literal["deadline-exceeded"], /, **details: Unpack[Details]
) -> caibo.DeadlineExceededError: ...
@overload
def error(
    kind: Literal["invalid-changes"], /, **details: Unpack[Details]
) -> caibo.InvalidChangesError: ...
@overload
def error(kind: Literal["lock"], /, **details: Unpack[Details]) -> caibo.LockError: ...
@overload
def error(
    kind: Literal["malformed-response"], /, **details: Unpack[Details]
) -> caibo.MalformedResponseError: ...
@overload
def error(kind: Literal["not-found"], /, **details: Unpack[Details]) -> caibo.NotFoundError: ...
@overload
def error(
    kind: Literal["overwritten"], /, **details: Unpack[Details]
) -> caibo.OverwrittenError: ...
@overload
def error(
    kind: Literal["permission-denied"], /, **details: Unpack[Details]
) -> caibo.PermissionDeniedError: ...
@overload
def error(
    kind: Literal["rate-limited"], /, **details: Unpack[Details]
) -> caibo.RateLimitedError: ...
@overload
def error(kind: Literal["renewal"], /, **details: Unpack[Details]) -> caibo.RenewalError: ...
@overload
def error(kind: Literal["server"], /, **details: Unpack[Details]) -> caibo.ServerError: ...
@overload
def error(kind: Literal["transport"], /, **details: Unpack[Details]) -> caibo.TransportError: ...
@overload
def error(
    kind: Literal["unknown-outcome"], /, **details: Unpack[Details]
) -> caibo.UnknownOutcomeError: ...
@overload
def error(
    kind: Literal["write-stopped"], /, **details: Unpack[Details]
) -> caibo.WriteStoppedError: ...


def error(kind: str, /, **details: Any) -> caibo.CaiboError:
    """Make an error as a client raises it, with everything that it has in real life.

    It comes out of a real call of a client with ``max_retries=0`` to a `FakeCaibo` that
    misbehaves: a read, or a write where only a write meets such an error.

    Args:
        kind: the name of the class in small letters with hyphens, without its "Error".
        details: `id` of the customer (12345).  `changes`, by field name, of an error
            about a write (another phone number), or those that are refused of an
            "invalid-changes" (an e-mail address that is none).  `request_sent`, "no" or
            "maybe" (which is the default), of a "transport" or "deadline-exceeded".
            `status`, `headers` and `body`, as in `FakeCaibo.fail_next`, of an answer
            that is an `APIError`.

    Raises:
        ValueError: there is no such kind, or such details make another error.

    Example:
        >>> import caibo
        >>> from unittest.mock import create_autospec
        >>> from caibo.testing import error
        >>> client = create_autospec(caibo.Caibo, instance=True)
        >>> client.customers.get.side_effect = error("not-found", id=7)
        >>> slow_down = error("rate-limited", headers={"Retry-After": "9"})
        >>> client.customers.update.side_effect = slow_down
        >>> try:
        ...     client.customers.update(7, phone=None)
        ... except caibo.RateLimitedError as slow:
        ...     print(slow.status, slow.retry_after)
        429 9.0
    """
    import caibo

    make = _MAKE.get(kind)
    if make is None:
        raise ValueError(f"there is no error {kind!r}, but {', '.join(sorted(_MAKE))}")
    name = "".join(map(str.capitalize, kind.split("-"))).replace("Api", "API")
    scene = _Scene(kind, **details)
    try:
        with _quiet():
            make(scene)
    except caibo.CaiboError as found:
        if type(found) is getattr(caibo, f"{name}Error"):
            return found.with_traceback(None)
        other = type(found).__name__
    else:
        other = "no error"
    raise ValueError(f"with these details {kind!r} is {other}: {', '.join(details)}")


@contextmanager
def _quiet() -> Generator[None, None, None]:
    """Log nothing of what this thread does, as nothing of it happened."""
    log, here = logging.getLogger("caibo"), get_ident()

    def of_others(record: logging.LogRecord) -> bool:
        return record.thread != here

    log.addFilter(of_others)
    try:
        yield
    finally:
        log.removeFilter(of_others)


class _Scene:
    """A gateway with one customer, and what is to happen to the next call."""

    def __init__(
        self,
        kind: str,
        *,
        id: int = 12345,
        changes: Mapping[str, Any] | None = None,
        request_sent: Literal["no", "maybe"] = "maybe",
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | Mapping[str, object] | None = None,
    ) -> None:
        self.fake = FakeCaibo()
        self.id = self.fake.add_customer(id=id)
        self.changes: Any = _PHONE if changes is None else changes
        self.own_changes = changes is not None
        self.sent = request_sent
        usual, self.detail = _ANSWERS.get(kind, (0, ""))
        self.status = usual if status is None else status
        self.headers = headers
        self.body = body

    def client(self, **options: Any) -> caibo.Caibo:
        from caibo import Caibo

        usual: dict[str, Any] = {
            "api_key": self.fake.api_key,
            "base_url": self.fake.base_url,
            "transport": self.fake.transport,
            "max_retries": 0,
        }
        return Caibo(**{**usual, **options})

    def read(self, **options: Any) -> None:
        self.client(**options).customers.get(self.id)

    def write(self, **options: Any) -> None:
        self.client(**options).customers.update(self.id, **self.changes)

    def change_by_others(self, change: Callable[..., None]) -> None:
        """Let somebody else set what we set, to something else."""
        others = {"email": "somebody.else@example.com"}
        change(self.id, **{name: others.get(name, "Somebody Else") for name in self.changes})


def _answered(scene: _Scene) -> None:
    about_a_write = scene.status in (400, 422)
    method, call = ("PUT", scene.write) if about_a_write else ("GET", scene.read)
    body: Any = scene.body
    if body is None:
        body = {"title": phrase(scene.status), "status": scene.status, "detail": scene.detail}
        if about_a_write:
            body["errors"] = {
                name: [f"The value of {name} is not valid."] for name in scene.changes
            }
    scene.fake.fail_next(scene.status, headers=scene.headers, body=body, method=method)
    call()


def _configuration(scene: _Scene) -> None:
    scene.client(base_url="")


def _invalid(scene: _Scene) -> None:
    if not scene.own_changes:
        scene.changes = {"email": "nobody"}
    scene.write()


def _conflict(scene: _Scene) -> None:
    customers = scene.client(max_base_age=0).customers
    plan = customers.plan(scene.id, **scene.changes)
    scene.change_by_others(scene.fake.change)
    customers.apply(plan)


def _overwritten(scene: _Scene) -> None:
    scene.change_by_others(scene.fake.change_after_write)
    scene.write(confirm=True)


def _unknown(scene: _Scene) -> None:
    scene.fake.lose_response("PUT")
    scene.fake.fail_next(503, method="GET", after=1, times=math.inf)
    scene.write()


def _stopped(scene: _Scene) -> None:
    scene.write(observers=[_fail])


def _lock(scene: _Scene) -> None:
    scene.write(lock=_fail)


def _transport(scene: _Scene) -> None:
    if scene.sent == "no":
        scene.fake.refuse_connection()
    else:
        scene.fake.lose_response("GET")
    scene.read()


def _too_late(scene: _Scene) -> None:
    if scene.sent == "no":
        client = scene.client(rate_limit=1 / 3600)
        client.customers.get(scene.id)
        client.customers.get(scene.id)
    else:
        _late_answer(scene)


def _late_answer(scene: _Scene) -> None:
    import caibo

    deadline = 0.002  # seconds; more where the request is not even on its way by then
    while True:
        scene.fake.on_request = lambda _, late=deadline: time.sleep(late)
        scene.fake.delay(math.inf)
        try:
            scene.read(deadline=deadline)
        except caibo.DeadlineExceededError as found:
            if found.request_sent == "maybe":
                raise
        deadline *= 2


def _renewal(scene: _Scene) -> None:
    from caibo import ApiKey

    keys = iter([scene.fake.api_key])
    credential = ApiKey(lambda: next(keys, None) or _fail())
    _ = credential.mode  # asks for the key, so that the client is one for tests
    scene.fake.fail_next(401)
    scene.read(api_key=None, auth=credential)


def _malformed(scene: _Scene) -> None:
    scene.fake.answer_next(b"<h1>Maintenance</h1>", headers=_PAGE, method="GET")
    scene.read()


def _fail(*_: object) -> NoReturn:
    raise RuntimeError("as caibo.testing.error wants it")


_MAKE: Mapping[str, Callable[[_Scene], None]] = {
    **dict.fromkeys(_ANSWERS, _answered),
    "configuration": _configuration,
    "conflict": _conflict,
    "deadline-exceeded": _too_late,
    "invalid-changes": _invalid,
    "lock": _lock,
    "malformed-response": _malformed,
    "overwritten": _overwritten,
    "renewal": _renewal,
    "transport": _transport,
    "unknown-outcome": _unknown,
    "write-stopped": _stopped,
}
