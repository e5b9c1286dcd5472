"""`Examples`: the transfer set, each example known by the hash of its original content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence, Sized
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.examples.content import content_key
from joryu.examples.inputs import Inputs, select
from joryu.examples.origin import Origin
from joryu.examples.originals import Originals, ids_of
from joryu.examples.rejected import Rejected as Rejected  # noqa: PLC0414 - what examples hold is found here
from joryu.questions import UNKNOWN, LabelCodec, LabelKind, Question, codec

if TYPE_CHECKING:
    from joryu.examples.preparation import Preparation

UNLABELLED = UNKNOWN  #: the label of an example that has none

Ids = npt.NDArray[np.uint64]
"""Content hashes of 128 bits, shape ``[n, 2]``: of a file's bytes (`joryu.examples.originals`), or `content_ids`."""


Keyed = Literal["bytes", "row", "pixels"]
"""What ids are hashes of. By pixels, at whatever size, pictures were known before they were by their bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Inputs with their ids and, where known, their hard labels.

    ``ids``: a picture that was read from a file, or from the bytes in a table, is known by the hash of these bytes, and
    so has one id at every size; anything else by the hash of its row, before it is resized. ``pixel_ids``: the hash of
    each input as it stands here (`content_ids`), by which the same picture saved in another file is still found.
    ``originals`` is where the bytes lie, for `encoded`.

    ``inputs``: ``[n, ...]``; pictures are uint8 ``[n, channels, height, width]``, other data float32. They are a
    tensor, or pictures that are decoded when their rows are asked for, where all of them would not fit (`Inputs`).
    ``question`` is what the labels answer, ``None`` for a set that asks nothing: whoever answers about it brings it
    (`asked`). ``labels``: as the question's codec keeps them (numbers of classes int64 ``[n]``, `UNLABELLED` where
    there is none), or ``None`` when no example has one. ``rejected`` names what a loader left out, and ``remarks``
    says in short sentences what it had to guess (a folder it went down into, the column it took). ``sizes`` is the
    width and height that each picture has in its file, int64 ``[n, 2]``, where they come from files.
    ``preparation`` is how a file or a row became its input, where they come from any. ``groups`` names the group of
    each example where some belong together (tiles of one picture, pictures of one patient): no split parts a group.
    ``origins`` says under which licence each was found and where, if it was collected.

    >>> inputs = torch.zeros(2, 1, 8, 8, dtype=torch.uint8)
    >>> examples = Examples.of(inputs, labels=torch.tensor([0, 1]), classes=["a", "b"])
    >>> len(examples), examples.ids.shape, examples.classes
    (2, (2, 2), ('a', 'b'))
    """

    inputs: Inputs
    ids: Ids
    pixel_ids: Ids
    labels: Tensor | None
    question: Question | None
    name: str = "examples"
    sources: tuple[str, ...] | None = None
    preparation: Preparation | None = None
    rejected: tuple[Rejected, ...] = field(default=())
    remarks: tuple[str, ...] = field(default=())
    sizes: npt.NDArray[np.int64] | None = None
    originals: Originals | None = None
    groups: tuple[str, ...] | None = None
    origins: tuple[Origin, ...] | None = None

    @classmethod
    def of(  # noqa: PLR0913 - the seventh is for those who have hashed the inputs already
        cls,
        inputs: Inputs,
        labels: Tensor | None = None,
        *,
        classes: Sequence[str] = (),
        question: Question | None = None,
        name: str = "examples",
        sources: Sequence[str] | None = None,
        pixel_ids: Ids | None = None,
    ) -> Examples:
        """Examples from tensors; ids are computed here, unless their ``pixel_ids`` are known. ``classes`` is short for
        the question which of them it is.

        Raises:
            InputError: lengths that differ, labels that do not fit the question or that there is no question for, no
                example at all.
        """
        if question is None and classes:
            question = Question.one_of(classes)
        if len(inputs) == 0:
            raise InputError(f"{name} holds no usable example", expected="at least one", received=0)
        _require_one_each("sources", sources, len(inputs))
        _require_one_each("the hashes of pixels", pixel_ids, len(inputs))
        if labels is not None:
            if question is None or question.labels is None:
                raise InputError("there are labels and no question", hint="name the classes, or give a question")
            if labels.shape[:1] != (len(inputs),):
                expected = f"one label for each of {len(inputs)}"
                raise InputError("labels do not fit the inputs", expected=expected, received=list(labels.shape))
            labels = codec(question.labels).check(labels, len(question), len(question.grid))
        ids = content_ids(inputs) if pixel_ids is None else pixel_ids
        return cls(
            inputs=inputs.contiguous() if isinstance(inputs, Tensor) else inputs,
            ids=ids,
            pixel_ids=ids,
            labels=labels,
            question=question,
            name=name,
            sources=None if sources is None else tuple(sources),
        )

    def __len__(self) -> int:
        return len(self.inputs)

    def select(self, rows: Tensor | Sequence[int]) -> Examples:
        """The rows of the given numbers, as new examples.

        Raises:
            InputError: a mask, which as numbers would choose rows 0 and 1 only; or numbers with a point.
        """
        index = _row_numbers(rows)
        return replace(
            self,
            inputs=select(self.inputs, index),
            ids=self.ids[index.numpy()],
            pixel_ids=self.pixel_ids[index.numpy()],
            labels=None if self.labels is None else self.labels[index],
            sources=None if self.sources is None else tuple(self.sources[i] for i in index.tolist()),
            sizes=None if self.sizes is None else self.sizes[index.numpy()],
            originals=None if self.originals is None else self.originals.select(index.numpy()),
            groups=None if self.groups is None else tuple(self.groups[i] for i in index.tolist()),
            origins=None if self.origins is None else tuple(self.origins[i] for i in index.tolist()),
        )

    def encoded(self, rows: Tensor | Sequence[int]) -> list[bytes]:
        """The original bytes of some rows, as they lie in their files: what a teacher behind an API is sent.

        Raises:
            InputError: as `select`; these examples do not come from files, or a file has changed since they were read.
        """
        if self.originals is None:
            raise InputError(f"{self.name} has no original files", expected="pictures of a folder or of a Parquet set")
        keys = np.ascontiguousarray(self.ids, dtype="<u8")
        return [self.originals.read(row, keys[row].tobytes()) for row in _row_numbers(rows).tolist()]

    @property
    def keyed_by(self) -> Keyed:
        """What the ids are hashes of: the bytes of files, or rows."""
        return "row" if self.originals is None else "bytes"

    @property
    def asks_pixels(self) -> bool:
        """Whether there is a question for each pixel, whose labels are bound to the size."""
        return self.question is not None and bool(self.question.grid)

    def by_pixels(self) -> Examples:
        """The same examples known by their pixels at the size they have here, as every example was once."""
        return replace(self, ids=self.pixel_ids, originals=None)

    def labelled(self) -> Examples:
        """Only the examples that have a hard label.

        Raises:
            InputError: none has one.
        """
        if not (rows := self.known.nonzero().flatten()).numel():
            why = "; ".join(self.remarks) or None
            raise InputError(f"no example of {self.name} has a label", received=why, hint="try examples with labels")
        return self if len(rows) == len(self) else self.select(rows)

    def asked(self, question: Question) -> Examples:
        """The same examples; those of a set that asks nothing are then about the given question.

        >>> Examples.of(torch.zeros(2, 3)).asked(Question.one_of(["cat", "dog"])).classes
        ('cat', 'dog')
        """
        return replace(self, question=question) if self.question is None else self

    @property
    def asked_question(self) -> Question:
        """The question.

        Raises:
            InputError: nothing is asked.
        """
        if self.question is None:
            raise InputError(f"{self.name} asks nothing", expected="a question", hint="name the classes")
        return self.question

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the question's outputs; none where nothing is asked."""
        return () if self.question is None else self.question.names

    @property
    def codec(self) -> LabelCodec:
        """What is known of this set's kind of label; that of class numbers where nothing is asked."""
        kind = None if self.question is None else self.question.labels
        return codec(kind or LabelKind.CLASS)

    @property
    def known(self) -> Tensor:
        """Which examples have a label, bool ``[n]``."""
        return torch.zeros(len(self), dtype=torch.bool) if self.labels is None else self.codec.known(self.labels)

    @property
    def labels_or_empty(self) -> Tensor:
        """The numbers of classes int64 ``[n]``, all `UNLABELLED` where there are none at all."""
        return torch.full((len(self),), UNLABELLED) if self.labels is None else self.labels

    @property
    def strata(self) -> Tensor:
        """The group of each example for stratified splits, int64 ``[n]``; `UNLABELLED` for those without a label."""
        return torch.full((len(self),), UNLABELLED) if self.labels is None else self.codec.strata(self.labels)

    def hide_labels(self, rows: Tensor) -> Examples:
        """The same examples with the labels of the given rows hidden, as in a transfer set that nobody labelled."""
        return self if self.labels is None else replace(self, labels=self.codec.hide(self.labels, rows))

    @property
    def fingerprint(self) -> str:
        """Hash of the *set* of ids and of the names: order, copies and labels do not change what is asked."""
        unique = self.ids[distinct_rows(self.ids)]
        digest = hashlib.blake2b(unique.tobytes(), digest_size=16)
        digest.update("\x00".join(self.classes).encode())
        return digest.hexdigest()


def _require_one_each(what: str, given: Sized | None, n: int) -> None:
    if given is not None and len(given) != n:
        raise InputError(f"{what} do not fit the inputs", expected=f"one for each of {n}", received=len(given))


def _row_numbers(rows: Tensor | Sequence[int]) -> Tensor:
    """What chooses rows, as their numbers, int64.

    Raises:
        InputError: a mask, or numbers with a point.
    """
    index = torch.as_tensor(rows)
    if index.dtype == torch.bool:
        raise InputError(
            "rows are chosen by number", received="a mask of booleans", hint="try mask.nonzero().flatten()"
        )
    if index.is_floating_point() and index.numel():  # an empty list is a tensor of floats
        raise InputError("rows are chosen by number", expected="whole numbers", received=index.dtype)
    return index.long()


def distinct_rows(ids: Ids) -> npt.NDArray[np.int64]:
    """The first row of each distinct id, in the order of the ids.

    >>> distinct_rows(np.array([[7, 1], [3, 9], [7, 1], [3, 2]], dtype=np.uint64)).tolist()
    [3, 1, 0]
    """
    first = np.ascontiguousarray(ids[:, 0])
    order = np.argsort(first)  # several times as fast as a stable sort, and as good where all differ
    if (np.diff(first[order]) != 0).all():
        return order
    order = np.lexsort((ids[:, 1], first))
    ordered = ids[order]
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = (ordered[1:] != ordered[:-1]).any(1)
    return order[fresh]


def content_ids(inputs: Inputs) -> Ids:
    """BLAKE2b-128 of each example's type, shape and bytes, as uint64 ``[n, 2]``."""
    rows = np.ascontiguousarray(inputs[:].detach().cpu().numpy())
    return ids_of([content_key(row) for row in rows])
