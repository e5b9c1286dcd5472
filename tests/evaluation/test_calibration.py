from __future__ import annotations

import pytest
import torch

from joryu.evaluation import BINS, expected_calibration_error, reliability
from joryu.targets.calibration import calibration_errors, reliability_of


def test_two_bins_by_hand() -> None:
    # Confidences 0.95 (right), 0.91 (wrong), 0.55 (right); 15 bins of width 1/15.
    probs = torch.tensor([[0.95, 0.05], [0.91, 0.09], [0.45, 0.55]], dtype=torch.float64)
    table = reliability(probs, torch.tensor([0, 1, 1]))
    filled = {i: b for i, b in enumerate(table) if b.count}
    assert len(table) == BINS
    assert sorted(filled) == [8, 13, 14]
    assert filled[14].confidence == pytest.approx(0.95)
    assert filled[13].accuracy == 0.0
    expected = (abs(1 - 0.95) + abs(0 - 0.91) + abs(1 - 0.55)) / 3
    assert expected_calibration_error(table) == pytest.approx(expected)


def test_full_confidence_stays_in_the_last_bin() -> None:
    # One example at exactly 1 and one just below share a bin: |1/2 - ~1| and not |0 - 1| + |1 - 1| apart.
    probs = torch.tensor([[1.0, 0.0], [0.99, 0.01]])
    table = reliability(probs, torch.tensor([0, 1]))
    assert [b.count for b in table] == [0] * 14 + [2]
    assert expected_calibration_error(table) == pytest.approx(0.995 - 0.5, abs=1e-6)


def test_edges_belong_to_the_bin_below() -> None:
    probs = torch.tensor([[0.5, 0.5], [0.5, 0.5]], dtype=torch.float64)
    table = reliability(probs, torch.tensor([0, 0]), bins=2)
    assert [(b.low, b.high, b.count) for b in table] == [(0.0, 0.5, 2), (0.5, 1.0, 0)]


def test_a_calibrated_model_scores_zero() -> None:
    probs = torch.tensor([[0.75, 0.25]], dtype=torch.float64).repeat(4, 1)
    assert expected_calibration_error(reliability(probs, torch.tensor([0, 0, 0, 1]))) == 0.0


def test_columns_at_once_are_columns_one_by_one() -> None:
    generator = torch.Generator().manual_seed(0)
    confidence = torch.rand(200, 5, generator=generator).round(decimals=2)  # some lie on an edge, some are 0 or 1
    right, known = torch.rand(200, 5, generator=generator) < confidence, torch.rand(200, 5, generator=generator) < 0.7
    known[:, 4] = False
    found = calibration_errors(confidence, right, known)
    for at in range(4):
        table = reliability_of(confidence[known[:, at], at], right[known[:, at], at])
        assert found[at].item() == pytest.approx(expected_calibration_error(table), abs=1e-12)
    assert found[4].isnan()
