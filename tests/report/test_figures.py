from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest

from joryu.errors import InputError
from joryu.report.figures import PALETTE, house_style, new_figure, save_figure


def drawn(path: Path) -> Path:
    figure, (left, right) = new_figure(columns=2)
    left.errorbar([1, 2, 4], [90, 80, 75], yerr=[3, 2, 2], label="student")
    left.legend()
    right.fill_between([1, 2], [0, 1], [1, 2])
    return save_figure(figure, path)


def test_the_same_figure_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = drawn(tmp_path / "a.svg").read_bytes(), drawn(tmp_path / "deep" / "b.svg").read_bytes()
    assert first == second
    assert b"dc:date" not in first
    assert all(line == line.rstrip() for line in first.decode().splitlines())
    assert ET.fromstring(first).tag.endswith("svg")  # noqa: S314


def test_the_style_is_given_back() -> None:
    before = dict(mpl.rcParams)
    with house_style():
        assert mpl.rcParams["axes.spines.top"] is False
        assert mpl.rcParams["axes.prop_cycle"].by_key()["color"][0] == PALETTE["student"]
    new_figure()
    assert dict(mpl.rcParams) == before


def test_only_svg_and_at_least_one_column(tmp_path: Path) -> None:
    figure, _ = new_figure()
    with pytest.raises(InputError, match="SVG"):
        save_figure(figure, tmp_path / "a.png")
    with pytest.raises(InputError, match="columns"):
        new_figure(columns=0)


LAZY = """
import sys, joryu.report
assert "matplotlib" not in sys.modules
from pathlib import Path
from joryu.report.figures import new_figure, save_figure
figure, (axes,) = new_figure()
axes.plot([1, 2], [1, 2])
save_figure(figure, Path(sys.argv[1]))
assert "matplotlib.pyplot" not in sys.modules
"""


@pytest.mark.slow
def test_another_process_gives_the_same_bytes_and_never_needs_pyplot(tmp_path: Path) -> None:
    """Nor does a report need matplotlib at all."""
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", LAZY, str(tmp_path / "there.svg")], check=True, env=environment)
    figure, (axes,) = new_figure()
    axes.plot([1, 2], [1, 2])
    here = save_figure(figure, tmp_path / "here.svg")
    assert here.read_bytes() == (tmp_path / "there.svg").read_bytes()
