"""What the trials of a sweep show: the chosen point, what cannot be told from it, edges, importance."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from scipy.special import stdtrit

from joryu.evaluation import Summary, summarise
from joryu.search.record import Chosen, Confirmation, Edge, Plateau, Spread, SweepRecord, TrialRecord
from joryu.search.setup import SweepSetup, with_width
from joryu.search.space import SETTINGS

ENOUGH = 10  #: finished trials below which nothing is said about importance
LEVEL = 0.95  #: of the difference at which a trial is off the plateau


def spread_of(values: Sequence[float]) -> Spread:
    """Mean, standard deviation and 95 % t interval of the mean."""
    found: Summary = summarise(values)
    return Spread(mean=found.mean, sd=found.sd, low=found.low, high=found.high)


def chosen_point(record: SweepRecord, setup: SweepSetup) -> Chosen | None:
    """The point with the best mean over seeds, or without confirmations the trial with the best score."""
    finished = {trial.trial: trial for trial in record.finished()}
    if not finished:
        return None
    best, score = next(iter(finished.values())), next(iter(finished.values())).score
    if record.confirmed:
        one = min(record.confirmed, key=lambda found: (record.score.order(found.over_seeds.mean), found.trial))
        best, score = finished[one.trial], one.over_seeds.mean
    return Chosen(
        trial=best.trial, values=best.values, student=with_width(setup.distillation.student, best.values),
        score=score or 0.0, confirmed=bool(record.confirmed),
    )  # fmt: skip


def compared(confirmed: Sequence[Confirmation], record: SweepRecord) -> tuple[Confirmation, ...]:
    """The confirmations, the best first, each with how far it is behind the best: paired, seed by seed."""
    best_first = sorted(confirmed, key=lambda one: (record.score.order(one.over_seeds.mean), one.trial))
    return tuple(
        one if one is best_first[0] else one.model_copy(
            update={"behind": spread_of([
                record.score.order(own) - record.score.order(best)
                for own, best in zip(one.scores, best_first[0].scores, strict=True)
            ])}
        )
        for one in best_first
    )  # fmt: skip


def plateau_of(record: SweepRecord) -> Plateau | None:
    """The trials that are no further behind the chosen point, at the sweep's one seed, than chance puts them.

    All trials have the same first weights and order, so that luck with these is the same for all of them. What is left
    to chance in the difference ``d`` of two points at one seed is seen in the confirmation, where the same two points
    differ seed by seed: ``s²`` is the mean of the variances of these differences, and a trial is on the plateau if
    ``d <= t · s``, with the 97.5 % quantile of t on ``points · (seeds - 1)`` degrees of freedom. ``None`` without a
    confirmation of two points at least.
    """
    rivals = [one for one in record.confirmed if one.behind is not None and one.behind.sd is not None]
    scores = {one.trial: record.score.order(one.score or 0.0) for one in record.finished()}
    if not rivals or record.chosen is None:
        return None
    variance = sum(one.behind.sd**2 for one in rivals if one.behind is not None and one.behind.sd is not None) / len(
        rivals
    )
    freedom = len(rivals) * (len(rivals[0].seeds) - 1)
    within = float(stdtrit(freedom, (1 + LEVEL) / 2)) * math.sqrt(variance)
    inside = [one for one in record.finished() if scores[one.trial] - scores[record.chosen.trial] <= within]
    spans = {name: _span([one.values[name] for one in inside]) for name in record.space.parts}
    return Plateau(within=within, trials=tuple(sorted(one.trial for one in inside)), spans=spans)


def _span(values: Sequence[float]) -> tuple[float, float]:
    return min(values), max(values)


def edges_of(record: SweepRecord) -> tuple[Edge, ...]:
    """The settings of the chosen point that lie at an end of what was searched."""
    found = []
    if record.chosen is None:
        return ()
    for name, part in record.space.parts.items():
        value = record.chosen.values[name]
        end = part.end_of(value)
        if end is not None:
            found.append(Edge(name=name, value=value, end=end, wider=part.wider(end, SETTINGS[name])))
    return tuple(found)


def importance_of(study: optuna.Study, trials: Sequence[TrialRecord]) -> dict[str, float] | None:
    """How much each setting decides whether a trial is among the best tenth, as shares of 1.

    PED-ANOVA (Watanabe, Bansal & Hutter 2023, "PED-ANOVA: efficiently quantifying hyperparameter importance in
    arbitrary subspaces"). ``None`` with fewer than `ENOUGH` finished trials, a single setting, or scores that
    do not tell a best tenth.
    """
    finished = [trial for trial in trials if trial.state == "finished"]
    if len(finished) < ENOUGH or len(finished[0].values) < 2:
        return None
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Target and region quantiles select the same", UserWarning)
        try:
            found = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
        except UserWarning:  # with nearly equal scores all are among the best tenth, and all shares would be equal
            return None
    return found if any(found.values()) else None
