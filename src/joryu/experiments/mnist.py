"""What the experiments on MNIST have in common: the examples, Hinton's teacher and its soft targets."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from joryu.evaluation import predict_logits
from joryu.examples import Examples, load_examples, split_examples
from joryu.examples.views import parse_views
from joryu.experiments.experiment import Setting
from joryu.objectives import HardLabels, Objective
from joryu.students import Blueprint
from joryu.targets import Encoding, Store
from joryu.teachers import Network
from joryu.teachers.labelling import LabelOptions, LabelOrigin, label_examples
from joryu.training import LabelsAlone, Recipe, Trained, TrainingData, read_run, train

#: Inputs jittered by up to two pixels, as in the paper (one pixel on the 8 x 8 digits of the smoke size).
JITTER, JITTER_SMOKE = "shift:2", "shift:1"

#: what the intervals of all four are over, and on what they are conditional
CHANCE = (
    "a seed draws first weights, order and views of its own teacher and of every student; training and test "
    "examples are the same for all"
)

BEGAN_WITH = "began_with"  #: among a run's notes: the folder of the run it goes on from

TEACHER = "mlp:1200x2,dropout=0.2/0.5"
TEACHER_RECIPE = Recipe(
    epochs=300, learning_rate=1e-3, final_rate=0.3, batch_size=256, max_norm=3.5, ema=0.9998, keep="last"
)
#: and then on from there, in smaller batches, while the rate falls to nothing
TEACHER_FINISH = TEACHER_RECIPE.model_copy(
    update={"epochs": 75, "learning_rate": 3e-4, "final_rate": 0.0, "batch_size": 100}
)


def examples_of(setting: Setting) -> tuple[Examples, Examples]:
    """The 60,000 training and the 10,000 test examples; scikit-learn's digits at smoke size."""
    if setting.smoke:
        train_part, test_part = split_examples(load_examples("digits"), [0.75, 0.25], seed=0)
        return train_part, test_part
    return load_examples("mnist", split="train"), load_examples("mnist", split="test")


def sized(setting: Setting, recipe: Recipe) -> Recipe:
    """The recipe with the setting's seed and precision; at smoke size, at most 15 epochs of small batches."""
    recipe = setting.recipe(recipe)
    if not setting.smoke:
        return recipe
    smaller = {"epochs": min(recipe.epochs, 15), "batch_size": 64, "ema": None, "learning_rate": 5e-3}
    return recipe.model_copy(update=smaller)


def architecture(setting: Setting, spec: str) -> str:
    """The architecture ``spec``; at smoke size, 48 units for a teacher and 24 for a student of more than 100."""
    if not setting.smoke:
        return spec
    if "," in spec:
        return "mlp:48x2" + spec[spec.index(",") :]
    width = int(spec.removeprefix("mlp:").partition("x")[0])
    return spec if width <= 100 else "mlp:24x2"


def jitter(setting: Setting) -> str:
    """Views that shift digits by up to 2 pixels, or 1 at smoke size, as `parse_views` reads them."""
    return JITTER_SMOKE if setting.smoke else JITTER


def teach(
    setting: Setting, name: str, spec: str, data: TrainingData, *, objective: Objective, recipe: Recipe
) -> Trained:
    """Train one network of an experiment in the folder of its seed. Inputs are only scaled to [0, 1]."""
    inputs = data.examples.inputs
    blueprint = Blueprint(
        architecture=architecture(setting, spec),
        input_shape=tuple(inputs.shape[1:]),
        question=data.examples.asked_question.answer,
        scale=1 / 255,
    )
    with setting.running(name) as run:
        return train(blueprint, data, objective=objective, recipe=sized(setting, recipe), run=run)


def teach_on(
    setting: Setting, name: str, earlier: Trained, data: TrainingData, *, objective: Objective, recipe: Recipe
) -> Trained:
    """Train a network further, with another recipe, in a folder of its own."""
    with setting.running(name, begin_with=earlier.folder, notes={BEGAN_WITH: str(earlier.folder)}) as run:
        return train(earlier.blueprint, data, objective=objective, recipe=sized(setting, recipe), run=run)


def hinton_teacher(setting: Setting, train_part: Examples) -> Trained:
    """The teacher of Hinton et al. 2015, §3: 2 × 1200 rectified units, dropout, max-norm, jittered inputs.

    There is one for each seed, which all experiments share.
    """
    begun = hinton_teacher_begun(setting, train_part)
    data = TrainingData(train_part, LabelsAlone(parse_views(jitter(setting))))
    return teach_on(setting.of_seed, "teacher", begun, data, objective=HardLabels(), recipe=TEACHER_FINISH)


def hinton_teacher_begun(setting: Setting, train_part: Examples) -> Trained:
    """The same teacher after its first 300 epochs."""
    data = TrainingData(train_part, LabelsAlone(parse_views(jitter(setting))))
    return teach(setting.of_seed, "teacher-begun", TEACHER, data, objective=HardLabels(), recipe=TEACHER_RECIPE)


def soft_targets(setting: Setting, teacher: Trained, train_part: Examples, *, n_views: int) -> Store:
    """The teacher's answers about the examples and ``n_views`` jittered views of each, shared like the teacher."""
    out = setting.of_seed.folder / f"targets-{n_views}"
    return label(setting, teacher, train_part, out=out, n_views=n_views)


def label(setting: Setting, teacher: Trained, examples: Examples, *, out: Path, n_views: int, more: str = "") -> Store:
    """Ask a teacher about examples and ``n_views`` jittered views of each, and keep its answers in ``out``.

    They are kept in float32, because at T = 20 small differences of logits matter. ``more`` holds further steps of the
    views, such as ``,mixup:1``.
    """
    return label_examples(
        Network(teacher.module, question=teacher.blueprint.question),
        examples,
        out,
        views=parse_views(jitter(setting) + more) if n_views else None,
        n_views=n_views,
        options=LabelOptions(encoding=Encoding(dtype="float32"), origin=LabelOrigin(command=setting.command)),
    )


def errors_of(trained: Trained, test_part: Examples) -> tuple[int, Tensor]:
    """The number of test errors, and the test logits ``[n, C]``."""
    logits = predict_logits(trained.module, test_part)
    return int((logits.argmax(-1) != test_part.labels_or_empty).sum()), logits


def seconds_of(*trained: Trained) -> float:
    """The seconds that these trainings took, without interruptions; a shared teacher counts wherever it is used."""
    return sum(_seconds_in(one.folder) for one in trained)


def _seconds_in(folder: Path) -> float:
    record = read_run(folder)
    earlier = record["notes"].get(BEGAN_WITH)
    return float(record["seconds"]) + (_seconds_in(Path(earlier)) if earlier else 0.0)
