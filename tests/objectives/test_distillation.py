import math

import pytest
import torch

from joryu.errors import InputError
from joryu.objectives import Distillation, HardLabels, total
from joryu.objectives.classification import (
    forward_kl,
    hard_cross_entropy,
    jensen_shannon,
    logit_matching,
    reverse_kl,
    soft_cross_entropy,
)
from joryu.objectives.tagging import binary_kl, soft_binary_cross_entropy
from joryu.questions import PICTURE, Question
from joryu.targets.soft_targets import SoftTargets, Space

PURE = {
    "kl-forward": forward_kl,
    "cross-entropy": soft_cross_entropy,
    "kl-reverse": reverse_kl,
    "js": jensen_shannon,
}


def logits_of(values, *, tags=False, **more):
    question = (Question.tags if tags else Question.one_of)(values.shape[-1])
    return SoftTargets(values=values, space=Space.LOGITS, question=question, **more)


def loss(objective, student, targets, labels):
    return total(objective({"main": student}, targets, labels))


def random(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(11)) * 2


def test_the_number_computed_by_hand():
    """At T = 2 the teacher says 3/4 : 1/4, the student 1/2 : 1/2; the label is the first class."""
    teacher, student = logits_of(torch.tensor([[math.log(9), 0.0]])), torch.zeros(1, 2)
    soft = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    objective = Distillation(temperature=2.0, hard_weight=0.25)
    expected = 0.75 * 4 * soft + 0.25 * math.log(2)  # 0.5657
    assert loss(objective, student, teacher, torch.tensor([0])).tolist() == pytest.approx([expected])


def test_the_hard_part_is_taken_at_temperature_one():
    student, teacher, labels = random(4, 3), logits_of(random(4, 3)), torch.tensor([0, 1, 2, 0])
    hard = hard_cross_entropy(student, labels)
    assert torch.equal(loss(Distillation(temperature=9.0, hard_weight=1.0), student, None, labels), hard)
    mixed = loss(Distillation(temperature=9.0, hard_weight=0.3), student, teacher, labels)
    soft = loss(Distillation(temperature=9.0), student, teacher, None)
    assert torch.allclose(mixed, 0.7 * soft + 0.3 * hard)


@pytest.mark.parametrize("divergence", PURE)
def test_the_soft_part_is_t_squared_times_the_divergence(divergence):
    student, teacher = random(4, 3), random(5, 4, 3)[-1]
    for temperature in (1.0, 7.0):
        losses = loss(Distillation(temperature=temperature, divergence=divergence), student, logits_of(teacher), None)
        pure = PURE[divergence](student, teacher, temperature=temperature)
        assert torch.allclose(losses, temperature**2 * pure)


def test_logit_mse_is_the_limit_of_high_temperatures_and_heeds_none():
    student, teacher = random(4, 3).double(), random(5, 4, 3)[-1].double()
    losses = loss(Distillation(temperature=2.0, divergence="logit-mse"), student, logits_of(teacher), None)
    assert torch.equal(losses, logit_matching(student, teacher))
    limit = loss(Distillation(temperature=1e4), student, logits_of(teacher), None)
    assert torch.allclose(losses, limit, rtol=1e-2)


@pytest.mark.parametrize("divergence", [*PURE, "logit-mse"])
def test_targets_already_softened_are_softened_by_the_rest_only(divergence):
    student, teacher = random(4, 3), random(5, 4, 3)[-1]
    objective = Distillation(temperature=6.0, divergence=divergence)
    raw = loss(objective, student, logits_of(teacher), None)
    softened = SoftTargets(
        values=(teacher / 3).softmax(-1), space=Space.PROBS, question=Question.one_of(3), temperature=3.0
    )
    assert torch.allclose(loss(objective, student, softened, None), raw, rtol=1e-4)


def test_members_are_averaged_as_probabilities_softened_at_the_temperature():
    student, members = random(4, 3), random(4, 5, 3)
    losses = loss(Distillation(temperature=5.0), student, logits_of(members, members=True), None)
    mean = (members / 5).softmax(-1).mean(1)
    expected = 25 * (mean * (mean.log() - (student / 5).log_softmax(-1))).sum(-1)
    assert torch.allclose(losses, expected, rtol=1e-4)


def test_members_are_averaged_as_logits_for_logit_mse():
    student, members = random(4, 3), random(4, 5, 3)
    losses = loss(Distillation(divergence="logit-mse"), student, logits_of(members, members=True), None)
    assert torch.allclose(losses, logit_matching(student, members.mean(1)))


def test_a_row_without_a_label_keeps_its_soft_part_alone():
    student, teacher = random(3, 4), logits_of(random(2, 3, 4)[-1])
    objective = Distillation(hard_weight=0.4)
    some, none = (
        loss(objective, student, teacher, torch.tensor([1, -1, 2])),
        loss(Distillation(), student, teacher, None),
    )
    assert some[1].item() == pytest.approx(0.6 * none[1].item())
    assert some[0].item() != pytest.approx(0.6 * none[0].item())


def test_a_row_weight_scales_the_whole_row():
    student, teacher, labels = random(3, 4), random(2, 3, 4)[-1], torch.tensor([1, 0, 2])
    objective = Distillation(hard_weight=0.4)
    plain = loss(objective, student, logits_of(teacher), labels)
    weighted = loss(objective, student, logits_of(teacher, weight=torch.tensor([0.0, 1.0, 2.5])), labels)
    assert torch.allclose(weighted, plain * torch.tensor([0.0, 1.0, 2.5]))


def test_votes_teach_as_the_distribution_they_are():
    student, votes = random(2, 3), torch.tensor([[6, 3, 1], [1, 1, 8]])
    losses = loss(
        Distillation(temperature=1.0),
        student,
        SoftTargets(values=votes, space=Space.VOTES, question=Question.one_of(3)),
        None,
    )
    probs = votes / 10
    assert torch.allclose(losses, (probs * (probs.log() - student.log_softmax(-1))).sum(-1), rtol=1e-4)


def test_hard_labels_ignore_the_teacher():
    student, labels = random(3, 4), torch.tensor([1, 0, 2])
    losses = loss(HardLabels(), student, logits_of(random(3, 4)), labels)
    assert torch.equal(losses, torch.nn.functional.cross_entropy(student, labels, reduction="none"))
    assert not torch.allclose(loss(HardLabels(label_smoothing=0.1), student, None, labels), losses)


@pytest.mark.parametrize(
    ("divergence", "pure"), [("cross-entropy", soft_binary_cross_entropy), ("kl-forward", binary_kl)]
)
def test_tags_are_scaled_by_t_and_not_by_t_squared(divergence, pure):
    student, teacher = random(3, 4), random(2, 3, 4)[-1]
    targets = logits_of(teacher, tags=True)
    losses = loss(Distillation(link="sigmoid", temperature=3.0, divergence=divergence), student, targets, None)
    assert torch.allclose(losses, 3 * pure(student, teacher, temperature=3.0))


@pytest.mark.parametrize(("factor", "power"), [("T", 1), ("T^2", 2)])
@pytest.mark.parametrize("link", ["softmax", "sigmoid"])
def test_the_factor_may_be_named(link, factor, power):
    student, teacher = random(3, 4), random(2, 3, 4)[-1]
    pure = binary_kl if link == "sigmoid" else forward_kl
    objective = Distillation(link=link, temperature=3.0, divergence="kl-forward", factor=factor)
    losses = loss(objective, student, logits_of(teacher, tags=link == "sigmoid"), None)
    assert torch.allclose(losses, 3**power * pure(student, teacher, temperature=3.0))


@pytest.mark.parametrize(("factor", "left"), [("T", 1 / 40), ("T^2", 1 / 4)])
def test_only_t_squared_keeps_the_gradient_of_a_tag_at_its_size(factor, left):
    """At high T the soft gradient of one tag is (z - v) / (4 T) with T, and (z - v) / 4 with T²."""
    student, teacher = torch.tensor([[1.0]], requires_grad=True), logits_of(torch.tensor([[-1.0]]), tags=True)
    objective = Distillation(link="sigmoid", temperature=10.0, factor=factor)
    (gradient,) = torch.autograd.grad(loss(objective, student, teacher, None).sum(), student)
    assert gradient.item() == pytest.approx(2 * left, rel=0.01)


def test_the_usual_factor_said_aloud_is_the_same_objective_and_another_is_told():
    assert Distillation(link="sigmoid", factor="T") == Distillation(link="sigmoid")
    assert "factor" not in Distillation(link="sigmoid", factor="T").describe()
    assert Distillation(link="sigmoid", factor="T^2").describe()["factor"] == "T^2"
    assert Distillation(factor="T").describe()["factor"] == "T"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"factor": "T2"}, r"^factor is not usable \(expected T or T\^2; received 'T2'\)"),
        ({"factor": "T^2", "divergence": "logit-mse"}, "factor means nothing to logit-mse.*leave it out"),
        ({"factor": "T", "link": "identity", "temperature": 1.0}, "factor means nothing to squared-error"),
    ],
)
def test_a_factor_that_multiplies_nothing_is_refused_by_name(settings, said):
    with pytest.raises(InputError, match=said):
        Distillation(**settings)


def test_the_mixture_of_tags_is_the_seeds_formula():
    """Seed: (1 - λ) · BCE(labels, student) + λ · T · BCE(teacher at T, student at T), λ = 0.9."""
    student, teacher, labels = torch.zeros(1, 1), torch.tensor([[math.log(9)]]), torch.tensor([[1.0]])
    objective = Distillation(link="sigmoid", temperature=2.0, hard_weight=0.1)
    losses = loss(objective, student, logits_of(teacher, tags=True), labels)
    assert losses.tolist() == pytest.approx([0.1 * math.log(2) + 0.9 * 2 * math.log(2)])


def test_tags_an_api_left_out_are_held_below_its_least_answer_at_every_temperature():
    scores = torch.tensor([[0.9, 0.6]])
    targets = SoftTargets(values=scores, indices=torch.tensor([[3, 1]]), space=Space.PROBS, question=Question.tags(4))
    for temperature in (1.0, 3.0):
        student = torch.logit(torch.tensor([[0.5, 0.6, 0.7, 0.9]])).requires_grad_()
        losses = loss(Distillation(link="sigmoid", temperature=temperature), student, targets, None)
        (gradient,) = torch.autograd.grad(losses.sum(), student)
        soft = [torch.sigmoid(torch.logit(torch.tensor(p)) / temperature).item() for p in (0.7, 0.6)]
        # T · (1/T)(q - bound) / C for the third tag; nothing for the rest.
        assert gradient[0].tolist() == pytest.approx([0, 0, (soft[0] - soft[1]) / 4, 0], abs=1e-6)


def test_members_on_tags_are_averaged_at_the_temperature_too():
    student, members = random(4, 3), random(4, 5, 3)
    targets = logits_of(members, members=True, tags=True)
    mean = (members / 5).sigmoid().mean(1)
    expected = 5 * torch.nn.functional.binary_cross_entropy((student / 5).sigmoid(), mean, reduction="none").mean(-1)
    assert torch.allclose(
        loss(Distillation(link="sigmoid", temperature=5.0), student, targets, None), expected, rtol=1e-4
    )


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
@pytest.mark.parametrize("link", ["softmax", "sigmoid"])
def test_an_unusable_setting_is_refused_at_once(link, wrong):
    with pytest.raises(InputError, match=r"temperature|hard_weight|divergence"):
        Distillation(link=link, **wrong)


@pytest.mark.parametrize("label_smoothing", [-0.1, 1.5, math.nan])
def test_an_unusable_smoothing_is_refused_at_once(label_smoothing):
    with pytest.raises(InputError, match="label_smoothing"):
        HardLabels(label_smoothing=label_smoothing)


def test_targets_of_another_link_are_refused_and_never_read_as_if_they_fitted():
    """Tags given to a softmax objective once trained, and validated, as one of many."""
    tags = logits_of(torch.zeros(1, 2), tags=True)
    with pytest.raises(InputError, match=r"another link .*expected softmax; received sigmoid.*link='sigmoid'"):
        loss(Distillation(), torch.zeros(1, 2), tags, None)
    with pytest.raises(InputError, match=r"another link .*expected sigmoid; received softmax"):
        loss(Distillation(link="sigmoid"), torch.zeros(1, 2), logits_of(torch.zeros(1, 2)), None)


def numbers_of(values, **more):
    return SoftTargets(values=values, space=Space.NUMBERS, question=Question.numbers(values.shape[-1]), **more)


def test_numbers_are_learned_and_not_read_as_probabilities():
    """Numbers once had a probability of 1 and a loss of 0."""
    student, teacher = torch.tensor([[1.0], [2.5]]), numbers_of(torch.tensor([[3.0], [0.5]]))
    objective = Distillation(link="identity", temperature=1.0, hard_weight=0.5)
    labels = torch.tensor([[2.0], [math.nan]])
    assert loss(objective, student, teacher, labels).tolist() == pytest.approx([0.5 * 4 + 0.5 * 1, 0.5 * 4])


def test_a_gaussian_student_learns_the_teachers_variance():
    """The cross-entropy of two Gaussians: ½ [log 2π + s + (v + (z - y)²) / e^s], least at z = y, s = log v."""
    teacher = numbers_of(torch.tensor([[2.0]]), variance=torch.tensor([[4.0]]))
    objective = Distillation(link="identity", temperature=1.0, divergence="gaussian-nll")
    outputs = {"main": torch.tensor([[1.0]]), "log_variance": torch.tensor([[math.log(2)]])}
    expected = 0.5 * (math.log(2 * math.pi) + math.log(2) + (4 + 1) / 2)
    assert total(objective(outputs, teacher, None)).tolist() == pytest.approx([expected])
    best = {name: value.requires_grad_() for name, value in
            {"main": torch.tensor([[2.0]]), "log_variance": torch.tensor([[math.log(4)]])}.items()}  # fmt: skip
    total(objective(best, teacher, None)).sum().backward()
    assert all(value.grad.abs().max() < 1e-6 for value in best.values())
    with pytest.raises(InputError, match="how far off"):
        objective({"main": torch.zeros(1, 1)}, teacher, None)


def test_numbers_cannot_be_softened():
    with pytest.raises(InputError, match=r"cannot be softened .*--temperature 1"):
        Distillation(link="identity", temperature=4.0)


def test_a_rows_weight_scales_pictures_and_not_their_columns():
    """Where a batch was as large as a picture is wide, [B] once scaled the columns of [B, H, W]."""
    size = 3
    values = random(size, size, size, 2)
    weight = torch.tensor([0.0, 1.0, 2.0])
    question = Question.one_of(2, grid=PICTURE)
    student = random(2, size, size, size, 2)[1]
    plain, weighted = (
        SoftTargets(values=values, space=Space.LOGITS, question=question, weight=part) for part in (None, weight)
    )
    assert torch.allclose(
        loss(Distillation(), student, weighted, None), weight * loss(Distillation(), student, plain, None)
    )


def test_pixels_without_a_label_do_not_count():
    student = torch.zeros(2, 2, 2, 3)
    labels = torch.tensor([[[0, 1], [-1, -1]], [[-1, -1], [-1, -1]]])
    assert HardLabels()({"main": student}, None, labels)["hard"].tolist() == pytest.approx([math.log(3), 0.0])


def test_what_is_described_tells_two_objectives_apart():
    assert Distillation(temperature=20.0).describe() == {
        "name": "distillation",
        "temperature": 20.0,
        "hard_weight": 0.0,
        "divergence": "kl-forward",
    }
    assert HardLabels().describe() == {"name": "hard-labels", "label_smoothing": 0.0}
    assert Distillation(link="sigmoid").describe()["link"] == "sigmoid"
    assert HardLabels(link="identity").describe() == {"name": "hard-labels", "label_smoothing": 0.0, "link": "identity"}


def test_the_terms_are_the_parts_that_have_a_weight():
    student, teacher, labels = random(3, 4), logits_of(random(2, 3, 4)[-1]), torch.tensor([1, 0, 2])
    for hard_weight, names in ((0.0, ["soft"]), (0.3, ["soft", "hard"]), (1.0, ["hard"])):
        assert list(Distillation(hard_weight=hard_weight)({"main": student}, teacher, labels)) == names
