"""Generate `generated/caibo_api` from the vendor's contract and our overlay.

    nox -s generate             replace the package
    nox -s generate -- check    only say whether it is what would be generated

The package is made in a temporary folder and swapped in at the end, so a run
that fails leaves the old one as it was.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from jsonpath_ng.exceptions import JSONPathError
from jsonpath_ng.ext.parser import parse as parse_jsonpath
from oas_patch.overlay import apply_overlay  # type: ignore[import-untyped]
from openapi_python_client.config import ClassOverride, ConfigFile
from openapi_spec_validator import validate
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

PACKAGE = Path("generated", "caibo_api")
LABELS = ("contradiction", "assumption", "documented elsewhere")
ACTIONS = [{"target", "description", "x-label", kind} for kind in ("update", "remove")]
BANNER = (
    "# Generated from openapi.yaml and codegen/overlay.yaml by `nox -s generate`.\n"
    "# Do not edit: the next run replaces this file.\n"
)


class GenerationError(Exception):
    """Say what stops the generation and what to do about it."""


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "mode", nargs="?", choices=["write", "check"], default="write", help="what to do"
    )
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1], help="the project")
    options = parser.parse_args(argv)
    try:
        if options.mode == "check":
            return check(options.root)
        write(options.root)
    except GenerationError as error:
        print(f"generate: {error}", file=sys.stderr)
        return 1
    return 0


def write(root: Path) -> None:
    """Replace the generated package, stale files included."""
    target = root / PACKAGE
    with tempfile.TemporaryDirectory(prefix=".generate-", dir=root) as scratch:
        made = generate(root, Path(scratch))
        target.parent.mkdir(exist_ok=True)
        _swap(target, made, Path(scratch, "replaced"))
    print(f"generated {PACKAGE}: {len(files(target))} files")


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
    with tempfile.TemporaryDirectory(prefix=".generate-", dir=root) as scratch:
        expected = files(generate(root, Path(scratch)))
    found = files(root / PACKAGE)
    differing = sorted(p for p in expected.keys() | found.keys() if expected.get(p) != found.get(p))
    for path in differing:
        state = "differs" if path in expected and path in found else "is missing"
        print(f"{PACKAGE / path} {state if path in expected else 'is not generated'}")
    if differing:
        print("Run `nox -s generate` and commit what it makes.")
        return 1
    print(f"{PACKAGE} is what the contract and the overlay give")
    return 0


def files(package: Path) -> dict[str, bytes]:
    """Read all files of a package, by their relative path; bytecode does not count."""
    return {
        path.relative_to(package).as_posix(): path.read_bytes()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def generate(root: Path, scratch: Path) -> Path:
    """Make the package in `scratch` and return its folder."""
    contract = effective_contract(root)
    text = json.dumps(contract, indent=2, ensure_ascii=False) + "\n"
    source = scratch / "openapi.json"
    source.write_text(text, "utf-8")
    package = scratch / "caibo_api"
    _run_generator(source, check_config(root / "codegen" / "config.yaml"), package)
    for module in package.rglob("*.py"):
        module.write_text(BANNER + module.read_text("utf-8"), "utf-8")
    (package / "py.typed").touch()
    shutil.copy(source, package / "openapi.json")
    return package


def effective_contract(root: Path) -> dict[str, Any]:
    """Return the vendor's contract with our overlay applied and checked."""
    contract = _load(root / "openapi.yaml")
    for action in _load(root / "codegen" / "overlay.yaml").get("actions", []):
        _check_action(action, contract)
        contract = apply_overlay(contract, {"actions": [action]})
    sound_alarm(contract)
    try:
        validate(contract)
    except Exception as error:
        raise GenerationError(
            f"the contract after the overlay is not valid OpenAPI: {error}"
        ) from error
    return contract


def _check_action(action: Mapping[str, Any], contract: Mapping[str, Any]) -> None:
    target = str(action.get("target"))
    if not action.get("description") or action.get("x-label") not in LABELS:
        raise GenerationError(
            f"overlay action {target!r} needs a `description` with its reason and an `x-label`, "
            f"one of {', '.join(LABELS)}"
        )
    if action.keys() not in ACTIONS:
        raise GenerationError(
            f"overlay action {target!r} must have `update` or `remove` and no further keys"
        )
    try:
        selected = [match.value for match in parse_jsonpath(target).find(contract)]
    except JSONPathError as error:
        raise GenerationError(f"overlay action {target!r}: no JSONPath: {error}") from error
    if not selected:
        raise GenerationError(
            f"overlay action {target!r} selects nothing: the contract has changed under it. "
            "Look at openapi.yaml, then correct or remove the action in codegen/overlay.yaml."
        )
    if action["x-label"] != "contradiction":
        _check_silence(target, action.get("update"), selected)


def _check_silence(target: str, update: object, selected: list[Any]) -> None:
    """Stop where the contract now says itself what we had to add.

    Merged in silence, our guess would win over what the vendor has published since.
    """
    said = [
        name
        for value in selected
        if isinstance(value, dict) and isinstance(update, dict)
        for name in update
        if name in value
    ]
    if said:
        raise GenerationError(
            f"overlay action {target!r} adds {', '.join(said)}, which the contract now says "
            "itself. Look at openapi.yaml, then remove that from the action in "
            "codegen/overlay.yaml or, if the vendor is wrong, label it `contradiction`."
        )


def sound_alarm(contract: Mapping[str, Any]) -> None:
    """Stop at a customer field that nobody has ruled on."""
    properties = contract["components"]["schemas"]["Client"]["properties"]
    unruled = [name for name, schema in properties.items() if "readOnly" not in schema]
    if unruled:
        raise GenerationError(
            f"no ruling for {', '.join(unruled)}: may a caller set it, or does the gateway? "
            "Add an action to codegen/overlay.yaml with target "
            f"$.components.schemas.Client.properties.{unruled[0]} and "
            "`update: {readOnly: false}` (writable) or `{readOnly: true}` (server-owned), "
            "with its reason and label."
        )


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
        raise GenerationError(f"openapi-python-client failed:\n{done.stdout}{done.stderr}")


def _load(path: Path) -> dict[str, Any]:
    try:
        loaded = YAML(typ="safe", pure=True).load(path)
    except YAMLError as error:
        raise GenerationError(f"{path.name} is not valid YAML: {error}") from error
    if not isinstance(loaded, dict):
        raise GenerationError(f"{path.name} holds no mapping")
    return loaded


if __name__ == "__main__":
    sys.exit(main())
