"""`nox -s api_diff` finds what breaks for those who pin the last release."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import api_diff
import griffe
import pytest
from projects import ROOT, Edit, commit, git

FACADE = "wrapper/caibo"
read = api_diff.load


def texts(root: Path) -> dict[str, bytes]:
    """Return the facade's files by their names."""
    folder = root / FACADE
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.py")}


@cache
def as_it_is() -> tuple[dict[str, bytes], griffe.Module]:
    """Read the facade of the tree at hand, which is most releases here: it takes a second."""
    return texts(ROOT), read(ROOT)


@pytest.fixture(autouse=True)
def parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(root: Path) -> griffe.Module:
        known, parsed = as_it_is()
        return parsed if texts(root) == known else read(root)

    monkeypatch.setattr(api_diff, "load", load)


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
            "_record/customer_fields.py",
            "    phone: str | None\n",
            "",
            "`CustomerChanges.phone`: *Public object was removed*",
        ),
        (
            "_record/customer_fields.py",
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
            "testing/_store.py",
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
    ("file", "old", "new", "said"),
    [
        (
            "_customers.py",
            "extra: Mapping[str, object] | None",
            "extra: dict[str, object] | None",
            "`Customers.update(extra)`: *Type was changed* from `Mapping[str, object] | None` to",
        ),
        (
            "_client.py",
            "        max_retries: int = 2,",
            "        max_retries: bool = 2,",
            "__init__(max_retries)`: *Type was changed* from `int` to `bool`",
        ),
        (
            "_record/customer_fields.py",
            "def phone(self) -> str | None",
            "def phone(self) -> str | bytes | None",
            "`Customer.phone`: *Type was changed* from `str | None` to `str | bytes | None`",
        ),
        (
            "_record/customer_fields.py",
            "    phone: str | None\n",
            "    phone: str\n",
            "`CustomerChanges.phone`: *Type was changed* from `str | None` to `str`",
        ),
        (
            "_write/update.py",
            "race_window: float | None =",
            "race_window: timedelta | None =",
            "`Update.race_window`: *Type was changed* from `float | None` to `timedelta | None`",
        ),
        (
            "testing/_store.py",
            "    def add_customer(self, **fields: object) -> int:",
            "    def add_customer(self, **fields: object) -> str:",
            "`FakeCaibo.add_customer() →`: *Type was changed* from `int` to `str`",
        ),
    ],
)
def test_a_type_that_became_another_is_found(
    released: Path,
    edit: Edit,
    capsys: pytest.CaptureFixture[str],
    file: str,
    old: str,
    new: str,
    said: str,
) -> None:
    """What a caller hands over must still be taken, what a caller gets be no more than before."""
    edit(f"{FACADE}/{file}", old, new)

    assert run(released) == 3

    assert said in capsys.readouterr().out


WARNS = """\
    @property
    def phone(self) -> str | None:
        warnings.warn("`phone` goes, use `telephone`", DeprecationWarning, stacklevel=2)
"""
DECORATED = """\
    @property
    @deprecated("use telephone instead of phone")
    def phone(self) -> str | None:
"""
SAID_ONLY = """\
    @property
    def phone(self) -> str | None:
        log.warning("`phone` goes, use `telephone`")
"""
OTHER = """\
    @property
    def phone(self) -> str | None:
        warnings.warn("`phones` goes", DeprecationWarning, stacklevel=2)
"""


@pytest.mark.parametrize(
    ("warning", "status"), [(WARNS, 0), (DECORATED, 0), (SAID_ONLY, 3), (OTHER, 3), (None, 3)]
)
def test_a_name_goes_only_after_a_warning(
    project: Path,
    edit: Edit,
    warning: str | None,
    status: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Even where the version says that something breaks."""
    was = "    @property\n    def phone(self) -> str | None:\n"
    edit(f"{FACADE}/_record/customer_fields.py", was, warning or was)
    commit(project)
    git(project, "tag", "v0.1.0")
    edit(f"{FACADE}/_record/customer_fields.py", "    def phone(self)", "    def telephone(self)")

    assert run(project, "--version", "0.2.0") == status

    out = capsys.readouterr().out
    assert ("`Customer.phone`: *Public object was removed*, without a warning" in out) is bool(
        status
    )
    assert ("remove them one minor version later" in out) is bool(status)


@pytest.mark.parametrize("warns", [True, False])
def test_an_option_goes_only_after_a_warning(project: Path, edit: Edit, warns: bool) -> None:
    """Also one that `**changes` would seem to take."""
    warning = 'warnings.warn("extra= goes", DeprecationWarning)\n'
    path = project / FACADE / "_customers.py"
    path.write_text(path.read_text() + (warning if warns else ""))
    commit(project)
    git(project, "tag", "v0.1.0")
    edit(f"{FACADE}/_customers.py", "extra: Mapping[str, object]", "more: Mapping[str, object]")

    assert run(project, "--version", "0.2.0") == (0 if warns else 3)


def test_a_field_that_the_vendor_takes_away_may_go(released: Path, edit: Edit) -> None:
    """Of that nobody could have warned."""
    edit("generated/caibo_api/openapi.json", '"memberId": {', '"member": {')
    edit(f"{FACADE}/_record/customer_fields.py", "    def member_id(self)", "    def member(self)")

    assert run(released, "--version", "0.2.0") == 0


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (
            "_customers.py",
            "        extra: Map",
            "        confirm: bool = False,\n        extra: Map",
        ),
        ("_customers.py", "session: Callable[[], Session])", "session: Session, more: int)"),
        ("_customers.py", "extra: Mapping[str, object] |", "extra: int | Mapping[str, object] |"),
        (
            "_record/customer_fields.py",
            "    phone: str | None\n",
            "    phone: str | bytes | None\n",
        ),
        ("_record/customer_fields.py", "def phone(self) -> str | None", "def phone(self) -> None"),
        ("_write/update.py", "race_window: float | None =", "race_window: None | float ="),
        (
            "_record/customer_fields.py",
            "    phone: str | None\n",
            "    phone: str | None\n    vat: str\n",
        ),
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
    edit(
        f"{FACADE}/_record/customer_fields.py",
        "    def phone(self) ->",
        "    def phone(self, x: int) ->",
    )
    edit(f"{FACADE}/_client.py", "        max_retries: int = 2,", "        max_retries: bool = 2,")

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
    edit(f"{FACADE}/_record/customer_fields.py", "    def phone(self)", "    def telephone(self)")

    run(released, "--markdown", str(tmp_path / "api.md"))

    assert (tmp_path / "api.md").read_text() == (
        "- `Customer.phone`: *Public object was removed*, without a warning before\n"
    )


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
