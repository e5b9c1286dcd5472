"""Rules of ensembles as they are typed, and what tells one ensemble from another."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joryu.errors import InputError
from joryu.questions import Link
from joryu.targets.combination import Combination, Rule, ensemble_fingerprint


@pytest.mark.parametrize("spec", ["soft", "vote", "logits", "power=0.1", "power=-2", "power=inf", "soft,weights=2/1",
                                  "power=0.30000000000000004,weights=0.1/0.2/0.7"])  # fmt: skip
def test_a_rule_is_written_as_it_is_read(spec: str) -> None:
    assert str(Combination.parse(spec)) == spec


def test_soft_and_logits_are_power_means() -> None:
    found = [Combination.parse(spec).exponent for spec in ("soft", "logits", "power=0.5", "vote")]
    assert found == [1.0, 0.0, 0.5, None]


@pytest.mark.parametrize("spec", ["", "power", "power=", "power=a", "soft=2", "soft,weights", "soft,weights=", "hard",
                                  "soft,weights=1/x", "soft,shares=1/2", "soft,weights=1/2,weights=1"])  # fmt: skip
def test_what_is_no_rule_is_refused_with_the_rules_that_there_are(spec: str) -> None:
    with pytest.raises(InputError, match=r"unknown rule of an ensemble.*power=U"):
        Combination.parse(spec)


def test_a_slip_is_mended() -> None:
    with pytest.raises(InputError, match="did you mean vote"):
        Combination.parse("vota")


@pytest.mark.parametrize("spec", ["soft,weights=-1/2", "soft,weights=0/0", "soft,weights=inf/1", "soft,weights=nan/1"])
def test_weights_that_cannot_be_shared_out_are_refused(spec: str) -> None:
    with pytest.raises(InputError, match="weights"):
        Combination.parse(spec)


@pytest.mark.parametrize(
    "given", [{"rule": Rule.POWER}, {"rule": "soft", "power": 1.0}, {"rule": "power", "power": math.nan}]
)
def test_an_exponent_belongs_to_the_power_mean(given: dict[str, object]) -> None:
    with pytest.raises(InputError, match="power"):
        Combination(**given)  # type: ignore[arg-type]


def test_weights_are_shared_out() -> None:
    assert Combination().shares(4) == (0.25,) * 4
    assert Combination(weights=(6, 3, 0)).shares(3) == (2 / 3, 1 / 3, 0)
    with pytest.raises(InputError, match=r"one weight for each member.*expected 3.*received 2/1"):
        Combination(weights=(2, 1)).shares(3)


def test_numbers_have_a_mean_and_nothing_else() -> None:
    Combination.parse("soft,weights=1/2").require_link(Link.IDENTITY)
    for spec in ("vote", "logits", "power=2"):
        with pytest.raises(InputError, match="these answers are numbers"):
            Combination.parse(spec).require_link(Link.IDENTITY)


def test_a_fingerprint_is_that_of_what_would_change_the_answers() -> None:
    def of(spec: str, members: tuple[str, ...] = ("a", "b")) -> str:
        return ensemble_fingerprint(Combination.parse(spec), members)

    others = [of("soft"), of("vote"), of("logits"), of("power=2"), of("soft,weights=2/1"), of("soft,weights=1/2"),
              of("soft", ("b", "a")), of("soft", ("a", "b", "c")), of("soft", ("a", "a"))]  # fmt: skip
    assert len(set(others)) == len(others)
    assert of("soft,weights=3/3") == of("soft") == of("power=1")
    assert of("soft,weights=4/2") == of("soft,weights=2/1")
    assert of("power=0") == of("logits")


WEIGHTS = st.lists(st.floats(1e-3, 1e9) | st.integers(0, 9).map(float), max_size=5).map(tuple)
RULES = st.tuples(st.sampled_from(["soft", "vote", "logits"]), st.none()) | st.tuples(
    st.just("power"), st.floats(allow_nan=False)
)


@given(RULES, WEIGHTS.filter(lambda weights: not weights or sum(weights) > 0))
def test_whatever_the_rule_it_is_read_as_it_was_written(
    rule: tuple[str, float | None], weights: tuple[float, ...]
) -> None:
    combination = Combination(*rule, weights)  # type: ignore[arg-type]
    assert Combination.parse(str(combination)) == combination
    shares = combination.shares(len(weights) or 3)
    assert sum(shares) == pytest.approx(1) and min(shares) >= 0
    assert all(bool(share) == bool(weight) for share, weight in zip(shares, weights, strict=bool(weights)))


@given(st.lists(st.integers(0, 999), min_size=1, max_size=4).filter(any), st.sampled_from([2, 4, 0.5, 1024]))
def test_only_the_ratios_of_weights_make_another_ensemble(weights: list[int], factor: float) -> None:
    members = [f"m{at}" for at in range(len(weights))]
    one, other = (Combination(weights=tuple(by * weight for weight in weights)) for by in (1, factor))
    assert ensemble_fingerprint(one, members) == ensemble_fingerprint(other, members)
