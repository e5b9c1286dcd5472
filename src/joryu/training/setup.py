"""`DistillationSetup`: what is distilled into what, and the parts of the examples that teach, choose and judge."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from joryu.errors import InputError
from joryu.evaluation import defaults_of
from joryu.examples import Examples, split_examples
from joryu.objectives import Distillation
from joryu.questions import Question
from joryu.training.run import damaged, read_run

NOTED = "lesson"  #: what a run's notes call its setup, since before it had this name


@dataclass(frozen=True, kw_only=True)
class DistillationSetup:
    """What is distilled into what.

    Args:
        student: an architecture, see `joryu.students.build_architecture`.
        objective: temperature, weight of the hard part, divergence; where it is left out, what `default_objective`
            gives for the question.
        validation: the share of the examples held out to choose the best epoch.
        test: the share held out before anything else, to be looked at by `joryu.report` alone; 0 where the set has a
            test split of its own.
        labelled: the share of the remaining labels that student and twin may use, as if nobody had labelled the rest.
        twin: train the same student once more, on the hard labels alone, for as many steps (each with its own
            patience, if the recipe has any).
        views: augmentations for a store without any: the answer about an example is taken for its views too.
        signal_weight: with the store's measured signals as a second task, this is the weight of their squared error
            (`joryu.objectives.WithSignals`); 0 leaves them out.
        int8: fine-tune a finished run under fake quantisation, see `joryu.training.quantise.quantise`.
        allow_dead_teacher: distil although the audit found that there is nothing to learn.

    Raises:
        InputError: shares that leave nothing to train on.
    """

    student: str = "mlp:800x2"
    objective: Distillation | None = None
    validation: float = 0.1
    test: float = 0.0
    labelled: float = 1.0
    twin: bool = False
    views: str | None = None
    signal_weight: float = 0.0
    int8: bool = False
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

    def about(self, question: Question) -> DistillationSetup:
        """The same setup with an objective that fits the question.

        Raises:
            InputError: its objective is for outputs of another link.
        """
        if self.objective is None:
            return replace(self, objective=default_objective(question))
        if self.objective.link is not question.link:
            raise InputError(
                "this objective is for other outputs than the question's", expected=question.link.value,
                received=self.objective.link.value, hint=f"try Distillation(link={question.link.value!r})",
            )  # fmt: skip
        return self


def default_objective(
    question: Question,
    *,
    temperature: float | None = None,
    hard_weight: float = 0.1,
    divergence: str | None = None,
) -> Distillation:
    """The objective of a question; what is not said is that of `joryu.evaluation.defaults_of`'s table.

    >>> default_objective(Question.tags(["red", "round"]))
    Distillation(temperature=1.0, hard_weight=0.1, divergence='cross-entropy', link=<Link.SIGMOID: 'sigmoid'>, units=())

    Raises:
        InputError: a question that nobody carries, or settings that its link does not have.
    """
    usual = defaults_of(question)
    return Distillation(
        temperature=usual.temperature if temperature is None else temperature,
        hard_weight=hard_weight,
        divergence=divergence or usual.divergence,
        link=question.link,
    )


class TrainingParts(NamedTuple):
    """The examples a student is taught with, those that choose its best epoch, and those that judge it."""

    teaching: Examples
    validation: Examples
    test: Examples | None


def held_out(examples: Examples, test: float, content: str | None = None) -> dict[str, Any]:
    """What a report must know to say whether a run was taught on the examples that judge another.

    ``content`` is the hash of the part itself, for a run without a setup: by it the part is known again.
    """
    return {"held_out": {"of": examples.fingerprint, "test": test} | ({} if content is None else {"content": content})}


def split_test(examples: Examples, share: float, seed: int) -> tuple[Examples, Examples | None]:
    """What may be taught, and the part that judges: the same for every run with this share and seed."""
    if not share:
        return examples, None
    rest, test = split_examples(examples, [1 - share, share], seed=seed)
    return rest, test


def split_validation(rest: Examples, setup: DistillationSetup, seed: int) -> list[Examples]:
    """What is taught and what chooses the best epoch."""
    share = setup.validation / (1 - setup.test)
    return split_examples(rest, [1 - share, share], seed=seed + 1)


def split_parts(examples: Examples, setup: DistillationSetup, seed: int) -> TrainingParts:
    """Teaching, validation and test part: stratified, and a function of the arguments alone.

    Validation keeps its labels even where ``labelled`` hides others: it chooses the best epoch for student and twin
    alike.
    """
    rest, test = split_test(examples, setup.test, seed)
    teaching, validation = split_validation(rest, setup, seed)
    return TrainingParts(
        teaching if setup.labelled == 1 else hide_labels(teaching, setup.labelled, seed), validation, test
    )


def hide_labels(examples: Examples, keep: float, seed: int) -> Examples:
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
    return len(torch.unique(examples.strata))


def setup_of(folder: Path | str) -> DistillationSetup | None:
    """The setup that a run was given, or ``None`` if it was not distilled.

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
