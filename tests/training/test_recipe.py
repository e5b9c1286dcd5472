"""The rates of every schedule by hand, and what a recipe refuses."""

from math import inf, nan
from typing import Any

import pytest
from pydantic import ValidationError

from joryu.errors import InputError
from joryu.training import Recipe


def rates(recipe: Recipe, steps: int) -> list[float]:
    return [recipe.rate(step, steps) for step in range(steps)]


def test_cosine_warms_up_in_a_line_and_comes_down_to_zero() -> None:
    found = rates(Recipe(learning_rate=1.0, warmup=0.2), 20)
    assert found[:4] == [0.25, 0.5, 0.75, 1.0]  # 20 % of 20 steps
    assert found[4] == 1.0  # the cosine begins at its peak
    assert found[19] == pytest.approx(0.0, abs=1e-15)
    # From step 4 to step 19 the cosine goes from 0 to pi: a third of the way, at step 9, it has lost a quarter.
    assert found[9] == pytest.approx(0.75)
    assert found[14] == pytest.approx(0.25)
    assert found[4:] == sorted(found[4:], reverse=True)


def test_cosine_ends_at_the_final_rate() -> None:
    found = rates(Recipe(learning_rate=0.4, warmup=0.0, final_rate=0.1), 11)
    assert found[0] == found[1] == 0.4
    assert found[10] == pytest.approx(0.04)
    assert Recipe(learning_rate=0.4, warmup=0.0, final_rate=0.1).rate(1 + 9 // 2, 11) > 0.22 > found[6]


def test_one_cycle() -> None:
    found = rates(Recipe(learning_rate=2.0, schedule="one-cycle"), 10)
    # Up over 3 steps from 1/25 of the peak: at a third of the half cosine a quarter of the way, at two thirds three.
    low = 2.0 / 25
    assert found[:4] == pytest.approx([low, low + (2 - low) * 0.25, low + (2 - low) * 0.75, 2.0])
    assert found[9] == pytest.approx(2e-4)
    assert found[6] == pytest.approx((2.0 + 2e-4) / 2)  # half-way down, from step 3 to step 9


def test_constant() -> None:
    assert rates(Recipe(learning_rate=0.3, schedule="constant"), 4) == [0.3] * 4


@pytest.mark.parametrize("schedule", ["cosine", "one-cycle", "constant"])
@pytest.mark.parametrize("steps", [1, 2, 3, 1000])
def test_rates_stay_between_zero_and_the_peak(schedule: str, steps: int) -> None:
    found = rates(Recipe.of(learning_rate=0.5, schedule=schedule, warmup=0.9), steps)
    assert min(found) >= 0
    assert max(found) <= 0.5
    assert max(found) > 0


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"epochs": 0}, "epochs is not usable (expected at least 1; received 0)"),
        ({"epochs": 1.5}, "epochs is not usable"),
        ({"batch_size": 0}, "batch_size is not usable"),
        ({"learning_rate": 0}, "learning_rate is not usable (expected greater than 0; received 0)"),
        ({"learning_rate": inf}, "learning_rate is not usable"),
        ({"learning_rate": nan}, "learning_rate is not usable"),
        ({"learning_rate": "fast"}, "received 'fast'"),
        ({"weight_decay": -1e-9}, "weight_decay is not usable"),
        ({"momentum": 1.0}, "momentum is not usable (expected less than 1; received 1.0)"),
        ({"schedule": "linear"}, "'cosine', 'one-cycle' or 'constant'"),
        ({"optimiser": "adam"}, "'adamw' or 'sgd'"),
        ({"warmup": 1}, "warmup is not usable"),
        ({"final_rate": 1.1}, "final_rate is not usable"),
        ({"clip": 0.0}, "clip is not usable"),
        ({"max_norm": -3.5}, "max_norm is not usable"),
        ({"ema": 1.0}, "ema is not usable"),
        ({"patience": 0}, "patience is not usable"),
        ({"keep": "first"}, "'best' or 'last'"),
        ({"precision": "bf16-true"}, "precision is not usable"),
        ({"seed": -1}, "seed is not usable"),
        ({"seed": 2**32}, "seed is not usable"),
        ({"learning_rates": 1.0}, "a recipe has no 'learning_rates' (expected epochs, batch_size"),
        ({"learning_rates": 1.0}, "did you mean learning_rate?"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(settings: dict[str, Any], says: str) -> None:
    for make in (Recipe.of, Recipe):
        with pytest.raises(InputError) as caught:
            make(**settings)
        assert says in str(caught.value)
        assert "\n" not in str(caught.value)


def test_it_cannot_be_changed_and_survives_json() -> None:
    recipe = Recipe(ema=0.99, patience=3)
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
    with pytest.raises(ValidationError, match="frozen"):
        recipe.epochs = 5
