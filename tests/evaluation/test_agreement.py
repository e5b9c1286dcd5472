from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from joryu.evaluation import agreement, likeness


def test_by_hand() -> None:
    """Four examples of class 0: teacher right once, and wrong three times as 1, 1, 2."""
    teacher = torch.tensor([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    # student: right, the same mistake, corrected, another mistake
    student = torch.tensor([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.8, 0.1, 0.1], [0.1, 0.8, 0.1]])
    found = agreement(student.log(), teacher, torch.zeros(4, dtype=torch.int64))
    assert found.top1 == 0.5
    assert (found.teacher_errors, found.inherited, found.corrected, found.other_wrong) == (3, 1, 1, 1)
    assert found.inherited_share == pytest.approx(1 / 3)
    # two rows agree (0); in the other two 0.8 and 0.1 change places: 0.8 ln 8 + 0.1 ln(1/8) = 0.7 ln 8
    assert found.kl == pytest.approx(2 * 0.7 * math.log(8) / 4, abs=1e-6)


def test_a_certain_teacher_gives_the_student_s_nll() -> None:
    """KL(one-hot || q) = -log q_y, and 0 log 0 is 0, not NaN."""
    found = agreement(torch.tensor([[0.25, 0.75]]).log(), torch.tensor([[1.0, 0.0]]), torch.tensor([0]))
    assert found.kl == pytest.approx(math.log(4))


def test_a_perfect_teacher_leaves_nothing_to_inherit() -> None:
    found = agreement(torch.eye(2).log_softmax(-1), torch.eye(2), torch.tensor([0, 1]))
    assert (found.teacher_errors, found.inherited_share) == (0, None)


@given(seed=st.integers(0, 10_000))
def test_the_teacher_s_errors_are_all_accounted_for(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    student, teacher = torch.randn(2, 30, 4, generator=generator).softmax(-1)
    labels = torch.randint(4, (30,), generator=generator)
    found = agreement(student.log(), teacher, labels)
    assert found.inherited + found.corrected + found.other_wrong == found.teacher_errors
    assert found.kl > 0
    assert agreement(teacher.log(), teacher, labels).kl == pytest.approx(0, abs=1e-6)


def test_likeness_needs_no_label() -> None:
    """By hand: the second row differs, KL = 0.5 · (0.5 ln(0.5 / 0.25) + 0.5 ln(0.5 / 0.75))."""
    teacher = torch.tensor([[0.75, 0.25], [0.5, 0.5]])
    found = likeness(torch.tensor([[0.75, 0.25], [0.25, 0.75]]).log(), teacher)
    assert (found.n, found.top1) == (2, 0.5)
    assert found.kl == pytest.approx(0.25 * math.log(4 / 3), rel=1e-5)
