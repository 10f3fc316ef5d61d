"""Pytest fixtures: put ``pytest_plugins = ["caibo.testing.plugin"]`` into ``conftest.py``.

They need no other plugin: the async client comes unentered, for a test to enter
under whichever runner it has.  Until a fixture is used, nothing of `caibo` loads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from caibo import AsyncCaibo, Caibo
    from caibo.testing import Clock, FakeCaibo, FakeServer


@pytest.fixture
def fake_caibo() -> FakeCaibo:
    """Give an empty gateway; the other fixtures of one test use the same.

    A fault that no request meets fails no test, unless the test ends with
    ``fake_caibo.assert_faults_met()``, or an autouse fixture does that for all of them.
    """
    from caibo.testing import FakeCaibo

    return FakeCaibo()


@pytest.fixture
def caibo_server(fake_caibo: FakeCaibo) -> Iterator[FakeServer]:
    """Serve the gateway on the loopback interface."""
    with fake_caibo.serve() as server:
        yield server


@pytest.fixture
def caibo_clock(fake_caibo: FakeCaibo) -> Iterator[Clock]:
    """Let pauses of clients cost no time, and the gateway go by the same clock."""
    from caibo.testing import Clock

    with Clock() as clock:
        fake_caibo.clock = clock
        yield clock


@pytest.fixture
def caibo_client_options() -> Mapping[str, Any]:
    """Give the options of the two clients: define it anew, or parametrize it.

    A test that needs other options than its module has
    ``@pytest.mark.parametrize("caibo_client_options", [{"confirm": True}])``.
    """
    return {}


@pytest.fixture
def caibo_client(fake_caibo: FakeCaibo, caibo_client_options: Mapping[str, Any]) -> Iterator[Caibo]:
    """Give a client that reaches the gateway in memory, whatever the environment says."""
    from caibo import Caibo

    with Caibo(**_in_memory(fake_caibo, caibo_client_options)) as client:
        yield client


@pytest.fixture
def async_caibo_client(
    fake_caibo: FakeCaibo, caibo_client_options: Mapping[str, Any]
) -> AsyncCaibo:
    """Give an async client that reaches the gateway in memory; enter it with `async with`."""
    from caibo import AsyncCaibo

    return AsyncCaibo(**_in_memory(fake_caibo, caibo_client_options))


@pytest.fixture
def caibo_env(caibo_server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    """Lead every client that goes by the environment to the gateway; give what was set.

    For code that makes its own client, here or in a process that it starts.
    """
    monkeypatch.delenv("CAIBO_ACCESS_TOKEN", raising=False)
    variables = {
        "CAIBO_API_KEY": caibo_server.gateway.api_key,
        "CAIBO_BASE_URL": caibo_server.base_url,
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Show member by member how two customers differ, inside `caibo.testing.unmasked`."""
    from caibo import _tests_only

    if op != "==" or not _tests_only.unmasked:
        return None
    from caibo.testing._comparison import differences

    return differences(left, right)


def _in_memory(gateway: FakeCaibo, options: Mapping[str, Any]) -> dict[str, Any]:
    named = {"api_key", "access_token", "auth"} & options.keys()
    credential = {} if named else {"api_key": gateway.api_key}
    reached = {"base_url": gateway.base_url, "transport": gateway.transport}
    return {**credential, **reached, **options}
