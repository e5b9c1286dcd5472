"""``joryu quantise``: a distilled student learns once more under fake quantisation."""

from __future__ import annotations

from pathlib import Path

import typer

from joryu.cli.outcome import in_words, outcome
from joryu.cli.output import JSON, command_line, emit, load_and_tell, talk, watching


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(quantise)


def quantise(
    run: Path = typer.Argument(..., help="A finished run of joryu distill."),
    out: Path = typer.Option(..., help="The run folder of the fine-tuned student, made or gone on with."),
    twin: bool = typer.Option(False, "--twin", help="Fine-tune the run's twin too, on hard labels, to compare."),
    epochs: int | None = typer.Option(None, help="Passes over the examples: a quarter of the run's, unless said."),
    learning_rate: float | None = typer.Option(None, help="The peak of the schedule: a tenth of the run's."),
    examples: str | None = typer.Option(None, help="The run's examples, if they are elsewhere now."),
    targets: Path | None = typer.Option(None, help="The run's store, if it is elsewhere now."),
    as_json: bool = JSON,
) -> None:
    """Fine-tune a distilled student for int8 under fake quantisation.

    It learns once more from the same answers, computing as its int8 form will.

    Run again to go on where it stopped. The run keeps float weights and the ranges of its 8-bit numbers; predict and
    report compute with them under fake quantisation.

    \b
    Example:  joryu quantise run --out run-int8 --twin
    """
    from joryu.errors import InputError
    from joryu.report.provenance import as_found_from_here
    from joryu.targets import Store
    from joryu.training import Run
    from joryu.training.quantise import distilled_setup, fine_tuning_recipe
    from joryu.training.quantise import quantise as learn
    from joryu.training.run import read_run

    distilled_setup(run)  # before pictures are read for minutes
    notes = as_found_from_here(read_run(run), run)["notes"]
    spec, place = examples or notes.get("examples"), targets or notes.get("targets")
    if spec is None or place is None:
        raise InputError(
            f"{run} does not say what it learned from", expected="--examples and --targets", received="neither"
        )
    recipe = fine_tuning_recipe(run, epochs=epochs, learning_rate=learning_rate)
    talk(f"fine-tuning for {recipe.epochs} epoch(s), from a learning rate of {recipe.learning_rate:g}")
    store = Store.open(Path(place))
    shown = load_and_tell(spec, notes.get("split") or "train", notes.get("size"))
    with watching("fine-tuning") as watch:
        found = {"examples": spec, "split": notes.get("split"), "size": notes.get("size"), "targets": str(place)}
        began = Run(out, command=command_line(), watch=watch, notes=found | {"from": str(run)})
        done = learn(run, shown, store, recipe=recipe, run=began, twin=twin)
    told = {"run": str(out), "from": str(run), "twin": twin, **outcome(done.student)}
    emit(told, as_json, f"{out}: {in_words(done.student)}, under fake quantisation; next: joryu report {out}")
