"""The protocol every objective fulfils."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from torch import Tensor

if TYPE_CHECKING:
    from joryu.targets.soft_targets import SoftTargets

Outputs = Mapping[str, Tensor]
"""What a student says by name: ``main`` answers the question, ``[B, (height, width,) C]``; further heads may follow."""

Terms = dict[str, Tensor]
"""The parts of a loss by name, each ``[B]`` and at least float32, already weighted: the loss of a row is their sum."""


class Objective(Protocol):
    """A pure function of a student's outputs, a teacher's soft targets and labels; it gives named losses, each ``[B]``.

    ``outputs`` holds ``main [B, (height, width,) C]`` and further heads by name. Targets or labels that it does not
    need may be ``None``.

    >>> import torch
    >>> from joryu.questions import Question
    >>> from joryu.targets import SoftTargets, Space
    >>> class Brier:  # the squared error of probabilities (Brier 1950)
    ...     name = "brier"
    ...     def describe(self):
    ...         return {"name": self.name}
    ...     def __call__(self, outputs, soft_targets, labels):
    ...         return {"soft": (outputs["main"].softmax(-1) - soft_targets.probs(1.0)).square().sum(-1)}
    >>> question = Question.one_of(["cat", "dog"])
    >>> teacher = SoftTargets(values=torch.tensor([[1.0, 0.0]]), space=Space.PROBS, question=question)
    >>> Brier()({"main": torch.zeros(1, 2)}, teacher, None)
    {'soft': tensor([0.5000])}
    """

    name: ClassVar[str]

    def describe(self) -> dict[str, Any]:
        """The objective as JSON, for provenance: its name and everything that would change its numbers."""
        ...

    def __call__(self, outputs: Outputs, soft_targets: SoftTargets | None, labels: Tensor | None) -> Terms:
        """The terms of each row's loss; the batch's loss is the mean over its rows of their sum."""
        ...


def total(terms: Terms) -> Tensor:
    """The loss ``[B]`` of each row: the sum of its terms, which are weighted already.

    >>> import torch
    >>> total({"soft": torch.tensor([0.5]), "hard": torch.tensor([0.25])})
    tensor([0.7500])
    """
    first, *others = terms.values()
    for term in others:
        first = first + term
    return first
