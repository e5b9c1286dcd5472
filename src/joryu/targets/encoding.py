"""How soft targets are laid out on disk: dense or top-k; in float16, float32 or one byte, perhaps compressed by row."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, model_validator
from torch import Tensor

from joryu.errors import InputError
from joryu.questions import Link, Question
from joryu.targets.combination import Combination
from joryu.targets.compact import decoded_logits, encoded_logits, packed, unpacked
from joryu.targets.coverage import NO_ANSWER, least_kept
from joryu.targets.soft_targets import SoftTargets, Space

Columns = dict[str, npt.NDArray[Any]]
"""Columns of equal length by name; the first axis is the row."""

COARSE = 256
"""Beyond this size of the largest logit float16 has steps of a quarter and more, in which the differences between
logits would be lost. The largest is then subtracted first, which a softmax does not notice."""

_CERTAIN = float(np.finfo(np.float32).tiny)  # the variance of a number that is certain: 0 has no logarithm
EMPTY = 65535  #: marks an empty place among uint16 indices; they serve 65,535 classes, and more classes take int32


_FLOATS = ("float16", "float32")
_BYTE, _PACKED = "uint8", "zstd"


class Encoding(BaseModel):
    """Which part of an answer is stored (``dense``: all; ``top-k``: the ``k`` best), and in which ``dtype``.

    ``float16`` has 11 significant bits: a logit of 20 is off by at most 0.008, which changes no probability by more
    than 0.004. But it rounds *probabilities* below 3e-8 to zero, a difference that softening would make visible. So
    answers that are not logits are stored in ``float32`` unless asked otherwise.
    ``uint8`` keeps dense logits in one byte each (`joryu.targets.compact`), and ``compression`` packs each row of these
    by itself.

    >>> Encoding.parse("top-32").k, str(Encoding.parse("dense:float32")), str(Encoding.parse("dense:uint8+zstd"))
    (32, 'dense:float32', 'dense:uint8+zstd')
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    layout: Literal["dense", "top-k"] = "dense"
    dtype: Literal["float16", "float32", "uint8"] = "float16"
    k: int | None = None
    compression: Literal["zstd"] | None = None

    @model_validator(mode="after")
    def _k_belongs_to_top_k(self) -> Self:
        if (self.k is not None) != (self.layout == "top-k") or (self.k is not None and self.k < 1):
            raise ValueError("k >= 1 is needed for top-k and only for top-k")
        if self.dtype == "uint8" and self.k is not None:
            raise ValueError("uint8 keeps dense answers only")
        if self.compression is not None and self.dtype != "uint8":
            raise ValueError("only uint8 is compressed")
        return self

    @classmethod
    def parse(cls, spec: str) -> Encoding:
        """From ``dense``, ``top-32``, ``dense:float32``, ``top-32:float32``, ``dense:uint8``, ``dense:uint8+zstd``.

        Raises:
            InputError: it is anything else.
        """
        layout, _, kept = spec.partition(":")
        kept = kept or "float16"
        if layout == "dense" and kept in (*_FLOATS, _BYTE, f"{_BYTE}+{_PACKED}"):
            dtype, _, compression = kept.partition("+")
            return cls(dtype=dtype, compression=compression or None)  # type: ignore[arg-type]
        if kept in _FLOATS and layout.startswith("top-") and layout[4:].isdecimal() and int(layout[4:]) > 0:
            return cls(layout="top-k", k=int(layout[4:]), dtype=kept)  # type: ignore[arg-type]
        raise InputError(
            "unknown encoding", expected="dense or top-K, and perhaps :float16 or :float32; dense:uint8(+zstd)",
            received=spec, hint="try dense, top-32, dense:float32 or dense:uint8",
        )  # fmt: skip

    @classmethod
    def natural(cls, space: Space) -> Encoding:
        """The encoding to use if none is asked for: dense, float16 for logits and float32 for anything else."""
        return cls(dtype="float16" if space is Space.LOGITS else "float32")

    def __str__(self) -> str:
        packed = "" if self.compression is None else f"+{self.compression}"
        return f"{'dense' if self.k is None else f'top-{self.k}'}:{self.dtype}{packed}"

    @property
    def column_dtype(self) -> str:
        """The dtype of the column of values: of compressed rows, which differ in length, Python's ``object``."""
        return self.dtype if self.compression is None else "object"


Written = Annotated[
    Combination,
    PlainSerializer(str, return_type=str),
    BeforeValidator(lambda rule: Combination.parse(rule) if isinstance(rule, str) else rule),
]
"""In a manifest a rule stands as it is typed: ``power=0.1,weights=2/1``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What all answers of one store have in common.

    ``shape`` is that of one row's values, ``(members,) (height, width,) C`` or ``k``. ``members`` is their number, 0 if
    there is no such axis, and ``combination`` the rule by which they become one answer. ``signals`` names the measured
    signals of each row.
    """

    space: Space
    temperature: float
    shape: tuple[int, ...]
    members: int
    signals: tuple[str, ...] = ()
    combination: Written | None = None

    @classmethod
    def of(cls, soft_targets: SoftTargets) -> Form:
        """The form of a batch of answers."""
        shape = tuple(soft_targets.values.shape[1:])
        return cls(
            space=soft_targets.space,
            temperature=float(soft_targets.temperature),
            shape=shape,
            members=shape[0] if soft_targets.members else 0,
            signals=soft_targets.signal_names,
            combination=soft_targets.combination,
        )

    def __str__(self) -> str:
        members = f", {self.members} members" if self.members else ""
        members += f" by {self.combination}" if self.combination else ""
        signals = f", with {', '.join(self.signals)}" if self.signals else ""
        return f"{self.space} of shape {self.shape} at temperature {self.temperature:g}{members}{signals}"


class Encoded(NamedTuple):
    """Columns to store, their form, and by position the rows that must not be stored, each with a reason."""

    columns: Columns
    form: Form
    unusable: dict[int, str]


def encode(soft_targets: SoftTargets, encoding: Encoding) -> Encoded:
    """Lay out a batch as columns: ``values [B, width]``, and indices, weight, coverage and others where they exist.

    Rows that are not finite, or that the dtype cannot hold, are named in ``unusable``.

    A variance of 0 is kept as the smallest normal float32, whose logarithm a student can learn.

    Softmax logits in float16 lose their differences or overflow if they are large. If the largest of a row is beyond
    `COARSE`, or any is beyond 65,504, it is subtracted, which a softmax does not notice. Logits of tags are cut at
    65,504, where the sigmoid is saturated.

    Raises:
        InputError: a dense encoding of top-k answers, a top-k encoding of answers that cannot be cut, or ``uint8`` of
            answers that are no logits.
    """
    kept = _keep(soft_targets, encoding)
    n = len(kept)
    exact = kept.values.detach().float().cpu()
    if kept.coverage is not None:  # what was not answered may hold anything, even NaN
        exact = exact.masked_fill(~kept.coverage.cpu(), 0)
    columns, unusable = _VALUES[encoding.dtype](exact, kept, encoding)
    if kept.indices is not None:
        # NO_ANSWER, -1, becomes the largest uint16
        dtype = np.uint16 if kept.n_outputs <= EMPTY else np.int32
        columns["indices"] = kept.indices.cpu().reshape(n, -1).numpy().astype(dtype)
    for name, part in (("weight", kept.weight), ("bound", kept.bound)):
        if part is not None:
            numbers = part.detach().to("cpu", torch.float32, copy=True)
            columns[name] = numbers.numpy()
            unusable |= {int(row): f"its {name} is not finite" for row in (~numbers.isfinite()).nonzero()}
    if kept.signals is not None:  # NaN marks what was not measured
        columns["signals"] = kept.signals.detach().to("cpu", torch.float32, copy=True).numpy()
        infinite = np.flatnonzero(np.isinf(columns["signals"]).any(axis=1))
        unusable |= {int(row): "a signal of it is not finite" for row in infinite}
    if kept.variance is not None:
        columns["variance"] = kept.variance.detach().to("cpu", torch.float32, copy=True).reshape(n, -1).numpy()
        unsound = ~(np.isfinite(columns["variance"]) & (columns["variance"] >= 0)).all(axis=1)
        columns["variance"][columns["variance"] == 0] = _CERTAIN
        unusable |= {int(row): "a variance of it is not a number >= 0" for row in np.flatnonzero(unsound)}
    if kept.coverage is not None:
        columns["coverage"] = np.packbits(kept.coverage.cpu().reshape(n, -1).numpy(), axis=1)
    return Encoded(columns, Form.of(kept), unusable)


def decode(columns: Mapping[str, npt.NDArray[Any]], form: Form, question: Question, encoding: Encoding) -> SoftTargets:
    """The batch that `encode` laid out; the arrays must be writable (they become tensors without a copy).

    What was kept in one byte each comes back in float32.
    """
    shape = (len(columns["values"]), *form.shape)
    indices, coverage, variance = (columns.get(name) for name in ("indices", "coverage", "variance"))
    return SoftTargets(
        values=_decoded(columns, form, question, encoding).reshape(shape),
        indices=None if indices is None else _indices(indices).reshape(shape),
        weight=_tensor(columns.get("weight")),
        bound=_tensor(columns.get("bound")),
        signals=_tensor(columns.get("signals")),
        signal_names=form.signals,
        coverage=None if coverage is None else _flags(coverage, math.prod(form.shape)).reshape(shape),
        variance=None if variance is None else torch.from_numpy(variance).reshape(shape),
        space=form.space,
        temperature=form.temperature,
        members=form.members > 0,
        combination=form.combination,
        question=question,
    )


def _decoded(columns: Mapping[str, npt.NDArray[Any]], form: Form, question: Question, encoding: Encoding) -> Tensor:
    values = columns["values"]
    if encoding.dtype != _BYTE:
        return torch.from_numpy(values)
    if encoding.compression is not None:
        values = unpacked(values, math.prod(form.shape), form.shape[-1])
    return decoded_logits(values, columns["scale"], question.link)


def _tensor(column: npt.NDArray[Any] | None) -> Tensor | None:
    return None if column is None else torch.from_numpy(column)


def _indices(column: npt.NDArray[Any]) -> Tensor:
    wide = column.astype(np.int64)
    if column.dtype == np.uint16:
        wide[column == EMPTY] = NO_ANSWER
    return torch.from_numpy(wide)


def _flags(packed: npt.NDArray[np.uint8], width: int) -> Tensor:
    return torch.from_numpy(np.unpackbits(packed, axis=1, count=width)).bool()


def _keep(soft_targets: SoftTargets, encoding: Encoding) -> SoftTargets:
    answered = None if soft_targets.indices is None else soft_targets.values.shape[-1]
    if encoding.k is None:
        if answered is not None:
            raise InputError(
                "a dense store needs an answer for every output", expected=f"{soft_targets.n_outputs} values",
                received=f"the best {answered}", hint=f"try --encoding top-{answered}",
            )  # fmt: skip
        return soft_targets
    kept = soft_targets if answered == encoding.k else soft_targets.top_k(encoding.k)
    if kept.link is Link.SIGMOID and kept.bound is None and kept.indices is not None:
        # Said now, since a bound given for other rows only would later be filled in for these.
        return replace(kept, bound=least_kept(kept.values, kept.indices != NO_ANSWER, kept.top))
    return kept


def _without_offset(exact: Tensor) -> Tensor:
    best = exact.amax(-1, keepdim=True)
    far = best.isfinite() & (best.abs() > COARSE)
    return torch.where(far, exact - best, exact) if far.any() else exact


def _floats(exact: Tensor, kept: SoftTargets, encoding: Encoding) -> tuple[Columns, dict[int, str]]:
    """The values in float16 or float32, and the rows that must not be stored."""
    values, unusable = _cast(exact, kept, torch.float16 if encoding.dtype == "float16" else torch.float32)
    return {"values": values.reshape(len(exact), -1).numpy()}, unusable


def _bytes(exact: Tensor, kept: SoftTargets, encoding: Encoding) -> tuple[Columns, dict[int, str]]:
    """The values in one byte each, the largest size in each row, and the rows that must not be stored."""
    if kept.space is not Space.LOGITS or (kept.coverage is not None and not kept.link.independent):
        given = "answers that leave classes out" if kept.space is Space.LOGITS else str(kept.space)
        raise InputError(
            "only whole answers in logits are kept in one byte each", expected="logits of every class", received=given,
            hint="try --encoding dense:float32",
        )  # fmt: skip
    finite = exact.flatten(1).isfinite().all(1)
    unusable = {int(row): "the answer is not finite" for row in (~finite).nonzero()}
    usable = exact.masked_fill(~finite.reshape(-1, *[1] * (exact.ndim - 1)), 0) if unusable else exact
    codes, scale = encoded_logits(usable, kept.link)
    values = codes.reshape(len(exact), -1).numpy()
    if encoding.compression is not None:
        return {"values": packed(values, exact.shape[-1]), "scale": scale.numpy()}, unusable
    return {"values": values, "scale": scale.numpy()}, unusable


_VALUES: Final[dict[str, Callable[[Tensor, SoftTargets, Encoding], tuple[Columns, dict[int, str]]]]] = {
    "float16": _floats, "float32": _floats, "uint8": _bytes,
}  # fmt: skip
"""By dtype: how values become columns."""


def _cast(exact: Tensor, kept: SoftTargets, dtype: torch.dtype) -> tuple[Tensor, dict[int, str]]:
    least, most = exact.aminmax() if exact.numel() else (math.nan, math.nan)
    if least >= -COARSE and most <= COARSE:  # nearly always; what is not a number is neither
        return exact.to(dtype, copy=True), {}  # a copy even in float32: the teacher may use its buffer again
    if dtype is torch.float16 and kept.space is Space.LOGITS and kept.indices is None and kept.coverage is None:
        exact = exact if kept.link.independent else _without_offset(exact)
    values = exact.to(dtype, copy=True)
    if math.isfinite(float(values.sum(dtype=torch.float32))):  # one pass; what is not finite never sums to what is
        return values, {}
    finite = exact.flatten(1).isfinite().all(1)
    if kept.space is Space.LOGITS:
        largest = torch.finfo(dtype).max
        too_large = finite & ~values.flatten(1).isfinite().all(1)
        moved = exact[too_large]
        if not kept.link.independent:
            moved = moved - moved.amax(-1, keepdim=True)
        values[too_large] = moved.clamp(-largest, largest).to(dtype)
    unusable = {int(row): "the answer is not finite" for row in (~finite).nonzero()}
    for row in (finite & ~values.flatten(1).isfinite().all(1)).nonzero():
        unusable[int(row)] = (
            f"the answer does not fit {str(dtype).removeprefix('torch.')}; try --encoding dense:float32"
        )
    return values, unusable


def row_bytes(columns: Columns) -> int:
    """Bytes of one row of these columns; of rows that differ in length, their mean."""
    return sum(_row_bytes(column) for column in columns.values())


def _row_bytes(column: npt.NDArray[Any]) -> int:
    if column.dtype == object:
        return sum(map(len, column)) // max(1, len(column))
    return column.itemsize * math.prod(column.shape[1:])
