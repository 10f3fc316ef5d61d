"""What a caller does with an installed wheel; the rehearsal runs it in a Python of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from contract_server import Contract, Server, plain
from field_kinds import KINDS, NEWER, Kind

import caibo
from caibo._record.contract import python_name
from caibo.testing import FakeCaibo


@contextmanager
def connected(**options: Any) -> Iterator[tuple[FakeCaibo, int, Any]]:
    """Give a gateway with a customer, and a client of it."""
    fake = FakeCaibo()
    fake.etags = options.pop("etags", False)
    id = fake.add_customer()
    reached: Any = {"base_url": fake.base_url, "transport": fake.transport}
    with caibo.Caibo(api_key=fake.api_key, **reached, **options) as client:
        yield fake, id, client


def kinds(chosen: Mapping[str, Kind] = KINDS) -> int:
    """Write a field of each kind, and read it; say how many."""
    for wire, kind in chosen.items():
        with connected() as (fake, id, client):
            name = python_name(wire)
            client.customers.update(id, **{name: kind.given})
            assert holds(fake.document(id)[wire], kind.json), wire
            assert holds(getattr(client.customers.get(id), name), kind.value), wire
    return len(chosen)


def newer_kinds() -> int:
    """Do so with those of OpenAPI 3.1."""
    return kinds(NEWER)


def holds(got: Any, wanted: Any) -> bool:
    """Tell whether what was written is there; objects are merged member by member."""
    if isinstance(wanted, dict):
        return isinstance(got, dict) and all(holds(got[name], wanted[name]) for name in wanted)
    return bool(got == wanted)


def update(changes: Mapping[str, Any] | None = None, **options: Any) -> str:
    """Update a customer; say which requests went out, and which had a condition."""
    with connected(**options) as (fake, id, client):
        client.customers.update(id, **(changes or {"phone": "+1"}))
        return " ".join(
            f"{request.method}{' If-Match' * ('If-Match' in request.headers)}"
            for request in fake.requests
        )


def operations() -> str:
    """Call each operation of the contract through `client.api`; say which there are."""
    contract = Contract("caibo_api")
    server = Server(contract)
    called = []
    with (
        server.serve() as address,
        caibo.Caibo(api_key="k", base_url=address, max_retries=0) as client,
    ):
        for operation in contract.operations:
            server.status = min(operation.statuses)
            function = import_module(operation.module).sync_detailed
            got = function(**contract.arguments(operation), client=client.api)
            assert plain(got.parsed) == contract.answer(operation, server.status)[1]
            called.append(operation.module.rpartition(".")[2])
    assert server.wrong == []
    return " ".join(sorted(called))
