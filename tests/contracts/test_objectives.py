"""One set of checks over every objective. To add an objective, add a row."""

import json
import pickle
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from joryu.errors import InputError
from joryu.objectives import Distillation, HardLabels, Objective, WithSignals, total
from joryu.questions import PICTURE, LabelKind, Link, Question, codec
from joryu.targets.soft_targets import SoftTargets, Space

ROWS, CLASSES = 6, 5


@dataclass(frozen=True)
class Case:
    objective: Objective
    soft: bool = True  # takes soft targets
    hard: bool = False  # takes labels
    divergence: bool = False  # zero where student and teacher agree
    link: Link = Link.SOFTMAX
    weighted: bool = True  # heeds the weight of soft targets
    followed: bool = True  # its minimum is the teacher's answer, and that alone
    grid: bool = False  # of masks: each row is repeated on a grid, with pixels surer than others

    def spread(self, values: Tensor, *, scaled: bool = True) -> Tensor:
        if not self.grid or values.ndim == 4:
            return values
        sites = values[:, None, None].expand(-1, 2, 3, *values.shape[1:])
        return sites * (2.0 ** torch.arange(-3, 3)).reshape(2, 3, 1).to(values.dtype) if scaled else sites

    def targets(self, values: Tensor, **more: Any) -> SoftTargets:
        values = self.spread(values)
        space = Space.LOGITS if self.link.has_probs else Space.NUMBERS
        names = [str(output) for output in range(values.shape[-1])]
        question = Question(names=names, link=self.link, grid=PICTURE if values.ndim == 4 else ())
        return SoftTargets(values=values, space=space, question=question, **more)

    def labels(self) -> Tensor:
        classes = torch.arange(ROWS) % CLASSES
        found = classes if self.link is Link.SOFTMAX else torch.nn.functional.one_hot(classes, CLASSES).float()
        return self.spread(found, scaled=False)

    def reordered(self, order: Tensor) -> "Case":
        """The same case for classes in another order."""
        weights = getattr(self.objective, "class_weights", ())
        if not weights:
            return self
        return replace(self, objective=replace(self.objective, class_weights=tuple(weights[at] for at in order)))

    def unknown(self, labels: Tensor, rows: list[int]) -> Tensor:
        kinds = {Link.SOFTMAX: LabelKind.CLASS, Link.SIGMOID: LabelKind.TAGS, Link.IDENTITY: LabelKind.NUMBERS}
        return codec(kinds[self.link]).hide(labels, torch.tensor(rows))

    def of(self, student: Tensor, targets: SoftTargets | None, labels: Tensor | None) -> Tensor:
        """The loss of each row. A student of numbers says with its log-variance how sure it is."""
        student = self.spread(student)
        return total(self.objective({"main": student, "log_variance": torch.zeros_like(student)}, targets, labels))

    def loss(self, student: Tensor, teacher: Tensor, **more: Any) -> Tensor:
        return self.of(student, self.targets(teacher, **more), self.labels())


CASES = {
    "kl": Case(Distillation(), divergence=True),
    "kl at 1": Case(Distillation(temperature=1.0), divergence=True),
    "kl at 20": Case(Distillation(temperature=20.0), divergence=True),
    "kl + hard": Case(Distillation(hard_weight=0.3), hard=True),
    "hard of kl": Case(Distillation(hard_weight=1.0), soft=False, hard=True),
    "cross-entropy": Case(Distillation(divergence="cross-entropy")),
    "cross-entropy + hard": Case(Distillation(divergence="cross-entropy", hard_weight=0.5), hard=True),
    "reverse": Case(Distillation(divergence="kl-reverse"), divergence=True),
    "js": Case(Distillation(divergence="js"), divergence=True),
    "logit-mse": Case(Distillation(divergence="logit-mse"), divergence=True),
    "logit-mse + hard": Case(Distillation(divergence="logit-mse", hard_weight=0.1), hard=True),
    "hard labels": Case(HardLabels(), soft=False, hard=True, weighted=False),
    "smoothed labels": Case(HardLabels(label_smoothing=0.1), soft=False, hard=True, weighted=False),
    "signals unlooked-at": Case(WithSignals(main=Distillation(), weight=0), divergence=True),
    "tags": Case(Distillation(link=Link.SIGMOID, temperature=2.0), link=Link.SIGMOID),
    "tags, T²": Case(
        Distillation(link=Link.SIGMOID, temperature=2.0, divergence="kl-forward", factor="T^2"),
        link=Link.SIGMOID,
        divergence=True,
    ),
    "classes, T": Case(Distillation(temperature=3.0, factor="T"), divergence=True),
    "tags, kl": Case(
        Distillation(link=Link.SIGMOID, temperature=2.0, divergence="kl-forward"), link=Link.SIGMOID, divergence=True
    ),
    "tags, prior": Case(
        Distillation(link=Link.SIGMOID, temperature=2.0, divergence="bounded-prior", priors=(0.1,) * CLASSES),
        link=Link.SIGMOID,
    ),
    "tags, zero-filled": Case(Distillation(link=Link.SIGMOID, divergence="zero-filled"), link=Link.SIGMOID),
    "tags, asymmetric": Case(
        Distillation(link=Link.SIGMOID, temperature=1.0, divergence="asymmetric"), link=Link.SIGMOID, followed=False
    ),
    "tags, normalised": Case(
        Distillation(link=Link.SIGMOID, temperature=2.0, divergence="normalised-kl"),
        link=Link.SIGMOID,
        divergence=True,
        followed=False,
    ),
    "tags + hard": Case(
        Distillation(link=Link.SIGMOID, temperature=2.0, hard_weight=0.1), link=Link.SIGMOID, hard=True
    ),
    "hard tags": Case(HardLabels(link=Link.SIGMOID), link=Link.SIGMOID, soft=False, hard=True, weighted=False),
    "weighted classes": Case(
        HardLabels(class_weights=(1.0, 2.0, 0.5, 3.0, 1.0)), soft=False, hard=True, weighted=False
    ),
    "weighted, smoothed": Case(
        HardLabels(label_smoothing=0.1, class_weights=(1.0, 2.0, 0.5, 3.0, 1.0)), soft=False, hard=True, weighted=False
    ),
    "weighted tags": Case(
        HardLabels(link=Link.SIGMOID, class_weights=(1.0, 2.0, 0.5, 3.0, 1.0)),
        link=Link.SIGMOID,
        soft=False,
        hard=True,
        weighted=False,
    ),
    "kl + dice": Case(Distillation(hard_weight=0.3, hard_loss="dice"), hard=True, grid=True),
    "dice": Case(HardLabels(hard_loss="dice"), soft=False, hard=True, weighted=False, grid=True),
    "masks + jaccard": Case(
        Distillation(link=Link.SIGMOID, temperature=2.0, hard_weight=0.3, hard_loss="jaccard"),
        link=Link.SIGMOID,
        hard=True,
        grid=True,
    ),
    "masks, all losses": Case(
        HardLabels(
            link=Link.SIGMOID, hard_loss="cross-entropy+dice+jaccard+boundary", class_weights=(1.0, 2.0, 0.5, 3.0, 1.0)
        ),
        link=Link.SIGMOID,
        soft=False,
        hard=True,
        weighted=False,
        grid=True,
    ),
    "boundary": Case(HardLabels(hard_loss="boundary"), soft=False, hard=True, weighted=False, grid=True),
    "numbers": Case(Distillation(link=Link.IDENTITY, temperature=1.0), link=Link.IDENTITY, divergence=True),
    "numbers + hard": Case(
        Distillation(link=Link.IDENTITY, temperature=1.0, hard_weight=0.4), link=Link.IDENTITY, hard=True
    ),
    "gaussian": Case(Distillation(link=Link.IDENTITY, temperature=1.0, divergence="gaussian-nll"), link=Link.IDENTITY),
    "hard numbers": Case(HardLabels(link=Link.IDENTITY), link=Link.IDENTITY, soft=False, hard=True, weighted=False),
}


def only(**wanted: bool) -> pytest.MarkDecorator:
    rows = [
        pytest.param(case, id=name)
        for name, case in CASES.items()
        if all(getattr(case, field) == value for field, value in wanted.items())
    ]
    return pytest.mark.parametrize("case", rows)


def logits(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    student, teacher = torch.randn(2, ROWS, CLASSES, generator=generator, dtype=torch.float64) * 3
    return student.to(dtype), teacher.to(dtype)


@only()
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_one_finite_float32_number_per_row(case: Case, dtype: torch.dtype) -> None:
    losses = case.loss(*logits(dtype))
    assert losses.shape == (ROWS,)
    assert losses.dtype == torch.float32
    assert torch.isfinite(losses).all()


@only()
def test_the_gradient_is_the_one_of_the_value(case: Case) -> None:
    student, teacher = logits()
    assert torch.autograd.gradcheck(lambda z: case.loss(z, teacher), (student.requires_grad_(),))


@only(link=Link.SOFTMAX)
def test_a_constant_added_to_a_row_changes_nothing(case: Case) -> None:
    student, teacher = logits()
    constants = torch.linspace(-40, 40, ROWS, dtype=torch.float64).unsqueeze(-1)
    plain = case.loss(student, teacher)
    assert torch.allclose(case.loss(student + constants, teacher), plain)
    assert torch.allclose(case.loss(student, teacher + constants), plain)


@only(divergence=True)
def test_zero_where_the_student_agrees_and_more_elsewhere(case: Case) -> None:
    student, teacher = logits()
    assert case.loss(teacher, teacher).abs().max() < 1e-10
    assert case.loss(student, teacher).min() > 1e-3


@only(soft=True, hard=False, followed=True)
def test_nothing_pulls_a_student_away_from_its_teacher(case: Case) -> None:
    _, teacher = logits()
    student = teacher.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(case.loss(student, teacher).sum(), student)
    assert gradient.abs().max() < 1e-10


@only(soft=True, hard=False, followed=True)
def test_descending_it_brings_the_student_to_the_teacher(case: Case) -> None:
    student, teacher = logits(torch.float32)
    probs = case.link.probs if case.link.has_probs else lambda numbers: numbers
    goal = probs(teacher)
    student.requires_grad_()
    optimiser = torch.optim.Adam([student], lr=0.1)
    for _ in range(400):
        optimiser.zero_grad()
        case.loss(student, teacher).sum().backward()
        optimiser.step()
    assert (probs(student) - goal).abs().max() < 0.01


@only(soft=True)
def test_sites_of_one_answer_are_worth_what_the_row_is(case: Case) -> None:
    if case.grid:
        pytest.skip("masks are compared as wholes")
    student, teacher = (part[:, None, None].expand(-1, 2, 3, -1) for part in logits())
    labels = case.labels()[:, None, None].expand(-1, 2, 3, *case.labels().shape[1:])
    weight = torch.arange(ROWS, dtype=torch.float64)
    on_grid = case.of(student, case.targets(teacher, weight=weight), labels)
    assert on_grid.shape == (ROWS,)
    assert torch.allclose(on_grid, case.loss(*logits(), weight=weight))


@only(soft=True)
def test_top_k_with_every_class_kept_equals_dense(case: Case) -> None:
    if not case.link.has_probs:
        pytest.skip("numbers have no best k")
    student, teacher = logits()
    targets = case.targets(teacher)
    kept = case.of(student, targets.top_k(CLASSES), case.labels())
    assert torch.allclose(kept, case.of(student, targets, case.labels()), rtol=1e-12)


@only()
@pytest.mark.parametrize("sign", [1, -1])
def test_bfloat16_logits_of_ten_thousand_stay_finite(case: Case, sign: int) -> None:
    pattern = torch.tensor([1e4, -1e4, 0.0, 1e4, -1e4])
    student = pattern.expand(ROWS, -1).to(torch.bfloat16).clone().requires_grad_()
    teacher = (sign * pattern.roll(1)).expand(ROWS, -1).to(torch.bfloat16)
    losses = case.loss(student, teacher)
    (gradient,) = torch.autograd.grad(losses.mean(), student)
    assert torch.isfinite(losses).all()
    assert torch.isfinite(gradient).all()
    # Nothing was lost on the way but the input's own bits.
    assert torch.equal(losses, case.loss(student.float(), teacher.float()))


@only()
def test_rows_do_not_see_one_another(case: Case) -> None:
    student, teacher = logits()
    together = case.loss(student, teacher)
    for row in range(ROWS):
        chosen = slice(row, row + 1)
        alone = case.of(student[chosen], case.targets(teacher[chosen]), case.labels()[chosen])
        assert torch.allclose(alone, together[chosen])


@only()
def test_the_order_of_the_classes_does_not_matter(case: Case) -> None:
    student, teacher = logits()
    order = torch.tensor([3, 0, 4, 1, 2])
    labels = order.argsort()[case.labels()] if case.link is Link.SOFTMAX else case.labels()[..., order]
    shuffled = case.reordered(order).of(student[:, order], case.targets(teacher[:, order]), labels)
    assert torch.allclose(shuffled, case.loss(student, teacher))


@only()
def test_a_rows_weight_scales_its_loss(case: Case) -> None:
    student, teacher = logits()
    weight = torch.linspace(0, 3, ROWS, dtype=torch.float64)
    expected = case.loss(student, teacher) * (weight if case.weighted else 1)
    assert torch.allclose(case.loss(student, teacher, weight=weight), expected)


@only(hard=True)
def test_a_row_without_a_label_has_no_hard_part(case: Case) -> None:
    student, teacher = logits()
    losses = case.of(student, case.targets(teacher), case.unknown(case.labels(), [0]))
    changed = case.loss(student, teacher)
    assert torch.equal(losses[1:], changed[1:])
    assert losses[0] < changed[0]
    if not case.soft:
        assert losses[0] == 0


@only(soft=True)
def test_a_missing_teacher_is_an_error(case: Case) -> None:
    with pytest.raises(InputError, match="no soft targets"):
        case.of(logits()[0], None, case.labels())


@only(hard=True)
def test_missing_labels_are_an_error(case: Case) -> None:
    student, teacher = logits()
    with pytest.raises(InputError, match="no labels"):
        case.of(student, case.targets(teacher), None)


@only()
def test_it_survives_pickling_and_gives_the_same_bits_twice(case: Case) -> None:
    again = pickle.loads(pickle.dumps(case.objective))  # noqa: S301 - our own bytes
    student, teacher = logits(torch.float32)
    assert again == case.objective
    assert torch.equal(replace(case, objective=again).loss(student, teacher), case.loss(student, teacher))


@only()
def test_its_description_is_json_and_complete(case: Case) -> None:
    described = json.loads(json.dumps(case.objective.describe()))
    assert rebuilt(case.objective, described) == case.objective


def rebuilt(objective: Objective, described: dict[str, Any]) -> Objective:
    assert described.pop("name") == objective.name
    if isinstance(objective, WithSignals):
        described["main"] = rebuilt(objective.main, described["main"])
    return type(objective)(**described)
