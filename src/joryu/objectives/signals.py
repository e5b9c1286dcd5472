"""A second task: predict what was measured of the teacher while it answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor

from joryu.errors import InputError
from joryu.objectives.objective import Objective
from joryu.objectives.temperature import widen

if TYPE_CHECKING:
    from joryu.targets.soft_targets import SoftTargets


@dataclass(frozen=True, slots=True, kw_only=True)
class WithSignals:
    """``main(z[:, :C]) + weight · mean over the known signals s of (z[:, C + s] - signal_s)²``.

    The student gives ``S`` more outputs than there are classes, one for each signal in the batch's ``signals`` (Caruana
    1997, "Multitask Learning": a second task as a bias for what the two share). A signal that was not measured (NaN)
    adds nothing; a row without any keeps its main loss. Signals should be standardised, or ``weight`` means little.
    With ``weight=0`` the further outputs are not looked at, so that a twin can have the same architecture. The row's
    own weight scales the main loss alone: it says how far to believe the answer, not the measurement.

    >>> import torch
    >>> from joryu.objectives import HardLabels
    >>> from joryu.targets import SoftTargets, Space
    >>> measured = {"signals": torch.tensor([[2.0]]), "signal_names": ("response time",)}
    >>> targets = SoftTargets(values=torch.zeros(1, 2), space=Space.LOGITS, n_classes=2, **measured)
    >>> objective = WithSignals(main=HardLabels(), n_classes=2, weight=0.5)
    >>> objective(torch.tensor([[0.0, 0.0, 1.0]]), targets, torch.tensor([0]))  # ln 2 + 0.5 · (1 - 2)²
    tensor([1.1931])

    Raises:
        InputError: a negative weight; when called, no signals in the targets, or another number of outputs.
    """

    name: ClassVar[str] = "with-signals"

    main: Objective
    n_classes: int
    weight: float = 0.1

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise InputError("the weight of the signals is not usable", expected=">= 0", received=self.weight)

    def describe(self) -> dict[str, Any]:
        """The objective as JSON, for provenance."""
        return {"name": self.name, "n_classes": self.n_classes, "weight": self.weight, "main": self.main.describe()}

    def __call__(self, student_logits: Tensor, soft_targets: SoftTargets | None, labels: Tensor | None) -> Tensor:
        """Losses ``[B]`` for student outputs ``[B, C + S]``."""
        main = self.main(student_logits[:, : self.n_classes], soft_targets, labels)
        if self.weight == 0:
            return main
        predicted = student_logits[:, self.n_classes :]
        return main + self.weight * squared_error(predicted, _required_signals(soft_targets, predicted))


def squared_error(predicted: Tensor, signals: Tensor) -> Tensor:
    """Mean squared error ``[B]`` over the signals ``[B, S]`` that are known (not NaN); 0 where none is."""
    known = ~signals.isnan()
    # The difference is masked before it is squared: 0 · NaN would be NaN, in the gradient too.
    difference = (widen(predicted) - signals.nan_to_num()).masked_fill(~known, 0)
    return difference.square().sum(-1) / known.sum(-1).clamp_min(1)


def _required_signals(soft_targets: SoftTargets | None, predicted: Tensor) -> Tensor:
    signals = None if soft_targets is None else soft_targets.signals
    if signals is None or signals.shape != predicted.shape:
        raise InputError(
            "the student's further outputs do not fit what was measured",
            expected=f"signals of shape {tuple(predicted.shape)}",
            received="no signals" if signals is None else tuple(signals.shape),
            hint="try soft targets of a person (human:PROJECT), or weight=0",
        )
    return signals
