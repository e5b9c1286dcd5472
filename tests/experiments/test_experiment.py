"""What running an experiment again measures again, and what it takes as it is."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from joryu.experiments.experiment import Experiment, Measured, Place, Row, Setting, run_experiment
from joryu.experiments.pairs import Pair


def test_a_seed_is_measured_again_only_for_what_was_not_asked_before(tmp_path: Path) -> None:
    seeds: list[int] = []

    def measure(setting: Setting) -> Measured:
        seeds.append(setting.seed)
        return {"errors": 3 + setting.seed, "twin": 5, "nll": 0.5}

    def run(experiment: Experiment) -> dict[str, Any]:
        return run_experiment(
            experiment, [0, 1], place=Place(tmp_path), smoke=False, watching=lambda _: nullcontext(lambda *_: None)
        )

    first = Experiment(
        name="one",
        claim="X",
        summary="",
        data="",
        rows=[Row(label="student", metric="errors", twin="twin")],
        measure=measure,
        draw=lambda _: Figure(),
    )
    result = run(first)
    assert result["ours"]["errors"]["values"] == {"0": 3, "1": 4}
    assert result["details"] == {"0": {}, "1": {}}
    again = run(first)
    assert again | {"seconds": 0} == result | {"seconds": 0}
    assert seeds == [0, 1]
    run(replace(first, rows=[Row(label="student", metric="errors")]))
    assert seeds == [0, 1], "less is asked"
    more = replace(first, pairs=[Pair(label="NLL", metric="nll", against="twin")])
    run(more)
    assert seeds == [0, 1, 0, 1]
    run(more)
    assert seeds == [0, 1, 0, 1]
