"""The smoke size of the experiments on a cloned API: scikit-learn's digits as files, and a network that knows them."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from joryu.durable import durable_folder
from joryu.examples import Examples, load_examples
from joryu.experiments.experiment import Setting
from joryu.training import Recipe
from joryu.training.on_labels import train_on_labels
from joryu.training.run import Run

PICTURES = 400
SIDE = 16


def small_pictures(shared: Path) -> Examples:
    """Some digits, each in a PNG file of its own, as an API is sent files.

    They are written into ``shared`` when they are first asked for.
    """
    folder = shared / "digits"
    if not folder.is_dir():
        digits = load_examples("digits")
        with durable_folder(folder) as new:
            for row in range(PICTURES):
                digit = Image.fromarray(digits.inputs[row, 0].numpy()).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
                place = new / str(int(digits.labels_or_empty[row]))
                place.mkdir(exist_ok=True)
                digit.save(place / f"{row}.png")
    return load_examples(f"folder:{folder}", size=SIDE)


def small_network(setting: Setting) -> Path:
    """The run of a network that learned these digits; it is trained when it is first asked for."""
    digits = small_pictures(setting.shared)
    recipe = setting.recipe(Recipe(epochs=12, batch_size=16, learning_rate=3e-2)).model_copy(update={"seed": 0})
    with setting.watching("the network behind the API") as watch:
        run = Run(setting.shared / "behind", command=setting.command, watch=watch)
        train_on_labels("cnn:16x4", digits, validation=0.2, recipe=recipe, run=run)
    return setting.shared / "behind"
