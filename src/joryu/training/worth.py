"""`worth`: what more answers can be expected to bring, by trainings on parts of those that are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from joryu.errors import InputError, did_you_mean
from joryu.evaluation import Better, Evaluated, LearningCurve, UntoldError, evaluator_for, fit_learning_curve
from joryu.evaluation.answers import outputs_like
from joryu.evaluation.evaluator import slug
from joryu.evaluation.learning_curve import DRAWS, SIZES
from joryu.examples import Examples, split_examples
from joryu.students.named_outputs import units_of
from joryu.targets import Store
from joryu.training.checkpoint import TrainingProgress, write_json
from joryu.training.distill import distill
from joryu.training.recipe import Recipe
from joryu.training.run import Run, Watch
from joryu.training.setup import DistillationSetup
from joryu.training.target_source import Replayed
from joryu.training.training_data import TrainingData
from joryu.training.validation import evaluate_on

FILE = "worth.json"
LOSS = "loss"
JUDGED = 256  #: answers of the teacher that are judged at a time
HALVINGS = 5  #: sizes unless some are named: all that is there, its half, and so on
LEAST = 20  #: no size is below

WorthWatch = Callable[[int, int, str], None]  #: trainings that are done, of how many, and a note


@dataclass(frozen=True, kw_only=True)
class WorthSetup:
    """What is trained to find out.

    Args:
        distillation: student, objective, views and the share for validation. ``test`` is the share that judges all
            students and teaches none.
        sizes: how many answers are learned from, at least four; none: what is there, a half of it, and so on.
        draws: how often each size is drawn, at least 3. The smaller parts of a draw lie in the larger ones.
        by: the measure whose error is followed, by its key in JSON, such as ``macro_average_precision``, or ``loss``;
            none: the first of the question's evaluation.

    Raises:
        InputError: a number is out of range, or a twin is asked for.
    """

    distillation: DistillationSetup
    sizes: tuple[int, ...] = ()
    draws: int = DRAWS
    by: str | None = None

    def __post_init__(self) -> None:
        if self.sizes and (len(set(self.sizes)) < SIZES or min(self.sizes) < LEAST):
            raise InputError(
                "is not usable", setting="sizes", expected=f"at least {SIZES} numbers, none below {LEAST}",
                received=", ".join(map(str, self.sizes)),
            )  # fmt: skip
        if self.draws < DRAWS:
            raise InputError("is not usable", setting="draws", expected=f">= {DRAWS}", received=self.draws)
        if not self.distillation.test:
            raise InputError("is not usable", setting="test", expected="a share that judges, such as 0.2", received=0)
        if self.distillation.twin:
            raise InputError("is not for this", setting="twin", hint="leave it out")


@dataclass(frozen=True, kw_only=True)
class Worth:
    """What was found: errors by size, one for each draw, and a curve through them or the reason why there is none.

    ``measure`` is what was measured; where it is a share of which higher is better, the error is 1 less that.
    ``price`` is what one answer cost, in the store's currency; 0 where the store knows of none. ``judged`` is the
    number of examples that judged, ``by_teacher`` whether they have no labels.
    """

    measure: str
    errors: dict[int, list[float]]
    curve: LearningCurve | None
    untold: str | None
    price: float
    judged: int
    by_teacher: bool
    steps: int
    others: tuple[str, ...] = field(default=())  #: measures that could be asked for instead

    @property
    def largest(self) -> int:
        """The number of answers of the largest part."""
        return max(self.errors)

    def to_json(self, more: int) -> dict[str, Any]:
        """Everything, and what ``more`` answers are expected to bring.

        Raises:
            InputError: they are more than the curve can be followed to.
        """
        content: dict[str, Any] = {
            "measure": self.measure, "errors": {str(size): row for size, row in self.errors.items()},
            "judged": self.judged, "judged_by": "the teacher's answers" if self.by_teacher else "labels",
            "steps": self.steps, "untold": self.untold, "price": self.price or None, "curve": None, "next": None,
        }  # fmt: skip
        if self.curve is None:
            return content
        names = ("a", "b", "c", "p_flat", "p_misfit", "confidence")
        then, gain = self.curve.predict(self.largest + more), self.curve.gain(more)
        return content | {
            "curve": {name: getattr(self.curve, name) for name in names},
            "next": {
                "answers": more, "error": asdict(then), "gain": asdict(gain),
                "cost": more * self.price if self.price else None,
            },
        }  # fmt: skip


def worth(
    examples: Examples, targets: Store, *, setup: WorthSetup, recipe: Recipe, run: Run, watch: WorthWatch | None = None
) -> Worth:
    """Train the student on nested parts of the answers that are there, and fit `fit_learning_curve` to its errors.

    A share of the answered examples is held out first, and judges all students. Of the rest each draw cuts parts, each
    stratified and inside the next larger one, and trains one student on each, with a seed of its own. The examples that
    choose a student's best epoch are taken from its part, since they are answers that were paid for too.

    Every part has the same number of optimiser steps, that of ``recipe`` on the largest part, to within half an epoch.
    With as many epochs a small part would have fewer steps, and its students would be worse for being trained less: the
    curve would promise too much of more answers. That small parts are seen more often does no harm, as the best epoch
    is kept.

    Each training is a run in the folder of ``run`` and is not trained again; a killed call goes on at its last
    checkpoint.

    Raises:
        InputError: too few answers, a size larger than what is there, an unknown measure, or one that is no error.
        JoryuError: as `joryu.training.distill.distill`.
    """
    targets.require_sound()
    answered = _answered(examples.asked(targets.manifest.question), targets)
    share, seed = setup.distillation.test, setup.distillation.seed_of_parts(recipe.seed)
    pool, judges = split_examples(answered, [1 - share, share], seed=seed)
    sizes = _sizes(setup.sizes, len(pool))
    evaluation_set = TrainingData(pool, Replayed(targets), validation=judges).validation_data()
    if evaluation_set is None:
        raise InputError("there is nothing to judge by", expected="labels, or answers about the examples themselves")
    # What cannot be followed is refused before any training.
    error_of(_evaluate_teacher(evaluation_set, targets), setup.by)
    chains = [nested(pool, sizes, seed=recipe.seed + draw) for draw in range(setup.draws)]
    steps = _steps(recipe, sizes[0], setup.distillation.validation)
    done, total, units = 0, len(sizes) * setup.draws, None
    found: dict[int, list[float]] = {size: [] for size in sizes}
    evaluations: list[Evaluated] = []
    for size in sizes:
        for draw, chain in enumerate(chains):
            student = _Student(size, draw, steps, _noting(watch, done, total))
            module = student.trained(chain[size], targets, setup=setup, recipe=recipe, run=run)
            units = units_of(module) if units is None else units  # of the largest: errors of all in the same units
            evaluated = evaluate_on(module, evaluation_set, units=units)
            evaluations.append(evaluated)
            found[size].append(error_of(evaluated, setup.by)[1])
            done += 1
    errors = dict(sorted(found.items()))
    curve, untold = _curve(errors)
    return Worth(
        measure=error_of(evaluations[0], setup.by)[0], errors=errors, curve=curve, untold=untold,
        price=targets.manifest.cost.money / max(1, targets.n_rows), judged=evaluations[0].n,
        by_teacher=evaluation_set.source.describe()["targets"] is not None, steps=steps, others=_others(evaluations[0]),
    )  # fmt: skip


def nested(pool: Examples, sizes: tuple[int, ...], *, seed: int) -> dict[int, Examples]:
    """Parts of these sizes, each stratified and inside the next larger one.

    >>> pool = Examples.of(torch.arange(40.0).reshape(40, 1), torch.arange(40) % 2, classes=["even", "odd"])
    >>> parts = nested(pool, (40, 20, 10), seed=0)
    >>> [len(part) for part in parts.values()]
    [40, 20, 10]
    """
    found: dict[int, Examples] = {}
    part, at = pool, len(pool)
    for size in sorted(sizes, reverse=True):
        part = part if size == at else split_examples(part, [size / at], seed=seed)[0]
        found[size], at = part, size
    return found


def error_of(evaluated: Evaluated, by: str | None) -> tuple[str, float]:
    """The name of a measure and its error: the measure itself where lower is better, and 1 less it of a share.

    Raises:
        InputError: there is no such measure, it is not defined for these examples, or it is no error.
    """
    if by == LOSS:
        return LOSS, evaluated.loss
    known = {slug(measure.name): measure for measure in evaluated.measures}
    name = next(iter(known)) if by is None else by
    if name not in known:
        raise InputError(
            f"no measure {name!r}", setting=None, expected=", ".join([LOSS, *known]), hint=did_you_mean(name, known)
        )
    measure = known[name]
    if measure.value is None or (measure.better is Better.HIGHER and measure.unit != "share"):
        raise InputError(
            f"{measure.name} gives no error to follow", expected="a share, or a number of which lower is better",
            received="it is not defined here" if measure.value is None else None, hint="try --by loss",
        )  # fmt: skip
    return measure.name, 1 - measure.value if measure.better is Better.HIGHER else measure.value


def sizes_of(text: str | None) -> tuple[int, ...]:
    """Numbers with commas between them; none of ``None``.

    >>> sizes_of("250,500,1000")
    (250, 500, 1000)

    Raises:
        InputError: it is anything else.
    """
    if text is None:
        return ()
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise InputError("cannot be read", setting="sizes", expected="numbers such as 250,500,1000,2000", received=text)
    return tuple(int(part) for part in parts)


def keep(found: Worth, folder: Path, more: int) -> None:
    """Write ``worth.json`` into the folder."""
    write_json(folder / FILE, found.to_json(more))


def _answered(examples: Examples, targets: Store) -> Examples:
    there = np.flatnonzero(~targets.missing(examples.ids, 0))
    if len(there) < LEAST * 2:
        targets.require_about(examples)
        raise InputError("too few answers to learn from", expected=f">= {2 * LEAST}", received=len(there))
    return examples if len(there) == len(examples) else examples.select(torch.from_numpy(there))


def _sizes(asked: tuple[int, ...], available: int) -> tuple[int, ...]:
    """From the largest to the smallest."""
    if asked:
        if max(asked) > available:
            raise InputError(
                "is more than there is", setting="sizes", expected=f"at most {available:,} answers, without those that"
                " judge", received=max(asked),
            )  # fmt: skip
        return tuple(sorted(set(asked), reverse=True))
    found = tuple(size for at in range(HALVINGS) if (size := available >> at) >= LEAST)
    if len(found) < SIZES:
        raise InputError(
            "too few answers for a curve", expected=f">= {LEAST << (SIZES - 1)} without those that judge",
            received=available,
        )  # fmt: skip
    return found


def _steps(recipe: Recipe, size: int, validation: float) -> int:
    return recipe.epochs * _per_epoch(recipe, size, validation)


def _per_epoch(recipe: Recipe, size: int, validation: float) -> int:
    taught = max(1, round(size * (1 - validation)))
    return recipe.steps_per_epoch(taught)


class _Student(NamedTuple):
    """One of the trainings."""

    size: int
    draw: int
    steps: int
    watch: Watch

    def trained(
        self, part: Examples, targets: Store, *, setup: WorthSetup, recipe: Recipe, run: Run
    ) -> nn.Sequential:  # fmt: skip
        """Train it, or go on; one that is finished is only loaded."""
        per_epoch = _per_epoch(recipe, self.size, setup.distillation.validation)
        changes = {"epochs": max(1, round(self.steps / per_epoch)), "seed": recipe.seed + self.draw}
        place = replace(run, folder=run.folder / f"{self.size:07d}-draw{self.draw}", watch=self.watch)
        alone = replace(setup.distillation, test=0.0)  # what judges was cut off before
        own = recipe.model_copy(update=changes)
        module: nn.Sequential = distill(part, targets, setup=alone, recipe=own, run=place).student.module  # type: ignore[assignment]
        return module


def _noting(watch: WorthWatch | None, done: int, total: int) -> Watch:
    def note(progress: TrainingProgress, _: int, epochs: int) -> None:
        if watch is not None:
            watch(done, total, f"epoch {progress.epoch + 1}/{epochs}")

    return note


def _evaluate_teacher(evaluation_set: TrainingData, targets: Store) -> Evaluated:
    """The measures of the stored answers themselves, by what the students will be judged by."""
    examples, by_teacher = evaluation_set.examples, evaluation_set.source.describe()["targets"] is not None
    question = targets.manifest.question
    # The students' numbers are told in their own units, and their measures are named after that.
    evaluator = evaluator_for(question, units=() if question.link.has_probs else (1.0,) * len(question))
    for rows in torch.split(torch.arange(len(examples)), JUDGED):
        said = targets.gather(targets.rows(examples.ids[rows.numpy()], 0))
        labels = None if by_teacher or examples.labels is None else examples.labels[rows]
        evaluator.add(outputs_like(said), labels, said if by_teacher else None)
    return evaluator.result()


def _curve(errors: dict[int, list[float]]) -> tuple[LearningCurve | None, str | None]:
    try:
        return fit_learning_curve(errors), None
    except (UntoldError, InputError) as error:  # an error of 0 is no curve either
        return None, str(error)


def _others(evaluated: Evaluated) -> tuple[str, ...]:
    return (LOSS, *(slug(measure.name) for measure in evaluated.measures))
