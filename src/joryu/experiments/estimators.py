"""`estimators`: forests, boosting and Gaussian processes taught to small networks.

Claim E6: whatever answers can teach, also what is no network. A random forest of 300 trees, gradient boosting of 100
and a Gaussian process each learn a table; a network of one hidden layer learns from what they answer. Asked for: a
student of a forest at least ten times smaller and faster, which keeps 95 % of its R² (of classes: of its accuracy above
that of always saying the most frequent class).

* *tables*: scikit-learn's own: diabetes (a number), wine, breast cancer, and its digits as 64 columns (classes). The
  seed draws which quarter of the rows judges, and everything else.
* *student*: ``mlp:32x1``, taught on blends of two rows (mixup) of the training part, each of which the teacher was
  asked about: an estimator answers as many rows as one likes, and a few hundred are too few. It never sees a label.
* *twin*: the same network, first weights and steps, on the labels, blended alike; and once more on the rows as they
  are, because in pilots blends made the twin of diabetes better and that of wine worse.

The Gaussian process of diabetes says its standard deviation, and its student learns mean and variance together
(``gaussian-nll``); so does its twin, from labels.

Nothing was chosen on rows that judge. Pilots with other seeds, judged on a part of the training rows, found 32 and 64
units, 20 and 30 epochs, blends with α = 0.4 and 1, and 6,000 and 12,000 asked rows alike, so the smallest was taken; of
diabetes also jittered rows and rows with columns exchanged. Tables are small and their splits overlap, so the intervals
over seeds are about these tables, not about others.

*Size* is that of files: the estimator's deflated by zip, the student's as it is written. *Latency* is that
of one process and one thread, in turns: from an array of the table's numbers to an array of answers, the estimator's
``predict`` or ``predict_proba``, and the student as a plain module of PyTorch, with the standardisation of the columns.
Through ``joryu predict`` both would wait for the reading of the row much longer than for the answer.

Command: ``joryu experiment run estimators --seeds 5``. Smoke size (wine, a small forest's worth of steps): seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import mean
from typing import TYPE_CHECKING, Any, Final

import torch

from joryu.evaluation import evaluate_logits, evaluator_for
from joryu.evaluation.answers import outputs_like
from joryu.evaluation.numbers import NumberEvaluation
from joryu.examples import parse_views
from joryu.experiments.estimator_tables import TABLES, TEACHERS, TableParts, costs_of, fitted, parts_of
from joryu.experiments.experiment import ClaimRow, Experiment, Measured, Setting
from joryu.experiments.pairs import PairedRow
from joryu.objectives import LOG_VARIANCE, Distillation, HardLabels, Objective, Outputs
from joryu.objectives.parts import GAUSSIAN
from joryu.students import Blueprint
from joryu.students.named_outputs import outputs_of
from joryu.targets import Encoding
from joryu.teachers import Estimator
from joryu.teachers.labelling import LabelOptions, LabelOrigin, label_examples
from joryu.training import LabelsAlone, Recipe, Replayed, Trained, TrainingData, train

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STUDENT: Final = "mlp:32x1"
VIEWS: Final = "mixup:1"
ASKED: Final = 6000  #: rows that a teacher is asked about, blends included, at least four of each
EPOCH: Final = 64 * 100
RECIPE: Final = Recipe(epochs=20, batch_size=64, learning_rate=3e-3, weight_decay=0.01, keep="last")
SURE: Final = ("diabetes", "process")  #: who says how far off it may be
NUMBERS: Final = ("diabetes",)


def measure(setting: Setting) -> Measured:
    """Measure one seed: every table, and every teacher of it."""
    found: Measured = {}
    for table in ("wine",) if setting.smoke else TABLES:
        parts = parts_of(table, setting.seed, setting.folder)
        for name in TEACHERS:
            one = measure_teacher(setting, parts, f"{table}-{name}")
            found |= {f"{table}_{name}_{what}": value for what, value in one.items()}
    return found | summed_up(found)


def measure_teacher(setting: Setting, parts: TableParts, name: str) -> Measured:
    """Measure one teacher of one table, its student and the twins: quality of each, and what the first two cost."""
    table, _, kind = name.partition("-")
    sure = (table, kind) == SURE
    estimator = fitted(kind, parts, setting.seed)
    teacher = Estimator(estimator, parts.teaching)
    student = learned(setting, name, parts, teacher=teacher, sure=sure)
    said = teacher.label(parts.test.inputs[:])
    found = prefixed("teacher", quality(outputs_like(said), parts))
    ending = "-sure" if sure else ""  # twins of one table are the same for all teachers, and found finished
    twin = learned(setting, f"{table}-twin{ending}", parts, sure=sure)
    plain = learned(setting, f"{table}-plain{ending}", parts, sure=sure, views=None)
    for role, one in (("student", student), ("twin", twin), ("plain", plain)):
        found |= prefixed(role, quality(_outputs(one, parts), parts))
    least = 0.0 if parts.is_numbers else most_frequent(parts)
    found["kept"] = 100 * (found["student_score"] - least) / (found["teacher_score"] - least)
    return found | costs_of(estimator, student.folder, parts, repeats=3 if setting.smoke else 15)


def learned(
    setting: Setting,
    name: str,
    parts: TableParts,
    *,
    sure: bool,
    teacher: Estimator | None = None,
    views: str | None = VIEWS,
) -> Trained:
    """A student of the teacher, or without one the twin, which learns from labels."""
    teaching, question = parts.teaching, parts.teaching.asked_question
    shown = parse_views(views)
    blueprint = Blueprint.fitted(
        STUDENT, teaching.inputs, question, preparation=teaching.preparation,
        outputs_like=teaching.labels if parts.is_numbers else None,
        heads={LOG_VARIANCE: question.names} if sure else {},
    )  # fmt: skip
    units = blueprint.output_std
    data, objective = TrainingData(teaching, LabelsAlone(shown), examples_per_epoch=EPOCH), _of_labels(parts, units)
    if teacher is not None:
        n_views = max(4, (200 if setting.smoke else ASKED) // len(teaching))
        store = label_examples(
            teacher, teaching, setting.folder / f"{name}-targets", views=shown, n_views=n_views,
            options=LabelOptions(encoding=Encoding(dtype="float32"), origin=LabelOrigin(command=setting.command)),
        )  # fmt: skip
        data = replace(data, source=Replayed(store))
        objective = Distillation(
            temperature=1.0, link=question.link, divergence=GAUSSIAN if sure else None, units=units
        )
    recipe = RECIPE.model_copy(update={"epochs": 1}) if setting.smoke else RECIPE
    with setting.running(name) as run:
        return train(blueprint, data, objective=objective, recipe=setting.recipe(recipe), run=run)


def _of_labels(parts: TableParts, units: tuple[float, ...]) -> Objective:
    return HardLabels(link=parts.teaching.asked_question.link, units=units)


def _outputs(trained: Trained, parts: TableParts) -> Outputs:
    with torch.inference_mode():
        return outputs_of(trained.module, parts.test.inputs[:])  # type: ignore[arg-type]


def quality(outputs: Outputs, parts: TableParts) -> Measured:
    """The score in per cent (accuracy, or R²), NLL and calibration (ECE, or coverage of the 90 % interval)."""
    labels, question = parts.test.labels_or_empty, parts.test.asked_question
    if not parts.is_numbers:
        found = evaluate_logits(outputs["main"], labels)
        return {"score": 100 * found.accuracy, "nll": found.nll, "ece": found.ece}
    tally = evaluator_for(question)
    tally.add(outputs, labels, None)
    judged: Any = tally.result()
    return _of_numbers(judged)


def _of_numbers(judged: NumberEvaluation) -> Measured:
    found: Measured = {"score": 100 * (judged.r2 or 0.0), "rmse": judged.rmse}
    if judged.nll is not None and judged.coverage is not None:
        found |= {"nll": judged.nll, "coverage": 100 * judged.coverage}
    return found


def most_frequent(parts: TableParts) -> float:
    """The accuracy in per cent of always saying the class that is most frequent among the rows that teach."""
    most = parts.teaching.labels_or_empty.bincount().argmax()
    return 100 * float((parts.test.labels_or_empty == most).float().mean())


def prefixed(role: str, found: Measured) -> Measured:
    """The same measurements, each called after whose they are."""
    return {f"{role}_{what}": value for what, value in found.items()}


def summed_up(found: Measured) -> Measured:
    """For each teacher, over the tables: what its students keep on average, and the least that they save."""
    of_all: Measured = {}
    for name in TEACHERS:
        for what, take in SUMMED.items():
            of_all[f"{name}_{what}"] = take([found[f"{table}_{name}_{what}"] for table in TABLES
                                            if f"{table}_{name}_{what}" in found])  # fmt: skip
    return of_all


SUMMED: Final[Mapping[str, Any]] = {"kept": mean, "smaller": min, "faster_row": min, "faster_batch": min}

ROLES: Final = {"teacher": "teacher", "student": "student", "twin": "twin", "plain": "twin without blends"}
COSTS: Final = (("bytes", "bytes", 0), ("row_ms", "one row, ms", 3), ("batch_ms", "256 rows, ms", 3))

ROWS = (
    *(
        ClaimRow(label=f"students of a {said}: {label}", metric=f"{name}_{what}", digits=1)
        for name, said in TEACHERS.items()
        for what, label in (
            ("kept", "kept of its score above the simplest guess, mean of the tables, %"),
            ("smaller", "times smaller, least of the tables"),
            ("faster_row", "times faster for one row, least of the tables"),
            ("faster_batch", "times faster for 256 rows, least of the tables"),
        )
    ),
    *(
        ClaimRow(
            label=f"{TABLES[table]}, {said}: {ROLES[role]}, {label}",
            metric=f"{table}_{name}_{role}_{what}",
            twin=f"{table}_{name}_twin_{what}" if role == "student" else None,
            digits=digits,
        )
        for table in TABLES
        for name, said in TEACHERS.items()
        for what, label, digits in (
            ("score", "R², %" if table in NUMBERS else "accuracy, %", 1),
            ("nll", "NLL", 3),
            *([("coverage", "labels in its 90 % interval, %", 1)] if table in NUMBERS else [("ece", "ECE", 3)]),
        )
        for role in ("teacher", "student", *(["plain"] if name == "forest" or (table, name) == SURE else []))
        if what == "score" or table not in NUMBERS or (table, name) == SURE
    ),
    *(
        ClaimRow(label=f"{TABLES[table]}, {said}: {role}, {label}", metric=f"{table}_{name}_{role}_{what}",
                 digits=digits)
        for table in TABLES
        for name, said in TEACHERS.items()
        for what, label, digits in COSTS
        for role in ("teacher", "student")
    ),
)  # fmt: skip

PAIRS = [
    PairedRow(
        label=f"{TABLES[table]}, {said}: student less {ROLES[other]}, points", metric=f"{table}_{name}_student_score",
        against=f"{table}_{name}_{other}_score", digits=1,
    )
    for table in TABLES
    for name, said in TEACHERS.items()
    for other in ("teacher", "twin", "plain")
]  # fmt: skip


def draw(measured: Sequence[Measured]) -> Figure:
    """Draw what students keep against how much smaller, and against how much faster they are."""
    from joryu.report.plots import points

    return points(
        {
            axis: {
                said: [
                    (one[f"{table}_{name}_{cost}"], one[f"{table}_{name}_kept"])
                    for one in measured
                    for table in TABLES
                    if f"{table}_{name}_kept" in one
                ]
                for name, said in TEACHERS.items()
            }
            for axis, cost in (("times smaller", "smaller"), ("times faster, one row", "faster_row"))
        },
        axis="kept of the teacher's score above the simplest guess, %",
        log_x=True,
    )


EXPERIMENT = Experiment(
    name="estimators",
    claim="E6",
    summary="Random forests, gradient boosting and Gaussian processes, each taught to a network of one hidden layer.",
    data="scikit-learn's own tables: diabetes (442 rows), wine (178), breast cancer (569), digits as 64 columns "
    "(1,797); a quarter of each judges",
    chance="a seed draws the rows that judge, and everything random of teachers, blends, students and twins; the "
    "tables are the same for all, so their splits overlap",
    rows=ROWS,
    measure=measure,
    draw=draw,
    unit="",
    twin="the same labels, blended",
    pairs=PAIRS,
    headline=("forest_kept", "forest_faster_row"),
)
