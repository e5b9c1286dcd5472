"""The target level of people-cifar: the numbers found before on real people, and the controls on simulated ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from joryu.annotations.trials import NONE
from joryu.errors import InputError
from joryu.experiments.experiment import Setting
from joryu.experiments.people import AskedPeople, cifar_people, simulated_people
from joryu.experiments.people_cifar import RATES, TRIED_FIRST, VALIDATION, course_of, one_each, student_targets
from joryu.experiments.people_targets import (
    FOLDS,
    auroc,
    build,
    cross_fitted,
    folds_of,
    gain_of_response_time,
    shuffled_response_time,
    table,
    with_hesitation,
)
from joryu.experiments.precomputed import head_of, with_new_head
from joryu.questions import Question
from joryu.students import Blueprint
from joryu.training.run import Watch


@pytest.fixture(scope="module")
def people(in_real_data: Callable[[str], Path]) -> AskedPeople:
    return cifar_people(in_real_data("cifar10_human").parent)


def with_plain_scores(people: AskedPeople) -> AskedPeople:
    """The same with hesitation as the independent implementation took it: z-scores of all times as they are."""
    trials = people.trials
    each = [np.flatnonzero(trials.annotator == who) for who in range(len(trials.annotators))]
    scores, practice = trials.log_rt.copy(), np.log1p(trials.position.astype(np.float64))
    for rows in each:
        scores[rows] -= scores[rows].mean()
        practice[rows] -= practice[rows].mean()
    scores -= practice * (practice @ scores) / (practice @ practice)
    for rows in each:
        scores[rows] /= scores[rows].std()
    return people._replace(trials=with_hesitation(trials, scores))


def test_the_table_of_an_independent_implementation(people: AskedPeople) -> None:
    assert (len(people.trials), len(people.trials.annotators), len(people.rows)) == (6224, 248, 1000)
    plain = with_plain_scores(people)
    found = table(plain, seed=0)
    expected = {
        "hard": (1.731, 1.565), "constant": (0.619, 0.453), "response_time": (0.603, 0.437), "stated": (0.574, 0.408),
        "stated_response_time": (0.571, 0.405), "oracle": (0.403, 0.237),
    }  # fmt: skip
    for name, (even, confused) in expected.items():
        assert found[f"{name}_even"] == pytest.approx(even, abs=0.0015), name
        assert found[f"{name}_confused"] == pytest.approx(confused, abs=0.0015), name
    quick = auroc(plain)
    assert (quick["auroc_raw"], quick["auroc_hesitation"]) == pytest.approx((0.632, 0.688), abs=0.001)
    assert auroc(people)["auroc_hesitation"] == pytest.approx(0.690, abs=0.001)  # winsorised


@pytest.mark.slow
def test_response_time_helps_a_little_and_reliably(people: AskedPeople) -> None:
    names = ("gain_rt", "gain_rt_low", "gain_rt_high")
    plain, gain = (gain_of_response_time(asked, seed=0) for asked in (with_plain_scores(people), people))
    assert [plain[name] for name in names] == pytest.approx([0.0164, 0.0129, 0.0198], abs=0.0005)
    assert [gain[name] for name in names] == pytest.approx([0.0184, 0.0148, 0.0220], abs=0.0005)  # winsorised
    permuted = shuffled_response_time(people, seed=0, permutations=20)
    assert permuted.evidence
    assert permuted.gain == pytest.approx(gain["gain_rt"], abs=0.001)


def test_the_people_belong_to_the_pictures(people: AskedPeople) -> None:
    # ~51 people are hardly ever wrong together: the fullest class is CIFAR-10's label for 99.2 % of the pictures.
    assert (people.people.argmax(1) == people.examples.labels_or_empty.numpy()).mean() == pytest.approx(0.9921)


def test_no_picture_tells_about_itself() -> None:
    asked = simulated_people(0)
    folds = folds_of(asked, 0)
    assert all(len(set(folds[asked.trials.picture == picture])) == 1 for picture in range(len(asked.rows)))
    agreement = asked.agreement.copy()
    plain = cross_fitted(asked.trials, agreement, folds, ("response-time",))
    agreement[folds == 3] = 1 - agreement[folds == 3]
    turned = cross_fitted(asked.trials, agreement, folds, ("response-time",))
    np.testing.assert_array_equal(plain[folds == 3], turned[folds == 3])
    assert (plain[folds == 4] != turned[folds == 4]).all()


def test_every_target_is_a_distribution_and_the_better_informed_is_nearer() -> None:
    asked = simulated_people(1)
    for name, q in student_targets(asked, 1).items():
        assert q.shape == (len(asked.rows), 10), name
        np.testing.assert_allclose(q.sum(1), 1, err_msg=name)
        assert (q >= 0).all(), name
    found = table(asked, 1)
    assert found["oracle_even"] < found["stated_even"] < found["constant_even"] < found["hard_even"]
    assert found["constant_confused"] < found["constant_even"]


def test_one_trial_a_picture_drawn_by_the_seed() -> None:
    asked = simulated_people(0)
    rows = one_each(asked.trials, 5)
    assert asked.trials.picture[rows].tolist() == list(range(len(asked.rows)))
    assert (rows != one_each(asked.trials, 6)).any()


def test_the_share_of_a_second_choice_is_learnt_from_other_pictures() -> None:
    asked = simulated_people(0)
    found, folds = build(asked, 0).second_share, folds_of(asked, 0)
    second, people = asked.trials.second, asked.people_of_trials
    for fold in range(FOLDS):
        others = (folds != fold) & (second != NONE)
        assert others.sum() > 5
        share = people[others, second[others]].sum() / (1 - asked.agreement[others]).sum()
        assert found[folds == fold] == pytest.approx(share)
        assert 0 < share < 1


def test_absent_data_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"raw_human_data\.csv is not in .*; set JORYU_DATA"):
        cifar_people(tmp_path)


def test_a_new_head_begins_at_nothing_on_the_same_body() -> None:
    plan = Blueprint(architecture="cnn:4x2", input_shape=(1, 8, 8), classes=("a", "b", "c"), scale=1 / 255)
    module = plan.build()
    inputs = torch.randint(0, 256, (5, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    module(inputs)  # running means of batch norm that are not their first ones
    before = torch.get_rng_state()
    other = with_new_head(
        module, plan.model_copy(update={"question": Question.one_of("xy"), "heads": {"signals": ("rt",)}})
    )
    assert torch.equal(torch.get_rng_state(), before)
    head = head_of(other)
    assert {name.rpartition(".")[2]: tuple(weights.shape) for name, weights in head.items()} == {
        "weight": (3, head_of(module)[next(iter(head))].shape[1]),
        "bias": (3,),
    }
    assert all(not weights.any() for weights in head.values())
    state, first = other.state_dict(), module.state_dict()
    assert state.keys() == first.keys()
    assert all(torch.equal(state[name], first[name]) for name in state.keys() - head.keys())
    assert torch.equal(other.eval()(inputs), torch.zeros(5, 2))


@pytest.mark.slow
def test_the_pictures_that_choose_do_not_judge(tmp_path: Path) -> None:
    seen: list[str] = []

    @contextmanager
    def watching(name: str) -> Iterator[Watch]:
        seen.append(name)
        yield lambda *_: None

    setting = Setting(seed=0, smoke=True, folder=tmp_path / "seed-0", shared=tmp_path, watching=watching)
    asked = simulated_people(0)
    course, evaluation_set, tried = course_of(setting, asked)
    assert [name for name in seen if "rate-" in name][:3] == [f"seed 0: rate-{rate:g}" for rate in RATES[TRIED_FIRST]]
    assert course.recipe.learning_rate == min(tried, key=lambda rate: tried[rate])
    edges = {next(iter(tried)), next(reversed(tried))} - {RATES[0], RATES[-1]}
    assert course.recipe.learning_rate not in edges, "a best rate at the edge of what was tried says too little"
    judged = {words.tobytes() for words in evaluation_set.examples.ids}
    assert not judged & {words.tobytes() for words in asked.examples.ids[asked.rows]}
    others = len(asked.examples) - len(asked.rows)
    assert len(evaluation_set.examples) == others - -(-others // VALIDATION)
    assert len(evaluation_set.people) == len(evaluation_set.examples)
