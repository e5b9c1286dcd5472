"""``joryu sweep``: search the settings of a distillation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from joryu.cli.output import (
    COLUMN,
    JSON,
    command_line,
    counting,
    emit,
    load_and_tell,
    share_held_out,
    size_of,
    split_labelled,
    talk,
    talk_of_student,
)
from joryu.cli.recipe_options import CLASS_WEIGHTS, HARD_LOSS, RECIPE, takes_recipe, typed_options


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(takes_recipe(sweep))


def sweep(
    context: typer.Context,
    student: str = typer.Option(..., help="As of joryu distill; {width} stands where a searched width goes."),
    examples: str = typer.Option(..., help="The examples that the teacher answered about."),
    split: str | None = typer.Option(None, help="Which part is taught; the one that was labelled, if that is known."),
    column: str | None = COLUMN,
    targets: Path = typer.Option(..., help="The store that joryu label wrote."),
    out: Path = typer.Option(..., help="The folder of the sweep, made or gone on with."),
    search: list[str] = typer.Option(
        [],
        help="temperature=1..20:log, hard-weight=0..1, learning-rate=1e-4..1e-2:log, width=4,8,16; may come several "
        "times. Temperature and hard weight, unless said.",
    ),
    trials: int = typer.Option(20, help="How many points are tried in all."),
    confirm: int = typer.Option(0, help="Train the three best points again with so many other seeds, for an interval."),
    by: str = typer.Option("loss", help="Compare by the validation loss, or by measure: accuracy, mean IoU and so on."),
    sampler: str = typer.Option("tpe", help="tpe or random; seeded by --seed."),
    pruner: str = typer.Option("median", help="median stops trials worse than the median of the others, or none."),
    storage: str | None = typer.Option(
        None, envvar="JORYU_STORAGE", help="The URL of a database that several machines share, each with its own --out."
    ),
    temperature: float | None = typer.Option(None, help="Where it is not searched; as of joryu distill."),
    hard_weight: float = typer.Option(0.1, help="Where it is not searched: weight of the hard labels, 0 to 1."),
    divergence: str | None = typer.Option(None, help="As of joryu distill."),
    factor: str | None = typer.Option(None, help="What the soft part is multiplied by; as of joryu distill."),
    hard_loss: str | None = HARD_LOSS,
    class_weights: str | None = CLASS_WEIGHTS,
    labelled: float = typer.Option(1.0, help="Use only this share of the labels, as if the rest were unknown."),
    validation: float = typer.Option(0.1, help="Share of the examples held out, by which points are compared."),
    test: float | None = typer.Option(None, help="Share cut off and never looked at (0.2 if there is no test split)."),
    size: int | None = typer.Option(None, help="Resize pictures to this height and width."),
    views: str | None = typer.Option(None, help="Augmentations such as shift:3,flip for targets without any."),
    signal_weight: float = typer.Option(0.0, help="Also predict what was measured of a person, with this weight."),
    allow_dead_teacher: bool = typer.Option(False, "--allow-dead-teacher", help="Go on although the audit says no."),
    settings: dict[str, Any] = RECIPE,
    as_json: bool = JSON,
) -> None:
    """Search the settings of a distillation by validation; run again to go on where it stopped.

    \b
    Example:  joryu sweep --student mlp:32x1 --examples digits --targets targets --out sweep --confirm 3
    Then:     joryu distill --best-of sweep --out run --twin
    """
    from dataclasses import replace

    from joryu.examples import with_column
    from joryu.search import SearchSpace, SweepBudget, SweepRun, SweepSetup, usual_space
    from joryu.search import sweep as search_space
    from joryu.search.page import write_sweep_page
    from joryu.search.storage import without_secrets
    from joryu.search.words import in_words
    from joryu.targets import Store
    from joryu.training import Recipe
    from joryu.training.setup import DistillationSetup, default_objective

    hidden = {} if storage is None else {storage: without_secrets(storage)}
    recipe, budget = Recipe.of(**settings), SweepBudget(trials=trials, confirm=confirm)
    run = SweepRun(folder=out, storage=storage, command=command_line(hidden))
    space = SearchSpace.parse(search) if search else None
    store = Store.open(targets)
    usual = default_objective(
        store.manifest.question,
        temperature=temperature,
        hard_weight=hard_weight,
        divergence=divergence,
        factor=factor,
    )
    objective = replace(usual, hard_loss=hard_loss)
    examples = with_column(examples, column)
    split, size = split or split_labelled(store, examples), size_of(store, size)
    setup = SweepSetup(
        distillation=DistillationSetup(
            student=student,
            objective=objective,
            class_weights=class_weights,
            validation=validation,
            test=share_held_out(examples, test, split),
            labelled=labelled,
            views=views,
            signal_weight=signal_weight,
            allow_dead_teacher=allow_dead_teacher,
        ),
        recipe=recipe,
        space=space or usual_space(objective),
        sampler=sampler,
        pruner=pruner,
        by=by,
    )
    setup.require_once(typed_options(context))
    talk_of_student(student)
    shown = load_and_tell(examples, split, size)
    notes = {"examples": examples, "split": split, "size": size, "targets": str(targets)}
    with counting("sweeping") as advance:
        run = replace(run, notes=notes, tell=talk, watch=lambda at, note: advance(at - 1, trials, note))
        found = search_space(shown, store, setup=setup, budget=budget, run=run)
    page = write_sweep_page(found, out)
    emit(found.model_dump(mode="json"), as_json, f"{in_words(found, out)}\n{page}")
