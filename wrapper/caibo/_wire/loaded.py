"""Read from the disk while a client is made what its calls would read later.

With no file descriptor left a call has to fail as one of our errors, and to say
something at all; modules and codecs that are loaded only then cannot be.
"""

from __future__ import annotations

import codecs
import sys
from importlib import import_module

from caibo._record.contract import contract, patchable
from caibo._wire.waiting import Tasks

# What is imported only where it is needed first, as `import caibo` has to be cheap.
_MODULES = (
    *("caibo_api", "caibo_api.api.authentication.login"),
    *("caibo_api.api.customers.get_customer", "caibo_api.api.customers.replace_customer"),
    *("caibo._wire.reasons", "difflib", "email.utils", "html"),
)
_PATCH = "caibo_api.api.customers.patch_customer"
_CODECS = ("idna", "ascii", "latin-1", "utf-8")
# anyio has no public way to load what it waits with; asyncio looks up names in a pool of threads.
_WITH_ASYNCIO = ("anyio.to_thread", "anyio._backends._asyncio", "concurrent.futures.thread")
_WITH_TRIO = ("anyio._backends._trio",)


def load(face: object) -> None:
    """Load modules, the contract, codecs, and what anyio waits with in each event loop."""
    contract()
    for name in _CODECS:
        codecs.lookup(name)
    for module in (*_MODULES, *([_PATCH] if patchable() else ())):
        import_module(module)
    if face is Tasks:
        # Nobody runs trio without having imported it, and it takes long.
        for module in (*_WITH_ASYNCIO, *(_WITH_TRIO if "trio" in sys.modules else ())):
            import_module(module)
