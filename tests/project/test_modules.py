"""What a module of labkit keeps to: a role and a rule at its head, a readable length, documented public names.

Rule: read by ast, never run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tools.imports import PACKAGE, modules

MAX_LINES = 400
"""The one number; CONTRIBUTING.md and docs/architecture.md name it too. Split a longer module by idea."""

everything = pytest.mark.parametrize("path", modules(), ids=[str(path.relative_to(PACKAGE)) for path in modules()])


Named = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def public(body: list[ast.stmt], owner: str = "") -> Iterator[tuple[str, Named]]:
    """Yield the public classes, functions and methods of a module, with their dotted names."""
    for node in body:
        if isinstance(node, Named) and not node.name.startswith("_"):
            yield owner + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body, f"{owner}{node.name}.")


def overloaded(node: ast.AST) -> bool:
    """True for the signatures of an overloaded function, and for a property's setter: their first definition speaks."""
    names = [ast.unparse(decorator) for decorator in getattr(node, "decorator_list", [])]
    return any(name.endswith("overload") or name.endswith(".setter") for name in names)


@cache
def documented_methods() -> dict[str, set[str]]:
    """The methods with a docstring of every class in labkit and of those it builds on, by the class's name."""
    own: dict[str, set[str]] = {}
    bases: dict[str, list[str]] = {}
    for path in modules():
        for name, node in public(ast.parse(path.read_text(encoding="utf8")).body):
            if isinstance(node, ast.ClassDef):
                own[name] = {one.name for one in node.body if isinstance(one, Named) and ast.get_docstring(one)}
                bases[name] = [ast.unparse(base).rpartition(".")[2] for base in node.bases]

    def known(name: str, seen: frozenset[str] = frozenset()) -> set[str]:
        if name in seen:
            return set()
        return own.get(name, set()).union(*(known(base, seen | {name}) for base in bases.get(name, ())))

    return {name: known(name) for name in own}


def bare(path: Path) -> Iterator[str]:
    """Yield the public names without a docstring; a method may leave it to the method it overrides."""
    known = documented_methods()
    owners: dict[str, ast.ClassDef] = {}
    for name, node in public(ast.parse(path.read_text(encoding="utf8")).body):
        if isinstance(node, ast.ClassDef):
            owners[name] = node
        owner = owners.get(name.rpartition(".")[0])
        bases = [ast.unparse(base).rpartition(".")[2] for base in owner.bases] if owner else []
        overrides = any(node.name in known.get(base, ()) for base in bases)
        if not (ast.get_docstring(node) or overrides or overloaded(node)):
            yield name


@everything
def test_length(path: Path) -> None:
    assert len(path.read_text(encoding="utf8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_the_documents_name_the_same_length(document: str) -> None:
    words = " ".join((PACKAGE.parent / document).read_text(encoding="utf8").split())
    assert set(re.findall(r"at most (\d+) lines", words)) == {str(MAX_LINES)}


@everything
def test_opens_with_its_role_and_its_rule(path: Path) -> None:
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf8")))
    assert doc is not None
    assert "\nRule: " in doc


@everything
def test_public_names_are_documented(path: Path) -> None:
    assert list(bare(path)) == []
