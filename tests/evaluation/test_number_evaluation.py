"""Numbers by hand, beside scikit-learn, far from zero, and with a variance."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import norm
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score
from torch import Tensor

from joryu.errors import InputError
from joryu.evaluation import NumberEvaluation, evaluator_for
from joryu.evaluation.numbers import HALF_WIDTH
from joryu.questions import Question
from joryu.targets.moments import Moments
from joryu.targets.soft_targets import SoftTargets, Space

NAN = math.nan


def evaluate(
    outputs: dict[str, Tensor], labels: Tensor, size: int = 7, units: tuple[float, ...] = ()
) -> NumberEvaluation:
    evaluator = evaluator_for(Question.numbers(labels.shape[-1]), units=units)
    for rows in torch.arange(len(labels)).split(size):
        evaluator.add({name: part[rows] for name, part in outputs.items()}, labels[rows])
    found = evaluator.result()
    assert isinstance(found, NumberEvaluation)
    return found


def test_by_hand_with_labels_that_nobody_knows() -> None:
    """Errors 1, -1 and 2; of the second output only the last is known, so that it has no spread."""
    labels = torch.tensor([[1.0, NAN], [3.0, NAN], [5.0, 10.0]])
    found = evaluate({"main": torch.tensor([[2.0, 0.0], [2.0, 0.0], [5.0, 12.0]])}, labels)
    assert found.n == 3
    assert found.loss == pytest.approx((1 + 1 + (0 + 4) / 2) / 3)
    assert (found.rmse, found.mae) == pytest.approx((math.sqrt(6 / 4), 1.0))
    assert [part.known for part in found.per_output] == [3, 1]
    assert [part.r2 for part in found.per_output] == pytest.approx([1 - 2 / 8, None])
    assert found.r2 == pytest.approx(0.75)
    assert found.scores.values.tolist() == pytest.approx([1, 1, 2])
    assert (found.nll, found.coverage) == (None, None)


UNITS = (2.0, 1e6)


def two_columns() -> tuple[Tensor, Tensor]:
    """Errors of 1 and 3 units in the first column, of 2 and 0 units in the second, whose numbers are large."""
    return torch.tensor([[2.0, 2e6], [-6.0, 0.0]]), torch.zeros(2, 2)


def test_several_outputs_are_put_together_in_units_that_none_decides() -> None:
    outputs, labels = two_columns()
    found = evaluate({"main": outputs}, labels, units=UNITS)
    assert found.loss == pytest.approx((1 + 4 + 9 + 0) / 4)
    assert found.scores.values.tolist() == pytest.approx([2.5, 4.5])
    first = {one.name: one.value for one in found.measures}
    assert list(first)[:2] == ["standardised RMSE", "standardised MAE"]
    assert (first["standardised RMSE"], first["standardised MAE"]) == pytest.approx((math.sqrt(14 / 4), 6 / 4))
    assert [part.rmse for part in found.per_output] == pytest.approx([math.sqrt(40 / 2), math.sqrt(4e12 / 2)])
    assert found.to_json()["units"] == [2.0, 1e6]


def test_in_other_units_the_same_answers_are_as_good() -> None:
    outputs, labels = two_columns()
    there = torch.tensor([1e-3, 1e-9])
    one = evaluate({"main": outputs}, labels, units=UNITS)
    other = evaluate({"main": outputs * there}, labels, units=(2e-3, 1e-3))
    assert (other.loss, other.rmse, other.mae) == pytest.approx((one.loss, one.rmse, one.mae))
    assert other.scores.values.tolist() == pytest.approx(one.scores.values.tolist())


def test_a_single_output_keeps_its_unit_but_for_the_loss() -> None:
    outputs, labels = (part[:, :1] for part in two_columns())
    found, plain = evaluate({"main": outputs}, labels, units=(2.0,)), evaluate({"main": outputs}, labels)
    assert found.measures == plain.measures
    assert found.loss == pytest.approx(plain.loss / 4)
    assert (found.scores.values * 4).tolist() == pytest.approx(plain.scores.values.tolist())
    assert (plain.scores.name, found.scores.name) == ("squared error", "standardised squared error")


def test_a_likelihood_is_in_no_unit() -> None:
    outputs, labels = two_columns()
    sure = {"main": outputs, "log_variance": torch.zeros(2, 2)}
    assert evaluate(sure, labels, units=UNITS).loss == evaluate(sure, labels).loss


def test_a_teacher_judges_in_the_same_units() -> None:
    outputs, answers = two_columns()
    question = Question.numbers(2)
    evaluator = evaluator_for(question, units=UNITS)
    evaluator.add({"main": outputs}, None, SoftTargets(values=answers, space=Space.NUMBERS, question=question))
    found = evaluator.result()
    assert found.loss == pytest.approx((1 + 4 + 9 + 0) / 4)
    assert found.measures[0].name == "standardised RMSE to the teacher"
    assert found.measures[0].value == pytest.approx(math.sqrt(14 / 4))


@pytest.mark.parametrize(
    ("question", "units"),
    [
        (Question.numbers(2), (1.0,)),
        (Question.numbers(2), (1.0, 0.0)),
        (Question.one_of(2), (1.0, 1.0)),
    ],
)
def test_units_that_do_not_fit_are_refused(question: Question, units: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="units"):
        evaluator_for(question, units=units)


def test_an_output_that_is_known_nowhere_has_no_numbers() -> None:
    found = evaluate({"main": torch.zeros(2, 2)}, torch.tensor([[1.0, NAN], [3.0, NAN]]))
    part = found.per_output[1]
    assert (part.known, part.rmse, part.mae, part.r2) == (0, None, None, None)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_beside_scikit_learn_near_and_far_from_zero(offset: float) -> None:
    generator = torch.Generator().manual_seed(0)
    labels = (torch.randn(200, 3, generator=generator) * torch.tensor([1.0, 10.0, 100.0]) + offset).float()
    numbers = labels + torch.randn(200, 3, generator=generator) * torch.tensor([0.5, 20.0, 50.0])
    found = evaluate({"main": numbers}, labels)
    truth, answers = labels.double().numpy(), numbers.double().numpy()
    assert found.mae == pytest.approx(mean_absolute_error(truth, answers), rel=1e-6)
    assert found.rmse == pytest.approx(math.sqrt(mean_squared_error(truth, answers)), rel=1e-6)
    assert found.r2 == pytest.approx(r2_score(truth, answers), rel=1e-6)
    expected = r2_score(truth, answers, multioutput="raw_values").tolist()
    assert [part.r2 for part in found.per_output] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_constant_labels_have_no_r2_however_they_are_rounded(size: int) -> None:
    answers = torch.randn(100, 1, generator=torch.Generator().manual_seed(0))
    assert evaluate({"main": answers}, torch.full((100, 1), 0.1), size).r2 is None
    moments = Moments(1)
    for rows in torch.arange(100).split(size):
        moments.add(torch.full((len(rows), 1), 0.1, dtype=torch.float64), answers[rows])
    assert moments.r2() == moments.correlation() == [None]


def test_likelihood_and_interval_of_a_student_that_knows_its_error() -> None:
    generator = torch.Generator().manual_seed(1)
    spread = torch.tensor([0.5, 3.0])
    labels = torch.randn(20_000, 2, generator=generator) * spread
    outputs = {"main": torch.zeros(20_000, 2), "log_variance": (2 * spread.log()).expand(20_000, 2)}
    found = evaluate(outputs, labels, size=4096)
    assert found.coverage == pytest.approx(0.9, abs=0.005)
    expected = -norm.logpdf(labels.numpy(), scale=spread.numpy()).mean()
    assert found.loss == found.nll == pytest.approx(expected, rel=1e-5)
    sure = evaluate({**outputs, "log_variance": outputs["log_variance"] - 2}, labels, size=4096)
    assert sure.coverage == pytest.approx(norm.cdf(HALF_WIDTH / math.e) * 2 - 1, abs=0.01)
    assert sure.nll is not None
    assert sure.nll > expected
    assert torch.equal(sure.scores.values, found.scores.values)  # squared errors, whatever it says of them
    assert found.scores.values[0].item() == pytest.approx(labels[0].square().mean().item())
    by_name = {measure.name: measure.value for measure in sure.measures}
    assert by_name["90 % interval: coverage off by"] == pytest.approx(0.9 - (sure.coverage or 0))


def test_half_the_width_is_the_normal_s() -> None:
    assert pytest.approx(norm.ppf(0.95), rel=1e-12) == HALF_WIDTH


def test_numbers_that_the_teacher_did_not_give_are_left_out() -> None:
    question = Question.numbers(2)
    teacher = SoftTargets(
        values=torch.tensor([[1.0, 5.0], [3.0, 99.0]]), space=Space.NUMBERS, question=question,
        coverage=torch.tensor([[True, True], [True, False]]),
    )  # fmt: skip
    evaluator = evaluator_for(question)
    evaluator.add({"main": torch.tensor([[2.0, 5.0], [4.0, 0.0]])}, None, teacher)
    found = evaluator.result()
    assert found.measures[0].value == pytest.approx(math.sqrt(2 / 3))
    assert found.measures[1].value == pytest.approx(1.0)  # the first output alone has a spread
    assert found.scores.values.tolist() == pytest.approx([0.5, 1.0])


def test_members_are_averaged_first() -> None:
    question = Question.numbers(1)
    members = torch.tensor([[[1.0], [3.0]], [[4.0], [6.0]]])
    evaluator = evaluator_for(question)
    targets = SoftTargets(values=members, space=Space.NUMBERS, question=question, members=True)
    evaluator.add({"main": torch.tensor([[2.0], [5.0]])}, None, targets)
    assert evaluator.result().loss == 0


@pytest.mark.parametrize("size", [1, 9, 400])
def test_correlation_in_batches_is_that_of_the_whole(size: int) -> None:
    generator = torch.Generator().manual_seed(2)
    one = torch.randn(400, 2, generator=generator, dtype=torch.float64) + 1e6
    other = 0.3 * one + torch.randn(400, 2, generator=generator, dtype=torch.float64)
    moments = Moments(2)
    for rows in torch.arange(400).split(size):
        moments.add(one[rows], other[rows])
    expected = [torch.corrcoef(torch.stack([one[:, c], other[:, c]]))[0, 1].item() for c in range(2)]
    assert moments.correlation() == pytest.approx(expected, rel=1e-6)
