"""Checks of a loaded estimator: scikit-learn's compiled code trusts numbers that a damaged file may hold.

A tree is walked by C code that takes the numbers of children and features as they are: one that is too large reads
memory that is not the tree's, and one that points back never ends. ``predict`` then crashes or hangs, so these are
looked at once, before anything is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from joryu.errors import InputError


def every_part(estimator: object) -> Iterator[Any]:
    """An estimator and all that it is made of: attributes, lists, dictionaries and arrays of objects."""
    waiting, seen = [estimator], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, str | bytes | int | float | type | None):
            continue
        seen.add(id(one))
        yield one
        if isinstance(one, Mapping):
            waiting += one.values()
        elif isinstance(one, list | tuple | set):
            waiting += one
        elif isinstance(one, np.ndarray):
            waiting += one.ravel().tolist() if one.dtype == object else []
        else:
            waiting += vars(one).values() if hasattr(one, "__dict__") else []


def require_sound(estimator: object, path: object) -> None:
    """Check every tree and every support vector machine in an estimator.

    Raises:
        InputError: a number in it points to what is not there.
    """
    for part in every_part(estimator):
        kinds = {base.__name__ for base in type(part).__mro__}
        for name, fitted, check in _CHECKS:
            # One that was not fitted, as the pattern of a forest's trees is not, answers nothing at all.
            if name in kinds and hasattr(part, fitted) and (fault := check(part)) is not None:
                raise InputError(
                    f"{path} is damaged", expected=f"a sound {type(part).__name__}", received=fault,
                    hint="asking it could crash: save it again",
                )  # fmt: skip


def _tree_owner(part: Any) -> str | None:
    """A decision tree: its inside, and that it fits its estimator."""
    tree = part.tree_
    if tree.n_features != part.n_features_in_ or tree.n_outputs != part.n_outputs_:
        return f"a tree of {tree.n_features} columns in an estimator of {part.n_features_in_}"
    if tree.node_count != tree.capacity or tree.node_count < 1:
        return f"{tree.node_count} nodes where {tree.capacity} are stored"
    inner = tree.children_left != -1
    if not np.array_equal(inner, tree.children_right != -1):
        return "a node with one child"
    return _nodes(inner, (tree.children_left, tree.children_right), tree.feature, tree.n_features)


def _histogram_trees(part: Any) -> str | None:
    """Histogram gradient boosting: all its predictors."""
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE  # noqa: PLC0415

    for one in (predictor for stage in part._predictors for predictor in stage):
        nodes = one.nodes
        if nodes.dtype != PREDICTOR_RECORD_DTYPE or nodes.ndim != 1 or not len(nodes):
            return f"nodes of {nodes.dtype} {nodes.shape}"
        inner = nodes["is_leaf"] == 0
        fault = _nodes(inner, (nodes["left"], nodes["right"]), nodes["feature_idx"], part.n_features_in_)
        words = inner & (nodes["is_categorical"] != 0)
        if fault is None and (nodes["bitset_idx"][words] >= len(one.raw_left_cat_bitsets)).any():
            fault = "a set of categories that is not there"
        if fault is not None:
            return fault
    return None


def _nodes(
    inner: npt.NDArray[np.bool_], children: tuple[npt.NDArray[Any], ...], feature: npt.NDArray[Any], n_features: int
) -> str | None:
    """Children come after their parent, inside the tree; features are among the columns."""
    n, at = len(inner), np.arange(len(inner))[inner]
    for child in children:
        found = child[inner].astype(np.int64)
        if (found >= n).any() or (found <= at).any():
            return f"a child {int(found[(found >= n) | (found <= at)][0])} in a tree of {n} nodes"
    used = feature[inner].astype(np.int64)
    if ((used < 0) | (used >= n_features)).any():
        return f"a column {int(used[(used < 0) | (used >= n_features)][0])} of {n_features}"
    return None


def _forest(part: Any) -> str | None:
    """A forest or gradient boosting, whose C code is given the rows as they are: its trees are of its own columns."""
    trees = np.asarray(part.estimators_, dtype=object).ravel()
    return next((f"a tree of {one.n_features_in_} columns" for one in trees
                 if one.n_features_in_ != part.n_features_in_), None)  # fmt: skip


def _boosting(part: Any) -> str | None:
    """Gradient boosting: as a forest, and each tree says one number."""
    trees = np.asarray(part.estimators_, dtype=object).ravel()
    wide = next((one.tree_.value.shape for one in trees if one.tree_.value.shape[1:] != (1, 1)), None)
    return _forest(part) if wide is None else f"a tree of values {wide}"


def _vectors(part: Any) -> str | None:
    """A support vector machine of libsvm: counts, coefficients and vectors belong together."""
    vectors, counts = np.asarray(part.support_vectors_), np.asarray(part._n_support)
    n, several = len(part.support_), type(part).__name__ in ("SVC", "NuSVC")
    classes = len(part.classes_) if several else 2
    pairs = classes * (classes - 1) // 2
    if part._sparse or callable(part.kernel) or part.kernel == "precomputed":
        return f"a kernel {part.kernel!r} of other inputs than rows"
    wanted = {
        "vectors": (vectors.shape, (n, part.n_features_in_)),
        "coefficients": (np.asarray(part._dual_coef_).shape, (classes - 1, n)),
        "intercepts": (np.asarray(part._intercept_).shape, (pairs,)),
        "counts": (counts.shape, (2 if not several else classes,)),
        "probabilities": (np.asarray(part._probA).shape, (len(part._probB),)),
    }
    wrong = next((f"{name} {found}, not {fit}" for name, (found, fit) in wanted.items() if found != fit), None)
    if wrong is None and ((counts < 0).any() or (several and counts.sum() != n)):
        wrong = f"{int(counts.sum())} vectors, of which {n} are stored"
    return wrong


#: the class that a part is of or is made from, what it has when it was fitted, and what is checked then
_CHECKS: Final[tuple[tuple[str, str, Callable[[Any], str | None]], ...]] = (
    ("BaseDecisionTree", "tree_", _tree_owner),
    ("BaseForest", "estimators_", _forest),
    ("BaseGradientBoosting", "estimators_", _boosting),
    ("BaseHistGradientBoosting", "_predictors", _histogram_trees),
    ("BaseLibSVM", "support_vectors_", _vectors),
)
