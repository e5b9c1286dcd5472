"""What `estimators` writes down, from cases worked out by hand; it is played small in `test_smoke`."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from joryu.examples import Examples
from joryu.experiments.estimator_tables import TableParts, fitted, parts_of
from joryu.experiments.estimators import TEACHERS, most_frequent, quality, summed_up
from joryu.questions import Question
from joryu.teachers.foreign.columns import Columns


def parts(examples: Examples, taught: list[int]) -> TableParts:
    rest = [row for row in range(len(examples)) if row not in taught]
    return TableParts(examples.select(taught), examples.select(rest), Columns((), (), (), (), ()))


def test_what_is_said_of_numbers() -> None:
    labels = torch.tensor([[9.0], [1.0], [3.0]])
    prices = parts(Examples.of(torch.arange(3.0)[:, None], labels, question=Question.numbers(["price"])), [0])
    sure = quality({"main": torch.tensor([[1.0], [4.0]]), "log_variance": torch.zeros(2, 1)}, prices)
    assert sure == pytest.approx({
        "score": 50.0, "rmse": math.sqrt(0.5), "nll": 0.5 * math.log(2 * math.pi) + 0.25, "coverage": 100.0
    })  # fmt: skip
    alone = quality({"main": torch.tensor([[1.0], [4.0]])}, prices)
    assert alone == pytest.approx({"score": 50.0, "rmse": math.sqrt(0.5)})


def test_what_is_said_of_classes_and_kept_above_the_simplest_guess() -> None:
    labels = torch.tensor([1, 1, 0, 1, 0, 0, 1])
    kinds = parts(Examples.of(torch.arange(7.0)[:, None], labels, classes=["a", "b"]), [0, 1, 2])
    assert most_frequent(kinds) == 50  # b is most frequent among those that teach, and half of those that judge
    found = quality({"main": torch.tensor([[0.0, 9.0], [9.0, 0.0], [0.0, 9.0], [0.0, 9.0]])}, kinds)
    assert found["score"] == 75
    least = {f"{table}_{name}_{what}": value for name in TEACHERS for table, value in (("wine", 4.0), ("digits", 2.0))
             for what in ("kept", "smaller", "faster_row", "faster_batch")}  # fmt: skip
    summed = summed_up(least)
    assert (summed["forest_kept"], summed["boosting_smaller"], summed["process_faster_row"]) == (3.0, 2.0, 2.0)


def test_estimators_learn_from_the_numbers_of_the_table_and_a_seed_draws_who_judges(tmp_path: Path) -> None:
    wine, other = parts_of("wine", 0, tmp_path), parts_of("wine", 1, tmp_path)
    assert (len(wine.teaching), len(wine.test)) == (133, 45)
    assert not set(wine.teaching.ids[:, 0]) & set(wine.test.ids[:, 0])
    assert set(wine.test.ids[:, 0]) != set(other.test.ids[:, 0])
    rows = wine.rows(wine.teaching)
    assert rows[:, wine.raw.names.index("proline")].max() > 1000  # not standardised
    assert fitted("process", wine, 0).score(rows, wine.targets) > 0.95
    digits = parts_of("digits", 0, tmp_path)
    assert (len(digits.teaching), digits.teaching.inputs.shape[1]) == (1348, 61)  # three pixels never vary
