"""Files to inputs: pictures in a pool of threads, tables row by row; what cannot be read says why."""

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
from joryu.examples.preparation import PicturePreparation
from joryu.examples.tabular import TablePreparation
from joryu.examples.tabular.files import Sheet, read_sheet
from joryu.serving.seen import Seen

Source = Path | bytes | Image.Image
Tell = Callable[[str], None]
"""Hears what was guessed."""

_TASK = 8  #: pictures a thread takes at once: small ones decode in 0.1 ms, of which handing over one by one takes half


class Wanted(NamedTuple):
    """Something to predict: where it is, and the name to call it by."""

    source: Source
    name: str
    place: Path = Path()  #: where its answer goes below a folder of answers
    reason: str | None = None  #: why it is passed over unread


class Read(NamedTuple):
    """One input, of a table's ``row``; or the reason why there is none."""

    wanted: Wanted
    input: npt.NDArray[Any] | None
    reason: str | None = None
    row: int | None = None
    seen: Seen | None = None  #: what became of a picture


Reader = Callable[[Iterable[Wanted], int, Tell], Iterator[Read]]
"""Reads what is wanted, in its order, about so many at a time."""


def reader_of(preparation: PicturePreparation | TablePreparation) -> Reader:
    """What reads the files that a preparation is for."""
    return _READERS[preparation.kind](preparation)


def _pictures(preparation: Any, wanted: Iterable[Wanted], many: int, tell: Tell) -> Iterator[Read]:
    del tell
    left = iter(wanted)
    with ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, 16)) as pool:
        while batch := list(islice(left, many)):
            tasks = [batch[start : start + _TASK] for start in range(0, len(batch), _TASK)]
            with strict_pillow():  # never while somebody else runs: it is a switch of the whole process
                parts = list(pool.map(partial(_decoded, preparation), tasks))
            yield from (one for part in parts for one in part)


def _decoded(preparation: PicturePreparation, wanted: list[Wanted]) -> list[Read]:
    return [_one(one, preparation) for one in wanted]


def _one(wanted: Wanted, preparation: PicturePreparation) -> Read:
    if wanted.reason is not None:
        return Read(wanted, None, wanted.reason)
    try:
        pixels, width, height = preparation.decoded(wanted.source)
        return Read(wanted, pixels, seen=Seen(width, height, preparation.seen(width, height)))
    except InputError as error:
        return Read(wanted, None, str(error))


def _tables(preparation: Any, wanted: Iterable[Wanted], many: int, tell: Tell) -> Iterator[Read]:
    del many
    for one in wanted:
        yield from _rows(preparation, one, tell)


def _rows(preparation: TablePreparation, wanted: Wanted, tell: Tell) -> Iterator[Read]:
    if wanted.reason is not None:
        yield Read(wanted, None, wanted.reason)
        return
    try:
        sheet = _sheet(wanted.source)
        prepared = preparation.apply(sheet)
    except (InputError, OSError) as error:
        yield Read(wanted, None, _without_name(str(error), wanted.source))
        return
    for remark in (*sheet.remarks, *prepared.remarks):
        tell(remark)
    for at, values in enumerate(prepared.inputs):
        yield Read(wanted, values, None, at + sheet.first_row)


def _sheet(source: Source) -> Sheet:
    if not isinstance(source, Path):
        raise InputError("the student reads tables", expected="a .csv or .parquet file", received="a picture")
    return read_sheet(source)


def _without_name(message: str, source: Source) -> str:
    """What was said of a file, for those who have heard its name."""
    path = Path(str(source))
    return message.removeprefix(f"{path} ").removeprefix(f"{path.name} ")


_READERS: Final[Mapping[str, Callable[[Any], Reader]]] = {
    "pictures": lambda preparation: partial(_pictures, preparation),
    "table": lambda preparation: partial(_tables, preparation),
}
