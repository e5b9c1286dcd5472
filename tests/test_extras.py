"""An extra exists when something in src imports it, and what src imports is something that an install brings."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "joryu"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = {name: wanted for name, wanted in PROJECT["optional-dependencies"].items() if name not in ("dev", "all")}
CALLED_OTHERWISE = {
    "lightning-fabric": "lightning_fabric", "scikit-learn": "sklearn", "pillow": "PIL", "pyserial": "serial",
    "segmentation-models-pytorch": "segmentation_models_pytorch", "litert-torch": "litert_torch",
    "ai-edge-litert": "ai_edge_litert", "prometheus-client": "prometheus_client", "google-auth": "google",
}  # fmt: skip
COME_ALONG = {
    "starlette": "fastapi",
    "lightning_utilities": "lightning-fabric",
    "cycler": "matplotlib",
    "markupsafe": "jinja2",
    "sqlalchemy": "optuna",
    "httpcore2": "httpx2",
}

BEHIND = {"httptools": "uvicorn.protocols.http.httptools_impl"}  #: brought for a module of another that needs it


def distributions(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=~! ;]", requirement)[0] for requirement in requirements}


def module_of(distribution: str) -> str:
    return CALLED_OTHERWISE.get(distribution, distribution)


@cache
def imported() -> frozenset[str]:
    return frozenset(name for path in SOURCE.rglob("*.py") for name in modules_in(ast.parse(path.read_text("utf-8"))))


def modules_in(tree: ast.AST) -> Iterator[str]:
    """The top names of every import, those by name (``library("bleak", …)``) too; not those for type checkers."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]
            yield from (needed for needed, module in BEHIND.items() if module == node.module)
        if isinstance(node, ast.Call) and called(node) in ("library", "import_module") and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant):
                yield str(first.value).split(".")[0]


def called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_brings_what_the_code_imports_and_nothing_else(extra: str) -> None:
    unused = {name for name in distributions(EXTRAS[extra]) if module_of(name) not in imported()}
    assert not unused, f"nothing in src imports {', '.join(sorted(unused))}"


def test_everything_that_is_imported_is_installed_by_something() -> None:
    brought = distributions(PROJECT["dependencies"]).union(*(distributions(wanted) for wanted in EXTRAS.values()))
    known = {module_of(name) for name in brought} | set(sys.stdlib_module_names) | {"joryu"}
    known |= {name for name, along in COME_ALONG.items() if along in brought} | {"_typeshed"}
    assert not imported() - known


HEAVY = {"litert"}  #: extras that bring several hundred megabytes for what few need


def test_all_is_every_extra_but_heavy_ones() -> None:
    (wanted,) = PROJECT["optional-dependencies"]["all"]
    assert set(re.findall(r"\w+", wanted)) == {"joryu", *EXTRAS} - HEAVY


def test_an_error_never_names_an_extra_that_is_not_there() -> None:
    named = set()
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and called(node) == "MissingExtraError":
                extra = node.args[1]
                assert isinstance(extra, ast.Constant), f"{path.name}, line {node.lineno}: name the extra as it is"
                named.add(extra.value)
    assert named == set(EXTRAS), "every extra is named by the error of whoever lacks it"


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CONTRIBUTING.md",
        "docs/tutorial.md",
        "docs/people.md",
        "docs/specs.md",
        "docs/black-box.md",
        "Makefile",
    ],
)
def test_no_page_advertises_an_extra_that_is_not_there(page: str) -> None:
    said = set(re.findall(r"joryu\[([\w,]+)\]", (ROOT / page).read_text(encoding="utf-8")))
    assert {name for names in said for name in names.split(",")} <= {*EXTRAS, "dev", "all"}


def test_what_is_pinned_is_what_an_install_takes() -> None:
    pinned = {line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    named = set().union(*map(distributions, [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]))
    assert {name.lower() for name in named} - {"joryu"} <= pinned
