"""Photographs of leaves without copies, split into training, validation and test part."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from joryu.examples import Examples, load_examples, split_examples
from joryu.training.setup import hide_labels

LEAVES, SIDE = "leaves", 64
TRAIN, VALIDATION, TEST = 0.7, 0.1, 0.2
SPLIT_SEED = 0  #: one test part for all seeds, so that nothing chosen with one seed has seen another's

SAME_PICTURE = 0.995
"""Correlation above which two pictures are one; among these leaves copies correlate above 0.999, others below 0.993."""


class LeafParts(NamedTuple):
    """``transfer``: what is learned from, most of its labels hidden; ``all_labels``: the same with every label."""

    transfer: Examples
    all_labels: Examples
    validation: Examples
    test: Examples


def leaf_parts(*, seed: int, labelled: float, smoke: bool = False) -> LeafParts:
    """Split the leaves into three parts, stratified by class and the same for every seed.

    The share ``labelled`` of the training part keeps its labels, drawn by the seed.

    Raises:
        InputError: the pictures are not under ``JORYU_DATA``, or a class would keep no label.
    """
    examples = load_examples("digits") if smoke else without_copies(load_examples(LEAVES, size=SIDE))
    train, validation, test = split_examples(examples, [TRAIN, VALIDATION, TEST], seed=SPLIT_SEED)
    return LeafParts(hide_labels(train, labelled, seed), train, validation, test)


def without_copies(examples: Examples, *, same: float = SAME_PICTURE) -> Examples:
    """The examples without copies: of pictures of one class that are copies of one another, only the first.

    Copies in training and test part would let a network answer from memory. Two pictures are copies if their grey
    values, averaged over 16 × 16 fields, correlate by more than ``same`` in one of eight positions: turned by multiples
    of 90°, mirrored or not.

    >>> one, other = torch.randint(256, (2, 1, 3, 16, 16), dtype=torch.uint8)
    >>> inputs = torch.cat([one, one.flip(3), one.transpose(2, 3), other])
    >>> len(without_copies(Examples.of(inputs, torch.zeros(4, dtype=torch.long), classes=["leaf"])))
    2
    """
    labels, kept = examples.labels_or_empty, []
    for label in range(len(examples.classes)):
        rows = (labels == label).nonzero().flatten()
        grey = F.adaptive_avg_pool2d(examples.inputs[rows].float().mean(1, keepdim=True), 16).squeeze(1)
        is_copy = (_likeness(grey).tril(-1) > same).any(1)
        kept.append(rows[~is_copy])
    return examples.select(torch.cat(kept).sort().values)


def _likeness(grey: Tensor) -> Tensor:
    """The largest correlation of each picture with each other one over eight positions, ``[n, n]``."""
    upright = _standardised(grey)
    found = torch.full((len(grey), len(grey)), -1.0)
    for position in (turned for side in (grey, grey.flip(2)) for turned in (side.rot90(k, (1, 2)) for k in range(4))):
        torch.maximum(found, upright @ _standardised(position).T, out=found)
    return found


def _standardised(grey: Tensor) -> Tensor:
    flat = grey.flatten(1)
    return F.normalize(flat - flat.mean(1, keepdim=True), dim=1)
