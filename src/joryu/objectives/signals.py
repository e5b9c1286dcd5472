"""A second task: predict what was measured of the teacher while it answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor

from joryu.errors import InputError
from joryu.objectives.objective import Objective, Outputs, Terms
from joryu.objectives.regression import squared_error

if TYPE_CHECKING:
    from joryu.targets.soft_targets import SoftTargets

SIGNALS = "signals"  #: the name of the head that predicts them, and of the term


@dataclass(frozen=True, slots=True, kw_only=True)
class WithSignals:
    """The terms of ``main``, and ``signals: weight · mean over the known signals s of (z_s - signal_s)²``.

    A second task makes a network prefer what serves both (Caruana 1997, "Multitask Learning"); the losses are added
    with a weight (Kendall, Gal & Cipolla 2018, eq. 1). The student has a further head, ``signals``, with an output for
    each signal. Signals should be standardised, or ``weight`` means little.

    A signal that was not measured (NaN) adds nothing. With ``weight=0`` the head is not looked at, so that a twin can
    have the same architecture. The weight of a row scales the main terms alone: it says how far to believe the answer,
    not the measurement.

    >>> import torch
    >>> from joryu.objectives import HardLabels
    >>> from joryu.questions import Question
    >>> from joryu.targets import SoftTargets, Space
    >>> measured = {"signals": torch.tensor([[2.0]]), "signal_names": ("response time",)}
    >>> targets = SoftTargets(values=torch.zeros(1, 2), space=Space.LOGITS, question=Question.one_of(2), **measured)
    >>> objective = WithSignals(main=HardLabels(), weight=0.5)
    >>> outputs = {"main": torch.zeros(1, 2), "signals": torch.tensor([[1.0]])}
    >>> objective(outputs, targets, torch.tensor([0]))  # ln 2, and 0.5 · (1 - 2)²
    {'hard': tensor([0.6931]), 'signals': tensor([0.5000])}

    Raises:
        InputError: a negative weight; when called, no signals in the targets, or another number of outputs.
    """

    name: ClassVar[str] = "with-signals"

    main: Objective
    weight: float = 0.1

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise InputError("the weight of the signals is not usable", expected=">= 0", received=self.weight)

    def describe(self) -> dict[str, Any]:
        """The objective as JSON, for provenance."""
        return {"name": self.name, "weight": self.weight, "main": self.main.describe()}

    def __call__(self, outputs: Outputs, soft_targets: SoftTargets | None, labels: Tensor | None) -> Terms:
        """Terms ``[B]`` for outputs ``main [B, C]`` and ``signals [B, S]``."""
        terms = self.main(outputs, soft_targets, labels)
        if self.weight == 0:
            return terms
        predicted = outputs.get(SIGNALS)
        signals = None if soft_targets is None else soft_targets.signals
        if predicted is None or signals is None or signals.shape != predicted.shape:
            raise InputError(
                "the student's further outputs do not fit what was measured",
                expected="no signals" if signals is None else f"outputs of shape {tuple(signals.shape)}",
                received="no such outputs" if predicted is None else f"outputs of shape {tuple(predicted.shape)}",
                hint="try soft targets of a person (human:PROJECT), or weight=0",
            )
        return terms | {SIGNALS: self.weight * squared_error(predicted, signals)}
