"""``sklearn:FILE.skops``: an estimator of scikit-learn, saved with skops. A pickle is never read."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Any, Final

from joryu.errors import InputError, MissingExtraError
from joryu.students.model_content import model_content, reason_of
from joryu.teachers.foreign.description import Options
from joryu.teachers.foreign.estimator_checks import require_sound
from joryu.teachers.foreign.family import Runtime
from joryu.teachers.foreign.model import Opened
from joryu.teachers.foreign.sklearn_estimator import ask_in_one_thread, open_estimator

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


def open_sklearn(options: Options) -> Opened:
    """Open an estimator saved with skops, as `open_estimator` does.

    Raises:
        InputError: no file of skops; a type that may not be read; damaged trees; an estimator that was not fitted, or
            cannot answer.
        MissingExtraError: skops is not installed.
    """
    path = options.path
    content = model_content(path, "an estimator saved with skops")
    estimator = _read(path, content)
    require_sound(estimator, path)
    ask_in_one_thread(estimator)
    return open_estimator(estimator, options, hashlib.sha256(content).hexdigest())


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
