"""How a set is dealt out: the parts that teach, validate and judge, and the labels that are hidden."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from scenes import SETUP, digits, ids_of, recipe

from joryu.errors import InputError
from joryu.examples import UNLABELLED
from joryu.students import Blueprint
from joryu.targets import Store
from joryu.training import Run, TrainingData, read_history, read_run
from joryu.training.distill import distill
from joryu.training.on_labels import train_on_labels
from joryu.training.setup import DistillationSetup, split_parts


@pytest.mark.parametrize(("validation", "test", "sizes"), [(0.1, 0.0, (288, 32, 0)), (0.1, 0.2, (224, 32, 64))])
def test_parts_are_disjoint_and_of_the_sizes_asked_for(
    validation: float, test: float, sizes: tuple[int, int, int]
) -> None:
    parts = split_parts(digits(), DistillationSetup(validation=validation, test=test), seed=0)
    found = [ids_of(one) for one in parts]
    assert tuple(len(one) for one in found) == sizes
    assert set.union(*found) == ids_of(digits())
    again = split_parts(digits(), DistillationSetup(validation=validation, test=test), seed=0)
    assert [ids_of(one) for one in again] == found
    other = split_parts(digits(), DistillationSetup(validation=validation, test=test), seed=1)
    assert ids_of(other.validation) != found[1]


def test_the_test_part_is_the_same_whatever_is_done_with_the_rest() -> None:
    plain, other = (
        split_parts(digits(), setup, 0)
        for setup in (DistillationSetup(test=0.2), DistillationSetup(test=0.2, labelled=0.3))
    )
    assert ids_of(plain.test) == ids_of(other.test)
    assert ids_of(plain.teaching) == ids_of(other.teaching)


def test_labels_are_hidden_by_share_and_class_and_only_where_one_is_taught() -> None:
    parts = split_parts(digits(), DistillationSetup(labelled=0.25), seed=0)
    shown = parts.teaching.labels_or_empty != UNLABELLED
    assert int(shown.sum()) == 72  # a quarter of 288
    counts = torch.bincount(parts.teaching.labels_or_empty[shown], minlength=10)
    everybody = torch.bincount(
        split_parts(digits(), DistillationSetup(), seed=0).teaching.labels_or_empty, minlength=10
    )
    assert ((counts - everybody / 4).abs() <= 1).all()
    assert (parts.validation.labels_or_empty != UNLABELLED).all()
    with pytest.raises(InputError, match="at least one label for each of 10 classes"):
        split_parts(digits(), DistillationSetup(labelled=0.02), seed=0)


def test_what_nobody_labelled_stays_unlabelled() -> None:
    examples = digits().hide_labels(torch.arange(0, 320, 2))
    parts = split_parts(examples, DistillationSetup(labelled=0.5), seed=0)
    known = dict(zip((words.tobytes() for words in examples.ids), examples.labels_or_empty.tolist(), strict=True))
    shown = (parts.teaching.labels_or_empty != UNLABELLED).nonzero().flatten().tolist()
    assert 60 < len(shown) < 85
    for row in shown:
        assert known[parts.teaching.ids[row].tobytes()] == int(parts.teaching.labels_or_empty[row])


@pytest.mark.parametrize(
    "given",
    [{"validation": 0.0}, {"validation": 1.0}, {"test": -0.1}, {"test": 0.95}, {"labelled": 0.0}, {"labelled": 1.1}],
)
def test_shares_that_leave_nothing(given: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        DistillationSetup(**given)


def test_a_teacher_is_trained_on_labels_alone(tmp_path: Path) -> None:
    some = digits().hide_labels(torch.arange(0, 320, 4))
    run = Run(tmp_path)
    trained = train_on_labels("mlp:8x1", some, views="shift:1", validation=0.25, recipe=recipe(), run=run)
    record = read_run(tmp_path)["request"]
    assert (record["examples"]["n"], record["validation"]["n"], record["views"]) == (180, 60, "shift:1")
    assert len(trained.history) == len(read_history(tmp_path)) == 3


def test_a_teacher_holds_out_the_part_that_judges_its_student(store: Store, tmp_path: Path) -> None:
    """Even where some examples have no label: they are dealt out with the others, and left out afterwards."""
    some, seen = digits().hide_labels(torch.arange(0, 320, 4)), []

    def look(blueprint: Blueprint, data: TrainingData, **_: Any) -> None:
        seen.extend([ids_of(data.examples), ids_of(data.validation)])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("joryu.training.on_labels.train", look)
        train_on_labels("mlp:8x1", some, validation=0.2, test=0.2, recipe=recipe(), run=Run(tmp_path / "teacher"))
    setup = replace(SETUP, test=0.2)
    evaluation_set = ids_of(distill(some, store, setup=setup, recipe=recipe(), run=Run(tmp_path / "run")).parts.test)
    assert len(evaluation_set) == 64
    assert not evaluation_set & set.union(*seen)
    assert set.union(*seen) == ids_of(some.labelled()) - evaluation_set
    with pytest.raises(InputError, match="nothing is left"):
        train_on_labels("mlp:8x1", some, validation=0.5, test=0.5, recipe=recipe(), run=Run(tmp_path / "x"))
