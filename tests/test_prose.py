"""What our prose calls undocumented is undocumented: when a label goes, the sentence is found.

The table of docs/assumptions.md is generated from the assumptions; sentences elsewhere are not, so
each kind of them has a pattern here, beside what makes it true.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "wrapper").rglob("*.py")),
    *sorted((ROOT / "examples").rglob("*.py")),
]
# What was true when it was written stays there.
HISTORY = {"CHANGELOG.md", "decisions.md"}
# What is said there is about rulings, or about what we assume as such.
PROCESS = {"CONTRIBUTING.md", "maintaining.md", "upgrading.md", "doctor.md", "_doctor.py"}
#: What `nox -s generate` makes of the contract and the assumptions.
MADE = re.compile(r"<!-- Made of .*?<!-- End of what is made of [^\n]*", re.DOTALL)
PATH = "/customers/{id}"
Contract = dict[str, Any]
Labels = dict[str, str]


def assumed(id: str) -> Callable[[Labels, Contract], bool]:
    """Give the question whether an entry still is an assumption."""
    return lambda labels, _: labels.get(id) == "assumption"


def no_tag(_: Labels, contract: Contract) -> bool:
    return '"ETag"' not in json.dumps(contract["paths"])


RULES: dict[str, tuple[Callable[[Labels, Contract], bool], str]] = {
    "the vendor says which fields the gateway owns": (
        assumed("server-owned"),
        (
            r"set by the gateway \((an )?assumption|who owns which member, [^.]*are assumptions"
            r"|(sets a member|marked `readOnly`), which is an assumption"
        ),
    ),
    "the vendor says what becomes of an omitted member": (
        assumed("omitted-is-lost"),
        r"becomes is not documented",
    ),
    "the vendor says what a refusal means": (
        assumed("refused-is-unchanged"),
        r"nothing was changed \(an assumption",
    ),
    "the vendor says what clears a member": (
        assumed("null-clears"),
        r"What clears a member, [^.]*are assumptions",
    ),
    "the vendor shows its errors": (
        assumed("error-look"),
        r"The look is an assumption|the look of errors [^.]*are assumptions",
    ),
    "the vendor says what its caches do": (
        assumed("caches"),
        r"Whether there is a cache at all, and which kind, is an assumption",
    ),
    "the vendor says how names are matched": (
        assumed("names-in-any-case"),
        r"vendor's framework does so is an assumption",
    ),
    "the vendor documents an ETag": (
        no_tag,
        (
            r"ETag, which the vendor does not document|no version and no ETag"
            r"|ETags, [^.]*are assumptions"
        ),
    ),
}


def packaged(name: str) -> Any:
    return json.loads(files("caibo_api").joinpath(name).read_text("utf-8"))


LABELS: Labels = {entry["id"]: entry["label"] for entry in packaged("assumptions.json")}
CONTRACT: Contract = packaged("openapi.json")


def spaced(pattern: str) -> re.Pattern[str]:
    """Let each space be any, a line end among them."""
    return re.compile(pattern.replace(" ", r"[\s\"#]+"))


def found(pattern: str) -> Iterator[str]:
    """Name the places where a sentence of a kind stands, also across line ends."""
    wanted = spaced(pattern)
    for page in PAGES:
        if page.name not in HISTORY:
            text = page.read_text("utf-8")
            for match in wanted.finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                yield f"{page.relative_to(ROOT)}:{line}: {' '.join(match[0].split())}"


#: Of what nobody has ruled, or of assumptions as such; what is generated is no sentence.
OTHERS = (
    r"that the old one then ends is not documented|end it earlier is not documented"
    r"|vendor documents no form of theirs|--help for the assumptions"
    r"|Of each \[assumption\]|\| an assumption \|"
)
# A name of a file, or of the page that has them all, says nothing.
SAYS_SO = (
    r"(?<!<)assumptions?\b(?!\.(json|yaml|md)|\]\()"
    r"|documents (no|none)\b|not documented|does not document"
)


def stale(name: str, labels: Labels, contract: Contract) -> list[str]:
    """List the sentences of a rule that are true no more."""
    holds, pattern = RULES[name]
    return [] if holds(labels, contract) else list(found(pattern))


@pytest.mark.parametrize("name", RULES)
def test_no_sentence_outlives_what_it_says(name: str) -> None:
    """Whoever takes an assumption out of the overlay sees here what else to change."""
    assert stale(name, LABELS, CONTRACT) == [], f"{name} now: say it there, or take the rule out"


@pytest.mark.parametrize("name", RULES)
def test_a_sentence_is_found_when_its_label_goes(name: str) -> None:
    """A rule without any sentence looks for nothing."""
    documented: Contract = {PATH: {"get": {"headers": {"ETag": {}}}, "patch": {}}}

    assert stale(name, {}, {"paths": documented})


def test_a_sentence_that_calls_something_undocumented_has_a_rule() -> None:
    """A new one is given one, so that somebody finds it in time."""
    ruled = "|".join([OTHERS, *(pattern for _, pattern in RULES.values())])
    covered = spaced(ruled)
    open_ones = []
    for page in PAGES:
        if page.name in HISTORY | PROCESS or page.parent.name == "doctor":
            continue
        text = MADE.sub("", page.read_text("utf-8"))
        spans = [match.span() for match in covered.finditer(text)]
        open_ones += [
            f"{page.relative_to(ROOT)}: {text[match.start() - 60 : match.end() + 20]!r}"
            for match in re.finditer(SAYS_SO, text)
            if not any(first < match.end() and match.start() < last for first, last in spans)
        ]
    assert open_ones == []
