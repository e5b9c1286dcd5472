"""The network that students of people begin with: it knows CIFAR-10's training pictures, and nothing of people.

From scratch, 1,000 pictures do not teach a small network enough for it to show what the targets are worth. Fine-tuning
is how Peterson et al. (2019) measured what CIFAR-10H is worth.
"""

from __future__ import annotations

from joryu.examples import Examples, load_examples, parse_views
from joryu.experiments.experiment import Setting
from joryu.objectives import HardLabels
from joryu.students import Blueprint
from joryu.training import Material, Recipe, Run, Trained, train

STUDENT, STUDENT_SMOKE = "cnn:16x6,dropout=0.2", "mlp:24x1"
RECIPE = Recipe(epochs=12, learning_rate=3e-3, batch_size=128, weight_decay=0.01, keep="last")
VIEWS = "shift:3,flip"


def base_of(setting: Setting, shown: Examples) -> Trained:
    """Trained once, with seed 0, for all seeds of both experiments; at smoke size on the labels of ``shown``."""
    examples = shown if setting.smoke else load_examples("cifar10", split="train")
    recipe = RECIPE.model_copy(update={"epochs": 3}) if setting.smoke else RECIPE
    blueprint = Blueprint.fitted(STUDENT_SMOKE if setting.smoke else STUDENT, examples.inputs, examples.classes)
    material = Material(examples, views=parse_views(VIEWS))
    with setting.watching("the network that students begin with") as watch:
        run = Run(setting.shared / "people-base", command=setting.command, watch=watch)
        return train(blueprint, material, objective=HardLabels(), recipe=recipe, run=run)
