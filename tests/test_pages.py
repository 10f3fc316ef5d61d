"""What the pages say is so: tables are complete, numbers are those of the code, links lead on."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import re
import shlex
import tomllib
from importlib.util import find_spec

import pytest
from pages import DOCS, PAGES, ROOT, blocks, named, page, rows, section

import caibo
from caibo import bulk, doctor, testing
from caibo._wire import connections, credentials, exchange, retry, waiting

ERRORS = {
    name
    for name in caibo.__all__
    if inspect.isclass(value := getattr(caibo, name)) and issubclass(value, BaseException)
}
OPTIONS = {
    name: option.default for name, option in inspect.signature(caibo.Caibo).parameters.items()
}
RETRIES = "docs/retries-and-deadlines.md"
#: Each place where that page has a number, and the number.
BOUNDS = [
    ("`timeout` | {:g} |", OPTIONS["timeout"]),
    ("the same | {:g} |", OPTIONS["timeout"]),
    ("`deadline` | {:g} |", OPTIONS["deadline"]),
    ("until `deadline` minus {:g} s", exchange._KEPT_SECONDS),
    ("`confirm` | {:g} |", OPTIONS["confirm"]),
    ("an async `lock=` | {:g} |", waiting.LEAVE_WITHIN),
    ("an async observer | {:g} |", waiting.LEAVE_WITHIN),
    ("an idle connection | {:g} |", connections.KEEP_ALIVE),
    ("`max_retries` times ({}; 0 to 10)", OPTIONS["max_retries"]),
    ("above {:g} MiB", waiting.LARGEST_BODY / 2**20),
    ("`max_base_age` ({:g} s)", OPTIONS["max_base_age"]),
    ("Above {:g} seconds", retry.LONGEST_RETRY_AFTER),
    ("has {:g} tokens", retry._FULL / 10),
    ("fewer than {:g} is not", retry._FULL / 20),
    ("its token {:g} seconds before", credentials._RENEW_EARLY),
]


@pytest.mark.parametrize("name", PAGES)
def test_the_links_lead_somewhere(name: str) -> None:
    """To files of this repository, and to headings of its pages."""
    lost = []
    for target in re.findall(r"\]\(([^)\s]*)\)", page(name)):
        path, _, anchor = target.partition("#")
        there = (ROOT / name).parent / path if path else ROOT / name
        if "://" not in target and not (
            there.exists() and (not anchor or anchor in anchors(there.read_text("utf-8")))
        ):
            lost.append(target)

    assert lost == []


def anchors(text: str) -> set[str]:
    """Name a page's headings as GitHub and the site do."""
    headings = re.findall(r"(?m)^#+ (.+)$", text)
    return {re.sub(r"[^\w\- ]", "", h).replace(" ", "-").lower() for h in headings}


def test_the_errors_table_names_every_error() -> None:
    """Each once, and none that there is not."""
    table = section("docs/errors.md", "What an error asks of you")

    assert sorted(name for row in rows(table) for name in named(row[1])) == sorted(ERRORS)


def test_each_error_is_caught_in_an_example() -> None:
    """Which `test_readme.py` runs."""
    examples = section("docs/errors.md", "Each of them, by example")

    assert set(re.findall(r"except caibo\.(\w+)", examples)) == ERRORS - {"CaiboError"}


def test_the_tree_of_errors_is_the_one_in_the_code() -> None:
    """As it is drawn in `caibo._errors`."""
    [drawn] = [text for language, text, _ in blocks("docs/errors.md") if language == "text"]

    assert inspect.cleandoc(caibo._errors.__doc__).find(drawn.strip().split("\n")[-1]) > 0
    assert set(re.findall(r"\w+Error", drawn)) == ERRORS


def test_the_result_table_has_every_attribute() -> None:
    """In the order of the class."""
    table = [named(row[0]) for row in rows(section("docs/errors.md", "What an `Update` says"))]

    assert table == [[field.name] for field in dataclasses.fields(caibo.Update)]


def test_the_options_table_has_every_option_with_its_default() -> None:
    """In the order of the signature, which both clients share."""
    table = [(*named(row[0]), *named(row[1])) for row in rows(page("docs/options.md"))]

    assert table == [(name, repr(default)) for name, default in OPTIONS.items()]
    assert list(inspect.signature(caibo.AsyncCaibo).parameters) == list(OPTIONS)


def test_the_table_of_pauses_is_true() -> None:
    """Each pause is drawn from between the two numbers, up to the longest."""
    table = rows(section(RETRIES, "The pauses"))

    told = [[float(number) for number in re.findall(r"[\d.]+", row[1])] for row in table]

    longest = [retry.FIRST_PAUSE * 2**n for n in range(len(table))]
    assert told == [[pause / 2, pause] for pause in longest]
    assert longest[-1] == retry.LONGEST_PAUSE


def test_every_other_number_about_retries_is_that_of_the_code() -> None:
    """But for statuses, the table of pauses, and the year in which clocks begin."""
    text = re.sub(r"(?ms)^```.*?^```$|^\| \d\w\w .*?$", "", page(RETRIES))

    for place, number in BOUNDS:
        assert place.format(number) in text
        text = text.replace(place.format(number), "")

    statuses = r"\b[1-5]\d\d\b"
    left = re.findall(r"\b\d[\d.,]*\b", re.sub(statuses, "", text).replace("since 1970", ""))
    assert left == []


def test_the_labels_of_assumptions_are_those_of_the_overlay() -> None:
    """Whoever reads one finds the others."""
    overlay = (ROOT / "codegen" / "overlay.yaml").read_text("utf-8")

    labels = {row[1] for row in rows(page("docs/assumptions.md"))}

    assert labels == set(re.findall(r"x-label: ([a-z ]+)", overlay))


def test_the_reference_has_every_public_name() -> None:
    """Under its module, each once, and none that is not public."""
    written = "".join(page(name) for name in DOCS if name.startswith("docs/reference/"))
    found = re.findall(r"(?m)^\.\. (?:currentmodule|auto\w+|data):: ([\w.]+)", written)

    names: list[str] = []
    module = ""
    for name in found:
        module = name if name.startswith("caibo") else module
        names += [f"{module}.{name}"] * (name != module)

    public = [f"{m.__name__}.{name}" for m in (caibo, bulk, doctor, testing) for name in m.__all__]
    assert sorted(names) == sorted(public)


@pytest.mark.parametrize("name", ["README.md", *DOCS])
def test_every_block_is_of_a_kind_that_is_looked_at(name: str) -> None:
    """Python is run by other tests; commands are there, and data can be read."""
    noxfile = (ROOT / "noxfile.py").read_text("utf-8")
    for language, text, line in blocks(name):
        match language:
            case "sh":
                for words in [shlex.split(row, comments=True) for row in text.splitlines()]:
                    looked_at(words, noxfile)
            case "json":
                json.loads(text)
            case "toml":
                tomllib.loads(text)
            case "python":
                ast.parse(text) if "await " not in text else None
            case "console":  # tests/cli has it
                assert name == "docs/cli.md"
            case _:
                assert language in ("", "text", "{eval-rst}", "{toctree}", "{include}"), line


def looked_at(words: list[str], noxfile: str) -> None:
    """Hold a command against what there is."""
    match words:
        case ["nox", "-s", *_] | [*_, "&&", "nox", "-s", _]:
            session = words[words.index("-s") + 1]
            assert f"\ndef {session}(session: nox.Session)" in noxfile
        case ["python", "-m", module, *_]:
            assert module in ("pip", "pytest", "venv") or find_spec(module) is not None
