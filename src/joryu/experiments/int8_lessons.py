"""The students of `int8` and `int8-depthwise`: which network learns what from whom, in short courses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from joryu.examples import Examples, parse_views
from joryu.experiments import leaf_phone, salt, unet_salt
from joryu.experiments.experiment import Setting
from joryu.experiments.leaves import leaf_parts
from joryu.experiments.mnist import TEACHER, TEACHER_RECIPE, examples_of, jitter
from joryu.objectives import Distillation, HardLabels, Objective
from joryu.students import Blueprint
from joryu.targets import Encoding, Store
from joryu.teachers import Network
from joryu.teachers.labelling import LabelOptions, LabelOrigin, label_examples
from joryu.training import LabelsAlone, Recipe, Replayed, Trained, TrainingData, train
from joryu.training.quantise import fine_tuning_recipe


class Lesson(NamedTuple):
    """What a student learns, and what judges it."""

    student: str
    teaching: TrainingData
    test: Examples
    objective: Objective
    recipe: Recipe


def mlp(setting: Setting) -> Lesson:
    """H1's student and its objective, T = 20 with a tenth on hard labels, on pictures that are not jittered.

    An epoch of its course, and of the CNN's, is a tenth of the pictures.
    """
    recipe = Recipe(epochs=12, learning_rate=3e-3, batch_size=128, keep="last")
    spec = "mlp:24x2" if setting.smoke else "mlp:800x2"
    return _on_mnist(setting, spec, Distillation(temperature=20.0, hard_weight=0.1), recipe)


def cnn(setting: Setting) -> Lesson:
    """A plain network of 3 × 3 convolutions."""
    recipe = Recipe(epochs=4, learning_rate=3e-3, batch_size=64, keep="last")
    spec = "cnn:4x2" if setting.smoke else "cnn:32x6"
    return _on_mnist(setting, spec, Distillation(temperature=4.0, hard_weight=0.1), recipe)


def phone(setting: Setting) -> Lesson:
    """B4's student, from B4's teacher."""
    return _on_leaves(setting, "timm:test_efficientnet" if setting.smoke else leaf_phone.PLAN.student)


def relu(setting: Setting) -> Lesson:
    """A depthwise network whose activations are ReLUs and which has no squeeze-and-excite, from B4's teacher."""
    return _on_leaves(setting, "timm:mobilenetv4_conv_small")


def unet(setting: Setting) -> Lesson:
    """U1's student, from U1's teacher."""
    first = replace(setting, seed=0)
    parts = salt.salt_parts(first)
    store = salt.salt_answers(first, salt.salt_teacher(first, parts), parts.train)
    spec = salt.STUDENT_SMOKE if setting.smoke else salt.STUDENT
    recipe = unet_salt.RECIPE.model_copy(update={"epochs": 12})
    return Lesson(spec, TrainingData(parts.train, Replayed(store)), parts.test, unet_salt.OBJECTIVE, recipe)


LESSONS: Mapping[str, Callable[[Setting], Lesson]] = MappingProxyType(
    {"mlp": mlp, "cnn": cnn, "phone": phone, "relu": relu, "unet": unet}
)


def _on_mnist(setting: Setting, student: str, objective: Objective, recipe: Recipe) -> Lesson:
    train_part, test_part = examples_of(setting)
    first, spec = of_all(setting), "mlp:48x2" if setting.smoke else TEACHER
    taught = TrainingData(train_part, LabelsAlone(parse_views(jitter(setting))))
    course = TEACHER_RECIPE.model_copy(update={"epochs": 4, "final_rate": 0.0, "ema": None})
    teacher = learn(first, "mnist-teacher", spec, taught, objective=HardLabels(), recipe=course)
    store = _answers(first, teacher, train_part, "mnist-targets")
    teaching = TrainingData(train_part, Replayed(store), examples_per_epoch=len(train_part) // 10)
    return Lesson(student, teaching, test_part, objective, recipe)


def _on_leaves(setting: Setting, student: str) -> Lesson:
    plan = leaf_phone.SMOKE if setting.smoke else leaf_phone.PLAN
    first, views = of_all(setting), parse_views(plan.views)
    parts = leaf_parts(seed=first.seed, labelled=leaf_phone.LABELLED, smoke=setting.smoke)
    few = TrainingData(parts.transfer.labelled(), LabelsAlone(views))
    teacher = learn(first, "leaf-teacher", plan.teacher, few, objective=HardLabels(), recipe=plan.teacher_recipe)
    store = _answers(first, teacher, parts.transfer, "leaf-targets")
    recipe = plan.recipe.model_copy(update={"epochs": 12, "batch_size": 32})
    return Lesson(student, TrainingData(parts.transfer, Replayed(store)), parts.test, plan.objective, recipe)


def of_all(setting: Setting) -> Setting:
    """The setting of what all seeds have in common: the teachers and their answers."""
    return replace(setting, seed=0, folder=setting.shared / "int8")


def learn(
    setting: Setting, name: str, spec: str, data: TrainingData, *, objective: Objective, recipe: Recipe
) -> Trained:
    """Train one network; at smoke size for two epochs."""
    recipe = setting.recipe(recipe)
    if setting.smoke:
        recipe = recipe.model_copy(update={"epochs": 2, "batch_size": 32})
    examples = data.examples
    blueprint = Blueprint.fitted(
        spec, examples.inputs, examples.asked_question.answer, preparation=examples.preparation
    )
    with setting.running(name) as run:
        return train(blueprint, data, objective=objective, recipe=recipe, run=run)


def learn_int8(setting: Setting, name: str, earlier: Trained, lesson: Lesson) -> Trained:
    """Fine-tune a student under fake quantisation, as ``joryu quantise`` does: the same answers and objective."""
    plan = earlier.blueprint.model_copy(update={"quantisation": "int8"})
    recipe = fine_tuning_recipe(earlier.folder)
    with setting.running(name, begin_with=earlier.folder) as run:
        return train(plan, lesson.teaching, objective=lesson.objective, recipe=recipe, run=run)


def _answers(setting: Setting, teacher: Trained, examples: Examples, out: str) -> Store:
    """What a teacher says of the examples themselves, in float32: at T = 20 small differences of logits matter."""
    return label_examples(
        Network(teacher.module, question=teacher.blueprint.question),
        examples,
        setting.folder / out,
        options=LabelOptions(encoding=Encoding(dtype="float32"), origin=LabelOrigin(command=setting.command)),
    )
