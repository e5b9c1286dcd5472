"""Run one trial of a sweep: distil its point, report each epoch, and keep what came of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from joryu.errors import DivergedError, InputError
from joryu.examples import Examples
from joryu.search.queue import Queue, Taken
from joryu.search.record import CONFIRMATIONS, DIVERGED, SAME_AS, TRIALS, ScoreRule
from joryu.search.run import SweepRun
from joryu.search.setup import SweepSetup
from joryu.search.space import Values
from joryu.targets import Store
from joryu.training import Run, Trained
from joryu.training.checkpoint import TrainingProgress, clean
from joryu.training.distill import distill
from joryu.training.run import Watch


class _PrunedError(Exception):
    """The trial is worse than the median of the others; the loop lets it through."""


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """Trains points of a sweep: the same examples, store, parts and machinery as ``joryu distill`` for all of them."""

    examples: Examples
    targets: Store
    setup: SweepSetup
    score: ScoreRule
    run: SweepRun
    done: int = 0  #: how many trials have ended, when points are confirmed

    def train(self, folder: Path, values: Values, *, watch: Watch | None, seed: int | None = None) -> Trained:
        """Distil one point in a run folder, or go on with it; a finished one is only read."""
        setup, recipe = self.setup.applied(values, seed=seed)
        run = Run(folder, command=self.run.command, watch=watch, notes=self.run.notes)
        return distill(self.examples, self.targets, setup=setup, recipe=recipe, run=run).student

    def score_of(self, done: Trained) -> float:
        """The score of the epoch that a trial kept.

        Raises:
            InputError: the trial was not validated by this score.
            DivergedError: the score is not finite.
        """
        found = done.chosen.get(self.score.key)
        if not isinstance(found, int | float):
            there = [name for name in done.chosen if name.startswith("validation_")]
            raise InputError(
                f"{done.folder} has no {self.score.key}, by which this sweep compares",
                received=", ".join(there) or None, hint="try --by loss, or a larger --validation",
            )  # fmt: skip
        if not math.isfinite(found):
            raise DivergedError("the score is not finite", received=found)
        return float(found)

    def again(self, values: Values, trial: int, seed: int) -> float:
        """The score of a point with another seed for weights and order; the parts of the examples stay the same.

        Raises:
            DivergedError: it does not train with this seed.
        """
        folder = self.run.folder / CONFIRMATIONS / f"{trial:04d}-seed{seed}"

        def watch(progress: TrainingProgress, _: int, epochs: int) -> None:
            note = f"trial {trial} again, seed {seed}, epoch {progress.epoch + 1}/{epochs}"
            self.run.watch(self.done + 1, note)

        return self.score_of(self.train(folder, values, watch=watch, seed=seed))

    def run_trial(self, taken: Taken, queue: Queue) -> None:
        """Run a trial, and keep in the storage what came of it.

        Raises:
            KeyboardInterrupt: it was asked to stop; its checkpoint is saved, and the trial queued for the next one.
            JoryuError: what would fail every trial alike.
        """
        if (earlier := _same_point(taken, queue)) is not None:
            _copy(earlier, taken, queue)
            return
        folder, reports = self.run.folder / TRIALS / f"{taken.number:04d}", _Reports(taken, self)
        try:
            with queue.alive(taken):
                done = self.train(folder, taken.values, watch=reports.watch)
            score = self.score_of(done)
            reports.tell(done.history)  # the last epoch, or all of a run that had finished when its process died
        except _PrunedError:
            queue.finish(taken, TrialState.PRUNED)
            clean(folder)
        except DivergedError as error:
            queue.finish(taken, TrialState.PRUNED, kept={DIVERGED: str(error)})
            clean(folder)
        except UpdateFinishedTrialError:
            self.run.tell(f"trial {taken.number} gave no sign of life for long, and others have begun it again")
        except BaseException:
            queue.give_back(taken)
            raise
        else:
            measures = {name: value for name, value in done.chosen.items() if name.startswith("validation_")}
            kept = {"epoch": done.chosen["epoch"], "epochs": len(done.history), "measures": measures}
            queue.finish(taken, TrialState.COMPLETE, score, kept | {"seconds": done.history[-1]["seconds"]})


class _Reports:
    """Tells the storage the score of each epoch of a trial, once."""

    def __init__(self, taken: Taken, trainer: Trainer) -> None:
        self._taken, self._key, self._run = taken, trainer.score.key, trainer.run
        self._n_reported = 0

    def tell(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Report the epochs that were not reported yet."""
        for record in history[self._n_reported :]:
            self._n_reported += 1
            value = record.get(self._key)
            if isinstance(value, int | float):
                self._taken.trial.report(float(value), record["epoch"])

    def watch(self, progress: TrainingProgress, _: int, epochs: int) -> None:
        """Tell an epoch that has just ended, and stop the trial if it is worse than the others' median."""
        if len(progress.history) > self._n_reported:
            self.tell(progress.history)
            if self._taken.trial.should_prune():
                raise _PrunedError
        self._run.watch(self._taken.number, f"epoch {progress.epoch + 1}/{epochs}")


def _same_point(taken: Taken, queue: Queue) -> int | None:
    """The number of a trial that tried the same values and has ended: it would only be trained once more."""
    for number, tried in queue.trials().items():
        last = tried[-1]
        if number == taken.number or last.state not in (TrialState.COMPLETE, TrialState.PRUNED):
            continue
        if SAME_AS not in last.user_attrs and queue.space.rounded(last.params) == taken.values:
            return number
    return None


def _copy(earlier: int, taken: Taken, queue: Queue) -> None:
    found = queue.trials()[earlier][-1]
    for step, value in found.intermediate_values.items():
        taken.trial.report(value, step)
    kept = {
        name: found.user_attrs[name] for name in ("epoch", "epochs", "measures", DIVERGED) if name in found.user_attrs
    }
    score = found.value if found.state is TrialState.COMPLETE else None
    queue.finish(taken, found.state, score, {**kept, SAME_AS: earlier})
