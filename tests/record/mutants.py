"""Small mistakes in a file of the client: mutmut's, put into the functions that run.

mutmut itself writes every mutant into a copy of the sources, behind a function that chooses; it
knows for a function which tests call it. Here a function gets the code of the mutant, so that
properties have mutants, too, and it is known for a line which tests run it.
"""

from __future__ import annotations

import ast
import difflib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import CodeType, FunctionType

import libcst as cst
import libcst.matchers as m
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import MutationVisitor, deep_replace
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

# Of their arguments nothing depends.
_WORDLESS = m.Call(func=m.Name("cast") | m.Name("assert_never"))
_WIDTH = 160


@dataclass(frozen=True)
class Mutant:
    """One mistake: where it is, and the module with it."""

    path: Path
    file: str
    function: str
    lines: range
    """Those of the statement that is another one."""
    _module: cst.Module
    _old: cst.CSTNode
    _new: cst.CSTNode

    @cached_property
    def code(self) -> str:
        changed = deep_replace(self._module, self._old, self._new)
        assert isinstance(changed, cst.Module)
        return changed.code

    @cached_property
    def key(self) -> tuple[str, str, str, str]:
        """What a report calls it: file, function, the lines that were, and those that are."""
        before, after = self._module.code.splitlines(), self.code.splitlines()
        changed = [*difflib.unified_diff(before, after, n=0, lineterm="")][2:]
        was, now = (
            " ".join(line[1:].strip() for line in changed if line[0] == sign) for sign in "-+"
        )
        return self.file, self.function, _around(was, now), _around(now, was)

    def apply(self, functions: Iterable[FunctionType]) -> None:
        """Make the mistake in this process, in those of the functions that have it.

        Raises:
            ValueError: If a function then needs other variables of those around it.
            SyntaxError: If it is no Python.
        """
        old = _functions(self._module.code, self.path)
        new = _functions(self.code, self.path)
        mistaken = {code: new[name] for name, code in old.items() if name in new}
        for one in functions:
            if one.__code__.co_filename == str(self.path):
                one.__code__ = mistaken.get(one.__code__, one.__code__)


def mutants(path: Path, file: str) -> list[Mutant]:
    """Return every mistake that mutmut would make in the functions of the file, in order.

    Texts of several words, which are parts of messages, and default values stay as they are.
    """
    source = path.read_text("utf-8")
    wrapper = MetadataWrapper(cst.parse_module(source))
    visitor = _Visitor()
    wrapper.visit(visitor)
    positions = wrapper.resolve(PositionProvider)
    places = dict(_places(ast.parse(source)))
    made = []
    for one in visitor.mutations:
        if isinstance(one.contained_by_top_level_function, cst.FunctionDef):
            function, lines = places[positions[one.original_node].start.line]
            module, old, new = wrapper.module, one.original_node, one.mutated_node
            made.append(Mutant(path, file, function, lines, module, old, new))
    return made


class _Visitor(MutationVisitor):
    def __init__(self) -> None:
        super().__init__(mutation_operators, IgnoredCode(set(), set(), set()))

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.FunctionDef):
            return False
        if isinstance(node, cst.SimpleString) and " " in node.value:
            return True
        if isinstance(node, cst.Param) or m.matches(node, _WORDLESS):
            return True
        return super()._skip_node_and_children(node)


def _places(tree: ast.AST, name: str = "") -> Iterator[tuple[int, tuple[str, range]]]:
    """Give for each line the function that it is in, and the lines of its statement."""
    for node in ast.iter_child_nodes(tree):
        inner = name
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = f"{name}.{node.name}".lstrip(".")
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            end = body[0].lineno - 1 if body else node.end_lineno or node.lineno
            lines = range(node.lineno, max(end, node.lineno) + 1)
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                yield line, (inner, lines)
        elif isinstance(node, ast.match_case | ast.ExceptHandler):
            first = node.pattern.lineno if isinstance(node, ast.match_case) else node.lineno
            yield first, (inner, range(first, node.body[0].lineno))
        yield from _places(node, inner)


def _functions(source: str, path: Path) -> dict[tuple[str, int], CodeType]:
    """Return the code of each function by its name, and which of that name it is."""
    seen: Counter[str] = Counter()
    found = {}
    for code in _inside(compile(source, path, "exec", dont_inherit=True)):
        seen[code.co_qualname] += 1
        found[code.co_qualname, seen[code.co_qualname]] = code
    return found


def _inside(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _inside(constant)


def _around(text: str, other: str) -> str:
    """Shorten a text to what is around its first difference from the other."""
    if len(text) <= _WIDTH:
        return text
    same = len([*_common(text, other)])
    start = max(0, min(same - _WIDTH // 2, len(text) - _WIDTH))
    return "…" * bool(start) + text[start : start + _WIDTH] + "…"


def _common(text: str, other: str) -> Iterator[str]:
    for one, another in zip(text, other, strict=False):
        if one != another:
            return
        yield one
