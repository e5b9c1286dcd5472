"""The published pages say what their JSON files and their experiments say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from joryu.experiments.catalogue import MODULES, find_experiment
from joryu.experiments.experiment import page

RESULTS = Path(__file__).parents[2] / "docs" / "results"


@pytest.mark.parametrize("name", MODULES)
def test_a_published_page_is_what_its_figures_make_it(name: str) -> None:
    result = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    assert not result["smoke"]
    assert (RESULTS / f"{name}.md").read_text(encoding="utf-8") == page(find_experiment(name), result, f"{name}.svg")
    assert result["precision"] == find_experiment(name).precision
