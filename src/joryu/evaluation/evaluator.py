"""The interface of evaluation: outputs and labels come in batch by batch, and one evaluation comes out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Protocol, final

import torch
from torch import Tensor

from joryu.errors import InputError, MismatchError
from joryu.evaluation.record import plain
from joryu.objectives import LOG_VARIANCE, MAIN, Outputs
from joryu.questions import Question, codec
from joryu.questions.labels import LabelKind
from joryu.targets.soft_targets import SoftTargets


class Better(StrEnum):
    """Whether a higher or a lower number is better."""

    HIGHER = "higher"
    LOWER = "lower"


def slug(name: str) -> str:
    """A measure's name as a key for JSON.

    >>> slug("mean IoU"), slug("R²")
    ('mean_iou', 'r2')
    """
    return re.sub(r"[^a-z0-9]+", "_", name.lower().replace("²", "2")).strip("_")


@dataclass(frozen=True, slots=True)
class Measure:
    """A named number and its direction. ``value`` is ``None`` where it is not defined on these examples."""

    name: str
    value: float | None
    better: Better = Better.HIGHER
    unit: str = ""  #: ``share`` (0 to 1), ``nats``, ``bits``; empty: the unit of the labels, or none


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """One number per evaluated example, float64 ``[n]``, in the order in which the examples came.

    Student and twin are compared by these pairs of numbers. NaN means that the score is not defined for this example.
    """

    name: str
    values: Tensor
    better: Better = Better.HIGHER


class Evaluated(Protocol):
    """What every evaluation has, whatever the question."""

    @property
    def n(self) -> int:
        """How many examples were evaluated."""
        ...

    @property
    def loss(self) -> float:
        """The number that chooses the best epoch; lower is better. It is the hard loss at T = 1 over what is known."""
        ...

    @property
    def measures(self) -> tuple[Measure, ...]:
        """Named numbers, the most important first."""
        ...

    @property
    def scores(self) -> Scores:
        """One number per example, by which student and twin are compared."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Everything but the scores, for JSON; what is not defined is ``None``."""
        ...


class Tally(Protocol):
    """Collects what the evaluation of one kind of question needs. Every row has at least one known label."""

    def add(self, outputs: Outputs, labels: Tensor, teacher: SoftTargets | None) -> None:
        """Add a batch of outputs by name and labels; ``teacher`` holds the teacher's answers to the same examples."""
        ...

    def result(self) -> Evaluated:
        """The evaluation of all batches."""
        ...


class LikenessTally(Protocol):
    """Collects how closely a student follows its teacher, without labels."""

    def add(self, outputs: Outputs, teacher: SoftTargets) -> None:
        """Add a batch of outputs by name and the teacher's answers to the same examples."""
        ...

    def result(self) -> Evaluated:
        """The evaluation of all batches."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LikenessEvaluation:
    """An `Evaluated` of a student by its teacher's answers at T = 1, for examples without labels."""

    n: int
    loss: float
    measures: tuple[Measure, ...]
    scores: Scores

    def to_json(self) -> dict[str, Any]:
        """Everything but the scores."""
        return described(self, judged_by="the teacher's answers")


@final
class Evaluator:
    """Evaluates outputs about one question, batch by batch; `joryu.evaluation.evaluator_for` makes one.

    Examples are evaluated by their labels; those without any label are left out, and so is every unknown part of a
    label. If *no* example has a label, the teacher's answers take their place. If there are labels and a teacher, the
    measures of how closely the student follows the teacher are added, over the same labelled examples.

    >>> from joryu.evaluation import evaluator_for
    >>> evaluator = evaluator_for(Question.one_of(["cat", "dog"]))
    >>> evaluator.add({"main": torch.tensor([[2.0, 0.0], [0.0, 1.0]])}, torch.tensor([0, 1]))
    >>> evaluator.add({"main": torch.tensor([[3.0, 0.0]])}, torch.tensor([1]))
    >>> found = evaluator.result()
    >>> found.n, found.measures[0].name, round(found.measures[0].value, 4)
    (3, 'accuracy', 0.6667)
    """

    def __init__(self, question: Question, tally: Tally, likeness: LikenessTally) -> None:
        self.question = question
        self._codec = codec(question.labels or LabelKind.CLASS)
        self._tally, self._likeness = tally, likeness
        self._labelled = self._unlabelled = 0
        self._heads: set[str] | None = None
        self._taught: bool | None = None

    def add(self, outputs: Outputs, labels: Tensor | None, teacher: SoftTargets | None = None) -> None:
        """Add a batch: outputs with ``main [B, (height, width,) C]``, labels as the question's codec keeps them.

        ``teacher`` holds the teacher's answers to the same examples. A batch that is refused leaves nothing behind.

        Raises:
            InputError: the outputs are not finite, or the question has no such labels.
            MismatchError: shapes do not fit one another or the question, the teacher answers another question, or one
                batch has a teacher or a head that another has not.
        """
        self._check(outputs, labels, teacher)
        n = len(outputs[MAIN])
        if n == 0:
            return
        if labels is not None:
            labels = self._codec.check(labels.to(outputs[MAIN].device), len(self.question), len(self.question.grid))
        answers = None if teacher is None else teacher.to(outputs[MAIN].device)
        # From here on the batch is sound: one that was refused leaves nothing behind.
        self._heads, self._taught = set(outputs), teacher is not None
        if labels is None:
            self._unlabelled += n
            self._alike(outputs, answers)
            return
        known = self._codec.known(labels)
        count = int(known.sum())
        self._labelled, self._unlabelled = self._labelled + count, self._unlabelled + n - count
        if count == n:
            self._tally.add(outputs, labels, answers)
            return
        if count:
            self._tally.add(*_rows(known, outputs, answers, labels))
        self._alike(*_rows(~known, outputs, answers, labels)[::2])

    def result(self) -> Evaluated:
        """The evaluation of all batches.

        Raises:
            InputError: no example has a label or a teacher's answer.
        """
        if self._labelled:
            return self._tally.result()
        if self._unlabelled and self._taught:
            return self._likeness.result()
        raise InputError(
            "there is nothing to evaluate", expected="examples with a label, or a teacher's answers",
            received=f"{self._unlabelled} examples without either",
        )  # fmt: skip

    def _alike(self, outputs: Outputs, teacher: SoftTargets | None) -> None:
        # Once a label was seen, the labels judge: what the others would say is not looked at.
        if teacher is not None and not self._labelled:
            self._likeness.add(outputs, teacher)

    def _check(self, outputs: Outputs, labels: Tensor | None, teacher: SoftTargets | None) -> None:
        if MAIN not in outputs:
            raise MismatchError("outputs do not answer the question", expected=MAIN, received=", ".join(outputs))
        main, axes = outputs[MAIN], 1 + len(self.question.grid)
        if main.ndim != axes + 1 or main.shape[-1] != len(self.question):
            names = ", ".join(("examples", *self.question.grid))
            expected = f"[{names}, {len(self.question)}]"
            raise MismatchError("outputs do not fit the question", expected=expected, received=list(main.shape))
        if labels is not None and labels.shape[:axes] != main.shape[:axes]:
            raise MismatchError(
                "outputs and labels do not fit one another", expected=f"labels of {list(main.shape[:axes])}",
                received=list(labels.shape),
            )  # fmt: skip
        if not all(bool(outputs[head].isfinite().all()) for head in (MAIN, LOG_VARIANCE) if head in outputs):
            hint = "the model diverged; try a lower learning rate"
            raise InputError("outputs are not finite", expected="finite numbers", hint=hint)
        self._check_teacher(set(outputs), len(main), teacher)

    def _check_teacher(self, heads: set[str], n: int, teacher: SoftTargets | None) -> None:
        if teacher is not None:
            self.question.require(teacher.question, mine="the examples", others="the teacher's answers")
            if len(teacher) != n:
                raise MismatchError("a teacher's answers do not pair up", expected=n, received=len(teacher))
        if self._heads is not None and (self._heads, self._taught) != (heads, teacher is not None):
            raise MismatchError(
                "one batch has what another has not", expected=_listed(self._heads, self._taught),
                received=_listed(heads, teacher is not None),
            )  # fmt: skip


def described(evaluation: Evaluated, **more: object) -> dict[str, Any]:
    """An evaluation for JSON: ``n``, loss, measures, the name of the score, and ``more``."""
    measures = [asdict(measure) for measure in evaluation.measures]
    content = {"n": evaluation.n, "loss": evaluation.loss, "measures": measures, "score": evaluation.scores.name}
    return {name: plain(value) for name, value in (content | more).items()}


def joined(parts: list[Tensor]) -> Tensor:
    """The numbers per example of all batches in one tensor, float64 on the CPU."""
    return torch.cat([part.detach().cpu().double() for part in parts])


def defined(number: Tensor) -> float | None:
    """The value of a scalar tensor, or ``None`` for NaN."""
    return None if bool(number.isnan()) else number.item()


def _rows(
    rows: Tensor, outputs: Outputs, teacher: SoftTargets | None, labels: Tensor
) -> tuple[Mapping[str, Tensor], Tensor, SoftTargets | None]:
    index = rows.nonzero().flatten()
    answers = None if teacher is None else teacher.select(index)
    return {name: part[index] for name, part in outputs.items()}, labels[index], answers


def _listed(heads: set[str], taught: bool | None) -> str:
    return f"{', '.join(sorted(heads))}{' and' if taught else ' without'} a teacher's answers"
