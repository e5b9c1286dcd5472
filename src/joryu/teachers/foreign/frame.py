"""`Frame`: a table's prepared inputs turned back into the data frame that an estimator learned from, words included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from joryu.errors import InputError, MismatchError, MissingExtraError
from joryu.examples.tabular.cells import plain
from joryu.examples.tabular.preparation import CategoryColumn, Column, TablePreparation
from joryu.teachers.foreign.columns import Columns
from joryu.teachers.foreign.estimator_checks import every_part
from joryu.teachers.foreign.intake import Intake

Encoded = Mapping[str, tuple[Any, ...]]
"""The categories, as an estimator's encoders know them, of each column that they encode."""


def is_framed(estimator: object) -> bool:
    """Whether some part of an estimator chooses or encodes columns, so that a frame with their names is needed."""
    return any(hasattr(part, "transformers_") or hasattr(part, "categories_") for part in every_part(estimator))


def encoded_columns(estimator: object) -> dict[str, tuple[Any, ...]]:
    """The columns that encoders of categories are given, each with the categories that they know."""
    found: dict[str, tuple[Any, ...]] = {}
    for part in every_part(estimator):
        if hasattr(part, "categories_") and hasattr(part, "feature_names_in_"):
            found |= _by_name(part.feature_names_in_, part)
        for _, inside, chosen in getattr(part, "transformers_", ()):
            names = _chosen(chosen, getattr(part, "feature_names_in_", ()))
            for encoder in every_part(inside):
                if hasattr(encoder, "categories_") and len(encoder.categories_) == len(names):
                    found |= _by_name(names, encoder)
    return found


def _by_name(names: Sequence[Any], encoder: Any) -> Iterator[tuple[str, tuple[Any, ...]]]:
    return ((str(name), tuple(values)) for name, values in zip(names, encoder.categories_, strict=True))


def _chosen(chosen: Any, known: Sequence[Any]) -> list[str]:
    """The names of the columns that a step of a `ColumnTransformer` is given; empty if that cannot be told."""
    if isinstance(chosen, str):
        return [chosen]
    at = np.asarray([] if callable(chosen) or isinstance(chosen, slice) else chosen)
    if at.dtype.kind in "iub" and len(known):
        return [str(name) for name in np.asarray(known, dtype=object)[at]]
    return [str(name) for name in at]


def probe_frame(names: Sequence[str], encoded: Encoded) -> Any:
    """A frame of one row that an estimator may have been taught: a known category, else 0."""
    return _pandas().DataFrame({name: [next(iter(encoded.get(name, ())), 0.0)] for name in names})


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """How prepared inputs ``[B, inputs]`` become a data frame of the columns that an estimator learned from.

    Numbers are those of `Columns`, and categories the words of the table, both spelled as the estimator's encoders know
    them: the ``1`` of a table is the 1.0 that it was taught, and the nearest category is meant where a number came back
    only as exact as float32 is. What was missing, or of no category that the table's preparation knows, is NaN.
    """

    numbers: Columns
    words: tuple[tuple[str, int, tuple[Any, ...]], ...]  #: name, first input and the values of each column of words
    order: tuple[str, ...]
    encoded: tuple[tuple[str, tuple[Any, ...]], ...]

    @classmethod
    def of(cls, prepared: TablePreparation, wanted: Sequence[str], encoded: Encoded, *, model: str) -> Self:
        """For a model that learned from a frame of the ``wanted`` columns.

        Raises:
            MismatchError: the table lacks a column, or none of a column's categories is among those that it knows.
        """
        known: dict[str, Column] = {column.name: column for column in prepared.columns}
        if absent := [name for name in wanted if name not in known]:
            raise MismatchError(
                f"{model} learned from other columns than the table has", expected=", ".join(wanted),
                received=f"no column {absent[0]!r} among {', '.join(known)}",
            )  # fmt: skip
        at = {name: place for place, name in enumerate(prepared.inputs)}
        words = []
        for name in wanted:
            column = known[name]
            if isinstance(column, CategoryColumn):
                values = _spelled(column, encoded.get(name), model)
                words.append((name, at[column.inputs[0]], values))
        numeric = [name for name in wanted if known[name].kind == "number"]
        held = {name: values for name, values in encoded.items() if name in numeric and _all_numbers(values)}
        numbers = Columns.of(prepared, numeric, len(numeric), model=model) if numeric else Columns((), (), (), (), ())
        return cls(numbers, tuple(words), tuple(wanted), tuple(held.items()))

    def given(self, rows: Tensor, intake: Intake) -> Any:
        """A `pandas.DataFrame` of the rows."""
        del intake
        values, held = rows.numpy(), dict(self.encoded)
        found: dict[str, Any] = {}
        for name, column in zip(self.numbers.names, self.numbers.raw(rows).T.numpy() if self.numbers.names else (),
                                strict=True):  # fmt: skip
            found[name] = _nearest(column, held[name]) if name in held else column
        for name, first, words in self.words:
            found[name] = _words(values[:, first : first + len(words)], words)
        return _pandas().DataFrame({name: found[name] for name in self.order})

    def shown(self, rows: Tensor) -> tuple[tuple[str, ...], Tensor]:
        """The columns by name and as numbers; of words the number of each, which the column's name explains."""
        raw = self.numbers.raw(rows).T if self.numbers.names else torch.zeros(0, len(rows))
        found = dict(zip(self.numbers.names, zip(self.numbers.names, raw, strict=True), strict=True))
        for name, first, words in self.words:
            marks = rows[:, first : first + len(words)]
            number = torch.where(marks.amax(1) > 0.5, marks.argmax(1).double(), torch.nan)
            found[name] = f"{name} ({', '.join(f'{at} {word}' for at, word in enumerate(words))})", number
        names, columns = zip(*(found[name] for name in self.order), strict=True)
        return names, torch.stack([one.double() for one in columns], dim=1).float()

    def __str__(self) -> str:
        return f"a data frame of the columns {', '.join(self.order)} as they stand in the table"


def _spelled(column: CategoryColumn, encoded: tuple[Any, ...] | None, model: str) -> tuple[Any, ...]:
    """The values of a column as the estimator knows them; those that it does not know as the table has them."""
    if encoded is None:
        return column.values
    own = {plain(str(one)): one for one in encoded if one is not None and one == one}  # noqa: PLR0124 - no NaN
    if column.values and not any(plain(value) in own for value in column.values):
        raise MismatchError(
            f"{model} learned other categories of {column.name!r} than the table has",
            expected=", ".join(map(str, own.values())), received=", ".join(column.values),
        )  # fmt: skip
    return tuple(own.get(plain(value), value) for value in column.values)


def _all_numbers(values: Sequence[Any]) -> bool:
    return bool(values) and all(isinstance(one, int | float | np.number) for one in values)


def _nearest(column: npt.NDArray[np.float64], categories: Sequence[float]) -> npt.NDArray[np.float64]:
    """Numbers that differ from a category by no more than float32 rounds become it; others and NaN stay."""
    known = np.sort([float(one) for one in categories if one == one])  # noqa: PLR0124
    best = known[np.abs(column[:, None] - known).argmin(1)]
    return np.where(np.isclose(column, best, rtol=1e-5, atol=1e-5), best, column)


def _words(block: npt.NDArray[np.float32], words: Sequence[Any]) -> npt.NDArray[np.object_]:
    choices = np.empty(len(words) + 1, dtype=object)
    choices[:-1], choices[-1] = words, np.nan
    said: npt.NDArray[np.object_] = choices[np.where((block > 0.5).any(1), block.argmax(1), len(words))]
    return said


def _pandas() -> Any:
    try:
        import pandas  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("pandas", "sklearn", "an estimator that learned from a data frame") from error
    return pandas


def table_of(
    prepared: TablePreparation, wanted: Sequence[str] | None, n_columns: int, encoded: Encoded | None, *, model: str
) -> Columns | Frame:
    """How a table's prepared inputs become what a model of rows takes: a frame if it learned from one, else columns.

    Raises:
        InputError, MismatchError: as `Columns.of` and `Frame.of`.
    """
    if encoded is None or wanted is None:
        return Columns.of(prepared, wanted, n_columns, model=model)
    if len(wanted) != n_columns:
        raise InputError(f"{model} names another number of columns than it takes", expected=n_columns,
                         received=len(wanted))  # fmt: skip
    return Frame.of(prepared, wanted, encoded, model=model)
