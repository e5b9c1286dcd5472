"""Objectives: pure functions of logits and soft targets, one loss per example."""

from joryu.objectives.boundary import boundary_loss
from joryu.objectives.classification import (
    forward_kl,
    hard_cross_entropy,
    jensen_shannon,
    logit_matching,
    reverse_kl,
    soft_cross_entropy,
)
from joryu.objectives.distillation import Distillation, HardLabels
from joryu.objectives.hard import HardPart
from joryu.objectives.objective import Objective, Outputs, Terms, total
from joryu.objectives.overlap import soft_dice, soft_jaccard
from joryu.objectives.partial_tags import (
    asymmetric_cross_entropy,
    normalised_kl,
    prior_cross_entropy,
    zero_filled_cross_entropy,
)
from joryu.objectives.parts import DIVERGENCES, default_divergence
from joryu.objectives.regression import gaussian_nll, squared_error
from joryu.objectives.signals import SIGNALS, WithSignals
from joryu.objectives.tagging import binary_kl, hard_binary_cross_entropy, soft_binary_cross_entropy
from joryu.questions import LOG_VARIANCE, MAIN
from joryu.questions.softening import (
    log_sigmoid,
    log_softmax,
    logits_from_probs,
    logits_from_scores,
    sigmoid,
    softmax,
)

__all__ = [
    "DIVERGENCES",
    "LOG_VARIANCE",
    "MAIN",
    "SIGNALS",
    "Distillation",
    "HardLabels",
    "HardPart",
    "Objective",
    "Outputs",
    "Terms",
    "WithSignals",
    "asymmetric_cross_entropy",
    "binary_kl",
    "boundary_loss",
    "default_divergence",
    "forward_kl",
    "gaussian_nll",
    "hard_binary_cross_entropy",
    "hard_cross_entropy",
    "jensen_shannon",
    "log_sigmoid",
    "log_softmax",
    "logit_matching",
    "logits_from_probs",
    "logits_from_scores",
    "normalised_kl",
    "prior_cross_entropy",
    "reverse_kl",
    "sigmoid",
    "soft_binary_cross_entropy",
    "soft_cross_entropy",
    "soft_dice",
    "soft_jaccard",
    "softmax",
    "squared_error",
    "total",
    "zero_filled_cross_entropy",
]
