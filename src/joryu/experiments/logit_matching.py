"""H4 `logit-matching`: at a high temperature, distilling *is* matching logits.

Claim (Hinton, Vinyals & Dean 2015, section 2.1). The gradient of the soft cross-entropy with respect to a student's
logit, ``(q_i - p_i) / T``, tends to ``(z_i - v_i) / (N T²)`` as T grows, for logits that are zero-meaned per case: the
gradient of Caruana's squared difference of logits.

Measured on a real teacher's logits ``v`` and a real, half-trained student's ``z``: the relative gap
``|| T² grad - (z - v)/N || / || (z - v)/N ||`` against T, which should fall as 1/T; and the test errors of students
trained at growing T beside one trained on logit matching itself. No hard labels anywhere but in the twin.

Command: ``JORYU_DATA=... joryu experiment run logit-matching --seeds 3`` (about 10 minutes a seed on two CPU cores once
the teacher is there; it shares the teacher of `hinton-mnist`). Smoke size: seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from joryu.evaluation import predict_logits
from joryu.experiments.experiment import ClaimRow, Experiment, Measured, Setting
from joryu.experiments.mnist import CHANCE, errors_of, examples_of, hinton_teacher, soft_targets, teach
from joryu.objectives import MAIN, Distillation, HardLabels, total
from joryu.questions import Question
from joryu.targets import SoftTargets, Space
from joryu.training import Recipe, Replayed, TrainingData

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEMPERATURES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
TRAINED = (1.0, 4.0, 20.0, 100.0)
STUDENT = "mlp:300x2"
RECIPE = Recipe(epochs=20, learning_rate=1e-3, batch_size=256, keep="last")


def measure(setting: Setting) -> Measured:
    """Measure one seed: the gap on 1,000 test examples, and students at several temperatures."""
    train_part, test_part = examples_of(setting)
    teacher = hinton_teacher(setting, train_part)
    store = soft_targets(setting, teacher, train_part, n_views=0)
    objectives = {f"T{t:g}": Distillation(temperature=t) for t in TRAINED}
    objectives["logits"] = Distillation(divergence="logit-mse")
    measured: Measured = {}
    data = TrainingData(train_part, Replayed(store))
    for name, objective in objectives.items():
        student = teach(setting, name, STUDENT, data, objective=objective, recipe=RECIPE)
        measured[f"{name}_errors"] = errors_of(student, test_part)[0]
    twin = teach(setting, "twin", STUDENT, TrainingData(train_part), objective=HardLabels(), recipe=RECIPE)
    measured["twin_errors"], student_logits = errors_of(twin, test_part)
    teacher_logits = predict_logits(teacher.module, test_part)
    for t in TEMPERATURES:
        measured[f"gap_T_{t:g}"] = relative_gap(student_logits[:1000], teacher_logits[:1000], t)
    return measured


def relative_gap(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> float:
    """``|| T² grad - (z - v)/N || / || (z - v)/N ||``: how far distilling is from matching zero-meaned logits.

    ``z`` and ``v`` are the logits ``[n, N]`` of student and teacher; ``grad`` is the gradient of the soft cross-entropy
    at this temperature (Hinton et al. 2015, eqs. 2 to 4).
    """
    targets = SoftTargets(
        values=teacher_logits.double(), space=Space.LOGITS, question=Question.one_of(teacher_logits.shape[-1])
    )
    gradients = []
    for objective in (Distillation(temperature=temperature), Distillation(divergence="logit-mse")):
        z = student_logits.double().clone().requires_grad_()
        (gradient,) = torch.autograd.grad(total(objective({MAIN: z}, targets, None)).sum(), z)
        gradients.append(gradient)
    distilling, matching = gradients
    return float((distilling - matching).norm() / matching.norm())


ROWS = (
    *(ClaimRow(label=f"2 × 300, T = {t:g}: test errors", metric=f"T{t:g}_errors", twin="twin_errors") for t in TRAINED),
    ClaimRow(label="2 × 300, matching logits: test errors", metric="logits_errors", twin="twin_errors"),
    *(
        ClaimRow(
            label=f"relative gap of the gradients, T = {t:g}",
            metric=f"gap_T_{t:g}",
            published="→ 0" if t == TEMPERATURES[-1] else None,
            digits=4,
        )
        for t in TEMPERATURES
    ),
)


def draw(measured: Sequence[Measured]) -> Figure:
    """Draw the relative gap against T, on two logarithmic axes."""
    from joryu.report.plots import lines

    return lines(
        {"relative gap": {t: [one[f"gap_T_{t:g}"] for one in measured] for t in TEMPERATURES}},
        levels={},
        axes_labels=("temperature", "relative gap to logit matching"),
        log_x=True,
        log_y=True,
    )


EXPERIMENT = Experiment(
    name="logit-matching",
    claim="H4",
    summary="At a high temperature, distilling is matching logits (Hinton, Vinyals & Dean 2015, section 2.1).",
    data="MNIST, 60,000 training and 10,000 test examples",
    chance=CHANCE,
    rows=ROWS,
    measure=measure,
    draw=draw,
    unit="",
    headline=("gap_T_1000",),
)
