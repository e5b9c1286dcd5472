"""`sweep`: search a space of settings by distilling its points, and choose one by validation alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from joryu.errors import DivergedError, InputError
from joryu.evaluation import Better, Measure, evaluator_for
from joryu.evaluation.evaluator import slug
from joryu.examples import Examples
from joryu.objectives import MAIN
from joryu.questions import LabelKind, Question
from joryu.search.findings import chosen_point, compared, edges_of, importance_of, plateau_of, spread_of
from joryu.search.queue import Queue
from joryu.search.record import Confirmation, ScoreRule, SweepRecord, TrialRecord, trial_record
from joryu.search.run import SweepRun
from joryu.search.setup import SweepSetup, described_point
from joryu.search.trial import Trainer
from joryu.targets import Store
from joryu.training.setup import split_parts
from joryu.training.target_source import described
from joryu.training.trainer import content_of

LOSS = "validation_loss"
CONFIRMED = 3  #: how many points are trained again with other seeds: the best and those that come next


@dataclass(frozen=True, kw_only=True)
class SweepBudget:
    """How many ``trials`` a sweep has in all, and with how many further seeds its best points are confirmed.

    Raises:
        InputError: there is no trial, or a single seed, which tells nothing about spread.
    """

    trials: int
    confirm: int = 0

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise InputError("is not usable", setting="trials", expected="at least 1", received=self.trials)
        if self.confirm < 0 or self.confirm == 1:
            raise InputError(
                "is not usable", setting="confirm", expected="0, or at least 2 seeds for an interval",
                received=self.confirm,
            )  # fmt: skip


def sweep(examples: Examples, targets: Store, *, setup: SweepSetup, budget: SweepBudget, run: SweepRun) -> SweepRecord:
    """Distil points of a space, and choose one by validation; the record is also in ``sweep.json``.

    Every trial is a run of `joryu.training.distill.distill` without a twin, in the folder ``trials`` of the sweep: the
    same store, the same parts of the examples, the same seed. Points are compared by the validation part alone; the
    test part is cut off and never looked at. A trial that diverges counts as a bad one, and one whose values had been
    tried takes the outcome of the earlier.

    The best points are then trained again with ``budget.confirm`` other seeds, and the best mean is chosen. Its
    interval holds for other first weights and orders, and for these parts and answers only.

    Called again with the same arguments, it goes on where it was interrupted or killed: the trial that was running goes
    on from its checkpoint. One process that was killed ends with the same trials as one that was not. With a storage
    that several processes share, the order in which they end is in nobody's hands, and the trials depend on it.

    Raises:
        InputError: there is nothing to validate by; settings and space do not go together; as `distill`.
        MismatchError: the folder holds another sweep, or the store does not belong to the examples.
        JoryuError: the storage cannot be used.
        KeyboardInterrupt: it was asked to stop; what was done is kept.
    """
    targets.require_sound()
    examples = examples.asked(targets.manifest.question)
    setup = setup.about(targets, examples)
    score = score_rule(setup, examples)
    request = {"examples": content_of(examples), "targets": described(targets), **setup.describe()}
    with run.held():
        record = run.begin(request, score, budget.trials)
        trainer = Trainer(examples=examples, targets=targets, setup=setup, score=score, run=run)
        shared = run.storage is not None
        with Queue.opened(run.url, record.study, setup, lower=score.lower, shared=shared) as queue:
            record = _tried(record, queue, setup)
            record.write(run.folder)
            while (taken := queue.take(budget.trials)) is not None:
                run.watch(taken.number, "")
                _tried(record, queue, setup).write(run.folder)  # it is running
                try:
                    trainer.run_trial(taken, queue)
                finally:
                    record = _tried(record, queue, setup)
                    record.write(run.folder)
                run.tell(_trial_line(record, next(one for one in record.trials if one.trial == taken.number)))
            left = queue.others_run(budget.trials)
            if left:
                run.tell(f"{left} trial(s) are still run by others: run the same command again when they are done")
            record = record.model_copy(update={"importance": importance_of(queue.study, record.trials)})
        if budget.confirm and not left:
            again = _confirmed(record, replace(trainer, done=len(record.trials)), budget)
            record = record.model_copy(update={"confirmed": compared(again, record)})
        record = _concluded(record, setup)
        record.write(run.folder)
    return record


def score_rule(setup: SweepSetup, examples: Examples) -> ScoreRule:
    """What the points of a sweep are compared by.

    Raises:
        InputError: there is nothing to validate by.
    """
    if setup.by == "loss":
        return ScoreRule(key=LOSS, name="validation loss", lower=True)
    validation = split_parts(examples, setup.distillation, setup.recipe.seed).validation
    if not bool(validation.known.all()) or examples.question is None or validation.labels is None:
        return ScoreRule(key="validation_agreement", name="validation agreement", lower=False)
    first = _first_measure(examples.question, validation.labels[:8])
    return ScoreRule(
        key=f"validation_{slug(first.name)}", name=f"validation {first.name}", lower=first.better is Better.LOWER
    )


def _first_measure(question: Question, labels: torch.Tensor) -> Measure:
    """The first measure of a question's evaluator, which knows its name and direction once it has seen anything."""
    sites = labels.shape if question.labels in (None, LabelKind.CLASS) else labels.shape[:-1]
    evaluator = evaluator_for(question)
    evaluator.add({MAIN: torch.zeros(*sites, len(question))}, labels)
    return evaluator.result().measures[0]


def _tried(record: SweepRecord, queue: Queue, setup: SweepSetup) -> SweepRecord:
    """The record with what the storage knows now. Confirmations stand as long as theirs are the best points."""
    trials = [trial_record(at, tried, setup.space, setup.recipe.epochs) for at, tried in queue.trials().items()]
    record = record.model_copy(update={"trials": tuple(trials)})
    if not {one.trial for one in record.confirmed} <= {one.trial for one in record.finished()[:CONFIRMED]}:
        record = record.model_copy(update={"confirmed": ()})
    return _concluded(record, setup)


def _concluded(record: SweepRecord, setup: SweepSetup) -> SweepRecord:
    record = record.model_copy(update={"chosen": chosen_point(record, setup)})
    return record.model_copy(update={"edges": edges_of(record), "plateau": plateau_of(record)})


def _confirmed(record: SweepRecord, trainer: Trainer, budget: SweepBudget) -> Sequence[Confirmation]:
    """The best points, trained again with other seeds; one that diverges with any of them is left out."""
    own, found = trainer.setup.recipe.seed, []
    seeds = tuple(own + 1 + k for k in range(budget.confirm))
    for trial in record.finished()[:CONFIRMED]:
        try:
            scores = tuple(trainer.again(trial.values, trial.trial, seed) for seed in seeds)
        except DivergedError as error:
            trainer.run.tell(f"trial {trial.trial} diverges with another seed, so it is not chosen: {error}")
            continue
        spread = spread_of(scores)
        trainer.run.tell(
            f"trial {trial.trial}, {budget.confirm} other seeds: mean {record.score.name} {spread.mean:.4f}"
        )
        found.append(Confirmation(trial=trial.trial, seeds=seeds, scores=scores, over_seeds=spread))
    return found


def _trial_line(record: SweepRecord, trial: TrialRecord) -> str:
    """A line about a trial that has ended."""
    words = f"trial {trial.trial} of {record.budget}: {described_point(trial.values)}: "
    if trial.state != "finished" or trial.score is None:
        return f"{words}{trial.state}, {trial.why}"
    same = "" if trial.same_as is None else f" (as trial {trial.same_as}, the same point)"
    best = record.chosen
    so_far = "the best so far" if best is None or best.trial == trial.trial else f"best so far {best.score:.4f}"
    return f"{words}{record.score.name} {trial.score:.4f}{same}, {so_far}"
