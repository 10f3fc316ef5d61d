"""Find the annotations of public names that changed so that callers may fail."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import griffe


def retyped(before: griffe.Module, after: griffe.Module, handed_out: str) -> Iterator[str]:
    """Find the types that became others; to take more, or to give less, breaks nobody.

    Args:
        before: the package as it was released.
        after: the package as it is.
        handed_out: the end of a name that callers get, and never call.
    """
    shared: dict[str, list[tuple[str, griffe.Object, griffe.Object]]] = {}
    for found in _pairs(before, after):
        if not found[0].endswith(handed_out):
            shared.setdefault(found[1].canonical_path, []).append(found)
    for (first, old, new), *more in shared.values():
        # What a base class says, its subclasses say with it.
        owner, _, member = first.rpartition(".")
        owners = [owner, *(other.rpartition(".")[0] for other, _, _ in more)]
        name = f"{' and '.join(owners)}.{member}" if owner else first
        if isinstance(old, griffe.Function) and isinstance(new, griffe.Function):
            for option in old.parameters:
                if option.name in new.parameters:
                    now = new.parameters[option.name].annotation
                    yield from _narrowed(f"{name}({option.name})", option.annotation, now)
            yield from _narrowed(f"{name}() →", new.returns, old.returns, gives=True)
        elif isinstance(old, griffe.Attribute) and isinstance(new, griffe.Attribute):
            # A `TypedDict` is what callers hand over.
            taken = isinstance(old.parent, griffe.Class) and "TypedDict" in ancestors(old.parent)
            gives = not taken
            pair = (new, old) if gives else (old, new)
            yield from _narrowed(name, pair[0].annotation, pair[1].annotation, gives=gives)


def _pairs(
    before: griffe.Module, after: griffe.Module
) -> Iterator[tuple[str, griffe.Object, griffe.Object]]:
    """Give all that is public in both, by its public name, as it was and as it is."""
    for module in ("", "testing"):
        was, now = (one[module] if module else one for one in (before, after))
        for name, member in was.members.items():
            if not member.is_public or name not in now.members or member.is_module:
                continue
            old, new = target(member), target(now.members[name])
            yield name, old, new
            if not (isinstance(old, griffe.Class) and isinstance(new, griffe.Class)):
                continue
            for inner, one in old.all_members.items():
                other = new.all_members.get(inner)
                if other is not None and (one.is_public or inner == "__init__"):
                    yield f"{name}.{inner}", target(one), target(other)


def _narrowed(name: str, narrow: object, wide: object, *, gives: bool = False) -> Iterator[str]:
    """Give a line unless the first type is one of the cases of the second."""
    if not {"Any"} <= _cases(wide) and not _cases(narrow) <= _cases(wide):
        was, now = (wide, narrow) if gives else (narrow, wide)
        yield f"`{name}`: *Type was changed* from `{was}` to `{now}`"


def _cases(annotation: object) -> set[str]:
    """Return the members of a union, of a single type itself."""
    text = "Any" if annotation is None else str(annotation)
    try:
        return set(_members(ast.parse(text, mode="eval").body))
    except SyntaxError:
        return {text}


def _members(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.BinOp(left, ast.BitOr(), right):
            yield from _members(left)
            yield from _members(right)
        case ast.Constant(str(text)):
            yield from _cases(text)
        case _:
            yield ast.unparse(node)


def target(member: griffe.Object | griffe.Alias) -> griffe.Object:
    """Give what a name stands for, wherever it is defined."""
    return member.final_target if isinstance(member, griffe.Alias) else member


def ancestors(found: griffe.Class) -> set[str]:
    """Give the names of all public bases of a class, and of theirs."""
    return {
        str(base).rpartition(".")[2]
        for one in (found, *found.mro())
        for base in one.bases
        if not str(base).rpartition(".")[2].startswith("_")
    }
