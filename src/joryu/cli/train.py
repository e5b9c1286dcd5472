"""``joryu train``: train a network on hard labels alone, to be a teacher where there is none yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from joryu.cli.outcome import in_words, outcome
from joryu.cli.output import (
    COLUMN,
    JSON,
    command_line,
    emit,
    load_and_tell,
    require_student,
    share_held_out,
    talk_of_few_steps,
    warn_of_overlap,
    watching,
)
from joryu.cli.recipe_options import CLASS_WEIGHTS, HARD_LOSS, RECIPE, takes_recipe


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(takes_recipe(train))


def train(
    network: str = typer.Option(
        ...,
        help="mlp:1200x2,dropout=0.5, cnn:64x6, unet:16x3, separable-unet:16x3, timm:NAME, smp:unet/NAME, keras:FILE, "
        "module:pkg.mod:factory.",
    ),
    examples: str = typer.Option(..., help="Labelled examples."),
    split: str = typer.Option("train", help="Which part is taught: train, test, all or what the set calls it."),
    column: str | None = COLUMN,
    out: Path = typer.Option(..., help="The run folder, made or gone on with."),
    views: str | None = typer.Option(None, help="Augmentations, such as shift:2,flip."),
    hard_loss: str | None = HARD_LOSS,
    class_weights: str | None = CLASS_WEIGHTS,
    validation: float = typer.Option(0.1, help="Share of the examples held out to choose the best epoch."),
    test: float | None = typer.Option(None, help="Share held out for the report (0.2 if there is no test split)."),
    size: int | None = typer.Option(None, help="Resize pictures to this height and width."),
    settings: dict[str, Any] = RECIPE,
    as_json: bool = JSON,
) -> None:
    """Train a network on hard labels, to be a teacher; run again to go on where it stopped.

    \b
    Example:  joryu train --network mlp:1200x2,dropout=0.2/0.5 --examples mnist --views shift:2 --out teacher
    """
    from joryu.examples import with_column
    from joryu.training import Recipe, Run
    from joryu.training.label_loss import LabelLoss
    from joryu.training.on_labels import train_on_labels
    from joryu.training.run import is_finished
    from joryu.training.setup import DistillationSetup

    require_student(network)
    recipe = Recipe.of(**settings)
    examples = with_column(examples, column)
    held_out = share_held_out(examples, test, split)
    DistillationSetup(validation=validation, test=held_out)  # refuses shares that cannot be, before anything is read
    shown = load_and_tell(examples, split, size)
    if not is_finished(out):
        warn_of_overlap(examples, shown, share=held_out, seed=recipe.seed, size=size)
    with watching("training") as watch:
        notes = {"examples": examples, "split": split, "size": size}
        run = Run(out, command=command_line(), watch=watch, notes=notes)
        done = train_on_labels(
            network,
            shown,
            views=views,
            validation=validation,
            test=held_out,
            label_loss=LabelLoss(hard_loss=hard_loss, class_weights=class_weights),
            recipe=recipe,
            run=run,
        )
    talk_of_few_steps(done, recipe)
    emit({"run": str(out), **outcome(done)}, as_json, f"{out}: {in_words(done)}")
