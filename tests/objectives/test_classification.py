import math

import pytest
import torch
import torch.nn.functional as F

from joryu.examples import UNLABELLED
from joryu.objectives.classification import (
    forward_kl,
    hard_cross_entropy,
    jensen_shannon,
    logit_matching,
    reverse_kl,
    soft_cross_entropy,
)

SOFTENED = [soft_cross_entropy, forward_kl, reverse_kl, jensen_shannon]
DIVERGENCES = [forward_kl, reverse_kl, jensen_shannon]

# At T = 2 the teacher says 3/4 : 1/4 and the student 1/2 : 1/2.
STUDENT = torch.tensor([[0.0, 0.0]])
TEACHER = torch.tensor([[math.log(9), 0.0]])
BY_HAND = {
    soft_cross_entropy: math.log(2),
    forward_kl: 0.75 * math.log(1.5) + 0.25 * math.log(0.5),  # 0.1308
    reverse_kl: 0.5 * math.log(2 / 3) + 0.5 * math.log(2),  # 0.1438
    # The middle is 5/8 : 3/8.
    jensen_shannon: 0.5 * (0.75 * math.log(1.2) + 0.25 * math.log(2 / 3) + 0.5 * math.log(0.8) + 0.5 * math.log(4 / 3)),
}


def pair(rows=16, classes=5, scale=3.0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(7)
    student, teacher = torch.randn(2, rows, classes, generator=generator, dtype=dtype) * scale
    return student, teacher


@pytest.mark.parametrize("loss", SOFTENED)
def test_the_number_computed_by_hand(loss):
    assert loss(STUDENT, TEACHER, temperature=2.0).tolist() == pytest.approx([BY_HAND[loss]], abs=1e-6)


def test_forward_kl_and_the_teachers_entropy_make_the_soft_cross_entropy():
    student, teacher = pair()
    for temperature in (1.0, 4.0, 20.0):
        entropy = torch.distributions.Categorical(logits=teacher / temperature).entropy()
        total = forward_kl(student, teacher, temperature=temperature) + entropy
        assert torch.allclose(total, soft_cross_entropy(student, teacher, temperature=temperature))


def test_forward_kl_agrees_with_torch_distributions():
    student, teacher = pair()
    p, q = (torch.distributions.Categorical(logits=logits / 3.0) for logits in (teacher, student))
    kl = torch.distributions.kl_divergence
    assert torch.allclose(forward_kl(student, teacher, temperature=3.0), kl(p, q))
    assert torch.allclose(reverse_kl(student, teacher, temperature=3.0), kl(q, p))
    middle = torch.distributions.Categorical(probs=(p.probs + q.probs) / 2)
    assert torch.allclose(jensen_shannon(student, teacher, temperature=3.0), 0.5 * (kl(p, middle) + kl(q, middle)))


def test_temperature_one_is_the_textbook_cross_entropy():
    student, teacher = pair()
    expected = F.cross_entropy(student, teacher.softmax(-1), reduction="none")
    assert torch.allclose(soft_cross_entropy(student, teacher), expected)


@pytest.mark.parametrize("loss", [*DIVERGENCES, logit_matching])
def test_a_divergence_is_zero_at_equality_and_positive_elsewhere(loss):
    student, teacher = pair()
    assert loss(teacher, teacher).abs().max() < 1e-12
    assert loss(student, teacher).min() > 1e-3


def test_jensen_shannon_is_symmetric_and_bounded():
    student, teacher = pair(scale=50.0)
    assert torch.allclose(jensen_shannon(student, teacher), jensen_shannon(teacher, student))
    assert jensen_shannon(student, teacher).max() <= math.log(2) + 1e-12


@pytest.mark.parametrize("loss", [*SOFTENED, logit_matching])
def test_the_gradient_is_right_for_student_and_teacher(loss):
    student, teacher = pair(rows=3, classes=4)
    assert torch.autograd.gradcheck(loss, (student.requires_grad_(), teacher.requires_grad_()))


@pytest.mark.parametrize("loss", [soft_cross_entropy, forward_kl])
def test_the_gradient_is_q_minus_p_over_t(loss):
    student, teacher = pair()
    student.requires_grad_()
    (gradient,) = torch.autograd.grad(loss(student, teacher, temperature=5.0).sum(), student)
    expected = ((student / 5).softmax(-1) - (teacher / 5).softmax(-1)) / 5
    assert torch.allclose(gradient, expected)


@pytest.mark.parametrize(
    ("loss", "share"), [(soft_cross_entropy, 1.0), (forward_kl, 1.0), (reverse_kl, 1.0), (jensen_shannon, 0.25)]
)
def test_at_infinite_temperature_the_gradient_is_that_of_logit_matching(loss, share):
    """Hinton et al. 2015, eq. 4; Jensen–Shannon is a quarter of KL between near neighbours."""
    student, teacher = pair()
    student.requires_grad_()
    temperature = 1e5
    (soft,) = torch.autograd.grad(loss(student, teacher, temperature=temperature).sum(), student)
    (matching,) = torch.autograd.grad(logit_matching(student, teacher).sum(), student)
    assert torch.allclose(temperature**2 * soft, share * matching, rtol=0, atol=1e-3)


@pytest.mark.parametrize(("loss", "share"), [(forward_kl, 1.0), (reverse_kl, 1.0), (jensen_shannon, 0.25)])
def test_at_infinite_temperature_the_value_is_that_of_logit_matching(loss, share):
    student, teacher = pair()
    temperature = 1e4
    limit = share * logit_matching(student, teacher)
    assert torch.allclose(temperature**2 * loss(student, teacher, temperature=temperature), limit, rtol=1e-2)


def test_logit_matching_is_the_number_computed_by_hand():
    # Centred: student (0.5, -0.5), teacher (-1.5, 1.5); gap (2, -2); 1/(2·2) · 8 = 2.
    assert logit_matching(torch.tensor([[1.0, 0.0]]), torch.tensor([[7.0, 10.0]])).tolist() == [2.0]


def test_a_class_the_teacher_masks_out_makes_no_nan():
    student = torch.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    teacher = torch.tensor([[1.0, 0.0, -math.inf]])
    for loss in (soft_cross_entropy, forward_kl, jensen_shannon):
        value = loss(student, teacher)
        (gradient,) = torch.autograd.grad(value.sum(), student)
        assert torch.isfinite(value).all()
        assert torch.isfinite(gradient).all()
    two_classes = forward_kl(student[:, :2], teacher[:, :2]) + math.log1p(math.exp(3) / (math.e + math.exp(2)))
    assert torch.allclose(forward_kl(student, teacher), two_classes)


def test_hard_cross_entropy_is_the_number_computed_by_hand():
    losses = hard_cross_entropy(torch.tensor([[math.log(3), 0.0], [math.log(3), 0.0]]), torch.tensor([0, 1]))
    assert losses.tolist() == pytest.approx([-math.log(0.75), -math.log(0.25)])


def test_unlabelled_rows_cost_nothing_and_move_nothing():
    logits = torch.randn(3, 4, requires_grad=True)
    losses = hard_cross_entropy(logits, torch.tensor([2, UNLABELLED, 0]), label_smoothing=0.1)
    (gradient,) = torch.autograd.grad(losses.mean(), logits)
    assert losses[1] == 0
    assert gradient[1].abs().sum() == 0
    assert gradient[0].abs().sum() > 0


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_labels_as_distributions_agree_with_labels_as_numbers(label_smoothing):
    logits, labels = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 1, 2])
    one_hot = F.one_hot(labels, 4).float()
    numbers = hard_cross_entropy(logits, labels, label_smoothing=label_smoothing)
    assert torch.allclose(hard_cross_entropy(logits, one_hot, label_smoothing=label_smoothing), numbers, atol=1e-6)


def test_a_mixed_label_is_the_mixture_of_both_losses_and_an_empty_one_is_nothing():
    logits = torch.randn(2, 3)
    mixed = torch.tensor([[0.3, 0.7, 0.0], [0.0, 0.0, 0.0]])
    first, second = (hard_cross_entropy(logits, torch.full((2,), label)) for label in (0, 1))
    losses = hard_cross_entropy(logits, mixed)
    assert losses.tolist() == pytest.approx([(0.3 * first + 0.7 * second)[0].item(), 0.0])
    assert hard_cross_entropy(logits, mixed, label_smoothing=0.5)[1] == 0


def test_label_smoothing_is_the_number_computed_by_hand():
    # (1 - 0.2) · ln(4/3) + 0.2 · (ln(4/3) + ln 4) / 2
    expected = 0.8 * math.log(4 / 3) + 0.1 * (math.log(4 / 3) + math.log(4))
    losses = hard_cross_entropy(torch.tensor([[math.log(3), 0.0]]), torch.tensor([0]), label_smoothing=0.2)
    assert losses.item() == pytest.approx(expected)


def test_every_function_takes_sites_before_the_class_axis():
    student, teacher = torch.randn(2, 4, 3, 5).unbind(0)
    for loss in (*SOFTENED, logit_matching):
        assert torch.allclose(loss(student, teacher).flatten(), loss(student.flatten(0, 1), teacher.flatten(0, 1)))
    labels = torch.randint(0, 5, (4, 3))
    expected = hard_cross_entropy(student.flatten(0, 1), labels.flatten())
    assert torch.allclose(hard_cross_entropy(student, labels).flatten(), expected)


def test_bfloat16_logits_would_erase_what_a_high_temperature_teaches():
    """The reason for widening: in bfloat16 arithmetic two different teachers give one number at T = 20."""
    first, second = torch.tensor([[2.0, 0.0, 1.0]]), torch.tensor([[2.0, 0.0, 1.0625]])
    narrow = [torch.softmax((teacher / 20).bfloat16(), -1) for teacher in (first, second)]
    assert torch.equal(*narrow)
    student = torch.zeros(1, 3, dtype=torch.bfloat16)
    wide = [forward_kl(student, teacher.bfloat16(), temperature=20.0) for teacher in (first, second)]
    assert wide[0].dtype == torch.float32
    assert not torch.equal(*wide)
