"""One set of checks over every evaluator. To add an evaluator, add a row."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from joryu.errors import InputError, MismatchError
from joryu.evaluation import Better, Evaluated, compare_evaluations, evaluator_for, validator_for
from joryu.evaluation.by_question import DEFAULTS
from joryu.objectives import HardLabels, total
from joryu.questions import PICTURE, UNKNOWN, LabelKind, Link, Question, codec
from joryu.targets.soft_targets import SoftTargets, Space

N, C = 24, 6
SIDE = 4
Outputs = dict[str, Tensor]


@dataclass(frozen=True)
class Case:
    question: Question
    labels: Callable[[], Tensor]
    perfect: Callable[[Tensor], Tensor]  # the outputs that are best for these labels
    unknown: float
    heads: tuple[str, ...] = ("main",)
    best: dict[str, float] = field(default_factory=dict)  # best values that are not 1 or 0

    def outputs(self, seed: int = 1) -> Outputs:
        sites = [SIDE, SIDE] if self.question.grid else []
        drawn = torch.randn(len(self.heads), N, *sites, len(self.question), generator=generator(seed)) * 2
        return dict(zip(self.heads, drawn, strict=True))

    def evaluate(
        self, outputs: Outputs, labels: Tensor | None, size: int = N, teacher: bool = False, brief: bool = False
    ) -> Evaluated:
        evaluator = (validator_for if brief else evaluator_for)(self.question)
        answers = self.teacher() if teacher else None
        for start in range(0, N, size):
            rows = slice(start, start + size)
            evaluator.add(
                {name: part[rows] for name, part in outputs.items()},
                None if labels is None else labels[rows],
                None if answers is None else answers.select(rows),
            )
        return evaluator.result()

    def teacher(self) -> SoftTargets:
        space = Space.LOGITS if self.question.link.has_probs else Space.NUMBERS
        return SoftTargets(values=self.outputs(seed=5)["main"], space=space, question=self.question)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def classes(*sites: int) -> Tensor:
    return torch.arange(N * math.prod(sites)).reshape(N, *sites) % C


def tags(*shape: int) -> Tensor:
    found = (torch.rand(N, *shape, generator=generator()) < 0.4).to(torch.int8)
    found[..., 0] = 0  # every example has a positive and a negative
    found[..., 1] = 1
    return found


def one_tag() -> Tensor:
    return (torch.arange(N) % 3 == 0).to(torch.int8)[:, None]


def masks(n_outputs: int) -> Tensor:
    found = (torch.rand(N, SIDE, SIDE, n_outputs, generator=generator()) < 0.3).to(torch.int8)
    found[0] = 0  # a picture without anything
    return found


def certain(labels: Tensor) -> Tensor:
    return torch.where(labels == 1, 40.0, -40.0)


def one_hot(labels: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(labels.long(), C).float() * 80


def distributions() -> Tensor:
    return torch.rand(N, C, generator=generator()).softmax(-1)


def numbers(*sites: int) -> Tensor:
    return torch.randn(N, *sites, 3, generator=generator()) * torch.tensor([1.0, 10.0, 100.0]) + 1000


def precision_of(labels: Tensor, k: int) -> float:
    return (labels.sum(1).clamp_max(k) / k).mean().item()


ROWS = {
    "one of many": Case(Question.one_of(C), classes, one_hot, UNKNOWN),
    "graded": Case(
        Question(names=[*"abcdef"], labels=LabelKind.DISTRIBUTION), distributions, torch.log, 0.0
    ),
    "tags": Case(
        Question.tags(C), lambda: tags(C), certain, UNKNOWN, best={"precision at 5": precision_of(tags(C), 5)}
    ),
    "one tag": Case(
        Question.tags(1), one_tag, certain, UNKNOWN,
        best={"average precision per example": math.nan},
    ),
    "mask": Case(Question.tags(["salt"], grid=PICTURE), lambda: masks(1), certain, UNKNOWN),
    "masks": Case(Question.tags(3, grid=PICTURE), lambda: masks(3), certain, UNKNOWN),
    "classes of pixels": Case(
        Question.one_of(C, grid=PICTURE), lambda: classes(SIDE, SIDE).to(torch.int16), one_hot, UNKNOWN
    ),
    "numbers": Case(Question.numbers(3), numbers, lambda labels: labels, math.nan),
    "numbers with a variance": Case(
        Question.numbers(3), numbers, lambda labels: labels, math.nan, heads=("main", "log_variance"),
        best={"90 % interval: coverage off by": 0.1, "Gaussian NLL": 0.5 * math.log(2 * math.pi)},
    ),
    "numbers of pixels": Case(
        Question.numbers(3, grid=PICTURE), lambda: numbers(SIDE, SIDE), lambda labels: labels, math.nan
    ),
}  # fmt: skip
#: measures of ranked tags: the best that can be reached depends on how many are true
_RANKINGS = ("precision at 5", "recall at 5")

every = pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in ROWS.items()])


def same(one: Evaluated, other: Evaluated, order: Tensor | None = None) -> None:
    assert one.n == other.n
    assert one.loss == pytest.approx(other.loss, rel=1e-5)
    assert close(one.to_json(), other.to_json())
    values = one.scores.values if order is None else one.scores.values[order]
    assert torch.allclose(values, other.scores.values, rtol=1e-5, atol=1e-6, equal_nan=True)


def close(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(close(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(close, one, other))
    return one == (pytest.approx(other, rel=1e-5, abs=1e-6) if isinstance(other, float) else other)


def partly_unknown(case: Case) -> Tensor:
    """Half the values unknown here and there, and examples 3 and 7 altogether."""
    labels = case.labels().clone()
    labels = labels.where(torch.rand(labels.shape, generator=generator(9)) < 0.5, torch.tensor(case.unknown).to(labels))
    if case.question.labels is LabelKind.DISTRIBUTION:
        labels = case.labels()
    return codec(case.question.labels).hide(labels, torch.tensor([3, 7]))


def test_every_row_of_the_table_is_judged_here() -> None:
    judged = {(case.question.link, case.question.grid, case.question.labels) for case in ROWS.values()}
    assert judged == set(DEFAULTS)


@every
@pytest.mark.parametrize("teacher", [False, True])
@pytest.mark.parametrize("size", [1, 5, 23])
def test_batches_of_any_size_give_the_same(case: Case, size: int, teacher: bool) -> None:
    for labels in (case.labels(), partly_unknown(case)):
        whole = case.evaluate(case.outputs(), labels, teacher=teacher)
        same(whole, case.evaluate(case.outputs(), labels, size=size, teacher=teacher))


@every
@pytest.mark.parametrize("labels", ["all", "some", "none"])
def test_validation_is_the_loss_and_the_first_measure_to_the_bit(case: Case, labels: str) -> None:
    """So that a run's curve, its best epoch and a sweep mean what a report says."""
    given = {"all": case.labels(), "some": partly_unknown(case), "none": None}[labels]
    whole, brief = (
        case.evaluate(case.outputs(), given, size=7, teacher=labels == "none", brief=brief) for brief in (False, True)
    )
    assert (brief.n, brief.loss, brief.measures[0]) == (whole.n, whole.loss, whole.measures[0])


@every
def test_the_order_of_the_examples_does_not_matter(case: Case) -> None:
    order = torch.randperm(N, generator=generator(4))
    shuffled = {name: part[order] for name, part in case.outputs().items()}
    plain = case.evaluate(case.outputs(), case.labels(), size=7)
    same(plain, case.evaluate(shuffled, case.labels()[order], size=7), order)


@every
def test_a_perfect_student_has_the_best_of_every_measure(case: Case) -> None:
    labels = case.labels()
    outputs = {"main": case.perfect(labels), **{head: torch.zeros(labels.shape) for head in case.heads[1:]}}
    for measure in case.evaluate(outputs, labels).measures:
        if measure.name == "cross-entropy":
            assert measure.value == pytest.approx(0, abs=1e-6)
            continue
        usual = 1.0 if measure.better is Better.HIGHER else 0.0
        best = case.best.get(measure.name, usual)
        if math.isnan(best):
            assert measure.value is None
        else:
            assert measure.value == pytest.approx(best, abs=1e-5), measure.name


@every
def test_another_student_is_worse_by_every_measure(case: Case) -> None:
    """So that no measure is constant: noise is added until it hurts."""
    labels = case.labels()
    outputs = {"main": case.perfect(labels), **{head: torch.zeros(labels.shape) for head in case.heads[1:]}}
    perfect, drawn = case.evaluate(outputs, labels), case.evaluate(case.outputs(), labels)
    for best, other in zip(perfect.measures, drawn.measures, strict=True):
        assert best.name == other.name
        if best.value is None or other.value is None:
            assert best.value == other.value
            continue
        assert other.value < best.value if best.better is Better.HIGHER else other.value > best.value, best.name
    assert drawn.loss > perfect.loss


@every
def test_unknown_labels_do_not_judge(case: Case) -> None:
    labels, first = partly_unknown(case), case.outputs()
    found = case.evaluate(first, labels)
    assert found.n == int(codec(case.question.labels).known(labels).sum()) <= N - 2
    assert len(found.scores.values) == found.n
    unknown = labels.isnan() if math.isnan(case.unknown) else labels == case.unknown
    if case.question.labels is LabelKind.DISTRIBUTION:
        unknown = unknown.all(-1)
    if unknown.ndim < first["main"].ndim:
        unknown = unknown[..., None]
    changed = {name: torch.where(unknown, torch.randn(part.shape), part) for name, part in first.items()}
    # One of many: an answer is a whole row, so that an unknown row alone may change.
    same(found, case.evaluate(changed, labels))


@every
def test_the_loss_is_the_hard_objective_s_mean(case: Case) -> None:
    labels = case.labels()
    objective = HardLabels(link=case.question.link)
    for outputs in (case.outputs(1), case.outputs(2)):
        expected = total(objective(outputs, None, labels)).double().mean().item()
        assert case.evaluate(outputs, labels, size=5).loss == pytest.approx(expected, rel=1e-5)


@every
@pytest.mark.parametrize("labels", ["all", "some", "none"])
def test_the_json_is_json_without_nan(case: Case, labels: str) -> None:
    given = {"all": case.labels(), "some": partly_unknown(case), "none": None}[labels]
    found = case.evaluate(case.outputs(), given, teacher=True)
    content = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert content["n"] == found.n
    assert content["measures"][0]["name"] == found.measures[0].name
    assert {measure["better"] for measure in content["measures"]} <= {"higher", "lower"}


@every
def test_half_precision_outputs_count_as_what_they_are(case: Case) -> None:
    half = {name: part.bfloat16() for name, part in case.outputs().items()}
    full = {name: part.float() for name, part in half.items()}
    for teacher in (False, True):
        same(case.evaluate(full, case.labels(), teacher=teacher), case.evaluate(half, case.labels(), teacher=teacher))
    found = case.evaluate({name: part * 5000 for name, part in half.items() if name == "main"}, case.labels())
    assert all(measure.value is None or math.isfinite(measure.value) for measure in found.measures)


@every
def test_where_nobody_labelled_the_teacher_judges(case: Case) -> None:
    hidden = codec(case.question.labels).hide(case.labels(), torch.arange(N))
    for labels in (None, hidden):
        found = case.evaluate(case.outputs(), labels, size=5, teacher=True)
        assert (found.n, len(found.scores.values)) == (N, N)
        assert found.to_json()["judged_by"] == "the teacher's answers"
    own = {"main": case.teacher().values, **{head: torch.zeros_like(case.outputs()[head]) for head in case.heads[1:]}}
    itself = case.evaluate(own, None, teacher=True)
    for best, other in zip(itself.measures, found.measures, strict=True):
        if best.name not in _RANKINGS:  # of which the best depends on how many were returned
            assert best.value == pytest.approx(1 if best.better is Better.HIGHER else 0, abs=1e-5), best.name
        assert other.value is not None
        assert other.value < best.value if best.better is Better.HIGHER else other.value > best.value, best.name
    assert itself.loss < found.loss


@every
def test_with_labels_and_a_teacher_likeness_follows_and_the_rest_stays(case: Case) -> None:
    labels = partly_unknown(case)
    alone, taught = (case.evaluate(case.outputs(), labels, teacher=teacher) for teacher in (False, True))
    assert taught.measures[: len(alone.measures)] == alone.measures
    # ... over the examples that judge: those alone, as a set that nobody labelled, say the same.
    rows = codec(case.question.labels).known(labels).nonzero().flatten()
    evaluator = evaluator_for(case.question)
    evaluator.add({name: part[rows] for name, part in case.outputs().items()}, None, case.teacher().select(rows))
    further = {measure.name: measure.value for measure in taught.measures[len(alone.measures) :]}
    unlabelled = {measure.name: measure.value for measure in evaluator.result().measures}
    assert further == pytest.approx({name: unlabelled[name] for name in further})  # which ranks tags beside


@every
def test_student_and_twin_are_paired(case: Case) -> None:
    labels = case.labels()
    student = case.evaluate({**case.outputs(), "main": case.perfect(labels)}, labels)
    twin = case.evaluate(case.outputs(), labels)
    found = compare_evaluations(case.question, student, twin)
    assert found.difference > 0
    assert found.difference_low <= found.difference <= found.difference_high
    backwards = compare_evaluations(case.question, twin, student)
    assert backwards.difference == pytest.approx(-found.difference)
    assert str(found.verdict) != str(backwards.verdict)
    assert str(compare_evaluations(case.question, twin, twin).verdict) == "no difference shown"


@every
def test_nothing_known_at_all_is_an_error(case: Case) -> None:
    hidden = codec(case.question.labels).hide(case.labels(), torch.arange(N))
    for labels in (None, hidden):
        with pytest.raises(InputError, match=r"nothing to evaluate.*24 examples without either"):
            case.evaluate(case.outputs(), labels)
    with pytest.raises(InputError, match="nothing to evaluate"):
        evaluator_for(case.question).result()


@every
def test_what_does_not_fit_is_refused(case: Case) -> None:
    evaluator, outputs, labels = evaluator_for(case.question), case.outputs(), case.labels()
    with pytest.raises(MismatchError, match=r"do not answer the question.*expected main; received logits"):
        evaluator.add({"logits": outputs["main"]}, labels)
    with pytest.raises(MismatchError, match="outputs do not fit the question"):
        evaluator.add({"main": outputs["main"][..., :-1]}, labels)
    with pytest.raises(MismatchError, match="outputs and labels"):
        evaluator.add(outputs, labels[:-1])
    with pytest.raises(InputError, match="not finite"):
        evaluator.add({name: part / 0 for name, part in outputs.items()}, labels)
    other = Question.one_of(["yes", "no"]) if case.question.link is Link.IDENTITY else Question.numbers(2)
    values = torch.zeros(N, 2)
    space = Space.LOGITS if other.link.has_probs else Space.NUMBERS
    with pytest.raises(MismatchError, match="do not ask the same question"):
        evaluator.add(outputs, labels, SoftTargets(values=values, space=space, question=other))
    with pytest.raises(MismatchError, match="do not pair up"):
        evaluator.add(outputs, labels, case.teacher().select(slice(3)))
    evaluator.add(outputs, labels, case.teacher())
    with pytest.raises(MismatchError, match="one batch has what another has not"):
        evaluator.add(outputs, labels)
    with pytest.raises(InputError):  # labels that the question does not have
        wrong = torch.full_like(labels.float(), 77.5 if case.question.link.has_probs else math.inf)
        evaluator.add(outputs, wrong, case.teacher())
    same(evaluator.result(), case.evaluate(outputs, labels, teacher=True))  # what was refused left nothing behind


@every
def test_a_network_in_training_leaves_no_graph_behind(case: Case) -> None:
    live = {name: part.clone().requires_grad_() for name, part in case.outputs().items()}
    for labels, teacher in ((case.labels(), False), (case.labels(), True), (None, True)):
        found = case.evaluate(live, labels, teacher=teacher)
        assert not found.scores.values.requires_grad
        same(found, case.evaluate(case.outputs(), labels, teacher=teacher))


@every
def test_in_and_out_of_inference_mode(case: Case) -> None:
    with torch.inference_mode():
        evaluator = evaluator_for(case.question)
        evaluator.add({name: part[:9] for name, part in case.outputs().items()}, case.labels()[:9])
    evaluator.add({name: part[9:] for name, part in case.outputs().items()}, case.labels()[9:])
    same(evaluator.result(), case.evaluate(case.outputs(), case.labels()))


@every
def test_an_empty_batch_changes_nothing(case: Case) -> None:
    evaluator = evaluator_for(case.question)
    evaluator.add({name: part[:0] for name, part in case.outputs().items()}, case.labels()[:0])
    evaluator.add(case.outputs(), case.labels())
    same(evaluator.result(), case.evaluate(case.outputs(), case.labels()))


def test_what_nobody_carries_is_refused_by_name() -> None:
    graded = Question(names=("sky", "sea"), grid=PICTURE, labels=LabelKind.DISTRIBUTION)
    with pytest.raises(InputError, match=r"cannot be evaluated yet.*distribution labels, one of 2 classes for each"):
        evaluator_for(graded)


@pytest.mark.parametrize("name", [name for name, case in ROWS.items() if case.question.grid])
def test_what_is_kept_of_a_picture_does_not_grow_with_it(name: str) -> None:
    question = ROWS[name].question

    def kept(side: int) -> int:
        outputs = torch.randn(5, side, side, len(question), generator=generator())
        space = Space.LOGITS if question.link.has_probs else Space.NUMBERS
        labels = outputs.argmax(-1) if question.labels is LabelKind.CLASS else (outputs > 0).float()
        evaluator = evaluator_for(question)
        evaluator.add({"main": outputs}, labels, SoftTargets(values=outputs, space=space, question=question))
        return len(pickle.dumps(evaluator))  # whole storages, as views keep them alive

    assert kept(40) == kept(4)
