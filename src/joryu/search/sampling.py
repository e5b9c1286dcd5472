"""Samplers and pruners by name; a sampler draws from the sweep's seed and the number of the trial alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial

from joryu.search.numbering import number_of

STARTUP = 10  #: trials that TPE draws at random before it models anything
BEFORE_PRUNING = 5  #: trials that must have finished before the median of their epochs stops another
UNPRUNED = 4  #: no trial is stopped in the first such part of its epochs

SAMPLERS: Mapping[str, Callable[[int], BaseSampler]] = {
    "tpe": lambda seed: TPESampler(seed=seed, n_startup_trials=STARTUP),
    "random": lambda seed: RandomSampler(seed=seed),
}
"""By name: tree-structured Parzen estimators (Bergstra et al. 2011; Watanabe 2023), or independent draws."""

PRUNERS: Mapping[str, Callable[[int], BasePruner]] = {
    "median": lambda epochs: MedianPruner(n_startup_trials=BEFORE_PRUNING, n_warmup_steps=max(1, epochs // UNPRUNED)),
    "none": lambda _: NopPruner(),
}
"""By name: stop a trial whose best epoch so far is worse than the median of the others at that epoch, or none."""


class ByTrial(BaseSampler):
    """A sampler whose draws depend on the seed, the trial's number and what was found before, and on nothing else.

    A sampler of Optuna goes on with its random state from trial to trial. A sweep that was killed and begun again would
    then draw the first trials' values once more. Here every trial has a sampler of its own, seeded by a hash of the
    sweep's seed and the trial's number, so that a sweep which was interrupted tries what it would have tried.

    Args:
        make: a row of `SAMPLERS`.
        seed: the sweep's seed.
    """

    def __init__(self, make: Callable[[int], BaseSampler], seed: int) -> None:
        self._make, self._seed = make, seed
        self._numbers: dict[int, int] = {}  # by Optuna's own: reading all trials takes longer than drawing

    def _of(self, study: Study, trial: FrozenTrial, name: str = "") -> BaseSampler:
        if trial.number not in self._numbers:
            self._numbers[trial.number] = number_of(study.get_trials(deepcopy=False), trial)
        number = self._numbers[trial.number]
        drawn = hashlib.blake2b(f"{self._seed} {number} {name}".encode(), digest_size=4).digest()
        return self._make(int.from_bytes(drawn, "little"))

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The settings that are drawn together."""
        return self._of(study, trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw the settings that are drawn together."""
        return self._of(study, trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw one setting by itself."""
        return self._of(study, trial, param_name).sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: Any, values: Sequence[float] | None) -> None:
        """Nothing is kept from trial to trial."""
