"""Average precision beside scikit-learn's and torchmetrics', ties and unknown labels included."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, label_ranking_average_precision_score
from torch import Tensor

from joryu.evaluation import average_precision, precision_at


def drawn(n: int, tags: int, seed: int, levels: int) -> tuple[Tensor, Tensor, Tensor]:
    """Scores with many ties where there are few levels."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randint(-levels, levels, (n, tags), generator=generator).float() / 7
    positive = torch.rand(n, tags, generator=generator) < 0.3
    known = torch.rand(n, tags, generator=generator) < 0.8
    return scores, positive, known


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), levels=st.sampled_from([2, 10, 100_000]))
def test_it_is_scikit_learn_s_tag_by_tag(seed: int, levels: int) -> None:
    scores, positive, known = drawn(40, 6, seed, levels)
    found = average_precision(scores, positive, known)
    for tag in range(6):
        rows = known[:, tag]
        truth = positive[rows, tag].numpy()
        if truth.all() or not truth.any():
            assert found[tag].isnan()
        else:
            assert found[tag].item() == pytest.approx(average_precision_score(truth, scores[rows, tag].numpy()))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), levels=st.sampled_from([2, 100_000]))
def test_along_the_tags_its_mean_is_the_label_ranking_average_precision(seed: int, levels: int) -> None:
    scores, positive, _ = drawn(40, 6, seed, levels)
    positive[:, 0], positive[:, 1] = True, False
    found = average_precision(scores, positive, torch.ones_like(positive), dim=1)
    expected = label_ranking_average_precision_score(positive.numpy(), scores.numpy())
    assert found.mean().item() == pytest.approx(expected)


def test_agrees_with_torchmetrics() -> None:
    tm = pytest.importorskip("torchmetrics.functional.classification")
    scores, positive, _ = drawn(200, 5, seed=3, levels=50)
    expected = tm.multilabel_average_precision(scores.sigmoid(), positive.long(), num_labels=5, average="none")
    assert np.allclose(average_precision(scores, positive, torch.ones_like(positive)).numpy(), expected.numpy())


def test_a_constant_score_is_the_share_of_positives() -> None:
    positive = torch.tensor([True, False, False, True, False])
    for turned in (positive, positive.flip(0)):
        found = average_precision(torch.zeros(5), turned, torch.ones(5, dtype=torch.bool))
        assert found.item() == pytest.approx(0.4)


def test_precision_at_k_by_hand_with_unknown_tags() -> None:
    scores = torch.tensor([[4.0, 3.0, 2.0, 1.0], [4.0, 3.0, 2.0, 1.0]])
    positive = torch.tensor([[True, False, True, True], [True, True, True, False]])
    known = torch.tensor([[False, True, True, True], [False, False, False, True]])
    # of the first the best two known are tags 1 and 2; of the second only tag 3 is known
    assert precision_at(scores, positive, known, 2).tolist() == [0.5, 0.0]
