"""Tags by hand, beside scikit-learn and torchmetrics, and with what is not known left out."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.metrics import average_precision_score
from torch import Tensor

from joryu.evaluation import TagEvaluation, TagLikenessEvaluation, evaluator_for
from joryu.questions import Question
from joryu.targets.soft_targets import SoftTargets, Space

UNKNOWN = -1


def evaluate(logits: Tensor, labels: Tensor, teacher: SoftTargets | None = None) -> TagEvaluation:
    evaluator = evaluator_for(Question.tags(logits.shape[1]))
    evaluator.add({"main": logits}, labels, teacher)
    found = evaluator.result()
    assert isinstance(found, TagEvaluation)
    return found


def drawn(n: int = 300, tags: int = 8) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(n, tags, generator=generator) * 2
    labels = (torch.rand(n, tags, generator=generator) < (logits / 2).sigmoid()).to(torch.int8)
    labels[torch.rand(n, tags, generator=generator) < 0.2] = UNKNOWN
    return logits, labels


def test_beside_scikit_learn_and_torchmetrics() -> None:
    tm = pytest.importorskip("torchmetrics.functional.classification")
    logits, labels = drawn()
    found = evaluate(logits, labels)
    known = labels != UNKNOWN
    truth, probs = labels[known].long(), logits.double().sigmoid()[known]
    per_tag = [
        average_precision_score(labels[known[:, tag], tag].numpy(), logits[known[:, tag], tag].numpy())
        for tag in range(8)
    ]
    assert [tag.average_precision for tag in found.per_tag] == pytest.approx(per_tag)
    assert found.macro == pytest.approx(sum(per_tag) / 8)
    assert found.micro == pytest.approx(average_precision_score(truth.numpy(), probs.numpy()))
    assert found.ece == pytest.approx(tm.binary_calibration_error(probs, truth, n_bins=15).item(), abs=1e-6)
    expected = torch.nn.functional.binary_cross_entropy(probs, truth.double()).item()
    assert found.loss == pytest.approx(expected, rel=1e-6)
    assert found.n_pairs == int(known.sum())
    for tag, numbers in enumerate(found.per_tag):
        own = known[:, tag]
        said, held = logits.double().sigmoid()[own, tag], labels[own, tag].long()
        assert (numbers.known, numbers.positives) == (int(own.sum()), int(held.sum()))
        assert numbers.mean_prob == pytest.approx(said.mean().item())
        assert numbers.share == pytest.approx(held.double().mean().item())
        expected = tm.binary_calibration_error(said, held, n_bins=15).item()
        assert numbers.calibration_error == pytest.approx(expected, abs=1e-6)


def test_tags_without_two_sides_are_left_out_and_counted() -> None:
    """Tag 0 ranks (positive above negative), tag 1 is never true, tag 2 known nowhere."""
    labels = torch.tensor([[1, 0, UNKNOWN], [0, 0, UNKNOWN]], dtype=torch.int8)
    found = evaluate(torch.tensor([[2.0, 0.0, 9.0], [1.0, 0.0, 9.0]]), labels)
    assert (found.macro, found.ranked, found.unranked) == (1.0, 1, 2)
    assert [tag.average_precision for tag in found.per_tag] == [1.0, None, None]
    assert (found.per_tag[2].known, found.per_tag[2].mean_prob) == (0, None)
    # the second example has no positive: it ranks nothing, and is not called right or wrong
    assert found.scores.values[0] == 1
    assert found.scores.values[1].isnan()


def test_labels_between_count_as_they_are_and_rank_by_their_side() -> None:
    """0.8 ranks as positive, 0.2 as negative, 0.5 as nothing; the loss takes all three as they are."""
    found = evaluate(torch.tensor([[0.0, -1.0, 9.0]]), torch.tensor([[0.8, 0.2, 0.5]]))
    assert found.per_example == 1.0
    assert (found.ranked, found.unranked) == (0, 3)
    assert found.macro is None
    nine = 9 * 0.5 + math.log1p(math.exp(-9))
    minus_one = -1 * -0.2 + math.log1p(math.exp(-1))
    assert found.loss == pytest.approx((math.log(2) + minus_one + nine) / 3, rel=1e-6)
    assert found.per_tag[0].share == pytest.approx(0.8)


def test_no_precision_among_all_of_the_tags() -> None:
    """Among five of five tags it is how many hold, whatever the student says."""
    assert set(evaluate(*drawn(tags=5)).precision_at) == {1}
    assert set(evaluate(*drawn(tags=6)).precision_at) == {1, 5}


def test_a_question_of_one_tag_is_scored_by_its_cross_entropy() -> None:
    found = evaluate(torch.tensor([[0.0], [3.0]]), torch.tensor([[1], [1]], dtype=torch.int8))
    assert found.scores.name == "cross-entropy"
    assert found.scores.values[0].item() == pytest.approx(math.log(2))


def test_tags_that_the_teacher_left_out_agree_where_its_bound_says_so() -> None:
    """Teacher: tag 0 at 0.9; the others below 0.4 in the first row, below 0.8 (says nothing) in the second."""
    teacher = SoftTargets(
        values=torch.tensor([[0.9], [0.9]]), indices=torch.tensor([[0], [0]]), space=Space.PROBS,
        question=Question.tags(3), bound=torch.tensor([0.4, 0.8]),
    )  # fmt: skip
    logits = torch.tensor([[1.0, -1.0, 1.0], [1.0, -1.0, 1.0]])
    found = evaluate(logits, torch.tensor([[1, 0, 0], [1, 0, 0]], dtype=torch.int8), teacher)
    # first row: tags 0 and 1 agree, tag 2 does not; second row: only tag 0 is known, and agrees
    same = {measure.name: measure.value for measure in found.likeness}["same tags as the teacher"]
    assert same == pytest.approx((2 / 3 + 1) / 2)


def test_saturated_probabilities_still_rank() -> None:
    """At logits 50 and 60 both probabilities are 1 in float64, and the order is still known."""
    labels = torch.tensor([[1, 0], [0, 0]], dtype=torch.int8)
    assert evaluate(torch.tensor([[60.0, 0.0], [50.0, 0.0]]), labels).macro == 1.0


def test_recall_and_ndcg_beside_scikit_learn() -> None:
    from sklearn.metrics import ndcg_score

    logits, labels = drawn()
    labels = labels.clamp_min(0)
    some = labels.any(1)
    found = evaluate(logits, labels)
    assert found.ndcg_at[5] == pytest.approx(ndcg_score(labels[some].numpy(), logits[some].numpy(), k=5))
    best = logits[some].topk(5).indices
    recall = labels[some].gather(1, best).sum(1) / labels[some].sum(1)
    assert found.recall_at[5] == pytest.approx(recall.double().mean().item())


def test_a_students_tags_beside_what_the_teacher_returned() -> None:
    """Tag 0 is returned in both rows, tag 1 in the first; of the second row tag 1 is below 0.4, and of tag 2 nothing
    is known in the first."""
    evaluator = evaluator_for(Question.tags(3))
    teacher = SoftTargets(
        values=torch.tensor([[0.9, 0.3, 0.0], [0.2, 0.0, 0.0]]), space=Space.PROBS, question=Question.tags(3),
        coverage=torch.tensor([[True, True, False], [True, False, False]]), bound=torch.tensor([1.0, 0.4]),
    )  # fmt: skip
    logits = torch.logit(torch.tensor([[0.8, 0.4, 0.1], [0.3, 0.2, 0.1]]))
    evaluator.add({"main": logits}, None, teacher)
    found = evaluator.result()
    assert isinstance(found, TagLikenessEvaluation)
    assert [(tag.returned, tag.bounded, tag.unknown) for tag in found.per_tag] == [(2, 0, 0), (1, 1, 0), (0, 1, 1)]
    first, second, third = found.per_tag
    assert (first.teacher_prob, first.student_prob) == (pytest.approx(0.55), pytest.approx(0.55))
    assert first.average_precision == 1.0
    assert (second.average_precision, third.teacher_prob) == (None, None)
    measures = {one.name: one.value for one in found.measures}
    # returned pairs, each in a bin of its own: |0.8 - 0.9|, |0.4 - 0.3|, |0.3 - 0.2|
    assert measures["calibration error to the teacher"] == pytest.approx(0.1, abs=1e-6)
    assert measures["macro average precision"] == 1.0
    assert "recall at 5" not in measures
