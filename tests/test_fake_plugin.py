"""The fixtures of ``caibo.testing.plugin``, and the examples of ``caibo.testing``."""

from __future__ import annotations

import doctest
import subprocess
import sys
from importlib import import_module

import anyio
import httpx
import pytest

import caibo
from caibo import testing
from caibo.testing import FakeCaibo, FakeServer

pytest_plugins = ["caibo.testing.plugin"]


def test_the_server_serves_the_gateway(fake_caibo: FakeCaibo, caibo_server: FakeServer) -> None:
    """Each test has a gateway of its own, and its fixtures share it."""
    assert fake_caibo.requests == []

    httpx.get(caibo_server.base_url)

    assert caibo_server.gateway is fake_caibo
    assert len(fake_caibo.requests) == 1


def test_the_client_reaches_the_gateway(fake_caibo: FakeCaibo, caibo_client: caibo.Caibo) -> None:
    """In memory, with its credentials."""
    id = fake_caibo.add_customer(phone="1")

    caibo_client.customers.update(id, email="new@example.com")

    document = fake_caibo.document(id)
    assert (document["email"], document["phone"]) == ("new@example.com", "1")


def test_the_async_client_reaches_the_gateway(
    fake_caibo: FakeCaibo, async_caibo_client: caibo.AsyncCaibo
) -> None:
    """Under whichever runner the test has."""
    id = fake_caibo.add_customer()

    async def update() -> None:
        async with async_caibo_client as client:
            await client.customers.update(id, email="new@example.com")

    anyio.run(update)

    assert fake_caibo.document(id)["email"] == "new@example.com"


@pytest.mark.parametrize("module", ["_answers", "_cache", "_clock", "_faults", "_gateway"])
def test_the_examples_run(module: str) -> None:
    """Those in docstrings, as they are printed there."""
    results = doctest.testmod(import_module(f"caibo.testing.{module}"))

    assert results.attempted > 0
    assert results.failed == 0


def test_the_kit_needs_neither_pytest_nor_the_client() -> None:
    """A demo, or another test runner, pays for what it uses."""
    program = (
        "import sys, caibo.testing; caibo.testing.FakeCaibo;"
        "print(sorted(m for m in sys.modules if m in ('pytest', 'caibo_api', 'caibo._client')))"
    )

    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert (output.stdout.strip(), output.stderr) == ("[]", "")


def test_the_plugin_starts_pytest_no_slower() -> None:
    """Until a fixture is used it loads nothing but pytest, which was there before."""
    program = "import sys, caibo.testing.plugin; print(*sys.modules)"

    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    loaded = set(output.stdout.split())
    assert "caibo.testing.plugin" in loaded
    assert loaded.isdisjoint({"anyio", "asyncio", "caibo_api", "httpcore", "httpx", "ssl"})


def test_names_load_when_they_are_used() -> None:
    """All are listed, each is there, and no other is."""
    assert set(testing.__all__) <= set(dir(testing))
    assert all(getattr(testing, name) is not None for name in testing.__all__)
    with pytest.raises(AttributeError):
        _ = testing.FakeGateway  # type: ignore[attr-defined]
