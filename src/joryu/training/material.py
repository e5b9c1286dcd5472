"""`Material`: what a student learns from, cut into blocks of ready tensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from joryu.errors import InputError, MismatchError
from joryu.examples import Examples
from joryu.examples.views import Views, parse_views
from joryu.targets.soft_targets import SoftTargets
from joryu.targets.store import Store

BLOCK_BYTES = 64 * 2**20  #: inputs prepared at a time; small enough for any laptop, large enough to hide its cost


class Batch(NamedTuple):
    """One step's worth: raw inputs, soft targets (``None`` for hard labels alone) and labels."""

    inputs: Tensor
    soft_targets: SoftTargets | None
    labels: Tensor | None


@dataclass(frozen=True)
class Material:
    """Examples with their soft targets and views.

    With a store, epoch ``e`` shows view ``1 + e mod n`` of the ``n`` views that the teacher labelled (view 0, the
    example itself, if it labelled no other), so that every input is one the teacher was really shown. Without a store
    every epoch has views of its own. ``validation`` is never trained on; it is judged by its labels, or by the store's
    answers where it has none. ``examples_per_epoch`` makes a small labelled set go round several times, so that a twin
    gets exactly the steps of the student it is compared with.

    Raises:
        MismatchError: the store was made for other classes or other views.
        InputError: neither soft targets nor labels to learn from.
    """

    examples: Examples
    targets: Store | None = None
    views: Views | None = None
    validation: Examples | None = None
    examples_per_epoch: int | None = None

    def __post_init__(self) -> None:
        if self.targets is None:
            if self.examples.labels is None:
                raise InputError("there is nothing to learn from", expected="soft targets, labels or both")
            return
        manifest = self.targets.manifest
        if tuple(manifest.classes) != self.examples.classes:
            raise MismatchError(
                "soft targets and examples differ in their classes",
                expected=f"{len(manifest.classes)} classes {', '.join(manifest.classes[:6])}",
                received=f"{len(self.examples.classes)} classes {', '.join(self.examples.classes[:6])}",
            )
        spec = None if self.views is None else self.views.spec
        if spec is not None and spec != (manifest.views or None):
            raise MismatchError(
                "the teacher labelled other views than these", expected=manifest.views or "no views", received=spec
            )

    @property
    def epoch_size(self) -> int:
        """How many examples one epoch shows."""
        return self.examples_per_epoch or len(self.examples)

    def validation_material(self) -> Material:
        """The validation split as material: with labels where it has them, otherwise with the store's answers."""
        validation = self.validation if self.validation is not None else self.examples
        labelled = validation.labels is not None and bool((validation.labels >= 0).all())
        return Material(validation, targets=None if labelled else self.targets)

    @property
    def n_views(self) -> int:
        """How many augmented views of each example the store holds."""
        return 0 if self.targets is None else self.targets.manifest.n_views

    def view_seed(self, epoch: int) -> int:
        """The view every example is shown in this epoch."""
        if self.targets is not None:
            return 1 + epoch % self.n_views if self.n_views else 0
        return 0 if self.views is None else epoch + 1

    def batches(self, order: Tensor, *, epoch: int, batch_size: int, device: torch.device) -> Iterator[Batch]:
        """The examples of ``order`` (row numbers), batch by batch; the last one may be short.

        Inputs, views and soft targets are prepared a block of many batches at a time and cut by slices, so that a step
        costs what it would cost with bare tensors.
        """
        row_bytes = max(1, self.examples.inputs[0].nbytes)
        per_block = max(1, BLOCK_BYTES // (row_bytes * batch_size)) * batch_size
        for start in range(0, len(order), per_block):
            block = self._block(order[start : start + per_block], epoch, device)
            for at in range(0, len(block.inputs), batch_size):
                part = slice(at, at + batch_size)
                yield Batch(
                    block.inputs[part],
                    None if block.soft_targets is None else block.soft_targets.select(part),
                    None if block.labels is None else block.labels[part],
                )

    def _block(self, rows: Tensor, epoch: int, device: torch.device) -> Batch:
        seed = self.view_seed(epoch)
        labels = self.examples.labels
        if seed == 0:
            inputs = self.examples.inputs[rows]
            labels = None if labels is None else labels[rows]
        else:
            views = self.views if self.views is not None else parse_views(self._manifest_views())
            inputs, labels = views.apply(self.examples, rows, torch.full((len(rows),), seed, dtype=torch.int64))
        soft_targets = None
        if self.targets is not None:
            ids = self.examples.ids[rows.numpy()]
            soft_targets = self.targets.gather(self.targets.rows(ids, seed)).to(device)
        return Batch(
            inputs.to(device, non_blocking=True),
            soft_targets,
            None if labels is None else labels.to(device, non_blocking=True),
        )

    def _manifest_views(self) -> str | None:
        return None if self.targets is None else self.targets.manifest.views
