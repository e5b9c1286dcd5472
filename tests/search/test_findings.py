"""What follows from the scores of a sweep, by hand."""

from __future__ import annotations

import math
from pathlib import Path

import made_up
import pytest
from scipy.stats import t as student_t

from joryu.search.command import explicit_command
from joryu.search.words import in_words


def test_without_confirmation_the_best_score_is_chosen() -> None:
    found = made_up.record(again={})
    assert found.chosen is not None
    assert (found.chosen.trial, found.chosen.score, found.chosen.confirmed) == (3, 0.28, False)
    assert found.plateau is None
    assert "by one seed" in in_words(found, Path("sweep"))


def test_with_it_the_best_mean_over_seeds_is_chosen() -> None:
    found = made_up.record()
    assert found.chosen is not None
    assert (found.chosen.trial, found.chosen.confirmed) == (6, True)
    assert found.chosen.score == pytest.approx(0.36)
    first, second, third = found.confirmed
    assert [first.trial, second.trial, third.trial] == [6, 1, 3]
    assert first.behind is None and second.behind is not None and third.behind is not None
    assert second.behind.mean == pytest.approx((0.02 + 0.00 + 0.01) / 3)
    assert second.behind.sd == pytest.approx(0.01)
    half = student_t.ppf(0.975, 2) * first.over_seeds.sd / math.sqrt(3)
    assert first.over_seeds.high == pytest.approx(0.36 + half)


def test_the_plateau_is_what_paired_chance_explains() -> None:
    """The differences are (.02, .00, .01) with sd .01, and (.03, .03, .00) with sd .0173: pooled .01414."""
    found = made_up.record()
    assert found.plateau is not None
    assert found.plateau.within == pytest.approx(student_t.ppf(0.975, 4) * math.sqrt((0.01**2 + 0.0003) / 2))
    assert found.plateau.trials == (1, 3, 6)  # .34 is .05 behind .29, and .0393 is explained
    assert found.plateau.spans == {"temperature": (1.0, 3.0), "hard_weight": (0.1, 0.3)}
    assert "one seed cannot tell it from 2 other trials: temperature 1 to 3" in in_words(found, Path("sweep"))


def test_a_higher_score_can_be_the_better_one() -> None:
    found = made_up.record(again={}, lower=False)
    assert found.chosen is not None and found.chosen.trial == 3
    assert [one.trial for one in found.finished()] == [3, 6, 1, 2, 4]


def test_a_choice_at_an_end_is_told() -> None:
    found = made_up.record(again={})
    (edge,) = found.edges
    assert (edge.name, edge.end, edge.wider) == ("temperature", "low", "0.05..20:log")
    said = in_words(found, Path("sweep"))
    assert "temperature 1 lies at the low end of 1..20:log: widen it, with --search temperature=0.05..20:log" in said


def test_the_command_needs_no_sweep() -> None:
    assert explicit_command(made_up.record()) == (
        "joryu distill --student mlp:8x1 --examples digits --split train --targets targets --temperature 3"
        " --hard-weight 0.1 --divergence kl-forward --test 0 --epochs 4 --out run --twin"
    )
