"""``joryu predict``: ask a student about files, folders or a watched folder."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from joryu.cli.output import talk, talk_of_rejected

if TYPE_CHECKING:
    from joryu.serving import Predicted
    from joryu.serving.watching import Watch


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(predict)


def predict(
    run: Path = typer.Argument(..., help="A finished run; the twin inside one is a run too."),
    files: list[str] | None = typer.Argument(
        None, help="Pictures or tables, folders of them, or - to read their names from stdin, one a line."
    ),
    top: int | None = typer.Option(None, help="Show so many classes or tags, the most probable first."),
    threshold: float | None = typer.Option(None, help="Tags and masks hold above this probability (0.5)."),
    out: Path | None = typer.Option(
        None, help="Write NAME.json for each file into this folder, and masks as large as it as NAME.mask.png."
    ),
    watch: Path | None = typer.Option(
        None, help="Wait for files in this folder, and write NAME.json beside each (or into --out)."
    ),
    interval: float = typer.Option(2.0, help="Seconds between two looks at what is watched."),
    batch_size: int | None = typer.Option(None, help="Examples the student is shown at a time (512; 32 for masks)."),
    precision: str = typer.Option("32-true", help="32-true, or bf16-mixed: sooner, and less exact."),
    as_json: bool = typer.Option(False, "--json", help="Print a JSON object a line: one for each file, or row."),
) -> None:
    """Ask a student about files, folders of them, or a watched folder; nothing but its run is needed.

    Files that cannot be read are named and left out (--json: as lines with an error). A table has an answer for each
    row. Interrupted, --watch goes on where it stopped when the same command is typed again.

    \b
    Example:  joryu predict run photo.jpg holiday/ --top 5
    """
    from joryu.errors import InputError
    from joryu.precision import require_answering
    from joryu.serving import load
    from joryu.serving.answers import require_settings
    from joryu.serving.files import wanted_of
    from joryu.serving.outcome import Outcome
    from joryu.serving.watching import Watch
    from joryu.serving.written import AnswerFolder

    if bool(files) == (watch is not None):
        raise InputError(
            "what is to be predicted?", expected="files, folders or -, or else --watch FOLDER",
            received="both" if files else "neither",
        )  # fmt: skip
    asked = require_answering(precision)
    predictor = load(run, threshold=threshold, batch_size=batch_size, precision=asked, tell=talk)
    require_settings(predictor.question, top=top)
    if watch is not None:
        looked_at = Watch(predictor, watch, out=out, top=top, interval=interval)
        talk(f"looks into {watch} every {interval:g} seconds; Ctrl-C ends it")
        _keep_watching(looked_at, top, as_json)
        return
    answers = None if out is None else AnswerFolder(out, predictor, top=top)
    outcome = Outcome()
    found = outcome.counted(predictor.predict_each(wanted_of(files or [], sys.stdin.buffer, without=out)))
    _print_lines(found if answers is None else answers.written(found), top, as_json)
    outcome.require_some()
    if outcome.unseen is not None:
        talk(outcome.unseen)
    talk_of_rejected(outcome.left_out)


def _keep_watching(watch: Watch, top: int | None, as_json: bool) -> None:
    from joryu.serving.outcome import Outcome

    headed = True
    for found in watch.polls():
        outcome = Outcome()
        _print_lines(outcome.counted(found), top, as_json, headed=headed)
        if outcome.unseen is not None:
            talk(outcome.unseen)
        talk_of_rejected(outcome.left_out)
        headed = headed and not outcome.predicted


def _print_lines(found: Iterable[Predicted], top: int | None, as_json: bool, *, headed: bool = True) -> None:
    from joryu.serving.lines import json_lines, table_lines

    for line in json_lines(found, top) if as_json else table_lines(found, top, headed=headed):
        sys.stdout.write(line + "\n")
    sys.stdout.flush()
