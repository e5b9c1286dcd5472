"""Quantisation-aware distillation: a finished student learns once more, computing as its int8 form will."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from joryu.errors import InputError
from joryu.examples import Examples
from joryu.students.blueprint import read_blueprint
from joryu.targets import Store
from joryu.training.distill import Distilled, distill
from joryu.training.recipe import Recipe
from joryu.training.run import Run, read_run
from joryu.training.setup import DistillationSetup, setup_of

SLOWER = 10  #: a fine-tuning's learning rate is so many times smaller than the run's,
SHORTER = 4  #: and it has so many times fewer epochs


def quantise(
    folder: Path | str, examples: Examples, targets: Store, *, recipe: Recipe, run: Run, twin: bool = False
) -> Distilled:
    """Fine-tune the student of a distilled run under fake quantisation: the same soft targets, the same objective.

    It begins with the run's weights. Its batch norms keep their averages and become part of the layers before them,
    dropout is off, and the ranges of its activations are learned (`joryu.students.int8`). Parts of the examples, views
    and weights of the terms are the run's own, so ``examples``, ``targets`` and the seed of the ``recipe`` must be too:
    `fine_tuning_recipe` gives one. A ``twin`` begins with the run's twin and learns from the hard labels alone, under
    the same fake quantisation.

    Mishra & Marr 2018 ("Apprentice", scheme C) and Polino et al. 2018 ("Model compression via distillation and
    quantization", section 3) train the quantised student on the teacher's answers; the fake quantisation is that of
    Jacob et al. 2018, section 3.

    Raises:
        InputError: the run was not distilled, is under fake quantisation already, or its student cannot be; another
            seed.
        MismatchError: examples or store are not the run's.
    """
    folder = Path(folder)
    setup = distilled_setup(folder)
    seed = read_run(folder)["request"]["recipe"]["seed"]
    if recipe.seed != seed:
        raise InputError("must be the run's, or what was held out would be taught", setting="seed", expected=seed)
    setup = replace(setup, int8=True, twin=twin)
    return distill(examples, targets, setup=setup, recipe=recipe, run=replace(run, begin_with=folder))


def distilled_setup(folder: Path | str) -> DistillationSetup:
    """The setup of a run that can be fine-tuned under fake quantisation.

    Raises:
        InputError: it was not distilled, is not finished, or is under fake quantisation already.
    """
    setup = setup_of(folder)
    if setup is None:
        raise InputError(
            f"{folder} was not distilled", expected="a run of joryu distill", received="one of joryu train"
        )
    if read_blueprint(folder).quantisation is not None:
        raise InputError(
            f"{folder} is under fake quantisation already", expected="a float run",
            hint="begin with the run that it began with",
        )  # fmt: skip
    return setup


def fine_tuning_recipe(folder: Path | str, *, epochs: int | None = None, learning_rate: float | None = None) -> Recipe:
    """The recipe of a run, for its fine-tuning under fake quantisation: a tenth of the rate, a quarter of the epochs.

    What has no meaning there is left out: patience, a moving average, a norm constraint, compilation. Precision is
    float32, in which 8-bit numbers are exact.

    Raises:
        InputError: the run's record is damaged, or a value out of range.
    """
    earlier = Recipe.of(**read_run(folder)["request"]["recipe"])
    changes = {
        "epochs": max(1, earlier.epochs // SHORTER) if epochs is None else epochs,
        "learning_rate": earlier.learning_rate / SLOWER if learning_rate is None else learning_rate,
        "patience": None, "ema": None, "max_norm": None, "compile": False, "precision": "32-true",
    }  # fmt: skip
    return Recipe.of(**{**earlier.model_dump(), **changes})
