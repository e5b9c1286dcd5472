"""How good a student is between two epochs: never on the test set, never on what it trains on."""

from __future__ import annotations

import torch
from torch import nn

from joryu.errors import InputError
from joryu.evaluation import evaluator_for
from joryu.evaluation.evaluator import slug
from joryu.students.named_outputs import outputs_of, units_of
from joryu.training.training_data import TrainingData

BATCH_SIZE = 1024


@torch.inference_mode()
def validate(student: nn.Sequential, data: TrainingData, device: torch.device) -> dict[str, float]:
    """``validation_loss`` at T = 1, and the first measure of the question's evaluator, in float32.

    Squared errors of numbers are in the standard deviations that the student learned them by, as in training.

    Against labels that measure has its own name, ``validation_accuracy`` or ``validation_mean_iou``; where a teacher's
    answers judge it is ``validation_agreement``. It is left out where it is not defined for these examples. The
    examples are shown as they are, whatever views are trained on. Leaves the student in evaluation mode.

    Raises:
        InputError: neither a label nor an answer to judge by.
    """
    student.eval()
    question = data.examples.question
    if question is None:
        raise InputError("there is nothing to validate by", expected="a question", received="examples that ask nothing")
    evaluator, by_teacher = evaluator_for(question, units=units_of(student)), False
    everything = torch.arange(len(data.examples))
    for batch in data.batches(everything, epoch=None, batch_size=BATCH_SIZE, device=device):
        outputs = {name: part.float() for name, part in outputs_of(student, batch.inputs).items()}
        by_teacher = batch.soft_targets is not None
        evaluator.add(outputs, None if by_teacher else batch.labels, batch.soft_targets)
    found = evaluator.result()
    first = found.measures[0]
    name = "validation_agreement" if by_teacher else f"validation_{slug(first.name)}"
    return {"validation_loss": found.loss} | ({} if first.value is None else {name: first.value})


def sum_dtype(device: torch.device) -> torch.dtype:
    """Sums over an epoch are float64, which Apple's GPUs do not have."""
    return torch.float32 if device.type == "mps" else torch.float64
