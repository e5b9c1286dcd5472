"""Ask a network for its logits, and leave it as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import torch
from torch import Tensor, nn

from joryu.errors import InputError
from joryu.examples import Examples
from joryu.students.micro_batches import micro_batches


@contextmanager
def evaluating(module: nn.Module) -> Iterator[nn.Module]:
    """Put a module into evaluation mode, without gradients, within a ``with`` block.

    Afterwards every submodule is in its former mode, not only the root: a batch norm that was frozen on purpose stays
    frozen.

    >>> net = nn.Sequential(nn.Dropout(), nn.Dropout().eval())
    >>> with evaluating(net):
    ...     [part.training for part in net]
    [False, False]
    >>> [part.training for part in net]
    [True, False]
    """
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        with torch.inference_mode():
            yield module
    finally:
        for part, mode in modes.items():
            part.training = mode


def device_of(module: nn.Module) -> torch.device:
    """The device of the module's first parameter or buffer; the CPU if it has neither."""
    first = next(chain(module.parameters(), module.buffers()), None)
    return torch.device("cpu") if first is None else first.device


def predict_logits(
    module: nn.Module, examples: Examples, *, batch_size: int = 512, device: torch.device | str | None = None
) -> Tensor:
    """The logits of a network that takes raw inputs about all examples: ``[n, C]``, float32 on the CPU.

    Inputs are moved to the network batch by batch. If another ``device`` is given, the network is moved there, and back
    afterwards.

    >>> examples = Examples.of(torch.zeros(3, 2), classes=["a", "b"])
    >>> predict_logits(nn.Linear(2, 2), examples, batch_size=2).shape
    torch.Size([3, 2])

    Raises:
        InputError: the batch size is below 1, or the network does not give ``[B, C]``.
    """
    if batch_size < 1:
        raise InputError("batch size is not usable", expected="an integer >= 1", received=batch_size)
    home = device_of(module)
    place = home if device is None else torch.device(device)
    module.to(place)
    try:
        with evaluating(module):
            starts = range(0, len(examples), batch_size)
            batches = (examples.inputs[start : start + batch_size] for start in starts)
            given = (part for batch in batches for part in micro_batches(batch.to(place, non_blocking=True)))
            parts = [_answers(module, part, len(examples.classes)) for part in given]
    finally:
        module.to(home)
    # Joined outside inference mode, so that the caller may compute gradients from the logits.
    return torch.cat(parts)


def _answers(module: nn.Module, batch: Tensor, n_classes: int) -> Tensor:
    logits: Tensor = module(batch)
    if logits.shape != (len(batch), n_classes):
        raise InputError(
            "the network's answers do not fit the examples",
            expected=f"logits [{len(batch)}, {n_classes}]",
            received=list(logits.shape),
        )
    return logits.float().cpu()
