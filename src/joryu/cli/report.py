"""``joryu report``: write the page of a run, or of several."""

from __future__ import annotations

from pathlib import Path

import typer

from joryu.cli.output import COLUMN, JSON, emit, in_column, talk


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(report)


def report(
    run: list[Path] = typer.Argument(..., help="A finished run, or several judged by the same examples."),
    examples: str | None = typer.Option(None, help="Labelled examples, if not the run's own test part."),
    split: str = typer.Option("test", help="train, test or all."),
    column: str | None = COLUMN,
    size: int | None = typer.Option(None, help="Resize pictures to this height and width."),
    out: Path | None = typer.Option(None, help="The page, NAME-numbers.json beside it; by default in the one run."),
    as_json: bool = JSON,
) -> None:
    """Write the page of a run: did distilling help; one file, with teacher, student and twin side by side.

    \b
    Example:  joryu report run
    Example:  joryu report narrow wide --out comparison.html
    """
    from joryu.report.evaluation_set import EvaluationSet
    from joryu.report.writing import report_runs

    evaluation_set = EvaluationSet(examples=in_column(examples, column), split=split, size=size)
    page, headline = report_runs(run, evaluation_set, out=out, warn=lambda warning: talk(f"warning: {warning}"))
    emit({"page": str(page), "headline": headline}, as_json, f"{headline}\n{page}")
