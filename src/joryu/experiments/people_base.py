"""The network from which students of people start: trained on other pictures, without people's answers.

From 1,000 pictures alone a small network does not learn enough to show what the targets are worth. A network that
learned CIFAR-10's 50,000 labels does not show it either: every kind of target about 1,000 more made it a little worse.
So this one learned the 200 classes of Tiny ImageNet, and its answers about CIFAR-10 come from people alone.
"""

from __future__ import annotations

from joryu.examples import Examples, load_examples, parse_views
from joryu.experiments.experiment import Setting
from joryu.objectives import HardLabels
from joryu.students import Blueprint
from joryu.training import LabelsAlone, Recipe, Trained, TrainingData, train

STUDENT, STUDENT_SMOKE = "cnn:16x6,dropout=0.2", "mlp:24x1"
RECIPE = Recipe(epochs=20, learning_rate=3e-3, batch_size=128, weight_decay=0.01, keep="last")
VIEWS = "shift:3,flip"
SIZE = 32  #: CIFAR-10's


def base_of(setting: Setting, shown: Examples) -> Trained:
    """Train the network that the students start from: one for each seed, which both experiments share.

    Students inherit what it happened to learn, so its chance must be part of every interval over seeds. At smoke size
    it learns the labels of ``shown``.
    """
    examples = shown if setting.smoke else load_examples("tiny_imagenet", split="train", size=SIZE)
    recipe = setting.recipe(RECIPE.model_copy(update={"epochs": 3}) if setting.smoke else RECIPE)
    blueprint = Blueprint.fitted(STUDENT_SMOKE if setting.smoke else STUDENT, examples.inputs, examples.asked_question)
    data = TrainingData(examples, LabelsAlone(parse_views(VIEWS)))
    with setting.of_seed.running("people-base") as run:
        return train(blueprint, data, objective=HardLabels(), recipe=recipe, run=run)
