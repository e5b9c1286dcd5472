"""`write_screening`: one self-contained page about a screening: sources, their tags, copies side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from joryu.examples import Examples
from joryu.report.contact_sheet import Shot
from joryu.report.page import environment, write_page
from joryu.report.pictures import are_pictures, thumbnail_uri
from joryu.targets.screening import Screening, SourceScreen

SIDE: Final = 96  #: a picture's longer side, in pixels
EACH: Final = 12  #: pictures shown of a suspicious source
SOURCES: Final = 400  #: the most sources listed
PAIRS: Final = 60  #: the most copies shown side by side


def write_screening(found: Screening, examples: Examples, of_row: Sequence[str], path: Path) -> Path:
    """Write the page to ``path``; ``of_row`` are the sources. It needs no network and runs no script.

    Raises:
        InputError, JoryuError: as `joryu.report.page.write_page`.
    """
    shown = are_pictures(examples.inputs)
    suspicious = [(one, _shots(examples, of_row, one) if shown else []) for one in found.suspicious]
    rows = [*zip(found.copies.same.tolist(), found.copies.same_as.tolist(), strict=True)]
    near = [*zip(found.copies.alike.tolist(), found.copies.alike_as.tolist(), strict=True)]
    pairs = [(_shot(examples, one), _shot(examples, other)) for one, other in (*near, *rows)[:PAIRS]] if shown else []
    page = environment().get_template("screening.html.j2").render(
        found=found, name=examples.name, suspicious=suspicious, sources=found.sources[:SOURCES],
        more_sources=max(0, len(found.sources) - SOURCES), pairs=pairs, more_pairs=len(rows) + len(near) - len(pairs),
        same=len(rows), alike=len(near),
    )  # fmt: skip
    return write_page(page, path, usual="screening.html")


def _shots(examples: Examples, of_row: Sequence[str], source: SourceScreen) -> list[Shot]:
    rows = [row for row, name in enumerate(of_row) if name == source.name]
    step = max(1, len(rows) // EACH)
    return [_shot(examples, row) for row in rows[::step][:EACH]]


def _shot(examples: Examples, row: int) -> Shot:
    name = f"#{row}" if examples.sources is None else examples.sources[row]
    return Shot(thumbnail_uri(examples.inputs[row], SIDE), name)
