"""A batch of large inputs, cut into what a processor computes at once without fetching new memory for it."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from joryu.students.named_outputs import outputs_of

#: in the inputs of a micro-batch; a layer often gives eight times as many, which are 32 MiB in float32
VALUES: Final = 2**20
LEAST: Final = 8  #: examples, however large


def micro_batches(inputs: Tensor) -> tuple[Tensor, ...]:
    """The rows of a batch in order, cut so that a network that only answers needs little memory on the CPU.

    A micro-batch is a power of two of examples with at most `VALUES` values, and `LEAST` examples at the least. The
    outputs of a layer are then small enough that the C library gives the same memory again and again
    (`joryu.allocator`); of 256 pictures at 160 × 160 it fetched a gigabyte for every layer anew. The batch of an
    accelerator stays whole. In evaluation mode, no example's answer depends on the others.

    >>> [len(part) for part in micro_batches(torch.zeros(40, 3, 224, 224))]
    [8, 8, 8, 8, 8]
    >>> [len(part) for part in micro_batches(torch.zeros(40, 3, 32, 32))]
    [40]
    """
    values = max(1, inputs.shape[1:].numel())
    if len(inputs) * values <= VALUES // 2 or inputs.device.type != "cpu":  # nearly always: nothing more is computed
        return (inputs,)
    most = max(LEAST, 1 << max(0, (VALUES // values).bit_length() - 1))
    return torch.split(inputs, most) if len(inputs) > most else (inputs,)


def answers_of(student: nn.Sequential, inputs: Tensor) -> dict[str, Tensor]:
    """`joryu.students.named_outputs.outputs_of` a student in evaluation mode, micro-batch by micro-batch.

    >>> from joryu.questions import Question
    >>> from joryu.students.named_outputs import NamedOutputs
    >>> student = nn.Sequential(nn.Flatten(), NamedOutputs(Question.one_of(2))).eval()
    >>> answers_of(student, torch.zeros(20, 2))["main"].shape
    torch.Size([20, 2])
    """
    found = [outputs_of(student, part) for part in micro_batches(inputs)]
    return {name: torch.cat([part[name] for part in found]) for name in found[0]} if len(found) > 1 else found[0]
