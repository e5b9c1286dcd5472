"""A second task: the squared error of what was measured, added to any objective."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.objectives import Distillation, HardLabels, Objective, WithSignals, squared_error, total
from joryu.questions import Question
from joryu.targets import SoftTargets, Space

NAN = math.nan


def measured(signals: list[list[float]], **more: Tensor) -> SoftTargets:
    values = torch.zeros(len(signals), 2, dtype=torch.float64)
    names = tuple(f"s{i}" for i in range(len(signals[0])))
    told = torch.tensor(signals, dtype=torch.float64)
    return SoftTargets(
        values=values, space=Space.LOGITS, question=Question.one_of(2), signals=told, signal_names=names, **more
    )


def loss(objective: Objective, outputs: Tensor, targets: SoftTargets | None, labels: Tensor | None) -> Tensor:
    """The first two outputs answer the question, the others predict the signals."""
    return total(objective({"main": outputs[:, :2], "signals": outputs[:, 2:]}, targets, labels))


def test_numbers_by_hand() -> None:
    outputs = torch.tensor([[0.0, 0.0, 1.0, 4.0]] * 3, dtype=torch.float64)
    targets = measured([[2.0, 2.0], [NAN, 2.0], [NAN, NAN]])
    losses = loss(WithSignals(main=HardLabels(), weight=0.5), outputs, targets, torch.tensor([0, 1, 0]))
    # ln 2 + 0.5 · ((1 - 2)² + (4 - 2)²) / 2; then one signal alone; then none
    assert losses.tolist() == pytest.approx([math.log(2) + 1.25, math.log(2) + 2.0, math.log(2)])


def test_what_was_not_measured_has_no_gradient() -> None:
    outputs = torch.tensor([[0.3, -0.2, 5.0, 1.0]], dtype=torch.float64, requires_grad=True)
    targets = measured([[NAN, 0.0]])
    loss(WithSignals(main=Distillation(), weight=1.0), outputs, targets, None).sum().backward()
    assert outputs.grad is not None
    assert outputs.grad[0, 2:].tolist() == [0.0, 2.0]
    assert torch.isfinite(outputs.grad).all()


def test_the_gradient_is_the_one_of_the_value() -> None:
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(3, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    targets = measured([[0.5, -1.0], [NAN, 2.0], [NAN, NAN]])
    objective = WithSignals(main=Distillation(temperature=2.0), weight=0.3)
    assert torch.autograd.gradcheck(lambda z: loss(objective, z, targets, None), (outputs,))


def test_the_weight_of_a_row_says_how_far_to_believe_the_answer_and_not_the_measurement() -> None:
    outputs = torch.tensor([[1.0, 0.0, 3.0]], dtype=torch.float64)
    objective = WithSignals(main=Distillation(temperature=1.0), weight=1.0)
    heavy = loss(objective, outputs, measured([[1.0]], weight=torch.tensor([3.0], dtype=torch.float64)), None)
    plain = loss(objective, outputs, measured([[1.0]]), None)
    assert float(heavy - 4.0) == pytest.approx(3 * float(plain - 4.0))


def test_half_precision_outputs_are_compared_in_float32() -> None:
    error = squared_error(torch.tensor([[200.0]], dtype=torch.bfloat16), torch.tensor([[199.0]]))
    assert (error.dtype, float(error)) == (torch.float32, 1.0)


def test_a_student_without_outputs_for_the_signals_is_told_so() -> None:
    objective = WithSignals(main=HardLabels(), weight=0.5)
    with pytest.raises(InputError, match="further outputs do not fit"):
        loss(objective, torch.zeros(1, 2), measured([[1.0]]), torch.tensor([0]))
    with pytest.raises(InputError, match="expected no signals"):
        loss(objective, torch.zeros(1, 3), None, torch.tensor([0]))
    with pytest.raises(InputError, match="received no such outputs"):
        objective({"main": torch.zeros(1, 2)}, measured([[1.0]]), torch.tensor([0]))
    with pytest.raises(InputError, match="weight of the signals"):
        WithSignals(main=HardLabels(), weight=-1)


def test_it_describes_both_tasks() -> None:
    described = WithSignals(main=HardLabels(), weight=0.5).describe()
    assert described == {"name": "with-signals", "weight": 0.5, "main": HardLabels().describe()}
