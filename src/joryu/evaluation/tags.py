"""Evaluate tags: how well they are ranked, and how well their probabilities are calibrated."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, final

import torch
from torch import Tensor

from joryu.evaluation.evaluator import Better, Measure, Scores, defined, described
from joryu.evaluation.tag_likeness import TagCoverage, TagLikeness
from joryu.objectives import MAIN, Outputs, hard_binary_cross_entropy
from joryu.questions import UNKNOWN, Question, decided
from joryu.targets.average_precision import average_precision, ndcg_at, precision_at, recall_at
from joryu.targets.calibration import ReliabilityBin, calibration_errors, expected_calibration_error, reliability_of
from joryu.targets.soft_targets import SoftTargets

FIRST = (1, 5)  #: the ``k`` for which the precision among the ``k`` best tags is measured


@dataclass(frozen=True, slots=True, kw_only=True)
class TagNumbers:
    """The numbers of one tag, over the examples for which it is known."""

    name: str
    known: int
    positives: int
    average_precision: float | None  #: ``None`` unless the tag has a positive and a negative example
    mean_prob: float | None  #: the student's mean probability, to compare with ``share``
    share: float | None  #: the mean label, how often the tag holds
    calibration_error: float | None  #: 15 bins, over this tag's examples


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TagEvaluation:
    """An `Evaluated` for tags. Unknown tags (-1) are left out of every number.

    * ``loss``: the binary cross-entropy in nats, a mean over the ``n_pairs`` known pairs of an example and a tag.
    * ``macro``: the average precision of each tag over the examples, the mean over the ``ranked`` tags, which have a
      positive and a negative example; ``unranked`` tags are left out (`joryu.evaluation.average_precision`).
    * ``micro``: the average precision of all pairs in one ranking.
    * ``per_example``: the average precision of each example over its tags, the mean over the examples that have a
      positive and a negative tag.
    * ``precision_at[k]``: the share of positives among the ``k`` best tags of each example, for ``k < C``: among all
      ``C`` it would not depend on the student.
    * ``recall_at[k]``: the share of an example's positives that are among its ``k`` best tags. ``ndcg_at[k]``: the
      normalised discounted cumulative gain, with the labels for gains (`joryu.targets.average_precision`).
    * ``ece``: the expected calibration error over all pairs, with 15 bins of the probability (Guo et al. 2017, eq. 3,
      with the frequency of the tags in place of accuracy); ``reliability`` holds the bins.

    A label between 0 and 1 counts with its value in loss and calibration. In rankings it is positive above 0.5,
    negative below, and unknown at 0.5.

    ``scores`` holds the average precision of each example, NaN if it has no positive or no negative tag. It measures
    the same as ``macro``, the headline. A likelihood would punish a student that learned the probabilities of an
    under-confident teacher. A single tag cannot be ranked within an example, so its score is the cross-entropy.
    """

    n: int
    loss: float
    n_pairs: int
    macro: float | None
    ranked: int
    unranked: int
    micro: float | None
    per_example: float | None
    precision_at: dict[int, float | None]
    recall_at: dict[int, float | None]
    ndcg_at: dict[int, float | None]
    ece: float
    reliability: tuple[ReliabilityBin, ...]
    per_tag: tuple[TagNumbers, ...]
    likeness: tuple[Measure, ...]
    scores: Scores
    coverage: tuple[TagCoverage, ...] = ()  #: which tags a teacher returned, if there is one

    @property
    def measures(self) -> tuple[Measure, ...]:
        """Macro average precision first, then the other numbers, then what a teacher adds."""
        return (
            Measure("macro average precision", self.macro, unit="share"),
            Measure("micro average precision", self.micro, unit="share"),
            Measure("average precision per example", self.per_example, unit="share"),
            *(Measure(f"precision at {k}", value, unit="share") for k, value in self.precision_at.items()),
            *(Measure(f"recall at {k}", value, unit="share") for k, value in self.recall_at.items()),
            *(Measure(f"nDCG at {k}", value, unit="share") for k, value in self.ndcg_at.items()),
            Measure("cross-entropy", self.loss, Better.LOWER, "nats"),
            Measure("calibration error", self.ece, Better.LOWER, "share"),
            *self.likeness,
        )

    def to_json(self) -> dict[str, Any]:
        """Everything but the scores."""
        return described(
            self,
            n_pairs=self.n_pairs,
            ranked=self.ranked,
            unranked=self.unranked,
            precision_at=self.precision_at,
            recall_at=self.recall_at,
            ndcg_at=self.ndcg_at,
            reliability=[asdict(part) for part in self.reliability],
            per_tag=[asdict(tag) for tag in self.per_tag],
            **({"coverage": [asdict(tag) for tag in self.coverage]} if self.coverage else {}),
        )


@final
class TagTally:
    """Collects answers about tags. It keeps all logits (float32) and labels, ``[n, C]``: a ranking needs them all."""

    def __init__(self, question: Question) -> None:
        self._names = question.names
        self._likeness = TagLikeness(question)
        self._logits: list[Tensor] = []
        self._labels: list[Tensor] = []

    def add(self, outputs: Outputs, labels: Tensor, teacher: SoftTargets | None) -> None:
        """Add a batch: logits ``[B, C]`` and labels ``[B, C]``."""
        self._logits.append(outputs[MAIN].detach().float().cpu())
        self._labels.append(labels.cpu())
        if teacher is not None:
            self._likeness.add(outputs, teacher)

    def result(self) -> TagEvaluation:
        """The evaluation of all batches."""
        logits, labels = torch.cat(self._logits), torch.cat(self._labels)
        known, (positive, sure) = labels != UNKNOWN, decided(labels)
        probs = logits.double().sigmoid()
        # The objective divides by all C tags, also by those that nobody knows.
        losses = hard_binary_cross_entropy(logits, labels).double() * len(self._names)
        by_tag = average_precision(logits, positive, sure)
        by_example = average_precision(logits, positive, sure, dim=1)
        everything = average_precision(logits.flatten(), positive.flatten(), sure.flatten())
        bins = reliability_of(probs[known], labels[known])
        usable = int((~by_tag.isnan()).sum())
        scores = Scores("average precision", by_example)
        some = known.any(1)
        best = logits[some], positive[some], sure[some]
        gains = labels.double().clamp_min(0)
        if len(self._names) == 1:
            scores = Scores("cross-entropy", losses / known.sum(1), Better.LOWER)
        return TagEvaluation(
            n=len(labels),
            loss=losses.sum().item() / int(known.sum()),
            n_pairs=int(known.sum()),
            macro=defined(by_tag.nanmean()),
            ranked=usable,
            unranked=len(self._names) - usable,
            micro=defined(everything),
            per_example=defined(by_example.nanmean()),
            precision_at={k: defined(precision_at(*best, k).mean()) for k in FIRST if k < len(self._names)},
            recall_at={k: defined(recall_at(*best, k).nanmean()) for k in FIRST[1:] if k < len(self._names)},
            ndcg_at={k: defined(ndcg_at(logits, gains, known, k).nanmean()) for k in FIRST[1:] if k < len(self._names)},
            ece=expected_calibration_error(bins),
            reliability=bins,
            per_tag=_per_tag(self._names, probs, labels, by_tag),
            likeness=self._likeness.measures(),
            coverage=self._likeness.coverage(),
            scores=scores,
        )


def _per_tag(names: tuple[str, ...], probs: Tensor, labels: Tensor, precisions: Tensor) -> tuple[TagNumbers, ...]:
    known = labels != UNKNOWN
    held, said = labels.double() * known, probs * known
    counts = known.sum(0)
    columns = {
        "average_precision": precisions, "mean_prob": said.sum(0) / counts, "share": held.sum(0) / counts,
        "calibration_error": calibration_errors(probs, labels, known),
    }  # fmt: skip
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    positives = decided(labels)[0].sum(0).tolist()
    return tuple(
        TagNumbers(
            name=name, known=n, positives=p,
            **{field: None if math.isnan(value) else value for field, value in zip(columns, row, strict=True)},
        )
        for name, n, p, row in zip(names, counts.tolist(), positives, rows, strict=True)
    )  # fmt: skip
