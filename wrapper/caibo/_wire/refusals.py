"""Turn what arrived, or did not, into one of our errors."""

from __future__ import annotations

import base64
import json
import re
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import httpx

from caibo._errors import (
    APIError,
    AuthenticationError,
    BadRequestError,
    CaiboError,
    ConfigurationError,
    DeadlineExceededError,
    MalformedResponseError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    RenewalError,
    ServerError,
    TransportError,
)
from caibo._record.document import Document
from caibo._record.masking import Redactor, one_line
from caibo._wire import clock
from caibo._wire.answers import Answer, line
from caibo._wire.headers import of_the_caller
from caibo._wire.hints import hint
from caibo._wire.tls import trusted_by

if TYPE_CHECKING:
    from caibo._wire.reasons import Said

_CLASSES: Mapping[int, type[APIError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    422: BadRequestError,
    429: RateLimitedError,
}
# No header is documented; these are the usual ones.
_REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-correlation-id")
# A number of seconds that is as large is a time; a pause is not.
_EPOCH = 1e9
_A_TICK = 0.005  # seconds; timers may go off a little early
_UNSENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


_BODY = 4096  # bytes of `body_text`
_SENTENCES = 20  # that are looked at for a message of one line


def request_id(response: Answer) -> str | None:
    found = next((v for h in _REQUEST_ID_HEADERS if (v := response.headers.get(h))), None)
    return one_line(found) if found else None


def entity_tag(text: str) -> str | None:
    """Return a tag that If-Match can carry.

    It compares strongly, so a weak tag never matches: RFC 9110, section 13.1.1.
    """
    return text if re.fullmatch(r'"[!#-~]*"', text) else None


def retry_after(answer: Answer) -> float | None:
    """Read Retry-After (RFC 9110, section 10.2.3) as seconds from now.

    Its dates are held against the answer's own, as clocks differ.  Of several values
    the longest counts; what makes no sense, a time that has passed included, is none.
    """
    dated = _seconds_since_1970(answer.headers.get("date", ""))
    now = time.time() if dated is None else dated
    # A date has a comma, so what is no number is looked at whole.
    value = answer.headers.get("retry-after", "")
    pieces = [value, *value.split(",")]
    found = [seconds for piece in pieces if (seconds := _seconds(piece.strip(), now)) is not None]
    return max(found, default=None)


def _seconds(value: str, now: float) -> float | None:
    if re.fullmatch(r"\d{1,15}(\.\d{1,15})?", value, re.ASCII):
        seconds = float(value)
        return seconds if seconds < _EPOCH else _ahead(seconds - now)
    then = _seconds_since_1970(value)
    return None if then is None else _ahead(then - now)


def _ahead(seconds: float) -> float | None:
    return seconds if seconds > 0 else None


def _seconds_since_1970(date: str) -> float | None:
    from email.utils import parsedate_to_datetime

    try:
        then = parsedate_to_datetime(date)
        return (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def error_from_response(request: httpx.Request, response: Answer) -> APIError:
    """Map a status other than 2xx, whatever its body, to one error.

    What was sent is masked, and so are the records at ``request.extensions["known"]``.
    """
    # It is large, and few programs meet a refusal.
    from caibo._wire.reasons import what_is_said

    status = response.status_code
    known = request.extensions.get("known", ())
    redact = Redactor(_sent(request), _secrets(request), known=known, status=status)
    said = what_is_said(response)
    field_errors: dict[str, tuple[str, ...]] = {}
    for path, text in said.fields:
        name = redact.name(path)
        field_errors[name] = (*field_errors.get(name, ()), redact.value(text))
    wait = retry_after(response)
    # One that is no status means as little as 5xx: RFC 9110, section 15.
    cls = _CLASSES.get(status, APIError if 300 <= status < 500 else ServerError)
    return cls(
        status=status,
        request=line(request),
        summary=_summary(response, said, redact),
        problem=redact.everywhere(said.problem),
        field_errors=field_errors,
        request_id=_request_id(request, response, said, redact),
        retry_after=wait,
        hint=hint(request, response, said, named=field_errors, retry_after=wait, redact=redact),
        body_text=_body_text(said, redact),
    )


def _summary(response: Answer, said: Said, redact: Redactor) -> str:
    reason = _reason(response.status_code)
    summary = f"{response.status_code} {reason}".strip()
    texts = list(dict.fromkeys(redact.value(text) for text in said.sentences[:_SENTENCES]))
    texts = [text for text in texts if text not in (reason, summary)]
    if texts:
        whole = ": ".join([*(text.rstrip(".") for text in texts[:-1]), *texts[-1:]])
        return f"{summary}: {one_line(whole)}"
    return summary if said.fields else f"{summary} ({_shape(response)})"


def _body_text(said: Said, redact: Redactor) -> str:
    """Give all that is said, as JSON where it is JSON, in at most 4 KiB."""
    if isinstance(said.whole, str):
        # Lines stay lines here; a value that a line break cuts is masked by its beginning.
        whole = redact(said.whole, _BODY)
    else:
        whole = json.dumps(redact.everywhere(said.whole, _BODY), ensure_ascii=False)
    return whole.encode()[:_BODY].decode(errors="ignore")


def _request_id(
    request: httpx.Request, response: Answer, said: Said, redact: Redactor
) -> str | None:
    found = request_id(response) or said.trace
    if found is None or found in map(request.headers.get, _REQUEST_ID_HEADERS):
        return found  # the caller's own, sent to be found again
    return redact(found)


def error_from_exception(
    request: httpx.Request,
    error: Exception,
    ends: float,
    *,
    unsent: bool = False,
    proxy: str | None = None,
) -> CaiboError:
    """Map whatever else came out of sending to one error.

    Texts of foreign exceptions are left out, as they may quote headers; what the
    operating system says of a failed connection is kept.

    Args:
        request: that was to be sent.
        error: what was raised.
        ends: of the call, by the clock.
        unsent: whether the gateway cannot have anything of it.
        proxy: whom the connection ended at, where that is not the gateway.
    """
    if isinstance(error, CaiboError):
        return error
    unsent = unsent or _unsent(error)
    where = f"{line(request)} at {request.url.host}"
    if isinstance(error, httpx.DecodingError):
        return MalformedResponseError(
            f"{where}: the body cannot be decoded as its Content-Encoding says"
        )
    if isinstance(error, httpx.LocalProtocolError) and not proxy:
        return ConfigurationError(f"{where}: the request cannot be put into HTTP as it is")
    if isinstance(error, httpx.TimeoutException) and clock.now() >= ends - _A_TICK:
        return deadline_exceeded(request, sent=not unsent)
    if not unsent:
        what = _cause(error) if isinstance(error, httpx.TransportError) else type(error).__name__
        return TransportError(f"{where}: no usable answer ({what})", request_sent="maybe")
    distrusted = _certificate(error)
    if proxy:
        what = f"{line(request)}: no way through the proxy {proxy} ({_said_by_proxy(error)})"
        hint = "Check it, HTTPS_PROXY, ALL_PROXY and NO_PROXY."
    else:
        what = f"{where}: no connection ({_cause(error)})"
        hint = "Check `base_url`, the network and any proxy."
    found = TransportError(
        f"{what}; {_arrival(request, maybe=False)}. {trusted_by() if distrusted else hint}",
        request_sent="no",
    )
    found.final = distrusted
    return found


def _unsent(error: Exception) -> bool:
    """Believe that nothing was sent of httpx itself, and of whoever raises that plainly.

    Transports of other libraries translate their errors, and some of them call a lost
    answer a failed connection: see `docs/transports.md`.
    """
    cause = error.__cause__
    known = cause is None or type(cause).__module__.partition(".")[0] == "httpcore"
    return known and isinstance(error, _UNSENT)


def _certificate(error: BaseException | None) -> bool:
    """Tell whether the other end could not show who it is."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def renewal_failed(cause: Exception, what: str = "access token") -> RenewalError:
    """Say that no token or key could be got, with the reason as the cause."""
    reason = str(cause) if isinstance(cause, CaiboError) else type(cause).__name__
    error = RenewalError(f"no {what} could be got: {reason}")
    error.__cause__ = cause
    return error


def deadline_exceeded(request: httpx.Request, *, sent: bool) -> DeadlineExceededError:
    told = _arrival(request, maybe=sent)
    message = f"{line(request)} at {request.url.host}: `deadline` passed; {told}"
    return DeadlineExceededError(message, request_sent="maybe" if sent else "no")


def _arrival(request: httpx.Request, *, maybe: bool) -> str:
    """Say whether a request arrived.

    What is said of a read after a write, of which something is known, stands beside what
    is said of the write: it names the read.
    """
    if request.method == "GET" and request.extensions.get("known"):
        return "that read may have reached the gateway" if maybe else "that read was not sent"
    return "it may have reached the gateway" if maybe else "nothing was sent"


def _cause(error: Exception) -> str:
    """Name a transport failure; only the text of a failed connection is quoted."""
    name = type(error).__name__
    if not isinstance(error, httpx.ConnectError):
        return name
    text, inner = str(error), error.__context__
    while not text and inner is not None:  # trio's own exceptions have no words
        text, inner = str(inner), inner.__context__
    return f"{name}: {one_line(text)}"


def _said_by_proxy(error: Exception) -> str:
    """Tell why there is no way through a proxy, without a word that it chose itself."""
    if isinstance(error, httpx.TimeoutException):
        return "it took longer than `timeout`"
    if isinstance(error, httpx.ConnectError):
        return _cause(error)
    if not isinstance(error, httpx.ProxyError):
        return "it hung up, or does not speak what its scheme says"
    status = re.match(r"(\d{3}) ", str(error))  # else httpcore's own words about SOCKS
    return f"{status[1]} {_reason(int(status[1]))}".strip() if status else str(error).rstrip(".")


def _sent(request: httpx.Request) -> Mapping[str, Any]:
    try:
        return Document.parse(request.read())
    except ValueError:
        return {}


def _secrets(request: httpx.Request) -> list[str]:
    key = request.headers.get("x-api-key", "")
    scheme, _, token = request.headers.get("authorization", "").rpartition(" ")
    found = [key, token, *of_the_caller(request.headers)]
    if scheme.lower() == "basic":
        with suppress(ValueError):
            found += base64.b64decode(token).decode().split(":", 1)
    return [secret for secret in found if secret]


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _shape(response: Answer) -> str:
    media_type = response.headers.get("content-type", "").partition(";")[0]
    size = len(response.content)
    return f"{one_line(media_type) or 'no media type'}, {size} bytes" if size else "empty body"
