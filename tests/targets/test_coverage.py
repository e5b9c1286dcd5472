import math

import pytest
import torch

from joryu.targets.coverage import least_kept, spread, tail_log_probs


def test_answers_go_to_their_classes_and_empty_places_nowhere():
    values, covered = spread(torch.tensor([[0.5, 0.3], [0.9, 0.7]]), torch.tensor([[3, 1], [0, -1]]), n_classes=4)
    assert torch.allclose(values, torch.tensor([[0.0, 0.3, 0.0, 0.5], [0.9, 0.0, 0.0, 0.0]]))
    assert covered.tolist() == [[False, True, False, True], [True, False, False, False]]


def test_the_tail_shares_the_mass_left_over():
    log_probs = torch.tensor([[0.6, 0.2, 0.0, 0.0, 0.0, 0.0]]).log()
    covered = torch.tensor([[True, True, False, False, False, False]])
    assert tail_log_probs(log_probs, covered).exp().item() == pytest.approx(0.05)


def test_no_class_of_the_tail_gets_more_than_the_least_answer():
    covered = torch.tensor([[True, True, False]])
    assert tail_log_probs(torch.tensor([[0.5, 0.1, 0.0]]).log(), covered).exp().item() == pytest.approx(0.1)


def test_mass_that_float32_cannot_tell_from_zero_is_unknown_and_not_zero():
    log_probs = torch.log_softmax(torch.tensor([[0.0, -200.0, -200.0]]), -1)
    assert tail_log_probs(log_probs, torch.tensor([[True, True, False]])).item() == -200.0
    alone = tail_log_probs(log_probs, torch.tensor([[True, False, False]])).item()
    assert alone == pytest.approx(math.log(torch.finfo(torch.float32).eps / 2))


def test_a_row_without_any_answer_is_uniform():
    nothing = torch.zeros(1, 4, dtype=torch.bool)
    assert tail_log_probs(torch.zeros(1, 4), nothing).exp().item() == pytest.approx(0.25)


def test_the_least_answer_of_a_row_is_the_highest_of_its_members():
    values = torch.tensor([[[0.9, 0.4, 0.0], [0.8, 0.5, 0.1]]])
    covered = torch.tensor([[[True, True, False], [True, True, True]]])
    assert least_kept(values, covered, top=1.0).tolist() == pytest.approx([0.4])
    assert least_kept(values, torch.zeros_like(covered), top=1.0).tolist() == [1.0]
