"""``joryu worth``: what more answers of a teacher can be expected to bring."""

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
    require_student,
    size_of,
    split_labelled,
)
from joryu.cli.recipe_options import RECIPE, takes_recipe


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(takes_recipe(worth))


def worth(
    targets: Path = typer.Argument(..., help="The store that joryu label wrote, as far as it is answered."),
    student: str = typer.Option(..., help="The student of all trainings; as of joryu distill."),
    examples: str = typer.Option(..., help="The examples that the teacher answered about."),
    split: str | None = typer.Option(None, help="Which part is taught; the one that was labelled, if that is known."),
    column: str | None = COLUMN,
    out: Path = typer.Option(..., help="The folder of the trainings, made or gone on with."),
    next_answers: int = typer.Option(1000, "--next", min=1, help="How many more answers are thought of."),
    sizes: str | None = typer.Option(
        None, help="How many answers are learned from, such as 250,500,1000,2000; all, a half and so on, unless said."
    ),
    draws: int = typer.Option(3, help="How often each size is drawn and trained."),
    by: str | None = typer.Option(
        None, help="The measure whose error is followed, such as macro_average_precision, or loss; the first, if not."
    ),
    temperature: float | None = typer.Option(None, help="Softens both sides; as of joryu distill."),
    hard_weight: float = typer.Option(0.1, help="Weight of the hard labels, 0 to 1."),
    divergence: str | None = typer.Option(None, help="The soft part of the loss; as of joryu distill."),
    validation: float = typer.Option(0.1, help="Share of each part that chooses the best epoch."),
    test: float = typer.Option(0.2, help="Share of the answers that judges, and teaches nobody."),
    size: int | None = typer.Option(None, help="Resize pictures to this height and width."),
    views: str | None = typer.Option(None, help="Augmentations such as shift:3,flip for targets without any."),
    allow_dead_teacher: bool = typer.Option(False, "--allow-dead-teacher", help="Go on although the audit says no."),
    settings: dict[str, Any] = RECIPE,
    as_json: bool = JSON,
) -> None:
    """Learn from nested parts of a teacher's answers; say what more would bring.

    Run again to go on. Every part is trained for as many steps. Where the errors cannot be told from a flat line, no
    number is given.

    \b
    Example:  joryu worth targets --examples folder:photos --student cnn:16x4 --out worth --next 1000
    """
    from joryu.examples import with_column
    from joryu.report.worth import draw_worth, worth_in_words
    from joryu.targets import Store
    from joryu.training import Recipe, Run
    from joryu.training.setup import DistillationSetup, default_objective
    from joryu.training.worth import WorthSetup, keep, sizes_of
    from joryu.training.worth import worth as find_worth

    require_student(student)
    recipe, store = Recipe.of(**settings), Store.open(targets)
    objective = default_objective(
        store.manifest.question, temperature=temperature, hard_weight=hard_weight, divergence=divergence
    )
    setup = WorthSetup(
        distillation=DistillationSetup(
            student=student, objective=objective, validation=validation, test=test, views=views,
            allow_dead_teacher=allow_dead_teacher,
        ),
        sizes=sizes_of(sizes), draws=draws, by=by,
    )  # fmt: skip
    named = with_column(examples, column)
    split, size = split or split_labelled(store, named), size_of(store, size)
    shown = load_and_tell(named, split, size)
    with counting("learning from parts") as advance:
        run = Run(out, command=command_line(), notes={"examples": named, "split": split, "size": size})
        found = find_worth(shown, store, setup=setup, recipe=recipe, run=run, watch=advance)
    words = worth_in_words(found, next_answers)
    keep(found, out, next_answers)
    figure = draw_worth(found, out / "worth.svg")
    emit(found.to_json(next_answers), as_json, f"{words}\n{figure}")
