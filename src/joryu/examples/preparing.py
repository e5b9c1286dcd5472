"""The same examples with inputs of another preparation: a teacher and its student each see a picture in their own."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import torch

from joryu.errors import InputError, MismatchError
from joryu.examples.block_means import means_of
from joryu.examples.decoding import Pixels, strict_pillow
from joryu.examples.examples import Examples, content_ids
from joryu.examples.inputs import memory_for_inputs
from joryu.examples.picture_source import PictureSource
from joryu.examples.pictures import Progress, allocate
from joryu.examples.preparation import PicturePreparation, Preparation

_BATCH = 256


def prepared(examples: Examples, preparation: Preparation | None, *, progress: Progress | None = None) -> Examples:
    """The same examples, decoded again as ``preparation`` says: the same ids, labels and order, other inputs.

    Nothing is read where they are prepared like this already, or where nobody says how (``None``).

    >>> from joryu.examples import load_examples
    >>> digits = load_examples("digits", split="test")
    >>> prepared(digits, digits.preparation) is digits
    True

    Raises:
        InputError: the examples have no original files to be read again; one has changed since; or their labels are
            those of pixels, which would have to be another size too.
        MismatchError: a table's preparation for pictures, or the other way round.
    """
    if preparation is None or preparation == examples.preparation:
        return examples
    if preparation.kind != "pictures" or examples.inputs.ndim != 4:
        received = "pictures" if examples.inputs.ndim == 4 else "rows of numbers"
        raise MismatchError(f"{examples.name} cannot be prepared like this", expected=_said(preparation),
                            received=received)  # fmt: skip
    _require_other_size(examples, preparation)
    if math.prod((len(examples), preparation.channels, preparation.height, preparation.width)) > memory_for_inputs():
        return _on_demand(examples, preparation)
    pixels = allocate((len(examples), preparation.channels, preparation.height, preparation.width))
    for row, picture in enumerate(_decoded(examples, preparation)):
        pixels[row] = picture
        if progress is not None and (row + 1) % _BATCH == 0:
            progress(row + 1, len(examples))
    inputs = torch.from_numpy(pixels)
    return replace(examples, inputs=inputs, pixel_ids=content_ids(inputs), preparation=preparation)


def _on_demand(examples: Examples, preparation: PicturePreparation) -> Examples:
    """The same, each picture decoded when it is asked for. Its pixels are still known by how they were first read."""
    if examples.originals is None:
        raise InputError(f"{examples.name} has no original files to be read again", expected=_said(preparation))
    means = means_of(examples.inputs)
    return replace(
        examples,
        inputs=PictureSource.of(examples.originals, examples.ids, preparation, means),
        preparation=preparation,
    )


def _require_other_size(examples: Examples, preparation: PicturePreparation) -> None:
    height, width = preparation.height, preparation.width
    hint = f"read them at that size: try --size {height}" if height == width else "read them at that size"
    if examples.asks_pixels:
        raise InputError(f"{examples.name} is asked for each pixel, and pictures of another size have other pixels",
                         expected=f"{width}×{height}", received="×".join(map(str, examples.inputs.shape[:1:-1])),
                         hint=hint)  # fmt: skip
    if examples.originals is None:
        raise InputError(f"{examples.name} has no original files to be read again", expected=_said(preparation),
                         received=f"inputs {tuple(examples.inputs.shape[1:])}", hint=hint)  # fmt: skip


def _decoded(examples: Examples, preparation: PicturePreparation) -> Iterator[Pixels]:
    def decode(row: int) -> Pixels:
        content = examples.encoded([row])[0]
        try:
            return preparation.pixels(content)
        except InputError as error:
            name = f"#{row}" if examples.sources is None else examples.sources[row]
            raise InputError(f"{name} of {examples.name} cannot be read again", received=str(error)) from error

    with strict_pillow(), ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, 16)) as pool:
        for start in range(0, len(examples), _BATCH):  # no more than these are decoded and not yet taken
            yield from pool.map(decode, range(start, min(start + _BATCH, len(examples))))


def _said(preparation: Preparation) -> str:
    if preparation.kind == "table":
        return "rows of a table"
    sides = f"{preparation.width}×{preparation.height}"
    return f"tiles of {sides}" if preparation.kind == "tiles" else f"pictures of {sides}"
