"""``sklearn:FILE.skops``: an estimator of scikit-learn, saved with skops. A pickle is never read."""

from __future__ import annotations

import hashlib
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from joryu.errors import InputError, MissingExtraError
from joryu.questions import Link
from joryu.teachers.foreign.content import model_content, reason_of
from joryu.teachers.foreign.description import Options
from joryu.teachers.foreign.family import Runtime
from joryu.teachers.foreign.intake import Intake
from joryu.teachers.foreign.model import Opened
from joryu.teachers.foreign.sound_estimators import every_part, require_sound
from joryu.teachers.outputs import Output

_GP: Final = "sklearn.gaussian_process"
#: what skops does not trust of itself, and may be read all the same: it runs nothing, and trees are checked
ALLOWED: Final = frozenset({
    "sklearn.tree._tree.Tree",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.calibration._CalibratedClassifier", "sklearn.calibration._SigmoidCalibration",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.utils._bunch.Bunch", "numpy.dtype",
    f"{_GP}._gpc._BinaryGaussianProcessClassifierLaplace",
    *(f"{_GP}.kernels.{one}" for one in (
        "ConstantKernel", "WhiteKernel", "RBF", "Matern", "RationalQuadratic", "ExpSineSquared", "DotProduct", "Sum",
        "Product", "Exponentiation",
    )),
})  # fmt: skip

Values = npt.NDArray[Any]


def open_sklearn(options: Options) -> Opened:
    """Open an estimator: classes by its ``classes_``, tags of several outputs, numbers of a regressor.

    Probabilities are read; of a classifier without them only ``output=decision_function`` is, whose margins are taken
    for logits: that is for whoever asks to say. It is asked about the columns that it learned from, by their names if
    it knows them.

    Raises:
        InputError: no file of skops; a type that may not be read; damaged trees; an estimator that was not fitted, or
            cannot answer.
        MissingExtraError: skops is not installed.
    """
    path = options.path
    content = model_content(path, "an estimator saved with skops")
    estimator = _read(path, content)
    require_sound(estimator, path)
    for part in every_part(estimator):
        if getattr(part, "n_jobs", None) is not None:
            part.n_jobs = None  # threads add up in another order each time, and so do not answer twice the same
    n_columns = getattr(estimator, "n_features_in_", None)
    if not isinstance(n_columns, int) or not (hasattr(estimator, "predict") or hasattr(estimator, "predict_proba")):
        raise InputError(
            f"{path} cannot be asked", expected="a fitted classifier or regressor", received=type(estimator).__name__
        )
    ask, link, values, names = _method(estimator, options, path)
    try:
        n_outputs = ask(np.zeros((1, n_columns))).shape[1]
    except Exception as error:  # whatever an estimator raises
        raise InputError(f"{path} cannot be asked about rows of numbers", received=reason_of(error)) from error
    columns = getattr(estimator, "feature_names_in_", None)
    return Opened(
        ask,
        Intake.of((n_columns,), "float64", options.said.input, model=str(path)),
        hashlib.sha256(content).hexdigest(),
        n_outputs=n_outputs, values=values, link=link, names=names,
        columns=None if columns is None else tuple(map(str, columns)),
    )  # fmt: skip


SKLEARN: Final = Runtime("sklearn", open_sklearn, ("labels", "output", "layout", "range", "mean", "std"))


def _read(path: Path, content: bytes) -> Any:
    try:
        import skops.io  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("skops", "sklearn", f"sklearn:{path}") from error
    try:
        strange = skops.io.get_untrusted_types(data=content)
        if unknown := sorted(set(strange) - ALLOWED):
            raise InputError(
                f"{path} holds a type that may not be read", expected="scikit-learn's own", received=unknown[0],
                hint="save the fitted estimator alone, such as best_estimator_ of a search",
            )  # fmt: skip
        return skops.io.loads(content, trusted=strange)
    except InputError:
        raise
    except Exception as error:  # a damaged file fails in as many ways as there are parts in it
        received = "no archive of skops" if isinstance(error, zipfile.BadZipFile) else reason_of(error)
        raise InputError(
            f"{path} cannot be read", expected="an estimator saved with skops.io.dump, whole", received=received
        ) from error


def _method(
    estimator: Any, options: Options, path: Path
) -> tuple[Callable[[Values], Values], Link, Output | None, tuple[str, ...] | None]:
    """What is asked, by which link, whether it gives logits or probabilities, and the names of the outputs."""
    classes, said = getattr(estimator, "classes_", None), options.said.output
    if classes is None:
        return _quiet(lambda rows: _wide(estimator.predict(rows))), Link.IDENTITY, None, None
    if isinstance(classes, list):
        if not all(list(map(int, one)) == [0, 1] for one in classes):
            raise InputError(f"{path} answers several questions at once", expected="one, or tags of 0 and 1")
        return _quiet(lambda rows: np.stack([one[:, 1] for one in estimator.predict_proba(rows)], axis=1)), (
            Link.SIGMOID), "probs", None  # fmt: skip
    names = tuple(map(str, classes))
    if said.name == "decision_function":
        return _quiet(lambda rows: _margins(estimator.decision_function(rows))), Link.SOFTMAX, "logits", names
    if said.name not in (None, "probs", "predict_proba") or not hasattr(estimator, "predict_proba"):
        raise InputError(
            f"{path} gives no {said.name or 'probabilities'}", expected="predict_proba, or decision_function if said",
            received=type(estimator).__name__,
            hint="train it with probabilities; ,output=decision_function takes its margins for logits",
        )  # fmt: skip
    several = bool(getattr(estimator, "multilabel_", False)) or (
        getattr(estimator, "out_activation_", "") == "logistic" and getattr(estimator, "n_outputs_", 1) > 1
    )
    link = Link.SIGMOID if several else Link.SOFTMAX
    return _quiet(lambda rows: np.asarray(estimator.predict_proba(rows))), link, "probs", names


def _quiet(ask: Callable[[Values], Values]) -> Callable[[Values], Values]:
    """Without the complaint that rows have no names: they are in the order of those that it knows."""

    def asked(rows: Values) -> Values:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*does not have valid feature names.*")
            return ask(rows)

    return asked


def _wide(values: Values) -> Values:
    return values[:, None] if values.ndim == 1 else values


def _margins(values: Values) -> Values:
    """Margins of two classes are one number: how far the second is ahead of the first."""
    return np.stack([np.zeros_like(values), values], axis=1) if values.ndim == 1 else values
