"""What an installed Joryu needs beside its code is in the wheel: templates, styles, scripts, the mark of its types."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
LEFT_OVER = {"__pycache__", ".DS_Store"}


@pytest.fixture(scope="module")
def packed() -> set[str]:
    """What the builder would pack, as it lies in an installation."""
    wheel = pytest.importorskip("hatchling.builders.wheel", reason="hatchling comes with the extra dev")
    return {file.distribution_path for file in wheel.WheelBuilder(str(ROOT)).recurse_included_files()}


def test_every_file_of_the_package_is_in_the_wheel_and_no_other(packed: set[str]) -> None:
    files = [path for path in SOURCE.joinpath("joryu").rglob("*") if path.is_file() and not LEFT_OVER & {*path.parts}]
    assert packed == {path.relative_to(SOURCE).as_posix() for path in files}


def test_the_wheel_brings_what_is_not_code(packed: set[str]) -> None:
    named = ["py.typed", "labelling/static/label.js", "labelling/templates/label.html", "report/templates/style.css"]
    assert {f"joryu/{name}" for name in [*named, "report/templates/page.html.j2"]} <= packed
