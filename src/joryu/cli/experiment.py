"""``joryu experiment``: list the experiments, and run one."""

from __future__ import annotations

from pathlib import Path

import typer

from joryu.cli.output import JSON, command_line, emit, talk, watching
from joryu.errors import InputError

app = typer.Typer(help="Published claims, each reproduced by one command.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_experiments(as_json: bool = JSON) -> None:
    """List the experiments.

    \b
    Example:  joryu experiment list
    """
    from joryu.experiments.catalogue import MODULES, find_experiment

    found = [find_experiment(name) for name in MODULES]
    rows = [{"name": one.name, "claim": one.claim, "summary": one.summary, "data": one.data} for one in found]
    emit(rows, as_json, "\n".join(f"{row['name']:22} {row['claim']:3} {row['summary']}" for row in rows))


@app.command()
def run(
    name: str = typer.Argument(..., help="One of joryu experiment list."),
    seeds: str = typer.Option("3", help="How many (3 is 0,1,2), or which (0,4)."),
    out: Path | None = typer.Option(None, help="Where to work and write; runs/NAME by default."),
    publish: Path | None = typer.Option(None, help="Write NAME.json, NAME.md and NAME.svg there too (docs/results)."),
    smoke: bool = typer.Option(False, "--smoke", help="Seconds, on scikit-learn's digits: shows that it runs."),
    full: bool = typer.Option(False, "--full", help="A larger size than the published one, for those that have one."),
    as_json: bool = JSON,
) -> None:
    """Run an experiment over seeds: result.json, table.md and figure.svg. Run again to go on where it stopped.

    \b
    Example:  JORYU_DATA=~/data joryu experiment run hinton-mnist --seeds 3
    """
    from joryu.experiments.catalogue import find_experiment
    from joryu.experiments.experiment import Folders, Size, parse_seeds, run_experiment, table

    if smoke and full:
        raise InputError("an experiment has one size", expected="--smoke or --full", received="both")
    experiment = find_experiment(name)
    size = Size.SMOKE if smoke else Size.FULL if full else Size.PUBLISHED
    folder = out or Path("runs") / (name if size is Size.PUBLISHED else f"{name}-{size}")
    result = run_experiment(
        experiment,
        parse_seeds(seeds),
        place=Folders(folder, publish),
        size=size,
        watching=watching,
        command=command_line(),
    )
    talk(f"{folder}/result.json, table.md, figure.svg")
    emit(result, as_json, table(experiment, result).rstrip())
