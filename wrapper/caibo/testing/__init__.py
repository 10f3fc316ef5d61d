"""Test code that uses `caibo`, without the network and without a real customer.

    from caibo.testing import FakeCaibo

    fake = FakeCaibo()
    id = fake.add_customer(email="old@example.com")
    with caibo.Caibo(api_key=fake.api_key, transport=fake.transport) as client:
        client.customers.update(id, email="new@example.com")
    fake.assert_only_changed(id, {"email"})

`FakeCaibo.serve` and ``python -m caibo.testing`` put the same gateway behind a
real socket, `Clock` lets pauses cost no time, `error` makes any error for a stub,
`unmasked` shows values in assertions, `plain_http` lets a client into a network of
containers, and `caibo.testing.plugin` has pytest fixtures.

Names load when they are first used, so that pytest starts no slower for the plugin.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from caibo.testing._allowed import plain_http as plain_http
    from caibo.testing._allowed import unmasked as unmasked
    from caibo.testing._cache import Cache as Cache
    from caibo.testing._clock import Clock as Clock
    from caibo.testing._errors import error as error
    from caibo.testing._gateway import FakeCaibo as FakeCaibo
    from caibo.testing._gateway import FakeServer as FakeServer
    from caibo.testing._messages import Headers as Headers
    from caibo.testing._messages import Request as Request
    from caibo.testing._messages import Response as Response
else:  # which a checker must not see: it would take every misspelt name for an object

    def __getattr__(name: str) -> object:
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
        globals()[name] = value
        return value


_MODULE_OF = {
    "Cache": "_cache",
    "Clock": "_clock",
    "FakeCaibo": "_gateway",
    "FakeServer": "_gateway",
    "Headers": "_messages",
    "Request": "_messages",
    "Response": "_messages",
    "error": "_errors",
    "plain_http": "_allowed",
    "unmasked": "_allowed",
}

# Written out for those who read it without running it: griffe, with which releases are compared.
__all__ = [
    "Cache", "Clock", "FakeCaibo", "FakeServer", "Headers", "Request", "Response",
    "error", "plain_http", "unmasked",
]  # fmt: skip


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
