"""Docstrings say what a thing is for: none is only what it raises, and every loss names its formula and its source."""

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


def documented(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Name and docstring of every public class and function, those inside classes too."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        if text := ast.get_docstring(node):
            yield node.name, text
        if isinstance(node, ast.ClassDef):
            yield from documented(node)


def test_no_docstring_begins_with_what_is_raised() -> None:
    found = [
        f"{path.relative_to(SOURCE)}: {name}"
        for path in sorted(SOURCE.rglob("*.py"))
        for name, text in documented(ast.parse(path.read_text(encoding="utf-8")))
        if text.startswith(SECTIONS)
    ]
    assert not found, "say first what it is for"


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_a_loss_names_its_formula_its_source_and_shows_it(loss: object) -> None:
    text = inspect.getdoc(loss) or ""
    assert "``" in text
    assert re.search(SOURCED, text, flags=re.DOTALL), "name paper and equation, as in (Hinton et al. 2015, eq. 4)"
    assert ">>>" in text


def test_the_losses_are_found() -> None:
    assert {"forward_kl", "gaussian_nll", "binary_kl", "Distillation"} <= {loss.__name__ for loss in LOSSES}
