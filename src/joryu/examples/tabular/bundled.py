"""scikit-learn's bundled tables: real data that needs no download."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pyarrow as pa

from joryu.examples.tabular.files import Sheet

TARGET: Final = "target"


def _diabetes() -> Any:
    from sklearn import datasets  # noqa: PLC0415  (a second of import time that no other layout needs)

    return datasets.load_diabetes(scaled=False)  # the numbers in their original units


def _iris() -> Any:
    from sklearn import datasets  # noqa: PLC0415

    return datasets.load_iris()


def _wine() -> Any:
    from sklearn import datasets  # noqa: PLC0415

    return datasets.load_wine()


def _breast_cancer() -> Any:
    from sklearn import datasets  # noqa: PLC0415

    return datasets.load_breast_cancer()


BUNDLED: Final[dict[str, Callable[[], Any]]] = {
    "breast-cancer": _breast_cancer,
    "diabetes": _diabetes,
    "iris": _iris,
    "wine": _wine,
}


def bundled_sheet(name: str) -> Sheet:
    """Load one of `BUNDLED`: its features as named columns, and the column ``target`` (class names, or a number).

    >>> bundled_sheet("iris").columns[-2:]
    ('petal width (cm)', 'target')
    """
    bunch = BUNDLED[name]()
    columns: dict[str, Any] = dict(zip(bunch.feature_names, np.asarray(bunch.data).T, strict=True))
    names = getattr(bunch, "target_names", None)  # of numbers there are none
    target = np.asarray(bunch.target)
    columns[TARGET] = target if names is None else [str(names[at]) for at in target.tolist()]
    return Sheet(name, pa.table(columns))
