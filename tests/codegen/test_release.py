"""`nox -s release` makes a release whose number tells the truth, or leaves everything as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import release
from api_diff import ReleaseError
from projects import Edit, commit, git

FACADE = "wrapper/caibo"


@pytest.fixture
def project(project: Path) -> Path:
    """The project with 0.1.0 released and one fragment since; spec_diff finds what a file says."""
    (project / "codegen" / "spec_diff.py").write_text(
        "import pathlib, sys\n"
        "found = pathlib.Path('breaks.txt')\n"
        "print(found.read_text() if found.exists() else 'nothing differs')\n"
        "sys.exit(3 if found.exists() else 0)\n"
    )
    (project / "CHANGELOG.md").write_text("# Changelog\n\n<!-- towncrier release notes start -->\n")
    commit(project)
    git(project, "tag", "v0.1.0")
    add_fragment(project, "12.fixed.md", "A phone number may be empty.")
    return project


def add_fragment(project: Path, name: str, text: str) -> None:
    (project / "changelog.d" / name).write_text(f"{text}\n")
    commit(project)


def run(project: Path, *arguments: str) -> int:
    return release.main([*arguments, "--root", str(project), "--date", "2027-01-31"])


def state(project: Path) -> tuple[str, str, str, str]:
    """All that a release that fails must leave alone."""
    return (
        git(project, "rev-parse", "HEAD"),
        git(project, "tag"),
        git(project, "status", "--porcelain"),
        git(project, "worktree", "list"),
    )


def test_a_release_is_a_commit_and_a_tag(project: Path) -> None:
    """The version in the code, the section in the changelog, the fragments gone."""
    assert run(project, "0.1.1") == 0

    assert '__version__ = "0.1.1"' in (project / FACADE / "_version.py").read_text()
    assert (
        (project / "CHANGELOG.md")
        .read_text()
        .startswith(
            "# Changelog\n\n<!-- towncrier release notes start -->\n\n## 0.1.1 (2027-01-31)\n\n"
            "### Fixed\n\n- A phone number may be empty. (#12)\n"
        )
    )
    assert [path.name for path in (project / "changelog.d").iterdir()] == ["README.md"]
    assert git(project, "log", "-1", "--format=%s") == "Release 0.1.1"
    assert git(project, "rev-parse", "v0.1.1^{commit}") == git(project, "rev-parse", "main")
    assert git(project, "cat-file", "-t", "v0.1.1") == "tag"
    assert "A phone number may be empty." in git(project, "tag", "-n9", "--list", "v0.1.1")
    assert state(project)[2:] == ("", git(project, "worktree", "list"))


def test_the_next_release_stands_above_the_last(project: Path) -> None:
    """One section each, the newest first."""
    run(project, "0.1.1")
    add_fragment(project, "+words.added.md", "More words.")

    assert run(project, "0.1.2") == 0

    headings = [
        line
        for line in (project / "CHANGELOG.md").read_text().splitlines()
        if line.startswith("## ")
    ]
    assert headings == ["## 0.1.2 (2027-01-31)", "## 0.1.1 (2027-01-31)"]


def test_a_dry_run_shows_the_release_and_keeps_nothing(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The very commit that would be made."""
    before = state(project)

    assert run(project, "0.1.1", "--dry-run") == 0

    out = capsys.readouterr().out
    assert '+__version__ = "0.1.1"' in out
    assert "+- A phone number may be empty. (#12)" in out
    assert state(project) == before


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("0.1", "write X.Y.Z"),
        ("v0.1.1", "write X.Y.Z"),
        ("0.1.1rc1", "write X.Y.Z"),
        ("0.01.1", "write X.Y.Z"),
        ("0.1.0", "the tag v0.1.0 is there already"),
        ("0.0.9", "0.0.9 does not follow 0.1.0"),
    ],
)
def test_the_version_must_follow_the_last(
    project: Path, version: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three numbers, above those of the last tag."""
    before = state(project)

    assert run(project, version) == 1

    assert said in capsys.readouterr().err
    assert state(project) == before


def test_the_version_is_not_below_what_the_code_says(
    project: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever breaks something raises the version in the same change."""
    edit(f"{FACADE}/_version.py", '__version__ = "0.1.0"', '__version__ = "0.2.0"')
    commit(project)

    assert run(project, "0.1.1") == 1

    assert "the code says 0.2.0 already" in capsys.readouterr().err


def break_the_surface(project: Path) -> None:
    path = project / FACADE / "_client.py"
    path.write_text(path.read_text().replace("max_retries: int = 2,", "max_retries: bool = 2,"))
    commit(project)


def break_the_contract(project: Path) -> None:
    (project / "breaks.txt").write_text("Client.phone: maxLength 20 → 10")
    commit(project)


def say_that_something_breaks(project: Path) -> None:
    add_fragment(project, "+limits.breaking.md", "Shorter phone numbers.")


BREAKS = pytest.mark.parametrize(
    ("change", "reason"),
    [
        (break_the_surface, "public surface: `AsyncCaibo and Caibo.__init__(max_retries)`"),
        (break_the_contract, "contract: Client.phone: maxLength 20 → 10"),
        (say_that_something_breaks, "changelog.d/+limits.breaking.md says so"),
    ],
)


@BREAKS
def test_a_version_that_hides_a_break_is_refused(
    project: Path, change: object, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whichever of the three says that something breaks."""
    assert callable(change)
    change(project)
    before = state(project)

    assert run(project, "0.1.1") == 1

    said = capsys.readouterr().err
    assert reason in said
    assert "make it 0.2.0" in said
    assert state(project) == before


@BREAKS
def test_a_version_that_says_it_may_break(project: Path, change: object, reason: str) -> None:
    """Before 1.0 a minor one does."""
    assert callable(change)
    change(project)

    assert run(project, "0.2.0") == 0, reason


def test_a_name_that_goes_unwarned_is_not_released(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the version says."""
    path = project / FACADE / "_record" / "customer_fields.py"
    path.write_text(path.read_text().replace("def phone(self)", "def telephone(self)"))
    commit(project)
    before = state(project)

    assert run(project, "0.2.0") == 1

    assert "`Customer.phone`: *Public object was removed*, without" in capsys.readouterr().err
    assert state(project) == before


def test_a_comparison_that_fails_is_no_comparison(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without it nobody knows whether the contract breaks."""
    (project / "codegen" / "spec_diff.py").write_text("raise SystemExit('Redocly is missing')")
    commit(project)

    assert run(project, "0.1.1") == 1

    assert "cannot be compared: Redocly is missing" in capsys.readouterr().err


def test_what_is_not_committed_stops_it(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It would be in nobody's release."""
    (project / "new.txt").touch()

    assert run(project, "0.1.1") == 1

    assert "new.txt" in capsys.readouterr().err


def test_a_release_is_made_on_main(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Or on the branch that is named."""
    git(project, "switch", "--quiet", "--create", "topic")

    assert run(project, "0.1.1") == 1
    assert run(project, "0.1.1", "--branch", "topic") == 0

    assert "made on main, and this is topic" in capsys.readouterr().err


def test_a_release_without_news_is_none(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody has forgotten the fragment."""
    (project / "changelog.d" / "12.fixed.md").unlink()
    commit(project)

    assert run(project, "0.1.1") == 1

    assert "add a fragment" in capsys.readouterr().err


def test_a_section_that_is_there_is_not_written_twice(
    project: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside fragments, one that somebody began by hand would be a second."""
    edit("CHANGELOG.md", "start -->\n", "start -->\n\n## 0.1.1 (unreleased)\n\n- Words.\n")
    commit(project)

    assert run(project, "0.1.1") == 1

    assert "turn its lines into fragments" in capsys.readouterr().err


def test_a_changelog_that_cannot_be_written_leaves_nothing_behind(
    project: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second working tree is gone, too."""
    edit("pyproject.toml", "## {version}", "## {nothing}")
    commit(project)
    before = state(project)

    assert run(project, "0.1.1") == 1

    assert "towncrier failed" in capsys.readouterr().err
    assert state(project) == before


def test_a_section_written_by_hand_is_dated(project: Path, edit: Edit) -> None:
    """The first release has more to say than fragments can."""
    (project / "changelog.d" / "12.fixed.md").unlink()
    edit("CHANGELOG.md", "start -->\n", "start -->\n\n## 0.1.1 (unreleased)\n\n- Words.\n")
    commit(project)

    assert run(project, "0.1.1") == 0

    assert "\n## 0.1.1 (2027-01-31)\n\n- Words.\n" in (project / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("name", ["13.fix.md", "words.md"])
def test_a_fragment_that_would_be_overlooked_is_an_error(
    project: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Towncrier passes over a name that it does not know."""
    add_fragment(project, name, "Lost words.")
    before = state(project)

    assert run(project, "0.1.1") == 1

    assert f"takes no {name}" in capsys.readouterr().err
    assert state(project) == before


def test_a_tag_that_cannot_be_reached_is_taken_back(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """When the branch moved meanwhile, there is no tag beside it."""
    before = state(project)

    def moved(root: Path, *arguments: str) -> str:
        if arguments[0] == "merge":
            raise ReleaseError("git merge: the branch has moved")
        return git(root, *arguments)

    monkeypatch.setattr(release, "git", moved)

    assert run(project, "0.1.1") == 1

    assert "has moved" in capsys.readouterr().err
    assert state(project) == before


def test_the_first_release_has_nothing_to_break(project: Path) -> None:
    """Neither surface nor contract to compare with."""
    git(project, "tag", "--delete", "v0.1.0")
    break_the_contract(project)

    assert run(project, "0.1.0") == 0


def test_the_notes_of_a_release_are_its_section(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For the page of the release, without the heading and without older sections."""
    run(project, "0.1.1")
    add_fragment(project, "+words.added.md", "More words.")
    run(project, "0.1.2")
    capsys.readouterr()

    run(project, "--notes", "v0.1.2", "--output", str(tmp_path / "notes.md"))

    assert (tmp_path / "notes.md").read_text() == "### Added\n\n- More words.\n"
    assert capsys.readouterr().out == "### Added\n\n- More words.\n"


def test_a_tag_beside_the_version_stops_the_publication(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Made by hand on any commit, it would publish under another name."""
    assert run(project, "--notes", "v9.9.9") == 1

    assert "whose code says 0.1.0" in capsys.readouterr().err


# What a workflow asks of a tag


def test_a_tag_that_a_release_made_is_verified(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its section is written for the page of the release."""
    run(project, "0.1.1")

    assert run(project, "--verify", "v0.1.1", "--output", str(tmp_path / "notes.md")) == 0

    assert (
        tmp_path / "notes.md"
    ).read_text() == "### Fixed\n\n- A phone number may be empty. (#12)\n"


def tag_by_hand(project: Path, version: str = "0.1.1") -> None:
    path = project / FACADE / "_version.py"
    path.write_text(path.read_text().replace('"0.1.0"', f'"{version}"'))
    commit(project)
    git(project, "tag", f"v{version}")


def tag_a_branch(project: Path) -> None:
    git(project, "switch", "--quiet", "--create", "topic")
    run(project, "0.1.1", "--branch", "topic")


def tag_an_older_commit(project: Path) -> None:
    run(project, "0.1.1")
    commit(project)


def tag_another_version(project: Path) -> None:
    git(project, "tag", "v0.1.1")


def tag_without_changelog(project: Path) -> None:
    (project / "changelog.d" / "12.fixed.md").unlink()
    tag_by_hand(project)


def tag_with_fragments(project: Path) -> None:
    path = project / "CHANGELOG.md"
    path.write_text(path.read_text() + "\n## 0.1.1 (2027-01-31)\n\n- Words.\n")
    tag_by_hand(project)


def tag_a_break(project: Path) -> None:
    break_the_surface(project)
    (project / "changelog.d" / "12.fixed.md").unlink()
    tag_with_fragments(project)


def tag_a_said_break(project: Path) -> None:
    (project / "changelog.d" / "12.fixed.md").unlink()
    path = project / "CHANGELOG.md"
    path.write_text(path.read_text() + "\n## 0.1.1 (2027-01-31)\n\n### Breaking\n\n- Words.\n")
    tag_by_hand(project)


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (tag_a_branch, "v0.1.1 is not on main"),
        (tag_an_older_commit, "on another commit than the one that is checked out"),
        (tag_another_version, "whose code says 0.1.0"),
        (tag_without_changelog, "has no section 0.1.1"),
        (tag_with_fragments, "12.fixed.md was not taken into the changelog"),
        (tag_a_break, "hides from those who pin 0.1.0 that something breaks"),
        (tag_a_said_break, "says what breaks, and its number does not"),
        (lambda _: None, "'v0.1.1' is no tag of a release"),
    ],
)
def test_a_tag_that_was_made_in_another_way_is_refused(
    project: Path, act: Callable[[Path], None], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each of what `release` takes care of, as somebody may push a tag without it."""
    act(project)

    assert run(project, "--verify", "v0.1.1") == 1

    assert said in capsys.readouterr().err


def test_a_tag_of_another_form_is_refused(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A workflow starts on every tag that begins with a v."""
    git(project, "tag", "vendor")

    assert run(project, "--verify", "vendor") == 1

    assert "is no version" in capsys.readouterr().err
