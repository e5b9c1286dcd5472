"""Evaluate answers that are one of many classes, batch by batch, by labels that are classes or distributions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from joryu.evaluation.agreement import row_divergences
from joryu.evaluation.evaluator import (
    Better,
    LikenessEvaluation,
    Measure,
    Scores,
    described,
    joined,
)
from joryu.evaluation.metrics import Evaluation, evaluate_logits
from joryu.evaluation.record import as_json
from joryu.objectives import MAIN, Outputs
from joryu.questions import Question
from joryu.questions.softening import log_softmax
from joryu.targets.soft_targets import SoftTargets

RIGHT = "right answer"  #: the name of the score that is 1 for a right answer and 0 for a wrong one


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassEvaluation:
    """An `Evaluated` for numbers of classes, with all numbers of `joryu.evaluation.Evaluation` in ``metrics``.

    ``scores`` is 1 for each right answer and 0 for each wrong one.
    """

    metrics: Evaluation
    scores: Scores

    @property
    def n(self) -> int:
        """How many examples judged."""
        return self.metrics.n

    @property
    def loss(self) -> float:
        """The NLL, ``mean(-log p_y)`` in nats."""
        return self.metrics.nll

    @property
    def measures(self) -> tuple[Measure, ...]:
        """Accuracy first."""
        found = self.metrics
        top = [Measure(f"top-{k} accuracy", value, unit="share") for k, value in found.top_k.items() if k > 1]
        alike = [] if found.agreement is None else _likeness(found.agreement.top1, found.agreement.kl)
        return (
            Measure("accuracy", found.accuracy, unit="share"),
            *top,
            Measure("cross-entropy", found.nll, Better.LOWER, "nats"),
            Measure("Brier score", found.brier, Better.LOWER),
            Measure("calibration error", found.ece, Better.LOWER, "share"),
            *alike,
        )

    def to_json(self) -> dict[str, Any]:
        """What `as_json` gives of the metrics, and what every evaluation has."""
        return described(self, **as_json(self.metrics))


@final
class ClassTally:
    """Collects answers about labels that are numbers of classes.

    It keeps the logits of the whole set, and the teacher's probabilities, as float32 ``[n, C]``.
    """

    def __init__(self, question: Question) -> None:
        del question
        self._logits: list[Tensor] = []
        self._labels: list[Tensor] = []
        self._teacher_probs: list[Tensor] = []

    def add(self, outputs: Outputs, labels: Tensor, teacher: SoftTargets | None) -> None:
        """Add a batch: logits ``[B, C]`` and labels int64 ``[B]``."""
        self._logits.append(outputs[MAIN].detach().float().cpu())
        self._labels.append(labels.cpu())
        if teacher is not None:
            self._teacher_probs.append(teacher_probs(teacher).cpu())

    def result(self) -> ClassEvaluation:
        """The evaluation of all batches."""
        logits, labels = torch.cat(self._logits), torch.cat(self._labels)
        probs = torch.cat(self._teacher_probs) if self._teacher_probs else None
        right = (logits.argmax(-1) == labels).double()
        return ClassEvaluation(
            metrics=evaluate_logits(logits, labels, teacher_probs=probs), scores=Scores(RIGHT, right)
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GradedEvaluation:
    """An `Evaluated` for labels that are distributions over the classes; `GradedTally` has the formulas."""

    n: int
    loss: float
    measures: tuple[Measure, ...]
    scores: Scores

    def to_json(self) -> dict[str, Any]:
        """Everything but the scores."""
        return described(self)


@final
class GradedTally:
    """Collects answers about labels ``y [B, C]`` that are distributions; keeps four numbers per example.

    * loss: ``mean(-Σ_c y_c log p_c)`` in nats. Even an answer equal to ``y`` has a loss, the entropy of ``y``.
    * KL: ``mean Σ_c y_c (log y_c - log p_c)`` in nats, the loss without that entropy: 0 is best.
    * accuracy: an answer is right if no class has a larger share. Of several classes with the largest share, each is
      right.
    * Brier: ``mean Σ_c (p_c - y_c)²``, in [0, 2] (Brier 1950).
    """

    def __init__(self, question: Question) -> None:
        self._likeness = ClassLikeness(question)
        self._columns: dict[str, list[Tensor]] = {}

    def add(self, outputs: Outputs, labels: Tensor, teacher: SoftTargets | None) -> None:
        """Add a batch: logits ``[B, C]`` and labels ``[B, C]``."""
        log_probs = log_softmax(outputs[MAIN].detach())
        shares = labels.to(log_probs.dtype)
        given = shares.gather(1, log_probs.argmax(-1, keepdim=True)).squeeze(1)
        columns = {
            "loss": -(shares * log_probs).sum(-1),
            "kl": row_divergences(log_probs, shares),
            "brier": (log_probs.exp() - shares).square().sum(-1),
            "right": given == shares.amax(-1),
        }
        for name, column in columns.items():
            self._columns.setdefault(name, []).append(column)
        if teacher is not None:
            self._likeness.add(outputs, teacher)

    def result(self) -> GradedEvaluation:
        """The evaluation of all batches."""
        columns = {name: joined(parts) for name, parts in self._columns.items()}
        means = {name: column.mean().item() for name, column in columns.items()}
        measures = (
            Measure("accuracy", means["right"], unit="share"),
            Measure("KL to the labels", max(means["kl"], 0.0), Better.LOWER, "nats"),
            Measure("Brier score", means["brier"], Better.LOWER),
            *self._likeness.measures(),
        )
        return GradedEvaluation(
            n=len(columns["loss"]), loss=means["loss"], measures=measures, scores=Scores(RIGHT, columns["right"])
        )


@final
class ClassLikeness:
    """Collects how closely a student follows its teacher, by the formulas of `joryu.evaluation.likeness`."""

    def __init__(self, question: Question) -> None:
        del question
        self._losses: list[Tensor] = []
        self._divergences: list[Tensor] = []
        self._same: list[Tensor] = []

    def add(self, outputs: Outputs, teacher: SoftTargets) -> None:
        """Add a batch: logits ``[B, C]`` and the teacher's answers."""
        logits = outputs[MAIN].detach().float()
        log_probs, probs = log_softmax(logits), teacher_probs(teacher).to(logits)
        self._losses.append(-(probs * log_probs).sum(-1))
        self._divergences.append(row_divergences(log_probs, probs))
        self._same.append(logits.argmax(-1) == probs.argmax(-1))

    def measures(self) -> tuple[Measure, ...]:
        """The share of examples with the same top answer, and the mean KL; empty if there was no teacher."""
        if not self._same:
            return ()
        return _likeness(joined(self._same).mean().item(), max(joined(self._divergences).mean().item(), 0.0))

    def result(self) -> LikenessEvaluation:
        """The evaluation by the teacher's answers: the loss is the cross-entropy, the score 1 for the same answer."""
        same, losses = joined(self._same), joined(self._losses)
        return LikenessEvaluation(
            n=len(same), loss=losses.mean().item(), measures=self.measures(), scores=Scores("teacher's answer", same)
        )


def teacher_probs(teacher: SoftTargets) -> Tensor:
    """A teacher's probabilities of all classes or tags at T = 1, ``[B, (height, width,) C]``; members are combined."""
    return teacher.combined(1.0).probs(1.0)


def _likeness(top1: float, kl: float) -> tuple[Measure, ...]:
    return (
        Measure("same answer as the teacher", top1, unit="share"),
        Measure("KL to the teacher", kl, Better.LOWER, "nats"),
    )
