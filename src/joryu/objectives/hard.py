"""`HardPart`: what labels teach, by link: cross-entropy, the overlap of masks, their boundaries, numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from joryu.errors import InputError, did_you_mean
from joryu.objectives.boundary import boundary_loss
from joryu.objectives.classification import hard_cross_entropy
from joryu.objectives.objective import Outputs
from joryu.objectives.overlap import soft_dice, soft_jaccard
from joryu.objectives.parts import Units, checked_units, in_units
from joryu.objectives.regression import gaussian_nll, squared_error
from joryu.objectives.tagging import hard_binary_cross_entropy
from joryu.questions import LOG_VARIANCE, MAIN, UNKNOWN, Link

CROSS_ENTROPY = "cross-entropy"

MASK_LOSSES: Mapping[str, Callable[[Tensor, Tensor, Link], Tensor]] = {
    "dice": soft_dice,
    "jaccard": soft_jaccard,
    "boundary": boundary_loss,
}
"""Losses of whole masks by name: logits ``[B, height, width, C]``, labels and link to losses ``[B]``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HardPart:
    """The hard part of a loss: labels at temperature 1, one number per example.

    ``loss`` is ``cross-entropy`` (of classes or, for ``sigmoid``, of each tag), one of `MASK_LOSSES`, or several joined
    by ``+``, which are added; each is 0 where it can be no better, so that ``cross-entropy+dice`` is one scale. Numbers
    have a loss of their own, and no name.

    ``class_weights``, one for each output, multiply the cross-entropy: of a class, ``w_y · -log q_y``; of a tag, its
    positive part alone, ``-[w y log q + (1 - y) log(1 - q)]``.

    On a grid the cross-entropy is a mean over the sites of an example that have a label; 0 where none has.

    >>> import torch
    >>> HardPart(link=Link.SOFTMAX, class_weights=(1.0, 3.0))({"main": torch.zeros(2, 2)}, torch.tensor([0, 1]))
    tensor([0.6931, 2.0794])

    Raises:
        InputError: no such loss; smoothing or weights without a cross-entropy, or out of range; when called, weights of
            another number than there are outputs, or a loss of masks where there is no grid.
    """

    link: Link
    loss: str | None = None
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] = ()
    units: Units = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", checked_units(self.units, self.link))
        object.__setattr__(self, "loss", checked_loss(self.loss, self.link))
        object.__setattr__(self, "class_weights", _checked_weights(self.class_weights, self.link))
        most = 1 if self.link is Link.SOFTMAX else 0
        if not 0 <= self.label_smoothing <= most:
            raise InputError(
                "is not usable", setting="label_smoothing", expected="0..1 for classes, else 0",
                received=self.label_smoothing,
            )  # fmt: skip
        for setting, given in (("label_smoothing", self.label_smoothing), ("class_weights", self.class_weights)):
            if given and CROSS_ENTROPY not in self.names:
                raise InputError(
                    f"means nothing to {self.loss}, only to a cross-entropy", setting=setting,
                    hint=f"leave it out, or try {CROSS_ENTROPY}+{self.loss}",
                )  # fmt: skip

    @property
    def names(self) -> tuple[str, ...]:
        """The losses that are added."""
        return () if self.loss is None else tuple(self.loss.split("+"))

    @property
    def of_masks(self) -> str | None:
        """The first loss that only masks have; ``None`` if there is none."""
        return next((name for name in self.names if name in MASK_LOSSES), None)

    def __call__(self, outputs: Outputs, labels: Tensor) -> Tensor:
        """The loss ``[B]`` of outputs ``main [B, (height, width,) C]``; labels as the question's codec has them."""
        if not self.link.has_probs:
            return _over_sites(*self._numbers(outputs, labels))
        logits = outputs[MAIN]
        if self.class_weights and len(self.class_weights) != logits.shape[-1]:
            raise wrong_number_of_weights(logits.shape[-1], len(self.class_weights))
        if logits.ndim < 3 and self.of_masks is not None:
            raise no_masks(self.of_masks)
        losses = [
            _over_sites(*self._cross_entropy(logits, labels))
            if name == CROSS_ENTROPY
            else MASK_LOSSES[name](logits, labels, self.link)
            for name in self.names
        ]
        return losses[0] if len(losses) == 1 else sum(losses[1:], start=losses[0])

    def _cross_entropy(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        wide = torch.promote_types(logits.dtype, torch.float32)
        weights = logits.new_tensor(self.class_weights, dtype=wide) if self.class_weights else None
        if self.link is Link.SIGMOID:
            return hard_binary_cross_entropy(logits, labels, positive_weights=weights), (labels != UNKNOWN).any(-1)
        whole = labels if labels.is_floating_point() else labels.long()
        known = whole.sum(-1) > 0 if whole.is_floating_point() else whole != UNKNOWN
        losses = hard_cross_entropy(logits, whole, label_smoothing=self.label_smoothing, class_weights=weights)
        return losses, known

    def _numbers(self, outputs: Outputs, labels: Tensor) -> tuple[Tensor, Tensor]:
        if LOG_VARIANCE in outputs:
            losses = gaussian_nll(outputs[MAIN], outputs[LOG_VARIANCE], labels)
        else:
            losses = squared_error(in_units(outputs[MAIN], self.units), in_units(labels, self.units))
        return losses, (~labels.isnan()).any(-1)


def checked_loss(loss: str | None, link: Link) -> str | None:
    """The name of a hard loss in its usual spelling: parts in the order of the table; the usual one for ``None``.

    >>> checked_loss("dice+cross-entropy", Link.SIGMOID)
    'cross-entropy+dice'

    Raises:
        InputError: there is no such loss, or one comes twice.
    """
    if not link.has_probs:
        if loss is not None:
            raise InputError(
                "means nothing to numbers, whose loss is their squared error", setting="hard_loss", received=loss,
                hint="leave it out",
            )  # fmt: skip
        return None
    if loss is None:
        return CROSS_ENTROPY
    known, parts = (CROSS_ENTROPY, *MASK_LOSSES), loss.split("+")
    if wrong := next((part for part in parts if part not in known), None):
        raise InputError(
            "is not usable", setting="hard_loss", expected=f"{' or '.join(known)}, or several with + between",
            received=repr(loss), hint=did_you_mean(wrong, known),
        )  # fmt: skip
    if not all(parts) or len(set(parts)) < len(parts):
        raise InputError(
            "is not usable", setting="hard_loss", expected="each loss once, with + between", received=repr(loss)
        )
    return "+".join(sorted(parts, key=known.index))


def no_masks(loss: str) -> InputError:
    """The error for a loss of masks where one answer an example is asked."""
    return InputError(
        f"{loss} compares masks", setting="hard_loss", expected="a question about every pixel",
        received="one answer an example", hint=f"try {CROSS_ENTROPY}",
    )  # fmt: skip


def wrong_number_of_weights(outputs: int, weights: int) -> InputError:
    """The error for weights that are more or fewer than the outputs."""
    return InputError("do not fit the outputs", setting="class_weights", expected=f"{outputs}", received=weights)


def _checked_weights(weights: Sequence[float], link: Link) -> tuple[float, ...]:
    found = tuple(float(weight) for weight in weights)
    if found and not link.has_probs:
        raise InputError("mean nothing to numbers", setting="class_weights", hint="leave them out")
    if not all(0 < weight < math.inf for weight in found):
        raise InputError(
            "are not usable", setting="class_weights", expected="a number > 0 for each class or tag", received=found
        )
    return found


def _over_sites(losses: Tensor, known: Tensor) -> Tensor:
    if losses.ndim == 1:
        return losses
    return losses.flatten(1).sum(1) / known.flatten(1).sum(1).clamp_min(1)
