"""The house itself: imports point one way, files stay short, nothing speaks where it should not."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "joryu"
FILES = sorted(SOURCE.rglob("*.py"))

#: what each room may import, beside itself
ALLOWED = {
    "errors": set(),
    "pydantic_errors": {"errors"},
    "durable": {"errors"},
    "precision": {"errors"},
    "listening": {"errors"},
    "annotations": {"errors", "durable", "pydantic_errors"},
    "questions": {"errors"},
    "remote": {"errors", "durable", "pydantic_errors"},
    "examples": {"errors", "durable", "annotations", "questions"},
    "collecting": {"errors", "durable", "remote", "examples"},
    "targets": {
        "errors",
        "durable",
        "precision",
        "pydantic_errors",
        "annotations.inter_rater",
        "examples",
        "questions",
    },
    "objectives": {"errors", "durable", "questions", "targets.soft_targets"},
    "students": {"errors", "durable", "pydantic_errors", "questions", "examples"},
    "teachers": {
        "precision",
        "errors",
        "pydantic_errors",
        "durable",
        "questions",
        "annotations",
        "remote",
        "examples",
        "targets",
        "students",
        "objectives",
    },
    "evaluation": {
        "precision",
        "errors",
        "durable",
        "annotations",
        "questions",
        "examples",
        "targets",
        "objectives",
        "students",
        "teachers",
    },
    "serving": {
        "precision",
        "errors",
        "durable",
        "listening",
        "questions",
        "examples",
        "students",
        "teachers",
        "evaluation",
    },
    "labelling": {
        "errors",
        "durable",
        "listening",
        "pydantic_errors",
        "questions",
        "annotations",
        "examples",
        "targets",
        "teachers",
    },
    "export": {
        "errors",
        "durable",
        "questions",
        "examples",
        "targets",
        "objectives",
        "students",
        "teachers",
        "evaluation",
        "training",
    },
    "training": {
        "precision",
        "errors",
        "durable",
        "pydantic_errors",
        "questions",
        "examples",
        "targets",
        "objectives",
        "students",
        "teachers",
        "evaluation",
    },
}
ALLOWED["search"] = {*ALLOWED["training"], "training", "report"}
OUTSIDE = {"__main__", "cli", "experiments", "allocator"}  #: imported by nobody else


def imports(path: Path) -> set[str]:
    """Dotted names below ``joryu`` that a file imports, those for type checkers alone left out."""
    found: set[str] = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("joryu."):
            found.add(node.module.removeprefix("joryu."))
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text()))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_point_one_way(path: Path) -> None:
    room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    for name in imports(path):
        target = name.split(".")[0]
        if target == room:
            continue
        assert target not in OUTSIDE or room in OUTSIDE, f"{path} imports {name}"
        if room in ALLOWED:
            allowed = ALLOWED[room]
            assert target in allowed or name in allowed, f"{path} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_files_are_short_and_silent(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    tree = ast.parse(text)
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    assert not [node.lineno for node in calls if node.func.id in {"print", "eval", "exec"}]  # type: ignore[attr-defined]
    assert not [node.lineno for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.type is None]


def test_no_folder_for_leftovers() -> None:
    names = {path.name for path in SOURCE.rglob("*") if path.is_dir()}
    assert not names & {"utils", "common", "helper", "helpers", "misc", "core"}


def test_the_public_surface_is_real_and_light() -> None:
    script = (
        "import sys, joryu; assert 'torch' not in sys.modules, 'import joryu brings torch';"
        "[getattr(joryu, name) for name in joryu.__all__];"
        "assert 'lightning_fabric' not in sys.modules, 'only a training needs it'"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, timeout=120)


def test_the_command_line_is_light() -> None:
    heavy = ("torch", "numpy", "pyarrow", "matplotlib", "sklearn", "pydantic")
    script = f"import sys, joryu.cli; found = [m for m in {heavy!r} if m in sys.modules]; assert not found, found"
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, timeout=120)
