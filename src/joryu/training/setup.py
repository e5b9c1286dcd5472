"""`DistillationSetup`: what is distilled into what; and the split of the examples for training, validation and test."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from joryu.errors import InputError
from joryu.evaluation import defaults_of
from joryu.examples import Examples, split_examples
from joryu.examples.collected import OriginCounts
from joryu.examples.groups import grouping_key
from joryu.objectives import Distillation
from joryu.objectives.hard import checked_loss
from joryu.questions import Question
from joryu.training.label_loss import LabelLoss
from joryu.training.run import damaged, read_run

LABELS = "labels"  #: among a run's notes: how many of the examples it was trained on have a label
NOTED = "lesson"  #: the key of a setup in a run's notes, from before setups had their name


@dataclass(frozen=True, kw_only=True)
class DistillationSetup:
    """What is distilled into what, besides the recipe.

    Args:
        student: an architecture, as in `joryu.students.build_architecture`.
        objective: temperature, weight of the hard part and divergence; ``None`` means the `default_objective` of the
            question.
        validation: the share of the examples that is held out to choose the best epoch.
        test: the share that is held out first of all, for the report alone; 0 if the set has a test split of its own.
        labelled: the share of the remaining labels that student and twin may use; the rest is hidden.
        twin: also train the same student on hard labels alone, for as many steps. If the recipe has patience, each of
            the two stops by its own.
        views: augmentations for a store without views: the answer about an example is used for all its views.
        class_weights: what each class weighs in the hard part, of student and twin alike: ``balanced`` by the labels
            that are taught, or a number for each, such as ``1,2.5`` (`joryu.training.label_loss.LabelLoss`).
        signal_weight: the weight of the squared error of the store's measured signals, as a second task
            (`joryu.objectives.WithSignals`); 0 leaves them out.
        int8: fine-tune a finished run under fake quantisation, see `joryu.training.quantise.quantise`.
        allow_dead_teacher: distil even if the audit finds that the teacher teaches nothing.
        split_seed: the seed that cuts the parts; ``None`` is the recipe's. With one of its own, trainings of several
            seeds share their parts, so that what tests one of them is seen by none.

    Raises:
        InputError: a share or weight is out of range, or nothing is left to train on.
    """

    student: str = "mlp:800x2"
    objective: Distillation | None = None
    validation: float = 0.1
    test: float = 0.0
    labelled: float = 1.0
    twin: bool = False
    views: str | None = None
    class_weights: str | None = None
    signal_weight: float = 0.0
    int8: bool = False
    allow_dead_teacher: bool = False
    split_seed: int | None = None

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

    def seed_of_parts(self, seed: int) -> int:
        """The seed that cuts the parts, where the recipe's is ``seed``."""
        return seed if self.split_seed is None else self.split_seed

    def about(self, question: Question) -> DistillationSetup:
        """The same setup with the question's default objective, if it has none yet.

        Raises:
            InputError: its objective is for another link than the question's, or its hard loss for another question.
        """
        if self.objective is None:
            return replace(self, objective=default_objective(question)).about(question)
        if self.objective.link is not question.link:
            raise InputError(
                "this objective is for other outputs than the question's", expected=question.link.value,
                received=self.objective.link.value, hint=f"try Distillation(link={question.link.value!r})",
            )  # fmt: skip
        self.label_loss.require(question)
        if self.class_weights is not None and self.objective.class_weights:
            raise InputError("are given twice", setting="class_weights", hint="leave those of the objective out")
        usual = LabelLoss(hard_loss=checked_loss(None, question.link))
        if self.objective.hard_weight == 0 and not self.twin and self.label_loss != usual:
            raise InputError(
                "means nothing where nothing is learned from labels",
                setting="class_weights" if self.objective.hard_loss == usual.hard_loss else "hard_loss",
                expected="a hard_weight above 0, or a twin", received="neither", hint="leave it out",
            )  # fmt: skip
        return self

    @property
    def label_loss(self) -> LabelLoss:
        """How labels are learned, by student and twin alike."""
        hard_loss = None if self.objective is None else self.objective.hard_loss
        return LabelLoss(hard_loss=hard_loss, class_weights=self.class_weights)


def default_objective(
    question: Question,
    *,
    temperature: float | None = None,
    hard_weight: float = 0.1,
    divergence: str | None = None,
    factor: str | None = None,
) -> Distillation:
    """The usual objective for a question. ``None`` stands for the value in the table of `joryu.evaluation.defaults_of`.

    >>> default_objective(Question.tags(["red", "round"])).describe()
    {'name': 'distillation', 'temperature': 1.0, 'hard_weight': 0.1, 'divergence': 'cross-entropy', 'link': 'sigmoid'}

    Raises:
        InputError: the table has no such question, or the settings do not fit its link.
    """
    usual = defaults_of(question)
    return Distillation(
        temperature=usual.temperature if temperature is None else temperature,
        hard_weight=hard_weight,
        divergence=divergence or usual.divergence,
        link=question.link,
        factor=factor,
    )


class TrainingParts(NamedTuple):
    """The examples that a student is trained on, those that choose its best epoch, and those that test it."""

    teaching: Examples
    validation: Examples
    test: Examples | None


def held_out(examples: Examples, test: float, content: str | None = None) -> dict[str, Any]:
    """The notes of a run about its test part, from which a report tells whether a model was trained on it.

    They hold the fingerprint of the ``examples`` and the share ``test``. ``content`` is the hash of the part itself, by
    which it is recognised in a run without a setup.
    Where the split parted no groups, these are named by their hash (`joryu.examples.groups.grouping_key`).
    """
    groups = grouping_key(examples)
    more = {"content": content, "groups": groups}
    found = {"of": examples.fingerprint, "test": test}
    return {"held_out": found | {name: value for name, value in more.items() if value is not None}}


def origin_notes(examples: Examples) -> dict[str, Any]:
    """The notes of a run about the licences and sources of its examples; none where nobody has recorded any."""
    counts = OriginCounts.of(examples)
    return {} if counts is None else counts.as_notes()


def split_test(examples: Examples, share: float, seed: int) -> tuple[Examples, Examples | None]:
    """Split off the test part, a stratified ``share``; the same for every run with this share and seed.

    Without a share there is no test part: it is ``None``.
    """
    if not share:
        return examples, None
    rest, test = split_examples(examples, [1 - share, share], seed=seed)
    return rest, test


def split_validation(rest: Examples, setup: DistillationSetup, seed: int) -> list[Examples]:
    """Split ``rest``, the examples without the test part, into those to train on and those for validation.

    ``setup.validation`` is a share of all examples, the test part included.
    """
    share = setup.validation / (1 - setup.test)
    return split_examples(rest, [1 - share, share], seed=seed + 1)


def split_parts(examples: Examples, setup: DistillationSetup, seed: int) -> TrainingParts:
    """Split examples into those to train on, validation and test; stratified, and a function of the arguments alone.

    The validation part keeps its labels even if ``setup.labelled`` hides others, because it chooses the best epoch of
    student and twin alike. ``seed`` is the recipe's; ``setup.split_seed`` takes its place where there is one.
    """
    seed = setup.seed_of_parts(seed)
    rest, test = split_test(examples, setup.test, seed)
    teaching, validation = split_validation(rest, setup, seed)
    return TrainingParts(
        teaching if setup.labelled == 1 else hide_labels(teaching, setup.labelled, seed), validation, test
    )


def split_seed_of(record: dict[str, Any]) -> int:
    """The seed that cut the parts of a run, by the content of its ``run.json``."""
    own = (record["notes"].get(NOTED) or {}).get("split_seed")
    seed: int = record["request"]["recipe"]["seed"] if own is None else own
    return seed


def hide_labels(examples: Examples, keep: float, seed: int) -> Examples:
    """The same examples, with all labels hidden but a stratified share ``keep``.

    Raises:
        InputError: the share is so small that a class would keep no label.
    """
    if examples.labels is None:
        return examples
    # A group may be labelled in part: it is hidden from nobody, and neither judges nor chooses.
    kept = split_examples(replace(examples.labelled(), groups=None), [keep], seed=seed + 2)[0]
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
    return len(torch.unique(examples.strata))


def setup_of(folder: Path | str) -> DistillationSetup | None:
    """The setup that a run records, or ``None`` if it was not distilled.

    Raises:
        InputError: the record is damaged.
    """
    folder = Path(folder)
    noted = read_run(folder)["notes"].get(NOTED)
    if noted is None:
        return None
    try:
        shares = {name: noted[name] for name in ("validation", "test", "labelled")}  # a default would be other parts
        return DistillationSetup(**{**noted, **shares, "objective": Distillation(**noted["objective"])})
    except KeyError as error:
        raise damaged(folder / "run.json", f"notes.{NOTED} without {error}") from error
    except (TypeError, InputError) as error:
        raise damaged(folder / "run.json", f"notes.{NOTED}: {error}") from error
