"""Modules of the folder that a command is typed in."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from joryu.cli.modules_here import Here, find_modules_here


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [one for one in sys.meta_path if not isinstance(one, Here)])
    monkeypatch.setattr(sys, "path", [part for part in sys.path if part])
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return tmp_path


def test_a_file_and_a_folder_of_code_are_found_and_a_folder_of_anything_else_is_no_library(here: Path) -> None:
    (here / "a_net_of_mine_here.py").write_text("width = 3")
    (here / "nets_of_mine_here" / "small").mkdir(parents=True)
    (here / "nets_of_mine_here" / "small" / "net.py").write_text("width = 4")
    (here / "a_library_that_is_not_here").mkdir()
    (here / "a_library_that_is_not_here" / "manifest.json").write_text("{}")
    before = len(sys.meta_path)
    find_modules_here()
    find_modules_here()
    assert len(sys.meta_path) == before + 1
    assert importlib.import_module("a_net_of_mine_here").width == 3
    assert importlib.import_module("nets_of_mine_here.small.net").width == 4
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("a_library_that_is_not_here")


def test_what_is_installed_comes_first(here: Path) -> None:
    (here / "joryu.py").write_text("")
    (here / "colorsys.py").write_text("")
    find_modules_here()
    sys.modules.pop("colorsys", None)
    assert importlib.import_module("colorsys").__file__ != str(here / "colorsys.py")
