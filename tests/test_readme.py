"""README.md, docs/ and the docstrings say what is true: examples run, tables are complete."""

from __future__ import annotations

import ast
import asyncio
import doctest
import inspect
import re
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pages import DOCS, PAGES, ROOT, blocks, page, promised

import caibo
from caibo import bulk, doctor, testing
from caibo.testing import FakeCaibo, FakeServer
from caibo.testing.__main__ import main as command

pytest_plugins = ["caibo.testing.plugin"]

PUBLIC: dict[str, Any] = {
    name: getattr(module, name) for module in (caibo, testing) for name in module.__all__
}
# Examples show `await` as a prompt of `python -m asyncio` takes it.
FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


def python_blocks() -> list[Any]:
    """Find the Python blocks, each named by its page and the line on which it starts."""
    found = []
    for name in ["README.md", *DOCS]:
        for language, text, line in blocks(name):
            # Files have a test of their page's own, and so has docs/cookbook.md.
            file = re.match(r"# \w+\.py\n", text)
            if language == "python" and not file and name != "docs/cookbook.md":
                # So that a traceback names the line of the page.
                block = "\n" * (line - 1) + text
                found.append(pytest.param(name, block, id=f"{name}, line {line}"))
    return found


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
    fake.add_customer(id=16772748432912191)
    fake.add_customer(id=12345, preferences={"currency": "EUR", "language": "fr"})
    monkeypatch.setenv("CAIBO_API_KEY", fake.api_key)
    monkeypatch.setenv("CAIBO_BASE_URL", server.base_url)
    with caibo.Caibo() as client:
        yield {
            "caibo": caibo,
            "bulk": bulk,
            "doctor": doctor,
            "Any": Any,
            "fake": fake,
            "client": client,
            "password": fake.password,
            # What `python -m caibo.testing --port 8765` prints.
            "served": {
                "http://127.0.0.1:8765": server.base_url,
                "caibo_test_sk_only_the_fake_gateway_takes_this": fake.api_key,
            },
            "my_lock": lambda _: nullcontext(),
            "my_vault": SimpleNamespace(read=lambda _: fake.issue_token()),
        }


@pytest.mark.parametrize(("name", "block"), python_blocks())
def test_the_python_blocks_run(
    name: str,
    block: str,
    namespace: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    """They print what their comments say, and the tests that they define pass."""
    for shown, served in namespace.pop("served").items():
        block = block.replace(shown, served)
    run(compile(block, name, "exec", FLAGS), namespace)
    for test in [value for key, value in namespace.items() if key.startswith("test_")]:
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


@pytest.mark.parametrize("session", ["demo", "tests"])
def test_the_two_commands_are_there(session: str) -> None:
    """A newcomer copies them; nox has the sessions."""
    noxfile = (ROOT / "noxfile.py").read_text("utf-8")

    assert f"\npython -m pip install nox && nox -s {session}\n" in page("README.md")
    assert f"\ndef {session}(session: nox.Session)" in noxfile


@pytest.mark.parametrize("name", PAGES)
def test_who_is_told_to_install_by_name_is_told_whose_name_it_is(name: str) -> None:
    """Until a first release the name on PyPI may be anybody's."""
    by_name = re.search(r"""\bcaibo(==|~=)|pip install ["']?caibo(?!.* @ )""", page(name))

    assert by_name is None or re.search(r"(?i)(not|nothing is) on PyPI", page(name))


def test_the_readme_is_read_in_one_go() -> None:
    """What needs more room is a page of the site."""
    assert page("README.md").count("\n") <= 200


@pytest.mark.parametrize("name", ["README.md", "docs/start.md"])
def test_the_lines_to_paste_are_those_that_the_fake_prints(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever pastes them from the terminal instead has the same."""
    assert command(["--port", "0"], lambda: None) == 0
    printed = capsys.readouterr().out
    [pasted] = [text for _, text, _ in blocks(name) if "127.0.0.1:8765" in text]

    lines = [line for line in pasted.splitlines() if not line.startswith("#")]

    there = re.search(r"http://127\.0\.0\.1:\d+", printed)
    assert there is not None
    assert "\n".join(lines).replace("http://127.0.0.1:8765", there[0]) in printed
