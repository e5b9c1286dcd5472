"""From a store to a student and its twin: the whole job, in one call."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from joryu.errors import InputError
from joryu.examples import Examples, parse_views, split_examples
from joryu.objectives import SIGNALS, Distillation, HardLabels, Objective, WithSignals
from joryu.students import Blueprint
from joryu.targets import Store, audit
from joryu.targets.failures import id_to_hex
from joryu.training.material import Material
from joryu.training.precision import chosen_precision, device_type
from joryu.training.recipe import Recipe
from joryu.training.run import Run, another_precision, damaged, is_finished, read_run
from joryu.training.target_source import CarriedOver, LabelsAlone, Replayed
from joryu.training.trainer import Trained, check, train

TWIN = "twin"  #: the folder of the twin, inside the run of its student


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What is distilled into what.

    Args:
        student: an architecture, see `joryu.students.build_architecture`.
        objective: temperature, weight of the hard part, divergence.
        validation: the share of the examples held out to choose the best epoch.
        test: the share held out before anything else, to be looked at by `joryu.report` alone; 0 where the set has a
            test split of its own.
        labelled: the share of the remaining labels that student and twin may use, as if nobody had labelled the rest.
        twin: train the same student once more, on the hard labels alone, for as many steps (each with its own
            patience, if the recipe has any).
        views: augmentations for a store without any: the answer about an example is taken for its views too.
        signal_weight: with the store's measured signals as a second task, this is the weight of their squared error
            (`joryu.objectives.WithSignals`); 0 leaves them out.
        allow_dead_teacher: distil although the audit found that there is nothing to learn.

    Raises:
        InputError: shares that leave nothing to train on.
    """

    student: str = "mlp:800x2"
    objective: Distillation = field(default_factory=lambda: Distillation(temperature=4.0, hard_weight=0.1))
    validation: float = 0.1
    test: float = 0.0
    labelled: float = 1.0
    twin: bool = False
    views: str | None = None
    signal_weight: float = 0.0
    allow_dead_teacher: bool = False

    def __post_init__(self) -> None:
        for name, value, low in (("validation", self.validation, True), ("test", self.test, False)):
            if not (0 < value < 1 or (value == 0 and not low)):
                raise InputError("is not usable", setting=name, expected="a share between 0 and 1", received=value)
        if self.validation + self.test >= 1:
            raise InputError(
                "nothing is left to train on",
                expected="validation and test shares that sum to less than 1",
                received=f"{self.validation:g} + {self.test:g}",
            )
        if not 0 < self.labelled <= 1:
            raise InputError(
                "is not usable", setting="labelled", expected="a share above 0, at most 1", received=self.labelled
            )
        if not 0 <= self.signal_weight < float("inf"):
            raise InputError("is not usable", setting="signal_weight", expected=">= 0", received=self.signal_weight)


class Parts(NamedTuple):
    """The examples a student is taught with, those that choose its best epoch, and those that judge it."""

    teaching: Examples
    validation: Examples
    test: Examples | None


@dataclass(frozen=True)
class Distilled:
    """A student, its twin if one was asked for, and the parts of the examples."""

    student: Trained
    twin: Trained | None
    parts: Parts


def distill(examples: Examples, targets: Store, *, lesson: Lesson, recipe: Recipe, run: Run) -> Distilled:
    """Train a student on the store's soft targets (and the hard labels, where there are any).

    The parts, the initial weights and the order of the examples depend on ``recipe.seed`` alone, and are the same for
    the student and its twin. Views are the ones the teacher labelled; a blend (mixup) with an example that is held
    out is not shown, see `joryu.training.Material`. Examples that the teacher failed on are left out; the run's notes
    say how many. Examples that name no classes take the store's; where nobody labelled any, the student
    learns from the answers alone, which also choose its best epoch, and the test part can tell how far it agrees.

    Raises:
        DeadTeacherError: the audit found a teacher that teaches nothing.
        MismatchError: the store does not belong to these examples, or the folder holds another run.
        InputError: a shard of the store is damaged; a twin or ``hard_weight`` 1 was asked for and no example has a
            label, or so few that some class would have none.
    """
    targets.require_sound()
    examples = examples.asked(targets.manifest.question)
    _require_labels_for(lesson, examples)
    parts = part(examples, lesson, recipe.seed)
    teaching, validation = _answerable(parts.teaching, targets), _answerable(parts.validation, targets)
    source = _source(targets, lesson, examples)
    material = Material(teaching, source, validation=validation)
    targets.require_about(examples)
    if not lesson.allow_dead_teacher:
        audit(targets, examples, temperature=lesson.objective.temperature).refuse_if_fatal()
    labelled = None
    if lesson.twin:
        labelled = replace(
            material,
            examples=teaching.labelled(),
            source=LabelsAlone(source.views),  # partners of its blends are drawn from what it is taught
            examples_per_epoch=material.epoch_size,
        )
        check(labelled, recipe)  # before the student is trained, not after
    blueprint = Blueprint.fitted(
        lesson.student,
        teaching.inputs,
        targets.manifest.question,
        heads=_heads(targets, lesson),
        preparation=examples.preparation,
    )
    found_at = {"examples": targets.examples_spec or examples.name, "targets": str(targets.path)}
    notes = {"lesson": asdict(lesson), "left_out": len(parts.teaching) - len(teaching)}
    run = replace(run, notes=found_at | run.notes | notes | _held_out(examples, lesson.test))
    student = train(
        blueprint, material, objective=_also(lesson.objective, blueprint, lesson.signal_weight), recipe=recipe, run=run
    )
    if labelled is None:
        return Distilled(student, None, parts)
    run = replace(run, folder=run.folder / TWIN)
    _require_one_precision(student, run, recipe)
    # The twin has the outputs for the signals too, so that it starts from the same weights; nobody looks at them.
    twin = train(blueprint, labelled, objective=_also(HardLabels(), blueprint, 0.0), recipe=recipe, run=run)
    return Distilled(student, twin, parts)


def _require_one_precision(student: Trained, twin: Run, recipe: Recipe) -> None:
    """Raises:
    MismatchError: the twin would be trained at another precision, so that more than the labels would tell them apart.
    """
    if twin.finished:
        return
    trained_at, means = read_run(student.folder).get("precision"), chosen_precision(recipe, device_type())
    if trained_at is not None and trained_at != means:
        raise another_precision("the student was trained at another precision than its twin", trained_at, means)


def _source(targets: Store, lesson: Lesson, examples: Examples) -> Replayed | CarriedOver:
    if lesson.views is not None and lesson.views != targets.manifest.views:
        return CarriedOver(targets, parse_views(lesson.views))
    source = Replayed(targets)
    return replace(source, whole=examples) if source.views.blends else source


def _require_labels_for(lesson: Lesson, examples: Examples) -> None:
    """Raises:
    InputError: what was asked for cannot be had from examples that nobody labelled.
    """
    if examples.known.any():
        return
    missing = f"needs labels, and no example of {examples.name} has a label"
    if lesson.twin:
        raise InputError(missing, setting="twin", hint="leave it out")
    if lesson.objective.hard_weight == 1:
        raise InputError(f"1 {missing}", setting="hard_weight", hint="try a smaller one")


def _heads(targets: Store, lesson: Lesson) -> dict[str, tuple[str, ...]]:
    if not lesson.signal_weight:
        return {}
    form = targets.manifest.form
    if form is None or not form.signals:
        raise InputError(
            "these soft targets hold no measured signal to predict",
            expected="the answers of a person (human:PROJECT) with signals",
            received=targets.manifest.teacher.description,
            hint="leave --signal-weight out",
        )
    return {SIGNALS: form.signals}


def _also(objective: Objective, blueprint: Blueprint, weight: float) -> Objective:
    """The objective, and the signals beside it where the student has outputs for them."""
    return WithSignals(main=objective, weight=weight) if SIGNALS in blueprint.heads else objective


def _answerable(examples: Examples, targets: Store) -> Examples:
    """Without the examples that the teacher was asked about and failed on."""
    failed = {failure.id for failure in targets.failures()}
    if not failed:
        return examples
    kept = [row for row, words in enumerate(examples.ids) if id_to_hex(words) not in failed]
    return examples.select(kept)


def train_on_labels(  # noqa: PLR0913 - a seventh, so that validation and test are the words they are in a Lesson
    network: str,
    examples: Examples,
    *,
    views: str | None = None,
    validation: float,
    test: float = 0.0,
    recipe: Recipe,
    run: Run,
) -> Trained:
    """Train a network on hard labels alone: a teacher, for those who have none yet.

    ``validation`` and ``test`` are a `Lesson`'s: with the ``test`` and the seed of the lesson that this teacher is for,
    the part that will judge its student is kept from the teacher too.

    Raises:
        InputError: no example has a label, or shares that leave nothing to train on.
        MismatchError: the folder holds another run.
    """
    lesson = Lesson(validation=validation, test=test)
    rest, _ = hold_out(examples, test, recipe.seed)  # before those without a label are left out, as `part` does
    teaching, validating = _divide(rest.labelled(), lesson, recipe.seed)
    blueprint = Blueprint.fitted(network, teaching.inputs, examples.asked_question, preparation=examples.preparation)
    material = Material(teaching, LabelsAlone(parse_views(views)), validation=validating)
    run = replace(run, notes=run.notes | _held_out(examples, test))
    return train(blueprint, material, objective=HardLabels(), recipe=recipe, run=run)


def _held_out(examples: Examples, test: float) -> dict[str, Any]:
    """What a report must know to say whether a run was taught on the examples that judge another."""
    return {"held_out": {"of": examples.fingerprint, "test": test}}


def hold_out(examples: Examples, share: float, seed: int) -> tuple[Examples, Examples | None]:
    """What may be taught, and the part that judges: the same for every run with this share and seed."""
    if not share:
        return examples, None
    rest, test = split_examples(examples, [1 - share, share], seed=seed)
    return rest, test


def _divide(rest: Examples, lesson: Lesson, seed: int) -> list[Examples]:
    """What is taught and what chooses the best epoch."""
    share = lesson.validation / (1 - lesson.test)
    return split_examples(rest, [1 - share, share], seed=seed + 1)


def part(examples: Examples, lesson: Lesson, seed: int) -> Parts:
    """Teaching, validation and test part: stratified, and a function of the arguments alone.

    Validation keeps its labels even where ``labelled`` hides others: it chooses the best epoch for student and twin
    alike.
    """
    rest, test = hold_out(examples, lesson.test, seed)
    teaching, validation = _divide(rest, lesson, seed)
    return Parts(teaching if lesson.labelled == 1 else hide(teaching, lesson.labelled, seed), validation, test)


def hide(examples: Examples, keep: float, seed: int) -> Examples:
    """The same examples with all but a stratified share of their labels hidden.

    Raises:
        InputError: the share is so small that a class would keep no label.
    """
    if examples.labels is None:
        return examples
    kept = split_examples(examples.labelled(), [keep], seed=seed + 2)[0]
    classes = _distinct(examples.labelled())
    if _distinct(kept) < classes:
        raise InputError(
            "so few labels leave some class without any",
            expected=f"at least one label for each of {classes} classes",
            received=f"{len(kept)} labels",
            hint="try a larger --labelled",
        )
    shown = {words.tobytes() for words in kept.ids}
    return examples.hide_labels(torch.tensor([words.tobytes() not in shown for words in examples.ids]))


def _distinct(examples: Examples) -> int:
    return len(torch.unique(examples.labels_or_empty))


def lesson_of(folder: Path | str) -> Lesson | None:
    """The lesson that a run was given, or ``None`` if it was not distilled.

    Raises:
        InputError: the record is damaged.
    """
    folder = Path(folder)
    noted = read_run(folder)["notes"].get("lesson")
    if noted is None:
        return None
    try:
        shares = {name: noted[name] for name in ("validation", "test", "labelled")}  # a default would be other parts
        return Lesson(**{**noted, **shares, "objective": Distillation(**noted["objective"])})
    except KeyError as error:
        raise damaged(folder / "run.json", f"notes.lesson without {error}") from error
    except (TypeError, InputError) as error:
        raise damaged(folder / "run.json", f"notes.lesson: {error}") from error


def find_twin(folder: Path | str) -> Path | None:
    """The folder of a run's finished twin, if it has one."""
    twin = Path(folder) / TWIN
    return twin if is_finished(twin) else None
