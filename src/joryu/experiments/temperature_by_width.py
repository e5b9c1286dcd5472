"""H2 `temperature-by-width`: the best temperature falls with the width of the student.

Claim (Hinton, Vinyals & Dean 2015, section 3, in words): with 300 or more units in each of two hidden layers all
temperatures above 8 gave fairly similar results; with 30 units, temperatures of 2.5 to 4 worked clearly better than
higher or lower ones.

A grid of widths and temperatures, soft targets alone (no hard part), un-jittered inputs, every student with the same
recipe; the twin of each width learns hard labels with as many steps. "Best at 30 units" is read off the mean over seeds
of the *test* errors, as in the paper: the figure is the claim, and nothing else is chosen with it.

Command: ``JORYU_DATA=... joryu experiment run temperature-by-width --seeds 3`` (about half an hour a seed on two CPU
cores once the teacher is there; it shares the teacher of `hinton-mnist`). Smoke size: seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from joryu.experiments.experiment import ClaimRow, Experiment, Measured, Setting
from joryu.experiments.mnist import CHANCE, errors_of, examples_of, hinton_teacher, soft_targets, teach
from joryu.objectives import Distillation, HardLabels
from joryu.training import Recipe, Replayed, TrainingData

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTHS = (30, 100, 300)
TEMPERATURES = (1.0, 2.5, 4.0, 8.0, 20.0)
RECIPE = Recipe(epochs=30, learning_rate=2e-3, batch_size=256, keep="last")


def measure(setting: Setting) -> Measured:
    """Measure one seed: a student of every width at every temperature, and a twin of every width."""
    train_part, test_part = examples_of(setting)
    store = soft_targets(setting, hinton_teacher(setting, train_part), train_part, n_views=0)
    measured: Measured = {}
    for width in WIDTHS:
        spec = f"mlp:{width}x2"
        twin = teach(setting, f"{width}-twin", spec, TrainingData(train_part), objective=HardLabels(), recipe=RECIPE)
        measured[f"width_{width}_twin"] = errors_of(twin, test_part)[0]
        for temperature in TEMPERATURES:
            student = teach(
                setting,
                f"{width}-T{temperature:g}",
                spec,
                TrainingData(train_part, Replayed(store)),
                objective=Distillation(temperature=temperature),
                recipe=RECIPE,
            )
            measured[f"width_{width}_T_{temperature:g}"] = errors_of(student, test_part)[0]
    return measured


def draw(measured: Sequence[Measured]) -> Figure:
    """Draw errors against temperature: a line for each width, and its twin as a dashed line."""
    from joryu.report.plots import lines

    widths = sorted({int(name.split("_")[1]) for name in measured[0] if name.startswith("width_")})
    return lines(
        {
            f"{width} units": {t: [one[f"width_{width}_T_{t:g}"] for one in measured] for t in TEMPERATURES}
            for width in widths
        },
        levels={f"{width} units": [one[f"width_{width}_twin"] for one in measured] for width in widths},
        axes_labels=("temperature", "test errors"),
        log_x=True,
    )


EXPERIMENT = Experiment(
    name="temperature-by-width",
    claim="H2",
    summary="The best temperature falls with the width of the student (Hinton, Vinyals & Dean 2015, section 3).",
    data="MNIST, 60,000 training and 10,000 test examples",
    chance=CHANCE,
    rows=[
        ClaimRow(label=f"2 × {width} units, T = {t:g}", metric=f"width_{width}_T_{t:g}", twin=f"width_{width}_twin")
        for width in WIDTHS
        for t in TEMPERATURES
    ],
    measure=measure,
    draw=draw,
    headline=("width_30_T_2.5", "width_30_T_20"),
)
