"""What running an experiment again measures again, and what it takes as it is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from joryu.errors import InputError
from joryu.experiments.catalogue import MODULES, find_experiment
from joryu.experiments.experiment import (
    ClaimRow,
    Experiment,
    Folders,
    Measured,
    Setting,
    Size,
    parse_seeds,
    run_experiment,
)
from joryu.experiments.grid import tried_until_inside
from joryu.experiments.pairs import PairedRow
from joryu.training import Recipe
from joryu.training.run import Watch


def watched(_: str) -> AbstractContextManager[Watch]:
    return nullcontext(lambda *_: None)


def test_a_seed_is_measured_again_only_for_what_was_not_asked_before(tmp_path: Path) -> None:
    seeds: list[int] = []

    def measure(setting: Setting) -> Measured:
        seeds.append(setting.seed)
        return {"errors": 3 + setting.seed, "twin": 5, "nll": 0.5}

    def run(experiment: Experiment) -> dict[str, Any]:
        return run_experiment(
            experiment,
            [0, 1],
            place=Folders(tmp_path),
            size=Size.PUBLISHED,
            watching=watched,
        )

    first = Experiment(
        name="one",
        claim="X",
        summary="",
        data="",
        chance="",
        rows=[ClaimRow(label="student", metric="errors", twin="twin")],
        measure=measure,
        draw=lambda _: Figure(),
    )
    result = run(first)
    assert result["ours"]["errors"]["values"] == {"0": 3, "1": 4}
    assert result["details"] == {"0": {}, "1": {}}
    again = run(first)
    assert again | {"seconds": 0} == result | {"seconds": 0}
    assert seeds == [0, 1]
    run(replace(first, rows=[ClaimRow(label="student", metric="errors")]))
    assert seeds == [0, 1], "less is asked"
    more = replace(first, pairs=[PairedRow(label="NLL", metric="nll", against="twin")])
    run(more)
    assert seeds == [0, 1, 0, 1]
    run(more)
    assert seeds == [0, 1, 0, 1]


def test_precision_is_the_experiments_and_its_page_names_it_with_what_the_seeds_draw(tmp_path: Path) -> None:
    recipes: list[Recipe] = []

    def measure(setting: Setting) -> Measured:
        recipes.append(setting.recipe(Recipe(learning_rate=0.5)))
        return {"errors": 3}

    experiment = Experiment(
        name="one",
        claim="X",
        summary="",
        data="digits",
        chance="a seed draws everything",
        rows=[ClaimRow(label="student", metric="errors")],
        measure=measure,
        draw=lambda _: Figure(),
        precision="bf16-mixed",
    )
    run_experiment(experiment, [4], place=Folders(tmp_path), size=Size.PUBLISHED, watching=watched)
    assert recipes == [Recipe(learning_rate=0.5, seed=4, precision="bf16-mixed")]
    page = (tmp_path / "table.md").read_text()
    assert "Seeds: 4; a seed draws everything. Precision: bf16-mixed." in page


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", [0, 1, 2]), ("1", [0]), ("0,4", [0, 4]), ("4,", [4]), (" 7 , 2 ", [7, 2])]
)
def test_seeds_are_how_many_or_which(text: str, seeds: list[int]) -> None:
    assert parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", ",", "0", "-1", "1.5", "x", "1,x", "²", "1 2"])
def test_seeds_that_cannot_be_read(text: str) -> None:
    with pytest.raises(InputError, match=r"cannot read the seeds .*how many .3., or which .0,4."):
        parse_seeds(text)


@pytest.mark.parametrize("text", ["0,0", "4,1,04"])
def test_one_seed_twice_is_not_two_seeds(text: str) -> None:
    with pytest.raises(InputError, match="a seed is named twice"):
        parse_seeds(text)


@pytest.mark.parametrize("experiment", [find_experiment(name) for name in MODULES], ids=list(MODULES))
def test_no_experiment_leaves_its_precision_to_the_machine(experiment: Experiment) -> None:
    assert experiment.precision in {"32-true", "bf16-mixed"}
    assert experiment.chance


def test_a_grid_is_widened_until_its_best_is_inside() -> None:
    ladder = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2]
    asked: list[float] = []

    def loss(best: float) -> Callable[[float], float]:
        def of(value: float) -> float:
            asked.append(value)
            return abs(value - best)

        return of

    assert list(tried_until_inside(ladder, loss(0.4), first=slice(1, 4))) == [0.2, 0.4, 0.8]
    assert list(tried_until_inside(ladder, loss(1.6), first=slice(1, 4))) == [0.2, 0.4, 0.8, 1.6, 3.2]
    assert list(tried_until_inside(ladder, loss(0.0), first=slice(2, 4))) == [0.1, 0.2, 0.4, 0.8], "the ladder ends"
    assert len(asked) == 3 + 5 + 4, "nothing is tried twice"


def test_a_larger_size_is_named_on_its_page_and_refused_where_there_is_none(tmp_path: Path) -> None:
    asked: list[Setting] = []

    def measure(setting: Setting) -> Measured:
        asked.append(setting)
        return {"errors": 3}

    plain = Experiment(
        name="one", claim="X", summary="", data="", chance="", rows=[ClaimRow(label="student", metric="errors")],
        measure=measure, draw=lambda _: Figure(),
    )  # fmt: skip

    def run(experiment: Experiment) -> dict[str, Any]:
        return run_experiment(
            experiment,
            [0],
            place=Folders(tmp_path / "one"),
            size=Size.FULL,
            watching=watched,
        )

    with pytest.raises(InputError, match="one has no larger size"):
        run(plain)
    assert not asked
    result = run(replace(plain, full="pictures of 96 × 96"))
    assert asked[0].full
    assert not asked[0].smoke
    assert asked[0].shared == tmp_path / "shared-full"
    assert result["full"]
    assert "Larger size: pictures of 96 × 96." in (tmp_path / "one" / "table.md").read_text()


def test_what_some_seeds_measure_is_averaged_and_compared_over_these(tmp_path: Path) -> None:
    def measure(setting: Setting) -> Measured:
        return {"errors": 3 + setting.seed, "twin": 5} | ({"leaking": 1} if setting.seed == 1 else {})

    experiment = Experiment(
        name="one", claim="X", summary="", data="", chance="", measure=measure, draw=lambda _: Figure(),
        rows=[ClaimRow(label="student", metric="errors"), ClaimRow(label="leaking", metric="leaking")],
        pairs=[
            PairedRow(label="leaking less student", metric="leaking", against="errors", digits=1),
            PairedRow(label="student less twin", metric="errors", against="twin", digits=0),
        ],
    )  # fmt: skip
    result = run_experiment(experiment, [0, 1], place=Folders(tmp_path), size=Size.PUBLISHED, watching=watched)
    assert result["ours"]["leaking"] == {"mean": 1, "sd": None, "values": {"1": 1}}
    assert [one["difference"] for one in result["paired"]] == [-3, -1.5]
    page = (tmp_path / "table.md").read_text()
    assert "ours (1–2 seeds)" in page
    without = run_experiment(experiment, [0], place=Folders(tmp_path), size=Size.PUBLISHED, watching=watched)
    assert [one["label"] for one in without["paired"]] == ["student less twin"]
    assert "leaking" not in (tmp_path / "table.md").read_text()
