"""Members' answers as one: numbers by hand, limits, and what holds of every rule."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.objectives import Distillation
from joryu.questions import Link, Question
from joryu.targets import SoftTargets, Space
from joryu.targets.combination import Combination
from joryu.targets.pooling import power_mean

RULES = ["soft", "vote", "logits", "power=0.1", "power=2", "power=-1", "power=inf", "power=-inf", "power=1e-9"]
SMOOTH = [rule for rule in RULES if rule != "vote"]
by_rule = pytest.mark.parametrize("rule", RULES)
by_link = pytest.mark.parametrize("link", [Link.SOFTMAX, Link.SIGMOID])


def ensemble(values: Tensor, rule: str, link: Link = Link.SOFTMAX, space: Space = Space.LOGITS) -> SoftTargets:
    question = Question(names=tuple(map(str, range(values.shape[-1]))), link=link)
    return SoftTargets(values=values, space=space, question=question, members=True, combination=Combination.parse(rule))


def random(*shape: int, scale: float = 3.0) -> Tensor:
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(0))


def by_hand(rule: str, *members: list[float], link: Link = Link.SOFTMAX) -> list[float]:
    values = torch.tensor([members], dtype=torch.float64)
    found: list[float] = ensemble(values, rule, link, Space.PROBS).combined().probs()[0].tolist()
    return found


def test_the_slide_s_three_learners() -> None:
    """The published example: (0.6, 0.4), (0.6, 0.4), (0.1, 0.9); the mean says B, the vote says A."""
    members = [0.6, 0.4], [0.6, 0.4], [0.1, 0.9]
    assert by_hand("soft", *members) == pytest.approx([1.3 / 3, 1.7 / 3])
    assert by_hand("vote", *members) == pytest.approx([2 / 3, 1 / 3])
    a, b = (0.6 * 0.6 * 0.1) ** (1 / 3), (0.4 * 0.4 * 0.9) ** (1 / 3)
    assert by_hand("power=0", *members) == pytest.approx([a / (a + b), b / (a + b)])
    a, b = math.sqrt(0.36 + 0.36 + 0.01), math.sqrt(0.16 + 0.16 + 0.81)
    assert by_hand("power=2", *members) == pytest.approx([a / (a + b), b / (a + b)])
    a, b = 1 / (1 / 0.6 + 1 / 0.6 + 1 / 0.1), 1 / (1 / 0.4 + 1 / 0.4 + 1 / 0.9)
    assert by_hand("power=-1", *members) == pytest.approx([a / (a + b), b / (a + b)])
    assert by_hand("power=inf", *members) == pytest.approx([0.6 / 1.5, 0.9 / 1.5])
    assert by_hand("power=-inf", *members) == pytest.approx([0.1 / 0.5, 0.4 / 0.5])


def test_weights_by_hand() -> None:
    assert by_hand("soft,weights=3/1", [0.8, 0.2], [0.4, 0.6]) == pytest.approx([0.7, 0.3])
    assert by_hand("vote,weights=3/1", [0.8, 0.2], [0.4, 0.6]) == pytest.approx([0.75, 0.25])
    a, b = 0.8**0.75 * 0.4**0.25, 0.2**0.75 * 0.6**0.25
    assert by_hand("logits,weights=3/1", [0.8, 0.2], [0.4, 0.6]) == pytest.approx([a / (a + b), b / (a + b)])


def test_a_tag_is_true_or_false_by_hand() -> None:
    tag = [[0.9], [0.3]]
    assert by_hand("soft", *tag, link=Link.SIGMOID) == pytest.approx([0.6])
    true, false = math.sqrt(0.81 + 0.09), math.sqrt(0.01 + 0.49)
    assert by_hand("power=2", *tag, link=Link.SIGMOID) == pytest.approx([true / (true + false)])
    true, false = math.sqrt(0.27), math.sqrt(0.07)
    assert by_hand("logits", *tag, link=Link.SIGMOID) == pytest.approx([true / (true + false)])
    assert by_hand("vote", [0.9], [0.3], [0.5], link=Link.SIGMOID) == pytest.approx(
        [0.5]
    )  # a whole and a half of three


def test_a_member_that_cannot_choose_splits_its_vote() -> None:
    assert by_hand("vote", [0.4, 0.4, 0.2], [0.1, 0.2, 0.7]) == pytest.approx([0.25, 0.25, 0.5])


@by_link
def test_the_rules_meet_at_their_limits(link: Link) -> None:
    values = random(5, 3, 4).double()

    def of(rule: str) -> Tensor:
        return ensemble(values, rule, link).combined().probs()

    assert torch.allclose(of("power=1"), of("soft"))
    assert torch.allclose(of("soft"), link.probs(values).mean(1))
    assert torch.allclose(of("logits"), link.probs(values.mean(1)))
    assert torch.equal(of("power=0"), of("logits"))
    for near, far in (("1e-9", 1e-8), ("-1e-9", 1e-8), ("1e-4", 1e-2), ("0.0009999", 1e-1)):
        assert torch.allclose(of(f"power={near}"), of("power=0"), atol=far)
    assert torch.allclose(of("power=0.000999999"), of("power=0.001000001"), atol=1e-8)  # the two formulas meet
    assert torch.allclose(of("power=1000"), of("power=inf"), atol=2e-3)
    assert torch.allclose(of("power=-1000"), of("power=-inf"), atol=2e-3)


@by_rule
@by_link
def test_equal_members_say_what_each_says(rule: str, link: Link) -> None:
    one = random(6, 1, 4)
    together = ensemble(one.expand(6, 3, 4), rule, link).combined()
    alone = ensemble(one, rule, link).combined()
    assert torch.allclose(together.probs(), alone.probs(), atol=2e-6)
    if rule != "vote":
        assert torch.allclose(alone.probs(), link.probs(one[:, 0]), atol=1e-6)


@by_rule
@by_link
def test_a_weight_of_one_and_noughts_leaves_one_member(rule: str, link: Link) -> None:
    values = random(6, 3, 4, scale=50)
    values[:, 0] = torch.tensor([1e4, -1e4, 0.0, 5.0])  # what is not counted must not spoil what is
    alone = ensemble(values[:, 1:2], rule, link).combined()
    assert torch.equal(ensemble(values, f"{rule},weights=0/2/0", link).combined().values, alone.values)


@by_rule
@by_link
def test_the_order_of_the_members_does_not_matter(rule: str, link: Link) -> None:
    values, order = random(6, 3, 4), [2, 0, 1]
    found = ensemble(values, f"{rule},weights=1/2/3", link).combined().probs()
    turned = ensemble(values[:, order], f"{rule},weights=3/1/2", link).combined().probs()
    assert torch.allclose(found, turned, atol=1e-6)


@by_rule
@by_link
def test_probabilities_they_are(rule: str, link: Link) -> None:
    for scale in (0.01, 3.0, 1e4):
        probs = ensemble(random(6, 3, 4, scale=scale), rule, link).combined(2.0).probs()
        assert torch.isfinite(probs).all()
        assert ((probs >= 0) & (probs <= 1)).all()
        if link is Link.SOFTMAX:
            assert torch.allclose(probs.sum(-1), torch.ones(6), atol=1e-5)


@pytest.mark.parametrize("rule", SMOOTH)
def test_a_softmax_does_not_notice_a_shift_of_one_member(rule: str) -> None:
    values = random(5, 3, 4)
    moved = values + torch.tensor([0.0, 100.0, -7.0])[:, None]
    found, other = (ensemble(part, rule).combined(3.0).probs() for part in (values, moved))
    assert torch.allclose(found, other, atol=1e-5)


def test_a_larger_exponent_lets_the_surest_speak_louder() -> None:
    values = torch.tensor([[0.7, 0.2, 0.1]]).log().double()
    means = [power_mean(values, (1 / 3,) * 3, u).item() for u in (-math.inf, -2, -1e-12, 0, 1e-5, 0.1, 1, 5, math.inf)]
    assert all(low <= high for low, high in pairwise(means))
    assert means[0] < means[3] < means[-1]


def test_an_exponent_near_nothing_loses_no_digit() -> None:
    values = random(4, 3, 2, scale=30)
    exact = values.double().mean(1)
    for exponent in (1e-6, 1e-9, 1e-15, -1e-12, 1e-300):
        assert torch.allclose(power_mean(values, (1 / 3,) * 3, exponent).double(), exact, rtol=1e-6, atol=1e-3)
    precise = power_mean(values.double(), (1 / 3,) * 3, 1e-12)
    assert torch.allclose(precise, exact, rtol=1e-9, atol=1e-9)


# --- temperature ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES)
def test_members_are_softened_before_they_are_combined(rule: str) -> None:
    values = random(5, 3, 4)
    found = ensemble(values, rule).combined(4.0)
    assert found.temperature == 4.0 and not found.members and found.combination is None
    first = values if rule == "vote" else values / 4
    assert torch.allclose(found.probs(), ensemble(first, rule).combined().probs(), atol=1e-6)


def test_the_mean_of_softened_answers_is_no_softened_mean() -> None:
    values = random(5, 3, 4, scale=6)
    before = ensemble(values, "soft").combined(4.0).probs()
    after = ensemble(values, "soft").combined(1.0).probs(4.0)
    assert (before - after).abs().max() > 0.02
    geometric = [ensemble(values, "logits").combined(t).probs(4.0) for t in (1.0, 4.0)]
    assert torch.allclose(*geometric, atol=1e-6)  # of the geometric mean it is


def test_answers_made_at_a_temperature_are_softened_by_the_rest() -> None:
    values = random(5, 3, 4)
    made = SoftTargets(
        values=values / 2, space=Space.LOGITS, question=Question.one_of(4), members=True, temperature=2.0,
        combination=Combination.parse("power=0.5"),
    )  # fmt: skip
    assert torch.allclose(made.combined(4.0).probs(), ensemble(values, "power=0.5").combined(4.0).probs(), atol=1e-6)


# --- what is learned --------------------------------------------------------------------------------------------------


@by_rule
def test_a_student_that_says_what_the_ensemble_says_has_nothing_to_learn(rule: str) -> None:
    targets = ensemble(random(5, 3, 4), rule)
    student = targets.combined(3.0).logits() * 3.0
    loss = Distillation(temperature=3.0)({"main": student}, targets, None)["soft"]
    assert torch.allclose(loss, torch.zeros(5), atol=1e-4)
    assert (Distillation(temperature=3.0)({"main": student.flip(-1)}, targets, None)["soft"] > 1e-2).any()


@pytest.mark.parametrize("rule", ["soft", "power=-1", "power=3"])
def test_logit_matching_is_the_limit_of_every_finite_exponent(rule: str) -> None:
    targets, student = ensemble(random(5, 3, 4).double(), f"{rule},weights=3/1/1"), random(5, 4).double()
    soft = Distillation(temperature=1e4)({"main": student}, targets, None)["soft"]
    matched = Distillation(divergence="logit-mse")({"main": student}, targets, None)["soft"]
    assert torch.allclose(soft, matched, rtol=2e-3)


@pytest.mark.parametrize("rule", ["vote", "power=inf", "power=-inf"])
def test_what_has_no_logits_to_match_is_refused(rule: str) -> None:
    with pytest.raises(InputError, match=r"logits cannot be matched.*kl-forward"):
        Distillation(divergence="logit-mse")({"main": random(2, 4)}, ensemble(random(2, 3, 4), rule), None)


# --- numbers and what was not answered -----------------------------------------------------------------------------


def test_numbers_have_the_variance_of_their_mixture() -> None:
    question = Question.numbers(1)
    targets = SoftTargets(
        values=torch.tensor([[[1.0], [5.0]]]), variance=torch.tensor([[[2.0], [6.0]]]), space=Space.NUMBERS,
        question=question, members=True, combination=Combination.parse("soft,weights=3/1"),
    )  # fmt: skip
    found = targets.combined()
    assert found.numbers().item() == 2.0
    assert found.variance is not None and found.variance.item() == 3.0 + 3.0  # 0.75·2 + 0.25·6, 0.75·1 + 0.25·9
    with pytest.raises(InputError, match="these answers are numbers"):
        ensemble(torch.ones(1, 2, 1), "vote", Link.IDENTITY, Space.NUMBERS)


@by_rule
def test_a_tag_that_one_member_did_not_return_lies_below_a_bound(rule: str) -> None:
    targets = SoftTargets(
        values=torch.tensor([[[0.9, 0.2, 0.0], [0.7, 0.0, 0.6]]]), space=Space.PROBS, question=Question.tags(3),
        coverage=torch.tensor([[[True, True, False], [True, False, True]]]), bound=torch.tensor([0.2]), members=True,
        combination=Combination.parse(rule),
    )  # fmt: skip
    found = targets.combined()
    assert found.coverage is not None and found.coverage.tolist() == [[True, False, False]]
    assert found.bound is not None
    bound = found.bound if found.space is Space.PROBS else found.bound.sigmoid()
    assert (found.probs()[0, 1:] <= bound + 1e-6).all()  # combining never leaves the members' upper bounds


def test_a_rule_without_members_or_with_weights_of_others_is_refused() -> None:
    question = Question.one_of(2)
    with pytest.raises(InputError, match="a rule combines members"):
        SoftTargets(values=torch.ones(1, 2), space=Space.LOGITS, question=question, combination=Combination())
    with pytest.raises(InputError, match="one weight for each member"):
        ensemble(torch.ones(1, 3, 2), "soft,weights=1/2")
