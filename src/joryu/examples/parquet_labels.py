"""The labels of Parquet picture sets: numbers with names in the schema, text, yes and no, or lists of tags."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.examples.class_folders import spelling
from joryu.examples.examples import UNLABELLED
from joryu.examples.layouts import some
from joryu.examples.parquet_columns import ParquetShard, is_list, is_number, is_text, plain
from joryu.examples.tabular.target import TargetKind
from joryu.questions import UNKNOWN, Question

_ABSENT = -2  #: stands for a class that the set does not have; never the label of an example
_MOST_CLASSES = 1_000_000  #: of classes without names, which are counted by their highest number
_EXACT = 2.0**53  #: from here on a float does not tell every whole number
_MANY = 50  #: texts of which more than half differ are no names of classes, from so many on

Numbers = npt.NDArray[np.int64]


class RowLabels(NamedTuple):
    """A label for each row, as `Examples` takes them; ``absent`` names the class of rows whose class train lacks."""

    labels: Tensor
    question: Question
    absent: Mapping[int, str]
    remarks: tuple[str, ...]


class _Named(NamedTuple):
    """The labels of one shard as numbers (-1: none) of the names that it gives them itself."""

    numbers: Numbers
    names: tuple[str, ...]


def read_labels(
    shards: Sequence[ParquetShard], train: Sequence[ParquetShard], splits: Sequence[Sequence[ParquetShard]],
    column: str, kind: TargetKind | None = None,
) -> RowLabels:  # fmt: skip
    """The labels of a split as numbers of train's classes, or as train's tags.

    Text is a class by its name, and a list holds the tags of its picture, by name or by number of what the schema
    names. Where no schema orders them, classes and tags are in alphabetical order. Null is no label; so is -1, and text
    that is empty. Numbers with a point are classes where all of them are whole. With the ``kind`` numbers they are to
    be predicted as they are.

    Raises:
        InputError: shards that name other classes, numbers outside the names, numbers with a fraction, text of which
            hardly two are alike, or a column that is of another kind.
    """
    _require_kind(train[0], column, kind)
    if kind is TargetKind.NUMBERS:
        values = np.concatenate([np.zeros(0), *(_floats(chunk) for shard in shards for chunk in shard.column(column))])
        return RowLabels(torch.from_numpy(values).float()[:, None], Question.numbers([column]), {}, ())
    if is_list(train[0].schema.field(column).type):
        return _tags(shards, train, column)
    own = {id(shard): _named(shard, column) for part in splits for shard in part if column in shard.schema.names}
    of_train = [own[id(shard)] for shard in train]
    others = [found for part in splits for shard in part if (found := own.get(id(shard))) is not None]
    by_name = is_text(train[0].schema.field(column).type)
    classes = _all_names(of_train) if by_name else _classes(train, of_train, others, column)
    parts, absent, known = [np.zeros(0, dtype=np.int64)], dict[int, str](), _known(classes)
    start = 0
    for shard in shards:
        labels, names = own[id(shard)].numbers, own[id(shard)].names or classes
        _require_names_for(labels, names, shard)
        if names != classes:
            numbers = [known.get(name, known.get(spelling(name), _ABSENT)) for name in names]
            foreign = np.array([*numbers, UNLABELLED], dtype=np.int64)[labels]  # -1, the label of none, is the last
            absent |= {start + row: names[labels[row]] for row in np.flatnonzero(foreign == _ABSENT).tolist()}
            labels = foreign
        parts.append(labels)
        start += shard.rows
    numbered = torch.from_numpy(np.concatenate(parts)).clamp_min(UNLABELLED)
    remarks = tuple(_gaps(others)) if not any(other.names for other in others) else ()
    if any(is_number(shard.schema.field(column).type) for shard in shards):
        remarks = (f"column {column!r}: whole numbers, taken as classes; ,kind=numbers to predict numbers", *remarks)
    return RowLabels(numbered, Question.one_of(classes), absent, remarks)


def any_label(shards: Sequence[ParquetShard], column: str, kind: TargetKind | None = None) -> bool:
    """Whether a row has a label at all."""
    for shard in shards:
        if kind is TargetKind.NUMBERS:
            found = any(not np.isnan(_floats(chunk)).all() for chunk in shard.column(column))
        elif is_list(shard.schema.field(column).type):
            found = any(chunk.null_count < len(chunk) for chunk in shard.column(column))
        else:
            found = bool((_named(shard, column).numbers >= 0).any())
        if found:
            return True
    return False


def _named(shard: ParquetShard, column: str) -> _Named:
    kind = shard.schema.field(column).type
    if is_number(kind):
        return _Named(_whole_numbers(shard, column), shard.class_names(column))
    if not is_text(kind):
        chunks = [_integers(chunk, shard, column) for chunk in shard.column(column)]
        return _Named(np.concatenate([np.zeros(0, dtype=np.int64), *chunks]), shard.class_names(column))
    texts = [text or None for chunk in shard.column(column) for text in chunk.cast(pa.string()).to_pylist()]
    names = tuple(sorted({text for text in texts if text is not None}))
    if len(texts) >= _MANY and len(names) > len(texts) / 2:
        raise InputError(
            f"column {column!r} of {shard.path} holds text, and no names of classes", expected="names that come again",
            received=f"{len(names):,} different ones in {len(texts):,} rows, such as {some(names)}",
            hint="name another column of labels with --column",
        )  # fmt: skip
    place = {name: at for at, name in enumerate(names)}
    return _Named(np.array([UNLABELLED if text is None else place[text] for text in texts], dtype=np.int64), names)


def _integers(chunk: pa.Array, shard: ParquetShard, column: str) -> Numbers:
    try:
        found: Numbers = chunk.cast(pa.int64()).fill_null(UNLABELLED).to_numpy()
    except pa.ArrowInvalid as error:  # unsigned ones of 64 bits
        raise _too_large(shard, column, pc.max(chunk).as_py()) from error
    return found


def _too_large(shard: ParquetShard, column: str, received: object) -> InputError:
    return InputError(
        f"column {column!r} of {shard.path} holds numbers, not labels", expected=f"0..{_MOST_CLASSES - 1}",
        received=f"up to {received}",
    )  # fmt: skip


def _whole_numbers(shard: ParquetShard, column: str) -> Numbers:
    """Numbers that are written with a point, as numbers of classes.

    Raises:
        InputError: one has a fraction, or is no number of a class.
    """
    values = np.concatenate([np.zeros(0), *map(_floats, shard.column(column))])
    odd = np.flatnonzero(np.isfinite(values) & (values != np.floor(values)) | np.isinf(values))
    if len(odd):
        raise InputError(
            f"column {column!r} of {shard.path} holds numbers with a fraction, which are no classes",
            expected="whole numbers, text, or kind=numbers", received=f"{values[odd[0]]:g} in row {odd[0]}",
            hint="to predict numbers end the set in ,kind=numbers",
        )  # fmt: skip
    if (np.abs(values) >= _EXACT).any():
        raise _too_large(shard, column, f"{np.nanmax(np.abs(values)):g}")
    return np.where(np.isnan(values), UNLABELLED, np.nan_to_num(values)).astype(np.int64)


def _floats(chunk: pa.Array) -> npt.NDArray[np.float64]:
    """The numbers of a column, NaN where there is none."""
    found: npt.NDArray[np.float64] = chunk.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return found.astype(np.float64)


def _require_kind(shard: ParquetShard, column: str, kind: TargetKind | None) -> None:
    """Check that a column can hold labels of ``kind``; ``None`` means that nobody named one, and nothing is checked.

    Raises:
        InputError: the column's type does not fit this kind.
    """
    stored = plain(shard.schema.field(column).type)
    numeric = is_number(stored) or pa.types.is_integer(stored)
    fits = {TargetKind.NUMBERS: numeric, TargetKind.TAGS: is_list(stored), TargetKind.ONE_OF: not is_list(stored)}
    if kind is not None and not fits[kind]:
        raise InputError(f"column {column!r} of {shard.path} cannot be kind={kind}", received=stored)


def _all_names(of_train: Sequence[_Named]) -> tuple[str, ...]:
    return tuple(sorted({name for found in of_train for name in found.names}))


def _known(classes: Sequence[str]) -> dict[str, int]:
    """Numbers of classes by name; a name in another case, or with accents written otherwise, means the same."""
    return {spelling(name): label for label, name in enumerate(classes)} | {n: at for at, n in enumerate(classes)}


def _classes(
    train: Sequence[ParquetShard], of_train: Sequence[_Named], others: Iterable[_Named], column: str
) -> tuple[str, ...]:
    """The classes of train, as its first shard orders them; numbers where no split names any.

    Raises:
        InputError: a shard of train names others.
    """
    first = of_train[0].names
    for shard, found in zip(train, of_train, strict=True):
        if set(found.names) != set(first):
            raise InputError(
                f"{shard.path.name} names other classes than {train[0].path.name}",
                expected=", ".join(first[:6]) or "none named",
                received=", ".join(found.names[:6]) or "none named",
                hint="try downloading both again",
            )
    named = [found.names for found in others if found.names]
    return first or (named[0] if named else _numbered(others, column))


def _numbered(parts: Iterable[_Named], column: str) -> tuple[str, ...]:
    highest = max((int(found.numbers.max()) for found in parts if len(found.numbers)), default=UNLABELLED)
    if highest >= _MOST_CLASSES:
        raise InputError(
            f"column {column!r} holds numbers, not labels",
            expected=f"0..{_MOST_CLASSES - 1}",
            received=f"up to {highest}",
        )
    return tuple(map(str, range(highest + 1)))


def _gaps(parts: Iterable[_Named]) -> Iterator[str]:
    """A remark where classes go by number and no split has a picture of some: they are outputs all the same."""
    used = {label for found in parts for label in np.unique(found.numbers).tolist() if label >= 0}
    if unused := sorted(set(range(max(used, default=0))) - used):
        yield f"{max(used) + 1:,} classes by number, {len(unused):,} of them without a picture: {some(unused)}"


def _require_names_for(labels: Numbers, names: Sequence[str], shard: ParquetShard) -> None:
    if len(labels) and not UNLABELLED <= labels.min() <= labels.max() < len(names):
        raise InputError(
            f"labels outside the classes of {shard.path.name}",
            expected=f"{UNLABELLED} (none) or 0..{len(names) - 1}",
            received=f"{labels.min()}..{labels.max()}",
        )


def _tags(shards: Sequence[ParquetShard], train: Sequence[ParquetShard], column: str) -> RowLabels:
    names = tuple(sorted({name for shard in train for said in _listed(shard, column) for name in said or ()}))
    if not names:
        raise InputError(f"column {column!r} of {train[0].path} names no tag at all", hint="name another with --column")
    ordered = train[0].class_names(column) or names
    place = {name: at for at, name in enumerate(ordered)}
    rows = [said for shard in shards for said in _listed(shard, column)]
    labels = torch.zeros(len(rows), len(ordered), dtype=torch.int8)
    for at, said in enumerate(rows):
        if said is None:
            labels[at] = UNKNOWN
        else:
            labels[at, [place[name] for name in said if name in place]] = 1
    strange = {name for said in rows for name in said or () if name not in place}
    remarks = (f"tags that train does not have are not asked: {some(sorted(strange))}",) if strange else ()
    return RowLabels(labels, Question.tags(ordered), {}, remarks)


def _listed(shard: ParquetShard, column: str) -> Iterator[list[str] | None]:
    """The tags of each row; ``None`` where nobody said."""
    names = shard.class_names(column)
    for chunk in shard.column(column):
        for said in chunk.to_pylist():
            if said is None or not names:
                yield None if said is None else [str(name) for name in said if name not in (None, "")]
                continue
            if strange := [number for number in said if not (isinstance(number, int) and 0 <= number < len(names))]:
                raise InputError(
                    f"labels outside the tags of {shard.path.name}", expected=f"0..{len(names) - 1}",
                    received=some(strange),
                )  # fmt: skip
            yield [names[number] for number in said]
