"""``joryu train``: a network on hard labels alone, for those who have no teacher yet."""

from __future__ import annotations

from pathlib import Path

import typer

from joryu.cli.output import (
    JSON,
    command_line,
    counting,
    emit,
    share_held_out,
    talk_of_examples,
    talk_of_few_steps,
    warn_of_overlap,
    watching,
)


def register(app: typer.Typer) -> None:
    app.command()(train)


def train(
    network: str = typer.Option(..., help="mlp:1200x2,dropout=0.2/0.5, cnn:64x6, timm:NAME or module:pkg.mod:factory."),
    examples: str = typer.Option(..., help="Labelled examples."),
    out: Path = typer.Option(..., help="The run folder, made or gone on with."),
    views: str | None = typer.Option(None, help="Augmentations, such as shift:2,flip."),
    validation: float = typer.Option(0.1, help="Share of the examples held out to choose the best epoch."),
    test: float | None = typer.Option(None, help="Share held out for the report (0.2 if there is no test split)."),
    size: int | None = typer.Option(None, help="Resize pictures to this height and width."),
    epochs: int = typer.Option(30, help="Passes over the examples."),
    batch_size: int = typer.Option(256, help="Examples in a step."),
    learning_rate: float = typer.Option(1e-3, help="The peak of the schedule."),
    weight_decay: float = typer.Option(0.0, help="Decoupled; spares biases and norms."),
    max_norm: float | None = typer.Option(None, help="Largest norm of a unit's incoming weights."),
    ema: float | None = typer.Option(None, help="Keep an exponential moving average of the weights, such as 0.999."),
    seed: int = typer.Option(0, help="Of the split, the weights and the order."),
    as_json: bool = JSON,
) -> None:
    """Train a network on hard labels, to be a teacher; run again to go on where it stopped.

    \b
    Example:  joryu train --network mlp:1200x2,dropout=0.2/0.5 --examples mnist --views shift:2 --out teacher
    """
    from joryu.examples import load_examples
    from joryu.training import Recipe, Run
    from joryu.training.distill import train_on_labels
    from joryu.training.run import is_finished

    recipe = Recipe.of(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        max_norm=max_norm,
        ema=ema,
        seed=seed,
    )
    with counting("reading pictures") as advance:
        shown = load_examples(examples, size=size, progress=advance)
    talk_of_examples(examples, "train", shown)
    held_out = share_held_out(examples, test)
    if not is_finished(out):
        warn_of_overlap(examples, shown, share=held_out, seed=recipe.seed, size=size)
    with watching("training") as watch:
        run = Run(out, command=command_line(), watch=watch, notes={"examples": examples, "size": size})
        done = train_on_labels(
            network, shown, views=views, validation=validation, test=held_out, recipe=recipe, run=run
        )
    talk_of_few_steps(recipe, len(shown))
    last = done.history[-1] if done.history else {}  # a finished run may have lost them
    found = f"validation accuracy {last['validation_accuracy']:.4f}" if last else "finished"
    emit({"run": str(out), **last}, as_json, f"{out}: {found}")
