"""What a team that pins `caibo` reads: its version, its contract, and the names of the fields."""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import get_type_hints

import pytest

import caibo
from caibo._record import contract as rules
from caibo._record import customer_fields

ROOT = Path(__file__).parents[1]
PUBLIC_TESTS: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"][
    "caibo"
]["public-tests"]
WRITABLE = [field.name for field in rules.fields().values() if field.writable]


def test_the_version_is_that_of_the_distribution() -> None:
    """There is one place for it, and the build reads it there."""
    assert caibo.__version__ == version("caibo")


def test_the_contract_version_names_the_contract() -> None:
    """Its hash is that of `openapi.yaml`; its day is when that was taken from the vendor."""
    digest = hashlib.sha256((ROOT / "openapi.yaml").read_bytes()).hexdigest()[:12]

    day, _, named = caibo.contract_version.partition("+")

    assert re.fullmatch(r"20\d\d-[01]\d-[0-3]\d", day)
    assert named == digest, (
        f'write contract_version = "YYYY-MM-DD+{digest}", with the day on which openapi.yaml was '
        "taken from the vendor's page, into wrapper/caibo/_version.py"
    )


@pytest.mark.parametrize("name", WRITABLE)
def test_a_writable_field_has_its_line_in_the_facade(name: str) -> None:
    """Editors and type checkers read it there; `nox -s generate` writes it."""
    assert name in get_type_hints(caibo.CustomerChanges)
    assert name in drafted()


def drafted() -> set[str]:
    """The names that a `Draft` has for type checkers, which are not there at run time."""
    tree = ast.parse(inspect.getsource(customer_fields.DraftFields))
    named = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return named | {
        node.target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


@pytest.mark.parametrize("name", get_type_hints(caibo.CustomerChanges))
def test_a_name_of_the_facade_is_a_writable_field(name: str) -> None:
    """One that the contract has no more would be refused on every call."""
    assert name in WRITABLE


@pytest.mark.parametrize("field", rules.fields().values(), ids=rules.fields())
def test_a_field_can_be_read_by_name(field: rules.Field) -> None:
    """Also one that the gateway owns."""
    customer = caibo.Customer({field.wire: None})

    try:
        assert getattr(customer, field.name) is None
    except caibo.MalformedResponseError as error:
        assert field.required
        assert field.wire in str(error)  # noqa: PT017


@pytest.mark.parametrize("name", PUBLIC_TESTS)
def test_what_the_next_release_must_pass_is_public(name: str) -> None:
    """Those tests use no private name and quote no message, which may change at any time."""
    path = ROOT / name
    for module in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
        tree = ast.parse(module.read_text("utf-8"))
        imported = [
            f"{node.module}.{alias.name}" if isinstance(node, ast.ImportFrom) else alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        ]
        keywords = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
        assert not [one for one in imported if re.search(r"\bcaibo(_api|\..*\b_)", one)]
        assert "match" not in keywords
