"""``joryu evaluate``: measure student, teacher and twin of a run."""

from __future__ import annotations

from pathlib import Path

import typer

from joryu.cli.output import COLUMN, JSON, emit, in_column, talk


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(evaluate)


def evaluate(
    run: Path = typer.Argument(..., help="A finished run."),
    examples: str | None = typer.Option(None, help="Labelled examples, if not the run's own test part."),
    split: str = typer.Option("test", help="train, test or all."),
    column: str | None = COLUMN,
    size: int | None = typer.Option(None, help="Resize pictures to this height and width."),
    as_json: bool = JSON,
) -> None:
    """Measure student, teacher and twin on labelled examples; the numbers go into evaluation.json too.

    \b
    Example:  joryu evaluate run
    """
    from joryu.report.evaluation_set import EvaluationSet
    from joryu.report.summary import summary_lines
    from joryu.report.writing import evaluate_run

    found = evaluate_run(run, EvaluationSet(examples=in_column(examples, column), split=split, size=size))
    for warning in found["warnings"]:
        talk(f"warning: {warning}")
    emit(found, as_json, "\n".join(summary_lines(found)))
