"""Which trials of a study count, and how they are numbered.

Optuna never takes a trial back. One whose process died stays in the study as failed, and what it was trying is queued
as a new trial that says whom it ``repeats``. Both are one trial of the sweep: they have one number, one place and one
folder, and the repetition goes on from the checkpoint of the first attempt.
"""

from __future__ import annotations

from collections.abc import Sequence

from optuna.trial import FrozenTrial, TrialState

REPEATS = "repeats"  #: the attribute of a repetition: Optuna's number of the attempt whose process died
WITHDRAWN = "withdrawn"  #: the attribute of a trial that was asked for when the last one had just gone to another


def number_of(trials: Sequence[FrozenTrial], trial: FrozenTrial) -> int:
    """The number of a trial in its sweep, from 1.

    It never changes, for nothing is ever put before a trial: Optuna numbers them as they come.
    """
    by_number = {one.number: one for one in trials} | {trial.number: trial}
    while REPEATS in trial.user_attrs:
        trial = by_number[trial.user_attrs[REPEATS]]
    return 1 + trial.number - sum(REPEATS in one.user_attrs for one in trials if one.number < trial.number)


def attempts(trials: Sequence[FrozenTrial]) -> dict[int, list[FrozenTrial]]:
    """The attempts at each trial of the sweep, by its number, the last one last; what was withdrawn is left out."""
    found: dict[int, list[FrozenTrial]] = {}
    for trial in sorted(trials, key=lambda one: one.number):
        if WITHDRAWN not in trial.user_attrs:
            found.setdefault(number_of(trials, trial), []).append(trial)
    return dict(sorted(found.items()))


def died(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The attempts whose process died, and which nobody has queued again yet."""
    repeated = {one.user_attrs.get(REPEATS) for one in trials}
    return [
        one
        for one in trials
        if one.state is TrialState.FAIL and WITHDRAWN not in one.user_attrs and one.number not in repeated
    ]
