from __future__ import annotations

import torch

from joryu.evaluation import ConfusedPair, confusion_matrix, most_confused, per_class_accuracy


def test_rows_are_labels_and_columns_are_answers() -> None:
    matrix = confusion_matrix(torch.tensor([2, 2, 1, 0]), torch.tensor([0, 0, 1, 2]), 3)
    assert matrix.tolist() == [[0, 0, 2], [0, 1, 0], [1, 0, 0]]


def test_pairs_come_fullest_first_and_ties_in_class_order() -> None:
    matrix = torch.tensor([[9, 1, 4], [1, 9, 0], [0, 4, 9]])
    pairs = most_confused(matrix)
    assert pairs == (ConfusedPair(0, 2, 4), ConfusedPair(2, 1, 4), ConfusedPair(0, 1, 1), ConfusedPair(1, 0, 1))
    assert most_confused(matrix, limit=1) == pairs[:1]
    assert matrix[0, 0] == 9  # the matrix given is left as it was


def test_a_perfect_matrix_has_no_pairs() -> None:
    assert most_confused(torch.eye(3, dtype=torch.int64)) == ()


def test_an_absent_class_has_no_accuracy() -> None:
    assert per_class_accuracy(torch.tensor([[2, 1, 0], [0, 0, 0], [0, 0, 4]])) == (0.6667, None, 1.0)
