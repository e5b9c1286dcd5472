import math

import pytest
import torch

from joryu.objectives.tagging import binary_kl, hard_binary_cross_entropy, soft_binary_cross_entropy
from joryu.questions import UNKNOWN

SOFTENED = [soft_binary_cross_entropy, binary_kl]


def pair(rows=8, tags=5):
    generator = torch.Generator().manual_seed(3)
    return torch.randn(2, rows, tags, generator=generator, dtype=torch.float64).mul(3).unbind(0)


def test_the_number_computed_by_hand():
    # At T = 2 the teacher says 3/4 and 1/2, the student 1/2 and 1/4.
    student, teacher = torch.tensor([[0.0, -math.log(9)]]), torch.tensor([[math.log(9), 0.0]])
    first = math.log(2)
    second = -0.5 * math.log(0.25) - 0.5 * math.log(0.75)
    entropy = -0.75 * math.log(0.75) - 0.25 * math.log(0.25) + math.log(2)
    losses = soft_binary_cross_entropy(student, teacher, temperature=2.0)
    assert losses.tolist() == pytest.approx([(first + second) / 2])
    assert binary_kl(student, teacher, temperature=2.0).tolist() == pytest.approx([(first + second - entropy) / 2])


@pytest.mark.parametrize("coverage", [None, torch.arange(40).reshape(8, 5) % 3 > 0])
@pytest.mark.parametrize("loss", SOFTENED)
def test_the_gradient_is_right(loss, coverage):
    student, teacher = pair()
    student.requires_grad_()
    assert torch.autograd.gradcheck(lambda z: loss(z, teacher, temperature=3.0, coverage=coverage), (student,))


def test_binary_kl_agrees_with_torch_distributions():
    student, teacher = pair()
    p, q = (torch.distributions.Bernoulli(logits=logits / 4) for logits in (teacher, student))
    expected = torch.distributions.kl_divergence(p, q).mean(-1)
    assert torch.allclose(binary_kl(student, teacher, temperature=4.0), expected)


@pytest.mark.parametrize("loss", SOFTENED)
def test_full_coverage_changes_nothing(loss):
    student, teacher = pair()
    everything = torch.ones_like(student, dtype=torch.bool)
    assert torch.allclose(loss(student, teacher, coverage=everything), loss(student, teacher))


@pytest.mark.parametrize("loss", SOFTENED)
def test_a_tag_not_returned_costs_nothing_below_its_bound(loss):
    student = torch.tensor([[-3.0, -1.0]], requires_grad=True)
    bound = torch.full((1, 2), -1.0)
    value = loss(student, bound, coverage=torch.zeros(1, 2, dtype=torch.bool))
    (gradient,) = torch.autograd.grad(value.sum(), student)
    assert value.abs().item() < 1e-7
    assert gradient.abs().max() < 1e-7


@pytest.mark.parametrize("loss", SOFTENED)
def test_above_its_bound_a_tag_is_pushed_by_the_excess_alone(loss):
    student = torch.tensor([[0.0]], requires_grad=True)
    bound = torch.tensor([[-math.log(3)]])  # a probability of 1/4
    value = loss(student, bound, coverage=torch.zeros(1, 1, dtype=torch.bool))
    (gradient,) = torch.autograd.grad(value.sum(), student)
    # KL(1/4 ‖ 1/2) = 1/4 ln(1/2) + 3/4 ln(3/2), and 1/2 - 1/4.
    assert value.item() == pytest.approx(0.25 * math.log(0.5) + 0.75 * math.log(1.5), abs=1e-6)
    assert gradient.item() == pytest.approx(0.25, abs=1e-6)


@pytest.mark.parametrize("loss", SOFTENED)
@pytest.mark.parametrize("level", [-1e4, 0.0, 1e4])
def test_a_bound_that_says_nothing_is_finite_and_silent(loss, level):
    student = torch.full((1, 2), level, requires_grad=True)
    teacher = torch.tensor([[math.inf, 0.0]])
    value = loss(student, teacher, coverage=torch.tensor([[False, True]]))
    (gradient,) = torch.autograd.grad(value.sum(), student)
    assert torch.isfinite(value).all()
    assert gradient[0, 0] == 0


def test_hard_labels_are_the_number_computed_by_hand_and_unknown_tags_are_silent():
    logits = torch.tensor([[math.log(3), math.log(3), 5.0]], requires_grad=True)
    losses = hard_binary_cross_entropy(logits, torch.tensor([[1, 0, UNKNOWN]]))
    assert losses.tolist() == pytest.approx([-(math.log(0.75) + math.log(0.25)) / 3])
    (gradient,) = torch.autograd.grad(losses.sum(), logits)
    assert gradient[0, 2] == 0
