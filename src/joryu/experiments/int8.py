"""`int8`: what students lose and win in 8-bit numbers, after training and by learning under them.

Claims B4 and U1 end on a small device, and there a student is computed in 8-bit numbers. Students of H1 and U1, and one
that shows what a processor makes of convolutions (`int8-depthwise` has B4's):

* *MLP*: H1's 2 × 800 units, on MNIST;
* *CNN*: six plain 3 × 3 convolutions of 32 to 64 channels, on MNIST;
* *U-Net*: U1's student of base 4, on salt tiles of 32 × 32 split by depth.

Each is distilled in float, and exported three times: as it is; as int8 *after training* (onnxruntime's static
quantisation, its ranges measured on 256 examples that teach); and as int8 *learned*, after a quarter of the epochs
more, on the same answers and objective, under fake quantisation (``joryu quantise``; Mishra & Marr 2018, Polino et al.
2018).
All three are judged as onnxruntime runs them, on the whole test part: share right, and of masks the mean IoU. Courses
are shorter than those of H1 and U1, whose teachers are here the same for all seeds, so read the differences, not
the level. The last epoch is kept and nothing was chosen on the test part. Learned int8 had more epochs than the float
student it is compared with; that is part of what it does. The U-Net is measured with seed 0 alone, and with all seeds
at full size.

Latency is that of one picture on one CPU thread, the median of processes of their own in which the three take turns.

Command: ``JORYU_DATA=... joryu experiment run int8 --seeds 3``. Smoke size (a small MLP on
scikit-learn's digits): seconds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from joryu.examples import Examples
from joryu.experiments.experiment import ClaimRow, Experiment, Measured, Setting
from joryu.experiments.int8_lessons import LESSONS, learn, learn_int8
from joryu.experiments.mnist import seconds_of
from joryu.experiments.pairs import PairedRow
from joryu.experiments.salt import PRECISION
from joryu.export import ExportSettings, export_run
from joryu.export.bench import Timeable, bench_models
from joryu.export.contents import FLOAT, INT8
from joryu.export.parity import parity
from joryu.export.running import Answers, onnx_answers
from joryu.training import Trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "mlp": "MLP 2 × 800, MNIST",
        "cnn": "CNN, MNIST",
        "unet": "U-Net of base 4, salt",
    }
)
SMOKE: Final = ("mlp",)
ONCE: Final = ("unet",)  #: measured with seed 0 alone, except at full size
AFTER, LEARNED = "after", "learned"
FORMS: Final[Mapping[str, str]] = MappingProxyType({AFTER: "int8 after training", LEARNED: "int8 learned"})


def measure(setting: Setting) -> Measured:
    """Measure one seed: every student in its three forms."""
    left_out = ONCE if setting.seed and not setting.full else ()
    return measure_all(setting, SMOKE if setting.smoke else [name for name in NAMES if name not in left_out])


def measure_all(setting: Setting, names: Sequence[str]) -> Measured:
    """Measure some students in their three forms, by name."""
    measured: Measured = {"seconds": 0.0}
    for name in names:
        found = measure_student(setting, name)
        measured["seconds"] += found.pop("seconds")
        measured |= {f"{name}_{what}": value for what, value in found.items()}
    return measured


def measure_student(setting: Setting, name: str) -> Measured:
    """Quality (%), agreement with the float form (%), bytes, milliseconds and speed of one student's three forms."""
    lesson = LESSONS[name](setting)
    teaching, test = lesson.teaching, lesson.test
    student = learn(setting, name, lesson.student, teaching, objective=lesson.objective, recipe=lesson.recipe)
    tuned = learn_int8(setting, f"{name}-int8", student, lesson)
    files = {
        FLOAT: exported(student, test, teaching.examples) / "model.onnx",
        AFTER: exported(student, test, teaching.examples) / "model.int8.onnx",
        LEARNED: exported(tuned, test, teaching.examples) / "model.int8.onnx",
    }
    found = accuracies(files, test) | timed(files, test, quickly=setting.smoke)
    return found | {"seconds": seconds_of(student, tuned)}


def exported(trained: Trained, test: Examples, teaching: Examples) -> Path:
    """The exported folder of a run, beside it; made now unless it is there."""
    out = trained.folder.with_name(f"{trained.folder.name}-exported")
    if not out.is_dir():
        settings = ExportSettings(int8="static", most_lost=1.0)  # what is lost is what is measured here
        export_run(trained.folder, out, evaluation_set=test, teaching=teaching, settings=settings)
    return out


def accuracies(files: Mapping[str, Path], test: Examples) -> Measured:
    """What each model answers about the whole test part, by its labels and beside the float model."""
    answers = {form: _answers(path) for form, path in files.items()}
    found: Measured = {}
    for form in FORMS:
        beside = parity(answers[FLOAT], answers[form], test, test.asked_question)
        found |= {
            FLOAT: 100 * (beside.student or 0.0),
            form: 100 * (beside.exported or 0.0),
            f"{form}_same": 100 * (beside.agreement or 0.0),
        }
    return found


def _answers(path: Path) -> Answers:
    import onnx

    return onnx_answers(onnx.load(path))


def timed(files: Mapping[str, Path], test: Examples, *, quickly: bool) -> Measured:
    """Bytes of each model, milliseconds for one picture on one thread, and how many times as fast as float it is."""
    shape = tuple(test.inputs.shape[1:])
    models = [
        Timeable(form, FLOAT if form == FLOAT else INT8, path, "onnx", shape, "uint8") for form, path in files.items()
    ]
    costs = bench_models(models, seconds=0.01 if quickly else 0.5, rounds=1 if quickly else 5)
    found: Measured = {}
    for cost in costs:
        found |= {f"{cost.name}_bytes": cost.size, f"{cost.name}_ms": cost.times[0].p50}
    return found | {f"{form}_times": found[f"{FLOAT}_ms"] / found[f"{form}_ms"] for form in FORMS}


def rows_of(names: Mapping[str, str], *, masks: Collection[str] = ()) -> tuple[ClaimRow, ...]:
    """The rows of students by name; those of ``masks`` answer pixels."""
    return tuple(
        ClaimRow(
            label=f"{label}: {said}, {what}",
            metric=f"{name}_{form}{ending}",
            twin=f"{name}_{FLOAT}{ending}" if beside else None,
            digits=digits,
        )
        for name, label in names.items()
        for ending, what, digits, beside in (
            ("", "mean IoU, %" if name in masks else "test accuracy, %", 2, True),
            ("_same", "pixels as in float, %" if name in masks else "top answer as in float, %", 2, False),
            ("_bytes", "bytes", 0, True),
            ("_ms", "one picture, ms", 3, True),
            ("_times", "times as fast as float", 2, False),
        )
        for form, said in FORMS.items()
    )


def pairs_of(names: Mapping[str, str]) -> list[PairedRow]:
    """What each form of each student loses, paired over seeds."""
    return [
        PairedRow(label=f"{label}: {said} less float, points", metric=f"{name}_{form}", against=f"{name}_{FLOAT}")
        for name, label in names.items()
        for form, said in FORMS.items()
    ]


def draw(measured: Sequence[Measured], names: Mapping[str, str] = NAMES) -> Figure:
    """Draw how much is lost against how much faster it is: a point for each seed of each student, a panel a form."""
    from joryu.report.plots import points

    return points(
        {
            f"{said}: times as fast as float": {
                label: [
                    (one[f"{name}_{form}_times"], one[f"{name}_{form}"] - one[f"{name}_{FLOAT}"])
                    for one in measured
                    if f"{name}_{form}" in one
                ]
                for name, label in names.items()
                if any(f"{name}_{form}" in one for one in measured)
            }
            for form, said in FORMS.items()
        },
        axis="int8 less float, points",
    )


EXPERIMENT = Experiment(
    name="int8",
    claim="U1",
    summary="Students in 8-bit numbers: what they lose and win, after training and by learning under them.",
    data="MNIST (H1's student and a CNN), TGS salt tiles at 32 × 32 (U1's)",
    chance="a seed draws first weights and order of every student; teachers, their answers and the splits are the same "
    "for all",
    rows=rows_of(NAMES, masks=ONCE),
    measure=measure,
    draw=draw,
    unit="",
    twin="float",
    pairs=pairs_of(NAMES),
    precision=PRECISION,
    full="the U-Net with every seed",
    headline=("cnn_learned_times",),
)
