"""`nox -s spec_diff` says what has changed in the contract, and whether that breaks a caller.

The judging needs Redocly CLI, which the session `spec_diff_tests` installs.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import contract_changes
import generate
import pytest
import spec_diff

ROOT = Path(__file__).parents[2]
PACKAGED = generate.PACKAGE / "openapi.json"
TODAY: dict[str, Any] = json.loads((ROOT / PACKAGED).read_text("utf-8"))
PATH = "/customers/{id}"
Document = dict[str, Any]
Edit = Callable[[Document], object]


def client(contract: Document) -> Document:
    schema: Document = contract["components"]["schemas"]["Client"]
    return schema


def field(contract: Document, name: str) -> Document:
    schema: Document = client(contract)["properties"][name]
    return schema


def operation(contract: Document, method: str = "put") -> Document:
    found: Document = contract["paths"][PATH][method]
    return found


def parameter(name: str, where: str, *, required: bool) -> Document:
    return {"name": name, "in": where, "required": required, "schema": {"type": "string"}}


def add_field(contract: Document, *, required: bool) -> None:
    client(contract)["properties"]["vat"] = {"type": "string", "readOnly": False}
    if required:
        client(contract)["required"].append("vat")


def rename_field(contract: Document) -> None:
    fields = client(contract)["properties"]
    fields["mobile"] = fields.pop("phone")


def replace_field(contract: Document, name: str, schema: Document) -> Document:
    said: Document = client(contract)["properties"]
    said[name] = {**schema, "readOnly": said[name]["readOnly"]}
    return said


def move_to_3_1(contract: Document) -> None:
    """Say the same in the words of OpenAPI 3.1."""
    contract["openapi"] = "3.1.0"
    for schema in contract["components"]["schemas"].values():
        for member in schema["properties"].values():
            if member.pop("nullable", False):
                member["type"] = [member["type"], "null"]


def other_media_type(contract: Document) -> None:
    content = operation(contract)["requestBody"]["content"]
    content["application/xml"] = content.pop("application/json")


BREAKING: dict[str, Edit] = {
    "path removed": lambda c: c["paths"].pop("/auth/login"),
    "operation removed": lambda c: c["paths"][PATH].pop("get"),
    "property removed": lambda c: client(c)["properties"].pop("phone"),
    "property renamed": rename_field,
    "new required property": lambda c: add_field(c, required=True),
    "property became required": lambda c: client(c)["required"].append("phone"),
    "property no longer required": lambda c: client(c)["required"].remove("email"),
    "property became read-only": lambda c: field(c, "phone").update(readOnly=True),
    "read-only where nothing was said": lambda c: c["components"]["schemas"]["LoginRequest"][
        "properties"
    ]["email"].update(readOnly=True),
    "type changed": lambda c: field(c, "userId").update(type="string"),
    "string became an object": lambda c: field(c, "address").update(type="object"),
    "format changed": lambda c: field(c, "id").update(format="int32"),
    "format added": lambda c: field(c, "phone").update(format="email"),
    "maxLength narrowed": lambda c: field(c, "name").update(maxLength=50),
    "maxLength added": lambda c: field(c, "phone").update(maxLength=5),
    "minLength raised": lambda c: field(c, "name").update(minLength=1),
    "pattern added": lambda c: field(c, "phone").update(pattern="^[+]"),
    "enum added": lambda c: field(c, "phone").update(enum=["1", "2"]),
    "nullable removed": lambda c: field(c, "phone").pop("nullable"),
    "nullable added": lambda c: field(c, "name").update(nullable=True),
    "further members forbidden": lambda c: client(c).update(additionalProperties=False),
    "response removed": lambda c: operation(c)["responses"].pop("404"),
    "response body removed": lambda c: operation(c, "get")["responses"]["200"].pop("content"),
    "required query parameter": lambda c: operation(c)["parameters"].append(
        parameter("version", "query", required=True)
    ),
    "required header": lambda c: operation(c)["parameters"].append(
        parameter("Idempotency-Key", "header", required=True)
    ),
    "type of a path parameter": lambda c: operation(c)["parameters"][0]["schema"].update(
        type="string", format="uuid"
    ),
    "media type changed": other_media_type,
    "security scheme removed": lambda c: (
        c["components"]["securitySchemes"].pop("ApiKey"),
        c.update(security=[{"Bearer": []}]),
    ),
    "header of the key renamed": lambda c: c["components"]["securitySchemes"]["ApiKey"].update(
        name="X-Key"
    ),
    "server moved": lambda c: c["servers"][0].update(url="https://gateway.example"),
    "operation id changed": lambda c: operation(c).update(operationId="put_customer"),
    "member of the login removed": lambda c: c["components"]["schemas"]["IssuedToken"][
        "properties"
    ].pop("expireDate"),
    "another schema in the body": lambda c: operation(c)["requestBody"]["content"][
        "application/json"
    ].update(schema={"$ref": "#/components/schemas/ProblemDetails"}),
    "property became write-only": lambda c: field(c, "phone").update(writeOnly=True),
    "a number became an integer": lambda c: field(c, "totalDeposits").update(type="integer"),
    "calls go to another server": lambda c: c["servers"].insert(0, {"url": "https://a.example"}),
    "answer without its schema": lambda c: operation(c, "get")["responses"]["200"]["content"][
        "application/json"
    ].pop("schema"),
    "another module": lambda c: operation(c).update(tags=["Clients"]),
    "parameter of the path renamed": lambda c: c["paths"].update(
        {"/customers/{customer}": c["paths"].pop(PATH)}
    ),
    "string became a reference": lambda c: replace_field(
        c, "address", {"$ref": "#/components/schemas/ProblemDetails"}
    ),
    "string became one of two": lambda c: replace_field(
        c, "address", {"oneOf": [{"type": "string"}, {"type": "object"}], "nullable": True}
    ),
    "string became an enum elsewhere": lambda c: (
        c["components"]["schemas"].update(Tier={"type": "string", "enum": ["a"]})
        or replace_field(c, "phone", {"allOf": [{"$ref": "#/components/schemas/Tier"}]})
    ),
    "type of the items": lambda c: replace_field(
        c, "phone", {"type": "array", "items": {"type": "string"}}
    ),
}
COMPATIBLE: dict[str, Edit] = {
    "new optional property": lambda c: add_field(c, required=False),
    "property became writable": lambda c: field(c, "ownerName").update(readOnly=False),
    "maxLength widened": lambda c: field(c, "address").update(maxLength=400),
    "maxLength removed": lambda c: field(c, "address").pop("maxLength"),
    "minLength removed": lambda c: field(c, "address").pop("minLength"),
    "new path": lambda c: c["paths"].update(
        {"/payments": {"get": {"responses": {"200": {"description": "OK"}}}}}
    ),
    "new operation": lambda c: c["paths"][PATH].update(
        delete={
            "parameters": operation(c)["parameters"],
            "responses": {"204": {"description": "Gone"}},
        }
    ),
    "optional parameter": lambda c: operation(c)["parameters"].append(
        parameter("dryRun", "query", required=False)
    ),
    "new response": lambda c: operation(c)["responses"].update(
        {"409": {"description": "Conflict"}}
    ),
    "new schema": lambda c: c["components"]["schemas"].update(Payment={"type": "object"}),
    "one more way to authenticate": lambda c: c["security"].append({}),
    "description": lambda c: field(c, "name").update(description="As on the invoice."),
    "example": lambda c: field(c, "name").update(example="Ada"),
    "deprecated": lambda c: operation(c).update(deprecated=True),
    "version of the API": lambda c: c["info"].update(version="v1.1"),
    "extension": lambda c: field(c, "name").update({"x-order": 1}),
    "one more server": lambda c: c["servers"].append({"url": "https://a.example"}),
    "one more tag": lambda c: operation(c)["tags"].append("Clients"),
    "another version of OpenAPI": move_to_3_1,
}
SAME: dict[str, Edit] = {
    "nothing": lambda _: None,
    "order of the properties": lambda c: client(c).update(
        properties=dict(reversed(client(c)["properties"].items()))
    ),
    "order of the paths": lambda c: c.update(paths=dict(reversed(c["paths"].items()))),
}


@pytest.fixture
def redocly() -> None:
    """Skip where Redocly CLI, which judges, is not installed."""
    if not os.environ.get(contract_changes.COMMAND) and not shutil.which("redocly"):
        pytest.skip("nox -s spec_diff_tests installs Redocly CLI and names it in REDOCLY")


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a command in Redocly's place that only tells the titles of the two contracts."""
    command = tmp_path / "redocly"
    command.write_text(
        f"#!{sys.executable}\n"
        "import json\n"
        "old, new = (json.load(open(name))['info'] for name in ['old.json', 'new.json'])\n"
        "change = {'impact': 'patch', 'kind': 'modified', 'verdicts': [], 'property': 'title',\n"
        "  'base': {'pointer': '#/info/title', 'value': old['title']},\n"
        "  'revision': {'pointer': '#/info/title', 'value': new['title']}}\n"
        "changes = [change] if old != new else []\n"
        "print(json.dumps({'reportVersion': '1', 'changes': changes}))\n"
    )
    command.chmod(0o755)
    monkeypatch.setenv(contract_changes.COMMAND, str(command))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with the contract, the overlay and the packaged contract, not tagged."""
    root = tmp_path / "project"
    (root / "codegen").mkdir(parents=True)
    (root / PACKAGED).parent.mkdir(parents=True)
    for name in ["openapi.yaml", "codegen/overlay.yaml", str(PACKAGED)]:
        shutil.copy(ROOT / name, root / name)
    git(root, "init", "--quiet", "--initial-branch=main")
    git(root, "add", ".")
    commit(root)
    return root


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True)


def commit(root: Path) -> None:
    who = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    git(root, *who, "-c", "commit.gpgsign=false", "commit", "--quiet", "--all", "--message=x")


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def retitle(path: Path, title: str) -> None:
    change(path, "FinHub API", title)


def compare(tmp_path: Path, edit: Edit, *arguments: str) -> int:
    """Plant a change into today's contract and compare the two files."""
    changed = copy.deepcopy(TODAY)
    edit(changed)
    for name, contract in [("before.json", TODAY), ("after.json", changed)]:
        (tmp_path / name).write_text(json.dumps(contract), "utf-8")
    return spec_diff.main([str(tmp_path / "before.json"), str(tmp_path / "after.json"), *arguments])


# The verdict


@pytest.mark.usefixtures("redocly")
@pytest.mark.parametrize("name", BREAKING)
def test_a_breaking_change_is_found(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each planted change gives the exit status 3 and stands under the first heading."""
    assert compare(tmp_path, BREAKING[name]) == spec_diff.BREAKING == 3

    assert "\n\nBreaking (" in capsys.readouterr().out


@pytest.mark.usefixtures("redocly")
@pytest.mark.parametrize("name", COMPATIBLE)
def test_a_compatible_change_is_no_alarm(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each planted change is listed, and none of them as breaking."""
    assert compare(tmp_path, COMPATIBLE[name]) == 0

    said = capsys.readouterr().out
    assert "None of 1 changes breaking." in said
    assert "\n- " in said


@pytest.mark.usefixtures("redocly")
@pytest.mark.parametrize("name", ["maxLength widened", "maxLength removed", "minLength removed"])
def test_a_wider_limit_is_called_that(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Callers may send more than before, wherever the schema is used."""
    compare(tmp_path, COMPATIBLE[name])

    assert "\n\nAdded or widened (1)\n\n- Client.address." in capsys.readouterr().out


@pytest.mark.usefixtures("redocly")
@pytest.mark.parametrize("name", SAME)
def test_what_says_the_same_is_no_change(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The order of members means nothing in JSON."""
    assert compare(tmp_path, SAME[name]) == 0

    assert "Nothing has changed." in capsys.readouterr().out


@pytest.mark.usefixtures("redocly")
def test_an_enum_that_loses_a_value_breaks(
    tmp_path: Path,
) -> None:
    """Enums are not in today's contract, so both sides are planted."""
    files = []
    for name, values in [("before", ["EUR", "USD"]), ("after", ["EUR"])]:
        contract = copy.deepcopy(TODAY)
        field(contract, "phone")["enum"] = values
        files.append(tmp_path / f"{name}.json")
        files[-1].write_text(json.dumps(contract), "utf-8")

    assert spec_diff.main([str(file) for file in files]) == 3


@pytest.mark.usefixtures("redocly")
@pytest.mark.parametrize(
    ("name", "kind", "status"), [("phone", "string", 3), ("name", ["string", "null"], 3)]
)
def test_null_is_judged_in_openapi_3_1_too(
    tmp_path: Path, name: str, kind: object, status: int
) -> None:
    """A field that may be null no more, or may be null now, breaks callers in either version."""
    before, after = copy.deepcopy(TODAY), copy.deepcopy(TODAY)
    move_to_3_1(before)
    move_to_3_1(after)
    field(after, name)["type"] = kind
    files = [tmp_path / "before.json", tmp_path / "after.json"]
    for file, contract in zip(files, [before, after], strict=True):
        file.write_text(json.dumps(contract), "utf-8")

    assert spec_diff.main([str(file) for file in files]) == status


# The list


@pytest.mark.usefixtures("redocly")
def test_an_operation_is_named_as_people_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each that is new or gone by its method, also where the whole path is."""

    def edit(contract: Document) -> None:
        answers = {"responses": {"200": {"description": "OK"}}}
        contract["paths"]["/customers"] = {"post": answers, "get": answers}
        contract["paths"][PATH]["patch"] = {
            "parameters": operation(contract)["parameters"],
            **answers,
        }
        del contract["paths"]["/auth/login"], contract["paths"][PATH]["get"]

    compare(tmp_path, edit)

    listed = [line for line in capsys.readouterr().out.splitlines() if " /" in line]
    assert listed[1:] == [
        "- GET /customers/{id}: removed",
        "- POST /auth/login: removed",
        "- GET /customers: new",
        "- PATCH /customers/{id}: new",
        "- POST /customers: new",
    ]


def two_changes(contract: Document) -> None:
    """Shorten a name and describe it; a vendor's words are no Markdown of ours."""
    field(contract, "name").update(
        maxLength=50, description="`@ada` <b>\n\n# [x](http://x.example)"
    )
    contract["paths"]["/@ada\n::error::x"] = {"get": {"responses": {"200": {"description": "OK"}}}}


@pytest.mark.usefixtures("redocly")
def test_the_list_has_the_breaking_changes_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A change a line: where, and what."""
    compare(tmp_path, two_changes)

    title, *lines = capsys.readouterr().out.splitlines()
    assert title == f"Contract: {tmp_path / 'before.json'} → {tmp_path / 'after.json'}"
    assert lines == [
        "",
        "1 of 3 changes breaking.",
        "",
        "Breaking (1)",
        "",
        "- Client.name.maxLength: `maxLength` of `name` changed from '100' to '50'.",
        "",
        "Added or widened (1)",
        "",
        "- GET /@ada ::error::x: new",
        "",
        "Other (1)",
        "",
        '- Client.name.description: description: null → "`@ada` <b>\\n\\n# [x](http://x.example)"',
    ]


@pytest.mark.usefixtures("redocly")
def test_the_markdown_cannot_be_hijacked(tmp_path: Path) -> None:
    """All that comes from a contract is code: no mention, no link, no heading, no HTML."""
    compare(tmp_path, two_changes, "--markdown", str(tmp_path / "list.md"))

    title, *lines = (tmp_path / "list.md").read_text("utf-8").splitlines()
    assert title.startswith("## Contract: `")
    assert [line for line in lines if line] == [
        "1 of 3 changes breaking.",
        "### Breaking (1)",
        "- `Client.name.maxLength`: `'maxLength' of 'name' changed from '100' to '50'.`",
        "### Added or widened (1)",
        "- `GET /@ada ::error::x`: `new`",
        "### Other (1)",
        r"""- `Client.name.description`: `description: null → "'@ada' <b>\n\n# [x](http://x.example)"`""",
    ]


@pytest.mark.usefixtures("redocly")
def test_the_list_is_there_for_machines(tmp_path: Path) -> None:
    """The verdict, too, as nox has no exit status of its own for it."""
    compare(tmp_path, BREAKING["response removed"], "--json", str(tmp_path / "list.json"))

    assert json.loads((tmp_path / "list.json").read_text("utf-8")) == {
        "verdict": "breaking",
        "changes": [
            {
                "impact": "major",
                "where": "PUT /customers/{id} responses 404",
                "what": "Response `404` was removed.",
            }
        ],
    }


@pytest.mark.usefixtures("redocly")
def test_a_change_shows_in_full_however_the_versions_are_named(
    project: Path, tmp_path: Path
) -> None:
    """A limit in `openapi.yaml` and a ruling in the overlay both are changes of the contract."""
    change(project / "openapi.yaml", "maxLength: 20\n", "maxLength: 10\n")
    change(project / "codegen/overlay.yaml", "      readOnly: false\n", "      readOnly: true\n")
    output = tmp_path / "list.json"

    status = spec_diff.main(["HEAD", "--root", str(project), "--json", str(output)])

    assert status == 3
    found = json.loads(output.read_text("utf-8"))["changes"]
    assert [item["where"] for item in found] == ["Client.name.readOnly", "Client.phone.maxLength"]


# The versions


@pytest.mark.usefixtures("stand_in")
def test_the_last_tag_is_compared_with_the_working_tree(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without arguments, and with the overlay applied to what is not generated yet."""
    git(project, "tag", "v0.1.0")
    retitle(project / PACKAGED, "Second")
    commit(project)
    git(project, "tag", "v0.2.0")
    retitle(project / "openapi.yaml", "Third")

    assert spec_diff.main(["--root", str(project)]) == 0

    out, err = capsys.readouterr()
    assert "Contract: v0.2.0 → the working tree\n" in out
    assert '- info.title: title: "Second" → "Third"\n' in out
    assert err == ""


@pytest.mark.usefixtures("stand_in")
def test_without_a_tag_the_last_commit_is_compared(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """That is said, as nothing has changed since is another statement."""
    assert spec_diff.main(["--root", str(project)]) == 0

    out, err = capsys.readouterr()
    assert "Contract: HEAD → the working tree\n\nNothing has changed.\n" in out
    assert "there is no tag" in err


@pytest.mark.usefixtures("stand_in")
def test_two_revisions_are_compared(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The working tree has no part in it."""
    retitle(project / PACKAGED, "Second")
    commit(project)
    retitle(project / PACKAGED, "Third")

    spec_diff.main(["HEAD~1", "HEAD", "--root", str(project)])

    assert 'title: "FinHub API" → "Second"' in capsys.readouterr().out


@pytest.mark.usefixtures("stand_in")
def test_folders_and_files_are_compared(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a folder the overlay is applied anew; a file is taken as it is, YAML or JSON."""
    other = tmp_path / "other.yaml"
    shutil.copy(ROOT / "openapi.yaml", other)
    retitle(other, "Second")

    spec_diff.main([str(project), str(other)])

    assert 'title: "FinHub API" → "Second"' in capsys.readouterr().out


def test_the_packaged_contract_is_that_of_the_working_tree(project: Path, redocly: None) -> None:
    """The two ways to the contract after the overlay lead to the same."""
    assert spec_diff.main([str(project / PACKAGED), str(project)]) == 0


@pytest.mark.usefixtures("stand_in")
def test_a_decision_that_is_needed_comes_first(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the overlay fits there is no contract to compare; the status tells it apart."""
    change(project / "openapi.yaml", "        phone:\n", "        vat: {}\n        phone:\n")

    assert spec_diff.main(["HEAD", "--root", str(project)]) == generate.DECISION

    assert "spec_diff: a decision is needed:\n- no ruling for vat" in capsys.readouterr().err


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize(
    ("old", "why"),
    [
        ("v9.9.9", "'v9.9.9' is neither a path nor a git revision"),
        ("--output=x", "unrecognized arguments"),
        ("bare", "bare has no generated/caibo_api/openapi.json"),
        ("{folder}", "openapi.yaml: No such file"),
        ("{folder}/bad.yaml", "bad.yaml: not valid YAML: line 1"),
        ("{folder}/list.yaml", "list.yaml: no OpenAPI document"),
    ],
)
def test_what_cannot_be_compared_is_named(
    project: Path, tmp_path: Path, old: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a traceback nor a file that is half written."""
    git(project, "checkout", "--quiet", "--orphan", "bare")
    git(project, "rm", "-r", "--quiet", "--cached", "generated")
    commit(project)
    (tmp_path / "bad.yaml").write_text("a: {")
    (tmp_path / "list.yaml").write_text("- openapi")
    output = tmp_path / "list.md"
    arguments = [old.format(folder=tmp_path), "--root", str(project), "--markdown", str(output)]

    try:
        status = spec_diff.main(arguments)
    except SystemExit as stop:
        status = 1 if stop.code == 2 else 0

    assert status == 1
    assert why in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("print('{}')", "has no report that we can read"),
        ("print('''{\"reportVersion\": \"2\", \"changes\": []}''')", "no report that we can read"),
        ("raise SystemExit('out of order')", "that we can read: out of order"),
    ],
)
def test_a_tool_that_fails_is_no_verdict(
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    why: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its format is experimental; another one must not pass for `nothing has changed`."""
    command = tmp_path / "redocly"
    command.write_text(f"#!{sys.executable}\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setenv(contract_changes.COMMAND, str(command))

    assert spec_diff.main(["HEAD", "--root", str(project)]) == 1

    assert why in capsys.readouterr().err


def test_a_tool_that_is_not_there_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the session that installs it."""
    monkeypatch.delenv(contract_changes.COMMAND, raising=False)
    monkeypatch.setattr(shutil, "which", lambda _: None)

    assert spec_diff.main(["HEAD", "--root", str(project)]) == 1

    assert "`nox -s spec_diff` installs it" in capsys.readouterr().err
