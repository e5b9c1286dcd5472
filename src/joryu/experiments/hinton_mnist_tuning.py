"""H1's settings, chosen without the test set: `hinton-mnist-tuning`.

A teacher like `hinton-mnist`'s learns 50,000 of the training examples; every candidate student learns from it and is
judged on the other 10,000, by errors and by negative log-likelihood (steadier: one error in 10,000 is noise). The test
set is never read. `hinton-mnist` then uses what won, on all 60,000; see ``docs/results/hinton-mnist-tuning.md``.

Command: ``JORYU_DATA=... joryu experiment run hinton-mnist-tuning --seeds 1`` (an hour on two cores).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch.nn.functional as F

from joryu.examples import Examples, parse_views, split_examples
from joryu.experiments.experiment import Experiment, Measured, Row, Setting
from joryu.experiments.mnist import (
    TEACHER,
    TEACHER_RECIPE,
    errors_of,
    examples_of,
    jitter,
    label,
    teach,
)
from joryu.objectives import Distillation, HardLabels
from joryu.training import Material, Recipe, Trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STUDENT = "mlp:800x2"
BASE = Recipe(epochs=20, learning_rate=1e-3, batch_size=256, keep="last")
N_VIEWS = 20

#: name -> objective and what differs from `BASE`; un-jittered inputs
PAPER_CANDIDATES: dict[str, tuple[Distillation, dict[str, object]]] = {
    "T = 20": (Distillation(temperature=20), {}),
    "T = 20, rate 3e-3": (Distillation(temperature=20), {"learning_rate": 3e-3}),
    "T = 20, batch 64": (Distillation(temperature=20), {"batch_size": 64}),
    "T = 20, max-norm 3.5": (Distillation(temperature=20), {"max_norm": 3.5}),
    "T = 20, hard weight 0.1": (Distillation(temperature=20, hard_weight=0.1), {}),
    "T = 4": (Distillation(temperature=4), {}),
}
#: temperatures on replayed jittered views
VIEWS_CANDIDATES = (1.0, 4.0, 8.0, 20.0)


def measure(setting: Setting) -> Measured:
    """One seed: the teacher, then every candidate, judged on the held-out part of the training set."""
    teaching, judging = split_examples(examples_of(setting)[0], [5 / 6, 1 / 6], seed=setting.seed)
    jittered = parse_views(jitter(setting))
    teacher = teach(
        setting,
        "teacher",
        TEACHER,
        Material(teaching, views=jittered),
        objective=HardLabels(),
        recipe=TEACHER_RECIPE.model_copy(update={"epochs": 60}),
    )
    plain = label(setting, teacher, teaching, out=setting.folder / "targets-0", n_views=0)
    n_views = 4 if setting.smoke else N_VIEWS
    replayed = label(setting, teacher, teaching, out=setting.folder / f"targets-{n_views}", n_views=n_views)
    measured = _judged("teacher", teacher, judging)
    for name, (objective, change) in PAPER_CANDIDATES.items():
        recipe = Recipe.of(**(BASE.model_dump() | change))
        student = teach(setting, name, STUDENT, Material(teaching, plain), objective=objective, recipe=recipe)
        measured |= _judged(name, student, judging)
    for temperature in VIEWS_CANDIDATES:
        name = f"views, T = {temperature:g}"
        material = Material(teaching, replayed, views=jittered)
        student = teach(setting, name, STUDENT, material, objective=Distillation(temperature=temperature), recipe=BASE)
        measured |= _judged(name, student, judging)
    return measured


def _judged(name: str, trained: Trained, judging: Examples) -> Measured:
    errors, logits = errors_of(trained, judging)
    return {name: errors, f"{name}: NLL": float(F.cross_entropy(logits, judging.labels_or_empty))}


NAMES = ("teacher", *PAPER_CANDIDATES, *(f"views, T = {t:g}" for t in VIEWS_CANDIDATES))
ROWS = (
    *(Row(label=name, metric=name, digits=0) for name in NAMES),
    *(Row(label=f"{name}: NLL", metric=f"{name}: NLL", digits=4) for name in NAMES),
)


def draw(measured: Sequence[Measured]) -> Figure:
    """Validation errors of every candidate."""
    from joryu.report.plots import dots

    return dots(
        {name: [one[name] for one in measured] for name in NAMES}, published={}, axis="validation errors (of 10,000)"
    )


EXPERIMENT = Experiment(
    name="hinton-mnist-tuning",
    claim="H1",
    summary="Temperature, rate, batch size and hard weight of hinton-mnist, chosen on held-out training examples.",
    data="MNIST, 50,000 training examples to learn and 10,000 other training examples to judge",
    rows=ROWS,
    measure=measure,
    draw=draw,
    unit="validation errors",
)
