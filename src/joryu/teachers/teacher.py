"""The protocol of every teacher (a network, an API, people): it takes a batch and gives a reply."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from joryu.errors import InputError, JoryuError, MismatchError, Stop
from joryu.examples import Examples, Ids
from joryu.examples.inputs import take
from joryu.precision import Answering
from joryu.questions import Question
from joryu.targets.index import Rows, Seeds
from joryu.targets.manifest import Cost, TeacherRecord
from joryu.targets.soft_targets import SoftTargets

Originals = Callable[[Tensor], Sequence[bytes]]
"""Reads the encoded bytes of some rows of the examples, as they lie in their files."""


ONE_REQUEST = Cost(requests=1)  #: immutable, so all replies may share it


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TeacherBatch:
    """The examples (or views of them) that a teacher is asked about together.

    ``inputs`` ``[B, ...]`` are the examples as they are read, or views of them; ``ids`` (``[B, 2]``) say which examples
    they are, and ``seeds`` (``[B]``) which view of each: 0 is the example itself. ``rows`` are their numbers in the
    set. ``precision`` is what a network is asked to compute at; who computes nothing passes it over. ``again``
    says that the answers are known and only compared: a teacher that reads what was paid for once then costs no money.

    >>> batch = TeacherBatch.of(Examples.of(torch.zeros(3, 2), classes=["a", "b"]))
    >>> len(batch), batch.seeds.tolist(), batch.part(slice(1, 3)).rows.tolist()
    (3, [0, 0, 0], [1, 2])
    """

    ids: Ids
    seeds: Seeds
    inputs: Tensor
    rows: Rows
    originals: Originals | None = None
    precision: Answering = "32-true"
    again: bool = False

    @classmethod
    def of(
        cls,
        examples: Examples,
        rows: Tensor | None = None,
        *,
        seeds: Tensor | None = None,
        inputs: Tensor | None = None,
        originals: Originals | None = None,
    ) -> TeacherBatch:
        """A batch of some rows of the examples (by default all); for views give their ``seeds`` and ``inputs`` too."""
        every = torch.arange(len(examples)) if rows is None else rows
        at: Rows = every.numpy()
        return cls(
            ids=examples.ids[at],
            seeds=np.zeros(len(at), dtype=np.uint64) if seeds is None else seeds.numpy().astype(np.uint64),
            inputs=take(examples.inputs, every) if inputs is None else inputs,
            rows=at,
            originals=examples.encoded if originals is None and examples.originals is not None else originals,
        )

    def __len__(self) -> int:
        return len(self.inputs)

    def part(self, rows: slice) -> TeacherBatch:
        """Some rows of the batch, as a batch."""
        return replace(self, ids=self.ids[rows], seeds=self.seeds[rows], inputs=self.inputs[rows], rows=self.rows[rows])

    def encoded(self) -> Sequence[bytes]:
        """The bytes of the examples' files, for a teacher that takes encoded pictures instead of tensors.

        Raises:
            InputError: the examples do not come from files, or are views.
        """
        if self.originals is None:
            raise InputError("the teacher wants encoded pictures, and these examples lie in no files")
        if self.seeds.any():
            raise InputError(
                "the teacher wants encoded pictures, and no file holds a view", hint="leave --views and --n-views out"
            )
        return self.originals(torch.from_numpy(self.rows))


@dataclass(frozen=True, slots=True, eq=False)
class Reply:
    """A teacher's reply to a batch: answers, failures and cost.

    Args:
        soft_targets: one row for each example that was answered, in the order of the batch; ``None`` where none was.
        failures: why each of the others was not, by its place in the batch.
        cost: what it took; seconds that are not given are measured by whoever asks.
        rows: the places that ``soft_targets`` are about; by default all that did not fail.
        stop: why nothing more is to be asked, where the teacher came to an end. Then ``rows`` are needed: what neither
            was answered nor failed is asked when the run goes on.
        precision: at which a network computed them, as the batch asked; ``None`` of who computes at none.
    """

    soft_targets: SoftTargets | None
    failures: Mapping[int, str] = field(default_factory=dict)
    cost: Cost = ONE_REQUEST
    rows: Sequence[int] | None = None
    stop: Stop | None = None
    precision: Answering | None = None

    def answered(self, n: int) -> Sequence[int]:
        """The answered positions of a batch of ``n``.

        Raises:
            MismatchError: answers and failures together do not cover the batch exactly once.
        """
        places = range(n)
        if self.rows is None and not self.failures and self.soft_targets is not None and len(self.soft_targets) == n:
            return places  # nearly always; what follows costs a small teacher a hundredth of its time
        if self.rows is not None:
            places = self.rows  # type: ignore[assignment]
        elif self.failures:
            places = [at for at in range(n) if at not in self.failures]  # type: ignore[assignment]
        given = 0 if self.soft_targets is None else len(self.soft_targets)
        told = len(places) + len(self.failures)
        if given != len(places) or (told != n and self.stop is None):
            failed = f" and {len(self.failures)} failures" if self.failures else ""
            raise MismatchError(
                "the teacher gave another number of answers than it was asked for", expected=n,
                received=f"{given}{failed}",
            )  # fmt: skip
        strange = set(self.failures) - set(range(n)) or set(places) - set(range(n)) or set(places) & set(self.failures)
        if strange or len(set(places)) < len(places):
            raise MismatchError(
                "the teacher's reply is not about its batch", expected=f"each place of 0..{n - 1} once",
                received=f"place {min(strange)}" if strange else "a place that comes twice",
            )  # fmt: skip
        return places

    def whole(self, n: int) -> SoftTargets:
        """The answers to a batch of ``n``, if every example has one.

        Raises:
            JoryuError: some examples failed.
            Stop: the teacher cannot be asked any more.
        """
        self.answered(n)
        if self.stop is not None:
            raise self.stop
        if self.soft_targets is None or self.failures:
            first = next(iter(self.failures.values()), "nothing was asked")
            raise JoryuError(f"the teacher failed on {len(self.failures)} of {n} examples", received=first)
        return self.soft_targets


@runtime_checkable
class Teacher(Protocol):
    """Anything that can answer a question about examples.

    ``fingerprint`` is a hash of everything that would change the answers: weights, prompt, API version, combination
    rule, input normalisation. ``question`` is what it answers; its names are in the order of the answers' last axis.
    Teachers compose by wrapping one another and are never subclassed.

    >>> from joryu.targets import Space
    >>> class Parity:  # no network at all: rows that begin with an odd number are odd
    ...     question, fingerprint = Question.one_of(["even", "odd"]), "parity, version 1"
    ...     def answer(self, batch):
    ...         odd = batch.inputs[:, 0] % 2
    ...         probs = torch.stack([1 - odd, odd], dim=1)
    ...         return Reply(SoftTargets(values=probs, space=Space.PROBS, question=self.question))
    >>> examples = Examples.of(torch.tensor([[3.0], [4.0]]), classes=["even", "odd"])
    >>> Parity().answer(TeacherBatch.of(examples)).soft_targets.probs().round()
    tensor([[0., 1.],
            [1., 0.]])
    """

    @property
    def question(self) -> Question: ...

    @property
    def fingerprint(self) -> str: ...

    def answer(self, batch: TeacherBatch) -> Reply:
        """Answer a batch.

        An example that cannot be answered is a failure in the reply. `Stop`, raised or in the reply, ends the
        labelling, for example because a budget is spent or a permission was lost. `InputError`, `MismatchError` and
        `MissingExtraError` mean that the teacher itself cannot work. Any other exception counts as a failure of the
        batch, which is halved to find the examples that cause it.
        """
        ...


@runtime_checkable
class Composed(Protocol):
    """A teacher that asks other teachers, and can tell a store's manifest who they are."""

    def record(self) -> TeacherRecord: ...
