"""What a card says a model costs."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from sklearn.tree import DecisionTreeClassifier
from torch import nn

from joryu.evaluation import TeacherReplies
from joryu.examples import Examples
from joryu.questions import Question
from joryu.report.data import Role
from joryu.report.models import Model, Models, cards_of
from joryu.students import Blueprint
from joryu.teachers import Estimator, Network


@pytest.mark.parametrize("names", [("no", "yes"), ("yes", "no")])  # as the teacher has them, and turned round
def test_weights_that_another_runtime_holds_are_not_counted_rather_than_none(names: tuple[str, ...]) -> None:
    rows, labels = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([0, 1, 1])
    examples = Examples.of(rows, labels, question=Question.one_of(names))
    tree = DecisionTreeClassifier().fit(rows.numpy(), [names[label] for label in labels])
    teacher, student = Estimator(tree, examples).network, Network(nn.Linear(1, 2), names)
    models = Models(
        blueprint=Blueprint(architecture="mlp:4x1", input_shape=(1,), classes=names),
        student=Model("the student", student.module, partial(TeacherReplies, student), None),
        twin=None,
        teacher=Model("the tree", teacher.module, partial(TeacherReplies, teacher), None),
    )
    costs = {card.role: (card.parameters, card.bytes) for card in cards_of(models, None, examples, targets=None)}
    assert costs == {Role.TEACHER: (None, None), Role.STUDENT: (4, 16)}
