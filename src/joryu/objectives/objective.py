"""The protocol every objective fulfils."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from torch import Tensor

if TYPE_CHECKING:
    from joryu.targets.soft_targets import SoftTargets


class Objective(Protocol):
    """A pure function from what the student says, what the teacher said and what is known to a loss per example."""

    name: ClassVar[str]

    def describe(self) -> dict[str, Any]:
        """The objective as JSON, for provenance: its name and everything that would change its numbers."""
        ...

    def __call__(self, student_logits: Tensor, soft_targets: SoftTargets | None, labels: Tensor | None) -> Tensor:
        """Losses ``[B]``, at least float32, for logits ``[B, C]``; the batch's loss is their mean."""
        ...
