"""`sklearn:FILE.skops`: which numbers are read, in whose order, of which columns; and that no file does harm."""

from __future__ import annotations

import os
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skops.io
import torch
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF, ConstantKernel
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from joryu.errors import InputError, MismatchError
from joryu.examples import Examples, load_examples
from joryu.questions import Link, Question
from joryu.teachers import find_teacher, load_teacher

ROWS, KINDS = load_digits(return_X_y=True)
ROWS, KINDS = ROWS[KINDS < 3][:150], KINDS[KINDS < 3][:150]
NAMES = np.array(["cat", "ant", "bee"])[KINDS]
ABC = ("ant", "bee", "cat")


def saved(estimator: Any, path: Path) -> str:
    skops.io.dump(estimator, path)
    return f"sklearn:{path}"


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(max_iter=30),
        RandomForestClassifier(5, random_state=0, n_jobs=2),
        DecisionTreeClassifier(max_depth=3),
        GradientBoostingClassifier(n_estimators=2),
        HistGradientBoostingClassifier(max_iter=2),
        BaggingClassifier(n_estimators=3, max_features=0.5, random_state=0),
        GaussianNB(),
        MLPClassifier((8,), max_iter=300, tol=0.1, random_state=0),
        GaussianProcessClassifier(ConstantKernel() * RBF(5.0), optimizer=None),
        CalibratedClassifierCV(GaussianNB(), cv=2),
        KNeighborsClassifier(algorithm="brute"),
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=30)),
    ],
    ids=lambda one: type(one).__name__,
)
def test_it_answers_as_the_estimator_does_in_the_order_of_the_examples(estimator: Any, tmp_path: Path) -> None:
    estimator.fit(ROWS, NAMES)
    spec = saved(estimator, tmp_path / "a.skops")
    rows = torch.from_numpy(ROWS[:20])
    expected = torch.from_numpy(estimator.predict_proba(ROWS[:20])).float()
    own = load_teacher(spec)
    assert own.question == Question.one_of(sorted(set(NAMES.tolist())))
    found = load_teacher(spec, question=Question.one_of(["bee", "cat", "ant"])).label(rows).probs()
    assert torch.allclose(found, expected[:, [1, 2, 0]], atol=1e-5)


def test_numbers_tags_and_margins(tmp_path: Path) -> None:
    rows = torch.from_numpy(ROWS[:9])
    targets = np.stack([KINDS * 2.0, KINDS - 1.0], axis=1)
    forest = ExtraTreesRegressor(3, random_state=0).fit(ROWS, targets)
    (tmp_path / "names.txt").write_text("width\nheight\n")
    numbers = load_teacher(saved(forest, tmp_path / "a.skops") + f",labels={tmp_path / 'names.txt'}")
    assert numbers.question == Question.numbers(["width", "height"])
    assert torch.allclose(numbers.label(rows).numbers(), torch.from_numpy(forest.predict(ROWS[:9])).float())
    single = LinearRegression().fit(ROWS, KINDS)
    asked = Question.numbers(["kind"])
    price = load_teacher(saved(single, tmp_path / "b.skops"), question=asked).label(rows).numbers()
    assert torch.allclose(price[:, 0], torch.from_numpy(single.predict(ROWS[:9])).float(), atol=1e-5)
    both = MultiOutputClassifier(GaussianNB()).fit(ROWS, np.stack([KINDS > 0, KINDS > 1], axis=1).astype(int))
    tags = load_teacher(saved(both, tmp_path / "c.skops") + f",labels={tmp_path / 'names.txt'}")
    assert tags.question.link is Link.SIGMOID
    expected = np.stack([one[:, 1] for one in both.predict_proba(ROWS[:9])], axis=1)
    assert torch.allclose(tags.label(rows).probs(), torch.from_numpy(expected).float(), atol=1e-5)
    machine = LinearSVC(max_iter=5000).fit(ROWS, NAMES)
    spec = saved(machine, tmp_path / "d.skops")
    with pytest.raises(InputError, match=r"gives no probabilities .*,output=decision_function takes its margins"):
        load_teacher(spec)
    margins = load_teacher(f"{spec},output=decision_function").label(rows).values
    assert torch.allclose(margins, torch.from_numpy(machine.decision_function(ROWS[:9])).float(), atol=1e-4)
    two = LogisticRegression(max_iter=50).fit(ROWS, KINDS > 0)
    spec = saved(two, tmp_path / "e.skops")
    one, other = load_teacher(spec), load_teacher(f"{spec},output=decision_function")
    assert one.question.names == ("False", "True")
    assert torch.allclose(one.label(rows).probs(), other.label(rows).probs(), atol=1e-5)


def test_pictures_are_made_flat_once_their_range_is_said(tmp_path: Path) -> None:
    estimator = LogisticRegression(max_iter=30).fit(ROWS / 16, KINDS)
    spec = saved(estimator, tmp_path / "a.skops")
    inputs = torch.from_numpy(ROWS[:9] / 16 * 255).round().to(torch.uint8).reshape(-1, 1, 8, 8)
    with pytest.raises(InputError, match="does not say of what range"):
        load_teacher(spec).label(inputs)
    found = load_teacher(f"{spec},range=0..1").label(inputs).probs()
    assert torch.allclose(found, torch.from_numpy(estimator.predict_proba(ROWS[:9] / 16)).float(), atol=2e-2)
    with pytest.raises(MismatchError, match=re.escape("expected [B, 64]; received float32 [9, 100]")):
        load_teacher(f"{spec},range=0..1").label(torch.zeros(9, 1, 10, 10, dtype=torch.uint8))


def table(path: Path, columns: dict[str, Any]) -> Examples:
    lines = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return load_examples(f"table:{path},target=kind", split="train")


def test_a_table_is_given_in_the_numbers_and_columns_that_it_learned_from(tmp_path: Path) -> None:
    import pandas

    dice = np.random.default_rng(0)
    frame = {"age": dice.normal(40, 10, 60).round(2), "height": dice.normal(1.7, 0.1, 60).round(3)}
    kind = np.where(frame["age"] / 20 + frame["height"] > 3.7, "old", "young")
    tree = DecisionTreeClassifier(max_depth=4).fit(pandas.DataFrame(frame), kind)
    spec = saved(tree, tmp_path / "a.skops")
    turned = table(tmp_path / "a.csv", {"height": frame["height"], "kind": kind, "age": frame["age"]})
    teacher, known = find_teacher(spec, turned)
    said = teacher.label(known.inputs).probs().argmax(1)
    assert torch.equal(said, known.labels)  # every row, though columns stand elsewhere and are standardised
    with pytest.raises(
        MismatchError, match=re.escape("(expected age, height; received no column 'age' among height, years")
    ):
        find_teacher(spec, table(tmp_path / "b.csv", {"height": frame["height"], "kind": kind, "years": frame["age"]}))
    bare = saved(DecisionTreeClassifier().fit(np.stack(list(frame.values()), 1), kind), tmp_path / "b.skops")
    more = {**frame, "weight": frame["age"], "kind": kind}
    with pytest.raises(MismatchError, match="expected 2 columns; received 3: age, height, weight"):
        find_teacher(bare, table(tmp_path / "c.csv", more))
    (tmp_path / "b.skops.toml").write_text('[input]\ncolumns = ["age", "height"]\n')
    teacher, known = find_teacher(bare, table(tmp_path / "c.csv", more))
    assert torch.equal(teacher.label(known.inputs).probs().argmax(1), known.labels)
    words = table(tmp_path / "d.csv", {"age": ["a", "b"] * 30, "height": frame["height"], "kind": kind})
    with pytest.raises(InputError, match="asked about words, in the column 'age'"):
        find_teacher(spec, words)


def test_what_may_not_be_read_is_refused_by_name(tmp_path: Path) -> None:
    for estimator, said in {
        GridSearchCV(GaussianNB(), {}): "received sklearn.m",
        KNeighborsClassifier(algorithm="kd_tree"): "received sklearn.metrics._dist_metrics",
        make_pipeline(FunctionTransformer(os.system), GaussianNB()): "received posix.system",
    }.items():
        fitted = estimator if "system" in said else estimator.fit(ROWS, NAMES)
        with pytest.raises(InputError, match=f"holds a type that may not be read .*{said}"):
            load_teacher(saved(fitted, tmp_path / "a.skops"))
    (tmp_path / "b.skops").write_bytes(pickle.dumps(GaussianNB().fit(ROWS, NAMES)))
    whole = (tmp_path / "a.skops").read_bytes()
    (tmp_path / "c.skops").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "d.skops").write_bytes(b"joblib, compressed")
    saved(GaussianNB(), tmp_path / "e.skops")
    saved(StandardScaler().fit(ROWS), tmp_path / "f.skops")
    for name, said in {
        "b": "received a pickle, which could run any program",
        "c": "cannot be read (expected an estimator saved with skops.io.dump, whole",
        "d": "received no archive of skops",
        "e": "expected a fitted classifier or regressor; received GaussianNB",
        "f": "expected a fitted classifier or regressor; received StandardScaler",
    }.items():
        with pytest.raises(InputError, match=re.escape(said)):
            load_teacher(f"sklearn:{tmp_path / name}.skops")


class Damage:
    """Ways in which a saved estimator is damaged before it is written."""

    @staticmethod
    def node(field: str, value: int) -> Any:
        def damage(tree: Any) -> None:
            state = tree.__getstate__()
            state["nodes"][field][0] = value
            tree.__setstate__(state)

        return damage


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (Damage.node("left_child", 10_000), "a child 10000 in a tree of"),
        (Damage.node("left_child", 0), "a child 0 in a tree of"),
        (Damage.node("right_child", -1), "a node with one child"),
        (Damage.node("feature", 64), "a column 64 of 64"),
        (Damage.node("feature", -2), "a column -2 of 64"),
    ],
)
@pytest.mark.parametrize("kind", [DecisionTreeClassifier, RandomForestClassifier, GradientBoostingClassifier])
def test_damaged_trees_are_refused_before_they_crash(damage: Any, said: str, kind: Any, tmp_path: Path) -> None:
    estimator = kind(random_state=0).fit(ROWS, NAMES)
    first = estimator if kind is DecisionTreeClassifier else np.ravel(estimator.estimators_)[0]
    damage(first.tree_)
    with pytest.raises(InputError, match=f"is damaged .*{said}"):
        load_teacher(saved(estimator, tmp_path / "a.skops"))


def test_other_damage_is_refused_too(tmp_path: Path) -> None:
    histogram = HistGradientBoostingClassifier(max_iter=1).fit(ROWS, NAMES)
    for field, value, said in (("left", 9999, "a child 9999"), ("feature_idx", 70, "a column 70 of 64")):
        nodes = histogram._predictors[0][0].nodes
        before, nodes[field][0] = nodes[field][0], value
        with pytest.raises(InputError, match=f"is damaged .*{said}"):
            load_teacher(saved(histogram, tmp_path / "a.skops"))
        nodes[field][0] = before
    forest = RandomForestClassifier(2).fit(ROWS, NAMES)
    forest.estimators_[1] = DecisionTreeClassifier().fit(np.tile(ROWS, 2), KINDS)
    with pytest.raises(InputError, match=r"is damaged .*a tree of 128 columns"):
        load_teacher(saved(forest, tmp_path / "a.skops"))
    boosted = GradientBoostingClassifier(n_estimators=1).fit(ROWS, NAMES)
    boosted.estimators_[0, 0] = DecisionTreeClassifier().fit(ROWS, KINDS)
    with pytest.raises(InputError, match=r"is damaged .*a tree of values"):
        load_teacher(saved(boosted, tmp_path / "a.skops"))
    machine = SVC().fit(ROWS, NAMES)
    load_teacher(saved(machine, tmp_path / "a.skops") + ",output=decision_function")
    load_teacher(saved(SVR().fit(ROWS, KINDS), tmp_path / "a.skops"), question=Question.numbers(["kind"]))
    machine._n_support = machine._n_support * 100
    with pytest.raises(InputError, match=r"is damaged .*vectors, of which"):
        load_teacher(saved(machine, tmp_path / "a.skops") + ",output=decision_function")
