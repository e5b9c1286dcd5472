"""``joryu data``: list the known data sets, and print where they are."""

from __future__ import annotations

from typing import Any

import typer

from joryu.cli.output import JSON, emit

app = typer.Typer(help="Data sets: which are here, and where.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_sets(as_json: bool = JSON) -> None:
    """List the data sets known by name and those found under JORYU_DATA.

    \b
    Example:  joryu data list
    """
    from joryu.examples.known import list_data

    rows = [row._asdict() for row in list_data()]
    lines = [f"{row['name']:16} {row['layout']:8} {_where(row)}" for row in rows]
    emit(rows, as_json, "\n".join(lines))


def _where(row: dict[str, Any]) -> str:
    if row["path"] is None and row["layout"] != "bundled":
        return f"absent: {row['obtain']}"
    return str(row["path"] or row["obtain"])


@app.command()
def path(name: str | None = typer.Argument(None, help="A data set; the folder of all of them if left out.")) -> None:
    """Print where data sets are looked for, or where one of them lies.

    \b
    Example:  joryu data path mnist
    """
    from joryu.examples.known import data_root
    from joryu.examples.specs import locate

    where = data_root() if name is None else locate(name)[1]
    emit(str(where), False, str(where))
