"""Learning curves: what is fitted, how sure it is, and when nothing is said."""

from __future__ import annotations

import numpy as np
import pytest

from joryu.errors import InputError
from joryu.evaluation.learning_curve import LearningCurve, UntoldError, fit_learning_curve, hold_out_largest

SIZES = (100, 200, 400, 800, 1600)
Law = tuple[float, float, float]


def true(law: Law, size: float) -> float:
    a, b, c = law
    return a * size**-b + c


def drawn(law: Law, sd: float, seed: int, *, draws: int = 3, sizes: tuple[int, ...] = SIZES) -> dict[int, list[float]]:
    """Errors that stray from the law by a share ``sd`` of themselves."""
    rng = np.random.default_rng(seed)
    return {size: list(true(law, size) * (1 + sd * rng.standard_normal(draws))) for size in sizes}


@pytest.mark.parametrize("law", [(3.0, 0.5, 0.1), (0.9, 0.25, 0.0), (40.0, 1.0, 0.02), (2.0, 0.35, 0.6)])
def test_a_law_without_noise_is_found_again(law: Law) -> None:
    errors = {size: [true(law, size)] * 3 for size in SIZES}
    curve = fit_learning_curve(errors)
    for size in (*SIZES, 3200, 16_000):
        assert curve.at(size) == pytest.approx(true(law, size), rel=0.005)
    assert curve.b == pytest.approx(law[1], rel=0.02)
    assert curve.c == pytest.approx(law[2], abs=0.01)
    assert curve.gain(1600).value == pytest.approx(true(law, 1600) - true(law, 3200), rel=0.02)


def test_intervals_hold_what_they_promise() -> None:
    """Of 40 curves with three draws, those of 95 % hold the curve, what more brings, and the mean of new trainings."""
    law, n, held = (3.0, 0.5, 0.1), 0, np.zeros(3)
    for seed in range(40):
        try:
            curve = fit_learning_curve(drawn(law, 0.03, seed), seed=seed)
        except UntoldError:
            continue
        n += 1
        wanted = true(law, 3200), true(law, 1600) - true(law, 3200), float(np.mean(drawn(law, 0.03, 999 + seed)[1600]))
        found = curve.predict(3200), curve.gain(1600), curve.predict(1600, trainings=3)
        held += [one.low <= value <= one.high for one, value in zip(found, wanted, strict=True)]
    assert n >= 36
    assert (held / n > 0.87).all(), held / n
    assert (held < n).any(), "intervals that always hold are too wide"


def test_more_draws_are_surer_and_the_mean_of_new_trainings_is_less_sure_than_the_curve() -> None:
    def width(draws: int) -> float:
        curve = fit_learning_curve(drawn((3.0, 0.5, 0.1), 0.03, 0, draws=draws))
        found = curve.predict(3200)
        assert found.low <= found.value <= found.high
        trained = curve.predict(3200, trainings=draws)
        assert trained.high - trained.low > found.high - found.low
        return found.high - found.low

    assert width(20) < width(3) / 1.5


def test_the_same_seed_is_the_same_interval() -> None:
    errors = drawn((3.0, 0.5, 0.1), 0.03, 4)
    one, same, other = (fit_learning_curve(errors, seed=seed).gain(100) for seed in (1, 1, 2))
    assert one == same
    assert (one.value, one.low) != (other.value, other.low)


def test_what_is_flat_is_called_so_with_no_number() -> None:
    told = 0
    for seed in range(40):
        try:
            fit_learning_curve(drawn((0.0, 1.0, 0.4), 0.03, seed))
            told += 1
        except UntoldError as error:
            assert "cannot be told from a flat line" in str(error)
    assert told <= 6  # one in twenty is called falling by chance
    with pytest.raises(UntoldError, match="flat line"):
        fit_learning_curve({size: [0.1 + size / 4000] * 3 for size in SIZES})  # it rises


def test_another_law_is_called_so_with_no_number() -> None:
    steps = zip(SIZES, (0.9, 0.9, 0.9, 0.3, 0.1), strict=True)
    errors = {size: [value + stray for stray in (-0.001, 0.0, 0.001)] for size, value in steps}
    with pytest.raises(UntoldError, match="do not fall as a power law"):
        fit_learning_curve(errors)


def test_the_largest_is_foretold_by_the_smaller_ones() -> None:
    inside = []
    for seed in range(20):
        errors = drawn((3.0, 0.5, 0.1), 0.03, seed, sizes=(*SIZES, 3200))
        try:
            found = hold_out_largest(errors)
        except UntoldError:
            continue
        assert found.size == 3200
        assert found.observed == pytest.approx(np.mean(errors[3200]))
        inside.append(found.inside)
    assert np.mean(inside) > 0.8
    errors = drawn((3.0, 0.5, 0.1), 0.01, 1)
    assert not hold_out_largest({**errors, 3200: [2 * errors[1600][0]] * 3}).inside


def curve() -> LearningCurve:
    return fit_learning_curve(drawn((3.0, 0.5, 0.1), 0.01, 0))


def test_it_is_not_followed_too_far() -> None:
    found = curve()
    assert found.at(16_000) < found.at(1600)
    for ask in (found.at, found.predict):
        with pytest.raises(InputError, match="ten times the largest"):
            ask(16_001)
    with pytest.raises(InputError, match="ten times the largest"):
        found.gain(14_401)
    with pytest.raises(InputError):
        found.at(0)


@pytest.mark.parametrize(
    "errors",
    [
        {100: [1.0] * 3, 200: [0.9] * 3, 400: [0.8] * 3},
        {size: [1 / size] * 2 for size in SIZES},
        {size: [1 / size] * (3 + (size == 400)) for size in SIZES},
        {},
        {size: [0.0] * 3 for size in SIZES},
        {size: [float("nan")] * 3 for size in SIZES},
        {0: [1.0] * 3, **{size: [1 / size] * 3 for size in SIZES}},
    ],
)
def test_what_is_no_curve_is_refused(errors: dict[int, list[float]]) -> None:
    with pytest.raises(InputError):
        fit_learning_curve(errors)


def test_a_share_that_is_no_confidence_is_refused() -> None:
    with pytest.raises(InputError, match="confidence"):
        fit_learning_curve(drawn((3.0, 0.5, 0.1), 0.01, 0), confidence=1.0)


def test_the_unit_of_the_errors_changes_nothing_but_the_unit() -> None:
    errors = drawn((3.0, 0.5, 0.1), 0.03, 4)
    plain, scaled = (
        fit_learning_curve({size: [unit * one for one in row] for size, row in errors.items()}) for unit in (1, 1e-5)
    )
    assert (scaled.b, scaled.p_flat) == (pytest.approx(plain.b), plain.p_flat)
    assert (scaled.a, scaled.c) == (pytest.approx(1e-5 * plain.a), pytest.approx(1e-5 * plain.c, abs=1e-10))
    one, other = plain.predict(3200, trainings=3), scaled.predict(3200, trainings=3)
    assert (other.value, other.low, other.high) == pytest.approx(
        (1e-5 * one.value, 1e-5 * one.low, 1e-5 * one.high), rel=1e-4
    )


def test_neither_the_order_of_the_sizes_nor_that_of_the_draws_matters_to_the_curve() -> None:
    errors = drawn((3.0, 0.5, 0.1), 0.03, 4)
    plain = fit_learning_curve(errors)
    turned = fit_learning_curve({size: row[::-1] for size, row in reversed(errors.items())})
    assert (turned.a, turned.b, turned.c) == pytest.approx((plain.a, plain.b, plain.c))
    assert turned.p_misfit == pytest.approx(plain.p_misfit)
    assert list(turned.errors) == sorted(errors)


def test_every_interval_holds_its_value_and_none_is_below_nothing() -> None:
    for seed in range(4):
        curve = fit_learning_curve(drawn((0.9, 0.6, 0.0), 0.02, seed))
        for found in (curve.predict(100), curve.predict(16_000), curve.predict(3200, trainings=1), curve.gain(1600)):
            assert 0 <= found.low <= found.value <= found.high
        assert curve.gain(0).value == 0
        assert curve.gain(3200).value > curve.gain(1600).value


@pytest.mark.parametrize("largest", [[], [0.2, float("nan"), 0.2], [0.2, float("inf")]])
def test_a_largest_size_of_which_nothing_is_known_is_refused(largest: list[float]) -> None:
    errors = {**drawn((3.0, 0.5, 0.1), 0.03, 1), 3200: largest}
    with pytest.raises(InputError, match=r"3,?200"):
        hold_out_largest(errors)


@pytest.mark.parametrize("trainings", [0, -3])
def test_the_mean_of_no_training_is_not_foretold(trainings: int) -> None:
    with pytest.raises(InputError, match="trainings"):
        curve().predict(800, trainings=trainings)
