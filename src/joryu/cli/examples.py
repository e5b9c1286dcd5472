"""``joryu examples``: show what a set of examples holds."""

from __future__ import annotations

from pathlib import Path

import typer

from joryu.cli.output import COLUMN, EXAMPLES, JSON, counting, emit, talk


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(examples)


def examples(
    spec: str = typer.Argument(..., help=EXAMPLES),
    split: str = typer.Option("all", help="One split; all of them if left out."),
    size: int | None = typer.Option(None, help="Height and width to look at the pictures in."),
    column: str | None = COLUMN,
    html: Path | None = typer.Option(None, help="Write a page with pictures of each class to this file."),
    as_json: bool = JSON,
) -> None:
    """Show what was loaded, what was left out and what comes twice.

    \b
    Example:  joryu examples pictures --html pictures.html
    """
    from joryu.examples.overview import look
    from joryu.examples.overview_text import overview_json, overview_lines

    with counting("reading pictures") as advance:
        overview = look(spec, split=split, size=size, column=column, progress=advance)
    if html is not None:
        from joryu.report.contact_sheet import write_contact_sheet

        talk(f"the pictures are in {write_contact_sheet(overview, html)}")
    emit(overview_json(overview), as_json, "\n".join(overview_lines(overview)))
