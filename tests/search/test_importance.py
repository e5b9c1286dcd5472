"""Which settings decided, by Optuna's own study, and what does not depend on the scale of a score."""

from __future__ import annotations

import made_up
import optuna
import pytest
from optuna.trial import TrialState, create_trial

from joryu.search import SearchSpace
from joryu.search.findings import ENOUGH, chosen_point, compared, importance_of, plateau_of, spread_of
from joryu.search.record import Confirmation, SweepRecord, TrialRecord, trial_record

SPACE = SearchSpace.parse(["temperature=1..20", "hard-weight=0..1"])


def studied(n: int, space: SearchSpace = SPACE, *, flat: bool = False) -> tuple[optuna.Study, list[TrialRecord]]:
    """A study in which temperature alone decides; the hard weight takes every value beside each."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for at in range(n):
        point = {"temperature": 1 + 19 * at / max(1, n - 1), "hard_weight": (at * 7 % 11) / 11}
        study.add_trial(
            create_trial(
                params={name: point[name] for name in space.parts}, distributions=space.distributions(),
                value=0.5 if flat else point["temperature"],
            )
        )  # fmt: skip
    return study, [trial_record(1 + one.number, [one], space, 4) for one in study.trials]


def test_what_decides_has_nearly_all_of_the_importance() -> None:
    found = importance_of(*studied(40))
    assert found is not None
    assert list(found) == ["temperature", "hard_weight"]
    assert sum(found.values()) == pytest.approx(1)
    assert found["temperature"] > 0.8


def test_of_few_trials_of_one_setting_and_of_equal_scores_nothing_is_said() -> None:
    assert importance_of(*studied(ENOUGH)) is not None
    assert importance_of(*studied(ENOUGH - 1)) is None
    assert importance_of(*studied(ENOUGH + 5, SearchSpace.parse(["temperature=1..20"]))) is None
    assert importance_of(*studied(ENOUGH + 5, flat=True)) is None


def test_trials_that_were_stopped_do_not_make_enough() -> None:
    study, trials = studied(ENOUGH - 1)
    stopped = create_trial(state=TrialState.PRUNED, params=study.trials[0].params, distributions=SPACE.distributions())
    study.add_trial(stopped)
    assert importance_of(study, [*trials, trial_record(ENOUGH, [study.trials[-1]], SPACE, 4)]) is None


def concluded(factor: float, *, lower: bool = True) -> SweepRecord:
    """The made-up sweep with all scores times a factor."""
    record = made_up.record(again={}, lower=lower)
    trials = tuple(
        one if one.score is None else one.model_copy(update={"score": factor * one.score}) for one in record.trials
    )
    sign = 1 if lower else -1
    confirmed = [
        Confirmation(trial=trial, seeds=(1, 2, 3), scores=scores, over_seeds=spread_of(scores))
        for trial, again in made_up.AGAIN.items()
        for scores in [tuple(factor * sign * score for score in again)]
    ]
    record = record.model_copy(update={"trials": trials})
    record = record.model_copy(update={"confirmed": compared(confirmed, record)})
    record = record.model_copy(update={"chosen": chosen_point(record, made_up.setup())})
    return record.model_copy(update={"plateau": plateau_of(record)})


@pytest.mark.parametrize("factor", [1e-6, 3.0, 1e4])
@pytest.mark.parametrize("lower", [True, False])
def test_the_choice_and_its_equals_do_not_depend_on_the_unit_or_the_direction_of_the_score(
    factor: float, lower: bool
) -> None:
    plain, found = concluded(1.0), concluded(factor, lower=lower)
    assert plain.chosen is not None and found.chosen is not None
    assert (found.chosen.trial, found.chosen.values) == (plain.chosen.trial, plain.chosen.values)
    assert [one.trial for one in found.confirmed] == [one.trial for one in plain.confirmed]
    assert plain.plateau is not None and found.plateau is not None
    assert (found.plateau.trials, found.plateau.spans) == (plain.plateau.trials, plain.plateau.spans)
    assert found.plateau.within == pytest.approx(factor * plain.plateau.within)
    for one, other in zip(found.confirmed[1:], plain.confirmed[1:], strict=True):
        assert one.behind is not None and other.behind is not None
        assert one.behind.mean == pytest.approx(factor * other.behind.mean) and one.behind.mean > 0


def test_seeds_that_all_agree_put_only_equals_on_the_plateau() -> None:
    again = {3: (0.5, 0.6, 0.7), 6: (0.6, 0.7, 0.8)}
    found = made_up.record(again=again)
    assert found.plateau is not None
    assert found.plateau.within == pytest.approx(0, abs=1e-12)
    assert found.plateau.trials == (3,)
    assert found.plateau.spans == {"temperature": (1.0, 1.0), "hard_weight": (0.3, 0.3)}


def test_a_single_confirmed_point_tells_nothing_of_the_others() -> None:
    found = made_up.record(again={6: (0.3, 0.4, 0.5)})
    assert found.chosen is not None and found.chosen.trial == 6 and found.chosen.confirmed
    assert found.plateau is None
