"""One table of many results: which rows stand in it, and what is said beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from joryu.experiments import overview
from joryu.experiments.catalogue import MODULES, find_experiment
from joryu.experiments.experiment import ClaimRow, Experiment, Measured, Setting, gather
from joryu.experiments.pairs import PairedRow

PUBLISHED = Path(__file__).parents[2] / "docs" / "results"
WITHOUT_HEADLINE = {"hinton-mnist-tuning"}  #: it chose settings; what they gave stands in hinton-mnist


@pytest.mark.parametrize("name", MODULES)
def test_a_headline_is_made_of_rows_of_the_experiment(name: str) -> None:
    experiment = find_experiment(name)
    metrics = [row.metric for row in experiment.rows]
    assert all(metrics.count(metric) == 1 for metric in experiment.headline)
    assert len(experiment.headline) in ([0] if name in WITHOUT_HEADLINE else range(1, 4))


def test_every_headline_of_what_is_published_has_its_numbers() -> None:
    results = overview.read_results(PUBLISHED)
    assert list(results) == [name for name in MODULES if (PUBLISHED / f"{name}.json").is_file()]
    told = [(one.experiment.name, one.row.metric) for one in overview.headlines(results)]
    assert told == [(name, metric) for name in results for metric in find_experiment(name).headline]


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Mapping[str, Any]]:
    measured = [{"soft": 70.0, "hard": 80.0, "other": 1}, {"soft": 74.0, "hard": 90.0, "other": 2}]

    def measure(setting: Setting) -> Measured:
        raise AssertionError("a table measures nothing")

    experiment = Experiment(
        name="one",
        claim="X1",
        summary="",
        data="",
        chance="",
        rows=[
            ClaimRow(label="other", metric="other"),
            ClaimRow(label="student", metric="soft", twin="hard", published=72, digits=0),
            ClaimRow(label="larger", metric="of a larger size alone"),
        ],
        pairs=[
            PairedRow(label="student less twin", metric="soft", against="hard", digits=1),
            PairedRow(label="other less twin", metric="other", against="hard"),
        ],
        measure=measure,
        draw=lambda _: pytest.fail("a table draws nothing"),
        twin="one person, hard",
        headline=["soft", "of a larger size alone"],
    )
    monkeypatch.setattr(overview, "find_experiment", {"one": experiment}.__getitem__)
    return {"one": gather(experiment, [0, 4], [one | {"seconds": 1.0} for one in measured])}


def test_a_headline_stands_with_its_twin_its_seeds_and_the_command(results: Mapping[str, Mapping[str, Any]]) -> None:
    *_, line = overview.overview_table(results).splitlines()
    assert [cell.strip() for cell in line.strip("|").split("|")] == [
        "[X1](one.md)",
        "student (test errors)",
        "72",
        "72 ± 3",
        "0, 4",
        "85 ± 7 (one person, hard)",
        "`joryu experiment run one --seeds 0,4`",
    ]


def test_only_headlines_are_compared(results: Mapping[str, Mapping[str, Any]]) -> None:
    header, _, *lines = overview.compared_table(results).splitlines()
    assert "95 % interval" in header
    assert len(lines) == 1
    assert "student less twin" in lines[0]
    assert "-13.0" in lines[0]


def test_the_short_table_speaks_another_language_or_refuses(results: Mapping[str, Mapping[str, Any]]) -> None:
    words = {"experiment": "実験", "what": "何を", "published": "論文", "ours": "本実装", "twin": "双子"}
    with pytest.raises(KeyError, match="student"):
        overview.short_table(results, "docs/results", words)
    table = overview.short_table(results, "docs/results", words | {"student (test errors)": "生徒(誤り数)"})
    assert "| [one](docs/results/one.md) | 生徒(誤り数) |" in table
    assert "72 ± 3" in table
