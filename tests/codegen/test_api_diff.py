"""`nox -s api_diff` finds what breaks for those who pin the last release."""

from __future__ import annotations

from pathlib import Path

import api_diff
import pytest
from projects import Edit, git

FACADE = "wrapper/caibo"


@pytest.fixture
def released(project: Path) -> Path:
    """A project whose release 0.1.0 is the state at hand."""
    git(project, "tag", "v0.1.0")
    return project


def run(project: Path, *options: str) -> int:
    return api_diff.main(["--root", str(project), *options])


def test_without_a_release_there_is_nothing_to_break(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says so and passes."""
    assert run(project) == 0

    assert "no release yet" in capsys.readouterr().out


def test_nothing_changed_breaks_nothing(released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No false alarm over our own code."""
    assert run(released) == 0

    assert capsys.readouterr().out == "nothing breaks since v0.1.0\n"


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            "_customers.py",
            "        current: Record | None = None,",
            "        current: Record,",
            "`Customers.update(current)`: *Parameter is now required*",
        ),
        # `**changes` would take the old name, says griffe; it would not, says the TypedDict.
        (
            "_customers.py",
            "        extra: Mapping[str, object] | None = None,",
            "        more: Mapping[str, object] | None = None,",
            "`Customers.update(extra)`: *Parameter was removed*",
        ),
        (
            "_customers.py",
            "    def replace(self, id: int, document",
            "    def overwrite(self, id: int, document",
            "`Customers.replace`: *Public object was removed*",
        ),
        (
            "_client.py",
            "        max_retries: int = 2,",
            "        retries: int = 2,",
            "`AsyncCaibo and Caibo.__init__(max_retries)`: *Parameter was removed*",
        ),
        (
            "_errors.py",
            "        self.retry_after = retry_after",
            "        self._retry_after = retry_after",
            "`APIError.retry_after`: *Public object was removed*",
        ),
        (
            "_errors.py",
            "class DeadlineExceededError(TransportError)",
            "class DeadlineExceededError(CaiboError)",
            "`DeadlineExceededError`: *no longer a TransportError*",
        ),
        (
            "_record/customer.py",
            "    phone: str | None\n",
            "",
            "`CustomerChanges.phone`: *Public object was removed*",
        ),
        (
            "_record/customer.py",
            "    def member_id(self)",
            "    def reference(self)",
            "`Customer.member_id`: *Public object was removed*",
        ),
        (
            "_write/update.py",
            "    race_window: float | None",
            "    window: float | None",
            "`Update.race_window`: *Public object was removed*",
        ),
        (
            "__init__.py",
            "    from caibo._write.update import Change as Change\n",
            "",
            "`Change`: *Public object was removed*",
        ),
        (
            "testing/_gateway.py",
            "    def add_customer(self",
            "    def customer(self",
            "`FakeCaibo.add_customer`: *Public object was removed*",
        ),
    ],
)
def test_a_break_is_found_and_refused(
    released: Path,
    edit: Edit,
    capsys: pytest.CaptureFixture[str],
    file: str,
    old: str,
    new: str,
    said: str,
) -> None:
    """Where the definition stands does not matter: the public name is what is reported."""
    edit(f"{FACADE}/{file}", old, new)

    assert run(released) == 3

    out = capsys.readouterr().out
    assert said in out
    assert "make it 0.2.0" in out


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (
            "_customers.py",
            "        extra: Map",
            "        confirm: bool = False,\n        extra: Map",
        ),
        ("_customers.py", "driver: Driver, settings", "driver: Driver, more: int, settings"),
        ("_record/customer.py", "    phone: str | None\n", "    phone: str | None\n    vat: str\n"),
        ("_errors.py", "class RenewalError(CaiboError)", "class RenewalError(TransportError)"),
        ("_record/contract.py", "def contract()", "def agreement()"),
        ("_errors.py", "problems, nothing was sent", "problems; nothing was sent"),
    ],
)
def test_what_breaks_nobody_passes(
    released: Path, edit: Edit, file: str, old: str, new: str
) -> None:
    """New options with a default, new fields, private names, texts of messages."""
    edit(f"{FACADE}/{file}", old, new)

    assert run(released) == 0


@pytest.mark.parametrize(
    ("last", "version", "status"),
    [
        ("0.1.0", "0.1.1", 3),
        ("0.1.0", "0.2.0", 0),
        ("0.1.0", "1.0.0", 0),
        ("1.4.2", "1.5.0", 3),
        ("1.4.2", "2.0.0", 0),
    ],
)
def test_the_version_decides_whether_a_break_may_be(
    project: Path, edit: Edit, last: str, version: str, status: int
) -> None:
    """A major one says it; before 1.0, a minor one does."""
    git(project, "tag", f"v{last}")
    edit(f"{FACADE}/_record/customer.py", "    def phone(self)", "    def telephone(self)")

    assert run(project, "--version", version) == status


def test_the_highest_version_is_the_last_release(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not the one that sorts last as text; and other tags are none."""
    for tag in ("v0.9.0", "v0.10.0", "v1.0.0rc1", "vendor", "0.99.0"):
        git(project, "tag", tag)

    run(project)

    assert "since v0.10.0" in capsys.readouterr().out


def test_the_breaks_are_written_for_a_pull_request(
    released: Path, edit: Edit, tmp_path: Path
) -> None:
    """As a list in Markdown."""
    edit(f"{FACADE}/_record/customer.py", "    def phone(self)", "    def telephone(self)")

    run(released, "--markdown", str(tmp_path / "api.md"))

    assert (tmp_path / "api.md").read_text() == "- `Customer.phone`: *Public object was removed*\n"


def test_the_last_release_is_unpacked_for_its_tests(released: Path, edit: Edit) -> None:
    """As it was released, not as it is now."""
    edit("pyproject.toml", "public-tests", "renamed")

    assert run(released, "--unpack", str(released / "last")) == 0

    assert "public-tests" in (released / "last" / "pyproject.toml").read_text()


@pytest.mark.parametrize("version", [None, "0.2.0"])
def test_tests_that_may_fail_are_not_unpacked(project: Path, version: str | None) -> None:
    """Without a release, and where the version says that something breaks."""
    if version:
        git(project, "tag", "v0.1.0")

    run(project, *(("--version", version) if version else ()), "--unpack", str(project / "last"))

    assert not (project / "last").exists()


def test_no_repository_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An unpacked sdist has no tags; that must not pass for "nothing breaks"."""
    assert run(tmp_path) == 1

    assert "git tag" in capsys.readouterr().err


def test_a_version_is_three_numbers(released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Anything else is refused with the form to write."""
    assert run(released, "--version", "0.2") == 1

    assert "write X.Y.Z" in capsys.readouterr().err
