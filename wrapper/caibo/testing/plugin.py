"""Pytest fixtures: put ``pytest_plugins = ["caibo.testing.plugin"]`` into ``conftest.py``.

They need no other plugin: the async client comes unentered, for a test to enter
under whichever runner it has.  Until a fixture is used, nothing of `caibo` loads.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from caibo import AsyncCaibo, Caibo
    from caibo.testing import FakeCaibo, FakeServer


@pytest.fixture
def fake_caibo() -> FakeCaibo:
    """Give an empty gateway; the other fixtures of one test use the same."""
    from caibo.testing import FakeCaibo

    return FakeCaibo()


@pytest.fixture
def caibo_server(fake_caibo: FakeCaibo) -> Iterator[FakeServer]:
    """Serve the gateway on the loopback interface."""
    with fake_caibo.serve() as server:
        yield server


@pytest.fixture
def caibo_client(fake_caibo: FakeCaibo) -> Iterator[Caibo]:
    """Give a client that reaches the gateway in memory, whatever the environment says."""
    from caibo import Caibo

    with Caibo(
        api_key=fake_caibo.api_key,
        base_url=fake_caibo.base_url,
        transport=fake_caibo.transport,
    ) as client:
        yield client


@pytest.fixture
def async_caibo_client(fake_caibo: FakeCaibo) -> AsyncCaibo:
    """Give an async client that reaches the gateway in memory; enter it with `async with`."""
    from caibo import AsyncCaibo

    return AsyncCaibo(
        api_key=fake_caibo.api_key,
        base_url=fake_caibo.base_url,
        transport=fake_caibo.transport,
    )


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Show member by member how two customers differ, inside `caibo.testing.unmasked`."""
    from caibo import _tests_only

    if op != "==" or not _tests_only.unmasked:
        return None
    from caibo.testing._comparison import differences

    return differences(left, right)
