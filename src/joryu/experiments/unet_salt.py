"""U1 `unet-salt`: a U-Net that marks salt in seismic pictures, distilled into one sixteen times smaller.

Claim (the article "知識の蒸留" about Keras and TGS salt, in words, without numbers): a student that also learns a
teacher's answers, by ``(1 - λ) · hard + λ · T · soft`` with λ = 0.9 where outputs are sigmoids, marks salt better than
the same student on masks alone.

The 4,000 tiles were cut from far fewer large pictures, and neighbours of a training tile in the test part would let a
network answer from memory. Which tile is of which picture was never published, but the depth of each is
(``depths.csv``, 839 values): tiles of one depth stay in one part. That is approximate, as two pictures may lie at one
depth, and one picture may have been cut at several. The same three networks on a split tile by tile show what that
split would have claimed.

* *teacher*: U-Net of base 16 with three poolings, on cropped and mirrored views of the training part.
* *student*: the same of base 4, on views that the teacher was shown; each was answered once and stored.
* *twin*: the student's architecture on the masks alone: the same first weights, the same number of steps, views of its
  own.

Tiles are read at 32 × 32, to keep all arms and seeds below an hour on two cores; ``--full`` reads them at 96 × 96. The
*mean IoU* is that over tiles, of pixels with a probability above 0.5, and 1 where mask and answer are both empty: of
1,562 tiles the mask is empty, and of 36 more at this size. So beside it stand the mean over tiles with salt alone and
Kaggle's precision (the share of the thresholds 0.50 to 0.95 that the IoU is above). The last epoch is kept.

Settings were chosen with another seed (100) by the mean IoU of the validation part. After 20 epochs students with
λ = 0.9 and T = 1, 2, 4, 8 came to 68.1, 69.9, 72.0 and 70.8 %, their twin to 70.3 % (at a rate of 3e-3 to 69.6 %):
T = 4 was taken. One seed says little: `unet-temperature`, run later with three, shows no such difference between
temperatures. Losses were still falling, and after 40 epochs the twin came to 71.7 %: all learn for 40. Six epochs
without views, tried earlier, were too few for anyone, and the student was then behind its twin.

Latency is that of one tile on one CPU thread, the median of repeats that go round the three networks; on a machine that
others use too all are slower, and the ratio is what to read. Products are in bf16: a processor with AVX-512 that only
imitates it takes two to four times as long, one without AVX-512 far longer.

Command: ``JORYU_DATA=... joryu experiment run unet-salt --seeds 5`` (about 20 minutes a seed on one CPU core that
others use too). Smoke size (tiles that are made up): seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from joryu.evaluation import evaluate_student
from joryu.experiments.costs import costs
from joryu.experiments.experiment import ClaimRow, Experiment, Measured, Setting
from joryu.experiments.mnist import seconds_of
from joryu.experiments.pairs import PairedRow
from joryu.experiments.salt import (
    FULL,
    LABELS,
    PRECISION,
    STUDENT,
    STUDENT_SMOKE,
    SaltParts,
    network,
    on_labels,
    quality,
    salt_answers,
    salt_parts,
    salt_teacher,
    teach,
)
from joryu.experiments.salt_pictures import drawn_tiles, marked, picture_table
from joryu.objectives import Distillation
from joryu.questions import Link
from joryu.training import Recipe, Replayed, Trained, TrainingData

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RECIPE = Recipe(epochs=40, learning_rate=8e-3, batch_size=64, keep="last")
OBJECTIVE = Distillation(link=Link.SIGMOID, temperature=4.0, hard_weight=0.1)
SEEDS_AT_RANDOM = (0,)  #: those that train on a split at random too
ROLES = ("teacher", "twin", "student")


def measure(setting: Setting) -> Measured:
    """Measure one seed: quality and cost of teacher, twin and student, and for some what a random split says."""
    parts = salt_parts(setting)
    trained = teach_all(setting, parts)
    measured = qualities(trained, parts) | costs(trained, parts.test) | {"seconds": seconds_of(*trained.values())}
    measured["pictures"] = marked({role: network(trained[role]) for role in ROLES}, parts.test, drawn_tiles(parts.test))
    if setting.seed in SEEDS_AT_RANDOM:
        mixed = salt_parts(setting, by_depth=False)
        leaking = teach_all(replace(setting, folder=setting.folder / "random", shared=setting.shared / "random"), mixed)
        measured |= {f"random_{name}": value for name, value in qualities(leaking, mixed).items()}
        measured["seconds"] += seconds_of(*leaking.values())
    return measured


def teach_all(setting: Setting, parts: SaltParts) -> dict[str, Trained]:
    """Train the three networks of one seed on one split; they are returned by name.

    Student and twin have the same first weights, the same number of steps and the same masks.
    """
    teacher = salt_teacher(setting, parts)
    taught = TrainingData(parts.train, Replayed(salt_answers(setting, teacher, parts.train)))
    spec = STUDENT_SMOKE if setting.smoke else STUDENT
    return {
        "teacher": teacher,
        "twin": teach(setting, "twin", spec, on_labels(parts.train), objective=LABELS, recipe=RECIPE),
        "student": teach(setting, "student", spec, taught, objective=OBJECTIVE, recipe=RECIPE),
    }


def qualities(trained: dict[str, Trained], parts: SaltParts) -> Measured:
    """The quality of each network on the test part."""
    found: Measured = {}
    for name, one in trained.items():
        found |= quality(name, evaluate_student(network(one), parts.test), parts.test)
    return found


NAMES = {"teacher": "teacher, U-Net of base 16", "student": "student, U-Net of base 4"}
SCORES = (
    ("iou", "mean IoU, %", 2),
    ("iou_salt", "mean IoU of tiles with salt, %", 2),
    ("precision", "precision at IoU 0.50–0.95, %", 2),
    ("set_iou", "IoU over all pixels, %", 2),
)

ROWS = (
    *(
        ClaimRow(
            label=f"{label}: {what}",
            metric=f"{name}_{metric}",
            twin=None if name == "teacher" else f"twin_{metric}",
            digits=digits,
        )
        for metric, what, digits in (*SCORES, ("loss", "cross-entropy, nats", 4))
        for name, label in NAMES.items()
    ),
    *(
        ClaimRow(
            label=f"random split: {name}, {what}",
            metric=f"random_{name}_{metric}",
            twin=None if name == "teacher" else f"random_twin_{metric}",
            digits=digits,
        )
        for metric, what, digits in SCORES[:2]
        for name in NAMES
    ),
    ClaimRow(label="teacher: parameters", metric="teacher_parameters", digits=0),
    ClaimRow(label="student: parameters", metric="student_parameters", twin="twin_parameters", digits=0),
    ClaimRow(label="teacher: weights, MB", metric="teacher_mb", digits=3),
    ClaimRow(label="student: weights, MB", metric="student_mb", twin="twin_mb", digits=3),
    ClaimRow(label="teacher: one tile, ms", metric="teacher_ms", digits=2),
    ClaimRow(label="student: one tile, ms", metric="student_ms", twin="twin_ms", digits=2),
    ClaimRow(label="times smaller than the teacher", metric="mb_ratio"),
    ClaimRow(label="times faster than the teacher", metric="ms_ratio"),
)

PAIRS = [
    PairedRow(
        label=f"{split}student less {other}: {what}",
        metric=f"{prefix}student_{metric}",
        against=f"{prefix}{other}_{metric}",
        digits=digits,
    )
    for prefix, split in (("", ""), ("random_", "random split: "))
    for other in ("twin", "teacher")
    for metric, what, digits in (SCORES if not prefix else SCORES[:2])
] + [
    PairedRow(
        label=f"{name}: random split less split by depth, mean IoU",
        metric=f"random_{name}_iou",
        against=f"{name}_iou",
    )
    for name in ROLES
]


def draw(measured: Sequence[Measured]) -> Figure:
    """Draw some test tiles of the first seed: the tile, its mask, and what teacher, twin and student marked."""
    return picture_table(measured[0]["pictures"])


EXPERIMENT = Experiment(
    name="unet-salt",
    claim="U1",
    summary="A U-Net that marks salt in seismic pictures, distilled into one sixteen times smaller.",
    data="TGS salt, 4,000 tiles, 32 × 32: 2,625 to learn from, 593 to choose settings by, 782 to judge; no depth is in "
    "two parts. The figure shows test tiles with salt, drawn by lot, and what the networks of the first seed mark; the "
    "outline is the mask's",
    chance="a seed draws first weights, order and views of teacher, twin and student; the splits are the same for all",
    rows=ROWS,
    measure=measure,
    draw=draw,
    unit="",
    pairs=PAIRS,
    precision=PRECISION,
    full=FULL,
    headline=("student_iou",),
)
