"""`validate`: evaluate a student after an epoch, on examples that are neither trained on nor for the test."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from joryu.errors import InputError
from joryu.evaluation import Evaluated, Evaluator, evaluator_for, validator_for
from joryu.evaluation.evaluator import slug
from joryu.questions import Question
from joryu.students.micro_batches import answers_of
from joryu.students.named_outputs import units_of
from joryu.training.training_data import TrainingData

BATCH_SIZE = 1024


@torch.inference_mode()
def validate(student: nn.Sequential, data: TrainingData, device: torch.device) -> dict[str, float]:
    """Measure ``validation_loss`` at T = 1 and the first measure of the question's evaluator, in float32.

    If ``data`` has soft targets, the student is evaluated by these, and the measure is ``validation_agreement``.
    Otherwise it is evaluated by labels, and the measure has its own name, such as ``validation_accuracy`` or
    ``validation_mean_iou``. A measure that is not defined for these examples is left out. Squared errors of numbers
    are divided by the standard deviations that the student learned by, as in training.

    The examples are shown as they are, without views. The student is in evaluation mode afterwards.

    Raises:
        InputError: the examples ask nothing, or none has a label or an answer.
    """
    evaluator = validator_for(_question(data), units=units_of(student))
    by_teacher = _show(student, data, evaluator, device)
    found = evaluator.result()
    first = found.measures[0]
    name = "validation_agreement" if by_teacher else f"validation_{slug(first.name)}"
    return {"validation_loss": found.loss} | ({} if first.value is None else {name: first.value})


@torch.inference_mode()
def evaluate_on(student: nn.Sequential, data: TrainingData, *, units: Sequence[float]) -> Evaluated:
    """All measures of a student on ``data``, as `validate` shows it; ``units`` as `joryu.evaluation.evaluator_for`.

    Raises:
        InputError: as `validate`.
    """
    evaluator = evaluator_for(_question(data), units=units)
    _show(student, data, evaluator, next(student.parameters()).device)
    return evaluator.result()


def _question(data: TrainingData) -> Question:
    question = data.examples.question
    if question is None:
        raise InputError("there is nothing to validate by", expected="a question", received="examples that ask nothing")
    return question


def _show(student: nn.Sequential, data: TrainingData, evaluator: Evaluator, device: torch.device) -> bool:
    """Show a student all examples as they are; whether a teacher's answers judge it."""
    student.eval()
    by_teacher = False
    everything = torch.arange(len(data.examples))
    for batch in data.batches(everything, epoch=None, batch_size=BATCH_SIZE, device=device):
        outputs = {name: part.float() for name, part in answers_of(student, batch.inputs).items()}
        by_teacher = batch.soft_targets is not None
        evaluator.add(outputs, None if by_teacher else batch.labels, batch.soft_targets)
    return by_teacher


def sum_dtype(device: torch.device) -> torch.dtype:
    """The dtype of sums over an epoch: float64, or float32 on Apple's GPUs, which have no float64."""
    return torch.float32 if device.type == "mps" else torch.float64
