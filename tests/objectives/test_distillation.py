import math

import pytest
import torch

from joryu.errors import InputError
from joryu.objectives import Distillation, HardLabels, TagDistillation
from joryu.objectives.classification import (
    forward_kl,
    hard_cross_entropy,
    jensen_shannon,
    logit_matching,
    reverse_kl,
    soft_cross_entropy,
)
from joryu.objectives.tagging import binary_kl, soft_binary_cross_entropy
from joryu.questions import Question
from joryu.targets.soft_targets import SoftTargets, Space

PURE = {
    "kl-forward": forward_kl,
    "cross-entropy": soft_cross_entropy,
    "kl-reverse": reverse_kl,
    "js": jensen_shannon,
}


def logits_of(values, **more):
    return SoftTargets(values=values, space=Space.LOGITS, question=Question.one_of(values.shape[-1]), **more)


def random(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(11)) * 2


def test_the_number_computed_by_hand():
    """At T = 2 the teacher says 3/4 : 1/4, the student 1/2 : 1/2; the label is the first class."""
    teacher, student = logits_of(torch.tensor([[math.log(9), 0.0]])), torch.zeros(1, 2)
    soft = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    objective = Distillation(temperature=2.0, hard_weight=0.25)
    expected = 0.75 * 4 * soft + 0.25 * math.log(2)  # 0.5657
    assert objective(student, teacher, torch.tensor([0])).tolist() == pytest.approx([expected])


def test_the_hard_part_is_taken_at_temperature_one():
    student, teacher, labels = random(4, 3), logits_of(random(4, 3)), torch.tensor([0, 1, 2, 0])
    hard = hard_cross_entropy(student, labels)
    assert torch.equal(Distillation(temperature=9.0, hard_weight=1.0)(student, None, labels), hard)
    mixed = Distillation(temperature=9.0, hard_weight=0.3)(student, teacher, labels)
    soft = Distillation(temperature=9.0)(student, teacher, None)
    assert torch.allclose(mixed, 0.7 * soft + 0.3 * hard)


@pytest.mark.parametrize("divergence", PURE)
def test_the_soft_part_is_t_squared_times_the_divergence(divergence):
    student, teacher = random(4, 3), random(5, 4, 3)[-1]
    for temperature in (1.0, 7.0):
        losses = Distillation(temperature=temperature, divergence=divergence)(student, logits_of(teacher), None)
        pure = PURE[divergence](student, teacher, temperature=temperature)
        assert torch.allclose(losses, temperature**2 * pure)


def test_logit_mse_is_the_limit_of_high_temperatures_and_heeds_none():
    student, teacher = random(4, 3).double(), random(5, 4, 3)[-1].double()
    losses = Distillation(temperature=2.0, divergence="logit-mse")(student, logits_of(teacher), None)
    assert torch.equal(losses, logit_matching(student, teacher))
    limit = Distillation(temperature=1e4)(student, logits_of(teacher), None)
    assert torch.allclose(losses, limit, rtol=1e-2)


@pytest.mark.parametrize("divergence", [*PURE, "logit-mse"])
def test_targets_already_softened_are_softened_by_the_rest_only(divergence):
    student, teacher = random(4, 3), random(5, 4, 3)[-1]
    objective = Distillation(temperature=6.0, divergence=divergence)
    raw = objective(student, logits_of(teacher), None)
    softened = SoftTargets(values=(teacher / 3).softmax(-1), space=Space.PROBS, question=Question.one_of(3), temperature=3.0)
    assert torch.allclose(objective(student, softened, None), raw, rtol=1e-4)


def test_members_are_averaged_as_probabilities_softened_at_the_temperature():
    student, members = random(4, 3), random(4, 5, 3)
    losses = Distillation(temperature=5.0)(student, logits_of(members, members=True), None)
    mean = (members / 5).softmax(-1).mean(1)
    expected = 25 * (mean * (mean.log() - (student / 5).log_softmax(-1))).sum(-1)
    assert torch.allclose(losses, expected, rtol=1e-4)


def test_members_are_averaged_as_logits_for_logit_mse():
    student, members = random(4, 3), random(4, 5, 3)
    losses = Distillation(divergence="logit-mse")(student, logits_of(members, members=True), None)
    assert torch.allclose(losses, logit_matching(student, members.mean(1)))


def test_a_row_without_a_label_keeps_its_soft_part_alone():
    student, teacher = random(3, 4), logits_of(random(2, 3, 4)[-1])
    objective = Distillation(hard_weight=0.4)
    some, none = objective(student, teacher, torch.tensor([1, -1, 2])), Distillation()(student, teacher, None)
    assert some[1].item() == pytest.approx(0.6 * none[1].item())
    assert some[0].item() != pytest.approx(0.6 * none[0].item())


def test_a_row_weight_scales_the_whole_row():
    student, teacher, labels = random(3, 4), random(2, 3, 4)[-1], torch.tensor([1, 0, 2])
    objective = Distillation(hard_weight=0.4)
    plain = objective(student, logits_of(teacher), labels)
    weighted = objective(student, logits_of(teacher, weight=torch.tensor([0.0, 1.0, 2.5])), labels)
    assert torch.allclose(weighted, plain * torch.tensor([0.0, 1.0, 2.5]))


def test_votes_teach_as_the_distribution_they_are():
    student, votes = random(2, 3), torch.tensor([[6, 3, 1], [1, 1, 8]])
    losses = Distillation(temperature=1.0)(student, SoftTargets(values=votes, space=Space.VOTES, question=Question.one_of(3)), None)
    probs = votes / 10
    assert torch.allclose(losses, (probs * (probs.log() - student.log_softmax(-1))).sum(-1), rtol=1e-4)


def test_hard_labels_ignore_the_teacher():
    student, labels = random(3, 4), torch.tensor([1, 0, 2])
    losses = HardLabels()(student, logits_of(random(3, 4)), labels)
    assert torch.equal(losses, torch.nn.functional.cross_entropy(student, labels, reduction="none"))
    assert not torch.allclose(HardLabels(label_smoothing=0.1)(student, None, labels), losses)


@pytest.mark.parametrize(
    ("divergence", "pure"), [("cross-entropy", soft_binary_cross_entropy), ("kl-forward", binary_kl)]
)
def test_tags_are_scaled_by_t_and_not_by_t_squared(divergence, pure):
    student, teacher = random(3, 4), random(2, 3, 4)[-1]
    targets = logits_of(teacher, kind=Kind.MANY_OF_MANY)
    losses = TagDistillation(temperature=3.0, divergence=divergence)(student, targets, None)
    assert torch.allclose(losses, 3 * pure(student, teacher, temperature=3.0))


def test_the_mixture_of_tags_is_the_seeds_formula():
    """Seed: (1 - λ) · BCE(labels, student) + λ · T · BCE(teacher at T, student at T), λ = 0.9."""
    student, teacher, labels = torch.zeros(1, 1), torch.tensor([[math.log(9)]]), torch.tensor([[1.0]])
    objective = TagDistillation(temperature=2.0, hard_weight=0.1)
    losses = objective(student, logits_of(teacher, kind=Kind.MANY_OF_MANY), labels)
    assert losses.tolist() == pytest.approx([0.1 * math.log(2) + 0.9 * 2 * math.log(2)])


def test_tags_an_api_left_out_are_held_below_its_least_answer_at_every_temperature():
    scores = torch.tensor([[0.9, 0.6]])
    targets = SoftTargets(values=scores, indices=torch.tensor([[3, 1]]), space=Space.SCORES, question=Question.one_of(4))
    for temperature in (1.0, 3.0):
        student = torch.logit(torch.tensor([[0.5, 0.6, 0.7, 0.9]])).requires_grad_()
        losses = TagDistillation(temperature=temperature)(student, targets, None)
        (gradient,) = torch.autograd.grad(losses.sum(), student)
        soft = [torch.sigmoid(torch.logit(torch.tensor(p)) / temperature).item() for p in (0.7, 0.6)]
        # T · (1/T)(q - bound) / C for the third tag; nothing for the rest.
        assert gradient[0].tolist() == pytest.approx([0, 0, (soft[0] - soft[1]) / 4, 0], abs=1e-6)


def test_members_on_tags_are_averaged_at_the_temperature_too():
    student, members = random(4, 3), random(4, 5, 3)
    targets = logits_of(members, members=True, kind=Kind.MANY_OF_MANY)
    mean = (members / 5).sigmoid().mean(1)
    expected = 5 * torch.nn.functional.binary_cross_entropy((student / 5).sigmoid(), mean, reduction="none").mean(-1)
    assert torch.allclose(TagDistillation(temperature=5.0)(student, targets, None), expected, rtol=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": 0.0},
        {"temperature": -4.0},
        {"temperature": math.nan},
        {"hard_weight": -0.1},
        {"hard_weight": 1.1},
        {"hard_weight": math.nan},
        {"divergence": "kl"},
    ],
)
@pytest.mark.parametrize("objective", [Distillation, TagDistillation])
def test_an_unusable_setting_is_refused_at_once(objective, wrong):
    with pytest.raises(InputError, match=r"temperature|hard_weight|divergence"):
        objective(**wrong)


@pytest.mark.parametrize("label_smoothing", [-0.1, 1.5, math.nan])
def test_an_unusable_smoothing_is_refused_at_once(label_smoothing):
    with pytest.raises(InputError, match="label_smoothing"):
        HardLabels(label_smoothing=label_smoothing)


def test_each_kind_of_answer_has_its_own_objective():
    tags = logits_of(torch.zeros(1, 2), kind=Kind.MANY_OF_MANY)
    with pytest.raises(InputError, match="try TagDistillation"):
        Distillation()(torch.zeros(1, 2), tags, None)
    with pytest.raises(InputError, match="try Distillation"):
        TagDistillation()(torch.zeros(1, 2), logits_of(torch.zeros(1, 2)), None)


def test_what_is_described_tells_two_objectives_apart():
    assert Distillation(temperature=20.0).describe() == {
        "name": "distillation",
        "temperature": 20.0,
        "hard_weight": 0.0,
        "divergence": "kl-forward",
    }
    assert HardLabels().describe() == {"name": "hard-labels", "label_smoothing": 0.0}
    assert TagDistillation().describe()["name"] == "tag-distillation"
