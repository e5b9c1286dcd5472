"""Every metric against a number computed by hand, and against torchmetrics and scikit-learn as witnesses."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from joryu.errors import InputError, MismatchError
from joryu.evaluation import as_json, evaluate_logits

# Three examples of three classes with probabilities 1/2, 1/4, 1/4 in different places.
PROBS = torch.tensor([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.5, 0.25]])
LABELS = torch.tensor([0, 1, 2])


def random_case(n: int, classes: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(n, classes, generator=generator)
    return logits, torch.randint(classes, (n,), generator=generator)


def test_numbers_by_hand() -> None:
    found = evaluate_logits(PROBS.log(), LABELS)
    assert (found.n, found.n_classes, found.errors) == (3, 3, 1)
    assert found.accuracy == pytest.approx(2 / 3)
    # -log of 1/2, 1/2, 1/4
    assert found.nll == pytest.approx((2 * math.log(2) + math.log(4)) / 3, abs=1e-6)
    # right: (1/2)² + (1/4)² + (1/4)² = 3/8; wrong: (1/4)² + (1/2)² + (3/4)² = 7/8
    assert found.brier == pytest.approx((3 / 8 + 3 / 8 + 7 / 8) / 3, abs=1e-6)
    # one bin holds all three: confidence 1/2, accuracy 2/3
    assert found.ece == pytest.approx(2 / 3 - 1 / 2, abs=1e-6)
    assert found.confusion == ((1, 0, 0), (0, 1, 0), (0, 1, 0))
    assert found.per_class_accuracy == (1.0, 1.0, 0.0)
    assert [(p.label, p.predicted, p.count) for p in found.most_confused] == [(2, 1, 1)]
    assert found.agreement is None


def test_top_k_by_hand_and_no_k_beyond_the_classes() -> None:
    logits = torch.tensor([[3.0, 2.0, 1.0, 0.0], [0.0, 1.0, 2.0, 3.0]])
    found = evaluate_logits(logits, torch.tensor([1, 0]), top_k=(1, 2, 3, 4, 5))
    assert found.top_k == {1: 0.0, 2: 0.5, 3: 0.5, 4: 1.0}


def test_a_constant_student_is_not_flattered() -> None:
    found = evaluate_logits(torch.zeros(10, 5), torch.arange(10) % 5)
    assert found.accuracy == pytest.approx(0.2)
    assert found.brier == pytest.approx(0.8)
    assert found.nll == pytest.approx(math.log(5))


@pytest.mark.parametrize("classes", [2, 7, 30])
def test_agrees_with_torchmetrics_and_scikit_learn(classes: int) -> None:
    tm = pytest.importorskip("torchmetrics.functional.classification")
    logits, labels = random_case(400, classes, seed=classes)
    probs = logits.double().softmax(-1)
    found = evaluate_logits(logits, labels)
    settings = {"num_classes": classes}
    assert found.accuracy == pytest.approx(tm.multiclass_accuracy(logits, labels, average="micro", **settings).item())
    k = min(5, classes)
    expected = tm.multiclass_accuracy(logits, labels, average="micro", top_k=k, **settings).item()
    assert found.top_k.get(5, 1.0) == pytest.approx(expected)
    assert found.ece == pytest.approx(
        tm.multiclass_calibration_error(probs, labels, n_bins=15, **settings).item(), abs=1e-5
    )
    assert found.confusion is not None
    assert torch.equal(torch.tensor(found.confusion), tm.multiclass_confusion_matrix(logits, labels, **settings))
    recall = tm.multiclass_accuracy(logits, labels, average="none", **settings)
    assert np.allclose(np.array(found.per_class_accuracy), recall.numpy(), atol=1e-4)
    assert found.nll == pytest.approx(log_loss(labels.numpy(), probs.numpy(), labels=range(classes)), abs=1e-5)
    one_hot = torch.nn.functional.one_hot(labels, classes)
    assert found.brier == pytest.approx(((probs - one_hot) ** 2).sum(1).mean().item(), abs=1e-5)


@given(seed=st.integers(0, 10_000), shift=st.floats(-50, 50))
def test_a_constant_added_to_the_logits_changes_nothing(seed: int, shift: float) -> None:
    logits, labels = random_case(20, 4, seed)
    plain, shifted = evaluate_logits(logits, labels), evaluate_logits(logits.double() + shift, labels)
    assert shifted.confusion == plain.confusion
    assert shifted.nll == pytest.approx(plain.nll, abs=1e-4)
    assert shifted.brier == pytest.approx(plain.brier, abs=1e-4)


@given(seed=st.integers(0, 10_000))
def test_bounds_and_sums_hold(seed: int) -> None:
    logits, labels = random_case(25, 6, seed)
    found = evaluate_logits(logits, labels, teacher_probs=logits.flip(0).softmax(-1))
    assert 0 <= found.ece <= 1
    assert 0 <= found.brier <= 2
    assert found.nll >= 0
    assert found.top_k[1] == found.accuracy <= found.top_k[5]
    assert found.confusion is not None
    assert sum(map(sum, found.confusion)) == found.n == sum(b.count for b in found.reliability)
    assert sum(pair.count for pair in found.most_confused) == found.errors


def test_bf16_logits_at_huge_scale_stay_finite() -> None:
    logits = torch.tensor([[1e4, -1e4], [1e4, -1e4]], dtype=torch.bfloat16)
    found = evaluate_logits(logits, torch.tensor([0, 1]))
    assert found.nll == pytest.approx((0 + 19968) / 2)  # bf16 keeps 9984 of 1e4
    assert found.brier == pytest.approx(1.0)
    assert found.ece == pytest.approx(0.5)


def test_a_thousand_classes_keep_the_json_small() -> None:
    logits, labels = random_case(3000, 1000, seed=0)
    found = evaluate_logits(logits, labels, teacher_probs=logits.softmax(-1))
    text = json.dumps(as_json(found), allow_nan=False)
    assert found.confusion is None
    assert len(found.most_confused) == 50
    assert len(text) < 30_000


def test_json_survives_a_round_trip() -> None:
    found = evaluate_logits(PROBS.log(), LABELS, teacher_probs=PROBS)
    back = json.loads(json.dumps(as_json(found), allow_nan=False))
    assert back["errors"] == 1
    assert back["top_k"] == {"1": found.accuracy}
    assert back["agreement"]["top1"] == 1.0
    assert back["reliability"][0]["accuracy"] is None


@pytest.mark.parametrize(
    ("logits", "labels", "error"),
    [
        (torch.zeros(3, 2), torch.zeros(2), MismatchError),
        (torch.zeros(3), torch.zeros(3), MismatchError),
        (torch.zeros(0, 2), torch.zeros(0), InputError),
        (torch.zeros(2, 2), torch.tensor([0, -1]), InputError),
        (torch.zeros(2, 2), torch.tensor([0, 2]), InputError),
        (torch.full((2, 2), float("nan")), torch.tensor([0, 1]), InputError),
    ],
)
def test_what_cannot_be_evaluated_says_so(logits: torch.Tensor, labels: torch.Tensor, error: type[Exception]) -> None:
    with pytest.raises(error):
        evaluate_logits(logits, labels)


def test_a_teacher_of_other_classes_is_refused() -> None:
    with pytest.raises(MismatchError, match="different questions"):
        evaluate_logits(torch.zeros(2, 3), torch.tensor([0, 1]), teacher_probs=torch.ones(2, 4) / 4)
