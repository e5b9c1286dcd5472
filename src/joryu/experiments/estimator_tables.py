"""What `estimators` learns from: tables, their parts, the estimators that teach, and what each of them costs."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from joryu.evaluation import measure_latency
from joryu.examples import Examples, load_examples, split_examples
from joryu.examples.tabular import TablePreparation
from joryu.experiments.experiment import Measured
from joryu.students import load_student
from joryu.students.blueprint import PLAN, WEIGHTS
from joryu.teachers.foreign.columns import Columns

BATCH: Final = 256  #: rows that are answered at once where that is timed
TEST: Final = 0.25  #: the share of a table that judges
TREES: Final = 300

TABLES: Final[Mapping[str, str]] = MappingProxyType(
    {"diabetes": "diabetes", "wine": "wine", "breast": "breast cancer", "digits": "digits as a table"}
)
TEACHERS: Final[Mapping[str, str]] = MappingProxyType(
    {"forest": "random forest", "boosting": "gradient boosting", "process": "Gaussian process"}
)


@dataclass(frozen=True)
class TableParts:
    """The rows that teach and those that judge, as the student takes them and as an estimator does (``raw``)."""

    teaching: Examples
    test: Examples
    raw: Columns

    @property
    def is_numbers(self) -> bool:
        """Whether a number is asked, not a class."""
        return not self.teaching.asked_question.link.has_probs

    @property
    def targets(self) -> Any:
        """The labels of the rows that teach, as an estimator takes them."""
        labels = self.teaching.labels_or_empty.numpy()
        return labels[:, 0] if self.is_numbers else np.array(self.teaching.classes)[labels]

    def rows(self, examples: Examples) -> np.ndarray[Any, Any]:
        """Rows in the numbers of the table, float64."""
        return self.raw.raw(examples.inputs[:]).numpy()


def parts_of(table: str, seed: int, folder: Path) -> TableParts:
    """A table, split by the seed; of classes each part has its share."""
    examples = load_examples(f"table:{_digits(folder)},target=kind" if table == "digits" else _SPECS[table])
    test, teaching = split_examples(examples, [TEST, 1 - TEST], seed=seed)
    prepared = examples.preparation
    columns = prepared if isinstance(prepared, TablePreparation) else TablePreparation(columns=())
    return TableParts(teaching, test, Columns.of(columns, None, None, model=table))


_SPECS: Final = {"diabetes": "table:diabetes", "wine": "table:wine", "breast": "table:breast-cancer"}


def _digits(folder: Path) -> Path:
    """scikit-learn's 1,797 digits of 8 × 8 pixels as a table: a column a pixel."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from sklearn.datasets import load_digits

    path = folder / "digits.parquet"
    rows, kinds = load_digits(return_X_y=True)
    columns: dict[str, Any] = {f"pixel {at}": rows[:, at] for at in range(rows.shape[1])}
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns | {"kind": [f"digit {kind}" for kind in kinds]}), path)
    return path


def fitted(teacher: str, parts: TableParts, seed: int) -> Any:
    """The estimator, fitted on the rows that teach; its settings are the usual ones, and were not searched."""
    return _MAKE[teacher, parts.is_numbers](seed, len(parts.raw.names)).fit(parts.rows(parts.teaching), parts.targets)


def _forest(seed: int, columns: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    del columns
    return RandomForestClassifier(TREES, random_state=seed)


def _regression_forest(seed: int, columns: int) -> Any:
    from sklearn.ensemble import RandomForestRegressor

    del columns
    return RandomForestRegressor(TREES, min_samples_leaf=5, random_state=seed)  # Breiman's nodes of five


def _boosting(seed: int, columns: int) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier

    del columns
    return GradientBoostingClassifier(subsample=0.5, random_state=seed)


def _regression_boosting(seed: int, columns: int) -> Any:
    from sklearn.ensemble import GradientBoostingRegressor

    del columns
    return GradientBoostingRegressor(learning_rate=0.05, subsample=0.5, random_state=seed)


def _process(seed: int, columns: int) -> Any:
    from sklearn.gaussian_process import GaussianProcessClassifier
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    kernel = ConstantKernel(10.0) * RBF(columns**0.5)  # as far as two standardised rows are apart; not fitted
    return make_pipeline(StandardScaler(), GaussianProcessClassifier(kernel, optimizer=None, random_state=seed))


def _regression_process(seed: int, columns: int) -> Any:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    kernel = ConstantKernel() * RBF(columns**0.5) + WhiteKernel()
    return make_pipeline(StandardScaler(), GaussianProcessRegressor(kernel, normalize_y=True, random_state=seed))


_MAKE: Final[Mapping[tuple[str, bool], Callable[[int, int], Any]]] = {
    ("forest", False): _forest,
    ("forest", True): _regression_forest,
    ("boosting", False): _boosting,
    ("boosting", True): _regression_boosting,
    ("process", False): _process,
    ("process", True): _regression_process,
}


class Asked(nn.Module):
    """Something that answers rows of a table's own numbers ``[B, columns]``, as a module, to be timed."""

    def __init__(self, ask: Callable[[np.ndarray[Any, Any]], Any]) -> None:
        super().__init__()
        self._ask = ask

    def forward(self, rows: Tensor) -> Any:
        return self._ask(rows.numpy())


def costs_of(estimator: Any, run: Path, parts: TableParts, *, repeats: int) -> Measured:
    """Bytes on disk, and milliseconds for one row and for a batch, of an estimator and of its student, in turns.

    Both are given the table's own numbers, as arrays, and give arrays: the estimator through scikit-learn, its student
    as a plain module, standardised by the table's means first. The estimator's file is one of skops, deflated.
    """
    import skops.io

    module, _ = load_student(run)
    mean, std = np.array(parts.raw.mean), np.array(parts.raw.std)

    def student(rows: np.ndarray[Any, Any]) -> Any:
        return module(torch.from_numpy(((rows - mean) / std).astype(np.float32))).numpy()

    asked = {
        "teacher": Asked(estimator.predict if parts.is_numbers else estimator.predict_proba),
        "student": Asked(student),
    }
    rows = torch.from_numpy(parts.rows(parts.test))
    rows = rows.repeat(1 + BATCH // len(rows), 1)[:BATCH]
    found: Measured = {
        "teacher_bytes": len(skops.io.dumps(estimator, compression=zipfile.ZIP_DEFLATED)),
        "student_bytes": sum((run / name).stat().st_size for name in (PLAN, WEIGHTS)),
    }
    for said, shown in (("row", rows[:1]), ("batch", rows)):
        timed = measure_latency(asked, shown, repeats=repeats, threads=1)
        found |= {f"{name}_{said}_ms": one.milliseconds for name, one in timed.items()}
        found[f"faster_{said}"] = found[f"teacher_{said}_ms"] / found[f"student_{said}_ms"]
    return found | {"smaller": found["teacher_bytes"] / found["student_bytes"]}
