"""`TablePreparation`: how a row of a table becomes an input, stored as plain numbers and words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from joryu.errors import InputError
from joryu.examples.layouts import some
from joryu.examples.tabular.cells import Numbers, numbers, plain, require_columns, shown, texts
from joryu.examples.tabular.files import Sheet, read_sheet

Inputs = npt.NDArray[np.float32]


class Prepared(NamedTuple):
    """``inputs`` float32 ``[n, n_inputs]``, and remarks on values that were absent when it was fitted."""

    inputs: Inputs
    remarks: list[str]


class NumberColumn(BaseModel):
    """A column of numbers: ``(x - mean) / std``; a missing number becomes the mean.

    With ``missing`` there is one more input, which is 1 where the number is missing. ``std`` is ``None`` for a column
    that never varied: its value is not an input.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["number"] = "number"
    name: str
    mean: float = 0.0
    std: float | None = Field(default=1.0, gt=0)
    missing: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        own = () if self.std is None else (self.name,)
        return (*own, f"{self.name} is missing") if self.missing else own

    @property
    def varies(self) -> bool:
        """Whether any row differs from another in it."""
        return bool(self.inputs)

    def apply(self, sheet: Sheet) -> Prepared:
        values, remarks = numbers(sheet, self.name)
        absent = np.isnan(values)
        if absent.any() and not self.missing and self.std is not None:
            remarks.append(_said(sheet, self.name, int(absent.sum()), "without a number: the mean stands for them"))
        columns = [] if self.std is None else [self._standardised(sheet, np.where(absent, self.mean, values))]
        if self.missing:
            columns.append(absent)
        return Prepared(_stacked(columns, len(values)), remarks)

    def _standardised(self, sheet: Sheet, values: Numbers) -> Numbers:
        found: Numbers = (values - self.mean) / (self.std or 1.0)
        if (beyond := np.abs(found) > np.finfo(np.float32).max).any():
            raise InputError(
                f"a number in column {self.name!r} is too far from those it was fitted on",
                expected=f"about {self.mean:g} ± {self.std:g}", received=f"{values[beyond][0]:g} in {sheet.name}",
            )  # fmt: skip
        return found


class CategoryColumn(BaseModel):
    """A column of categories: one input for each of ``values``, which is 1 where the row has that value.

    With ``missing`` there is one more input, which is 1 where the value is missing. An unknown value gives zeros.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["category"] = "category"
    name: str
    values: tuple[str, ...]
    missing: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        own = tuple(f"{self.name}={value}" for value in self.values)
        return (*own, f"{self.name} is missing") if self.missing else own

    @property
    def varies(self) -> bool:
        """Whether any row differs from another in it."""
        return len(self.inputs) > 1

    def apply(self, sheet: Sheet) -> Prepared:
        # Because of one empty cell a program may write 1.0 instead of 1, and another True than true: the same category,
        # unless both occur.
        alike = [_spelling(value) for value in self.values]
        spell = _spelling if len(set(alike)) == len(alike) else str
        place = {spell(value): at for at, value in enumerate(self.values)}
        found = [None if value is None else spell(value) for value in texts(sheet, self.name)]
        absent = len(self.values) if self.missing else -1
        at = np.array([absent if value is None else place.get(value, -1) for value in found], dtype=np.int64)
        inputs = np.zeros((len(found), len(self.inputs)), dtype=np.float32)
        inputs[np.flatnonzero(at >= 0), at[at >= 0]] = 1
        return Prepared(inputs, self._remarks(sheet, found, place))

    def _remarks(self, sheet: Sheet, found: list[str | None], place: dict[str, int]) -> list[str]:
        strange = Counter(value for value in found if value is not None and value not in place)
        remarks = []
        if strange:
            which = some((shown(value) for value, _ in strange.most_common()), most=3)
            text = f"of no category it was fitted on ({which}): zeros stand for them"
            remarks.append(_said(sheet, self.name, strange.total(), text))
        if not self.missing and (n := sum(value is None for value in found)):
            remarks.append(_said(sheet, self.name, n, "without a category: zeros stand for them"))
        return remarks


def _spelling(value: str) -> str:
    return value.lower() if value.lower() in ("true", "false") else plain(value)


Column = Annotated[NumberColumn | CategoryColumn, Field(discriminator="kind")]


class TablePreparation(BaseModel):
    """How the rows of a table become inputs. It can be stored as JSON, and applying it needs only NumPy.

    >>> age = NumberColumn(name="age", mean=40.0, std=10.0)
    >>> colour = CategoryColumn(name="colour", values=("blue", "red"))
    >>> preparation = TablePreparation(columns=(age, colour))
    >>> preparation.inputs
    ('age', 'colour=blue', 'colour=red')
    >>> preparation.apply({"colour": ["red", "blue"], "age": [50, None]}).inputs.tolist()
    [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    >>> TablePreparation.model_validate_json(preparation.model_dump_json()) == preparation
    True
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["table"] = "table"
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns that a table must have."""
        return tuple(column.name for column in self.columns)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs, in order."""
        return tuple(name for column in self.columns for name in column.inputs)

    @property
    def categories(self) -> tuple[tuple[int, int], ...]:
        """The first input, and the one behind the last, of each column of categories.

        >>> colour = CategoryColumn(name="colour", values=("blue", "red"))
        >>> TablePreparation(columns=(NumberColumn(name="age"), colour)).categories
        ((1, 3),)
        """
        found, start = [], 0
        for column in self.columns:
            end = start + len(column.inputs)
            found += [(start, end)] if column.kind == "category" else []
            start = end
        return tuple(found)

    def apply(self, table: Sheet | pa.Table | Mapping[str, Sequence[Any]] | Path) -> Prepared:
        """Turn the rows of a table, a file, or columns as lists into inputs; unknown columns are ignored.

        Raises:
            InputError: a needed column is missing, or holds another kind of values than when it was fitted.
        """
        sheet = _sheet(table)
        require_columns(sheet, self.names, what="the columns")
        parts = [column.apply(sheet) for column in self.columns]
        inputs = np.concatenate([part.inputs for part in parts], axis=1)
        return Prepared(np.ascontiguousarray(inputs), [remark for part in parts for remark in part.remarks])


def _sheet(table: Sheet | pa.Table | Mapping[str, Sequence[Any]] | Path) -> Sheet:
    match table:
        case Sheet():
            return table
        case Path():
            return read_sheet(table)
        case pa.Table():
            return Sheet("the table", table)
        case _:
            return Sheet("the table", _of_columns(table))


def _of_columns(columns: Mapping[str, Sequence[Any]]) -> pa.Table:
    arrays = {name: _array(name, values) for name, values in columns.items()}
    _require_one_length(arrays)
    return pa.table(list(arrays.values()), names=[str(name).encode(errors="replace").decode() for name in arrays])


def _require_one_length(table: Mapping[str, Sequence[Any]]) -> None:
    lengths = {name: len(values) for name, values in table.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(
            "the columns of the table differ in length",
            received=some(f"{n} in {name!r}" for name, n in lengths.items()),
        )


def _array(name: str, values: Sequence[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except pa.ArrowException as error:
        raise InputError(
            f"column {name!r} of the table holds values of several kinds", received=" ".join(str(error).split())[:120]
        ) from error
    except (OverflowError, UnicodeError, TypeError) as error:  # 10**400, half of a surrogate pair, no values at all
        raise InputError(
            f"column {name!r} of the table cannot be read", expected="a list of numbers, or of texts",
            received=" ".join(str(error).split())[:120],
        ) from error  # fmt: skip


def _stacked(columns: list[npt.NDArray[Any]], n: int) -> Inputs:
    return np.stack(columns, axis=1).astype(np.float32) if columns else np.zeros((n, 0), dtype=np.float32)


def _said(sheet: Sheet, column: str, n: int, what: str) -> str:
    return f"column {column!r} of {sheet.name}: {n:,} {'row' if n == 1 else 'rows'} {what}"
