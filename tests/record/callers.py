"""One update of a customer, by this package and by what people write without it."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from record.liar import ID, NEW

import caibo

KEY = "caibo_test_sk_0123456789abcdef"
#: Seconds of one wait, and of a whole call.
TIMEOUT, DEADLINE = 0.4, 1.2
#: What no text may show.
SECRETS = (KEY, "Lovelace", "ada@example.com", "2025550143", "9995550100", "Prussian")

Told = dict[str, Any]


def options(base_url: str, **more: Any) -> dict[str, Any]:
    bounds = {"timeout": TIMEOUT, "deadline": DEADLINE, "max_retries": 1}
    return {"api_key": KEY, "base_url": base_url, **bounds, **more}


def by_update(update: caibo.Update) -> Told:
    return {"told": update.outcome, "error": "", "shown": shown_in(f"{update!r} {update}")}


def by_error(error: BaseException) -> Told:
    """Say what an error of ours tells of the write, and what its texts show."""
    if isinstance(error, caibo.UnknownOutcomeError):
        told = "unknown"
    elif isinstance(error, caibo.OverwrittenError):
        told = "overwritten"
    else:
        told = "not written" if isinstance(error, caibo.CaiboError) else "foreign"
    sent = getattr(error, "request_sent", None)
    return {
        "told": told,
        "error": type(error).__name__ + f" ({sent})" * (sent is not None),
        "shown": shown_in(texts(error)),
    }


def texts(error: BaseException) -> str:
    """Return all that is shown of an error: what it says, its traceback and its pickle."""
    whole = "".join(traceback.format_exception(error))
    try:
        kept = pickle.dumps(error).decode("latin-1")
    except Exception as unpickled:
        kept = str(unpickled)
    return f"{error} {error!r} {whole} {kept}"


def shown_in(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


class Log(logging.Handler):
    """Keep what the logger of this package says."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.said: list[str] = []
        logger = logging.getLogger("caibo")
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
        logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(f"{record.getMessage()} {record.__dict__}")

    def take(self) -> list[str]:
        said, self.said = " ".join(self.said), []
        return shown_in(said)


def sync_update(base_url: str, look: Callable[[], object], confirm: bool) -> Told:
    """Update with `Caibo`; look around between the call and the end of the client."""
    with caibo.Caibo(**options(base_url, confirm=confirm)) as client:
        try:
            told = by_update(client.customers.update(ID, phone=NEW))
        except Exception as error:
            told = by_error(error)
        look()
    return told


async def async_update(base_url: str, look: Callable[[], object], confirm: bool) -> Told:
    """Update with `AsyncCaibo`."""
    async with caibo.AsyncCaibo(**options(base_url, confirm=confirm)) as client:
        try:
            told = by_update(await client.customers.update(ID, phone=NEW))
        except Exception as error:
            told = by_error(error)
        look()
    return told


def _with_httpx(base_url: str) -> None:
    import httpx

    headers = {"X-API-Key": KEY}
    with httpx.Client(base_url=base_url, headers=headers, timeout=TIMEOUT) as client:
        read = client.get(f"/customers/{ID}")
        read.raise_for_status()
        record = read.json()
        record["phone"] = NEW
        client.put(f"/customers/{ID}", json=record).raise_for_status()


def _with_requests(base_url: str) -> None:
    import requests

    with requests.Session() as session:
        session.headers["X-API-Key"] = KEY
        read = session.get(f"{base_url}/customers/{ID}", timeout=TIMEOUT)
        read.raise_for_status()
        record = read.json()
        record["phone"] = NEW
        written = session.put(f"{base_url}/customers/{ID}", json=record, timeout=TIMEOUT)
        written.raise_for_status()


def _with_generated(base_url: str) -> None:
    import httpx
    from caibo_api import Client
    from caibo_api.api.customers import get_customer, replace_customer
    from caibo_api.models import Customer

    with Client(
        base_url=base_url,
        headers={"X-API-Key": KEY},
        timeout=httpx.Timeout(TIMEOUT),
        raise_on_unexpected_status=True,
    ) as client:
        customer = get_customer.sync(ID, client=client)
        if not isinstance(customer, Customer):
            raise LookupError(type(customer).__name__)
        customer.phone = NEW
        written = replace_customer.sync_detailed(ID, client=client, body=customer)
        if written.status_code != 200:
            raise LookupError(written.status_code)


BY_HAND: dict[str, Callable[[str], None]] = {
    "httpx": _with_httpx,
    "requests": _with_requests,
    "generated": _with_generated,
}


def by_hand(name: str, base_url: str) -> Told:
    """Update as people do without this package; all that they are told is an exception, or none."""
    try:
        BY_HAND[name](base_url)
    except Exception as error:
        module = type(error).__module__.partition(".")[0]
        kind = f"{module}.{type(error).__name__}"
        return {"told": "raised", "error": kind, "shown": shown_in(texts(error))}
    return {"told": "returned", "error": "", "shown": []}


Call = Callable[[str, Callable[[], object], bool], Told | Awaitable[Told]]
