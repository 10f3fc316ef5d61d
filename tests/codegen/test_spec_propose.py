"""What `spec_update.py` wrote becomes one pull request or one issue, and nothing twice."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import spec_propose
from projects import git

BRANCH = "contract/0123456789ab"
GH = """\
#!{python}
import json, os, pathlib, sys
here = pathlib.Path(os.environ["GH_HERE"])
with (here / "gh.jsonl").open("a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
if sys.argv[1:3] in (["pr", "list"], ["issue", "list"]):
    print((here / "listed").read_text() if (here / "listed").exists() else "")
if sys.argv[1:3] == ["pr", "create"] and (here / "refuses").exists():
    sys.exit("GraphQL: not permitted")
"""


@pytest.fixture
def project(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with a remote, a proposal beside it, and a `gh` that writes down its calls."""
    git(tmp_path, "clone", "--quiet", "--bare", str(project), "remote.git")
    git(project, "remote", "add", "origin", str(tmp_path / "remote.git"))
    (project / "openapi.yaml").write_text("changed\n")
    git(project, "diff", f"--output={tmp_path / 'changes.patch'}")
    git(project, "restore", "openapi.yaml")
    for name, text in {
        "branch.txt": BRANCH,
        "labels.txt": "contract\nbreaking",
        "title.txt": "Follow the vendor's contract 0123456789ab (breaking)",
        "body.md": "# Words `$(touch pwned)`",
    }.items():
        (tmp_path / name).write_text(f"{text}\n")
    gh = tmp_path / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text(GH.format(python=sys.executable))
    gh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{gh.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("GH_HERE", str(tmp_path))
    monkeypatch.chdir(project)
    return project


def calls(folder: Path) -> list[list[str]]:
    return [json.loads(line) for line in (folder / "gh.jsonl").read_text().splitlines()]


def run(what: str, folder: Path) -> int:
    return spec_propose.main([what, str(folder)])


def test_a_proposal_is_pushed_on_its_own_branch(project: Path, tmp_path: Path) -> None:
    """One commit on top of main, which stays where it is."""
    main = git(tmp_path / "remote.git", "rev-parse", "main")

    assert run("pull-request", tmp_path) == 0

    remote = tmp_path / "remote.git"
    assert git(remote, "show", f"{BRANCH}:openapi.yaml") == "changed"
    assert git(remote, "rev-parse", f"{BRANCH}~1", "main").split() == [main, main]
    assert git(remote, "log", "-1", "--format=%an %s", BRANCH) == (
        "github-actions[bot] Follow the vendor's contract 0123456789ab (breaking)"
    )


def test_the_pull_request_has_text_and_labels(project: Path, tmp_path: Path) -> None:
    """The text goes as a file; CI is started; nothing is merged."""
    run("pull-request", tmp_path)

    said = calls(tmp_path)
    [created] = [call for call in said if call[:2] == ["pr", "create"]]
    assert created[created.index("--body-file") + 1] == str(tmp_path / "body.md")
    assert [created[i + 1] for i, word in enumerate(created) if word == "--label"] == [
        "contract",
        "breaking",
    ]
    assert said[-1] == ["workflow", "run", "ci.yml", "--ref", BRANCH]
    assert not [call for call in said if "merge" in call]


def listed(folder: Path, **said: object) -> None:
    """Let GitHub know of a pull request of that branch."""
    known = {"state": "OPEN", "isCrossRepository": False, "body": "", "url": "https://…/pull/1"}
    (folder / "listed").write_text(json.dumps([{**known, **said}]))


def body_of(folder: Path) -> str:
    """The text that a pull request was opened with, as GitHub gives it back."""
    return (folder / "body.md").read_text().replace("\n", "\r\n")


def opened(folder: Path) -> int:
    return sum(call[:2] == ["pr", "create"] for call in calls(folder))


@pytest.mark.parametrize(
    ("state", "fork", "proposed_again"),
    [
        ("OPEN", False, False),
        ("CLOSED", False, False),
        ("MERGED", False, True),
        ("OPEN", True, True),
        ("CLOSED", True, True),
    ],
)
def test_a_contract_that_comes_back_is_proposed_again(
    project: Path, tmp_path: Path, state: str, fork: bool, proposed_again: bool
) -> None:
    """While it is open somebody is at it, and a no holds; merged, it was replaced since."""
    run("pull-request", tmp_path)
    git(project, "switch", "--quiet", "main")
    listed(tmp_path, state=state, isCrossRepository=fork, body=body_of(tmp_path))

    assert run("pull-request", tmp_path) == 0

    assert opened(tmp_path) == 1 + proposed_again


def test_a_no_holds_for_the_contract_that_it_was_said_on(project: Path, tmp_path: Path) -> None:
    """On another one the same proposal is another change."""
    run("pull-request", tmp_path)
    git(project, "switch", "--quiet", "main")
    listed(tmp_path, state="CLOSED", body=body_of(tmp_path))
    (project / "openapi.yaml").write_text((project / "openapi.yaml").read_text() + "# more\n")
    (project / "changelog.d" / "more.md").write_text("changed\n")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "Another contract")
    (project / "openapi.yaml").write_text("changed\n")
    git(project, "diff", f"--output={tmp_path / 'changes.patch'}", "--", "openapi.yaml")
    git(project, "restore", "openapi.yaml")

    assert run("pull-request", tmp_path) == 0

    assert opened(tmp_path) == 2


def test_what_is_proposed_is_left_alone(project: Path, tmp_path: Path) -> None:
    """Its branch may hold somebody's work by now."""
    listed(tmp_path)

    assert run("pull-request", tmp_path) == 0

    assert [call[:2] for call in calls(tmp_path)] == [["pr", "list"]]
    assert git(tmp_path / "remote.git", "branch", "--list", BRANCH) == ""


def test_a_run_that_failed_half_way_is_taken_up_again(project: Path, tmp_path: Path) -> None:
    """A branch without a pull request does not stop the next run."""
    (tmp_path / "refuses").touch()
    assert run("pull-request", tmp_path) == 1
    (tmp_path / "refuses").unlink()
    git(project, "switch", "--quiet", "main")

    assert run("pull-request", tmp_path) == 0


@pytest.mark.parametrize(
    ("name", "text"), [("branch.txt", "main"), ("labels.txt", "contract\n--body=x")]
)
def test_names_that_are_not_ours_are_refused(
    project: Path, tmp_path: Path, name: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The texts come from a job that ran what the vendor published."""
    (tmp_path / name).write_text(text)

    assert run("pull-request", tmp_path) == 1

    assert "is not what spec_update.py writes" in capsys.readouterr().err
    assert not (tmp_path / "gh.jsonl").exists()


def test_a_patch_of_anything_else_is_refused(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An update of the contract changes no tool of ours."""
    (project / "noxfile.py").write_text("")
    git(project, "diff", f"--output={tmp_path / 'changes.patch'}")
    git(project, "restore", "noxfile.py")

    assert run("pull-request", tmp_path) == 1

    assert "changes noxfile.py" in capsys.readouterr().err
    assert git(tmp_path / "remote.git", "branch", "--list", BRANCH) == ""


@pytest.mark.parametrize(("listed", "verb"), [("", "create"), ("null", "create"), ("7", "edit")])
def test_there_is_one_open_issue(project: Path, tmp_path: Path, listed: str, verb: str) -> None:
    """It is renewed while it is open."""
    (tmp_path / "listed").write_text(listed)

    assert run("issue", tmp_path) == 0

    last = calls(tmp_path)[-1]
    assert last[:2] == ["issue", verb]
    assert str(tmp_path / "body.md") in last
    assert ("7" in last) is (verb == "edit")


def test_what_gh_cannot_do_is_told(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A repository may forbid workflows to open pull requests."""
    (tmp_path / "refuses").touch()

    assert run("pull-request", tmp_path) == 1

    assert "gh pr create: GraphQL: not permitted" in capsys.readouterr().err
