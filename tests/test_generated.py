"""Every function of `caibo_api` is called once, and reads what the contract says.

So a media type that the generator misreads fails here, whichever operations there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import caibo_api
import pytest
from contract_server import Contract, Operation, Server, plain
from faces import Connect

import caibo

CONTRACT = Contract("caibo_api")
CASES = [(one, status) for one in CONTRACT.operations for status in one.statuses]
EACH = pytest.mark.parametrize(
    ("operation", "status"),
    CASES,
    ids=[f"{one.module.rpartition('.')[2]}-{status}" for one, status in CASES],
)


@pytest.fixture(scope="module")
def server() -> Server:
    return Server(CONTRACT)


@pytest.fixture(scope="module")
def address(server: Server) -> Iterator[str]:
    with server.serve() as address:
        yield address


def test_every_module_is_an_operation_of_the_contract() -> None:
    """None is left out below."""
    assert CONTRACT.modules() == {operation.module for operation in CONTRACT.operations}


@EACH
def test_each_function_reads_what_the_contract_says(
    connect: Connect, server: Server, address: str, operation: Operation, status: int
) -> None:
    """In short and in detail, on each face, through `client.api`; a refusal is an error of ours."""
    server.status = status
    client = connect(base_url=address, transport=None, max_retries=0)
    kind = "asyncio" if isinstance(client.caibo, caibo.AsyncCaibo) else "sync"
    functions = vars(import_module(operation.module))
    detailed, short = functions[f"{kind}_detailed"], functions.get(kind)
    given: dict[str, Any] = {**CONTRACT.arguments(operation), "client": client.caibo.api}
    _, said = CONTRACT.answer(operation, status)

    if status >= 400:
        with pytest.raises(caibo.APIError) as caught:
            client.wait(detailed, **given)
        assert caught.value.status == status
    else:
        response = client.wait(detailed, **given)
        assert (response.status_code, plain(response.parsed)) == (status, said)
        if short is not None:  # a function that has nothing to give is not generated
            assert plain(client.wait(short, **given)) == said
    assert server.wrong == []
    assert server.called[-1] == operation.module


@EACH
def test_what_is_generated_reads_refusals_by_itself(
    server: Server, address: str, operation: Operation, status: int
) -> None:
    """Who uses it without this client gets the problem document."""
    server.status = status
    functions = vars(import_module(operation.module))
    _, said = CONTRACT.answer(operation, status)

    with caibo_api.Client(base_url=address) as client:
        response = functions["sync_detailed"](**CONTRACT.arguments(operation), client=client)

    assert (response.status_code, plain(response.parsed)) == (status, said)
    assert server.wrong == []
