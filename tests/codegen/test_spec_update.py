"""`nox -s spec_update` ends in one of four ways, and writes what the reader of each needs.

The tools stand in for themselves here, each doing what a word in the contract says;
`test_rehearsal.py` plays whole updates with the real ones.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import spec_update
from projects import commit, git, replace

FETCH = """\
import pathlib, sys
if not pathlib.Path(sys.argv[1]).exists():
    sys.exit(f"fetch_spec: {sys.argv[1]}: no such page @everyone ```")
pathlib.Path("openapi.yaml").write_bytes(pathlib.Path(sys.argv[1]).read_bytes())
print("openapi.yaml: changed\\n  changed: schema Client")
"""
GENERATE = """\
import pathlib, sys
text = pathlib.Path("openapi.yaml").read_text()
if "ASKS" in text:
    print("generate: no ruling for vatNumber", file=sys.stderr)
    sys.exit(4)
if "CRASHES" in text:
    sys.exit("generate: not valid OpenAPI")
pathlib.Path("generated/caibo_api/new.py").write_text(text)
"""
SPEC_DIFF = """\
import pathlib, sys
old, option, report = sys.argv[1:]
assert option == "--markdown"
text = pathlib.Path("openapi.yaml").read_text()
if "INCOMPARABLE" in text:
    sys.exit("spec_diff: Redocly CLI is needed")
found = "Contract: HEAD\\n\\n- `Client.phone`: `maxLength 20 → 10`\\n"
if old != "HEAD" and "SINCE" in text:
    found = f"Contract: {old}\\n\\n- `Client.phone`: `maxLength 30 → 10`\\n"
pathlib.Path(report).write_text(f"## {found}")
sys.exit(3 if "BREAKS" in text or (old != "HEAD" and "SINCE" in text) else 0)
"""
TEST = """\
import pathlib, pytest

@pytest.mark.parametrize("word", ["FAILS", "FAIL - [S", "fails"])
def test_generated(word):
    found = word.upper() in pathlib.Path("generated/caibo_api/new.py").read_text()
    assert not found, f"_record/customer.py: take `{word.lower()}` out"
"""


@pytest.fixture
def project(project: Path) -> Path:
    """The project with tools that do what a word in the contract says."""
    for name, text in [("fetch_spec", FETCH), ("generate", GENERATE), ("spec_diff", SPEC_DIFF)]:
        (project / "codegen" / f"{name}.py").write_text(text)
    (project / "tests").mkdir()
    (project / "tests" / "test_generated.py").write_text(TEST)
    commit(project)
    return project


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """What the vendor publishes; at first, what we have."""
    return tmp_path / "page.yaml"


def update(project: Path, page: Path, words: str) -> int:
    """Let the vendor add words to its contract, and take that up."""
    page.write_text((project / "openapi.yaml").read_text() + words)
    return spec_update.main([str(page), "--root", str(project), "--date", "2027-01-31"])


def said(project: Path, name: str) -> str:
    return (project / "spec-update" / name).read_text()


def test_nothing_changed_is_nothing_to_do(project: Path, page: Path) -> None:
    """No text for anybody, and no change."""
    assert update(project, page, "") == 0

    assert [path.name for path in (project / "spec-update").iterdir()] == ["outcome"]
    assert said(project, "outcome") == "unchanged\n"
    assert git(project, "status", "--porcelain") == ""


def test_a_change_becomes_a_proposal(project: Path, page: Path) -> None:
    """The texts of a pull request, and its patch, which gives the very same state."""
    assert update(project, page, "# compatible\n") == 0

    digest = hashlib.sha256(page.read_bytes()).hexdigest()[:12]
    assert said(project, "outcome") == "proposal\n"
    assert said(project, "title.txt") == f"Follow the vendor's contract {digest} (compatible)\n"
    assert said(project, "labels.txt") == "contract\ncompatible\n"
    assert said(project, "branch.txt") == f"contract/{digest}\n"
    fragment = f"+contract-{digest}.contract.md"
    assert "`Client.phone`" in (project / "changelog.d" / fragment).read_text()
    stamp = f'contract_version = "2027-01-31+{digest}"\n'
    assert stamp in (project / "wrapper/caibo/_version.py").read_text()

    git(project, "add", "--all")
    tree = git(project, "write-tree")
    git(project, "reset", "--quiet", "--hard")
    git(project, "apply", "--index", "spec-update/changes.patch")
    assert git(project, "write-tree") == tree


def test_the_text_answers_what_a_reviewer_asks(project: Path, page: Path) -> None:
    """What changed in the contract and in the surface, what to decide, what the tests say."""
    update(project, page, "# compatible\n")

    body = said(project, "body.md")
    for part in (
        "fetched on 2027-01-31",
        "This is **compatible**",
        "## Contract: HEAD\n\n- `Client.phone`: `maxLength 20 → 10`",
        "## Public surface of `caibo`",
        "## Decisions\n\nNone is needed",
        "## Tests\n\nAll tests pass",
        "## Changelog\n\nThe vendor's contract of 2027-01-31",
    ):
        assert part in body


@pytest.mark.parametrize(
    ("last", "words", "verdict"),
    [
        (None, "# BREAKS\n", "Nothing is released yet"),
        ("v0.1.0", "# BREAKS\n", "callers of 0.1.0 may fail. The next version must be 0.2.0"),
        ("v1.4.2", "# BREAKS\n", "callers of 1.4.2 may fail. The next version must be 2.0.0"),
        ("v1.4.2", "# fine\n", "**compatible**: 1.4.3 or any above"),
    ],
)
def test_the_verdict_names_the_next_version(
    project: Path, page: Path, last: str | None, words: str, verdict: str
) -> None:
    """Counted from the last release."""
    if last:
        git(project, "tag", last)

    update(project, page, words)

    assert verdict in said(project, "body.md")


def test_the_verdict_is_the_higher_of_two(project: Path, page: Path) -> None:
    """Main may be further than the release; whoever pins that has both steps before them."""
    git(project, "tag", "v0.1.0")

    update(project, page, "# SINCE\n")

    assert said(project, "title.txt").endswith("(breaking)\n")
    assert said(project, "labels.txt") == "contract\nbreaking\n"
    body = said(project, "body.md")
    assert "callers of 0.1.0 may fail. The next version must be 0.2.0" in body
    assert "It breaks the contract of v0.1.0." in body
    assert "## Contract: HEAD\n\n- `Client.phone`: `maxLength 20 → 10`" in body
    assert "## Contract: v0.1.0\n\n- `Client.phone`: `maxLength 30 → 10`" in body
    assert len(list((project / "changelog.d").glob("+contract-*.breaking.md"))) == 1


def test_where_main_is_the_release_the_changes_stand_there_once(project: Path, page: Path) -> None:
    """The same list twice would be read twice."""
    git(project, "tag", "v0.1.0")

    update(project, page, "# BREAKS\n")

    assert said(project, "body.md").count("maxLength 20 → 10") == 2  # the changelog's is one


def test_a_break_that_waits_for_the_next_release_counts(project: Path, page: Path) -> None:
    """A version that the release would refuse is not promised here."""
    (project / "changelog.d" / "+words.breaking.md").write_text("Other words.\n")
    commit(project)
    git(project, "tag", "v0.1.0")

    update(project, page, "# fine\n")

    assert said(project, "labels.txt") == "contract\ncompatible\n"
    assert "0.2.0 (as `changelog.d/+words.breaking.md` breaks callers)" in said(project, "body.md")


def test_a_change_that_breaks_callers_is_labelled_so(project: Path, page: Path) -> None:
    """The fragment says it, too, and so the next release must."""
    update(project, page, "# BREAKS\n")

    assert said(project, "labels.txt") == "contract\nbreaking\n"
    assert len(list((project / "changelog.d").glob("+contract-*.breaking.md"))) == 1


def test_tests_that_fail_are_shown_in_the_proposal(project: Path, page: Path) -> None:
    """Somebody has to finish it, and sees what is missing."""
    assert update(project, page, "# FAILS\n") == 0

    assert said(project, "labels.txt") == "contract\ntests fail\n"
    why = "AssertionError: _record/customer.py: take"
    listed = f"tests/test_generated.py::test_generated (2 times): {why}"
    assert f"{listed} `fails` out" in said(project, "body.md")
    assert "2 failed, 1 passed" in said(project, "body.md")


def test_each_reason_of_a_test_is_shown_once(project: Path, page: Path) -> None:
    """Two sentences that are true no more are found by one test."""
    update(project, page, "# FAILS, FAIL - [S\n")

    take = "AssertionError: _record/customer.py: take"
    shown = f"(3 times): {take} `fails` out; {take} `fail - [s` out"
    assert shown in said(project, "body.md")


@pytest.mark.parametrize(
    ("words", "title"),
    [("# FAILS\n", "(tests fail)"), ("# BREAKS, FAILS\n", "(breaking, tests fail)")],
)
@pytest.mark.parametrize("last", [None, "v0.1.0"])
def test_nothing_is_called_compatible_while_tests_fail(
    project: Path, page: Path, words: str, title: str, last: str | None
) -> None:
    """The title says it, where the person who merges looks."""
    if last:
        git(project, "tag", last)

    update(project, page, words)

    assert said(project, "title.txt").endswith(f" {title}\n")
    assert "compatible" not in said(project, "title.txt") + said(project, "labels.txt")
    assert "compatible" not in said(project, "body.md")


def test_tests_that_do_not_run_have_failed(project: Path, page: Path) -> None:
    """What pytest says is shown then."""
    (project / "tests" / "test_generated.py").write_text("import no_such_module")
    commit(project)

    update(project, page, "# fine\n")

    assert "tests fail" in said(project, "labels.txt")
    assert "tests/test_generated.py" in said(project, "body.md")


def test_a_contract_that_breaks_very_many_tests_is_summed_up(project: Path, page: Path) -> None:
    """GitHub takes no text beyond 65,536 characters."""
    tests = [f"def test_{n}():\n    assert not '{'x' * 400}'\n" for n in range(300)]
    (project / "tests" / "test_many.py").write_text("\n".join(tests))
    commit(project)

    update(project, page, "# fine\n")

    assert "… and 275 more" in said(project, "body.md")
    assert len(said(project, "body.md")) < 30_000


def test_what_a_person_must_decide_is_no_proposal(project: Path, page: Path) -> None:
    """The message of the generation, what changed, and how to go on."""
    assert update(project, page, "# ASKS\n") == 4

    assert said(project, "outcome") == "decision\n"
    assert "needs a decision" in said(project, "title.txt")
    body = said(project, "body.md")
    assert "no ruling for vatNumber" in body
    assert "changed: schema Client" in body
    assert "codegen/overlay.yaml" in body


@pytest.mark.parametrize(
    ("words", "title", "reason"),
    [
        ("# CRASHES\n", "Nothing can be generated", "not valid OpenAPI"),
        ("# INCOMPARABLE\n", "cannot be compared", "Redocly CLI is needed"),
    ],
)
def test_a_step_that_fails_is_told(
    project: Path, page: Path, words: str, title: str, reason: str
) -> None:
    """With what it said."""
    assert update(project, page, words) == 1

    assert said(project, "outcome") == "failed\n"
    assert title in said(project, "title.txt")
    assert reason in said(project, "body.md")


@pytest.mark.parametrize("words", ["# ASKS\n", "# CRASHES\n", "# INCOMPARABLE\n"])
def test_without_a_proposal_nothing_stays_changed(project: Path, page: Path, words: str) -> None:
    """Not even the contract."""
    update(project, page, words)

    assert git(project, "status", "--porcelain") == ""


def test_a_page_that_cannot_be_used_is_told_as_it_is(project: Path) -> None:
    """In a fence that its text cannot leave, so that nobody is called by it."""
    assert spec_update.main(["nowhere.md", "--root", str(project)]) == 1

    assert said(project, "title.txt") == "The contract cannot be fetched\n"
    assert "````text\nfetch_spec: nowhere.md: no such page @everyone ```\n````" in said(
        project, "body.md"
    )


def test_changes_that_are_not_committed_are_not_mixed_in(project: Path, page: Path) -> None:
    """Nor lost."""
    replace(project / "openapi.yaml", "FinHub API", "Our API")

    assert update(project, page, "# more\n") == 1

    assert "Commit your changes" in said(project, "body.md")
    assert "Our API" in (project / "openapi.yaml").read_text()


def test_the_sources_may_come_from_the_environment(
    project: Path, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workflow hands them over without a shell that would expand them."""
    page.write_bytes((project / "openapi.yaml").read_bytes())
    monkeypatch.setenv("CONTRACT_SOURCES", f" {page}  ")

    assert spec_update.main(["--root", str(project)]) == 0

    assert said(project, "outcome") == "unchanged\n"


def test_without_a_source_it_says_what_to_set(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Instead of finding nothing changed for ever."""
    monkeypatch.delenv("CONTRACT_SOURCES", raising=False)

    assert spec_update.main(["--root", str(project)]) == 1

    assert "set CONTRACT_SOURCES" in said(project, "body.md")
