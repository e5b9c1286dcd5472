"""The objectives users meet: a teacher's soft part and the labels' hard part, with one weighting convention.

``(1 - hard_weight) · scale(T) · D(teacher at T, student at T) + hard_weight · cross-entropy(labels, student at 1)``
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.objectives.classification import (
    forward_kl,
    hard_cross_entropy,
    jensen_shannon,
    logit_matching,
    reverse_kl,
    soft_cross_entropy,
)
from joryu.objectives.tagging import binary_kl, hard_binary_cross_entropy, soft_binary_cross_entropy
from joryu.objectives.temperature import check_temperature, gradient_scale

if TYPE_CHECKING:
    from joryu.targets.soft_targets import SoftTargets

Divergence = Literal["kl-forward", "cross-entropy", "kl-reverse", "js", "logit-mse"]
TagDivergence = Literal["cross-entropy", "kl-forward"]

_DIVERGENCES = {
    "kl-forward": forward_kl,
    "cross-entropy": soft_cross_entropy,
    "kl-reverse": reverse_kl,
    "js": jensen_shannon,
}
_TAG_DIVERGENCES = {"cross-entropy": soft_binary_cross_entropy, "kl-forward": binary_kl}


@dataclass(frozen=True, slots=True, kw_only=True)
class Distillation:
    """Learn one of many from a teacher: ``(1 - hard_weight) · T² · D(p, q) + hard_weight · CE(labels, student)``.

    ``D`` is taken at ``temperature``, the hard part at 1 (Hinton, Vinyals & Dean 2015, §2). ``logit-mse`` is the limit
    T → ∞ with T² already in it, and heeds no temperature. An ensemble's members are averaged as probabilities, softened
    at ``temperature`` first (for ``logit-mse``: as logits). The hard part of a row without a label is 0, and the soft
    part keeps its weight. A row's ``weight`` multiplies both parts.

    >>> import torch
    >>> from joryu.targets import SoftTargets, Space
    >>> teacher = SoftTargets(values=torch.tensor([[4.0, 0.0]]), space=Space.LOGITS, n_classes=2)
    >>> objective = Distillation(temperature=2.0, hard_weight=0.1)
    >>> objective(torch.zeros(1, 2), teacher, torch.tensor([0]))
    tensor([1.2494])

    Raises:
        InputError: a temperature that is not positive, a ``hard_weight`` outside 0..1, an unknown divergence; when
            called, a part with some weight whose targets or labels are missing, or answers per tag.
    """

    name: ClassVar[str] = "distillation"

    temperature: float = 4.0
    hard_weight: float = 0.0
    divergence: Divergence = "kl-forward"

    def __post_init__(self) -> None:
        check_temperature(self.temperature)
        _check_weight(self.hard_weight)
        _check_choice(self.divergence, (*_DIVERGENCES, "logit-mse"))

    def describe(self) -> dict[str, Any]:
        """The objective as JSON, for provenance."""
        return {"name": self.name, **asdict(self)}

    def __call__(self, student_logits: Tensor, soft_targets: SoftTargets | None, labels: Tensor | None) -> Tensor:
        """Losses ``[B]`` for student logits ``[B, C]``; labels int64 ``[B]`` (-1: none) or probabilities ``[B, C]``."""
        soft = None if self.hard_weight == 1 else self._soft(student_logits, _required_targets(soft_targets))
        hard = None if self.hard_weight == 0 else hard_cross_entropy(student_logits, _required_labels(labels))
        return _combine(soft, hard, self.hard_weight, soft_targets)

    def _soft(self, student_logits: Tensor, targets: SoftTargets) -> Tensor:
        if targets.per_tag:
            raise InputError(
                "these soft targets answer each tag for itself",
                expected="one of many",
                received=targets.kind.value,
                hint="try TagDistillation",
            )
        if self.divergence == "logit-mse":
            logits = _raw_logits(targets)
            return logit_matching(student_logits, logits.mean(1) if targets.members else logits)
        teacher_logits = _raw_logits(targets.mean(self.temperature))
        divergence = _DIVERGENCES[self.divergence](student_logits, teacher_logits, temperature=self.temperature)
        return divergence * gradient_scale(self.temperature)


@dataclass(frozen=True, slots=True, kw_only=True)
class TagDistillation:
    """Learn many of many from a teacher: ``(1 - hard_weight) · T · D(p, q) + hard_weight · BCE(labels, student)``.

    A mean over the tags. Tags that the teacher did not return are held below their bound (`joryu.objectives.tagging`).
    Labels are ``[B, C]`` in [0, 1], -1 for a tag nobody checked.

    >>> import torch
    >>> from joryu.targets import SoftTargets, Space
    >>> teacher = SoftTargets(values=torch.tensor([[0.5, 0.9]]), space=Space.SCORES, n_classes=2)
    >>> TagDistillation()(torch.zeros(1, 2), teacher, None)
    tensor([0.6931])

    Raises:
        InputError: as for `Distillation`.
    """

    name: ClassVar[str] = "tag-distillation"

    temperature: float = 1.0
    hard_weight: float = 0.0
    divergence: TagDivergence = "cross-entropy"

    def __post_init__(self) -> None:
        check_temperature(self.temperature)
        _check_weight(self.hard_weight)
        _check_choice(self.divergence, tuple(_TAG_DIVERGENCES))

    def describe(self) -> dict[str, Any]:
        """The objective as JSON, for provenance."""
        return {"name": self.name, **asdict(self)}

    def __call__(self, student_logits: Tensor, soft_targets: SoftTargets | None, labels: Tensor | None) -> Tensor:
        """Losses ``[B]`` for student logits ``[B, C]`` and labels ``[B, C]``."""
        soft = None if self.hard_weight == 1 else self._soft(student_logits, _required_targets(soft_targets))
        hard = None if self.hard_weight == 0 else hard_binary_cross_entropy(student_logits, _required_labels(labels))
        return _combine(soft, hard, self.hard_weight, soft_targets)

    def _soft(self, student_logits: Tensor, targets: SoftTargets) -> Tensor:
        if not targets.per_tag:
            raise InputError(
                "these soft targets choose one of many",
                expected="an answer for each tag",
                received=targets.kind.value,
                hint="try Distillation",
            )
        dense = targets.mean(self.temperature).dense()
        divergence = _TAG_DIVERGENCES[self.divergence](
            student_logits, _raw_logits(dense), temperature=self.temperature, coverage=dense.coverage
        )
        return divergence * gradient_scale(self.temperature, "sigmoid")


@dataclass(frozen=True, slots=True, kw_only=True)
class HardLabels:
    """The twin's objective: cross-entropy with the labels alone; soft targets are not looked at.

    Give it labelled examples only: a row without a label gives 0 and still counts in the mean over the batch.

    >>> import torch
    >>> HardLabels()(torch.zeros(1, 4), None, torch.tensor([2]))
    tensor([1.3863])

    Raises:
        InputError: ``label_smoothing`` outside 0..1; when called, no labels.
    """

    name: ClassVar[str] = "hard-labels"

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing <= 1:
            raise InputError("is not usable", setting="label_smoothing", expected="0..1", received=self.label_smoothing)

    def describe(self) -> dict[str, Any]:
        """The objective as JSON, for provenance."""
        return {"name": self.name, **asdict(self)}

    def __call__(self, student_logits: Tensor, soft_targets: SoftTargets | None, labels: Tensor | None) -> Tensor:
        """Losses ``[B]`` for student logits ``[B, C]``; labels int64 ``[B]`` (-1: none) or probabilities ``[B, C]``."""
        del soft_targets
        return hard_cross_entropy(student_logits, _required_labels(labels), label_smoothing=self.label_smoothing)


def _raw_logits(targets: SoftTargets) -> Tensor:
    """Dense logits at T = 1, whatever temperature the targets were made at."""
    logits = targets.logits()
    return logits if targets.temperature == 1 else logits * targets.temperature


def _combine(soft: Tensor | None, hard: Tensor | None, hard_weight: float, targets: SoftTargets | None) -> Tensor:
    """``(1 - hard_weight) · soft + hard_weight · hard``, each row times its weight; a part without weight is None."""
    parts = [part for part in (soft, hard) if part is not None]
    losses = parts[0] if len(parts) == 1 else torch.lerp(parts[0], parts[1], hard_weight)
    if targets is None or targets.weight is None:
        return losses
    return losses * targets.weight


def _required_targets(soft_targets: SoftTargets | None) -> SoftTargets:
    if soft_targets is None:
        raise InputError(
            "there are no soft targets", expected="a teacher's answers", hint="try HardLabels, or hard_weight=1"
        )
    return soft_targets


def _required_labels(labels: Tensor | None) -> Tensor:
    if labels is None:
        raise InputError(
            "the hard part has no labels", expected="labels (-1 where there is none)", hint="try hard_weight=0"
        )
    return labels


def _check_weight(hard_weight: float) -> None:
    if not 0 <= hard_weight <= 1:
        raise InputError("is not usable", setting="hard_weight", expected="0..1", received=hard_weight, hint="try 0.1")


def _check_choice(divergence: str, known: tuple[str, ...]) -> None:
    if divergence not in known:
        raise InputError("unknown divergence", expected=" or ".join(known), received=repr(divergence))
