"""``joryu screen``: look for what spoils a student among examples and a teacher's answers."""

from __future__ import annotations

from pathlib import Path

import typer

from joryu.cli.output import COLUMN, JSON, emit, in_column, reopen, talk


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(screen)


def screen(
    targets: Path = typer.Argument(..., help="The store of a teacher's tags or classes."),
    out: Path = typer.Option(..., help="A folder: screening.html, and filter.json for --examples screened:FILE."),
    examples: str | None = typer.Option(None, help="The examples, if not those named in the store."),
    split: str | None = typer.Option(None, help="train, test or all, if not the store's."),
    column: str | None = COLUMN,
    size: int | None = typer.Option(None, help="Resize pictures to this, if not to the store's size."),
    by: str | None = typer.Option(None, help="A table, FILE#COLUMN, that says where each picture comes from."),
    constant: float = typer.Option(0.8, help="Suspicious is a tag on at least this share of a source's pictures …"),
    lift: float = typer.Option(3.0, help="… and so many times as often as elsewhere."),
    least: int = typer.Option(20, help="Pictures that a source must have to be judged."),
    as_json: bool = JSON,
) -> None:
    """Look for near-duplicates and for sources that tag alike.

    Sources are those whose tags are suspiciously constant; a page and a filter are written.

    A source is what --by says, else the group that the set names, else the folder of the picture.

    \b
    Example:  joryu screen targets --out screening
              joryu distill --student cnn:32x4 --examples screened:screening/filter.json --targets targets --out run
    """
    from joryu.examples.places import typed_in
    from joryu.examples.screened import Filter, write_filter
    from joryu.report.screening_page import write_screening
    from joryu.targets import Store
    from joryu.targets.screening import ScreenSettings, left_out_ids, sources_of
    from joryu.targets.screening import screen as look

    settings = ScreenSettings(constant=constant, lift=lift, least=least)
    store = Store.open(targets)
    store.require_sound()
    spec = in_column(examples, column)
    looked_at = reopen(store, spec, split, size)
    sources = sources_of(looked_at, by)
    found = look(store, looked_at, sources, settings)
    page = write_screening(found, looked_at, sources, out / "screening.html")
    ids = left_out_ids(looked_at, found)
    named = spec or store.examples_spec or looked_at.name
    kept = Filter(examples=named, typed_in=typed_in(out), left_out=ids.left_out, once=ids.once)
    told = found.to_json()
    write_filter(out / "filter.json", kept, names=ids.names, settings=told["settings"])
    lines = [
        f"{source.name or '(nothing said)'}: {tag.tag} on {tag.share:.0%} of {source.n} pictures,"
        f" {tag.elsewhere:.1%} elsewhere"
        for source in found.suspicious
        for tag in source.constant
    ]
    lines.append(
        f"{len(found.left_out)} of {found.n} to leave out: {len(found.suspicious)} of {len(found.sources)} sources,"
        f" {len(found.copies.same)} copies, {len(found.copies.alike)} near-duplicates"
    )
    emit(told, as_json, "\n".join(lines))
    talk(f"look at {page}; then: --examples screened:{out / 'filter.json'}")
