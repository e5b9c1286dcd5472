"""Tags that were not returned, and losses that are not calibrated: numbers by hand, limits and gradients."""

from __future__ import annotations

import math

import pytest
import torch

from joryu.errors import InputError
from joryu.objectives import (
    Distillation,
    asymmetric_cross_entropy,
    binary_kl,
    normalised_kl,
    prior_cross_entropy,
    soft_binary_cross_entropy,
    zero_filled_cross_entropy,
)
from joryu.objectives.parts import soft_part
from joryu.questions import Question
from joryu.targets import SoftTargets, Space

COVERAGE = torch.arange(40).reshape(8, 5) % 3 > 0
PRIORS = [0.3, 0.01, 0.2, 0.1, 0.05]


def expecting(student: torch.Tensor, teacher: torch.Tensor, **more: object) -> torch.Tensor:
    return prior_cross_entropy(student, teacher, priors=PRIORS, **more)  # type: ignore[arg-type]


PARTIAL = [expecting, zero_filled_cross_entropy, asymmetric_cross_entropy, normalised_kl]


def pair() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    student, teacher = torch.randn(2, 8, 5, generator=generator, dtype=torch.float64) * 3
    return student, teacher


@pytest.mark.parametrize("coverage", [None, COVERAGE], ids=["whole", "part"])
@pytest.mark.parametrize("loss", PARTIAL)
def test_the_gradient_is_right(loss, coverage):  # type: ignore[no-untyped-def]
    student, teacher = pair()
    assert torch.autograd.gradcheck(
        lambda z: loss(z, teacher, temperature=3.0, coverage=coverage), (student.requires_grad_(),)
    )


@pytest.mark.parametrize("loss", PARTIAL)
def test_full_coverage_changes_nothing(loss):  # type: ignore[no-untyped-def]
    student, teacher = pair()
    everything = torch.ones_like(student, dtype=torch.bool)
    assert torch.allclose(loss(student, teacher, coverage=everything), loss(student, teacher))


@pytest.mark.parametrize("loss", [expecting, asymmetric_cross_entropy, normalised_kl])
def test_a_row_of_which_nothing_was_returned_is_held_below_its_bound(loss):  # type: ignore[no-untyped-def]
    student, bound = torch.full((1, 5), -9.0, requires_grad=True), torch.zeros(1, 5)
    nothing = torch.zeros(1, 5, dtype=torch.bool)
    (gradient,) = torch.autograd.grad(loss(student, bound, coverage=nothing).sum(), student)
    assert bool((gradient < -1e-4).all()) == (loss is expecting)  # upwards, to what is expected; the others are content
    above = torch.full((1, 5), 1.0, requires_grad=True)
    (gradient,) = torch.autograd.grad(loss(above, bound, coverage=nothing).sum(), above)
    assert bool((gradient > 1e-3).all())


def test_without_priors_it_is_the_bounded_loss_and_at_them_nothing_pulls():
    _, teacher = pair()
    at = torch.logit(torch.tensor(PRIORS, dtype=torch.float64)).expand(8, 5).clone().requires_grad_()
    (gradient,) = torch.autograd.grad(expecting(at, teacher.clamp_min(0), coverage=COVERAGE).sum(), at)
    assert gradient[~COVERAGE].abs().max() < 1e-12
    plain = soft_binary_cross_entropy(at, teacher.clamp_min(0), coverage=COVERAGE)
    assert torch.allclose(expecting(at, teacher.clamp_min(0), coverage=COVERAGE), plain)
    with pytest.raises(InputError, match="expected one prior for each of 5 tags; received 0"):
        prior_cross_entropy(at, teacher, coverage=COVERAGE)


def test_a_prior_above_the_bound_is_the_bound():
    bound, none = torch.tensor([[-2.0]]), torch.zeros(1, 1, dtype=torch.bool)
    found = prior_cross_entropy(torch.tensor([[-3.0]]), bound, coverage=none, priors=[0.9])
    assert torch.allclose(found, binary_kl(torch.tensor([[-3.0]]), bound))


def test_zero_filled_is_the_cross_entropy_with_zeros():
    student, teacher = pair()
    zeros = torch.sigmoid(teacher) * COVERAGE
    by_hand = torch.nn.functional.binary_cross_entropy_with_logits(student, zeros, reduction="none").mean(-1)
    assert torch.allclose(zero_filled_cross_entropy(student, teacher, coverage=COVERAGE), by_hand)


def test_the_asymmetric_loss_by_hand():
    student, teacher = torch.tensor([[0.0, 1.0]]), torch.tensor([[2.0, -50.0]])
    p, q = torch.sigmoid(teacher), torch.sigmoid(student)
    m = (q - 0.05).clamp_min(0)
    by_hand = -(p * q.log() + (1 - p) * m**4 * (1 - m).log()).mean(-1)
    assert torch.allclose(asymmetric_cross_entropy(student, teacher), by_hand)


def test_the_normalised_divergence_by_hand_over_what_was_returned():
    student, teacher = torch.tensor([[0.0, 1.0, 9.0]]), torch.tensor([[2.0, -1.0, 9.5]])
    covered = torch.tensor([[True, True, False]])
    p, q = torch.sigmoid(teacher[:, :2]), torch.sigmoid(student[:, :2])
    p, q = p / p.sum(), q / q.sum()
    by_hand = (p * (p / q).log()).sum(-1)
    assert torch.allclose(normalised_kl(student, teacher, coverage=covered), by_hand)
    assert torch.allclose(normalised_kl(student, teacher, coverage=covered), by_hand)


@pytest.mark.parametrize("name", ["bounded", "bounded-prior", "zero-filled", "asymmetric", "normalised-kl"])
def test_top_k_tags_are_learned_from_by_every_name(name: str) -> None:
    question = Question.tags(["a", "b", "c", "d"])
    teacher = SoftTargets(
        values=torch.tensor([[0.9, 0.6]]), space=Space.PROBS, question=question,
        indices=torch.tensor([[2, 0]]), bound=torch.tensor([0.5]),
    )  # fmt: skip
    priors = (0.1,) * 4 if name == "bounded-prior" else ()
    objective = Distillation(link="sigmoid", temperature=1.0, divergence=name, priors=priors)  # type: ignore[arg-type]
    student = torch.zeros(1, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(objective({"main": student}, teacher, None)["soft"].sum(), student)
    assert gradient[0, 2] < 0
    assert math.isfinite(float(gradient.sum()))


def test_priors_are_refused_where_nobody_heeds_them():
    with pytest.raises(InputError, match="priors means nothing to cross-entropy"):
        Distillation(link="sigmoid", priors=(0.1,))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="probabilities between 0 and 1"):
        Distillation(link="sigmoid", divergence="bounded-prior", priors=(0.0,))  # type: ignore[arg-type]


@pytest.mark.parametrize("temperature", [1.0, 3.0])
@pytest.mark.parametrize("space", [Space.PROBS, Space.LOGITS])
def test_few_returned_tags_cost_what_they_cost_when_all_are_dense(space: Space, temperature: float) -> None:
    """Values and gradients; with empty places, a row without any answer, and bounds that say nothing."""
    generator = torch.Generator().manual_seed(0)
    rows, tags, k = 9, 40, 6
    indices = torch.stack([torch.randperm(tags, generator=generator)[:k] for _ in range(rows)])
    empty = torch.rand(rows, k, generator=generator) < 0.3
    empty[0] = True
    probs = (0.5 + 0.5 * torch.rand(rows, k, generator=generator)).double()
    bound = torch.full((rows,), 0.5).double()
    bound[1] = 1.0
    logits = space is Space.LOGITS
    targets = SoftTargets(
        values=(probs.logit() if logits else probs).masked_fill(empty, 0), indices=indices.masked_fill(empty, -1),
        bound=bound.logit() if logits else bound, space=space, question=Question.tags(tags), temperature=2.0,
    )  # fmt: skip
    student = (torch.randn(rows, tags, generator=generator).double() * 3).requires_grad_()
    found = [
        soft_part("cross-entropy", {"main": student}, answer, temperature=temperature)
        for answer in (targets, targets.dense())
    ]
    assert torch.allclose(*found, rtol=1e-10)
    gradients = [torch.autograd.grad(one.sum(), student)[0] for one in found]
    assert torch.allclose(*gradients, rtol=1e-8, atol=1e-12)
    assert gradients[0].abs().sum() > 0
