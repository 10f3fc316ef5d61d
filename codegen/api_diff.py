"""Compare the public surface of `caibo` with that of the last release.

    nox -s api_diff                        what breaks, and whether the version says so
    nox -s api_diff -- --version 0.3.0     the same for another version than the one in the code

A name may go when the last release warned of it: one of its deprecation warnings has
the name in its text.  Fields that the vendor has taken away may go at once.

Exit status 0: nothing breaks, or the version says it; 3: a break that the version
hides, or a name that goes unwarned; 1: there is nothing to compare with, for a
reason that is said.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import griffe
from api_types import ancestors, retyped, target

ROOT = Path(__file__).parents[1]
PACKAGE = Path("wrapper", "caibo", "_version.py")
NUMBER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
# Only a client builds these.
HANDED_OUT = "Customers.__init__"
LINE = re.compile(r'^__version__ = "(.*)"$', re.MULTILINE)

WORD = re.compile(r"\w+")
GONE = {griffe.BreakageKind.OBJECT_REMOVED, griffe.BreakageKind.PARAMETER_REMOVED}
UNWARNED = ", without a warning before"
CONTRACT = Path("generated", "caibo_api", "openapi.json")

Version = tuple[int, int, int]


class ReleaseError(Exception):
    """Say what is wrong with a version or a release, and the remedy."""


def main(argv: list[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=ROOT, help="the project")
    parser.add_argument("--version", help="instead of the one in the code")
    parser.add_argument("--markdown", type=Path, help="write the breaks to this file, too")
    parser.add_argument("--unpack", type=Path, help="unpack the last release here instead")
    options = parser.parse_args(argv)
    try:
        if options.unpack:
            unpack_last(options.root, options.version, options.unpack)
            return 0
        return report(options.root, options.version, options.markdown)
    except ReleaseError as error:
        print(f"api_diff: {error}", file=sys.stderr)
        return 1


def report(root: Path, version: str | None, markdown: Path | None) -> int:
    """Print what breaks; return 3 if the version does not say so, or nobody was warned."""
    last = last_release(root)
    if last is None:
        print("no release yet: there is no public surface to compare with")
        if markdown:
            markdown.write_text("No release yet to compare with.\n", "utf-8")
        return 0
    new = parse(version or version_in(root))
    found = breaks_since(root, last)
    for line in found or [f"nothing breaks since {last}"]:
        print(line)
    if markdown:
        text = "".join(f"- {line}\n" for line in found) or f"Nothing breaks since {last}.\n"
        markdown.write_text(text, "utf-8")
    hidden = bool(found) and not says_break(new, parse(last[1:]))
    if hidden:
        print(
            f"Version {dotted(new)} hides this from those who pin {last[1:]}: "
            f"make it {dotted(next_breaking(parse(last[1:])))}, or take the break back."
        )
    unwarned = [line for line in found if line.endswith(UNWARNED)]
    if unwarned:
        print(
            f"{len(unwarned)} of these went without a warning in {last}: bring them back with a "
            "DeprecationWarning that names them, and remove them one minor version later."
        )
    return 3 if hidden or unwarned else 0


def breaks_since(root: Path, tag: str) -> list[str]:
    """Return what breaks between a release and the working tree."""
    with tempfile.TemporaryDirectory() as scratch:
        unpack(root, tag, Path(scratch))
        return breaks(Path(scratch), root)


def breaks(old: Path, new: Path) -> list[str]:
    """Return what breaks for users of the public names, a line each."""
    before, after = load(old), load(new)
    aliases = _private_bases(before)
    known = warned(old / "wrapper") | _taken_by_the_vendor(old, new)
    lines: dict[tuple[str, ...], str] = {}
    for found in griffe.find_breaking_changes(before, after):
        if found.obj.path.endswith(HANDED_OUT):
            continue
        said = found.explain(griffe.ExplanationStyle.MARKDOWN).removeprefix("- ")
        for private, public in aliases.items():
            said = said.replace(f"`{private}.", f"`{public}.")
        # What a base class loses, its subclasses lose with it: said once.
        option = found.old_value.name if isinstance(found.old_value, griffe.Parameter) else ""
        if found.kind in GONE and (option or found.obj.name) not in known:
            said += UNWARNED
        lines.setdefault((found.kind.value, found.obj.canonical_path, option), said)
    unseen = _unseen(before, after, known)
    return sorted({*lines.values(), *unseen, *retyped(before, after, HANDED_OUT)})


def warned(folder: Path) -> set[str]:
    """Return the words of all deprecation warnings in the code: the names that may go."""
    words: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and _deprecates(node):
                texts = (one.value for one in ast.walk(node) if isinstance(one, ast.Constant))
                words.update(word for text in texts for word in WORD.findall(str(text)))
    return words


def _deprecates(call: ast.Call) -> bool:
    """Tell whether a call warns, or is the decorator of PEP 702."""
    names = {ast.unparse(call.func).rpartition(".")[2], *map(ast.unparse, call.args)}
    return "deprecated" in names or "DeprecationWarning" in names


def _taken_by_the_vendor(old: Path, new: Path) -> set[str]:
    """Return the fields that the contract has no more, of which we cannot warn."""
    before, after = (
        json.loads((root / CONTRACT).read_text("utf-8"))["components"]["schemas"]["Client"]
        for root in (old, new)
    )
    gone = before["properties"].keys() - after["properties"].keys()
    return {re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower() for name in gone}


def load(root: Path) -> griffe.Module:
    """Read the package without importing it, with its lazy names as the public ones."""
    loaded = griffe.load(
        "caibo",
        search_paths=[root / "wrapper"],
        allow_inspection=False,
        resolve_aliases=True,
        resolve_external=False,
    )
    package = cast(griffe.Module, loaded)
    # `__all__` is computed, which nothing static can read: the imports stand for it.
    lazy = [
        name
        for name, member in package.members.items()
        if isinstance(member, griffe.Alias) and member.target_path.startswith("caibo.")
    ]
    literal = [name for name in package.exports or [] if isinstance(name, str)]
    package.exports = [*literal, *lazy]
    return package


def _public_classes(package: griffe.Module) -> Iterator[tuple[str, griffe.Class]]:
    for module in (package, package["testing"]):
        for name, member in module.members.items():
            if member.is_public and member.is_class:
                yield name, cast(griffe.Class, target(member))


def _private_bases(package: griffe.Module) -> dict[str, str]:
    """Return the public classes that stand for each private base class."""
    heirs: dict[str, list[str]] = {}
    for name, found in _public_classes(package):
        for base in found.mro():
            if base.name.startswith("_"):
                heirs.setdefault(base.name, []).append(name)
    return {private: " and ".join(public) for private, public in heirs.items()}


def _unseen(before: griffe.Module, after: griffe.Module, known: set[str]) -> Iterator[str]:
    """Find what griffe lets pass: lost ancestors, and options that `**changes` seems to take."""
    classes = dict(_public_classes(after))
    for name, old in _public_classes(before):
        new = classes.get(name)
        if new is None:
            continue
        for ancestor in sorted(ancestors(old) - ancestors(new)):
            yield f"`{name}`: *no longer a {ancestor}*"
        for method, member in old.all_members.items():
            was, now = target(member), target(new.all_members.get(method, member))
            if not (isinstance(was, griffe.Function) and isinstance(now, griffe.Function)):
                continue
            if member.is_public and _takes_any(now):
                for option in sorted(_options(was) - _options(now)):
                    line = f"`{name}.{method}({option})`: *Parameter was removed*"
                    yield line if option in known else line + UNWARNED


def _options(function: griffe.Function) -> set[str]:
    keyword = griffe.ParameterKind.keyword_only
    return {option.name for option in function.parameters if option.kind is keyword}


def _takes_any(function: griffe.Function) -> bool:
    return any(option.kind is griffe.ParameterKind.var_keyword for option in function.parameters)


def unpack_last(root: Path, version: str | None, folder: Path) -> None:
    """Unpack the last release, whose tests of the public surface the new code must pass.

    Nothing is unpacked where there is no release, or the version says that
    something breaks.
    """
    last = last_release(root)
    new = parse(version or version_in(root))
    if last is None:
        print("no release yet: there are no tests of it to run")
    elif says_break(new, parse(last[1:])):
        print(f"{dotted(new)} says that something breaks: the tests of {last} are not run")
    else:
        unpack(root, last, folder)


def last_release(root: Path, *, but: str | None = None) -> str | None:
    """Return the tag of the highest version that HEAD descends from, if any, `but` that one."""
    tags = git(root, "tag", "--list", "v*", "--merged", "HEAD").split()
    versions = [tag for tag in tags if NUMBER.fullmatch(tag[1:]) and tag != but]
    return max(versions, key=lambda tag: parse(tag[1:]), default=None)


def unpack(root: Path, ref: str, folder: Path) -> None:
    """Write the tree of a commit into a folder."""
    # As zip: tarfile's own care for paths came with Python 3.11.4.
    command = ["git", "archive", "--format=zip", ref]
    packed = subprocess.run(command, cwd=root, capture_output=True, check=False)
    if packed.returncode:
        raise ReleaseError(f"git archive {ref}: {packed.stderr.decode().strip()}")
    with zipfile.ZipFile(io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder)


def git(root: Path, *arguments: str) -> str:
    """Run git and return what it says."""
    done = subprocess.run(
        ["git", *arguments], cwd=root, text=True, capture_output=True, check=False
    )
    if done.returncode:
        raise ReleaseError(f"git {arguments[0]}: {(done.stderr or done.stdout).strip()}")
    return done.stdout.strip()


def version_in(root: Path) -> str:
    """Return the version that the code says."""
    found = LINE.search((root / PACKAGE).read_text("utf-8"))
    if found is None:
        raise ReleaseError(f'{PACKAGE} has no line `__version__ = "…"`')
    return found[1]


def parse(version: str) -> Version:
    """Return the numbers of a version such as 1.2.3; there are no pre-releases."""
    found = NUMBER.fullmatch(version)
    if found is None:
        raise ReleaseError(f"{version!r} is no version: write X.Y.Z, such as 1.4.0")
    return int(found[1]), int(found[2]), int(found[3])


def dotted(version: Version) -> str:
    """Return a version as it is written."""
    return ".".join(map(str, version))


def says_break(new: Version, last: Version) -> bool:
    """Tell whether a version warns those who pin the last one: semver's rule."""
    return new >= next_breaking(last)


def next_breaking(last: Version) -> Version:
    """Return the lowest version that may break; before 1.0 that is a minor one."""
    return (last[0] + 1, 0, 0) if last[0] else (0, last[1] + 1, 0)


if __name__ == "__main__":
    sys.exit(main())
