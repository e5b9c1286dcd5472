"""``joryu verify``: ask the teacher again about a sample of its answers."""

from __future__ import annotations

from pathlib import Path

import typer

from joryu.cli.output import COLUMN, JSON, emit, in_column, reopen


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(verify)


def verify(
    targets: Path = typer.Argument(..., help="The store to check."),
    teacher: str | None = typer.Option(None, help="The teacher, if not the one named in the store."),
    examples: str | None = typer.Option(None, help="The examples, if not those named in the store."),
    split: str | None = typer.Option(None, help="train, test or all, if not the store's."),
    column: str | None = COLUMN,
    size: int | None = typer.Option(None, help="Resize pictures to this, if not to the store's size."),
    sample: int = typer.Option(256, min=1, help="How many stored answers to ask for again."),
    seed: int = typer.Option(0, min=0, help="Of the sample."),
    as_json: bool = JSON,
) -> None:
    """Ask the teacher again about a sample, and report the error; exit code 1 if the answers differ.

    \b
    Example:  joryu verify targets
    """
    from joryu.errors import InputError
    from joryu.targets import Store
    from joryu.teachers import find_teacher
    from joryu.teachers.foreign.command import require_typed
    from joryu.teachers.verify import verify as ask_again

    store = Store.open(targets)
    spec = teacher or store.teacher_spec
    if spec is None:
        raise InputError(f"{targets} does not say how to find its teacher", hint="name it with --teacher")
    if teacher is None:
        for one in store.teacher_specs:
            require_typed(one)
    shown = reopen(store, in_column(examples, column), split, size)
    try:
        who, known = find_teacher(spec, shown, order=store.manifest.teacher.order)
    except InputError as error:
        if teacher is not None:
            raise
        raise InputError(
            f"the teacher that answered is not found again: {error.what}", expected=error.expected,
            received=error.received, hint="name it from here with --teacher",
        ) from error  # fmt: skip
    found = ask_again(store, who, known, sample=sample, seed=seed)
    measured_in = "probability" if store.manifest.question.link.has_probs else "in the answers' own units"
    text = (
        f"{'the answers are the same' if found.ok else 'THE ANSWERS DIFFER'}: asked {found.asked} again, "
        f"largest error {found.max_error:.2g}, mean {found.mean_error:.2g} ({measured_in}), "
        f"{found.within:.1%} within what the encoding explains"
    )
    emit(found.to_json(), as_json, text)
    if not found.ok:
        raise typer.Exit(1)
