"""Near-duplicates in a collection: pictures that were saved again, found and listed, none of them taken away."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Final, NamedTuple

from joryu.durable import durable_file
from joryu.examples.examples import Examples
from joryu.examples.folder import load_folder
from joryu.examples.pictures import Progress
from joryu.examples.repeats import find_copies

FILE: Final = "near-duplicates.csv"
_SIZE: Final = 64  #: pixels at which pictures are compared


class Near(NamedTuple):
    """Pairs of pictures: those with the same pixels in another file, and those that look alike; and their list."""

    same: int
    alike: int
    file: Path


def find_near(folder: Path, progress: Progress | None = None) -> Near:
    """Look for near-duplicates (`joryu.examples.repeats.find_copies`) and list them in `FILE`.

    Each picture is decoded once; a later look finds in the user's cache what has not changed.

    Raises:
        InputError: the pictures cannot be read any more.
        JoryuError: the list cannot be written.
    """
    examples = load_folder(folder, size=_SIZE, progress=progress)
    found = find_copies(examples)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("picture", "repeats", "how"))
    for one, other, how in (
        *((row, first, "same pixels") for row, first in zip(found.same, found.same_as, strict=True)),
        *((row, first, "alike") for row, first in zip(found.alike, found.alike_as, strict=True)),
    ):
        rows.writerow((_name(examples, int(one)), _name(examples, int(other)), how))
    with durable_file(folder / FILE) as file:
        file.write(text.getvalue().encode())
    return Near(len(found.same), len(found.alike), folder / FILE)


def _name(examples: Examples, row: int) -> str:
    return examples.sources[row] if examples.sources is not None else str(row)
