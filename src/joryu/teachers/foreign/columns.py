"""`Columns`: a table's prepared inputs turned back into the columns that a foreign model learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy.typing as npt
import torch
from torch import Tensor

from joryu.errors import InputError, MismatchError
from joryu.examples.tabular.preparation import TablePreparation
from joryu.teachers.foreign.intake import Intake

_MISSING = "{} is missing".format


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """How prepared inputs ``[B, inputs]`` become a model's columns ``[B, columns]``: ``x · std + mean``, by name.

    Joryu standardises the numbers of a table for its students; a model that others trained learned from the numbers as
    they stood there, or standardises them itself. A number that was missing is missing again (NaN) where an input marks
    it, else it is the mean. A column that never varied is the number it always was. Numbers come back as exact as
    float32 is.

    >>> from joryu.examples.tabular.preparation import NumberColumn
    >>> age, height = NumberColumn(name="age", mean=40.0, std=10.0), NumberColumn(name="height", mean=1.5, std=0.5)
    >>> columns = Columns.of(TablePreparation(columns=(age, height)), ("height", "age"), 2, model="a.skops")
    >>> columns.raw(torch.tensor([[1.0, -1.0]])).tolist()
    [[1.0, 50.0]]
    """

    names: tuple[str, ...]
    places: tuple[int, ...]  #: of each column among the inputs; -1 for one that never varied
    marks: tuple[int, ...]  #: of the input that says that it is missing; -1 for none
    std: tuple[float, ...]
    mean: tuple[float, ...]

    @classmethod
    def of(
        cls, prepared: TablePreparation, wanted: Sequence[str] | None, n_columns: int | None, *, model: str
    ) -> Self:  # fmt: skip
        """For a model that takes ``wanted`` columns, or, if it does not say which, all of the table in their order.

        Raises:
            InputError: a column of words, which only whoever trained the model knows how to turn into numbers.
            MismatchError: the table lacks a column, or has another number of them.
        """
        known = {column.name: column for column in prepared.columns}
        names = prepared.names if wanted is None else tuple(wanted)
        if wanted is not None and set(names) == set(prepared.inputs) and not set(names) <= set(known):
            return cls._as_prepared(prepared, names)
        if absent := [name for name in names if name not in known]:
            raise MismatchError(
                f"{model} learned from other columns than the table has", expected=", ".join(names),
                received=f"no column {absent[0]!r} among {', '.join(known)}",
            )  # fmt: skip
        if n_columns is not None and len(names) != n_columns:
            raise MismatchError(
                f"{model} learned from another number of columns than the table has", expected=f"{n_columns} columns",
                received=f"{len(names)}: {', '.join(names)}", hint="name its columns: [input] columns in a FILE.toml",
            )  # fmt: skip
        at = {name: place for place, name in enumerate(prepared.inputs)}
        found: list[Any] = []
        for name in names:
            column = known[name]
            if column.kind != "number":
                raise InputError(
                    f"{model} is asked about words, in the column {name!r}", expected="columns of numbers",
                    hint="only who trained the model knows which number stood for which word",
                )  # fmt: skip
            found.append((at.get(name, -1), at.get(_MISSING(name), -1), column.std or 1.0, column.mean))
        places, marks, std, mean = zip(*found, strict=True)
        return cls(names, places, marks, std, mean)

    @classmethod
    def _as_prepared(cls, prepared: TablePreparation, names: tuple[str, ...]) -> Self:
        """For a model that names Joryu's own inputs, such as ``colour=blue``: numbers are still as in the table."""
        at = {name: place for place, name in enumerate(prepared.inputs)}
        numbers = {column.name: column for column in prepared.columns if column.kind == "number"}
        std = tuple(numbers[name].std or 1.0 if name in numbers else 1.0 for name in names)
        mean = tuple(numbers[name].mean if name in numbers else 0.0 for name in names)
        return cls(names, tuple(at[name] for name in names), (-1,) * len(names), std, mean)

    def raw(self, rows: Tensor) -> Tensor:
        """The model's columns, float64."""
        values = rows.double()
        columns = []
        for place, mark, std, mean in zip(self.places, self.marks, self.std, self.mean, strict=True):
            column = values[:, place] * std + mean if place >= 0 else torch.full_like(values[:, 0], mean)
            columns.append(column if mark < 0 else torch.where(values[:, mark] > 0.5, torch.nan, column))
        return torch.stack(columns, dim=1)

    def given(self, rows: Tensor, intake: Intake) -> npt.NDArray[Any]:
        """The same as the model takes them."""
        return intake.given(self.raw(rows))

    def shown(self, rows: Tensor) -> tuple[tuple[str, ...], Tensor]:
        """The columns by name, and `raw`."""
        return self.names, self.raw(rows).float()

    def __str__(self) -> str:
        return f"the columns {', '.join(self.names)} as they stand in the table"
