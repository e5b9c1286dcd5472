"""`distill`: train a student, and its twin, on the soft targets of a store, in one call."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from torch import Tensor

from joryu.errors import InputError
from joryu.examples import Examples, parse_views
from joryu.examples.inputs import spooled
from joryu.objectives import LOG_VARIANCE, SIGNALS, Distillation, HardLabels, Objective, WithSignals
from joryu.objectives.parts import GAUSSIAN, PRIOR
from joryu.students import Blueprint
from joryu.targets import Store, audit, expected_unreturned
from joryu.targets.failures import id_to_hex
from joryu.training.precision import chosen_precision, fabric_device_type
from joryu.training.recipe import Recipe
from joryu.training.run import Run, another_precision, is_finished, read_run
from joryu.training.setup import (
    LABELS,
    NOTED,
    DistillationSetup,
    TrainingParts,
    default_objective,
    held_out,
    origin_notes,
    split_parts,
)
from joryu.training.target_source import CarriedOver, LabelsAlone, Replayed
from joryu.training.trainer import Trained, check, train
from joryu.training.training_data import TrainingData

TWIN = "twin"  #: the folder of the twin, inside the run of its student
FEW_LABELS = 20  #: below so many, labels of a number do not say how far it varies, where a teacher answered about more


@dataclass(frozen=True)
class Distilled:
    """A student, its twin if one was asked for, and the parts into which the examples were split."""

    student: Trained
    twin: Trained | None
    parts: TrainingParts


def distill(examples: Examples, targets: Store, *, setup: DistillationSetup, recipe: Recipe, run: Run) -> Distilled:
    """Train a student on the soft targets of a store, and on hard labels where there are any.

    The parts, the initial weights and the order of the examples depend on ``recipe.seed`` alone. They are the same for
    the student and its twin, which is trained in the folder ``twin`` of the run.

    The student is shown the views that the teacher answered about (`joryu.training.Replayed`). If ``setup.views`` names
    other views, the answers about the examples are used for these (`joryu.training.CarriedOver`).

    Examples that the teacher failed on are left out; the run's notes hold their number. Examples without names of
    classes take those of the store. If no example has a label, the student learns from the answers alone. They then
    also choose its best epoch.

    Args:
        examples: the transfer set, with labels where there are any.
        targets: a teacher's answers about them.
        setup: student, objective, shares held out, whether a twin is wanted.
        recipe: budget, optimiser, schedule, precision and seed.
        run: the folder, made or gone on with.

    >>> import tempfile, torch
    >>> from joryu.teachers import Network
    >>> from joryu.teachers.labelling import label_examples
    >>> inputs = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    >>> examples = Examples.of(inputs, (inputs[:, 0] > 0).long(), classes=["cat", "dog"])
    >>> teacher = Network(torch.nn.Linear(4, 2), examples.classes)
    >>> setup, recipe = DistillationSetup(student="mlp:8x1", twin=True), Recipe(epochs=2, precision="32-true")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = label_examples(teacher, examples, f"{folder}/targets")
    ...     done = distill(examples, store, setup=setup, recipe=recipe, run=Run(f"{folder}/run"))
    >>> len(done.student.history), done.twin is not None
    (2, True)

    Raises:
        DeadTeacherError: the audit found that the teacher teaches nothing.
        MismatchError: the store does not belong to these examples, the folder holds another run, or the twin would be
            trained at another precision than the student.
        InputError: a shard of the store is damaged; a variance is to be learned and the store holds none; no example
            has a label, but a twin or ``hard_weight`` 1 was asked for; ``setup.labelled`` leaves a class without a
            label; signals were asked for that the store does not hold.
    """
    targets.require_sound()
    question = targets.manifest.question
    examples, setup = examples.asked(question), setup.about(question)
    objective = setup.objective or default_objective(question)
    _require_labels_for(setup, objective, examples)
    if setup.int8:
        require_quantisable(run, recipe, twin=setup.twin)
    spooled(examples.inputs, run.folder)  # student and twin see each of them many times
    parts = split_parts(examples, setup, recipe.seed)
    teaching, validation = _answerable(parts.teaching, targets), _answerable(parts.validation, targets)
    _require_variance(targets, objective, teaching)
    source = _source(targets, setup, examples)
    data = TrainingData(teaching, source, validation=validation)
    targets.require_about(examples)
    if not setup.allow_dead_teacher:
        audit(targets, examples, temperature=objective.temperature).refuse_if_fatal()
    labelled = None
    if setup.twin:
        labelled = replace(
            data,
            examples=teaching.labelled(),
            source=LabelsAlone(source.views),  # partners of its blends are drawn from what it is taught
            examples_per_epoch=data.epoch_size,
        )
        check(labelled, recipe)  # before the student is trained, not after
    blueprint = Blueprint.fitted(
        setup.student,
        teaching.inputs,
        targets.manifest.question,
        heads=_heads(targets, setup, objective),
        preparation=examples.preparation,
        outputs_like=_numbers(teaching, targets),
    )
    if setup.int8:
        blueprint = blueprint.model_copy(update={"quantisation": "int8"})
    # By the examples' question: what a teacher is asked has no labels that are shares.
    weights = setup.label_loss.weights(teaching.asked_question, teaching) or objective.class_weights
    priors = _priors(objective, teaching, targets)
    objective = replace(objective, units=blueprint.output_std, class_weights=weights, priors=priors)
    found_at = {"examples": targets.examples_spec or examples.name, "targets": str(targets.path)}
    notes = {NOTED: asdict(setup), "left_out": len(parts.teaching) - len(teaching), LABELS: int(teaching.known.sum())}
    notes |= origin_notes(examples)
    run = replace(run, notes=found_at | run.notes | notes | held_out(examples, setup.test))
    student = train(
        blueprint, data, objective=_with_signals(objective, blueprint, setup.signal_weight), recipe=recipe, run=run
    )
    if labelled is None:
        return Distilled(student, None, parts)
    run = replace(run, folder=run.folder / TWIN, begin_with=_beginning_of_twin(run, setup))
    _require_one_precision(student, run, recipe)
    # The twin has the outputs for the signals too, so that it starts from the same weights; nobody looks at them.
    labels_alone = HardLabels(
        link=question.link, units=objective.units, hard_loss=objective.hard_loss, class_weights=weights
    )
    alone = _with_signals(labels_alone, blueprint, 0.0)
    twin = train(blueprint, labelled, objective=alone, recipe=recipe, run=run)
    return Distilled(student, twin, parts)


def require_quantisable(run: Run, recipe: Recipe, *, twin: bool) -> None:
    """Check what a training under fake quantisation needs.

    Raises:
        InputError: there is no finished run to begin with, or no twin of it; the recipe has what such a training lacks.
    """
    if run.begin_with is None:
        raise InputError(
            "needs a finished run to begin with", setting="int8", expected="Run(begin_with=…)", received="none"
        )
    if twin and find_twin(run.begin_with) is None:
        raise InputError(
            f"{run.begin_with} has no twin for this one to begin with", setting="twin",
            hint="leave it out, or distil that run with --twin",
        )  # fmt: skip
    for setting in ("max_norm", "compile"):
        if getattr(recipe, setting):
            raise InputError(
                "is not for a student under fake quantisation", setting=setting, received=getattr(recipe, setting),
                hint="leave it out",
            )  # fmt: skip


def _beginning_of_twin(run: Run, setup: DistillationSetup) -> Path | None:
    """Under fake quantisation a twin begins with the twin of the student's run: it never learned from the teacher."""
    return find_twin(run.begin_with) if setup.int8 and run.begin_with is not None else run.begin_with


def _numbers(teaching: Examples, targets: Store) -> Tensor | None:
    """The numbers whose standard deviation is the unit of errors: the training labels, else the teacher's answers.

    A number that hardly any example has a label of takes the answers, whatever others have.
    """
    if targets.manifest.question.link.has_probs:
        return None
    if (labels := teaching.labels) is None:
        return _answered_numbers(teaching, targets)
    enough = (~labels.isnan()).flatten(0, -2).sum(0) >= min(FEW_LABELS, len(teaching))
    return labels if bool(enough.all()) else labels.where(enough, _answered_numbers(teaching, targets).to(labels))


def _answered_numbers(teaching: Examples, targets: Store) -> Tensor:
    answers = targets.gather(targets.rows(teaching.ids, 0)).combined()
    return answers.numbers().where(answers.coverage, math.nan) if answers.coverage is not None else answers.numbers()


def _priors(objective: Distillation, teaching: Examples, targets: Store) -> tuple[float, ...]:
    """What is expected of tags that were not returned, where the objective asks; of the examples that are taught."""
    if objective.divergence != PRIOR:
        return ()
    return objective.priors or expected_unreturned(targets, targets.rows(teaching.ids, 0))


def _require_one_precision(student: Trained, twin: Run, recipe: Recipe) -> None:
    """Check that the twin is trained at the student's precision, so that they differ only in their targets.

    Raises:
        MismatchError: the twin would be trained at another precision.
    """
    if twin.finished:
        return
    trained_at, means = read_run(student.folder).get("precision"), chosen_precision(recipe, fabric_device_type())
    if trained_at is not None and trained_at != means:
        raise another_precision("the student was trained at another precision than its twin", trained_at, means)


def _source(targets: Store, setup: DistillationSetup, examples: Examples) -> Replayed | CarriedOver:
    if setup.views is not None and setup.views != targets.manifest.views:
        return CarriedOver(targets, parse_views(setup.views))
    source = Replayed(targets)
    return replace(source, whole=examples) if source.views.blends else source


def _require_labels_for(setup: DistillationSetup, objective: Distillation, examples: Examples) -> None:
    """Check that there are labels if a twin, or hard labels alone, were asked for.

    Raises:
        InputError: no example has a label.
    """
    if examples.known.any():
        return
    missing = f"needs labels, and no example of {examples.name} has a label"
    if setup.twin:
        raise InputError(missing, setting="twin", hint="leave it out")
    if objective.hard_weight == 1:
        raise InputError(f"1 {missing}", setting="hard_weight", hint="try a smaller one")


def _require_variance(targets: Store, objective: Distillation, teaching: Examples) -> None:
    """Check that a student that is to learn how far off its numbers may be is told so by somebody.

    Without a variance it would learn how well it imitates its teacher, and be far too sure about labels.

    Raises:
        InputError: neither the answers nor labels alone say it.
    """
    if objective.divergence != GAUSSIAN or objective.hard_weight == 1:
        return
    variance = targets.gather(targets.rows(teaching.ids, 0)).combined().variance
    if variance is None or bool(variance.isnan().all()):
        raise InputError(
            "these soft targets hold no variance to learn", expected="a teacher that says how far off it may be, such"
            " as a Gaussian process or several teachers that do", received=targets.manifest.teacher.description,
            hint="try --divergence squared-error, or --hard-weight 1, by which labels alone teach it",
        )  # fmt: skip


def _heads(targets: Store, setup: DistillationSetup, objective: Distillation) -> dict[str, tuple[str, ...]]:
    """The student's further heads, each with the names of its outputs: log variances and measured signals."""
    names = targets.manifest.question.names
    heads = {LOG_VARIANCE: names} if objective.divergence == GAUSSIAN else {}
    if not setup.signal_weight:
        return heads
    form = targets.manifest.form
    if form is None or not form.signals:
        raise InputError(
            "these soft targets hold no measured signal to predict",
            expected="the answers of a person (human:PROJECT) with signals",
            received=targets.manifest.teacher.description,
            hint="leave --signal-weight out",
        )
    return heads | {SIGNALS: form.signals}


def _with_signals(objective: Objective, blueprint: Blueprint, weight: float) -> Objective:
    """The objective, with the signals as a second task if the student has outputs for them."""
    return WithSignals(main=objective, weight=weight) if SIGNALS in blueprint.heads else objective


def _answerable(examples: Examples, targets: Store) -> Examples:
    """The examples without those that the teacher was asked about and failed on."""
    failed = {failure.id for failure in targets.failures()}
    if not failed:
        return examples
    kept = [row for row, words in enumerate(examples.ids) if id_to_hex(words) not in failed]
    return examples.select(kept)


def find_twin(folder: Path | str) -> Path | None:
    """The folder of a run's twin; ``None`` if it has no finished one."""
    twin = Path(folder) / TWIN
    return twin if is_finished(twin) else None
