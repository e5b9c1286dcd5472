"""Objectives: pure functions of logits and soft targets, one loss per example."""

from joryu.objectives.classification import (
    UNLABELLED,
    forward_kl,
    hard_cross_entropy,
    jensen_shannon,
    logit_matching,
    reverse_kl,
    soft_cross_entropy,
)
from joryu.objectives.distillation import Distillation, HardLabels, TagDistillation
from joryu.objectives.objective import Objective
from joryu.objectives.signals import WithSignals, squared_error
from joryu.objectives.tagging import binary_kl, hard_binary_cross_entropy, soft_binary_cross_entropy
from joryu.objectives.temperature import (
    gradient_scale,
    log_sigmoid,
    log_softmax,
    logits_from_probs,
    logits_from_scores,
    sigmoid,
    softmax,
)

__all__ = [
    "UNLABELLED",
    "Distillation",
    "HardLabels",
    "Objective",
    "TagDistillation",
    "WithSignals",
    "binary_kl",
    "forward_kl",
    "gradient_scale",
    "hard_binary_cross_entropy",
    "hard_cross_entropy",
    "jensen_shannon",
    "log_sigmoid",
    "log_softmax",
    "logit_matching",
    "logits_from_probs",
    "logits_from_scores",
    "reverse_kl",
    "sigmoid",
    "soft_binary_cross_entropy",
    "soft_cross_entropy",
    "softmax",
    "squared_error",
]
