"""A sweep from its first trial to its choice: what it tries, keeps, repeats, and never looks at."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from joryu.errors import InputError, MismatchError
from joryu.examples import Examples
from joryu.search import SearchSpace, SweepBudget, SweepRecord, SweepRun, SweepSetup, read_sweep, sweep
from joryu.search.queue import Queue
from joryu.search.record import FILE
from joryu.targets import Store
from joryu.training import Recipe, read_run
from joryu.training.setup import DistillationSetup, default_objective, split_parts
from joryu.training.trainer import content_of

RECIPE = Recipe(epochs=2, batch_size=60, learning_rate=0.02, precision="32-true")


def setup_of(targets: Store, *search: str, **more: Any) -> SweepSetup:
    student, recipe = more.pop("student", "mlp:4x1"), more.pop("recipe", RECIPE)
    objective = default_objective(targets.manifest.question)
    parts = {name: more.pop(name) for name in ("test", "labelled") if name in more}
    return SweepSetup(
        distillation=DistillationSetup(student=student, objective=objective, validation=0.2, **parts),
        recipe=recipe, space=SearchSpace.parse(search or ("temperature=1..20:log", "hard-weight=0..1")), **more,
    )  # fmt: skip


def points(record: SweepRecord) -> list[tuple[int, str, dict[str, float], float | None]]:
    return [(one.trial, one.state, one.values, one.score) for one in record.trials]


@pytest.fixture(scope="module")
def whole(digits: Examples, targets: Store, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SweepRecord]:
    """A sweep that nobody interrupted, its best points confirmed."""
    folder = tmp_path_factory.mktemp("whole") / "sweep"
    run = SweepRun(folder=folder, notes={"examples": "digits", "targets": str(targets.path)})
    return folder, sweep(digits, targets, setup=setup_of(targets), budget=SweepBudget(trials=4, confirm=2), run=run)


def test_every_trial_is_kept_with_its_point_its_score_and_its_run(whole: tuple[Path, SweepRecord]) -> None:
    folder, record = whole
    assert [one.trial for one in record.trials] == [1, 2, 3, 4]
    for one in record.trials:
        assert one.state == "finished"
        assert 1 <= one.values["temperature"] <= 20 and 0 <= one.values["hard_weight"] <= 1
        asked = read_run(folder / "trials" / f"{one.trial:04d}")["request"]
        assert (asked["objective"]["temperature"], asked["objective"]["hard_weight"]) == tuple(one.values.values())
        assert one.score == one.measures["validation_loss"] == one.history[(one.epoch or 0) - 1][1]
        assert not (folder / "trials" / f"{one.trial:04d}" / "twin").exists()
    assert read_sweep(folder) == record
    assert json.loads((folder / FILE).read_text())["budget"] == 4


def test_the_choice_is_the_best_mean_over_other_seeds(whole: tuple[Path, SweepRecord]) -> None:
    _, record = whole
    assert len(record.confirmed) == 3
    means = [one.over_seeds.mean for one in record.confirmed]
    assert means == sorted(means)
    chosen = record.chosen
    assert chosen is not None and chosen.confirmed
    assert (chosen.trial, chosen.score) == (record.confirmed[0].trial, means[0])
    assert record.confirmed[0].behind is None
    for one in record.confirmed[1:]:
        assert one.behind is not None
        assert one.behind.mean == pytest.approx(one.over_seeds.mean - means[0])
    assert {one.trial for one in record.confirmed} == {one.trial for one in record.finished()[:3]}
    assert record.plateau is not None and chosen.trial in record.plateau.trials


def test_other_seeds_share_the_parts_and_nothing_is_learned_from_the_test_part(
    digits: Examples, targets: Store, tmp_path: Path
) -> None:
    setup = setup_of(targets, test=0.3)
    budget, recipe = SweepBudget(trials=1, confirm=2), setup.recipe
    sweep(digits, targets, setup=setup, budget=budget, run=SweepRun(folder=tmp_path / "sweep"))
    parts = split_parts(digits, setup.distillation, recipe.seed)
    runs = [read_run(path.parent) for path in (tmp_path / "sweep").rglob("run.json")]
    assert sorted(run["request"]["recipe"]["seed"] for run in runs) == [0, 1, 2]
    assert parts.test is not None and len(parts.test) == 60
    for run in runs:
        assert run["request"]["examples"]["content"] == content_of(parts.teaching)
        assert run["request"]["validation"]["fingerprint"] == parts.validation.fingerprint


@pytest.mark.slow
def test_gone_on_with_it_tries_what_it_would_have_tried(
    whole: tuple[Path, SweepRecord], digits: Examples, targets: Store, tmp_path: Path
) -> None:
    """Stopped after two trials, in the third, and then for a larger budget."""
    folder, told = tmp_path / "sweep", []

    def stop_in_third(trial: int, note: str) -> None:
        if trial == 3 and note.startswith("epoch 2") and not told:
            told.append(note)
            raise KeyboardInterrupt

    run = SweepRun(folder=folder, watch=stop_in_third)
    with pytest.raises(KeyboardInterrupt):
        sweep(digits, targets, setup=setup_of(targets), budget=SweepBudget(trials=3), run=run)
    assert told
    assert (folder / "trials" / "0003" / "checkpoint.safetensors").is_file()
    assert [one.state for one in read_sweep(folder).trials] == ["finished", "finished", "waiting"]
    sweep(digits, targets, setup=setup_of(targets), budget=SweepBudget(trials=3), run=run)
    again = sweep(digits, targets, setup=setup_of(targets), budget=SweepBudget(trials=4), run=run)
    assert points(again) == points(whole[1])
    assert [one.attempts for one in again.trials] == [1, 1, 2, 1]


def test_a_run_that_finished_and_was_not_told_of_is_not_trained_again(
    whole: tuple[Path, SweepRecord], digits: Examples, targets: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    run = SweepRun(folder=tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Queue, "finish", die)
        with pytest.raises(KeyboardInterrupt):
            sweep(digits, targets, setup=setup_of(targets), budget=SweepBudget(trials=1), run=run)
    before = (tmp_path / "trials" / "0001" / "run.json").stat().st_mtime_ns
    found = sweep(digits, targets, setup=setup_of(targets), budget=SweepBudget(trials=1), run=run)
    assert (tmp_path / "trials" / "0001" / "run.json").stat().st_mtime_ns == before
    (one,) = found.trials
    assert one.attempts == 2
    assert (one.score, one.history) == (whole[1].trials[0].score, whole[1].trials[0].history)


def test_a_finished_sweep_is_only_read(whole: tuple[Path, SweepRecord], digits: Examples, targets: Store) -> None:
    folder, record = whole
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("run.json")}
    run = SweepRun(folder=folder)
    assert sweep(digits, targets, setup=setup_of(targets), budget=SweepBudget(trials=4, confirm=2), run=run) == record
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("run.json")} == before
    smaller = sweep(digits, targets, setup=setup_of(targets), budget=SweepBudget(trials=2), run=run)
    assert points(smaller) == points(record)
    assert smaller.confirmed == record.confirmed


def test_another_sweep_in_the_folder_is_refused_by_what_differs(
    whole: tuple[Path, SweepRecord], digits: Examples, targets: Store, tmp_path: Path
) -> None:
    folder, run = whole[0], SweepRun(folder=whole[0])
    for other, said in (
        (setup_of(targets, "temperature=1..20:log"), r"search hard-weight 0..1.*received search hard-weight nothing"),
        (setup_of(targets, recipe=RECIPE.model_copy(update={"epochs": 3})), r"expected epochs 2; received epochs 3"),
        (setup_of(targets, sampler="random"), r"sampler tpe; received sampler random"),
    ):
        with pytest.raises(MismatchError, match=rf"holds another sweep.*{said}"):
            sweep(digits, targets, setup=other, budget=SweepBudget(trials=4), run=run)
    with pytest.raises(InputError, match="holds a run"):
        sweep(digits, targets, setup=setup_of(targets), budget=SweepBudget(trials=4), run=replace(
            run, folder=folder / "trials" / "0001"))  # fmt: skip
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write the folder"):
        sweep(digits, targets, setup=setup_of(targets), budget=SweepBudget(trials=4), run=replace(
            run, folder=tmp_path / "file"))  # fmt: skip


def test_a_point_that_was_tried_is_not_trained_again(digits: Examples, targets: Store, tmp_path: Path) -> None:
    setup = setup_of(targets, "width=2,4", student="mlp:{width}x1")
    record = sweep(digits, targets, setup=setup, budget=SweepBudget(trials=4), run=SweepRun(folder=tmp_path))
    trained = {path.parent.name for path in tmp_path.rglob("run.json")}
    assert trained == {f"{one.trial:04d}" for one in record.trials if one.same_as is None}
    assert len(trained) <= 2
    for one in record.trials:
        first = record.trials[(one.same_as or one.trial) - 1]
        assert (one.values, one.score, one.history) == (first.values, first.score, first.history)
    assert record.chosen is not None
    assert record.chosen.student == f"mlp:{record.chosen.values['width']:.0f}x1"
    assert record.edges[0].name == "width"


def test_what_diverges_is_a_bad_trial_and_no_end(digits: Examples, targets: Store, tmp_path: Path) -> None:
    setup = setup_of(
        targets, "learning-rate=1e-2,1e30", recipe=RECIPE.model_copy(update={"optimiser": "sgd", "seed": 1})
    )
    record = sweep(digits, targets, setup=setup, budget=SweepBudget(trials=3), run=SweepRun(folder=tmp_path))
    assert {one.state for one in record.trials} == {"finished", "diverged"}
    for one in record.trials:
        assert (one.state == "diverged") == (one.values["learning_rate"] == 1e30)
        assert one.state == "finished" or "not finite in epoch 1" in (one.why or "")
    assert record.chosen is not None and record.chosen.values == {"learning_rate": 0.01}


@pytest.mark.slow
def test_the_median_stops_what_is_worse(digits: Examples, targets: Store, tmp_path: Path) -> None:
    recipe = RECIPE.model_copy(update={"epochs": 3, "schedule": "constant", "seed": 1})
    setup = setup_of(targets, "learning-rate=1e-6..1e-1:log", recipe=recipe, sampler="random")
    record = sweep(digits, targets, setup=setup, budget=SweepBudget(trials=6), run=SweepRun(folder=tmp_path))
    assert all(one.state == "finished" for one in record.trials[:5])
    pruned = [one for one in record.trials if one.state == "pruned"]
    assert pruned
    for one in pruned:
        assert one.score is None and "worse than the median" in (one.why or "")
        assert len(one.history) < 3
        assert not (tmp_path / "trials" / f"{one.trial:04d}" / "checkpoint.safetensors").exists()


def test_by_measure_the_highest_accuracy_is_the_best(digits: Examples, targets: Store, tmp_path: Path) -> None:
    setup = setup_of(targets, by="measure")
    record = sweep(digits, targets, setup=setup, budget=SweepBudget(trials=2), run=SweepRun(folder=tmp_path))
    assert (record.score.name, record.score.lower) == ("validation accuracy", False)
    assert record.chosen is not None
    assert record.chosen.score == max(one.measures["validation_accuracy"] for one in record.trials)


def test_without_labels_the_teacher_is_what_students_are_compared_by(
    digits: Examples, targets: Store, tmp_path: Path
) -> None:
    unlabelled = replace(digits, labels=None)
    with pytest.raises(InputError, match="hard-weight would change nothing"):
        sweep(
            unlabelled,
            targets,
            setup=setup_of(targets),
            budget=SweepBudget(trials=1),
            run=SweepRun(folder=tmp_path / "no"),
        )
    setup = setup_of(targets, "temperature=1..20:log", by="measure")
    record = sweep(
        unlabelled, targets, setup=setup, budget=SweepBudget(trials=1), run=SweepRun(folder=tmp_path / "yes")
    )
    assert record.score.key == "validation_agreement"
    assert record.trials[0].state == "finished"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sampler": "grid"}, "sampler is unknown .expected tpe or random; received grid"),
        ({"pruner": "hyperband"}, "pruner is unknown .expected median or none"),
        ({"by": "accuracy"}, "by is unknown .expected loss or measure"),
        ({"student": "mlp:{width}x1"}, "no range for it .expected --search width=4..16"),
        ({"student": "mlp:x"}, "cannot read architecture"),
    ],
)
def test_a_setup_that_cannot_be_is_refused_at_once(change: dict[str, Any], message: str, targets: Store) -> None:
    with pytest.raises(InputError, match=message):
        setup_of(targets, **change)


def test_a_width_needs_its_place(targets: Store) -> None:
    with pytest.raises(InputError, match=r"does not say where it goes .expected a student such as mlp:\{width\}x2"):
        setup_of(targets, "width=4..16")


@pytest.mark.parametrize(
    ("numbers", "message"), [((0, 0), "trials"), ((5, 1), "at least 2 seeds"), ((5, -1), "confirm")]
)
def test_a_budget_that_cannot_be_is_refused(numbers: tuple[int, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SweepBudget(trials=numbers[0], confirm=numbers[1])
