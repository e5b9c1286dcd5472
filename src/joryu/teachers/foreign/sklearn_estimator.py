"""`open_estimator`: how a fitted estimator of scikit-learn is asked, and what its answers are."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from joryu.errors import InputError
from joryu.questions import Link
from joryu.students.model_content import reason_of
from joryu.teachers.foreign.description import Options
from joryu.teachers.foreign.estimator_checks import every_part
from joryu.teachers.foreign.frame import encoded_columns, is_framed, probe_frame
from joryu.teachers.foreign.intake import Intake
from joryu.teachers.foreign.model import Opened
from joryu.teachers.outputs import MOMENTS, Meant

Values = npt.NDArray[Any]
_CERTAIN: Final = float(np.finfo(np.float32).tiny)  #: the variance of a number that is certain: 0 has no logarithm


class _Asked(NamedTuple):
    """How an estimator is asked, by which link, what its numbers mean, and the names of its outputs."""

    ask: Callable[[Any], Values]
    link: Link
    values: Meant | None = None
    names: tuple[str, ...] | None = None


def open_estimator(estimator: Any, options: Options, digest: str) -> Opened:
    """Open a fitted estimator: classes by its ``classes_``, tags of several outputs, numbers of a regressor.

    Probabilities are read; of a classifier without them only ``output=decision_function`` is, whose margins are taken
    for logits: that is for whoever asks to say. A regressor whose ``predict`` takes ``return_std`` (Gaussian processes,
    `BayesianRidge`, `ARDRegression`, alone or at the end of a pipeline) gives a variance with each number, its standard
    deviation squared; ``output=predict`` leaves it out. ``output=trees`` takes that of a forest, by the law of total
    variance (`forest_moments`). It is asked about the columns that it learned from, by their names if it knows them.

    Raises:
        InputError: an estimator that was not fitted, cannot answer, or does not give what ``output=`` asks for.
    """
    model = options.path
    n_columns = getattr(estimator, "n_features_in_", None)
    if not isinstance(n_columns, int) or not (hasattr(estimator, "predict") or hasattr(estimator, "predict_proba")):
        raise InputError(
            f"{model} cannot be asked", expected="a fitted classifier or regressor", received=type(estimator).__name__
        )
    found = _asked(estimator, options)
    names = getattr(estimator, "feature_names_in_", None)
    columns = None if names is None else tuple(map(str, names))
    encoded = encoded_columns(estimator) if columns is not None and is_framed(estimator) else None
    probe = np.zeros((1, n_columns)) if encoded is None else probe_frame(columns or (), encoded)
    try:
        width = found.ask(probe).shape[1]
    except Exception as error:  # whatever an estimator raises
        raise InputError(f"{model} cannot be asked about rows of numbers", received=reason_of(error)) from error
    return Opened(
        found.ask,
        Intake.of((n_columns,), "float64", options.said.input, model=str(model)),
        digest,
        n_outputs=width // 2 if found.values == MOMENTS else width,
        values=found.values, link=found.link, names=found.names, columns=columns, encoded=encoded,
    )  # fmt: skip


def ask_in_one_thread(estimator: object) -> None:
    """Let no part share its work among threads: these add up in another order each time, so two answers differ."""
    for part in every_part(estimator):
        if getattr(part, "n_jobs", None) is not None:
            part.n_jobs = None


def forest_moments(forest: Any, rows: Values) -> Values:
    """Mean and variance ``[n, 2]`` of a forest of regression trees, by the law of total variance.

    A tree says ``N(μ_t, σ_t²)``, the mean and the variance of the training labels in the leaf; the forest is their
    even mixture, ``σ² = mean σ_t² + mean (μ_t - μ)²`` (Hutter et al. 2014, "Algorithm runtime prediction", §4.3.2). It
    is a spread of the labels about a row, not of the forest's own mean.
    """
    leaves = forest.apply(rows)
    trees = [tree.tree_ for tree in forest.estimators_]
    means = np.stack([tree.value[leaves[:, at], 0, 0] for at, tree in enumerate(trees)])
    within = np.stack([tree.impurity[leaves[:, at]] for at, tree in enumerate(trees)])
    return _moments(means.mean(0), within.mean(0) + means.var(0))


def _asked(estimator: Any, options: Options) -> _Asked:
    classes = getattr(estimator, "classes_", None)
    if classes is None:
        return _of_numbers(estimator, options)
    if isinstance(classes, list):
        if not all(list(map(int, one)) == [0, 1] for one in classes):
            raise InputError(f"{options.path} answers several questions at once", expected="one, or tags of 0 and 1")
        return _Asked(
            _quiet(lambda rows: np.stack([one[:, 1] for one in estimator.predict_proba(rows)], axis=1)),
            Link.SIGMOID, "probs",
        )  # fmt: skip
    return _of_classes(estimator, options, tuple(map(str, classes)))


def _of_numbers(estimator: Any, options: Options) -> _Asked:
    from sklearn.base import is_regressor  # noqa: PLC0415 - whoever has an estimator has it imported

    said, forest = options.said.output.name, _last(estimator)
    if not is_regressor(estimator):  # numbers of clusters and of outliers measure nothing
        raise InputError(
            f"{options.path} cannot be asked", expected="a fitted classifier or regressor",
            received=type(forest).__name__,
        )  # fmt: skip
    sure = "return_std" in inspect.signature(forest.predict).parameters
    if said == "predict" or (said is None and not sure):
        return _Asked(_quiet(lambda rows: _wide(estimator.predict(rows))), Link.IDENTITY)
    if sure and said in (None, "std"):
        return _Asked(_quiet(lambda rows: _with_std(estimator, rows)), Link.IDENTITY, MOMENTS)
    leaves_vary = getattr(forest, "criterion", "") in ("squared_error", "friedman_mse") and hasattr(forest, "apply")
    if said == "trees" and leaves_vary and getattr(forest, "n_outputs_", 0) == 1 and hasattr(forest, "estimators_"):
        before = estimator[:-1] if forest is not estimator else None
        return _Asked(
            _quiet(lambda rows: forest_moments(forest, rows if before is None else before.transform(rows))),
            Link.IDENTITY, MOMENTS,
        )  # fmt: skip
    raise InputError(
        f"{options.path} gives no {_MISSING.get(str(said), said)}",
        expected="predict; std of a Gaussian process or a Bayesian ridge; trees of a forest of one number and squared "
        "errors", received=type(forest).__name__, hint=",output=predict takes its numbers alone",
    )  # fmt: skip


_MISSING: Final = {"std": "standard deviation of its numbers", "trees": "variance between trees"}


def _of_classes(estimator: Any, options: Options, names: tuple[str, ...]) -> _Asked:
    said = options.said.output
    if said.name == "decision_function":
        return _Asked(
            _quiet(lambda rows: _margins(estimator.decision_function(rows))), Link.SOFTMAX, "logits", names
        )  # fmt: skip
    if said.name not in (None, "probs", "predict_proba") or not hasattr(estimator, "predict_proba"):
        raise InputError(
            f"{options.path} gives no {said.name or 'probabilities'}",
            expected="predict_proba, or decision_function if said", received=type(estimator).__name__,
            hint="train it with probabilities; ,output=decision_function takes its margins for logits",
        )  # fmt: skip
    last = _last(estimator)  # a pipeline hands on its classes, and nothing of what follows
    several = bool(getattr(last, "multilabel_", False)) or (
        getattr(last, "out_activation_", "") == "logistic" and getattr(last, "n_outputs_", 1) > 1
    )
    link = Link.SIGMOID if several else Link.SOFTMAX
    numbered = several and names == tuple(map(str, range(len(names))))  # the columns of its labels, which have no names
    given = None if numbered else names
    return _Asked(_quiet(lambda rows: np.asarray(estimator.predict_proba(rows))), link, "probs", given)


def _last(estimator: Any) -> Any:
    """What answers in the end: the last step of a pipeline, else the estimator itself."""
    return estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator


def _with_std(estimator: Any, rows: Any) -> Values:
    means, deviations = estimator.predict(rows, return_std=True)
    return _moments(_wide(means), np.square(_wide(deviations)))


def _moments(means: Values, variances: Values) -> Values:
    return np.concatenate([_wide(means), np.maximum(_wide(variances), _CERTAIN)], axis=1)


def _quiet(ask: Callable[[Any], Values]) -> Callable[[Any], Values]:
    """Without the complaint that rows have no names: they are in the order of those that it knows."""

    def asked(rows: Any) -> Values:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*does not have valid feature names.*")
            return ask(rows)

    return asked


def _wide(values: Values) -> Values:
    return values[:, None] if values.ndim == 1 else values


def _margins(values: Values) -> Values:
    """Margins of two classes are one number: how far the second is ahead of the first."""
    return np.stack([np.zeros_like(values), values], axis=1) if values.ndim == 1 else values
