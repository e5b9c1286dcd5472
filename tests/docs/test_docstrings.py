"""Docstrings say what a thing is for: nothing public lacks one, none is only what it raises, and every loss names its
formula and its source."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from joryu import objectives
from joryu.objectives import classification, regression, tagging

SOURCE = Path(__file__).parents[2] / "src" / "joryu"
SECTIONS = ("Raises:", "Args:", "Returns:", "Yields:", ">>>")
SOURCED = r"(19|20)\d\d.{0,40}?(eq\. [\d.]+|§[\d.]+)"  #: a year, and where in the paper or book

LOSSES = [
    *(
        member
        for module in (classification, regression, tagging)
        for name, member in inspect.getmembers(module, inspect.isfunction)
        if member.__module__ == module.__name__ and not name.startswith("_")
    ),
    objectives.Distillation,
    objectives.HardLabels,
    objectives.WithSignals,
]


TREES = {path.relative_to(SOURCE): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(SOURCE.rglob("*.py"))}
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
ELSEWHERE = {"forward"}  #: methods that torch describes


def methods(tree: ast.AST) -> Iterator[tuple[ast.ClassDef, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every public method, with its class."""
    for owner in ast.walk(tree):
        if isinstance(owner, ast.ClassDef):
            yield from (
                (owner, node) for node in owner.body if isinstance(node, FUNCTIONS) and not node.name.startswith("_")
            )


def undocumented(tree: ast.Module, described: set[str]) -> Iterator[str]:
    """What is public and has no docstring. A method may have it in a protocol or class whose method it is, too."""
    if not ast.get_docstring(tree):
        yield "the module"
    named = [node for node in tree.body if isinstance(node, FUNCTIONS | ast.ClassDef) and not node.name.startswith("_")]
    yield from (node.name for node in named if not ast.get_docstring(node))
    for owner, node in methods(tree):
        if not owner.name.startswith("_") and not ast.get_docstring(node) and node.name not in described:
            yield f"{owner.name}.{node.name}"


def test_everything_public_has_a_docstring() -> None:
    described = ELSEWHERE | {
        node.name for tree in TREES.values() for _, node in methods(tree) if ast.get_docstring(node)
    }
    found = [f"{path}: {name}" for path, tree in TREES.items() for name in undocumented(tree, described)]
    assert not found, "say what it is for"


def test_no_docstring_begins_with_what_is_raised() -> None:
    found = [
        f"{path}: {getattr(node, 'name', 'the module')}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, FUNCTIONS | ast.ClassDef | ast.Module)
        if (ast.get_docstring(node) or "").startswith(SECTIONS)
    ]
    assert not found, "say first what it is for"


@pytest.mark.parametrize(
    "text",
    ["def f():\n    return 1", "class A:\n    pass", "class A:\n    'A.'\n    def b(self): ..."],
    ids=["function", "class", "method"],
)
def test_what_has_no_docstring_is_found(text: str) -> None:
    assert len(list(undocumented(ast.parse(f"'A module.'\n{text}"), ELSEWHERE))) == 1


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_a_loss_names_its_formula_its_source_and_shows_it(loss: object) -> None:
    text = inspect.getdoc(loss) or ""
    assert "``" in text
    assert re.search(SOURCED, text, flags=re.DOTALL), "name paper and equation, as in (Hinton et al. 2015, eq. 4)"
    assert ">>>" in text


def test_the_losses_are_found() -> None:
    assert {"forward_kl", "gaussian_nll", "binary_kl", "Distillation"} <= {loss.__name__ for loss in LOSSES}
