"""The objectives users meet: a teacher's soft part and the labels' hard part, with one weighting convention.

``(1 - hard_weight) · scale(T) · D(teacher at T, student at T) + hard_weight · H(labels, student at 1)``
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor

from joryu.errors import InputError
from joryu.objectives.hard import CROSS_ENTROPY, HardPart
from joryu.objectives.objective import Outputs, Terms
from joryu.objectives.parts import (
    DIVERGENCES,
    PerOutput,
    checked_factor,
    checked_priors,
    default_divergence,
    soft_part,
)
from joryu.questions import Link
from joryu.questions.softening import check_temperature

if TYPE_CHECKING:
    from joryu.targets.soft_targets import SoftTargets


@dataclass(frozen=True, slots=True, kw_only=True)
class Distillation:
    """Learn from a teacher: ``soft = (1 - w) · s(T) · D(p, q)`` and ``hard = w · H(y, softmax(z))``.

    ``z`` are the student's logits and ``v`` the teacher's, ``[B, (height, width,) C]``; ``p = softmax(v / T)`` and
    ``q = softmax(z / T)`` (of tags and masks the sigmoid); ``y`` is the label and ``w`` the ``hard_weight``. It is the
    weighted sum of Hinton, Vinyals & Dean 2015 (§2). ``D`` is multiplied by the factor of its link, ``s(T)``; T² holds
    the gradient of a softmax at its size (their eq. 4).

    ``link`` says what is learned, and must be that of the soft targets. Without a ``divergence`` the first named here
    is taken:

    * ``softmax`` (one of many), ``s = T²``: ``kl-forward``, ``cross-entropy``, ``kl-reverse``, ``js``, or
      ``logit-mse``, the limit T → ∞ with T² already in it, which heeds no temperature.
    * ``sigmoid`` (tags, masks), ``s = T``: ``cross-entropy`` or ``kl-forward``, a mean over the tags. Tags that the
      teacher did not return are held below their bound (`joryu.objectives.tagging`). With ``factor="T^2"`` the gradient
      keeps its size at every T, as a softmax's does; with ``T`` it falls as 1 / T. ``bounded`` is ``cross-entropy``;
      ``bounded-prior``, ``zero-filled``, ``asymmetric`` and ``normalised-kl`` are those of
      `joryu.objectives.partial_tags`. ``priors`` has what is expected of each tag where it was not returned.
    * ``identity`` (numbers), nothing to soften, so T must be 1: ``squared-error``, or ``gaussian-nll`` for a student
      with a ``log_variance`` head. ``units`` has what each number's squared error is measured in, so that euros and
      metres weigh the same.

    ``hard_loss`` is the cross-entropy, a loss of masks, or a sum of these, and ``class_weights`` weigh the classes of
    its cross-entropy; see `joryu.objectives.HardPart`.

    What is averaged: on a grid, each part over the sites of an example (the hard part over those with a label), so that
    every example is worth the same; of an ensemble, the members' probabilities at ``temperature``, by the rule of the
    ensemble (for ``logit-mse`` their logits: `joryu.targets.pooling.mean_logits`).

    What is left out: the hard part of a row without a label is 0, and its soft part keeps its weight; a part of weight
    0 is not computed and not among the terms. The ``weight`` of a row multiplies both parts.

    >>> import torch
    >>> from joryu.questions import Question
    >>> from joryu.targets import SoftTargets, Space
    >>> question = Question.one_of(["cat", "dog"])
    >>> teacher = SoftTargets(values=torch.tensor([[4.0, 0.0]]), space=Space.LOGITS, question=question)
    >>> objective = Distillation(temperature=2.0, hard_weight=0.1)
    >>> objective({"main": torch.zeros(1, 2)}, teacher, torch.tensor([0]))
    {'soft': tensor([1.1801]), 'hard': tensor([0.0693])}

    Raises:
        InputError: a temperature that is not positive, a ``hard_weight`` outside 0..1, a divergence that the link does
            not have, a ``factor`` where nothing is softened, an unusable hard loss or class weight; when called, a part
            with some weight whose targets or labels are missing, or targets of another link.
    """

    name: ClassVar[str] = "distillation"

    temperature: float = 4.0
    hard_weight: float = 0.0
    divergence: str | None = None
    link: Link = Link.SOFTMAX
    units: tuple[float, ...] = ()
    factor: str | None = None
    hard_loss: str | None = None
    class_weights: tuple[float, ...] = ()
    priors: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "link", Link(self.link))
        check_temperature(self.temperature)
        if not 0 <= self.hard_weight <= 1:
            raise InputError(
                "is not usable", setting="hard_weight", expected="0..1", received=self.hard_weight, hint="try 0.1"
            )
        if self.divergence is None:
            object.__setattr__(self, "divergence", default_divergence(self.link))
        if self.divergence not in (known := DIVERGENCES[self.link]):
            raise InputError(
                f"unknown divergence for {self.link} outputs", expected=" or ".join(known),
                received=repr(self.divergence),
            )  # fmt: skip
        object.__setattr__(self, "priors", checked_priors(self.priors, self.divergence or ""))
        object.__setattr__(self, "factor", checked_factor(self.factor, self.link, self.divergence or ""))
        _take_checked(self, self.hard_part)
        if self.temperature != 1 and not self.link.has_probs:
            raise InputError(
                "numbers cannot be softened", expected="temperature 1", received=self.temperature,
                hint="try --temperature 1",
            )  # fmt: skip

    def describe(self) -> dict[str, Any]:
        """The objective as JSON, for provenance; without the factor where it is the link's own."""
        described = _described(self.name, self)
        if self.factor in {None, self.link.factor}:
            del described["factor"]
        if not self.priors:
            del described["priors"]
        return described

    def __call__(self, outputs: Outputs, soft_targets: SoftTargets | None, labels: Tensor | None) -> Terms:
        """Terms ``[B]`` of outputs ``main [B, (height, width,) C]``; labels as the question's codec has them."""
        terms: Terms = {}
        if self.hard_weight < 1:
            soft = self._soft(outputs, _required_targets(soft_targets))
            terms["soft"] = soft if self.hard_weight == 0 else (1 - self.hard_weight) * soft
        if self.hard_weight > 0:
            hard = _hard_part(self)(outputs, _required_labels(labels))
            terms["hard"] = hard if self.hard_weight == 1 else self.hard_weight * hard
        weight = None if soft_targets is None else soft_targets.weight
        return terms if weight is None else {name: term * weight for name, term in terms.items()}

    @property
    def hard_part(self) -> HardPart:
        """What the labels teach."""
        return HardPart(link=self.link, loss=self.hard_loss, class_weights=self.class_weights, units=self.units)

    def _soft(self, outputs: Outputs, targets: SoftTargets) -> Tensor:
        if targets.link is not self.link:
            raise InputError(
                "these soft targets are of another link than the objective", expected=self.link.value,
                received=targets.link.value, hint=f"try Distillation(link={targets.link.value!r})",
            )  # fmt: skip
        return soft_part(
            self.divergence or "",
            outputs,
            targets,
            temperature=self.temperature,
            per_output=PerOutput(self.units, self.priors),
            factor=self.factor,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HardLabels:
    """The twin's objective: the labels alone; soft targets are not looked at.

    Cross-entropy for ``softmax`` (Bishop 2006, eq. 4.108), binary cross-entropy for ``sigmoid`` (eq. 4.90), the
    squared error for ``identity`` (eq. 3.12), each at temperature 1; or another ``hard_loss``, as in `Distillation`.
    Give it labelled examples only: a row without a label gives 0 and still counts in the mean over the batch.

    >>> import torch
    >>> HardLabels()({"main": torch.zeros(1, 4)}, None, torch.tensor([2]))
    {'hard': tensor([1.3863])}

    Raises:
        InputError: ``label_smoothing`` outside 0..1, or for outputs that are no classes; a hard loss or class weights
            that cannot be, as in `HardPart`; when called, no labels.
    """

    name: ClassVar[str] = "hard-labels"

    label_smoothing: float = 0.0
    link: Link = Link.SOFTMAX
    units: tuple[float, ...] = ()
    hard_loss: str | None = None
    class_weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "link", Link(self.link))
        _take_checked(self, self.hard_part)

    def describe(self) -> dict[str, Any]:
        """The objective as JSON, for provenance."""
        return _described(self.name, self)

    def __call__(self, outputs: Outputs, soft_targets: SoftTargets | None, labels: Tensor | None) -> Terms:
        """Terms ``[B]`` of outputs ``main [B, (height, width,) C]``; labels as the question's codec has them."""
        del soft_targets
        return {"hard": _hard_part(self)(outputs, _required_labels(labels))}

    @property
    def hard_part(self) -> HardPart:
        """What the labels teach."""
        return HardPart(
            link=self.link, loss=self.hard_loss, label_smoothing=self.label_smoothing,
            class_weights=self.class_weights, units=self.units,
        )  # fmt: skip


@lru_cache(maxsize=64)
def _hard_part(objective: Distillation | HardLabels) -> HardPart:
    """The hard part of an objective, made once: its checks take longer than a small loss."""
    return objective.hard_part


def _take_checked(objective: Distillation | HardLabels, hard: HardPart) -> None:
    """Keep the settings of the hard part in their usual form, so that equal objectives are equal."""
    for setting, value in (("hard_loss", hard.loss), ("class_weights", hard.class_weights), ("units", hard.units)):
        object.__setattr__(objective, setting, value)


def _described(name: str, objective: Distillation | HardLabels) -> dict[str, Any]:
    described = {"name": name, **asdict(objective), "link": objective.link.value}
    if objective.link is Link.SOFTMAX:  # as it was before there were others, so that its runs can be gone on with
        del described["link"]
    for setting in ("units", "class_weights"):
        if not described[setting]:
            del described[setting]
    if objective.hard_loss in {None, CROSS_ENTROPY}:
        del described["hard_loss"]
    return described


def _required_targets(soft_targets: SoftTargets | None) -> SoftTargets:
    if soft_targets is None:
        raise InputError(
            "there are no soft targets", expected="a teacher's answers", hint="try HardLabels, or hard_weight=1"
        )
    return soft_targets


def _required_labels(labels: Tensor | None) -> Tensor:
    if labels is None:
        raise InputError(
            "the hard part has no labels", expected="labels (unknown where there is none)", hint="try hard_weight=0"
        )
    return labels
