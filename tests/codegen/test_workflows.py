"""What GitHub runs fits this project, as far as that shows without GitHub."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from documents import load
from projects import ROOT

GITHUB = ROOT / ".github"
if not GITHUB.exists():
    pytest.skip("an unpacked sdist has no workflows", allow_module_level=True)
FILES = {path.stem: path.read_text("utf-8") for path in (GITHUB / "workflows").glob("*.yml")}
WORKFLOWS: dict[str, dict[str, Any]] = {name: load(text) for name, text in FILES.items()}
RELEASE = WORKFLOWS["release"]["jobs"]
NOXFILE = (ROOT / "noxfile.py").read_text("utf-8")
JOBS = [(name, job) for name, workflow in WORKFLOWS.items() for job in workflow["jobs"]]


def runs(workflow: str, job: str) -> list[str]:
    """The commands of a job."""
    steps = WORKFLOWS[workflow]["jobs"][job]["steps"]
    return [step["run"] for step in steps if "run" in step]


def uses(workflow: str, job: str) -> list[str]:
    """The actions of a job, without their version."""
    steps = WORKFLOWS[workflow]["jobs"][job]["steps"]
    return [step["uses"].partition("@")[0] for step in steps if "uses" in step]


def needed(job: str) -> set[str]:
    """All jobs of a release that must have passed before one."""
    said = RELEASE[job].get("needs", [])
    direct = {said} if isinstance(said, str) else set(said)
    return direct.union(*(needed(one) for one in direct))


@pytest.mark.parametrize(("workflow", "job"), JOBS)
def test_a_job_has_an_end_and_few_rights(workflow: str, job: str) -> None:
    """Nothing runs for hours, and each right is given by the job that needs it."""
    said = WORKFLOWS[workflow]["jobs"][job]

    assert said["timeout-minutes"] <= 60
    assert "permissions" in said
    assert WORKFLOWS[workflow]["permissions"] == {}


@pytest.mark.parametrize("workflow", FILES)
def test_an_action_is_named_by_a_commit(workflow: str) -> None:
    """With its version beside it, which Dependabot keeps; the same one everywhere."""
    found = re.findall(r"uses: (\S+)@(\S+) # (v\S+)", FILES[workflow])

    assert len(found) == FILES[workflow].count("uses: ")
    for name, commit, version in found:
        assert re.fullmatch("[0-9a-f]{40}", commit)
        for text in FILES.values():
            assert set(re.findall(rf"{name}@(\S+) # (\S+)", text)) <= {(commit, version)}


@pytest.mark.parametrize("workflow", FILES)
def test_a_session_that_is_run_is_there(workflow: str) -> None:
    """A misspelt one would be found by the first run that needs it."""
    sessions = set(re.findall(r"^def (\w+)\(session", NOXFILE, re.MULTILINE))

    for job in WORKFLOWS[workflow]["jobs"]:
        for command in runs(workflow, job):
            _, found, rest = command.partition(" --session ")
            named = re.sub(r" -- .*", "", f"{rest} ").split() if found else []
            for name in named:
                plain = re.sub(r"-(\$PYTHON|3\.\d+)$", "", name.strip('"'))
                assert plain in sessions, command


@pytest.mark.parametrize("workflow", FILES)
def test_a_script_that_is_run_is_there(workflow: str) -> None:
    """By its path in the repository."""
    for path in re.findall(r"\b(?:codegen|\.github)/\S+\.(?:py|txt)", FILES[workflow]):
        assert (ROOT / path).is_file()


def test_all_versions_of_python_are_tested() -> None:
    """Those that the package says it is for."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        classifiers = tomllib.load(file)["project"]["classifiers"]
    said = [line.rpartition(" ")[2] for line in classifiers if re.search(r":: 3\.\d", line)]

    assert WORKFLOWS["ci"]["jobs"]["tests"]["strategy"]["matrix"]["python"] == said


# A release


@pytest.mark.parametrize("before", ["verify", "build", "again", "attest"])
def test_nothing_is_published_before_it_is_verified_and_attested(before: str) -> None:
    """Nor before another machine has built the same bytes."""
    assert before in needed("publish")


def test_a_release_is_announced_when_it_was_downloaded_again() -> None:
    """Until then nobody is told to install it."""
    assert {"publish", "compare"} <= needed("announce")


def test_what_is_published_is_built_without_any_other_code() -> None:
    """No session, no test, no dependency but the tools with their hashes."""
    install, build = runs("release", "build")

    assert "--require-hashes" in install
    assert "--no-deps" in install
    assert "--only-binary :all:" in install
    assert build == "python -m build --no-isolation"
    assert set(uses("release", "build")) == {
        "actions/checkout",
        "actions/setup-python",
        "actions/upload-artifact",
    }
    assert RELEASE["build"]["permissions"] == {"contents": "read"}
    assert needed("build") == set()


def test_what_is_published_is_what_was_built() -> None:
    """One job makes the files, and no other hands them on."""
    makers = [
        job
        for job in RELEASE
        for step in RELEASE[job]["steps"]
        if "upload-artifact" in step.get("uses", "") and step["with"]["name"] == "dist"
    ]

    assert makers == ["build"]


@pytest.mark.parametrize("right", ["id-token", "attestations", "contents"])
def test_a_job_that_may_write_runs_nothing_of_the_repository(right: str) -> None:
    """Who changes a script of ours does not get the right to publish with it."""
    for job, said in RELEASE.items():
        if said["permissions"].get(right) == "write":
            assert "actions/checkout" not in uses("release", job)


def test_the_tag_is_verified() -> None:
    """Against main, which somebody has reviewed."""
    assert any(
        '--verify "$GITHUB_REF_NAME" --branch origin/main' in command
        for command in runs("release", "verify")
    )


def test_the_tools_that_build_have_hashes() -> None:
    """And stand for all that the build asks for."""
    lines = (GITHUB / "build-requirements.txt").read_text("utf-8").replace("\\\n", " ").splitlines()
    required = [line.split() for line in lines if line and not line.startswith("#")]
    with (ROOT / "pyproject.toml").open("rb") as file:
        [backend] = tomllib.load(file)["build-system"]["requires"]

    names = {name.partition("==")[0] for name, *_ in required}
    assert {"build", re.split("[>=<]", backend)[0]} <= names
    for name, *hashes in required:
        assert re.fullmatch(r"[a-z0-9-]+==[\d.]+", name)
        assert hashes
        assert all(re.fullmatch("--hash=sha256:[0-9a-f]{64}", one) for one in hashes)


# What is kept up to date, and what is set by hand


def test_dependabot_looks_at_all_that_is_pinned() -> None:
    """Actions, the tools that build, and what development needs."""
    updates = load((GITHUB / "dependabot.yml").read_text("utf-8"))["updates"]

    assert {(one["package-ecosystem"], one["directory"]) for one in updates} == {
        ("github-actions", "/"),
        ("pip", "/.github"),
        ("pip", "/"),
    }


@pytest.mark.parametrize(
    "name",
    sorted(
        {name for text in FILES.values() for name in re.findall(r"\b(?:vars|secrets)\.(\w+)", text)}
        | {
            job["environment"]["name"]
            for workflow in WORKFLOWS.values()
            for job in workflow["jobs"].values()
            if "environment" in job
        }
    ),
)
def test_what_is_set_once_on_github_is_written_down(name: str) -> None:
    """A variable or an environment that nobody has made stops a workflow, or says nothing."""
    assert f"`{name}`" in (ROOT / "docs" / "maintaining.md").read_text("utf-8")


def test_no_secret_is_needed() -> None:
    """Trusted publishing and the token of the run are enough."""
    assert not [name for name, text in FILES.items() if "secrets." in text]


def test_this_looks_at_every_workflow() -> None:
    """Also at one that is called `.yaml`."""
    assert {path.suffix for path in Path(GITHUB / "workflows").iterdir()} == {".yml"}
