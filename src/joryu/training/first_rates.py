"""`begin_at_rates`: a student of tags begins by saying of each tag how often it holds."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from joryu.evaluation.predictions import evaluating
from joryu.questions import Link, Question
from joryu.training.training_data import Batch, TrainingData

LOOKED_AT: Final = 1024  #: examples of the first epoch from which rates are taken
_NEAR: Final = 1e-3  #: how exactly outputs must move with the head's offsets, in logits


def begin_at_rates(module: nn.Sequential, question: Question, data: TrainingData) -> bool:
    """Set the offsets of a new student's head to the log-odds of each tag; whether there was such a head.

    With random weights every tag begins at one half. Of thousands of tags a picture has ten, so that the first hundreds
    of steps go into pushing all others down, and a short training learns nothing else. With the offsets at
    ``log(r / (1 - r))``, ``r`` being the mean of what teaches the tag, it begins with what can be said without looking
    at the picture. (Lin et al. 2017, "Focal Loss for Dense Object Detection", §4.1, take one rate for all classes.)

    Rates are taken from the first epoch's first examples; a tag that was not returned counts as 0 there. Nothing is
    done for questions that are no tags, nor where the network does not end in a linear layer.
    """
    if question.link is not Link.SIGMOID or question.grid:
        return False
    head = _head_of(module[1], len(question))
    if head is None:
        return False
    offsets = torch.logit(rates_of(data, len(question)))
    shown = data.examples.inputs[:2].to(head.weight.device)
    before, kept = _answers(module, shown), head.bias.detach().clone()
    if before is None or before.shape[1:] != offsets.shape:
        return False
    with torch.no_grad():
        head.bias[: len(offsets)] = offsets.to(head.bias)
    after = _answers(module, shown)
    wanted = before + (head.bias - kept)[: len(offsets)].detach()
    if after is not None and bool(((after - wanted).abs() <= _NEAR * (1 + offsets.abs().max())).all()):
        return True
    with torch.no_grad():
        head.bias.copy_(kept)  # what comes last in the module does not come last in its computation
    return False


def rates_of(data: TrainingData, n_tags: int) -> Tensor:
    """The mean of what teaches each tag, float64 ``[n_tags]``, at least half an example's worth away from 0 and 1."""
    showings = data.showings(0, seed=0)[:LOOKED_AT]
    sums, counts = torch.zeros(n_tags, dtype=torch.float64), torch.zeros(n_tags, dtype=torch.float64)
    for batch in data.batches(showings, epoch=0, batch_size=256):
        values, known = _taught(batch)
        sums += torch.where(known, values.double(), 0.0).sum(0)
        counts += known.sum(0)
    half = 0.5 / counts.clamp_min(1)
    return torch.where(counts > 0, sums / counts.clamp_min(1), 0.5).clamp(half, 1 - half)


def _taught(batch: Batch) -> tuple[Tensor, Tensor]:
    """What a batch teaches of each tag, ``[B, C]`` in 0..1, and where anything is known of it."""
    if batch.soft_targets is not None:
        dense = batch.soft_targets.combined().dense()
        probs = dense.probs() if dense.coverage is None else torch.where(dense.coverage, dense.probs(), 0.0)
        return probs, torch.ones_like(probs, dtype=torch.bool)
    labels = batch.inputs.new_empty(0) if batch.labels is None else batch.labels  # there are some without soft targets
    return labels, labels >= 0


def _head_of(network: nn.Module, width: int) -> nn.Linear | None:
    found = [part for part in network.modules() if isinstance(part, nn.Linear)]
    last = found[-1] if found else None
    return last if last is not None and last.bias is not None and last.out_features >= width else None


def _answers(module: nn.Sequential, inputs: Tensor) -> Tensor | None:
    """What a student answers; ``None`` where it cannot be asked, which the training's own first try will say why."""
    with evaluating(module):
        try:
            answers: Tensor = module(inputs)
        except Exception:  # noqa: BLE001 - somebody else's network raises what it likes
            return None
    return answers.float()
