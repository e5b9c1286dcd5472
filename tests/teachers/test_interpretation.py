"""From answers to distributions: every model by hand, and the controls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, ndtr

from joryu.annotations import Answer, Settings, Timing
from joryu.annotations.simulated import DriftDiffusion
from joryu.annotations.trials import Floats, Trials
from joryu.errors import InputError
from joryu.teachers import Interpretation, confidence, left_over, read_answers

SETTINGS = Settings(
    classes=("healthy", "rust", "rot"),
    severities=("mild", "severe"),
    confidences=("low", "high"),
    second_choice=True,
    nearest={"rust": "healthy"},
)


def answer(
    choice: str = "rust", *, picture: str = "p", annotator: str = "x", rt: float | None = None, **more: object
) -> Answer:
    return Answer(
        picture=picture,
        annotator=annotator,
        session=f"s-{annotator}",
        choice=choice,
        timing=Timing(rt_ms=rt),
        **more,  # type: ignore[arg-type]
    )


def probs(*answers: Answer, **reading: str) -> list[list[float]]:
    return read_answers(answers, SETTINGS, Interpretation(**reading)).probs.round(6).tolist()


def test_smoothing_is_spread_evenly_over_the_others() -> None:
    assert probs(answer(), confidence="constant:0.2") == [[0.1, 0.8, 0.1]]


def test_a_second_choice_takes_its_share_of_the_rest_first() -> None:
    rest = 0.2 * np.array([0.4 * 0.5, 0.4 * 0.5 + 0.6])
    assert probs(answer(second="rot"), confidence="constant:0.2") == [
        [pytest.approx(rest[0]), 0.8, pytest.approx(rest[1])]
    ]


def test_the_rest_can_be_the_second_choices_alone() -> None:
    found = probs(answer(second="rot"), answer(picture="q"), confidence="constant:0.2", left_over="second-choice")
    assert found == [[pytest.approx(0.2 * 0.01), 0.8, pytest.approx(0.2 * 0.99)], [0.1, 0.8, 0.1]]
    with pytest.raises(InputError, match="nobody gave a second choice"):
        probs(answer(), left_over="second-choice")


def test_the_blogs_three_rules() -> None:
    told = [
        answer(severity="mild", signals={"attention": 20.0}),
        answer("healthy", picture="q", signals={"attention": 60.0}),
    ]
    sure = {
        name: [probs(*told, confidence=name)[0][1], probs(*told, confidence=name)[1][0]]
        for name in ("severity", "attention", "severity*attention")
    }
    assert sure["severity"] == [0.75, 1.0]  # half of the way from 0.5 to 1; healthy has no severity
    assert sure["attention"] == [0.9, 0.7]  # the lower, the surer
    assert sure["severity*attention"] == [0.7, 0.7]


def test_stated_and_response_time() -> None:
    answers = [answer(confidence="low", rt=1000.0), answer(picture="q", confidence="high", rt=2000.0)]
    assert [row[1] for row in probs(*answers, confidence="stated")] == [0.75, 1.0]
    hesitation = Trials.of(answers, SETTINGS).hesitation()
    expected = 0.5 + 0.5 * ndtr(-hesitation)
    assert [row[1] for row in probs(*answers, confidence="response-time")] == pytest.approx(expected.tolist())


def test_times_that_hardly_differ_are_about_as_sure_and_a_slip_is_no_surest_answer() -> None:
    answers = [answer(picture=f"p{at}", rt=rt) for at, rt in enumerate((800.0, 801.0, 800.5))]
    assert [row[1] for row in probs(*answers, confidence="response-time")] == pytest.approx([0.75] * 3, abs=0.005)
    times = np.exp(7 + 0.4 * np.random.default_rng(0).standard_normal(40))
    slip = [answer(picture=f"p{at}", rt=rt) for at, rt in enumerate([*times, 40.0])]
    found = [row[1] for row in probs(*slip, confidence="response-time")]
    assert found[-1] == pytest.approx(np.mean(found[:-1]))
    assert found[int(times.argmin())] == max(found)


@pytest.mark.parametrize(
    ("classes", "rest", "least"), [("ab", "uniform", 0.5), ("abc", "uniform", 2 / 3), ("abc", "graph", 1 / 1.99)]
)
def test_a_constant_never_makes_another_class_the_likeliest(classes: str, rest: str, least: float) -> None:
    settings = Settings(classes=tuple(classes), nearest={"a": "b"})
    told = [answer("a"), answer("a", picture="q")]

    def read(smoothing: float) -> Floats:
        return read_answers(told, settings, Interpretation(confidence=f"constant:{smoothing}", left_over=rest)).probs

    assert read(least - 0.001).argmax(axis=1).tolist() == [0, 0]
    for smoothing in (least, least + 0.001, 0.99):
        with pytest.raises(InputError, match=f"{len(classes)} classes"):
            read(smoothing)
    with pytest.raises(InputError, match=f"{len(classes)} classes"):
        confidence.constant(0.99)(Trials.of(told, settings))


def test_a_second_choice_is_never_likelier_than_the_first() -> None:
    with pytest.raises(InputError, match=r"3 classes as likely as the chosen one \(expected E below 0.556"):
        probs(answer(second="rot"), confidence="constant:0.6")
    assert probs(answer(), confidence="constant:0.6") == [[0.3, 0.4, 0.3]]  # nobody gave one


def test_a_fitted_model_does_not_turn_answers_around() -> None:
    said = [
        answer(name, picture=f"p{at}", annotator=who)
        for at in range(20)
        for who, name in zip("xyz", ("rust", "rot", "rot"), strict=True)
    ]
    for at, row in enumerate(probs(*said[:1], *said[1:], confidence="logistic")):
        assert row[2] >= row[1] >= row[0], at
    settings = Settings(classes=("rust", "rot"))
    split = [answer(("rust", "rot")[who == "y"], picture=f"p{at}", annotator=who) for at in range(20) for who in "xy"]
    np.testing.assert_allclose(read_answers(split, settings, Interpretation(confidence="logistic")).probs, 0.5)


def test_what_was_not_measured_gets_the_mean_and_is_never_nought() -> None:
    answers = [
        answer(signals={"attention": 20.0}),
        answer(picture="q", signals={"attention": 60.0}),
        answer(picture="r"),
    ]
    assert [row[1] for row in probs(*answers, confidence="attention")] == [0.9, 0.7, 0.8]


def test_a_severity_that_is_missing_is_not_the_sureness_of_a_class_that_has_none() -> None:
    answers = [
        answer(severity="mild"),
        answer(picture="q", severity="severe"),
        answer(picture="r"),
        answer("healthy", picture="t"),
    ]
    assert [max(row) for row in probs(*answers, confidence="severity")] == [0.75, 1.0, 0.875, 1.0]


@pytest.mark.parametrize("model", ["severity", "attention", "severity*attention", "response-time", "stated"])
def test_what_was_never_measured_cannot_be_read(model: str) -> None:
    with pytest.raises(InputError, match="never measured"):
        probs(answer(), confidence=model)


def test_auto_takes_the_best_there_is() -> None:
    for answers, expected in (
        ([answer(confidence="low", rt=500.0)], "stated"),
        ([answer(rt=500.0)], "response-time"),
        ([answer(rt=50.0)], "constant:0.1"),  # sooner than anybody sees
        ([answer()], "constant:0.1"),
    ):
        trials = Trials.of(answers, SETTINGS)
        assert Interpretation().resolved(trials).confidence == expected
        assert Interpretation(confidence="shuffled:auto").resolved(trials).confidence == f"shuffled:{expected}"


def test_the_rest_goes_to_the_nearest_class() -> None:
    (rust, rot) = probs(answer(), answer("rot", picture="q"), confidence="constant:0.2", left_over="graph")
    assert rust == pytest.approx([0.2 * (0.98 + 0.01), 0.8, 0.2 * 0.01])
    assert rot == pytest.approx([0.1, 0.1, 0.8])  # rot names no nearest class
    with pytest.raises(InputError, match="names no nearest classes"):
        read_answers([answer()], Settings(classes=SETTINGS.classes), Interpretation(left_over="graph"))


def test_the_rest_goes_where_others_disagreed() -> None:
    said = [
        ("p", "x", "rust"),
        ("p", "y", "rot"),
        ("q", "x", "rust"),
        ("q", "y", "rot"),
        ("r", "x", "rust"),
        ("r", "y", "healthy"),
    ]
    answers = [answer(choice, picture=picture, annotator=who) for picture, who, choice in said]
    rest = left_over.confusion(Trials.of(answers, SETTINGS), SETTINGS)
    np.testing.assert_allclose(rest[1], [(1 + 2) / 7, 0, (2 + 2) / 7])  # two more for every pair
    np.testing.assert_allclose(rest[0], [0, (1 + 2) / 5, (0 + 2) / 5])
    np.testing.assert_allclose(np.diagonal(rest), 0)
    np.testing.assert_allclose(rest.sum(1), 1)
    with pytest.raises(InputError, match="no two answers about a picture differ"):
        probs(answer(), left_over="confusion")


def test_annotators_are_averaged_after_each_ones_own_repeats() -> None:
    answers = [answer("rust"), answer("rot", showing=1), answer("rust", annotator="y")]
    assert probs(*answers, confidence="constant:0") == [[0.0, 0.75, 0.25]]


def test_dawid_and_skene_weigh_people_by_their_errors() -> None:
    truth = ["healthy", "rust", "rot"] * 20
    answers = [answer(name, picture=f"p{at}", annotator=who) for at, name in enumerate(truth) for who in ("x", "y")]
    answers += [answer("healthy", picture=f"p{at}", annotator=f"z{k}") for at in range(60) for k in range(3)]
    found = np.array(probs(*answers, aggregate="dawid-skene")).argmax(1)
    assert [SETTINGS.classes[at] for at in found] == truth  # although "healthy" has the majority everywhere


def test_dawid_and_skene_refuse_what_one_person_said() -> None:
    answers = [answer(("healthy", "rust")[at % 4 == 0], picture=f"p{at}") for at in range(60)]
    with pytest.raises(InputError, match=r"cannot tell here whose answers are wrong.*try aggregate=average"):
        probs(*answers, aggregate="dawid-skene")


def test_weights_count_answers() -> None:
    answers = [answer(), answer(annotator="y"), answer(annotator="z"), answer(picture="q")]
    found = read_answers(answers, SETTINGS, Interpretation(confidence="constant:0.1", weight="answers")).weight
    assert found is not None
    assert found.tolist() == [1.5, 0.5]


def test_signals_travel_with_the_answers_as_means_of_what_was_measured() -> None:
    answers = [
        answer(rt=1000.0, signals={"attention": 40.0}), answer(picture="q", rt=3000.0, signals={"attention": 60.0}),
        answer(picture="r", rt=2000.0), answer(picture="q", rt=3000.0, showing=1, signals={"attention": 80.0}),
    ]  # fmt: skip
    read = read_answers(answers, SETTINGS, Interpretation(confidence="constant:0.1"))
    assert read.signal_names == ("response_time", "attention")
    assert read.signals is not None
    root = np.sqrt(1.5)
    np.testing.assert_allclose(read.signals[:, 1], [-root, root / 2, np.nan])
    assert np.isfinite(read.signals[:, 0]).all()
    assert read_answers([answer()], SETTINGS).signals is None


# --- the calibrated model -------------------------------------------------------------------------------------------


def simulated(n: int = 800, **annotator: float) -> tuple[Trials, Floats]:
    """One session of a simulated annotator, and whether each answer is right."""
    generator = np.random.default_rng(1)
    truth = np.arange(n) % 3
    evidence = generator.normal(0, 0.5, (n, 3))
    evidence[np.arange(n), truth] += generator.gamma(2, 0.5, n)
    answers = DriftDiffusion(**annotator).answers(
        evidence, pictures=[f"p{at}" for at in range(n)], settings=SETTINGS, seed=0
    )
    trials = Trials.of(answers, SETTINGS)
    return trials, (trials.choice == truth).astype(np.float64)


def test_the_fitted_weights_are_those_that_made_the_agreement() -> None:
    trials, _ = simulated(4000)
    hesitation = trials.hesitation()
    chance = expit(0.7 - 1.2 * hesitation)
    found = confidence.fit_logistic(trials, chance, features=["response-time"])
    assert found.weights[:2] == pytest.approx((0.7, -1.2), abs=0.01)
    np.testing.assert_allclose(found(trials), chance, atol=0.005)


def test_missing_is_a_flag_and_not_a_value() -> None:
    trials, _ = simulated(4000)
    lost = np.arange(4000) % 2 == 0
    hesitation = trials.hesitation()
    chance = np.where(lost, 0.9, expit(-hesitation))
    found = confidence.fit_logistic(
        replace(trials, log_rt=np.where(lost, np.nan, trials.log_rt)), chance, features=["response-time"]
    )
    sure = found(replace(trials, log_rt=np.where(lost, np.nan, trials.log_rt)))
    np.testing.assert_allclose(sure[lost], 0.9, atol=0.01)
    assert np.corrcoef(sure[~lost], chance[~lost])[0, 1] > 0.99


def test_a_signal_that_tells_is_used_and_a_shuffled_one_is_not() -> None:
    trials, right = simulated(3000, rho=0.8)
    told = confidence.fit_logistic(trials, right, features=["attention"])
    blind = confidence.fit_logistic(simulated(3000, rho=0.0)[0], right, features=["attention"])
    assert told.weights[1] < -0.4  # lower attention, surer
    assert abs(blind.weights[1]) < 0.12


def test_agreement_is_with_the_other_answers() -> None:
    said = [("p", "x", "rust"), ("p", "y", "rust"), ("p", "z", "rot"), ("q", "x", "rot")]
    trials = Trials.of([answer(choice, picture=picture, annotator=who) for picture, who, choice in said], SETTINGS)
    np.testing.assert_allclose(confidence.agreement_among(trials), [0.5, 0.5, 0.0, np.nan])


def test_calibration_needs_something_to_calibrate_by() -> None:
    with pytest.raises(InputError, match="too few answers to calibrate by"):
        probs(answer(rt=5.0), confidence="logistic")
    trials, right = simulated(60)
    with pytest.raises(InputError, match="'pulse' was unknown"):
        confidence.fit_logistic(trials, right, features=["pulse"])
    bare = replace(trials, signals={})
    with pytest.raises(InputError, match="'attention' was never measured"):
        confidence.fit_logistic(bare, right, features=["attention"])
    assert confidence.fit_logistic(bare, right, features=[])(bare) == pytest.approx(right.mean(), abs=1e-9)


# --- controls and words ---------------------------------------------------------------------------------------------


def test_the_shuffled_control_has_the_same_sureness_on_other_answers_of_the_session() -> None:
    answers = [answer(picture=f"p{at}", annotator=who, rt=500.0 + 7 * at) for who in "xy" for at in range(40)]
    trials = Trials.of(answers, SETTINGS)
    plain, shuffled = (
        Interpretation(confidence=name).sureness(trials) for name in ("response-time", "shuffled:response-time")
    )
    assert not np.array_equal(plain, shuffled)
    for session in (0, 1):
        at = trials.session == session
        np.testing.assert_allclose(np.sort(plain[at]), np.sort(shuffled[at]))


def test_every_shuffle_is_another_and_the_same_again() -> None:
    answers = [answer(picture=f"p{at}", rt=500.0 + 7 * at) for at in range(40)]
    trials = Trials.of(answers, SETTINGS)
    words = [f"confidence=shuffled:response-time,shuffle={number}" for number in (0, 1, 2, 1)]
    first, second, third, again = (Interpretation.parse(text).sureness(trials) for text in words)
    assert not np.array_equal(first, second)
    assert not np.array_equal(second, third)
    np.testing.assert_array_equal(second, again)
    np.testing.assert_array_equal(np.sort(first), np.sort(third))
    assert Interpretation.parse(words[0]) == Interpretation(confidence="shuffled:response-time")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("confidence=telepathy", "unknown confidence"),
        ("confidence=constant:much", "cannot read the smoothing"),
        ("confidence=constant:1.5", "smoothing is not usable"),
        ("left-over=nowhere", "unknown left-over"),
        ("aggregate=loudest", "unknown aggregate"),
        ("weight=heavy", "unknown weight"),
        ("mood=good", "cannot read how to take the answers"),
        ("confidence=stated,confidence=severity", "in one way only"),
        ("confidence=shuffled:stated,shuffle=-1", "shuffle is not usable"),
        ("confidence=shuffled:stated,shuffle=much", "shuffle is not usable"),
        ("confidence=stated,shuffle=1", "shuffle= is for a control"),
        ("confidence=stated,aggregate=dawid-skene", "looks at choices alone"),
        ("left-over=graph,aggregate=dawid-skene", "looks at choices alone"),
    ],
)
def test_unknown_words_are_named(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Interpretation.parse(text)


def test_words_are_read_as_they_are_written() -> None:
    assert Interpretation.parse("") == Interpretation()
    parsed = Interpretation.parse("confidence=severity*attention,left-over=graph,aggregate=average,weight=answers")
    assert parsed == Interpretation(confidence="severity*attention", left_over="graph", weight="answers")
