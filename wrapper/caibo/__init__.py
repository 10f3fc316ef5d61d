"""Change some fields of a Caibo customer and lose nothing else in the record.

    import caibo

    with caibo.Caibo(api_key="caibo_test_sk_…") as client:
        update = client.customers.update(12345, email="new@example.com", phone=None)

Names load when they are first used (PEP 562), so that ``import caibo`` alone
costs next to nothing.  Everything that can be raised is drawn as a tree in
`caibo._errors`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from caibo._version import __version__ as __version__
from caibo._version import contract_version as contract_version

if TYPE_CHECKING:
    from caibo._client import AsyncCaibo as AsyncCaibo
    from caibo._client import Caibo as Caibo
    from caibo._customers import AsyncCustomers as AsyncCustomers
    from caibo._customers import Customers as Customers
    from caibo._errors import APIError as APIError
    from caibo._errors import AuthenticationError as AuthenticationError
    from caibo._errors import BadRequestError as BadRequestError
    from caibo._errors import CaiboError as CaiboError
    from caibo._errors import ConfigurationError as ConfigurationError
    from caibo._errors import ConflictError as ConflictError
    from caibo._errors import DeadlineExceededError as DeadlineExceededError
    from caibo._errors import InvalidChangesError as InvalidChangesError
    from caibo._errors import LockError as LockError
    from caibo._errors import MalformedResponseError as MalformedResponseError
    from caibo._errors import NotFoundError as NotFoundError
    from caibo._errors import PermissionDeniedError as PermissionDeniedError
    from caibo._errors import Problem as Problem
    from caibo._errors import RateLimitedError as RateLimitedError
    from caibo._errors import RenewalError as RenewalError
    from caibo._errors import ServerError as ServerError
    from caibo._errors import TransportError as TransportError
    from caibo._errors import WriteStoppedError as WriteStoppedError
    from caibo._record.customer import Customer as Customer
    from caibo._record.customer_fields import CustomerChanges as CustomerChanges
    from caibo._record.document import Document as Document
    from caibo._wire.credentials import ApiKey as ApiKey
    from caibo._wire.credentials import BearerToken as BearerToken
    from caibo._wire.credentials import Login as Login
    from caibo._write.draft import Draft as Draft
    from caibo._write.events import Event as Event
    from caibo._write.events import Observer as Observer
    from caibo._write.events import WriteFailed as WriteFailed
    from caibo._write.events import WriteFinished as WriteFinished
    from caibo._write.events import WriteIntended as WriteIntended
    from caibo._write.plan import OverwrittenError as OverwrittenError
    from caibo._write.plan import Plan as Plan
    from caibo._write.plan import UnknownOutcomeError as UnknownOutcomeError
    from caibo._write.update import Change as Change
    from caibo._write.update import Update as Update
    from caibo.audit import JsonLinesAudit as JsonLinesAudit
    from caibo.audit import OpenIntent as OpenIntent
    from caibo.audit import audit_context as audit_context
    from caibo.audit import open_intents as open_intents
else:  # which a checker must not see: it would take every misspelt name for an object

    def __getattr__(name: str) -> object:
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
        globals()[name] = value
        return value


_HOME = {
    "_client": ("AsyncCaibo", "Caibo"),
    "_customers": ("AsyncCustomers", "Customers"),
    "_errors": (
        "APIError",
        "AuthenticationError",
        "BadRequestError",
        "CaiboError",
        "ConfigurationError",
        "ConflictError",
        "DeadlineExceededError",
        "InvalidChangesError",
        "LockError",
        "MalformedResponseError",
        "NotFoundError",
        "PermissionDeniedError",
        "Problem",
        "RateLimitedError",
        "RenewalError",
        "ServerError",
        "TransportError",
        "WriteStoppedError",
    ),
    "_record.customer": ("Customer",),
    "_record.customer_fields": ("CustomerChanges",),
    "_record.document": ("Document",),
    "_wire.credentials": ("ApiKey", "BearerToken", "Login"),
    "_write.draft": ("Draft",),
    "_write.events": ("Event", "Observer", "WriteFailed", "WriteFinished", "WriteIntended"),
    "_write.plan": ("OverwrittenError", "Plan", "UnknownOutcomeError"),
    "_write.update": ("Change", "Update"),
    "audit": ("JsonLinesAudit", "OpenIntent", "audit_context", "open_intents"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = ["__version__", "contract_version", *_MODULE_OF]  # pyright: ignore[reportUnsupportedDunderAll]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
