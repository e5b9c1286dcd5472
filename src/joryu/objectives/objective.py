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
    """A pure function from what the student says, what the teacher said and what is known to named losses per row."""

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
