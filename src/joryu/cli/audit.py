"""``joryu audit``."""

from __future__ import annotations

from pathlib import Path

import typer

from joryu.cli.output import JSON, emit, reopen


def register(app: typer.Typer) -> None:
    app.command()(audit)


def audit(
    targets: Path = typer.Argument(..., help="The store to look at."),
    examples: str | None = typer.Option(None, help="The examples, if not those named in the store."),
    split: str = typer.Option("train", help="train, test or all."),
    size: int | None = typer.Option(None, help="Resize pictures to this height and width."),
    temperature: float = typer.Option(4.0, help="The temperature you mean to distil at."),
    as_json: bool = JSON,
) -> None:
    """Look at a teacher's answers before training on them; exit code 5 if they teach nothing.

    Example:  joryu audit targets --temperature 4
    """
    from joryu.targets import Store
    from joryu.targets import audit as look

    store = Store.open(targets)
    found = look(store, reopen(store, examples, split, size), temperature=temperature)
    emit(found.to_json(), as_json, str(found))
    if found.fatal:
        raise typer.Exit(5)
