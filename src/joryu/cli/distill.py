"""``joryu distill``: train a student on a teacher's soft answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from joryu.cli.best_of_option import BEST_OF, takes_best_of
from joryu.cli.outcome import in_words, outcome
from joryu.cli.output import (
    COLUMN,
    JSON,
    command_line,
    emit,
    load_and_tell,
    require_student,
    share_held_out,
    size_of,
    split_labelled,
    talk,
    talk_of_few_steps,
    warn_of_overlap,
    watching,
)
from joryu.cli.recipe_options import CLASS_WEIGHTS, HARD_LOSS, RECIPE, takes_recipe


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(takes_best_of(takes_recipe(distill)))


def distill(
    student: str | None = typer.Option(
        None,
        help="mlp:800x2, cnn:32x4, unet:8x4, separable-unet:8x4, timm:NAME, smp:unet/NAME, keras:FILE, "
        "module:pkg.mod:factory.",
    ),
    examples: str | None = typer.Option(None, help="The examples that the teacher answered about."),
    split: str | None = typer.Option(None, help="Which part is taught; the one that was labelled, if that is known."),
    column: str | None = COLUMN,
    targets: Path | None = typer.Option(None, help="The store that joryu label wrote; with --teacher OUT/targets."),
    teachers: list[str] | None = typer.Option(
        None, "--teacher", help="Ask this teacher first, or these, as joryu label does, and keep the answers."
    ),
    combine: str | None = typer.Option(None, help="With several --teacher: their rule, as joryu label has it (soft)."),
    best_of: Any = BEST_OF,
    out: Path = typer.Option(..., help="The run folder, made or gone on with."),
    twin: bool = typer.Option(False, "--twin", help="Train the same student on hard labels too, to compare."),
    temperature: float | None = typer.Option(None, help="Softens both sides: 4 for classes, 1 for tags, unless said."),
    hard_weight: float = typer.Option(0.1, help="Weight of the hard labels, 0 to 1; the soft part has the rest."),
    divergence: str | None = typer.Option(
        None,
        "--divergence",
        "--objective",
        help="Of classes kl-forward, cross-entropy, kl-reverse, js, logit-mse; of tags cross-entropy (bounded), "
        "kl-forward, bounded-prior, zero-filled, asymmetric, normalised-kl; of numbers squared-error, gaussian-nll. "
        "The first, unless said.",
    ),
    factor: str | None = typer.Option(
        None, help="What the soft part is multiplied by: T^2 for classes and T for tags and masks, unless said."
    ),
    hard_loss: str | None = HARD_LOSS,
    class_weights: str | None = CLASS_WEIGHTS,
    labelled: float = typer.Option(1.0, help="Use only this share of the labels, as if the rest were unknown."),
    validation: float = typer.Option(0.1, help="Share of the examples held out to choose the best epoch."),
    test: float | None = typer.Option(None, help="Share held out for the report (0.2 if there is no test split)."),
    size: int | None = typer.Option(None, help="Resize pictures to this height and width."),
    views: str | None = typer.Option(
        None, help="Augmentations such as shift:3,flip for targets without any; answers are taken for them too."
    ),
    n_views: int = typer.Option(0, min=0, help="With --teacher: ask it about so many --views of each example as well."),
    signal_weight: float = typer.Option(0.0, help="Also predict what was measured of a person, with this weight."),
    allow_dead_teacher: bool = typer.Option(False, "--allow-dead-teacher", help="Go on although the audit says no."),
    settings: dict[str, Any] = RECIPE,
    as_json: bool = JSON,
) -> None:
    """Train a small student from a teacher's soft answers; run again to go on where it stopped.

    \b
    Example:  joryu distill --student mlp:800x2 --examples mnist --targets targets --out run --twin
    One go:   joryu distill --student mlp:800x2 --examples mnist --teacher run:teacher --out run --twin
    Searched: joryu distill --best-of sweep --out run --twin
    """
    from dataclasses import replace

    from joryu.cli.asking import Asking, ask_teacher, load_for, together
    from joryu.cli.label import in_words_of
    from joryu.errors import InputError
    from joryu.examples import with_column
    from joryu.targets import Store
    from joryu.training import Recipe, Run
    from joryu.training.distill import distill as learn
    from joryu.training.run import is_finished
    from joryu.training.setup import DistillationSetup, default_objective

    if student is None or examples is None:
        missing = "student" if student is None else "examples"
        raise InputError("is missing", setting=missing, expected=f"--{missing} or --best-of SWEEP")
    require_student(student)
    recipe = Recipe.of(**settings)
    if combine is not None and not teachers:
        raise InputError("--combine is for several teachers", expected="two or more --teacher", received="none",
                         hint="joryu targets combine takes another rule for a store")  # fmt: skip
    teacher = together(teachers, combine) if teachers else None
    if targets is None and teacher is None:
        raise InputError(
            "there is nobody to learn from", expected="--targets STORE or --teacher SPEC", received="neither"
        )
    if n_views and (teacher is None or views is None):
        raise InputError(
            "is not usable", setting="n_views", expected="--teacher and --views beside it", received=n_views
        )
    place = out / "targets" if targets is None else targets
    examples = with_column(examples, column)
    shown = None
    if teacher is None:
        store = Store.open(place)
        split, size = split or split_labelled(store, examples), size_of(store, size)
    else:
        split = split or "train"
        shown = load_for(teacher, examples, split, size)
        asking = Asking(teacher, examples, split, size, views=views if n_views else None, n_views=n_views)
        asked, _ = ask_teacher(shown, place, asking)
        talk(in_words_of(place, asked))
        store, views = asked.store, None if n_views else views
    usual = default_objective(
        store.manifest.question,
        temperature=temperature,
        hard_weight=hard_weight,
        divergence=divergence,
        factor=factor,
    )
    setup = DistillationSetup(
        student=student,
        objective=replace(usual, hard_loss=hard_loss),
        class_weights=class_weights,
        validation=validation,
        test=share_held_out(examples, test, split),
        labelled=labelled,
        twin=twin,
        views=views,
        signal_weight=signal_weight,
        allow_dead_teacher=allow_dead_teacher,
        split_seed=None if best_of is None or best_of.split_seed == recipe.seed else best_of.split_seed,
    )
    setup = setup.about(store.manifest.question)  # before pictures are read for minutes
    shown = load_and_tell(examples, split, size) if shown is None else shown
    if not is_finished(out):
        warn_of_overlap(examples, shown, share=setup.test, seed=setup.seed_of_parts(recipe.seed), size=size)
    with watching("distilling") as watch:
        notes: dict[str, Any] = {"examples": examples, "split": split, "size": size, "targets": str(place)}
        notes |= {} if best_of is None else {"best_of": best_of.note}
        run = Run(out, command=command_line(), watch=watch, notes=notes)
        done = learn(shown, store, setup=setup, recipe=recipe, run=run)
    talk_of_few_steps(done.student, recipe)
    found = {"run": str(out), "twin": twin, **outcome(done.student)}
    emit(found, as_json, f"{out}: {in_words(done.student)}; next: joryu report {out}")
