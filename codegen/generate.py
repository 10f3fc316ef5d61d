"""Generate `generated/caibo_api` from the vendor's contract, our overlay and our assumptions.

    nox -s generate             replace the package, the facade's module of the customer's
                                fields, and two tables of the docs
    nox -s generate -- check    only say whether they are what would be generated

The package is made in a temporary folder and swapped in at the end, so a run
that fails leaves the old one as it was.

Exit status: 0 done; 1 something is wrong, or the package differs; 4 the vendor's
contract has changed in a way that a person must decide on, in
`codegen/overlay.yaml`: the message says what, for all of it at once.
"""

from __future__ import annotations

import argparse
import copy
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import alarm
import assumptions
import documents
import fields
from contract_check import wrong
from contract_places import lifted
from documents import DocumentError, load
from jsonpath_ng.exceptions import JSONPathError
from jsonpath_ng.ext.parser import parse as parse_jsonpath
from oas_patch.overlay import apply_overlay  # type: ignore[import-untyped]
from openapi_python_client.config import ClassOverride, ConfigFile

PACKAGE = Path("generated", "caibo_api")
#: Where the tables of what is assumed, and of the fields, stand.
PAGE, FIELDS_PAGE = "docs/assumptions.md", "docs/verbs.md"
ACTIONS = [
    {"target", "description", "x-label", "update"},
    {"target", "description", "x-label", "update", "x-replaces"},
    {"target", "description", "x-label", "remove"},
]
ASSUMPTIONS = "assumptions.json"
DECISION = 4
LONGEST = 60
SHOWN = 20  # lines of what the generator says, each of which may hold a schema
WIDEST = 200
BANNER = (
    "# Generated from openapi.yaml and codegen/overlay.yaml by `nox -s generate`.\n"
    "# Do not edit: the next run replaces this file.\n"
)


class GenerationError(Exception):
    """Say what stops the generation and what to do about it."""


class DecisionNeeded(GenerationError):  # noqa: N818 - it is no error, the contract has changed
    """Say what a person must decide now that the vendor's contract has changed."""


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "mode", nargs="?", choices=["write", "check"], default="write", help="what to do"
    )
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1], help="the project")
    options = parser.parse_args(argv)
    try:
        if options.mode == "check":
            return check(options.root)
        write(options.root)
    except DecisionNeeded as error:
        print(f"generate: {error}", file=sys.stderr)
        return DECISION
    except GenerationError as error:
        print(f"generate: {error}", file=sys.stderr)
        return 1
    return 0


def write(root: Path) -> None:
    """Replace the generated package, stale files included."""
    target = root / PACKAGE
    contract = effective_contract(root)
    with tempfile.TemporaryDirectory(prefix=".generate-", dir=root) as scratch:
        made = generate(root, contract, Path(scratch))
        beside = written_beside(root, contract)
        target.parent.mkdir(exist_ok=True)
        _swap(target, made, Path(scratch, "replaced"))
    for path, content in beside.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    print(f"generated {PACKAGE}: {len(files(target))} files, and {', '.join(map(str, beside))}")


def _swap(target: Path, made: Path, aside: Path) -> None:
    if not target.exists():
        made.rename(target)
        return
    target.rename(aside)
    try:
        made.rename(target)
    except BaseException:
        aside.rename(target)
        raise


def check(root: Path) -> int:
    """Compare the package with what would be generated; return 1 if they differ."""
    contract = effective_contract(root)
    with tempfile.TemporaryDirectory(prefix=".generate-", dir=root) as scratch:
        expected = files(generate(root, contract, Path(scratch)))
    found = files(root / PACKAGE)
    differing = sorted(p for p in expected.keys() | found.keys() if expected.get(p) != found.get(p))
    for path in differing:
        state = "differs" if path in expected and path in found else "is missing"
        print(f"{PACKAGE / path} {state if path in expected else 'is not generated'}")
    for name, content in written_beside(root, contract).items():
        if not (root / name).exists() or (root / name).read_bytes() != content:
            differing.append(str(name))
            print(f"{name} differs in what is made of the contract and the assumptions")
    if differing:
        print("Run `nox -s generate` and commit what it makes.")
        return 1
    print(f"{PACKAGE} and what is made beside it are what contract, overlay and assumptions give")
    return 0


def files(package: Path) -> dict[str, bytes]:
    """Read all files of a package, by their relative path; bytecode does not count."""
    return {
        path.relative_to(package).as_posix(): path.read_bytes()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def generate(root: Path, contract: Mapping[str, Any], scratch: Path) -> Path:
    """Make the package in `scratch` and return its folder."""
    (scratch / ASSUMPTIONS).write_text(assumptions.packaged(assumed(root)), "utf-8")
    text = json.dumps(contract, indent=2, ensure_ascii=False) + "\n"
    source = scratch / "openapi.json"
    source.write_text(text, "utf-8")
    package = scratch / "caibo_api"
    read = scratch / "lifted.json"
    read.write_text(json.dumps(lifted(contract)), "utf-8")
    _run_generator(read, check_config(root / "codegen" / "config.yaml"), package)
    for module in package.rglob("*.py"):
        module.write_text(BANNER + module.read_text("utf-8"), "utf-8")
    (package / "py.typed").touch()
    for name in (source.name, ASSUMPTIONS):
        shutil.copy(scratch / name, package / name)
    return package


def written_beside(root: Path, contract: Mapping[str, Any]) -> dict[Path, bytes]:
    """Give the files of ours in which something is made: the customer's fields, and tables."""
    actions = _load(root / "codegen" / "overlay.yaml").get("actions", [])
    labels = {str(action["target"]).rpartition(".")[2]: action["x-label"] for action in actions}
    try:
        source = fields.module(contract, labels)
    except ValueError as error:
        raise GenerationError(str(error)) from error
    made = {fields.MODULE: _formatted(BANNER + source).encode()}
    tables: dict[str, Callable[[str], str]] = {
        PAGE: lambda text: assumptions.renewed(text, assumed(root)),
        FIELDS_PAGE: lambda text: documents.renewed(
            text, fields.BEGIN, fields.table(contract, labels), fields.END
        ),
    }
    for name, renew in tables.items():
        try:
            made[Path(name)] = renew((root / name).read_bytes().decode()).encode()
        except OSError as error:
            raise GenerationError(f"{root / name}: {error.strerror}") from error
        except ValueError as error:
            raise GenerationError(f"{name} {error}") from error
    return made


def _formatted(source: str) -> str:
    """Format a module of the facade as the rest of it, whatever settings are around."""
    ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "--no-cache", "--line-length=100"]
    done = subprocess.run(
        [*ruff, "-"], input=source, encoding="utf-8", capture_output=True, check=False
    )
    if done.returncode:
        raise GenerationError(f"the fields cannot be written as Python: {done.stderr[:WIDEST]}")
    return done.stdout


def assumed(root: Path) -> list[dict[str, Any]]:
    """Return our assumptions, held against the overlay.

    Raises:
        GenerationError: An entry is wrong, or one is missing; it says what to write.
    """
    entries: list[dict[str, Any]] = _read(root / assumptions.SOURCE)
    actions = _load(root / "codegen" / "overlay.yaml").get("actions", [])
    if wrong := list(assumptions.problems(entries, actions)):
        raise GenerationError("\n".join(["the assumptions do not fit the overlay:", *wrong]))
    return entries


def effective_contract(root: Path) -> dict[str, Any]:
    """Return the vendor's contract with our overlay applied and checked.

    Raises:
        DecisionNeeded: The overlay no longer fits the contract, or says too little of it.
        GenerationError: One of the two is wrong in itself.
    """
    published = _load(root / "openapi.yaml")
    overlay = _load(root / "codegen" / "overlay.yaml")
    if not isinstance(overlay.get(alarm.EXPECTED), dict):
        raise GenerationError(f"overlay.yaml needs `{alarm.EXPECTED}` with `openapi` and `servers`")
    contract = copy.deepcopy(published)
    decisions = list(alarm.moved(published, overlay[alarm.EXPECTED]))
    for action in overlay.get("actions", []):
        decisions += _check_action(action, contract)
        contract = _apply(action, contract, published)
    if lines := wrong(contract):
        # What the overlay makes of a change may be wrong until somebody has decided.
        theirs = [line for line in lines if line in wrong(published)]
        if theirs or not decisions:
            _refuse(theirs or lines, "openapi.yaml" if theirs else "the contract after the overlay")
    else:
        decisions += alarm.sound(contract, _version())
    if decisions:
        raise DecisionNeeded("\n".join(["a decision is needed:", *decisions]))
    return contract


def _version() -> str:
    """Return the version in the code, by which the time of what is adopted is counted."""
    source = (Path(__file__).parents[1] / "wrapper" / "caibo" / "_version.py").read_text("utf-8")
    [version] = re.findall(r'^__version__ = "(.*)"$', source, re.MULTILINE)
    return str(version)


def _refuse(lines: list[str], what: str) -> NoReturn:
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    raise GenerationError(f"{what} is not valid OpenAPI: {lines[0]}{more}")


def _apply(
    action: Mapping[str, Any], contract: dict[str, Any], published: Mapping[str, Any]
) -> dict[str, Any]:
    try:
        applied: dict[str, Any] = apply_overlay(contract, {"actions": [action]})
    except (AttributeError, KeyError, TypeError) as error:
        if lines := wrong(published):
            _refuse(lines, "openapi.yaml")
        message = f"overlay action {action['target']!r} cannot be applied: {error}"
        raise GenerationError(message) from error
    return applied


def _check_action(action: Mapping[str, Any], contract: Mapping[str, Any]) -> Iterator[str]:
    """Refuse an action that is wrong; ask about one that does not fit the contract."""
    target = str(action.get("target"))
    if not action.get("description") or action.get("x-label") not in assumptions.LABELS:
        raise GenerationError(
            f"overlay action {target!r} needs a `description` with its reason and an `x-label`, "
            f"one of {', '.join(assumptions.LABELS)}"
        )
    maps = [action[key] for key in ("update", "x-replaces") if key in action]
    if action.keys() not in ACTIONS or not all(isinstance(value, dict) for value in maps):
        raise GenerationError(
            f"overlay action {target!r} must have `update` (a mapping) or `remove` and "
            "no further keys but, beside `update`, `x-replaces` (a mapping)"
        )
    try:
        selected = [match.value for match in parse_jsonpath(target).find(contract)]
    except JSONPathError as error:
        raise GenerationError(f"overlay action {target!r}: no JSONPath: {error}") from error
    if not selected:
        yield (
            f"- overlay action {target!r} selects nothing: the contract has changed under it. "
            "Look at openapi.yaml, then correct or remove the action in codegen/overlay.yaml."
        )
    for value in selected:
        if maps and not isinstance(value, dict | list):
            # Merged into, it would become valid, and nobody would see what it was.
            shown = _brief(json.dumps(value))
            _refuse([f"{target}: {shown} is no mapping"], "openapi.yaml")
        for name, ours in action.get("update", {}).items():
            yield from _check_silence(target, name, ours, value, action.get("x-replaces", {}))


def _check_silence(
    target: str, name: str, ours: Any, selected: Any, replaces: Mapping[str, Any]
) -> Iterator[str]:
    """Ask where the contract says something else than when the action was written.

    Merged in silence, our guess would win over what the vendor has published since.
    """
    said = isinstance(selected, Mapping) and name in selected
    theirs = json.dumps(selected[name], sort_keys=True) if said else "nothing"
    if name in replaces:
        expected = json.dumps(replaces[name], sort_keys=True)
        if theirs != expected:
            yield (
                f"- overlay action {target!r} was to replace {name}: {_brief(expected)}, and the "
                f"contract now says {_brief(theirs)}. Look at openapi.yaml, then remove that from "
                "the action in codegen/overlay.yaml or, if the vendor is still wrong, bring its "
                "`x-replaces` up to date."
            )
    elif said:
        own = json.dumps(ours, sort_keys=True)
        differs = f"{_brief(theirs)}, we say {_brief(own)}"
        yield (
            f"- overlay action {target!r} adds {name}, which the contract now says itself: "
            f"{'the same' if theirs == own else differs}. Look at openapi.yaml, then remove that "
            "from the action in codegen/overlay.yaml or, if the vendor is wrong, name what the "
            f"action replaces in `x-replaces: {{{name}: ...}}`."
            f"{alarm.taken_up(target, name, selected[name])}"
        )


def _brief(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def check_config(path: Path) -> Path:
    """Refuse a setting that the generator would silently ignore."""
    settings = _load(path)
    _check_names(path.name, settings, ConfigFile.model_fields)
    for schema, override in (settings.get("class_overrides") or {}).items():
        where = f"{path.name}, class_overrides, {schema}"
        _check_names(where, override, ClassOverride.model_fields)
    return path


def _check_names(where: str, settings: Mapping[str, Any], known: Collection[str]) -> None:
    for name in settings:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise GenerationError(f"{where}: the generator has no setting {name!r}{hint}")


def _run_generator(source: Path, config: Path, package: Path) -> None:
    # ruff, which the generator calls, is in the folder of the Python that runs this.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    command = [
        *(sys.executable, "-m", "openapi_python_client", "generate"),
        *("--path", str(source), "--config", str(config)),
        *("--meta", "none", "--output-path", str(package), "--fail-on-warning"),
    ]
    done = subprocess.run(
        command, env={**os.environ, "PATH": path}, text=True, capture_output=True, check=False
    )
    if done.returncode:
        said = [line[:WIDEST] for line in f"{done.stdout}{done.stderr}".splitlines() if line]
        raise GenerationError("\n".join(["openapi-python-client failed:", *said[:SHOWN]]))


def _load(path: Path) -> dict[str, Any]:
    loaded = _read(path)
    if not isinstance(loaded, dict):
        raise GenerationError(f"{path.name} holds no mapping")
    return loaded


def _read(path: Path) -> Any:
    try:
        return load(path.read_text("utf-8"))
    except DocumentError as error:
        raise GenerationError(f"{path.name} is {error}") from error
    except OSError as error:
        raise GenerationError(f"{path}: {error.strerror}") from error


if __name__ == "__main__":
    sys.exit(main())
