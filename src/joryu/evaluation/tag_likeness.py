"""Evaluate tags by a teacher's answers: how alike they are, how they rank, and which tags the teacher returned."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, final

import torch
from torch import Tensor

from joryu.evaluation.evaluator import Better, Measure, Scores, defined, described, joined
from joryu.evaluation.masks import teacher_answers
from joryu.objectives import MAIN, Outputs
from joryu.objectives.parts import soft_part
from joryu.questions import Question
from joryu.targets.average_precision import average_precision, ndcg_at, precision_at, recall_at
from joryu.targets.calibration import ReliabilityBin, expected_calibration_error, reliability_of
from joryu.targets.soft_targets import SoftTargets

SILENT = 0.999  #: a bound from here on says nothing
BEST = 5  #: the ``k`` of the measures among the ``k`` best tags


@dataclass(frozen=True, slots=True, kw_only=True)
class TagCoverage:
    """How often a teacher returned one tag, and how the student follows it there."""

    name: str
    returned: int
    bounded: int  #: not returned, with a bound that says something
    unknown: int  #: not returned, and nothing is known
    teacher_prob: float | None  #: the teacher's mean probability where it returned the tag
    student_prob: float | None  #: the student's, on the same examples
    average_precision: float | None  #: of the examples in the student's order, positive where the teacher says > 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TagLikenessEvaluation:
    """An `Evaluated` of a student of tags by its teacher's answers at T = 1, for examples without labels.

    Beside the measures of `TagLikeness`:

    * macro and micro average precision, positive where the teacher's probability is above 0.5, negative where it is
      known not to be (`joryu.evaluation.masks.teacher_answers`);
    * precision and recall among the 5 best tags of an example; nDCG with the teacher's probabilities for gains, 0 for
      tags that it did not return;
    * the calibration error against the teacher's scores: over the returned pairs of example and tag, binned by the
      student's probability, the mean gap to the teacher's (as Guo et al. 2017, eq. 3); ``reliability`` has the bins.
    """

    n: int
    loss: float
    measures: tuple[Measure, ...]
    scores: Scores
    per_tag: tuple[TagCoverage, ...]
    reliability: tuple[ReliabilityBin, ...]

    def to_json(self) -> dict[str, Any]:
        """Everything but the scores."""
        return described(
            self,
            judged_by="the teacher's answers",
            per_tag=[asdict(tag) for tag in self.per_tag],
            reliability=[asdict(part) for part in self.reliability],
        )


@final
class TagLikeness:
    """Collects how closely a student follows its teacher's tags.

    The measures are the share of tags on the same side of 0.5, and the mean KL of the Bernoulli distributions. A tag
    that the teacher did not return has only a bound: it counts as negative if the bound is at most 0.5, and is left out
    otherwise.
    """

    def __init__(self, question: Question) -> None:
        self._names = question.names
        self._losses: list[Tensor] = []
        self._divergences: list[Tensor] = []
        self._same: list[Tensor] = []
        self._kept: list[
            tuple[Tensor, ...]
        ] = []  #: logits, teacher's probabilities, returned, bounded, positive, known

    def add(self, outputs: Outputs, teacher: SoftTargets) -> None:
        """Add a batch: logits ``[B, C]`` and the teacher's answers."""
        outputs = {MAIN: outputs[MAIN].detach()}
        self._losses.append(soft_part("cross-entropy", outputs, teacher, temperature=1.0))
        self._divergences.append(soft_part("kl-forward", outputs, teacher, temperature=1.0))
        answer, known = teacher_answers(teacher)
        same = ((outputs[MAIN] > 0) == answer) & known
        self._same.append(same.sum(-1) / known.sum(-1))
        dense = teacher.combined(1.0).dense()
        probs = dense.probs(1.0)
        returned = torch.ones_like(answer) if dense.coverage is None else dense.coverage
        bounded = ~returned & (probs < SILENT)
        kept = (outputs[MAIN].float(), probs.float(), returned, bounded, answer & returned, known)
        self._kept.append(tuple(part.cpu() for part in kept))

    def measures(self) -> tuple[Measure, ...]:
        """Same tags and KL as means over the examples; empty if there was no teacher."""
        if not self._same:
            return ()
        return (
            Measure("same tags as the teacher", defined(joined(self._same).nanmean()), unit="share"),
            Measure("KL to the teacher", max(joined(self._divergences).mean().item(), 0.0), Better.LOWER, "nats"),
        )

    def coverage(self) -> tuple[TagCoverage, ...]:
        """Each tag: how often it was returned, and how the student follows; empty if there was no teacher."""
        if not self._kept:
            return ()
        logits, probs, returned, bounded, positive, known = self._whole()
        counts, below = returned.sum(0), bounded.sum(0)
        said = logits.double().sigmoid()
        columns = {
            "teacher_prob": (probs.double() * returned).sum(0) / counts,
            "student_prob": (said * returned).sum(0) / counts,
            "average_precision": average_precision(logits, positive, known),
        }
        rows = zip(*(column.tolist() for column in columns.values()), strict=True)
        return tuple(
            TagCoverage(
                name=name, returned=n, bounded=b, unknown=len(logits) - n - b,
                **{field: None if math.isnan(value) else value for field, value in zip(columns, row, strict=True)},
            )
            for name, n, b, row in zip(self._names, counts.tolist(), below.tolist(), rows, strict=True)
        )  # fmt: skip

    def result(self) -> TagLikenessEvaluation:
        """The evaluation by the teacher's answers: the loss is the cross-entropy, the score the KL."""
        losses, divergences = joined(self._losses), joined(self._divergences)
        logits, probs, returned, _, positive, known = self._whole()
        bins = reliability_of(logits.double().sigmoid()[returned], probs[returned])
        per_tag = self.coverage()
        ranked = [tag.average_precision for tag in per_tag if tag.average_precision is not None]
        micro = average_precision(logits.flatten(), positive.flatten(), known.flatten())
        gains = probs.double() * returned
        more = [
            Measure("macro average precision", sum(ranked) / len(ranked) if ranked else None, unit="share"),
            Measure("micro average precision", defined(micro), unit="share"),
        ]
        if len(self._names) > BEST:
            more += [
                Measure(f"precision at {BEST}", _mean(precision_at(logits, positive, known, BEST)), unit="share"),
                Measure(f"recall at {BEST}", _mean(recall_at(logits, positive, known, BEST)), unit="share"),
                Measure(f"nDCG at {BEST}", _mean(ndcg_at(logits, gains, torch.ones_like(known), BEST)), unit="share"),
            ]
        gap = expected_calibration_error(bins) if returned.any() else None
        more.append(Measure("calibration error to the teacher", gap, Better.LOWER, "share"))
        return TagLikenessEvaluation(
            n=len(losses), loss=losses.mean().item(), measures=(*self.measures(), *more), per_tag=per_tag,
            scores=Scores("KL to the teacher", divergences, Better.LOWER), reliability=bins,
        )  # fmt: skip

    def _whole(self) -> tuple[Tensor, ...]:
        return tuple(torch.cat(parts) for parts in zip(*self._kept, strict=True))


def _mean(values: Tensor) -> float | None:
    return defined(values.nanmean())
