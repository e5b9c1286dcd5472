"""``joryu bench``."""

from __future__ import annotations

from pathlib import Path

import typer

from joryu.cli.output import JSON, emit, talk


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(bench)


def bench(
    folder: Path = typer.Argument(..., help="What joryu export wrote."),
    batch: int = typer.Option(1, help="Examples that are answered at once."),
    threads: list[int] | None = typer.Option(None, help="Threads of the runtime; 1, and one for each core."),
    seconds: float = typer.Option(1.0, help="That each model is timed for, at each number of threads."),
    teacher: Path | None = typer.Option(None, help="The run of its teacher, if the student's run does not lead there."),
    as_json: bool = JSON,
) -> None:
    """Measure an exported student here: bytes, memory, time.

    Float and int8 stand side by side, and the teacher where its run is at hand.

    \b
    Example:  joryu bench student
    """
    from joryu.export.bench import bench_folder, bench_lines

    found = bench_folder(folder, batch=batch, threads=tuple(threads or ()), seconds=seconds, teacher=teacher, tell=talk)
    data = {"batch": batch, "models": [one.to_json() for one in found]}
    emit(data, as_json, "\n".join(bench_lines(found, batch)))
