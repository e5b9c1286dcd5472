"""`Queue`: the trials of a sweep, taken one by one, by one process or by many, and never lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from joryu.search.numbering import REPEATS, WITHDRAWN, attempts, died, number_of
from joryu.search.sampling import PRUNERS, SAMPLERS, ByTrial
from joryu.search.setup import SweepSetup
from joryu.search.space import SearchSpace
from joryu.search.storage import GRACE, alive, asking, fail_dead, open_storage

_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Taken:
    """A trial that this process is to run: its ``number`` in the sweep, and the point that it tries."""

    trial: Trial
    number: int
    values: Mapping[str, float]


class Queue:
    """The trials of one sweep in its storage.

    Args:
        url: of the storage.
        shared: whether other processes may be at it. Without, whatever was running when this one began is dead.
        study: the study in the storage.
        storage: the storage, opened.
        space: what is searched.
    """

    def __init__(self, url: str, study: optuna.Study, storage: RDBStorage, space: SearchSpace, *, shared: bool) -> None:
        self.url, self.study, self.shared = url, study, shared
        self._storage, self.space = storage, space

    @classmethod
    @contextmanager
    def opened(cls, url: str, name: str, setup: SweepSetup, *, lower: bool, shared: bool) -> Iterator[Self]:
        """Open the study ``name``, made if there is none, within a ``with`` block.

        ``lower`` says that the lowest score is the best.

        Raises:
            JoryuError: the storage cannot be opened, read or written.
        """
        storage = open_storage(url)
        try:
            with asking(url):
                study = optuna.create_study(
                    storage=storage, study_name=name, load_if_exists=True,
                    direction="minimize" if lower else "maximize",
                    sampler=ByTrial(SAMPLERS[setup.sampler], setup.recipe.seed),
                    pruner=PRUNERS[setup.pruner](setup.recipe.epochs),
                )  # fmt: skip
                queue = cls(url, study, storage, setup.space, shared=shared)
                if not shared:
                    queue._give_up_running()
                yield queue
        finally:
            storage.engine.dispose()

    def trials(self) -> dict[int, list[FrozenTrial]]:
        """The attempts at each trial, by its number, the last one last."""
        return attempts(self.study.get_trials(deepcopy=False))

    def take(self, budget: int) -> Taken | None:
        """The next trial to run, or ``None`` if ``budget`` trials are there.

        Trials whose process died come first: they are queued again with what they were trying.
        """
        if self.shared:
            for number in fail_dead(self.url, self.study.study_name):
                self._queue_dead(of=number)
        self._queue_dead()
        known = self.trials()
        waits = any(tried[-1].state is TrialState.WAITING for tried in list(known.values())[:budget])
        if len(known) >= budget and not waits:
            return None
        trial = self.study.ask(self.space.distributions())
        if self.shared:
            self._storage.record_heartbeat(self._id_of(trial.number))  # without a first sign none is ever missed
        everyone = self.study.get_trials(deepcopy=False)
        number = next(number_of(everyone, one) for one in everyone if one.number == trial.number)
        if REPEATS not in trial.user_attrs and number not in list(attempts(everyone))[:budget]:
            trial.set_user_attr(WITHDRAWN, True)  # another process took the last one at the same time
            self.study.tell(trial, state=TrialState.FAIL)
            return None
        return Taken(trial, number, self.space.rounded(trial.params))

    def alive(self, taken: Taken) -> Any:
        """Tell others that a trial is running, within a ``with`` block."""
        return alive(self._storage, self._id_of(taken.trial.number)) if self.shared else nullcontext()

    def finish(
        self, taken: Taken, state: TrialState, score: float | None = None, kept: Mapping[str, Any] = _NOTHING
    ) -> None:
        """Keep what came of a trial: its score, and what else is ``kept``.

        If others gave it up in the meantime, what they make of it stands.
        """
        try:
            for name, value in kept.items():
                taken.trial.set_user_attr(name, value)
            self.study.tell(taken.trial, score, state=state, skip_if_finished=True)
        except UpdateFinishedTrialError:
            return

    def give_back(self, taken: Taken) -> None:
        """Queue a trial that was interrupted, for whoever takes the next one."""
        self._fail(taken.trial.number)
        self._queue_dead(of=taken.trial.number)

    def others_run(self, budget: int) -> int:
        """How many of the first ``budget`` trials are not finished yet."""
        unfinished = (TrialState.RUNNING, TrialState.WAITING)
        return sum(tried[-1].state in unfinished for tried in list(self.trials().values())[:budget])

    def _give_up_running(self) -> None:
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            self._fail(trial.number)

    def _fail(self, number: int) -> None:
        try:
            self._storage.set_trial_state_values(self._id_of(number), TrialState.FAIL)
        except UpdateFinishedTrialError:  # it was finished, or given up by another, just now
            return

    def _queue_dead(self, of: int | None = None) -> None:
        """Queue what died, or one trial ``of`` them. What another process gave up is left to it for a while."""
        ago = timedelta(seconds=GRACE if self.shared and of is None else 0)
        for trial in died(self.study.get_trials(deepcopy=False)):
            since = datetime.now() - (trial.datetime_complete or datetime.now())  # without a zone, as Optuna's are
            if of in (None, trial.number) and since >= ago:
                tried = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
                self.study.enqueue_trial(tried, user_attrs={REPEATS: trial.number})

    def _id_of(self, number: int) -> int:
        study = self._storage.get_study_id_from_name(self.study.study_name)
        return self._storage.get_trial_id_from_study_id_trial_number(study, number)
