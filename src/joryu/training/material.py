"""`Material`: what a student learns from, cut into blocks of ready tensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self

import torch
from torch import Tensor

from joryu.errors import InputError, MismatchError
from joryu.examples import UNLABELLED, Examples
from joryu.examples.views import Views, parse_views
from joryu.targets.soft_targets import SoftTargets
from joryu.targets.store import Store

#: Inputs prepared at a time: enough to hide what it costs, and small enough for the allocator to use its memory again.
#: (glibc maps pieces of more than 32 MiB afresh each time, which cost an epoch of MNIST 11,000 page faults.)
BLOCK_BYTES = 16 * 2**20


class Batch(NamedTuple):
    """One step's worth: raw inputs, soft targets (``None`` for hard labels alone) and labels.

    Beside soft targets there are always labels, `UNLABELLED` where nobody gave one: an objective with a hard part then
    takes a set that nobody labelled like one that was labelled in part.
    """

    inputs: Tensor
    soft_targets: SoftTargets | None
    labels: Tensor | None


@dataclass(frozen=True)
class Material:
    """Examples with their soft targets and views.

    With a store, every *turn* shows the next of the ``n`` views that the teacher labelled, view ``1 + turn mod n``
    (view 0, the example itself, if it labelled no other), so that every input is one the teacher was really shown.
    Without a store every turn has a view of its own. A turn goes through the examples once, and so is an epoch, unless
    ``examples_per_epoch`` makes a small labelled set go round several times, so that a twin gets exactly the steps of
    the student it is compared with. ``validation`` is never trained on.

    ``carry_over`` takes the answer about an example for all its views, as hard labels always are: for people and paid
    teachers, who were asked about the examples alone. Every turn then has views of its own.

    ``blended_with`` is the whole set that the teacher was shown, where its views blend examples of it (mixup) and
    ``examples`` are a part of it. Partners are then found in the whole set, so that a view is the one that was
    answered; but nothing of what was held out is shown. A blend may be nearly all partner, and a student that was
    told a teacher's answer about a test picture, faint as it may be, has seen it. So where the partner is not among
    ``examples`` the example itself, which the teacher answered about too, stands in for the blend, label and all.

    >>> examples = Examples.of(torch.eye(3), torch.arange(3), classes=["a", "b", "c"])
    >>> material = Material(examples, examples_per_epoch=6)
    >>> showings = material.showings(0, seed=0)
    >>> [batch.labels.tolist() for batch in material.batches(showings, epoch=0, batch_size=4)]
    [[2, 0, 1, 2], [1, 0]]

    Raises:
        MismatchError: the store was made for other classes or other views, or its views blend examples (mixup) and
            neither ``examples`` nor ``blended_with`` is the set it was made for.
        InputError: neither soft targets nor labels to learn from, or no example to show; answers carried over to views
            that blend examples, or from a store that has views of its own.
    """

    examples: Examples
    targets: Store | None = None
    views: Views | None = None
    validation: Examples | None = None
    examples_per_epoch: int | None = None
    carry_over: bool = False
    blended_with: Examples | None = None

    def __post_init__(self) -> None:
        if self.examples_per_epoch is not None and self.examples_per_epoch < 1:
            raise InputError("examples_per_epoch is not usable", expected=">= 1", received=self.examples_per_epoch)
        if self.targets is not None:
            self._fit_together(self.targets)
        elif self.examples.labels is None:
            raise InputError("there is nothing to learn from", expected="soft targets, labels or both")

    def _fit_together(self, targets: Store) -> None:
        manifest = targets.manifest
        manifest.require(question=self.examples.question)
        if self.carry_over:
            self._check_carrying_over()
        elif self.views is not None and self.views.spec != self._labelled_views.spec:
            raise MismatchError(
                "the teacher labelled other views than these",
                expected=self._labelled_views.spec,
                received=self.views.spec,
            )
        shown = self.examples if self.blended_with is None else self.blended_with
        if self._labelled_views.blends and manifest.examples.fingerprint != shown.fingerprint:
            raise MismatchError(
                "these views blend examples of the set that the teacher was shown, which is another",
                expected=f"the {manifest.examples.count} examples {manifest.examples.name}",
                received=f"{len(shown)} examples, or part of them",
                hint="give the very examples that were labelled, or label views without mixup",
            )

    def _check_carrying_over(self) -> None:
        if self.n_views or (self.views is not None and self.views.blends):
            raise InputError(
                "answers about the examples cannot be carried over to these views",
                expected="a store without views, and views of one example each",
                received=f"{self.n_views} stored views" if self.n_views else self.views and self.views.spec,
                hint="train on the stored views, or leave mixup out",
            )

    @property
    def epoch_size(self) -> int:
        """How many examples one epoch shows."""
        return self.examples_per_epoch or len(self.examples)

    @property
    def turns(self) -> int:
        """How many times one epoch goes through the examples, a last part of a time included."""
        return -(-self.epoch_size // len(self.examples))

    @property
    def n_views(self) -> int:
        """How many augmented views of each example the store holds."""
        return 0 if self.targets is None else self.targets.manifest.n_views

    @cached_property
    def _labelled_views(self) -> Views:
        """The views that the teacher was shown."""
        return parse_views(self.targets.manifest.views if self.targets is not None and self.n_views else None)

    @cached_property
    def _whole(self) -> _Whole | None:
        return None if self.blended_with is None else _Whole.of(self.blended_with, self.examples)

    def view_seed(self, turn: int) -> int:
        """The view every example is shown in this turn, counted from the first epoch's first."""
        if self.targets is not None and not self.carry_over:
            return 1 + turn % self.n_views if self.n_views else 0
        return 0 if self.views is None else turn + 1

    def validation_material(self) -> Material | None:
        """What judges an epoch: the validation split with its labels or, where some have none, the store's answers.

        Without a store (or where its views blend examples and their whole set is not known) the examples that have none
        are left out; without any label there is then nothing to judge by.
        """
        validation = self.validation
        if validation is None:
            return None
        labelled = validation.known
        if labelled.all():
            return Material(validation)
        if self.targets is not None and not (self._labelled_views.blends and self.blended_with is None):
            return Material(validation, self.targets, blended_with=self.blended_with)
        return Material(validation.labelled()) if labelled.any() else None

    def require_answers(self, epochs: int) -> None:
        """Look up every answer that training and validation will ask for, so that none is found missing after hours.

        Raises:
            InputError: the store lacks some.
        """
        if self.targets is None:
            return
        turns = range(min(epochs * self.turns, self.n_views or 1))
        itself = set() if self.blended_with is None else {0}  # stands in for some blends
        seeds = [0] if self.carry_over else sorted({self.view_seed(turn) for turn in turns} | itself)
        # A store with as many answers as it has keys is whole: one view tells whether these examples are in it.
        whole = len(self.targets) == self.targets.manifest.examples.count * (self.n_views + 1)
        for seed in seeds[:1] if whole else seeds:
            self.targets.rows(self.examples.ids, seed)
        judge = self.validation_material()
        if judge is not None and judge.targets is not None:
            judge.targets.rows(judge.examples.ids, 0)

    def showings(self, epoch: int, *, seed: int) -> Tensor:
        """What an epoch shows, in order: ``turn · n + row``, int64 ``[epoch_size]``.

        A function of (seed, epoch) alone. Every turn but the last, which may be cut short, shows every example.
        """
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        n = len(self.examples)
        turns = [torch.randperm(n, generator=generator) + turn * n for turn in range(self.turns)]
        return torch.cat(turns)[: self.epoch_size]

    def batches(
        self, showings: Tensor, *, epoch: int | None, batch_size: int, device: torch.device | str = "cpu"
    ) -> Iterator[Batch]:
        """Some of an epoch's `showings`, batch by batch; the last one may be short. No epoch: without any views.

        Inputs, views and soft targets are prepared a block of many batches at a time and cut by slices, so that a step
        costs what it would cost with bare tensors.

        Raises:
            InputError: the store has no answer for some of them.
        """
        row_bytes = max(1, self.examples.inputs[0].nbytes)
        per_block = max(1, BLOCK_BYTES // (row_bytes * batch_size)) * batch_size
        for start in range(0, len(showings), per_block):
            block = self._block(showings[start : start + per_block], epoch, torch.device(device))
            for at in range(0, len(block.inputs), batch_size):
                part = slice(at, at + batch_size)
                yield Batch(
                    block.inputs[part],
                    None if block.soft_targets is None else block.soft_targets.select(part),
                    None if block.labels is None else block.labels[part],
                )

    def _block(self, showings: Tensor, epoch: int | None, device: torch.device) -> Batch:
        n = len(self.examples)
        rows, turns = showings % n, showings // n
        first = 0 if epoch is None else epoch * self.turns
        of_turn = [0 if epoch is None else self.view_seed(first + turn) for turn in range(self.turns)]
        seeds = torch.tensor(of_turn)[turns]
        own = (self.targets is None or self.carry_over) and self.views is not None
        views = self.views if own and self.views is not None else self._labelled_views
        if self._whole is not None and views.blends:
            seeds = self._whole.seeds(views, rows, seeds)
            inputs, labels = views.apply(self._whole.examples, self._whole.places[rows], seeds)
        else:
            inputs, labels = views.apply(self.examples, rows, seeds)
        soft_targets = None
        if self.targets is not None:
            asked = torch.zeros_like(seeds) if self.carry_over else seeds
            found = self.targets.rows(self.examples.ids[rows.numpy()], asked.numpy())
            soft_targets = self.targets.gather(found).to(device)
            labels = torch.full((len(rows),), UNLABELLED) if labels is None else labels
        return Batch(
            inputs.to(device, non_blocking=True),
            soft_targets,
            None if labels is None else labels.to(device, non_blocking=True),
        )


class _Whole(NamedTuple):
    """The set that blends were drawn from, with the labels of the part that is taught and no others."""

    examples: Examples
    places: Tensor  #: the row in it of each example that is taught, int64 ``[n]``
    taught: Tensor  #: which of its rows are taught, bool

    @classmethod
    def of(cls, whole: Examples, part: Examples) -> Self:
        """Raises:
        MismatchError: an example of the part is not in the whole.
        """
        row_of = {words.tobytes(): row for row, words in enumerate(whole.ids)}
        found = [row_of.get(words.tobytes(), -1) for words in part.ids]
        if -1 in found:
            raise MismatchError(
                "some examples are not in the set that the teacher was shown", expected="a part of that set",
                received=f"{found.count(-1)} others", hint="give the very examples that were labelled",
            )  # fmt: skip
        places = torch.tensor(found)
        # Copies of one example count as one: which of them the views choose for a partner must not matter.
        known = {words.tobytes(): row for row, words in enumerate(part.ids)}
        rows = torch.tensor([known.get(words.tobytes(), -1) for words in whole.ids])
        taught = rows >= 0
        labels = None if part.labels is None else part.labels[rows].where(taught, UNLABELLED)
        return cls(replace(whole, labels=labels), places, taught)

    def seeds(self, views: Views, rows: Tensor, seeds: Tensor) -> Tensor:
        """The views to show of some of the part's rows: 0, the example itself, where the partner is not taught."""
        return seeds.where(self.taught[views.partners(self.examples, self.places[rows], seeds)], 0)
