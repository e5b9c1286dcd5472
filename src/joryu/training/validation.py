"""How good a student is between two epochs: never on the test set, never on what it trains on."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from joryu.errors import InputError
from joryu.training.material import Batch, Material

BATCH_SIZE = 1024


@torch.inference_mode()
def validate(module: nn.Module, material: Material, device: torch.device) -> dict[str, float]:
    """``validation_loss`` (cross-entropy at T = 1, nats) and the share of right answers, in float32.

    Against the labels the share is ``validation_accuracy``; against a store's answers, members averaged, it is
    ``validation_agreement``. The examples are shown as they are, whatever views are trained on. Leaves the module in
    evaluation mode.
    """
    module.eval()
    sums = torch.zeros(2, dtype=sum_dtype(device), device=device)
    everything, name = torch.arange(len(material.examples)), "validation_accuracy"
    for batch in material.batches(everything, epoch=None, batch_size=BATCH_SIZE, device=device):
        logits = module(batch.inputs).float()
        truth = _truth(batch)
        name = name if batch.soft_targets is None else "validation_agreement"
        losses = F.cross_entropy(logits, truth, reduction="none")
        right = logits.argmax(-1) == (truth if truth.ndim == 1 else truth.argmax(-1))
        sums += torch.stack([losses.to(sums.dtype).sum(), right.to(sums.dtype).sum()])
    loss, right_share = (sums / len(material.examples)).tolist()
    return {"validation_loss": loss, name: right_share}


def _truth(batch: Batch) -> Tensor:
    """The labels ``[B]``, or the teacher's probabilities ``[B, C]``."""
    if batch.soft_targets is not None:
        return batch.soft_targets.mean().probs()
    if batch.labels is None:
        raise InputError("there is nothing to validate by", expected="labels or soft targets")
    return batch.labels


def sum_dtype(device: torch.device) -> torch.dtype:
    """Sums over an epoch are float64, which Apple's GPUs do not have."""
    return torch.float32 if device.type == "mps" else torch.float64
