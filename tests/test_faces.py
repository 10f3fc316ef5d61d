"""The two faces agree, and names load when they are used."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from typing import Any

import pytest

import caibo

PAIRS = [(caibo.Caibo, caibo.AsyncCaibo), (caibo.Customers, caibo.AsyncCustomers)]


def public(kind: type) -> dict[str, Any]:
    return {
        name: inspect.getattr_static(kind, name)
        for name in dir(kind)
        if not name.startswith("_") or name == "__init__"
    }


@pytest.mark.parametrize(("plain", "awaited"), PAIRS)
def test_they_have_the_same_names(plain: type, awaited: type) -> None:
    """Whoever knows one knows the other."""
    assert public(plain).keys() == public(awaited).keys()


@pytest.mark.parametrize(
    ("plain", "awaited", "name"),
    [(p, a, n) for p, a in PAIRS for n, v in public(p).items() if inspect.isfunction(v)],
)
def test_a_method_takes_the_same(plain: type, awaited: type, name: str) -> None:
    """Parameters, defaults and annotations; what it does is written once."""
    one, other = public(plain)[name], public(awaited)[name]

    ours = [
        p for p in inspect.signature(one).parameters.values() if p.name not in ("http", "driver")
    ]
    theirs = [
        p for p in inspect.signature(other).parameters.values() if p.name not in ("http", "driver")
    ]
    assert ours == theirs
    assert other.__doc__ == one.__doc__ or str(other.__doc__).startswith(
        f"As `{plain.__name__}.{name}`, "
    )
    assert name in ("__init__", "edit", "with_options") or inspect.iscoroutinefunction(other)


@pytest.mark.parametrize("kind", [caibo.Caibo, caibo.AsyncCaibo])
def test_the_id_is_shown_as_one_to_be_given(kind: Any) -> None:
    """Though it has a default: a call without it is told what comes first."""
    update = kind(api_key="caibo_test_sk_1").customers.update

    assert str(inspect.signature(update)).startswith("(id: 'int' = …, /, ")


def test_import_alone_loads_nothing_heavy() -> None:
    """`import caibo` costs next to nothing; httpx comes with the first client."""
    code = "import sys, caibo; print(*sorted({m.split('.')[0] for m in sys.modules}))"

    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        # Without the measuring of coverage, which loads modules of its own.
        env={name: value for name, value in os.environ.items() if "COVERAGE" not in name},
        capture_output=True,
        text=True,
        check=True,
    )

    assert {"httpx", "attrs", "attr", "anyio", "json", "caibo_api"}.isdisjoint(run.stdout.split())


@pytest.mark.parametrize("name", [name for name in caibo.__all__ if name != "__version__"])
def test_every_public_name_is_there(name: str) -> None:
    """And says so itself in `dir()`, for an interactive user."""
    assert getattr(caibo, name, None) is not None
    assert name in dir(caibo)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """As in any module."""
    with pytest.raises(AttributeError, match="no attribute 'Cliente'"):
        caibo.Cliente  # type: ignore[attr-defined]  # noqa: B018
