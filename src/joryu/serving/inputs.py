"""Read files as inputs: pictures in a pool of threads, tables row by row; unreadable ones come with the reason."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy.typing as npt
from PIL import Image

from joryu.errors import InputError
from joryu.examples.decoding import strict_pillow
from joryu.examples.preparation import Box, PicturePreparation, Preparation
from joryu.examples.tabular import TablePreparation
from joryu.examples.tabular.files import Sheet, read_sheet
from joryu.examples.tiling import TilePreparation
from joryu.serving.framing import Framing

Source = Path | bytes | Image.Image
Tell = Callable[[str], None]
"""Hears what was guessed."""

_TASK = 8  #: pictures per task of a thread: small ones decode in 0.1 ms, half of which is handing over one by one


class Wanted(NamedTuple):
    """Something to predict: its source, and the name that output uses for it."""

    source: Source
    name: str
    place: Path = Path()  #: where its answer is written, relative to a folder of answers
    reason: str | None = None  #: why it is passed over without reading it


class ReadInput(NamedTuple):
    """One input (from a table: that of ``row``), or the tiles of one picture; or the reason why there is none."""

    wanted: Wanted
    input: npt.NDArray[Any] | None
    reason: str | None = None
    row: int | None = None
    seen: Framing | None = None  #: the part of a picture that became the input


Reader = Callable[[Iterable[Wanted], int, Tell], Iterator[ReadInput]]
"""Reads what is wanted, in its order, about so many at a time."""


def reader_of(preparation: Preparation) -> Reader:
    """The function that reads files for this preparation: pictures, pictures in tiles, or tables."""
    return _READERS[preparation.kind](preparation)


def _pictures(preparation: Any, wanted: Iterable[Wanted], many: int, tell: Tell) -> Iterator[ReadInput]:
    del tell
    left = iter(wanted)
    with ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, 16)) as pool:
        while batch := list(islice(left, many)):
            tasks = [batch[start : start + _TASK] for start in range(0, len(batch), _TASK)]
            with strict_pillow():  # only while decoding, never across a yield: it is a process-wide switch
                parts = list(pool.map(partial(_decoded, preparation), tasks))
            yield from (one for part in parts for one in part)


def _decoded(preparation: PicturePreparation, wanted: list[Wanted]) -> list[ReadInput]:
    return [_one(one, preparation) for one in wanted]


def _one(wanted: Wanted, preparation: PicturePreparation) -> ReadInput:
    if wanted.reason is not None:
        return ReadInput(wanted, None, wanted.reason)
    try:
        pixels, width, height = preparation.decoded(wanted.source)
        return ReadInput(wanted, pixels, seen=Framing(width, height, preparation.seen(width, height)))
    except InputError as error:
        return ReadInput(wanted, None, str(error))


def _cut_pictures(preparation: Any, wanted: Iterable[Wanted], many: int, tell: Tell) -> Iterator[ReadInput]:
    """Each picture as its tiles, one after another: a large one has many."""
    del many, tell
    for one in wanted:
        with strict_pillow():
            found = _cut(one, preparation)
        yield found


def _cut(wanted: Wanted, preparation: TilePreparation) -> ReadInput:
    if wanted.reason is not None:
        return ReadInput(wanted, None, wanted.reason)
    try:
        pixels, width, height = preparation.decoded(wanted.source)
    except InputError as error:
        return ReadInput(wanted, None, str(error))
    return ReadInput(wanted, preparation.cut(pixels), seen=Framing(width, height, Box(0, 0, width, height)))


def _tables(preparation: Any, wanted: Iterable[Wanted], many: int, tell: Tell) -> Iterator[ReadInput]:
    del many
    for one in wanted:
        yield from _rows(preparation, one, tell)


def _rows(preparation: TablePreparation, wanted: Wanted, tell: Tell) -> Iterator[ReadInput]:
    if wanted.reason is not None:
        yield ReadInput(wanted, None, wanted.reason)
        return
    try:
        sheet = _sheet(wanted.source)
        prepared = preparation.apply(sheet)
    except (InputError, OSError) as error:
        yield ReadInput(wanted, None, _without_name(str(error), wanted.source))
        return
    for remark in (*sheet.remarks, *prepared.remarks):
        tell(remark)
    for at, values in enumerate(prepared.inputs):
        yield ReadInput(wanted, values, None, at + sheet.first_row)


def _sheet(source: Source) -> Sheet:
    if not isinstance(source, Path):
        raise InputError("the student reads tables", expected="a .csv or .parquet file", received="a picture")
    return read_sheet(source)


def _without_name(message: str, source: Source) -> str:
    """An error's message without the file's name, for output that names the file already."""
    path = Path(str(source))
    return message.removeprefix(f"{path} ").removeprefix(f"{path.name} ")


_READERS: Final[Mapping[str, Callable[[Any], Reader]]] = {
    "pictures": lambda preparation: partial(_pictures, preparation),
    "tiles": lambda preparation: partial(_cut_pictures, preparation),
    "table": lambda preparation: partial(_tables, preparation),
}
