"""U2 `unet-temperature`: does a larger temperature make a better student of masks, and how should T be set?

Claim (the article of `unet-salt`, in words): a larger T gave better accuracy. Its loss has the factor T where outputs
are sigmoids. The gradient of the soft part is ``(σ(z/T) - σ(v/T)) / T``, about ``(z - v) / (4 T²)`` at high T: with the
factor T it falls as ``1 / (4 T)`` beside the hard part, so that a larger T is also a smaller λ; with T² it stays.

A grid of temperatures, of weights λ of the soft part and of both factors. Every student has the same first weights,
steps and views, and the teacher, the answers and the split of `unet-salt`; the twin learns the masks alone with as many
steps. At T = 1 the factors are the same, and so is the training. The figure is read off the test part, as the claim is
about accuracy; the point that a seed would choose is chosen on its validation part. The grid first began at T = 1; the
point with the best validation mean lay there, so T = 0.5 was added. λ above 0.9 was not tried. Students learn for ten
epochs, a quarter of what they learn for in `unet-salt`: what holds there need not hold after more.

Command: ``JORYU_DATA=... joryu experiment run unet-temperature --seeds 3`` (half an hour a seed on one CPU core that
others use too, once the teacher is there). Smoke size (tiles that are made up): seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from joryu.evaluation import evaluate_student
from joryu.experiments.experiment import ClaimRow, Experiment, Measured, Setting
from joryu.experiments.mnist import seconds_of
from joryu.experiments.pairs import PairedRow
from joryu.experiments.salt import (
    FULL,
    LABELS,
    PRECISION,
    STUDENT,
    STUDENT_SMOKE,
    network,
    on_labels,
    quality,
    salt_answers,
    salt_parts,
    salt_teacher,
    teach,
)
from joryu.objectives import Distillation
from joryu.questions import Link
from joryu.training import Recipe, Replayed, TrainingData

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEMPERATURES = (0.5, 1.0, 2.0, 4.0, 8.0)
SOFT_SHARES = (0.5, 0.9)  #: λ, the weight of the soft part
FACTORS = ("T", "T^2")
RECIPE = Recipe(epochs=10, learning_rate=8e-3, batch_size=64, keep="last")


class Point(NamedTuple):
    """One point of the grid: λ, the factor of the soft part, and the temperature."""

    soft_share: float
    factor: str
    temperature: float

    @property
    def metric(self) -> str:
        """Its name among metrics."""
        return f"lambda_{self.soft_share:g}_{self.factor}_T_{self.temperature:g}"

    @property
    def label(self) -> str:
        """Its name in the table."""
        return f"{line_of(self.soft_share, self.factor)}, T = {self.temperature:g}"

    @property
    def trained_as(self) -> str:
        """The folder of its training; at T = 1 both factors are 1, and one training serves both."""
        same = self.temperature == 1
        return f"lambda-{self.soft_share:g}-{'1' if same else self.factor.replace('^', '')}-T{self.temperature:g}"


GRID = [Point(share, factor, t) for share in SOFT_SHARES for factor in FACTORS for t in TEMPERATURES]


def line_of(soft_share: float, factor: str) -> str:
    """The name of the points that differ in temperature alone."""
    return f"λ = {soft_share:g}, factor {factor.replace('^2', '²')}"


def measure(setting: Setting) -> Measured:
    """Measure one seed: a student at every point of the grid, and their twin."""
    parts = salt_parts(setting)
    teacher = salt_teacher(setting, parts)
    taught = TrainingData(parts.train, Replayed(salt_answers(setting, teacher, parts.train)))
    spec = STUDENT_SMOKE if setting.smoke else STUDENT
    twin = teach(setting, "twin", spec, on_labels(parts.train), objective=LABELS, recipe=RECIPE)
    measured = quality("twin", evaluate_student(network(twin), parts.test), parts.test)
    trained = {twin.folder: twin}
    for point in GRID:
        student = teach(
            setting,
            point.trained_as,
            spec,
            taught,
            objective=Distillation(
                link=Link.SIGMOID,
                temperature=point.temperature,
                hard_weight=round(1 - point.soft_share, 6),
                factor=None if point.temperature == 1 else point.factor,
            ),
            recipe=RECIPE,
        )
        trained[student.folder] = student
        measured |= quality(point.metric, evaluate_student(network(student), parts.test), parts.test)
        chosen_by = evaluate_student(network(student), parts.validation).scores.values
        measured[f"{point.metric}_validation_iou"] = 100 * chosen_by.mean().item()
    best = max(GRID, key=lambda point: measured[f"{point.metric}_validation_iou"])
    measured["chosen_iou"] = measured[f"{best.metric}_iou"]
    measured["chosen_temperature"] = best.temperature
    return measured | {"chosen": best.label, "seconds": seconds_of(teacher, *trained.values())}


def draw(measured: Sequence[Measured]) -> Figure:
    """Draw what distilling gained against temperature, with intervals over seeds: a line for each λ and factor."""
    from joryu.report.plots import lines

    return lines(
        {
            line_of(share, factor): {
                t: [one[f"{Point(share, factor, t).metric}_iou"] - one["twin_iou"] for one in measured]
                for t in TEMPERATURES
            }
            for share in SOFT_SHARES
            for factor in FACTORS
        },
        levels={},
        axes_labels=("temperature", "test mean IoU, student less twin, points"),
        log_x=True,
        intervals=True,
    )


EXPERIMENT = Experiment(
    name="unet-temperature",
    claim="U2",
    summary="Does a larger temperature make a better student of masks, with the factor T and with T²?",
    data="as unet-salt: TGS salt, 4,000 tiles, 32 × 32, split by depth. The seconds count pauses in which other work "
    "had the cores",
    chance="a seed draws first weights, order and views of its teacher, of the twin and of all students, which begin "
    "alike; the split is the same for all",
    rows=[
        *(ClaimRow(label=p.label, metric=f"{p.metric}_iou", twin="twin_iou", digits=2) for p in GRID),
        ClaimRow(label="the point best on validation", metric="chosen_iou", twin="twin_iou", digits=2),
        ClaimRow(label="… its temperature (mean)", metric="chosen_temperature"),
        *(
            ClaimRow(label=f"validation: {p.label}", metric=f"{p.metric}_validation_iou", digits=2)
            for p in GRID
            if p.temperature != 1 or p.factor == "T"
        ),
    ],
    measure=measure,
    draw=draw,
    unit="test mean IoU, %",
    pairs=[
        PairedRow(
            label=f"{p.label} less T = 1", metric=f"{p.metric}_iou", against=f"{p._replace(temperature=1.0).metric}_iou"
        )
        for p in GRID
        if p.temperature != 1
    ]
    + [PairedRow(label="the point best on validation less twin", metric="chosen_iou", against="twin_iou")],
    precision=PRECISION,
    full=FULL,
    headline=("chosen_iou",),
)
