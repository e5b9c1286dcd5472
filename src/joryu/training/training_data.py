"""`TrainingData`: the examples and soft targets that a student learns from, cut into batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.examples import Examples
from joryu.examples.ahead import one_ahead
from joryu.examples.inputs import is_held
from joryu.targets.soft_targets import SoftTargets
from joryu.training.target_source import LabelsAlone, Shown, TargetSource

#: Inputs prepared at a time: enough to hide what it costs, and small enough for the allocator to use its memory again.
#: (glibc maps pieces of more than 32 MiB afresh each time, which cost an epoch of MNIST 11,000 page faults.)
BLOCK_BYTES = 16 * 2**20


class Batch(NamedTuple):
    """The data of one step: raw inputs ``[B, ...]``, soft targets (``None`` for hard labels alone) and labels.

    With soft targets there are always labels, if only unknown ones. So an objective with a hard part treats a set
    without labels like one with few.
    """

    inputs: Tensor
    soft_targets: SoftTargets | None
    labels: Tensor | None


@dataclass(frozen=True)
class TrainingData:
    """Examples to train on, the source of their soft targets, and the examples to validate by.

    A *turn* shows every example once. An epoch is one turn, or ``examples_per_epoch`` showings: a small labelled set is
    then shown several times, so that a twin gets exactly as many steps as its student.

    The ``source`` says in which view a turn shows each example, and gives the answers about that view: `Replayed`,
    `CarriedOver`, `Live` or `LabelsAlone`. ``validation`` is never trained on.

    >>> examples = Examples.of(torch.eye(3), torch.arange(3), classes=["a", "b", "c"])
    >>> data = TrainingData(examples, examples_per_epoch=6)
    >>> showings = data.showings(0, seed=0)
    >>> [batch.labels.tolist() for batch in data.batches(showings, epoch=0, batch_size=4)]
    [[2, 0, 1, 2], [1, 0]]

    Raises:
        InputError: ``examples_per_epoch`` is below 1, or the source has nothing to learn from.
        MismatchError: the source does not fit the examples (`TargetSource.require_fit`).
    """

    examples: Examples
    source: TargetSource = field(default_factory=LabelsAlone)
    validation: Examples | None = None
    examples_per_epoch: int | None = None

    def __post_init__(self) -> None:
        if self.examples_per_epoch is not None and self.examples_per_epoch < 1:
            raise InputError("examples_per_epoch is not usable", expected=">= 1", received=self.examples_per_epoch)
        self.source.require_fit(self.examples)

    @property
    def epoch_size(self) -> int:
        """How many examples one epoch shows."""
        return self.examples_per_epoch or len(self.examples)

    @property
    def turns(self) -> int:
        """How many turns one epoch has, the last of which may be cut short."""
        return -(-self.epoch_size // len(self.examples))

    def validation_data(self) -> TrainingData | None:
        """The examples to validate by, as training data; ``None`` if there is nothing to validate by.

        If all have labels, these are used. Otherwise the source's answers are used for all of them; a source without
        answers leaves out the examples without a label.
        """
        validation = self.validation
        if validation is None:
            return None
        if bool(validation.known.all()):
            return TrainingData(validation)
        evaluation_set = self.source.for_validation(validation)
        return None if evaluation_set is None else TrainingData(*evaluation_set)

    def require_answers(self, epochs: int) -> None:
        """Look up every answer that training and validation will need, so that a missing one is not found after hours.

        Raises:
            InputError: an answer is missing.
        """
        self.source.require_answers(self.examples, epochs * self.turns)
        judge = self.validation_data()
        if judge is not None:
            judge.source.require_answers(judge.examples, 0)

    def showings(self, epoch: int, *, seed: int) -> Tensor:
        """What an epoch shows, in order, as ``turn · n + row`` with ``n`` examples: int64 ``[epoch_size]``.

        It is a function of seed and epoch alone. Every turn shows every example once; the last may be cut short.
        """
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        n = len(self.examples)
        turns = [torch.randperm(n, generator=generator) + turn * n for turn in range(self.turns)]
        return torch.cat(turns)[: self.epoch_size]

    def batches(
        self, showings: Tensor, *, epoch: int | None, batch_size: int, device: torch.device | str = "cpu"
    ) -> Iterator[Batch]:
        """Some `showings` of an epoch, batch by batch; the last batch may be smaller.

        With ``epoch=None`` every example is shown as it is. Inputs, views and soft targets are prepared in blocks of
        many batches and then sliced, so that a step costs no more than with bare tensors.

        Raises:
            InputError: an answer is missing, or an example cannot be read.
        """
        row_bytes = max(1, self.examples.inputs.shape[1:].numel() * self.examples.inputs.dtype.itemsize)
        per_block = max(1, BLOCK_BYTES // (row_bytes * batch_size)) * batch_size
        parts = [showings[start : start + per_block] for start in range(0, len(showings), per_block)]
        show = partial(self._show, epoch=epoch)
        # What is not held is decoded while the block before it is learned from; what is held costs what it always did.
        blocks = map(show, parts) if is_held(self.examples.inputs) else one_ahead(show, parts)
        for rows, shown in blocks:
            block = self._block(rows, shown, torch.device(device))
            for at in range(0, len(block.inputs), batch_size):
                part = slice(at, at + batch_size)
                yield Batch(
                    block.inputs[part],
                    None if block.soft_targets is None else block.soft_targets.select(part),
                    None if block.labels is None else block.labels[part],
                )

    def _show(self, showings: Tensor, epoch: int | None) -> tuple[Tensor, Shown]:
        """The rows of some showings, and what a student sees of them, which depends on row and view seed alone."""
        n = len(self.examples)
        rows, turns = showings % n, showings // n
        first = 0 if epoch is None else epoch * self.turns
        of_turn = [0 if epoch is None else self.source.view_seed(first + turn) for turn in range(self.turns)]
        return rows, self.source.show(self.examples, rows, torch.tensor(of_turn)[turns])

    def _block(self, rows: Tensor, shown: Shown, device: torch.device) -> Batch:
        soft_targets = self.source.answers(self.examples, rows, shown)
        inputs, labels = shown.batch
        if soft_targets is not None and labels is None:
            sites = soft_targets.values.shape[1 + soft_targets.members : -1]
            labels = self.examples.codec.unknown((len(rows), *sites), soft_targets.n_outputs)
        return Batch(
            inputs.to(device, non_blocking=True),
            None if soft_targets is None else soft_targets.to(device),
            None if labels is None else labels.to(device, non_blocking=True),
        )
