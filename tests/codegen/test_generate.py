"""`nox -s generate` turns the contract and the overlay into the package, or says why not.

These tests need the generator, so they run in the session `drift` and not in `tests`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import fields
import generate
import pytest
from projects import ROOT, Edit, copy_contract

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what the generator reads and of what it made."""
    copy_contract(tmp_path)
    return tmp_path


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


@pytest.mark.parametrize(
    "name", ["client.py", "openapi.json", "assumptions.json", "models/customer.py"]
)
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

    assert run(project) == generate.DECISION

    said = capsys.readouterr().err
    assert "no ruling for vatNumber" in said
    assert "readOnly: false" in said
    assert made(project) == before


def test_a_field_with_a_ruling_reaches_the_model(project: Path, edit: Edit) -> None:
    """An overlay action and its assumption are all that a new field needs to be generated."""
    edit(
        "openapi.yaml",
        "        phone:\n",
        "        vatNumber:\n          type: string\n        phone:\n",
    )
    with (project / "codegen" / "overlay.yaml").open("a") as overlay:
        overlay.write(
            "  - target: $.components.schemas.Client.properties.vatNumber\n"
            "    description: a test\n    x-label: assumption\n"
            "    update: {readOnly: false, x-adopted: '0.1'}\n"
        )
    with (project / "codegen" / "assumptions.yaml").open("a") as entries:
        entries.write(
            "- id: vat-number\n  says: callers set `vatNumber`\n  label: assumption\n"
            "  touches: [$.components.schemas.Client.properties.vatNumber]\n"
        )

    assert run(project) == 0

    assert b"vat_number" in made(project)["models/customer.py"]
    assert "    vat_number: str\n" in (project / fields.MODULE).read_text()
    assert (
        "| `vat_number` | `vatNumber` | text | callers |"
        in (project / generate.FIELDS_PAGE).read_text()
    )


def test_an_action_that_selects_nothing_is_an_error(
    project: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    """When the contract changes under the overlay, that is said and nothing is replaced."""
    edit("openapi.yaml", "          text/json:", "          text/x-json:")
    before = made(project)

    assert run(project) == generate.DECISION

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
    assert "`update` (a mapping) or `remove`" in said


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

    assert run(project) == generate.DECISION

    assert "adds get, which the contract now says itself" in capsys.readouterr().err
    assert made(project) == before


def ask(project: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Generate where that needs decisions, and give them; the package stays as it was."""
    before = made(project)

    assert run(project) == generate.DECISION == 4

    assert made(project) == before
    heading, *decisions = capsys.readouterr().err.split("\n- ")
    assert heading == "generate: a decision is needed:"
    return decisions


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "paths:\n",
            "paths:\n  /auth/login:\n    post: {}\n",
            "'$.paths' adds /auth/login, which the contract now says itself: ",
        ),
        (
            "  schemas:\n",
            "  schemas:\n    LoginRequest:\n      type: object\n",
            "'$.components.schemas' adds LoginRequest, which the contract now says itself: ",
        ),
        (
            "  schemas:\n",
            "  securitySchemes:\n    Token:\n      type: http\n      scheme: bearer\n  schemas:\n",
            "'$.components' adds securitySchemes, which the contract now says itself: ",
        ),
        (
            "        ownerId:\n",
            "        ownerId:\n          nullable: true\n",
            "properties.ownerId' adds nullable, which the contract now says itself: the same.",
        ),
        (
            "        ownerId:\n",
            "        ownerId:\n          nullable: false\n",
            "ownerId' adds nullable, which the contract now says itself: false, we say true.",
        ),
        (
            "        name:\n",
            "        name:\n          readOnly: false\n",
            "properties.name' adds readOnly, which the contract now says itself: the same.",
        ),
        (
            "        phone:\n",
            "        phone:\n          readOnly: true\n",
            "phone' adds readOnly, which the contract now says itself: true, we say false.",
        ),
        # The label of this one is `contradiction`, which is about something else.
        (
            "        address:\n",
            "        address:\n          readOnly: true\n",
            "address' adds readOnly, which the contract now says itself: true, we say false.",
        ),
        (
            "      requestBody:\n",
            "      requestBody:\n        required: true\n",
            'put.requestBody" adds required, which the contract now says itself: the same.',
        ),
        (
            "    put:\n",
            "    put:\n      operationId: updateCustomer\n",
            'put" adds operationId, which the contract now says itself: "updateCustomer", ',
        ),
    ],
)
def test_what_the_vendor_has_documented_meanwhile_is_asked(
    project: Path,
    edit: Edit,
    old: str,
    new: str,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever the label: what an action adds must still be missing, or somebody decides."""
    edit("openapi.yaml", old, new)

    [decision] = ask(project, capsys)

    assert said in decision
    assert "Look at openapi.yaml, then remove that from the action" in decision


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("security: []\n", "security: [Token: []]\n", "security: [], and the contract now says [{"),
        ("security: []\n", "", "to replace security: [], and the contract now says nothing"),
        (
            "additionalProperties: false",
            "additionalProperties: true",
            "to replace additionalProperties: false, and the contract now says true",
        ),
    ],
)
def test_what_an_action_replaces_must_be_as_it_was(
    project: Path,
    edit: Edit,
    old: str,
    new: str,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A contradiction is between two statements; when one is another, we choose again."""
    edit("openapi.yaml", old, new)

    [decision] = ask(project, capsys)

    assert said in decision
    assert "`x-replaces`" in decision


def test_an_action_may_replace_what_it_names(project: Path, edit: Edit) -> None:
    """Told that the vendor is wrong, the generation goes on."""
    edit("openapi.yaml", "        phone:\n", "        phone:\n          readOnly: true\n")
    edit(
        "codegen/overlay.yaml",
        "  - target: $.components.schemas.Client.properties.phone\n",
        "  - target: $.components.schemas.Client.properties.phone\n"
        "    x-replaces: {readOnly: true}\n",
    )

    assert run(project) == 0


def test_a_field_that_the_vendor_removes_is_asked(
    project: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    """The ruling that is left behind says which field is gone."""
    edit(
        "openapi.yaml",
        "        memberId:\n          maxLength: 50\n          minLength: 0\n"
        "          type: string\n          nullable: true\n",
        "",
    )

    [decision] = ask(project, capsys)

    assert "Client.properties.memberId' selects nothing" in decision


def test_a_path_that_the_vendor_renames_is_asked(
    project: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every action on the old path is named, and what is left of the write."""
    edit("openapi.yaml", "  /customers/{id}:\n", "  /clients/{id}:\n")

    decisions = ask(project, capsys)

    assert sum("selects nothing" in decision for decision in decisions) == 6
    assert sum("the facade calls" in decision for decision in decisions) == 2
    assert "no ruling for PUT /clients/{id}" in decisions[-2]
    assert "application/json-patch+json, application/json, text/json" in decisions[-1]


def test_one_more_media_type_is_asked(
    project: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    """The generated client would send the last one in silence."""
    edit(
        "openapi.yaml",
        "          application/*+json:\n",
        "          application/vnd.caibo+json:\n            schema: {}\n"
        "          application/*+json:\n",
    )

    [decision] = ask(project, capsys)

    assert "has application/json, application/vnd.caibo+json: the client sends" in decision


def test_a_schema_that_the_vendor_renames_is_asked(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the schema of a customer there is no traceback either."""
    path = project / "openapi.yaml"
    text = path.read_text("utf-8")
    path.write_text(
        text.replace("    Client:\n", "    Customer:\n").replace(
            "schemas/Client", "schemas/Customer"
        )
    )

    decisions = ask(project, capsys)

    assert len(decisions) == 13
    assert all("selects nothing" in decision for decision in decisions)


def test_all_decisions_are_asked_at_once(
    project: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who decides does not have to run the generation once for each of them."""
    edit("openapi.yaml", "        phone:\n", "        vat: {}\n        tax: {}\n        phone:\n")
    edit("openapi.yaml", "          text/json:", "          text/x-json:")
    edit("openapi.yaml", "    put:\n", "    put:\n      summary: x\n")

    decisions = ask(project, capsys)

    for decision, said in zip(
        decisions,
        [
            "['text/json']\" selects nothing",
            '.put" adds summary, which the contract now says itself',
            "no ruling for vat",
            "no ruling for tax",
            "has application/json, text/x-json",
        ],
        strict=True,
    ):
        assert said in decision


def test_a_date_stays_the_text_that_it_is(project: Path, edit: Edit) -> None:
    """YAML reads an unquoted date as one, which JSON has not."""
    edit(
        "openapi.yaml",
        "          format: date-time\n",
        "          format: date-time\n          example: 2024-03-05\n",
    )

    assert run(project) == 0

    packaged = json.loads(made(project)["openapi.json"])
    created = packaged["components"]["schemas"]["Client"]["properties"]["createDate"]
    assert created["example"] == "2024-03-05"


def test_a_status_may_come_unquoted(project: Path, edit: Edit) -> None:
    """In YAML that is a number; the package is the same."""
    edit("openapi.yaml", "'404'", "404")

    assert run(project, "check") == 0


@pytest.mark.parametrize(
    "name",
    [
        "openapi.yaml",
        "codegen/overlay.yaml",
        "codegen/config.yaml",
        "codegen/assumptions.yaml",
        "docs/assumptions.md",
    ],
)
@pytest.mark.parametrize("mode", ["write", "check"])
def test_a_missing_file_is_named(
    project: Path, name: str, mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that is none of this project is no traceback."""
    (project / name).unlink()

    assert run(project, mode) == 1

    assert f"{project / name}: No such file" in capsys.readouterr().err


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
    schema = (
        "                schema:\n                  $ref: '#/components/schemas/LoginRequest'\n"
    )
    edit("codegen/overlay.yaml", schema, "                x-lost: true\n")
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


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "    ProblemDetails:\n",
            "    Problem:\n",
            "responses['400'].content['application/json'].schema: $ref leads nowhere: ",
        ),
        (
            "          maxLength: 20\n          minLength: 0\n          type: string\n",
            "          maxLength: 20\n          minLength: 0\n          type: [string, 'null']\n",
            "$.components.schemas.Client.properties.phone.type: ['string', 'null'] is not of type",
        ),
        ("          description: Not Found\n", "", "['404']: 'description' is a required property"),
        ("        - name: id\n", "        - name: no\n", "Path parameter 'id' for 'put' operation"),
    ],
)
@pytest.mark.parametrize("asks", ["", "        vat:\n          type: string\n"])
def test_a_contract_that_is_broken_asks_for_no_decision(
    project: Path, edit: Edit, old: str, new: str, said: str, asks: str, capsys: Capture
) -> None:
    """One line names the place, whatever else there would be to decide; it shows no contract."""
    edit("openapi.yaml", old, new)
    edit("openapi.yaml", "        memberId:\n", f"{asks}        memberId:\n")
    before = made(project)

    assert run(project) == 1

    line = capsys.readouterr().err
    assert line.startswith("generate: openapi.yaml is not valid OpenAPI: $")
    assert said in line
    assert line.count("\n") == 1
    assert len(line) < 400
    assert made(project) == before


def test_an_overlay_that_makes_it_invalid_is_told_apart(
    project: Path, edit: Edit, capsys: Capture
) -> None:
    """The vendor is not blamed for what we have written."""
    edit("codegen/overlay.yaml", "          type: apiKey", "          type: apikey")

    assert run(project) == 1

    assert "the contract after the overlay is not valid OpenAPI: $" in capsys.readouterr().err


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
