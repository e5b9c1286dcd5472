"""``joryu collect``: pictures into a folder that knows where each comes from."""

from __future__ import annotations

from pathlib import Path

import typer

from joryu.cli.output import JSON, counting, emit, talk


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(collect)


def collect(
    source: Path = typer.Argument(
        ..., help="A folder of pictures, a Parquet file or folder of them, or a list of addresses: CSV, Parquet, text."
    ),
    out: Path = typer.Option(..., help="The collection: a folder, made or gone on with; --examples takes it."),
    licence: list[str] = typer.Option([], help="Only entries of this licence, such as CC0* or CC-BY-4.0; repeatable."),
    url_column: str | None = typer.Option(None, help="The column of addresses, where that is not plain."),
    licence_column: str | None = typer.Option(None, help="The column of licences, where that is not plain."),
    source_column: str | None = typer.Option(None, help="The column of sources or authors, where that is not plain."),
    default_licence: str = typer.Option("", help="The licence of entries that name none; else it is unknown."),
    default_source: str = typer.Option("", help="The source of entries that name none; else the host, or the list."),
    rate: float = typer.Option(5.0, help="Requests a second to one host; its robots.txt may ask for fewer."),
    concurrency: int = typer.Option(32, help="Requests in flight to all hosts together."),
    seconds: float = typer.Option(60.0, help="For one picture, redirects included."),
    largest: int = typer.Option(32, help="MiB of one picture."),
    agent: str | None = typer.Option(None, help="How hosts are told who asks; name a way to reach you."),
    allow_private: bool = typer.Option(
        False, "--allow-private", help="Also ask this computer and private networks; only for lists that you trust."
    ),
    retry_refused: bool = typer.Option(False, "--retry-refused", help="Try what was refused for good once more."),
    near: bool = typer.Option(True, help="Look for near-duplicates at the end."),
    as_json: bool = JSON,
) -> None:
    """Collect pictures, each with its licence and source; run again to go on where it stopped.

    Fetching obeys robots.txt, limits of rate, size and time, and asks public addresses alone.
    What is the same byte for byte is kept once. A site's own export is the way to its pictures.

    \b
    Example:  joryu collect photos.csv --out photos --licence "CC0*" --licence CC-BY-4.0
              joryu label --teacher google-vision --examples photos --size 224 --out targets --budget 500
    """
    from joryu.collecting import (
        FetchLimits,
        GatherOptions,
        ListingOptions,
        WantedColumns,
        find_near,
        gather,
        open_listing,
    )
    from joryu.collecting.limits import MIB
    from joryu.collecting.words import remark_lines, summary_line
    from joryu.examples.origin import LicenceRule
    from joryu.targets.provenance import joryu_version

    rule = LicenceRule.of(licence)
    limits = FetchLimits(
        rate=rate, concurrency=concurrency, seconds=seconds, largest=largest * MIB, private=allow_private
    )  # fmt: skip
    wanted = WantedColumns(url=url_column, licence=licence_column, source=source_column)
    listing = open_listing(source, ListingOptions(columns=wanted, largest=limits.largest))
    for remark in listing.remarks:
        talk(remark)
    listing = listing.with_defaults(default_licence, default_source)
    with counting("collecting") as advance:
        options = GatherOptions(
            rule=rule, limits=limits, agent=agent or f"joryu/{joryu_version()}", again=retry_refused, progress=advance
        )
        done = gather(listing, out, options)
    found = None
    if near:
        with counting("looking for near-duplicates") as advance:
            found = find_near(out, advance)
    for line in remark_lines(done, found):
        talk(line)
    counts = None if found is None else {"same_pixels": found.same, "alike": found.alike, "list": str(found.file)}
    emit({**done.to_json(), "near": counts}, as_json, summary_line(done, found))
