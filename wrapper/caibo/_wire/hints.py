"""What to do next about a refusal: only what is true of every gateway that answers so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import httpx

from caibo._errors import APIError
from caibo._record.contract import fields
from caibo._record.masking import Redactor
from caibo._wire.answers import Answer
from caibo._wire.calls import WRITES

if TYPE_CHECKING:
    from caibo._wire.reasons import Said

_HINTS = {
    304: "Nothing was asked with a condition; is a cache in between that answers for the gateway?",
    400: "Nothing was changed; correct the fields and send them again.",
    403: (
        "The gateway refuses this credential here: it may be a wrong or ended one, or one that "
        "may not do this. Check it, then ask the gateway's administrator."
    ),
    408: "The gateway did not wait for the request; try again later.",
    409: "The gateway reports a conflict; read the record and look before trying again.",
    412: "The record has another entity tag by now, so nothing was changed; read it again.",
    413: "The request is larger than the gateway, or a proxy before it, takes.",
    415: "The gateway does not take this media type; is `base_url` the right service?",
    422: "Nothing was changed; correct the fields and send them again.",
    428: (
        "The gateway wants the entity tag of the record that is to be replaced. `update`, `apply` "
        "and `edit` send it where a read shows a strong one; `replace` takes it: "
        "replace(…, if_match=customer.etag). Nothing was changed."
    ),
    431: "The headers are larger than the gateway, or a proxy before it, takes.",
}
_LATER = "Try again later."
_READ_FIRST = "The write may have been applied: read the record before trying again."
_NO_PATCH = (
    "This deployment may have no PATCH; nothing was changed. A client with any other `send` than "
    '"changes" writes with PUT.'
)
_PAGE = "The answer is a web page"
_NOT_THE_GATEWAY = "and not the gateway."


def page_of(error: APIError) -> str:
    """Return what an error's hint says of who may have answered; empty where it was no page."""
    said, found, _ = error.hint.partition(_NOT_THE_GATEWAY)
    return said + found if found and said.startswith(_PAGE) else ""


def hint(
    request: httpx.Request,
    response: Answer,
    said: Said,
    *,
    named: Iterable[str],
    retry_after: float | None,
    redact: Redactor,
) -> str:
    """Say what to do next, from the status, what is said, and which fields it names."""
    status, writes = response.status_code, request.method in WRITES
    if 300 <= status < 400:
        return _redirect(request, response, redact)
    if status == 429 or (status == 503 and "retry-after" in response.headers):
        wait = f"Try again after {retry_after or 0:.0f} seconds."
        later = "Slow down." if retry_after is None else wait
        return " ".join([*([] if said.page is None else [_between(said, redact)]), later])
    if said.page is not None:
        more = _READ_FIRST if writes else _LATER
        more = more if status >= 500 else "Is `base_url` right?" if status in (404, 405) else ""
        return f"{_between(said, redact)} {more}".strip()
    owned = [name for name in named if (f := fields().get(name)) and not f.writable]
    if owned and request.method == "PUT" and status < 500:
        return (
            f"The gateway sets {', '.join(owned)} itself and refuses to be sent what it said. "
            'A client with send="writable" leaves such members out; `replace` writes exactly '
            "the record that you give it. Nothing was changed."
        )
    if status == 401:
        return _unauthorised(request)
    if status in (405, 415) and request.method == "PATCH":
        return _NO_PATCH
    if status in (404, 405) and writes:
        return "Check the customer id and `base_url`; nothing was changed."
    if writes and not 300 <= status < 500:
        return _READ_FIRST
    return _HINTS.get(status) or _by_class(status)


def _by_class(status: int) -> str:
    match status // 100:
        case 4:
            return "The gateway refuses the request as it is: sent again, it will be refused again."
        case 5:
            return _LATER
        case _:
            return "This is no status to answer with; is `base_url` the right service?"


def _unauthorised(request: httpx.Request) -> str:
    if "x-api-key" in request.headers:
        return (
            "Check that the API key is whole, active, and of this gateway; "
            "test and live keys share one host."
        )
    return (
        "Check that the access token is valid for this gateway; "
        "a renewed one was refused too, if there was one."
    )


def _between(said: Said, redact: Redactor) -> str:
    title = redact(said.page or "", 100)
    titled = f'with the title "{title}"' if title else "without a title"
    return (
        f"{_PAGE} {titled}: something in between may have given it, such as a "
        f"proxy, a firewall or a portal, {_NOT_THE_GATEWAY}"
    )


def _redirect(request: httpx.Request, response: Answer, redact: Redactor) -> str:
    location = response.headers.get("location")
    if not location:
        default = "The gateway redirects; credentials do not follow. Is `base_url` right?"
        return _HINTS.get(response.status_code, default)
    try:
        target = request.url.join(location)
        same = target.host == request.url.host
    except (httpx.InvalidURL, ValueError):
        return "The gateway redirects; credentials do not follow. Is `base_url` right?"
    # Not its query, nor the parameters of its path: a login page keeps secrets there.
    path = target.path.partition(";")[0]
    host = target.netloc.decode("ascii")
    redirects = (
        f"The gateway redirects to {redact(f'{target.scheme}://{host}{path}')}; "
        "credentials do not follow."
    )
    asked = request.url.path
    if same and path in (f"{asked}/", asked.removesuffix("/")):
        more = "more" if path.endswith("/") else "less"
        return (
            f"{redirects} That is the path that was asked for with a slash {more} at its end, "
            "which no `base_url` cures: the gateway has to answer without one more turn."
        )
    return f"{redirects} Is `base_url` right?"
