"""README.md, docs/ and the docstrings say what is true: examples run, tables are complete."""

from __future__ import annotations

import ast
import asyncio
import dataclasses
import doctest
import inspect
import re
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import caibo
from caibo import bulk, doctor, testing
from caibo._wire import retry
from caibo.testing import FakeCaibo, FakeServer

pytest_plugins = ["caibo.testing.plugin"]

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
DOCS = [f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))]
PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", *DOCS]
PUBLIC: dict[str, Any] = {
    name: getattr(module, name) for module in (caibo, testing) for name in module.__all__
}
# Examples show `await` as a prompt of `python -m asyncio` takes it.
FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


def section(heading: str) -> str:
    """Cut out what stands under a heading of the second level."""
    [found] = re.findall(
        rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL
    )
    return str(found)


def rows(text: str) -> list[list[str]]:
    """Read the cells of a table's rows, without its heading."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def named(cell: str) -> list[str]:
    """List what stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def blocks() -> list[Any]:
    """Find the Python blocks, each named by its page and the line on which it starts."""
    found = []
    # The blocks of models.md go on from one to the next: `test_other_worlds.py` runs them.
    for page in ["README.md", *(page for page in DOCS if page != "docs/models.md")]:
        text = (ROOT / page).read_text("utf-8")
        # One that begins with the name of a file is one: `test_testing_page.py` runs them.
        for match in re.finditer(r"(?ms)^```python\n(?!# \w+\.py$)(.*?)^```$", text):
            above = text.count("\n", 0, match.start(1))
            # So that a traceback names the line of the page.
            block = "\n" * above + match[1]
            found.append(pytest.param(page, block, id=f"{page}, line {above + 1}"))
    return found


def promised(block: str) -> list[str]:
    """List what a block says that it prints: beside each `print`, or in lines of their own."""
    return re.findall(r"(?m)^(?: *print\(.*\)  )?# (.+)$", block)


def examples() -> list[Any]:
    """Find the examples in the docstrings of what is public, inherited methods included."""
    optional = [getattr(room, name) for room in (bulk, doctor) for name in room.__all__]
    public = [value for value in (*PUBLIC.values(), *optional) if inspect.isclass(value)]
    classes = {one for value in public for one in value.__mro__ if one.__module__[:5] == "caibo"}
    documented = [*classes, *filter(inspect.isfunction, optional)]
    found = [test for one in documented for test in doctest.DocTestFinder().find(one)]
    shown = sorted((test for test in found if test.examples), key=lambda test: test.name)
    return [pytest.param(test, id=test.name) for test in shown]


def run(code: Any, namespace: dict[str, Any]) -> None:
    """Execute compiled code, and wait for it if it awaits something."""
    result = eval(code, namespace)  # noqa: S307
    if inspect.iscoroutine(result):
        asyncio.run(result)


@pytest.fixture
def namespace(
    fake: FakeCaibo, server: FakeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[dict[str, Any]]:
    """Give what the examples take for granted: a client, customer 12345, secrets, a lock."""
    monkeypatch.chdir(tmp_path)
    fake.api_key = "caibo_test_sk_0123"
    fake.add_customer(id=12345, preferences={"currency": "EUR", "language": "fr"})
    monkeypatch.setenv("CAIBO_API_KEY", fake.api_key)
    monkeypatch.setenv("CAIBO_BASE_URL", server.base_url)
    with caibo.Caibo() as client:
        yield {
            "caibo": caibo,
            "bulk": bulk,
            "doctor": doctor,
            "client": client,
            "password": fake.password,
            "my_lock": lambda _: nullcontext(),
            "my_vault": SimpleNamespace(read=lambda _: fake.issue_token()),
        }


@pytest.mark.parametrize(("page", "block"), blocks())
def test_the_python_blocks_run(
    page: str,
    block: str,
    namespace: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    """They print what their comments say, and the tests that they define pass."""
    run(compile(block, page, "exec", FLAGS), namespace)
    for name in [name for name in namespace if name.startswith("test_")]:
        test = namespace[name]
        test(*map(request.getfixturevalue, inspect.signature(test).parameters))

    assert capsys.readouterr().out.splitlines() == promised(block)


@pytest.mark.parametrize("example", examples())
def test_the_examples_in_docstrings_run(
    example: doctest.DocTest,
    namespace: dict[str, Any],
    fake: FakeCaibo,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As they are printed there."""
    monkeypatch.setattr(doctest, "exec", run, raising=False)  # its own awaits nothing
    if example.name.startswith("Async"):
        namespace["client"] = caibo.AsyncCaibo(transport=fake.transport)
    example.globs = {**PUBLIC, **namespace}
    said: list[str] = []

    doctest.DocTestRunner(verbose=False).run(example, FLAGS, said.append)

    assert "".join(said) == ""


@pytest.mark.parametrize("page", PAGES)
def test_the_links_lead_somewhere(page: str) -> None:
    """Those to files of this repository, and to headings of the same page."""
    text = (ROOT / page).read_text("utf-8")
    headings = re.findall(r"(?m)^#+ (.+)$", text)
    anchors = {re.sub(r"[^\w\- ]", "", h).replace(" ", "-").lower() for h in headings}
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    inside = [target for target in targets if "://" not in target]

    lost = [
        target
        for target in inside
        if not (
            target[1:] in anchors
            if target.startswith("#")
            else (ROOT / page).parent.joinpath(target.partition("#")[0]).exists()
        )
    ]

    assert lost == []


def test_the_errors_table_names_every_error() -> None:
    """Each once, and none that there is not."""
    public = [n for n, v in PUBLIC.items() if inspect.isclass(v) and issubclass(v, BaseException)]

    table = [name for row in rows(section("Errors")) for name in named(row[1])]

    assert sorted(table) == sorted(public)


def test_the_options_table_has_every_option_with_its_default() -> None:
    """In the order of the signature, which both clients share."""
    table = [(*named(row[0]), *named(row[1])) for row in rows(section("Options"))]

    for client in (caibo.Caibo, caibo.AsyncCaibo):
        parameters = inspect.signature(client).parameters.values()
        assert table == [(p.name, repr(p.default)) for p in parameters]


def test_the_table_of_pauses_is_true() -> None:
    """Each pause is drawn from between the two numbers, up to the longest."""
    page = (ROOT / "docs" / "retries-and-deadlines.md").read_text("utf-8")
    table = rows(page.partition("## The pauses")[2].partition("\n\n`Retry-After`")[0])

    told = [[float(number) for number in re.findall(r"[\d.]+", row[1])] for row in table]

    longest = [retry.FIRST_PAUSE * 2**n for n in range(len(table))]
    assert told == [[pause / 2, pause] for pause in longest]
    assert longest[-1] == retry.LONGEST_PAUSE


def test_the_result_table_has_every_attribute() -> None:
    """In the order of the class."""
    table = [named(row[0]) for row in rows(section("The result"))]

    assert table == [[field.name] for field in dataclasses.fields(caibo.Update)]


def test_the_labels_of_assumptions_are_those_of_the_overlay() -> None:
    """Whoever reads one finds the others."""
    overlay = (ROOT / "codegen" / "overlay.yaml").read_text("utf-8")

    labels = {row[1] for row in rows(section("What is assumed about the gateway"))}

    assert labels == set(re.findall(r"x-label: ([a-z ]+)", overlay))


@pytest.mark.parametrize("session", ["demo", "tests"])
def test_the_two_commands_are_there(session: str) -> None:
    """A newcomer copies them; nox has the sessions."""
    noxfile = (ROOT / "noxfile.py").read_text("utf-8")

    assert f"\npython -m pip install nox && nox -s {session}\n" in README
    assert f"\ndef {session}(session: nox.Session)" in noxfile
