"""`nox -s generate` turns the contract and the overlay into the package, or says why not.

These tests need the generator, so they run in the session `drift` and not in `tests`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import generate
import pytest

ROOT = Path(__file__).parents[2]
Edit = Callable[[str, str, str], None]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what the generator reads and of what it made."""
    shutil.copy(ROOT / "openapi.yaml", tmp_path)
    shutil.copytree(ROOT / "codegen", tmp_path / "codegen")
    shutil.copytree(ROOT / generate.PACKAGE, tmp_path / generate.PACKAGE)
    return tmp_path


@pytest.fixture
def edit(project: Path) -> Edit:
    """Replace text that must be there in one of the project's files."""

    def replace(name: str, old: str, new: str) -> None:
        path = project / name
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), "utf-8")

    return replace


def run(project: Path, mode: str = "write") -> int:
    return generate.main([mode, "--root", str(project)])


def made(project: Path) -> dict[str, bytes]:
    return generate.files(project / generate.PACKAGE)


def test_the_contract_is_the_block_that_the_vendor_published() -> None:
    """`openapi.yaml` starts and ends as published, the empty last line included."""
    text = (ROOT / "openapi.yaml").read_bytes()

    assert text.startswith(b"openapi: 3.0.4\n")
    assert text.endswith(b"      additionalProperties: {}\n\n")


def test_twice_gives_the_same_bytes(project: Path) -> None:
    """Generation is deterministic, and the committed package is what it gives."""
    shutil.rmtree(project / generate.PACKAGE)

    run(project)
    first = made(project)
    run(project)

    assert first == made(project) == generate.files(ROOT / generate.PACKAGE)


def test_a_stale_file_is_removed(project: Path) -> None:
    """A module that the contract no longer gives does not stay behind."""
    (project / generate.PACKAGE / "stale.py").touch()

    assert run(project) == 0

    assert "stale.py" not in made(project)


def test_the_package_is_complete(project: Path) -> None:
    """Every module has the banner; `py.typed` and the contract are packaged."""
    files = made(project)

    modules = [text for name, text in files.items() if name.endswith(".py")]
    assert all(text.startswith(generate.BANNER.encode()) for text in modules)
    assert files["py.typed"] == b""
    assert json.loads(files["openapi.json"])["paths"].keys() == {"/customers/{id}", "/auth/login"}


def test_the_write_sends_one_media_type(project: Path) -> None:
    """Of the four listed media types the generated PUT sends `application/json`."""
    module = made(project)["api/customers/replace_customer.py"].decode()

    assert 'headers["Content-Type"] = "application/json"' in module
    assert module.count('"Content-Type"') == 1
    assert b"class Customer:" in made(project)["models/customer.py"]


def test_nothing_leaves_the_scratch_folder_behind(project: Path) -> None:
    """A run cleans up after itself, also when it fails."""
    before = {path.name for path in project.iterdir()}
    (project / "codegen" / "config.yaml").write_text("no_such_setting: 1\n")

    assert run(project) == 1

    assert {path.name for path in project.iterdir()} == before


def test_a_swap_that_fails_brings_the_old_package_back(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the two renames the package is missing; a failure there does not leave it so."""
    (project / generate.PACKAGE / "by-hand.py").touch()
    before = made(project)
    rename = Path.rename

    def fail_to_bring(self: Path, target: Path) -> Path:
        if self.parent.name.startswith(".generate-") and self.name == "caibo_api":
            raise OSError("no space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_to_bring)
    with pytest.raises(OSError, match="no space"):
        run(project)

    assert made(project) == before


@pytest.mark.parametrize("name", ["client.py", "openapi.json", "models/customer.py"])
def test_check_finds_an_edit_by_hand(
    project: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One changed byte anywhere fails the check and is named."""
    path = project / generate.PACKAGE / name
    path.write_bytes(path.read_bytes() + b"\n")

    assert run(project, "check") == 1

    assert f"{name} differs" in capsys.readouterr().out


def test_check_finds_missing_and_extra_files(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The set of files counts, too."""
    (project / generate.PACKAGE / "py.typed").unlink()
    (project / generate.PACKAGE / "more.py").touch()

    assert run(project, "check") == 1

    said = capsys.readouterr().out
    assert "py.typed is missing" in said
    assert "more.py is not generated" in said


def test_check_writes_nothing(project: Path) -> None:
    """A failing check leaves the package as it found it."""
    (project / generate.PACKAGE / "more.py").touch()
    before = made(project)

    run(project, "check")

    assert made(project) == before


def test_a_new_field_stops_until_somebody_rules_on_it(
    project: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    """A field that the vendor adds is neither writable nor server-owned by accident."""
    edit(
        "openapi.yaml",
        "        phone:\n",
        "        vatNumber:\n          type: string\n        phone:\n",
    )
    before = made(project)

    assert run(project) == 1

    said = capsys.readouterr().err
    assert "no ruling for vatNumber" in said
    assert "readOnly: false" in said
    assert made(project) == before


def test_a_field_with_a_ruling_reaches_the_model(project: Path, edit: Edit) -> None:
    """One overlay action is all that a new field needs to be generated."""
    edit(
        "openapi.yaml",
        "        phone:\n",
        "        vatNumber:\n          type: string\n        phone:\n",
    )
    with (project / "codegen" / "overlay.yaml").open("a") as overlay:
        overlay.write(
            "  - target: $.components.schemas.Client.properties.vatNumber\n"
            "    description: a test\n    x-label: assumption\n"
            "    update: {readOnly: false}\n"
        )

    assert run(project) == 0

    assert b"vat_number" in made(project)["models/customer.py"]


def test_an_action_that_selects_nothing_is_an_error(
    project: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    """When the contract changes under the overlay, that is said and nothing is replaced."""
    edit("openapi.yaml", "          text/json:", "          text/x-json:")
    before = made(project)

    assert run(project) == 1

    said = capsys.readouterr().err
    assert "text/json" in said
    assert "selects nothing" in said
    assert made(project) == before


def test_an_action_that_does_nothing_is_an_error(
    project: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    """A misspelt `update` would otherwise be a correction that never happens."""
    edit(
        "codegen/overlay.yaml",
        "    update:\n      securitySchemes",
        "    upd:\n      securitySchemes",
    )

    assert run(project) == 1

    said = capsys.readouterr().err
    assert "'$.components'" in said
    assert "`update` or `remove`" in said


def test_a_target_that_is_no_path_is_an_error(
    project: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    """A typing error in a target is named by its action instead of a traceback."""
    edit("codegen/overlay.yaml", "  - target: $.components\n", "  - target: $.components[\n")

    assert run(project) == 1

    assert "'$.components[': no JSONPath" in capsys.readouterr().err


def test_an_assumption_ends_when_the_vendor_says_it(
    project: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once the vendor publishes a read, our guess at it must not be merged over theirs."""
    path = "  /customers/{id}:\n"
    read = "    get:\n      responses:\n        '200':\n          description: OK\n"
    edit("openapi.yaml", path, path + read)
    before = made(project)

    assert run(project) == 1

    assert "adds get, which the contract now says itself" in capsys.readouterr().err
    assert made(project) == before


@pytest.mark.parametrize("old", ["    x-label: assumption\n", "    description: In the path"])
def test_an_action_without_reason_or_label_is_an_error(
    project: Path, edit: Edit, old: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every correction says why it is there and how sure we are."""
    edit("codegen/overlay.yaml", old, "    x-more: [none]\n" if "label" in old else "    x-was: In")

    assert run(project) == 1

    assert "needs a `description`" in capsys.readouterr().err


def test_a_misspelt_setting_is_an_error(
    project: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    """The generator would ignore it; we suggest the name that was meant."""
    edit("codegen/config.yaml", "class_overrides:", "class_override:")

    assert run(project) == 1

    assert "did you mean class_overrides?" in capsys.readouterr().err


def test_a_misspelt_name_below_a_setting_is_an_error(
    project: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    """The names inside a class override are checked, too."""
    edit("codegen/config.yaml", "module_name:", "modul_name:")

    assert run(project) == 1

    assert "class_overrides, Client: " in capsys.readouterr().err


def test_what_the_generator_only_warns_of_is_an_error(
    project: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    """An endpoint that the generator would drop with a warning stops the run."""
    edit(
        "codegen/overlay.yaml",
        "              application/json:\n"
        "                schema:\n"
        "                  $ref: '#/components/schemas/LoginRequest'",
        "              application/xml:\n"
        "                schema:\n"
        "                  $ref: '#/components/schemas/LoginRequest'",
    )
    before = made(project)

    assert run(project) == 1

    said = capsys.readouterr().err
    assert "openapi-python-client failed" in said
    assert "POST /auth/login" in said
    assert made(project) == before


def test_a_result_that_is_no_openapi_is_an_error(
    project: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    """The contract after the overlay is validated before anything is generated."""
    edit("codegen/overlay.yaml", "          type: apiKey", "          type: apikey")

    assert run(project) == 1

    assert "not valid OpenAPI" in capsys.readouterr().err


def test_a_file_without_a_mapping_is_an_error(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An emptied contract is named instead of a traceback."""
    (project / "openapi.yaml").write_text("")

    assert run(project) == 1

    assert "openapi.yaml holds no mapping" in capsys.readouterr().err


def test_a_file_that_is_no_yaml_is_an_error(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So is a contract that was cut off."""
    (project / "openapi.yaml").write_text("paths: {")

    assert run(project) == 1

    assert "openapi.yaml is not valid YAML" in capsys.readouterr().err
