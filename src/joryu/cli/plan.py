"""``joryu plan``: what a paid teacher would cost, before it is asked."""

from __future__ import annotations

from pathlib import Path

import typer

from joryu.cli.output import COLUMN, JSON, emit


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(plan)


def plan(
    teacher: str = typer.Option(..., help="google-vision, google-vision,price=1.5 …, or http:FILE."),
    examples: str = typer.Option(..., help="What would be asked about: folder:, parquet:, or a path."),
    split: str = typer.Option("train", help="train, test or all."),
    column: str | None = COLUMN,
    size: int | None = typer.Option(None, help="The student's size, where pictures differ; not what is sent."),
    endpoint: str | None = typer.Option(None, help="The address, if not the API's own."),
    budget: str | None = typer.Option(None, help="The most that may be spent: pictures (500) or money (7.50USD)."),
    out: Path | None = typer.Option(None, help="The store, begun or to be made: what its ledger holds costs nothing."),
    ledger: Path | None = typer.Option(None, help="The folder of the raw answers, if not OUT.ledger."),
    rate: float | None = typer.Option(None, help="Requests a second (30)."),
    as_json: bool = JSON,
) -> None:
    """Say what a paid teacher would cost: money, hours, bytes.

    Pictures and requests are counted; nothing is sent.

    \b
    Example:  joryu plan --teacher google-vision --examples folder:photos --budget 7.50USD
    """
    from joryu.cli.asking import load_for
    from joryu.cli.paid import Paying, ledger_of
    from joryu.examples import with_column
    from joryu.remote import Budget, Ledger
    from joryu.remote.estimate import estimate
    from joryu.remote.ledger import FILE
    from joryu.remote.spec import find_api
    from joryu.teachers.asked_pictures import pictures_of

    api = find_api(teacher, endpoint=endpoint)
    per_second = Paying(rate=rate).limits().rate
    units = None if budget is None else Budget.parse(budget).in_units(api.price)
    pictures = pictures_of(load_for(teacher, with_column(examples, column), split, size))
    place = ledger or (None if out is None else ledger_of(out, Paying()))
    if place is None or not (place / FILE).is_file():
        found = estimate(api, pictures, rate=per_second, budget=units)
    else:
        with Ledger.read(place) as known:
            found = estimate(api, pictures, known, rate=per_second, budget=units)
    emit(found.to_json(), as_json, "\n".join(found.lines(api.price)))
