"""Evaluate numbers: how far the answers are from the labels, and whether the student's own intervals hold them."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, final

import torch
from torch import Tensor

from joryu.evaluation.evaluator import (
    Better,
    LikenessEvaluation,
    Measure,
    Scores,
    described,
    joined,
)
from joryu.objectives import LOG_VARIANCE, MAIN, HardLabels, Outputs, total
from joryu.objectives.parts import PerOutput, Units, soft_part
from joryu.questions import Link, Question
from joryu.targets.moments import Moments
from joryu.targets.soft_targets import SoftTargets

INTERVAL = 0.9  #: the share of labels that the interval should hold
STANDARDISED = "standardised"  #: the first word in the names of errors that are divided by units
HALF_WIDTH = 1.6448536269514722  #: the normal's 95th percentile, in standard deviations


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberErrors:
    """The errors of one output over its known labels, in its own unit; ``None`` if no label is known."""

    name: str
    known: int
    rmse: float | None
    mae: float | None
    r2: float | None  #: also ``None`` if the labels are constant


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NumberEvaluation:
    """An `Evaluated` for numbers, with answers ``z`` and labels ``y``; labels that are NaN are left out.

    ``units`` holds the divisor of each output's errors that `joryu.evaluation.evaluator_for` was given. Without units,
    errors are in the units of the labels.

    * ``loss``: the squared error divided by ``units²``, or the Gaussian NLL if the student has a ``log_variance``
      head. It is a mean over the known outputs of an example (on a grid: of each pixel, then over the pixels), then
      over the examples.
    * ``rmse = sqrt(mean (z - y)²)`` and ``mae = mean |z - y|`` over all known labels. Errors of several outputs are
      divided by ``units``, so that outputs with large values do not dominate. Those of a single output, and those in
      ``per_output``, are in its own unit.
    * ``r2 = 1 - Σ (z - y)² / Σ (y - ȳ)²``, with the mean ``ȳ`` of the evaluated labels. It is the mean over the outputs
      for which it is defined. Below 0, always answering ``ȳ`` would be better.
    * ``nll``: the loss if it is the Gaussian NLL, else ``None``.
    * ``coverage``: the share of labels inside ``z ± 1.645 σ``, which should be 0.9; ``None`` without a
      ``log_variance`` head.

    ``scores`` holds the squared error of each example, divided by ``units²``, a mean as in the loss.
    """

    n: int
    loss: float
    rmse: float
    mae: float
    r2: float | None
    nll: float | None
    coverage: float | None
    per_output: tuple[NumberErrors, ...]
    likeness: tuple[Measure, ...]
    scores: Scores
    units: Units = ()

    @property
    def measures(self) -> tuple[Measure, ...]:
        """RMSE first, then MAE and R², then what a ``log_variance`` head and a teacher add."""
        sure: tuple[Measure, ...] = ()
        if self.nll is not None and self.coverage is not None:
            sure = (
                Measure("Gaussian NLL", self.nll, Better.LOWER, "nats"),
                Measure("90 % interval: coverage off by", abs(self.coverage - INTERVAL), Better.LOWER, "share"),
            )
        return (
            Measure(_pooled("RMSE", self.units), self.rmse, Better.LOWER),
            Measure(_pooled("MAE", self.units), self.mae, Better.LOWER),
            Measure("R²", self.r2),
            *sure,
            *self.likeness,
        )

    def to_json(self) -> dict[str, Any]:
        """Everything but the scores."""
        per_output = [asdict(part) for part in self.per_output]
        return described(self, coverage=self.coverage, per_output=per_output, units=list(self.units))


@final
class NumberTally:
    """Collects answers about labels that are numbers; keeps sums over the set and two numbers per example."""

    def __init__(self, question: Question, units: Units = ()) -> None:
        self._names, self._units = question.names, units
        self._likeness = NumberLikeness(question, units)
        self._moments = Moments(len(question))
        self._losses: list[Tensor] = []
        self._errors: list[Tensor] = []
        self._covered: int | None = None

    def add(self, outputs: Outputs, labels: Tensor, teacher: SoftTargets | None) -> None:
        """Add a batch: numbers ``[B, (height, width,) C]`` and labels of the same shape."""
        heads = _heads(outputs)
        objective = HardLabels(link=Link.IDENTITY, units=self._units)
        self._losses.append(total(objective(heads, None, labels)))
        self._errors.append(total(objective({MAIN: heads[MAIN]}, None, labels)))
        self._moments.add(labels, heads[MAIN])
        if LOG_VARIANCE in heads:
            within = (heads[MAIN] - labels).abs() <= HALF_WIDTH * (heads[LOG_VARIANCE] / 2).exp()
            self._covered = (self._covered or 0) + int(within.sum())  # NaN is within nothing
        if teacher is not None:
            self._likeness.add(outputs, teacher)

    def result(self) -> NumberEvaluation:
        """The evaluation of all batches."""
        found, losses = self._moments, joined(self._losses)
        known, divisors = int(found.count.sum()), _divisors(self._units)
        loss, r2 = losses.mean().item(), found.r2()
        usable = [value for value in r2 if value is not None]
        rows = zip(self._names, found.count.tolist(), found.squared.tolist(), found.absolute.tolist(), r2, strict=True)
        return NumberEvaluation(
            n=len(losses),
            loss=loss,
            rmse=math.sqrt((found.squared / divisors**2).sum().item() / known),
            mae=(found.absolute / divisors).sum().item() / known,
            r2=sum(usable) / len(usable) if usable else None,
            nll=None if self._covered is None else loss,
            coverage=None if self._covered is None else self._covered / known,
            per_output=tuple(
                NumberErrors(
                    name=name, known=n, rmse=math.sqrt(squared / n) if n else None, mae=absolute / n if n else None,
                    r2=own,
                )
                for name, n, squared, absolute, own in rows
            ),
            likeness=self._likeness.measures(),
            scores=Scores(_scored("squared error", self._units), joined(self._errors), Better.LOWER),
            units=self._units,
        )  # fmt: skip


@final
class NumberLikeness:
    """Collects how closely a student follows its teacher's numbers.

    The measures are the RMSE over all that the teacher answered, and Pearson's correlation as a mean over the outputs.
    """

    def __init__(self, question: Question, units: Units = ()) -> None:
        self._units = units
        self._moments = Moments(len(question))
        self._losses: list[Tensor] = []
        self._errors: list[Tensor] = []

    def add(self, outputs: Outputs, teacher: SoftTargets) -> None:
        """Add a batch: numbers ``[B, (height, width,) C]`` and the teacher's answers."""
        heads, answer = _heads(outputs), teacher.combined()
        divergence = "gaussian-nll" if LOG_VARIANCE in heads else "squared-error"
        self._losses.append(soft_part(divergence, heads, teacher, temperature=1.0, per_output=PerOutput(self._units)))
        self._errors.append(
            soft_part("squared-error", heads, teacher, temperature=1.0, per_output=PerOutput(self._units))
        )
        numbers = answer.numbers()
        covered = numbers if answer.coverage is None else numbers.where(answer.coverage, math.nan)
        self._moments.add(covered, heads[MAIN])

    def measures(self) -> tuple[Measure, ...]:
        """RMSE and correlation; empty if there was no teacher."""
        known = int(self._moments.count.sum())
        if not known:
            return ()
        found = [value for value in self._moments.correlation() if value is not None]
        squared = (self._moments.squared / _divisors(self._units) ** 2).sum().item()
        return (
            Measure(_pooled("RMSE to the teacher", self._units), math.sqrt(squared / known), Better.LOWER),
            Measure("correlation with the teacher", sum(found) / len(found) if found else None),
        )

    def result(self) -> LikenessEvaluation:
        """The evaluation by the teacher's answers: the loss is the objective's soft part, the score the squared error.

        The soft part is the squared error, or the Gaussian NLL if the student has a ``log_variance`` head.
        """
        losses = joined(self._losses)
        return LikenessEvaluation(
            n=len(losses), loss=losses.mean().item(), measures=self.measures(),
            scores=Scores(_scored("squared error to the teacher", self._units), joined(self._errors), Better.LOWER),
        )  # fmt: skip


def _divisors(units: Units) -> Tensor:
    """The divisors of the outputs' errors before they are added up; 1 for a single output, or without units."""
    return torch.tensor(units if len(units) > 1 else 1.0, dtype=torch.float64)


def _pooled(name: str, units: Units) -> str:
    """The name of a measure over all outputs."""
    return _scored(name, units) if len(units) > 1 else name


def _scored(name: str, units: Units) -> str:
    return f"{STANDARDISED} {name}" if units else name


def _heads(outputs: Outputs) -> dict[str, Tensor]:
    """The numbers and, where there are any, how far off they may be; at least float32."""
    return {
        head: outputs[head].detach().to(torch.promote_types(outputs[head].dtype, torch.float32))
        for head in (MAIN, LOG_VARIANCE) if head in outputs
    }  # fmt: skip
