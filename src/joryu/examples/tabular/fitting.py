"""Fit a `TablePreparation` with scikit-learn; the result is kept as plain numbers and words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import numpy as np

from joryu.errors import InputError
from joryu.examples.tabular.cells import CellKind, numbers, shown, texts
from joryu.examples.tabular.files import Sheet
from joryu.examples.tabular.preparation import CategoryColumn, NumberColumn, TablePreparation

MOST_CATEGORIES: Final = 100  #: more are probably names or sentences, which a student would memorise
_FEW_ROWS: Final = 10  #: with fewer rows, a column without repeated values is not suspicious
_COUNTER = re.compile(r"^(?i:(.*[ _-])?(id|index|idx|row|rowid|nr|no))$|^.*[a-z]I[dD]$")


def fit_preparation(sheet: Sheet, kinds: Mapping[str, CellKind]) -> tuple[TablePreparation, list[str]]:
    """Fit the preparation of a table's columns to this sheet; returns it with remarks on what it leaves out.

    Numbers: missing ones become the mean (`sklearn.impute.SimpleImputer`), with one more input that marks them if
    there are any; then all are standardised (`StandardScaler`). Categories: one input each, in the order of their
    names (`OneHotEncoder`), and one more if any is missing.

    Raises:
        InputError: a column is not usable (identifiers, over 100 categories), or no column varies.
    """
    fitted, remarks = list[NumberColumn | CategoryColumn](), list[str]()
    for name, kind in kinds.items():
        column = _category(sheet, name) if kind is CellKind.CATEGORY else _number(sheet, name, remarks)
        if column.varies:
            fitted.append(column)
        else:
            remarks.append(f"column {name!r} never varies: left out")
    if not fitted:
        raise InputError(f"no column of {sheet.name} varies, so that there is nothing to learn from")
    return TablePreparation(columns=tuple(fitted)), remarks


def _number(sheet: Sheet, name: str, remarks: list[str]) -> NumberColumn:
    from sklearn.impute import SimpleImputer  # noqa: PLC0415  (a second that only fitting needs)
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    values, said = numbers(sheet, name)
    remarks += said
    present = values[~np.isnan(values)]
    missing = len(present) < len(values)
    if not len(present):
        return NumberColumn(name=name, std=None)
    if present.min() == present.max():
        return NumberColumn(name=name, mean=float(present[0]), std=None, missing=missing)
    _refuse_counter(sheet, name, present)
    imputer = SimpleImputer(strategy="mean").fit(values[:, None])
    scaler = StandardScaler().fit(imputer.transform(values[:, None]))
    return NumberColumn(name=name, mean=float(scaler.mean_[0]), std=float(scaler.scale_[0]), missing=missing)


def _refuse_counter(sheet: Sheet, name: str, present: np.ndarray) -> None:
    counts = len(present) > _FEW_ROWS and len(np.unique(present)) == len(present)
    if counts and _COUNTER.match(name) and (present == np.floor(present)).all():
        raise InputError(
            f"column {name!r} of {sheet.name} has another number in every row, as rows are named",
            hint=f"try drop={name}",
        )


def _category(sheet: Sheet, name: str) -> CategoryColumn:
    from sklearn.preprocessing import OneHotEncoder  # noqa: PLC0415

    found = texts(sheet, name)
    present = [value for value in found if value is not None]
    _refuse_names(sheet, name, present)
    if not present:
        return CategoryColumn(name=name, values=())
    encoder = OneHotEncoder(sparse_output=False).fit(np.array(present, dtype=object)[:, None])
    values = tuple(str(value) for value in encoder.categories_[0])
    return CategoryColumn(name=name, values=values, missing=len(present) < len(found))


def _refuse_names(sheet: Sheet, name: str, present: list[str]) -> None:
    distinct = len(set(present))
    if distinct == len(present) > _FEW_ROWS:
        raise InputError(
            f"column {name!r} of {sheet.name} has another text in every row, as names have",
            received=f"{shown(present[0])}, {shown(present[1])}, …", hint=f"try drop={name}",
        )  # fmt: skip
    if distinct > MOST_CATEGORIES:
        raise InputError(
            f"column {name!r} of {sheet.name} has too many categories", expected=f"at most {MOST_CATEGORIES}",
            received=f"{distinct:,}, as {shown(present[0])}", hint=f"try drop={name}",
        )  # fmt: skip
