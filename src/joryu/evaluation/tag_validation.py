"""What training needs of tags after every epoch: the loss, which chooses the best, and one measure.

All other measures of `joryu.evaluation.tags` and `joryu.evaluation.tag_likeness` sort thousands of tags and pictures
several times over. A report computes them once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from joryu.evaluation.evaluator import Better, Measure, Scores, defined, described, joined
from joryu.evaluation.masks import teacher_answers
from joryu.objectives import MAIN, Outputs, hard_binary_cross_entropy
from joryu.objectives.parts import soft_part
from joryu.questions import UNKNOWN, Question, decided
from joryu.targets.average_precision import average_precision
from joryu.targets.soft_targets import SoftTargets

SAME = "same tags as the teacher"
MACRO = "macro average precision"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TagValidation:
    """An `Evaluated` with the loss and the first measure of the whole evaluation, and no other."""

    n: int
    loss: float
    measures: tuple[Measure, ...]
    scores: Scores

    def to_json(self) -> dict[str, Any]:
        """Everything but the scores."""
        return described(self)


@final
class BriefTagTally:
    """The loss and the macro average precision of `joryu.evaluation.tags.TagTally`, and no other measure."""

    def __init__(self, question: Question) -> None:
        self._width = len(question)
        self._losses: list[Tensor] = []
        self._pairs = 0
        self._logits: list[Tensor] = []
        self._labels: list[Tensor] = []

    def add(self, outputs: Outputs, labels: Tensor, teacher: SoftTargets | None) -> None:
        """Add a batch: logits ``[B, C]`` and labels ``[B, C]``; the teacher's answers are not looked at."""
        del teacher
        logits = outputs[MAIN].detach().float()
        # The objective divides by all C tags, also by those that nobody knows.
        self._losses.append(hard_binary_cross_entropy(logits, labels))
        self._pairs += int((labels != UNKNOWN).sum())
        self._logits.append(logits.cpu())
        self._labels.append(labels.cpu())

    def result(self) -> TagValidation:
        """The evaluation of all batches."""
        losses = joined(self._losses) * self._width
        by_tag = average_precision(torch.cat(self._logits), *decided(torch.cat(self._labels)))
        return TagValidation(
            n=len(losses), loss=losses.sum().item() / self._pairs,
            measures=(Measure(MACRO, defined(by_tag.nanmean()), unit="share"),),
            scores=Scores("cross-entropy", losses, Better.LOWER),
        )  # fmt: skip


@final
class BriefTagLikeness:
    """The loss and the share of the same tags of `joryu.evaluation.tag_likeness.TagLikeness`; it keeps no answer."""

    def __init__(self, question: Question) -> None:
        del question
        self._losses: list[Tensor] = []
        self._same: list[Tensor] = []

    def add(self, outputs: Outputs, teacher: SoftTargets) -> None:
        """Add a batch: logits ``[B, C]`` and the teacher's answers."""
        logits = outputs[MAIN].detach()
        self._losses.append(soft_part("cross-entropy", {MAIN: logits}, teacher, temperature=1.0))
        answer, known = teacher_answers(teacher)
        self._same.append((((logits > 0) == answer) & known).sum(-1) / known.sum(-1))

    def result(self) -> TagValidation:
        """The evaluation of all batches."""
        losses = joined(self._losses)
        return TagValidation(
            n=len(losses), loss=losses.mean().item(),
            measures=(Measure(SAME, defined(joined(self._same).nanmean()), unit="share"),),
            scores=Scores("cross-entropy", losses, Better.LOWER),
        )  # fmt: skip
