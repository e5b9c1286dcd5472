"""How a step changes the weights: optimiser, moving average, norm constraint."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from joryu.training.recipe import Recipe


def make_optimiser(module: nn.Module, recipe: Recipe, *, fused: bool = True) -> torch.optim.Optimizer:
    """Make the recipe's optimiser: AdamW (Loshchilov & Hutter 2019, algorithm 2) or SGD with Nesterov momentum.

    ``fused``: all parameters in one pass, which must be left out where the gradients have to be scaled and clipped.
    Parameters with one axis, which are biases and norms, have no weight decay. Frozen parameters are left out. Without
    weight decay all parameters are one group, because a second group costs each step as much time as the first.
    """
    learning = [p for p in module.parameters() if p.requires_grad]
    groups = [{"params": learning, "weight_decay": 0.0}]
    if recipe.weight_decay:
        decayed = [p for p in learning if p.ndim > 1]
        spared = [p for p in learning if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": spared, "weight_decay": 0.0}]
        groups = [group for group in groups if group["params"]]
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(
            groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=recipe.momentum > 0, fused=fused
        )
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=fused)


def averaged(module: nn.Module, decay: float) -> AveragedModel:
    """Make an exponential moving average of weights: ``average ← decay · average + (1 - decay) · weights``.

    It starts as the weights after the first step. Buffers are copied from the student.
    """
    return AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(decay))  # type: ignore[no-untyped-call]


@torch.no_grad()
def constrain(layers: Sequence[nn.Linear], max_norm: float) -> None:
    """Scale the incoming weights of each unit of ``layers`` back to the L2 norm ``max_norm`` if they exceed it."""
    for layer in layers:
        layer.weight.copy_(torch.renorm(layer.weight, p=2, dim=0, maxnorm=max_norm))
