"""`Examples`: the transfer set, held in memory, each example known by the hash of its content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from joryu.errors import InputError

UNLABELLED = -1  #: the label of an example that has none

Ids = npt.NDArray[np.uint64]
"""Content hashes, shape ``[n, 2]``: the high and low halves of a BLAKE2b-128 digest."""


class Rejected(NamedTuple):
    """A file that was left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Inputs with their ids and, where known, their hard labels.

    ``inputs``: ``[n, ...]``; pictures are uint8 ``[n, channels, height, width]``, other data float32. ``labels``: int64
    ``[n]`` with `UNLABELLED` where there is none, or ``None`` when no example has one. ``classes`` is empty for a set
    that names none: whoever answers about it brings them (`named`). ``rejected`` names what a loader left out, and
    ``remarks`` says in short sentences what it had to guess (a folder it went down into, the column it took). ``sizes``
    is the width and height that each picture has in its file, int64 ``[n, 2]``, where they come from files.

    >>> inputs = torch.zeros(2, 1, 8, 8, dtype=torch.uint8)
    >>> examples = Examples.of(inputs, labels=torch.tensor([0, 1]), classes=["a", "b"])
    >>> len(examples), examples.ids.shape, examples.classes
    (2, (2, 2), ('a', 'b'))
    """

    inputs: Tensor
    ids: Ids
    labels: Tensor | None
    classes: tuple[str, ...]
    name: str = "examples"
    sources: tuple[str, ...] | None = None
    rejected: tuple[Rejected, ...] = field(default=())
    remarks: tuple[str, ...] = field(default=())
    sizes: npt.NDArray[np.int64] | None = None

    @classmethod
    def of(
        cls,
        inputs: Tensor,
        labels: Tensor | None = None,
        *,
        classes: Sequence[str],
        name: str = "examples",
        sources: Sequence[str] | None = None,
        rejected: Sequence[Rejected] = (),
    ) -> Examples:
        """Examples from tensors; ids are computed here.

        Raises:
            InputError: lengths that differ, labels outside the classes, no example at all.
        """
        if len(inputs) == 0:
            raise InputError(f"{name} holds no usable example", expected="at least one", received=0)
        if labels is not None:
            if labels.shape != (len(inputs),):
                raise InputError(
                    "labels do not fit the inputs", expected=f"[{len(inputs)}]", received=list(labels.shape)
                )
            labels = labels.long()
            low, high = int(labels.min()), int(labels.max())
            if low < UNLABELLED or high >= len(classes):
                raise InputError(
                    "labels outside the classes",
                    expected=f"{UNLABELLED} (none) or 0..{len(classes) - 1}",
                    received=f"{low}..{high}",
                )
        return cls(
            inputs=inputs.contiguous(),
            ids=content_ids(inputs),
            labels=labels,
            classes=tuple(classes),
            name=name,
            sources=None if sources is None else tuple(sources),
            rejected=tuple(rejected),
        )

    def __len__(self) -> int:
        return len(self.inputs)

    def select(self, rows: Tensor | Sequence[int]) -> Examples:
        """The rows of the given numbers, as new examples.

        Raises:
            InputError: a mask, which as numbers would choose rows 0 and 1 only.
        """
        index = torch.as_tensor(rows)
        if index.dtype == torch.bool:
            raise InputError(
                "rows are chosen by number", received="a mask of booleans", hint="try mask.nonzero().flatten()"
            )
        index = index.long()
        return replace(
            self,
            inputs=self.inputs[index],
            ids=self.ids[index.numpy()],
            labels=None if self.labels is None else self.labels[index],
            sources=None if self.sources is None else tuple(self.sources[i] for i in index.tolist()),
            sizes=None if self.sizes is None else self.sizes[index.numpy()],
        )

    def labelled(self) -> Examples:
        """Only the examples that have a hard label.

        Raises:
            InputError: none has one.
        """
        if self.labels is None or not (rows := (self.labels != UNLABELLED).nonzero().flatten()).numel():
            why = "; ".join(self.remarks) or None
            raise InputError(f"no example of {self.name} has a label", received=why, hint="try examples with labels")
        return self if len(rows) == len(self) else self.select(rows)

    def named(self, classes: Sequence[str]) -> Examples:
        """The same examples; those of a set that names no classes are then about the given ones.

        >>> Examples.of(torch.zeros(2, 3), classes=[]).named(["cat", "dog"]).classes
        ('cat', 'dog')
        """
        return self if self.classes else replace(self, classes=tuple(classes))

    @property
    def labels_or_empty(self) -> Tensor:
        """The labels int64 ``[n]``, all `UNLABELLED` where there are none at all."""
        return torch.full((len(self),), UNLABELLED) if self.labels is None else self.labels

    def hide_labels(self, rows: Tensor) -> Examples:
        """The same examples with the labels of the given rows hidden, as in a transfer set that nobody labelled."""
        if self.labels is None:
            return self
        labels = self.labels.clone()
        labels[rows] = UNLABELLED
        return replace(self, labels=labels)

    @property
    def fingerprint(self) -> str:
        """Hash of the *set* of ids and of the classes: order, copies and labels do not change what is asked."""
        unique = self.ids[distinct_rows(self.ids)]
        digest = hashlib.blake2b(unique.tobytes(), digest_size=16)
        digest.update("\x00".join(self.classes).encode())
        return digest.hexdigest()


def distinct_rows(ids: Ids) -> npt.NDArray[np.int64]:
    """The first row of each distinct id, in the order of the ids.

    >>> distinct_rows(np.array([[7, 1], [3, 9], [7, 1], [3, 2]], dtype=np.uint64)).tolist()
    [3, 1, 0]
    """
    order = np.argsort(ids[:, 0], kind="stable")
    ordered = ids[order]
    tied = ordered[1:, 0] == ordered[:-1, 0]
    if (tied & (ordered[1:, 1] < ordered[:-1, 1])).any():  # hashes that differ hardly ever agree in one half
        order = np.lexsort((ids[:, 1], ids[:, 0]))
        ordered = ids[order]
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = (ordered[1:] != ordered[:-1]).any(1)
    return order[fresh]


def content_ids(inputs: Tensor) -> Ids:
    """BLAKE2b-128 of each example's type, shape and bytes, as uint64 ``[n, 2]``."""
    rows = np.ascontiguousarray(inputs.detach().cpu().numpy()).reshape(len(inputs), -1)
    salt = f"{rows.dtype.str}{tuple(inputs.shape[1:])}".encode()
    start = hashlib.blake2b(salt, digest_size=16)
    digests = bytearray()
    for row in rows:
        digest = start.copy()
        digest.update(row.data)
        digests += digest.digest()
    return np.frombuffer(bytes(digests), dtype="<u8").reshape(-1, 2).astype(np.uint64)
