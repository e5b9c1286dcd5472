"""What an experiment writes of its seeds: files, page and numbers, interrupted, damaged, undefined, or small."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from joryu.errors import InputError
from joryu.experiments.catalogue import find_experiment
from joryu.experiments.costs import training_seconds
from joryu.experiments.experiment import (
    ClaimRow,
    Experiment,
    Folders,
    Measured,
    Setting,
    Size,
    gather,
    page,
    parse_seeds,
    run_experiment,
    table,
)
from joryu.experiments.grid import tried_until_inside
from joryu.experiments.overview import command
from joryu.experiments.pairs import PairedRow, paired, paired_table


def experiment(measure: Callable[[Setting], Measured] = lambda _: {"errors": 3}, **more: Any) -> Experiment:
    given_: dict[str, Any] = {
        "name": "one", "claim": "X1", "summary": "A sentence.", "data": "digits", "chance": "a seed draws everything",
        "rows": [ClaimRow(label="student", metric="errors", twin="twin", published=1234567)],
        "draw": lambda _: Figure(),
    }  # fmt: skip
    return Experiment(measure=measure, **{**given_, **more})


def run(found: Experiment, out: Path, seeds: list[int], size: Size = Size.PUBLISHED, **more: Any) -> dict[str, Any]:
    return run_experiment(
        found, seeds, place=Folders(out, **more), size=size, watching=lambda _: nullcontext(lambda *_: None),
        command="joryu experiment run one",
    )  # fmt: skip


def cells(text: str) -> list[str]:
    """Those of the first row of the first table."""
    row = [line for line in text.splitlines() if line.startswith("|")][2]
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_what_is_published_is_what_was_written_under_the_experiments_name(tmp_path: Path) -> None:
    result = run(experiment(), tmp_path / "out" / "deep", [0], published=tmp_path / "results" / "new")
    out, published = tmp_path / "out" / "deep", tmp_path / "results" / "new"
    assert json.loads((out / "result.json").read_text()) == result
    assert (published / "one.json").read_bytes() == (out / "result.json").read_bytes()
    assert (published / "one.svg").read_bytes() == (out / "figure.svg").read_bytes()
    mine, theirs = (out / "table.md").read_text(), (published / "one.md").read_text()
    assert mine.replace("(figure.svg)", "(one.svg)") == theirs
    assert cells(theirs) == ["student", "1234567", "3.0"]
    assert sorted(path.name for path in published.iterdir()) == ["one.json", "one.md", "one.svg"]


def test_an_interrupted_experiment_goes_on_with_the_seed_that_stopped_it(tmp_path: Path) -> None:
    asked: list[int] = []

    def measure(setting: Setting) -> Measured:
        asked.append(setting.seed)
        assert setting.folder.is_dir()
        if asked == [4, 7]:
            raise KeyboardInterrupt
        return {"errors": setting.seed, "curve": [1, 2], "seconds": 10.0 * setting.seed}

    with pytest.raises(KeyboardInterrupt):
        run(experiment(measure), tmp_path, [4, 7])
    assert not (tmp_path / "result.json").exists()
    result = run(experiment(measure), tmp_path, [4, 7])
    assert asked == [4, 7, 7]
    assert result["ours"]["errors"]["values"] == {"4": 4.0, "7": 7.0}
    assert (result["seconds"], result["details"]["7"]) == (110.0, {"curve": [1, 2]})
    assert "seconds" not in result["ours"]


def test_a_seed_whose_file_is_damaged_is_named_with_what_to_do(tmp_path: Path) -> None:
    run(experiment(), tmp_path, [0])
    path = tmp_path / "seed-0" / "measured.json"
    path.write_text(path.read_text()[:-9])
    with pytest.raises(InputError, match=r"cannot read .*seed-0/measured.json.*delete it") as refused:
        run(experiment(), tmp_path, [0])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_a_metric_that_is_no_number_is_named_with_its_seed(odd: float, tmp_path: Path) -> None:
    """Hours of training once ended in a line that named neither."""
    with pytest.raises(InputError, match=r"one measured what is no number .*received errors .* of seed 7"):
        run(experiment(lambda setting: {"errors": odd if setting.seed == 7 else 1.0}), tmp_path, [4, 7])


def test_no_seed_is_no_experiment(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs a seed"):
        run(experiment(), tmp_path, [])
    assert list(tmp_path.iterdir()) == []


def test_a_smoke_result_says_that_it_says_nothing(tmp_path: Path) -> None:
    moved = experiment(moved="everything, a little")
    small, large = (run(moved, tmp_path / size, [0], size) for size in (Size.SMOKE, Size.PUBLISHED))
    assert (small["smoke"], large["smoke"], "full" in small) == (True, False, False)
    said = page(moved, small, "figure.svg")
    assert "Smoke size: these numbers say nothing about the claim." in said and "What moved" not in said
    assert "What moved: everything, a little" in page(moved, large, "figure.svg")


def test_only_rows_that_were_measured_are_in_the_table() -> None:
    rows = [ClaimRow(label="student", metric="errors", twin="twin"), ClaimRow(label="larger", metric="of another size")]
    found = experiment(rows=rows)
    result = gather(found, [0, 1], [{"errors": 3, "seconds": 1.0}, {"errors": 5, "twin": 9, "seconds": 1.0}])
    text = table(found, result)
    assert "larger" not in text
    assert cells(text) == ["student", "–", "4.0 ± 1.4", "9.0"]
    assert result["ours"]["twin"]["values"] == {"1": 9.0}


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6, unique=True))
def test_the_command_of_a_result_asks_for_its_very_seeds(seeds: list[int]) -> None:
    *_, typed = command("one", seeds).split(" ")
    assert parse_seeds(typed) == seeds


@pytest.mark.parametrize("text", ["00", "000"])
def test_no_seeds_at_all_cannot_be_read_however_they_are_written(text: str) -> None:
    with pytest.raises(InputError, match="cannot read the seeds"):
        parse_seeds(text)


def test_an_unknown_experiment_is_answered_with_what_is_near() -> None:
    with pytest.raises(InputError, match=r"unknown experiment 'brian'.*did you mean brain\?"):
        find_experiment("brian")


PAIR = PairedRow(label="a less b", metric="a", against="b")


def test_where_nothing_is_paired_nothing_is_said_of_many() -> None:
    found = paired([PAIR], {"a": {"values": {"0": 1.0}}, "b": {"values": {"1": 1.0}}})
    assert found == []
    assert "there being" not in paired_table([PAIR], found)


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(-9, 9), st.floats(-9, 9)), min_size=1, max_size=6))
def test_pairs_are_made_by_the_name_of_the_seed_in_whatever_order_they_were_measured(
    measured: list[tuple[int, float, float]],
) -> None:
    first = {str(seed): value for seed, value, _ in measured}
    second = {str(seed): value for seed, _, value in reversed(measured)}
    (found,) = paired([PAIR], {"a": {"values": first}, "b": {"values": second}})
    differences = [first[seed] - second[seed] for seed in first]
    assert found["difference"] == pytest.approx(sum(differences) / len(differences), abs=1e-9)


@given(
    st.lists(st.one_of(st.floats(-5, 5), st.just(math.nan)), min_size=2, max_size=9),
    st.integers(0, 8),
    st.integers(1, 9),
)
def test_the_best_of_a_grid_has_a_worse_neighbour_on_both_sides_or_the_ladder_ends(
    losses: list[float], start: int, width: int
) -> None:
    """A loss that is no number once was the best there is, and the grid went the other way."""
    ladder = [2.0**at for at in range(len(losses))]
    first = slice(min(start, len(ladder) - 1), min(start, len(ladder) - 1) + width)
    asked: list[float] = []

    def loss(value: float) -> float:
        asked.append(value)
        return losses[ladder.index(value)]

    tried = tried_until_inside(ladder, loss, first=first)
    places = [ladder.index(value) for value in tried]
    assert places == list(range(places[0], places[-1] + 1))
    assert sorted(asked) == list(tried)
    numbers = {at: losses[at] for at in places if not math.isnan(losses[at])}
    if not numbers:
        return
    best = [at for at, found in numbers.items() if found == min(numbers.values())]
    assert any((at > places[0] or at == 0) and (at < places[-1] or at == len(ladder) - 1) for at in best)


def test_the_seconds_of_all_trainings_below_a_folder_are_added_up(tmp_path: Path) -> None:
    request = {"recipe": {"seed": 0}, "objective": {}, "examples": {"n": 1, "content": "x"}}
    for name, more in (("a", {"seconds": 1.5}), ("b/twin", {"seconds": 2.25}), ("c", {})):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "run.json").write_text(json.dumps({"request": request, "notes": {}, **more}))
    assert training_seconds(tmp_path) == 3.75
    assert training_seconds(tmp_path / "nowhere") == 0
