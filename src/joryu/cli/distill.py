"""``joryu distill``."""

from __future__ import annotations

from pathlib import Path

import typer

from joryu.cli.output import (
    JSON,
    command_line,
    counting,
    emit,
    share_held_out,
    size_of,
    talk_of_few_steps,
    talk_of_rejected,
    watching,
)


def register(app: typer.Typer) -> None:
    app.command()(distill)


def distill(
    student: str = typer.Option(..., help="mlp:800x2, cnn:32x4, timm:NAME or module:pkg.mod:factory."),
    examples: str = typer.Option(..., help="The examples that the teacher answered about."),
    targets: Path = typer.Option(..., help="The store that joryu label wrote."),
    out: Path = typer.Option(..., help="The run folder, made or gone on with."),
    twin: bool = typer.Option(False, "--twin", help="Train the same student on hard labels too, to compare."),
    temperature: float = typer.Option(4.0, help="Softens both sides; 1 leaves them as they are."),
    hard_weight: float = typer.Option(0.1, help="Weight of the hard labels, 0 to 1; the soft part has the rest."),
    divergence: str = typer.Option("kl-forward", help="kl-forward, cross-entropy, kl-reverse, js or logit-mse."),
    labelled: float = typer.Option(1.0, help="Use only this share of the labels, as if the rest were unknown."),
    validation: float = typer.Option(0.1, help="Share of the examples held out to choose the best epoch."),
    test: float | None = typer.Option(None, help="Share held out for the report (0.2 if there is no test split)."),
    size: int | None = typer.Option(None, help="Resize pictures to this height and width."),
    epochs: int = typer.Option(30, help="Passes over the examples."),
    batch_size: int = typer.Option(256, help="Examples in a step."),
    learning_rate: float = typer.Option(1e-3, help="The peak of the schedule."),
    optimiser: str = typer.Option("adamw", help="adamw or sgd."),
    schedule: str = typer.Option("cosine", help="cosine, one-cycle or constant."),
    weight_decay: float = typer.Option(0.0, help="Decoupled for adamw; spares biases and norms."),
    clip: float | None = typer.Option(None, help="Largest norm of a gradient."),
    ema: float | None = typer.Option(None, help="Keep an exponential moving average of the weights, such as 0.999."),
    patience: int | None = typer.Option(None, help="Stop after so many epochs without a better validation loss."),
    precision: str = typer.Option("auto", help="auto, 32-true, bf16-mixed or 16-mixed."),
    compile: bool = typer.Option(False, "--compile", help="Compile the student with torch.compile."),
    views: str | None = typer.Option(
        None, help="Augmentations such as shift:3,flip for targets without any; answers are taken for them too."
    ),
    signal_weight: float = typer.Option(0.0, help="Also predict what was measured of a person, with this weight."),
    seed: int = typer.Option(0, help="Of the split, the weights and the order."),
    allow_dead_teacher: bool = typer.Option(False, "--allow-dead-teacher", help="Go on although the audit says no."),
    as_json: bool = JSON,
) -> None:
    """Train a small student from stored soft answers; run again to go on where it stopped.

    \b
    Example:  joryu distill --student mlp:800x2 --examples mnist --targets targets --out run --twin
    """
    from joryu.examples import load_examples
    from joryu.objectives import Distillation
    from joryu.targets import Store
    from joryu.training import Recipe, Run
    from joryu.training.distill import Lesson
    from joryu.training.distill import distill as learn

    recipe = Recipe.of(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        optimiser=optimiser,
        schedule=schedule,
        weight_decay=weight_decay,
        clip=clip,
        ema=ema,
        patience=patience,
        precision=precision,
        compile=compile,
        seed=seed,
    )
    objective = Distillation(temperature=temperature, hard_weight=hard_weight, divergence=divergence)  # type: ignore[arg-type]
    store = Store.open(targets)
    size = size_of(store, size)
    with counting("reading pictures") as advance:
        shown = load_examples(examples, size=size, progress=advance)
    talk_of_rejected(shown.rejected)
    lesson = Lesson(
        student=student,
        objective=objective,
        validation=validation,
        test=share_held_out(examples, test),
        labelled=labelled,
        twin=twin,
        views=views,
        signal_weight=signal_weight,
        allow_dead_teacher=allow_dead_teacher,
    )
    with watching("distilling") as watch:
        notes = {"examples": examples, "size": size, "targets": str(targets)}
        run = Run(out, command=command_line(), watch=watch, notes=notes)
        done = learn(shown, store, lesson=lesson, recipe=recipe, run=run)
    talk_of_few_steps(recipe, len(shown))
    last = done.student.history[-1] if done.student.history else {}  # a finished run may have lost them
    emit({"run": str(out), "twin": twin, **last}, as_json, f"{out}: {_in_words(last)}; next: joryu report {out}")


def _in_words(record: dict[str, float]) -> str:
    found = [f"{name.replace('_', ' ')} {record[name]:.4f}" for name in record if name.startswith("validation")]
    return ", ".join([f"{record['epoch']} epochs", *found]) if record else "finished"
