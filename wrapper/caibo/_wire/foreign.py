"""Let an `httpx.Auth` of the caller's send what it has to, step by step."""

from __future__ import annotations

from contextlib import suppress

import httpx

from caibo._errors import CaiboError, ConfigurationError, TransportError
from caibo._wire import clock
from caibo._wire.answers import Answer, line
from caibo._wire.credentials import Credential
from caibo._wire.exchange import Wire
from caibo._wire.refusals import deadline_exceeded, error_from_exception, renewal_failed
from caibo._wire.waiting import LEAVE_WITHIN, Ask, AuthFlow, Flow, LateError


class Foreign(Credential):
    """Let an `httpx.Auth` of the caller's do what it would do in a client of httpx."""

    def __init__(self, auth: httpx.Auth) -> None:
        self._auth = auth

    def authorised(self, request: httpx.Request, wire: Wire) -> Flow[Answer]:
        steps = wire.face.auth_flow(self._auth, request)
        try:
            return (yield from self._exchanged(steps, request, wire))
        except GeneratorExit:  # then nobody takes another step
            raise
        except BaseException:
            with suppress(Exception):
                yield Ask(steps.finish, seconds=LEAVE_WITHIN, shielded=True)
            raise

    def _exchanged(self, steps: AuthFlow, request: httpx.Request, wire: Wire) -> Flow[Answer]:
        answer: Answer | None = None
        may_count = False  # whether the gateway may have carried the request out
        while wanted := (yield from self._next(steps, answer, request, wire, may_count)):
            own = wanted is request or (wanted.method, wanted.url) == (request.method, request.url)
            try:
                answer = yield from wire.once(wanted, anywhere=wanted is not request)
            except CaiboError as error:
                if own:
                    raise
                if may_count:
                    what = f"{line(request)}: {self._name} failed after it was sent: {error}"
                    raise TransportError(what, request_sent="maybe") from error
                raise renewal_failed(error) from error
            may_count = may_count or (own and not 400 <= answer.status_code < 500)
        if answer is None:
            raise ConfigurationError(f"{self._name} sends no request")
        return answer

    def _next(
        self,
        steps: AuthFlow,
        answer: Answer | None,
        request: httpx.Request,
        wire: Wire,
        may_count: bool,
    ) -> Flow[httpx.Request | None]:
        """Ask for the next request; `None` at the end."""
        response = None if answer is None else answer.as_response()
        try:
            told = yield Ask(steps.advance, (response,), seconds=wire.ends - clock.now())
        except LateError:
            raise deadline_exceeded(request, sent=may_count) from None
        except Exception as error:
            found = error_from_exception(request, error, wire.ends, unsent=not may_count)
            raise found from None if found is error else error
        for wanted in told:
            if not isinstance(wanted, httpx.Request):
                raise ConfigurationError(f"{self._name} yields something else than a request")
            return wanted
        return None

    @property
    def _name(self) -> str:
        return type(self._auth).__name__
