"""`import caibo` and `caibo.Caibo` load no more than they need; making a client loads the rest."""

from __future__ import annotations

import subprocess
import sys

import pytest

from caibo import testing

# Each costs milliseconds, and few programs need them, or none before its first client.
LATER = (
    *("attr", "attrs", "caibo_api", "caibo._wire.reasons", "caibo.audit"),
    *("caibo.testing", "difflib", "html", "uuid", "asyncio", "trio"),
)


def loaded_by(statement: str) -> set[str]:
    """Tell which of them a fresh interpreter has loaded then."""
    script = f"{statement}; import sys; print(*sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True
    )
    return set(found.stdout.split()) & set(LATER)


@pytest.mark.parametrize("name", ["Caibo", "AsyncCaibo"])
def test_what_is_needed_later_is_loaded_later(name: str) -> None:
    """But for what httpx loads itself."""
    assert loaded_by(f"import caibo; caibo.{name}") <= loaded_by("import httpx, httpcore")


def test_a_client_has_what_its_calls_need() -> None:
    """With no file descriptor left nothing can be loaded."""
    made = loaded_by("import caibo; caibo.Caibo(api_key='caibo_test_sk_0')")

    assert made >= {"attrs", "caibo_api", "caibo._wire.reasons", "difflib"}


def test_the_names_of_the_test_kit_are_those_that_it_loads() -> None:
    """They are written out twice: `__all__` for who reads it without running it."""
    assert set(testing.__all__) == set(testing._MODULE_OF)
