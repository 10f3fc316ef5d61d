"""Every exception that leaves the facade: one tree, named by what the reader does next.

    CaiboError
    ├── ConfigurationError          fix how the client is built; nothing was sent
    ├── InvalidChangesError         fix the changes; nothing was sent
    ├── ConflictError               someone else changed the same field: decide
    │   └── OverwrittenError        the record read back says something else
    ├── UnknownOutcomeError         the write may or may not have happened: look, then resume
    ├── WriteStoppedError           an observer or `validate=` raised: nothing was written
    ├── LockError                   `lock=` failed: nothing was written
    ├── TransportError              no usable answer: check the network, try again
    │   └── DeadlineExceededError   the call took longer than `deadline`
    ├── RenewalError                no new access token: check the login or the token callable
    ├── MalformedResponseError      the gateway answered with something else than a customer
    └── APIError                    the gateway said no
        ├── BadRequestError         400, 422   fix the fields in `field_errors`
        ├── AuthenticationError     401        check the credential
        ├── PermissionDeniedError   403        ask for the right
        ├── NotFoundError           404        check the id and `base_url`
        ├── RateLimitedError        429        slow down, see `retry_after`
        └── ServerError             5xx, none  try later, quote `request_id`

Messages, representations and pickles hold no secret and no customer data.  Values
that a program needs to decide with (`ConflictError.conflicts`) are attributes
only, and are left out when the error is pickled.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self, TypeVar

RequestSent = Literal["no", "maybe"]
E = TypeVar("E", bound="CaiboError")

_SHOWN = 8  # fields, and messages of one field: the gateway chooses their number


class CaiboError(Exception):
    """Catch this to catch everything that the facade raises on purpose."""

    # Class attributes stand in for what a pickle leaves out.
    _unpickled: ClassVar[tuple[str, ...]] = ()

    #: What else the reader should know, on a line of its own.
    remark: str = ""
    #: Whom it concerns, where that is one customer.
    customer_id: int | None = None

    def __init_subclass__(cls) -> None:
        cls.__module__ = "caibo"  # as callers write it, and so tracebacks

    def __str__(self) -> str:
        said = super().__str__()
        return f"{said}\n  {self.remark}" if self.remark else said

    def __reduce__(self) -> tuple[Any, ...]:
        state = {k: v for k, v in self.__dict__.items() if k not in self._unpickled}
        return _restore, (type(self), self.args, state)

    def __copy__(self) -> Self:
        return _restore(type(self), self.args, self.__dict__)


def _restore(cls: type[E], args: tuple[Any, ...], state: dict[str, Any]) -> E:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigurationError(CaiboError):
    """The client cannot be built, or cannot send, as it was configured."""


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """Name one thing that is wrong with the changes, and its remedy.

    `suggestion` is what to write instead where there is one answer: a field
    name, or the one-line address.  It may hold the caller's own data, so it is
    neither shown nor pickled.
    """

    field: str
    message: str
    suggestion: str | None = dataclasses.field(default=None, repr=False)

    def __copy__(self) -> Problem:
        return self  # a pickle lacks the suggestion

    def __reduce__(self) -> tuple[Any, ...]:
        return Problem, (self.field, self.message)


class InvalidChangesError(CaiboError):
    """The changes were refused before any request; `problems` has one entry a field."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{p.field}: {p.message}" for p in self.problems))

    def __str__(self) -> str:
        if len(self.problems) == 1:
            return str(self.args[0])
        lines = "".join(f"\n  {p.field}: {p.message}" for p in self.problems)
        return f"{len(self.problems)} problems, nothing was sent:{lines}"


class ConflictError(CaiboError):
    """Someone else changed what the caller wants to change.

    `conflicts` maps each field to (base, theirs, mine).  It holds customer
    data, so it is left out of the message and of pickles.
    """

    _unpickled: ClassVar[tuple[str, ...]] = ("conflicts",)
    conflicts: Mapping[str, tuple[object, object, object]] = {}

    def __init__(
        self, message: str, *, conflicts: Mapping[str, tuple[object, object, object]]
    ) -> None:
        super().__init__(message)
        self.conflicts = conflicts


class WriteStoppedError(CaiboError):
    """An observer, or `validate=`, raised before the write: nothing was written.

    What it raised is the `__cause__`.
    """


class LockError(CaiboError):
    """The lock that `lock=` gave failed, so nothing was written; its exception is the cause."""


class TransportError(CaiboError):
    """No usable answer came.

    `request_sent` is "no" when the request cannot have reached the gateway, and
    "maybe" otherwise.
    """

    #: Whether another try would come to the same.
    final: bool = False

    def __init__(self, message: str, *, request_sent: RequestSent, attempts: int = 1) -> None:
        super().__init__(message)
        self.request_sent: RequestSent = request_sent
        self.attempts = attempts


class DeadlineExceededError(TransportError):
    """The call, its retries included, took longer than `deadline`."""

    def __init__(
        self, message: str, *, request_sent: RequestSent, attempts: int | None = None
    ) -> None:
        tried = int(request_sent != "no") if attempts is None else attempts
        super().__init__(message, request_sent=request_sent, attempts=tried)


class RenewalError(CaiboError):
    """No access token could be got: the login or the token callable failed.

    The request that needed the token was not accepted by the gateway.  `attempts`
    is how many times it was tried.
    """

    attempts: int = 1


class MalformedResponseError(CaiboError):
    """The gateway answered with something that cannot be a customer record."""

    def __init__(self, message: str, *, attempts: int = 1, request_id: str | None = None) -> None:
        super().__init__(message)
        self.attempts = attempts
        self.request_id = request_id


class APIError(CaiboError):
    """The gateway answered with a status other than 2xx.

    Attributes:
        status: the HTTP status, also an unregistered one.
        request: method and path, such as ``PUT /customers/12345``.
        problem: the members of the problem details (RFC 9457), or of any other JSON
            object, with the values that we sent masked; else empty.  It is what
            ``json.dumps`` takes; a member that stood twice has a list of both values.
        field_errors: messages by field, in this package's names, wherever the
            gateway's framework puts them.
        body_text: all that the body says, masked, on one line of at most 4 KiB; of a
            web page without its tags.
        request_id: what to quote to the vendor, where the gateway sent one.
        retry_after: seconds that the gateway asks to wait.
        hint: what to do next.
        attempts: how many times the request was sent.
    """

    def __init__(
        self,
        *,
        status: int,
        request: str,
        summary: str,
        problem: Mapping[str, Any] | None = None,
        field_errors: Mapping[str, tuple[str, ...]] | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        hint: str = "",
        body_text: str = "",
    ) -> None:
        super().__init__(summary)
        self.status = status
        self.request = request
        self.problem = dict(problem or {})
        self.field_errors = dict(field_errors or {})
        self.request_id = request_id
        self.retry_after = retry_after
        self.hint = hint
        self.body_text = body_text
        self.attempts = 1

    def __str__(self) -> str:
        parts = [f"{self.request} → {self.args[0]}"]
        parts += [
            f"\n  {name}: {' '.join(said[:_SHOWN])}{' …' * (len(said) > _SHOWN)}"
            for name, said in list(self.field_errors.items())[:_SHOWN]
        ]
        if len(self.field_errors) > _SHOWN:
            parts.append(f"\n  … and {len(self.field_errors) - _SHOWN} more in `field_errors`")
        if self.hint:
            parts.append(f"\n  {self.hint}")
        if self.request_id:
            parts.append(f"\n  request id: {self.request_id}")
        if self.attempts > 1:
            parts.append(f"\n  sent {self.attempts} times")
        if self.remark:
            parts.append(f"\n  {self.remark}")
        return "".join(parts)


class BadRequestError(APIError):
    """400 or 422: the gateway refused the data; see `field_errors` and `problem`."""


class AuthenticationError(APIError):
    """401: the gateway does not accept the credential, also after one renewal."""


class PermissionDeniedError(APIError):
    """403: the credential may not do this, or is not accepted at all."""


class NotFoundError(APIError):
    """404: no such customer, or no such endpoint at this `base_url`."""


class RateLimitedError(APIError):
    """429: too many requests, also after the retries that `max_retries` allows."""


class ServerError(APIError):
    """5xx, or what is no status (RFC 9110, section 15): the gateway failed."""
