"""Evaluate several models on the same examples in one pass: each is asked once about every batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from torch import nn

from joryu.evaluation.by_question import evaluator_for
from joryu.evaluation.evaluator import Evaluated
from joryu.evaluation.replies import Replies, StudentReplies, batches_of
from joryu.examples import Examples
from joryu.examples.inputs import rows_ahead
from joryu.students.named_outputs import units_of

Name = TypeVar("Name", bound=str)


def evaluate_together(
    examples: Examples, models: Mapping[Name, Replies], *, teacher: Name | None = None, units: Sequence[float] = ()
) -> dict[Name, Evaluated]:
    """Evaluate all models batch by batch. Of the answers only what the tallies keep stays in memory.

    ``models`` holds the answers of each model by name. ``teacher`` names the one whose answers the others are compared
    with. The teacher itself is evaluated by labels alone, and is left out of the result if no example has a label.
    ``units`` are those of `joryu.evaluation.evaluator_for`, the same for all models.

    Raises:
        InputError: outputs are not finite, there is neither a label nor a teacher, or the units do not fit the
            question.
        MismatchError: the answers do not fit the examples.
    """
    question, labelled = examples.asked_question, bool(examples.known.any())
    evaluators = {name: evaluator_for(question, units=units) for name in models if labelled or name != teacher}
    for rows in rows_ahead(examples.inputs, batches_of(examples, question)):
        labels = None if examples.labels is None else examples.labels[rows]
        replies = {name: replies.about(rows) for name, replies in models.items()}
        answers = None if teacher is None or teacher not in replies else replies[teacher].soft_targets
        for name, evaluator in evaluators.items():
            evaluator.add(replies[name].outputs, labels, None if name == teacher else answers)
    return {name: evaluator.result() for name, evaluator in evaluators.items()}


def evaluate_student(student: nn.Sequential, examples: Examples) -> Evaluated:
    """Evaluate one student on labelled examples. Errors of numbers are divided by the scale that it learned by.

    >>> import torch
    >>> from joryu.questions import Question
    >>> from joryu.students import Blueprint
    >>> question = Question.numbers(["price"])
    >>> student = Blueprint(architecture="mlp:2x1", input_shape=(3,), question=question).build()
    >>> examples = Examples.of(torch.zeros(4, 3), torch.zeros(4, 1), question=question)
    >>> evaluate_student(student, examples).measures[0].name
    'RMSE'

    Raises:
        InputError, MismatchError: as `evaluate_together`.
    """
    replies = StudentReplies(student, examples, examples.asked_question)
    return evaluate_together(examples, {"student": replies}, units=units_of(student))["student"]
