"""A ruling is all that a field of any kind needs: what editors complete is generated, and typed.

These tests need the generator, and one of them mypy, so they run in the session `drift`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import fields
import generate
import pytest
from field_kinds import KINDS, SCHEMAS
from projects import ROOT, copy_contract, replace
from vendors import lines

from caibo._record.contract import python_name

RULING = "$.components.schemas.Client.properties."
DRAFTED = '''\
from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import caibo


def taken(customers: caibo.Customers) -> None:
    """Write each kind in the forms that there are."""
    customers.update(1, nick_name="Ada", loyalty_points=3, credit_limit=Decimal("0.1"))
    customers.update(1, is_business=True, tier="gold", tags=["a"], discount=0.5)
    customers.update(1, billing={"city": None}, shipping={"street": "Way 1"}, pickup=None)
    customers.update(1, contact="ada@example.com")
    customers.plan(1, contact={"street": "Way 1"}, anything=object())
    customers.plan(1, birth_date=date(1990, 2, 3), reference=UUID(int=7), website="https://a.b")
    customers.plan(1, birth_date="1990-02-03", renews_at=datetime.now(UTC))
    with customers.edit(1) as draft:
        draft.birth_date = "1990-02-03"
        draft.tags = ("a", "b")
        draft.nick_name = "Ada"


def given(customer: caibo.Customer) -> tuple[Any, ...]:
    """Read each kind as what it is."""
    day: date | None = customer.birth_date
    moment: datetime | None = customer.renews_at
    points: int | None = customer.loyalty_points
    limit: Decimal | None = customer.credit_limit
    flag: bool = customer.is_business
    tags: list[Any] | None = customer.tags
    place: dict[str, Any] | None = customer.billing
    contact: str | dict[str, Any] | None = customer.contact
    reference: UUID | None = customer.reference
    return day, moment, points, limit, flag, tags, place, contact, reference


def mistaken(customers: caibo.Customers, customer: caibo.Customer) -> None:
    """Make mistakes; each comment expects one error."""
    customers.update(1, is_business="yes")  # type: ignore[arg-type]
    customers.update(1, loyalty_points="3")  # type: ignore[arg-type]
    customers.update(1, office=None)  # type: ignore[arg-type]
    customers.update(1, birth_data="1990-02-03")  # type: ignore[call-arg]
    customers.update(1, billing="Way 1")  # type: ignore[arg-type]
    customer.birth_date.isoformat()  # type: ignore[union-attr]
    with customers.edit(1) as draft:
        draft.birth_date = 1990  # type: ignore[assignment]
'''
PLAYED = """\
import json, sys

import caibo
from caibo.testing import FakeCaibo
from field_kinds import KINDS

fake = FakeCaibo()
id = fake.add_customer()
with caibo.Caibo(api_key=fake.api_key, base_url=fake.base_url, transport=fake.transport) as client:
    names = dict(zip(KINDS, sys.argv[1:]))
    given = {names[wire]: kind.given for wire, kind in KINDS.items()}
    update = client.customers.update(id, **given)
    customer = client.customers.get(id)
    print(json.dumps({wire: repr(getattr(customer, name)) for wire, name in names.items()}))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project after a vendor's update with each kind, and nothing but rulings."""
    root = tmp_path_factory.mktemp("project")
    copy_contract(root)
    shutil.copytree(
        ROOT / "wrapper", root / "wrapper", dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("__pycache__", fields.MODULE.name),
    )  # fmt: skip
    contract = root / "openapi.yaml"
    replace(contract, "        memberId:\n", f"{lines(KINDS, 8)}        memberId:\n")
    replace(contract, "      required:\n", "      required:\n        - isBusiness\n")
    replace(contract, "    ProblemDetails:\n", f"{lines(SCHEMAS, 4)}    ProblemDetails:\n")
    targets = [f"{RULING}{wire}" for wire in KINDS]
    rulings = [
        {"target": target, "description": "a test", "x-label": "assumption",
         "update": {"readOnly": False, "x-adopted": "0.1"}}
        for target in targets
    ]  # fmt: skip
    entry = {"id": "kinds", "says": "a test", "label": "assumption", "touches": targets}
    written: dict[str, list[Any]] = {"overlay": rulings, "assumptions": [entry]}
    for name, added in written.items():
        indent = "  " * (name == "overlay")
        with (root / "codegen" / f"{name}.yaml").open("a") as file:
            file.writelines(f"{indent}- {json.dumps(one)}\n" for one in added)
    assert generate.main(["write", "--root", str(root)]) == 0
    return root


def run(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    paths = [project / "wrapper", project / "generated", ROOT / "tests"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    return subprocess.run(
        [sys.executable, *command], cwd=project, env=env, text=True, capture_output=True
    )


def test_what_is_generated_is_what_is_checked(project: Path) -> None:
    """Twice gives the same, and the check finds nothing."""
    assert generate.main(["check", "--root", str(project)]) == 0


def test_an_edit_by_hand_is_found(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the module of the facade as in the package."""
    before = (project / fields.MODULE).read_text()
    (project / fields.MODULE).write_text(before.replace("tags:", "tag:"))

    assert generate.main(["check", "--root", str(project)]) == 1

    (project / fields.MODULE).write_text(before)
    assert f"{fields.MODULE} differs" in capsys.readouterr().out


def test_every_kind_is_updated_and_read(project: Path) -> None:
    """In a Python of its own, by the generated attributes."""
    names = [python_name(wire) for wire in KINDS]

    done = run(project, "-c", PLAYED, *names)

    assert done.returncode == 0, done.stderr
    read = json.loads(done.stdout)
    assert read["birthDate"] == "datetime.date(1990, 2, 3)"
    assert read["isBusiness"] == "False"
    assert read.keys() == KINDS.keys()


def test_the_page_has_a_row_for_each(project: Path) -> None:
    """With what it takes, in words."""
    page = (project / generate.FIELDS_PAGE).read_text()

    for row in [
        "| `is_business` | `isBusiness` | true or false, required | callers |",
        "| `tier` | `tier` | one of `gold`, `silver` | callers |",
        "| `pickup` | `pickup` | an object, merged member by member or `None` | callers |",
        "| `birth_date` | `birthDate` | a date | callers |",
    ]:
        assert row in page


def test_a_type_checker_knows_the_names_and_the_types(project: Path) -> None:
    """Names that there are complete; mistakes are flagged, each once."""
    pytest.importorskip("mypy")
    (project / "consumer.py").write_text(DRAFTED)

    done = run(project, "-m", "mypy", "--strict", "--cache-dir", os.devnull, "consumer.py")

    assert done.returncode == 0, done.stdout
