"""The fixtures of ``caibo.testing.plugin``, and the examples of ``caibo.testing``."""

from __future__ import annotations

import doctest
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import anyio
import httpx
import pytest

import caibo
from caibo import testing
from caibo.testing import Clock, FakeCaibo, FakeServer

pytest_plugins = ["caibo.testing.plugin", "pytester"]
heard: list[caibo.Event] = []


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


@pytest.mark.parametrize(
    "caibo_client_options",
    [{"confirm": True, "observers": [heard.append]}],
    ids=["confirm, and an observer"],
)
class TestOptions:
    def test_the_client_has_those_of_the_test(
        self, fake_caibo: FakeCaibo, caibo_client: caibo.Caibo
    ) -> None:
        """Any that `Caibo` takes, beside those that lead to the gateway."""
        heard.clear()

        update = caibo_client.customers.update(fake_caibo.add_customer(), phone=None)

        assert update.outcome == "confirmed"
        assert [type(event) for event in heard] == [caibo.WriteIntended, caibo.WriteFinished]

    def test_the_async_client_has_them_too(
        self, fake_caibo: FakeCaibo, async_caibo_client: caibo.AsyncCaibo
    ) -> None:
        """The same ones."""
        id = fake_caibo.add_customer()

        async def update() -> caibo.Update:
            async with async_caibo_client as client:
                return await client.customers.update(id, phone=None)

        assert anyio.run(update).outcome == "confirmed"


@pytest.mark.parametrize(
    "caibo_client_options", [{"base_url": "https://other.test"}], ids=["base_url"]
)
def test_options_come_before_those_of_the_fixture(caibo_client: caibo.Caibo) -> None:
    """Also where it has one itself."""
    assert "https://other.test" in repr(caibo_client)


class TestCredentials:
    @pytest.fixture
    def caibo_client_options(self, fake_caibo: FakeCaibo) -> Mapping[str, Any]:
        """Log in, at the gateway of the test."""
        return {"auth": caibo.Login(fake_caibo.email, fake_caibo.password)}

    def test_one_among_the_options_takes_the_place_of_the_key(
        self, fake_caibo: FakeCaibo, caibo_client: caibo.Caibo
    ) -> None:
        """So a test that expires tokens has some."""
        caibo_client.customers.get(fake_caibo.add_customer())

        assert fake_caibo.logins == 1


class TestEnvironment:
    @pytest.fixture(autouse=True)
    def what_was_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As on the machine of somebody who works with the real gateway."""
        monkeypatch.setenv("CAIBO_API_KEY", "caibo_live_sk_0123")
        monkeypatch.setenv("CAIBO_ACCESS_TOKEN", "a.b.c")

    def test_a_client_that_goes_by_it_reaches_the_gateway(
        self, fake_caibo: FakeCaibo, caibo_env: Mapping[str, str]
    ) -> None:
        """Over a real socket, with a test key, and without the token that was there."""
        id = fake_caibo.add_customer()

        with caibo.Caibo() as client:
            client.customers.update(id, phone=None)
            assert client.mode == "test"

        fake_caibo.assert_only_changed(id, {"phone"})
        assert {name: os.environ[name] for name in caibo_env} == caibo_env
        assert "CAIBO_ACCESS_TOKEN" not in os.environ

    def test_it_is_as_before_without_the_fixture(self) -> None:
        """The next test has its own."""
        assert os.environ["CAIBO_API_KEY"] == "caibo_live_sk_0123"
        assert "CAIBO_BASE_URL" not in os.environ


def test_the_clock_is_that_of_client_and_gateway(
    fake_caibo: FakeCaibo, caibo_client: caibo.Caibo, caibo_clock: Clock
) -> None:
    """A pause takes no time, and a token grows old by it."""
    id = fake_caibo.add_customer()
    started = fake_caibo.now()
    fake_caibo.fail_next(429, headers={"Retry-After": "20"})

    caibo_client.customers.get(id)

    assert caibo_clock.sleeps == [20.0]
    assert (fake_caibo.now() - started).total_seconds() == 20


def test_a_failed_assertion_shows_what_differs_where_it_may(pytester: pytest.Pytester) -> None:
    """Member by member inside `unmasked`, and masked without."""
    pytester.makeconftest("pytest_plugins = ['caibo.testing.plugin']")
    pytester.makepyfile(
        """
        import pytest
        from caibo import Customer
        from caibo.testing import unmasked

        @pytest.fixture
        def readable():
            with unmasked():
                yield

        def check(fake, client):
            customer = client.customers.get(fake.add_customer())
            assert customer == Customer({**customer.to_dict(), "name": "Grace Example"})

        def test_shown(readable, fake_caibo, caibo_client):
            check(fake_caibo, caibo_client)

        def test_masked(fake_caibo, caibo_client):
            check(fake_caibo, caibo_client)

        def test_no_comparison():
            assert 2 < 1
        """
    )

    quiet = ("-p", "no:cacheprovider", "-p", "no:xdist")
    told: dict[str, list[str]] = {}
    for name in ("shown", "masked", "no_comparison"):
        result = pytester.runpytest_inprocess(*quiet, "-k", name)
        result.assert_outcomes(failed=1, deselected=2)
        told[name] = [line for line in result.outlines if line.startswith("E ")]

    one_line = [line for line in told["shown"] if "'Ada Example'" in line]
    assert [line for line in one_line if "'Grace Example'" in line]
    assert "Example'" not in "".join(told["masked"])
    assert told["no_comparison"] == ["E       assert 2 < 1"]


@pytest.mark.parametrize(
    "module",
    ["_allowed", "_answers", "_cache", "_clock", "_errors", "_faults", "_gateway", "_inspection"],
)
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
