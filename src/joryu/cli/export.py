"""``joryu export``."""

from __future__ import annotations

from pathlib import Path

import typer

from joryu.cli.output import COLUMN, JSON, emit, in_column, talk


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(export)


def export(
    run: Path = typer.Argument(..., help="A finished run; the twin inside one is a run too."),
    out: Path = typer.Option(..., help="The folder that is made; it holds all that it takes to use the student."),
    format: str = typer.Option("onnx", help="onnx (onnxruntime), or litert (the successor of TensorFlow Lite)."),
    int8: bool = typer.Option(False, "--int8", help="Also the student in 8-bit numbers."),
    dynamic: bool = typer.Option(False, "--dynamic", help="int8 that needs no examples: for tables and mlp."),
    calibration: int = typer.Option(256, help="Examples of the transfer set by which int8 is adjusted."),
    seed: int = typer.Option(0, help="Draws these."),
    most_lost: float = typer.Option(0.02, help="Of the headline measure by int8: an export that loses more fails."),
    licence: list[str] = typer.Option(
        [], help="Refuse if pictures that it learned from have another licence, such as CC0* or CC-BY-4.0; repeatable."
    ),
    examples: str | None = typer.Option(None, help="Examples to check it on, if not the run's own test part."),
    split: str = typer.Option("test", help="train, test or all."),
    column: str | None = COLUMN,
    size: int | None = typer.Option(None, help="Resize pictures to this height and width."),
    as_json: bool = JSON,
) -> None:
    """Export a student to a folder that answers without Joryu.

    The folder holds the model, its labels, predict.py, what that requires, and a card about the student.

    It is compared with the student on real examples, and written only if it answers the same.

    \b
    Example:  joryu export run --int8 --out student
    """
    from joryu.export import ExportSettings, export_run, require_exportable
    from joryu.export.words import exported_lines
    from joryu.report.evaluation_set import EvaluationSet
    from joryu.report.provenance import as_found_from_here
    from joryu.training.run import read_run

    ways = {(False, False): None, (True, False): "static", (True, True): "dynamic", (False, True): "dynamic"}
    settings = ExportSettings(
        format=format, int8=ways[int8, dynamic], calibration=calibration, seed=seed, most_lost=most_lost,
        licences=tuple(licence),
    )  # fmt: skip
    require_exportable(run, out, settings)
    chosen = EvaluationSet(examples=in_column(examples, column), split=split, size=size)
    found = chosen.load(as_found_from_here(read_run(run), run), run)
    done = export_run(run, out, evaluation_set=found.examples, teaching=found.whole, settings=settings, tell=talk)
    emit(done.to_json(), as_json, "\n".join(exported_lines(done)))
