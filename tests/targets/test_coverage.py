import pytest
import torch

from joryu.targets.coverage import covers, least_kept, spread, tail_share


def test_answers_go_to_their_classes_and_empty_places_nowhere():
    indices, fill = torch.tensor([[3, 1], [0, -1]]), torch.tensor([[0.1], [0.2]])
    values = spread(torch.tensor([[0.5, 0.3], [0.9, 0.7]]), indices, n_classes=4, fill=fill)
    assert torch.allclose(values, torch.tensor([[0.1, 0.3, 0.1, 0.5], [0.9, 0.2, 0.2, 0.2]]))
    assert covers(indices, n_classes=4).tolist() == [[False, True, False, True], [True, False, False, False]]


def test_the_tail_shares_the_mass_left_over():
    share = tail_share(torch.tensor([[0.6, 0.2]]), torch.tensor([[True, True]]), n_classes=6)
    assert share.item() == pytest.approx(0.05)


def test_what_is_not_an_answer_has_no_mass():
    share = tail_share(torch.tensor([[0.6, 0.9]]), torch.tensor([[True, False]]), n_classes=5)
    assert share.item() == pytest.approx(0.1)


def test_mass_that_float32_cannot_tell_from_zero_is_unknown_and_not_zero():
    share = tail_share(torch.tensor([[1.0]]), torch.tensor([[True]]), n_classes=3)
    assert share.item() == torch.finfo(torch.float32).eps / 2


def test_a_row_without_any_answer_is_uniform():
    assert tail_share(torch.zeros(1, 2), torch.zeros(1, 2, dtype=torch.bool), n_classes=4).item() == 0.25


def test_the_least_answer_of_a_row_is_the_highest_of_its_members():
    values = torch.tensor([[[0.9, 0.4, 0.0], [0.8, 0.5, 0.1]]])
    covered = torch.tensor([[[True, True, False], [True, True, True]]])
    assert least_kept(values, covered, top=1.0).tolist() == pytest.approx([0.4])
    assert least_kept(values, torch.zeros_like(covered), top=1.0).tolist() == [1.0]
