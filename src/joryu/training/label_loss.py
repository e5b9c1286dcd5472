"""`LabelLoss`: how hard labels are learned; and weights for classes of which there are few."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.examples import Examples
from joryu.objectives import HardLabels, HardPart
from joryu.objectives.hard import no_masks, wrong_number_of_weights
from joryu.questions import UNKNOWN, LabelKind, Link, Question

BALANCED = "balanced"


@dataclass(frozen=True, kw_only=True)
class LabelLoss:
    """What the hard part of a loss is, before the labels are known.

    Args:
        hard_loss: ``cross-entropy``, ``dice``, ``jaccard``, ``boundary`` or several with ``+`` between
            (`joryu.objectives.HardPart`); ``None`` is the usual one of the question.
        class_weights: ``balanced``, or a number for each class or tag, such as ``1,2.5``; ``None`` weighs none.
            See `balanced_weights`.
    """

    hard_loss: str | None = None
    class_weights: str | None = None

    def require(self, question: Question) -> None:
        """Check, before anything is trained, that a question can be learned with this loss.

        Raises:
            InputError: there is no such loss, one of masks where no pixel is asked about, or the weights do not fit.
        """
        found = HardPart(link=question.link, loss=self.hard_loss)
        if found.of_masks is not None and not question.grid:
            raise no_masks(found.of_masks)
        if self.class_weights is not None:
            HardPart(link=question.link, loss=self.hard_loss, class_weights=_read(self.class_weights, question))

    def weights(self, question: Question, examples: Examples) -> tuple[float, ...]:
        """The weight of each class or tag; those of ``balanced`` come from the labels of ``examples`` alone.

        Raises:
            InputError: the weights do not fit, or no example has a label to balance by.
        """
        if self.class_weights is None:
            return ()
        if self.class_weights != BALANCED:
            return _read(self.class_weights, question)
        if examples.labels is None or not examples.known.any():
            raise InputError(
                "needs labels to balance by, and no example has one", setting="class_weights", received=BALANCED,
                hint="leave it out, or type the weights",
            )  # fmt: skip
        return balanced_weights(question, examples.labels)

    def objective(self, question: Question, examples: Examples) -> HardLabels:
        """The objective of labels alone."""
        return HardLabels(link=question.link, hard_loss=self.hard_loss, class_weights=self.weights(question, examples))


def balanced_weights(question: Question, labels: Tensor) -> tuple[float, ...]:
    """Weights with which every class has the same say: ``w_c = n / (K n_c)`` (King & Zeng 2001, as in scikit-learn).

    ``n_c`` is how many known labels, or pixels of masks, are of class ``c``, and ``K`` how many classes there are any
    of; a class without any has 1. For tags and masks of their own it is what a positive weighs, ``w_c = (n - n_c) /
    n_c``.

    >>> balanced_weights(Question.one_of(2), torch.tensor([0, 0, 0, 1, -1]))
    (0.6666666666666666, 2.0)
    >>> balanced_weights(Question.tags(1), torch.tensor([[0], [0], [0], [1]], dtype=torch.int8))
    (3.0,)
    """
    counts, known = _counts(question, labels)
    if question.link is Link.SIGMOID:
        found = torch.where((counts > 0) & (counts < known), (known - counts) / counts.clamp_min(1e-9), 1)
    else:
        found = torch.where(counts > 0, counts.sum() / ((counts > 0).sum() * counts.clamp_min(1e-9)), 1)
    return tuple(found.tolist())


def _counts(question: Question, labels: Tensor) -> tuple[Tensor, Tensor]:
    """How many labels are of each class or have each tag, and how many are known: both float64 ``[C]``."""
    if question.labels is LabelKind.CLASS:
        flat = labels[labels != UNKNOWN].long()
        counts = torch.bincount(flat, minlength=len(question)).double()
        return counts, counts.sum().expand_as(counts)
    flat = labels.reshape(-1, len(question))
    known = (flat != UNKNOWN).sum(0).double()
    return flat.clamp_min(0).sum(0, dtype=torch.float64), known


def _read(text: str, question: Question) -> tuple[float, ...]:
    """The weights that were typed; 1 each for ``balanced``, whose labels are not looked at."""
    if text == BALANCED:
        return (1.0,) * len(question)
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(
            "are not usable", setting="class_weights", expected=f"{BALANCED}, or a number for each, such as 1,2.5",
            received=repr(text),
        ) from error  # fmt: skip
    if len(found) != len(question):
        raise wrong_number_of_weights(len(question), len(found))
    return found
