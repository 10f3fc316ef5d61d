"""Whole updates of the contract, played with the real tools in a copy of the project.

The vendor changes its page; what must follow is a proposal, a question or an
error, each with its text.  `nox -s rehearsal` installs Redocly CLI for it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import release
import spec_update
from projects import LEFT_OUT, ROOT, commit, git, replace

pytestmark = pytest.mark.skipif(
    "REDOCLY" not in os.environ, reason="`nox -s rehearsal` installs Redocly CLI"
)

PROSE = "# Update Customer\n\n```json\n{}\n```\n\n## OpenAPI\n\n"
NEW_FIELD = "        vatNumber:\n          maxLength: 14\n          type: string\n"
CONTRACT = (ROOT / "openapi.yaml").read_text()
PATCH = """\
    patch:
      parameters:
        - {name: id, in: path, required: true, schema: {type: integer, format: int64}}
      requestBody:
        content:
          application/merge-patch+json:
            schema: {$ref: '#/components/schemas/Client'}
      responses: {'200': {description: OK}}
"""
WORDS = {"label": "assumption", "description": "a test", "id": "patch-exists", "says": "a test"}
READ = "    get:\n      responses:\n        '200':\n          description: OK\n"
RULING = """\
  - target: $.components.schemas.Client.properties.vatNumber
    description: Create Customer lists it among what a caller sets.
    x-label: documented elsewhere
    update:
      readOnly: false
      nullable: true
      x-adopted: "0.1"
"""
ENTRY = """\
- id: vat-number
  says: callers set `vatNumber`
  label: documented elsewhere
  touches: [$.components.schemas.Client.properties.vatNumber]
"""


@dataclass
class Vendor:
    """The vendor's page and our project, between which updates are played."""

    page: Path
    project: Path

    def publish(self, contract: str) -> None:
        """Put a contract onto the page, as the vendor does."""
        self.page.write_text(f"{PROSE}````yaml api PUT /customers/{{id}}\n{contract}````\n")

    def change(self, old: str, new: str) -> None:
        """Change one thing in what is published."""
        replace(self.page, old, new)

    def update(self) -> int:
        """Let the workflow's step run, with those tests that look at the contract."""
        options = ("--date", "2027-01-31", "--tests", "tests/test_versions.py")
        return spec_update.main([str(self.page), "--root", str(self.project), *options])

    def said(self, name: str) -> str:
        return (self.project / "spec-update" / name).read_text()

    def fields(self) -> dict[str, dict[str, object]]:
        """What the generated package says of a customer's fields."""
        text = (self.project / "generated" / "caibo_api" / "openapi.json").read_text()
        properties: dict[str, dict[str, object]]
        properties = json.loads(text)["components"]["schemas"]["Client"]["properties"]
        return properties

    def release(self, version: str) -> int:
        """Try to release what is at hand."""
        commit(self.project)
        return release.main([version, "--root", str(self.project), "--dry-run"])


@pytest.fixture
def vendor(project: Path, tmp_path: Path) -> Vendor:
    """The page as published, and the project with 0.1.0 released."""
    shutil.copytree(ROOT / "tests", project / "tests", ignore=LEFT_OUT)
    commit(project)
    git(project, "tag", "v0.1.0")
    vendor = Vendor(tmp_path / "page.md", project)
    vendor.publish((project / "openapi.yaml").read_text())
    return vendor


def test_the_page_as_published_changes_nothing(vendor: Vendor) -> None:
    """Nor do other words around the contract."""
    vendor.change("# Update Customer", "# Update a customer")

    assert vendor.update() == 0

    assert vendor.said("outcome") == "unchanged\n"
    assert git(vendor.project, "status", "--porcelain") == ""


def test_a_limit_that_is_widened_goes_into_the_next_version(
    vendor: Vendor, capsys: pytest.CaptureFixture[str]
) -> None:
    """Proposed as compatible, and released with a patch version."""
    vendor.change("maxLength: 255", "maxLength: 500")

    assert vendor.update() == 0

    assert vendor.said("labels.txt") == "contract\ncompatible\n"
    assert vendor.fields()["address"]["maxLength"] == 500
    assert "`Client.address.maxLength`" in vendor.said("body.md")
    assert "0.1.1 or any above may hold it" in vendor.said("body.md")
    assert vendor.release("0.1.1") == 0
    assert "+  - `Client.address.maxLength`" in capsys.readouterr().out


def test_a_limit_that_is_narrowed_needs_a_version_that_says_so(
    vendor: Vendor, capsys: pytest.CaptureFixture[str]
) -> None:
    """Proposed as breaking; a patch version is refused and a minor one taken."""
    vendor.change("maxLength: 20\n", "maxLength: 10\n")

    assert vendor.update() == 0

    assert vendor.said("labels.txt") == "contract\nbreaking\n"
    assert vendor.fields()["phone"]["maxLength"] == 10
    body = vendor.said("body.md")
    assert "callers of 0.1.0 may fail. The next version must be 0.2.0" in body
    assert "`Client.phone.maxLength`" in body
    assert "Nothing breaks since v0.1.0." in body
    assert vendor.release("0.1.1") == 1
    assert "contract: - Client.phone" in capsys.readouterr().err
    assert vendor.release("0.2.0") == 0


def test_a_new_field_waits_for_its_ruling(vendor: Vendor) -> None:
    """Nobody but a person knows whether callers may set it."""
    vendor.change("        phone:\n", f"{NEW_FIELD}        phone:\n")

    assert vendor.update() == 4

    assert vendor.said("outcome") == "decision\n"
    body = vendor.said("body.md")
    assert "vatNumber" in body
    assert "readOnly: false" in body
    assert "codegen/overlay.yaml" in body
    assert git(vendor.project, "status", "--porcelain") == ""


def test_a_ruling_brings_a_new_field_to_the_callers(vendor: Vendor) -> None:
    """It is all that is written by hand; what `extra=` took goes on, and the verdict says so."""
    vendor.change("        phone:\n", f"{NEW_FIELD}        phone:\n")
    for name, decided in [("overlay.yaml", RULING), ("assumptions.yaml", ENTRY)]:
        with (vendor.project / "codegen" / name).open("a") as file:
            file.write(decided)

    assert vendor.update() == 0

    assert vendor.said("labels.txt") == "contract\ncompatible\n"
    body = vendor.said("body.md")
    assert "it is written vat_number= now, and extra= takes it with a DeprecationWarning" in body
    assert "+  - target: $.components.schemas.Client.properties.vatNumber" in body
    assert "+  says: callers set `vatNumber`" in body
    assert "vatNumber" in vendor.fields()
    assert sent(vendor.project, "record", "vat_number='DE1'") == ["GET", "PUT"]


UPDATE = """\
import caibo
from caibo.testing import FakeCaibo
fake = FakeCaibo()
id = fake.add_customer()
reached = {{"base_url": fake.base_url, "transport": fake.transport}}
client = caibo.Caibo(api_key=fake.api_key, send={send!r}, **reached)
client.customers.update(id, {change})
print(*[request.method for request in fake.requests])
"""


def sent(project: Path, send: str, change: str = "phone='+1'") -> list[str]:
    """Name the requests of an update, made in a Python of its own; none where it is refused."""
    paths = os.pathsep.join(str(project / name) for name in ("wrapper", "generated"))
    done = subprocess.run(
        [sys.executable, "-c", UPDATE.format(send=send, change=change)],
        env={**os.environ, "PYTHONPATH": paths},
        text=True,
        capture_output=True,
        check=False,
    )
    return done.stdout.split()


def test_a_field_that_is_removed_is_asked_for(vendor: Vendor) -> None:
    """Its ruling selects nothing any more; without it the update breaks callers, and says so."""
    member = "        memberId:\n          maxLength: 50\n          minLength: 0\n"
    vendor.change(f"{member}          type: string\n          nullable: true\n", "")

    assert vendor.update() == 4
    assert "memberId" in vendor.said("body.md")

    remove_ruling(vendor.project, "memberId")
    assert vendor.update() == 0
    assert vendor.said("labels.txt") == "contract\nbreaking\n"
    assert "`CustomerChanges.member_id`: *Public object was removed*" in vendor.said("body.md")


def remove_ruling(project: Path, field: str) -> None:
    """Take the actions on a field out of the overlay, and out of what is assumed."""
    named = f"    - $.components.schemas.Client.properties.{field}\n"
    replace(project / "codegen" / "assumptions.yaml", named, "")
    path = project / "codegen" / "overlay.yaml"
    head, *actions = path.read_text().split("  - target: ")
    kept = [action for action in actions if f".{field}\n" not in action]
    assert len(kept) < len(actions)
    path.write_text("  - target: ".join([head, *kept]))


def test_an_assumption_ends_when_the_vendor_documents_it(vendor: Vendor) -> None:
    """Our guess at `GET /customers/{id}` is not merged over theirs."""
    vendor.change("  /customers/{id}:\n", f"  /customers/{{id}}:\n{READ}")

    assert vendor.update() == 4

    assert vendor.said("outcome") == "decision\n"
    assert "get" in vendor.said("body.md")
    assert git(vendor.project, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    "page",
    [
        "<!doctype html><html><body>Sign in</body></html>",
        PROSE,
        f"{PROSE}````yaml\nopenapi: 3.0.4\npaths: {{\n````\n",
        f"{PROSE}````yaml\n{CONTRACT}",
        f"{PROSE}````yaml\n{CONTRACT[: CONTRACT.index('    ProblemDetails:')]}",
        f"{PROSE}````yaml\n{CONTRACT[: CONTRACT.index('        instance:')]}",
        f"{PROSE}````yaml\n{CONTRACT.replace('servers:', 'x-servers:')}````\n",
        f"{PROSE}````yaml\n{CONTRACT}security: []\n````\n",
        f"{PROSE}````yaml\n{CONTRACT.replace('type: string', 'type: &s string', 1)}x: *s\n````\n",
    ],
)
def test_a_page_that_is_broken_changes_nothing(vendor: Vendor, page: str) -> None:
    """A login form, no contract, one cut off or without servers: an error in one line."""
    vendor.page.write_text(page)

    assert vendor.update() == 1

    assert vendor.said("outcome") == "failed\n"
    assert vendor.said("title.txt") == "The contract cannot be fetched\n"
    assert told_in_one_line(vendor, "page.md")
    assert git(vendor.project, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    ProblemDetails:\n", "    Problem:\n", "$ref leads nowhere"),
        ("          description: Not Found\n", "", "'description' is a required property"),
        (
            "      properties:\n        id:\n",
            "      properties:\n        id: 7\n        no:\n",
            "Client.properties.id: 7 is no mapping",
        ),
    ],
)
def test_a_contract_that_is_broken_changes_nothing(
    vendor: Vendor, old: str, new: str, said: str
) -> None:
    """Neither a question to a person nor a proposal, and no dump of it."""
    vendor.change(old, new)

    assert vendor.update() == 1

    assert vendor.said("outcome") == "failed\n"
    assert told_in_one_line(vendor, said)
    assert git(vendor.project, "status", "--porcelain") == ""


def told_in_one_line(vendor: Vendor, words: str) -> bool:
    """Tell whether the text has one line of a reader's length in its fence, with the words."""
    fenced = vendor.said("body.md").partition("```text\n")[2].partition("\n```")[0]
    return words in fenced and "\n" not in fenced and len(fenced) < 500


def test_another_version_of_openapi_is_asked_for(vendor: Vendor) -> None:
    """What the overlay says in the words of the old one is named with it."""
    vendor.change("openapi: 3.0.4", "openapi: 3.1.0")

    assert vendor.update() == 4

    assert "the contract is OpenAPI" in vendor.said("body.md")
    assert "ownerId has `nullable`, which OpenAPI 3.1.0 does not know" in vendor.said("body.md")


def test_other_servers_are_asked_for(vendor: Vendor) -> None:
    """Credentials go there."""
    vendor.change("apay.caibo.digital", "apay.caibo.example")

    assert vendor.update() == 4

    assert "https://apay.caibo.example" in vendor.said("body.md")


def test_a_ruling_lets_update_send_a_patch(vendor: Vendor) -> None:
    """The vendor documents it; the lines of the alarm are all that is written by hand."""
    vendor.change("  /customers/{id}:\n", f"  /customers/{{id}}:\n{PATCH}")
    assert vendor.update() == 4
    body = vendor.said("body.md")
    assert "no ruling for PATCH /customers/{id}" in body

    for name, dent in [("overlay.yaml", "  "), ("assumptions.yaml", "")]:
        offered = [line.strip() for line in body.splitlines() if line.startswith("    - {")]
        line = offered[0] if name == "overlay.yaml" else offered[1]
        for key, word in WORDS.items():
            line = line.replace(f'{key}: "…"', f"{key}: {word}")
        with (vendor.project / "codegen" / name).open("a") as file:
            file.write(f"{dent}{line}\n")

    assert vendor.update() == 0
    assert vendor.said("labels.txt") == "contract\ncompatible\n"
    assert "- `PATCH /customers/{id}`: `new`" in vendor.said("body.md")
    module = vendor.project / "generated/caibo_api/api/customers/patch_customer.py"
    assert '"Content-Type"] = "application/merge-patch+json"' in module.read_text()
    assert sent(vendor.project, "changes") == ["GET", "PATCH", "GET"]
    assert sent(vendor.project, "record") == ["GET", "PUT"]
