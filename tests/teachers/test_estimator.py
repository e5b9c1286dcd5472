"""`Estimator`: a fitted estimator in memory; means with variances, and data frames with words, in a file too."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import skops.io
import torch
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestRegressor,
)
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.impute import SimpleImputer
from sklearn.linear_model import BayesianRidge, LinearRegression, LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from joryu.errors import InputError, MismatchError
from joryu.examples import Examples, load_examples
from joryu.questions import Question
from joryu.targets import Store
from joryu.teachers import Estimator, Network, find_teacher, load_teacher
from joryu.teachers.foreign.estimator_digest import estimator_digest
from joryu.teachers.labelling import label_examples

PRICE = Question.numbers(["price"])
DICE = np.random.default_rng(0)
ROWS = DICE.normal(size=(40, 3))
PRICES = ROWS[:, 0] * 3 + DICE.normal(size=40)


@pytest.mark.parametrize(
    "fitted",
    [
        BayesianRidge(),
        make_pipeline(StandardScaler(), GaussianProcessRegressor(RBF(2.0) + WhiteKernel(0.1), optimizer=None)),
    ],
    ids=["ridge", "pipeline"],
)
def test_a_deviation_becomes_the_variance_of_the_answers(fitted: Any, tmp_path: Path) -> None:
    fitted.fit(ROWS, PRICES)
    means, deviations = fitted.predict(ROWS, return_std=True)
    skops.io.dump(fitted, tmp_path / "a.skops")
    saved = load_teacher(f"sklearn:{tmp_path / 'a.skops'}", question=PRICE)
    rows = torch.from_numpy(ROWS).float()
    for teacher in (Estimator(fitted, question=PRICE), saved):
        answers = teacher.label(rows)
        assert answers.variance is not None
        assert torch.allclose(answers.numbers()[:, 0], torch.from_numpy(means).float(), atol=1e-4)
        assert torch.allclose(answers.variance[:, 0].sqrt(), torch.from_numpy(deviations).float(), atol=1e-4)
    assert Estimator(fitted, question=PRICE, output="predict").label(rows).variance is None
    kept = label_examples(saved, Examples.of(rows, question=PRICE), tmp_path / "targets")
    assert Store.open(kept.path).gather(torch.arange(3)).variance is not None


def test_the_variance_of_a_forest_is_that_of_its_mixture_of_leaves() -> None:
    # One tree splits 0 0 | 4 6, the other may not split: leaves N(0, 0), N(5, 1) and N(2.5, 6.75) of four labels.
    rows, labels = np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([0.0, 0.0, 4.0, 6.0])
    forest = RandomForestRegressor(2, bootstrap=False, max_depth=1, random_state=0).fit(rows, labels)
    forest.estimators_[1].set_params(max_depth=1, min_samples_leaf=4).fit(rows, labels)
    answers = Estimator(forest, question=PRICE, output="trees").label(torch.tensor([[0.0], [1.0]]))
    assert answers.numbers().ravel().tolist() == [1.25, 3.75]
    assert answers.variance is not None
    assert answers.variance.ravel().tolist() == [6.75 / 2 + 1.25**2, 7.75 / 2 + 1.25**2]


def test_who_has_no_variance_or_no_names_says_so() -> None:
    line = LinearRegression().fit(ROWS, PRICES)
    for output, said in {"std": "standard deviation of its numbers", "trees": "variance between trees"}.items():
        with pytest.raises(InputError, match=f"LinearRegression gives no {said} .*received LinearRegression"):
            Estimator(line, question=PRICE, output=output)  # type: ignore[arg-type]
    two = RandomForestRegressor(2).fit(ROWS, ROWS[:, :2])
    with pytest.raises(InputError, match="trees of a forest of one number"):
        Estimator(two, question=Question.numbers(["a", "b"]), output="trees")
    with pytest.raises(InputError, match=r"what the numbers of the LinearRegression are called .*question=Question"):
        Estimator(line)
    with pytest.raises(InputError, match="expected a fitted classifier or regressor; received LinearRegression"):
        Estimator(LinearRegression(), question=PRICE)
    for strange in (KMeans(2, n_init=1), IsolationForest(n_estimators=2)):
        with pytest.raises(InputError, match=f"classifier or regressor; received {type(strange).__name__}"):
            Estimator(strange.fit(ROWS), question=PRICE)
    wide = torch.nn.Linear(3, 3)
    with pytest.raises(MismatchError, match=re.escape("expected [2, 2]: the numbers, then their variances")):
        Network(wide, question=PRICE, output="moments").label(torch.zeros(2, 3))
    with pytest.raises(InputError, match="only numbers have variances"):
        Network(wide, ["a", "b", "c"], output="moments")


def test_what_to_name_is_said_in_python_and_no_file_that_lies_about_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = GaussianProcessRegressor(optimizer=None).fit(ROWS, PRICES)
    hint = "; question=Question.numbers([…]), with a name for each of its outputs in their order"
    for question, said in {
        Question.numbers(["a", "b"]): "about another number of names (expected 1; received 2 numbers: a, b)",
        Question.one_of(["a", "b"]): "another kind of question than is asked (expected one of 2 classes: a, b;"
        " received identity outputs)",
    }.items():
        with pytest.raises(MismatchError, match=re.escape(f"the GaussianProcessRegressor answers {said}{hint}")):
            Estimator(process, question=question)
    (tmp_path / "labels.txt").write_text("ant\n")
    monkeypatch.chdir(tmp_path)
    assert Estimator(process, question=PRICE).question == PRICE


@pytest.mark.parametrize("last", [MLPClassifier((4,), max_iter=5), OneVsRestClassifier(LogisticRegression())])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_tags_at_the_end_of_a_pipeline_are_tags(last: Any) -> None:
    tags = np.random.default_rng(1).integers(0, 2, (40, 3))
    pipeline = make_pipeline(StandardScaler(), last).fit(ROWS, tags)
    teacher = Estimator(pipeline, question=Question.tags(["a", "b", "c"]))
    said = teacher.label(torch.from_numpy(ROWS).float()).probs()
    assert torch.allclose(said, torch.from_numpy(pipeline.predict_proba(ROWS)).float(), atol=1e-4)


def test_it_is_a_copy_known_by_its_content() -> None:
    forest = ExtraTreesClassifier(3, random_state=0, n_jobs=2).fit(ROWS, PRICES > 0)
    teacher, rows = Estimator(forest), torch.from_numpy(ROWS).float()
    before = teacher.label(rows).values
    forest.set_params(random_state=1, n_jobs=None).fit(ROWS, PRICES > 1)
    assert torch.equal(teacher.label(rows).values, before)
    assert Estimator(forest).fingerprint != teacher.fingerprint
    one, other = (BayesianRidge(verbose=said).fit(np.eye(3), np.arange(3.0)) for said in (False, True))
    assert estimator_digest(one) == estimator_digest(other)
    assert estimator_digest(one) != estimator_digest(BayesianRidge().fit(np.eye(3), np.arange(1.0, 4.0)))


def towns(path: Path, **other: Any) -> tuple[pandas.DataFrame, np.ndarray, Examples]:
    """A frame with holes, its labels, and the same as the examples of a table."""
    frame = pandas.DataFrame({
        "age": DICE.normal(40, 10, 60).round(1), "town": DICE.choice(["oslo", "bern", "rome"], 60),
        "floor": DICE.choice([1, 2, 3], 60), "zone": DICE.choice([1, 2], 60),
    }).assign(**other)  # fmt: skip
    frame.loc[3, "town"], frame.loc[5, "age"] = None, np.nan
    kind = np.where(frame.age.fillna(40) + 10 * (frame.town == "rome") + 5 * frame.floor > 55, "old", "young")
    frame.assign(kind=kind).to_csv(path, index=False)
    return frame, kind, load_examples(f"table:{path},target=kind,categories=zone", split="train")


def test_words_and_numbers_reach_an_estimator_that_learned_from_a_data_frame(tmp_path: Path) -> None:
    frame, kind, examples = towns(tmp_path / "a.csv")
    words = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    chosen = make_column_transformer(
        (SimpleImputer(), ["age"]), (words, ["town"]), (OneHotEncoder(handle_unknown="ignore"), [2, 3])
    )
    whole = make_pipeline(chosen, ExtraTreesClassifier(9, random_state=0)).fit(frame, kind)
    by_type = frame.assign(town=frame.town.astype("category"))
    histogram = HistGradientBoostingClassifier(categorical_features="from_dtype", max_iter=2, min_samples_leaf=2)
    skops.io.dump(whole, tmp_path / "a.skops")
    saved, _ = find_teacher(f"sklearn:{tmp_path / 'a.skops'}", examples)
    for teacher, fitted, shown in (
        (Estimator(whole, examples), whole, frame),
        (saved, whole, frame),
        (Estimator(histogram.fit(by_type, kind), examples), histogram, by_type),
    ):
        found = teacher.label(examples.inputs[:]).probs()
        assert torch.allclose(found, torch.from_numpy(fitted.predict_proba(shown)).float(), atol=1e-5)
    with pytest.raises(InputError, match=r"learned from a data frame .*received inputs \[2, 4\]"):
        Estimator(whole).label(torch.zeros(2, 4))
    _, _, lacking = towns(tmp_path / "b.csv", town=DICE.choice(["paris", "nice"], 60))
    with pytest.raises(MismatchError, match=r"other categories of 'town' than the table has .*received nice, paris"):
        Estimator(whole, lacking)
    with pytest.raises(MismatchError, match="expected age, town, floor, zone; received no column 'town' among age"):
        Estimator(whole, load_examples("table:diabetes"))
